// Queue suite: how many elements fit, in what order they come out, and that every member returns what the
// specification returns while only one thread uses the queue.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "switchyard/blocking/bounded_queue.h"
#include "switchyard/blocking/priority_queue.h"
#include "switchyard/blocking/stack.h"
#include "switchyard/lockfree/detail/slots.h"
#include "switchyard/tests/conformance/queue_suite_base.h"
#include "switchyard/tests/conformance/sequential_queue.h"

namespace switchyard::conformance {

/// A queue of capacity n takes n elements, refuses the next, and does so wherever its ring begins.
template <class Line, class T>
void expect_exact_capacity(std::size_t n) {
  SCOPED_TRACE("capacity " + std::to_string(n));
  auto queue = Line::template make<T>(n);
  EXPECT_EQ(queue.capacity(), n);
  numbers_inside<Line::claimed.ordered> inside;
  // Two full laps and a bit, a prime number of steps apart, so that the ring begins everywhere.
  for (std::size_t begin = 0; begin<2 * n + 3; begin += n> 100 ? 487 : 1) {
    while (inside.size() < n) expect_push(queue, inside.add());
    EXPECT_EQ(queue.size_approx(), n);
    expect_refused(queue, conqueue_status::full);
    expect_pop(queue, inside.take());
    expect_push(queue, inside.add());
    expect_refused(queue, conqueue_status::full);
    const std::uint64_t leave = begin % 3 == 0 ? 0 : n / 2;
    while (inside.size() > leave) expect_pop(queue, inside.take());
    if (leave == 0) {
      EXPECT_TRUE(queue.empty_approx());
      expect_nothing(queue, conqueue_status::empty);
    }
    if (failed()) return;
  }
}

TYPED_TEST_P(queue_suite, HoldsExactlyItsCapacity) {
  if constexpr (TypeParam::claimed.room == bound::exact) {
    for (const std::size_t n : {1, 2, 3, 4, 5, 7, 8, 9, 1000}) {
      expect_exact_capacity<TypeParam, std::uint64_t>(n);
      expect_exact_capacity<TypeParam, std::string>(n);
    }
  } else if constexpr (TypeParam::claimed.room == bound::at_least) {
    for (const std::size_t n : {1, 2, 3, 5, 7, 8, 1000}) {
      auto queue = TypeParam::template make<std::uint64_t>(n);
      EXPECT_GE(queue.capacity(), n);
      EXPECT_GE(fill(queue), n);
    }
  } else {
    auto queue = TypeParam::template make<std::uint64_t>(0);
    for (std::uint64_t i = 0; i < 100'000; ++i) expect_push(queue, i);
    EXPECT_EQ(queue.size_approx(), 100'000U);
    expect_pops<TypeParam>(queue, 100'000);
    expect_nothing(queue, conqueue_status::empty);
  }
}

TYPED_TEST_P(queue_suite, CapacityZeroIsAnInvalidArgument) {
  if constexpr (!is_bounded<TypeParam>) {
    GTEST_SKIP() << "not bounded";
  } else {
    EXPECT_THROW(TypeParam::template make<int>(0), std::invalid_argument);
    EXPECT_THROW(TypeParam::template make<std::string>(0), std::invalid_argument);
  }
}

/// A capacity that no memory holds is refused by an exception, or works where memory is only taken when
/// needed. Nothing wraps to something small.
template <class Line, class T>
void expect_absurd_capacity_is_survived(std::size_t n) {
  SCOPED_TRACE(n);
  try {
    auto queue = Line::template make<T>(n);
    EXPECT_EQ(queue.capacity(), n);
    for (std::uint64_t i = 0; i < 100; ++i) expect_push(queue, i);
    expect_pops<Line>(queue, 100);
  } catch (const std::bad_alloc&) {
  } catch (const std::length_error&) {
  } catch (const std::invalid_argument&) {
  }
}

TYPED_TEST_P(queue_suite, AbsurdCapacityDoesNotCrash) {
  if constexpr (!is_bounded<TypeParam>) {
    GTEST_SKIP() << "not bounded";
  } else if constexpr (sanitized) {
    GTEST_SKIP() << "sanitizers end the program where operator new would throw";
  } else {
    constexpr std::size_t max = std::numeric_limits<std::size_t>::max();
    // All beyond the 2^47 bytes that a process can address, and such that a multiplication by a slot size
    // or a rounding up to a power of two overflows.
    for (const std::size_t n : {max, max - 1, max / 2, max / 2 + 1, max / 2 + 2, max / 4 + 2, max / 8,
                                max / 8 + 1, max / 16 + 1, max / 24 + 1, max / 32 + 1, max / 64 + 1,
                                max / 128 + 1, std::size_t{1} << 48, (std::size_t{1} << 48) + 1}) {
      expect_absurd_capacity_is_survived<TypeParam, std::uint64_t>(n);
      expect_absurd_capacity_is_survived<TypeParam, std::string>(n);
    }
  }
}

/// Does the same to a queue and to an oracle, both empty at first, and expects the same answers.
template <class Queue, class Oracle>
class in_step {
  using T = typename Queue::value_type;

 public:
  /// There is room for `limit` elements. Unless `full_at_limit`, no more are pushed, so that it does not
  /// matter when the queue is full.
  in_step(Queue& queue, Oracle& oracle, std::size_t limit, bool full_at_limit, std::uint64_t seed)
      : queue_(queue),
        oracle_(oracle),
        limit_(limit),
        full_at_limit_(full_at_limit),
        random_(seed),
        seed_(seed) {}

  /// `steps` random operations, then close, some more, and what is left.
  void run(int steps) {
    for (int step = 0; step < steps; ++step) {
      // Leans to pushing and to popping in turn, so that the queue is often full and often empty.
      if (step % 50 == 0) lean_ = 20 + random_.below(7) * 10;
      one_step(step);
      if (failed()) return;
    }
    queue_.close();
    oracle_.close();
    for (int step = 0; step < 30; ++step) one_step(steps + step);
    while (!failed() && oracle_.size_approx() > 0) pop_some();
    expect_nothing(queue_, conqueue_status::closed);
  }

 private:
  void one_step(int step) {
    const bool failed_before = failed();
    random_.below(100) < lean_ ? push_some() : pop_some();
    EXPECT_EQ(queue_.size_approx(), oracle_.size_approx());
    EXPECT_EQ(queue_.empty_approx(), oracle_.empty_approx());
    EXPECT_EQ(queue_.is_closed(), oracle_.is_closed());
    if (!failed_before && failed()) {
      ADD_FAILURE() << "first failed in step " << step << " of seed " << seed_ << ", "
                    << oracle_.size_approx() << " of " << limit_ << " elements in the queue";
    }
  }

  /// A number that no element inside has, greater or less than theirs.
  std::uint64_t next_number() { return 1 + next_++ * 40503 % 65536; }

  std::size_t room() const { return limit_ - oracle_.size_approx(); }

  void push_some() {
    if (room() == 0 && !full_at_limit_) return pop_some();
    if (random_.below(5) == 0) return push_many();
    auto way = every_push[random_.below(every_push.size())];
    // Never wait for a thread that is not there.
    if (room() == 0 && !oracle_.is_closed()) way = giving_up_pushes[random_.below(giving_up_pushes.size())];
    const std::uint64_t number = next_number();
    T mine = element<T>::make(number);
    T theirs = element<T>::make(number);
    const conqueue_status status = oracle_.try_push(std::move(theirs));
    expect_same(push_by(way, queue_, mine), status, "push", where::current(), static_cast<int>(way));
    // A copy leaves its argument alone, and so does a failure.
    if (status != conqueue_status::success) {
      expect_same(element<T>::number(mine), carried<T>(number), "the argument", where::current());
    }
  }

  void push_many() {
    const std::size_t n = std::min(random_.below(10), full_at_limit_ ? 9 : room());
    const bool waits = (oracle_.is_closed() || n <= room()) && random_.below(2) == 0;
    std::vector<T> mine;
    std::vector<T> theirs;
    std::vector<std::uint64_t> numbers;
    for (std::size_t i = 0; i < n; ++i) {
      numbers.push_back(next_number());
      mine.push_back(element<T>::make(numbers.back()));
      theirs.push_back(element<T>::make(numbers.back()));
    }
    const auto first = std::make_move_iterator(mine.begin());
    const std::size_t taken = waits ? queue_.push_n(first, n) : queue_.try_push_n(first, n);
    expect_same(taken, oracle_.try_push_n(std::make_move_iterator(theirs.begin()), n),
                waits ? "push_n" : "try_push_n", where::current());
    for (std::size_t i = taken; i < n; ++i) {
      expect_same(element<T>::number(mine[i]), carried<T>(numbers[i]), "not taken", where::current());
    }
  }

  void pop_some() {
    const bool would_wait = oracle_.size_approx() == 0 && !oracle_.is_closed();
    if (random_.below(5) == 0) return pop_many(would_wait);
    const auto way = would_wait ? giving_up_pops[random_.below(giving_up_pops.size())]
                                : every_pop[random_.below(every_pop.size())];
    const popped theirs = told(oracle_.try_pop());
    const popped mine = pop_by(way, queue_);
    expect_same(mine.status, theirs.status, "pop", where::current(), static_cast<int>(way));
    expect_same(mine.number, theirs.number, "the element", where::current(), static_cast<int>(way));
  }

  void pop_many(bool would_wait) {
    const std::size_t max = random_.below(10);
    const bool waits = !would_wait && random_.below(2) == 0;
    std::vector<T> mine;
    std::vector<T> theirs;
    const auto out = std::back_inserter(mine);
    const std::size_t count = waits ? queue_.pop_n(out, max) : queue_.try_pop_n(out, max);
    expect_same(count, oracle_.try_pop_n(std::back_inserter(theirs), max), waits ? "pop_n" : "try_pop_n",
                where::current());
    if (!expect_same(mine.size(), theirs.size(), "written", where::current())) return;
    for (std::size_t i = 0; i < mine.size(); ++i) {
      expect_same(element<T>::number(mine[i]), element<T>::number(theirs[i]), "the element",
                  where::current());
    }
  }

  Queue& queue_;
  Oracle& oracle_;
  std::size_t limit_;
  bool full_at_limit_;
  random_numbers random_;
  std::uint64_t seed_;
  std::uint64_t next_ = 0;
  std::uint64_t lean_ = 50;
};

template <class Line, class T, class Oracle>
void expect_in_step(Oracle make_oracle, std::size_t capacity, int steps, std::uint64_t seed) {
  constexpr bool exact = Line::claimed.room == bound::exact;
  auto queue = Line::template make<T>(capacity);
  const std::size_t limit = is_bounded<Line> ? capacity : 100;
  auto oracle = make_oracle.template operator()<T>(limit);
  in_step(queue, oracle, limit, exact, seed).run(steps);
}

template <class Line, class Oracle>
void expect_in_step_at_all_sizes(Oracle make_oracle) {
  std::uint64_t seed = 1;
  for (const std::size_t capacity : {1, 2, 3, 4, 7, 50}) {
    expect_in_step<Line, std::uint64_t>(make_oracle, capacity, scaled(8000), ++seed);
    expect_in_step<Line, std::string>(make_oracle, capacity, scaled(8000), ++seed);
    using pointer = std::unique_ptr<std::uint64_t>;
    expect_in_step<Line, pointer>(make_oracle, capacity, scaled(8000), ++seed);
  }
}

TYPED_TEST_P(queue_suite, AnswersAsSpecified) {
  expect_in_step_at_all_sizes<TypeParam>([]<class T>(std::size_t limit) {
    return sequential_queue<T, TypeParam::claimed.ordered>(limit);
  });
}

/// The same where the queue's counts of operations are about to wrap round, or to reach a power of two.
template <class Line, class T>
void expect_in_step_from(std::uint64_t start, std::size_t capacity) {
  SCOPED_TRACE("from position " + std::to_string(start));
  typename Line::template queue<T> queue(capacity, lockfree::detail::start_at{start});
  sequential_queue<T, Line::claimed.ordered> oracle(capacity);
  in_step(queue, oracle, capacity, true, start + capacity).run(150);
}

TYPED_TEST_P(queue_suite, CountsWrapRound) {
  using queue = typename TypeParam::template queue<std::uint64_t>;
  if constexpr (!std::constructible_from<queue, std::size_t, lockfree::detail::start_at>) {
    GTEST_SKIP() << "cannot be started at a position";
  } else {
    for (int bit = 1; bit <= 64; ++bit) {
      const std::uint64_t power = bit == 64 ? 0 : std::uint64_t{1} << bit;
      for (const std::size_t capacity : {1, 2, 3, 7, 8}) {
        for (const std::uint64_t before : {1, 2, 20}) {
          expect_in_step_from<TypeParam, std::uint64_t>(power - before, capacity);
          expect_in_step_from<TypeParam, std::string>(power - before, capacity);
          if (failed()) return;
        }
      }
    }
  }
}

TYPED_TEST_P(queue_suite, AnswersAsTheBlockingTwin) {
  expect_in_step_at_all_sizes<TypeParam>([]<class T>([[maybe_unused]] std::size_t limit) {
    if constexpr (TypeParam::claimed.ordered == order::lifo) {
      return blocking::stack<T>();
    } else if constexpr (TypeParam::claimed.ordered == order::priority) {
      return blocking::priority_queue<T, by_number<T>>();
    } else {
      return blocking::bounded_queue<T>(limit);
    }
  });
}

}  // namespace switchyard::conformance
