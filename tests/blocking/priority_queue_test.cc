// What blocking::priority_queue promises beyond the conformance suite: that its heap is one whatever throws,
// how often it compares, and where its memory goes.

#include "switchyard/blocking/priority_queue.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <new>
#include <queue>
#include <random>
#include <stdexcept>
#include <type_traits>
#include <utility>
#include <vector>

#include "switchyard/blocking/detail/heap.h"
#include "switchyard/interface/queue.h"
#include "switchyard/tests/blocking/accounting_allocator.h"

namespace switchyard::blocking {
namespace {

static_assert(concurrent_priority_queue<priority_queue<int>>);
static_assert(
    concurrent_priority_queue<priority_queue<int, std::greater<int>, std::allocator<int>, std::mutex>>);
static_assert(!std::is_move_constructible_v<priority_queue<int>> &&
              !std::is_move_assignable_v<priority_queue<int>>);

// What goes wrong next: nothing, or so many calls from now, the moves and comparisons together.
struct fault {
  static inline int calls_left = -1;
  static inline long comparisons = 0;
  static void pass() {
    if (calls_left >= 0 && calls_left-- == 0) throw std::runtime_error("fault");
  }
};

struct counted_less {
  template <class T>
  bool operator()(const T& a, const T& b) const {
    ++fault::comparisons;
    fault::pass();
    return a < b;
  }
};

// An element whose moves throw, so that it lives in a box, and one whose moves do not.
struct fragile {
  fragile(int n) : number(n) { ++living; }
  fragile(fragile&& other) : number((fault::pass(), std::exchange(other.number, -1))) { ++living; }
  fragile& operator=(fragile&& other) {
    fault::pass();
    number = std::exchange(other.number, -1);
    return *this;
  }
  ~fragile() { --living; }
  friend bool operator<(const fragile& a, const fragile& b) { return a.number < b.number; }
  int number;
  static inline int living = 0;
};
struct calm {
  calm(int n) : number(n) { ++living; }
  calm(calm&& other) noexcept : number(std::exchange(other.number, -1)) { ++living; }
  calm& operator=(calm&&) noexcept = default;
  ~calm() { --living; }
  friend bool operator<(const calm& a, const calm& b) { return a.number < b.number; }
  int number;
  static inline int living = 0;
};

template <class T>
class PriorityQueueOf : public testing::Test {};
using elements = testing::Types<fragile, calm>;
TYPED_TEST_SUITE(PriorityQueueOf, elements);

TYPED_TEST(PriorityQueueOf, AnswersAsTheStandardOne) {
  std::mt19937 random(1);
  {
    priority_queue<TypeParam> queue;
    std::priority_queue<int> oracle;
    for (int step = 0; step < 100'000; ++step) {
      const unsigned lean = step / 3000 % 2 == 0 ? 7 : 3;
      if (random() % 10 < lean) {
        const int number = static_cast<int>(random() % 1000);
        ASSERT_TRUE(queue.emplace(number));
        oracle.push(number);
      } else {
        const auto got = queue.try_pop();
        ASSERT_EQ(got.has_value(), !oracle.empty());
        if (!got) continue;
        ASSERT_EQ(got->number, oracle.top());
        oracle.pop();
      }
    }
    EXPECT_GT(queue.size_approx(), 0U) << "some should be left for the destructor";
  }
  EXPECT_EQ(TypeParam::living, 0);
}

enum class operation { push, emplace, pop };

// A fault in one call after the other, at every place of it, on heaps of all small sizes. Every element is
// inside or with the caller, and what comes out then is in order.
TYPED_TEST(PriorityQueueOf, LosesNothingWhateverThrows) {
  std::mt19937 random(1);
  for (int size = 0; size < 24; ++size) {
    for (const auto does : {operation::push, operation::emplace, operation::pop}) {
      bool went_off = true;
      for (int calls = 0; went_off; ++calls) {
        priority_queue<TypeParam, counted_less> queue;
        std::vector<int> inside;
        for (int i = 0; i < size; ++i) {
          inside.push_back(static_cast<int>(random() % 30));
          ASSERT_TRUE(queue.push(TypeParam(inside.back())));
        }
        std::sort(inside.begin(), inside.end());
        TypeParam mine(static_cast<int>(random() % 30));
        const int number = mine.number;
        fault::calls_left = calls;
        try {
          if (does != operation::pop) {
            ASSERT_TRUE(does == operation::push ? queue.push(std::move(mine)) : queue.emplace(number));
            inside.insert(std::upper_bound(inside.begin(), inside.end(), number), number);
          } else if (const auto got = queue.try_pop()) {
            ASSERT_EQ(got->number, inside.back());
            inside.pop_back();
          }
          went_off = false;
        } catch (const std::runtime_error&) {
          ASSERT_EQ(mine.number, number);
        }
        fault::calls_left = -1;
        if (calls % 2 == 0) {
          ASSERT_TRUE(queue.emplace(15));
          inside.insert(std::upper_bound(inside.begin(), inside.end(), 15), 15);
        }
        if (calls % 3 == 0) continue;  // as it is, for the destructor
        for (; !inside.empty(); inside.pop_back()) ASSERT_EQ(queue.try_pop()->number, inside.back());
        ASSERT_FALSE(queue.try_pop());
      }
    }
  }
  EXPECT_EQ(TypeParam::living, 0);
}

// An order that is none: everything comes out once, in whatever order.
TEST(PriorityQueue, AnOrderThatContradictsItselfLosesNothing) {
  std::mt19937 random(1);
  const auto nonsense = [&](int, int) { return random() % 2 == 0; };
  priority_queue<int, std::function<bool(int, int)>> queue(nonsense);
  for (int round = 0; round < 20; ++round) {
    std::vector<bool> seen(500);
    for (int i = 0; i < 500; ++i) ASSERT_TRUE(queue.push(i));
    while (const auto got = queue.try_pop()) {
      ASSERT_FALSE(seen[static_cast<std::size_t>(*got)]);
      seen[static_cast<std::size_t>(*got)] = true;
    }
    EXPECT_EQ(std::count(seen.begin(), seen.end(), true), 500);
  }
}

// What the header says that it costs, on random numbers.
TEST(PriorityQueue, ComparesAsSeldomAsPromised) {
  priority_queue<int, counted_less> queue;
  std::mt19937 random(1);
  constexpr int n = 1 << 14;
  fault::comparisons = 0;
  for (int i = 0; i < n; ++i) ASSERT_TRUE(queue.push(static_cast<int>(random())));
  EXPECT_LT(fault::comparisons, 2 * n);
  fault::comparisons = 0;
  for (int i = 0; i < n; ++i) ASSERT_TRUE(queue.try_pop());
  EXPECT_LT(fault::comparisons, n * (3 * 14 / 2 + 2));
  // The worst case of a push: the greatest so far.
  for (int i = 0; i < n; ++i) {
    fault::comparisons = 0;
    ASSERT_TRUE(queue.push(i));
    ASSERT_LE(fault::comparisons, std::bit_width(static_cast<unsigned>(3 * i + 1)) / 2 + 1);
  }
}

TEST(PriorityQueue, MemoryGoesBackWhenItIsEmpty) {
  ledger book;
  {
    priority_queue<int, std::less<int>, accounting_allocator<int>> queue{accounting_allocator<int>(book)};
    EXPECT_EQ(book.bytes, 0U);
    for (int round = 0; round < 3; ++round) {
      for (int i = 0; i < 100'000; ++i) ASSERT_TRUE(queue.push(i));
      EXPECT_GE(book.bytes, 100'000 * sizeof(int));
      for (int i = 99'999; i >= 0; --i) ASSERT_EQ(queue.pop(), i);
      EXPECT_LE(book.bytes, 4096U);
    }
    ASSERT_TRUE(queue.push(1));
    const std::size_t calls = book.calls;
    for (int i = 0; i < 1000; ++i) {
      ASSERT_TRUE(queue.pop());
      ASSERT_TRUE(queue.push(i));
    }
    EXPECT_EQ(book.calls, calls) << "the first piece is kept";
  }
  EXPECT_EQ(book.bytes, 0U);
}

TYPED_TEST(PriorityQueueOf, FailedAllocationChangesNothing) {
  ledger book;
  {
    using allocator = accounting_allocator<TypeParam>;
    priority_queue<TypeParam, std::less<TypeParam>, allocator> queue{allocator(book)};
    int pushed = 0;
    for (std::size_t more = 0; more < 40; ++more) {
      book.calls_left = book.calls + more % 3;
      try {
        while (pushed < 5000) {
          TypeParam value(pushed);
          try {
            ASSERT_TRUE(queue.push(std::move(value)));
          } catch (...) {
            EXPECT_EQ(value.number, pushed) << "a push that threw moved its argument";
            throw;
          }
          ++pushed;
        }
      } catch (const std::bad_alloc&) {
      }
      EXPECT_EQ(queue.size_approx(), static_cast<std::size_t>(pushed));
    }
    EXPECT_GT(pushed, 0);
    while (const auto value = queue.try_pop()) ASSERT_EQ(value->number, --pushed);
    EXPECT_EQ(pushed, 0);
  }
  EXPECT_EQ(book.bytes, 0U);
}

}  // namespace
}  // namespace switchyard::blocking
