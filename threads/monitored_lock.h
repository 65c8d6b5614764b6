// A lock that counts how often it was taken, how often it was held already, and how long that took.
//
// Source: our own; the counts are those of Linux's lock statistics. `monitor.h` shows them.
// When: in place of the lock inside, which has the same members, to find which of many locks is in demand.
// Progress, ordering: those of the lock inside. A thread's first operation allocates.
// Exceptions: those of the lock inside, and std::bad_alloc at a thread's first operation, before anything is done.
// Cost: two nanoseconds or so to lock and to unlock. A lock that is held already is tried for, then waited for; only then is
//   the clock read.
//
//   monitored_lock<blocking::mutex> accounts;                 // was: blocking::mutex accounts;
//   { std::lock_guard hold(accounts);  ... }
//   accounts.sample().in.waits                                // how often somebody found it held
#pragma once

#include <chrono>
#include <concepts>
#include <utility>

#include "switchyard/interface/deadline.h"
#include "switchyard/threads/detail/usage_counts.h"
#include "switchyard/threads/monitor.h"

namespace switchyard {

/// `Lock`: anything with lock, try_lock and unlock, and what else of a (shared, timed) lock it has.
template <class Lock>
class monitored_lock {
  using way = detail::usage_counts::way;
  using cell = detail::usage_counts::cell;
  using waiting = detail::usage_counts::waiting;

 public:
  using lock_type = Lock;

  template <class... Args>
    requires std::constructible_from<Lock, Args...>
  explicit monitored_lock(Args&&... args) : lock_(std::forward<Args>(args)...) {}
  monitored_lock(const monitored_lock&) = delete;
  monitored_lock& operator=(const monitored_lock&) = delete;

  /// How it stands: `in` are acquisitions, `out` releases; shared ones, too. `name` is left empty.
  monitor_sample sample() const {
    monitor_sample now;
    sample(now);
    return now;
  }
  void sample(monitor_sample& into) const { counts_.read(into); }

  void lock() {
    cell& mine = counts_.local();
    if (!lock_.try_lock()) wait(mine, [&] { return lock_.lock(), true; });
    mine.done(way::in, 1);
  }
  [[nodiscard]] bool try_lock() {
    return tried([&] { return lock_.try_lock(); });
  }
  void unlock() {
    released([&] { lock_.unlock(); });
  }

  template <class Rep, class Period>
  [[nodiscard]] bool try_lock_for(const std::chrono::duration<Rep, Period>& wait) {
    return try_lock_until(deadline::after(wait));
  }
  [[nodiscard]] bool try_lock_until(deadline limit) {
    return timed(limit, [&] { return lock_.try_lock(); }, [&](auto when) { return lock_.try_lock_until(when); });
  }

  void lock_shared()
    requires requires(Lock& inside) { inside.lock_shared(); }
  {
    cell& mine = counts_.local();
    if (!lock_.try_lock_shared()) wait(mine, [&] { return lock_.lock_shared(), true; });
    mine.done(way::in, 1);
  }
  [[nodiscard]] bool try_lock_shared()
    requires requires(Lock& inside) { inside.try_lock_shared(); }
  {
    return tried([&] { return lock_.try_lock_shared(); });
  }
  void unlock_shared()
    requires requires(Lock& inside) { inside.unlock_shared(); }
  {
    released([&] { lock_.unlock_shared(); });
  }
  template <class Rep, class Period>
  [[nodiscard]] bool try_lock_shared_for(const std::chrono::duration<Rep, Period>& wait) {
    return try_lock_shared_until(deadline::after(wait));
  }
  [[nodiscard]] bool try_lock_shared_until(deadline limit) {
    return timed(limit, [&] { return lock_.try_lock_shared(); },
                 [&](auto when) { return lock_.try_lock_shared_until(when); });
  }

 private:
  template <class Acquire>
  static bool wait(cell& mine, Acquire acquire) {
    waiting now(mine, way::in);
    const bool got = acquire();
    now.ended(got);
    return got;
  }

  template <class Try>
  bool tried(Try attempt) {
    cell& mine = counts_.local();
    const bool got = attempt();
    if (got) {
      mine.done(way::in, 1);
    } else {
      mine.refused(way::in);
    }
    return got;
  }

  // Counted before, since after it whoever takes the lock next may destroy it.
  template <class Release>
  void released(Release release) {
    cell& mine = counts_.local();
    mine.done(way::out, 1);
    try {
      release();
    } catch (...) {
      mine.undone(way::out);
      throw;
    }
  }

  template <class Try, class Until>
  bool timed(deadline limit, Try attempt, Until until) {
    cell& mine = counts_.local();
    bool got = attempt();
    if (!got && limit.has_passed()) {
      mine.refused(way::in);
      return false;
    }
    if (!got) got = wait(mine, [&] { return until(limit.when()); });
    if (got) mine.done(way::in, 1);
    return got;
  }

  Lock lock_;
  detail::usage_counts counts_;
};

}  // namespace switchyard
