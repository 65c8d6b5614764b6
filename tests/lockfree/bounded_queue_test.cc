// What is particular to lockfree::bounded_queue; what every queue owes is in tests/conformance.
#include "switchyard/lockfree/bounded_queue.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

#include "switchyard/atomics/atomic.h"

namespace switchyard::lockfree {
namespace {

// An element whose constructor, or move, can be held up in the middle: a thread stopped inside the queue.
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
  stoppable(stoppable&& other) : value(std::exchange(other.value, -2)) { pass(value); }
  stoppable& operator=(stoppable&&) = default;
  int value;
};

TEST(BoundedQueue, AProducerStoppedInTheMiddleStopsNobody) {
  stoppable::reset(0);
  bounded_queue<stoppable> queue(3);
  std::thread stopped([&] { EXPECT_TRUE(queue.emplace(0)); });
  while (!stoppable::stopped.load()) yield();
  // It keeps one of the three rooms; the others go round and round.
  for (int lap = 0; lap < 100; ++lap) {
    ASSERT_EQ(queue.try_emplace(1), conqueue_status::success);
    ASSERT_EQ(queue.try_emplace(2), conqueue_status::success);
    ASSERT_EQ(queue.try_emplace(3), conqueue_status::full);
    ASSERT_EQ(queue.try_pop()->value, 1);
    ASSERT_EQ(queue.try_pop()->value, 2);
    ASSERT_EQ(queue.try_pop().error(), conqueue_status::empty);
  }
  // Closing does not wait for it either, and while it may still succeed the queue is not done.
  queue.close();
  EXPECT_EQ(queue.try_emplace(4), conqueue_status::closed);
  EXPECT_EQ(queue.try_pop().error(), conqueue_status::empty);
  stoppable::go.store(true);
  EXPECT_EQ(queue.pop()->value, 0);
  EXPECT_FALSE(queue.pop().has_value());
  stopped.join();
}

TEST(BoundedQueue, AConsumerStoppedInTheMiddleStopsNobody) {
  stoppable::reset(-1);
  bounded_queue<stoppable> queue(3);
  ASSERT_TRUE(queue.emplace(0));
  stoppable::stop_at.store(0);
  std::thread stopped([&] { EXPECT_EQ(queue.pop()->value, 0); });
  while (!stoppable::stopped.load()) yield();
  // What it has taken is out of the queue: there is room for three, and nothing to wait for when it is closed.
  for (int lap = 0; lap < 100; ++lap) {
    for (int i = 1; i <= 3; ++i) ASSERT_EQ(queue.try_emplace(i), conqueue_status::success);
    ASSERT_EQ(queue.try_emplace(4), conqueue_status::full);
    for (int i = 1; i <= 3; ++i) ASSERT_EQ(queue.try_pop()->value, i);
    ASSERT_EQ(queue.try_pop().error(), conqueue_status::empty);
  }
  queue.close();
  EXPECT_EQ(queue.try_pop().error(), conqueue_status::closed);
  stoppable::go.store(true);
  stopped.join();
}

TEST(BoundedQueue, ProducersThatWaitForAFailedPushAreWoken) {
  // The queue is full for a moment because of a push whose constructor then throws.
  struct throwing {
    explicit throwing(bool fail, atomic<bool>* inside, atomic<bool>* go) {
      if (!fail) return;
      inside->store(true);
      while (!go->load()) yield();
      throw std::runtime_error("element");
    }
  };
  bounded_queue<throwing> queue(1);
  atomic<bool> inside{false};
  atomic<bool> go{false};
  std::thread failing([&] { EXPECT_THROW(queue.emplace(true, &inside, &go), std::runtime_error); });
  while (!inside.load()) yield();
  std::thread waiting([&] { EXPECT_TRUE(queue.emplace(false, nullptr, nullptr)); });
  std::this_thread::sleep_until(std::chrono::steady_clock::now() + std::chrono::milliseconds(20));
  go.store(true);
  failing.join();
  waiting.join();
}

std::size_t bytes_allocated = 0;

template <class T>
struct measuring {
  using value_type = T;
  measuring() = default;
  template <class U>
  measuring(const measuring<U>&) {}
  T* allocate(std::size_t n) {
    bytes_allocated += n * sizeof(T);
    return std::allocator<T>().allocate(n);
  }
  void deallocate(T* p, std::size_t n) { std::allocator<T>().deallocate(p, n); }
  friend bool operator==(measuring, measuring) { return true; }
};

// What a queue of 1000 takes for each, and that later it takes no more than `later` bytes.
template <class T>
std::size_t bytes_per_element(std::size_t later) {
  bytes_allocated = 0;
  bounded_queue<T, measuring<T>> queue(1000);
  const std::size_t at_first = bytes_allocated;
  for (int i = 0; i < 3000; ++i) {
    EXPECT_TRUE(queue.push(T()));
    EXPECT_TRUE(queue.pop());
  }
  EXPECT_EQ(bytes_allocated - at_first, later);
  return at_first / 1000;
}

struct pair_of_words {
  std::uint64_t first = 0;
  std::uint64_t second = 0;
};

TEST(BoundedQueue, TakesTheMemoryItSays) {
  EXPECT_EQ(bytes_per_element<char>(0), 16U);
  EXPECT_EQ(bytes_per_element<double>(0), 16U);
  EXPECT_EQ(bytes_per_element<int*>(0), 16U);
  // A node for each element, and one for this thread.
  EXPECT_EQ(bytes_per_element<pair_of_words>(sizeof(pair_of_words)), 16U + sizeof(pair_of_words));
  EXPECT_EQ(bytes_per_element<std::string>(sizeof(std::string)), 16U + sizeof(std::string));
}

TEST(BoundedQueue, BuildingAnElementMayUseTheQueue) {
  struct nested {
    nested(bounded_queue<nested>* queue, int depth) : value(depth) {
      if (depth > 0) {
        EXPECT_TRUE(queue->emplace(queue, depth - 1));
      }
    }
    nested(nested&& other) noexcept : value(other.value) {}
    int value;
  };
  bounded_queue<nested> queue(8);
  for (int lap = 0; lap < 5; ++lap) {
    EXPECT_TRUE(queue.emplace(&queue, 4));
    for (int i = 0; i <= 4; ++i) EXPECT_EQ(queue.pop()->value, i);  // the innermost was finished first
  }
}

TEST(BoundedQueue, WideElementsArriveWhole) {
  bounded_queue<pair_of_words> queue(3);
  std::thread producers[2];
  for (std::uint64_t p = 0; p < 2; ++p) {
    producers[p] = std::thread([&queue, p] {
      for (std::uint64_t i = 0; i < 20'000; ++i) queue.push({2 * i + p, ~(2 * i + p)});
    });
  }
  std::uint64_t next[2] = {0, 1};
  for (int i = 0; i < 40'000; ++i) {
    const auto item = queue.pop();
    ASSERT_EQ(item->second, ~item->first);
    ASSERT_EQ(item->first, next[item->first % 2]);
    next[item->first % 2] += 2;
  }
  for (auto& producer : producers) producer.join();
}

// Which deletes count.
struct counted {
  static inline int alive = 0;
  explicit counted(int v) : value(v) { ++alive; }
  counted(const counted&) = delete;
  counted& operator=(const counted&) = delete;
  virtual ~counted() { --alive; }
  int value;
};
struct derived : counted {
  using counted::counted;
};
struct stateless_deleter {
  void operator()(counted* object) const { delete object; }
};
struct stateful_deleter : stateless_deleter {
  int state = 0;
};

TEST(BoundedQueue, OwningPointersNeedNoNode) {
  static_assert(detail::is_word<std::unique_ptr<counted>> && detail::is_word<std::unique_ptr<int[]>> &&
                detail::is_word<std::unique_ptr<counted, stateless_deleter>>);
  static_assert(!detail::is_word<std::unique_ptr<counted, stateful_deleter>> && !detail::is_word<std::shared_ptr<int>> &&
                !detail::is_word<std::string>);
  using owner = std::unique_ptr<counted, stateless_deleter>;
  {
    bounded_queue<owner> queue(6);
    owner first(new derived(1));
    counted* const at = first.get();
    EXPECT_EQ(queue.try_push(std::move(first)), conqueue_status::success);
    EXPECT_EQ(first, nullptr);
    // Of whatever an owner can be made of.
    EXPECT_EQ(queue.try_emplace(new derived(2)), conqueue_status::success);
    EXPECT_EQ(queue.try_emplace(std::unique_ptr<derived, stateless_deleter>(new derived(3))), conqueue_status::success);
    EXPECT_EQ(queue.try_emplace(), conqueue_status::success);
    EXPECT_EQ(queue.try_emplace(nullptr), conqueue_status::success);
    EXPECT_EQ(queue.try_emplace(new derived(4), stateless_deleter()), conqueue_status::success);
    EXPECT_EQ(queue.try_pop().value().get(), at);
    EXPECT_EQ(queue.try_pop().value()->value, 2);
    EXPECT_EQ(queue.try_pop().value()->value, 3);
    EXPECT_EQ(queue.try_pop().value(), nullptr);
    EXPECT_EQ(queue.try_pop().value(), nullptr);
    EXPECT_EQ(counted::alive, 1);
    EXPECT_EQ(queue.try_push(owner(new counted(5))), conqueue_status::success);
  }
  EXPECT_EQ(counted::alive, 0) << "what was left goes with the queue";
}

TEST(BoundedQueue, OwningPointersThatAreRefusedStayWhereTheyWere) {
  bounded_queue<std::unique_ptr<counted>> queue(1);
  EXPECT_TRUE(queue.push(std::make_unique<counted>(0)));
  for (const conqueue_status why : {conqueue_status::full, conqueue_status::closed}) {
    if (why == conqueue_status::closed) queue.close();
    auto same = std::make_unique<counted>(1);
    EXPECT_EQ(queue.try_push(std::move(same)), why);
    ASSERT_NE(same, nullptr);
    auto other = std::make_unique<derived>(2);
    EXPECT_EQ(queue.try_emplace(std::move(other)), why);
    ASSERT_NE(other, nullptr);
    EXPECT_EQ(other->value, 2);
    EXPECT_EQ(queue.try_emplace(same.get()), why);
    EXPECT_EQ(queue.try_emplace(new counted(3), std::default_delete<counted>()), why) << "the one that is made, and is gone";
    EXPECT_EQ(counted::alive, 3);
    EXPECT_EQ(queue.try_push_for(std::move(same), std::chrono::milliseconds(1)), why);
    ASSERT_NE(same, nullptr);
    std::unique_ptr<counted> several[2] = {std::move(same), nullptr};
    EXPECT_EQ(queue.try_push_n(std::make_move_iterator(several), 2), 0U);
    ASSERT_NE(several[0], nullptr);
    EXPECT_EQ(several[0]->value, 1);
  }
  EXPECT_EQ(counted::alive, 1);
}

}  // namespace
}  // namespace switchyard::lockfree
