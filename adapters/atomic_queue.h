// The rings of Maxim Egorushkin's atomic_queue behind this package's interface.
//
// Source: github.com/max0x7ba/atomic_queue: two indices, and for each slot a state, or the element itself with one
//   value that means "nothing here".
// When: to compare, or where that library is in use already. Otherwise use `lockfree::bounded_queue` and
//   `lockfree::spsc_queue`, whose order and progress are better.
// Progress: not lock-free: who has drawn a slot spins until the other side is done with it. The rings of words spin
//   also for room and for elements.
// Ordering: slots are in order, but between drawing a slot and using it threads overtake each other: with several
//   producers and consumers, elements of one producer were seen out of order.
// Cost: one compare-and-swap or fetch-and-add for the index and one for the slot, each push and pop.
// Bound: rounded up to a power of two, and to 4096 (64 for words).
//
//   switchyard::adapters::atomic_queue_ring<int> queue(4096);
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include "atomic_queue/atomic_queue.h"
#include "switchyard/interface/conqueue_status.h"
#include "switchyard/interface/queue.h"

namespace switchyard::adapters {

namespace detail {

template <class T>
concept atomic_queue_element = std::is_default_constructible_v<T> && std::is_nothrow_move_assignable_v<T> &&
                               std::is_nothrow_move_constructible_v<T>;

inline unsigned atomic_queue_capacity(std::size_t capacity) {
  if (capacity == 0) throw std::invalid_argument("a bounded queue needs a capacity of at least 1");
  if (capacity > std::numeric_limits<unsigned>::max() / 4) {
    throw std::invalid_argument("atomic_queue counts by 32 bits, and cannot hold so many");
  }
  return static_cast<unsigned>(capacity);
}

/// The operations that do not wait for room or elements.
template <class Queue, class T>
class atomic_queue_try {
 public:
  using value_type = T;

  /// Room for at least `capacity`. Throws std::invalid_argument for 0.
  explicit atomic_queue_try(std::size_t capacity) : queue_(atomic_queue_capacity(capacity)) {}

  std::size_t capacity() const noexcept { return queue_.capacity(); }

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

 private:
  Queue queue_;
};

}  // namespace detail

/// Many producers and consumers, any element. Models `try_queue` and `capacity_limited`.
template <detail::atomic_queue_element T>
class atomic_queue_ring
    : public detail::atomic_queue_try<atomic_queue::AtomicQueueB2<T, std::allocator<T>, true, false, false>, T> {
 public:
  using atomic_queue_ring::atomic_queue_try::atomic_queue_try;
};

/// One producer, one consumer, any element. Models `try_queue` and `capacity_limited`.
template <detail::atomic_queue_element T>
class atomic_queue_spsc_ring
    : public detail::atomic_queue_try<atomic_queue::AtomicQueueB2<T, std::allocator<T>, true, false, true>, T> {
 public:
  using atomic_queue_spsc_ring::atomic_queue_try::atomic_queue_try;
};

/// The fastest that the library has, for unsigned numbers but 0: `push` and `pop` draw a slot and then spin until it
/// is free or filled, for ever if need be. It is no queue by our concepts: there is no way to find out that there is
/// nothing.
template <class T, bool Spsc>
requires std::is_unsigned_v<T>
class atomic_queue_optimist {
 public:
  using value_type = T;

  /// Room for at least `capacity`. Throws std::invalid_argument for 0.
  explicit atomic_queue_optimist(std::size_t capacity) : queue_(detail::atomic_queue_capacity(capacity)) {}

  std::size_t capacity() const noexcept { return queue_.capacity(); }

  /// Spins while the queue is full. `value` is not 0.
  void spin_push(T value) { queue_.push(value); }

  /// Spins while the queue is empty.
  T spin_pop() { return queue_.pop(); }

 private:
  atomic_queue::AtomicQueueB<T, std::allocator<T>, T{}, true, false, Spsc> queue_;
};

}  // namespace switchyard::adapters
