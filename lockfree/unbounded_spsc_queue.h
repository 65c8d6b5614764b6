// A queue without a limit for one producer thread and one consumer thread.
//
// Source: `detail/spsc_lines.h`, in a list of arrays, each larger than the one before; the consumer hands one that it has
//   used up back to the producer.
// When: one thread pushes, must never wait, and something else keeps the queue from growing for ever; one pops. With
//   more of either, the behaviour is undefined: use `unbounded_queue`. With a limit: `spsc_queue`.
// Progress: try_ members and `close` are wait-free, but for the allocator. Members that wait block, sleeping in the
//   kernel.
// Ordering: as `spsc_queue`. It is never `full`.
// Exceptions: a push that throws, for want of memory or by the element, has pushed nothing. An element that throws while
//   it is moved out of its place stays at the front.
// Cost: as `spsc_queue`. An array holds 4 KiB at first and 384 KiB at most. A queue of steady length goes round in two
//   or three and takes no more memory; after a burst, all but two have been given back.
//
//   unbounded_spsc_queue<int> q;  /* producer */ q.push(1);  q.close();  /* consumer */ while (auto x = q.pop()) {}
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>

#include "switchyard/atomics/atomic.h"
#include "switchyard/atomics/cache_padded.h"
#include "switchyard/atomics/release_pages.h"
#include "switchyard/lockfree/detail/slots.h"
#include "switchyard/lockfree/detail/spsc_lines.h"

namespace switchyard::lockfree {

namespace detail {

/// A list of arrays of lines. The producer appends to it, the consumer takes off what it has used up.
template <class T, class Allocator>
class spsc_segments {
 public:
  using line = spsc_line<T, line_size>;

 private:
  // The lines of a segment lie behind it.
  struct segment {
    atomic<segment*> next{nullptr};
    std::size_t lines;

    explicit segment(std::size_t n) noexcept : lines(n) {}
    line* first() noexcept { return reinterpret_cast<line*>(this) + 1; }
    line* last() noexcept { return first() + (lines - 1); }
  };
  static_assert(sizeof(segment) <= sizeof(line) && alignof(segment) <= alignof(line), "it takes the place of a line");

 public:
  static constexpr bool is_bounded = false;
  struct filling {
    segment* in = nullptr;
  };
  struct emptying {
    segment* in = nullptr;
  };

  spsc_segments(std::uint64_t position, const Allocator& allocator)
      : allocator_(allocator), first_(make(shortest, position)) {}
  spsc_segments(const spsc_segments&) = delete;
  spsc_segments& operator=(const spsc_segments&) = delete;

  // What is left in the end is the consumer's segment, which is the producer's, too, and the spare one.
  ~spsc_segments() {
    give_back(first_);
    if (segment* const spare = spare_->load(memory_order_relaxed)) give_back(spare);
  }

  std::size_t capacity() const noexcept { return std::numeric_limits<std::size_t>::max(); }
  Allocator get_allocator() const noexcept { return Allocator(allocator_); }

  line* first() const noexcept { return first_->first(); }
  filling begin_filling() const noexcept { return {first_}; }
  emptying begin_emptying() const noexcept { return {first_}; }

  line* next_to_fill(filling& f, line* at, std::uint64_t tail) {
    if (at != f.in->last()) return at + 1;
    // The spare one, whose lines have counts of long ago, or else one that is larger than this one.
    segment* added = spare_->load(memory_order_acquire);  // (5) with (6)
    if (added != nullptr) {
      spare_->store(nullptr, memory_order_relaxed);
      added->next.store(nullptr, memory_order_relaxed);
    } else {
      added = make(std::min(f.in->lines * 2, longest), tail);
    }
    f.in->next.store(added, memory_order_release);  // (7) with (8); the last that this side does to the old one
    f.in = added;
    return added->first();
  }

  line* next_to_empty(emptying& e, line* at) noexcept {
    if (at != e.in->last()) return at + 1;
    segment* const next = e.in->next.load(memory_order_acquire);  // (8) with (7)
    if (next == nullptr) return nullptr;
    segment* const used_up = e.in;
    first_ = e.in = next;
    // Only this side fills the place for the spare one, and only the other empties it.
    if (spare_->load(memory_order_relaxed) == nullptr) {
      spare_->store(used_up, memory_order_release);  // (6) with (5)
    } else {
      give_back(used_up);
    }
    return next->first();
  }

  template <class Side>
  line* ahead(const Side& side, line* at, std::size_t n) const noexcept {
    return n <= static_cast<std::size_t>(side.in->last() - at) ? at + n : nullptr;
  }

 private:
#ifdef SWITCHYARD_MODEL
  static constexpr std::size_t shortest = 1;
  static constexpr std::size_t longest = 2;
#else
  static constexpr std::size_t shortest = std::max<std::size_t>(4096 / sizeof(line), 2) - 1;
  static constexpr std::size_t longest = std::max<std::size_t>((384 * 1024) / sizeof(line), 2) - 1;
#endif
  using line_allocator = typename std::allocator_traits<Allocator>::template rebind_alloc<line>;
  using traits = std::allocator_traits<line_allocator>;
  using pointer = typename traits::pointer;

  // `tail` elements have been pushed: none is in these lines.
  segment* make(std::size_t lines, std::uint64_t tail) {
    line* const memory = std::to_address(traits::allocate(allocator_, lines + 1));
    segment* const made = std::construct_at(reinterpret_cast<segment*>(memory), lines);
    for (std::size_t i = 1; i <= lines; ++i) std::construct_at(memory + i, tail);
    return made;
  }

  void give_back(segment* unused) noexcept {
    const std::size_t lines = unused->lines;
    line* const memory = reinterpret_cast<line*>(unused);
    std::destroy_n(memory + 1, lines);
    std::destroy_at(unused);
    release_pages(memory, (lines + 1) * sizeof(line));
    traits::deallocate(allocator_, std::pointer_traits<pointer>::pointer_to(*memory), lines + 1);
  }

  [[no_unique_address]] line_allocator allocator_;
  segment* first_;  // the consumer's
  cache_padded<atomic<segment*>> spare_{std::in_place, nullptr};  // one that has been used up, or null
};

}  // namespace detail

template <class T, class Allocator = std::allocator<T>>
class unbounded_spsc_queue
    : public detail::spsc_lines<unbounded_spsc_queue<T, Allocator>, T, detail::spsc_segments<T, Allocator>> {
  using lines = detail::spsc_lines<unbounded_spsc_queue, T, detail::spsc_segments<T, Allocator>>;

 public:
  using allocator_type = Allocator;

  /// An empty queue. Throws what the allocator throws.
  unbounded_spsc_queue() : unbounded_spsc_queue(Allocator()) {}
  explicit unbounded_spsc_queue(const Allocator& allocator)
      : unbounded_spsc_queue(detail::start_at{0}, allocator) {}

  /// For tests: the same queue after `start.position` elements have gone through it.
  explicit unbounded_spsc_queue(detail::start_at start, const Allocator& allocator = Allocator())
      : lines(start.position, allocator) {}

  allocator_type get_allocator() const noexcept { return this->store().get_allocator(); }

 private:
  friend class waiting_queue<unbounded_spsc_queue, T>;
};

}  // namespace switchyard::lockfree
