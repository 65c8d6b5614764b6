// When items are due, and that who waits for it is neither early nor, for long, late.
#include "switchyard/benchmarks/compare/schedule.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <memory>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace switchyard::compare {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;

std::vector<std::uint64_t> first_due(const schedule& of, std::uint64_t n) {
  std::vector<std::uint64_t> due;
  for (std::uint64_t i = 0; i < n; ++i) due.push_back(of.due(i));
  return due;
}

worker_layout with_arrivals(arrival_times times) {
  return {.arrivals = std::make_shared<const arrival_times>(std::move(times))};
}

TEST(Schedule, OfARate) {
  const schedule plan(worker_layout{.rate = 1000});
  EXPECT_TRUE(plan.is_timed());
  EXPECT_THAT(first_due(plan, 4), ElementsAre(0, 1'000'000, 2'000'000, 3'000'000));
  EXPECT_EQ(plan.items_in(0s), 1u);
  EXPECT_EQ(plan.items_in(1s), 1000u);
  EXPECT_EQ(plan.items_in(1'000'001us), 1001u) << "rather one more";
  EXPECT_DOUBLE_EQ(plan.seconds_for(500), 0.5);
  // No error adds up: after a day, still to the nanosecond.
  EXPECT_EQ(schedule(worker_layout{.rate = 3}).due(3 * 86'400), 86'400'000'000'000u);
}

TEST(Schedule, OfBursts) {
  const schedule plan(worker_layout{.rate = 1000, .burst = 3});
  EXPECT_EQ(plan.burst(), 3u);
  EXPECT_THAT(first_due(plan, 7), ElementsAre(0, 0, 0, 3'000'000, 3'000'000, 3'000'000, 6'000'000));
  EXPECT_EQ(plan.items_in(1ms), 3u) << "whole bursts";
  EXPECT_EQ(plan.items_in(1s), 1002u);
}

TEST(Schedule, OfArrivals) {
  const worker_layout layout = with_arrivals({0, 10, 10, 40});
  const schedule plan(layout);
  EXPECT_TRUE(plan.is_timed());
  EXPECT_EQ(plan.burst(), 1u);
  // The mean between two is 13; then it begins again.
  EXPECT_THAT(first_due(plan, 9), ElementsAre(0, 10, 10, 40, 53, 63, 63, 93, 106));
  EXPECT_EQ(plan.items_in(0ns), 4u) << "all of them";
  EXPECT_EQ(plan.items_in(54ns), 8u);
  EXPECT_DOUBLE_EQ(plan.items_per_second(), 4e9 / 53);
}

TEST(Schedule, OfNone) {
  EXPECT_FALSE(schedule(worker_layout{}).is_timed());
}

TEST(AlarmClock, IsNeverEarlyAndSeldomLate) {
  const atomic<bool> stop{false};
  for (const std::size_t threads : {1u, 1000u}) {
    alarm_clock alarm(threads);
    std::vector<double> late;
    const auto began = steady_clock::now();
    auto when = began;
    for (int i = 0; i < 60; ++i) {
      when += 1ms;
      ASSERT_TRUE(alarm.wait_until(when, stop));
      const auto now = steady_clock::now();
      ASSERT_GE(now, when);
      late.push_back(std::chrono::duration<double>(now - when).count());
    }
    // A busy machine delays some, or most.
    EXPECT_LT(*std::ranges::min_element(late), 0.0005);
    // For the most of it, it sleeps; and knows what it burnt otherwise.
    if (threads == 1) {  // else it lets others run, and there may be nothing left for it
      EXPECT_GT(alarm.awake(), 0ns);
    }
    EXPECT_LT(alarm.awake(), (steady_clock::now() - began) * 4 / 5);
  }
}

TEST(AlarmClock, DoesNotWaitForWhatHasPassed) {
  const atomic<bool> stop{true};
  alarm_clock alarm(1);
  EXPECT_TRUE(alarm.wait_until(steady_clock::now() - 1h, stop)) << "and does not look at anything";
  EXPECT_FALSE(alarm.wait_until(steady_clock::now() + 1h, stop));
}

}  // namespace
}  // namespace switchyard::compare
