// Structures that do not keep what they promise, used by real threads: each must be refused.

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <vector>

#include "switchyard/atomics/atomic.h"
#include "switchyard/blocking/bounded_queue.h"
#include "switchyard/blocking/priority_queue.h"
#include "switchyard/interface/conqueue_status.h"
#include "switchyard/interface/queue.h"
#include "switchyard/tests/linearizability/drive.h"
#include "switchyard/tests/linearizability/fifo_check.h"
#include "switchyard/tests/linearizability/history.h"
#include "switchyard/tests/linearizability/linearizability.h"
#include "switchyard/tests/linearizability/specifications.h"

namespace switchyard::linearizability {
namespace {

constexpr std::size_t capacity = 8;

// A queue that is right: what the faulty ones are made of.
class right_queue {
 public:
  using value_type = number;
  conqueue_status try_push(number value) { return inside_.try_push(value); }
  pop_result<number> try_pop() { return inside_.try_pop(); }
  void close() { inside_.close(); }

 private:
  blocking::bounded_queue<number> inside_{capacity};
};

// A lane for each producer, and pops that take from the first that has something: in order for each producer,
// but not in order.
class two_lane_queue {
 public:
  using value_type = number;
  static std::size_t lane_of(number value) { return value < 1'000'000 ? 0 : 1; }
  conqueue_status try_push(number value) { return lanes_[lane_of(value)].try_push(value); }
  pop_result<number> try_pop() {
    auto from_first = lanes_[0].try_pop();
    return from_first ? from_first : lanes_[1].try_pop();
  }
  void close() {}

 private:
  right_queue lanes_[2];
};

// Takes "somebody is at work here" for "there is nothing".
class hasty_queue : public right_queue {
 public:
  pop_result<number> try_pop() {
    const std::unique_lock hold(lock_, std::try_to_lock);
    if (!hold) return unexpected(conqueue_status::empty);
    yield();
    return right_queue::try_pop();
  }

 private:
  std::mutex lock_;
};

// Drops what is inside when it is closed.
class forgetful_queue : public right_queue {
 public:
  void close() {
    right_queue::close();
    while (try_pop()) {
    }
  }
};

// Right as a stack.
class locked_stack {
 public:
  using value_type = number;
  conqueue_status try_push(number value) {
    const std::lock_guard hold(lock_);
    if (closed_ || items_.size() == capacity)
      return closed_ ? conqueue_status::closed : conqueue_status::full;
    items_.push_back(value);
    return conqueue_status::success;
  }
  pop_result<number> try_pop() {
    const std::lock_guard hold(lock_);
    if (items_.empty()) return unexpected(closed_ ? conqueue_status::closed : conqueue_status::empty);
    const number value = items_.back();
    items_.pop_back();
    return value;
  }
  void close() {
    const std::lock_guard hold(lock_);
    closed_ = true;
  }

 private:
  std::mutex lock_;
  bool closed_ = false;
  std::vector<number> items_;
};

// Takes one after the other, as if that were all at once.
class piecemeal_stack : public locked_stack {
 public:
  template <class Output>
  void pop_all(Output out) {
    while (const auto value = try_pop()) {
      *out = *value;
      ++out;
      yield();
    }
  }
};

// Right as a priority queue by itself; two of them, and a look at one before the other, are not.
class two_heap_queue {
 public:
  using value_type = number;
  using value_compare = std::less<number>;
  conqueue_status try_push(number value) { return heaps_[value % 2].try_push(value); }
  pop_result<number> try_pop() {
    auto from_first = heaps_[0].try_pop();
    return from_first ? from_first : heaps_[1].try_pop();
  }
  void close() {}

 private:
  blocking::priority_queue<number> heaps_[2];
};

class losing_counter {
 public:
  void add(number n) {
    const number before = value_.load(memory_order_relaxed);
    yield();
    value_.store(before + n, memory_order_relaxed);
  }
  number load() const { return value_.load(memory_order_relaxed); }
  number exchange(number n) { return value_.exchange(n, memory_order_relaxed); }

