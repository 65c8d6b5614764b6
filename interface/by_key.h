// An order of elements by a part of them that is copied when an element goes in: its key.
//
// Source: our own; a projection as in C++20's ranges.
// When: for a `priority_queue` of elements that can only be moved, or are slow to copy. Comparing whole elements
//   means that one thread may look at an element while another pops it, so `lockfree::priority_queue` must copy
//   what it hands out; where only keys are compared, it moves. Also when comparing elements is slow and keys is not.
// Cost: a copy of the key in every node.
//
//   lockfree::priority_queue<std::unique_ptr<job>, by_key<[](const auto& j) { return j->urgency; }>> jobs;
//   lockfree::priority_queue<order, by_key<&order::price, std::greater<>>> cheapest_first;
#pragma once

#include <functional>
#include <type_traits>
#include <utility>

namespace switchyard {

/// Calls `Less` with the keys of two elements; `Projection` is anything that std::invoke takes, with an element, to get
/// its key. Both must be free of side effects, and an element's key must not change while it is in a container.
template <auto Projection, class Less = std::less<>>
struct by_key {
  /// The key of an element, as a value.
  template <class T>
  constexpr auto key(const T& element) const {
    return std::decay_t<decltype(std::invoke(Projection, element))>(std::invoke(Projection, element));
  }
  template <class Key>
  constexpr bool less(const Key& a, const Key& b) const {
    return Less()(a, b);
  }
  template <class T>
  constexpr bool operator()(const T& a, const T& b) const {
    return Less()(std::invoke(Projection, a), std::invoke(Projection, b));
  }
};

}  // namespace switchyard
