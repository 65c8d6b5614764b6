// What a thread does between two tries: a little after a lost race, more and more while it must wait; last before it
// sleeps; or, once, when it has caught up with another.
#pragma once

#include <cstddef>

#include "switchyard/atomics/atomic.h"

namespace switchyard {

/// Pauses for about a microsecond, in which another thread that is at work gets ahead by some dozens of elements. For who
/// has caught up with it: to look again at once, and again, takes from it, each time, the cache line that it needs. For less,
/// if the other cannot get further ahead than `most` elements or so.
inline void give_head_start([[maybe_unused]] std::size_t most = 64) noexcept {
#ifdef SWITCHYARD_MODEL
  constexpr std::size_t pauses = 1;
#else
  const std::size_t pauses = most < 64 ? most : 64;
#endif
  for (std::size_t i = 0; i < pauses; ++i) spin_pause();
}

/// One object per operation. The two verbs are for two situations:
///
/// - `lost_race()`: a compare-and-swap failed because another thread succeeded. The system as a whole moved
///   on, so a short pause that doubles is all it takes to step aside. Never a system call.
/// - `wait()`: nothing can succeed until another thread does something. A pause first, in which a thread that is
///   running gets something done (looking at once, and again and again, takes from it the cache line that it needs
///   for it), then a few yields, in case it wants this processor. Once `should_park()`, it is cheaper to sleep; a
///   caller that cannot sleep may go on calling `wait()`, which then yields.
class backoff {
 public:
  void lost_race() noexcept { pause(races_ < max_doublings ? 1U << races_++ : 1U << max_doublings); }

  void wait() noexcept {
    if (waits_ == 0) {
      pause(first_wait);
    } else {
      yield();
    }
    if (!should_park()) ++waits_;
  }

  bool should_park() const noexcept { return waits_ > yields; }

 private:
  // Of the waits, these were the best of those measured, from 1 to 8 threads a side on two processors.
#ifdef SWITCHYARD_MODEL
  static constexpr unsigned max_doublings = 0;
  static constexpr unsigned first_wait = 1;
  static constexpr unsigned yields = 0;
#else
  static constexpr unsigned max_doublings = 6;  // 64 pauses: about a microsecond
  static constexpr unsigned first_wait = 32;
  static constexpr unsigned yields = 8;
#endif

  static void pause(unsigned times) noexcept {
    for (unsigned i = 0; i < times; ++i) spin_pause();
  }

  unsigned races_ = 0;
  unsigned waits_ = 0;
};

/// What a thread does that is about to sleep, and looks at what another may be about to change in one step: a few looks,
/// then a few yields, so that the other gets the processor. There is no pause before the first, as `backoff::wait` makes:
/// for where looking takes no more from the other than one word. Two settings, which follow.
///
///   for (last_looks look; look.are_left(); look.pause()) if (it_has_changed()) return;
///   sleep();
template <int Looks, int Pauses>
class looks_before_sleep {
 public:
  bool are_left() const noexcept { return done_ < looks + yields; }

  void pause() noexcept {
    if (done_++ >= looks) {
      yield();
    } else {
      for (int i = 0; i < Pauses; ++i) spin_pause();
    }
  }

 private:
  // With fewer yields, threads sleep that need not; with longer pauses, the one that is waited for does not run.
  // None under the checker, which lets a thread that pauses go on only after the others: it would never fall asleep.
#ifdef SWITCHYARD_MODEL
  static constexpr int looks = 0;
  static constexpr int yields = 0;
#else
  static constexpr int looks = Looks;
  static constexpr int yields = 16;
#endif

  int done_ = 0;
};

// The best of those measured, 2 to 8 or 16 threads on two processors.

/// For queues, where the next change comes soon if it comes at all.
using last_looks = looks_before_sleep<16, 2>;
/// For a step that all wait for: of barriers, latches, events, semaphores, and locks that are handed over. As a rule some of
/// those that are waited for have not run yet, and need the processor. (With fewer looks, two threads that take turns, each
/// on a processor of its own, no longer catch each other's step by them.)
using brief_looks = looks_before_sleep<4, 1>;

}  // namespace switchyard
