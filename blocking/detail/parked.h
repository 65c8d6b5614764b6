// A thread that waits in a list to be picked, whom a time limit or a stop takes out of it.
//
// Source: the waiter lists of CPython's threading.Condition, with a futex for each waiter.
// When to use it: where the list has a lock of its own, apart from what users hold; `wait_list::wait` where both are one.
// Progress: blocking.
// Ordering: what happened before it was picked happened before its return.
// Cost: a node on the waiting thread's stack; a system call to sleep, one to be woken.
//
//   parked self;                                                // one thread
//   { const std::lock_guard hold(guard);  list.enlist(self); }
//   if (self.sleep(list, guard, limit, stop)) picked();
//
//   wake_after_unlock wake;                                     // another
//   const std::lock_guard hold(guard);
//   wake.add(list, 1);
#pragma once

#include <cstdint>
#include <mutex>
#include <stop_token>

#include "switchyard/atomics/atomic.h"
#include "switchyard/atomics/backoff.h"
#include "switchyard/atomics/futex.h"
#include "switchyard/blocking/detail/wait_list.h"
#include "switchyard/blocking/mutex.h"
#include "switchyard/interface/deadline.h"
#include "switchyard/threads/waiter.h"

namespace switchyard::blocking::detail {

class parked final : public waiter {
 public:
  /// Sleeps until this thread, which has been enlisted in `list`, is picked: true. Or until `limit` or `stop`, if there
  /// is one: false, and it is in the list no more. Every pick makes exactly one call return true.
  bool sleep(wait_list& list, mutex& guard, deadline limit, const std::stop_token* stop) {
    if (stop != nullptr) {
      const std::stop_callback at_stop(*stop, [&] {
        if (withdraw(list, guard)) tell(is_stopped);
      });
      return sleep(list, guard, limit, nullptr);
    }
    // Whoever takes us off the list tells us; until then this must not end.
    std::uint32_t told = listen(limit);
    if (told == is_asleep) {
      if (withdraw(list, guard)) return false;
      told = listen(deadline::never());
    }
    return told == is_picked;
  }

  void wake() noexcept override { tell(is_picked); }

 private:
  static constexpr std::uint32_t is_asleep = 0;
  static constexpr std::uint32_t is_picked = 1;
  static constexpr std::uint32_t is_stopped = 2;

  bool withdraw(wait_list& list, mutex& guard) noexcept {
    const std::lock_guard hold(guard);
    return list.withdraw(*this);
  }

  void tell(std::uint32_t what) noexcept {
    // (1) release: pairs with the acquire in (2). From here on this object may be gone; the kernel is told an address.
    atomic<std::uint32_t>& word = told_;
    word.store(what, memory_order_release);
    futex_wake(word, 1);
  }

  std::uint32_t listen(deadline limit) noexcept {
    // Look a few times: whoever picks us may be about to.
    for (brief_looks look; look.are_left() && !limit.has_passed(); look.pause()) {
      if (told_.load(memory_order_relaxed) != is_asleep) break;  // (2) follows
    }
    for (bool late = false;;) {
      // (2) acquire: pairs with the release in (1).
      const std::uint32_t told = told_.load(memory_order_acquire);
      if (told != is_asleep || late) return told;
      late = futex_wait(told_, is_asleep, limit) == futex_result::timed_out;
    }
  }

  atomic<std::uint32_t> told_{is_asleep};
};

}  // namespace switchyard::blocking::detail
