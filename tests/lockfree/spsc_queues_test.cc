// What spsc_queue and unbounded_spsc_queue of both sides have besides what every queue has: spans, and memory that goes
// back.
#include <gtest/gtest.h>

#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <numeric>
#include <span>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "switchyard/blocking/spsc_queue.h"
#include "switchyard/blocking/unbounded_spsc_queue.h"
#include "switchyard/interface/conqueue_status.h"
#include "switchyard/interface/spans.h"
#include "switchyard/lockfree/spsc_queue.h"
#include "switchyard/lockfree/unbounded_spsc_queue.h"

namespace switchyard {
namespace {

using enum conqueue_status;

template <class Queue>
class spans : public ::testing::Test {};
using queues_with_spans =
    ::testing::Types<lockfree::spsc_queue<int>, lockfree::spsc_queue<int, std::allocator<int>, long_spans>,
                     blocking::spsc_queue<int>>;
TYPED_TEST_SUITE(spans, queues_with_spans);

// As many as there is room for, in however many spans, and no more.
TYPED_TEST(spans, FillAndEmptyTheQueue) {
  for (const std::size_t capacity : {1, 2, 13, 14, 15, 100, 2000}) {
    TypeParam queue(capacity);
    int pushed = 0, popped = 0;
    for (int lap = 0; lap < 5; ++lap) {
      for (auto places = queue.reserve(capacity); !places.empty(); places = queue.reserve(capacity)) {
        std::iota(places.begin(), places.end(), pushed);
        pushed += static_cast<int>(places.size());
        EXPECT_TRUE(queue.commit(places.size()));
      }
      EXPECT_EQ(queue.size_approx(), capacity);
      EXPECT_EQ(queue.try_push(0), full);
      for (auto there = queue.peek(capacity); !there.empty(); there = queue.peek(capacity)) {
        for (const int element : there) EXPECT_EQ(element, popped++);
        queue.consume(there.size());
      }
      EXPECT_EQ(popped, pushed);
      EXPECT_EQ(queue.size_approx(), 0U);
      // So that the next lap begins somewhere else.
      EXPECT_EQ(queue.try_push(pushed++), success);
      EXPECT_EQ(queue.try_pop(), popped++);
    }
  }
}

TYPED_TEST(spans, AreNotLongerThanAskedFor) {
  TypeParam queue(10);
  EXPECT_TRUE(queue.reserve(0).empty());
  EXPECT_EQ(queue.reserve(3).size(), 3U);
  EXPECT_TRUE(queue.peek(3).empty());
  const int some[] = {1, 2, 3};
  EXPECT_EQ(queue.try_push_n(some, 3), 3U);
  EXPECT_TRUE(queue.peek(0).empty());
  EXPECT_EQ(queue.peek(2).size(), 2U);
  EXPECT_EQ(queue.peek(9).size(), 3U);
}

// What has not been committed is not there; what has not been consumed still is.
TYPED_TEST(spans, InPart) {
  TypeParam queue(8);
  auto places = queue.reserve(4);
  ASSERT_EQ(places.size(), 4U);
  std::iota(places.begin(), places.end(), 1);
  EXPECT_EQ(queue.size_approx(), 0U);
  EXPECT_TRUE(queue.commit(0));
  EXPECT_TRUE(queue.commit(1));
  EXPECT_TRUE(queue.commit(2));
  EXPECT_EQ(queue.size_approx(), 3U);
  const auto there = queue.peek(8);
  ASSERT_EQ(there.size(), 3U);
  queue.consume(0);
  queue.consume(1);
  EXPECT_EQ(queue.size_approx(), 2U);
  EXPECT_EQ(there[1], 2);
  queue.consume(1);
  EXPECT_EQ(queue.pop(), 3);
  EXPECT_THROW(queue.consume(1), std::invalid_argument) << "popped otherwise";
  EXPECT_TRUE(queue.commit(1)) << "the last that was reserved";
  EXPECT_EQ(queue.pop(), 4);
}

TYPED_TEST(spans, MoreThanWereHandedOut) {
  TypeParam queue(8);
  EXPECT_THROW(queue.commit(1), std::invalid_argument);
  EXPECT_THROW(queue.consume(1), std::invalid_argument);
  ASSERT_EQ(queue.reserve(2).size(), 2U);
  EXPECT_THROW(queue.commit(3), std::invalid_argument);
  EXPECT_EQ(queue.try_push(7), success);
  EXPECT_THROW(queue.commit(1), std::invalid_argument) << "the push took the place";
  ASSERT_EQ(queue.peek(2).size(), 1U);
  EXPECT_THROW(queue.consume(2), std::invalid_argument);
  queue.consume(1);
  EXPECT_THROW(queue.consume(1), std::invalid_argument);
  EXPECT_EQ(queue.size_approx(), 0U);
}

TYPED_TEST(spans, OfAClosedQueue) {
  TypeParam queue(8);
  queue.reserve(2)[0] = 1;
  EXPECT_TRUE(queue.commit(1));
  queue.close();
  EXPECT_FALSE(queue.commit(1)) << "closed in between";
  EXPECT_FALSE(queue.commit(0));
  EXPECT_TRUE(queue.reserve(1).empty());
  ASSERT_EQ(queue.peek(8).size(), 1U);
  queue.consume(1);
  EXPECT_TRUE(queue.peek(8).empty());
  EXPECT_EQ(queue.try_pop().error(), closed);
}

// Who sleeps for want of an element or of room is woken.
TYPED_TEST(spans, WakeWhoWaits) {
  TypeParam queue(1);
  std::thread consumer([&] {
    for (int i = 0; i < 200; ++i) EXPECT_EQ(queue.pop(), i);
  });
  for (int i = 0; i < 200;) {
    const auto places = queue.reserve(1);
    if (places.empty()) {
      std::this_thread::yield();
      continue;
    }
    places[0] = i++;
    EXPECT_TRUE(queue.commit(1));
  }
  consumer.join();
  std::thread producer([&] {
    for (int i = 0; i < 200; ++i) EXPECT_TRUE(queue.push(i));
  });
  for (int i = 0; i < 200;) {
    const auto there = queue.peek(1);
    if (there.empty()) {
      std::this_thread::yield();
      continue;
    }
    EXPECT_EQ(there[0], i++);
    queue.consume(1);
  }
  producer.join();
}

// Elements that are no bytes can be used and moved from in place, and are destroyed.
template <template <class...> class Queue>
void test_objects() {
  Queue<std::shared_ptr<int>> queue(20);
  const auto object = std::make_shared<int>(1);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(queue.try_push(object), success);
  EXPECT_EQ(object.use_count(), 21);
  std::shared_ptr<int> mine = std::move(queue.peek(1)[0]);
  queue.consume(1);
  EXPECT_EQ(object.use_count(), 21);
  queue.consume(queue.peek(2).size());
  EXPECT_LT(object.use_count(), 21);
}
TEST(spans, OfObjects) {
  test_objects<lockfree::spsc_queue>();
  test_objects<blocking::spsc_queue>();
}

// Two threads, in spans of all lengths, mixed with what is not in place.
TYPED_TEST(spans, BetweenThreads) {
  for (const std::size_t capacity : {1, 14, 30, 3000}) {
    constexpr int all = 30'000;
    TypeParam queue(capacity);
    std::thread producer([&] {
      unsigned random = 1;
      for (int pushed = 0; pushed < all;) {
        random = random * 1664525 + 1013904223;
        if (random >> 28 == 0) {
          EXPECT_TRUE(queue.push(pushed++));
          continue;
        }
        const auto places = queue.reserve(std::min<std::size_t>(random >> 20 & 63, static_cast<std::size_t>(all - pushed)));
        const std::size_t n = random >> 29 == 0 ? places.size() / 2 : places.size();
        for (std::size_t i = 0; i < n; ++i) places[i] = pushed++;
        EXPECT_TRUE(queue.commit(n));
        if (n == 0) std::this_thread::yield();
      }
      queue.close();
    });
    unsigned random = 2;
    int popped = 0;
    for (bool more = true; more;) {
      random = random * 1664525 + 1013904223;
      const auto there = queue.peek(random >> 20 & 63);
      const std::size_t n = random >> 29 == 0 ? there.size() / 2 : there.size();
      for (std::size_t i = 0; i < n; ++i) EXPECT_EQ(there[i], popped++);
      queue.consume(n);
      if (n != 0) continue;
      if (const auto x = queue.pop()) {
        EXPECT_EQ(*x, popped++);
      } else {
        more = false;
      }
    }
    producer.join();
    EXPECT_EQ(popped, all);
  }
}

// ---- Memory

std::size_t resident() {
  std::FILE* const file = std::fopen("/proc/self/statm", "r");
  unsigned long size = 0, pages = 0;
  EXPECT_EQ(std::fscanf(file, "%lu %lu", &size, &pages), 2);
  std::fclose(file);
  return pages * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool sanitized = true;  // whose allocators keep what is freed for a while
#else
constexpr bool sanitized = false;
#endif

// After each of several bursts, by one thread and by two.
template <class Queue>
void test_memory_goes_back() {
  constexpr std::uint64_t items = sanitized ? 200'000 : 10'000'000;
  Queue queue;
  const std::size_t before = resident();
  for (int burst = 0; burst < 3; ++burst) {
    const auto push_all = [&] {
      for (std::uint64_t i = 0; i < items; ++i) ASSERT_EQ(queue.try_push(i), success);
    };
    if (burst == 2) {
      std::thread(push_all).join();
    } else {
      push_all();
    }
    if (!sanitized) {
      EXPECT_GT(resident(), before + items * 7);
    }
    for (std::uint64_t i = 0; i < items; ++i) ASSERT_EQ(queue.try_pop(), i);
    if (!sanitized) {
      // A thread's malloc takes from an arena of its own, which costs some.
      EXPECT_LT(resident(), before + (burst < 2 ? 2 : 4) * 1024 * 1024) << "after burst " << burst;
    }
  }
}
TEST(memory, GoesBackAfterABurst) {
  test_memory_goes_back<lockfree::unbounded_spsc_queue<std::uint64_t>>();
}
TEST(memory, GoesBackAfterABurstBlocking) {
  test_memory_goes_back<blocking::unbounded_spsc_queue<std::uint64_t>>();
}

template <class T>
struct counting_allocator {
  using value_type = T;
  explicit counting_allocator(int& calls) : count(&calls) {}
  template <class U>
  counting_allocator(const counting_allocator<U>& other) : count(other.count) {}
  T* allocate(std::size_t n) {
    ++*count;
    return std::allocator<T>().allocate(n);
  }
  void deallocate(T* memory, std::size_t n) { std::allocator<T>().deallocate(memory, n); }
  friend bool operator==(const counting_allocator&, const counting_allocator&) = default;
  int* count;
};

// A queue of steady length takes no more memory.
TEST(memory, IsUsedAgain) {
  int calls = 0;
  lockfree::unbounded_spsc_queue<int, counting_allocator<int>> queue{counting_allocator<int>(calls)};
  for (int i = 0; i < 500; ++i) ASSERT_EQ(queue.try_push(i), success);
  for (int i = 0; i < 10'000; ++i) {
    ASSERT_EQ(queue.try_push(500 + i), success);
    ASSERT_EQ(queue.try_pop(), i);
  }
  const int before = calls;
  for (int i = 10'000; i < 1'000'000; ++i) {
    ASSERT_EQ(queue.try_push(500 + i), success);
    ASSERT_EQ(queue.try_pop(), i);
  }
  EXPECT_EQ(calls, before);
}

}  // namespace
}  // namespace switchyard
