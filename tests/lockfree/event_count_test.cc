#include "switchyard/lockfree/event_count.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <thread>
#include <vector>

#include "switchyard/atomics/asymmetric_fence.h"
#include "switchyard/atomics/atomic.h"
#include "switchyard/atomics/fetch.h"

namespace switchyard::lockfree {
namespace {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;

struct without_membarrier {
  without_membarrier() { switchyard::detail::use_membarrier(false); }
  ~without_membarrier() { switchyard::detail::use_membarrier(true); }
};

// Tokens that threads give and take; taking one is the predicate.
struct tokens {
  atomic<int> count{0};
  event_count given;

  bool try_take() { return try_fetch_add(count, -1, 0); }
  void give(int n, std::uint32_t wake) {
    count.fetch_add(n, memory_order_seq_cst);
    given.notify(wake);
  }
};

TEST(EventCount, DoesNotWaitIfReady) {
  event_count event;
  int asked = 0;
  event.await([&] { return ++asked == 1; });
  EXPECT_EQ(asked, 1);
}

TEST(EventCount, ANotificationWakesTheWaiter) {
  event_count event;
  atomic<bool> ready{false};
  std::thread waiter([&] { event.await([&] { return ready.load(memory_order_acquire); }); });
  std::this_thread::sleep_until(clock::now() + 20ms);  // most likely asleep by now
  ready.store(true, memory_order_release);
  event.notify_one();
  waiter.join();
}

TEST(EventCount, TimesOutNotEarlyAndLooksOnceMore) {
  event_count event;
  const auto limit = clock::now() + 30ms;
  bool late = false;
  EXPECT_FALSE(event.await_until(limit, [&] {
    late = clock::now() >= limit;
    return false;
  }));
  EXPECT_TRUE(late) << "the predicate was not asked after the deadline";
  EXPECT_TRUE(event.await_until(clock::now() - 1s, [] { return true; }));
}

TEST(EventCount, APredicateThatThrowsLeavesNobodyRegistered) {
  event_count event;
  int asked = 0;
  EXPECT_THROW(event.await([&]() -> bool {
    if (++asked == 2) throw std::runtime_error("no");
    return false;
  }),
               std::runtime_error);
  EXPECT_FALSE(event.has_waiters());
}

TEST(EventCount, CancelAndTimeOutLeaveNobodyRegistered) {
  event_count event;
  const auto key = event.prepare_wait();
  EXPECT_TRUE(event.has_waiters());
  event.cancel_wait(key);
  EXPECT_FALSE(event.has_waiters());
  EXPECT_EQ(event.commit_wait(event.prepare_wait(), clock::now()), futex_result::timed_out);
  EXPECT_FALSE(event.has_waiters());
}

TEST(EventCount, ANotificationBetweenTheStepsIsNotLost) {
  event_count event;
  const auto key = event.prepare_wait();
  event.notify_one();
  EXPECT_EQ(event.commit_wait(key), futex_result::woken);  // hangs if lost
  EXPECT_FALSE(event.has_waiters());
}

TEST(EventCount, LeavingAfterANotificationTakesNobodyElseOff) {
  event_count event;
  const auto first = event.prepare_wait();
  event.notify_one();  // spent on the first
  const auto second = event.prepare_wait();
  event.cancel_wait(first);
  EXPECT_TRUE(event.has_waiters()) << "the second was taken off in the first's place";
  event.notify_one();
  EXPECT_EQ(event.commit_wait(second), futex_result::woken);
}

TEST(EventCount, WakesAsManyAsAsked) {
  tokens t;
  atomic<int> done{0};
  std::vector<std::thread> waiters;
  for (int i = 0; i < 4; ++i) {
    waiters.emplace_back([&] {
      t.given.await([&] { return t.try_take(); });
      done.fetch_add(1);
    });
  }
  t.give(2, 2);
  while (done.load() < 2) std::this_thread::yield();
  EXPECT_EQ(t.count.load(), 0);
  t.give(2, 2);
  for (auto& waiter : waiters) waiter.join();
  EXPECT_EQ(done.load(), 4);
}

// Every token given must be taken by a thread that may be asleep: one lost wake-up hangs the test.
// With `some_timed`, every second taker waits in slices that keep running out.
void exchange_tokens(int givers, int takers, int rounds, bool some_timed) {
  tokens t;
  atomic<int> left{givers * rounds};
  std::vector<std::thread> threads;
  for (int i = 0; i < takers; ++i) {
    threads.emplace_back([&, timed = some_timed && i % 2 == 1] {
      while (fetch_update(left, [](int n) { return n > 0 ? std::optional(n - 1) : std::nullopt; }) > 0) {
        if (!timed) {
          t.given.await([&] { return t.try_take(); });
        } else {
          while (!t.given.await_until(clock::now() + 50us, [&] { return t.try_take(); })) {
          }
        }
      }
    });
  }
  for (int i = 0; i < givers; ++i) {
    threads.emplace_back([&, i] {
      for (int round = 0; round < rounds; ++round) {
        t.give(1, 1);
        // Now and then let the takers fall asleep.
        if ((round + i) % 64 == 0) std::this_thread::yield();
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(t.count.load(), 0);
}

TEST(EventCount, LosesNoWakeUp) {
  exchange_tokens(1, 1, 100'000, false);
  exchange_tokens(2, 2, 50'000, false);
  exchange_tokens(1, 4, 50'000, false);
}

// The giver's change is a plain store, which the processor may hold back past the look for waiters: only the
// fences keep the two in order. (A read-modify-write would be a fence of its own.)
void hand_over_by_plain_stores(int rounds) {
  atomic<int> given{0};
  atomic<int> taken{0};
  event_count event;
  std::thread taker([&] {
    for (int i = 1; i <= rounds; ++i) {
      event.await([&] { return given.load(memory_order_acquire) >= i; });
      taken.store(i, memory_order_release);
    }
  });
  for (int i = 1; i <= rounds; ++i) {
    for (int pause = 0; pause < i % 32; ++pause) spin_pause();  // to meet the taker at every step
    given.store(i, memory_order_release);
    event.notify_one();
    while (taken.load(memory_order_acquire) < i) spin_pause();  // for ever if the wake-up was lost
  }
  taker.join();
}

TEST(EventCount, LosesNoWakeUpAfterAPlainStore) { hand_over_by_plain_stores(30'000); }

TEST(EventCount, LosesNoWakeUpAfterAPlainStoreWithoutMembarrier) {
  const without_membarrier scope;
  hand_over_by_plain_stores(30'000);
}

TEST(EventCount, LosesNoWakeUpWhenOthersTimeOut) {
  // A thread that times out as it is notified must not swallow what another needs.
  exchange_tokens(2, 3, 20'000, true);
}

TEST(EventCount, LosesNoWakeUpWithoutMembarrier) {
  const without_membarrier scope;
  exchange_tokens(1, 1, 50'000, false);
  exchange_tokens(2, 2, 20'000, false);
}

TEST(EventCount, NotifyAllWakesEverybody) {
  event_count event;
  atomic<bool> open{false};
  std::vector<std::thread> waiters;
  for (int i = 0; i < 6; ++i) {
    waiters.emplace_back([&] { event.await([&] { return open.load(memory_order_acquire); }); });
  }
  std::this_thread::yield();
  open.store(true, memory_order_release);
  event.notify_all();
  for (auto& waiter : waiters) waiter.join();
}

}  // namespace
}  // namespace switchyard::lockfree
