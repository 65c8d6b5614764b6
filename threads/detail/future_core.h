// What a future is underneath, whatever its type: how far its work has come, who sleeps, who is to be told.
//
// Source: our own; the list of call-backs that is closed as a whole is that of Folly's and Boost's futures.
// When: inside `threads/future.h` and the thread pools. Users name those.
// Progress: lock-free, but for `sleep_until`, which waits by design. Whoever completes it walks through lists that nobody
//   else can hold up.
// Ordering: what happened before the completion happened before every call that finds it complete.
// Cost: one compare-and-swap to start and one exchange to complete; a system call only if a thread sleeps.
#pragma once

#include <cstdint>
#include <exception>
#include <limits>
#include <utility>

#include "switchyard/atomics/atomic.h"
#include "switchyard/atomics/backoff.h"
#include "switchyard/atomics/futex.h"
#include "switchyard/atomics/plain.h"
#include "switchyard/interface/deadline.h"
#include "switchyard/threads/waiter.h"

namespace switchyard::detail {

/// Something to be called once, when a future is complete. Its address has room for the bits of a state.
struct alignas(32) completion {
  completion() noexcept { next.construct(nullptr); }
  /// The last thing that is done with it: it may end itself.
  virtual void fire() noexcept = 0;

  plain<completion*> next;

 protected:
  ~completion() = default;
};

/// What one sleeping thread is woken by, whichever of several futures and queues it waits for. Whoever may wake it holds
/// a part of it, so that nobody has to wait until the others have let go.
class wake_signal final : public waiter {
 public:
  void hold() noexcept { holders_.fetch_add(1, memory_order_relaxed); }
  void let_go() noexcept {
    if (holders_.fetch_sub(1, memory_order_acq_rel) == 1) delete this;  // (1) with itself
  }

  /// Relaxed: whoever is woken looks for itself, and registers again, in one step with the look, before it sleeps again.
  void fire() noexcept {
    if (word_.exchange(1, memory_order_relaxed) == 0) switchyard::futex_wake(word_, 1);  // (2)
  }
  /// As a waiter, on a list: it holds a part then.
  void wake() noexcept override {
    fire();
    let_go();
  }

  /// Until it has been fired, or `limit`.
  void sleep_until(deadline limit) const {
    while (word_.load(memory_order_relaxed) == 0) {  // (3)
      if (switchyard::futex_wait(word_, 0, limit) == futex_result::timed_out) return;
    }
  }

 private:
  atomic<std::uint32_t> holders_{1};
  atomic<std::uint32_t> word_{0};
};

/// A place in a future for the signal of one who waits. It stays there, for the next.
struct watch_cell {
  atomic<wake_signal*> target;
  watch_cell* below;
};

/// Held by a future, and by who is to complete it; whoever lets go last ends it.
class future_core {
 public:
  /// In this order, but for a promise's value whose making throws. `setting` is `running` to the outside: a promise is
  /// just being given its value. From `value` on it is complete.
  enum phase : std::uint64_t { pending, running, setting, value, error, cancelled };

  future_core(const future_core&) = delete;
  future_core& operator=(const future_core&) = delete;

  void hold() noexcept { holders_.fetch_add(1, memory_order_relaxed); }
  void let_go() noexcept {
    // (4) acquire: with (5) of all others, who have let go. The only one left need not say so.
    if (holders_.load(memory_order_acquire) == 1 ||
        holders_.fetch_sub(1, memory_order_acq_rel) == 1) {  // (5) with (4) and itself
      end();
    }
  }

  phase now() const noexcept { return phase_in(word_.load(memory_order_acquire)); }  // (6) with (9), (10)
  bool is_complete() const noexcept { return now() >= value; }

  /// Of a future in phase `error`.
  const std::exception_ptr& exception() const noexcept { return error_.read(); }

  // -- Who completes it -------------------------------------------------------------------------------------------

  /// The work begins: true unless it has been cancelled, or has begun before. Whoever gets true goes on to `complete`.
  /// Relaxed: whoever is here knows the work from where it has the future.
  bool start() noexcept {
    word seen = word_.load(memory_order_relaxed);
    do {
      if (phase_in(seen) != pending) return false;
    } while (!word_.compare_exchange_weak(seen, with(seen, running), memory_order_relaxed, memory_order_relaxed));
    return true;
  }