 private:
  atomic<number> value_{0};
};

const std::vector<job> everybody = {job::push, job::push, job::pop, job::both, job::close};
const std::vector<job> without_close = {job::push, job::push, job::pop};

// Runs until both checkers have refused a history. How soon is a matter of chance, and of the machine's load.
template <class Queue>
void expect_refused(const std::vector<job>& jobs) {
  bool by_search = false, by_fast_check = false;
  for (std::uint64_t seed = first_seed(), end = seed + 5000; !(by_search && by_fast_check); ++seed) {
    ASSERT_LT(seed, end) << "search: " << by_search << ", fast check: " << by_fast_check;
    Queue queue;
    const auto events = drive(queue, jobs, manner::trying, 30, seed);
    const auto v = check_linearizable<fifo_spec>(events, {capacity}, 50'000);
    const auto f = check_fifo(events, capacity);
    ASSERT_FALSE(v && f) << f->explanation << replay(seed);
    by_search = by_search || v.what == outcome::not_linearizable;
    by_fast_check = by_fast_check || f;
  }
}

TEST(Zoo, WhatKeepsItsPromiseIsAccepted) {
  for (std::uint64_t seed = first_seed(), end = seed + 100; seed != end; ++seed) {
    SCOPED_TRACE(replay(seed));
    right_queue queue;
    const auto of_queue = drive(queue, everybody, manner::trying, 30, seed);
    const auto v = check_linearizable<fifo_spec>(of_queue, {capacity});
    EXPECT_TRUE(v) << v.explanation;
    const auto f = check_fifo(of_queue, capacity);
    EXPECT_FALSE(f) << f->explanation;
    locked_stack stack;
    const auto of_stack = drive(stack, everybody, manner::trying, 30, seed);
    const auto w = check_linearizable<stack_spec>(of_stack, {capacity});
    EXPECT_TRUE(w) << w.explanation;
  }
}

TEST(Zoo, FaultyOnesAreRefused) {
  expect_refused<two_lane_queue>(without_close);
  expect_refused<hasty_queue>(everybody);
  expect_refused<forgetful_queue>(everybody);
  expect_refused<locked_stack>(without_close);
}

template <class Queue, class Spec>
void expect_refused_by_search(const Spec& empty) {
  for (std::uint64_t seed = first_seed(), end = seed + 5000;; ++seed) {
    ASSERT_LT(seed, end);
    Queue queue;
    const auto events = drive(queue, {job::both, job::both, job::pop}, manner::trying, 12, seed);
    if (check_linearizable<Spec>(events, empty, 50'000).what == outcome::not_linearizable) break;
  }
}

TEST(Zoo, FaultyStacksAndPriorityQueuesAreRefused) {
  expect_refused_by_search<piecemeal_stack>(stack_spec{capacity});
  expect_refused_by_search<right_queue>(stack_spec{capacity});
  expect_refused_by_search<two_heap_queue>(priority_spec{});
  expect_refused_by_search<locked_stack>(priority_spec{capacity});
}

// Each producer's elements by themselves are in order.
TEST(Zoo, TheTwoLanesAreQueues) {
  two_lane_queue queue;
  const auto events = drive(queue, without_close, manner::trying, 30, first_seed());
  for (const std::size_t lane : {0, 1}) {
    history<queue_call> of_lane;
    for (const auto& e : events) {
      const bool moved = e.call.status == conqueue_status::success;
      if (moved && two_lane_queue::lane_of(e.call.value) == lane) of_lane.push_back(e);
    }
    EXPECT_TRUE(check_linearizable<fifo_spec>(of_lane));
    EXPECT_FALSE(check_fifo(of_lane));
  }
}

TEST(Zoo, ACounterThatLosesUpdates) {
  for (std::uint64_t seed = first_seed(), end = seed + 5000;; ++seed) {
    ASSERT_LT(seed, end);
    losing_counter counter;
    if (!check_linearizable<counter_spec>(drive_counter(counter, 3, 40, seed))) break;
  }
}

}  // namespace
}  // namespace switchyard::linearizability
