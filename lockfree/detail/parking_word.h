// A number that threads wait for, in one word with the count of those who sleep: the floor of `semaphore`, `event` and
// `latch`.
//
// Source: glibc's semaphore since 2.21 (Torvald Riegel), for any condition on the number.
// When: something that fits 32 bits is all that a waiting thread looks at. Where a whole structure is looked at,
//   `event_count`, whose notifier may have to touch it after the change; here it is over with the change itself, so
//   that whoever is let pass may destroy the object at once.
// Progress: `update` and `try_pass` are lock-free; with nobody asleep they make no system call. `pass` blocks, by
//   design.
// Ordering: what happened before an `update` happened before every pass that sees its number, or a later one.
// Cost: 8 bytes; one compare-and-swap for each update, and for a pass that changes the number.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <stop_token>

#include "switchyard/atomics/atomic.h"
#include "switchyard/atomics/backoff.h"
#include "switchyard/atomics/futex.h"
#include "switchyard/interface/deadline.h"
#include "switchyard/threads/interruption.h"

namespace switchyard::lockfree::detail {

class parking_word {
 public:
  using number = std::uint32_t;
  static constexpr number everybody = std::numeric_limits<number>::max();

  /// What an `update` does: the new number, and how many sleepers may find that they can pass.
  struct change {
    number to;
    number wakes;
  };

  explicit parking_word(number initial) noexcept : word_(initial) {}
  parking_word(const parking_word&) = delete;
  parking_word& operator=(const parking_word&) = delete;

  /// The number; what its updates published is visible.
  number look() const noexcept { return number_in(word_.load(memory_order_acquire)); }  // (2) with (1)

  /// Replaces the number n by what `decide(n)`, a `change`, says, and wakes whom it says. What `decide` throws
  /// passes on, and nothing has changed.
  template <class Decide>
  void update(Decide decide) {
    word seen = word_.load(memory_order_relaxed);
    change next;
    for (backoff spin;; spin.lost_race()) {
      next = decide(number_in(seen));
      // (1) release: with (2), (3), (4) and (6). Later updates and passes continue its release sequence.
      if (word_.compare_exchange_weak(seen, with(seen, next.to), memory_order_release, memory_order_relaxed)) break;
    }
    // Whoever saw the change may have destroyed this object. The kernel is told an address, no more.
    const number asleep = sleepers_in(seen);
    if (asleep != 0 && next.wakes != 0) [[unlikely]] futex_wake_lower_half(word_, std::min(asleep, next.wakes));
  }

  /// True if `pass(n)` gives a number for the present one, which has then replaced it.
  template <class Pass>
  bool try_pass(Pass pass) noexcept {
    word seen = word_.load(memory_order_acquire);  // (3) with (1)
    for (backoff spin; const std::optional<number> next = pass(number_in(seen)); spin.lost_race()) {
      if (*next == number_in(seen)) return true;
      // (4) acquire: with (1).
      if (word_.compare_exchange_weak(seen, with(seen, *next), memory_order_acquire, memory_order_acquire)) return true;
    }
    return false;
  }

  /// Waits until try_pass(pass), or `limit`: false then, unless it succeeds in the last moment.
  template <class Pass>
  bool pass_until(deadline limit, Pass pass) {
    return try_pass(pass) || wait(limit, pass, [] { return false; });
  }

  /// The same until `stop` is requested. Who requests it waits until this thread has woken up.
  template <class Pass>
  bool pass_unless(std::stop_token stop, Pass pass) {
    interruption asked;
    const std::stop_callback ask(std::move(stop), [&] { asked.ask(*this); });
    const interruption::sensitive while_waiting(asked);  // ends before `ask`, which waits for a call under way
    return wait(deadline::never(), pass, [&] { return asked.is_asked(); });
  }

  /// Ends a wait by `pass_unless`, from another thread.
  class interruption : public switchyard::interruption {
   public:
    void ask(parking_word& word) noexcept {
      switchyard::interruption::ask([&] { futex_wake_lower_half(word.word_, everybody); });
    }
  };

  /// What `pass_unless` does, for other reasons to stop than a stop_token.
  template <class Pass>
  bool pass_unless(interruption& asked, Pass pass) {
    return wait(deadline::never(), pass, [&] { return asked.is_asked(); });
  }

 private:
  // {sleepers: 32, number: 32}. The kernel looks at the lower half. Invariant S: whoever may be asleep is counted.
  using word = std::uint64_t;
  static constexpr word one_sleeper = word{1} << 32;
  static number number_in(word w) noexcept { return static_cast<number>(w); }
  static number sleepers_in(word w) noexcept { return static_cast<number>(w >> 32); }
  static word with(word w, number n) noexcept { return (w & ~word{everybody}) | n; }

  template <class Pass, class Stopped>
  [[gnu::noinline]] bool wait(deadline limit, Pass& pass, Stopped stopped) {
    // Look a few times: what we wait for may be about to happen.
    for (brief_looks look; look.are_left(); look.pause()) {
      if (try_pass(pass)) return true;
      if (stopped() || limit.has_passed()) return false;
    }
    // Be counted, look again, and sleep while the number is the one that did not let us pass. The registration and
    // the updates are steps on one word: an update that does not see us is one that we see.
    word_.fetch_add(one_sleeper, memory_order_relaxed);  // (5)
    for (bool late = false;;) {
      word seen = word_.load(memory_order_relaxed);  // the next step acquires
      if (const std::optional<number> next = pass(number_in(seen))) {
        // (6) acquire: with (1). Passing and leaving the count are one step.
        if (word_.compare_exchange_weak(seen, with(seen, *next) - one_sleeper, memory_order_acquire,
                                        memory_order_relaxed)) {
          return true;
        }
      } else if (late || stopped()) {
        word_.fetch_sub(one_sleeper, memory_order_relaxed);  // (7)
        return false;
      } else {
        late = futex_wait_lower_half(word_, number_in(seen), limit) == futex_result::timed_out;
      }
    }
  }

  atomic<word> word_;
};

}  // namespace switchyard::lockfree::detail
