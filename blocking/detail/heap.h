// A heap in an array that grows: the storage of the priority queue.
//
// Source: Williams (1964); four children a node: Johnson (1975); sinking the hole to a leaf before asking
// where the last element belongs: Floyd's improvement, as told by Wegener (1993).
//
// When to use it: as the `Storage` of `queue_core`, which locks it and counts its elements.
//
// Ordering: the front is an element than which no other is greater, by `Compare`; of several, any.
// Cost: a push compares less than twice on average, and once for each two doublings of the size at most; a
//   pop three times for each two doublings, and about twice more. Memory: an array that doubles when it is
//   full, and is given back, if it has grown, when the last element goes. Elements whose move may throw are
//   allocated one by one, and the array holds pointers.
//
// Exceptions: every comparison is made before anything changes. If one throws, or an allocation or building
//   the element does, the heap is as it was. What moves elements within the array never throws. A throwing
//   comparison leaves the argument of a push as it was too, if that is a T: it is compared where it is.
//   Built from anything else, it must be there to be compared, so that its arguments are used up.
//   An order that contradicts itself mixes the elements up, but loses none.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <limits>
#include <memory>
#include <type_traits>
#include <utility>

#include "switchyard/atomics/plain.h"

namespace switchyard::blocking::detail {

/// Room for any number of elements. Whoever uses it pops them all at the end.
template <class T, class Compare, class Allocator>
class heap {
  // What the array holds can be moved without an exception: the element itself, or else its address.
  static constexpr bool boxed = !std::is_nothrow_move_constructible_v<T>;
  using cell = std::conditional_t<boxed, T*, T>;
  using slot = plain<cell>;
  using slot_allocator = typename std::allocator_traits<Allocator>::template rebind_alloc<slot>;
  using slot_traits = std::allocator_traits<slot_allocator>;
  using box_allocator = typename std::allocator_traits<Allocator>::template rebind_alloc<T>;
  using box_traits = std::allocator_traits<box_allocator>;

#ifdef SWITCHYARD_MODEL
  static constexpr std::size_t first_capacity = 2;
#else
  static constexpr std::size_t first_capacity = std::max<std::size_t>(4096 / sizeof(slot), 8);
#endif

 public:
  heap(const Compare& less, const Allocator& allocator) : allocator_(allocator), less_(less) {}
  heap(const heap&) = delete;
  heap& operator=(const heap&) = delete;
  ~heap() {
    if (capacity_ > 0) give_back_slots();
  }

  std::size_t room(std::size_t size) const noexcept { return std::numeric_limits<std::size_t>::max() - size; }
  Allocator get_allocator() const noexcept { return Allocator(allocator_); }

  /// Throws what building or comparing the element throws, or the allocator, having changed nothing.
  template <class... Args>
  void push_back(Args&&... args) {
    if (size_ == capacity_) grow();
    std::size_t place;
    if constexpr (is_an_element<Args...>) {
      place = place_of(args...);
      build_last(std::forward<Args>(args)...);
    } else {
      build_last(std::forward<Args>(args)...);
      try {
        place = place_of(value(size_));
      } catch (...) {
        destroy(size_);
        throw;
      }
    }
    rise_to(place);
    ++size_;
  }

  /// The greatest element, to look at. Needs one.
  const T& greatest() noexcept { return look_at(0); }

  /// The greatest element. Needs one. Also works out how the gap will close when that is gone, so that
  /// `pop_front` need not compare; throws what comparing throws.
  T& front();

  /// Destroys the element that `front` has returned last. At the end, when it no longer matters how the
  /// others lie, without calling `front`.
  void pop_front() noexcept;

 private:
  static constexpr std::size_t arity = 4;
  static constexpr std::size_t parent_of(std::size_t index) { return (index - 1) / arity; }
  static constexpr std::size_t first_child_of(std::size_t index) { return index * arity + 1; }
  // An index of 64 bits has no more levels than this above it.
  static constexpr std::size_t levels = std::numeric_limits<std::size_t>::digits / 2;

  template <class... Args>
  static constexpr bool is_an_element =
      sizeof...(Args) == 1 && (std::is_same_v<std::remove_cvref_t<Args>, T> && ...);

  slot& at(std::size_t index) noexcept { return std::to_address(slots_)[index]; }
  T& value(std::size_t index) noexcept {
    if constexpr (boxed) {
      return *at(index).read();
    } else {
      return at(index).write();
    }
  }
  const T& look_at(std::size_t index) noexcept {
    if constexpr (boxed) {
      return *at(index).read();
    } else {
      return at(index).read();
    }
  }

  bool is_less(std::size_t a, std::size_t b) { return less_(look_at(a), look_at(b)); }
  std::size_t greatest_of(std::size_t first, std::size_t end);

  template <class... Args>
  void build_last(Args&&... args);
  void destroy(std::size_t index) noexcept;
  void relocate(std::size_t from, std::size_t to) noexcept {
    at(to).construct(std::move(at(from).write()));
    at(from).destroy();
  }

  std::size_t place_of(const T& added);
  void rise_to(std::size_t place) noexcept;

