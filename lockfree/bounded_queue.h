// A bounded queue for any number of producers and consumers that no stopped thread can block.
//
// Source: `detail/slot_ring.h`, after Tsigas and Zhang (SPAA 2001). For elements that do not fit a word, the
//   ring carries the numbers of slots, and a second ring the free ones, as in Nikolaev's SCQ (DISC 2019).
// When: the default choice between threads. With exactly one thread on each side, `spsc_queue` is faster.
// Progress: try_ members and `close` are lock-free: a thread stopped for ever anywhere stops no other. It
//   keeps at most one element's room to itself. Members that wait block, sleeping in the kernel.
// Ordering: FIFO, linearizable for elements of up to 8 trivially copyable bytes, which live in the ring
//   itself. For others, `full` also counts the elements that other threads are pushing or popping at that
//   moment, and `empty` is returned instead of `closed` while they are. A push happens before the pop of its
//   element.
// Exceptions: an element of more than a word that throws while it is moved out is lost, as in P0260.
// Cost: one 16-byte compare-and-swap a push and one a pop, and 16 bytes an element; twice that, and
//   sizeof(T), for elements that do not fit a word. All memory is allocated in the constructor.
//
//   bounded_queue<job> q(1024);  /* producers */ q.push(job());  /* consumers */ while (auto j = q.pop()) run(*j);
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <type_traits>
#include <utility>

#include "switchyard/atomics/atomic.h"
#include "switchyard/atomics/plain.h"
#include "switchyard/interface/conqueue_status.h"
#include "switchyard/lockfree/close_gate.h"
#include "switchyard/lockfree/detail/slot_ring.h"
#include "switchyard/lockfree/detail/slots.h"
#include "switchyard/lockfree/waiting.h"

namespace switchyard::lockfree {

namespace detail {

/// Elements that travel in the ring's own words.
///
/// An emplace builds the element before it looks for room. Where building it consumes the arguments, which
/// copying a T does not, a full or closed queue has consumed them too.
template <class T, class Allocator>
class word_ring {
 public:
  static constexpr bool fits = std::is_trivially_copyable_v<T> && sizeof(T) <= sizeof(std::uint64_t);

  word_ring(std::size_t capacity, start_at start, const Allocator& allocator)
      : ring_(capacity, start, allocator) {}

  template <class... Args>
  conqueue_status emplace_once(Args&&... args) {
    return ring_.try_put(to_word(T(std::forward<Args>(args)...)));
  }

  template <class Sink>
  conqueue_status pop_once(Sink&& sink) {
    std::uint64_t word;
    const conqueue_status status = ring_.try_take(word);
    if (status == conqueue_status::success) sink(to_value(word));
    return status;
  }

  // The flag first, so that nobody is refused before it can be seen; the mark in the ring is what counts.
  void close() noexcept {
    closed_.store(true, memory_order_release);  // (1) with (2)
    ring_.close();
  }
  bool is_closed() const noexcept {
    if (!closed_.load(memory_order_acquire)) return false;  // (2) with (1)
    ring_.close();  // on behalf of a thread that may have stopped between the two
    return true;
  }

  std::size_t capacity() const noexcept { return ring_.size(); }
  std::size_t size_approx() const noexcept { return ring_.size_approx(); }
  Allocator get_allocator() const noexcept { return ring_.get_allocator(); }

 private:
  static std::uint64_t to_word(const T& value) noexcept {
    std::uint64_t word = 0;
    std::memcpy(&word, &value, sizeof(T));
    return word;
  }
  static T to_value(std::uint64_t word) noexcept {
    std::array<std::byte, sizeof(T)> bytes;
    std::memcpy(bytes.data(), &word, sizeof(T));
    return std::bit_cast<T>(bytes);
  }

