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
//   `reserve` and `peek` do not take the lock, and their spans end where the array does.
//
//   switchyard::blocking::spsc_queue<std::string> lines(1024);
//   lines.push("one");                              // the producer; waits while there are 1024
//   lines.close();                                  // after the last
//   while (auto line = lines.pop()) use(*line);     // the consumer; ends when closed and empty
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <type_traits>
#include <utility>

#include "switchyard/blocking/detail/queue_core.h"
#include "switchyard/blocking/detail/span_ring.h"
#include "switchyard/blocking/mutex.h"
#include "switchyard/interface/spans.h"

namespace switchyard::blocking {

/// Models `timed_queue`, `bulk_queue`, `sized_queue` and `capacity_limited`; see `detail::queue_core` for
/// the members. `Spans` makes no difference here: they are all long. `Lock` is any type with lock() and unlock(): the
/// default was the fastest measured.
template <class T, class Allocator = std::allocator<T>, class Spans = short_spans, class Lock = mutex>
class spsc_queue : public detail::queue_core<T, detail::span_ring<T, Allocator>, Lock> {
  using core = detail::queue_core<T, detail::span_ring<T, Allocator>, Lock>;

 public:
  using allocator_type = Allocator;

  /// Holds exactly `capacity` elements. Throws std::invalid_argument for 0, std::length_error for more than can be
  /// addressed, and std::bad_alloc or what else the allocator throws if there is not the memory for it.
  explicit spsc_queue(std::size_t capacity, const Allocator& allocator = Allocator())
      : core(std::in_place, capacity, allocator) {}

  /// The number that the constructor was given.
  std::size_t capacity() const noexcept { return this->storage().capacity(); }

  /// A copy of the allocator that memory comes from.
  Allocator get_allocator() const noexcept { return this->storage().get_allocator(); }

  /// For the producer: up to `n` free places in a row, to be filled and then pushed by `commit`. Fewer than `n` where
  /// the array ends; none if the queue is full or closed. Nothing has been pushed yet, and what is not committed never
  /// is: another push or `reserve` takes the places back.
  [[nodiscard]] std::span<T> reserve(std::size_t n)
    requires std::is_trivially_copyable_v<T>
  {
    const auto places = ring().free_places(this->is_closed() ? 0 : n);
    reserved_ = {ring().pushed(), places.size()};
    return places;
  }

  /// Pushes the first `n` of the places reserved, which are filled now; the rest stays reserved. False: the queue is
  /// closed, and nothing has been pushed. Throws std::invalid_argument if fewer are reserved.
  bool commit(std::size_t n)
    requires std::is_trivially_copyable_v<T>
  {
    reserved_.check(n, ring().pushed(), switchyard::detail::too_many_committed);
    if (n == 0) return !this->is_closed();
    if (this->try_push_n(switchyard::detail::already_there(), n) == 0) return false;
    reserved_.remove(n);
    return true;
  }

  /// For the consumer: up to `n` elements in a row, to be used where they are and then popped by `consume`. Fewer than
  /// `n` where the array ends; none if the queue is empty. They stay at the front, and valid until they are popped.
  [[nodiscard]] std::span<T> peek(std::size_t n) noexcept {
    const auto elements = ring().filled_places(n);
    peeked_ = {ring().popped(), elements.size()};
    return elements;
  }

  /// Destroys the first `n` of the elements peeked at, and gives their places back; the rest can still be used. Throws
  /// std::invalid_argument if fewer have been peeked at.
  void consume(std::size_t n) {
    peeked_.check(n, ring().popped(), switchyard::detail::too_many_consumed);
    this->try_pop_n(switchyard::detail::nowhere(), n);
    peeked_.remove(n);
  }

 private:
  // What its members change without the lock is one side's own.
  detail::span_ring<T, Allocator>& ring() noexcept {
    return const_cast<detail::span_ring<T, Allocator>&>(this->storage());
  }

  switchyard::detail::handed_out reserved_;  // the producer's
  switchyard::detail::handed_out peeked_;    // the consumer's
};

}  // namespace switchyard::blocking
