// boost::lockfree::queue of a fixed size, and boost::lockfree::spsc_queue, behind this package's interface.
//
// Source: Tim Blechmann's Boost.Lockfree; Michael and Scott (1996) over an array of nodes, with counts against reuse;
//   Lamport's ring (1977).
// When: to compare, or where that library is in use already. Otherwise use `lockfree::bounded_queue` and
//   `lockfree::spsc_queue`, which take any element, wait, and end.
// Progress: lock-free; the queue for two, wait-free.
// Ordering: first in, first out. A node's count of changes has 16 bits: a pop that sleeps while exactly 65536 of
//   them go by, or a multiple of it, corrupts the queue.
// Cost: three compare-and-swaps a push or pop for many, of which two on the list of free nodes; for two, a store.
//   All memory is taken by the constructor.
//
//   switchyard::adapters::boost_queue<int> queue(1024);
#pragma once

#include <boost/lockfree/queue.hpp>
#include <boost/lockfree/spsc_queue.hpp>
#include <cstddef>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include "switchyard/interface/conqueue_status.h"
#include "switchyard/interface/queue.h"

namespace switchyard::adapters {

namespace detail {

inline std::size_t boost_capacity(std::size_t capacity, std::size_t most) {
  if (capacity == 0) throw std::invalid_argument("a bounded queue needs a capacity of at least 1");
  if (capacity > most) throw std::invalid_argument("boost::lockfree::queue cannot hold so many");
  return capacity;
}

}  // namespace detail

/// Many producers and consumers, bounded. Models `try_queue`.
template <class T>
requires std::is_copy_constructible_v<T> && std::is_trivially_copy_assignable_v<T> &&
         std::is_trivially_destructible_v<T> && std::is_default_constructible_v<T>
class boost_queue {
 public:
  using value_type = T;

  /// Nodes are numbered by 16 bits.
  static constexpr std::size_t max_capacity = 65'534;

  /// Room for `capacity`, at most `max_capacity`: throws std::invalid_argument for 0 and for more.
  explicit boost_queue(std::size_t capacity) : queue_(detail::boost_capacity(capacity, max_capacity)) {}

  /// `success` or `full`. Copies `value`.
  [[nodiscard]] conqueue_status try_push(const T& value) {
    return queue_.bounded_push(value) ? conqueue_status::success : conqueue_status::full;
  }

  /// The first element, or `empty`.
  [[nodiscard]] pop_result<T> try_pop() {
    T taken{};
    if (!queue_.pop(taken)) return unexpected(conqueue_status::empty);
    return pop_result<T>(std::move(taken));
  }

 private:
  boost::lockfree::queue<T, boost::lockfree::fixed_sized<true>> queue_;
};

/// One producer, one consumer, bounded. Models `try_queue`.
template <class T>
requires std::is_copy_constructible_v<T> && std::is_default_constructible_v<T>
class boost_spsc_queue {
 public:
  using value_type = T;

  /// Room for `capacity`. Throws std::invalid_argument for 0.
  explicit boost_spsc_queue(std::size_t capacity)
      : queue_(detail::boost_capacity(capacity, static_cast<std::size_t>(-1) / 2 / sizeof(T))) {}

  /// `success` or `full`. Copies `value`.
  [[nodiscard]] conqueue_status try_push(const T& value) {
    return queue_.push(value) ? conqueue_status::success : conqueue_status::full;
  }

  /// The first element, or `empty`.
  [[nodiscard]] pop_result<T> try_pop() {
    T taken{};
    if (!queue_.pop(taken)) return unexpected(conqueue_status::empty);
    return pop_result<T>(std::move(taken));
  }

  /// As many of `first[0]` to `first[n - 1]` as there is room for; returns how many. Copies them.
  std::size_t try_push_n(const T* first, std::size_t n) { return queue_.push(first, n); }

  /// Up to `max` elements to `out`; returns how many.
  std::size_t try_pop_n(T* out, std::size_t max) { return queue_.pop(out, max); }

 private:
  boost::lockfree::spsc_queue<T> queue_;
};

}  // namespace switchyard::adapters
