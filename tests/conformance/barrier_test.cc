// The barriers of both sides: the same tests for each.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "switchyard/blocking/barrier.h"
#include "switchyard/interface/barrier.h"
#include "switchyard/lockfree/barrier.h"
#include "switchyard/tests/conformance/system_calls.h"
#include "switchyard/tests/conformance/test_support.h"

namespace switchyard::conformance {
namespace {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;

// Long enough for a thread to fall asleep; nothing is concluded from it but what is true at any speed.
constexpr auto a_moment = 20ms;

template <class Barrier>
class barriers : public testing::Test {
 protected:
  watchdog watchdog_;
};
using both = testing::Types<blocking::barrier, lockfree::barrier>;
TYPED_TEST_SUITE(barriers, both);

template <class Barrier>
void until_waiting(const Barrier& b, std::size_t count) {
  while (b.waiting() != count) wait_a_little();
}

TYPED_TEST(barriers, RefusesBadNumbers) {
  EXPECT_THROW(TypeParam(0), std::invalid_argument);
  EXPECT_THROW(TypeParam(-1), std::invalid_argument);
  EXPECT_THROW(TypeParam{std::numeric_limits<std::int64_t>::min()}, std::invalid_argument);
  EXPECT_THROW(TypeParam(TypeParam::max() + 1), std::invalid_argument);
  EXPECT_THROW(TypeParam{std::numeric_limits<std::int64_t>::max()}, std::invalid_argument);
  EXPECT_THROW(TypeParam(2, {}, -1ms), std::invalid_argument);
  EXPECT_EQ(TypeParam(TypeParam::max()).parties(), static_cast<std::size_t>(TypeParam::max()));
}

TYPED_TEST(barriers, OfOneNeverWaits) {
  int calls = 0;
  TypeParam b(1, [&] { ++calls; });
  EXPECT_EQ(b.wait(), 0U);
  EXPECT_EQ(b.wait_for(0s), 0U);
  EXPECT_EQ(b.wait_until(clock::now() - 1h), 0U);
  EXPECT_EQ(b.wait(std::stop_token()), 0U);
  EXPECT_EQ(calls, 4);
  EXPECT_EQ(b.waiting(), 0U);
  EXPECT_FALSE(b.broken());
}

TYPED_TEST(barriers, IndicesAreUniqueAndTheActionRunsOncePerRound) {
  constexpr int threads = 4;
  const int rounds = scaled(400);
  int calls = 0;
  std::vector<std::atomic<unsigned>> came(static_cast<std::size_t>(rounds));
  std::atomic<bool> early{false};
  TypeParam b(threads, [&] {
    // Everybody has come in this round, and nobody has gone on.
    if (came[static_cast<std::size_t>(calls)] != threads) early = true;
    ++calls;
  });
  std::vector<std::atomic<unsigned>> seen(static_cast<std::size_t>(rounds));
  in_threads(threads, [&](int) {
    for (std::size_t r = 0; r < static_cast<std::size_t>(rounds); ++r) {
      ++came[r];
      seen[r] |= 1U << b.wait();
      if (calls < static_cast<int>(r) + 1) early = true;
    }
  });
  EXPECT_FALSE(early);
  EXPECT_EQ(calls, rounds);
  for (const auto& indices : seen) EXPECT_EQ(indices, (1U << threads) - 1);
}

TYPED_TEST(barriers, SeesTheWorkOfAll) {
  constexpr int threads = 3;
  const int rounds = scaled(2000);
  std::vector<int> work(threads);
  TypeParam b(threads);
  std::atomic<bool> wrong{false};
  in_threads(threads, [&](int t) {
    for (int r = 1; r <= rounds; ++r) {
      work[static_cast<std::size_t>(t)] = r;
      b.wait();
      for (const int one : work) {
        if (one != r) wrong = true;
      }
      b.wait();
    }
  });
  EXPECT_FALSE(wrong);
}

TYPED_TEST(barriers, SaysHowManyWait) {
  TypeParam b(3);
  EXPECT_EQ(b.parties(), 3U);
  std::jthread first([&] { b.wait(); });
  until_waiting(b, 1);
  std::jthread second([&] { b.wait(); });
  until_waiting(b, 2);
  b.wait();
  EXPECT_EQ(b.waiting(), 0U);
}

TYPED_TEST(barriers, ActionThatThrowsBreaksItForAll) {
  bool bad = true;
  TypeParam b(3, [&] {
    if (bad) throw std::domain_error("bad");
  });
  std::atomic<int> broke{0};
  std::atomic<int> threw{0};
  in_threads(3, [&](int) {
    try {
      b.wait();
    } catch (const broken_barrier&) {
      ++broke;
    } catch (const std::domain_error&) {
      ++threw;
    }
  });
  EXPECT_EQ(threw, 1);
  EXPECT_EQ(broke, 2);
  EXPECT_TRUE(b.broken());
  EXPECT_THROW(b.wait(), broken_barrier);
  bad = false;
  b.reset();
  EXPECT_FALSE(b.broken());
  in_threads(3, [&](int) { EXPECT_NO_THROW(b.wait()); });
}

TYPED_TEST(barriers, TimeLimitBreaksItForAll) {
  TypeParam b(3);
  std::jthread patient([&] { EXPECT_THROW(b.wait(), broken_barrier); });
  until_waiting(b, 1);
  const auto begin = clock::now();
  EXPECT_THROW(b.wait_for(a_moment), broken_barrier);
  EXPECT_GE(clock::now() - begin, a_moment) << "not early";
  patient.join();
  EXPECT_TRUE(b.broken());
  EXPECT_EQ(b.waiting(), 0U);
  EXPECT_THROW(b.wait(), broken_barrier);
  EXPECT_THROW(b.wait_for(0s), broken_barrier);
  EXPECT_THROW(b.wait(std::stop_token()), broken_barrier);
}

TYPED_TEST(barriers, WhatHasPassedBreaksItAtOnce) {
  TypeParam b(2);
  EXPECT_THROW(b.wait_until(std::chrono::system_clock::now() - 1s), broken_barrier);
  EXPECT_TRUE(b.broken());
  b.reset();
  EXPECT_THROW(b.wait_for(-1s), broken_barrier);
  b.reset();
  try {
    b.wait_for(0s);
  } catch (const broken_barrier& e) {
    EXPECT_NE(std::string(e.what()).find("limit"), std::string::npos) << "it says why";
  }
}

TYPED_TEST(barriers, UsualLimitIsThatOfTheConstructor) {
  TypeParam b(2, {}, a_moment);
  const auto begin = clock::now();
  EXPECT_THROW(b.wait(), broken_barrier);
  EXPECT_GE(clock::now() - begin, a_moment);
  b.reset();
  EXPECT_THROW(b.wait(std::stop_token()), broken_barrier) << "that has no limit of its own";
  b.reset();
  std::jthread other([&] { b.wait_for(1h); });  // this one has
  until_waiting(b, 1);
  std::this_thread::sleep_for(2 * a_moment);
  b.wait();
  TypeParam longest(2, {}, std::chrono::hours::max());
  std::jthread another([&] { longest.wait(); });
  longest.wait();
}

TYPED_TEST(barriers, AbortBreaksItForWhoWaitsAndWhoComes) {
  TypeParam b(3);
  std::jthread first([&] { EXPECT_THROW(b.wait(), broken_barrier); });
  std::jthread second([&] { EXPECT_THROW(b.wait_for(1h), broken_barrier); });
  until_waiting(b, 2);
  b.abort();
  EXPECT_TRUE(b.broken());
  EXPECT_THROW(b.wait(), broken_barrier);
  b.abort();
  first.join();
  second.join();
  EXPECT_THROW(b.wait(), broken_barrier);
  b.reset();
  EXPECT_FALSE(b.broken());
  in_threads(3, [&](int) { EXPECT_NO_THROW(b.wait()); });
}

TYPED_TEST(barriers, ResetSendsAwayWhoWaits) {
  TypeParam b(3);
  b.reset();
  EXPECT_FALSE(b.broken());
  std::jthread first([&] { EXPECT_THROW(b.wait(), broken_barrier); });
  std::jthread second([&] { EXPECT_THROW(b.wait(), broken_barrier); });
  until_waiting(b, 2);
  b.reset();
  EXPECT_FALSE(b.broken());
  in_threads(3, [&](int) { EXPECT_NO_THROW(b.wait()); });
}

// While the action runs, a limit is kept, an abort breaks the round for its threads, and who comes meanwhile waits.
TYPED_TEST(barriers, LimitsAreKeptWhileTheActionRuns) {
  std::atomic<bool> runs{false};
  std::atomic<bool> may_end{false};
  TypeParam b(2, [&] {
    runs = true;
    while (!may_end) wait_a_little();
  });
  // Again if the last came only when the first had given up.
  for (auto limit = a_moment; !runs; limit *= 2) {
    b.reset();
    std::atomic<bool> gave_up{false};
    std::atomic<bool> left{false};
    std::jthread last([&] {
      while (b.waiting() == 0 && !gave_up) wait_a_little();
      EXPECT_THROW(b.wait(), broken_barrier) << "too late, or its action ended too late";
      left = true;
    });
    EXPECT_THROW(b.wait_for(limit), broken_barrier);
    EXPECT_TRUE(b.broken());
    gave_up = true;
    while (!runs && !left) wait_a_little();
    if (!runs) continue;
    b.reset();
    EXPECT_FALSE(b.broken());
    EXPECT_THROW(b.wait_for(a_moment), broken_barrier) << "the old action has not ended";
    EXPECT_TRUE(b.broken());
    may_end = true;
  }
  b.reset();
  in_threads(2, [&](int) { EXPECT_NO_THROW(b.wait()); });
}

TYPED_TEST(barriers, StopBreaksIt) {
  TypeParam b(3);
  std::stop_source before;
  before.request_stop();
  EXPECT_THROW(b.wait(before.get_token()), broken_barrier);
  for (int round = 0; round < scaled(200); ++round) {
    b.reset();
    std::stop_source stop;
    std::jthread patient([&] { EXPECT_THROW(b.wait(), broken_barrier); });
    std::jthread stopped([&] { EXPECT_THROW(b.wait(stop.get_token()), broken_barrier); });
    if (round % 2 == 0) std::this_thread::sleep_for(std::chrono::microseconds(round * 3));
    stop.request_stop();
    stopped.join();
    patient.join();
    ASSERT_TRUE(b.broken());
  }
  TypeParam one(1);
  EXPECT_EQ(one.wait(before.get_token()), 0U) << "the last passes, stop or not";
}

// A stop after the round is over breaks nothing.
TYPED_TEST(barriers, LateStopBreaksNothing) {
  TypeParam b(2);
  for (int round = 0; round < scaled(300); ++round) {
    std::stop_source stop;
    std::jthread other([&] {
      try {
        b.wait(stop.get_token());
      } catch (const broken_barrier&) {
        ADD_FAILURE() << "the stop came after the round";
      }
    });
    b.wait();
    stop.request_stop();
  }
  EXPECT_FALSE(b.broken());
}

// Limits, aborts, resets and rounds as they fall: every round ends in the same way for all of its threads.
TYPED_TEST(barriers, RoundsEndForAllInTheSameWay) {
  constexpr int threads = 3;
  const int rounds = scaled(1500);
  std::atomic<int> passed{0};
  int completed = 0;
  TypeParam b(threads, [&] { ++completed; });
  std::atomic<bool> over{false};
  std::jthread vandal([&] {
    random_numbers random(7);
    while (!over) {
      if (random.below(4) == 0) b.abort();
      std::this_thread::yield();
      b.reset();
      for (auto pauses = random.below(20); pauses > 0; --pauses) std::this_thread::yield();
    }
  });
  in_threads(threads, [&](int t) {
    random_numbers random(static_cast<std::uint64_t>(t));
    for (int r = 0; r < rounds; ++r) {
      try {
        switch (random.below(3)) {
          case 0:
            b.wait_for(std::chrono::microseconds(random.below(200)));
            break;
          case 1:
            b.wait_until(clock::now() + 50us);
            break;
          default:
            b.wait_for(1ms);
        }
        ++passed;
      } catch (const broken_barrier&) {
      }
    }
  });
  over = true;
  vandal.join();
  b.reset();
  EXPECT_EQ(passed % threads, 0);
  EXPECT_LE(passed, completed * threads) << "an action may have ended too late";
  in_threads(threads, [&](int) { EXPECT_NO_THROW(b.wait()); });
}

TYPED_TEST(barriers, WaitingThreadsSleep) {
  TypeParam b(2);
  watched_thread waits([&] { b.wait(); });
  EXPECT_TRUE(waits.falls_asleep());
  b.wait();
}

TYPED_TEST(barriers, WithNobodyAsleepMakesNoSystemCall) {
  if (sanitized) GTEST_SKIP() << "the sanitizers make system calls of their own";
  std::optional<TypeParam> b;
  const auto calls = system_calls_of(
      tolerated::nothing, [&] { b.emplace(1); },
      [&] {
        b->wait();
        b->abort();
        b->reset();
        b->wait();
      });
  if (!calls) GTEST_SKIP() << "the kernel allows no filter here";
  EXPECT_EQ(*calls, std::vector<int>());
}

}  // namespace
}  // namespace switchyard::conformance
