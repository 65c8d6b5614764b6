#include "switchyard/atomics/asymmetric_fence.h"

#include <gtest/gtest.h>

#include <thread>

#include "switchyard/atomics/atomic.h"

namespace switchyard {
namespace {

// Both threads store, fence, and load what the other stores. Without the fences both may read 0.
int rounds_in_which_neither_saw_the_other(int rounds) {
  atomic<int> x{0};
  atomic<int> y{0};
  atomic<int> round{0};
  atomic<int> arrived{0};
  int seen_by_light = 0;
  int failures = 0;
  std::thread light([&] {
    for (int i = 1; i <= rounds; ++i) {
      while (round.load(memory_order_acquire) != i) yield();
      x.store(1, memory_order_relaxed);
      asymmetric_fence_light();
      seen_by_light = y.load(memory_order_relaxed);
      arrived.store(i, memory_order_release);
    }
  });
  for (int i = 1; i <= rounds; ++i) {
    x.store(0, memory_order_relaxed);
    y.store(0, memory_order_relaxed);
    round.store(i, memory_order_release);
    for (int pause = 0; pause < i % 64; ++pause) spin_pause();
    y.store(1, memory_order_relaxed);
    asymmetric_fence_heavy();
    const int seen_by_heavy = x.load(memory_order_relaxed);
    while (arrived.load(memory_order_acquire) != i) yield();
    failures += seen_by_heavy == 0 && seen_by_light == 0;
  }
  light.join();
  return failures;
}

TEST(AsymmetricFence, OneSideSeesTheOther) {
  EXPECT_EQ(rounds_in_which_neither_saw_the_other(50'000), 0);
}

TEST(AsymmetricFence, OneSideSeesTheOtherWithoutMembarrier) {
  detail::use_membarrier(false);
  EXPECT_FALSE(detail::membarrier_ready.load());
  const int failures = rounds_in_which_neither_saw_the_other(50'000);
  detail::use_membarrier(true);
  EXPECT_EQ(failures, 0);
}

TEST(AsymmetricFence, IsReadyBeforeMain) {
  EXPECT_EQ(detail::membarrier_ready.load(), detail::register_membarrier());
}

}  // namespace
}  // namespace switchyard
