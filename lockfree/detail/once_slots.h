// Arrays of slots that are filled once and emptied once, in order: what the segments of `unbounded_queue` are made of.
//
// Source: our own. The rings of Tsigas and Zhang (SPAA 2001) with one lap, so that nothing needs a lap count; slots
//   that a pop gives up for a push that is slow are from Morrison and Afek's LCRQ (PPoPP 2013).
// When: not for users. `word_slots` for up to eight trivially copyable bytes, `object_slots` for what moves without
//   throwing.
// Progress: each member is lock-free. A thread stopped anywhere stops nobody; see "busy" for who pays for it.
// Ordering: linearizable FIFO within the array. A put happens before the take of its element.
// Cost: words: 8 bytes a slot, and one compare-and-swap for a put and one for a take. Objects: 4 bytes besides, more if
//   that needs alignment, and one more compare-and-swap for a put.
//
// Invariant "in order": slot i leaves `empty` only after slot i - 1 has, and no take looks at slot i before slot i - 1 is
//   `gone`. So the first empty slot is where the next put goes, and a take that has found all slots gone up to an
//   empty one has found nothing to be there.
// Invariant "hints lag": a hint is never ahead of the first slot that a put, or a take, has to look at.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "switchyard/atomics/atomic.h"
#include "switchyard/atomics/backoff.h"
#include "switchyard/atomics/cache_padded.h"
#include "switchyard/atomics/plain.h"

namespace switchyard::lockfree::detail {

enum class placed { yes, refused, all_used };  ///< refused: the queue is closed
enum class taken { one, none, all };  ///< an element; there is none yet; there is none and never will be

/// Where to begin to look. One line for those that put, one for those that take.
class slot_hint {
 public:
  using index = std::uint32_t;

  index look(memory_order order) const noexcept { return next_->load(order); }

  /// `next` is a slot that all before have been done with. Two threads may still store in the wrong order; then the hint
  /// lags until the next one stores.
  void publish(index next, memory_order order) noexcept {
    if (next_->load(memory_order_relaxed) < next) next_->store(next, order);
  }
  void reset() noexcept { next_->store(0, memory_order_relaxed); }

 private:
  cache_padded<atomic<index>> next_;
};

/// Slots of 64-bit words, any words: an empty slot holds the `key` of its array, and one that is gone the key's
/// neighbour. Who is to put one of the two shuts the array, and puts it into another one with another key.
template <std::uint32_t Size>
class word_slots {
 public:
  using element = std::uint64_t;
  static constexpr std::uint32_t size = Size;

  /// Makes all empty. Only while no other thread can see them.
  void reset() noexcept {
    puts_.reset();
    takes_.reset();
    for (atomic<element>& slot : slots_) slot.store(key_, memory_order_relaxed);
  }

  /// Puts the first element, into what nobody else can see, just reset; and the way back.
  void begin_with(element& word) noexcept {
    if (is_reserved(word)) {
      // Any other will do; a multiplier and a summand of Knuth's.
      do key_ = (key_ * 6364136223846793005U + 1442695040888963407U) & ~element{1};
      while (is_reserved(word));
      reset();
    }
    slots_[0].store(word, memory_order_relaxed);
    puts_.publish(1, memory_order_relaxed);
  }
  void take_back(element&) noexcept { reset_first(); }

  /// `may_put()` says whether the queue is open. It is asked after all slots before have been seen to be used: whoever
  /// closes says so first and then uses a slot up.
  template <class MayPut>
  placed put(element& word, MayPut may_put) noexcept {
    const bool clashes = is_reserved(word);
    const element filled = clashes ? gone() : word;
    // (1) acquire: with (3). All slots before are used, and who sees our element is to see that, too.
    std::uint32_t at = puts_.look(memory_order_acquire);
    for (backoff races; at < size;) {
      element seen = slots_[at].load(memory_order_acquire);  // (5) with (6)
      if (seen != key_) {
        ++at;
        continue;
      }
      if (!may_put()) return placed::refused;
      // (2) release: with (4): what happened before the put.
      if (slots_[at].compare_exchange_strong(seen, filled, memory_order_release, memory_order_relaxed)) {
        puts_.publish(++at, memory_order_release);  // (3) with (1)
        if (!clashes) return placed::yes;
      } else {
        races.lost_race();
      }
    }
    return placed::all_used;
  }

