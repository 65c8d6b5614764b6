// tbb::concurrent_queue and tbb::concurrent_bounded_queue behind this package's interface.
//
// Source: oneTBB; eight lists of pages, between which tickets are dealt out (after LRU queues of the same library).
// When: to compare, or where that library is in use already. Otherwise use `lockfree::unbounded_queue` and
//   `lockfree::bounded_queue`, which end, and take any element.
// Progress: blocking: a thread waits awake for the one whose ticket comes before its own.
// Ordering: first in, first out.
// Cost: a ticket by fetch-and-add or compare-and-swap, and a turn to wait for, each push and pop; a page from the
//   allocator for some tens of elements.
//
//   switchyard::adapters::tbb_bounded_queue<int> queue(1024);
#pragma once

#include <tbb/concurrent_queue.h>

#include <cstddef>
#include <optional>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include "switchyard/interface/conqueue_status.h"
#include "switchyard/interface/queue.h"

namespace switchyard::adapters {

/// Many producers and consumers, unbounded. Models `try_queue`.
template <class T>
requires std::is_default_constructible_v<T> && std::is_move_assignable_v<T>
class tbb_queue {
 public:
  using value_type = T;

  tbb_queue() = default;
  tbb_queue(const tbb_queue&) = delete;
  tbb_queue& operator=(const tbb_queue&) = delete;

  /// Always `success`. If building the element or allocating throws, a hole is left, which pops step over.
  [[nodiscard]] conqueue_status try_push(T&& value) {
    queue_.push(std::move(value));
    return conqueue_status::success;
  }

  /// The first element, or `empty`.
  [[nodiscard]] pop_result<T> try_pop() {
    T taken{};
    if (!queue_.try_pop(taken)) return unexpected(conqueue_status::empty);
    return pop_result<T>(std::move(taken));
  }

 private:
  tbb::concurrent_queue<T> queue_;
};

/// Many producers and consumers, bounded. Models `try_queue`, and has `push` and `pop`, which wait; but it cannot be
/// closed.
template <class T>
requires std::is_default_constructible_v<T> && std::is_move_assignable_v<T>
class tbb_bounded_queue {
 public:
  using value_type = T;

  /// Room for `capacity`. Throws std::invalid_argument for 0.
  explicit tbb_bounded_queue(std::size_t capacity) {
    if (capacity == 0) throw std::invalid_argument("a bounded queue needs a capacity of at least 1");
    queue_.set_capacity(static_cast<std::ptrdiff_t>(capacity));
  }
  tbb_bounded_queue(const tbb_bounded_queue&) = delete;
  tbb_bounded_queue& operator=(const tbb_bounded_queue&) = delete;

  std::size_t capacity() const noexcept { return static_cast<std::size_t>(queue_.capacity()); }

  /// `success`, or `full` with `value` as it was.
  [[nodiscard]] conqueue_status try_push(T&& value) {
    return queue_.try_push(std::move(value)) ? conqueue_status::success : conqueue_status::full;
  }

  /// The first element, or `empty`.
  [[nodiscard]] pop_result<T> try_pop() {
    T taken{};
    if (!queue_.try_pop(taken)) return unexpected(conqueue_status::empty);
    return pop_result<T>(std::move(taken));
  }

  /// Waits while the queue is full. Always true.
  bool push(T&& value) {
    queue_.push(std::move(value));
    return true;
  }

  /// Waits while the queue is empty. Never nullopt.
  std::optional<T> pop() {
    T taken{};
    queue_.pop(taken);
    return taken;
  }

 private:
  tbb::concurrent_bounded_queue<T> queue_;
};

}  // namespace switchyard::adapters
