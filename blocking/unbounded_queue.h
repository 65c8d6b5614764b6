// A first-in-first-out queue without a limit, for any number of producers and consumers, under one lock.
//
// Source: as `bounded_queue`, over a list of arrays.
//
// When to use it: when a producer must never wait, and something else keeps the queue from growing for ever.
// Where nothing does, use `bounded_queue`, which makes the producer wait instead of filling the memory.
// `lockfree::unbounded_queue` has the same members.
//
// Progress: blocking: a thread that stops inside an operation stops all others.
// Ordering: FIFO and linearizable.
// Cost: one lock and unlock per operation or batch. Memory is taken about 4 KiB at a time, from the first
//   push on, and given back as the queue is emptied, but for one piece or two. Elements are built and moved
//   under the lock. No system call while nobody sleeps, but for those of the allocator.
//
//   switchyard::blocking::unbounded_queue<std::string> lines;
//   lines.push("one");                              // a producer; never waits for room
//   lines.close();                                  // after the last
//   while (auto line = lines.pop()) use(*line);     // a consumer; ends when closed and empty
#pragma once

#include <memory>
#include <utility>

#include "switchyard/blocking/detail/chunks.h"
#include "switchyard/blocking/detail/queue_core.h"
#include "switchyard/blocking/mutex.h"

namespace switchyard::blocking {

/// Models `timed_queue`, `bulk_queue` and `sized_queue`; see `detail::queue_core` for the members. It is
/// never `full`; a push throws what the allocator throws, and has then changed nothing. `Lock` is any type
/// with lock() and unlock(): the default was the fastest measured.
template <class T, class Allocator = std::allocator<T>, class Lock = mutex>
class unbounded_queue : public detail::queue_core<T, detail::chunks<T, Allocator>, Lock> {
  using core = detail::queue_core<T, detail::chunks<T, Allocator>, Lock>;

 public:
  using allocator_type = Allocator;

  /// An empty queue. Takes no memory yet.
  explicit unbounded_queue(const Allocator& allocator = Allocator()) : core(std::in_place, allocator) {}

  /// A copy of the allocator that memory comes from.
  Allocator get_allocator() const noexcept { return this->storage().get_allocator(); }
};

}  // namespace switchyard::blocking
