// What the blocking queues promise beyond the conformance suite: any lock will do, an exception does not lose
// a wake-up, memory goes back, and a batch wakes as many as it serves.

#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "switchyard/atomics/atomic.h"
#include "switchyard/blocking/bounded_queue.h"
#include "switchyard/blocking/spsc_queue.h"
#include "switchyard/blocking/unbounded_queue.h"
#include "switchyard/interface/queue.h"
#include "switchyard/tests/blocking/accounting_allocator.h"

namespace switchyard::blocking {
namespace {

using namespace std::chrono_literals;

static_assert(alignof(bounded_queue<int>) == cache_padding && sizeof(bounded_queue<int>) == cache_padding,
              "a queue is one line that moves, and shares it with nobody");
static_assert(!std::is_move_constructible_v<bounded_queue<int>> &&
              !std::is_move_assignable_v<bounded_queue<int>>);
static_assert(!std::is_move_constructible_v<spsc_queue<int>> && !std::is_move_assignable_v<spsc_queue<int>>);
static_assert(!std::is_move_constructible_v<unbounded_queue<int>> &&
              !std::is_move_assignable_v<unbounded_queue<int>>);

// Abseil's lock under the names that a Lock needs.
class abseil_lock {
 public:
  void lock() ABSL_NO_THREAD_SAFETY_ANALYSIS { lock_.Lock(); }
  void unlock() ABSL_NO_THREAD_SAFETY_ANALYSIS { lock_.Unlock(); }

