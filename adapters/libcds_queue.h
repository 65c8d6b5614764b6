// Three queues of libcds behind this package's interface: VyukovMPMCCycleQueue, WeakRingBuffer and BasketQueue.
//
// Source: Max Khizhinsky's libcds. A ring with a sequence number in each slot (Vyukov 2010); Lamport's ring with
//   remembered indices (Le, Guatto, Cohen and Pop, 2013); a linked list whose pushers that lost a race share a place
//   (Hoffman, Shalev and Shavit, 2007), with hazard pointers.
// When: to compare, or where that library is in use already. Otherwise use `lockfree::bounded_queue`,
//   `lockfree::spsc_queue` and `lockfree::unbounded_queue`, which take any element, wait, and end.
// Progress: the ring for many is not lock-free: a producer that stops between its two steps stops the consumers, and
//   the queue spins inside. The ring for two is wait-free. The linked queue is lock-free but for the allocator.
// Ordering: first in, first out; the linked queue's pushes that overlap come in any order.
// Cost: one compare-and-swap a push or pop for many; none for two; two and a node from operator new for the linked
//   one. Capacities of the rings are rounded up to a power of two.
// Set-up: for the linked queue, libcds must be initialised and each thread told to it, which the first operation of a
//   thread does. Threads that use one at the same time: at most 100.
//
//   switchyard::adapters::libcds_vyukov_queue<int> queue(1024);
#pragma once

#include <cds/container/basket_queue.h>
#include <cds/container/vyukov_mpmc_cycle_queue.h>
#include <cds/container/weak_ringbuffer.h>
#include <cds/gc/hp.h>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <memory>
#include <optional>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include "switchyard/adapters/detail/libcds_in_use.h"
#include "switchyard/interface/conqueue_status.h"
#include "switchyard/interface/queue.h"

namespace switchyard::adapters {

namespace detail {

/// What the rings of libcds do with their elements: they cannot cope with an exception, and empty themselves at
/// their end into a variable.
template <class T>
concept libcds_element = std::is_nothrow_move_constructible_v<T> && std::is_nothrow_move_assignable_v<T> &&
                         std::is_default_constructible_v<T>;

/// A capacity that libcds can do, and not less than asked for.
inline std::size_t libcds_capacity(std::size_t capacity) {
  if (capacity == 0) throw std::invalid_argument("a bounded queue needs a capacity of at least 1");
  return std::bit_ceil(std::max<std::size_t>(capacity, 2));
}

}  // namespace detail

/// Many producers and consumers, bounded. Models `try_queue` and `capacity_limited`.
template <detail::libcds_element T>
class libcds_vyukov_queue {
 public:
  using value_type = T;

  /// Room for `capacity`, rounded up to a power of two. Throws std::invalid_argument for 0.
  explicit libcds_vyukov_queue(std::size_t capacity) : queue_(detail::libcds_capacity(capacity)) {}

  std::size_t capacity() const noexcept { return queue_.capacity(); }

  /// `success`, or `full` with `value` as it was.
  [[nodiscard]] conqueue_status try_push(T&& value) {
    const bool pushed = queue_.enqueue_with([&](T& slot) { std::construct_at(&slot, std::move(value)); });
    return pushed ? conqueue_status::success : conqueue_status::full;
  }

  /// The first element, or `empty`.
  [[nodiscard]] pop_result<T> try_pop() {
    T taken{};
    if (!queue_.dequeue(taken)) return unexpected(conqueue_status::empty);
    return pop_result<T>(std::move(taken));
  }

 private:
  cds::container::VyukovMPMCCycleQueue<T> queue_;
};

/// One producer, one consumer, bounded. Models `try_queue` and `capacity_limited`.
///
/// Built without NDEBUG, libcds asserts that it is never quite full; one that is ends the program.
template <detail::libcds_element T>
class libcds_ring {
 public:
  using value_type = T;

  /// Room for `capacity`, rounded up to a power of two. Throws std::invalid_argument for 0.
  explicit libcds_ring(std::size_t capacity) : queue_(detail::libcds_capacity(capacity)) {}

  std::size_t capacity() const noexcept { return queue_.capacity(); }

  /// `success`, or `full` with `value` as it was.
  [[nodiscard]] conqueue_status try_push(T&& value) {
    return queue_.enqueue(std::move(value)) ? conqueue_status::success : conqueue_status::full;
  }

  /// The first element, or `empty`.
  [[nodiscard]] pop_result<T> try_pop() {
    T taken{};
    if (!queue_.dequeue_with([&](T& front) { taken = std::move(front); })) {
      return unexpected(conqueue_status::empty);
    }
    return pop_result<T>(std::move(taken));
  }

  /// All of `first[0]` to `first[n - 1]`, or none: `n` or 0.
  std::size_t try_push_n(T* first, std::size_t n) {
    const auto move_in = [](T& slot, T& value) { std::construct_at(&slot, std::move(value)); };
    return queue_.push(first, n, move_in) ? n : 0;
  }

  /// Exactly `n` elements to `out`, or none: `n` or 0.
  std::size_t try_pop_n(T* out, std::size_t n) {
    return queue_.pop(out, n, [](T& value, T& front) { value = std::move(front); }) ? n : 0;
  }

 private:
  cds::container::WeakRingBuffer<T> queue_;
};

/// Many producers and consumers, unbounded. Models `try_queue`.
template <class T>
class libcds_basket_queue {
 public:
  using value_type = T;

  libcds_basket_queue() { detail::libcds_in_use::by_this_thread(); }
  libcds_basket_queue(const libcds_basket_queue&) = delete;
  libcds_basket_queue& operator=(const libcds_basket_queue&) = delete;
  ~libcds_basket_queue() { detail::libcds_in_use::by_this_thread(); }

  /// Always `success`. Throws what building the element throws, and std::bad_alloc, with the queue as it was.
  [[nodiscard]] conqueue_status try_push(T&& value) {
    detail::libcds_in_use::by_this_thread();
    queue_.emplace(std::move(value));
    return conqueue_status::success;
  }

  /// The first element, or `empty`. If moving it throws, it is lost.
  [[nodiscard]] pop_result<T> try_pop() {
    detail::libcds_in_use::by_this_thread();
    std::optional<T> taken;
    if (!queue_.dequeue_with([&](T& front) { taken.emplace(std::move(front)); })) {
      return unexpected(conqueue_status::empty);
    }
    return pop_result<T>(*std::move(taken));
  }

 private:
  cds::container::BasketQueue<cds::gc::HP, T> queue_;
};

}  // namespace switchyard::adapters
