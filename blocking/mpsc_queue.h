// A first-in-first-out queue without a limit, for any number of producers and one consumer, under one lock.
//
// Source: as `unbounded_queue`, whose code it is.
//
// When to use it: as the twin of `lockfree::mpsc_queue`, which is faster. Under a lock nothing is gained by knowing
// that there is one consumer, so this one would also work with more; a program that relies on that cannot change
// sides. With more, use `unbounded_queue`.
//
// Progress: blocking: a thread that stops inside an operation stops all others.
// Ordering: FIFO and linearizable.
// Cost: that of `unbounded_queue`.
//
//   switchyard::blocking::mpsc_queue<std::string> lines;
//   lines.push("one");                              // any thread; never waits for room
//   lines.close();                                  // after the last
//   while (auto line = lines.pop()) use(*line);     // the consumer; ends when closed and empty
#pragma once

#include <memory>
#include <utility>

#include "switchyard/blocking/detail/chunks.h"
#include "switchyard/blocking/detail/queue_core.h"
#include "switchyard/blocking/mutex.h"

namespace switchyard::blocking {

/// Models `timed_queue`, `bulk_queue` and `sized_queue`; see `detail::queue_core` for the members. It is never `full`;
/// a push throws what the allocator throws, and has then changed nothing. `Lock` is any type with lock() and unlock().
template <class T, class Allocator = std::allocator<T>, class Lock = mutex>
class mpsc_queue : public detail::queue_core<T, detail::chunks<T, Allocator>, Lock> {
  using core = detail::queue_core<T, detail::chunks<T, Allocator>, Lock>;

 public:
  using allocator_type = Allocator;

  /// An empty queue. Takes no memory yet.
  explicit mpsc_queue(const Allocator& allocator = Allocator()) : core(std::in_place, allocator) {}

  /// A copy of the allocator that memory comes from.
  Allocator get_allocator() const noexcept { return this->storage().get_allocator(); }
};

}  // namespace switchyard::blocking
