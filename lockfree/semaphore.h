// A number of permits that threads take and give back, without a lock.
//
// Source: `detail/parking_word.h`.
// When: to limit how many threads do something, or to count what has arrived. One who waits for a thing to happen once
//   takes `latch` or `event`.
// Progress: `try_acquire` and `release` are lock-free; `release` makes a system call only if a thread sleeps. Members
//   that wait block, sleeping in the kernel.
// Ordering: linearizable; what happened before a release happened before the acquisitions that it made possible. Not
//   fair: a running thread may overtake those asleep.
// Cost: 8 bytes; one compare-and-swap each. Whoever has acquired may destroy the semaphore at once.
//
//   semaphore slots(4);   slots.acquire();  use_one_of_four();  slots.release();
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <stop_token>
#include <utility>

#include "switchyard/interface/deadline.h"
#include "switchyard/interface/semaphore.h"
#include "switchyard/lockfree/detail/parking_word.h"

namespace switchyard::lockfree {

namespace detail {

/// What both semaphores are: they differ in how many permits there may be.
class permits {
 public:
  /// Waits until there is a permit, and takes it.
  void acquire() { permits_.pass_until(deadline::never(), take_one); }
  /// Takes a permit if there is one.
  [[nodiscard]] bool try_acquire() noexcept { return permits_.try_pass(take_one); }
  /// The same, waiting up to `wait`, or until `when`.
  template <class Rep, class Period>
  [[nodiscard]] bool try_acquire_for(const std::chrono::duration<Rep, Period>& wait) {
    return try_acquire() || permits_.pass_until(deadline::after(wait), take_one);
  }
  [[nodiscard]] bool try_acquire_until(deadline when) { return permits_.pass_until(when, take_one); }
  /// The same, waiting until a stop is requested. Who requests it waits for this thread to wake up.
  [[nodiscard]] bool acquire(std::stop_token stop) { return permits_.pass_unless(std::move(stop), take_one); }

  /// How many permits there are; for monitoring.
  std::int64_t value() const noexcept { return permits_.look(); }

 protected:
  explicit permits(std::int64_t initial) : permits_(switchyard::detail::checked_permits(initial)) {}
  ~permits() = default;

  void give_back(std::int64_t n, std::int64_t bound) {
    permits_.update([&](std::uint32_t now) {
      return parking_word::change{.to = switchyard::detail::permits_after(now, n, bound),
                                  .wakes = static_cast<std::uint32_t>(n)};
    });
  }

 private:
  static constexpr auto take_one = [](std::uint32_t now) {
    return now != 0 ? std::optional(now - 1) : std::nullopt;
  };

  parking_word permits_;
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

}  // namespace switchyard::lockfree
