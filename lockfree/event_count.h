// A condition variable for predicates that no lock protects: notifying costs nothing until somebody waits.
//
// Source: Dmitry Vyukov's eventcount and folly::EventCount for the idea; WG21 P1202 for the fences. The
// packed state, who takes whom off the count, and the list of call-backs are our own.
// When: any lock-free structure that wants operations that wait. The structure changes its state with
//   atomics, then notifies. Not for a predicate that a lock protects: that is `blocking::condition`.
// Progress: `notify` with nobody waiting is wait-free and makes no system call; with waiters it is
//   lock-free and makes one. The waiting members block, by design. Waiters that are call-backs are in a list under a
//   lock of a few instructions, which `enlist` and `withdraw` wait for and `notify` does not: it leaves its
//   notification to whoever holds the lock. A thread stopped there stops no notifier and no sleeping thread from being
//   woken; but call-backs are not called until it goes on.
// Ordering: a notifier's writes before `notify` are seen by the predicate of whoever it wakes, provided the
//   structure itself publishes them with release and reads them with acquire; the event count adds none.
// Cost: `notify` is a compiler barrier and a load of a word that nobody writes while nobody waits. Sixteen bytes.
//
//   // consumer                                                      // producer
//   items.await([&] { return queue.try_take(x); });                  queue.put(x);  items.notify_one();
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>

#include "switchyard/atomics/asymmetric_fence.h"
#include "switchyard/atomics/atomic.h"
#include "switchyard/atomics/backoff.h"
#include "switchyard/atomics/futex.h"
#include "switchyard/atomics/tagged_ptr.h"
#include "switchyard/interface/deadline.h"
#include "switchyard/threads/waiter.h"

namespace switchyard::lockfree {

/// Invariant "claimed": `threads` counts registered threads that no notification has been spent on. It may
/// be too large (a thread that timed out as it was notified stays on it until a later notification takes
/// it off, for the price of one idle system call), never too small.
class event_count {
 public:
  /// What `prepare_wait` saw: the count of notifications.
  using key = std::uint32_t;

  constexpr event_count() noexcept = default;
  event_count(const event_count&) = delete;
  event_count& operator=(const event_count&) = delete;

  /// Wakes `n` of those that wait, or all if there are fewer: first threads, in the order in which they fell asleep,
  /// then call-backs, longest enlisted first. Call it after the change that they wait for.
  void notify(std::uint32_t n) noexcept {
    if (is_alert()) [[unlikely]] wake(n);
  }
  void notify_one() noexcept { notify(1); }
  void notify_all() noexcept { notify(std::numeric_limits<std::uint32_t>::max()); }

  /// False: `notify` has nothing to do. For who has more to do at such a moment than to notify, and asks once for all.
  [[gnu::always_inline]] bool is_alert() const noexcept {
    // With (4): either we see the registration here, or the thread that registers sees our change.
    asymmetric_fence_lightest();                              // (1)
    return state_.load(memory_order_relaxed) >= one_waiter;   // (2)
  }

  /// Has `is_alert` be true from now on, at the price of a look at more by each notification.
  void stay_alert() noexcept { state_.fetch_or(alert, memory_order_relaxed); }

  /// True if somebody seems to be waiting; for monitoring.
  bool has_waiters() const noexcept { return (state_.load(memory_order_relaxed) & ~(alert | unsure)) >= one_waiter; }

  /// Waits until `ready()` is true; it is called at least once and may have an effect, such as taking an
  /// item. What it throws passes on.
  template <class Predicate>
  void await(Predicate ready) {
    await_until(deadline::never(), ready);
  }

