// A queue whose greatest element comes out first, without a limit, for any number of producers and consumers,
// under one lock.
//
// Source: a heap (Williams 1964) inside a monitor; see `detail::heap`.
//
// When to use it: when what is urgent must overtake what is not, and the rest can wait, perhaps for ever. Where
// all elements are equal, `unbounded_queue` is cheaper. `lockfree::priority_queue` has the same members.
//
// Progress: blocking: a thread that stops inside an operation stops all others.
// Ordering: strict, and linearizable: a pop takes an element than which, at that moment, no other is greater
//   by `Compare`: std::less, as for std::priority_queue, means largest first. Of equal elements any may be
//   first; who wants them in the order they came gives them a number to compare as well.
// Cost: one lock and unlock per operation or batch. Under the lock, a push compares less than twice on average,
//   a pop three times for each two doublings of the size. Memory doubles when it is full, and goes back when
//   the queue is empty. Elements whose move may throw are allocated one by one. Elements are built, moved and
//   compared under the lock. No system call while nobody sleeps, but for those of the allocator.
//
//   switchyard::blocking::priority_queue<job> jobs;   // job has operator<: the least urgent is the least
//   jobs.push(job("index", 1));
//   jobs.push(job("alarm", 9));
//   while (auto next = jobs.pop()) run(*next);        // alarm, index; ends when closed and empty
#pragma once

#include <functional>
#include <memory>
#include <utility>

#include "switchyard/blocking/detail/heap.h"
#include "switchyard/blocking/detail/queue_core.h"
#include "switchyard/blocking/mutex.h"

namespace switchyard::blocking {

/// Models `concurrent_priority_queue`, `timed_queue`, `bulk_queue` and `sized_queue`; see
/// `detail::queue_core` for the members: its front is the greatest element. It is never `full`.
///
/// Whatever throws, building, moving or comparing an element or the allocator, nothing that is inside is
/// lost, and the queue goes on: a push that throws has added nothing, a pop that throws has removed nothing.
/// An argument that is a T is then as it was, also when comparing it threw; if the element was built from
/// other arguments, and then comparing it throws, those are used up. `Lock` is any type with lock() and
/// unlock(): the default was the fastest measured.
template <class T, class Compare = std::less<T>, class Allocator = std::allocator<T>, class Lock = mutex>
class priority_queue : public detail::queue_core<T, detail::heap<T, Compare, Allocator>, Lock> {
  using core = detail::queue_core<T, detail::heap<T, Compare, Allocator>, Lock>;

 public:
  using value_compare = Compare;
  using allocator_type = Allocator;

  /// An empty queue, ordered by a copy of `less`. Takes no memory yet.
  explicit priority_queue(const Compare& less = Compare(), const Allocator& allocator = Allocator())
      : core(std::in_place, less, allocator) {}
  explicit priority_queue(const Allocator& allocator) : priority_queue(Compare(), allocator) {}

  /// A copy of the allocator that memory comes from.
  Allocator get_allocator() const noexcept { return this->storage().get_allocator(); }
};

}  // namespace switchyard::blocking
