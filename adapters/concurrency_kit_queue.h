// The ring of Concurrency Kit behind this package's interface.
//
// Source: Samy Al Bahra's Concurrency Kit, ck_ring.
// When: to compare, or where that library is in use already. Otherwise use `lockfree::spsc_queue` and
//   `lockfree::bounded_queue`, which take any element, wait, and end.
// Progress: for one producer and one consumer, wait-free. For many, blocking: producers finish in the order in which
//   they began, and spin until it is their turn.
// Ordering: first in, first out.
// Cost: for two, a load of the other's index and a store each; for many, one compare-and-swap each as well.
// Bound: one less than a power of two.
//
//   switchyard::adapters::concurrency_kit_spsc_ring<std::uint64_t> queue(1023);
#pragma once

#include <ck_ring.h>

#include <bit>
#include <cstddef>
#include <memory>
#include <stdexcept>
#include <type_traits>

#include "switchyard/interface/conqueue_status.h"
#include "switchyard/interface/queue.h"

namespace switchyard::adapters {

namespace detail {

/// A ring is one of pointers; any trivial type of that size will do for one.
template <class T>
concept concurrency_kit_element = std::is_trivially_copyable_v<T> && sizeof(T) == sizeof(void*);

template <concurrency_kit_element T>
class concurrency_kit_ring {
 public:
  using value_type = T;

  /// Room for at least `capacity`. Throws std::invalid_argument for 0, and for more than 2^30.
  explicit concurrency_kit_ring(std::size_t capacity) {
    if (capacity == 0) throw std::invalid_argument("a bounded queue needs a capacity of at least 1");
    if (capacity > 1U << 30) throw std::invalid_argument("ck_ring counts by 32 bits, and cannot hold so many");
    const std::size_t size = std::bit_ceil(capacity + 1);
    slots_ = std::make_unique<ck_ring_buffer_t[]>(size);
    ck_ring_init(&ring_, static_cast<unsigned>(size));
  }

  std::size_t capacity() const noexcept { return ring_.mask; }

 protected:
  ck_ring_t ring_;
  std::unique_ptr<ck_ring_buffer_t[]> slots_;
};

}  // namespace detail

/// One producer, one consumer. Models `try_queue` and `capacity_limited`.
template <detail::concurrency_kit_element T>
class concurrency_kit_spsc_ring : public detail::concurrency_kit_ring<T> {
 public:
  using concurrency_kit_spsc_ring::concurrency_kit_ring::concurrency_kit_ring;

  /// `success` or `full`.
  [[nodiscard]] conqueue_status try_push(T value) {
    const bool pushed = ck_ring_enqueue_spsc(&this->ring_, this->slots_.get(), std::bit_cast<void*>(value));
    return pushed ? conqueue_status::success : conqueue_status::full;
  }

  /// The first element, or `empty`.
  [[nodiscard]] pop_result<T> try_pop() {
    void* taken = nullptr;
    if (!ck_ring_dequeue_spsc(&this->ring_, this->slots_.get(), &taken)) return unexpected(conqueue_status::empty);
    return std::bit_cast<T>(taken);
  }
};

/// Many producers and consumers. Models `try_queue` and `capacity_limited`.
template <detail::concurrency_kit_element T>
class concurrency_kit_mpmc_ring : public detail::concurrency_kit_ring<T> {
 public:
  using concurrency_kit_mpmc_ring::concurrency_kit_ring::concurrency_kit_ring;

  /// `success` or `full`.
  [[nodiscard]] conqueue_status try_push(T value) {
    const bool pushed = ck_ring_enqueue_mpmc(&this->ring_, this->slots_.get(), std::bit_cast<void*>(value));
    return pushed ? conqueue_status::success : conqueue_status::full;
  }

  /// The first element, or `empty`.
  [[nodiscard]] pop_result<T> try_pop() {
    void* taken = nullptr;
    if (!ck_ring_dequeue_mpmc(&this->ring_, this->slots_.get(), &taken)) return unexpected(conqueue_status::empty);
    return std::bit_cast<T>(taken);
  }
};

}  // namespace switchyard::adapters
