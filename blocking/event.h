// A flag that threads wait for, which can be cleared and set again, under a lock.
//
// Source: a monitor; the count of settings is what lets a waiter pass whose flag was cleared before it woke up.
// When to use it: as the measure for `lockfree::event`, which has the same members.
// Progress: blocking: a thread that stops inside an operation stops all others.
// Ordering: linearizable.
// Cost: one lock and unlock for each operation. A thread that has seen it set, or whose wait has ended, may destroy the
//   event, though another is still leaving `set`.
//
//   event ready;   /* one */ prepare();  ready.set();   /* others */ ready.wait();  use();
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <stop_token>
#include <utility>

#include "switchyard/blocking/detail/guarded_wait.h"
#include "switchyard/interface/deadline.h"

namespace switchyard::blocking {

class event {
 public:
  explicit event(bool set = false) noexcept : set_(set) {}

  bool is_set() const {
    return guard_.under_lock([this] { return set_; });
  }

  /// Sets the flag and lets everybody pass who waits, even if it is cleared before they have woken up.
  void set() {
    guard_.update([this]() -> std::size_t {
      if (std::exchange(set_, true)) return 0;
      ++settings_;
      return detail::guarded_wait::everybody;
    });
  }

  /// Takes the flag back.
  void clear() {
    guard_.under_lock([this] { set_ = false; });
  }

  /// Waits until the flag is set, or has been since the call began.
  void wait() { guard_.wait_until(deadline::never(), was_set{*this}); }
  /// The same, waiting up to `limit`, or until `when`. False: it was not set.
  template <class Rep, class Period>
  [[nodiscard]] bool wait_for(const std::chrono::duration<Rep, Period>& limit) {
    return guard_.wait_until(deadline::after(limit), was_set{*this});
  }
  [[nodiscard]] bool wait_until(deadline when) { return guard_.wait_until(when, was_set{*this}); }
  /// The same, waiting until a stop is requested.
  [[nodiscard]] bool wait(std::stop_token stop) { return guard_.wait_unless(std::move(stop), was_set{*this}); }

 private:
  // Called under the lock; the first time before the thread has slept, where it notes what there was.
  struct was_set {
    const event& self;
    std::optional<std::uint64_t> before = {};
    bool operator()() noexcept {
      if (!before) before = self.settings_;
      return self.set_ || self.settings_ != *before;
    }
  };

  detail::guarded_wait guard_;
  bool set_;
  std::uint64_t settings_ = 0;
};

}  // namespace switchyard::blocking
