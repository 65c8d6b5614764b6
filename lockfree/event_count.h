// A condition variable for predicates that no lock protects: notifying costs nothing until somebody waits.
//
// Source: Dmitry Vyukov's eventcount and folly::EventCount for the idea; WG21 P1202 for the fences. The
// packed state, and who takes whom off the count, are our own.
// When: any lock-free structure that wants operations that wait. The structure changes its state with
//   atomics, then notifies. Not for a predicate that a lock protects: that is `blocking::condition`.
// Progress: `notify` with nobody waiting is wait-free and makes no system call; with waiters it is
//   lock-free and makes one. The waiting members block, by design.
// Ordering: a notifier's writes before `notify` are seen by the predicate of whoever it wakes, provided the
//   structure itself publishes them with release and reads them with acquire; the event count adds none.
// Cost: `notify` is a compiler barrier and a load of a word that nobody writes while nobody waits.
//
//   // consumer                                                      // producer
//   items.await([&] { return queue.try_take(x); });                  queue.put(x);  items.notify_one();
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>

#include "switchyard/atomics/asymmetric_fence.h"
#include "switchyard/atomics/atomic.h"
#include "switchyard/atomics/futex.h"
#include "switchyard/interface/deadline.h"

namespace switchyard::lockfree {

/// Invariant "claimed": `waiters` counts registered threads that no notification has been spent on. It may
/// be too large (a thread that timed out as it was notified stays on it until a later notification takes
/// it off, for the price of one idle system call), never too small.
class event_count {
 public:
  /// What `prepare_wait` saw: the count of notifications.
  using key = std::uint32_t;

  event_count() noexcept = default;
  event_count(const event_count&) = delete;
  event_count& operator=(const event_count&) = delete;

  /// Wakes `n` waiting threads, or all if there are fewer. Call it after the change that they wait for.
  void notify(std::uint32_t n) noexcept {
    // With (4): either we see the registration here, or the thread that registers sees our change.
    asymmetric_fence_light();                               // (1)
    const state seen = state_.load(memory_order_relaxed);   // (2)
    if (waiters(seen) != 0) [[unlikely]] wake(seen, n);
  }
  void notify_one() noexcept { notify(1); }
  void notify_all() noexcept { notify(std::numeric_limits<std::uint32_t>::max()); }

  /// True if a thread seems to be waiting; for monitoring.
  bool has_waiters() const noexcept { return waiters(state_.load(memory_order_relaxed)) != 0; }

  /// Waits until `ready()` is true; it is called at least once and may have an effect, such as taking an
  /// item. What it throws passes on.
  template <class Predicate>
  void await(Predicate ready) {
    await_until(deadline::never(), ready);
  }

  /// The same with a limit: the last value of `ready()`, which is called once more after the deadline.
  template <class Predicate>
  bool await_until(deadline limit, Predicate ready) {
    for (;;) {
      // Asked before each look: notifications meant for others must not keep us past the deadline.
      const bool last = limit.has_passed();
      if (ready()) return true;
      if (last) return false;
      const key registered = prepare_wait();
      if (ready_or_cancel(registered, ready)) return true;
      commit_wait(registered, limit);
    }
  }

  /// The long form, for callers that do something between the steps: register, look again, and then either
  /// `cancel_wait` or `commit_wait`, exactly one of them, with the key. About a microsecond.
  [[nodiscard]] key prepare_wait() noexcept {
    const state before = state_.fetch_add(one_waiter, memory_order_relaxed);  // (3)
    // Threads that left without taking themselves off add up (invariant "claimed"). Long before they could
    // fill the field, wake everybody and begin again from none.
    if (waiters(before) >= too_many) wake(before, too_many * 2);
    asymmetric_fence_heavy();  // (4) with (1)
    return notifications(before);
  }

  /// Takes the registration back.
  void cancel_wait(key registered) noexcept {
    // While the count of notifications is still our key, nobody was notified since we registered, so we are
    // on the count for sure and may take ourselves off. Once it has moved on, a notification may have been
    // spent on us, and who is on the count may be somebody else: leave it (invariant "claimed").
    state seen = state_.load(memory_order_relaxed);
    while (notifications(seen) == registered &&
           !state_.compare_exchange_weak(seen, seen - one_waiter, memory_order_relaxed,
                                         memory_order_relaxed)) {
    }
  }

  /// Sleeps until a notification later than `registered`, or the deadline.
  futex_result commit_wait(key registered, deadline limit = deadline::never()) {
    while (notifications(state_.load(memory_order_relaxed)) == registered) {
      if (futex_wait_lower_half(state_, registered, limit) == futex_result::timed_out) {
        cancel_wait(registered);
        return futex_result::timed_out;
      }
    }
    return futex_result::woken;
  }

 private:
  // {waiters: 32, notifications: 32}. The kernel looks at the lower half, which every notification that
  // finds a waiter changes.
  using state = std::uint64_t;
  static constexpr state one_waiter = state{1} << 32;
  static constexpr std::uint32_t too_many = std::uint32_t{1} << 30;

  static std::uint32_t waiters(state s) noexcept { return static_cast<std::uint32_t>(s >> 32); }
  static std::uint32_t notifications(state s) noexcept { return static_cast<std::uint32_t>(s); }
  static state make(std::uint32_t waiting, std::uint32_t notified) noexcept {
    return state{waiting} << 32 | notified;
  }

  // Takes up to n waiters off the count, and wakes as many.
  [[gnu::noinline]] void wake(state seen, std::uint32_t n) noexcept {
    std::uint32_t claimed;
    state next;
    do {
      if (waiters(seen) == 0) return;
      claimed = std::min(n, waiters(seen));
      next = make(waiters(seen) - claimed, notifications(seen) + 1);
    } while (!state_.compare_exchange_weak(seen, next, memory_order_relaxed, memory_order_relaxed));
    futex_wake_lower_half(state_, claimed);
  }

  template <class Predicate>
  bool ready_or_cancel(key registered, Predicate& ready) {
    bool done = true;  // if `ready` throws, we leave too
    struct at_exit {
      event_count& self;
      key registered;
      bool& done;
      ~at_exit() {
        if (done) self.cancel_wait(registered);
      }
    } leave{*this, registered, done};
    return done = ready();
  }

  atomic<state> state_{0};
};

}  // namespace switchyard::lockfree
