// any_queue and any_counter: what erasing the type must not lose, and what is made up for queues that have
// less than the whole interface. What every queue promises is tested in //tests/conformance.
#include "switchyard/adapters/any_queue.h"

#include <gtest/gtest.h>

#include <any>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <iterator>
#include <limits>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "switchyard/adapters/any_counter.h"
#include "switchyard/adapters/std_bounded_queue.h"
#include "switchyard/adapters/std_counter.h"
#include "switchyard/interface/conqueue_status.h"
#include "switchyard/interface/queue.h"

namespace switchyard::adapters {
namespace {

using namespace std::chrono_literals;

template <class Q>
concept whole_queue = concurrent_queue<Q> && timed_queue<Q> && bulk_queue<Q> && sized_queue<Q>;
static_assert(whole_queue<any_queue<int>> && capacity_limited<any_queue<int>>);
static_assert(whole_queue<any_queue<std::unique_ptr<int>>>);
static_assert(std::movable<any_queue<int>> && !std::copyable<any_queue<int>>);
static_assert(!std::is_default_constructible_v<any_queue<int>>);

/// As little as a concurrent_queue can have: no time limits, no bulk, no size, and emplace takes a T alone.
template <class T>
class small_queue {
 public:
  using value_type = T;
  explicit small_queue(std::size_t capacity) : capacity_(capacity) {}

  bool is_closed() const noexcept {
    return locked([&] { return closed_; });
  }
  void close() noexcept {
    locked([&] { return closed_ = true; });
  }
  conqueue_status try_push(T&& value) {
    return locked([&] {
      if (closed_) return conqueue_status::closed;
      if (elements_.size() == capacity_) return conqueue_status::full;
      elements_.push_back(std::move(value));
      return conqueue_status::success;
    });
  }
  conqueue_status try_emplace(T&& value) { return try_push(std::move(value)); }
  pop_result<T> try_pop() {
    const std::lock_guard hold(mutex_);
    if (elements_.empty()) return unexpected(closed_ ? conqueue_status::closed : conqueue_status::empty);
    pop_result<T> result(std::move(elements_.front()));
    elements_.pop_front();
    return result;
  }
  bool push(T&& value) {
    for (;; std::this_thread::sleep_for(100us)) {
      const conqueue_status status = try_push(std::move(value));
      if (status != conqueue_status::full) return status == conqueue_status::success;
    }
  }
  bool emplace(T&& value) { return push(std::move(value)); }
  std::optional<T> pop() {
    for (;; std::this_thread::sleep_for(100us)) {
      pop_result<T> result = try_pop();
      if (result) return std::move(*result);
      if (result.error() == conqueue_status::closed) return std::nullopt;
    }
  }

 private:
  template <class F>
  auto locked(F f) const {
    const std::lock_guard hold(mutex_);
    return f();
  }
  mutable std::mutex mutex_;
  std::deque<T> elements_;
  std::size_t capacity_;
  bool closed_ = false;
};
static_assert(concurrent_queue<small_queue<int>> && !timed_queue<small_queue<int>>);
static_assert(!bulk_queue<small_queue<int>> && !sized_queue<small_queue<int>>);

/// Counts the calls that reach it.
template <class T>
struct counting_queue : std_bounded_queue<T> {
  using std_bounded_queue<T>::std_bounded_queue;
  static inline int bulk_calls = 0;
  static inline int single_calls = 0;

