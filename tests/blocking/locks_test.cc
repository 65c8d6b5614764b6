// The locks that know their owner, and the one that is shared: exclusion, turns, limits, stops, and wrong use.

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "switchyard/atomics/atomic.h"
#include "switchyard/blocking/bounded_queue.h"
#include "switchyard/blocking/checked_mutex.h"
#include "switchyard/blocking/recursive_mutex.h"
#include "switchyard/blocking/shared_mutex.h"
#include "switchyard/interface/lock_errors.h"
#include "switchyard/tests/conformance/test_support.h"

namespace switchyard::blocking {
namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;

static_assert(sizeof(shared_mutex) == 24, "a third of a line, where std::shared_mutex takes most of one");
static_assert(sizeof(recursive_mutex) == 24 && sizeof(checked_mutex) == 24);

// --- what locks that one thread holds have in common ----------------------------------------------------------------

template <class Lock>
class OneHolder : public testing::Test {};
using OneHolderLocks = testing::Types<checked_mutex, recursive_mutex, shared_mutex>;
TYPED_TEST_SUITE(OneHolder, OneHolderLocks);

TYPED_TEST(OneHolder, OneThreadAtATime) {
  TypeParam lock;
  long value = 0;
  {
    std::vector<std::jthread> running;
    for (int t = 0; t < 4; ++t) {
      running.emplace_back([&] {
        for (int i = 0; i < 5000; ++i) {
          const std::lock_guard hold(lock);
          ++value;
        }
      });
    }
  }
  EXPECT_EQ(value, 4 * 5000);
  EXPECT_FALSE(lock.locked());
}

TYPED_TEST(OneHolder, LimitsAreKept) {
  TypeParam lock;
  const std::lock_guard hold(lock);
  EXPECT_TRUE(lock.locked());
  std::jthread([&] {
    EXPECT_FALSE(std::unique_lock(lock, std::try_to_lock).owns_lock());
    const auto begin = steady_clock::now();
    EXPECT_FALSE(std::unique_lock(lock, 10ms).owns_lock());
    EXPECT_GE(steady_clock::now() - begin, 10ms);
    EXPECT_FALSE(std::unique_lock(lock, -1h).owns_lock());
    EXPECT_FALSE(std::unique_lock(lock, std::chrono::system_clock::now() - 1s).owns_lock());
  }).join();
}

TYPED_TEST(OneHolder, WhoWaitsGetsIt) {
  TypeParam lock;
  for (const auto limit : {1h, std::chrono::hours::max()}) {
    std::unique_lock hold(lock);
    std::jthread waiting([&] { EXPECT_TRUE(std::unique_lock(lock, limit).owns_lock()); });
    std::this_thread::sleep_for(10ms);
    hold.unlock();
  }
}

TYPED_TEST(OneHolder, WaitEndsAtAStop) ABSL_NO_THREAD_SAFETY_ANALYSIS {
  TypeParam lock;
  std::stop_source before;
  before.request_stop();
  ASSERT_TRUE(lock.lock(before.get_token())) << "what is free is taken, stop or not";
  for (int round = 0; round < 100; ++round) {
    std::stop_source stop;
    std::jthread waiting([&] { EXPECT_FALSE(lock.lock(stop.get_token())); });
    if (round % 2 == 0) std::this_thread::sleep_for(std::chrono::microseconds(round * 3));
    stop.request_stop();
  }
  lock.unlock();
  EXPECT_TRUE(std::unique_lock(lock, std::try_to_lock).owns_lock());
}

// Some give up all the time. Those that never do must all get the lock: a lost turn is a test that does not end.
TYPED_TEST(OneHolder, NoTurnIsLostWhenWaitersGiveUp) {
  TypeParam lock;
  long taken = 0;
  atomic<long> expected{0};
  atomic<int> patient_left{2};
  {
    std::vector<std::jthread> running;
    for (int t = 0; t < 2; ++t) {
      running.emplace_back([&] {
        for (int i = 0; i < 200; ++i) {
          const std::lock_guard hold(lock);
          ++taken;
          std::this_thread::sleep_for(20us);
        }
        expected.fetch_add(200, memory_order_relaxed);
        patient_left.fetch_sub(1, memory_order_relaxed);
      });
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
}

// --- those who know their owner --------------------------------------------------------------------------------------

TEST(CheckedMutex, NamesWhatWasDoneWrong) ABSL_NO_THREAD_SAFETY_ANALYSIS {
  checked_mutex lock("accounts");
  const auto message = [&](auto f) -> std::string {
    try {
      f();
    } catch (const not_owner& e) {
      return e.what();
    } catch (const would_deadlock& e) {
      return e.what();
    }
    return "nothing";
  };
  const auto unlock = [&]() ABSL_NO_THREAD_SAFETY_ANALYSIS { lock.unlock(); };
  EXPECT_EQ(message(unlock), "accounts is unlocked, but not locked");
  EXPECT_FALSE(lock.locked());
  lock.lock();
  EXPECT_TRUE(lock.owned_by_me());
  std::jthread([&] {
    EXPECT_FALSE(lock.owned_by_me());
    EXPECT_EQ(message(unlock), "accounts is unlocked by a thread that does not hold it");
  }).join();
  EXPECT_TRUE(lock.locked()) << "nothing has changed";
  const std::string twice = "accounts is waited for by the thread that holds it";
  EXPECT_EQ(message([&]() ABSL_NO_THREAD_SAFETY_ANALYSIS { lock.lock(); }), twice);
  EXPECT_EQ(message([&] { (void)lock.try_lock_for(1h); }), twice);
  EXPECT_EQ(message([&] { (void)lock.try_lock_until(steady_clock::now()); }), twice);
  EXPECT_EQ(message([&] { (void)lock.lock(std::stop_token()); }), twice);
  EXPECT_FALSE(lock.try_lock());
  lock.unlock();
  EXPECT_FALSE(lock.owned_by_me());
}

TEST(CheckedMutex, IsTheLockOfAStructure) {
  bounded_queue<int, std::allocator<int>, checked_mutex> queue(1);
  std::jthread producer([&] {
    for (int i = 0; i < 1000; ++i) queue.push(i);
  });
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(queue.pop(), i);
}

TEST(CheckedMutexDeathTest, AGuardThatUnlocksTwiceEndsTheProgramWithTheMessage) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      []() ABSL_NO_THREAD_SAFETY_ANALYSIS {
        checked_mutex lock("accounts");
        const std::lock_guard hold(lock);
        lock.unlock();
      }(),
      "accounts is unlocked, but not locked");
}

TEST(RecursiveMutex, IsHeldAsOftenAsItWasTaken) ABSL_NO_THREAD_SAFETY_ANALYSIS {
  recursive_mutex lock;
  EXPECT_EQ(lock.depth(), 0U);
  lock.lock();
  EXPECT_TRUE(lock.try_lock());
  EXPECT_TRUE(lock.try_lock_for(0s));
  EXPECT_TRUE(lock.try_lock_until(steady_clock::now()));
  EXPECT_TRUE(lock.lock(std::stop_token()));
  EXPECT_EQ(lock.depth(), 5U);
  const auto another_can = [&] {
    bool could = false;
    std::jthread([&] { could = std::unique_lock(lock, std::try_to_lock).owns_lock(); }).join();
    return could;
  };
  for (int i = 0; i < 5; ++i) {
    EXPECT_FALSE(another_can());
    EXPECT_TRUE(lock.owned_by_me());
    lock.unlock();
  }
  EXPECT_TRUE(another_can());
  EXPECT_FALSE(lock.owned_by_me());
}

TEST(RecursiveMutex, RefusesOthers) ABSL_NO_THREAD_SAFETY_ANALYSIS {
  recursive_mutex lock;
  EXPECT_THROW(lock.unlock(), not_owner);
  EXPECT_THROW((void)lock.release_all(), not_owner);
  lock.lock();
  lock.lock();
  std::jthread([&]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    EXPECT_EQ(lock.depth(), 0U);
    EXPECT_FALSE(lock.owned_by_me());
    EXPECT_TRUE(lock.locked());
    EXPECT_THROW(lock.unlock(), not_owner);
    EXPECT_THROW((void)lock.release_all(), not_owner);
  }).join();
  EXPECT_EQ(lock.depth(), 2U) << "nothing has changed";
  EXPECT_EQ(lock.release_all(), 2U);
  EXPECT_FALSE(lock.locked());
  lock.restore(2);
  EXPECT_EQ(lock.depth(), 2U);
  lock.unlock();
  lock.unlock();
  EXPECT_THROW(lock.unlock(), not_owner);
}

