// A lock, and threads that wait under it for something that it guards: the floor of `semaphore`, `event` and `latch`.
//
// Source: a monitor, on `wait_list.h`.
// When to use it: inside a structure of this folder whose waits have all one reason. A queue, with two, has lists of
//   its own.
// Progress: blocking.
// Ordering: that of the lock; those who have waited longest are woken first.
// Cost: one lock and unlock for each call; a system call only if a thread sleeps.
#pragma once

#include <cstddef>
#include <limits>
#include <mutex>
#include <stop_token>
#include <utility>

#include "switchyard/blocking/detail/wait_list.h"
#include "switchyard/blocking/mutex.h"
#include "switchyard/interface/deadline.h"

namespace switchyard::blocking::detail {

class guarded_wait {
 public:
  static constexpr std::size_t everybody = std::numeric_limits<std::size_t>::max();

  /// Calls `change()` under the lock, then wakes as many as it returns, after unlocking. Once others can see the
  /// change they may destroy what this belongs to: nothing of it is touched after the unlock.
  template <class Change>
  void update(Change change) {
    wake_after_unlock wake;
    const std::lock_guard hold(lock_);
    wake.add(waiting_, change());
  }

  /// What `look()` returns, under the lock.
  template <class Look>
  auto under_lock(Look look) const {
    const std::lock_guard hold(lock_);
    return look();
  }

  /// Waits until `ready()`, which is called under the lock and may take what it finds, or until `limit`.
  template <class Ready>
  bool wait_until(deadline limit, Ready ready) {
    std::unique_lock hold(lock_);
    return wait(hold, limit, ready, [] { return false; });
  }

  /// The same until `stop` is requested.
  template <class Ready>
  bool wait_unless(std::stop_token stop, Ready ready) {
    return wait_unless(deadline::never(), std::move(stop), ready);
  }
  /// Whichever of both comes first.
  template <class Ready>
  bool wait_unless(deadline limit, std::stop_token stop, Ready ready) {
    // Everybody looks again: there is no telling who among those asleep waits by this token.
    const std::stop_callback wake(stop, [this] { update([] { return everybody; }); });
    std::unique_lock hold(lock_);
    return wait(hold, limit, ready, [&] { return stop.stop_requested(); });
  }

 private:
  template <class Ready, class Stopped>
  bool wait(std::unique_lock<mutex>& hold, deadline limit, Ready& ready, Stopped stopped) {
    for (bool picked = true; !ready();) {
      if (!picked || stopped() || limit.has_passed()) return false;
      picked = waiting_.wait(hold, limit);
    }
    return true;
  }

  mutable mutex lock_;
  wait_list waiting_;
};

}  // namespace switchyard::blocking::detail
