// A ring of slots that grows when it is full, for elements that can be moved without throwing.
//
// Source: the oldest queue there is, doubled.
//
// When to use it: as the storage of `work_stealing_deque`, which locks it. With a limit, `ring`; for a queue of which
// elements must not be moved, `chunks`.
//
// Ordering: elements are added at the back and taken at either end.
// Cost: one array of a power of two of slots, at most twice what is needed while it grows. Elements are moved when it
//   does, and when it shrinks: to half of its size, if for as many removals in a row as it has slots less than an
//   eighth of them was used, and never below its first size. With a steady length it takes no memory at all.
#pragma once

#include <bit>
#include <cstddef>
#include <limits>
#include <memory>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include "switchyard/atomics/plain.h"

namespace switchyard::blocking::detail {

template <class T, class Allocator>
class growing_ring {
  static_assert(std::is_nothrow_move_constructible_v<T>, "or an element could be lost while the ring grows");
  using slot = plain<T>;
  using slot_allocator = typename std::allocator_traits<Allocator>::template rebind_alloc<slot>;
  using slot_traits = std::allocator_traits<slot_allocator>;

 public:
  /// Room for `capacity` elements, rounded up to a power of two. Throws std::invalid_argument if that is 0,
  /// std::length_error if it is more than can be addressed, and what the allocator throws.
  growing_ring(std::size_t capacity, const Allocator& allocator)
      : allocator_(allocator), least_(checked(capacity)), capacity_(least_), slots_(allocate(capacity_)) {}
  growing_ring(const growing_ring&) = delete;
  growing_ring& operator=(const growing_ring&) = delete;
  ~growing_ring() {
    while (size_ != 0) pop_front();
    slot_traits::deallocate(allocator_, slots_, capacity_);
  }

  std::size_t size() const noexcept { return size_; }
  Allocator get_allocator() const noexcept { return Allocator(allocator_); }

  /// Makes room, so that the next element can be added without the allocator. Throws what that throws.
  void reserve_one() {
    if (size_ == capacity_) [[unlikely]] grow();
  }

  /// Throw what building the element throws, or the allocator, having changed nothing.
  template <class... Args>
  void push_back(Args&&... args) {
    reserve_one();
    at(size_).construct(std::forward<Args>(args)...);
    ++size_;
  }
  void push_front(T&& element) {
    reserve_one();
    --front_;
    at(0).construct(std::move(element));
    ++size_;
  }

  /// Need an element.
  T& front() noexcept { return at(0).write(); }
  T& back() noexcept { return at(size_ - 1).write(); }
  void pop_front() noexcept {
    at(0).destroy();
    ++front_;
    removed();
  }
  void pop_back() noexcept {
    at(size_ - 1).destroy();
    removed();
  }

 private:
#ifdef SWITCHYARD_MODEL
  static constexpr std::size_t shrink_share = 2;
#else
  static constexpr std::size_t shrink_share = 8;
#endif

  static std::size_t checked(std::size_t capacity) {
    if (capacity == 0) throw std::invalid_argument("a deque's capacity must be at least 1");
    if (capacity > std::numeric_limits<std::size_t>::max() / 2) {
      throw std::length_error("a deque's capacity is too large");
    }
    return std::bit_ceil(capacity);
  }

  typename slot_traits::pointer allocate(std::size_t capacity) {
    if (capacity > slot_traits::max_size(allocator_)) throw std::length_error("a deque's capacity is too large");
    const auto slots = slot_traits::allocate(allocator_, capacity);
    std::uninitialized_default_construct_n(std::to_address(slots), capacity);
    return slots;
  }

  // The slot of the element that is so far behind the oldest.
  slot& at(std::size_t distance) noexcept {
    return std::to_address(slots_)[(front_ + distance) & (capacity_ - 1)];
  }

  [[gnu::noinline]] void grow() { move_to(allocate(2 * capacity_), 2 * capacity_); }

  void removed() noexcept {
    --size_;
    if (size_ >= capacity_ / shrink_share || capacity_ == least_) {
      small_looks_ = 0;
    } else if (++small_looks_ > capacity_) {
      shrink();
    }
  }

  [[gnu::noinline]] void shrink() noexcept {
    small_looks_ = 0;
    try {
      move_to(allocate(capacity_ / 2), capacity_ / 2);
    } catch (...) {
      // No memory for less: then it stays as it is.
    }
  }

  void move_to(typename slot_traits::pointer slots, std::size_t capacity) noexcept {
    for (std::size_t i = 0; i < size_; ++i) {
      std::to_address(slots)[i].construct(std::move(at(i).write()));
      at(i).destroy();
    }
    slot_traits::deallocate(allocator_, std::exchange(slots_, slots), std::exchange(capacity_, capacity));
    front_ = 0;
    small_looks_ = 0;
  }

  [[no_unique_address]] slot_allocator allocator_;
  std::size_t least_;
  std::size_t capacity_;
  typename slot_traits::pointer slots_;
  std::size_t front_ = 0;  // the oldest element is in slot front_ % capacity_
  std::size_t size_ = 0;
  std::size_t small_looks_ = 0;  // how often in a row the ring was found too large
};

}  // namespace switchyard::blocking::detail
