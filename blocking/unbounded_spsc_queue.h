// A first-in-first-out queue without a limit, for one producer and one consumer, under one lock.
//
// Source: as `bounded_queue`, over a list of arrays.
//
// When to use it: as the twin of `lockfree::unbounded_spsc_queue`, which is many times faster for its one producer and
// one consumer. Under a lock nothing is gained by knowing that there is only one of each, so this one would also work
// with more; a program that relies on that cannot change sides. With more, use `unbounded_queue`; with a limit,
// `spsc_queue`.
//
// Progress: blocking: a thread that stops inside an operation stops the other.
// Ordering: FIFO and linearizable.
// Cost: one lock and unlock per operation or batch. Memory is taken from the first push on, 4 KiB and then in ever larger
//   pieces, up to 384 KiB, and given back as the queue is emptied, but for two of them. Elements are built and moved
//   under the lock. No system call while nobody sleeps, but for those of the allocator, and one when a piece of 64 KiB
//   or more goes back.
//
//   switchyard::blocking::unbounded_spsc_queue<std::string> lines;
//   lines.push("one");                              // the producer; never waits for room
//   lines.close();                                  // after the last
//   while (auto line = lines.pop()) use(*line);     // the consumer; ends when closed and empty
#pragma once

#include <memory>
#include <utility>

#include "switchyard/blocking/detail/growing_chunks.h"
#include "switchyard/blocking/detail/queue_core.h"
#include "switchyard/blocking/mutex.h"

namespace switchyard::blocking {

/// Models `timed_queue`, `bulk_queue` and `sized_queue`; see `detail::queue_core` for the members. It is never `full`;
/// a push throws what the allocator throws, and has then changed nothing. `Lock` is any type with lock() and unlock().
template <class T, class Allocator = std::allocator<T>, class Lock = mutex>
class unbounded_spsc_queue : public detail::queue_core<T, detail::growing_chunks<T, Allocator>, Lock> {
  using core = detail::queue_core<T, detail::growing_chunks<T, Allocator>, Lock>;

 public:
  using allocator_type = Allocator;

  /// An empty queue. Takes no memory yet.
  explicit unbounded_spsc_queue(const Allocator& allocator = Allocator()) : core(std::in_place, allocator) {}

  /// A copy of the allocator that memory comes from.
  Allocator get_allocator() const noexcept { return this->storage().get_allocator(); }
};

}  // namespace switchyard::blocking
