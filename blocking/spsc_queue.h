// A first-in-first-out queue with a limit, for one producer and one consumer, under one lock.
//
// Source: as `bounded_queue`, whose code it is.
//
// When to use it: as the twin of `lockfree::spsc_queue`, which is many times faster for its one producer and
// one consumer. Under a lock nothing is gained by knowing that there is only one of each, so this one would
// also work with more; a program that relies on that cannot change sides. With more, use `bounded_queue`.
//
// Progress: blocking: a thread that stops inside an operation stops the other.
// Ordering: FIFO and linearizable.
// Cost: one lock and unlock per operation or batch; memory is taken by the constructor only. Elements are
//   built and moved under the lock. No system call while nobody sleeps.
//
//   switchyard::blocking::spsc_queue<std::string> lines(1024);
//   lines.push("one");                              // the producer; waits while there are 1024
//   lines.close();                                  // after the last
//   while (auto line = lines.pop()) use(*line);     // the consumer; ends when closed and empty
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
class spsc_queue : public detail::queue_core<T, detail::ring<T, Allocator>, Lock> {
  using core = detail::queue_core<T, detail::ring<T, Allocator>, Lock>;

 public:
  using allocator_type = Allocator;

  /// Holds exactly `capacity` elements. Throws std::invalid_argument if that is 0, and std::bad_alloc or
  /// what else the allocator throws if there is not the memory for it.
  explicit spsc_queue(std::size_t capacity, const Allocator& allocator = Allocator())
      : core(std::in_place, capacity, allocator) {}

  /// The number that the constructor was given.
  std::size_t capacity() const noexcept { return this->storage().capacity(); }

  /// A copy of the allocator that memory comes from.
  Allocator get_allocator() const noexcept { return this->storage().get_allocator(); }
};

}  // namespace switchyard::blocking
