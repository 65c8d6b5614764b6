// A lock-free ring of 64-bit words: the engine of `bounded_queue`.
//
// Source: Tsigas and Zhang, "A simple, fast and scalable non-blocking concurrent FIFO queue" (SPAA 2001),
//   with a lap count beside every word against ABA, as in Nikolaev's SCQ (DISC 2019); the closing mark is
//   our own.
// Progress: every member is lock-free. A step is retried only when another thread's has succeeded, and no
//   thread waits for what another has begun: an operation is one compare-and-swap of a slot.
// Ordering: linearizable FIFO; `full`, `empty` and `closed` are exact, decided by one load of one slot.
// Cost: a 16-byte compare-and-swap each; 16 bytes a slot.
//
// Positions count operations for ever. A position is {lap, index, 00}: the index of its slot and how often
// the ring has come round. A slot holds {control, word}, where control is one of
//
//   {lap, index, 00}  empty: the put with this position may fill it
//   {lap, index, 01}  full: the word of the put with this position, until the take with the same one
//
// plus 10 if the ring was closed: the next put to come to this slot is refused. Puts and takes exchange words,
// so that an empty slot can keep something for the next put.
//
// Invariant "in order": position p is put only after p - 1, and taken only after p - 1. So at any moment the
// puts done are those before some tail, the takes done are those before some head, and
// head <= tail <= head + size.
// Invariant "hints lag": head_ and tail_ are never ahead of head and tail, and whoever reads one has seen
// all the slot changes before it. They may fall behind: the slot says how far, so who finds an old hint
// walks on from there.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

#include "switchyard/atomics/atomic.h"
#include "switchyard/atomics/backoff.h"
#include "switchyard/atomics/cache_padded.h"
#include "switchyard/atomics/double_word.h"
#include "switchyard/interface/conqueue_status.h"
#include "switchyard/lockfree/detail/slots.h"

namespace switchyard::lockfree::detail {

template <class Allocator>
class slot_ring {
 public:
  /// An empty ring for `size` words, as it is after `start.position` laps; its slots keep 0.
  slot_ring(std::size_t size, start_at start, const Allocator& allocator)
      : slots_(size, allocator), index_bits_(static_cast<unsigned>(std::bit_width(size - 1))) {
    const position begin = start.position * lap();
    for (std::size_t i = 0; i < size; ++i) slots_[i].initialize({begin + i * index_unit, 0});
    head_->store(begin, memory_order_relaxed);
    tail_->store(begin, memory_order_relaxed);
  }

  /// What slot `index` holds or keeps. Only while no other thread uses the ring.
  std::uint64_t word_of(std::size_t index) const noexcept {
    return slots_[index].load_second(memory_order_relaxed);
  }
  void keep(std::size_t index, std::uint64_t word) noexcept {
    slots_[index].initialize({slots_[index].load_first(memory_order_relaxed), word});
  }

  std::size_t size() const noexcept { return slots_.size(); }
  Allocator get_allocator() const noexcept { return slots_.get_allocator(); }

  /// Appends `word`, and sets it to what the slot has kept: `success`. Or `full` or `closed`.
  conqueue_status try_put(std::uint64_t& word) noexcept {
    position tail = tail_->load(memory_order_acquire);  // (1) with (6)
    for (backoff contention;;) {
      double_word& slot = slot_at(tail);
      position control = slot.load_first(memory_order_acquire);  // (2) with (3), (5)
      if (control == tail) {
        // Empty and ours to fill.
        double_word::words expected{control, slot.load_second(memory_order_relaxed)};
        if (slot.compare_exchange(expected, {control | full, word}, memory_order_release,  // (3) with (2), (4)
                                  memory_order_acquire)) {                                 // (2) with (3), (5)
          publish(*tail_, after(tail));
          word = expected.second;
          return conqueue_status::success;
        }
        control = expected.first;
        contention.lost_race();
      }
      // By "in order" and "hints lag", a slot behind `tail` is full since the lap before, so `tail` is the
      // ring's and all that was put in the last lap is still there.
      if (control == (tail | closed)) return conqueue_status::closed;
      if (is_before(control, tail)) {
        return (control & closed) != 0 ? conqueue_status::closed : conqueue_status::full;
      }
      tail = catch_up(*tail_, last_put(control));
    }
  }

