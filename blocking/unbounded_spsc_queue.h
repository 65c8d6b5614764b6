// A first-in-first-out queue without a limit, for one producer and one consumer, under one lock.
//
// Source: as `unbounded_queue`, whose code it is.
//
// When to use it: as the twin of `lockfree::unbounded_spsc_queue`, which is many times faster for its one producer and
// one consumer. Under a lock nothing is gained by knowing that there is only one of each, so this one would also work
// with more; a program that relies on that cannot change sides. With more, use `unbounded_queue`; with a limit,
// `spsc_queue`.
//
// Progress: blocking: a thread that stops inside an operation stops the other.
// Ordering: FIFO and linearizable.
// Cost: as `unbounded_queue`.
//
//   switchyard::blocking::unbounded_spsc_queue<std::string> lines;
//   lines.push("one");                              // the producer; never waits for room
//   lines.close();                                  // after the last
//   while (auto line = lines.pop()) use(*line);     // the consumer; ends when closed and empty
#pragma once

#include <memory>

#include "switchyard/blocking/mutex.h"
#include "switchyard/blocking/unbounded_queue.h"

namespace switchyard::blocking {

/// Models `timed_queue`, `bulk_queue` and `sized_queue`; see `detail::queue_core` for the members. It is never `full`;
/// a push throws what the allocator throws, and has then changed nothing. `Lock` is any type with lock() and unlock().
template <class T, class Allocator = std::allocator<T>, class Lock = mutex>
class unbounded_spsc_queue : public unbounded_queue<T, Allocator, Lock> {
 public:
  /// An empty queue. Takes no memory yet.
  unbounded_spsc_queue() = default;
  explicit unbounded_spsc_queue(const Allocator& allocator) : unbounded_queue<T, Allocator, Lock>(allocator) {}
};

}  // namespace switchyard::blocking
