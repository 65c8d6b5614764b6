// A fixed number of slots, used round and round: the storage of the bounded queues.
//
// Source: the oldest queue there is.
//
// When to use it: as the `Storage` of `queue_core`, which locks it and counts its elements. For a queue
// without a limit, `chunks`.
//
// Ordering: first in, first out.
// Cost: memory is taken by the constructor only. No division: an index starts again at 0 by comparison.
#pragma once

#include <cstddef>
#include <memory>
#include <stdexcept>
#include <utility>

#include "switchyard/atomics/plain.h"

namespace switchyard::blocking::detail {

/// Room for `capacity` elements. Whoever uses it knows how many there are, and pops them all at the end.
template <class T, class Allocator>
class ring {
 protected:
  using slot = plain<T>;

 private:
  using slot_allocator = typename std::allocator_traits<Allocator>::template rebind_alloc<slot>;
  using slot_traits = std::allocator_traits<slot_allocator>;

 public:
  /// Throws std::invalid_argument if `capacity` is 0, std::length_error for more than can be addressed, and what the
  /// allocator throws.
  ring(std::size_t capacity, const Allocator& allocator)
      : allocator_(allocator), slots_(allocate(allocator_, capacity)), capacity_(capacity) {}
  ring(const ring&) = delete;
  ring& operator=(const ring&) = delete;
  ~ring() { slot_traits::deallocate(allocator_, slots_, capacity_); }

  std::size_t capacity() const noexcept { return capacity_; }
  std::size_t room(std::size_t size) const noexcept { return capacity_ - size; }
  Allocator get_allocator() const noexcept { return Allocator(allocator_); }

  /// Needs room. Throws what building the element throws, having changed nothing.
  template <class... Args>
  void push_back(Args&&... args) {
    at(back_).construct(std::forward<Args>(args)...);
    pushed_back();
  }

  /// Need an element.
  T& front() noexcept { return at(front_).write(); }
  void pop_front() noexcept {
    at(front_).destroy();
    front_ = following(front_);
  }

 protected:
  slot& at(std::size_t index) noexcept { return std::to_address(slots_)[index]; }
  std::size_t front_slot() const noexcept { return front_; }
  std::size_t back_slot() const noexcept { return back_; }
  /// What push_back does after the element has been built.
  void pushed_back() noexcept { back_ = following(back_); }

 private:
  static typename slot_traits::pointer allocate(slot_allocator& allocator, std::size_t capacity) {
    if (capacity == 0) throw std::invalid_argument("a queue's capacity must be at least 1");
    if (capacity > slot_traits::max_size(allocator)) throw std::length_error("a queue's capacity is too large");
    const auto slots = slot_traits::allocate(allocator, capacity);
    std::uninitialized_default_construct_n(std::to_address(slots), capacity);
    return slots;
  }

  std::size_t following(std::size_t index) const noexcept { return index + 1 == capacity_ ? 0 : index + 1; }

  [[no_unique_address]] slot_allocator allocator_;
  typename slot_traits::pointer slots_;
  std::size_t capacity_;
  std::size_t front_ = 0;  // the slot of the oldest element, if there is one
  std::size_t back_ = 0;   // the slot for the next
};

}  // namespace switchyard::blocking::detail