// --- the shared one ---------------------------------------------------------------------------------------------------

TEST(SharedMutex, ReadersShareAndWritersDoNot) {
  shared_mutex lock;
  {
    const std::shared_lock one(lock);
    const std::shared_lock two(lock);
    EXPECT_EQ(lock.readers(), 2U);
    EXPECT_FALSE(lock.locked());
    EXPECT_FALSE(std::unique_lock(lock, std::try_to_lock).owns_lock());
    EXPECT_FALSE(std::unique_lock(lock, 1ms).owns_lock());
    EXPECT_TRUE(std::shared_lock(lock, 1ms).owns_lock()) << "the writer has gone again";
  }
  const std::lock_guard writing(lock);
  EXPECT_TRUE(lock.locked());
  EXPECT_EQ(lock.readers(), 0U);
  EXPECT_FALSE(std::shared_lock(lock, std::try_to_lock).owns_lock());
  EXPECT_FALSE(std::shared_lock(lock, 1ms).owns_lock());
  EXPECT_FALSE(std::shared_lock(lock, steady_clock::now()).owns_lock());
}

// Readers that come while a writer waits go after it; and all of them before the next writer.
TEST(SharedMutex, ReadersAndWritersTakeTurns) {
  using conformance::watched_thread;
  shared_mutex lock;
  std::string order;
  mutex guard;
  const auto note = [&](char what) {
    const std::lock_guard hold(guard);
    order += what;
  };
  const auto write = [&] {
    const std::lock_guard hold(lock);
    note('w');
  };
  const auto read = [&] {
    const std::shared_lock hold(lock);
    note('r');
  };
  std::shared_lock reading(lock);
  watched_thread first(write);
  ASSERT_TRUE(first.falls_asleep());
  watched_thread second(write);
  ASSERT_TRUE(second.falls_asleep());
  watched_thread third(read);
  ASSERT_TRUE(third.falls_asleep());
  watched_thread fourth(read);
  ASSERT_TRUE(fourth.falls_asleep());
  EXPECT_EQ(order, "");
  reading.unlock();
  for (watched_thread* each : {&first, &second, &third, &fourth}) each->join();
  EXPECT_EQ(order, "wrrw");
}

