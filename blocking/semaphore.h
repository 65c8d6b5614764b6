// A number of permits that threads take and give back, under a lock.
//
// Source: a monitor.
// When to use it: as the measure for `lockfree::semaphore`, which has the same members.
// Progress: blocking: a thread that stops inside an operation stops all others.
// Ordering: linearizable. Not fair: a running thread may overtake those asleep, who are woken in the order in which
//   they came.
// Cost: one lock and unlock for each operation; 16 bytes and the count.
//
//   semaphore slots(4);   slots.acquire();  use_one_of_four();  slots.release();
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <stop_token>
#include <utility>

#include "switchyard/blocking/detail/guarded_wait.h"
#include "switchyard/interface/deadline.h"
#include "switchyard/interface/semaphore.h"

namespace switchyard::blocking {

namespace detail {

/// What both semaphores are: they differ in how many permits there may be.
class permits {
 public:
  /// Waits until there is a permit, and takes it.
  void acquire() { guard_.wait_until(deadline::never(), take_one{*this}); }
  /// Takes a permit if there is one.
  [[nodiscard]] bool try_acquire() { return guard_.under_lock(take_one{*this}); }
  /// The same, waiting up to `wait`, or until `when`.
  template <class Rep, class Period>
  [[nodiscard]] bool try_acquire_for(const std::chrono::duration<Rep, Period>& wait) {
    return try_acquire() || guard_.wait_until(deadline::after(wait), take_one{*this});
  }
  [[nodiscard]] bool try_acquire_until(deadline when) { return guard_.wait_until(when, take_one{*this}); }
  /// The same, waiting until a stop is requested.
  [[nodiscard]] bool acquire(std::stop_token stop) { return guard_.wait_unless(std::move(stop), take_one{*this}); }

  /// How many permits there are; for monitoring.
  std::int64_t value() const {
    return guard_.under_lock([this] { return std::int64_t{permits_}; });
  }

 protected:
  explicit permits(std::int64_t initial) : permits_(switchyard::detail::checked_permits(initial)) {}
  ~permits() = default;

  void give_back(std::int64_t n, std::int64_t bound) {
    guard_.update([&] {
      permits_ = switchyard::detail::permits_after(permits_, n, bound);
      return static_cast<std::size_t>(n);
    });
  }

 private:
  struct take_one {
    permits& from;
    bool operator()() noexcept { return from.permits_ != 0 && (--from.permits_, true); }
  };

  guarded_wait guard_;
  std::uint32_t permits_;
};

}  // namespace detail

class semaphore : public detail::permits {
 public:
  /// Throws std::invalid_argument for less than 0 or more than 2^31 - 1.
  explicit semaphore(std::int64_t initial = 1) : permits(initial) {}

  /// Gives `n` permits, whoever took them. Throws std::invalid_argument for less than 1, std::overflow_error where
  /// there would be more than 2^31 - 1; nothing has changed then.
  void release(std::int64_t n = 1) { give_back(n, switchyard::detail::most_permits); }
};

/// Never has more permits than it began with.
class bounded_semaphore : public detail::permits {
 public:
  /// As `semaphore`.
  explicit bounded_semaphore(std::int64_t initial = 1) : permits(initial), bound_(initial) {}

  /// Gives `n` permits back. Throws std::invalid_argument for less than 1, over_release where there would be more than
  /// at the beginning; nothing has changed then.
  void release(std::int64_t n = 1) { give_back(n, bound_); }

 private:
  const std::int64_t bound_;
};

}  // namespace switchyard::blocking
