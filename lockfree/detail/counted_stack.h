// A stack of nodes that are never given back to the system while it exists.
//
// Source: Treiber, "Systems Programming: Coping with Parallelism" (IBM RJ 5118, 1986), with the count of IBM's
//   System/370 Principles of Operation beside the pointer.
// When: nodes that are used again and again by the structure that has them. Anybody may read a node's link at any
//   time, whoever has the node by then; so the node must stay memory. Nodes that do not: `hazard_pointer`.
// Progress: each `try_` member is wait-free; who is refused has lost a race to another that was not. The others are
//   lock-free.
// Ordering: linearizable. What was done to a node before it was pushed happens before what is done to it by who pops it;
//   what was done before the last was popped happens before what is done by who finds none.
// Cost: one sixteen-byte compare-and-swap.
#pragma once

#include <cstdint>
#include <optional>

#include "switchyard/atomics/atomic.h"
#include "switchyard/atomics/backoff.h"
#include "switchyard/atomics/double_word.h"

namespace switchyard::lockfree::detail {

/// `Link` is the member by which a node knows the one below it.
template <class Node, atomic<Node*> Node::*Link>
class counted_stack {
 public:
  counted_stack() noexcept = default;
  counted_stack(const counted_stack&) = delete;
  counted_stack& operator=(const counted_stack&) = delete;

  /// What a member has seen: start from `look()`; a `try_` member that fails brings it up to date.
  class view {
   public:
    Node* top() const noexcept { return reinterpret_cast<Node*>(words_.first); }

   private:
    friend class counted_stack;
    double_word::words words_;
  };

  view look() const noexcept {
    view seen;
    // The count first: while it is the same, nothing has been pushed since, so the top is the one that was on top then,
    // with what was below it then.
    seen.words_.second = top_.load_second(memory_order_acquire);  // (1) with (4)
    seen.words_.first = top_.load_first(memory_order_acquire);    // (2) with (4), (5)
    return seen;
  }

  /// Puts the chain from `first` to `last` on top.
  bool try_push(view& seen, Node* first, Node* last) noexcept {
    (last->*Link).store(seen.top(), memory_order_relaxed);
    return top_.compare_exchange(seen.words_, {reinterpret_cast<std::uintptr_t>(first), seen.words_.second + 1},
                                 memory_order_release, memory_order_relaxed);  // (4) with (1), (2), (3)
  }

  /// Takes the top, which there must be.
  bool try_pop(view& seen) noexcept {
    Node* const below = (seen.top()->*Link).load(memory_order_relaxed);
    return top_.compare_exchange(seen.words_, {reinterpret_cast<std::uintptr_t>(below), seen.words_.second},
                                 memory_order_release, memory_order_acquire);  // (5) with (2); (3) with (4)
  }

  void push(Node* first, Node* last) noexcept {
    view seen = look();
    for (backoff races; !try_push(seen, first, last);) races.lost_race();
  }
  void push(Node* node) noexcept { push(node, node); }

  /// nullptr: there is none.
  Node* pop() noexcept {
    view seen = look();
    for (backoff races; seen.top() != nullptr && !try_pop(seen);) races.lost_race();
    return seen.top();
  }

  /// Takes all: the top, by which the others are found; nullptr if there is none.
  Node* pop_all() noexcept {
    view seen = look();
    while (seen.top() != nullptr && !top_.compare_exchange(seen.words_, {0, seen.words_.second}, memory_order_release,
                                                           memory_order_acquire)) {  // (5) with (2); (3) with (4)
    }
    return seen.top();
  }

  /// How often something has been pushed. Relaxed: who goes by it looks at the stack between two times.
  std::uint64_t pushes() const noexcept { return top_.load_second(memory_order_relaxed); }

 private:
  // {address of the top, count of pushes}
  double_word top_;
};

}  // namespace switchyard::lockfree::detail
