// A count that goes down to zero, once, and lets everybody pass from then on, under a lock.
//
// Source: a monitor; the interface is std::latch's, with limits on the time.
// When to use it: as the measure for `lockfree::latch`, which has the same members.
// Progress: blocking: a thread that stops inside an operation stops all others.
// Ordering: what happened before any `count_down` happened before the end of every wait.
// Cost: one lock and unlock for each operation. A thread that has seen it at zero may destroy the latch, though others
//   are still leaving `count_down`.
//
//   latch done(workers);   /* workers */ work();  done.count_down();   /* main */ done.wait();
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <stop_token>
#include <utility>

#include "switchyard/blocking/detail/guarded_wait.h"
#include "switchyard/interface/deadline.h"

namespace switchyard::blocking {

class latch {
 public:
  /// Throws std::invalid_argument for less than 0 or more than max().
  explicit latch(std::int64_t expected) : left_(expected) {
    if (expected < 0 || expected > max()) throw std::invalid_argument("a latch counts down from 0 to 2^31 - 1");
  }

  static constexpr std::int64_t max() noexcept { return std::numeric_limits<std::int32_t>::max(); }

  /// Counts down by `n`. Throws std::invalid_argument for less than 0, and for more than what is left; nothing has
  /// changed then.
  void count_down(std::int64_t n = 1) {
    guard_.update([&]() -> std::size_t {
      if (n < 0) throw std::invalid_argument("a latch cannot be counted up");
      if (n > left_) throw std::invalid_argument("a latch cannot be counted down below 0");
      left_ -= n;
      return left_ == 0 ? detail::guarded_wait::everybody : 0;
    });
  }

  /// True if the count is zero.
  [[nodiscard]] bool try_wait() const { return guard_.under_lock(at_zero{*this}); }

  /// Waits until the count is zero.
  void wait() { guard_.wait_until(deadline::never(), at_zero{*this}); }
  /// The same, waiting up to `limit`, or until `when`. False: it was not zero.
  template <class Rep, class Period>
  [[nodiscard]] bool wait_for(const std::chrono::duration<Rep, Period>& limit) {
    return guard_.wait_until(deadline::after(limit), at_zero{*this});
  }
  [[nodiscard]] bool wait_until(deadline when) { return guard_.wait_until(when, at_zero{*this}); }
  /// The same, waiting until a stop is requested.
  [[nodiscard]] bool wait(std::stop_token stop) { return guard_.wait_unless(std::move(stop), at_zero{*this}); }

  /// Counts down by `n` and waits for the others.
  void arrive_and_wait(std::int64_t n = 1) {
    count_down(n);
    wait();
  }

 private:
  struct at_zero {
    const latch& self;
    bool operator()() const noexcept { return self.left_ == 0; }
  };

  detail::guarded_wait guard_;
  std::int64_t left_;
};

}  // namespace switchyard::blocking
