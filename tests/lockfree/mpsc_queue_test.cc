// What is particular to lockfree::mpsc_queue; what every queue owes is in tests/conformance.
#include "switchyard/lockfree/mpsc_queue.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "switchyard/atomics/atomic.h"
#include "switchyard/interface/conqueue_status.h"

namespace switchyard::lockfree {
namespace {

// Keeps the books of several threads.
struct ledger {
  atomic<std::ptrdiff_t> bytes{0};
  atomic<int> calls{0};
  atomic<bool> empty{false};
};
template <class T>
struct counting_allocator {
  using value_type = T;
  explicit counting_allocator(ledger& to) : book(&to) {}
  template <class U>
  counting_allocator(const counting_allocator<U>& other) : book(other.book) {}  // a conversion, as allocators do
  T* allocate(std::size_t n) {
    if (book->empty) throw std::bad_alloc();
    ++book->calls;
    book->bytes += static_cast<std::ptrdiff_t>(n * sizeof(T));
    return std::allocator<T>().allocate(n);
  }
  void deallocate(T* memory, std::size_t n) {
    book->bytes -= static_cast<std::ptrdiff_t>(n * sizeof(T));
    std::allocator<T>().deallocate(memory, n);
  }
  friend bool operator==(const counting_allocator&, const counting_allocator&) = default;
  ledger* book;
};
template <class T>
using counting_queue = mpsc_queue<T, counting_allocator<T>>;

TEST(MpscQueue, GivesMemoryBackAfterABurst) {
  ledger book;
  {
    counting_queue<std::uint64_t> queue{counting_allocator<std::uint64_t>(book)};
    EXPECT_EQ(book.bytes, 0);
    for (std::uint64_t i = 0; i < 1'000'000; ++i) ASSERT_TRUE(queue.push(i));
    EXPECT_LE(book.bytes, 17'000'000);  // 16 bytes each, and a little
    for (std::uint64_t i = 0; i < 1'000'000; ++i) ASSERT_EQ(queue.pop(), i);
    EXPECT_LE(book.bytes, 8192);
  }
  EXPECT_EQ(book.bytes, 0);
}

TEST(MpscQueue, TakesNoMoreMemoryWhileItsLengthIsSteady) {
  ledger book;
  counting_queue<std::uint64_t> queue{counting_allocator<std::uint64_t>(book)};
  for (std::uint64_t i = 0; i < 10; ++i) ASSERT_TRUE(queue.push(i));
  const auto go_on = [&] {
    for (std::uint64_t i = 0; i < 1000; ++i) {
      ASSERT_TRUE(queue.push(i));
      ASSERT_TRUE(queue.pop());
    }
  };
  go_on();
  const int calls = book.calls;
  go_on();
  EXPECT_EQ(book.calls, calls);
}

// Threads that come and go use the lanes of those that went: what they pushed stays, and comes first.
TEST(MpscQueue, ThreadsTakeOverLanes) {
  ledger book;
  counting_queue<int> queue{counting_allocator<int>(book)};
  for (int i = 0; i < 100; ++i) {
    std::thread([&] { EXPECT_TRUE(queue.push(i)); }).join();
  }
  EXPECT_EQ(book.calls, 1) << "a hundred threads, one after another, have one lane";
  for (int i = 0; i < 100; ++i) EXPECT_EQ(queue.pop(), i);
}

// The order is that of the pushes, also from lane to lane.
TEST(MpscQueue, LanesAreMergedInOrder) {
  mpsc_queue<int> queue;
  constexpr int threads = 5;
  atomic<int> turn{0};
  std::vector<std::thread> running;
  for (int t = 0; t < threads; ++t) {
    running.emplace_back([&, t] {
      for (int i = t; i < 1000; i += threads) {
        while (turn != i) yield();
        EXPECT_TRUE(queue.push(i));
        turn = i + 1;
      }
    });
  }
  for (int i = 0; i < 1000; ++i) ASSERT_EQ(queue.pop(), i);
  for (auto& thread : running) thread.join();
  EXPECT_TRUE(queue.empty_approx());
}

TEST(MpscQueue, MemoryThatFailsLosesNothing) {
  ledger book;
  counting_queue<std::string> queue{counting_allocator<std::string>(book)};
  book.empty = true;
  std::string text(100, 'x');
  EXPECT_THROW((void)queue.try_push(std::move(text)), std::bad_alloc);
  EXPECT_EQ(text, std::string(100, 'x'));
  EXPECT_EQ(queue.size_approx(), 0U);
  book.empty = false;
  int pushed = 0;
  EXPECT_TRUE(queue.push("0"));
  book.empty = true;
  try {
    for (;;) {
      EXPECT_TRUE(queue.push(std::to_string(pushed + 1)));
      ++pushed;
    }
  } catch (const std::bad_alloc&) {
  }
  EXPECT_EQ(queue.size_approx(), static_cast<std::size_t>(pushed) + 1);
  for (int i = 0; i <= pushed; ++i) EXPECT_EQ(queue.pop(), std::to_string(i));
  // The chunk that was emptied is not used again before there is another, but then it is.
  book.empty = false;
  EXPECT_TRUE(queue.push("one more"));
  EXPECT_EQ(queue.pop(), "one more");
}

// A lane outlives its queue in the thread that it belongs to.
TEST(MpscQueue, ManyQueuesInOneThread) {
  for (int i = 0; i < 200; ++i) {
    mpsc_queue<std::unique_ptr<int>> queue;
    for (int n = 0; n < 3 * i; ++n) EXPECT_TRUE(queue.push(std::make_unique<int>(n)));
    for (int n = 0; n < i; ++n) EXPECT_EQ(**queue.pop(), n);
  }
}

#if !defined(NDEBUG) && defined(GTEST_HAS_DEATH_TEST)
// An element that pops from the queue while it is popped: as good as a second consumer.
struct meddler {
  explicit meddler(mpsc_queue<meddler>* q) : queue(q) {}
  meddler(meddler&& other) : queue(other.queue) {
    if (queue != nullptr) (void)queue->try_pop_n(static_cast<meddler*>(nullptr), 1);
  }
  meddler& operator=(meddler&&) = default;
  mpsc_queue<meddler>* queue;
};
TEST(MpscQueueDeathTest, ASecondConsumerIsNoticed) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  mpsc_queue<meddler> queue;
  ASSERT_TRUE(queue.emplace(&queue));
  EXPECT_DEATH((void)queue.try_pop(), "two threads are where only one may be");
}
#endif

}  // namespace
}  // namespace switchyard::lockfree
