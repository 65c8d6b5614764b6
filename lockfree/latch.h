// A count that goes down to zero, once, and lets everybody pass from then on, without a lock.
//
// Source: `detail/parking_word.h`; the interface is std::latch's, with limits on the time.
// When: to wait until a number of things have been done. Again and again, `barrier`; a flag, `event`.
// Progress: `count_down` and `try_wait` are lock-free; the last `count_down` makes a system call if a thread sleeps.
//   Members that wait block, sleeping in the kernel.
// Ordering: what happened before any `count_down` happened before the end of every wait.
// Cost: 8 bytes; one compare-and-swap to count down, a load to find it at zero. A thread that has seen it there may
//   destroy the latch, though others are still leaving `count_down`.
//
//   latch done(workers);   /* workers */ work();  done.count_down();   /* main */ done.wait();
#pragma once

#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <utility>

#include "switchyard/interface/deadline.h"
#include "switchyard/lockfree/detail/parking_word.h"

namespace switchyard::lockfree {

class latch {
 public:
  /// Throws std::invalid_argument for less than 0 or more than max().
  explicit latch(std::int64_t expected) : left_(checked(expected)) {}

  static constexpr std::int64_t max() noexcept { return std::numeric_limits<std::int32_t>::max(); }

  /// Counts down by `n`. Throws std::invalid_argument for less than 0, and for more than what is left; nothing has
  /// changed then.
  void count_down(std::int64_t n = 1) {
    left_.update([&](std::uint32_t left) {
      if (n < 0) throw std::invalid_argument("a latch cannot be counted up");
      if (n > left) throw std::invalid_argument("a latch cannot be counted down below 0");
      const auto after = left - static_cast<std::uint32_t>(n);
      return detail::parking_word::change{.to = after, .wakes = after == 0 ? detail::parking_word::everybody : 0};
    });
  }

  /// True if the count is zero.
  [[nodiscard]] bool try_wait() const noexcept { return left_.look() == 0; }

  /// Waits until the count is zero.
  void wait() { left_.pass_until(deadline::never(), at_zero); }
  /// The same, waiting up to `limit`, or until `when`. False: it was not zero.
  template <class Rep, class Period>
  [[nodiscard]] bool wait_for(const std::chrono::duration<Rep, Period>& limit) {
    return try_wait() || left_.pass_until(deadline::after(limit), at_zero);
  }
  [[nodiscard]] bool wait_until(deadline when) { return left_.pass_until(when, at_zero); }
  /// The same, waiting until a stop is requested. Who requests it waits for this thread to wake up.
  [[nodiscard]] bool wait(std::stop_token stop) { return left_.pass_unless(std::move(stop), at_zero); }

  /// Counts down by `n` and waits for the others.
  void arrive_and_wait(std::int64_t n = 1) {
    count_down(n);
    wait();
  }

 private:
  static std::uint32_t checked(std::int64_t expected) {
    if (expected < 0 || expected > max()) throw std::invalid_argument("a latch counts down from 0 to 2^31 - 1");
    return static_cast<std::uint32_t>(expected);
  }

  static constexpr auto at_zero = [](std::uint32_t left) {
    return left == 0 ? std::optional(left) : std::nullopt;
  };

  detail::parking_word left_;
};

}  // namespace switchyard::lockfree
