// A place where a fixed number of threads wait for each other, again and again, under a lock.
//
// Source: a monitor; the interface is that of CPython's threading.Barrier.
// When to use it: as the measure for `lockfree::barrier`, which has the same members.
// Progress: blocking: a thread that stops inside an operation stops all others.
// Ordering: what any party did before it arrived happened before the action, and that before every return of the round.
//   What happened before a round was broken happened before the exceptions that say so.
// Cost: two locks and unlocks for each wait; a system call for each thread that sleeps or is woken.
//
//   barrier rounds(workers, [&] { swap(front, back); });   /* each worker */ for (;;) { compute();  rounds.wait(); }
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <utility>

#include "switchyard/blocking/detail/guarded_wait.h"
#include "switchyard/interface/barrier.h"
#include "switchyard/interface/deadline.h"

namespace switchyard::blocking {

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
  void abort() {
    turn([this] { phase_ = phase::broken; });
  }

  /// Makes the barrier as new. Who waits gets broken_barrier; who comes waits until they have left.
  void reset() {
    turn([this] { phase_ = arrived_ == 0 ? phase::filling : phase::emptying; });
  }

  bool broken() const {
    return guard_.under_lock([this] { return phase_ == phase::broken; });
  }
  std::size_t parties() const noexcept { return parties_; }
  /// How many wait for others to come; for monitoring.
  std::size_t waiting() const {
    return guard_.under_lock([this] { return phase_ == phase::filling ? arrived_ : 0; });
  }

 private:
  // filling -> filling, the next round: all have come, and there is no action;
  // filling -> acting -> filling, the next round: the last to come calls the action in between, without the lock;
  // any -> broken -> emptying -> filling, the same round: somebody gave up, and a reset followed.
  //
  // Invariant R: while one who has arrived in a broken round has not left, the phase is broken or emptying, and the round
  // is that one. (`arrived_` counts those who have not left, then.)
  enum class phase { filling, acting, broken, emptying };

  deadline usual_limit() const { return limit_ ? deadline::after(*limit_) : deadline::never(); }

  std::size_t pass(deadline limit, const std::stop_token* stop);
  void act(std::uint64_t round);

  bool is_over(std::uint64_t round) const noexcept {
    return round_ != round || phase_ == phase::broken || phase_ == phase::emptying;
  }

  // Those below need the lock, but for `turn` and `await`.

  void complete() noexcept {
    ++round_;
    arrived_ = 0;
    phase_ = phase::filling;
  }
  /// Breaks the round if it is still under way.
  void break_up(std::uint64_t round) noexcept {
    if (!is_over(round)) phase_ = phase::broken;
  }
  /// Leaves a broken round. The last to leave makes room for the next if a reset has come.
  void leave() noexcept {
    if (--arrived_ == 0 && phase_ == phase::emptying) phase_ = phase::filling;
  }

  /// Calls `step` under the lock, and lets everybody look.
  template <class Step>
  void turn(Step step) {
    guard_.update([&] {
      step();
      return detail::guarded_wait::everybody;
    });
  }

  /// Waits until `over()`. False: it gave up.
  template <class Over>
  bool await(Over over, deadline limit, const std::stop_token* stop) {
    return stop != nullptr ? guard_.wait_unless(limit, *stop, over) : guard_.wait_until(limit, over);
  }

  detail::guarded_wait guard_;
  phase phase_ = phase::filling;
  std::uint64_t round_ = 0;  // of those that were completed, how many
  std::size_t arrived_ = 0;
  const std::size_t parties_;
  const std::function<void()> action_;
  const std::optional<std::chrono::nanoseconds> limit_;
};

inline std::size_t barrier::pass(deadline limit, const std::stop_token* stop) {
  // While a round's action runs, or a broken one's threads leave, nobody can arrive.
  const auto is_open = [this] { return phase_ == phase::filling || phase_ == phase::broken; };
  std::uint64_t round = 0;
  std::size_t before = 0;
  for (bool arrived = false; !arrived;) {
    guard_.update([&]() -> std::size_t {
      if (phase_ == phase::broken) throw broken_barrier();
      if (!is_open()) return 0;
      arrived = true;
      round = round_;
      before = arrived_++;
      if (arrived_ < parties_) return 0;
      if (action_) {
        phase_ = phase::acting;
        return 0;
      }
      complete();
      return detail::guarded_wait::everybody;
    });
    if (!arrived && !await(is_open, limit, stop)) abort();
  }
  if (before + 1 == parties_) {
    if (action_) act(round);
    return before;
  }

  bool completed = false;
  const auto over = [&] {
    completed = round_ != round;
    return is_over(round);
  };
  const bool patient = await(over, limit, stop);
  if (completed) return before;
  turn([&] {
    break_up(round);
    completed = round_ != round;
    if (!completed) leave();
  });
  if (completed) return before;
  throw patient ? broken_barrier() : broken_barrier(switchyard::detail::gave_up_waiting);
}

/// Calls the action, as the last of the round, and opens the next.
inline void barrier::act(std::uint64_t round) {
  try {
    action_();
  } catch (...) {
    turn([&] {
      break_up(round);
      leave();
    });
    throw;
  }
  bool completed = false;
  turn([&] {
    completed = phase_ == phase::acting;
    if (completed) {
      complete();
    } else {
      leave();
    }
  });
  if (!completed) throw broken_barrier();
}

}  // namespace switchyard::blocking
