// Queue suite: waiting without taking, without a thread, for several queues, and by a file descriptor.
#pragma once

#include <poll.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <utility>
#include <vector>

#include "switchyard/atomics/atomic.h"
#include "switchyard/tests/conformance/queue_suite_base.h"
#include "switchyard/tests/conformance/queue_suite_timed.h"
#include "switchyard/tests/conformance/routine.h"
#include "switchyard/threads/async.h"
#include "switchyard/threads/readiness_fd.h"
#include "switchyard/threads/select.h"
#include "switchyard/threads/waiter.h"

namespace switchyard::conformance {

/// Whether this queue can be waited for by others than threads. Those of this project can.
template <class Line>
inline constexpr bool is_watchable = async_concurrent_queue<typename Line::template queue<std::uint64_t>>;

/// What a coroutine has done so far: read by the thread that resumes it, or under `ended`.
struct deeds {
  std::vector<std::uint64_t> popped;
  std::size_t pushed = 0;
  atomic<bool> ended{false};
};

template <class Queue>
routine pops(Queue& queue, deeds& done) {
  while (auto x = co_await queue.async_pop()) done.popped.push_back(*x);
  done.ended.store(true, memory_order_release);
}
template <class Queue, class Executor>
routine pops_once(Queue& queue, deeds& done, Executor executor, std::stop_token token = {}) {
  if (auto x = co_await queue.async_pop(std::move(executor)).stopped_by(std::move(token))) done.popped.push_back(*x);
  done.ended.store(true, memory_order_release);
}
template <class Queue>
routine pushes(Queue& queue, deeds& done, std::uint64_t first, std::uint64_t n, std::stop_token token = {}) {
  for (std::uint64_t i = first; i < first + n; ++i) {
    const bool pushed = co_await queue.async_push(i).stopped_by(token);
    if (!pushed) break;
    ++done.pushed;
  }
  done.ended.store(true, memory_order_release);
}
inline bool has_ended(const deeds& done) { return done.ended.load(memory_order_acquire); }
inline void await_end(const deeds& done) {
  while (!has_ended(done)) wait_a_little();
}
inline bool is_readable(const readiness_fd& fd) {
  pollfd what{fd.native_handle(), POLLIN, 0};
  return ::poll(&what, 1, 0) == 1;
}

TYPED_TEST_P(queue_suite, WaitsWithoutTaking) {
  if constexpr (!is_watchable<TypeParam>) {
    GTEST_SKIP() << "cannot tell without popping";
  } else {
    auto queue = TypeParam::template make<std::uint64_t>(2);
    EXPECT_EQ(queue.look(), conqueue_status::empty);
    expect_takes(5ms, [&] { EXPECT_EQ(queue.wait_nonempty_for(5ms), conqueue_status::empty); });
    EXPECT_EQ(queue.wait_nonempty_until(steady::now()), conqueue_status::empty);
    expect_waits_for([&] { EXPECT_EQ(queue.wait_nonempty(), conqueue_status::success); },
                     [&] { expect_push(queue, 1); });
    for (int again = 0; again < 2; ++again) EXPECT_EQ(queue.wait_nonempty(), conqueue_status::success);
    EXPECT_EQ(queue.look(), conqueue_status::success);
    queue.close();
    EXPECT_EQ(queue.wait_nonempty(), conqueue_status::success) << "there is one left";
    expect_pop(queue, 1);
    EXPECT_EQ(queue.wait_nonempty(), conqueue_status::closed);
    EXPECT_EQ(queue.look(), conqueue_status::closed);

    auto other = TypeParam::template make<std::uint64_t>(2);
    expect_waits_for([&] { EXPECT_EQ(other.wait_nonempty(), conqueue_status::closed); }, [&] { other.close(); });
  }
}

/// Who waits without taking leaves the wake-up to who does.
TYPED_TEST_P(queue_suite, WaitingWithoutTakingWakesTheNext) {
  if constexpr (!is_watchable<TypeParam> || TypeParam::claimed.consumers == role::one) {
    GTEST_SKIP() << "one consumer, or cannot tell without popping";
  } else {
    for (int round = 0; round < scaled(20); ++round) {
      auto queue = TypeParam::template make<std::uint64_t>(2);
      {
        watched_thread looks([&] { EXPECT_NE(queue.wait_nonempty(), conqueue_status::empty); });
        EXPECT_TRUE(looks.falls_asleep());
        watched_thread pops([&] { EXPECT_EQ(queue.pop(), 1U); });
        EXPECT_TRUE(pops.falls_asleep());
        expect_push(queue, 1);
        pops.join();
        queue.close();
      }
    }
  }
}

TYPED_TEST_P(queue_suite, AsyncPopsWhatIsThereOrComes) {
  if constexpr (!is_watchable<TypeParam>) {
    GTEST_SKIP() << "has no async members";
  } else {
    auto queue = TypeParam::template make<std::uint64_t>(2);
    static_assert(async_concurrent_queue<decltype(queue)>);
    deeds done;
    expect_push(queue, 1);
    const routine consumer = pops(queue, done);
    EXPECT_EQ(done.popped, (std::vector<std::uint64_t>{1})) << "was there";
    expect_push(queue, 2);
    EXPECT_EQ(done.popped, (std::vector<std::uint64_t>{1, 2})) << "resumed by the push";
    EXPECT_TRUE(queue.push(3));
    std::vector<std::uint64_t> more = {4, 5};
    EXPECT_EQ(queue.push_n(more.begin(), 2), 2U);
    std::sort(done.popped.begin(), done.popped.end());  // not all keep the order within a bulk
    EXPECT_EQ(done.popped, (std::vector<std::uint64_t>{1, 2, 3, 4, 5}));
    EXPECT_FALSE(has_ended(done));
    queue.close();
    EXPECT_TRUE(has_ended(done)) << "resumed by the close";
  }
}

TYPED_TEST_P(queue_suite, AsyncPushWaitsForRoom) {
  if constexpr (!is_watchable<TypeParam> || TypeParam::claimed.room != bound::exact) {
    GTEST_SKIP() << "never full, or has no async members";
  } else {
    auto queue = TypeParam::template make<std::uint64_t>(2);
    deeds done;
    const routine producer = pushes(queue, done, 1, 5);
    EXPECT_EQ(done.pushed, 2U);
    for (std::size_t n = 3; n <= 5; ++n) {
      EXPECT_TRUE(queue.try_pop());
      EXPECT_EQ(done.pushed, n) << "resumed by the pop";
    }
    EXPECT_TRUE(has_ended(done));
    deeds closed;
    const routine late = pushes(queue, closed, 6, 1);
    EXPECT_FALSE(has_ended(closed));
    queue.close();
    EXPECT_TRUE(has_ended(closed));
    EXPECT_EQ(closed.pushed, 0U);

    // With the element as it was.
    auto pointers = TypeParam::template make<std::unique_ptr<std::uint64_t>>(1);
    expect_push(pointers, 1);
    auto element = std::make_unique<std::uint64_t>(2);
    bool pushed = true;
    const auto push = [](auto& q, auto& e, bool& result) -> routine { result = co_await q.async_push(std::move(e)); };
    const routine refused = push(pointers, element, pushed);
    pointers.close();
    EXPECT_FALSE(pushed);
    EXPECT_TRUE(element);
  }
}

/// Destroyed or stopped while it waits: it takes nothing along, and the turn that it had goes to the next.
TYPED_TEST_P(queue_suite, AsyncCancelsWithoutALoss) {
  if constexpr (!is_watchable<TypeParam>) {
    GTEST_SKIP() << "has no async members";
  } else {
    auto queue = TypeParam::template make<std::uint64_t>(2);
    deeds destroyed;
    pops(queue, destroyed).destroy();
    expect_push(queue, 1);
    expect_pop(queue, 1);
    EXPECT_TRUE(destroyed.popped.empty());

    std::stop_source source;
    deeds stopped;
    const routine waits = pops_once(queue, stopped, inline_executor(), source.get_token());
    EXPECT_FALSE(has_ended(stopped));
    source.request_stop();
    EXPECT_TRUE(has_ended(stopped));
    expect_push(queue, 2);
    EXPECT_TRUE(stopped.popped.empty());
    deeds at_once;
    const routine too_late = pops_once(queue, at_once, inline_executor(), source.get_token());
    EXPECT_TRUE(has_ended(at_once) && at_once.popped.empty()) << "a stop comes first";
    expect_pop(queue, 2);

    if constexpr (TypeParam::claimed.room == bound::exact) {
      std::uint64_t inside = fill(queue);
      deeds pusher;
      std::stop_source other;
      const routine full = pushes(queue, pusher, 1, 1, other.get_token());
      other.request_stop();
      EXPECT_TRUE(has_ended(pusher));
      while (inside-- > 0) EXPECT_TRUE(queue.try_pop());
      EXPECT_EQ(pusher.pushed, 0U);
    }

    // Told, and gone or dropped before the job is run.
    job_list jobs;
    for (const bool runs : {true, false}) {
      deeds told;
      routine consumer = pops_once(queue, told, jobs.executor());
      EXPECT_EQ(jobs.size(), 0U);
      expect_push(queue, 3);
      EXPECT_EQ(jobs.size(), 1U);
      EXPECT_FALSE(has_ended(told)) << "only where the executor says";
      if constexpr (TypeParam::claimed.consumers == role::many) {
        deeds next;
        const routine behind = pops_once(queue, next, inline_executor());
        EXPECT_TRUE(has_ended(next)) << "what is there is there for all";
        const routine last = pops_once(queue, told, inline_executor());
        if (runs) consumer.destroy();
        expect_push(queue, 4);
        while (runs && jobs.run_one()) continue;
        jobs.drop_all();
        EXPECT_EQ(told.popped, (std::vector<std::uint64_t>{4}));
      } else {
        if (runs) consumer.destroy();
        while (runs && jobs.run_one()) continue;
        jobs.drop_all();
        consumer.destroy();
        expect_pop(queue, 3);
        EXPECT_TRUE(told.popped.empty());
      }
    }
  }
}

/// Coroutines and threads on both sides, by the executors of two threads.
TYPED_TEST_P(queue_suite, AsyncAcrossThreads) {
  if constexpr (!is_watchable<TypeParam>) {
    GTEST_SKIP() << "has no async members";
  } else {
    auto queue = TypeParam::template make<std::uint64_t>(2);
    constexpr int producers = at_most<TypeParam::claimed.producers>(4);
    constexpr int consumers = at_most<TypeParam::claimed.consumers>(4);
    const auto each = static_cast<std::uint64_t>(scaled(4000));
    std::vector<std::vector<std::uint64_t>> accepted(producers);
    std::vector<deeds> pushers(producers);
    std::vector<deeds> poppers(consumers);
    std::vector<std::optional<routine>> going(producers + consumers);
    in_threads(producers + consumers, [&](int number) {
      const auto n = static_cast<std::size_t>(number);
      if (number < producers) {
        for (std::uint64_t i = 0; i < each; ++i) accepted[n].push_back(item_number(number, i));
        if (number % 2 == 0) {
          going[n].emplace(pushes(queue, pushers[n], item_number(number, 0), each));
          await_end(pushers[n]);
        } else {
          for (const std::uint64_t item : accepted[n]) EXPECT_TRUE(queue.push(item));
          pushers[n].ended.store(true, memory_order_release);
        }
        for (const deeds& all : pushers) await_end(all);
        queue.close();
        return;
      }
      deeds& mine = poppers[n - producers];
      if (number % 2 == 0) {
        while (auto x = queue.pop()) mine.popped.push_back(*x);
      } else {
        going[n].emplace(pops(queue, mine));
        await_end(mine);
      }
    });
    std::vector<std::vector<std::uint64_t>> popped;
    for (deeds& mine : poppers) popped.push_back(std::move(mine.popped));
    EXPECT_TRUE(popped_exactly_once(accepted, popped));
    // A coroutine goes on in whichever thread woke it: to a queue that keeps the order of each thread, it is several.
    if (TypeParam::claimed.ordered == order::fifo) {
      EXPECT_TRUE(popped_in_producers_order(popped));
    }
  }
}

TYPED_TEST_P(queue_suite, SelectFindsWhichHasSomething) {
  if constexpr (!is_watchable<TypeParam>) {
    GTEST_SKIP() << "cannot be waited for with others";
  } else {
    auto first = TypeParam::template make<std::uint64_t>(4);
    auto second = TypeParam::template make<std::uint64_t>(4);
    selector from(first, second);
    expect_takes(5ms, [&] { EXPECT_EQ(from.wait_for(5ms).status, conqueue_status::empty); });
    for (int i = 0; i < 3; ++i) expect_push(first, 1);
    expect_push(second, 2);
    // A busy one does not keep the other from its turn.
    int turns_of_second = 0;
    for (int i = 0; i < 2; ++i) turns_of_second += from.wait().index == 1;
    EXPECT_EQ(turns_of_second, 1);
    std::uint64_t sum = 0;
    for (int i = 0; i < 4; ++i) sum += from.pop().element.value();
    EXPECT_EQ(sum, 5U);
    for (const bool to_second : {true, false, true}) {
      expect_waits_for(
          [&] {
            const auto found = from.pop();
            EXPECT_EQ(found.index, to_second ? 1U : 0U);
            EXPECT_EQ(found.element.value(), 7U);
          },
          [&] { expect_push(to_second ? second : first, 7); });
    }
    expect_waits_for(
        [&] {
          const selected_queue ended = from.wait();
          EXPECT_EQ(ended.index, 0U);
          EXPECT_EQ(ended.status, conqueue_status::closed);
          EXPECT_TRUE(ended);
        },
        [&] { first.close(); });
    expect_push(second, 8);
    second.close();
    EXPECT_EQ(from.pop().element.value(), 8U);
    EXPECT_EQ(from.wait().index, 1U);
    EXPECT_EQ(from.wait().index, selected_queue::no_queue);
    EXPECT_EQ(from.pop().element.error(), conqueue_status::closed);
    EXPECT_FALSE(from.wait());
  }
}

TYPED_TEST_P(queue_suite, DescriptorIsReadableWhileThereIsSomething) {
  if constexpr (!is_watchable<TypeParam>) {
    GTEST_SKIP() << "cannot be waited for by a descriptor";
  } else {
    auto queue = TypeParam::template make<std::uint64_t>(4);
    {
      readiness_fd ready(queue);
      expect_push(queue, 1);
      EXPECT_FALSE(is_readable(ready)) << "not armed";
      ready.arm();
      EXPECT_TRUE(is_readable(ready)) << "it is there";
      expect_pop(queue, 1);
      ready.arm();
      EXPECT_FALSE(is_readable(ready));
      ready.arm();
      expect_push(queue, 2);
      EXPECT_TRUE(is_readable(ready));
      ready.disarm();
      EXPECT_FALSE(is_readable(ready));
      expect_pop(queue, 2);
      ready.arm();
      ready.disarm();
      expect_push(queue, 3);
      EXPECT_FALSE(is_readable(ready));
      expect_pop(queue, 3);
      ready.arm();
    }
    // Gone while it was armed.
    expect_push(queue, 4);
    expect_pop(queue, 4);
    readiness_fd ready(queue);
    ready.arm();
    queue.close();
    EXPECT_TRUE(is_readable(ready)) << "the end is something to see, too";
  }
}

}  // namespace switchyard::conformance
