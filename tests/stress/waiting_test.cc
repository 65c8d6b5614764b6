// Queues waited for in every way at once: threads, coroutines that are stopped and destroyed, threads on two queues, and
// a file descriptor. Whatever was pushed is popped once, and everybody comes to the end.

#include <gtest/gtest.h>
#include <poll.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <stop_token>
#include <utility>
#include <vector>

#include "switchyard/atomics/atomic.h"
#include "switchyard/blocking/bounded_queue.h"
#include "switchyard/blocking/relaxed_priority_queue.h"
#include "switchyard/lockfree/bounded_queue.h"
#include "switchyard/lockfree/spsc_queue.h"
#include "switchyard/lockfree/stack.h"
#include "switchyard/tests/conformance/routine.h"
#include "switchyard/tests/conformance/test_support.h"
#include "switchyard/tests/stress/stress.h"
#include "switchyard/threads/async.h"
#include "switchyard/threads/readiness_fd.h"
#include "switchyard/threads/select.h"

namespace switchyard::stress {
namespace {

using namespace conformance;  // NOLINT: the books, the coroutines

class waiting_stress : public stress_test {};

using items = std::vector<std::uint64_t>;

/// What a coroutine with a deadline of its own did: popped an element, was told of the end, or was stopped.
struct outcome {
  std::optional<std::uint64_t> item;
  atomic<bool> ended{false};
};
template <class Queue, class Executor>
routine pop_one(Queue& queue, outcome& result, Executor executor, std::stop_token token) {
  result.item = co_await queue.async_pop(std::move(executor)).stopped_by(std::move(token));
  result.ended.store(true, memory_order_release);
}
template <class Queue>
routine push_one(Queue& queue, std::uint64_t item, bool& pushed, std::stop_token token) {
  pushed = co_await queue.async_push(item).stopped_by(std::move(token));
}

/// Resumed by whoever pushes; stopped if it takes too long.
template <class Queue>
[[gnu::noinline]] bool pop_or_stop(Queue& queue, items& popped, random_source& random) {
  outcome result;
  std::stop_source source;
  const routine waits = pop_one(queue, result, inline_executor(), source.get_token());
  for (auto looks = random() % 20; looks != 0 && !waits.has_ended(); --looks) wait_a_little();
  source.request_stop();
  while (!waits.has_ended()) wait_a_little();
  if (result.item) popped.push_back(*result.item);
  return result.item || queue.look() != conqueue_status::closed;
}

template <class Queue>
[[gnu::noinline]] bool push_or_stop(Queue& queue, std::uint64_t item, random_source& random) {
  bool pushed = false;
  std::stop_source source;
  const routine waits = push_one(queue, item, pushed, source.get_token());
  for (auto looks = random() % 20; looks != 0 && !waits.has_ended(); --looks) wait_a_little();
  source.request_stop();
  while (!waits.has_ended()) wait_a_little();
  return pushed;
}

/// Pops in a way that chance picks; false: closed.
template <class Queue>
bool pop_somehow(Queue& queue, Queue& other, items& popped, job_list& jobs, random_source& random) {
  const std::chrono::microseconds wait(random() % 100);
  const auto keep = [&](const auto& x) { popped.push_back(*x); };
  switch (random() % 7) {
    case 0: {
      // Not for ever on one queue while producers may wait on the other.
      auto x = &queue == &other ? queue.pop() : std::nullopt;
      if (x) keep(x);
      return x || &queue != &other;
    }
    case 1: {
      auto x = queue.try_pop_for(wait);
      if (x) keep(x);
      return x || x.error() != conqueue_status::closed;
    }
    case 2: {
      const auto status = queue.wait_nonempty_for(wait);
      if (status == conqueue_status::closed) return false;
      if (auto x = queue.try_pop()) keep(x);
      return true;
    }
    case 3: {  // a coroutine on this thread's executor; destroyed if it takes too long
      outcome result;
      routine waits = pop_one(queue, result, jobs.executor(), {});
      for (auto looks = random() % 20; looks != 0 && !result.ended.load(memory_order_acquire); --looks) {
        if (!jobs.run_one()) wait_a_little();
      }
      waits.destroy();
      while (jobs.run_one()) continue;
      if (result.item) keep(result.item);
      return result.item || !result.ended.load(memory_order_acquire);
    }
    case 4:
      return pop_or_stop(queue, popped, random);
    case 5: {
      selector from(queue, other);
      auto found = random() % 2 == 0 ? from.pop_for(wait) : from.pop();
      if (found.element) keep(found.element);
      return static_cast<bool>(found);
    }
    default: {
      readiness_fd ready(queue);
      ready.arm();
      pollfd what{ready.native_handle(), POLLIN, 0};
      if (::poll(&what, 1, static_cast<int>(random() % 2)) == 1) {
        auto x = queue.try_pop();
        if (x) keep(x);
        return x || x.error() != conqueue_status::closed;
      }
      return true;
    }
  }
}

template <class Queue>
bool push_somehow(Queue& queue, std::uint64_t item, items& accepted, random_source& random) {
  bool pushed = false;
  bool closed = false;
  switch (random() % 3) {
    case 0:
      pushed = queue.push(item);
      closed = !pushed;
      break;
    case 1: {
      const auto status = queue.try_push_for(item, std::chrono::microseconds(random() % 100));
      pushed = status == conqueue_status::success;
      closed = status == conqueue_status::closed;
      break;
    }
    default:
      pushed = push_or_stop(queue, item, random);
      closed = !pushed && queue.is_closed();
      break;
  }
  if (pushed) accepted.push_back(item);
  return !closed;
}

/// Two queues; the last consumers of each pop what is left.
template <class Queue, class... Arguments>
void storm_of_waits(std::uint64_t seed, int producers, int consumers, Arguments... arguments) {
  Queue first(arguments...);
  Queue second(arguments...);
  std::vector<items> accepted(static_cast<std::size_t>(producers));
  std::vector<items> popped(static_cast<std::size_t>(consumers) + 1);
  // Those who push may be on their way to the executor of a coroutine that is gone already, and whose thread has ended.
  std::vector<job_list> jobs(static_cast<std::size_t>(consumers));
  atomic<int> pushing{producers};
  in_threads(producers + consumers, [&](int number) {
    random_source random = random_for(seed, number);
    if (number < producers) {
      auto& mine = accepted[static_cast<std::size_t>(number)];
      std::uint64_t item = item_number(number, 0);
      for (auto left = 20 + random() % 40; left != 0; --left) {
        stagger(random);
        if (!push_somehow(random() % 2 == 0 ? first : second, item++, mine, random)) break;
      }
      if (pushing.fetch_sub(1, memory_order_acq_rel) == 1) {
        first.close();
        stagger(random);
        second.close();
      }
      return;
    }
    const auto consumer = static_cast<std::size_t>(number - producers);
    auto& mine = popped[consumer];
    bool more = true;
    while (more && !failed()) {
      stagger(random);
      const bool one = random() % 2 == 0;
      more = pop_somehow(one ? first : second, one ? second : first, mine, jobs[consumer], random);
      if (!more) more = first.look() != conqueue_status::closed || second.look() != conqueue_status::closed;
    }
  });
  while (auto x = first.pop()) popped.back().push_back(*x);
  while (auto x = second.pop()) popped.back().push_back(*x);
  EXPECT_TRUE(popped_exactly_once(accepted, popped));
}

TEST_F(waiting_stress, LockfreeBoundedQueue) {
  for_seeds(scaled(60), [](std::uint64_t seed) { storm_of_waits<lockfree::bounded_queue<std::uint64_t>>(seed, 3, 3, 2); });
}
TEST_F(waiting_stress, BlockingBoundedQueue) {
  for_seeds(scaled(60), [](std::uint64_t seed) { storm_of_waits<blocking::bounded_queue<std::uint64_t>>(seed, 3, 3, 2); });
}
TEST_F(waiting_stress, LockfreeStack) {
  for_seeds(scaled(40), [](std::uint64_t seed) { storm_of_waits<lockfree::stack<std::uint64_t>>(seed, 3, 3); });
}
TEST_F(waiting_stress, BlockingRelaxedPriorityQueue) {
  for_seeds(scaled(40),
            [](std::uint64_t seed) { storm_of_waits<blocking::relaxed_priority_queue<std::uint64_t>>(seed, 3, 3, 2); });
}
TEST_F(waiting_stress, LockfreeSpscQueue) {
  for_seeds(scaled(60), [](std::uint64_t seed) { storm_of_waits<lockfree::spsc_queue<std::uint64_t>>(seed, 1, 1, 2); });
}

/// Producers that have to wait to the end, so that a wake-up that is lost is lost for ever: one token at a time.
template <class Queue>
void ping_pong(std::uint64_t seed) {
  Queue there(1);
  Queue back(1);
  std::vector<job_list> jobs(2);  // outlive the threads, as above
  const int rounds = scaled(400);
  in_threads(2, [&](int number) {
    random_source random = random_for(seed, number);
    for (int i = 0; i < rounds && !failed(); ++i) {
      if (number == 0) {
        EXPECT_TRUE(there.push(7));
      }
      items got;
      Queue& from = number == 0 ? back : there;
      while (got.empty() && !failed()) pop_somehow(from, from, got, jobs[static_cast<std::size_t>(number)], random);
      if (number == 1) {
        EXPECT_TRUE(back.push(7));
      }
    }
  });
}
TEST_F(waiting_stress, NoWakeUpIsLost) {
  for_seeds(scaled(10), [](std::uint64_t seed) { ping_pong<lockfree::bounded_queue<std::uint64_t>>(seed); });
  for_seeds(scaled(10), [](std::uint64_t seed) { ping_pong<blocking::bounded_queue<std::uint64_t>>(seed); });
}

}  // namespace
}  // namespace switchyard::stress
