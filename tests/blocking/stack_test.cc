// What blocking::stack promises beyond the conformance suite: any lock will do, and memory goes back.

#include "switchyard/blocking/stack.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <iterator>
#include <memory>
#include <mutex>
#include <new>
#include <type_traits>
#include <utility>
#include <vector>

#include "switchyard/interface/queue.h"
#include "switchyard/tests/blocking/accounting_allocator.h"

namespace switchyard::blocking {
namespace {

static_assert(concurrent_stack<stack<int>> && concurrent_stack<stack<int, std::allocator<int>, std::mutex>>);
static_assert(!std::is_move_constructible_v<stack<int>> && !std::is_move_assignable_v<stack<int>>);
static_assert(sizeof(stack<int>) == cache_padding, "a stack is one line that moves, and shares it with nobody");

TEST(Stack, AnyLockWillDo) {
  stack<int, std::allocator<int>, std::mutex> numbers;
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(numbers.push(i));
  EXPECT_EQ(numbers.pop(), 2);
  std::vector<int> rest;
  EXPECT_EQ(numbers.pop_all(std::back_inserter(rest)), 2U);
  EXPECT_EQ(rest, (std::vector<int>{1, 0}));
}

// Up and down through all the places where a chunk ends, by all distances around one.
TEST(Stack, IsAStackAtEveryEndOfAChunk) {
  stack<int> numbers;
  std::vector<int> expected;
  const auto up_to = [&](std::size_t height) {
    while (expected.size() < height) {
      expected.push_back(static_cast<int>(expected.size()));
      ASSERT_TRUE(numbers.push(expected.back()));
    }
    while (expected.size() > height) {
      ASSERT_EQ(numbers.pop(), expected.back());
      expected.pop_back();
    }
  };
  constexpr std::size_t chunk = 4096 / sizeof(int);
  for (const std::size_t base : {chunk, 2 * chunk, 3 * chunk}) {
    for (std::size_t above : {0, 1, 2, 3}) {
      for (std::size_t below : {0, 1, 2, 3}) {
        up_to(base + above);
        up_to(base - below);
      }
      up_to(above);
    }
  }
}

TEST(Stack, MemoryGoesBackAsItIsEmptied) {
  ledger book;
  {
    stack<int, accounting_allocator<int>> numbers{accounting_allocator<int>(book)};
    EXPECT_EQ(book.bytes, 0U);
    EXPECT_EQ(numbers.get_allocator().book, &book);
    for (int round = 0; round < 3; ++round) {
      for (int i = 0; i < 100'000; ++i) ASSERT_TRUE(numbers.push(i));
      EXPECT_GE(book.bytes, 100'000 * sizeof(int));
      for (int i = 99'999; i >= 0; --i) ASSERT_EQ(numbers.pop(), i);
      EXPECT_LE(book.bytes, 3 * 4096U);
    }
    // One whose height changes by less than a chunk takes no memory, also where a chunk ends.
    for (int i = 0; i < 4096 / static_cast<int>(sizeof(int)); ++i) ASSERT_TRUE(numbers.push(i));
    for (int i = 0; i < 10; ++i) ASSERT_TRUE(numbers.push(i));
    const std::size_t calls = book.calls;
    for (int round = 0; round < 1000; ++round) {
      for (int i = 0; i < 100; ++i) ASSERT_TRUE(numbers.pop());
      for (int i = 0; i < 100; ++i) ASSERT_TRUE(numbers.push(i));
    }
    EXPECT_EQ(book.calls, calls);
  }
  EXPECT_EQ(book.bytes, 0U);
}

TEST(Stack, FailedAllocationChangesNothing) {
  ledger book;
  using pointer = std::unique_ptr<int>;
  stack<pointer, accounting_allocator<pointer>> pointers{accounting_allocator<pointer>(book)};
  int pushed = 0;
  for (const std::size_t chunks : {0, 1, 2}) {
    book.calls_left = chunks;
    pointer value;
    try {
      for (;; ++pushed) {
        value = std::make_unique<int>(pushed);
        ASSERT_TRUE(pointers.push(std::move(value)));
      }
    } catch (const std::bad_alloc&) {
      ASSERT_NE(value, nullptr) << "a push that threw moved its argument";
    }
    EXPECT_EQ(pointers.size_approx(), static_cast<std::size_t>(pushed));
  }
  while (const auto value = pointers.try_pop()) ASSERT_EQ(**value, --pushed);
  EXPECT_EQ(pushed, 0);
}

}  // namespace
}  // namespace switchyard::blocking
