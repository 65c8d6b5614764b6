// A bounded queue for one producer thread and one consumer thread.
//
// Source: `detail/spsc_lines.h`, after Lamport (1977) and FastForward (PPoPP 2008).
// When: exactly one thread pushes and one pops, the fastest hand-over there is. With more of either, the behaviour is
//   undefined: use `bounded_queue`. Without a limit: `unbounded_spsc_queue`.
// Progress: all but the members that wait are wait-free. Those block, sleeping in the kernel.
// Ordering: FIFO, and linearizable while nobody closes the queue, or only the producer does. When a third thread
//   closes it, a push may be told `closed` a moment before pops cease to say `empty`, and one that began before may
//   still succeed after that. A push happens before the pop of its element.
// Exceptions: an element that throws while it is moved out of its place stays at the front.
// Cost: two plain stores a push and one a pop besides the element's own; a try that fails after many have not takes about
//   a microsecond, once. A 64-byte line holds eight bytes of ours and as many T as fit, or else one T takes as many lines
//   as it needs; allocated in the constructor. With `long_spans`, that is 4096 bytes each, and the capacity takes whole
//   ones.
//
//   spsc_queue<int> q(1024);  /* producer */ q.push(1);  q.close();  /* consumer */ while (auto x = q.pop()) {}
//
// Elements need not be copied at all:
//
//   spsc_queue<char, std::allocator<char>, long_spans> q(65536);
//   /* producer */ const auto free = q.reserve(n);  q.commit(::read(fd, free.data(), free.size()));
//   /* consumer */ const auto there = q.peek(n);    q.consume(::write(fd, there.data(), there.size()));
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <type_traits>

#include "switchyard/interface/spans.h"
#include "switchyard/lockfree/detail/slots.h"
#include "switchyard/lockfree/detail/spsc_lines.h"

namespace switchyard::lockfree {

namespace detail {

/// A fixed number of lines, used round and round. The places may be some more than the capacity.
template <class T, class Allocator, std::size_t Bytes>
class spsc_ring {
 public:
  using line = spsc_line<T, Bytes>;
  static constexpr bool is_bounded = true;
  struct filling {};
  struct emptying {};

  spsc_ring(std::uint64_t position, std::size_t capacity, const Allocator& allocator)
      : capacity_(capacity), lines_(capacity / line::size + (capacity % line::size != 0), allocator) {
    for (std::size_t i = 0; i < lines_.size(); ++i) lines_[i].tail.store(position, memory_order_relaxed);
  }

  std::size_t capacity() const noexcept { return capacity_; }
  Allocator get_allocator() const noexcept { return lines_.get_allocator(); }

  line* first() const noexcept { return &lines_[0]; }
  filling begin_filling() const noexcept { return {}; }
  emptying begin_emptying() const noexcept { return {}; }
  line* next_to_fill(filling, line* at, std::uint64_t) const noexcept { return after(at); }
  line* next_to_empty(emptying, line* at) const noexcept { return after(at); }
  template <class Side>
  line* ahead(Side, line* at, std::size_t n) const noexcept {
    const auto left = static_cast<std::size_t>(end() - at);
    if (n < left) return at + n;
    n -= left;
    return n < lines_.size() - left ? first() + n : nullptr;
  }

 private:
  line* end() const noexcept { return first() + lines_.size(); }
  line* after(line* at) const noexcept { return at + 1 == end() ? first() : at + 1; }

  std::size_t capacity_;
  slots<line, Allocator> lines_;
};

}  // namespace detail

template <class T, class Allocator = std::allocator<T>, class Spans = short_spans>
class spsc_queue
    : public detail::spsc_lines<spsc_queue<T, Allocator, Spans>, T, detail::spsc_ring<T, Allocator, Spans::bytes>> {
  using lines = detail::spsc_lines<spsc_queue, T, detail::spsc_ring<T, Allocator, Spans::bytes>>;

 public:
  using allocator_type = Allocator;

  /// A queue for `capacity` elements, no more and no fewer. Throws std::invalid_argument for 0, and what
  /// the allocator throws.
  explicit spsc_queue(std::size_t capacity, const Allocator& allocator = Allocator())
      : spsc_queue(capacity, detail::start_at{0}, allocator) {}

  /// For tests: the same queue after `start.position` elements have gone through it.
  spsc_queue(std::size_t capacity, detail::start_at start, const Allocator& allocator = Allocator())
      : lines(start.position, capacity, allocator) {}

  std::size_t capacity() const noexcept { return this->store().capacity(); }
  allocator_type get_allocator() const noexcept { return this->store().get_allocator(); }

  /// For the producer: up to `n` free places in a row, to be filled and then pushed by `commit`. Fewer than `n` where
  /// a line ends; none if the queue is full or closed. Nothing has been pushed yet, and what is not committed never
  /// is: another push or `reserve` takes the places back.
  [[nodiscard]] std::span<T> reserve(std::size_t n)
    requires std::is_trivially_copyable_v<T>
  {
    return lines::reserve(n);
  }

  /// Pushes the first `n` of the places reserved, which are filled now; the rest stays reserved. False: the queue is
  /// closed, and nothing has been pushed. Throws std::invalid_argument if fewer are reserved.
  bool commit(std::size_t n)
    requires std::is_trivially_copyable_v<T>
  {
    return lines::commit(n);
  }

  /// For the consumer: up to `n` elements in a row, to be used where they are and then popped by `consume`. Fewer than
  /// `n` where a line ends; none if the queue is empty. They stay at the front, and valid until they are popped.
  [[nodiscard]] std::span<T> peek(std::size_t n) noexcept { return lines::peek(n); }

  /// Destroys the first `n` of the elements peeked at, and gives their places back; the rest can still be used. Throws
  /// std::invalid_argument if fewer have been peeked at.
  void consume(std::size_t n) { lines::consume(n); }

 private:
  friend class waiting_queue<spsc_queue, T>;
};

}  // namespace switchyard::lockfree
