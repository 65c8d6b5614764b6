// The blocking side under the model checker: its lock, and the queues' waiting.

#include <chrono>
#include <cstddef>
#include <mutex>
#include <optional>

#include "switchyard/atomics/plain.h"
#include "switchyard/blocking/bounded_queue.h"
#include "switchyard/blocking/mutex.h"
#include "switchyard/blocking/priority_queue.h"
#include "switchyard/blocking/stack.h"
#include "tests/model/model_support.h"

namespace switchyard::model {
namespace {

TEST(blocking_mutex, OneAtATimeAndNobodySleepsForEver) {
  expect_proved(
      [] {
        blocking::mutex lock;
        plain<int> shared;
        shared.construct(0);
        const auto add = [&] {
          std::lock_guard hold(lock);
          shared.write() += 1;
        };
        {
          thread first(add);
          thread second(add);
          add();
        }
        require(shared.read() == 3, "every addition counts");
      },
      {.preemptions = 3});
}

TEST(blocking_mutex, TimedOutOrLocked) {
  expect_proved(
      [] {
        blocking::mutex lock;
        plain<int> shared;
        shared.construct(0);
        const auto add = [&] {
          if (!lock.try_lock_for(std::chrono::seconds(1))) return;
          shared.write() += 1;
          lock.unlock();
        };
        {
          thread impatient(add);
          thread patient([&] {
            std::lock_guard hold(lock);
            shared.write() += 1;
          });
          add();
        }
        require(lock.try_lock(), "free at the end");
        require(shared.read() >= 1, "who waits without a limit gets it");
        lock.unlock();
      },
      {.preemptions = 3});
}

TEST(blocking_queue, WaitersWake) {
  expect_proved(
      [] {
        blocking::bounded_queue<int> queue(1);
        thread producer([&] {
          require(queue.push(1) && queue.push(2), "open");
          queue.close();
        });
        int last = 0;
        while (auto x = queue.pop()) require(*x == ++last, "in order");
        require(last == 2, "all");
      },
      {.preemptions = 1});
}

// Two wait, one of them with a limit; one element. The one who takes it is the only one to be woken for it, or the
// other is woken in its place.
TEST(blocking_queue, WakeUpsAreNotLostByThoseWhoGiveUp) {
  expect_proved(
      [] {
        blocking::bounded_queue<int> queue(2);
        int popped = 0;
        {
          thread impatient([&] { popped += queue.try_pop_for(std::chrono::seconds(1)).has_value(); });
          thread patient([&] { popped += queue.pop().has_value(); });
          require(queue.push(1), "open");
          require(queue.push(2), "open");
        }
        require(popped >= 1, "who waits without a limit gets one");
        require(queue.size_approx() + static_cast<std::size_t>(popped) == 2, "nothing is lost");
      },
      {.preemptions = 1});
}

TEST(blocking_queue, StackGivesEverythingOnce) {
  expect_proved(
      [] {
        blocking::stack<int> stack;
        int sum = 0;
        {
          thread pusher([&] { require(stack.push(1) && stack.push(2), "open"); });
          int all[2] = {};
          const std::size_t n = stack.pop_all(all);
          require(n < 2 || all[0] == 2, "newest first");
          sum += all[0] + all[1];
          while (sum < 3) sum += *stack.pop();
        }
        require(sum == 3 && !stack.try_pop(), "all, once");
      },
      {.preemptions = 2});
}

TEST(blocking_queue, PriorityQueueGivesTheGreatest) {
  expect_proved(
      [] {
        blocking::priority_queue<int> queue;
        require(queue.push(2), "open");
        {
          thread pusher([&] {
            require(queue.push(1), "open");
            require(queue.push(3), "open");
            queue.close();
          });
          require(*queue.pop() >= 2, "a lesser one came first");
        }
        int last = 4;
        int more = 0;
        while (auto x = queue.pop()) {
          require(*x < last, "from great to small");
          last = *x;
          ++more;
        }
        require(more == 2 && last == 1, "all");
      },
      {.preemptions = 2});
}

TEST(blocking_queue, ClosedIsSeenByWhoIsTold) {
  expect_proved([] {
    blocking::bounded_queue<int> queue(1);
    plain<int> reason;
    thread closer([&] {
      reason.construct(1);
      queue.close();
    });
    if (queue.is_closed()) require(reason.read() == 1, "seen");
  });
}

TEST(blocking_queue, CloseWakesAll) {
  expect_proved(
      [] {
        blocking::bounded_queue<int> queue(1);
        thread first([&] { require(!queue.pop(), "closed"); });
        thread second([&] { require(!queue.pop(), "closed"); });
        queue.close();
      },
      {.preemptions = 1});
}

}  // namespace
}  // namespace switchyard::model