  /// The same in the usual case, where the hint is right and nobody is faster; else false, and nothing has happened.
  template <class MayPut>
  bool put_at_once(element word, MayPut may_put) noexcept {
    const std::uint32_t at = puts_.look(memory_order_acquire);  // (1) with (3)
    if (at == size || is_reserved(word) || !may_put()) return false;
    element seen = key_;
    // (2) release: with (4)
    if (!slots_[at].compare_exchange_strong(seen, word, memory_order_release, memory_order_relaxed)) return false;
    puts_.publish(at + 1, memory_order_release);  // (3) with (1)
    return true;
  }

  /// Uses up the slot that would be put to next, after a release fence. False: all have been used.
  bool seal() noexcept {
    for (std::uint32_t at = puts_.look(memory_order_acquire); at < size; ++at) {
      element seen = key_;
      // (6) relaxed, behind the fence of `close_flag`: with (5): that the queue is closed.
      if (slots_[at].compare_exchange_strong(seen, gone(), memory_order_relaxed, memory_order_relaxed)) return true;
    }
    return false;
  }

  /// Calls `visit` with every element. Only while no other thread uses them.
  template <class Visit>
  void for_each(Visit visit) noexcept {
    for (atomic<element>& slot : slots_) {
      const element word = slot.load(memory_order_relaxed);
      if (!is_reserved(word)) visit(word);
    }
  }

  template <class IsLast>
  taken take(element& word, IsLast) noexcept {
    for (std::uint32_t at = takes_.look(memory_order_relaxed); at < size; ++at) {
      const element seen = slots_[at].load(memory_order_acquire);  // (4) with (2)
      if (seen == key_) return taken::none;
      if (seen != gone() && take_at(at, seen)) {
        word = seen;
        return taken::one;
      }
    }
    return taken::all;
  }

  /// The same in the usual case.
  bool take_at_once(element& word) noexcept {
    const std::uint32_t at = takes_.look(memory_order_relaxed);
    if (at == size) return false;
    word = slots_[at].load(memory_order_acquire);  // (4) with (2)
    return !is_reserved(word) && take_at(at, word);
  }

 private:
  element gone() const noexcept { return key_ + 1; }
  bool is_reserved(element word) const noexcept { return (word & ~element{1}) == key_; }
  bool take_at(std::uint32_t at, element seen) noexcept {
    // Relaxed: whoever finds it gone needs to know no more than that.
    if (!slots_[at].compare_exchange_strong(seen, gone(), memory_order_relaxed, memory_order_relaxed)) return false;
    takes_.publish(at + 1, memory_order_relaxed);
    return true;
  }
  void reset_first() noexcept {
    slots_[0].store(key_, memory_order_relaxed);
    puts_.reset();
  }

#ifdef SWITCHYARD_MODEL
  element key_ = 0;
#else
  element key_ = 0x9e3779b97f4a7c14U;  // the golden ratio; even
#endif
  slot_hint puts_;
  slot_hint takes_;
  alignas(cache_padding) atomic<element> slots_[Size];
};

/// Slots of objects. A put first makes a slot `busy`, which gives it to nobody else, then builds the element there, then
/// makes it `full`. A take that must go on to a later slot, where something may be, waits for a busy one a moment and
/// then makes it `gone`; the put takes its element elsewhere.
template <class T, std::uint32_t Size>
class object_slots {
 public:
  static_assert(std::is_nothrow_move_constructible_v<T>);
  using element = std::optional<T>;
  static constexpr std::uint32_t size = Size;

  void reset() noexcept {
    puts_.reset();
    takes_.reset();
    for (slot& each : slots_) each.state.store(empty, memory_order_relaxed);
  }

  template <class Source>
  void begin_with(Source& source) noexcept {
    source.move_to(slots_[0].object);
    slots_[0].state.store(full, memory_order_relaxed);
    puts_.publish(1, memory_order_relaxed);
  }
  template <class Source>
  void take_back(Source& source) noexcept {
    source.move_back(slots_[0].object);
    slots_[0].state.store(empty, memory_order_relaxed);
    puts_.reset();
  }

