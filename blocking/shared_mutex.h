// A lock that one thread holds alone, or several share: readers and writers.
//
// Source: our own; the turns are those of phase-fair locks (Brandenburg and Anderson, 2010).
// When to use it: where holding it to read takes long enough that readers get in each other's way. For short reads, `mutex`
//   is as good; where readers must not write to a shared line at all, `lockfree::synchronized`.
// Progress: blocking. A thread that stops while it holds the lock stops all others, or all writers.
// Ordering: fair by turns. While a writer waits, readers that come wait, too: no stream of readers keeps writers out. When
//   a writer is done, all readers that wait go before the next writer: no stream of writers keeps readers out. So a
//   reader waits for one writer at most, and time limits mean something. Writers go in the order in which they came.
// Cost: 24 bytes; one compare-and-swap for each lock and unlock while nobody waits. Those who wait are handed the lock,
//   under a lock of the list that they are in.
//
//   shared_mutex lock;
//   { std::shared_lock reading(lock);  look(); }   { std::lock_guard writing(lock);  change(); }
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <stop_token>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "switchyard/atomics/atomic.h"
#include "switchyard/atomics/backoff.h"
#include "switchyard/blocking/detail/parked.h"
#include "switchyard/blocking/detail/wait_list.h"
#include "switchyard/blocking/mutex.h"
#include "switchyard/interface/deadline.h"

namespace switchyard::blocking {

/// Models SharedTimedLockable, so std::shared_lock and std::unique_lock work with it; not recursive, not even to read: a
/// writer may have come in between. Any thread may unlock it. Unlocking what is not locked ends the program with a
/// message.
class ABSL_LOCKABLE shared_mutex {
 public:
  shared_mutex() = default;
  shared_mutex(const shared_mutex&) = delete;
  shared_mutex& operator=(const shared_mutex&) = delete;

  /// Waits until nobody holds the lock, and takes it alone.
  void lock() ABSL_EXCLUSIVE_LOCK_FUNCTION() {
    if (!take<alone>()) (void)wait<alone>(deadline::never(), nullptr);
  }
  /// Takes it if nobody holds it, or waits for it; never waits.
  [[nodiscard]] bool try_lock() noexcept ABSL_EXCLUSIVE_TRYLOCK_FUNCTION(true) { return take<alone>(); }
  /// The same, waiting up to `limit`, until `when`, or until a stop is requested.
  template <class Rep, class Period>
  [[nodiscard]] bool try_lock_for(const std::chrono::duration<Rep, Period>& limit)
      ABSL_EXCLUSIVE_TRYLOCK_FUNCTION(true) {
    return take<alone>() || wait<alone>(deadline::after(limit), nullptr);
  }
  [[nodiscard]] bool try_lock_until(deadline when) ABSL_EXCLUSIVE_TRYLOCK_FUNCTION(true) {
    return take<alone>() || wait<alone>(when, nullptr);
  }
  [[nodiscard]] bool lock(std::stop_token stop) ABSL_EXCLUSIVE_TRYLOCK_FUNCTION(true) {
    return take<alone>() || wait<alone>(deadline::never(), &stop);
  }
  void unlock() ABSL_UNLOCK_FUNCTION() {
    word seen = writer;
    // (1) release: pairs with (3), (5) and (6).
    if (word_.compare_exchange_strong(seen, 0, memory_order_release, memory_order_relaxed)) return;
    if ((seen & writer) == 0) [[unlikely]] detail::report_not_locked("blocking::shared_mutex");
    unlock_to_others<alone>();
  }

  /// Waits until no writer holds the lock or waits for it, and takes it with others that share it.
  void lock_shared() ABSL_SHARED_LOCK_FUNCTION() {
    if (!take<shared>()) (void)wait<shared>(deadline::never(), nullptr);
  }
  /// Takes it if no writer holds it or waits for it; never waits.
  [[nodiscard]] bool try_lock_shared() noexcept ABSL_SHARED_TRYLOCK_FUNCTION(true) { return take<shared>(); }
  /// The same, waiting up to `limit`, until `when`, or until a stop is requested.
  template <class Rep, class Period>
  [[nodiscard]] bool try_lock_shared_for(const std::chrono::duration<Rep, Period>& limit)
      ABSL_SHARED_TRYLOCK_FUNCTION(true) {
    return take<shared>() || wait<shared>(deadline::after(limit), nullptr);
  }
  [[nodiscard]] bool try_lock_shared_until(deadline when) ABSL_SHARED_TRYLOCK_FUNCTION(true) {
    return take<shared>() || wait<shared>(when, nullptr);
  }
  [[nodiscard]] bool lock_shared(std::stop_token stop) ABSL_SHARED_TRYLOCK_FUNCTION(true) {
    return take<shared>() || wait<shared>(deadline::never(), &stop);
  }
  void unlock_shared() ABSL_UNLOCK_FUNCTION() {
    word seen = word_.load(memory_order_relaxed);
    while (seen != (one_reader | queued)) {
      if (seen < one_reader) [[unlikely]] detail::report_not_locked("blocking::shared_mutex");
      // (2) release: pairs with (3), (5) and (6).
      if (word_.compare_exchange_weak(seen, seen - one_reader, memory_order_release, memory_order_relaxed)) return;
    }
    unlock_to_others<shared>();  // the last, and somebody waits
  }

