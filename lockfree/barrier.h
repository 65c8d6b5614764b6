// A place where a fixed number of threads wait for each other, again and again, without a lock.
//
// Source: our own; the interface is that of CPython's threading.Barrier.
// When: threads work in rounds, and none may begin a round before all have ended the last. For one round, `latch`.
// Progress: arriving, `abort`, `reset` and the questions are lock-free: one compare-and-swap, tried again only where
//   another thread's succeeded. Waiting waits, sleeping in the kernel: for the other parties; while the action runs, for
//   its end; and just after a `reset` that sent waiting threads away, for those to have left. Who waits with a limit
//   returns by then, wherever others have stopped.
// Ordering: what any party did before it arrived happened before the action, and that before every return of the round.
//   What happened before a round was broken happened before the exceptions that say so.
// Cost: a compare-and-swap to arrive; no system call while nobody sleeps. 8 bytes for the state, then the parties, the
//   action and the limit.
//
//   barrier rounds(workers, [&] { swap(front, back); });   /* each worker */ for (;;) { compute();  rounds.wait(); }
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <stop_token>
#include <utility>

#include "switchyard/atomics/atomic.h"
#include "switchyard/atomics/backoff.h"
#include "switchyard/atomics/futex.h"
#include "switchyard/interface/barrier.h"
#include "switchyard/interface/deadline.h"

namespace switchyard::lockfree {

/// Not copied, not moved. Before it is destroyed, all calls must have returned.
class barrier {
 public:
  /// For `parties` threads. The last one to arrive calls `action`, if there is one, before any of them goes on; it must
  /// not wait on this barrier. Throws std::invalid_argument for less than 1 or more than max().
  explicit barrier(std::int64_t parties, std::function<void()> action = {})
      : parties_(switchyard::detail::checked_parties(parties)), action_(std::move(action)) {}
  /// The same; waits that name no limit have this one. Throws std::invalid_argument if it is negative, too.
  template <class Rep, class Period>
  barrier(std::int64_t parties, std::function<void()> action, const std::chrono::duration<Rep, Period>& limit)
      : parties_(switchyard::detail::checked_parties(parties)),
        action_(std::move(action)),
        limit_(switchyard::detail::checked_wait_limit(limit)) {}
  barrier(const barrier&) = delete;
  barrier& operator=(const barrier&) = delete;

  static constexpr std::int64_t max() noexcept { return switchyard::detail::most_parties; }

  /// Waits until all parties have come, and returns how many had come before: each of 0 to parties() - 1 once a round.
  /// Throws broken_barrier if the round is broken, or the barrier was. What the action throws goes to the thread that
  /// called it, and breaks the barrier for the others.
  std::size_t wait() { return pass(usual_limit(), nullptr); }
  /// The same, waiting up to `limit`, or until `when`. Who gives up breaks the barrier, whatever it waited for, and gets
  /// broken_barrier like the others.
  template <class Rep, class Period>
  std::size_t wait_for(const std::chrono::duration<Rep, Period>& limit) {
    return pass(deadline::after(limit), nullptr);
  }
  std::size_t wait_until(deadline when) { return pass(when, nullptr); }
  /// The same, giving up when a stop is requested. The last to come passes all the same.
  std::size_t wait(std::stop_token stop) { return pass(usual_limit(), &stop); }

  /// Breaks the barrier: who waits gets broken_barrier, and so does everybody who comes, until a reset.
  void abort() noexcept {
    turn([](word now) { return with(now, phase::broken); });
  }

  /// Makes the barrier as new. Who waits gets broken_barrier; who comes waits until they have left.
  void reset() noexcept {
    turn([](word now) {
      // Nobody inside: nothing to wait for.
      return with(now, arrived_in(now) == 0 ? phase::filling : phase::emptying);
    });
  }

  bool broken() const noexcept { return phase_in(word_.load(memory_order_acquire)) == phase::broken; }  // (1)
  std::size_t parties() const noexcept { return parties_; }
  /// How many wait for others to come; for monitoring.
  std::size_t waiting() const noexcept {
    const word now = word_.load(memory_order_relaxed);
    return phase_in(now) == phase::filling ? arrived_in(now) : 0;
  }

