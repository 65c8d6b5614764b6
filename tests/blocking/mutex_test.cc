// The mutex: exclusion, time limits, and that no wake-up is lost when waiters give up.

#include "switchyard/blocking/mutex.h"

#include <gtest/gtest.h>

#include <chrono>
#include <ctime>
#include <mutex>
#include <stop_token>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "switchyard/atomics/atomic.h"

namespace switchyard::blocking {
namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;

static_assert(sizeof(mutex) == 4, "many of them fit in a line, beside what they guard");

// Given to clang's -Wthread-safety, which refuses an access to `value` without the lock.
struct guarded_value {
  mutex lock;
  long value ABSL_GUARDED_BY(lock) = 0;
};

// How long `f` took.
template <class F>
steady_clock::duration time_of(F f) {
  const auto start = steady_clock::now();
  f();
  return steady_clock::now() - start;
}

TEST(Mutex, OneThreadAtATime) {
  constexpr int threads = 8;
  constexpr int rounds = 20'000;
  guarded_value guarded;
  {
    std::vector<std::jthread> running;
    for (int t = 0; t < threads; ++t) {
      running.emplace_back([&] {
        for (int i = 0; i < rounds; ++i) {
          const mutex_guard hold(guarded.lock);
          ++guarded.value;
        }
      });
    }
  }
  const mutex_guard hold(guarded.lock);
  EXPECT_EQ(guarded.value, long{threads} * rounds);
}

// The holder stops now and then, so that the others run out of patience and sleep.
TEST(Mutex, OneThreadAtATimeWithSleepers) {
  constexpr int threads = 4;
  constexpr int rounds = 300;
  guarded_value guarded;
  {
    std::vector<std::jthread> running;
    for (int t = 0; t < threads; ++t) {
      running.emplace_back([&] {
        for (int i = 0; i < rounds; ++i) {
          const mutex_guard hold(guarded.lock);
          const long seen = guarded.value;
          if (i % 10 == 0) std::this_thread::sleep_for(100us);
          guarded.value = seen + 1;
        }
      });
    }
  }
  const mutex_guard hold(guarded.lock);
  EXPECT_EQ(guarded.value, long{threads} * rounds);
}

TEST(Mutex, TryLock) {
  guarded_value guarded;
  const bool free_at_first = guarded.lock.try_lock();
  ASSERT_TRUE(free_at_first);
  if (!free_at_first) return;  // says the same to clang
  guarded.value = 1;
  std::jthread([&] { EXPECT_FALSE(guarded.lock.try_lock()); }).join();
  guarded.lock.unlock();
  std::jthread([&] {
    const bool locked = guarded.lock.try_lock();
    EXPECT_TRUE(locked);
    if (locked) guarded.lock.unlock();
  }).join();
}

TEST(Mutex, AnotherThreadMayUnlock) ABSL_NO_THREAD_SAFETY_ANALYSIS {
  mutex lock;
  lock.lock();
  std::jthread waiter([&]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    lock.lock();
    lock.unlock();
  });
  std::jthread([&]() ABSL_NO_THREAD_SAFETY_ANALYSIS { lock.unlock(); }).join();
}

TEST(Mutex, StandardGuardsWork) {
  mutex one;
  mutex two;
  {
    const std::scoped_lock hold(one, two);
    EXPECT_FALSE(std::unique_lock(one, std::try_to_lock).owns_lock());
    EXPECT_FALSE(std::unique_lock(two, 1ms).owns_lock());
    EXPECT_FALSE(std::unique_lock(two, std::chrono::system_clock::now() + 1ms).owns_lock());
  }
  EXPECT_TRUE(std::unique_lock(one, 1ms).owns_lock());
  EXPECT_TRUE(std::unique_lock(one, steady_clock::now()).owns_lock());
}

