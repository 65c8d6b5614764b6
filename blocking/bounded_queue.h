// A first-in-first-out queue with a limit, for any number of producers and consumers, under one lock.
//
// Source: the bounded buffer, as old as monitors (Hoare 1974); the interface is WG21 P0260R20's.
//
// When to use it: as the plain choice when a queue is not what limits the program, when there are many more
// threads than processors, or when elements must not be touched by two threads in any order but one. Where
// throughput or latency matters, `lockfree::bounded_queue` has the same members. One producer and one
// consumer: `spsc_queue`. No limit wanted: `unbounded_queue`.
//
// Progress: blocking: a thread that stops inside an operation stops all others.
// Ordering: FIFO and linearizable.
// Cost: one lock and unlock per operation or batch; memory is taken by the constructor only. Elements are
//   built and moved under the lock. No system call while nobody sleeps.
//
//   switchyard::blocking::bounded_queue<std::string> lines(1024);
//   lines.push("one");                              // a producer; waits while there are 1024
//   lines.close();                                  // after the last
//   while (auto line = lines.pop()) use(*line);     // a consumer; ends when closed and empty
#pragma once

#include <cstddef>
#include <memory>
#include <utility>

#include "switchyard/blocking/detail/queue_core.h"
#include "switchyard/blocking/detail/ring.h"
#include "switchyard/blocking/mutex.h"

namespace switchyard::blocking {

/// Models `timed_queue`, `bulk_queue`, `sized_queue` and `capacity_limited`; see `detail::queue_core` for
/// the members. `Lock` is any type with lock() and unlock(): the default was the fastest measured.
template <class T, class Allocator = std::allocator<T>, class Lock = mutex>
class bounded_queue : public detail::queue_core<T, detail::ring<T, Allocator>, Lock> {
  using core = detail::queue_core<T, detail::ring<T, Allocator>, Lock>;

 public:
  using allocator_type = Allocator;

  /// Holds exactly `capacity` elements. Throws std::invalid_argument for 0, std::length_error for more than can be
  /// addressed, and std::bad_alloc or what else the allocator throws if there is not the memory for it.
  explicit bounded_queue(std::size_t capacity, const Allocator& allocator = Allocator())
      : core(std::in_place, capacity, allocator) {}

  /// The number that the constructor was given.
  std::size_t capacity() const noexcept { return this->storage().capacity(); }

  /// A copy of the allocator that memory comes from.
  Allocator get_allocator() const noexcept { return this->storage().get_allocator(); }
};

}  // namespace switchyard::blocking
