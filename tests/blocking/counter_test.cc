// What the blocking counters promise beyond the conformance suite: any lock will do, and all is linearizable.

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <mutex>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "switchyard/atomics/atomic.h"
#include "switchyard/blocking/counter.h"
#include "switchyard/blocking/mutex.h"
#include "switchyard/blocking/sharded_counter.h"
#include "switchyard/interface/counter.h"

namespace switchyard::blocking {
namespace {

// Abseil's lock under the names that a Lock needs.
class abseil_lock {
 public:
  void lock() ABSL_NO_THREAD_SAFETY_ANALYSIS { lock_.Lock(); }
  bool try_lock() { return lock_.TryLock(); }
  void unlock() ABSL_NO_THREAD_SAFETY_ANALYSIS { lock_.Unlock(); }

 private:
  absl::Mutex lock_;
};

// A lock that lets other threads run at the worst moments, on a machine with few processors too.
class unlucky_lock {
 public:
  void lock() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    lock_.lock();
    yield();
  }
  bool try_lock() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    const bool locked = lock_.try_lock();
    yield();
    return locked;
  }
  void unlock() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    lock_.unlock();
    yield();
  }

 private:
  mutex lock_;
};

template <class Counter>
class BlockingCounter : public testing::Test {};
using Counters =
    testing::Types<counter, basic_counter<std::mutex>, basic_counter<abseil_lock>,
                   basic_counter<unlucky_lock>, sharded_counter, basic_sharded_counter<std::mutex>,
                   basic_sharded_counter<abseil_lock>, basic_sharded_counter<unlucky_lock>>;
TYPED_TEST_SUITE(BlockingCounter, Counters);

constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t least = std::numeric_limits<std::int64_t>::min();

TYPED_TEST(BlockingCounter, OneThread) {
  static_assert(concurrent_counter<TypeParam>);
  TypeParam count;
  EXPECT_EQ(count.load(), 0);
  count.increment();
  count.add(10);
  count.add(-4);
  EXPECT_EQ(count.load(), 7);
  EXPECT_EQ(count.exchange(-2), 7);
  EXPECT_EQ(count.load(), -2);
  EXPECT_EQ(TypeParam(-5).load(), -5);
}

TYPED_TEST(BlockingCounter, Wraps) {
  TypeParam count(most);
  count.increment();
  EXPECT_EQ(count.load(), least);
  count.add(-1);
  EXPECT_EQ(count.exchange(least), most);
  count.add(least);
  EXPECT_EQ(count.load(), 0);
}

// Threads come and go, adding, while another takes what there is: nothing is lost and nothing counts twice.
TYPED_TEST(BlockingCounter, ExchangeLosesNothing) {
  constexpr int threads = 4;
  constexpr int generations = 3;
  constexpr int rounds = 5000;
  TypeParam count;
  atomic<bool> over{false};
  std::int64_t taken = 0;
  std::jthread taker([&] {
    while (!over.load(memory_order_relaxed)) taken += count.exchange(0);
  });
  for (int g = 0; g < generations; ++g) {
    std::vector<std::jthread> running;
    for (int t = 0; t < threads; ++t) {
      running.emplace_back([&] {
        for (int i = 0; i < rounds; ++i) count.increment();
      });
    }
  }
  over.store(true, memory_order_relaxed);
  taker.join();
  EXPECT_EQ(taken + count.load(), std::int64_t{threads} * generations * rounds);
}

// Two threads in turn, one adding 1 and then the other taking 1 away: a load that is linearizable is 0 or 1.
// One that looked at the shard of the first before and at the shard of the second after would be -1. A second
// counter goes the other way round, whichever of the two has the lower shard.
TYPED_TEST(BlockingCounter, LoadIsLinearizable) {
  constexpr int rounds = 300;
  TypeParam forth;
  TypeParam back;
  atomic<int> turn{0};
  atomic<int> running{2};
  const auto take_turns = [&](int mine, std::int64_t n) {
    for (int i = 0; i < rounds; ++i) {
      while (turn.load(memory_order_acquire) != mine) yield();
      forth.add(n);
      back.add(-n);
      turn.store(1 - mine, memory_order_release);
    }
    running.fetch_sub(1, memory_order_relaxed);
  };
  std::jthread up([&] { take_turns(0, 1); });
  std::jthread down([&] { take_turns(1, -1); });
  while (running.load(memory_order_relaxed) > 0) {
    const std::int64_t seen_forth = forth.load();
    EXPECT_TRUE(seen_forth == 0 || seen_forth == 1) << seen_forth;
    const std::int64_t seen_back = back.load();
    EXPECT_TRUE(seen_back == 0 || seen_back == -1) << seen_back;
  }
  up.join();
  down.join();
  EXPECT_EQ(forth.exchange(5), 0);
  EXPECT_EQ(back.exchange(5), 0);
}

}  // namespace
}  // namespace switchyard::blocking
