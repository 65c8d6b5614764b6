// spsc_queue, in place and otherwise, and unbounded_spsc_queue under stress: producers and consumers that come and go, one
// of each at a time, a close at a random time, all members mixed; with elements that throw and memory that fails, at
// random and at every call in turn.

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <new>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "switchyard/atomics/atomic.h"
#include "switchyard/blocking/spsc_queue.h"
#include "switchyard/blocking/unbounded_spsc_queue.h"
#include "switchyard/interface/conqueue_status.h"
#include "switchyard/interface/deadline.h"
#include "switchyard/interface/spans.h"
#include "switchyard/lockfree/spsc_queue.h"
#include "switchyard/lockfree/unbounded_spsc_queue.h"
#include "switchyard/tests/conformance/element_types.h"
#include "switchyard/tests/stress/stress.h"

namespace switchyard::stress {
namespace {

using number = std::uint64_t;
using conformance::element;

template <class Queue>
concept gives_places = requires(Queue& queue) { queue.reserve(1); };
template <class Queue>
concept shows_elements = requires(Queue& queue) { queue.peek(1); };

/// A queue between a producer and a consumer.
template <class Queue>
class storm {
  using T = typename Queue::value_type;

 public:
  template <class... Args>
  explicit storm(Args... args) : queue_(args...) {}

  /// Short-lived threads on both sides, and one that closes at a random time. With `trouble`, now and then a call fails
  /// that may.
  void blow(std::uint64_t seed, bool trouble) {
    come_and_go(3, seed, [&](int place, random_source& random) {
      if (place == 2) {
        const auto when = random() % 400;
        while (operations_.load(memory_order_relaxed) < when) wait_a_little();
        close();
        return false;
      }
      if (trouble) misfortune::in(static_cast<int>(1 + random() % 60));
      bool more = true;
      for (auto left = random() % 40; left != 0 && more; --left) more = place == 0 ? push(random) : pop(random);
      return more;
    });
  }

  /// One thread after another, so that each failure has its turn.
  void in_one_thread(std::size_t elements) {
    random_source random = random_for(1, 0);
    while (accepted_ < elements) {
      for (int i = 0; i < 5; ++i) push(random);
      for (int i = 0; i < 3; ++i) pop(random);
    }
    close();
    while (pop(random)) {
    }
  }

  /// Nothing twice, nothing out of order, and nothing lost but what a pop threw on.
  void expect_right() {
    const auto last = queue_.try_pop();
    EXPECT_FALSE(last.has_value());
    EXPECT_EQ(last.error(), conqueue_status::closed);
    EXPECT_TRUE(std::adjacent_find(popped_.begin(), popped_.end(), std::greater_equal<>()) == popped_.end());
    EXPECT_TRUE(popped_.empty() || popped_.back() < accepted_);
    EXPECT_LE(accepted_ - popped_.size(), pops_that_threw_);
  }

 private:
  void close() {
    queue_.close();
    closed_.store(true, memory_order_release);
  }

  // The numbers from 0 on. False: the queue is closed.
  bool push(random_source& random) {
    operations_.fetch_add(1, memory_order_relaxed);
    stagger(random);
    const bool was_closed = closed_.load(memory_order_acquire);
    const std::size_t before = accepted_;
    const std::size_t n = 1 + random() % 12;
    try {
      push(random, n);
    } catch (const misfortune::blow&) {
    } catch (const std::bad_alloc&) {
    }
    EXPECT_FALSE(was_closed && accepted_ != before) << "pushed after close had returned";
    return !queue_.is_closed();
  }

  void push(random_source& random, std::size_t n) {
    const auto way = random() % 8;
    if constexpr (gives_places<Queue>) {
      if (way >= 4) {
        const auto places = queue_.reserve(n);
        EXPECT_LE(places.size(), n);
        for (std::size_t i = 0; i < places.size(); ++i) places[i] = static_cast<T>(accepted_ + i);
        // All at once, or in two parts, or not all.
        const std::size_t part = way == 4 ? places.size() / 2 : places.size();
        stagger(random);
        if (part != 0 && queue_.commit(part)) accepted_ += part;
        const std::size_t rest = places.size() - part;
        if (random() % 2 == 0 && rest != 0 && queue_.commit(rest)) accepted_ += rest;
        return;
      }
    }
    std::vector<T> values;
    for (std::size_t i = 0; i < n; ++i) values.push_back(element<T>::make(accepted_ + i));
    const auto from = std::make_move_iterator(values.begin());
    const misfortune::possible here;
    if (way == 0) {
      accepted_ += queue_.push_n(from, n);
    } else if (way == 1) {
      accepted_ += queue_.try_push_n(from, n);
    } else if (way == 2) {
      accepted_ += queue_.push(std::move(values[0]));
    } else if (way % 2 != 0) {
      accepted_ += queue_.try_push(std::move(values[0])) == conqueue_status::success;
    } else {
      const std::chrono::microseconds wait(random() % 100);
      accepted_ += queue_.try_push_for(std::move(values[0]), wait) == conqueue_status::success;
    }
  }

