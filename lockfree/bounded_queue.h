// A bounded queue for any number of producers and consumers that no stopped thread can block.
//
// Source: `detail/slot_ring.h`, after Tsigas and Zhang (SPAA 2001); `detail/element_ring.h` for elements that
//   do not fit a word.
// When: the default choice between threads. With exactly one thread on each side, `spsc_queue` is faster.
// Progress: try_ members and `close` are lock-free: a thread stopped for ever anywhere stops no other. Members
//   that wait block, sleeping in the kernel.
// Ordering: linearizable FIFO if T is trivially copyable. Otherwise FIFO, where `full` also counts the elements
//   that other threads are building or moving out at that moment, and `empty` is returned instead of `closed`
//   while they are. A push happens before the pop of its element.
// Exceptions: an element that throws while it is moved out is lost, as in P0260.
// Cost: one 16-byte compare-and-swap a push and one a pop, and 16 bytes an element, for up to 8 trivially
//   copyable bytes. Others take a node besides, in the constructor, and one for each thread at its first use of
//   the queue, which may throw std::bad_alloc; and, if not trivially copyable, another read-modify-write.
//
//   bounded_queue<job> q(1024);  /* producers */ q.push(job());  /* consumers */ while (auto j = q.pop()) run(*j);
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <type_traits>
#include <utility>

#include "switchyard/atomics/atomic.h"
#include "switchyard/atomics/cache_padded.h"
#include "switchyard/atomics/fetch.h"
#include "switchyard/interface/conqueue_status.h"
#include "switchyard/lockfree/close_gate.h"
#include "switchyard/lockfree/detail/element_ring.h"
#include "switchyard/lockfree/detail/slots.h"
#include "switchyard/lockfree/waiting.h"

namespace switchyard::lockfree {

namespace detail {

/// Pushing and closing when elements are copied: one that turns out not to fit has cost its source nothing.
///
/// An emplace, too, builds the element before it looks for room. Should building it consume its arguments,
/// which copying a T does not, then `full` and `closed` have consumed them too.
template <class T, class Allocator>
class copying_ring : public element_ring<T, Allocator> {
  using ring = element_ring<T, Allocator>;

 public:
  using ring::ring;

  template <class... Args>
  conqueue_status emplace_once(Args&&... args) {
    return ring::try_put(std::forward<Args>(args)...);
  }
  template <class Sink>
  conqueue_status pop_once(Sink& sink) {
    return ring::try_take(sink);
  }
  conqueue_status look_once() const noexcept { return ring::look(); }

  // The flag first, so that nobody is refused before it can be seen; the mark in the ring is what counts.
  void close_once() noexcept {
    closed_.store(true, memory_order_release);  // (1) with (2)
    ring::close();
  }
  bool is_closed() const noexcept {
    if (!closed_.load(memory_order_acquire)) return false;  // (2) with (1)
    // On behalf of a thread that may have stopped between the two.
    const_cast<copying_ring*>(this)->ring::close();
    return true;
  }

 private:
  atomic<bool> closed_{false};
};

/// Pushing and closing when elements are moved: room is set aside before one is built, so that it will fit.
///
/// Invariant "room": `room_` is the size, less the elements in the ring and those that threads are building or
/// moving out. So a put for which room was set aside succeeds, and when all the room is there, nobody is inside.
template <class T, class Allocator>
class reserving_ring : public element_ring<T, Allocator> {
  using ring = element_ring<T, Allocator>;

 public:
  reserving_ring(std::size_t size, start_at start, const Allocator& allocator)
      : ring(size, start, allocator), room_(std::in_place, size) {}

  template <class... Args>
  conqueue_status emplace_once(Args&&... args) {
    // (3) acquire: with (4), by which the ring has got back all the room that is counted here.
    const bool reserved = try_fetch_add<std::int64_t>(*room_, -1, 0, memory_order_acquire);
    if (!reserved) return closed_.is_closed() ? conqueue_status::closed : conqueue_status::full;
    room_guard room{*room_};
    // Having reserved is the announcement.
    if (!closed_.is_open_after_announcing()) return conqueue_status::closed;
    const conqueue_status status = ring::try_put(std::forward<Args>(args)...);
    room.keep = status == conqueue_status::success;
    return status;
  }

  template <class Sink>
  conqueue_status pop_once(Sink& sink) {
    room_guard room{*room_, true};
    const auto counting_sink = [&](T&& element) {
      room.keep = false;
      sink(std::move(element));
    };
    const conqueue_status status = ring::try_take(counting_sink);
    return status == conqueue_status::success || !is_drained() ? status : conqueue_status::closed;
  }
  conqueue_status look_once() const noexcept {
    const conqueue_status status = ring::look();
    return status == conqueue_status::success || !is_drained() ? status : conqueue_status::closed;
  }

  void close_once() noexcept { closed_.close(); }
  bool is_closed() const noexcept { return closed_.is_closed(); }

 private:
  // Relaxed: once the flag has settled, the reservations of all who passed it can be seen.
  bool is_drained() const noexcept {
    return closed_.is_settled() && room_->load(memory_order_relaxed) == static_cast<std::int64_t>(ring::size());
  }

  // Gives the room for one element back at the end, also by an exception, unless told to keep it.
  struct room_guard {
    atomic<std::int64_t>& room;
    bool keep = false;
    ~room_guard() {
      if (!keep) room.fetch_add(1, memory_order_release);  // (4) with (3)
    }
  };

  close_flag closed_;
  cache_padded<atomic<std::int64_t>> room_;
};

}  // namespace detail

template <class T, class Allocator = std::allocator<T>>
class bounded_queue : public waiting_queue<bounded_queue<T, Allocator>, T> {
 public:
  using allocator_type = Allocator;

  /// A queue for `capacity` elements, no more and no fewer. Throws std::invalid_argument for 0,
  /// std::length_error for more than can be addressed, and what the allocator throws.
  explicit bounded_queue(std::size_t capacity, const Allocator& allocator = Allocator())
      : bounded_queue(capacity, detail::start_at{0}, allocator) {}

  /// For tests: the same queue after `start.position` laps.
  bounded_queue(std::size_t capacity, detail::start_at start, const Allocator& allocator = Allocator())
      : ring_(capacity, start, allocator) {}

  bool is_closed() const noexcept { return ring_.is_closed(); }
  std::size_t capacity() const noexcept { return ring_.size(); }
  allocator_type get_allocator() const noexcept { return ring_.get_allocator(); }

  /// Exact where operations have not overlapped; else it may lag behind by as many as did, also afterwards.
  std::size_t size_approx() const noexcept { return ring_.size_approx(); }

 private:
  friend class waiting_queue<bounded_queue, T>;
  using ring = std::conditional_t<std::is_trivially_copyable_v<T>, detail::copying_ring<T, Allocator>,
                                  detail::reserving_ring<T, Allocator>>;

  template <class... Args>
  conqueue_status emplace_once(Args&&... args) {
    return ring_.emplace_once(std::forward<Args>(args)...);
  }
  template <class Sink>
  conqueue_status pop_once(Sink&& sink) {
    return ring_.pop_once(sink);
  }
  conqueue_status look_once() const noexcept { return ring_.look_once(); }
  void close_once() noexcept { ring_.close_once(); }

  ring ring_;
};

}  // namespace switchyard::lockfree
