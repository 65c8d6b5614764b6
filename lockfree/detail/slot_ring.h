// A lock-free ring of 64-bit words: the engine of `bounded_queue`.
//
// Source: Tsigas and Zhang, "A simple, fast and scalable non-blocking concurrent FIFO queue" (SPAA 2001),
//   with a lap count beside every word against ABA, as in Nikolaev's SCQ (DISC 2019); the closing mark, the
//   reservations and the fetching ahead are our own.
// Progress: every member is lock-free. A step is retried only when another thread's has succeeded, and no
//   thread waits for what another has begun: an operation is one compare-and-swap of a slot.
// Ordering: linearizable FIFO; `full`, `empty` and `closed` are exact, decided by one load of one slot.
// Cost: a 16-byte compare-and-swap each, or one of 8 bytes for a take that leaves the word, and another to reserve;
//   16 bytes a slot. Who finds the ring empty, or full, after several successes looks again a microsecond later.
//
// Positions count operations for ever. A position is {lap, index, 00}: the index of its slot and how often
// the ring has come round. A slot holds {control, word}, where control is one of
//
//   {lap, index, 00}  empty: the put with this position may fill it
//   {lap, index, 01}  full: the word of the put with this position, until the take with the same one
//
// plus 10 if the ring was closed: the next put to come to this slot is refused. With `keeps_words`, puts and takes
// exchange words, so that an empty slot can keep something for the next put; else a take leaves the word where it is.
//
// Invariant "in order": position p is put only after p - 1, and taken only after p - 1. So at any moment the
// puts done are those before some tail, the takes done are those before some head, and
// head <= tail <= head + size.
// Invariant "hints lag": the hints are never ahead of head and tail, and whoever reads one has seen all the
// slot changes before it. They may fall behind: the slot says how far, so who finds an old hint walks on
// from there.
// Invariant "reserved": if every put is reserved, `reserved` is the tail plus the reservations that were
// neither used nor given back, and it is never further than a lap ahead of the head.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

#include "switchyard/atomics/atomic.h"
#include "switchyard/atomics/backoff.h"
#include "switchyard/atomics/cache_padded.h"
#include "switchyard/atomics/double_word.h"
#include "switchyard/atomics/prefetch.h"
#include "switchyard/interface/conqueue_status.h"
#include "switchyard/lockfree/detail/slots.h"

namespace switchyard::lockfree::detail {

template <class Allocator, bool keeps_words = true>
class slot_ring {
  using position = std::uint64_t;

