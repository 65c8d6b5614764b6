// What the checker explores, reports and puts back, other than the memory model itself (litmus_test) and the mistakes it
// finds (zoo_test).

#include "switchyard/model/check.h"

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "switchyard/atomics/atomic.h"
#include "switchyard/atomics/double_word.h"
#include "switchyard/atomics/futex.h"
#include "switchyard/atomics/of_this_thread.h"
#include "switchyard/atomics/plain.h"

namespace switchyard::model {
namespace {

constexpr auto relaxed = memory_order_relaxed;

bool says(const result& r, const char* what) { return r.failure.find(what) != std::string::npos; }

// Two threads with so many independent steps each, and one shared one.
void steps_of_two(int n) {
  std::array<atomic<int>, 3> values;
  const auto run = [&](std::size_t t) {
    for (int i = 0; i < n; ++i) values[t].store(i, relaxed);
    values[2].fetch_add(1, relaxed);
  };
  thread other([&] { run(1); });
  run(0);
}

TEST(check, SaysHowFarItWent) {
  const result all = check([] { steps_of_two(3); });
  EXPECT_TRUE(all.ok() && all.complete);
  EXPECT_EQ(all.preemptions, unlimited);
  EXPECT_NE(all.summary().find(": complete"), std::string::npos);
  // Only two orders of the shared step, besides what the smaller bounds have run.
  EXPECT_LT(all.executions, 12u);

  const result bounded = check({.preemptions = 1, .reduce = false}, [] { steps_of_two(3); });
  EXPECT_TRUE(bounded.ok() && bounded.complete);
  EXPECT_EQ(bounded.preemptions, 1u);
  EXPECT_NE(bounded.summary().find("preemption bound 1"), std::string::npos);

  const result cut = check({.executions = 20, .reduce = false}, [] { steps_of_two(6); });
  EXPECT_TRUE(cut.ok());
  EXPECT_LE(cut.executions, 20u);
  EXPECT_NE(cut.preemptions, unlimited);

  const result late = check({.time = std::chrono::milliseconds(20), .reduce = false}, [] { steps_of_two(40); });
  EXPECT_LT(late.time, std::chrono::minutes(1));
  EXPECT_NE(late.preemptions, unlimited);

  const result random = check({.random = 10}, [] { steps_of_two(3); });
  EXPECT_EQ(random.executions, 10u);
  EXPECT_FALSE(random.complete);
}

TEST(check, RandomSchedulesCanBeRepeated) {
  const auto body = [] {
    atomic<int> turn{0};
    const auto run = [&](int me) {
      for (int i = 0; i < 2; ++i) {
        int expected = me + 2 * i;
        turn.compare_exchange_strong(expected, expected + 1, relaxed, relaxed);
      }
    };
    {
      thread other([&] { run(1); });
      run(0);
    }
    require(turn.load(relaxed) != 4, "all in turn");
  };
  const result one = check({.random = 50'000, .seed = 7, .depth = 5}, body);
  const result again = check({.random = 50'000, .seed = 7, .depth = 5}, body);
  EXPECT_TRUE(says(one, "all in turn"));
  EXPECT_EQ(one.executions, again.executions);
  EXPECT_EQ(one.replay, again.replay);
}

TEST(check, ReportShowsWhoDidWhatAndWhere) {
  const result r = check([] {
    atomic<int> flag{0};
    name(&flag, "flag");
    thread setter([&] { flag.store(1, memory_order_release); });
    require(flag.load(memory_order_acquire) == 0, "not yet");
  });
  EXPECT_TRUE(says(r, "not yet"));
  EXPECT_NE(r.report.find("flag := 1 release"), std::string::npos) << r.report;
  EXPECT_NE(r.report.find("flag = 1 acquire, from 1"), std::string::npos) << r.report;
  EXPECT_NE(r.report.find("check_test.cc:"), std::string::npos) << r.report;
  EXPECT_NE(r.report.find("thread 1"), std::string::npos) << r.report;
  EXPECT_NE(r.report.find(r.replay), std::string::npos) << r.report;
}

TEST(check, ChoicesAreAllTried) {
  static std::array<int, 9> seen;
  seen.fill(0);
  const result r = check([] {
    const std::size_t a = choose(3);
    ++seen[3 * a + choose(3)];
  });
  EXPECT_TRUE(r.ok());
  for (const int n : seen) EXPECT_GE(n, 1);
  EXPECT_TRUE(says(check([] { choose(0); }), "choice"));
}

TEST(check, SleepersWakeForNothing) {
  const auto waits_once = [] {
    atomic<std::uint32_t> word{0};
    bool stored = false;  // as the schedule has it, whatever a thread may see
    thread waker([&] {
      word.store(1, relaxed);
      stored = true;
      futex_wake(word, 1);
    });
    futex_wait(word, 0, deadline::never());
    require(stored, "woken for a reason");
  };
  EXPECT_TRUE(says(check(waits_once), "for a reason"));
  EXPECT_TRUE(check({.spurious_wakeups = 0}, waits_once).ok());
}

// Who wakes gives the kernel an address: the word may have been freed by then, by the one who saw what was stored.
TEST(check, WakingIsNoUseOfTheWord) {
  const result r = check([] {
    auto word = std::make_unique<atomic<std::uint32_t>>(0);
    thread waker([&there = *word] {
      there.store(1, memory_order_release);
      futex_wake(there, 1);
    });
    while (word->load(memory_order_acquire) == 0) futex_wait(*word, 0, deadline::never());
    word.reset();
  });
  EXPECT_TRUE(r.ok()) << r.report;
  EXPECT_TRUE(says(check([] {
                     auto word = std::make_unique<atomic<std::uint32_t>>(0);
                     thread user([&there = *word] {
                       there.store(1, memory_order_release);
                       static_cast<void>(there.load(relaxed));
                       futex_wake(there, 1);
                     });
                     while (word->load(memory_order_acquire) == 0) futex_wait(*word, 0, deadline::never());
                     word.reset();
                   }),
                   "use after free"));
}

TEST(check, WeakExchangesMayFailForNothing) {
  const auto tries_once = [] {
    atomic<int> x{0};
    int expected = 0;
    require(x.compare_exchange_weak(expected, 1, relaxed, relaxed), "nobody else is here");
  };
  EXPECT_TRUE(check(tries_once).ok());
  const result r = check({.weak_failures = 1}, tries_once);
  EXPECT_TRUE(says(r, "nobody else"));
  EXPECT_TRUE(says(check({.weak_failures = 1, .replay = r.replay}, tries_once), "nobody else"));
}

TEST(check, DeadlinesPassAtAnyMomentAndTimeGoesOn) {
  static bool timed_out;
  static bool woken;
  timed_out = woken = false;
  const result r = check([] {
    atomic<std::uint32_t> word{0};
    thread waker([&] {
      word.store(1, relaxed);
      futex_wake(word, 1);
    });
    const deadline limit = deadline::after(std::chrono::seconds(1));
    require(!limit.has_passed(), "not yet");
    if (futex_wait(word, 0, limit) == futex_result::timed_out) {
      timed_out = true;
      require(limit.has_passed(), "the clock agrees");
    } else {
      woken = true;
    }
    require(deadline::after(std::chrono::seconds(-1)).has_passed(), "the past");
    require(!deadline::never().has_passed(), "never");
  });
  EXPECT_TRUE(r.ok()) << r.report;
  EXPECT_TRUE(timed_out && woken);
}

TEST(check, ObjectsOfThreadsEndWithThem) {
  struct counted {
    atomic<int>* ended = nullptr;
    ~counted() {
      if (ended != nullptr) ended->fetch_add(1, relaxed);
    }
  };
  const result r = check([] {
    atomic<int> ended{0};
    {
      thread first([&] { of_this_thread<counted>().ended = &ended; });
      thread second([&] { of_this_thread<counted>().ended = &ended; });
      require(of_this_thread<counted>().ended == nullptr, "each has its own");
    }
    require(ended.load(relaxed) == 2, "destroyed at the end of each");
  });
  EXPECT_TRUE(r.ok()) << r.report;
}

atomic<int> a_static{5};

TEST(check, StaticsArePutBack) {
  const result r = check([] {
    require(a_static.fetch_add(1, relaxed) == 5, "as it was before");
    thread other([] { a_static.fetch_add(1, relaxed); });
  });
  EXPECT_TRUE(r.ok()) << r.report;
  EXPECT_EQ(a_static.load(relaxed), 5);
}

TEST(check, AtomicsOfAllKinds) {
  enum class colour : std::uint8_t { red, green };
  struct sixteen {
    std::uint64_t a, b;
  };
  const result r = check([] {
    atomic<bool> flag{false};
    atomic<colour> paint{colour::red};
    atomic<sixteen> wide{sixteen{1, 2}};
    atomic<std::int8_t> small{127};
    int numbers[3] = {1, 2, 3};
    atomic<int*> pointer{numbers};
    double_word pair(double_word::words{3, 4});
    require(!flag.exchange(true) && flag, "bool");
    paint = colour::green;
    require(paint.load() == colour::green, "enum");
    sixteen expected{1, 2};
    require(wide.compare_exchange_strong(expected, {3, 4}) && wide.load().b == 4, "16 bytes");
    require(small.fetch_add(1) == 127 && small.load() == -128, "wraps");
    require(++small == -127 && small-- == -127 && (small += 2) == -126, "operators");
    require(*pointer.fetch_add(2) == 1 && *pointer.load() == 3 && *(pointer -= 1) == 2, "pointer");
    require((small.fetch_or(3), small.fetch_and(2), small.fetch_xor(1), small.load()) == 3, "bits");
    double_word::words seen{3, 5};
    require(!pair.compare_exchange(seen, {0, 0}, relaxed, relaxed) && seen.second == 4, "fails");
    require(pair.compare_exchange(seen, {7, 8}, relaxed, relaxed) && pair.load_second(relaxed) == 8, "succeeds");
    std::uint64_t first = 6;
    require(!pair.compare_exchange_first(first, 0, relaxed, relaxed) && first == 7, "the first fails");
    require(pair.compare_exchange_first(first, 9, relaxed, relaxed), "the first succeeds");
    require(pair.load_first(relaxed) == 9 && pair.load_second(relaxed) == 8, "the second stays");
  });
  EXPECT_TRUE(r.ok()) << r.report;
}

// A thread may see one word of a pair newer than the other, whichever it looks at first.
TEST(check, WordsOfAPairAreSeenApart) {
  static std::array<bool, 4> seen;
  seen.fill(false);
  const result r = check([] {
    double_word pair;
    thread other([&] {
      double_word::words zero;
      pair.compare_exchange(zero, {1, 1}, relaxed, relaxed);
    });
    const auto first = pair.load_first(relaxed);
    const auto second = pair.load_second(relaxed);
    seen[2 * first + second] = true;
  });
  EXPECT_TRUE(r.ok()) << r.report;
  EXPECT_EQ(seen, (std::array{true, true, true, true}));
}

int* volatile new_and_forgotten;  // volatile: or else the compiler sees what is wrong

TEST(check, WhatGoesWrongIsSaid) {
  EXPECT_TRUE(says(check([] { throw std::runtime_error("thrown"); }), "thrown"));
  EXPECT_TRUE(says(check([] {
                     atomic<int> x{0};
                     while (x.load(relaxed) == 0) {
                     }
                   }),
                   "does not end"));
  EXPECT_TRUE(says(check([] { new_and_forgotten = new int; }), "leak"));
  EXPECT_TRUE(says(check([] {
                     int* volatile p = new int;
                     delete p;
                     delete p;
                   }),
                   "double free"));
  EXPECT_TRUE(says(check([] {
                     auto x = std::make_unique<atomic<int>>(1);
                     atomic<int>* volatile p = x.get();
                     x.reset();
                     p->load();
                   }),
                   "use after free"));
  EXPECT_TRUE(says(check([] {
                     mutex m;
                     m.unlock();
                   }),
                   "does not hold"));
  EXPECT_TRUE(says(check([] {
                     mutex m;
                     m.lock();
                     m.lock();
                   }),
                   "locks what it has locked"));
  EXPECT_TRUE(says(check([] {
                     std::vector<std::unique_ptr<thread>> all;
                     for (int i = 0; i < 20; ++i) all.push_back(std::make_unique<thread>([] {}));
                   }),
                   "too many threads"));
}

// After a failure, the next check begins afresh.
TEST(check, FailuresLeaveNothingBehind) {
  for (int i = 0; i < 3; ++i) {
    EXPECT_FALSE(check([] {
                   auto x = std::make_unique<int>(1);
                   try {
                     throw 1;
                   } catch (int) {
                     require(false, "while an exception is handled");
                   }
                 }).ok());
    EXPECT_TRUE(check([] { steps_of_two(1); }).ok());
  }
}

TEST(check, ExceptionsStayInTheirThread) {
  const result r = check([] {
    atomic<int> x{0};
    const auto run = [&] {
      try {
        x.fetch_add(1, relaxed);
        throw 1;
      } catch (int) {
        x.fetch_add(1, relaxed);  // others run meanwhile
        try {
          throw 2;
        } catch (int n) {
          x.fetch_add(1, relaxed);
          require(n == 2, "the right one");
        }
      }
    };
    thread first(run);
    thread second(run);
  });
  EXPECT_TRUE(r.ok()) << r.report;
}

}  // namespace
}  // namespace switchyard::model
