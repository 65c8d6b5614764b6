// The conformance suite that every counter of this project is held to. A new one adds a line to
// counters_test.cc.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <concepts>
#include <cstdint>
#include <latch>
#include <limits>
#include <memory>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "switchyard/interface/counter.h"
#include "switchyard/tests/conformance/test_support.h"

namespace switchyard::conformance {

/// A line of the suite. A counter that is not made like the others derives from this and hides `make`.
template <class Counter>
struct counter_under_test {
  using counter = Counter;
  static Counter make() { return Counter(); }
};

template <class Line>
class counter_suite : public ::testing::Test {
 protected:
  using type = typename Line::counter;

  static_assert(concurrent_counter<type>);
  static_assert(!std::copy_constructible<type>);
  static_assert(!std::is_copy_assignable_v<type>);

 private:
  watchdog watchdog_;
};
TYPED_TEST_SUITE_P(counter_suite);

inline constexpr std::int64_t lowest = std::numeric_limits<std::int64_t>::min();
inline constexpr std::int64_t highest = std::numeric_limits<std::int64_t>::max();

/// A counter that can be destroyed before the end of its scope, and that others of the same address follow.
template <class Line>
std::unique_ptr<typename Line::counter> make_on_heap() {
  return std::unique_ptr<typename Line::counter>(new auto(Line::make()));
}

TYPED_TEST_P(counter_suite, AddsFromZero) {
  auto counter = TypeParam::make();
  EXPECT_EQ(std::as_const(counter).load(), 0);
  counter.increment();
  EXPECT_EQ(counter.load(), 1);
  counter.add(41);
  EXPECT_EQ(counter.load(), 42);
  counter.add(0);
  EXPECT_EQ(counter.load(), 42);
  counter.add(-50);
  EXPECT_EQ(counter.load(), -8);
  counter.add(std::int64_t{1} << 40);
  EXPECT_EQ(counter.load(), (std::int64_t{1} << 40) - 8);
}

TYPED_TEST_P(counter_suite, ExchangeReturnsWhatItReplaces) {
  auto counter = TypeParam::make();
  EXPECT_EQ(counter.exchange(5), 0);
  EXPECT_EQ(counter.load(), 5);
  counter.increment();
  EXPECT_EQ(counter.exchange(-7), 6);
  EXPECT_EQ(counter.exchange(0), -7);
  EXPECT_EQ(counter.exchange(0), 0);
  for (const std::int64_t n : {lowest, highest, std::int64_t{-1}}) {
    counter.exchange(n);
    EXPECT_EQ(counter.load(), n);
  }
}

TYPED_TEST_P(counter_suite, WrapsAtItsLimits) {
  auto counter = TypeParam::make();
  counter.add(highest);
  counter.increment();
  EXPECT_EQ(counter.load(), lowest);
  counter.add(-1);
  EXPECT_EQ(counter.load(), highest);
  counter.add(lowest);
  EXPECT_EQ(counter.load(), -1);
  counter.add(highest);
  counter.add(highest);
  EXPECT_EQ(counter.load(), -3);
  EXPECT_EQ(counter.exchange(lowest), -3);
  counter.add(lowest);
  EXPECT_EQ(counter.load(), 0);
}

TYPED_TEST_P(counter_suite, LosesNoAddition) {
  auto counter = TypeParam::make();
  const std::int64_t rounds = scaled(200'000);
  constexpr int threads = 8;
  in_threads(threads, [&](int thread) {
    for (std::int64_t i = 0; i < rounds; ++i) {
      counter.increment();
      counter.add(thread % 2 == 0 ? i : -i);
    }
  });
  EXPECT_EQ(counter.load(), threads * rounds);
}

/// While additions go on, a reading has at least what was finished before it, and at most what had begun
/// when it was over; the readings of one thread do not go back.
TYPED_TEST_P(counter_suite, LoadSeesWhatWasFinished) {
  auto counter = TypeParam::make();
  const std::int64_t rounds = scaled(100'000);
  atomic<std::int64_t> begun{0};
  atomic<std::int64_t> finished{0};
  atomic<int> adding{3};
  in_threads(4, [&](int thread) {
    if (thread < 3) {
      for (std::int64_t i = 0; i < rounds; ++i) {
        begun.fetch_add(1, memory_order_relaxed);
        atomic_thread_fence(memory_order_release);  // (1) with (2)
        counter.increment();
        finished.fetch_add(1, memory_order_release);  // (3) with (4)
      }
      adding.fetch_sub(1, memory_order_release);
      return;
    }
    std::int64_t last = 0;
    while (adding.load(memory_order_acquire) > 0) {
      const std::int64_t at_least = std::max(finished.load(memory_order_acquire), last);  // (4) with (3)
      last = counter.load();
      atomic_thread_fence(memory_order_acquire);  // (2) with (1), over what the counter itself stores
      const std::int64_t at_most = begun.load(memory_order_relaxed);
      ASSERT_GE(last, at_least);
      ASSERT_LE(last, at_most);
    }
  });
  EXPECT_EQ(counter.load(), 3 * rounds);
}

/// What several exchangers took out, and what is left, is what was added and put in.
TYPED_TEST_P(counter_suite, ExchangeRacingWithAdditionsLosesNothing) {
  auto counter = TypeParam::make();
  const std::int64_t rounds = scaled(100'000);
  atomic<std::int64_t> taken{0};
  atomic<std::int64_t> put{0};
  in_threads(6, [&](int thread) {
    if (thread < 4) {
      for (std::int64_t i = 0; i < rounds; ++i) counter.add(thread + 1);
    } else {
      for (std::int64_t i = 0; i < rounds / 4; ++i) {
        const std::int64_t n = i % 3 == 0 ? 0 : i;
        put.fetch_add(n, memory_order_relaxed);
        taken.fetch_add(counter.exchange(n), memory_order_relaxed);
        if (i % 64 == 0) wait_a_little();
      }
    }
  });
  EXPECT_EQ(taken.load(memory_order_relaxed) + counter.load(), put.load(memory_order_relaxed) + 10 * rounds);
}

TYPED_TEST_P(counter_suite, KeepsTheCountsOfThreadsThatExit) {
  auto counter = TypeParam::make();
  std::int64_t expected = 0;
  const int waves = scaled(300);
  for (int wave = 0; wave < waves; ++wave) {
    const int threads = 1 + wave % 7;
    in_threads(threads, [&](int thread) {
      for (int i = 0; i < 10; ++i) counter.add(thread + 1);
    });
    expected += 10 * threads * (threads + 1) / 2;
    EXPECT_EQ(counter.load(), expected) << "after wave " << wave;
    if (wave % 10 == 9) {
      EXPECT_EQ(counter.exchange(0), std::exchange(expected, 0));
    }
  }
}

/// The sum is kept while threads exit, others begin, and somebody reads and exchanges all the time.
TYPED_TEST_P(counter_suite, ThreadsExitBesideReaders) {
  auto counter = TypeParam::make();
  const int waves = scaled(200);
  atomic<bool> over{false};
  std::int64_t taken = 0;
  std::thread reader([&] {
    std::int64_t last = 0;
    while (!over.load(memory_order_acquire)) {
      // Nothing is ever subtracted, so between two exchanges a reading does not go back.
      const std::int64_t now = counter.load();
      EXPECT_GE(now, last) << "a thread's count was missing for a moment";
      last = now;
      if (now > 100) {
        taken += counter.exchange(0);
        last = 0;
      }
      wait_a_little();
    }
  });
  for (int wave = 0; wave < waves; ++wave) {
    in_threads(4, [&](int) {
      for (int i = 0; i < 50; ++i) counter.increment();
    });
  }
  over.store(true, memory_order_release);
  reader.join();
  EXPECT_EQ(taken + counter.load(), waves * 4 * 50);
}

TYPED_TEST_P(counter_suite, KeepsManyCountersApart) {
  std::vector<std::unique_ptr<typename TypeParam::counter>> counters;
  for (int i = 0; i < 300; ++i) counters.push_back(make_on_heap<TypeParam>());
  in_threads(4, [&](int thread) {
    for (int round = 0; round < 3; ++round) {
      for (std::size_t i = 0; i < counters.size(); ++i)
        counters[i]->add(static_cast<std::int64_t>(i) * (thread + 1));
    }
  });
  for (std::size_t i = 0; i < counters.size(); ++i) {
    EXPECT_EQ(counters[i]->load(), static_cast<std::int64_t>(i) * 30);
  }
}

/// Threads outlive the counters that they used, use others in the meantime, and exit after them.
TYPED_TEST_P(counter_suite, CounterDiesBeforeItsThreads) {
  constexpr int threads = 4;
  for (int round = 0; round < scaled(200); ++round) {
    auto first = make_on_heap<TypeParam>();
    auto second = TypeParam::make();
    std::latch used(threads);
    std::latch first_is_gone(1);
    std::thread killer([&] {
      used.wait();
      EXPECT_EQ(first->load(), threads);
      first.reset();
      first_is_gone.count_down();
    });
    in_threads(threads, [&](int thread) {
      first->increment();
      second.increment();
      used.count_down();
      // Some exit while the counter is being destroyed, some after that.
      if (thread % 2 == 0) return;
      first_is_gone.wait();
      second.increment();
    });
    killer.join();
    EXPECT_EQ(second.load(), threads + threads / 2);
  }
}

/// Counters come and go, at the same addresses again; each begins at zero for every thread.
TYPED_TEST_P(counter_suite, NewCounterBeginsAtZero) {
  in_threads(4, [&](int thread) {
    for (int round = 0; round < scaled(3000); ++round) {
      const auto own = make_on_heap<TypeParam>();
      EXPECT_EQ(own->load(), 0);
      own->add(thread + 5);
      EXPECT_EQ(own->load(), thread + 5);
    }
  });
  // The same with counters that all threads use.
  constexpr int threads = 3;
  const int rounds = scaled(1000);
  std::unique_ptr<typename TypeParam::counter> shared;
  atomic<int> round{0};
  atomic<int> done{0};
  in_threads(threads + 1, [&](int thread) {
    for (int i = 1; i <= rounds; ++i) {
      if (thread == threads) {
        shared = make_on_heap<TypeParam>();
        EXPECT_EQ(shared->load(), 0);
        round.store(i, memory_order_release);
        while (done.load(memory_order_acquire) < threads * i) wait_a_little();
        EXPECT_EQ(shared->load(), 2 * threads);
        shared.reset();
      } else {
        while (round.load(memory_order_acquire) < i) wait_a_little();
        shared->increment();
        shared->increment();
        done.fetch_add(1, memory_order_acq_rel);
      }
    }
  });
}

/// Adds to a counter when its thread exits.
template <class Counter>
struct adder_at_exit {
  Counter* counter = nullptr;
  ~adder_at_exit() {
    if (counter != nullptr) counter->add(100);
  }
};

template <class Counter>
void add_at_exit(Counter& counter) {
  static thread_local adder_at_exit<Counter> adder;
  adder.counter = &counter;
}

TYPED_TEST_P(counter_suite, CountsWhatAThreadAddsWhileItExits) {
  auto counter = TypeParam::make();
  in_threads(4, [&](int thread) {
    // What is made first goes last: half of the threads add when whatever the counter keeps for the thread
    // is gone already.
    if (thread % 2 == 0) add_at_exit(counter);
    counter.increment();
    if (thread % 2 != 0) add_at_exit(counter);
  });
  EXPECT_EQ(counter.load(), 404);
}

REGISTER_TYPED_TEST_SUITE_P(counter_suite,  //
                            AddsFromZero, ExchangeReturnsWhatItReplaces, WrapsAtItsLimits, LosesNoAddition,
                            LoadSeesWhatWasFinished, ExchangeRacingWithAdditionsLosesNothing,
                            KeepsTheCountsOfThreadsThatExit, ThreadsExitBesideReaders, KeepsManyCountersApart,
                            CounterDiesBeforeItsThreads, NewCounterBeginsAtZero,
                            CountsWhatAThreadAddsWhileItExits);

}  // namespace switchyard::conformance