 public:
  /// An empty ring for `size` words, as it is after `start.position` laps; its slots keep 0.
  slot_ring(std::size_t size, start_at start, const Allocator& allocator)
      : slots_(size, allocator), lap_(index_unit << std::bit_width(size - 1)) {
    const position begin = start.position * lap_;
    for (std::size_t i = 0; i < size; ++i) slots_[i].initialize({begin + i * index_unit, 0});
    take_side_->head.store(begin, memory_order_relaxed);
    put_side_->tail.store(begin, memory_order_relaxed);
    put_side_->reserved.store(begin, memory_order_relaxed);
    put_side_->full_at.store(begin, memory_order_relaxed);
    take_side_->empty_at.store(begin, memory_order_relaxed);
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

  /// One put, or several one after the other, which then share what a put costs besides its slot.
  class putter {
   public:
    explicit putter(slot_ring& ring) noexcept
        : ring_(ring), tail_(ring.put_side_->tail.load(memory_order_acquire)) {}  // (1) with (6)
    putter(const putter&) = delete;
    putter& operator=(const putter&) = delete;
    ~putter() {
      if (moved_) publish(ring_.put_side_->tail, tail_);
    }

    /// Appends `word`, and sets it to what the slot has kept: `success`. Or `full` or `closed`.
    conqueue_status try_put(std::uint64_t& word) noexcept {
      obstacle met;
      if (!ring_.put_at(tail_, word, met)) [[unlikely]] {
        const outcome later = ring_.put_later(tail_, word, met, !moved_);
        tail_ = later.at;
        word = later.word;
        if (later.status != conqueue_status::success) return later.status;
      }
      moved_ = true;
      tail_ = ring_.after(tail_);
      return conqueue_status::success;
    }

    /// What a put would be told at this moment: `success`, `full` or `closed`.
    conqueue_status refusal() noexcept {
      for (;;) {
        const position control = ring_.slot_at(tail_).load_first(memory_order_acquire);  // (2) with (3), (5)
        const conqueue_status status = told_at(tail_, control);
        if (status != conqueue_status::busy) return status;
        tail_ = ring_.catch_up(ring_.put_side_->tail, ring_.last_put(control));
      }
    }

   private:
    slot_ring& ring_;
    position tail_;  // as far as this thread knows
    bool moved_ = false;
  };

  /// The same for takes.
  class taker {
   public:
    explicit taker(slot_ring& ring) noexcept
        : ring_(ring), head_(ring.take_side_->head.load(memory_order_acquire)) {}  // (1) with (6)
    taker(const taker&) = delete;
    taker& operator=(const taker&) = delete;
    ~taker() {
      if (moved_) publish(ring_.take_side_->head, head_);
    }

    /// Removes the oldest word into `word`, and has the slot keep what `word` was: `success`. Or `empty`, or
    /// `closed` if closed and empty.
    conqueue_status try_take(std::uint64_t& word) noexcept {
      obstacle met;
      if (!ring_.take_at(head_, word, met)) [[unlikely]] {
        const outcome later = ring_.take_later(head_, word, met, !moved_);
        head_ = later.at;
        word = later.word;
        if (later.status != conqueue_status::success) return later.status;
      }
      moved_ = true;
      head_ = ring_.after(head_);
      return conqueue_status::success;
    }

    /// What a take would be told at this moment: `success`, `empty` or `closed`.
    conqueue_status look() noexcept {
      for (;;) {
        const position control = ring_.slot_at(head_).load_first(memory_order_acquire);  // (4) with (3), (5)
        if ((control & ~closed) == (head_ | full)) return conqueue_status::success;
        if (control == head_) return conqueue_status::empty;
        if (control == (head_ | closed)) return conqueue_status::closed;
        head_ = ring_.catch_up(ring_.take_side_->head, ring_.last_take(control));
      }
    }

    /// After `empty`, if every put is reserved: whether there is neither a word nor a reservation.
    bool nothing_is_reserved() const noexcept {
      // Relaxed: by "reserved" it is at least what this thread has seen, and who asks has seen to the rest.
      return ring_.put_side_->reserved.load(memory_order_relaxed) == head_;
    }

   private:
    slot_ring& ring_;
    position head_;  // as far as this thread knows
    bool moved_ = false;
  };

  conqueue_status try_put(std::uint64_t& word) noexcept { return putter(*this).try_put(word); }
  conqueue_status try_take(std::uint64_t& word) noexcept { return taker(*this).try_take(word); }

  /// Sets room aside for one put, which then cannot find the ring full. False: there was none. Only where every
  /// put is reserved.
  bool reserve() noexcept {
    // Relaxed: the slot is what tells whether there is room, and the puts themselves are what shows the others' views.
    position reserved = put_side_->reserved.load(memory_order_relaxed);
    for (backoff contention;;) {
      // By "reserved" the slot is full since the lap before, or has been emptied. So have those before it, of which
      // whoever sees this one sees that.
      const position control = slot_at(reserved).load_first(memory_order_acquire);  // (8) with (5)
      if (is_before(control, reserved)) return false;
      if (put_side_->reserved.compare_exchange_weak(reserved, after(reserved), memory_order_relaxed,
                                                    memory_order_relaxed)) {
        return true;
      }
      contention.lost_race();
    }
  }

  /// Gives a reservation back, unused.
  void give_back() noexcept {
    position reserved = put_side_->reserved.load(memory_order_relaxed);
    while (!put_side_->reserved.compare_exchange_weak(reserved, before(reserved), memory_order_relaxed,
                                                      memory_order_relaxed)) {
    }
  }

  /// Refuses all later puts. When it returns, the mark is in the slot of the next one.
  void close() noexcept {
    // Relaxed: an old look at a slot makes the compare-and-swap fail, and nothing else depends on it.
    position tail = put_side_->tail.load(memory_order_relaxed);
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
        tail = catch_up(put_side_->tail, last_put(seen.first));
      }
    }
  }

  /// How many words there are, as far as the hints say: they may lag behind by operations that overlapped.
  std::size_t size_approx() const noexcept {
    const position head = take_side_->head.load(memory_order_relaxed);
    const position tail = put_side_->tail.load(memory_order_relaxed);
    const auto laps = static_cast<std::int64_t>((tail & ~(lap_ - 1)) - (head & ~(lap_ - 1))) /
                      static_cast<std::int64_t>(lap_);
    const auto between = laps * static_cast<std::int64_t>(size()) + static_cast<std::int64_t>(index(tail)) -
                         static_cast<std::int64_t>(index(head));
    if (between <= 0) return 0;
    return static_cast<std::size_t>(between) < size() ? static_cast<std::size_t>(between) : size();
  }

