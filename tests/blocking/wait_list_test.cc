// Waiting under any lock: exactly as many wake as were picked, in order, and none is lost to a time limit.

#include "switchyard/blocking/detail/wait_list.h"

#include <gtest/gtest.h>

#include <chrono>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "switchyard/atomics/atomic.h"
#include "switchyard/blocking/mutex.h"

namespace switchyard::blocking::detail {
namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;

// The least that a lock can be.
class spin_lock {
 public:
  void lock() noexcept {
    while (held_.exchange(true, memory_order_acquire)) yield();
  }
  void unlock() noexcept { held_.store(false, memory_order_release); }

 private:
  atomic<bool> held_{false};
};

template <class Lock>
class WaitList : public testing::Test {
 protected:
  // Starts a thread that waits until `limit`, and returns once it does. Its number and what wait() returned
  // go to `woken_` and `picked_`.
  void start_waiter(int number, deadline limit = deadline::never()) {
    const std::size_t before = waiting_now();
    threads_.emplace_back([this, number, limit] {
      std::unique_lock hold(lock_);
      ++entered_;
      const bool picked = list_.wait(hold, limit);
      EXPECT_TRUE(hold.owns_lock());
      woken_.push_back(number);
      picked_.push_back(picked);
    });
    while (waiting_now() == before) std::this_thread::yield();
  }

  // Wakes up to `count`, and returns when there are `expected` that came back in all.
  void wake(std::size_t count, std::size_t expected) {
    {
      wake_after_unlock wake;
      const std::unique_lock hold(lock_);
      wake.add(list_, count);
    }
    while (woken_now() < expected) std::this_thread::yield();
  }

  // A thread that counts itself in holds the lock until it waits.
  std::size_t waiting_now() {
    const std::unique_lock hold(lock_);
    return entered_;
  }
  std::size_t woken_now() {
    const std::unique_lock hold(lock_);
    return woken_.size();
  }

  Lock lock_;
  wait_list list_;
  std::size_t entered_ = 0;
  std::vector<int> woken_;
  std::vector<bool> picked_;
  std::vector<std::jthread> threads_;
};

using Locks = testing::Types<mutex, std::mutex, spin_lock>;
TYPED_TEST_SUITE(WaitList, Locks);

TYPED_TEST(WaitList, AsManyWakeAsWerePickedInOrder) {
  for (int i = 0; i < 6; ++i) this->start_waiter(i);
  this->wake(0, 0);
  this->wake(1, 1);
  this->wake(1, 2);
  this->wake(2, 4);
  std::this_thread::sleep_for(20ms);
  EXPECT_EQ(this->woken_now(), 4U) << "more woke than were picked";
  this->wake(100, 6);
  this->threads_.clear();
  EXPECT_TRUE(this->list_.empty());
  EXPECT_EQ(this->woken_[0], 0);
  EXPECT_EQ(this->woken_[1], 1);
  EXPECT_EQ(this->woken_[2] + this->woken_[3], 2 + 3);
  EXPECT_EQ(this->picked_, std::vector<bool>(6, true));
}

TYPED_TEST(WaitList, WakingNobody) {
  wake_after_unlock wake;
  const std::unique_lock hold(this->lock_);
  wake.add(this->list_, 5);
  EXPECT_TRUE(this->list_.empty());
}

TYPED_TEST(WaitList, LimitsAreKept) {
  for (const auto limit : {-1h, std::chrono::hours::min(), 0h}) {
    std::unique_lock hold(this->lock_);
    EXPECT_FALSE(this->list_.wait(hold, deadline::after(limit)));
  }
  for (const auto limit : {50us, 2000us, 20'000us}) {
    std::unique_lock hold(this->lock_);
    const auto start = steady_clock::now();
    EXPECT_FALSE(this->list_.wait(hold, deadline::after(limit)));
    EXPECT_GE(steady_clock::now() - start, limit);
    EXPECT_TRUE(this->list_.empty());
  }
}

// Those who gave up are not picked any more, wherever in the list they were.
TYPED_TEST(WaitList, WhoGaveUpIsNotPicked) {
  for (int i = 0; i < 7; ++i) {
    this->start_waiter(i, i % 3 == 0 ? deadline::after(30ms) : deadline::never());
  }
  while (this->woken_now() < 3) std::this_thread::yield();
  EXPECT_EQ(this->picked_, std::vector<bool>(3, false));
  this->wake(2, 5);
  this->wake(2, 7);
  this->threads_.clear();
  EXPECT_TRUE(this->list_.empty());
}

// Tokens are put down one at a time, each with one pick. One thread takes any token it sees; the others keep
// giving up, and take a token only when they were picked for it. A pick that is lost, or spent on a thread
// that says it gave up, leaves a token that nobody comes for: a test that does not end.
TYPED_TEST(WaitList, NoPickIsLostToThoseWhoGiveUp) {
  constexpr int tokens = 3000;
  constexpr int impatient_threads = 3;
  bool there = false;
  bool over = false;
  int taken = 0;
  const auto take = [&] {
    if (std::exchange(there, false)) ++taken;
  };
  std::vector<std::jthread> running;
  running.emplace_back([&] {
    std::unique_lock hold(this->lock_);
    while (!over) {
      this->list_.wait(hold, deadline::never());
      take();
    }
  });
  for (int t = 0; t < impatient_threads; ++t) {
    running.emplace_back([&, t] {
      std::unique_lock hold(this->lock_);
      while (!over) {
        if (this->list_.wait(hold, deadline::after(5us * (t + 1)))) take();
      }
    });
  }
  for (int i = 0; i < tokens; yield()) {
    wake_after_unlock wake;
    const std::unique_lock hold(this->lock_);
    if (there || this->list_.empty()) continue;
    there = true;
    ++i;
    wake.add(this->list_, 1);
  }
  {
    wake_after_unlock wake;
    const std::unique_lock hold(this->lock_);
    over = true;
    wake.add(this->list_, 100);
  }
  running.clear();
  EXPECT_EQ(taken + there, tokens);
  EXPECT_TRUE(this->list_.empty());
}

}  // namespace
}  // namespace switchyard::blocking::detail
