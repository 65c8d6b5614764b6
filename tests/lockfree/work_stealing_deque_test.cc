// What is particular to lockfree::work_stealing_deque; what every deque owes is in tests/conformance.
#include "switchyard/lockfree/work_stealing_deque.h"

#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <thread>
#include <utility>
#include <vector>

#include "switchyard/atomics/atomic.h"
#include "switchyard/interface/conqueue_status.h"
#include "switchyard/lockfree/detail/slots.h"

namespace switchyard::lockfree {
namespace {

// Indices that wrap, and an empty deque at index 0, whose last index would be -1.
TEST(WorkStealingDeque, IndicesWrap) {
  for (const std::uint64_t start : {std::uint64_t{0}, std::numeric_limits<std::uint64_t>::max() - 3,
                                    std::uint64_t{1} << 63, (std::uint64_t{1} << 63) - 2,
                                    (std::uint64_t{1} << 32) - 2}) {
    work_stealing_deque<int> deque(2, detail::start_at{start});
    EXPECT_EQ(deque.try_pop().error(), conqueue_status::empty);
    EXPECT_EQ(deque.try_steal().error(), conqueue_status::empty);
    EXPECT_EQ(deque.size_approx(), 0U);
    for (int lap = 0; lap < 5; ++lap) {
      for (int i = 0; i < 7; ++i) deque.push(i);
      EXPECT_EQ(deque.size_approx(), 7U);
      EXPECT_EQ(deque.try_steal(), 0);
      EXPECT_EQ(deque.try_pop(), 6);
      std::array<int, 3> half{};
      EXPECT_EQ(deque.try_steal_half(half.begin()), 3U);
      EXPECT_EQ(half, (std::array{1, 2, 3}));
      EXPECT_EQ(deque.try_pop(), 5);
      EXPECT_EQ(deque.try_pop(), 4);
      EXPECT_EQ(deque.try_pop().error(), conqueue_status::empty);
      EXPECT_EQ(deque.try_pop().error(), conqueue_status::empty);
    }
  }
}

// An element whose move can be held up in the middle: a thread stopped with an element in its hands.
struct stoppable {
  static inline atomic<int> stop_at{-1};
  static inline atomic<bool> stopped{false};
  static inline atomic<bool> go{false};

  explicit stoppable(int v) : value(v) {}
  stoppable(stoppable&& other) : value(std::exchange(other.value, -2)) {
    if (value != stop_at.load()) return;
    stopped.store(true);
    while (!go.load()) yield();
  }
  stoppable& operator=(stoppable&&) = default;
  int value;
};

TEST(WorkStealingDeque, AThiefStoppedInTheMiddleStopsNobody) {
  work_stealing_deque<stoppable> deque(1);
  for (int i = 0; i < 4; ++i) deque.emplace(i);
  stoppable::stop_at.store(0);
  std::thread stopped([&] { EXPECT_EQ(deque.try_steal()->value, 0); });
  while (!stoppable::stopped.load()) yield();
  EXPECT_EQ(deque.try_steal()->value, 1);
  for (int lap = 0; lap < 100; ++lap) {
    for (int i = 10; i < 40; ++i) deque.emplace(i);
    EXPECT_EQ(deque.try_steal()->value, lap == 0 ? 2 : 10);
    for (int i = 39; i > (lap == 0 ? 9 : 10); --i) EXPECT_EQ(deque.try_pop()->value, i);
    if (lap == 0) {
      EXPECT_EQ(deque.try_pop()->value, 3);
    }
    EXPECT_EQ(deque.try_pop().error(), conqueue_status::empty);
  }
  stoppable::go.store(true);
  stopped.join();
}

TEST(WorkStealingDeque, BuildingAndMovingAnElementMayUseTheDeque) {
  struct nested {
    nested(work_stealing_deque<nested>* d, int depth) : deque(d), value(depth) {
      if (depth > 0) deque->emplace(deque, depth - 1);
    }
    nested(nested&& other) noexcept : deque(other.deque), value(other.value) {
      if (value == 3) deque->emplace(deque, 1);  // while it is popped
    }
    work_stealing_deque<nested>* deque;
    int value;
  };
  work_stealing_deque<nested> deque(1);
  deque.emplace(&deque, 4);  // the innermost is finished, and so pushed, first
  EXPECT_EQ(deque.try_steal()->value, 0);
  EXPECT_EQ(deque.try_pop()->value, 4);
  auto three = deque.try_pop();
  EXPECT_EQ(three->value, 3);
  EXPECT_EQ(deque.try_pop()->value, 1);
  EXPECT_EQ(deque.try_pop()->value, 0);
}

// A ring that is given back while thieves look at it. For the sanitizers.
TEST(WorkStealingDeque, ShrinksBesideThieves) {
  work_stealing_deque<std::uint64_t> deque(1);
  constexpr int thieves = 3;
  atomic<bool> done{false};
  std::array<std::uint64_t, thieves> sums{};
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < thieves; ++t) {
    threads.emplace_back([&, t] {
      while (!done.load(memory_order_acquire)) {
        if (const auto stolen = deque.try_steal()) {
          sums[t] += *stolen;
        } else {
          yield();
        }
      }
    });
  }
  std::uint64_t pushed = 0, popped = 0, next = 1;
  const auto push = [&] { deque.push((pushed += next, next++)); };
  for (int lap = 0; lap < 30; ++lap) {
    for (int i = 0; i < 600; ++i) push();  // grows
    for (int i = 0; i < 6000; ++i) {       // shrinks
      push();
      for (int k = 0; k < 2; ++k) {
        if (const auto one = deque.try_pop()) popped += *one;
      }
    }
  }
  while (const auto one = deque.try_pop()) popped += *one;
  done.store(true, memory_order_release);
  for (auto& thread : threads) thread.join();
  for (const std::uint64_t sum : sums) popped += sum;
  EXPECT_EQ(popped, pushed);
}

}  // namespace
}  // namespace switchyard::lockfree