 private:
  static constexpr position full = 1;
  static constexpr position closed = 2;
  static constexpr position index_unit = 4;
  static constexpr std::size_t slots_a_line = line_size / sizeof(double_word);
#ifdef SWITCHYARD_MODEL
  static constexpr std::size_t lines_ahead = 0;
#else
  static constexpr std::size_t lines_ahead = 2;
#endif

  std::size_t index(position p) const noexcept { return static_cast<std::size_t>((p & (lap_ - 1)) / index_unit); }
  double_word& slot_at(position p) const noexcept { return slots_[index(p)]; }

  position after(position p) const noexcept {
    return index(p) + 1 == size() ? p - (size() - 1) * index_unit + lap_ : p + index_unit;
  }
  position before(position p) const noexcept {
    return index(p) == 0 ? p + (size() - 1) * index_unit - lap_ : p - index_unit;
  }
  static bool is_before(position a, position b) noexcept { return static_cast<std::int64_t>(a - b) < 0; }

  // The last position that was put to, or taken from, a slot with this control.
  position last_put(position control) const noexcept {
    const position p = control & ~(full | closed);
    return (control & full) != 0 ? p : p - lap_;
  }
  position last_take(position control) const noexcept { return (control & ~(full | closed)) - lap_; }

  // What a slot with `control` says to a put that takes it for the ring's tail: `success` if it is; `full` or
  // `closed`; or `busy`, if it is not, since something has been put there.
  static conqueue_status told_at(position tail, position control) noexcept {
    if (control == tail) return conqueue_status::success;
    // By "in order" and "hints lag", a slot behind `tail` is full since the lap before, so `tail` is the
    // ring's and all that was put in the last lap is still there.
    if (control == (tail | closed)) return conqueue_status::closed;
    if (is_before(control, tail)) return (control & closed) != 0 ? conqueue_status::closed : conqueue_status::full;
    return conqueue_status::busy;
  }

  // What was found in a slot in place of what an operation needs, and whether that had been there a moment before.
  struct obstacle {
    position control = 0;
    bool lost_race = false;
  };
  // What came of an operation that met one: where it has ended, and with what word.
  struct outcome {
    conqueue_status status;
    position at;
    std::uint64_t word;
  };

  // Puts `word` at `tail`, if the slot is empty and ours to fill, and sets it to what the slot has kept.
  bool put_at(position tail, std::uint64_t& word, obstacle& met) noexcept {
    double_word& slot = slot_at(tail);
    const position control = slot.load_first(memory_order_acquire);  // (2) with (3), (5)
    if (control != tail) [[unlikely]] {
      met = {control};
      return false;
    }
    double_word::words expected{tail, slot.load_second(memory_order_relaxed)};
    if (!slot.compare_exchange(expected, {tail | full, word}, memory_order_release,  // (3) with (2), (4)
                               memory_order_acquire)) [[unlikely]] {                 // (2) with (3), (5)
      met = {expected.first, true};
      return false;
    }
    fetch_ahead(tail);
    word = expected.second;
    return true;
  }

  // Takes the word at `head`, if the slot is full and ours to empty. The closing mark stays for the put of the next lap.
  bool take_at(position head, std::uint64_t& word, obstacle& met) noexcept {
    double_word& slot = slot_at(head);
    position control = slot.load_first(memory_order_acquire);  // (4) with (3), (5)
    if ((control & ~closed) != (head | full)) [[unlikely]] {
      met = {control};
      return false;
    }
    if (!empty(slot, control, control - full + lap_, word)) [[unlikely]] {
      met = {control, true};
      return false;
    }
    fetch_ahead(head);
    return true;
  }

  // Puts `word` where the ring's tail is by now. Apart, and by value, so that whoever succeeds at once can keep all it has in
  // registers.
  [[gnu::noinline]] outcome put_later(position tail, std::uint64_t word, obstacle met, bool may_look_again) noexcept {
    for (backoff contention;;) {
      if (met.lost_race) contention.lost_race();
      const conqueue_status status = told_at(tail, met.control);
      if (status == conqueue_status::busy) {
        tail = catch_up(put_side_->tail, last_put(met.control));
      } else if (status == conqueue_status::full && may_look_again && should_look_again(put_side_->full_at, tail)) {
        may_look_again = false;
      } else {
        return {status, tail, word};
      }
      if (put_at(tail, word, met)) return {conqueue_status::success, tail, word};
    }
  }