  // False: the queue is closed and empty.
  bool pop(random_source& random) {
    operations_.fetch_add(1, memory_order_relaxed);
    stagger(random);
    const std::size_t n = 1 + random() % 12;
    std::vector<T> values;
    values.reserve(n);
    bool more = true;
    try {
      more = pop(random, n, values);
    } catch (const misfortune::blow&) {
      ++pops_that_threw_;
    } catch (const std::bad_alloc&) {
      ++pops_that_threw_;
    }
    for (const T& value : values) popped_.push_back(element<T>::number(value));
    return more;
  }

  bool pop(random_source& random, std::size_t n, std::vector<T>& values) {
    const auto way = random() % 8;
    const auto out = std::back_inserter(values);
    if constexpr (shows_elements<Queue>) {
      if (way >= 4) {
        const auto there = queue_.peek(n);
        EXPECT_LE(there.size(), n);
        const std::size_t part = way == 4 ? there.size() / 2 : there.size();
        stagger(random);
        for (std::size_t i = 0; i < part; ++i) popped_.push_back(element<T>::number(there[i]));
        queue_.consume(part);
        return true;
      }
    }
    const misfortune::possible here;
    if (way == 0) return queue_.pop_n(out, n) != 0;
    if (way == 1) {
      queue_.try_pop_n(out, n);
      return true;
    }
    auto result = way == 2   ? queue_.try_pop_for(std::chrono::microseconds(random() % 100))
                  : way == 3 ? queue_.try_pop_until(deadline::never())
                             : queue_.try_pop();
    if (result) {
      popped_.push_back(element<T>::number(*result));
      return true;
    }
    return result.error() != conqueue_status::closed;
  }

  Queue queue_;
  std::size_t accepted_ = 0;     // the producers'
  std::vector<number> popped_;   // the consumers'
  std::size_t pops_that_threw_ = 0;
  atomic<unsigned> operations_{0};
  atomic<bool> closed_{false};
};

class spsc_stress : public stress_test {
 protected:
  template <class Queue, class... Args>
  static void test_storms(int rounds, bool trouble, Args... args) {
    for_seeds(scaled(rounds), [=](std::uint64_t seed) {
      const conformance::expect_none_left<counted> scope;
      const std::int64_t before = misfortune::blocks();
      // In a thread, as the one that looks at the end holds some memory, too.
      in_threads(1, [&](int) {
        storm<Queue> queue(args...);
        queue.blow(seed, trouble);
        queue.expect_right();
      });
      EXPECT_EQ(misfortune::blocks(), before) << "more: leaked";
    });
  }

  template <class Queue, class... Args>
  static void test_failures_in_turn(int at_least, Args... args) {
    fail_in_turn(at_least, [=] {
      const conformance::expect_none_left<counted> scope;
      storm<Queue> queue(args...);
      queue.in_one_thread(60);
      queue.expect_right();
    });
  }
};

TEST_F(spsc_stress, InPlaceAndOtherwise) {
  for (const std::size_t capacity : {1, 3, 10, 100}) {
    test_storms<lockfree::spsc_queue<number>>(40, false, capacity);
    test_storms<lockfree::spsc_queue<number, std::allocator<number>, long_spans>>(20, false, capacity);
    test_storms<blocking::spsc_queue<number>>(20, false, capacity);
  }
}
TEST_F(spsc_stress, ObjectsInPlaceThatThrow) {
  for (const std::size_t capacity : {1, 3, 10}) {
    test_storms<lockfree::spsc_queue<unlucky>>(40, true, capacity);
    test_storms<blocking::spsc_queue<unlucky>>(20, true, capacity);
  }
}
TEST_F(spsc_stress, WithoutALimit) {
  test_storms<lockfree::unbounded_spsc_queue<number>>(60, false);
  test_storms<lockfree::unbounded_spsc_queue<conformance::bytes<2000>>>(60, false);
  test_storms<blocking::unbounded_spsc_queue<number>>(30, false);
}
TEST_F(spsc_stress, WithoutALimitAndCallsFail) {
  test_storms<lockfree::unbounded_spsc_queue<unlucky>>(60, true);
  test_storms<lockfree::unbounded_spsc_queue<conformance::bytes<2000>>>(60, true);
  test_storms<blocking::unbounded_spsc_queue<conformance::bytes<2000>>>(30, true);
}
TEST_F(spsc_stress, EveryCallFailsInTurn) {
  test_failures_in_turn<lockfree::unbounded_spsc_queue<unlucky>>(60);
  test_failures_in_turn<lockfree::unbounded_spsc_queue<conformance::bytes<2000>>>(4);
  test_failures_in_turn<blocking::unbounded_spsc_queue<conformance::bytes<2000>>>(4);
}

}  // namespace
}  // namespace switchyard::stress
