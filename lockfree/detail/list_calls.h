// How the priority queues call their lists.
//
// Source: our own.
// When: not for users.
// Progress, ordering, cost: those of `skip_list`.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <type_traits>
#include <utility>

namespace switchyard::lockfree::detail {

/// One level, and one more with a probability of a quarter each, at most `Max`.
template <unsigned Max>
unsigned random_height(std::uint64_t bits) noexcept {
  // The lower half: the upper one says other things.
  return 1 + static_cast<unsigned>(std::countr_zero(bits | std::uint64_t{1} << 2 * (Max - 1))) / 2;
}

/// Pops up to `max` elements, each by `pop(sink)`, which returns false when there is none. An exception ends that, and
/// passes on if an element was lost by it, or none has been popped.
template <class T, class Pop, class Out>
void pop_batch(Pop pop, Out& out, std::size_t max, std::size_t& done) {
  bool is_out = false;
  const auto sink = [&](T&& element) {
    is_out = true;
    *out = std::move(element);
    ++out;
  };
  try {
    for (; done < max && pop(sink); ++done) is_out = false;
  } catch (...) {
    if (is_out || done == 0) throw;
  }
}

/// Builds an element of `args` in a node so high, and inserts it. If comparing throws, the `T` that was moved in is
/// moved back.
template <class List, class... Args>
void push_into(List& list, unsigned height, Args&&... args) {
  auto* const fresh = list.make(height, std::forward<Args>(args)...);
  try {
    const std::scoped_lock reading(List::means::domain());
    list.insert(fresh);
  } catch (...) {
    list.take_back(fresh, args...);
    throw;
  }
}

}  // namespace switchyard::lockfree::detail