  template <class It>
  std::size_t try_push_n(It first, std::size_t n) {
    ++bulk_calls;
    return std_bounded_queue<T>::try_push_n(first, n);
  }
  template <class It>
  std::size_t push_n(It first, std::size_t n) {
    ++bulk_calls;
    return std_bounded_queue<T>::push_n(first, n);
  }
  template <class It>
  std::size_t try_pop_n(It out, std::size_t max) {
    ++bulk_calls;
    return std_bounded_queue<T>::try_pop_n(out, max);
  }
  template <class It>
  std::size_t pop_n(It out, std::size_t max) {
    ++bulk_calls;
    return std_bounded_queue<T>::pop_n(out, max);
  }
  template <class... Args>
  conqueue_status try_emplace(Args&&... args) {
    ++single_calls;
    return std_bounded_queue<T>::try_emplace(std::forward<Args>(args)...);
  }
  template <class... Args>
  conqueue_status try_emplace_until(deadline when, Args&&... args) {
    ++single_calls;
    return std_bounded_queue<T>::try_emplace_until(when, std::forward<Args>(args)...);
  }
};

template <class Factory>
class any_queue_test : public ::testing::Test {
 protected:
  template <class T>
  static any_queue<T> make(std::size_t capacity) {
    return Factory::template make<T>(capacity);
  }
};

struct whole {
  template <class T>
  static any_queue<T> make(std::size_t n) {
    return any_queue<T>::template make<std_bounded_queue<T>>(n);
  }
};
struct small {
  template <class T>
  static any_queue<T> make(std::size_t n) {
    return any_queue<T>::template make<small_queue<T>>(n);
  }
};
/// An any_queue in an any_queue is a queue like others.
struct twice {
  template <class T>
  static any_queue<T> make(std::size_t n) {
    return any_queue<T>::template make<any_queue<T>>(whole::make<T>(n));
  }
};
using factories = ::testing::Types<whole, small, twice>;
TYPED_TEST_SUITE(any_queue_test, factories);

TYPED_TEST(any_queue_test, PushesAndPops) {
  auto queue = this->template make<std::string>(2);
  EXPECT_TRUE(queue.empty_approx());
  EXPECT_EQ(queue.try_pop().error(), conqueue_status::empty);
  EXPECT_TRUE(queue.push("one"));
  const std::string two = "two";
  EXPECT_EQ(queue.try_push(two), conqueue_status::success);
  EXPECT_EQ(queue.size_approx(), 2U);

  std::string three = "three, which is too long to be kept inside a string";
  const std::string copy = three;
  EXPECT_EQ(queue.try_push(std::move(three)), conqueue_status::full);
  EXPECT_EQ(queue.try_push_for(std::move(three), 3ms), conqueue_status::full);
  EXPECT_EQ(queue.try_push_until(three, std::chrono::system_clock::now() + 3ms), conqueue_status::full);
  EXPECT_EQ(three, copy);

  EXPECT_EQ(queue.pop(), "one");
  EXPECT_EQ(queue.try_push_for(std::move(three), 10min), conqueue_status::success);
  EXPECT_EQ(queue.try_pop_for(10min), "two");
  EXPECT_FALSE(queue.is_closed());
  queue.close();
  EXPECT_TRUE(queue.is_closed());
  EXPECT_EQ(queue.try_push("four"), conqueue_status::closed);
  EXPECT_EQ(queue.try_push_for("four", 10min), conqueue_status::closed);
  EXPECT_FALSE(queue.push("four"));
  EXPECT_EQ(queue.try_pop_until(std::chrono::steady_clock::now() + 10min), copy);
  EXPECT_EQ(queue.try_pop_for(10min).error(), conqueue_status::closed);
  EXPECT_EQ(queue.try_pop().error(), conqueue_status::closed);
  EXPECT_EQ(queue.pop(), std::nullopt);
  EXPECT_EQ(queue.size_approx(), 0U);
}

TYPED_TEST(any_queue_test, LimitsAreNeitherEarlyNorLate) {
  auto queue = this->template make<int>(1);
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(queue.try_pop_for(30ms).error(), conqueue_status::empty);
  EXPECT_TRUE(queue.push(1));
  EXPECT_EQ(queue.try_push_for(2, 30ms), conqueue_status::full);
  const auto took = std::chrono::steady_clock::now() - begin;
  EXPECT_GE(took, 60ms);
  EXPECT_LT(took, 1min);
}

TYPED_TEST(any_queue_test, WaitsForTheOtherSide) {
  auto queue = this->template make<int>(1);
  std::thread consumer([&] {
    std::array<int, 2> some;
    for (int i = 0; i < 100; ++i) EXPECT_EQ(queue.pop(), i);
    for (int i = 100; i < 200; ++i) EXPECT_EQ(queue.try_pop_for(10min), i);
    for (int i = 200; i < 300; ++i) {
      EXPECT_EQ(queue.pop_n(some.data(), 1), 1U);
      EXPECT_EQ(some[0], i);
    }
    EXPECT_EQ(queue.pop_n(some.data(), 2), 0U);
  });
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(queue.push(int(i)));
  for (int i = 100; i < 200; ++i) EXPECT_EQ(queue.try_push_for(i, 10min), conqueue_status::success);
  std::vector<int> rest;
  for (int i = 200; i < 300; ++i) rest.push_back(i);
  EXPECT_EQ(queue.push_n(rest.begin(), rest.size()), rest.size());
  queue.close();
  consumer.join();
}

TYPED_TEST(any_queue_test, MoveOnly) {
  auto queue = this->template make<std::unique_ptr<int>>(2);
  EXPECT_TRUE(queue.push(std::make_unique<int>(1)));
  EXPECT_TRUE(queue.emplace(std::make_unique<int>(2)));
  auto three = std::make_unique<int>(3);
  EXPECT_EQ(queue.try_push(std::move(three)), conqueue_status::full);
  ASSERT_NE(three, nullptr);
  EXPECT_EQ(**queue.pop(), 1);
  EXPECT_EQ(**queue.try_pop(), 2);
  // Neither is left behind at the end.
  EXPECT_TRUE(queue.emplace(new int(4)));
  EXPECT_EQ(queue.try_push(std::move(three)), conqueue_status::success);
}

struct settings {
  settings(std::string n, int s) : name(std::move(n)), size(s) {}
  settings(settings&&) = default;
  settings& operator=(settings&&) = delete;
  std::string name;
  int size;
};

TYPED_TEST(any_queue_test, NotDefaultConstructibleNorAssignable) {
  auto queue = this->template make<settings>(1);
  EXPECT_TRUE(queue.emplace("a", 1));
  const auto popped = queue.pop();
  ASSERT_TRUE(popped);
  EXPECT_EQ(popped->name, "a");
  EXPECT_EQ(queue.try_pop_for(1ms).error(), conqueue_status::empty);
  std::vector<settings> several;
  EXPECT_EQ(queue.try_push(settings("b", 2)), conqueue_status::success);
  EXPECT_EQ(queue.try_pop_n(std::back_inserter(several), 5), 1U);
  EXPECT_EQ(several.at(0).name, "b");
}

// However often it has to try.
TYPED_TEST(any_queue_test, EmplaceThatWaitsUsesItsArgumentsOnce) {
  auto queue = this->template make<settings>(1);
  EXPECT_TRUE(queue.emplace("first", 1));
  std::thread consumer([&] {
    std::this_thread::sleep_for(30ms);
    EXPECT_EQ(queue.pop()->name, "first");
    EXPECT_EQ(queue.pop()->name, "a name that is too long to be kept inside");
    std::this_thread::sleep_for(30ms);
    EXPECT_EQ(queue.pop()->name, "third");
    EXPECT_EQ(queue.pop()->name, "and another name that is too long");
  });
  std::string name = "a name that is too long to be kept inside";
  EXPECT_EQ(queue.try_emplace_until(std::chrono::steady_clock::now() + 10min, std::move(name), 2),
            conqueue_status::success);
  EXPECT_TRUE(queue.emplace("third", 3));
  name = "and another name that is too long";
  EXPECT_TRUE(queue.emplace(std::move(name), 4));
  consumer.join();
}

struct alignas(256) wide {
  explicit wide(int n) : number(n) {}
  int number;
};

TYPED_TEST(any_queue_test, OverAligned) {
  auto queue = this->template make<wide>(3);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(queue.emplace(i));
  for (int i = 0; i < 3; ++i) {
    const auto popped = queue.pop();
    ASSERT_TRUE(popped);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(&*popped) % 256, 0U);
    EXPECT_EQ(popped->number, i);
  }
}

TYPED_TEST(any_queue_test, TakesAnything) {
  auto queue = this->template make<std::any>(1);
  EXPECT_TRUE(queue.push(std::any(std::string("x"))));
  const auto popped = queue.pop();
  ASSERT_TRUE(popped);
  EXPECT_EQ(std::any_cast<std::string>(*popped), "x");
}
template <class T, class... Args>
concept emplaces = requires(any_queue<T>& queue, Args&&... args) {
  queue.try_emplace(std::forward<Args>(args)...);
};
static_assert(emplaces<std::any, std::any&> && !emplaces<std::any, int>);
static_assert(emplaces<std::unique_ptr<int>, int*> && !emplaces<std::unique_ptr<int>, std::unique_ptr<int>&>);

struct fragile {
  explicit fragile(int n) : number(n) {}
  fragile(const fragile& other) : number(checked(other.number)) {}
  fragile& operator=(const fragile& other) {
    number = checked(other.number);
    return *this;
  }
  static int checked(int n) {
    if (n == broken) throw std::runtime_error("broken");
    return n;
  }
  static inline int broken = -1;
  int number;
};

TYPED_TEST(any_queue_test, ThrowingElementLeavesTheQueueUsable) {
  auto queue = this->template make<fragile>(5);
  fragile::broken = -1;
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(queue.push(fragile(i)));
  fragile::broken = 3;
  fragile bad(3);
  EXPECT_THROW(static_cast<void>(queue.try_push(bad)), std::runtime_error);
  EXPECT_EQ(queue.size_approx(), 3U);
  std::array<fragile, 2> good_and_bad = {fragile(4), fragile(5)};
  fragile::broken = 5;
  EXPECT_EQ(queue.push_n(good_and_bad.data(), 2), 1U);
  fragile::broken = -1;
  for (const int i : {0, 1, 2, 4}) EXPECT_EQ(queue.pop()->number, i);
  EXPECT_EQ(queue.try_pop().error(), conqueue_status::empty);
  EXPECT_EQ(queue.size_approx(), 0U);
}

TYPED_TEST(any_queue_test, PushNTakesAPrefixAndMovesNothingElse) {
  auto queue = this->template make<std::string>(3);
  const std::string text = "a string that is too long to be kept inside";
  const auto expect_prefix_moved = [&](const std::vector<std::string>& values) {
    for (std::size_t i = 0; i < 5; ++i) EXPECT_EQ(values[i], i < 3 ? "" : text) << i;
    for (int i = 0; i < 3; ++i) EXPECT_EQ(queue.pop(), text);
  };
  std::vector<std::string> values(5, text);
  EXPECT_EQ(queue.try_push_n(std::move_iterator(values.data()), 5), 3U);
  expect_prefix_moved(values);
  values.assign(5, text);
  EXPECT_EQ(queue.try_push_n(std::move_iterator(values.begin()), 5), 3U);
  expect_prefix_moved(values);

  values.assign(5, text);
  EXPECT_EQ(queue.try_push_n(values.data(), 5), 3U);
  EXPECT_EQ(values, std::vector<std::string>(5, text));
  EXPECT_EQ(queue.try_push_n(values.data(), 0), 0U);
  EXPECT_EQ(queue.push_n(values.data(), 0), 0U);

  std::list<std::string> others(2, text);
  std::vector<std::string> out(4);
  EXPECT_EQ(queue.pop_n(out.begin(), 4), 3U);
  EXPECT_EQ(queue.try_push_n(std::move_iterator(others.begin()), 2), 2U);
  EXPECT_EQ(others, std::list<std::string>(2));
  EXPECT_EQ(queue.try_pop_n(std::front_inserter(others), 9), 2U);
  EXPECT_EQ(others.front(), text);
  EXPECT_EQ(queue.try_pop_n(out.data(), 4), 0U);
  EXPECT_EQ(queue.try_pop_n(out.data(), 0), 0U);
  EXPECT_EQ(queue.pop_n(out.data(), 0), 0U);
}

TYPED_TEST(any_queue_test, SizeCountsFromManyThreads) {
  auto queue = this->template make<int>(1000);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      std::array<int, 3> some = {1, 2, 3};
      for (int i = 0; i < 50; ++i) {
        EXPECT_TRUE(queue.push(1));
        EXPECT_EQ(queue.push_n(some.data(), 3), 3U);
        EXPECT_TRUE(queue.try_pop().has_value());
        EXPECT_EQ(queue.try_pop_n(some.data(), 1), 1U);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(queue.size_approx(), 400U);
}

TEST(AnyQueue, OneCallForAWholeBatch) {
  using counting = counting_queue<int>;
  auto queue = any_queue<int>::make<counting>(100U);
  std::vector<int> values(50, 7);
  std::vector<int> out(50);
  counting::bulk_calls = counting::single_calls = 0;
  EXPECT_EQ(queue.push_n(values.begin(), 50), 50U);
  EXPECT_EQ(queue.pop_n(out.begin(), 50), 50U);
  EXPECT_EQ(queue.try_push_n(std::move_iterator(values.data()), 50), 50U);
  EXPECT_EQ(queue.try_pop_n(out.data(), 50), 50U);
  EXPECT_EQ(counting::bulk_calls, 4);
  EXPECT_EQ(counting::single_calls, 0);
  EXPECT_EQ(out, values);
}

TEST(AnyQueue, EmplaceBuildsInTheQueueAndOnlyIfThereIsRoom) {
  struct probe {
    explicit probe(std::unique_ptr<int> p) : inside(std::move(p)) {}
    std::unique_ptr<int> inside;
  };
  auto queue = any_queue<probe>::make<std_bounded_queue<probe>>(1U);
  EXPECT_TRUE(queue.emplace(std::make_unique<int>(1)));
  auto argument = std::make_unique<int>(2);
  EXPECT_EQ(queue.try_emplace(std::move(argument)), conqueue_status::full);
  queue.close();
  EXPECT_EQ(queue.try_emplace(std::move(argument)), conqueue_status::closed);
  EXPECT_FALSE(queue.emplace(std::move(argument)));
  EXPECT_NE(argument, nullptr) << "an emplace that failed used up its argument";
}

TEST(AnyQueue, MovesToAnother) {
  auto queue = any_queue<int>::make<std_bounded_queue<int>>(2U);
  EXPECT_TRUE(queue.push(1));
  any_queue<int> other = std::move(queue);
  EXPECT_FALSE(queue.has_value());
  EXPECT_TRUE(other.has_value());
  EXPECT_EQ(other.pop(), 1);
  queue = std::move(other);
  EXPECT_TRUE(queue.has_value());
  EXPECT_EQ(queue.capacity(), 2U);
}

TEST(AnyQueue, CapacityOfAQueueWithoutOne) {
  EXPECT_EQ(any_queue<int>::make<small_queue<int>>(1U).capacity(), std::numeric_limits<std::size_t>::max());
}

#if !defined(NDEBUG) && defined(GTEST_HAS_DEATH_TEST)
TEST(AnyQueueDeathTest, UseAfterMoveIsAnAssertion) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  auto queue = any_queue<int>::make<std_bounded_queue<int>>(2U);
  const auto other = std::move(queue);
  EXPECT_DEATH(static_cast<void>(queue.try_pop()), "moved from");
  auto counter = any_counter::make<std_counter>();
  const auto another = std::move(counter);
  EXPECT_DEATH(counter.increment(), "moved from");
}
#endif

TEST(AnyCounter, Counts) {
  auto counter = any_counter::make<std_counter>(5);
  counter.increment();
  counter.add(-2);
  EXPECT_EQ(counter.load(), 4);
  EXPECT_EQ(counter.exchange(10), 4);
  any_counter other = std::move(counter);
  EXPECT_FALSE(counter.has_value());
  other.add(std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(other.load(), std::numeric_limits<std::int64_t>::min() + 9);
}

}  // namespace
}  // namespace switchyard::adapters
