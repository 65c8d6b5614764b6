// The stacks and priority queues of other libraries, those that this machine has: everything comes out once,
// and in order while only one thread uses it.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <memory>
#include <vector>

#include "switchyard/atomics/atomic.h"
#include "switchyard/interface/queue.h"
#include "switchyard/tests/conformance/sequential_queue.h"
#include "switchyard/tests/conformance/test_support.h"

// Which there are, BUILD.bazel says: a header is found only if its target is among the dependencies.
#if __has_include("switchyard/adapters/boost_stack.h")
#include "switchyard/adapters/boost_stack.h"
#endif
#if __has_include("switchyard/adapters/libcds_stack.h")
#include "switchyard/adapters/libcds_stack.h"
#endif
#if __has_include("switchyard/adapters/tbb_priority_queue.h")
#include "switchyard/adapters/tbb_priority_queue.h"
#endif

namespace switchyard::adapters {
namespace {

using namespace conformance;  // NOLINT: the books

// Boost's stack reads the link of a node that another thread may already be using again, and then sees that it
// has changed; libcds's hazard pointers are in a library that is not instrumented. ThreadSanitizer reports
// both, and ends the program.
#if defined(__SANITIZE_THREAD__)
constexpr bool under_tsan = true;
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
constexpr bool under_tsan = true;
#else
constexpr bool under_tsan = false;
#endif
#else
constexpr bool under_tsan = false;
#endif

template <try_queue Queue, order Ordered>
void expect_in_order() {
  Queue queue;
  EXPECT_EQ(queue.try_pop().error(), conqueue_status::empty);
  numbers_inside<Ordered> inside;
  random_numbers random(1);
  for (int step = 0; step < 20'000; ++step) {
    const std::uint64_t lean = step / 500 % 2 == 0 ? 7 : 3;
    if (random.below(10) < lean) {
      ASSERT_EQ(queue.try_push(inside.add(random.below(1000))), conqueue_status::success);
    } else {
      const auto got = queue.try_pop();
      ASSERT_EQ(got.has_value(), !inside.empty());
      if (got) {
        ASSERT_EQ(*got, inside.take());
      }
    }
  }
}

/// Threads that push and pop, some of which end early: each has to be known to libcds.
template <try_queue Queue>
void expect_everything_once() {
  Queue queue;
  constexpr int threads = 4;
  const auto items = static_cast<std::uint64_t>(scaled(20'000));
  std::vector<std::vector<std::uint64_t>> accepted(threads + 1);
  std::vector<std::vector<std::uint64_t>> popped(threads + 1);
  for (int lap = 0; lap < 2; ++lap) {
    in_threads(threads, [&](int thread) {
      const auto mine = static_cast<std::size_t>(thread);
      for (std::uint64_t i = 0; i < items; ++i) {
        const std::uint64_t item = item_number(thread, items * static_cast<std::uint64_t>(lap) + i);
        EXPECT_EQ(queue.try_push(item), conqueue_status::success);
        accepted[mine].push_back(item);
        if (i % 8 == 7) continue;
        if (const auto got = queue.try_pop()) popped[mine].push_back(*got);
      }
    });
  }
  while (const auto got = queue.try_pop()) popped.back().push_back(*got);
  EXPECT_TRUE(popped_exactly_once(accepted, popped));
}

#if __has_include("switchyard/adapters/boost_stack.h")
TEST(BoostStack, IsAStack) {
  expect_in_order<boost_stack<std::uint64_t>, order::lifo>();
  if (!under_tsan) expect_everything_once<boost_stack<std::uint64_t>>();
}
TEST(BoostStack, PopAll) {
  boost_stack<int> stack;
  for (int i = 0; i < 3; ++i) EXPECT_EQ(stack.try_push(i), conqueue_status::success);
  std::vector<int> all;
  EXPECT_EQ(stack.pop_all(std::back_inserter(all)), 3U);
  EXPECT_EQ(all, (std::vector<int>{2, 1, 0}));
  EXPECT_EQ(stack.pop_all(std::back_inserter(all)), 0U);
}
#endif

#if __has_include("switchyard/adapters/libcds_stack.h")
TEST(LibcdsStack, IsAStack) {
  expect_in_order<libcds_stack<std::uint64_t>, order::lifo>();
  if (!under_tsan) expect_everything_once<libcds_stack<std::uint64_t>>();
}
TEST(LibcdsStack, IsAStackWithElimination) {
  using stack = libcds_stack<std::uint64_t, libcds_elimination::on>;
  expect_in_order<stack, order::lifo>();
  if (!under_tsan) expect_everything_once<stack>();
}
TEST(LibcdsStack, MovesItsElements) {
  libcds_stack<std::unique_ptr<int>> stack;
  EXPECT_EQ(stack.try_push(std::make_unique<int>(1)), conqueue_status::success);
  EXPECT_EQ(stack.try_push(std::make_unique<int>(2)), conqueue_status::success);
  EXPECT_EQ(**stack.try_pop(), 2);
  // And one goes down with the stack.
}
#endif

#if __has_include("switchyard/adapters/tbb_priority_queue.h")
TEST(TbbPriorityQueue, IsAPriorityQueue) {
  expect_in_order<tbb_priority_queue<std::uint64_t>, order::priority>();
  expect_everything_once<tbb_priority_queue<std::uint64_t>>();
}
TEST(TbbPriorityQueue, ComparesAsItIsTold) {
  tbb_priority_queue<int, std::greater<int>> queue;
  for (const int i : {2, 1, 3}) EXPECT_EQ(queue.try_push(i), conqueue_status::success);
  for (const int i : {1, 2, 3}) EXPECT_EQ(queue.try_pop(), pop_result<int>(i));
}
#endif

}  // namespace
}  // namespace switchyard::adapters
