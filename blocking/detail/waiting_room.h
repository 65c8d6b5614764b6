// The end of a queue that has many locks, and those who wait in it for an element.
//
// Source: `wait_list.h` under a lock of its own, which who pushes takes only if somebody waits.
//
// When to use it: as a base of a structure of this folder whose elements are under several locks. With one lock for all,
// `queue_core`.
//
// Progress: blocking.
// Ordering: those who have waited longest are woken first.
// Cost: while nobody waits, a push looks at two words that nobody writes.
//
// Who waits announces that, and only then looks at every element's place under its lock. Who adds does so under that lock,
// and only then looks whether anybody waits. So one of the two sees the other, whatever orders the lock gives.
#pragma once

#include <cstddef>
#include <limits>
#include <mutex>

#include "switchyard/atomics/atomic.h"
#include "switchyard/atomics/backoff.h"
#include "switchyard/blocking/detail/wait_list.h"
#include "switchyard/interface/conqueue_status.h"
#include "switchyard/interface/deadline.h"
#include "switchyard/threads/waiter.h"

namespace switchyard::blocking::detail {

template <class Lock>
class waiting_room {
 public:
  waiting_room(const waiting_room&) = delete;
  waiting_room& operator=(const waiting_room&) = delete;

  /// Ends the queue: from now on nothing goes in, what is there can be popped, and every waiter wakes.
  void close() noexcept {
    wake_after_unlock wake;
    const std::unique_lock hold(lock_);
    // (2) release: with (1).
    closed_.store(true, memory_order_release);
    wake.add(not_empty_, std::numeric_limits<std::size_t>::max());
  }
  /// True once close() has been called.
  bool is_closed() const noexcept {
    // (1) acquire: with (2): who sees the end sees what came before it.
    return closed_.load(memory_order_acquire);
  }

  /// What `threads/waiter.h` says. Nobody has to wait for room.
  void enlist(waiter& w, queue_side side) {
    if (side == queue_side::room) return;
    const std::unique_lock hold(lock_);
    enlisted_.store(true, memory_order_relaxed);
    not_empty_.enlist(w);
  }
  bool withdraw(waiter& w, queue_side side) noexcept {
    if (side == queue_side::room) return true;
    const std::unique_lock hold(lock_);
    const bool was_listed = not_empty_.withdraw(w);
    enlisted_.store(!not_empty_.empty(), memory_order_relaxed);
    return was_listed;
  }
  void wake_another(queue_side side) noexcept {
    if (side == queue_side::elements) wake(1);
  }

 protected:
  waiting_room() = default;
  ~waiting_room() = default;

  /// After `n` elements were added, or left inside by who was perhaps woken for them. No lock of the elements is held.
  void added(std::size_t n) noexcept {
    const bool anybody_waits = sleepers_.load(memory_order_relaxed) != 0 || enlisted_.load(memory_order_relaxed);
    if (anybody_waits) [[unlikely]] wake(n);
  }

  /// Waits until `find()` has found an element, or else `find_for_sure()`, which takes every lock there is; returns what
  /// they did. With none found, `status` says why. Who throws with an element that others may wait for must wake one.
  template <class Find, class FindForSure>
  auto await(deadline limit, conqueue_status& status, Find find, FindForSure find_for_sure) -> decltype(find()) {
    for (backoff spin;;) {
      const bool closed = is_closed();
      if (auto found = find()) return found;
      status = closed ? conqueue_status::closed : conqueue_status::empty;
      if (closed || limit.has_passed()) return {};
      if (spin.should_park()) break;
      spin.wait();
    }
    std::unique_lock hold(lock_);
    sleepers_.store(sleepers_.load(memory_order_relaxed) + 1, memory_order_relaxed);
    struct at_exit {
      atomic<std::size_t>& sleepers;
      ~at_exit() { sleepers.store(sleepers.load(memory_order_relaxed) - 1, memory_order_relaxed); }
    } end{sleepers_};
    for (;;) {
      const bool closed = is_closed();
      // With the lock that whoever wakes us needs.
      if (auto found = find_for_sure()) return found;
      status = closed ? conqueue_status::closed : conqueue_status::empty;
      if (closed || limit.has_passed()) return {};
      not_empty_.wait(hold, limit);
    }
  }

  /// The lock that nobody who falls asleep can be without. Taken before those of elements.
  std::unique_lock<Lock> hold_sleepers() { return std::unique_lock(lock_); }

 private:
  [[gnu::noinline]] void wake(std::size_t n) noexcept {
    wake_after_unlock wake;
    const std::unique_lock hold(lock_);
    wake.add(not_empty_, n);
    enlisted_.store(!not_empty_.empty(), memory_order_relaxed);
  }

  atomic<bool> closed_{false};
  atomic<bool> enlisted_{false};     // written under the lock; whether some of those on the list may not be threads
  atomic<std::size_t> sleepers_{0};  // written under the lock
  Lock lock_;
  wait_list not_empty_;
};

}  // namespace switchyard::blocking::detail