  /// For promises: whoever gets true may set the value, and goes on to `complete` or `give_up_setting(before)`.
  bool start_setting(phase& before) noexcept {
    word seen = word_.load(memory_order_relaxed);
    do {
      before = phase_in(seen);
      if (before > running) return false;
      // (7) acquire: with (8).
    } while (!word_.compare_exchange_weak(seen, with(seen, setting), memory_order_acquire, memory_order_relaxed));
    return true;
  }
  void give_up_setting(phase before) noexcept {
    word seen = word_.load(memory_order_relaxed);
    // (8) release: with (7), whose thread uses the place of the value next.
    while (!word_.compare_exchange_weak(seen, with(seen, before), memory_order_release, memory_order_relaxed)) {
    }
  }

  /// The value or the error is in its place: tells everybody. Calls the call-backs. The caller holds a part.
  void complete(phase how) noexcept {
    // (9) release: with (6), (11) and (12); acquire: with (13) and (14).
    tell(word_.exchange(how, memory_order_acq_rel));
  }
  void complete_with(std::exception_ptr what) noexcept {
    error_.construct(std::move(what));
    complete(error);
  }

  /// True if it is cancelled by now: it was pending, or cancelled before.
  bool cancel() noexcept {
    word seen = word_.load(memory_order_relaxed);
    do {
      if (phase_in(seen) != pending) return phase_in(seen) == cancelled;
      // (10) as (9). The list goes with it.
    } while (!word_.compare_exchange_weak(seen, cancelled, memory_order_acq_rel, memory_order_relaxed));
    drop_work();
    tell(seen);
    return true;
  }

  /// Of a pool's task: does the work here and now. False: it has begun before, or been cancelled.
  virtual bool run() noexcept { return false; }
  /// Of a pool's task: completes it without: cancelled, or with `why`; unless it has begun.
  virtual void give_up(const std::exception_ptr& why) noexcept { static_cast<void>(why); }
  /// The pool whose task it is.
  const void* home() const noexcept { return home_; }

  // -- Who waits --------------------------------------------------------------------------------------------------

  /// False: it is complete already, and `c` is not on the list. Else `c.fire()` will be called, after those before it.
  bool add(completion& c) noexcept {
    word seen = word_.load(memory_order_acquire);  // (11) with (9), (10)
    do {
      if (phase_in(seen) >= value) return false;
      c.next.write() = first_in(seen);
      // (13) release: with (9), (10). (11) again if it fails.
    } while (!word_.compare_exchange_weak(seen, (seen & bits) | reinterpret_cast<std::uintptr_t>(&c),
                                          memory_order_release, memory_order_acquire));
    return true;
  }

  /// True: complete. False: `limit` came first.
  bool sleep_until(deadline limit) noexcept {
    for (last_looks look; look.are_left(); look.pause()) {
      if (is_complete()) return true;
      if (limit.has_passed()) return false;
    }
    for (;;) {
      word seen = word_.load(memory_order_acquire);  // (12) with (9), (10)
      if (phase_in(seen) >= value) return true;
      if (limit.has_passed()) return false;
      // Say that somebody sleeps, and sleep until the lower half is another: the phase is in it.
      if ((seen & has_sleeper) == 0 &&
          !word_.compare_exchange_weak(seen, seen | has_sleeper, memory_order_relaxed, memory_order_relaxed)) {
        continue;
      }
      futex_wait_lower_half(word_, static_cast<std::uint32_t>(seen | has_sleeper), limit);
    }
  }

  /// Has `s` fired on completion, once, unless `unwatch` comes first. nullptr: it is complete already. Throws
  /// std::bad_alloc.
  watch_cell* watch(wake_signal& s) {
    watch_cell* const cell = arm(s);
    // (14) release: with (9), (10), whose thread finds the cell.
    if (phase_in(word_.fetch_or(has_watcher, memory_order_release)) < value) return cell;
    unwatch(*cell, s);
    return nullptr;
  }
  void unwatch(watch_cell& cell, wake_signal& s) noexcept {
    wake_signal* expected = &s;
    if (cell.target.compare_exchange_strong(expected, nullptr, memory_order_relaxed, memory_order_relaxed)) s.let_go();
  }

