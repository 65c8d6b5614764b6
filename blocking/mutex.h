// A small mutual exclusion lock: four bytes, timed, never a system call unless a thread has to sleep.
//
// Source: Ulrich Drepper, "Futexes Are Tricky" (2011), the third mutex, with a short spin before the sleep.
//
// When to use it: as the lock of the structures in this folder, whose default it is, and wherever a
// std::mutex would do; it is smaller, faster when threads compete, and clang checks its use. Not while
// waiting for something to happen: that is what the queues are for.
//
// Progress: blocking. A thread that stops while it holds the lock stops all others.
// Ordering: none promised. A running thread may overtake those asleep (that is where the speed comes from);
//   a sleeper is woken at every unlock that follows its falling asleep, until one of them gets the lock.
// Cost: one atomic operation each for lock and unlock when nobody competes. A thread that finds the lock
//   held looks again for a few microseconds and then sleeps in the kernel.
//
//   switchyard::blocking::mutex lock;
//   int shared ABSL_GUARDED_BY(lock) = 0;
//   { switchyard::blocking::mutex_guard hold(lock); ++shared; }
#pragma once

#include <pthread.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <stop_token>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "switchyard/atomics/atomic.h"
#include "switchyard/atomics/futex.h"
#include "switchyard/interface/deadline.h"
#include "switchyard/threads/interruption.h"

namespace switchyard::blocking {

namespace detail {

/// A lock was unlocked that is not locked: whoever was to be kept out may be inside. Says who did it, and ends the
/// program: unlocking is what destructors do, which cannot throw.
[[noreturn, gnu::cold, gnu::noinline]] inline void report_not_locked(const char* what) noexcept {
  char name[16] = "?";
  pthread_getname_np(pthread_self(), name, sizeof name);
  std::fprintf(stderr, "switchyard: thread \"%s\" unlocks a %s that is not locked\n", name, what);
  std::abort();
}

}  // namespace detail

/// A lock that one thread holds at a time. Models TimedLockable, so std::unique_lock works with it; not
/// recursive. Any thread may unlock it, not only the one that locked it. Nothing here throws; unlocking what is not
/// locked ends the program with a message. `checked_mutex` knows its owner, and throws.
class ABSL_LOCKABLE mutex {
 public:
  constexpr mutex() noexcept = default;
  mutex(const mutex&) = delete;
  mutex& operator=(const mutex&) = delete;

  /// Waits until the lock is free, and takes it.
  void lock() noexcept ABSL_EXCLUSIVE_LOCK_FUNCTION() {
    if (!take_free()) lock_slowly(deadline::never());
  }

  /// Takes the lock if it is free; never waits, and never fails for another reason.
  [[nodiscard]] bool try_lock() noexcept ABSL_EXCLUSIVE_TRYLOCK_FUNCTION(true) { return take_free(); }

  /// The same, waiting up to `wait`, or until `when`. A time that has passed means try_lock().
  template <class Rep, class Period>
  [[nodiscard]] bool try_lock_for(const std::chrono::duration<Rep, Period>& wait)
      ABSL_EXCLUSIVE_TRYLOCK_FUNCTION(true) {
    return take_free() || lock_slowly(deadline::after(wait));
  }
  [[nodiscard]] bool try_lock_until(deadline when) noexcept ABSL_EXCLUSIVE_TRYLOCK_FUNCTION(true) {
    return take_free() || lock_slowly(when);
  }

  /// The same, waiting until a stop is requested. Who requests it waits for this thread to wake up.
  [[nodiscard]] bool lock(std::stop_token stop) ABSL_EXCLUSIVE_TRYLOCK_FUNCTION(true) {
    if (take_free()) return true;
    interruption asked;
    const auto wake = [&] { futex_wake(word_, std::numeric_limits<std::uint32_t>::max()); };
    const std::stop_callback ask(std::move(stop), [&] { asked.ask(wake); });
    const interruption::sensitive while_waiting(asked);
    return lock_slowly(deadline::never(), &asked);
  }

  /// True if any thread holds it; for monitoring.
  bool locked() const noexcept { return word_.load(memory_order_relaxed) != is_free; }

  /// Gives the lock up and, if a thread sleeps on it, wakes one: the only case with a system call.
  void unlock() noexcept ABSL_UNLOCK_FUNCTION() {
    // (1) release: pairs with the acquires in (2) and (4), whose thread takes the lock next.
    const std::uint32_t was = word_.exchange(is_free, memory_order_release);
    if (was == is_held) return;
    if (was == is_free) [[unlikely]] detail::report_not_locked("blocking::mutex");
    futex_wake(word_, 1);
  }

 private:
  // What the word says. Invariant S: if a thread sleeps, then the word is `is_contended`, or a thread that
  // was woken is on its way to make it so in (4). Hence no unlock passes a sleeper by.
  static constexpr std::uint32_t is_free = 0;
  static constexpr std::uint32_t is_held = 1;       // and nobody sleeps
  static constexpr std::uint32_t is_contended = 2;  // held, and somebody may sleep

  // About five microseconds in all. The pause before the first look matters most: a thread that comes back
  // at once takes the lock's line away from the holder, and the elements behind it, one operation at a time.
#ifdef SWITCHYARD_MODEL
  static constexpr unsigned looks = 1;
  static constexpr unsigned pauses_before_look = 1;
#else
  static constexpr unsigned looks = 8;
  static constexpr unsigned pauses_before_look = 16;
#endif

  bool take_free() noexcept {
    std::uint32_t expected = is_free;
    // (2) acquire: pairs with the release in (1).
    return word_.compare_exchange_strong(expected, is_held, memory_order_acquire, memory_order_relaxed);
  }

  [[gnu::noinline]] bool lock_slowly(deadline limit, interruption* stop = nullptr) noexcept {
    if (limit.has_passed()) return false;

    // Look again a few times: the holder is probably running, and about to unlock.
    for (unsigned look = 0; look < looks; ++look) {
      for (unsigned i = 0; i < pauses_before_look; ++i) spin_pause();
      // (3) relaxed: a hint; (2) is what takes the lock.
      if (word_.load(memory_order_relaxed) == is_free && take_free()) return true;
    }

    // Say that a thread sleeps, and sleep. Who takes the lock here leaves it marked as contended, since there
    // may be other sleepers (invariant S); at worst that costs one needless wake-up at the unlock. Who gives
    // up has tried once more after its sleep, so a wake-up that was meant for it is not lost.
    for (;;) {
      // (4) acquire: pairs with the release in (1).
      if (word_.exchange(is_contended, memory_order_acquire) == is_free) return true;
      if (limit.has_passed() || (stop != nullptr && stop->is_asked())) return false;
      futex_wait(word_, is_contended, limit);
    }
  }

  atomic<std::uint32_t> word_{is_free};
};

/// Holds a mutex from its construction to the end of its block. What std::lock_guard does, with annotations:
/// the standard library's guards carry none, so clang cannot see what they lock.
class ABSL_SCOPED_LOCKABLE mutex_guard {
 public:
  explicit mutex_guard(mutex& held) noexcept ABSL_EXCLUSIVE_LOCK_FUNCTION(held) : held_(held) {
    held_.lock();
  }
  ~mutex_guard() ABSL_UNLOCK_FUNCTION() { held_.unlock(); }
  mutex_guard(const mutex_guard&) = delete;
  mutex_guard& operator=(const mutex_guard&) = delete;

 private:
  mutex& held_;
};

}  // namespace switchyard::blocking
