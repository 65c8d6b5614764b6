// What is particular to lockfree::unbounded_queue; what every queue owes is in tests/conformance.
#include "switchyard/lockfree/unbounded_queue.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "switchyard/atomics/atomic.h"

namespace switchyard::lockfree {
namespace {

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr bool sanitized = true;
#else
constexpr bool sanitized = false;
#endif

// An element whose constructor can be held up in the middle: a thread stopped inside the queue. One that moves without
// throwing lies in its slot, another one in a node.
template <bool MovesSafely>
struct stoppable {
  static inline atomic<int> stop_at{-1};
  static inline atomic<bool> stopped{false};
  static inline atomic<bool> go{false};

  static void reset(int at) {
    stop_at.store(at);
    stopped.store(false);
    go.store(false);
  }
  static void pass(int value) {
    if (value != stop_at.load()) return;
    stopped.store(true);
    while (!go.load()) yield();
  }

  explicit stoppable(int v) : value(v) { pass(v); }
  stoppable(stoppable&& other) noexcept(MovesSafely) : value(std::exchange(other.value, -2)) { pass(value); }
  stoppable& operator=(stoppable&&) = default;
  int value;
};
template <class T>
class unbounded_queue_of_stoppable : public testing::Test {};
using both = testing::Types<stoppable<true>, stoppable<false>>;
TYPED_TEST_SUITE(unbounded_queue_of_stoppable, both);

TYPED_TEST(unbounded_queue_of_stoppable, AProducerStoppedInTheMiddleStopsNobody) {
  TypeParam::reset(0);
  unbounded_queue<TypeParam> queue;
  std::thread stopped([&] { EXPECT_TRUE(queue.emplace(0)); });
  while (!TypeParam::stopped.load()) yield();
  for (int lap = 0; lap < 5000; ++lap) {
    ASSERT_EQ(queue.try_emplace(1), conqueue_status::success);
    ASSERT_EQ(queue.try_emplace(2), conqueue_status::success);
    ASSERT_EQ(queue.try_pop()->value, 1);
    ASSERT_EQ(queue.try_pop()->value, 2);
    ASSERT_EQ(queue.try_pop().error(), conqueue_status::empty);
  }
  // Closing does not wait for it either, and while it may still succeed the queue is not done.
  queue.close();
  EXPECT_EQ(queue.try_emplace(4), conqueue_status::closed);
  EXPECT_EQ(queue.try_pop().error(), conqueue_status::empty);
  TypeParam::go.store(true);
  EXPECT_EQ(queue.pop()->value, 0);
  EXPECT_FALSE(queue.pop().has_value());
  stopped.join();
}

// One that has its slot already, in which it moves the element: others take the slot from it, when they must.
TEST(UnboundedQueue, AProducerStoppedInItsSlotStopsNobody) {
  using element = stoppable<true>;
  element::reset(-1);
  unbounded_queue<element> queue;
  element mine(7);
  element::stop_at.store(7);
  std::thread stopped([&] { EXPECT_TRUE(queue.push(std::move(mine))); });
  while (!element::stopped.load()) yield();
  EXPECT_EQ(queue.try_pop().error(), conqueue_status::empty);
  for (int lap = 0; lap < 5000; ++lap) {
    ASSERT_EQ(queue.try_emplace(1), conqueue_status::success);
    ASSERT_EQ(queue.try_emplace(2), conqueue_status::success);
    ASSERT_EQ(queue.try_pop()->value, 1);
    ASSERT_EQ(queue.try_pop()->value, 2);
    ASSERT_EQ(queue.try_pop().error(), conqueue_status::empty);
  }
  queue.close();
  EXPECT_EQ(queue.try_pop().error(), conqueue_status::empty);
  std::thread sleeper([&] { EXPECT_EQ(queue.pop()->value, 7); });
  element::go.store(true);
  sleeper.join();
  stopped.join();
  EXPECT_EQ(queue.try_pop().error(), conqueue_status::closed);
}

TEST(UnboundedQueue, BuildingAnElementMayUseTheQueue) {
  const auto use = [](auto moves_safely) {
    struct nested {
      nested(unbounded_queue<nested>* queue, int depth) : value(depth) {
        if (depth == 0) return;
        EXPECT_TRUE(queue->emplace(queue, depth - 1));
        if (depth % 2 == 0) {
          const auto popped = queue->try_pop();
          EXPECT_TRUE(queue->emplace(queue, 0) && popped);
        }
      }
      nested(nested&& other) noexcept(decltype(moves_safely)::value) : value(other.value) {}
      int value;
    };
    unbounded_queue<nested> queue;
    for (int lap = 0; lap < 2000; ++lap) {
      EXPECT_TRUE(queue.emplace(&queue, 3));
      // 0 from within 1, which is popped within 2; 0 and 1 from within 2 then; 3.
      int sum = 0;
      int count = 0;
      while (const auto popped = queue.try_pop()) {
        sum += popped->value;
        ++count;
      }
      ASSERT_EQ(sum, 1 + 2 + 3);
      ASSERT_EQ(count, 4);
    }
  };
  use(std::true_type());
  use(std::false_type());
}

// What the iterators of a batch do, too.
TEST(UnboundedQueue, WritingElementsOutMayUseTheQueue) {
  unbounded_queue<std::string> queue;
  struct back_into {
    unbounded_queue<std::string>* queue;
    back_into& operator*() { return *this; }
    back_into& operator++() { return *this; }
    back_into& operator=(std::string&& s) {
      EXPECT_TRUE(queue->push(s + "+"));
      return *this;
    }
  };
  EXPECT_TRUE(queue.push("one"));
  EXPECT_TRUE(queue.push("two"));
  EXPECT_EQ(queue.try_pop_n(back_into{&queue}, 3000), 3000U);
  EXPECT_EQ(queue.pop(), "one" + std::string(1500, '+'));
  EXPECT_EQ(queue.pop(), "two" + std::string(1500, '+'));
}

// Every word can be an element, also the marks of a segment, one after the other.
TEST(UnboundedQueue, TheMarksOfSegmentsAreElements) {
  unbounded_queue<std::uint64_t> queue;
  std::uint64_t mark = 0x9e3779b97f4a7c14U;
  std::vector<std::uint64_t> pushed;
  for (int lap = 0; lap < 10; ++lap) {
    for (const std::uint64_t word : {mark, std::uint64_t{1}, mark + 1, mark - 1, mark + 2}) {
      EXPECT_TRUE(queue.push(word));
      pushed.push_back(word);
    }
    mark = (mark * 6364136223846793005U + 1442695040888963407U) & ~std::uint64_t{1};
  }
  EXPECT_EQ(queue.size_approx(), pushed.size());
  for (const std::uint64_t word : pushed) ASSERT_EQ(queue.pop(), word);
  EXPECT_TRUE(queue.empty_approx());
}

atomic<std::ptrdiff_t> bytes_out{0};

template <class T>
struct counting {
  using value_type = T;
  counting() = default;
  template <class U>
  counting(const counting<U>&) {}
  T* allocate(std::size_t n) {
    bytes_out.fetch_add(static_cast<std::ptrdiff_t>(n * sizeof(T)));
    return std::allocator<T>().allocate(n);
  }
  void deallocate(T* p, std::size_t n) {
    bytes_out.fetch_sub(static_cast<std::ptrdiff_t>(n * sizeof(T)));
    std::allocator<T>().deallocate(p, n);
  }
  friend bool operator==(counting, counting) { return true; }
};

// From then on the allocator may be gone.
TEST(UnboundedQueue, AllMemoryIsBackWhenTheDestructorReturns) {
  const auto use = [](auto make) {
    using T = decltype(make(0));
    {
      unbounded_queue<T, counting<T>> queue;
      std::vector<std::thread> threads;
      for (int t = 0; t < 4; ++t) {
        threads.emplace_back([&, t] {
          for (int i = 0; i < 30'000; ++i) {
            if (t % 2 == 0) {
              EXPECT_TRUE(queue.push(make(i)));
            } else {
              static_cast<void>(queue.try_pop());
            }
          }
        });
      }
      for (std::thread& thread : threads) thread.join();
      EXPECT_GT(bytes_out.load(), 0);
    }
    EXPECT_EQ(bytes_out.load(), 0);
  };
  use([](int i) { return i; });
  use([](int i) { return std::string(static_cast<std::size_t>(i % 40), 'x'); });
  use([](int i) { return stoppable<false>(i + 100); });
}

TEST(UnboundedQueue, AQueueThatIsNeverLongTakesNoMoreMemory) {
  unbounded_queue<std::uint64_t, counting<std::uint64_t>> queue;
  std::ptrdiff_t before = 0;
  for (std::uint64_t i = 0; i < 200'000; ++i) {
    ASSERT_TRUE(queue.push(i));
    ASSERT_EQ(queue.pop(), i);
    if (i == 50'000) before = bytes_out.load();
  }
  EXPECT_EQ(bytes_out.load(), before);
  EXPECT_LT(before, 256 << 10);
}

std::size_t resident_bytes() {
  std::size_t all = 0;
  std::size_t resident = 0;
  std::ifstream("/proc/self/statm") >> all >> resident;
  return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

// Also the second time, when the C library has been through it once, and with pieces of other memory in between.
TEST(UnboundedQueue, MemoryIsGivenBackAfterABurst) {
  if (sanitized) GTEST_SKIP() << "sanitizers keep memory";
  constexpr std::uint64_t items = 10'000'000;
  constexpr std::size_t allowed = 2 << 20;
  unbounded_queue<std::uint64_t> queue;
  const std::size_t before = resident_bytes();
  if (before == 0) GTEST_SKIP() << "no /proc/self/statm";
  std::vector<std::unique_ptr<char[]>> others;
  others.reserve(100);
  for (int burst = 0; burst < 3; ++burst) {
    for (std::uint64_t i = 0; i < items; ++i) {
      ASSERT_TRUE(queue.push(i));
      if (i % (items / 20) == 0) others.push_back(std::make_unique<char[]>(100));
    }
    EXPECT_GE(resident_bytes(), before + items * sizeof(std::uint64_t));
    for (std::uint64_t i = 0; i < items; ++i) ASSERT_EQ(queue.try_pop(), i);
    EXPECT_LE(resident_bytes(), before + allowed) << "burst " << burst;
  }
}

}  // namespace
}  // namespace switchyard::lockfree
