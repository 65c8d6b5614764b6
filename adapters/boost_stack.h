// boost::lockfree::stack behind this package's interface.
//
// Source: Tim Blechmann's Boost.Lockfree; Treiber (1986) with a count of changes beside the pointer to the top.
// When: to compare, or where that library is in use already. Otherwise use `lockfree::stack`, which takes any
//   element, gives memory back, waits, and ends.
// Progress: lock-free but for the allocator: a node comes from a list of used ones and, if there is none, from
//   operator new.
// Ordering: last in, first out, and linearizable. The count has 16 bits on x86-64: a pop that sleeps while
//   others change the top exactly 65536 times, or a multiple of it, and bring the same node back, corrupts the
//   stack.
// Cost: one compare-and-swap on the top and one on the list of nodes for each operation. Nodes go back to the
//   system when the stack is destroyed, not before.
//
//   switchyard::adapters::boost_stack<int> stack;
#pragma once

#include <boost/lockfree/stack.hpp>
#include <cstddef>
#include <new>
#include <optional>
#include <type_traits>
#include <utility>

#include "switchyard/interface/conqueue_status.h"
#include "switchyard/interface/queue.h"

namespace switchyard::adapters {

/// Models `try_queue` only: Boost's stack neither waits nor closes. Elements are copied in, and must be
/// trivially destructible and assignable.
template <class T>
class boost_stack {
  static_assert(std::is_copy_constructible_v<T> && std::is_trivially_destructible_v<T> &&
                    std::is_trivially_copy_assignable_v<T>,
                "boost::lockfree::stack asks that of its elements");

 public:
  using value_type = T;

  boost_stack() : stack_(0) {}
  boost_stack(const boost_stack&) = delete;
  boost_stack& operator=(const boost_stack&) = delete;

  /// Always `success`. Throws std::bad_alloc, with the stack as it was.
  [[nodiscard]] conqueue_status try_push(const T& value) {
    if (!stack_.push(value)) throw std::bad_alloc();
    return conqueue_status::success;
  }

  /// The newest element, or `empty`.
  [[nodiscard]] pop_result<T> try_pop() {
    std::optional<T> taken;
    if (!stack_.consume_one([&](const T& value) { taken.emplace(value); })) {
      return unexpected(conqueue_status::empty);
    }
    return pop_result<T>(*std::move(taken));
  }

  /// Everything that is there at one moment, newest first; returns how many. If writing one throws, the rest
  /// is lost.
  template <class Output>
  std::size_t pop_all(Output out) {
    return stack_.consume_all_atomic([&](const T& value) {
      *out = value;
      ++out;
    });
  }

 private:
  boost::lockfree::stack<T> stack_;
};

}  // namespace switchyard::adapters
