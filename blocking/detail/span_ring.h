// A fixed number of slots, used round and round, for one producer and one consumer who may use them in place.
//
// Source: as `ring`.
//
// When to use it: as the `Storage` of `queue_core` for a queue with reserve and peek. Without those, `ring`.
//
// Ordering: first in, first out.
// Cost: memory is taken by the constructor only. Two counts more than `ring`, by which each side can tell what is its
//   own without the lock.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>
#include <utility>

#include "switchyard/atomics/atomic.h"
#include "switchyard/blocking/detail/ring.h"
#include "switchyard/interface/spans.h"

namespace switchyard::blocking::detail {

/// What is inherited needs the lock, as in a `ring`.
template <class T, class Allocator>
class span_ring : public ring<T, Allocator> {
  using base = ring<T, Allocator>;

 public:
  using base::base;

  template <class... Args>
  void push_back(Args&&... args) {
    base::push_back(std::forward<Args>(args)...);
    count(pushed_);
  }
  /// The same for an element that is in its place already.
  void push_back(switchyard::detail::already_there) noexcept {
    if constexpr (std::is_trivially_copyable_v<T>) this->at(this->back_slot()).adopt();
    this->pushed_back();
    count(pushed_);
  }

  void pop_front() noexcept {
    base::pop_front();
    count(popped_);
  }

  /// For the producer, without the lock: up to `n` free places in a row from the back on.
  std::span<T> free_places(std::size_t n) noexcept
    requires std::is_trivially_copyable_v<T>
  {
    // (1) acquire: pairs with the release in (3): the elements that were there have been used.
    const std::uint64_t used = pushed_.load(memory_order_relaxed) - popped_.load(memory_order_acquire);
    const std::size_t back = this->back_slot();
    n = std::min({n, this->capacity() - static_cast<std::size_t>(used), this->capacity() - back});
    for (std::size_t i = 0; i < n; ++i) this->at(back + i).lend();  // for the model checker
    return {address(back), n};
  }
  std::uint64_t pushed() const noexcept { return pushed_.load(memory_order_relaxed); }

  /// For the consumer, without the lock: up to `n` elements in a row from the front on.
  std::span<T> filled_places(std::size_t n) noexcept {
    // (2) acquire: pairs with the release in (3): the elements have been built.
    const std::uint64_t there = pushed_.load(memory_order_acquire) - popped_.load(memory_order_relaxed);
    const std::size_t front = this->front_slot();
    n = std::min({n, static_cast<std::size_t>(there), this->capacity() - front});
    for (std::size_t i = 0; i < n; ++i) static_cast<void>(this->at(front + i).write());  // for the model checker
    return {address(front), n};
  }
  std::uint64_t popped() const noexcept { return popped_.load(memory_order_relaxed); }

 private:
  T* address(std::size_t index) noexcept {
    static_assert(sizeof(typename base::slot) == sizeof(T), "elements in a row are an array of T");
    return reinterpret_cast<T*>(&this->at(index));
  }
  static void count(atomic<std::uint64_t>& one_more) noexcept {
    one_more.store(one_more.load(memory_order_relaxed) + 1, memory_order_release);  // (3) with (1), (2)
  }

  atomic<std::uint64_t> pushed_{0};  // how many elements ever were; written by the producer
  atomic<std::uint64_t> popped_{0};  // how many are gone; written by the consumer
};

}  // namespace switchyard::blocking::detail