 private:
  // The state: {sleepers: 1, arrived: 20, round: 41, phase: 2}. `round` counts those that were completed.
  // The kernel looks at the lower half, which says what those asleep wait for: the phase and 30 bits of the round.
  //
  // filling -> filling, the next round: all have come, and there is no action;
  // filling -> acting -> filling, the next round: the last to come calls the action in between;
  // any -> broken -> emptying -> filling, the same round: somebody gave up, and a reset followed.
  //
  // Invariant R: while one who has arrived in a broken round has not left, the phase is broken or emptying, and the round
  // is that one. So whoever wakes up, however late, sees from the round alone whether its own was completed; a broken
  // one cannot be taken for another's success. (`arrived` counts those who have not left, then.)
  // Invariant S: whoever may be asleep while the lower half is what it is has set `sleepers`. All are woken where it is
  // cleared, and it is cleared wherever there is something to see for them.
  using word = std::uint64_t;
  enum class phase : word { filling, acting, broken, emptying };

  static constexpr word phases = 3;
  static constexpr word one_round = word{1} << 2;
  static constexpr word one_arrival = word{1} << 43;
  static constexpr word rounds = one_arrival - one_round;
  static constexpr word sleepers = word{1} << 63;
  static_assert(switchyard::detail::most_parties <= (sleepers - one_arrival) / one_arrival);

  static phase phase_in(word w) noexcept { return static_cast<phase>(w & phases); }
  static word round_in(word w) noexcept { return w & rounds; }
  static std::size_t arrived_in(word w) noexcept { return static_cast<std::size_t>((w & ~sleepers) / one_arrival); }
  static word with(word w, phase p) noexcept { return (w & ~phases) | static_cast<word>(p); }
  /// Nobody has arrived, in the round after that of `w`.
  static word next_round(word w) noexcept { return (round_in(w) + one_round) & rounds; }

  static bool is_open(word w) noexcept { return phase_in(w) == phase::filling || phase_in(w) == phase::broken; }
  static bool is_over(word w, word round) noexcept {
    return round_in(w) != round || phase_in(w) == phase::broken || phase_in(w) == phase::emptying;
  }

  deadline usual_limit() const { return limit_ ? deadline::after(*limit_) : deadline::never(); }

  std::size_t pass(deadline limit, const std::stop_token* stop);
  void await_others(word round, deadline limit, const std::stop_token* stop);
  void act(word round);
  void leave() noexcept;

  /// Breaks the round if it is still under way.
  void break_up(word round) noexcept {
    turn([round](word now) { return is_over(now, round) ? now : with(now, phase::broken); });
  }

  /// Replaces the state by `decide(state)`, and wakes everybody if that is another.
  template <class Decide>
  void turn(Decide decide) noexcept {
    word seen = word_.load(memory_order_relaxed);
    word next;
    do {
      next = decide(seen);
      if (next == seen) return;
      // (2) release: with (1), (4) and (7). As all that follow are read-modify-writes, they continue its sequence.
    } while (!word_.compare_exchange_weak(seen, next & ~sleepers, memory_order_release, memory_order_relaxed));
    wake(seen);
  }

  /// After a step that cleared `sleepers`: `before` is what it replaced. Whoever saw the step may have destroyed this
  /// object; the kernel is told an address, no more.
  void wake(word before) noexcept {
    if ((before & sleepers) != 0) [[unlikely]] {
      futex_wake_lower_half(word_, std::numeric_limits<std::uint32_t>::max());
    }
  }

  /// Waits until `over(state)`, which `give_up()` is to make true: this thread calls it at the limit, and whoever requests
  /// the stop, then. False: it was called.
  template <class Over, class GiveUp>
  bool await(Over over, deadline limit, const std::stop_token* stop, GiveUp give_up) {
    if (stop != nullptr) {
      const std::stop_callback at_stop(*stop, give_up);
      return await(over, limit, nullptr, give_up) && !stop->stop_requested();
    }
    if (sleep_until(over, limit)) return true;
    give_up();
    return false;
  }

