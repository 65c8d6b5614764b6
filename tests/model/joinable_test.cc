// joinable under the model checker, over small lock-free queues.

#include "switchyard/lockfree/joinable.h"

#include <chrono>
#include <cstddef>

#include "switchyard/atomics/atomic.h"
#include "switchyard/atomics/plain.h"
#include "switchyard/blocking/joinable.h"
#include "switchyard/interface/conqueue_status.h"
#include "switchyard/interface/deadline.h"
#include "switchyard/interface/expected.h"
#include "switchyard/interface/joinable.h"
#include "switchyard/interface/queue.h"
#include "switchyard/lockfree/bounded_queue.h"
#include "switchyard/lockfree/spsc_queue.h"
#include "tests/model/model_support.h"

namespace switchyard::model {
namespace {

using status = conqueue_status;
using spsc = lockfree::joinable<lockfree::spsc_queue<int>>;
using mpmc = lockfree::joinable<lockfree::bounded_queue<int>>;

bool is_refused(auto& queue) {
  try {
    queue.task_done();
    return false;
  } catch (const too_many_task_done&) {
    return true;
  }
}

// Pushes one, which a worker works on. The end of join must come after the work, and be seen to.
template <class Queue>
void join_sees_the_work() {
  Queue queue(1);
  plain<int> work;
  thread worker([&] {
    if (queue.try_pop()) {
      work.construct(1);
      queue.task_done();
    }
  });
  const bool pushed = queue.try_push(1) == status::success;
  require(pushed, "there is room");
  if (queue.join_for(std::chrono::seconds(1))) require(work.read() == 1, "the work is done and seen");
  worker.join();
  require(queue.unfinished_tasks() == queue.size_approx(), "what is left is in the queue");
}

TEST(lockfree_joinable, JoinSeesTheWork) { expect_proved(join_sees_the_work<spsc>, {.preemptions = 3}); }
TEST(blocking_joinable, JoinSeesTheWork) {
  expect_proved(join_sees_the_work<blocking::joinable<lockfree::spsc_queue<int>>>, {.preemptions = 2});
}

// The last task_done wakes who sleeps in join: else this would be a deadlock. Two workers, so that the end is seen through
// another's subtraction.
TEST(lockfree_joinable, TheLastOfTwoReportsEndsTheWaitAndShowsBothWorks) {
  expect_proved(
      [] {
        lockfree::detail::task_count tasks;
        plain<int> works[2];
        tasks.began(2);
        tasks.taken(2);
        const auto worker = [&](int i) {
          works[i].construct(i);
          require(tasks.done(), "is in hand");
        };
        thread a([&] { worker(0); });
        thread b([&] { worker(1); });
        require(tasks.wait_until(deadline::never()), "ends");
        require(works[0].read() == 0 && works[1].read() == 1, "both are done and seen");
      },
      {.preemptions = 3});
}

// What a push that fails takes back can be the last that join waits for.
TEST(lockfree_joinable, APushThatFailsEndsAWaitToo) {
  expect_proved(
      [] {
        mpmc queue(1);
        queue.close();
        thread pusher([&] { require(!queue.push(1), "is refused"); });
        queue.join();
      },
      {.preemptions = 3});
}

// The consumer is quicker than the producer can say that it has pushed: the count is there already.
TEST(lockfree_joinable, NoReportComesBeforeItsCount) {
  expect_proved(
      [] {
        spsc queue(1);
        thread consumer([&] {
          if (!queue.try_pop()) return;
          require(!is_refused(queue), "the count is there");
        });
        require(queue.try_push(1) == status::success, "there is room");
        consumer.join();
        require(queue.unfinished_tasks() == queue.size_approx(), "the count is right");
      },
      {.preemptions = 3});
}

// One task_done too many is refused whatever is being pushed, and pushes that fail leave the count as it was.
TEST(lockfree_joinable, OneTooManyIsRefusedWhilePushesComeAndFail) {
  expect_proved(
      [] {
        spsc queue(1);
        thread producer([&] {
          require(queue.try_push(1) == status::success, "there is room");
          require(queue.try_push(2) == status::full, "there is no more");
        });
        require(is_refused(queue), "nothing has been popped");
        producer.join();
        require(queue.unfinished_tasks() == 1, "is as it was");
      },
      {.preemptions = 3});
}

TEST(lockfree_joinable, OfTwoReportsForOneElementOneIsRefused) {
  expect_proved([] {
    lockfree::detail::task_count tasks;
    tasks.began(1);
    tasks.taken(1);
    bool first = false;
    thread other([&] { first = tasks.done(); });
    const bool second = tasks.done();
    other.join();
    require(first != second, "one is refused");
    require(tasks.unfinished() == 0, "and changes nothing");
  });
}

// Wherever a push meets an immediate shutdown: it fails, or its element is popped, or it is dropped, and join ends.
template <class Queue>
void immediate_shutdown_leaves_nothing() {
  Queue queue(2);
  thread producer([&] { static_cast<void>(queue.try_push(1)); });
  queue.shutdown(immediate);
  require(!queue.try_pop(), "nothing is left to pop");
  producer.join();
  require(queue.unfinished_tasks() == 0, "nothing is left to do");
  require(queue.size_approx() == 0, "nothing is left");
}

TEST(lockfree_joinable, ImmediateShutdownLeavesNothingUnfinished) {
  expect_proved(immediate_shutdown_leaves_nothing<mpmc>, {.preemptions = 2});
}
// A queue for one element whose push ends without a fence, and may end after a close that it has not seen.
class slack_queue {
 public:
  using value_type = int;

