// Waiting, with a lock held, for what another thread will do under the same lock.
//
// Source: CPython's threading.Condition: a list of waiters, each with a word of its own to sleep on.
// When to use it: for a condition of one's own under a lock of one's own. Queues, semaphores, events, latches and barriers
//   are there already. Without a lock, `lockfree::event_count`.
// Progress: blocking.
// Ordering: those who have waited longest are woken first. Nobody wakes for no reason: each notification ends exactly
//   one wait, and a wait that a notification ends is not said to have timed out.
// Cost: to notify nobody, a load. Otherwise a lock of its own, a system call for each that sleeps and is woken; who is
//   woken takes the lock again, after the one that notified has given it up.
//
//   condition changed;                                     // with a recursive_mutex of its own
//   { std::lock_guard hold(changed);  changed.wait([&] { return ready; }); }
//   { std::lock_guard hold(changed);  ready = true;  changed.notify(); }
#pragma once

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <type_traits>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "switchyard/atomics/atomic.h"
#include "switchyard/blocking/detail/parked.h"
#include "switchyard/blocking/detail/wait_list.h"
#include "switchyard/blocking/mutex.h"
#include "switchyard/blocking/recursive_mutex.h"
#include "switchyard/interface/deadline.h"
#include "switchyard/interface/lock_errors.h"

namespace switchyard::blocking {

/// A lock that can be asked whether the calling thread holds it: wrong use of a condition over it is noticed.
template <class Lock>
concept lock_with_owner = requires(const Lock& lock) {
  { lock.owned_by_me() } -> std::same_as<bool>;
};

/// Over any lock with `lock` and `unlock`; one that can be held several times has `release_all` and `restore`, too, as
/// `recursive_mutex`, and is released altogether while a thread waits.
///
/// All of `wait...` and `notify...` need the lock, and throw not_owner without, if the lock knows its owner.
template <class Lock = recursive_mutex>
class condition {
 public:
  using lock_type = Lock;

  /// With a lock of its own.
  condition() : lock_(own_.emplace()) {}
  /// Over `lock`, which must live longer. Several conditions may share one.
  explicit condition(Lock& lock) noexcept : lock_(lock) {}
  condition(const condition&) = delete;
  condition& operator=(const condition&) = delete;

  /// The lock's, so that a guard can hold the condition.
  void lock() ABSL_NO_THREAD_SAFETY_ANALYSIS { lock_.lock(); }
  [[nodiscard]] bool try_lock() ABSL_NO_THREAD_SAFETY_ANALYSIS { return lock_.try_lock(); }
  void unlock() ABSL_NO_THREAD_SAFETY_ANALYSIS { lock_.unlock(); }
  bool locked() const
    requires requires(const Lock& l) { l.locked(); }
  {
    return lock_.locked();
  }
  bool owned_by_me() const
    requires lock_with_owner<Lock>
  {
    return lock_.owned_by_me();
  }

  /// Gives the lock up, waits to be notified, and takes the lock again, as often as it was held. Throws not_owner.
  void wait() { (void)sleep(deadline::never(), nullptr); }
  /// The same, waiting up to `limit`, or until `when`, or until a stop is requested. False: nobody notified it.
  template <class Rep, class Period>
  [[nodiscard]] bool wait_for(const std::chrono::duration<Rep, Period>& limit) {
    return sleep(deadline::after(limit), nullptr);
  }
  [[nodiscard]] bool wait_until(deadline when) { return sleep(when, nullptr); }
  [[nodiscard]] bool wait(std::stop_token stop) { return sleep(deadline::never(), &stop); }

  /// Waits until `ready()`, which is called with the lock held, before the first wait and after each. Throws not_owner, and
  /// what `ready` throws.
  template <class Ready>
    requires std::is_invocable_v<Ready&>
  void wait(Ready ready) {
    (void)wait_for_it(ready, deadline::never(), nullptr);
  }
  /// The same, up to the limit or the stop. Returns what `ready()` returned last, which is to be converted to bool.
  template <class Rep, class Period, class Ready>
  auto wait_for(const std::chrono::duration<Rep, Period>& limit, Ready ready) {
    return wait_for_it(ready, deadline::after(limit), nullptr);
  }
  template <class Ready>
  auto wait_until(deadline when, Ready ready) {
    return wait_for_it(ready, when, nullptr);
  }
  template <class Ready>
  auto wait(std::stop_token stop, Ready ready) {
    return wait_for_it(ready, deadline::never(), &stop);
  }

  /// Ends the waits of the `n` threads that have waited longest, or of all if there are fewer. Throws not_owner, and
  /// std::invalid_argument for less than 0.
  void notify(std::int64_t n = 1) {
    require_owner("a condition is notified by a thread that does not hold its lock");
    if (n < 0) throw std::invalid_argument("a condition cannot notify less than 0 threads");
    pick(static_cast<std::size_t>(n));
  }
  /// Ends the waits of all.
  void notify_all() {
    require_owner("a condition is notified by a thread that does not hold its lock");
    pick(std::numeric_limits<std::size_t>::max());
  }

  /// How many threads wait, or have been notified and wait for the lock; for monitoring.
  std::size_t waiting() const noexcept { return waiting_.load(memory_order_relaxed); }

 private:
  void require_owner(const char* else_what) const {
    if constexpr (lock_with_owner<Lock>) {
      if (!lock_.owned_by_me()) [[unlikely]] throw not_owner(else_what);
    }
  }

  /// The lock given up, altogether, from here to the end of the block.
  class released {
    static constexpr bool has_depth = requires(Lock& lock, std::size_t depth) {
      depth = lock.release_all();
      lock.restore(depth);
    };

   public:
    explicit released(Lock& lock) ABSL_NO_THREAD_SAFETY_ANALYSIS : lock_(lock) {
      if constexpr (has_depth) {
        depth_ = lock.release_all();
      } else {
        lock.unlock();
      }
    }
    ~released() ABSL_NO_THREAD_SAFETY_ANALYSIS {
      if constexpr (has_depth) {
        lock_.restore(depth_);
      } else {
        lock_.lock();
      }
    }
    released(const released&) = delete;
    released& operator=(const released&) = delete;

   private:
    Lock& lock_;
    std::size_t depth_ = 0;
  };

  bool sleep(deadline limit, const std::stop_token* stop) {
    require_owner("a condition is waited for by a thread that does not hold its lock");
    detail::parked self;
    // Only under the lock: whoever notifies, with the lock, sees those who wait.
    waiting_.store(waiting() + 1, memory_order_relaxed);
    {
      const std::lock_guard hold(guard_);
      list_.enlist(self);
    }
    bool notified;
    {
      const released meanwhile(lock_);
      notified = self.sleep(list_, guard_, limit, stop);
    }
    waiting_.store(waiting() - 1, memory_order_relaxed);
    return notified;
  }

  template <class Ready>
  auto wait_for_it(Ready& ready, deadline limit, const std::stop_token* stop) {
    require_owner("a condition is waited for by a thread that does not hold its lock");
    auto last = ready();
    for (bool notified = true; !last && notified; last = ready()) notified = sleep(limit, stop);
    return last;
  }

  void pick(std::size_t n) {
    if (waiting() == 0) return;
    detail::wake_after_unlock wake;
    const std::lock_guard hold(guard_);
    wake.add(list_, n);
  }

  std::optional<Lock> own_;
  Lock& lock_;
  atomic<std::size_t> waiting_{0};  // changed with the lock held
  mutex guard_;                     // of the list: a stop or a limit takes a waiter out without the lock
  detail::wait_list list_;
};

condition() -> condition<>;

}  // namespace switchyard::blocking
