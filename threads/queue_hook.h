// What an object brings with it to be put into an intrusive queue: the link to the next one.
//
// Source: none.
// When: T derives from `queue_hook`, publicly, or has one as a member, which the queue is told by `&T::member`. One
//   object may be in as many queues at once as it has hooks.
// Progress: wait-free.
// Ordering: none; the queue's.
// Cost: a pointer. Without NDEBUG, a hook notices that it is put into a second queue, or destroyed, while it is in one.
//
//   struct job : queue_hook { ... };                     intrusive_mpsc_queue<job> jobs;
//   struct node { queue_hook link; ... };                intrusive_mpsc_queue<node, &node::link> nodes;
#pragma once

#include <cassert>
#include <cstddef>
#include <type_traits>

#include "switchyard/atomics/atomic.h"

namespace switchyard {

class queue_hook {
 public:
  queue_hook() noexcept = default;
  /// What is copied or assigned is not in the queues that its source is in, and stays in those that it is in.
  queue_hook(const queue_hook&) noexcept : queue_hook() {}
  queue_hook& operator=(const queue_hook&) noexcept { return *this; }
  ~queue_hook() { assert(!is_in_queue() && "an object is destroyed while it is in a queue"); }

  /// For the thread that owns the object: nobody else is putting it into a queue, or taking it from one.
  bool is_in_queue() const noexcept { return next_.load(memory_order_relaxed) != this; }

  /// For queues. The link is theirs from `insert` to `remove`; they see to it that one thread at a time uses it.
  void insert() noexcept {
    assert(!is_in_queue() && "an object is put into a queue while it is in one");
    next_.store(nullptr, memory_order_relaxed);
  }
  void set_next(void* next) noexcept { next_.store(next, memory_order_relaxed); }
  void* next() const noexcept { return next_.load(memory_order_relaxed); }
  void remove() noexcept { next_.store(this, memory_order_relaxed); }

 private:
  atomic<void*> next_{this};  // the hook itself: in no queue
};

namespace detail {

/// The hook of an object: its base, or the member that `Hook` points to.
template <auto Hook, class T>
queue_hook& hook_of(T& object) noexcept {
  if constexpr (std::is_null_pointer_v<decltype(Hook)>) {
    return object;
  } else {
    return object.*Hook;
  }
}

}  // namespace detail
}  // namespace switchyard