  template <class Source, class MayPut>
  placed put(Source& source, MayPut may_put) noexcept {
    // (1) acquire: with (3). All slots before are used, and who sees our element is to see that, too.
    std::uint32_t at = puts_.look(memory_order_acquire);
    for (backoff races; at < size;) {
      slot& here = slots_[at];
      std::uint32_t seen = here.state.load(memory_order_acquire);  // (5) with (6)
      if (seen != empty) {
        ++at;
        continue;
      }
      if (!may_put()) return placed::refused;
      if (!here.state.compare_exchange_strong(seen, busy, memory_order_relaxed, memory_order_relaxed)) {
        races.lost_race();
        continue;
      }
      puts_.publish(++at, memory_order_release);  // (3) with (1)
      source.move_to(here.object);
      seen = busy;
      // (2) release: with (4): the element.
      if (here.state.compare_exchange_strong(seen, full, memory_order_release, memory_order_relaxed)) return placed::yes;
      source.move_back(here.object);  // a take has given the slot up
    }
    return placed::all_used;
  }

  /// Uses up the slot that would be put to next, after a release fence. False: all have been used.
  bool seal() noexcept {
    for (std::uint32_t at = puts_.look(memory_order_acquire); at < size; ++at) {
      std::uint32_t seen = empty;
      // (6) relaxed, behind the fence of `close_flag`: with (5): that the queue is closed.
      if (slots_[at].state.compare_exchange_strong(seen, gone, memory_order_relaxed, memory_order_relaxed)) return true;
    }
    return false;
  }

  template <class Visit>
  void for_each(Visit visit) noexcept {
    for (slot& each : slots_) {
      if (each.state.load(memory_order_relaxed) == full) visit(each.object);
    }
  }

  template <class Source, class MayPut>
  static bool put_at_once(Source&, MayPut) noexcept {
    return false;
  }
  static bool take_at_once(element&) noexcept { return false; }

  /// `is_last()`: no array follows this one.
  template <class IsLast>
  taken take(element& out, IsLast is_last) noexcept {
    for (std::uint32_t at = takes_.look(memory_order_relaxed); at < size;) {
      slot& here = slots_[at];
      std::uint32_t seen = here.state.load(memory_order_acquire);  // (4) with (2)
      if (seen == empty) return taken::none;
      if (seen == gone) {
        ++at;
        continue;
      }
      if (seen == busy) {
        // A put that has not ended. With nothing behind it, there is nothing.
        if (at + 1 < size ? slots_[at + 1].state.load(memory_order_relaxed) == empty : is_last()) return taken::none;
        for (int i = 0; i < patience && seen == busy; ++i) {
          spin_pause();
          seen = here.state.load(memory_order_relaxed);
        }
        // Relaxed, and then once more: another take may be faster, or the put.
        if (seen == busy) here.state.compare_exchange_strong(seen, gone, memory_order_relaxed, memory_order_relaxed);
        continue;
      }
      // Relaxed: whoever finds it gone needs to know no more than that.
      if (here.state.compare_exchange_strong(seen, gone, memory_order_relaxed, memory_order_relaxed)) {
        takes_.publish(at + 1, memory_order_relaxed);
        out.emplace(std::move(here.object.write()));
        here.object.destroy();
        return taken::one;
      }
    }
    return taken::all;
  }

 private:
  static constexpr std::uint32_t empty = 0;
  static constexpr std::uint32_t busy = 1;
  static constexpr std::uint32_t full = 2;
  static constexpr std::uint32_t gone = 3;
#ifdef SWITCHYARD_MODEL
  static constexpr int patience = 0;
#else
  static constexpr int patience = 64;  // a few microseconds
#endif

  struct slot {
    atomic<std::uint32_t> state{empty};
    plain<T> object;
  };

  slot_hint puts_;
  slot_hint takes_;
  alignas(cache_padding) slot slots_[Size];
};

}  // namespace switchyard::lockfree::detail