  // The same for the ring's head.
  [[gnu::noinline]] outcome take_later(position head, std::uint64_t word, obstacle met, bool may_look_again) noexcept {
    for (backoff contention;;) {
      if (met.lost_race) contention.lost_race();
      if (met.control == head) {
        // Still empty for this lap: `head` is the ring's, and nothing has been put there.
        if (!may_look_again || !should_look_again(take_side_->empty_at, head)) return {conqueue_status::empty, head, word};
        may_look_again = false;
      } else if (met.control == (head | closed)) {
        return {conqueue_status::closed, head, word};
      } else if ((met.control & ~closed) != (head | full)) {  // else it was only marked
        head = catch_up(take_side_->head, last_take(met.control));
      }
      if (take_at(head, word, met)) return {conqueue_status::success, head, word};
    }
  }

  // Replaces `control` and moves the word out, leaving the other, if words are kept. False: `control` is another.
  static bool empty(double_word& slot, position& control, position next, std::uint64_t& word) noexcept {
    const std::uint64_t found = slot.load_second(memory_order_relaxed);
    if constexpr (keeps_words) {
      double_word::words expected{control, found};
      if (!slot.compare_exchange(expected, {next, word}, memory_order_release,  // (5) with (2), (4)
                                 memory_order_relaxed)) {
        control = expected.first;
        return false;
      }
    } else {
      // The word changes only with the control, which never comes back to what it was: so it has not changed either.
      // Release though nothing is left here: who finds this slot a lap on goes past those between, and must see them taken.
      position expected = control;  // in a register; `control` may have an address
      if (!slot.compare_exchange_first(expected, next, memory_order_release,  // (5) with (2), (4)
                                       memory_order_relaxed)) {
        control = expected;
        return false;
      }
    }
    word = found;
    return true;
  }

  // Asks for the line of slots after the next, once a line. The other side, if it is that near, does without; to ask for
  // the next line was too late, and for further ones worse: the processor tracks so many requests and no more.
  void fetch_ahead(position p) const noexcept {
    if constexpr (lines_ahead != 0) {
      const std::size_t i = index(p);
      if (i % slots_a_line == 0 && i + lines_ahead * slots_a_line < size()) {
        prefetch_for_write(&slots_[i + lines_ahead * slots_a_line]);
      }
    }
  }

  // For who has found no word, or no room, `at` this position. True, after a moment, if this side has come on by several
  // since that was last so: then the other side is at work, and the next ones are to come in numbers, too.
  [[gnu::noinline]] bool should_look_again(atomic<position>& last_at, position at) const noexcept {
    const position last = last_at.load(memory_order_relaxed);
    if (last == at) return false;
    last_at.store(at, memory_order_relaxed);
    if (!is_before(last + index_unit, at)) return false;
    give_head_start(size() / 8);  // the other side is soon through a few slots, and would wait for us
    return true;
  }

  // Moves a hint to `to`, unless it is there already. Two threads may still store in the wrong order; the
  // hint then lags until the next one stores.
  static void publish(atomic<position>& hint, position to) noexcept {
    if (is_before(hint.load(memory_order_relaxed), to)) [[likely]] hint.store(to, memory_order_release);  // (6) with (1)
  }

  // The position after `done`, which somebody has finished, or the hint if that is further on.
  position catch_up(const atomic<position>& hint, position done) const noexcept {
    const position next = after(done);
    const position hinted = hint.load(memory_order_acquire);  // (1) with (6)
    return is_before(next, hinted) ? hinted : next;
  }

  struct put_side {
    atomic<position> tail;  // a hint
    atomic<position> reserved;
    atomic<position> full_at;  // where no room was found last; roughly
  };
  struct take_side {
    atomic<position> head;      // a hint
    atomic<position> empty_at;  // where no word was found last; roughly
  };

  slots<double_word, Allocator> slots_;
  position lap_;  // what one lap adds to a position; laps wrap round at the top, and so do all sums and differences
  cache_padded<take_side> take_side_;
  cache_padded<put_side> put_side_;
};

}  // namespace switchyard::lockfree::detail