  /// True if a thread holds it alone; for monitoring.
  bool locked() const noexcept { return (word_.load(memory_order_relaxed) & writer) != 0; }
  /// How many share it; for monitoring.
  std::size_t readers() const noexcept { return word_.load(memory_order_relaxed) / one_reader; }

 private:
  // {readers: 30, writer: 1, queued: 1}.
  // Invariant Q: `queued` is set, under the guard, before anybody enters a list, while the lock is held; and cleared when
  // both lists are found empty. While it is set nobody takes the lock but by being handed it, and the last to unlock
  // does so under the guard: nobody is left in a list with the lock free.
  using word = std::uint32_t;
  static constexpr word queued = 1;
  static constexpr word writer = 2;
  static constexpr word one_reader = 4;

  enum mode { alone, shared };

  template <mode Mode>
  static bool can_take(word w) noexcept {
    return Mode == alone ? w == 0 : (w & (writer | queued)) == 0;
  }

  template <mode Mode>
  bool take() noexcept {
    word seen = Mode == alone ? 0 : word_.load(memory_order_relaxed);
    while (can_take<Mode>(seen)) {
      // (3) acquire: pairs with (1), (2) and (4).
      if (word_.compare_exchange_weak(seen, seen + (Mode == alone ? writer : one_reader), memory_order_acquire,
                                      memory_order_relaxed)) {
        return true;
      }
    }
    return false;
  }

  template <mode Mode>
  [[gnu::noinline]] bool wait(deadline limit, const std::stop_token* stop) {
    if (limit.has_passed()) return false;
    // Look again a few times: the holder is probably running, and about to unlock.
    for (last_looks look; look.are_left(); look.pause()) {
      if (take<Mode>()) return true;
      if (limit.has_passed()) return false;
    }

    detail::wait_list& list = Mode == alone ? writers_ : readers_;
    detail::parked self;
    {
      const std::lock_guard hold(guard_);
      // Say that somebody waits, unless the lock is free: one step, so that the last to unlock sees it.
      for (word seen = word_.load(memory_order_relaxed); (seen & queued) == 0;) {
        if (take<Mode>()) return true;
        seen = word_.load(memory_order_relaxed);
        if (!can_take<Mode>(seen) && word_.compare_exchange_weak(seen, seen | queued, memory_order_relaxed,
                                                                 memory_order_relaxed)) {
          break;
        }
      }
      list.enlist(self);
    }
    if (self.sleep(list, guard_, limit, stop)) return true;  // handed to us

    // Others may have waited only because we did.
    detail::wake_after_unlock wake;
    const std::lock_guard hold(guard_);
    hand_over<alone>(wake);
    return false;
  }

  /// Gives the lock up while others wait for it.
  template <mode Mode>
  [[gnu::noinline]] void unlock_to_others() {
    detail::wake_after_unlock wake;
    const std::lock_guard hold(guard_);
    // (4) release: pairs with (3), (5) and (6).
    word_.fetch_sub(Mode == alone ? writer : one_reader, memory_order_release);
    hand_over<Mode == alone ? shared : alone>(wake);
  }

  /// Hands the lock to those who can have it now, if both kinds wait to those of `First`. Needs the guard.
  template <mode First>
  void hand_over(detail::wake_after_unlock& wake) noexcept {
    const word now = word_.load(memory_order_relaxed);
    if ((now & writer) == 0) {
      if (First == shared ? !readers_.empty() : writers_.empty()) {
        for (; !readers_.empty(); wake.add(readers_, 1)) {
          word_.fetch_add(one_reader, memory_order_acquire);  // (5) acquire: pairs with (1), (2) and (4)
        }
      } else if (now < one_reader && !writers_.empty()) {
        word_.fetch_or(writer, memory_order_acquire);  // (6) acquire: the same
        wake.add(writers_, 1);
      }
    }
    if (readers_.empty() && writers_.empty()) word_.fetch_and(~queued, memory_order_relaxed);
  }

  atomic<word> word_{0};
  mutex guard_;  // of the lists
  detail::wait_list readers_;
  detail::wait_list writers_;
};

}  // namespace switchyard::blocking
