// A mutual exclusion lock that its owner may take again, and gives up as often as it took it.
//
// Source: `mutex.h`, an owner and a depth, as CPython's threading.RLock.
// When to use it: where a function that locks calls another that does, and they cannot be parted. Else `mutex`: with it
//   one knows at each place whether the lock is held.
// Progress: blocking. A thread that stops while it holds the lock stops all others.
// Ordering: that of `mutex`.
// Cost: that of `mutex` and an owner's word; to take it again, a load and an addition. 24 bytes.
//
//   recursive_mutex lock;
//   { std::lock_guard outer(lock);  { std::lock_guard inner(lock); } }
#pragma once

#include <chrono>
#include <cstddef>
#include <stop_token>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "switchyard/blocking/detail/owner.h"
#include "switchyard/blocking/mutex.h"
#include "switchyard/interface/deadline.h"
#include "switchyard/interface/lock_errors.h"

namespace switchyard::blocking {

/// A lock that one thread holds at a time, any number of times. Models TimedLockable.
class ABSL_LOCKABLE recursive_mutex {
 public:
  /// For `order_checked`: to take it again is no mistake.
  using is_recursive = void;

  constexpr recursive_mutex() noexcept = default;
  recursive_mutex(const recursive_mutex&) = delete;
  recursive_mutex& operator=(const recursive_mutex&) = delete;

  /// Waits until the lock is free or this thread's, and takes it.
  void lock() noexcept ABSL_EXCLUSIVE_LOCK_FUNCTION() {
    if (again()) return;
    lock_.lock();
    first();
  }
  /// Takes the lock if it is free or this thread's; never waits.
  [[nodiscard]] bool try_lock() noexcept ABSL_EXCLUSIVE_TRYLOCK_FUNCTION(true) {
    return again() || first_if(lock_.try_lock());
  }
  /// The same, waiting up to `wait`, until `when`, or until a stop is requested.
  template <class Rep, class Period>
  [[nodiscard]] bool try_lock_for(const std::chrono::duration<Rep, Period>& wait)
      ABSL_EXCLUSIVE_TRYLOCK_FUNCTION(true) {
    return again() || first_if(lock_.try_lock_for(wait));
  }
  [[nodiscard]] bool try_lock_until(deadline when) noexcept ABSL_EXCLUSIVE_TRYLOCK_FUNCTION(true) {
    return again() || first_if(lock_.try_lock_until(when));
  }
  [[nodiscard]] bool lock(std::stop_token stop) ABSL_EXCLUSIVE_TRYLOCK_FUNCTION(true) {
    return again() || first_if(lock_.lock(std::move(stop)));
  }

  /// Gives the lock up once. Throws not_owner if this thread does not hold it; nothing has changed then.
  void unlock() ABSL_UNLOCK_FUNCTION() {
    require_owner("a recursive_mutex is unlocked by a thread that does not hold it");
    if (--depth_ == 0) give_up();
  }

  /// True if this thread holds it.
  bool owned_by_me() const noexcept { return owner_.is_me(); }
  /// How often this thread holds it.
  std::size_t depth() const noexcept { return owner_.is_me() ? depth_ : 0; }
  /// True if any thread holds it; for monitoring.
  bool locked() const noexcept { return lock_.locked(); }

  /// Gives the lock up altogether, and returns the depth for `restore`: what a `condition` does while it waits. Throws
  /// not_owner if this thread does not hold it.
  [[nodiscard]] std::size_t release_all() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    require_owner("a recursive_mutex is released by a thread that does not hold it");
    const std::size_t depth = std::exchange(depth_, 0);
    give_up();
    return depth;
  }
  /// Waits until the lock is free, and takes it `depth` times. This thread must not hold it.
  void restore(std::size_t depth) noexcept ABSL_NO_THREAD_SAFETY_ANALYSIS {
    lock_.lock();
    owner_.set_me();
    depth_ = depth;
  }

 private:
  bool again() noexcept { return owner_.is_me() && (++depth_, true); }
  void first() noexcept {
    owner_.set_me();
    depth_ = 1;
  }
  bool first_if(bool locked) noexcept {
    if (locked) first();
    return locked;
  }
  void give_up() noexcept ABSL_NO_THREAD_SAFETY_ANALYSIS {
    owner_.set_nobody();
    lock_.unlock();
  }
  void require_owner(const char* else_what) const {
    if (!owner_.is_me()) [[unlikely]] throw not_owner(else_what);
  }

  mutex lock_;
  detail::owner owner_;
  std::size_t depth_ = 0;  // guarded by the lock
};

}  // namespace switchyard::blocking
