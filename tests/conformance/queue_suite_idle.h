// Queue suite: what a queue costs while nothing happens. A waiter sleeps, and a queue that nobody waits on
// makes no system call.
#pragma once

#include <chrono>
#include <cstdint>
#include <iterator>
#include <string>
#include <vector>

#include "switchyard/tests/conformance/queue_suite_base.h"
#include "switchyard/tests/conformance/system_calls.h"

namespace switchyard::conformance {

/// Lets `wait` wait for 300 ms or, on a busy machine, more before `deliver` ends it, and expects it to have slept for
/// nearly all of the time and to have been woken no more often than some hundred times a second, as polling with a
/// pause of some milliseconds is.
template <class Wait, class Deliver>
void expect_idle(Wait wait, Deliver deliver) {
  watched_thread waiter(wait);
  EXPECT_TRUE(waiter.falls_asleep());
  const std::int64_t slept = waiter.times_slept();
  const auto used = waiter.cpu_time();
  const auto begin = steady::now();
  std::this_thread::sleep_for(300ms);
  const std::int64_t times = waiter.times_slept() - slept;
  const auto time = waiter.cpu_time() - used;
  const auto took = steady::now() - begin;
  EXPECT_LT(time, took / 6) << "spins";
  EXPECT_LT(times, took / 3ms) << "polls";
  deliver();
}

TYPED_TEST_P(queue_suite, IdleWaiterSleeps) {
  auto queue = TypeParam::template make<std::uint64_t>(1);
  const auto deliver = [&] { EXPECT_TRUE(queue.push(1)); };
  expect_idle([&] { EXPECT_EQ(queue.pop(), 1U); }, deliver);
  expect_idle([&] { EXPECT_TRUE(queue.try_pop_for(600s)); }, deliver);
  if constexpr (is_bounded<TypeParam>) {
    while (queue.try_push(1) == conqueue_status::success) continue;
    expect_idle([&] { EXPECT_FALSE(queue.push(1)); }, [&] { queue.close(); });
  }
}

/// Everything that does not have to wait, many times; never more than half full.
template <class Queue>
void use_without_waiting(Queue& queue, int times) {
  std::array<std::uint64_t, 4> many = {1, 2, 3, 4};
  for (int i = 0; i < times; ++i) {
    for (const pushing way : every_push) {
      std::uint64_t value = 1;
      static_cast<void>(push_by(way, queue, value, 1s));
    }
    // Not by pop_by, whose vectors allocate.
    for (int each = 0; each < 2; ++each) {
      static_cast<void>(queue.pop());
      static_cast<void>(queue.try_pop());
      static_cast<void>(queue.try_pop_for(1s));
      static_cast<void>(queue.try_pop_until(steady::now() + 1s));
      static_cast<void>(queue.try_pop_n(many.data(), 1));
      static_cast<void>(queue.pop_n(many.data(), 1));
    }
    static_cast<void>(queue.push_n(many.data(), 4));
    static_cast<void>(queue.try_push_n(many.data(), 4));
    static_cast<void>(queue.pop_n(many.data(), 4));
    static_cast<void>(queue.try_pop_n(many.data(), 4));
    static_cast<void>(queue.try_pop());
    static_cast<void>(queue.try_pop_for(0s));
  }
}

inline void expect_no_system_calls(tolerated allowed, const std::function<void()>& prepare,
                                   const std::function<void()>& work) {
  const auto calls = system_calls_of(allowed, prepare, work);
  ASSERT_TRUE(calls.has_value()) << "no answer: the program that was watched ended early, or the kernel "
                                    "does not allow to watch it";
  EXPECT_TRUE(calls->empty()) << "system calls with these numbers: " << ::testing::PrintToString(*calls);
}

TYPED_TEST_P(queue_suite, MakesNoSystemCallWhileNobodyWaits) {
  if constexpr (sanitized) {
    GTEST_SKIP() << "sanitizers make system calls of their own";
  } else {
    constexpr auto allowed = TypeParam::claimed.reclaims ? tolerated::clock_memory_and_fences
                             : is_bounded<TypeParam>      ? tolerated::clock
                                                          : tolerated::clock_and_memory;
    auto queue = TypeParam::template make<std::uint64_t>(32);
    expect_no_system_calls(
        allowed, [&] { use_without_waiting(queue, 10); }, [&] { use_without_waiting(queue, 1000); });
    // Nor after threads have waited on both sides, and left.
    const auto wait_on_both_sides = [&] {
      use_without_waiting(queue, 10);
      {
        watched_thread popper([&] { EXPECT_TRUE(queue.pop()); });
        EXPECT_TRUE(popper.falls_asleep());
        expect_push(queue, 1);
      }
      EXPECT_FALSE(queue.try_pop_for(2ms));
      if constexpr (TypeParam::claimed.room == bound::exact) {
        std::uint64_t inside = fill(queue);
        EXPECT_EQ(queue.try_push_for(1, 2ms), conqueue_status::full);
        {
          watched_thread pusher([&] { EXPECT_TRUE(queue.push(1)); });
          EXPECT_TRUE(pusher.falls_asleep());
          EXPECT_TRUE(queue.pop());
        }
        while (inside-- > 0) EXPECT_TRUE(queue.try_pop());
      }
      use_without_waiting(queue, 10);
    };
    expect_no_system_calls(allowed, wait_on_both_sides, [&] { use_without_waiting(queue, 1000); });
  }
}

}  // namespace switchyard::conformance