  /// The same with a limit: the last value of `ready()`, which is called once more after the deadline.
  template <class Predicate>
  bool await_until(deadline limit, Predicate ready) {
    if (ready()) return true;  // before the clock is asked
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
    if (threads(before) >= too_many) wake(too_many * 2);
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

  /// Has `w.wake()` called once by a later notification. Then look again, as after `prepare_wait`. About a microsecond.
  /// It must not be enlisted already.
  void enlist(waiter& w) noexcept {
    picked_waiters picked;
    waiter_ring list = lock_list();
    if (list.empty()) state_.fetch_or(enlisted, memory_order_relaxed);  // seen by (2), or else (4) helps
    list.append(w);
    unlock_list(list, picked);
    asymmetric_fence_heavy();  // (4) with (1)
  }

  /// Takes `w` off the list. False: it is not there, as a notification has been spent on it.
  bool withdraw(waiter& w) noexcept {
    picked_waiters picked;
    waiter_ring list = lock_list();
    const bool was_listed = list.remove(w);
    unlock_list(list, picked);
    return was_listed;
  }

 private:
  // {enlisted: 1, alert: 1, unsure: 1, threads: 29, notifications: 32}. The kernel looks at the lower half, which every notification
  // that finds a thread changes. `enlisted` says that the list is not empty; it changes under the list's lock. `alert` and
  // `unsure` have everybody come to `wake`: for `stay_alert`, and as long as (1) is not known to be a fence.
  using state = std::uint64_t;
  static constexpr state one_waiter = state{1} << 32;
  static constexpr state enlisted = state{1} << 63;
  static constexpr state alert = state{1} << 62;
  static constexpr state unsure = state{1} << 61;
  static constexpr state flags = enlisted | alert | unsure;
  static constexpr std::uint32_t too_many = std::uint32_t{1} << 28;

  static std::uint32_t threads(state s) noexcept { return static_cast<std::uint32_t>((s & ~flags) >> 32); }
  static std::uint32_t notifications(state s) noexcept { return static_cast<std::uint32_t>(s); }
  static state claim(state s, std::uint32_t claimed) noexcept {
    return (s & flags) | state{threads(s) - claimed} << 32 | static_cast<std::uint32_t>(notifications(s) + 1);
  }

  // The list of call-backs: {its last, {owed: 15, locked: 1}}. `owed` are notifications that came while somebody
  // held the lock, who is to serve them; `every_one` or more of them are for all. None are owed while it is free.
  using list_word = tagged_ptr<waiter>;
  static constexpr std::uint16_t locked = 1;
  static constexpr std::uint16_t every_one = 0x7fff;

  static std::uint16_t owed(list_word w) noexcept { return w.tag() >> 1; }
  static list_word locked_list(waiter* last, std::uint16_t debt = 0) noexcept {
    return list_word(last, static_cast<std::uint16_t>(debt << 1 | locked));
  }
  static void pick(waiter_ring& list, std::uint32_t n, picked_waiters& picked) noexcept {
    picked.add(list, n < every_one ? n : std::numeric_limits<std::size_t>::max());
  }

  // Takes up to n threads off the count and wakes as many, and call-backs for the rest of n.
  [[gnu::noinline]] void wake(std::uint32_t n) noexcept {
    asymmetric_fence_light();                          // (1), where that was none
    state seen = state_.load(memory_order_relaxed);    // (2)
    if ((seen & unsure) != 0 && asymmetric_fence_is_light()) {
      seen = state_.fetch_and(~unsure, memory_order_relaxed) & ~unsure;
    }
    std::uint32_t claimed;
    while ((claimed = std::min(n, threads(seen))) != 0) {
      if (!state_.compare_exchange_weak(seen, claim(seen, claimed), memory_order_relaxed, memory_order_relaxed)) {
        continue;
      }
      n -= std::min(n, futex_wake_lower_half(state_, claimed));
      break;
    }
    if (n != 0 && (seen & enlisted) != 0) wake_listed(n);
  }

  void wake_listed(std::uint32_t n) noexcept {
    n = std::min<std::uint32_t>(n, every_one);
    list_word seen = list_.load(memory_order_relaxed);
    list_word next;
    bool busy;
    do {
      busy = (seen.tag() & locked) != 0;
      const auto debt = static_cast<std::uint16_t>(busy ? std::min<std::uint32_t>(owed(seen) + n, every_one) : 0);
      next = locked_list(seen.pointer(), debt);
      // By (4) with (1), who has enlisted and not seen our change is on the list that we find here.
    } while (!list_.compare_exchange_weak(seen, next, memory_order_acquire, memory_order_relaxed));  // (6) with (8)
    if (busy) return;  // whoever holds the lock has seen it, or will
    picked_waiters picked;
    waiter_ring list(seen.pointer());
    pick(list, n, picked);
    unlock_list(list, picked);
  }

  waiter_ring lock_list() noexcept {
    list_word seen = list_.load(memory_order_relaxed);
    for (backoff spin;;) {
      if ((seen.tag() & locked) != 0) {
        spin.wait();
        seen = list_.load(memory_order_relaxed);
      } else if (list_.compare_exchange_weak(seen, locked_list(seen.pointer()), memory_order_acquire,  // (7) with (8)
                                             memory_order_relaxed)) {
        return waiter_ring(seen.pointer());
      }
    }
  }

  // Serves what has come meanwhile, until nothing more has.
  void unlock_list(waiter_ring& list, picked_waiters& picked) noexcept {
    list_word seen = list_.load(memory_order_relaxed);
    for (;;) {
      if (const std::uint16_t debt = owed(seen); debt != 0) {
        if (list_.compare_exchange_weak(seen, locked_list(seen.pointer()), memory_order_relaxed,
                                        memory_order_relaxed)) {
          pick(list, debt, picked);
          seen = locked_list(seen.pointer());
        }
        continue;
      }
      if (list.empty() && (state_.load(memory_order_relaxed) & enlisted) != 0) {
        state_.fetch_and(~enlisted, memory_order_relaxed);
      }
      if (list_.compare_exchange_weak(seen, list_word(list.last(), 0), memory_order_release,  // (8) with (6), (7)
                                      memory_order_relaxed)) {
        return;
      }
    }
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

  atomic<state> state_{asymmetric_fence_is_always_light ? 0 : unsure};
  atomic<list_word> list_{list_word()};
};

}  // namespace switchyard::lockfree
