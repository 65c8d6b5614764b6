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
#include <memory>
#include <span>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include "switchyard/atomics/atomic.h"
#include "switchyard/atomics/plain.h"
#include "switchyard/interface/spans.h"

namespace switchyard::blocking::detail {

/// Room for `capacity` elements. Whoever uses it knows how many there are, and pops them all at the end.
template <class T, class Allocator>
class span_ring {
  using slot = plain<T>;
  using slot_allocator = typename std::allocator_traits<Allocator>::template rebind_alloc<slot>;
  using slot_traits = std::allocator_traits<slot_allocator>;

 public:
  /// Throws std::invalid_argument if `capacity` is 0, and what the allocator throws.
  span_ring(std::size_t capacity, const Allocator& allocator)
      : allocator_(allocator), slots_(allocate(allocator_, capacity)), capacity_(capacity) {}
  span_ring(const span_ring&) = delete;
  span_ring& operator=(const span_ring&) = delete;
  ~span_ring() { slot_traits::deallocate(allocator_, slots_, capacity_); }

  std::size_t capacity() const noexcept { return capacity_; }
  std::size_t room(std::size_t size) const noexcept { return capacity_ - size; }
  Allocator get_allocator() const noexcept { return Allocator(allocator_); }

  /// Needs room. Throws what building the element throws, having changed nothing.
  template <class... Args>
  void push_back(Args&&... args) {
    at(back_).construct(std::forward<Args>(args)...);
    go_on(back_, pushed_);
  }
  /// The same for an element that is in its place already.
  void push_back(switchyard::detail::already_there) noexcept {
    if constexpr (std::is_trivially_copyable_v<T>) at(back_).adopt();
    go_on(back_, pushed_);
  }

  /// Need an element.
  T& front() noexcept { return at(front_).write(); }
  void pop_front() noexcept {
    at(front_).destroy();
    go_on(front_, popped_);
  }

  /// For the producer, without the lock: up to `n` free places in a row from the back on.
  std::span<T> free_places(std::size_t n) noexcept
    requires std::is_trivially_copyable_v<T>
  {
    // (1) acquire: pairs with the release in (3): the elements that were there have been used.
    const std::uint64_t used = pushed_.load(memory_order_relaxed) - popped_.load(memory_order_acquire);
    n = std::min({n, capacity_ - static_cast<std::size_t>(used), capacity_ - back_});
    for (std::size_t i = 0; i < n; ++i) at(back_ + i).lend();  // for the model checker
    return {address(back_), n};
  }
  std::uint64_t pushed() const noexcept { return pushed_.load(memory_order_relaxed); }

  /// For the consumer, without the lock: up to `n` elements in a row from the front on.
  std::span<T> filled_places(std::size_t n) noexcept {
    // (2) acquire: pairs with the release in (3): the elements have been built.
    const std::uint64_t there = pushed_.load(memory_order_acquire) - popped_.load(memory_order_relaxed);
    n = std::min({n, static_cast<std::size_t>(there), capacity_ - front_});
    for (std::size_t i = 0; i < n; ++i) static_cast<void>(at(front_ + i).write());  // for the model checker
    return {address(front_), n};
  }
  std::uint64_t popped() const noexcept { return popped_.load(memory_order_relaxed); }

 private:
  static typename slot_traits::pointer allocate(slot_allocator& allocator, std::size_t capacity) {
    if (capacity == 0) throw std::invalid_argument("switchyard: the capacity of a queue must be at least 1");
    const auto slots = slot_traits::allocate(allocator, capacity);
    std::uninitialized_default_construct_n(std::to_address(slots), capacity);
    return slots;
  }

  slot& at(std::size_t index) noexcept { return std::to_address(slots_)[index]; }
  T* address(std::size_t index) noexcept {
    static_assert(sizeof(slot) == sizeof(T), "elements in a row are an array of T");
    return reinterpret_cast<T*>(&at(index));
  }
  void go_on(std::size_t& index, atomic<std::uint64_t>& count) noexcept {
    index = index + 1 == capacity_ ? 0 : index + 1;
    count.store(count.load(memory_order_relaxed) + 1, memory_order_release);  // (3) with (1), (2)
  }

  [[no_unique_address]] slot_allocator allocator_;
  typename slot_traits::pointer slots_;
  std::size_t capacity_;
  std::size_t front_ = 0;             // the slot of the oldest element, if there is one; the consumer's
  std::size_t back_ = 0;              // the slot for the next; the producer's
  atomic<std::uint64_t> pushed_{0};   // how many elements ever were; written by the producer
  atomic<std::uint64_t> popped_{0};   // how many are gone; written by the consumer
};

}  // namespace switchyard::blocking::detail