// A writer that gives up lets those in who waited only because it did.
TEST(SharedMutex, AWriterThatGivesUpHoldsNobodyUp) {
  shared_mutex lock;
  for (int round = 0; round < 50; ++round) {
    const std::shared_lock reading(lock);
    std::jthread impatient([&] { EXPECT_FALSE(std::unique_lock(lock, 500us).owns_lock()); });
    std::jthread reader([&] { const std::shared_lock hold(lock); });
  }
}

TEST(SharedMutex, ReadersSeeWholeChanges) {
  shared_mutex lock;
  long one = 0;
  long two = 0;
  atomic<bool> torn{false};
  {
    std::vector<std::jthread> running;
    for (int t = 0; t < 2; ++t) {
      running.emplace_back([&, t] {
        for (int i = 0; i < 3000; ++i) {
          if (i % 3 == t) {
            const std::unique_lock hold(lock, 1ms);
            if (!hold) continue;
            ++one;
            ++two;
          } else {
            const std::lock_guard hold(lock);
            ++one;
            ++two;
          }
        }
      });
      running.emplace_back([&, t] {
        for (int i = 0; i < 3000; ++i) {
          std::shared_lock hold(lock, std::defer_lock);
          if (i % 3 == t) {
            if (!hold.try_lock_for(100us)) continue;
          } else {
            hold.lock();
          }
          if (one != two) torn = true;
        }
      });
    }
  }
  EXPECT_FALSE(torn.load());
  EXPECT_TRUE(std::unique_lock(lock, std::try_to_lock).owns_lock());
}

TEST(SharedMutex, SharedWaitEndsAtAStop) {
  shared_mutex lock;
  const std::lock_guard hold(lock);
  for (int round = 0; round < 100; ++round) {
    std::stop_source stop;
    std::jthread waiting([&] { EXPECT_FALSE(lock.lock_shared(stop.get_token())); });
    if (round % 2 == 0) std::this_thread::sleep_for(std::chrono::microseconds(round * 3));
    stop.request_stop();
  }
}

TEST(SharedMutexDeathTest, UnlockingWhatIsNotLocked) ABSL_NO_THREAD_SAFETY_ANALYSIS {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  shared_mutex lock;
  EXPECT_DEATH(lock.unlock(), "unlocks a blocking::shared_mutex that is not locked");
  EXPECT_DEATH(lock.unlock_shared(), "unlocks a blocking::shared_mutex that is not locked");
  const std::shared_lock hold(lock);
  EXPECT_DEATH(lock.unlock(), "not locked");
}

}  // namespace
}  // namespace switchyard::blocking