TEST(Mutex, TimedLockIsNotEarly) {
  mutex lock;
  const std::lock_guard hold(lock);
  for (const auto limit : {0us, 50us, 1000us, 20'000us}) {
    EXPECT_GE(time_of([&] { EXPECT_FALSE(std::unique_lock(lock, limit).owns_lock()); }), limit);
    const auto until = steady_clock::now() + limit;
    EXPECT_FALSE(std::unique_lock(lock, until).owns_lock());
    EXPECT_GE(steady_clock::now(), until);
  }
}

TEST(Mutex, TimeThatHasPassedMeansTry) {
  mutex lock;
  for (const auto limit : {-1h, std::chrono::hours::min(), 0h}) {
    EXPECT_TRUE(std::unique_lock(lock, limit).owns_lock());
    const std::lock_guard hold(lock);
    EXPECT_LT(time_of([&] { EXPECT_FALSE(std::unique_lock(lock, limit).owns_lock()); }), 1min);
  }
}

TEST(Mutex, TimedLockIsWokenByTheUnlock) {
  mutex lock;
  for (const auto limit : {1h, std::chrono::hours::max()}) {
    std::unique_lock hold(lock);
    steady_clock::duration waited{};
    std::jthread waiter(
        [&] { waited = time_of([&] { EXPECT_TRUE(std::unique_lock(lock, limit).owns_lock()); }); });
    std::this_thread::sleep_for(20ms);
    hold.unlock();
    waiter.join();
    EXPECT_LT(waited, 1min);
  }
}

// Some threads give up all the time, and may take a wake-up with them. Those that never give up must all
// get the lock: a lost wake-up is a test that does not end.
TEST(Mutex, NoWakeUpIsLostWhenWaitersGiveUp) {
  constexpr int patient_threads = 3;
  constexpr int impatient_threads = 3;
  constexpr int rounds = 400;
  mutex lock;
  long taken = 0;  // under the lock
  atomic<long> expected{0};
  atomic<int> patient_left{patient_threads};
  {
    std::vector<std::jthread> running;
    for (int t = 0; t < patient_threads; ++t) {
      running.emplace_back([&] {
        for (int i = 0; i < rounds; ++i) {
          const std::lock_guard hold(lock);
          ++taken;
          std::this_thread::sleep_for(20us);
        }
        expected.fetch_add(rounds, memory_order_relaxed);
        patient_left.fetch_sub(1, memory_order_relaxed);
      });
    }
    for (int t = 0; t < impatient_threads; ++t) {
      running.emplace_back([&, t] {
        while (patient_left.load(memory_order_relaxed) > 0) {
          const std::unique_lock hold(lock, std::chrono::microseconds(30 + 40 * t));
          if (!hold) continue;
          ++taken;
          expected.fetch_add(1, memory_order_relaxed);
        }
      });
    }
  }
  EXPECT_EQ(taken, expected.load(memory_order_relaxed));
  EXPECT_TRUE(std::unique_lock(lock, std::try_to_lock).owns_lock());
}

// One who gives up sleeps in front of one who does not, and the lock is unlocked at about the time when the
// first gives up. If it is woken and leaves all the same, the second must be woken in its place.
TEST(Mutex, WhoGivesUpPassesItsWakeUpOn) {
  mutex lock;
  for (int round = 0; round < 200; ++round) {
    atomic<int> locking{0};
    std::unique_lock hold(lock);
    const auto limit = steady_clock::now() + 400us;
    std::jthread impatient([&] {
      locking.fetch_add(1, memory_order_relaxed);
      const std::unique_lock until_then(lock, limit);
    });
    while (locking.load(memory_order_relaxed) < 1) yield();
    std::jthread patient([&] {
      locking.fetch_add(1, memory_order_relaxed);
      const std::lock_guard for_ever(lock);
    });
    while (locking.load(memory_order_relaxed) < 2) yield();
    std::this_thread::sleep_until(limit - std::chrono::microseconds(round));
    hold.unlock();
  }
}

// A fifth of a second of five threads waiting takes next to no processor time.
TEST(Mutex, WaitingThreadsSleep) {
  mutex lock;
  std::unique_lock hold(lock);
  std::vector<std::jthread> waiters;
  for (int t = 0; t < 5; ++t) {
    waiters.emplace_back([&] { const std::lock_guard until_unlocked(lock); });
  }
  std::this_thread::sleep_for(20ms);
  const std::clock_t before = std::clock();
  std::this_thread::sleep_for(200ms);
  EXPECT_LT(std::clock() - before, CLOCKS_PER_SEC / 50);
  hold.unlock();
}

TEST(Mutex, SaysWhetherItIsLocked) ABSL_NO_THREAD_SAFETY_ANALYSIS {
  mutex lock;
  EXPECT_FALSE(lock.locked());
  lock.lock();
  EXPECT_TRUE(lock.locked());
  lock.unlock();
  EXPECT_FALSE(lock.locked());
}

TEST(Mutex, WaitEndsAtAStop) ABSL_NO_THREAD_SAFETY_ANALYSIS {
  mutex lock;
  std::stop_source before;
  before.request_stop();
  ASSERT_TRUE(lock.lock(before.get_token())) << "what is free is taken, stop or not";
  EXPECT_FALSE(lock.lock(before.get_token()));
  for (int round = 0; round < 200; ++round) {
    std::stop_source stop;
    std::jthread waiting([&]() ABSL_NO_THREAD_SAFETY_ANALYSIS { EXPECT_FALSE(lock.lock(stop.get_token())); });
    if (round % 2 == 0) std::this_thread::sleep_for(std::chrono::microseconds(round * 3));
    stop.request_stop();
  }
  // One is stopped, another is not.
  std::stop_source stop;
  std::jthread patient([&] { const std::lock_guard hold(lock); });
  std::jthread stopped([&]() ABSL_NO_THREAD_SAFETY_ANALYSIS { EXPECT_FALSE(lock.lock(stop.get_token())); });
  std::this_thread::sleep_for(20ms);
  stop.request_stop();
  stopped.join();
  lock.unlock();
}

// In every build: it costs nothing, since an unlock that wakes nobody has one way to go on, and both others share one.
TEST(MutexDeathTest, UnlockingWhatIsNotLocked) ABSL_NO_THREAD_SAFETY_ANALYSIS {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  mutex lock;
  EXPECT_DEATH(lock.unlock(), "unlocks a blocking::mutex that is not locked");
}

}  // namespace
}  // namespace switchyard::blocking