 private:
  absl::Mutex lock_;
};

template <class Lock>
class QueueLock : public testing::Test {};
using Locks = testing::Types<mutex, std::mutex, abseil_lock>;
TYPED_TEST_SUITE(QueueLock, Locks);

// Producers push the numbers from 1 on; every one comes out once, in its producer's order.
template <class Queue>
void many_to_many(Queue& queue) {
  static_assert(timed_queue<Queue> && bulk_queue<Queue> && sized_queue<Queue>);
  constexpr int producers = 3;
  constexpr int consumers = 3;
  constexpr long each = 10'000;
  atomic<int> producing{producers};
  atomic<long> sum{0};
  {
    std::vector<std::jthread> running;
    for (long p = 0; p < producers; ++p) {
      running.emplace_back([&, p] {
        for (long i = 1; i <= each; ++i) ASSERT_TRUE(queue.push(i * producers + p));
        if (producing.fetch_sub(1, memory_order_acq_rel) == 1) queue.close();
      });
    }
    for (int c = 0; c < consumers; ++c) {
      running.emplace_back([&] {
        long last[producers] = {};
        long own = 0;
        while (const auto value = queue.pop()) {
          ASSERT_GT(*value / producers, last[*value % producers]);
          last[*value % producers] = *value / producers;
          own += *value / producers;
        }
        sum.fetch_add(own, memory_order_relaxed);
      });
    }
  }
  EXPECT_EQ(sum.load(memory_order_relaxed), producers * each * (each + 1) / 2);
}

TYPED_TEST(QueueLock, BoundedQueue) {
  for (const std::size_t capacity : {1UL, 7UL, 256UL}) {
    bounded_queue<long, std::allocator<long>, TypeParam> queue(capacity);
    many_to_many(queue);
  }
}

TYPED_TEST(QueueLock, UnboundedQueue) {
  unbounded_queue<long, std::allocator<long>, TypeParam> queue;
  many_to_many(queue);
}

TYPED_TEST(QueueLock, SpscQueue) {
  for (const std::size_t capacity : {1UL, 7UL, 256UL}) {
    spsc_queue<long, std::allocator<long>, TypeParam> queue(capacity);
    std::jthread producer([&] {
      for (long i = 0; i < 20'000; ++i) ASSERT_TRUE(queue.push(i));
      queue.close();
    });
    long expected = 0;
    while (const auto value = queue.pop()) ASSERT_EQ(*value, expected++);
    EXPECT_EQ(expected, 20'000);
  }
}

// Throws as often as it is told to, when it is built from an int, or when it is moved.
struct fragile {
  static inline atomic<int> builds_that_throw{0};
  static inline atomic<int> moves_that_throw{0};

  explicit fragile(int number) : value(number) { throw_if(builds_that_throw); }
  fragile(fragile&& other) : value(other.value) { throw_if(moves_that_throw); }
  fragile& operator=(fragile&& other) {
    throw_if(moves_that_throw);
    value = other.value;
    return *this;
  }

  int value;

 private:
  static void throw_if(atomic<int>& left) {
    int seen = left.load(memory_order_relaxed);
    while (seen > 0) {
      if (left.compare_exchange_weak(seen, seen - 1, memory_order_relaxed, memory_order_relaxed)) {
        throw std::runtime_error("fragile");
      }
    }
  }
};

// Long enough for a thread that waits to have gone to sleep; the tests are right without it, only weaker.
void let_them_sleep() {
  std::this_thread::sleep_for(20ms);
}

// Two threads wait for an element. The one that is woken for it cannot move it out: the other gets it.
TEST(QueueCore, PopThatThrowsHandsItsElementOn) {
  for (const bool in_bulk : {false, true}) {
    bounded_queue<fragile> queue(4);
    atomic<int> popped{0};
    atomic<int> threw{0};
    std::vector<std::jthread> running;
    for (int t = 0; t < 2; ++t) {
      running.emplace_back([&] {
        try {
          fragile target(0);
          const int value = in_bulk ? (queue.pop_n(&target, 1), target.value) : queue.pop()->value;
          popped.fetch_add(value, memory_order_relaxed);
        } catch (const std::runtime_error&) {
          threw.fetch_add(1, memory_order_relaxed);
        }
      });
    }
    let_them_sleep();
    fragile::moves_that_throw.store(1, memory_order_relaxed);
    ASSERT_TRUE(queue.emplace(7));
    running.clear();
    EXPECT_EQ(threw.load(memory_order_relaxed), 1);
    EXPECT_EQ(popped.load(memory_order_relaxed), 7);
    EXPECT_TRUE(queue.empty_approx());
  }
}

// Two threads wait for room. The one that is woken for it cannot build its element: the other uses the room.
TEST(QueueCore, PushThatThrowsHandsItsRoomOn) {
  for (const bool in_bulk : {false, true}) {
    bounded_queue<fragile> queue(1);
    ASSERT_TRUE(queue.emplace(1));
    atomic<int> threw{0};
    std::vector<std::jthread> running;
    for (int t = 0; t < 2; ++t) {
      running.emplace_back([&] {
        try {
          const int value = 2;
          EXPECT_TRUE(in_bulk ? queue.push_n(&value, 1) == 1 : queue.emplace(value));
        } catch (const std::runtime_error&) {
          threw.fetch_add(1, memory_order_relaxed);
        }
      });
    }
    let_them_sleep();
    fragile::builds_that_throw.store(1, memory_order_relaxed);
    EXPECT_EQ(queue.pop()->value, 1);
    running.clear();
    EXPECT_EQ(threw.load(memory_order_relaxed), 1);
    EXPECT_EQ(queue.pop()->value, 2);
  }
}

// An element moves once on its way out, from its slot to where the caller gets it: a second move that threw
// would lose it.
TEST(QueueCore, PopMovesOnce) {
  struct mover {
    explicit mover(int n) : moves(n) {}
    mover(mover&& other) noexcept : moves(other.moves + 1) {}
    int moves;
  };
  bounded_queue<mover> queue(4);
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(queue.emplace(0));
  EXPECT_EQ(queue.pop()->moves, 1);
  EXPECT_EQ(queue.try_pop()->moves, 1);
  EXPECT_EQ(queue.try_pop_for(1ms)->moves, 1);
  EXPECT_EQ(queue.try_pop_until(std::chrono::steady_clock::now())->moves, 1);
}

// A batch in which the third element throws: two go through, and the next call meets the third again.
TEST(QueueCore, BatchStopsAtWhatThrows) {
  unbounded_queue<fragile> queue;
  struct throw_at_third {
    int operator*() const {
      if (place == 2) fragile::builds_that_throw.store(1, memory_order_relaxed);
      return place;
    }
    throw_at_third& operator++() {
      ++place;
      return *this;
    }
    int place = 0;
  };
  EXPECT_EQ(queue.try_push_n(throw_at_third{}, 4), 2U);
  EXPECT_EQ(queue.push_n(throw_at_third{}, 4), 2U);
  EXPECT_THROW((void)queue.try_push_n(throw_at_third{2}, 2), std::runtime_error);
  EXPECT_THROW((void)queue.push_n(throw_at_third{2}, 2), std::runtime_error);
  ASSERT_EQ(queue.size_approx(), 4U);

  struct arm_before_third {
    fragile& operator*() const {
      if (place == 2) fragile::moves_that_throw.store(1, memory_order_relaxed);
      return *target;
    }
    arm_before_third& operator++() {
      ++place;
      return *this;
    }
    fragile* target;
    int place = 0;
  };
  fragile target(-1);
  EXPECT_EQ(queue.pop_n(arm_before_third{&target}, 4), 2U);
  EXPECT_EQ(target.value, 1);
  EXPECT_THROW((void)queue.try_pop_n(arm_before_third{&target, 2}, 4), std::runtime_error);
  EXPECT_THROW((void)queue.pop_n(arm_before_third{&target, 2}, 4), std::runtime_error);
  EXPECT_EQ(queue.try_pop_n(&target, 1), 1U);
  EXPECT_EQ(target.value, 0) << "the third was lost";
  EXPECT_EQ(queue.size_approx(), 1U);
}

// As many sleepers wake as a batch has elements for: all four here, by one call.
TEST(QueueCore, BatchWakesOneForEachElement) {
  bounded_queue<int> queue(8);
  std::vector<std::jthread> running;
  atomic<int> sum{0};
  for (int t = 0; t < 4; ++t) {
    running.emplace_back([&] { sum.fetch_add(queue.pop().value_or(100), memory_order_relaxed); });
  }
  let_them_sleep();
  const int values[] = {1, 2, 3, 4};
  EXPECT_EQ(queue.try_push_n(values, 4), 4U);
  running.clear();
  EXPECT_EQ(sum.load(memory_order_relaxed), 10);
}

// A batch longer than the queue waits for room again and again, and the other side is woken in between.
TEST(QueueCore, BatchLongerThanTheQueue) {
  for (const std::size_t capacity : {1UL, 3UL, 64UL}) {
    bounded_queue<int> queue(capacity);
    std::vector<int> sent(1000);
    for (int i = 0; i < 1000; ++i) sent[static_cast<std::size_t>(i)] = i;
    std::jthread producer([&] {
      EXPECT_EQ(queue.push_n(sent.begin(), sent.size()), sent.size());
      queue.close();
    });
    std::vector<int> received;
    while (queue.pop_n(std::back_inserter(received), 5) > 0) {
    }
    EXPECT_EQ(received, sent);
  }
}

TEST(QueueCore, CloseWakesBothSides) {
  bounded_queue<int> full(1);
  bounded_queue<int> empty(1);
  ASSERT_TRUE(full.push(1));
  std::vector<std::jthread> running;
  for (int t = 0; t < 3; ++t) {
    running.emplace_back([&] { EXPECT_FALSE(full.push(2)); });
    running.emplace_back([&] { EXPECT_EQ(full.push_n(&t, 1), 0U); });
    running.emplace_back([&] { EXPECT_FALSE(empty.pop()); });
    running.emplace_back([&] {
      int target;
      EXPECT_EQ(empty.pop_n(&target, 1), 0U);
    });
  }
  let_them_sleep();
  full.close();
  empty.close();
  running.clear();
  EXPECT_EQ(full.pop(), 1);
  EXPECT_FALSE(full.pop());
}

TEST(UnboundedQueue, MemoryGoesBackAfterABurst) {
  ledger book;
  {
    unbounded_queue<int, accounting_allocator<int>> queue{accounting_allocator<int>(book)};
    EXPECT_EQ(book.bytes, 0U);
    for (int round = 0; round < 3; ++round) {
      for (int i = 0; i < 100'000; ++i) ASSERT_TRUE(queue.push(i));
      EXPECT_GE(book.bytes, 100'000 * sizeof(int));
      for (int i = 0; i < 100'000; ++i) ASSERT_EQ(queue.pop(), i);
      EXPECT_LE(book.bytes, 3 * 4096U);
    }

    // A queue of steady length takes no more memory, wherever in a chunk it is.
    for (int i = 0; i < 500; ++i) ASSERT_TRUE(queue.push(i));
    for (int i = 0; i < 5000; ++i) ASSERT_TRUE(queue.push(*queue.pop()));
    const std::size_t calls = book.calls;
    for (int i = 0; i < 50'000; ++i) ASSERT_TRUE(queue.push(*queue.pop()));
    EXPECT_EQ(book.calls, calls);
  }
  EXPECT_EQ(book.bytes, 0U);
}

TEST(UnboundedQueue, FailedAllocationChangesNothing) {
  ledger book;
  unbounded_queue<std::unique_ptr<int>, accounting_allocator<int>> queue{accounting_allocator<int>(book)};
  book.calls_left = 0;
  auto value = std::make_unique<int>(1);
  EXPECT_THROW(queue.push(std::move(value)), std::bad_alloc);
  ASSERT_NE(value, nullptr);
  book.calls_left = 1;
  std::size_t pushed = 0;
  try {
    for (;; ++pushed) {
      if (value == nullptr) value = std::make_unique<int>(static_cast<int>(pushed));
      ASSERT_TRUE(queue.push(std::move(value)));
    }
  } catch (const std::bad_alloc&) {
    EXPECT_NE(value, nullptr);
  }
  EXPECT_EQ(queue.size_approx(), pushed);
  book.calls_left = 2;
  EXPECT_TRUE(queue.push(std::move(value)));
  EXPECT_EQ(value, nullptr);
}

// An element that throws as the first of a new chunk leaves the chunk for the next.
TEST(UnboundedQueue, FailedElementAtTheStartOfAChunk) {
  ledger book;
  {
    unbounded_queue<fragile, accounting_allocator<fragile>> queue{accounting_allocator<fragile>(book)};
    fragile::builds_that_throw.store(2, memory_order_relaxed);
    EXPECT_THROW(queue.emplace(1), std::runtime_error);
    EXPECT_THROW(queue.emplace(1), std::runtime_error);
    EXPECT_EQ(book.calls, 1U);
    int i = 0;
    for (; book.calls == 1; ++i) ASSERT_TRUE(queue.emplace(i));
    const int after_this_many = i - 1;  // a chunk is full, and a second was begun
    while (queue.try_pop()) {
    }
    for (i = 0; i < after_this_many; ++i) ASSERT_TRUE(queue.emplace(i));
    fragile::builds_that_throw.store(1, memory_order_relaxed);
    while (fragile::builds_that_throw.load(memory_order_relaxed) > 0) {
      EXPECT_THROW(queue.emplace(i), std::runtime_error);
    }
    ASSERT_TRUE(queue.emplace(i));
    for (int expected = 0; expected <= i; ++expected) EXPECT_EQ(queue.pop()->value, expected);
    ASSERT_TRUE(queue.emplace(1));  // left for the destructor
  }
  EXPECT_EQ(book.bytes, 0U);
}

TEST(BoundedQueue, MemoryIsTakenByTheConstructorOnly) {
  ledger book;
  {
    bounded_queue<int, accounting_allocator<int>> queue(100, accounting_allocator<int>(book));
    EXPECT_EQ(book.calls, 1U);
    EXPECT_EQ(queue.get_allocator().book, &book);
    for (int i = 0; i < 1000; ++i) {
      ASSERT_TRUE(queue.push(i));
      ASSERT_EQ(queue.pop(), i);
    }
    EXPECT_EQ(book.calls, 1U);
  }
  EXPECT_EQ(book.bytes, 0U);
  EXPECT_THROW(bounded_queue<int>(0), std::invalid_argument);
  EXPECT_THROW(spsc_queue<int>(0), std::invalid_argument);
  EXPECT_THROW(bounded_queue<int>(static_cast<std::size_t>(-1)), std::length_error) << "as the twins do";
  EXPECT_THROW(spsc_queue<int>(static_cast<std::size_t>(-1)), std::length_error);
  EXPECT_THROW(spsc_queue<int>(static_cast<std::size_t>(-1) / 4), std::bad_alloc);
}

}  // namespace
}  // namespace switchyard::blocking