  explicit slack_queue(std::size_t) {}
  status try_emplace(int value) {
    if (closed_.load(memory_order_acquire)) return status::closed;
    place_.store(value, memory_order_release);
    return status::success;
  }
  pop_result<int> try_pop() {
    const int value = place_.exchange(0, memory_order_acquire);
    if (value == 0) return unexpected(is_closed() ? status::closed : status::empty);
    return value;
  }
  template <class Out>
  std::size_t try_pop_n(Out out, std::size_t) {
    const auto value = try_pop();
    if (value) *out = int(*value);
    return value ? 1 : 0;
  }
  void close() noexcept { closed_.store(true, memory_order_release); }
  bool is_closed() const noexcept { return closed_.load(memory_order_acquire); }
  std::size_t size_approx() const noexcept { return place_.load(memory_order_relaxed) != 0 ? 1 : 0; }

 private:
  atomic<int> place_{0};
  atomic<bool> closed_{false};
};

TEST(lockfree_joinable, ImmediateShutdownOfAnyQueueLeavesNothingUnfinished) {
  expect_proved(immediate_shutdown_leaves_nothing<lockfree::joinable<slack_queue>>, {.preemptions = 3});
}

TEST(lockfree_joinable, ImmediateShutdownBesideAConsumer) {
  expect_proved(
      [] {
        mpmc queue(2);
        require(queue.try_push(1) == status::success, "there is room");
        thread consumer([&] {
          if (queue.pop()) queue.task_done();
        });
        queue.shutdown(immediate);
        queue.join();
        consumer.join();
        require(is_refused(queue), "nothing is in hand");
      },
      {.preemptions = 2});
}

TEST(lockfree_joinable, IsLockFree) {
  expect_lock_free([] {
    lockfree::detail::task_count tasks;
    const auto work = [&] {
      tasks.began(1);
      tasks.taken(1);
      require(tasks.done(), "is in hand");
    };
    thread a(work);
    thread b(work);
    work();
  });
}

TEST(lockfree_joinable, ShutdownAndPushesAreLockFree) {
  expect_lock_free([] {
    mpmc queue(2);
    thread producer([&] { static_cast<void>(queue.try_push(1)); });
    thread ender([&] { queue.shutdown(immediate); });
    if (queue.try_pop()) queue.task_done();
  });
}

}  // namespace
}  // namespace switchyard::model
