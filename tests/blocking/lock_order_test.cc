#include "switchyard/blocking/lock_order.h"

#include <gtest/gtest.h>

#include <chrono>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "switchyard/blocking/bounded_queue.h"
#include "switchyard/blocking/counter.h"
#include "switchyard/blocking/mutex.h"
#include "switchyard/blocking/synchronized.h"
#include "switchyard/blocking/update.h"

namespace switchyard::blocking {
namespace {

using checked = order_checked<mutex>;

std::vector<lock_cycle> reports;
void keep(const lock_cycle& cycle) { reports.push_back(cycle); }
struct refused : std::runtime_error {
  using runtime_error::runtime_error;
};
void refuse(const lock_cycle& cycle) {
  keep(cycle);
  throw refused("a cycle");
}

/// Within it cycles are kept in `reports`, or refused.
class lock_order : public testing::Test {
 protected:
  lock_order() : before_(set_lock_order_handler(keep)) { reports.clear(); }
  ~lock_order() override { set_lock_order_handler(before_); }

  static std::size_t pairs() { return detail::lock_graph::instance().size(); }

 private:
  lock_order_handler before_;
};

void take_first_then(checked& a, checked& b) {
  const std::lock_guard first(a);
  const std::lock_guard second(b);
}

TEST_F(lock_order, TwoLocksInTwoOrders) {
  checked a, b;
  take_first_then(a, b);
  take_first_then(a, b);
  EXPECT_TRUE(reports.empty());
  take_first_then(b, a);  // in one thread it is no deadlock, but can be one
  ASSERT_EQ(reports.size(), 1u);
  const auto& steps = reports[0].steps;
  ASSERT_EQ(steps.size(), 2u);
  EXPECT_EQ(steps[0].held, &b);
  EXPECT_EQ(steps[0].taken, &a);
  EXPECT_EQ(steps[1].held, &a);
  EXPECT_EQ(steps[1].taken, &b);
  EXPECT_GT(steps[0].stack.size(), 2u);
  EXPECT_GT(steps[1].stack.size(), 2u);
  const std::string text = reports[0].text();
  EXPECT_NE(text.find("is about to be taken while"), std::string::npos) << text;
  EXPECT_NE(text.find("was taken while"), std::string::npos) << text;
}

TEST_F(lock_order, InDifferentThreads) {
  checked a, b;
  std::thread(take_first_then, std::ref(a), std::ref(b)).join();
  std::thread(take_first_then, std::ref(b), std::ref(a)).join();
  EXPECT_EQ(reports.size(), 1u);
}

TEST_F(lock_order, ThreeLocks) {
  checked a, b, c;
  take_first_then(a, b);
  take_first_then(b, c);
  EXPECT_TRUE(reports.empty());
  take_first_then(c, a);
  ASSERT_EQ(reports.size(), 1u);
  const auto& steps = reports[0].steps;
  ASSERT_EQ(steps.size(), 3u);
  EXPECT_EQ(steps[0].held, &c);
  EXPECT_EQ(steps[1].held, &a);
  EXPECT_EQ(steps[2].held, &b);
  EXPECT_EQ(steps[2].taken, &c);
}

TEST_F(lock_order, AHandlerThatThrowsKeepsTheLockFromBeingTaken) {
  checked a, b;
  take_first_then(a, b);
  set_lock_order_handler(refuse);
  EXPECT_THROW(take_first_then(b, a), refused);
  ASSERT_EQ(reports.size(), 1u);
  EXPECT_TRUE(a.try_lock());
  EXPECT_TRUE(b.try_lock());
  a.unlock();
  b.unlock();
  EXPECT_THROW(take_first_then(b, a), refused) << "as often as it is tried";
}

TEST_F(lock_order, TheSameLockTwice) {
  checked a;
  set_lock_order_handler(refuse);
  a.lock();
  EXPECT_THROW(a.lock(), refused);
  ASSERT_EQ(reports.size(), 1u);
  EXPECT_EQ(reports[0].steps.size(), 1u);
  a.unlock();

  order_checked<std::recursive_mutex> r;
  r.lock();
  r.lock();
  r.unlock();
  EXPECT_EQ(reports.size(), 1u);
  checked b;
  r.unlock();
  b.lock();
  r.lock();
  r.unlock();
  b.unlock();
  r.lock();
  EXPECT_THROW(b.lock(), refused);
  r.unlock();
}

TEST_F(lock_order, TryingCannotDeadlock) {
  checked a, b;
  {
    const std::scoped_lock first(a);
    const std::scoped_lock second(b);
  }
  b.lock();
  EXPECT_TRUE(a.try_lock());
  a.unlock();
  EXPECT_TRUE(a.try_lock_for(std::chrono::seconds(1)));
  a.unlock();
  EXPECT_TRUE(a.try_lock_until(std::chrono::steady_clock::now() + std::chrono::seconds(1)));
  a.unlock();
  b.unlock();
  EXPECT_TRUE(reports.empty());
}

TEST_F(lock_order, WhatWasTriedIsHeld) {
  checked a, b;
  take_first_then(a, b);
  EXPECT_TRUE(b.try_lock());
  a.lock();
  EXPECT_EQ(reports.size(), 1u);
  a.unlock();
  b.unlock();
}

TEST_F(lock_order, LocksThatAreGoneLeaveTheGraph) {
  const std::size_t before = pairs();
  checked a, c;
  std::optional<checked> b(std::in_place);
  take_first_then(a, *b);
  take_first_then(*b, c);
  EXPECT_EQ(pairs(), before + 2);
  b.emplace();  // at the same address
  EXPECT_EQ(pairs(), before);
  take_first_then(c, a);
  take_first_then(*b, a);
  EXPECT_TRUE(reports.empty());
}

TEST_F(lock_order, UnlockedByAnother) {
  checked a, b;
  a.lock();
  std::thread([&] { a.unlock(); }).join();
  const std::size_t before = pairs();
  b.lock();  // this thread does not hold `a` any more
  b.unlock();
  EXPECT_EQ(pairs(), before);
  take_first_then(b, a);
  EXPECT_TRUE(reports.empty());
}

// Not std::shared_mutex, since ThreadSanitizer would report what we report.
struct shareable : mutex {
  ABSL_NO_THREAD_SAFETY_ANALYSIS void lock_shared() { lock(); }
  ABSL_NO_THREAD_SAFETY_ANALYSIS bool try_lock_shared() { return try_lock(); }
  ABSL_NO_THREAD_SAFETY_ANALYSIS void unlock_shared() { unlock(); }
};
TEST_F(lock_order, SharedLocksCount) {
  order_checked<shareable> a, b;
  {
    const std::shared_lock first(a);
    const std::shared_lock second(b);
  }
  b.lock();
  EXPECT_TRUE(a.try_lock_shared());
  a.unlock_shared();
  b.unlock();
  EXPECT_TRUE(reports.empty());
  const std::shared_lock first(b);
  const std::unique_lock second(a);
  EXPECT_EQ(reports.size(), 1u);
}

// `update` has one order; what is locked within f has to fit in.
TEST_F(lock_order, UnderTheStructuresOfThisFolder) {
  bounded_queue<int, std::allocator<int>, checked> queue(2);
  EXPECT_TRUE(queue.push(1));
  std::jthread popper([&] { EXPECT_EQ(queue.pop(), 1); EXPECT_EQ(queue.pop(), 2); });
  EXPECT_TRUE(queue.push(2));
  basic_counter<checked> counter;
  counter.increment();

  synchronized<int, checked> a(1), b(2);
  const auto swap = [](int& x, int& y) { std::swap(x, y); };
  update(a, b, swap);
  update(b, a, swap);
  EXPECT_TRUE(reports.empty());
  update(a, b, [&](int&, int&) { counter.increment(); });
  EXPECT_TRUE(reports.empty());
  a.update([&](int&) { b.update([](int&) {}); });
  b.update([&](int&) { a.update([](int&) {}); });
  EXPECT_EQ(reports.size(), 1u);
}

TEST(lock_order_death, PrintsBothStacksAndAborts) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  checked a, b;
  take_first_then(a, b);
  EXPECT_DEATH(take_first_then(b, a), "can deadlock(.|\n)*is about to be taken(.|\n)*was taken");
}

TEST(lock_order_threads, ManyThreadsInOneOrder) {
  checked locks[6];
  long guarded = 0;
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < 300; ++i) {
          const std::scoped_lock one(locks[(i + t) % 2]);
          const std::scoped_lock two(locks[2 + i % 3]);
          const std::scoped_lock last(locks[5]);
          ++guarded;
        }
      });
    }
  }
  EXPECT_EQ(guarded, 1200);
}

}  // namespace
}  // namespace switchyard::blocking
