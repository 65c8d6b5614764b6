// What is particular to lockfree::priority_queue; what every queue, and every priority queue, owes is in tests/conformance.
#include "switchyard/lockfree/priority_queue.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "switchyard/atomics/atomic.h"
#include "switchyard/interface/by_key.h"
#include "switchyard/lockfree/rcu.h"

namespace switchyard::lockfree {
namespace {

// Elements counted, and compared by an order that can be held up in the middle: a thread stopped inside the queue.
struct stoppable {
  static inline atomic<int> stop_at{-1};
  static inline atomic<bool> stopped{false};
  static inline atomic<bool> go{false};

  static void reset(int at) {
    stopped.store(false);
    go.store(false);
    stop_at.store(at);
  }
  static void pass(int value) {
    int seen = value;
    if (!stop_at.compare_exchange_strong(seen, -1)) return;
    stopped.store(true);
    while (!go.load()) yield();
  }
};
struct stopping_less {
  bool operator()(int a, int b) const {
    stoppable::pass(a);
    return a < b;
  }
};

TEST(PriorityQueue, AProducerStoppedInTheMiddleStopsNobody) {
  stoppable::reset(-1);
  priority_queue<int, stopping_less> queue;
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(queue.push(i));
  stoppable::reset(9);
  std::thread stopped([&] { EXPECT_TRUE(queue.push(100)); });  // compares with 9, and stops
  while (!stoppable::stopped.load()) yield();
  for (int i = 9; i >= 0; --i) EXPECT_EQ(queue.try_pop().value(), i);
  for (int lap = 0; lap < 10; ++lap) {
    for (int i = 0; i < 100; ++i) ASSERT_EQ(queue.try_push(i), conqueue_status::success);
    for (int i = 99; i >= 0; --i) ASSERT_EQ(queue.try_pop().value(), i);
    ASSERT_EQ(queue.try_pop().error(), conqueue_status::empty);
  }
  queue.close();
  EXPECT_EQ(queue.try_push(4), conqueue_status::closed);
  EXPECT_EQ(queue.try_pop().error(), conqueue_status::empty);  // a push may still succeed
  stoppable::go.store(true);
  EXPECT_EQ(queue.pop(), 100);
  EXPECT_EQ(queue.pop(), std::nullopt);
  stopped.join();
}

// Every height meets every order of coming.
TEST(PriorityQueue, SortsWhateverComes) {
  constexpr std::uint64_t count = 20'000;
  const auto expect_sorted = [&](auto number_at) {
    priority_queue<std::uint64_t> queue;
    for (std::uint64_t i = 0; i < count; ++i) ASSERT_TRUE(queue.push(number_at(i)));
    EXPECT_EQ(queue.size_approx(), count);
    std::uint64_t last = UINT64_MAX;
    for (std::uint64_t i = 0; i < count; ++i) {
      const auto x = queue.try_pop();
      ASSERT_LE(*x, last);
      last = *x;
    }
    EXPECT_EQ(queue.try_pop().error(), conqueue_status::empty);
  };
  expect_sorted([](std::uint64_t i) { return i; });
  expect_sorted([](std::uint64_t i) { return count - i; });
  expect_sorted([](std::uint64_t i) { return i * 40503 % 65536; });
  expect_sorted([](std::uint64_t i) { return i % 3; });
  expect_sorted([](std::uint64_t) { return std::uint64_t{7}; });
}

// How many comparisons each push makes, on average, after so many pops and pushes.
struct counting_less {
  static inline std::uint64_t comparisons = 0;
  bool operator()(std::uint64_t a, std::uint64_t b) const {
    ++comparisons;
    return a < b;
  }
};
TEST(PriorityQueue, TheIndexSurvivesWhatLeavesIt) {
  for (const int popped : {0, 1, 3, 17, 40}) {
    for (const bool rising : {true, false}) {
      priority_queue<std::uint64_t, counting_less> queue;
      // The highest of all, so that they lead every level, and then go.
      for (int i = 0; i < popped; ++i) ASSERT_TRUE(queue.push(1'000'000 + static_cast<std::uint64_t>(i)));
      for (int i = 0; i < popped; ++i) ASSERT_TRUE(queue.try_pop());
      for (std::uint64_t i = 0; i < 50'000; ++i) ASSERT_TRUE(queue.push(rising ? i : 50'000 - i));
      counting_less::comparisons = 0;
      for (std::uint64_t i = 0; i < 1000; ++i) ASSERT_TRUE(queue.push(i * 40503 % 50'000));
      EXPECT_LT(counting_less::comparisons / 1000, 120U) << "after " << popped << " pops";  // 50,000 without an index
    }
  }
}

// An element that is copied out stays for a while, and is gone with the queue at the latest.
TEST(PriorityQueue, WhatIsCopiedOutIsDestroyedInTime) {
  std::weak_ptr<int> seen;
  {
    priority_queue<std::shared_ptr<int>> queue;
    auto mine = std::make_shared<int>(1);
    seen = mine;
    ASSERT_TRUE(queue.push(std::move(mine)));
    EXPECT_EQ(**queue.try_pop(), 1);
  }
  EXPECT_TRUE(seen.expired());
}

// By key it is moved, and destroyed at once.
TEST(PriorityQueue, WhatIsMovedOutIsDestroyedAtOnce) {
  using pointer = std::shared_ptr<int>;
  priority_queue<pointer, by_key<[](const pointer& p) { return *p; }>> queue;
  std::weak_ptr<int> seen;
  {
    auto mine = std::make_shared<int>(1);
    seen = mine;
    ASSERT_TRUE(queue.push(std::move(mine)));
  }
  EXPECT_EQ(**queue.try_pop(), 1);
  EXPECT_TRUE(seen.expired());
}

TEST(PriorityQueue, ByKey) {
  struct order {
    order(int p, std::string n) : price(p), name(std::make_unique<std::string>(std::move(n))) {}
    int price;
    std::unique_ptr<std::string> name;
  };
  priority_queue<order, by_key<&order::price, std::greater<>>> cheapest_first;
  ASSERT_TRUE(cheapest_first.emplace(3, "three"));
  ASSERT_TRUE(cheapest_first.emplace(1, "one"));
  ASSERT_TRUE(cheapest_first.push(order(2, "two")));
  std::string names;
  while (auto next = cheapest_first.try_pop()) names += *next->name + " ";
  EXPECT_EQ(names, "one two three ");
}

// Equal ones, popped and pushed in any order by several threads, all come out.
TEST(PriorityQueue, EqualOnesFromManyThreads) {
  priority_queue<int> queue;
  constexpr int each = 20'000;
  atomic<int> popped{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < each; ++i) {
        ASSERT_TRUE(queue.push((i + t) % 2));
        if (i % 3 != 0 && queue.try_pop()) popped.fetch_add(1);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  while (queue.try_pop()) popped.fetch_add(1);
  EXPECT_EQ(popped.load(), 4 * each);
}

// While threads push and pop, the memory in use stays within bounds.
std::int64_t bytes_out = 0;
template <class T>
struct measuring {
  using value_type = T;
  measuring() = default;
  template <class U>
  measuring(const measuring<U>&) {}
  T* allocate(std::size_t n) {
    bytes_out += static_cast<std::int64_t>(n * sizeof(T));
    return std::allocator<T>().allocate(n);
  }
  void deallocate(T* p, std::size_t n) {
    bytes_out -= static_cast<std::int64_t>(n * sizeof(T));
    std::allocator<T>().deallocate(p, n);
  }
  friend bool operator==(measuring, measuring) { return true; }
};
TEST(PriorityQueue, MemoryIsUsedAgain) {
  std::int64_t most = 0;
  {
    priority_queue<std::uint64_t, std::less<std::uint64_t>, measuring<std::uint64_t>> queue;
    for (std::uint64_t i = 0; i < 200'000; ++i) {
      ASSERT_TRUE(queue.push(i * 40503 % 65536));
      if (i >= 100) {
        ASSERT_TRUE(queue.pop());
      }
      most = std::max(most, bytes_out);
    }
  }
  EXPECT_LT(most, 2'000'000);  // of 12,800,000 in all
  EXPECT_EQ(bytes_out, 0);
}

}  // namespace
}  // namespace switchyard::lockfree
