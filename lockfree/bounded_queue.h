// A bounded queue for any number of producers and consumers that no stopped thread can block.
//
// Source: `detail/slot_ring.h`, after Tsigas and Zhang (SPAA 2001); `detail/element_ring.h` for elements that
//   do not fit a word.
// When: the default choice between threads. With exactly one thread on each side, `spsc_queue` is faster.
// Progress: try_ members and `close` are lock-free: a thread stopped for ever anywhere stops no other. Members
//   that wait block, sleeping in the kernel.
// Ordering: linearizable FIFO if T is trivially copyable or an owning pointer. Otherwise FIFO, where `full` also counts the elements
//   that other threads are building at that moment, and `empty` is returned instead of `closed` while they are.
//   A push happens before the pop of its element.
// Exceptions: an element that throws while it is moved out is lost, as in P0260.
// Cost: a 16-byte compare-and-swap a push, one of 8 bytes a pop, and 16 bytes an element, for up to 8 trivially copyable
//   bytes and for `std::unique_ptr` whose deleter has no state. Others take a 16-byte one a pop, too, and a node besides,
//   in the constructor, and one for each thread at its first use of the queue, which may throw std::bad_alloc; and, if not
//   trivially copyable, another compare-and-swap a push.
//   Bulk members do the same for every element, and share the rest.
//
//   bounded_queue<job> q(1024);  /* producers */ q.push(job());  /* consumers */ while (auto j = q.pop()) run(*j);
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <type_traits>
#include <utility>

#include "switchyard/atomics/atomic.h"
#include "switchyard/interface/conqueue_status.h"
#include "switchyard/lockfree/close_gate.h"
#include "switchyard/lockfree/detail/element_ring.h"
#include "switchyard/lockfree/detail/slots.h"
#include "switchyard/lockfree/waiting.h"

namespace switchyard::lockfree {

namespace detail {

/// Pushing and closing when elements are copied, or are words: one that turns out not to fit has cost its source nothing.
///
/// An emplace may build the element before it is told that there is no room. Should building it consume its arguments,
/// which a T, a pointer or another owning pointer do not suffer from, then `full` and `closed` have consumed them too.
template <class T, class Allocator>
class copying_ring : public element_ring<T, Allocator> {
  using ring = element_ring<T, Allocator>;

 public:
  using ring::ring;

  /// Several pushes one after the other, or one.
  class pusher : ring::putter {
   public:
    explicit pusher(copying_ring& ring) : ring::putter(ring) {}

    template <class... Args>
    conqueue_status emplace(Args&&... args) {
      if constexpr (!is_word<T>) {
        // Not to copy much in vain; who asks again and again also does not take the node's lines from anybody.
        if (const auto status = this->refusal(); status != conqueue_status::success) return status;
      }
      return this->try_put(std::forward<Args>(args)...);
    }
  };

  class popper : ring::taker {
   public:
    explicit popper(copying_ring& ring) : ring::taker(ring) {}

    template <class Sink>
    conqueue_status pop(Sink& sink) {
      return this->try_take(sink);
    }
  };

  conqueue_status look_once() noexcept { return ring::words().look(); }

  // The flag first, so that nobody is refused before it can be seen; the mark in the ring is what counts.
  void close_once() noexcept {
    closed_.store(true, memory_order_release);  // (1) with (2)
    ring::close();
  }
  bool is_closed() const noexcept {
    if (!closed_.load(memory_order_acquire)) [[likely]] return false;  // (2) with (1)
    // On behalf of a thread that may have stopped between the two.
    const_cast<copying_ring*>(this)->ring::close();
    return true;
  }

 private:
  atomic<bool> closed_{false};
};

/// Pushing and closing when elements are moved: room is reserved before one is built, so that it will fit.
template <class T, class Allocator>
class reserving_ring : public element_ring<T, Allocator> {
  using ring = element_ring<T, Allocator>;

 public:
  using ring::ring;

  class pusher : ring::putter {
   public:
    explicit pusher(reserving_ring& r) : ring::putter(r), ring_(r) {}

    template <class... Args>
    conqueue_status emplace(Args&&... args) {
      if (!ring_.reserve()) return ring_.is_closed() ? conqueue_status::closed : conqueue_status::full;
      reservation room{ring_};
      // Having reserved is the announcement.
      if (!ring_.closed_.is_open_after_announcing()) return conqueue_status::closed;
      const conqueue_status status = this->try_put(std::forward<Args>(args)...);
      room.used = status == conqueue_status::success;
      return status;
    }

   private:
    reserving_ring& ring_;
  };

  class popper : public ring::taker {
   public:
    explicit popper(reserving_ring& r) : ring::taker(r), ring_(r) {}

    template <class Sink>
    conqueue_status pop(Sink& sink) {
      const conqueue_status status = this->try_take(sink);
      return status == conqueue_status::empty ? ring_.empty_or_closed(*this) : status;
    }

   private:
    reserving_ring& ring_;
  };

  conqueue_status look_once() noexcept {
    auto words = ring::words();
    const conqueue_status status = words.look();
    return status == conqueue_status::empty ? empty_or_closed(words) : status;
  }

  void close_once() noexcept { closed_.close(); }
  bool is_closed() const noexcept { return closed_.is_closed(); }

 private:
  // Once the flag has settled, the reservations of all who passed it can be seen.
  template <class Taker>
  conqueue_status empty_or_closed(const Taker& found_nothing) const noexcept {
    if (!closed_.is_settled()) [[likely]] return conqueue_status::empty;
    return found_nothing.nothing_is_reserved() ? conqueue_status::closed : conqueue_status::empty;
  }

  // Given back at the end, also by an exception, unless used.
  struct reservation {
    reserving_ring& ring;
    bool used = false;
    ~reservation() {
      if (!used) ring.give_back();
    }
  };

  close_flag closed_;
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
  using ring = std::conditional_t<std::is_trivially_copyable_v<T> || detail::is_word<T>, detail::copying_ring<T, Allocator>,
                                  detail::reserving_ring<T, Allocator>>;

  template <class... Args>
  conqueue_status emplace_once(Args&&... args) {
    return typename ring::pusher(ring_).emplace(std::forward<Args>(args)...);
  }
  template <class Sink>
  conqueue_status pop_once(Sink&& sink) {
    return typename ring::popper(ring_).pop(sink);
  }
  template <class In>
  void push_batch_once(In& first, std::size_t n, std::size_t& done) {
    typename ring::pusher to(ring_);
    for (; done < n && to.emplace(*first) == conqueue_status::success; ++first) ++done;
  }
  template <class Out>
  void pop_batch_once(Out& out, std::size_t max, std::size_t& done) {
    typename ring::popper from(ring_);
    const auto write = [&out](T&& element) {
      *out = std::move(element);
      ++out;
    };
    while (done < max && from.pop(write) == conqueue_status::success) ++done;
  }
  conqueue_status look_once() noexcept { return ring_.look_once(); }
  void close_once() noexcept { ring_.close_once(); }

  ring ring_;
};

}  // namespace switchyard::lockfree
