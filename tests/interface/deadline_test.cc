// interface/deadline.h: durations and time points of every size and clock.
#include "switchyard/interface/deadline.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <limits>
#include <ratio>
#include <thread>
#include <type_traits>

namespace switchyard {
namespace {

using namespace std::chrono;  // NOLINT: the whole test is about it
using clock = deadline::clock;

/// `d` is between `earliest` and `latest` from `start` on.
void expect_between(const deadline& d, clock::time_point start, nanoseconds earliest, nanoseconds latest) {
  EXPECT_FALSE(d.is_never());
  EXPECT_GE(d.when(), start + earliest);
  EXPECT_LE(d.when(), start + latest);
}

TEST(deadline, NeverDoesNotPass) {
  const deadline never = deadline::never();
  EXPECT_TRUE(never.is_never());
  EXPECT_FALSE(never.has_passed());
  EXPECT_EQ(never.when(), clock::time_point::max());
  static_assert(deadline::never().is_never());
}

TEST(deadline, AfterADuration) {
  const auto start = clock::now();
  expect_between(deadline::after(1h), start, 1h, 1h + 10s);
  expect_between(deadline::after(duration<double>(2.5)), start, 2500ms, 2500ms + 10s);
  expect_between(deadline::after(duration<float, std::milli>(1500)), start, 1500ms, 11500ms);
  expect_between(deadline::after(duration<unsigned char, std::ratio<60>>(2)), start, 120s, 130s);
  expect_between(deadline::after(duration<std::int8_t, std::nano>(127)), start, 127ns, 10s);
  expect_between(deadline::after(years(100)), start, years(100), years(100) + 10s);
  expect_between(deadline::after(days(365 * 200)), start, days(365 * 200), days(365 * 200) + 10s);
}

TEST(deadline, IsNeverEarly) {
  // What does not fit the clock's unit is rounded up.
  using picoseconds = duration<std::int64_t, std::pico>;
  for (int i = 0; i < 100; ++i) {
    const auto start = clock::now();
    EXPECT_GT(deadline::after(picoseconds(1)).when(), start);
    EXPECT_GE(deadline::after(duration<double, std::nano>(1.5)).when(), start + 2ns);
  }
}

TEST(deadline, PassesWhenItsTimeHasCome) {
  const deadline d = deadline::after(20ms);
  EXPECT_FALSE(d.has_passed());
  std::this_thread::sleep_until(d.when());
  EXPECT_TRUE(d.has_passed());
  EXPECT_TRUE(deadline(clock::now()).has_passed());
  EXPECT_TRUE(deadline(clock::now() - 1s).has_passed());
  EXPECT_FALSE(deadline(clock::now() + 1h).has_passed());
}

TEST(deadline, ZeroAndNegativeDurationsHavePassed) {
  EXPECT_TRUE(deadline::after(0s).has_passed());
  EXPECT_TRUE(deadline::after(-1ns).has_passed());
  EXPECT_TRUE(deadline::after(-1h).has_passed());
  EXPECT_TRUE(deadline::after(nanoseconds::min()).has_passed());
  EXPECT_TRUE(deadline::after(hours::min()).has_passed());
  EXPECT_TRUE(deadline::after(duration<double>::min()).has_passed());
  EXPECT_TRUE(deadline::after(duration<double>(-0.0)).has_passed());
  EXPECT_TRUE(deadline::after(-duration<double>(std::numeric_limits<double>::infinity())).has_passed());
  EXPECT_TRUE(deadline::after(duration<unsigned>(0)).has_passed());
  // Not never, and not far in the past by an overflow that came round.
  const deadline passed = deadline::after(hours::min());
  EXPECT_LE(passed.when(), clock::now());
}

TEST(deadline, DurationsTooLongToCountAreNever) {
  EXPECT_TRUE(deadline::after(nanoseconds::max()).is_never());
  EXPECT_TRUE(deadline::after(microseconds::max()).is_never());
  EXPECT_TRUE(deadline::after(hours::max()).is_never());
  EXPECT_TRUE(deadline::after(years::max()).is_never());
  EXPECT_TRUE(deadline::after(duration<std::uint64_t>::max()).is_never());
  EXPECT_TRUE(deadline::after(duration<double>::max()).is_never());
  EXPECT_TRUE(deadline::after(duration<double>(std::numeric_limits<double>::infinity())).is_never());
}

TEST(deadline, OfTheSteadyClockIsExact) {
  for (const auto when : {clock::now() + 1ns, clock::now() - 5h, clock::time_point(),
                          clock::time_point::min(), clock::time_point::max() - 1ns}) {
    EXPECT_EQ(deadline(when).when(), when);
    EXPECT_FALSE(deadline(when).is_never());
  }
  EXPECT_TRUE(deadline(clock::time_point::max()).is_never());
  EXPECT_TRUE(deadline(clock::time_point::min()).has_passed());
}

TEST(deadline, OfTheSteadyClockInAnotherUnit) {
  const auto start = clock::now();
  expect_between(ceil<seconds>(clock::now() + 10s), start, 10s, 21s);
  EXPECT_TRUE(deadline(time_point<clock, hours>::max()).is_never());
  EXPECT_TRUE(deadline(time_point<clock, hours>::min()).has_passed());
  EXPECT_TRUE(deadline(time_point<clock, duration<double>>(duration<double>(1e300))).is_never());
}

TEST(deadline, OfTheSystemClock) {
  const auto start = clock::now();
  expect_between(system_clock::now() + 1h, start, 1h - 1s, 1h + 10s);
  expect_between(ceil<hours>(system_clock::now()) + 1h, start, 1h - 1s, 2h + 10s);
  EXPECT_TRUE(deadline(system_clock::now() - 1s).has_passed());
  EXPECT_TRUE(deadline(system_clock::time_point()).has_passed());
  EXPECT_TRUE(deadline(system_clock::time_point::min()).has_passed());
  EXPECT_TRUE(deadline(sys_days(year(1) / January / 1)).has_passed());
}

TEST(deadline, OfTheSystemClockTooFarAwayIsNeverOrFar) {
  EXPECT_TRUE(deadline(time_point<system_clock, hours>::max()).is_never());
  EXPECT_TRUE(deadline(time_point<system_clock, seconds>::max()).is_never());
  EXPECT_TRUE(deadline(time_point<system_clock, duration<double>>::max()).is_never());
  EXPECT_TRUE(deadline(time_point<system_clock, hours>::min()).has_passed());
  EXPECT_TRUE(deadline(time_point<system_clock, seconds>::min()).has_passed());
  // Nanoseconds since 1970 end in 2262; the wait until then and a little beyond can still be counted.
  EXPECT_FALSE(deadline(system_clock::time_point::max()).has_passed());
  for (int y = 2200; y < 2600; ++y) {
    EXPECT_FALSE(deadline(sys_days(year(y) / January / 1)).has_passed()) << "year " << y;
    EXPECT_FALSE(deadline(time_point_cast<hours>(sys_days(year(y) / July / 1))).has_passed()) << "year " << y;
  }
}

/// A clock whose epoch is in the future and that counts in thirds of a second.
struct odd_clock {
  using rep = std::int32_t;
  using period = std::ratio<1, 3>;
  using duration = std::chrono::duration<rep, period>;
  using time_point = std::chrono::time_point<odd_clock>;
  [[maybe_unused]] static constexpr bool is_steady = false;
  static time_point now() { return time_point(duration(-1000)); }
};

TEST(deadline, OfAnyClock) {
  const auto start = clock::now();
  expect_between(odd_clock::time_point(odd_clock::duration(-1000 + 30)), start, 10s, 20s);
  EXPECT_TRUE(deadline(odd_clock::time_point(odd_clock::duration(-1001))).has_passed());
  EXPECT_TRUE(deadline(odd_clock::time_point::min()).has_passed());
  EXPECT_FALSE(deadline(odd_clock::time_point::max()).has_passed());
}

TEST(deadline, ConvertsFromTimePointsOnly) {
  static_assert(std::is_convertible_v<steady_clock::time_point, deadline>);
  static_assert(std::is_convertible_v<system_clock::time_point, deadline>);
  static_assert(std::is_convertible_v<odd_clock::time_point, deadline>);
  static_assert(!std::is_convertible_v<seconds, deadline>);
  static_assert(!std::is_default_constructible_v<deadline>);
  static_assert(std::is_trivially_copyable_v<deadline>);
  const deadline original(clock::now());
  const deadline copy = original;
  EXPECT_EQ(copy.when(), original.when());
}

}  // namespace
}  // namespace switchyard