  void grow();
  void give_back_slots() noexcept {
    slot_traits::deallocate(allocator_, slots_, std::exchange(capacity_, 0));
  }

  // Invariant H: no element is greater than its parent. The elements are the first size_ of the slots.
  [[no_unique_address]] slot_allocator allocator_;
  [[no_unique_address]] Compare less_;
  typename slot_traits::pointer slots_{};
  std::size_t capacity_ = 0;
  std::size_t size_ = 0;
  // Found by front(): those that each move up one level when the front goes; the last element takes the
  // place of the last of them.
  std::size_t rising_ = 0;
  std::array<std::size_t, levels> path_;
};

template <class T, class Compare, class Allocator>
T& heap<T, Compare, Allocator>::front() {
  const std::size_t last = size_ - 1;
  std::size_t depth = 0;
  // Down: the gap goes to the greatest child of each generation, as if the last element did not exist.
  for (std::size_t child = first_child_of(0); child < last; child = first_child_of(child)) {
    child = greatest_of(child, std::min(child + arity, last));
    path_[depth] = child;
    ++depth;
  }
  // Up again: the last element belongs above those that are less. It came from the bottom: not far.
  while (depth > 0 && is_less(path_[depth - 1], last)) --depth;
  rising_ = depth;
  return value(0);
}

/// The slot of the greatest of those from `first` to before `end`.
template <class T, class Compare, class Allocator>
std::size_t heap<T, Compare, Allocator>::greatest_of(std::size_t first, std::size_t end) {
  const auto greater_of = [this](std::size_t a, std::size_t b) { return is_less(a, b) ? b : a; };
  if (end - first == arity) {
    // Two by two, by adding and not by jumping: which of them it is, no processor foretells.
    const std::size_t left = first + is_less(first, first + 1);
    const std::size_t right = first + 2 + is_less(first + 2, first + 3);
    return greater_of(left, right);
  }
  std::size_t greatest = first;
  for (std::size_t other = first + 1; other < end; ++other) greatest = greater_of(greatest, other);
  return greatest;
}

template <class T, class Compare, class Allocator>
void heap<T, Compare, Allocator>::pop_front() noexcept {
  destroy(0);
  --size_;
  const std::size_t rising = std::exchange(rising_, 0);
  if (size_ == 0) {
    if (capacity_ > first_capacity) give_back_slots();
    return;
  }
  std::size_t gap = 0;
  for (std::size_t level = 0; level < rising; ++level) {
    relocate(path_[level], gap);
    gap = path_[level];
  }
  relocate(size_, gap);
}

/// Puts a new element into the slot behind the last, where it does not belong yet.
template <class T, class Compare, class Allocator>
template <class... Args>
void heap<T, Compare, Allocator>::build_last(Args&&... args) {
  if constexpr (boxed) {
    box_allocator allocator(allocator_);
    const auto box = box_traits::allocate(allocator, 1);
    try {
      at(size_).construct(std::construct_at(std::to_address(box), std::forward<Args>(args)...));
    } catch (...) {
      box_traits::deallocate(allocator, box, 1);
      throw;
    }
  } else {
    at(size_).construct(std::forward<Args>(args)...);
  }
}

template <class T, class Compare, class Allocator>
void heap<T, Compare, Allocator>::destroy(std::size_t index) noexcept {
  if constexpr (boxed) {
    T& element = value(index);
    std::destroy_at(std::addressof(element));
    box_allocator allocator(allocator_);
    box_traits::deallocate(allocator, std::pointer_traits<typename box_traits::pointer>::pointer_to(element),
                           1);
  }
  at(index).destroy();
}

/// The slot, among that behind the last and its ancestors, where `added` belongs.
template <class T, class Compare, class Allocator>
std::size_t heap<T, Compare, Allocator>::place_of(const T& added) {
  std::size_t place = size_;
  while (place > 0 && less_(look_at(parent_of(place)), added)) place = parent_of(place);
  return place;
}

/// Brings the element behind the last to `place`; those between move down one level each.
template <class T, class Compare, class Allocator>
void heap<T, Compare, Allocator>::rise_to(std::size_t place) noexcept {
  if (place == size_) return;
  cell added = at(size_).take();
  std::size_t gap = size_;
  for (; gap != place; gap = parent_of(gap)) relocate(parent_of(gap), gap);
  at(place).construct(std::move(added));
}

/// Doubles the array. Throws what the allocator throws, having changed nothing.
template <class T, class Compare, class Allocator>
void heap<T, Compare, Allocator>::grow() {
  const std::size_t wanted = capacity_ == 0 ? first_capacity : 2 * capacity_;
  const auto old = slots_;
  const auto grown = slot_traits::allocate(allocator_, wanted);
  std::uninitialized_default_construct_n(std::to_address(grown), wanted);
  for (std::size_t i = 0; i < size_; ++i) {
    slot& from = std::to_address(old)[i];
    std::to_address(grown)[i].construct(std::move(from.write()));
    from.destroy();
  }
  if (capacity_ > 0) give_back_slots();
  slots_ = grown;
  capacity_ = wanted;
}

}  // namespace switchyard::blocking::detail
