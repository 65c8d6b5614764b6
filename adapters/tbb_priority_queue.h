// tbb::concurrent_priority_queue behind this package's interface.
//
// Source: oneTBB; a binary heap, and threads that queue up their wishes for whoever is at work on it (the
//   aggregator, after flat combining: Hendler, Incze, Shavit and Tzafrir 2010).
// When: to compare, or where that library is in use already. Otherwise use `lockfree::priority_queue` or
//   `blocking::priority_queue`, which take any element, wait, and end.
// Progress: blocking: all others wait for the thread that is at work for them, awake.
// Ordering: greatest first by `Compare`, and linearizable.
// Cost: two atomic exchanges or so an operation; the heap stays in the cache of the thread that is at work.
//   Elements are moved and compared by threads other than the caller's.
//
//   switchyard::adapters::tbb_priority_queue<int> queue;
#pragma once

#include <tbb/concurrent_priority_queue.h>

#include <functional>
#include <type_traits>
#include <utility>

#include "switchyard/interface/conqueue_status.h"
#include "switchyard/interface/queue.h"

namespace switchyard::adapters {

/// Models `try_queue` only: TBB's queue neither waits nor closes. An exception from `Compare` would be thrown
/// at whichever thread is at work, with the queue in pieces: it must not throw.
template <class T, class Compare = std::less<T>>
class tbb_priority_queue {
  static_assert(std::is_default_constructible_v<T> && std::is_nothrow_move_constructible_v<T> &&
                    std::is_nothrow_move_assignable_v<T>,
                "an element is moved by any thread, which cannot tell the owner; and popped by assignment");

 public:
  using value_type = T;
  using value_compare = Compare;

  explicit tbb_priority_queue(const Compare& less = Compare()) : queue_(less) {}
  tbb_priority_queue(const tbb_priority_queue&) = delete;
  tbb_priority_queue& operator=(const tbb_priority_queue&) = delete;

  /// Always `success`. Throws std::bad_alloc, also where copying `value` threw something else; the queue is
  /// then as it was, and so is `value`.
  [[nodiscard]] conqueue_status try_push(const T& value) {
    queue_.push(value);
    return conqueue_status::success;
  }
  [[nodiscard]] conqueue_status try_push(T&& value) {
    queue_.push(std::move(value));
    return conqueue_status::success;
  }

  /// The greatest element, or `empty`.
  [[nodiscard]] pop_result<T> try_pop() {
    T taken;
    if (!queue_.try_pop(taken)) return unexpected(conqueue_status::empty);
    return pop_result<T>(std::move(taken));
  }

 private:
  tbb::concurrent_priority_queue<T, Compare> queue_;
};

}  // namespace switchyard::adapters