  mutable slot_ring<Allocator> ring_;
  atomic<bool> closed_{false};
};

/// Elements that stay where they were built; their slots' numbers travel.
///
/// Every number is in `free_`, in `used_`, or with one thread that is pushing or popping. So `used_` has
/// room for every number that a thread may put there, and when all are in `free_`, nobody is inside.
template <class T, class Allocator>
class indexed_ring {
 public:
  indexed_ring(std::size_t capacity, start_at start, const Allocator& allocator)
      : elements_(capacity, allocator), free_(capacity, start, allocator), used_(capacity, start, allocator) {
    free_.fill_with_indices();
  }
  ~indexed_ring() {
    for (std::uint64_t i; used_.try_take(i) == conqueue_status::success;) elements_[i].destroy();
  }

  template <class... Args>
  conqueue_status emplace_once(Args&&... args) {
    held_number number(free_);
    if (!number) return closed_.is_closed() ? conqueue_status::closed : conqueue_status::full;
    // Having taken the number off `free_` is the announcement.
    if (!closed_.is_open_after_announcing()) return conqueue_status::closed;
    elements_[*number].construct(std::forward<Args>(args)...);
    number.goes_to(used_);
    return conqueue_status::success;
  }

  // An element that throws on its way out is lost, as in P0260: its place in the order is gone.
  template <class Sink>
  conqueue_status pop_once(Sink&& sink) {
    held_number number(used_);
    if (!number) {
      return closed_.is_settled() && free_.is_full() ? conqueue_status::closed : conqueue_status::empty;
    }
    number.goes_to(free_);
    const destroy_at_exit end{elements_[*number]};
    sink(std::move(end.slot.write()));
    return conqueue_status::success;
  }

  void close() noexcept { closed_.close(); }
  bool is_closed() const noexcept { return closed_.is_closed(); }

  std::size_t capacity() const noexcept { return elements_.size(); }
  std::size_t size_approx() const noexcept { return used_.size_approx(); }
  Allocator get_allocator() const noexcept { return elements_.get_allocator(); }

 private:
  using ring = slot_ring<Allocator>;

  // A number taken off a ring, which goes to a ring again whatever happens: to the one that it came from,
  // unless told otherwise.
  class held_number {
   public:
    explicit held_number(ring& from) noexcept
        : to_(from.try_take(number_) == conqueue_status::success ? &from : nullptr) {}
    held_number(const held_number&) = delete;
    held_number& operator=(const held_number&) = delete;
    ~held_number() {
      if (to_ != nullptr) static_cast<void>(to_->try_put(number_));
    }
    explicit operator bool() const noexcept { return to_ != nullptr; }
    std::uint64_t operator*() const noexcept { return number_; }
    void goes_to(ring& to) noexcept { to_ = &to; }

   private:
    std::uint64_t number_ = 0;
    ring* to_;
  };

  struct destroy_at_exit {
    plain<T>& slot;
    ~destroy_at_exit() { slot.destroy(); }
  };

  slots<plain<T>, Allocator> elements_;
  close_flag closed_;
  ring free_;
  ring used_;
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
  std::size_t capacity() const noexcept { return ring_.capacity(); }
  allocator_type get_allocator() const noexcept { return ring_.get_allocator(); }

  /// Exact while the queue rests.
  std::size_t size_approx() const noexcept { return ring_.size_approx(); }

 private:
  friend class waiting_queue<bounded_queue, T>;
  using ring = std::conditional_t<detail::word_ring<T, Allocator>::fits, detail::word_ring<T, Allocator>,
                                  detail::indexed_ring<T, Allocator>>;

  template <class... Args>
  conqueue_status emplace_once(Args&&... args) {
    return ring_.emplace_once(std::forward<Args>(args)...);
  }
  template <class Sink>
  conqueue_status pop_once(Sink&& sink) {
    return ring_.pop_once(std::forward<Sink>(sink));
  }
  void close_once() noexcept { ring_.close(); }

  ring ring_;
};

}  // namespace switchyard::lockfree