  /// Removes the oldest word into `word`, and has the slot keep what `word` was: `success`. Or `empty`, or
  /// `closed` if closed and empty.
  conqueue_status try_take(std::uint64_t& word) noexcept {
    position head = head_->load(memory_order_acquire);  // (1) with (6)
    for (backoff contention;;) {
      double_word& slot = slot_at(head);
      position control = slot.load_first(memory_order_acquire);  // (4) with (3), (5)
      if ((control & ~closed) == (head | full)) {
        // Full and ours to empty. The closing mark stays for the put of the next lap.
        double_word::words expected{control, slot.load_second(memory_order_relaxed)};
        if (slot.compare_exchange(expected, {control - full + lap(), word},
                                  memory_order_release,  // (5) with (2), (4)
                                  memory_order_relaxed)) {
          publish(*head_, after(head));
          word = expected.second;
          return conqueue_status::success;
        }
        control = expected.first;
        contention.lost_race();
      }
      // Still empty for this lap: `head` is the ring's, and nothing has been put there.
      if (control == head) return conqueue_status::empty;
      if (control == (head | closed)) return conqueue_status::closed;
      if ((control & ~closed) == (head | full)) continue;  // it was only marked
      head = catch_up(*head_, last_take(control));
    }
  }

  /// Whether a take would find something: `success`, `empty` or `closed`, as exact as that.
  conqueue_status look() const noexcept {
    position head = head_->load(memory_order_acquire);  // (1) with (6)
    for (;;) {
      const position control = slot_at(head).load_first(memory_order_acquire);  // (4) with (3), (5)
      if ((control & ~closed) == (head | full)) return conqueue_status::success;
      if (control == head) return conqueue_status::empty;
      if (control == (head | closed)) return conqueue_status::closed;
      head = catch_up(*head_, last_take(control));
    }
  }

  /// Refuses all later puts. When it returns, the mark is in the slot of the next one.
  void close() noexcept {
    // Relaxed: an old look at a slot makes the compare-and-swap fail, and nothing else depends on it.
    position tail = tail_->load(memory_order_relaxed);
    for (;;) {
      double_word& slot = slot_at(tail);
      double_word::words seen{slot.load_first(memory_order_relaxed), slot.load_second(memory_order_relaxed)};
      if (seen.first == tail || is_before(seen.first, tail)) {
        // Nothing was put at `tail` yet: mark the slot as it is, empty or still full.
        if ((seen.first & closed) != 0) return;
        double_word::words marked{seen.first | closed, seen.second};
        if (slot.compare_exchange(seen, marked, memory_order_release,  // (7) with (2), (4)
                                  memory_order_relaxed)) {
          return;
        }
      } else if (seen.first == (tail | closed)) {
        return;
      } else {
        tail = catch_up(*tail_, last_put(seen.first));
      }
    }
  }

  /// How many words there are, as far as the hints say: they may lag behind by operations that overlapped.
  std::size_t size_approx() const noexcept {
    const position head = head_->load(memory_order_relaxed);
    const position tail = tail_->load(memory_order_relaxed);
    const auto laps = static_cast<std::int64_t>((tail & ~(lap() - 1)) - (head & ~(lap() - 1))) /
                      static_cast<std::int64_t>(lap());
    const auto between = laps * static_cast<std::int64_t>(size()) + static_cast<std::int64_t>(index(tail)) -
                         static_cast<std::int64_t>(index(head));
    if (between <= 0) return 0;
    return static_cast<std::size_t>(between) < size() ? static_cast<std::size_t>(between) : size();
  }

 private:
  using position = std::uint64_t;
  static constexpr position full = 1;
  static constexpr position closed = 2;
  static constexpr position index_unit = 4;

  // What one lap adds to a position. Laps wrap round at the top, and so do all sums and differences.
  position lap() const noexcept { return index_unit << index_bits_; }
  std::size_t index(position p) const noexcept {
    return static_cast<std::size_t>((p & (lap() - 1)) / index_unit);
  }
  double_word& slot_at(position p) const noexcept { return slots_[index(p)]; }

  position after(position p) const noexcept {
    return index(p) + 1 == size() ? p - (size() - 1) * index_unit + lap() : p + index_unit;
  }
  static bool is_before(position a, position b) noexcept { return static_cast<std::int64_t>(a - b) < 0; }

  // The last position that was put to, or taken from, a slot with this control.
  position last_put(position control) const noexcept {
    const position p = control & ~(full | closed);
    return (control & full) != 0 ? p : p - lap();
  }
  position last_take(position control) const noexcept { return (control & ~(full | closed)) - lap(); }

  // Moves a hint to `to`, unless it is there already. Two threads may still store in the wrong order; the
  // hint then lags until the next one stores.
  static void publish(atomic<position>& hint, position to) noexcept {
    if (is_before(hint.load(memory_order_relaxed), to)) hint.store(to, memory_order_release);  // (6) with (1)
  }

  // The position after `done`, which somebody has finished, or the hint if that is further on.
  position catch_up(const atomic<position>& hint, position done) const noexcept {
    const position next = after(done);
    const position hinted = hint.load(memory_order_acquire);  // (1) with (6)
    return is_before(next, hinted) ? hinted : next;
  }

  slots<double_word, Allocator> slots_;
  unsigned index_bits_;
  cache_padded<atomic<position>> head_;
  cache_padded<atomic<position>> tail_;
};

}  // namespace switchyard::lockfree::detail
