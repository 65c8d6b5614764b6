// A mutual exclusion lock that knows who holds it, and refuses what its owner alone may do.
//
// Source: `mutex.h`, and a word for the owner.
// When to use it: in place of `mutex`, as the Lock of a structure or a guard, to find wrong use: in tests, while a design
//   is new, or always where the nanosecond does not matter. It is a type of its own, not `mutex` under a macro: what
//   changed its size between debug and release builds could not be linked across them. A lock that any thread may
//   unlock, and that reports the second unlock by an exception, is `bounded_semaphore(1)`.
// Progress: blocking. A thread that stops while it holds the lock stops all others.
// Ordering: that of `mutex`.
// Cost: `mutex` and two stores and a load of a word; 24 bytes.
//
//   checked_mutex lock("accounts");
//   lock.unlock();                   // throws not_owner: "accounts is not locked"
#pragma once

#include <chrono>
#include <stop_token>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "switchyard/blocking/detail/owner.h"
#include "switchyard/blocking/mutex.h"
#include "switchyard/interface/deadline.h"
#include "switchyard/interface/lock_errors.h"

namespace switchyard::blocking {

/// A lock that one thread holds at a time, and only it unlocks. Models TimedLockable. Where a guard's destructor meets
/// the exception of `unlock`, the program ends, and says its message.
class ABSL_LOCKABLE checked_mutex {
 public:
  /// `name`, which must live as long, is what messages call it.
  explicit constexpr checked_mutex(const char* name = "the mutex") noexcept : name_(name) {}
  checked_mutex(const checked_mutex&) = delete;
  checked_mutex& operator=(const checked_mutex&) = delete;

  /// Waits until the lock is free, and takes it. All that wait throw would_deadlock if this thread holds it.
  void lock() ABSL_EXCLUSIVE_LOCK_FUNCTION() {
    refuse_owner();
    lock_.lock();
    owner_.set_me();
  }
  /// Takes the lock if it is free; never waits. False, too, if this thread holds it.
  [[nodiscard]] bool try_lock() noexcept ABSL_EXCLUSIVE_TRYLOCK_FUNCTION(true) { return take(lock_.try_lock()); }
  /// The same, waiting up to `wait`, until `when`, or until a stop is requested.
  template <class Rep, class Period>
  [[nodiscard]] bool try_lock_for(const std::chrono::duration<Rep, Period>& wait)
      ABSL_EXCLUSIVE_TRYLOCK_FUNCTION(true) {
    refuse_owner();
    return take(lock_.try_lock_for(wait));
  }
  [[nodiscard]] bool try_lock_until(deadline when) ABSL_EXCLUSIVE_TRYLOCK_FUNCTION(true) {
    refuse_owner();
    return take(lock_.try_lock_until(when));
  }
  [[nodiscard]] bool lock(std::stop_token stop) ABSL_EXCLUSIVE_TRYLOCK_FUNCTION(true) {
    refuse_owner();
    return take(lock_.lock(std::move(stop)));
  }

  /// Gives the lock up. Throws not_owner if this thread does not hold it; nothing has changed then.
  void unlock() ABSL_UNLOCK_FUNCTION() {
    if (!owner_.is_me()) [[unlikely]] throw not_owner(name_ + explain());
    owner_.set_nobody();
    lock_.unlock();
  }

  /// True if this thread holds it.
  bool owned_by_me() const noexcept { return owner_.is_me(); }
  /// True if any thread holds it; for monitoring.
  bool locked() const noexcept { return lock_.locked(); }

 private:
  bool take(bool locked) noexcept {
    if (locked) owner_.set_me();
    return locked;
  }
  void refuse_owner() const {
    if (owner_.is_me()) [[unlikely]] throw would_deadlock(std::string(name_) + " is waited for by the thread that holds it");
  }
  std::string explain() const {
    return locked() ? " is unlocked by a thread that does not hold it" : " is unlocked, but not locked";
  }

  const char* name_;
  mutex lock_;
  detail::owner owner_;
};

}  // namespace switchyard::blocking
