// intrusive_mpsc_queue of both sides: the same answers, and objects that are where they should be.
#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include "switchyard/atomics/atomic.h"
#include "switchyard/blocking/intrusive_mpsc_queue.h"
#include "switchyard/interface/conqueue_status.h"
#include "switchyard/lockfree/intrusive_mpsc_queue.h"
#include "switchyard/threads/queue_hook.h"

namespace switchyard {
namespace {

using namespace std::chrono_literals;

struct job : queue_hook {
  explicit job(int n = 0) : number(n) {}
  int number;
};
struct padding {
  virtual ~padding() = default;
  int filler = 7;
};
struct two_hooks : padding {
  explicit two_hooks(int n = 0) : number(n) {}
  int number;
  queue_hook first;
  queue_hook second;
};

// A queue, and another one for the other hook.
template <class Object, class Queue, class Other>
struct kind {
  using object = Object;
  using queue = Queue;
  using other = Other;
};
using kinds = ::testing::Types<
    kind<job, lockfree::intrusive_mpsc_queue<job>, void>, kind<job, blocking::intrusive_mpsc_queue<job>, void>,
    kind<two_hooks, lockfree::intrusive_mpsc_queue<two_hooks, &two_hooks::first>,
         lockfree::intrusive_mpsc_queue<two_hooks, &two_hooks::second>>,
    kind<two_hooks, blocking::intrusive_mpsc_queue<two_hooks, &two_hooks::first>,
         blocking::intrusive_mpsc_queue<two_hooks, &two_hooks::second>>>;

template <class Kind>
class IntrusiveMpscQueue : public ::testing::Test {
  static_assert(std::same_as<typename Kind::queue::value_type, typename Kind::object*>);
  static_assert(!std::copy_constructible<typename Kind::queue> && !std::move_constructible<typename Kind::queue>);
  static_assert(std::is_nothrow_default_constructible_v<typename Kind::queue>);
};
TYPED_TEST_SUITE(IntrusiveMpscQueue, kinds);

TYPED_TEST(IntrusiveMpscQueue, FirstInFirstOut) {
  std::array<typename TypeParam::object, 5> objects;
  typename TypeParam::queue queue;
  EXPECT_EQ(queue.try_pop().error(), conqueue_status::empty);
  EXPECT_EQ(queue.try_pop_for(1ms).error(), conqueue_status::empty);
  EXPECT_TRUE(queue.empty_approx());
  EXPECT_TRUE(queue.push(objects[0]));
  EXPECT_EQ(queue.try_push(objects[1]), conqueue_status::success);
  EXPECT_FALSE(queue.empty_approx());
  EXPECT_EQ(queue.pop(), &objects[0]);
  EXPECT_TRUE(queue.push(objects[2]));
  EXPECT_TRUE(queue.push(objects[0]));
  EXPECT_EQ(queue.try_pop(), &objects[1]);
  EXPECT_EQ(queue.try_pop_for(1s), &objects[2]);
  EXPECT_EQ(queue.try_pop_until(std::chrono::steady_clock::now()), &objects[0]);
  EXPECT_TRUE(queue.empty_approx());
}

TYPED_TEST(IntrusiveMpscQueue, InBulk) {
  std::array<typename TypeParam::object, 5> objects;
  std::vector<typename TypeParam::object*> pointers;
  for (auto& object : objects) pointers.push_back(&object);
  typename TypeParam::queue queue;
  EXPECT_EQ(queue.try_push_n(pointers.begin(), 0), 0U);
  EXPECT_EQ(queue.push_n(pointers.begin(), 2), 2U);
  EXPECT_EQ(queue.try_push_n(pointers.begin() + 2, 3), 3U);
  std::vector<typename TypeParam::object*> popped;
  EXPECT_EQ(queue.try_pop_n(std::back_inserter(popped), 4), 4U);
  EXPECT_EQ(queue.pop_n(std::back_inserter(popped), 4), 1U);
  EXPECT_EQ(queue.try_pop_n(std::back_inserter(popped), 4), 0U);
  EXPECT_EQ(popped, pointers);
}

TYPED_TEST(IntrusiveMpscQueue, CloseRefusesPushesAndDrains) {
  std::array<typename TypeParam::object, 3> objects;
  typename TypeParam::queue queue;
  EXPECT_TRUE(queue.push(objects[0]));
  EXPECT_TRUE(queue.push(objects[1]));
  EXPECT_FALSE(queue.is_closed());
  for (int again = 0; again < 2; ++again) {
    queue.close();
    EXPECT_TRUE(queue.is_closed());
    EXPECT_FALSE(queue.push(objects[2]));
    EXPECT_EQ(queue.try_push(objects[2]), conqueue_status::closed);
    typename TypeParam::object* pointers[] = {&objects[2]};
    EXPECT_EQ(queue.push_n(pointers, 1), 0U);
    EXPECT_EQ(queue.pop(), &objects[again]);
  }
  EXPECT_EQ(queue.pop(), nullptr);
  EXPECT_EQ(queue.try_pop().error(), conqueue_status::closed);
  EXPECT_EQ(queue.try_pop_for(600s).error(), conqueue_status::closed);
  EXPECT_EQ(queue.pop_n(static_cast<typename TypeParam::object**>(nullptr), 1), 0U);
  EXPECT_TRUE(queue.empty_approx());
}

// Closed with nothing in it, and again after it said so.
TYPED_TEST(IntrusiveMpscQueue, CloseOfAnEmptyQueue) {
  typename TypeParam::object object;
  typename TypeParam::queue queue;
  queue.close();
  EXPECT_EQ(queue.try_pop().error(), conqueue_status::closed);
  queue.close();
  EXPECT_FALSE(queue.push(object));
  EXPECT_EQ(queue.pop(), nullptr);
}

TYPED_TEST(IntrusiveMpscQueue, NullIsAnInvalidArgument) {
  typename TypeParam::object object;
  typename TypeParam::queue queue;
  typename TypeParam::object* pointers[] = {nullptr, &object, nullptr};
  EXPECT_THROW((void)queue.try_emplace(nullptr), std::invalid_argument);
  EXPECT_THROW((void)queue.try_push_n(pointers, 1), std::invalid_argument);
  EXPECT_EQ(queue.try_push_n(pointers + 1, 2), 1U) << "those before it are in";
  EXPECT_EQ(queue.pop(), &object);
  EXPECT_EQ(queue.try_pop().error(), conqueue_status::empty);
}

// What cannot be written stays first.
TYPED_TEST(IntrusiveMpscQueue, WhatCannotBeWrittenStays) {
  std::array<typename TypeParam::object, 3> objects;
  typename TypeParam::queue queue;
  for (auto& object : objects) EXPECT_TRUE(queue.push(object));
  struct target {
    target& operator*() { return *this; }
    target& operator++() { return *this; }
    target& operator=(typename TypeParam::object* o) {
      if (left-- == 0) throw 1;
      written.push_back(o);
      return *this;
    }
    int& left;
    std::vector<typename TypeParam::object*>& written;
  };
  int left = 0;
  std::vector<typename TypeParam::object*> written;
  EXPECT_THROW((void)queue.try_pop_n(target{left, written}, 3), int);
  left = 2;
  try {
    (void)queue.try_pop_n(target{left, written}, 3);
  } catch (int) {
  }
  EXPECT_EQ(written.size(), 2U);
  EXPECT_EQ(queue.pop(), &objects[2]);
  EXPECT_EQ(queue.try_pop().error(), conqueue_status::empty);
}

// What is left belongs to whom it belonged, and may go elsewhere.
TYPED_TEST(IntrusiveMpscQueue, DestroysNothing) {
  std::array<typename TypeParam::object, 3> objects;
  for (int again = 0; again < 2; ++again) {
    typename TypeParam::queue queue;
    for (auto& object : objects) EXPECT_TRUE(queue.push(object));
    EXPECT_EQ(queue.pop(), &objects[0]);
    if (again == 1) queue.close();
  }
  typename TypeParam::queue queue;
  for (auto& object : objects) EXPECT_TRUE(queue.push(object));
}

TYPED_TEST(IntrusiveMpscQueue, OneQueueForEachHook) {
  if constexpr (!std::is_void_v<typename TypeParam::other>) {
    typename TypeParam::object a, b;
    typename TypeParam::queue queue;
    typename TypeParam::other other;
    EXPECT_TRUE(queue.push(a));
    EXPECT_TRUE(other.push(b));
    EXPECT_TRUE(queue.push(b));
    EXPECT_TRUE(other.push(a));
    EXPECT_EQ(queue.pop(), &a);
    EXPECT_EQ(other.pop(), &b);
    EXPECT_EQ(queue.pop(), &b);
    EXPECT_EQ(other.pop(), &a);
  }
}

// Objects go round: who finds one popped pushes it again. By ones and in bulk, and at last somebody closes.
TYPED_TEST(IntrusiveMpscQueue, ObjectsGoRound) {
  using object = typename TypeParam::object;
  constexpr int producers = 3;
  constexpr int each = 8;
  constexpr int rounds = 2000;
  std::vector<object> objects(producers * each);
  for (int i = 0; i < producers * each; ++i) objects[static_cast<std::size_t>(i)].number = i;
  typename TypeParam::queue queue;
  std::vector<atomic<bool>> taken(objects.size());  // by the consumer, and given back
  for (auto& flag : taken) flag = true;
  atomic<int> running{producers};
  std::vector<std::thread> threads;
  for (int p = 0; p < producers; ++p) {
    threads.emplace_back([&, p] {
      for (int round = 0; round < rounds; ++round) {
        object* bulk[2];
        for (int i = 0; i < each; ++i) {
          const auto index = static_cast<std::size_t>(p * each + i);
          while (!taken[index].load(memory_order_acquire)) yield();
          taken[index].store(false, memory_order_relaxed);
          bulk[i % 2] = &objects[index];
          if (p != 0) {
            EXPECT_TRUE(queue.push(objects[index]));
          } else if (i % 2 == 1) {
            EXPECT_EQ(queue.push_n(bulk, 2), 2U);
          }
        }
      }
      if (running.fetch_sub(1) == 1) queue.close();
    });
  }
  std::array<int, producers> next{};
  int count = 0;
  while (object* const o = queue.pop()) {
    const int producer = o->number / each;
    EXPECT_EQ(o->number % each, next[static_cast<std::size_t>(producer)]++ % each) << "of producer " << producer;
    ++count;
    taken[static_cast<std::size_t>(o->number)].store(true, memory_order_release);
  }
  EXPECT_EQ(count, producers * each * rounds);
  for (auto& thread : threads) thread.join();
}

TYPED_TEST(IntrusiveMpscQueue, CloseWakesWhoWaits) {
  typename TypeParam::queue queue;
  std::thread closer([&] {
    std::this_thread::sleep_for(2ms);
    queue.close();
  });
  EXPECT_EQ(queue.pop(), nullptr);
  closer.join();
}

#if !defined(NDEBUG) && defined(GTEST_HAS_DEATH_TEST)
TYPED_TEST(IntrusiveMpscQueue, DiesOfBadUse) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  typename TypeParam::object object;
  typename TypeParam::queue queue;
  ASSERT_TRUE(queue.push(object));
  EXPECT_DEATH((void)queue.push(object), "put into a queue while it is in one");
  EXPECT_DEATH(
      {
        auto gone = std::make_unique<typename TypeParam::object>();
        (void)queue.push(*gone);
      },
      "destroyed while it is in a queue");
}
#endif

TEST(QueueHook, ACopyIsInNoQueue) {
  job original(3);
  lockfree::intrusive_mpsc_queue<job> queue;
  ASSERT_TRUE(queue.push(original));
  job copy = original;
  job assigned;
  assigned = original;
  EXPECT_TRUE(original.is_in_queue());
  EXPECT_FALSE(copy.is_in_queue() || assigned.is_in_queue());
  EXPECT_TRUE(queue.push(copy));
  copy = assigned;
  EXPECT_TRUE(copy.is_in_queue());
  EXPECT_EQ(queue.pop(), &original);
  EXPECT_EQ(queue.pop(), &copy);
  EXPECT_FALSE(original.is_in_queue());
}

// ---- The same members on both sides

template <class Q>
concept queue_of_jobs =
    std::same_as<typename Q::value_type, job*> && requires(Q& q, const Q& c, job& j, job** array, std::size_t n) {
      { q.push(j) } -> std::same_as<bool>;
      { q.try_push(j) } -> std::same_as<conqueue_status>;
      { q.pop() } -> std::same_as<job*>;
      { q.try_pop() } -> std::same_as<pop_result<job*>>;
      { q.try_pop_for(1s) } -> std::same_as<pop_result<job*>>;
      { q.try_pop_until(std::chrono::steady_clock::now()) } -> std::same_as<pop_result<job*>>;
      { q.push_n(array, n) } -> std::same_as<std::size_t>;
      { q.try_push_n(array, n) } -> std::same_as<std::size_t>;
      { q.pop_n(array, n) } -> std::same_as<std::size_t>;
      { q.try_pop_n(array, n) } -> std::same_as<std::size_t>;
      { q.close() } noexcept -> std::same_as<void>;
      { c.is_closed() } noexcept -> std::same_as<bool>;
      { c.empty_approx() } noexcept -> std::same_as<bool>;
    };
template <class Q>
constexpr std::array extras = {
    requires(Q& q) { q.size_approx(); },
    requires(Q& q) { q.capacity(); },
    requires(Q& q) { q.get_allocator(); },
    requires(Q& q) { q.clear(); },
    requires(Q& q, job** out) { q.pop_all(out); },
    requires(Q& q, const job& j) { q.push(j); },
    requires(Q& q, job* j) { q.push(j); },
    requires(Q& q, job* j) { q.try_push_for(j, 1s); },
    std::move_constructible<Q>,
    std::is_polymorphic_v<Q>,
};
static_assert(queue_of_jobs<lockfree::intrusive_mpsc_queue<job>> && queue_of_jobs<blocking::intrusive_mpsc_queue<job>>);
static_assert(extras<lockfree::intrusive_mpsc_queue<job>> == extras<blocking::intrusive_mpsc_queue<job>>);

}  // namespace
}  // namespace switchyard
