#include "switchyard/atomics/futex.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <thread>

namespace switchyard {
namespace {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;

TEST(Futex, ReturnsAtOnceIfTheValueDiffers) {
  const atomic<std::uint32_t> word{1};
  EXPECT_EQ(futex_wait(word, 0, deadline::never()), futex_result::woken);
}

TEST(Futex, TimesOutAndNotEarly) {
  const atomic<std::uint32_t> word{0};
  const auto limit = clock::now() + 30ms;
  while (futex_wait(word, 0, limit) != futex_result::timed_out) {
  }
  EXPECT_GE(clock::now(), limit);
}

TEST(Futex, TimesOutAtOnceIfTheDeadlineHasPassed) {
  const atomic<std::uint32_t> word{0};
  EXPECT_EQ(futex_wait(word, 0, clock::now() - 1h), futex_result::timed_out);
  EXPECT_EQ(futex_wait(word, 0, clock::time_point::min()), futex_result::timed_out);
}

TEST(Futex, WakesASleeper) {
  atomic<std::uint32_t> word{0};
  std::thread sleeper([&] {
    while (word.load() == 0) futex_wait(word, 0, deadline::never());
  });
  word.store(1);
  // The sleeper may not have fallen asleep yet; the value keeps it from doing so.
  futex_wake(word, 1);
  sleeper.join();
}

TEST(Futex, WakesAsManyAsAsked) {
  atomic<std::uint32_t> word{0};
  atomic<int> awake{0};
  std::thread sleepers[3];
  for (auto& sleeper : sleepers) {
    sleeper = std::thread([&] {
      futex_wait(word, 0, deadline::never());
      awake.fetch_add(1);
    });
  }
  std::uint32_t woken = 0;
  while (woken < 2) woken += futex_wake(word, 2 - woken);  // until two have fallen asleep and been woken
  while (awake.load() < 2) std::this_thread::yield();
  EXPECT_EQ(awake.load(), 2);
  while (futex_wake(word, 8) == 0) {
  }
  for (auto& sleeper : sleepers) sleeper.join();
}

TEST(Futex, LowerHalfIgnoresTheUpper) {
  constexpr std::uint64_t upper = std::uint64_t{7} << 32;
  atomic<std::uint64_t> word{upper | 5};
  EXPECT_EQ(futex_wait_lower_half(word, 5, deadline::after(5ms)), futex_result::timed_out);
  EXPECT_EQ(futex_wait_lower_half(word, 6, deadline::never()), futex_result::woken);
  std::thread sleeper([&] {
    while (static_cast<std::uint32_t>(word.load()) == 5) futex_wait_lower_half(word, 5, deadline::never());
  });
  word.store(upper * 2 | 5);
  while (futex_wake_lower_half(word, 1) == 0) {
  }
  word.store(6);
  futex_wake_lower_half(word, 1);
  sleeper.join();
}

}  // namespace
}  // namespace switchyard
