// A last-in-first-out queue without a limit, for any number of producers and consumers, under one lock.
//
// Source: as `unbounded_queue`, whose list of arrays ends at one end. Python's name for it is LifoQueue.
//
// When to use it: when the newest element is the one to take next: its data is in a cache, or it makes the
// older ones unnecessary; also as a free list. An element may stay at the bottom for ever, so not where each
// is owed an answer in time: that is `unbounded_queue`. `lockfree::stack` has the same members.
//
// Progress: blocking: a thread that stops inside an operation stops all others.
// Ordering: LIFO and linearizable.
// Cost: one lock and unlock per operation or batch. Memory is taken about 4 KiB at a time, from the first
//   push on, and given back as the stack is emptied, but for one piece or two. Elements are built and moved
//   under the lock. No system call while nobody sleeps, but for those of the allocator.
//
//   switchyard::blocking::stack<buffer> idle;
//   idle.push(std::move(mine));                     // for somebody else to use
//   if (auto one = idle.try_pop()) use(*one);       // the one that was used last
//   idle.pop_all(std::back_inserter(buffers));      // all of them at once
#pragma once

#include <cstddef>
#include <limits>
#include <memory>
#include <utility>

#include "switchyard/blocking/detail/lifo_chunks.h"
#include "switchyard/blocking/detail/queue_core.h"
#include "switchyard/blocking/mutex.h"

namespace switchyard::blocking {

/// Models `concurrent_stack`, `timed_queue`, `bulk_queue` and `sized_queue`; see `detail::queue_core` for
/// the members: its front is the newest element. It is never `full`; a push throws what the allocator
/// throws, and has then changed nothing. `push_n` pushes one after the other, so that the last of them is
/// popped first. `Lock` is any type with lock() and unlock(): the default was the fastest measured.
template <class T, class Allocator = std::allocator<T>, class Lock = mutex>
class stack : public detail::queue_core<T, detail::lifo_chunks<T, Allocator>, Lock> {
  using core = detail::queue_core<T, detail::lifo_chunks<T, Allocator>, Lock>;

 public:
  using allocator_type = Allocator;

  /// An empty stack. Takes no memory yet.
  explicit stack(const Allocator& allocator = Allocator()) : core(std::in_place, allocator) {}

  /// Moves everything that is there at one moment to `out`, newest first, without waiting; returns how many.
  /// What assigning the first of them throws passes on; if a later one throws, the call ends and returns how
  /// many went before. The element that threw is still there, and so are those below it.
  template <class Output>
  std::size_t pop_all(Output out) {
    return this->try_pop_n(std::move(out), std::numeric_limits<std::size_t>::max());
  }

  /// A copy of the allocator that memory comes from.
  Allocator get_allocator() const noexcept { return this->storage().get_allocator(); }
};

}  // namespace switchyard::blocking
