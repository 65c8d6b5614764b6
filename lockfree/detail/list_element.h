// An element of a priority queue as its list has it: what it is compared by, and how it gets out to whoever pops it.
//
// Source: our own.
// When: not for users, who name `priority_queue` or `relaxed_priority_queue`.
// Progress, ordering: those of `skip_list`, which does what is said here.
// Cost: the element, and beside it its key, if `Compare` has keys.
#pragma once

#include <concepts>
#include <type_traits>
#include <utility>

#include "switchyard/atomics/plain.h"

namespace switchyard::lockfree::detail {

/// Whether `Compare` looks at keys of T that can be copied out of it; see `by_key`.
template <class Compare, class T>
concept compares_keys = requires(const Compare& compare, const T& element) {
  { compare.less(compare.key(element), compare.key(element)) } -> std::convertible_to<bool>;
};

/// How an element gets from its node to whoever pops it, while other threads may be comparing it with theirs.
enum class hand_over {
  copied,         ///< trivially copyable: after it was popped
  copied_before,  ///< copies may throw, so before: who is then not the first to pop it has copied it in vain
  moved,          ///< others look at keys alone
  guarded,        ///< moved, too: a pop waits until nobody is comparing the element
};
// Of `guarded`: an element that cannot be copied is in one place. A thread that was stopped while it compares the
// element there, and one that is to have it, cannot both be served, by whatever algorithm.
template <class T, class Compare>
inline constexpr hand_over way_of = compares_keys<Compare, T>                                              ? hand_over::moved
                                    : std::is_trivially_copyable_v<T> && std::is_copy_constructible_v<T> ? hand_over::copied
                                    : std::is_copy_constructible_v<T> ? hand_over::copied_before
                                                                      : hand_over::guarded;

/// What nodes are compared by: the element itself, or its key beside it.
template <class T, class Compare>
struct list_element {
  plain<T> value;

  template <class... Args>
  void construct(const Compare&, Args&&... args) {
    value.construct(std::forward<Args>(args)...);
  }
  void destroy_key() noexcept {}
  static bool less(const Compare& compare, const list_element& a, const list_element& b) {
    return compare(a.value.read(), b.value.read());
  }
};
template <class T, class Compare>
  requires compares_keys<Compare, T>
struct list_element<T, Compare> {
  using key_type = std::decay_t<decltype(std::declval<const Compare&>().key(std::declval<const T&>()))>;
  plain<key_type> key;
  plain<T> value;

  template <class... Args>
  void construct(const Compare& compare, Args&&... args) {
    value.construct(std::forward<Args>(args)...);
    try {
      key.construct(compare.key(value.read()));
    } catch (...) {
      value.destroy();
      throw;
    }
  }
  void destroy_key() noexcept { key.destroy(); }
  static bool less(const Compare& compare, const list_element& a, const list_element& b) {
    return compare.less(a.key.read(), b.key.read());
  }
};

}  // namespace switchyard::lockfree::detail
