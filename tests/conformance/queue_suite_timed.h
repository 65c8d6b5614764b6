// Queue suite: waiting with a limit. Never early, late only as the machine is, never for ever, and what
// comes during the wait is taken.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "switchyard/tests/conformance/queue_suite_base.h"

namespace switchyard::conformance {

/// Expects `wait` to take at least `limit` and not very much longer.
template <class Wait>
void expect_takes(std::chrono::nanoseconds limit, Wait wait) {
  const auto start = steady::now();
  wait();
  const auto elapsed = steady::now() - start;
  EXPECT_GE(elapsed, limit) << "gave up early";
  EXPECT_LT(elapsed, limit + generous) << "gave up very late";
}

TYPED_TEST_P(queue_suite, TimedPopGivesUpInTime) {
  auto queue = TypeParam::template make<std::uint64_t>(2);
  for (const auto limit : {1us, 700us, 20'000us}) {
    for (const popping way : timed_pops) {
      expect_takes(limit, [&] { expect_nothing(queue, conqueue_status::empty, way, limit); });
    }
  }
  // The queue is none the worse for it.
  expect_push(queue, 1);
  expect_pop(queue, 1);
}

TYPED_TEST_P(queue_suite, TimedPushGivesUpInTime) {
  if constexpr (!is_bounded<TypeParam>) {
    GTEST_SKIP() << "never full";
  } else {
    auto queue = TypeParam::template make<std::string>(2);
    const std::uint64_t inside = fill(queue);
    for (const auto limit : {1us, 700us, 20'000us}) {
      for (const pushing way : timed_pushes) {
        expect_takes(limit, [&] { expect_refused(queue, conqueue_status::full, way, limit); });
      }
    }
    expect_pops<TypeParam>(queue, inside);
    expect_push(queue, 1);
  }
}

TYPED_TEST_P(queue_suite, TimedUsesAnyClockAndUnit) {
  using namespace std::chrono;
  auto queue = TypeParam::template make<int>(1);
  // One millisecond less: the clock may be adjusted meanwhile.
  expect_takes(19ms, [&] { EXPECT_FALSE(queue.try_pop_until(system_clock::now() + 20ms)); });
  expect_takes(20ms, [&] { EXPECT_FALSE(queue.try_pop_for(duration<double>(0.02))); });
  expect_takes(20ms, [&] { EXPECT_FALSE(queue.try_pop_for(duration<float, std::centi>(2))); });
  expect_takes(0ms, [&] { EXPECT_FALSE(queue.try_pop_for(duration<unsigned char, std::milli>(3))); });
  EXPECT_EQ(queue.try_push_until(1, time_point_cast<hours>(system_clock::now()) + 2h),
            conqueue_status::success);
  if constexpr (TypeParam::claimed.room == bound::exact) {
    EXPECT_EQ(queue.try_push_for(1, duration<double>(-0.5)), conqueue_status::full);
  }
}

TYPED_TEST_P(queue_suite, TimeThatIsOverMeansTry) {
  using namespace std::chrono;
  auto queue = TypeParam::template make<int>(1);
  const auto start = steady::now();
  const auto expect_tries = [&](auto... limit) {
    // Nothing there: back at once. Something there: taken all the same. So with room.
    const auto pop = [&] {
      if constexpr (requires { queue.try_pop_for(limit...); }) {
        return queue.try_pop_for(limit...);
      } else {
        return queue.try_pop_until(limit...);
      }
    };
    const auto push = [&](int value) {
      if constexpr (requires { queue.try_push_for(value, limit...); }) {
        return queue.try_push_for(value, limit...);
      } else {
        return queue.try_push_until(value, limit...);
      }
    };
    const auto nothing = pop();
    EXPECT_EQ(nothing, pop_result<int>(unexpected(conqueue_status::empty)));
    EXPECT_EQ(push(1), conqueue_status::success);
    if constexpr (TypeParam::claimed.room == bound::exact) {
      EXPECT_EQ(push(2), conqueue_status::full);
    }
    EXPECT_EQ(pop(), pop_result<int>(1));
  };
  expect_tries(0ms);
  expect_tries(-1ms);
  expect_tries(-1h);
  expect_tries(hours::min());
  expect_tries(nanoseconds::min());
  expect_tries(steady::now());
  expect_tries(steady::now() - 1h);
  expect_tries(steady::time_point::min());
  expect_tries(steady::time_point());
  expect_tries(system_clock::now() - 1h);
  expect_tries(system_clock::time_point::min());
  expect_tries(system_clock::time_point());
  EXPECT_LT(steady::now() - start, generous);
}

/// `wait` sleeps until `deliver` is called, however far its limit is.
template <class Wait, class Deliver>
void expect_waits_for(Wait wait, Deliver deliver) {
  watched_thread waiter(wait);
  EXPECT_TRUE(waiter.falls_asleep()) << "gave up at once, or spins";
  deliver();
  waiter.join();
}

TYPED_TEST_P(queue_suite, LimitsTooFarToCountMeanNever) {
  using namespace std::chrono;
  auto queue = TypeParam::template make<int>(1);
  const auto expect_pop_waits = [&](auto pop) {
    expect_waits_for([&] { EXPECT_EQ(pop(), pop_result<int>(5)); }, [&] { EXPECT_TRUE(queue.push(5)); });
  };
  expect_pop_waits([&] { return queue.try_pop_for(nanoseconds::max()); });
  expect_pop_waits([&] { return queue.try_pop_for(hours::max()); });
  expect_pop_waits([&] { return queue.try_pop_for(duration<double>::max()); });
  expect_pop_waits([&] { return queue.try_pop_for(years(291)); });
  expect_pop_waits([&] { return queue.try_pop_until(steady::time_point::max()); });
  expect_pop_waits([&] { return queue.try_pop_until(steady::time_point::max() - 1ns); });
  expect_pop_waits([&] { return queue.try_pop_until(system_clock::time_point::max()); });
  expect_pop_waits([&] { return queue.try_pop_until(time_point<system_clock, seconds>::max()); });
  if constexpr (TypeParam::claimed.room == bound::exact) {
    EXPECT_TRUE(queue.push(5));
    const auto expect_push_waits = [&](auto push) {
      expect_waits_for([&] { EXPECT_EQ(push(), conqueue_status::success); },
                       [&] { EXPECT_EQ(queue.pop(), 5); });
    };
    expect_push_waits([&] { return queue.try_push_for(5, nanoseconds::max()); });
    expect_push_waits([&] { return queue.try_push_for(5, hours::max()); });
    expect_push_waits([&] { return queue.try_push_until(5, steady::time_point::max()); });
    expect_push_waits([&] { return queue.try_push_until(5, system_clock::time_point::max()); });
  }
}

TYPED_TEST_P(queue_suite, TimedPopTakesWhatArrives) {
  auto queue = TypeParam::template make<std::uint64_t>(2);
  for (const popping way : timed_pops) {
    const auto start = steady::now();
    expect_waits_for(
        [&] {
          const auto got = pop_by(way, queue, 600s);
          EXPECT_EQ(got.status, conqueue_status::success);
          EXPECT_EQ(got.number, 7U);
        },
        [&] { expect_push(queue, 7); });
    EXPECT_LT(steady::now() - start, 2 * generous) << "woke up late";
  }
}

TYPED_TEST_P(queue_suite, TimedPushTakesRoomThatArrives) {
  if constexpr (TypeParam::claimed.room != bound::exact) {
    GTEST_SKIP() << "how much room a pop makes is its own affair";
  } else {
    auto queue = TypeParam::template make<std::string>(2);
    numbers_inside<TypeParam::claimed.ordered> inside(fill(queue));
    for (const pushing way : timed_pushes) {
      const auto start = steady::now();
      const std::uint64_t popped = inside.take();
      const std::uint64_t pushed = inside.add();
      expect_waits_for(
          [&] {
            auto value = element<std::string>::make(pushed);
            EXPECT_EQ(push_by(way, queue, value, 600s), conqueue_status::success);
          },
          [&] { expect_pop(queue, popped); });
      EXPECT_LT(steady::now() - start, 2 * generous) << "woke up late";
    }
    while (!inside.empty()) expect_pop(queue, inside.take());
  }
}

TYPED_TEST_P(queue_suite, ShortWaitEndsBesideALongOne) {
  if constexpr (TypeParam::claimed.consumers == role::one) {
    GTEST_SKIP() << "one consumer";
  } else {
    auto queue = TypeParam::template make<std::uint64_t>(2);
    watched_thread patient([&] { EXPECT_EQ(queue.pop(), 3U); });
    EXPECT_TRUE(patient.falls_asleep());
    expect_takes(20ms, [&] { expect_nothing(queue, conqueue_status::empty, popping::try_pop_for, 20ms); });
    EXPECT_FALSE(patient.finished());
    expect_push(queue, 3);
  }
}

}  // namespace switchyard::conformance