  template <class Over>
  bool sleep_until(Over over, deadline limit) {
    // Look a few times: the others may be about to come.
    for (brief_looks look; look.are_left(); look.pause()) {
      if (over(word_.load(memory_order_relaxed))) return true;  // whoever acts on it loads again
      if (limit.has_passed()) return false;
    }
    // Say that somebody sleeps, look again, and sleep while nothing is new. Both are steps on one word: a change that
    // does not see us is one that we see.
    for (bool late = false;;) {
      word seen = word_.load(memory_order_relaxed);
      if (over(seen)) return true;
      if (late) return false;
      // (3) relaxed: nothing is handed over by it.
      if ((seen & sleepers) == 0 &&
          !word_.compare_exchange_strong(seen, seen | sleepers, memory_order_relaxed, memory_order_relaxed)) {
        continue;
      }
      late = futex_wait_lower_half(word_, static_cast<std::uint32_t>(seen), limit) == futex_result::timed_out;
    }
  }

  atomic<word> word_{0};
  const std::size_t parties_;
  const std::function<void()> action_;
  const std::optional<std::chrono::nanoseconds> limit_;
};

inline std::size_t barrier::pass(deadline limit, const std::stop_token* stop) {
  for (;;) {
    word seen = word_.load(memory_order_acquire);  // (4) with (2): why it is broken
    if (phase_in(seen) == phase::broken) throw broken_barrier();
    if (phase_in(seen) != phase::filling) {
      // A round's action runs, or a broken one's threads leave. We count in the next.
      await(is_open, limit, stop, [this] { abort(); });
      continue;
    }
    const std::size_t before = arrived_in(seen);
    if (before + 1 < parties_) {
      // (5) release: with (6), through which our work reaches all.
      if (word_.compare_exchange_weak(seen, seen + one_arrival, memory_order_release, memory_order_relaxed)) {
        await_others(round_in(seen), limit, stop);
        return before;
      }
    } else {
      // (6) acquire: with (5), and (9) of those who left an earlier round. Release: with (7), the end of the round.
      const word next = action_ ? with(seen + one_arrival, phase::acting) : next_round(seen);
      if (word_.compare_exchange_weak(seen, next, memory_order_acq_rel, memory_order_relaxed)) {
        if (action_) {
          act(round_in(seen));
        } else {
          wake(seen);
        }
        return before;
      }
    }
  }
}

/// Waits for the end of the round in which this thread has been counted.
inline void barrier::await_others(word round, deadline limit, const std::stop_token* stop) {
  const bool patient =
      await([round](word now) { return is_over(now, round); }, limit, stop, [this, round] { break_up(round); });
  // Over, by ourselves at the latest. (7) acquire: with the release in (6) or (8), or (2).
  if (round_in(word_.load(memory_order_acquire)) != round) return;
  leave();
  throw patient ? broken_barrier() : broken_barrier(switchyard::detail::gave_up_waiting);
}

/// Calls the action, as the last of the round, and opens the next.
inline void barrier::act(word round) {
  try {
    action_();
  } catch (...) {
    break_up(round);
    leave();
    throw;
  }
  word seen = word_.load(memory_order_relaxed);
  while (phase_in(seen) == phase::acting) {
    // (8) release: with (7) and (6), for what the action did.
    if (word_.compare_exchange_weak(seen, next_round(seen), memory_order_release, memory_order_relaxed)) {
      wake(seen);
      return;
    }
  }
  leave();
  throw broken_barrier();
}

/// Leaves a broken round. The last to leave makes room for the next if a reset has come.
inline void barrier::leave() noexcept {
  word seen = word_.load(memory_order_relaxed);
  word next;
  bool opens;
  do {
    next = seen - one_arrival;
    opens = phase_in(next) == phase::emptying && arrived_in(next) == 0;
    if (opens) next = with(next, phase::filling) & ~sleepers;
    // (9) release: with (6), for an action that was under way as the round was broken.
  } while (!word_.compare_exchange_weak(seen, next, memory_order_release, memory_order_relaxed));
  if (opens) wake(seen);
}

}  // namespace switchyard::lockfree