 protected:
  explicit future_core(std::uint32_t holders, const void* home = nullptr) noexcept : holders_(holders), home_(home) {}
  virtual ~future_core() {
    if (phase_in(word_.load(memory_order_relaxed)) == error) error_.destroy();
    for (watch_cell* cell = cells_.load(memory_order_relaxed); cell != nullptr;) {
      delete std::exchange(cell, cell->below);
    }
  }

  /// It has been cancelled, and what was to be done will not be.
  virtual void drop_work() noexcept {}
  /// Nobody holds it any more.
  virtual void end() noexcept { delete this; }

 private:
  // {the call-back given last: 59, has_watcher: 1, has_sleeper: 1, phase: 3}; the list is empty from completion on. That
  // all of it changes in one step is what makes everybody either be told or see.
  using word = std::uint64_t;
  static constexpr word phase_bits = 7;
  static constexpr word has_sleeper = 8;
  static constexpr word has_watcher = 16;
  static constexpr word bits = 31;
  static_assert(alignof(completion) > bits, "a call-back's address must leave room for the bits");

  static phase phase_in(word w) noexcept { return static_cast<phase>(w & phase_bits); }
  static word with(word w, phase p) noexcept { return (w & ~phase_bits) | p; }
  static completion* first_in(word w) noexcept { return reinterpret_cast<completion*>(w & ~bits); }

  void tell(word before) noexcept {
    if ((before & ~phase_bits) != 0) [[unlikely]] tell_those_there(before);
  }

  [[gnu::noinline]] void tell_those_there(word before) noexcept {
    if ((before & has_sleeper) != 0) futex_wake_lower_half(word_, std::numeric_limits<std::uint32_t>::max());
    if ((before & has_watcher) != 0) {
      for (watch_cell* cell = cells_.load(memory_order_acquire); cell != nullptr; cell = cell->below) {  // (15) with (16)
        wake_signal* const s = cell->target.exchange(nullptr, memory_order_acquire);  // (17) with (16), (18)
        if (s == nullptr) continue;
        s->fire();
        s->let_go();
      }
    }
    // The list is newest first; they are called in the order in which they came.
    completion* in_order = nullptr;
    for (completion* c = first_in(before); c != nullptr;) {
      completion* const earlier = std::exchange(c->next.write(), in_order);
      in_order = std::exchange(c, earlier);
    }
    while (in_order != nullptr) {
      completion* const c = in_order;
      in_order = c->next.read();  // before it is called, and may end
      c->fire();
    }
  }

  watch_cell* arm(wake_signal& s) {
    watch_cell* const first = cells_.load(memory_order_acquire);  // (15) with (16)
    for (watch_cell* cell = first; cell != nullptr; cell = cell->below) {
      wake_signal* expected = nullptr;
      if (cell->target.load(memory_order_relaxed) == nullptr) {
        s.hold();
        // (18) release: with (17), whose thread fires it.
        if (cell->target.compare_exchange_strong(expected, &s, memory_order_release, memory_order_relaxed)) return cell;
        s.let_go();
      }
    }
    auto* const made = new watch_cell{&s, first};
    s.hold();
    // (16) release: with (15), (17).
    while (!cells_.compare_exchange_weak(made->below, made, memory_order_release, memory_order_relaxed)) {
    }
    return made;
  }

  atomic<word> word_{pending};
  atomic<std::uint32_t> holders_;
  const void* const home_;
  atomic<watch_cell*> cells_{nullptr};
  plain<std::exception_ptr> error_;  // in phase `error`
};

/// A part of a core that is held.
class core_ref {
 public:
  core_ref() noexcept = default;
  /// Takes over a part that the caller holds.
  explicit core_ref(future_core* held) noexcept : core_(held) {}
  core_ref(core_ref&& other) noexcept : core_(std::exchange(other.core_, nullptr)) {}
  core_ref& operator=(core_ref&& other) noexcept {
    core_ref(std::move(other)).swap(*this);
    return *this;
  }
  ~core_ref() {
    if (core_ != nullptr) core_->let_go();
  }
  static core_ref another(future_core& core) noexcept {
    core.hold();
    return core_ref(&core);
  }
  void swap(core_ref& other) noexcept { std::swap(core_, other.core_); }
  future_core* get() const noexcept { return core_; }
  future_core* operator->() const noexcept { return core_; }
  explicit operator bool() const noexcept { return core_ != nullptr; }

 private:
  future_core* core_ = nullptr;
};

}  // namespace switchyard::detail
