// Waiting under a lock: exactly those wake who are notified, in order, and the lock is held as often as before.

#include "switchyard/blocking/condition.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "switchyard/atomics/atomic.h"
#include "switchyard/blocking/checked_mutex.h"
#include "switchyard/blocking/mutex.h"
#include "switchyard/blocking/recursive_mutex.h"
#include "switchyard/interface/lock_errors.h"

namespace switchyard::blocking {
namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;

constexpr auto a_moment = 20ms;

template <class Lock>
class Condition : public testing::Test {
 protected:
  // Starts a thread that waits without a predicate, and returns once it does.
  void start_waiter(int number) {
    const std::size_t before = changed_.waiting();
    threads_.emplace_back([this, number] {
      const std::lock_guard hold(changed_);
      changed_.wait();
      woken_.push_back(number);
    });
    while (changed_.waiting() == before) std::this_thread::yield();
  }
  std::vector<int> woken_now() {
    const std::lock_guard hold(changed_);
    return woken_;
  }
  void wait_for_woken(std::size_t count) {
    while (woken_now().size() < count) std::this_thread::yield();
  }
  void notify(std::int64_t n) {
    const std::lock_guard hold(changed_);
    changed_.notify(n);
  }

  condition<Lock> changed_;
  std::vector<int> woken_;
  std::vector<std::jthread> threads_;
};

using Locks = testing::Types<recursive_mutex, mutex, checked_mutex, std::mutex>;
TYPED_TEST_SUITE(Condition, Locks);

TYPED_TEST(Condition, WakesInOrderExactlyAsManyAsNotified) {
  for (int i = 0; i < 6; ++i) this->start_waiter(i);
  this->notify(0);
  this->notify(1);
  this->wait_for_woken(1);
  this->notify(1);
  this->wait_for_woken(2);
  this->notify(2);
  this->wait_for_woken(4);
  std::this_thread::sleep_for(a_moment);
  EXPECT_EQ(this->woken_now().size(), 4U) << "no more than were notified";
  EXPECT_EQ(this->changed_.waiting(), 2U);
  this->notify(100);
  this->threads_.clear();
  EXPECT_EQ(this->woken_[0], 0);
  EXPECT_EQ(this->woken_[1], 1);
  EXPECT_EQ(this->woken_[2] + this->woken_[3], 2 + 3);
}

TYPED_TEST(Condition, NotifyAllWakesAll) {
  for (int i = 0; i < 4; ++i) this->start_waiter(i);
  {
    const std::lock_guard hold(this->changed_);
    this->changed_.notify_all();
  }
  this->threads_.clear();
  EXPECT_EQ(this->woken_.size(), 4U);
}

TYPED_TEST(Condition, NotificationsAreNotKept) {
  this->notify(3);
  const std::lock_guard hold(this->changed_);
  this->changed_.notify_all();
  EXPECT_FALSE(this->changed_.wait_for(1ms));
}

TYPED_TEST(Condition, TimedWaitIsNotEarlyAndMayPoll) {
  const std::lock_guard hold(this->changed_);
  const auto begin = steady_clock::now();
  EXPECT_FALSE(this->changed_.wait_for(a_moment));
  EXPECT_GE(steady_clock::now() - begin, a_moment);
  EXPECT_FALSE(this->changed_.wait_for(-1h));
  EXPECT_FALSE(this->changed_.wait_until(std::chrono::system_clock::now() - 1s));
  EXPECT_EQ(this->changed_.waiting(), 0U);
}

TYPED_TEST(Condition, WaitForReturnsTheLastValueOfThePredicate) {
  std::unique_lock hold(this->changed_);
  int value = 0;
  const auto look = [&] { return value; };
  EXPECT_EQ(this->changed_.wait_for(1ms, look), 0);
  EXPECT_EQ(this->changed_.wait_until(steady_clock::now(), look), 0);
  value = 7;
  EXPECT_EQ(this->changed_.wait_for(-1s, look), 7);
  EXPECT_EQ(this->changed_.wait(std::stop_token(), look), 7);
  this->changed_.wait(look);
  value = 0;
  std::jthread other([&] {
    for (int i = 0; i <= 1; ++i) {
      std::this_thread::sleep_for(1ms);
      const std::lock_guard hold_it(this->changed_);
      value = i * 5;
      this->changed_.notify();
    }
  });
  EXPECT_EQ(this->changed_.wait_for(1h, look), 5);
}

TYPED_TEST(Condition, PredicateThatThrowsLeavesTheLockHeld) {
  {
    std::unique_lock hold(this->changed_);
    EXPECT_THROW(this->changed_.wait_for(1h, []() -> bool { throw std::domain_error("no"); }), std::domain_error);
  }
  EXPECT_TRUE(std::unique_lock(this->changed_, std::try_to_lock).owns_lock());
}

TYPED_TEST(Condition, RefusesNegativeNumbers) {
  const std::lock_guard hold(this->changed_);
  EXPECT_THROW(this->changed_.notify(-1), std::invalid_argument);
  EXPECT_THROW(this->changed_.notify(std::numeric_limits<std::int64_t>::min()), std::invalid_argument);
}

TYPED_TEST(Condition, WaitEndsAtAStop) {
  std::stop_source before;
  before.request_stop();
  {
    const std::lock_guard hold(this->changed_);
    EXPECT_FALSE(this->changed_.wait(before.get_token()));
    EXPECT_FALSE(this->changed_.wait(before.get_token(), [] { return false; }));
    EXPECT_TRUE(this->changed_.wait(before.get_token(), [] { return true; }));
  }
  for (int round = 0; round < 200; ++round) {
    std::stop_source stop;
    std::jthread waiting([&] {
      const std::lock_guard hold(this->changed_);
      EXPECT_FALSE(this->changed_.wait(stop.get_token()));
    });
    if (round % 2 == 0) std::this_thread::sleep_for(std::chrono::microseconds(round * 3));
    stop.request_stop();
  }
  EXPECT_EQ(this->changed_.waiting(), 0U);
}

// Whoever requests the stop may hold the lock.
TYPED_TEST(Condition, StopUnderTheLock) {
  std::stop_source stop;
  std::jthread waiting([&] {
    const std::lock_guard hold(this->changed_);
    EXPECT_FALSE(this->changed_.wait(stop.get_token()));
  });
  while (this->changed_.waiting() == 0) std::this_thread::yield();
  const std::lock_guard hold(this->changed_);
  stop.request_stop();
}

// Tokens are put down one at a time, each with one notification, and taken only by who was told that it was notified.
// The one without a limit takes any. A notification that is lost, or spent on one that says that it gave up, leaves a
// token that nobody comes for: a test that does not end.
TYPED_TEST(Condition, NoNotificationIsLostToThoseWhoGiveUp) {
  constexpr int tokens = 2000;
  auto& changed = this->changed_;
  bool there = false;
  bool over = false;
  int taken = 0;
  std::vector<std::jthread> running;
  for (int t = 0; t < 4; ++t) {
    running.emplace_back([&, t] {
      const std::lock_guard hold(changed);
      while (!over) {
        const bool notified = t == 0 ? (changed.wait(), true) : changed.wait_for(5us * t);
        if (notified && std::exchange(there, false)) ++taken;
      }
    });
  }
  for (int put = 0; put < tokens; yield()) {
    const std::lock_guard hold(changed);
    if (there || changed.waiting() < 4) continue;  // all wait: who is notified takes it
    there = true;
    ++put;
    changed.notify();
  }
  {
    const std::lock_guard hold(changed);
    over = true;
    changed.notify_all();
  }
  running.clear();
  EXPECT_EQ(taken + there, tokens);
}

TEST(ConditionOfLocks, NeedsTheLock) {
  condition<> changed;
  EXPECT_THROW(changed.wait(), not_owner);
  EXPECT_THROW((void)changed.wait_for(0s), not_owner);
  EXPECT_THROW((void)changed.wait(std::stop_token()), not_owner);
  EXPECT_THROW(changed.wait([] { return true; }), not_owner);
  EXPECT_THROW(changed.notify(), not_owner);
  EXPECT_THROW(changed.notify_all(), not_owner);
  EXPECT_THROW(changed.unlock(), not_owner);
  const std::lock_guard hold(changed);
  std::jthread([&] { EXPECT_THROW(changed.notify(), not_owner); }).join();
  changed.notify();

  checked_mutex lock;
  condition over_checked(lock);
  EXPECT_THROW(over_checked.notify_all(), not_owner);
  EXPECT_FALSE(over_checked.owned_by_me());
}

TEST(ConditionOfLocks, SaysWhetherItIsLocked) {
  condition changed;
  static_assert(std::is_same_v<decltype(changed), condition<recursive_mutex>>);
  EXPECT_FALSE(changed.locked());
  const std::lock_guard hold(changed);
  EXPECT_TRUE(changed.locked());
  EXPECT_TRUE(changed.owned_by_me());
}

TEST(ConditionOfLocks, RecursiveLockIsReleasedAltogetherAndRestored) {
  recursive_mutex lock;
  condition changed(lock);
  bool ready = false;
  std::jthread other;
  {
    const std::lock_guard one(lock);
    const std::lock_guard two(lock);
    const std::lock_guard three(changed);
    EXPECT_EQ(lock.depth(), 3U);
    other = std::jthread([&] {
      const std::lock_guard hold(lock);  // would never get it
      EXPECT_EQ(lock.depth(), 1U);
      ready = true;
      changed.notify();
    });
    changed.wait([&] { return ready; });
    EXPECT_EQ(lock.depth(), 3U);
    EXPECT_FALSE(changed.wait_for(1ms));
    EXPECT_EQ(lock.depth(), 3U);
  }
  other.join();
  EXPECT_FALSE(lock.locked());
}

TEST(ConditionOfLocks, SeveralShareALock) {
  mutex lock;
  condition not_empty(lock);
  condition not_full(lock);
  std::optional<int> slot;
  long sum = 0;
  {
    std::jthread producer([&] {
      for (int i = 1; i <= 2000; ++i) {
        const std::lock_guard hold(lock);
        not_full.wait([&] { return !slot; });
        slot = i;
        not_empty.notify();
      }
    });
    for (int i = 1; i <= 2000; ++i) {
      const std::lock_guard hold(lock);
      not_empty.wait([&] { return slot.has_value(); });
      sum += *slot;
      slot.reset();
      not_full.notify();
    }
  }
  EXPECT_EQ(sum, 2000L * 2001 / 2);
}

}  // namespace
}  // namespace switchyard::blocking
