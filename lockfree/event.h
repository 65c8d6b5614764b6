// A flag that threads wait for, which can be cleared and set again, without a lock.
//
// Source: `detail/parking_word.h`; the number counts the changes, and is odd while the flag is set.
// When: one thread tells any number of others that something has happened, or goes on. For once and for good, `latch`.
// Progress: `set`, `clear` and `is_set` are lock-free; `set` makes a system call only if a thread sleeps. Members that
//   wait block, sleeping in the kernel.
// Ordering: linearizable; what happened before `set` happened before the waits that it ended, and before a `clear`
//   that follows.
// Cost: 8 bytes; a load to find it set, one compare-and-swap to change it. A thread that has seen it set, or whose wait has
//   ended, may destroy the event, though another is still leaving `set`.
//
//   event ready;   /* one */ prepare();  ready.set();   /* others */ ready.wait();  use();
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <stop_token>
#include <utility>

#include "switchyard/interface/deadline.h"
#include "switchyard/lockfree/detail/parking_word.h"

namespace switchyard::lockfree {

class event {
 public:
  explicit event(bool set = false) noexcept : changes_(set ? 1 : 0) {}

  bool is_set() const noexcept { return is_set(changes_.look()); }

  /// Sets the flag and lets everybody pass who waits, even if it is cleared before they have woken up.
  void set() noexcept {
    changes_.update([](std::uint32_t now) {
      using change = detail::parking_word::change;
      return is_set(now) ? change{.to = now, .wakes = 0} : change{.to = now + 1, .wakes = detail::parking_word::everybody};
    });
  }

  /// Takes the flag back.
  void clear() noexcept {
    changes_.try_pass([](std::uint32_t now) { return is_set(now) ? std::optional(now + 1) : std::nullopt; });
  }

  /// Waits until the flag is set, or has been since the call began.
  void wait() { changes_.pass_until(deadline::never(), changed_since{changes_.look()}); }
  /// The same, waiting up to `limit`, or until `when`. False: it was not set.
  template <class Rep, class Period>
  [[nodiscard]] bool wait_for(const std::chrono::duration<Rep, Period>& limit) {
    return is_set() || changes_.pass_until(deadline::after(limit), changed_since{changes_.look()});
  }
  [[nodiscard]] bool wait_until(deadline when) { return changes_.pass_until(when, changed_since{changes_.look()}); }
  /// The same, waiting until a stop is requested. Who requests it waits for this thread to wake up.
  [[nodiscard]] bool wait(std::stop_token stop) { return changes_.pass_unless(std::move(stop), changed_since{changes_.look()}); }

 private:
  static bool is_set(std::uint32_t changes) noexcept { return changes % 2 != 0; }

  struct changed_since {
    std::uint32_t before;
    std::optional<std::uint32_t> operator()(std::uint32_t now) const noexcept {
      return is_set(now) || now != before ? std::optional(now) : std::nullopt;
    }
  };

  detail::parking_word changes_;
};

}  // namespace switchyard::lockfree
