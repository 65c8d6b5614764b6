// Threads that wait, under any lock, for what another thread will do under the same lock.
//
// Source: the waiter list of CPython's threading.Condition, with a futex for each waiter.
//
// When to use it: inside a structure of this folder, in place of std::condition_variable_any. It works with
// any lock that has lock() and unlock(), needs no memory of its own, and takes a deadline.
//
// Progress: blocking.
// Ordering: those who have waited longest are woken first.
// Cost: while nobody waits, one look at a pointer under the lock and no system call. Otherwise one system
//   call for each thread that sleeps and one for each that is woken, after unlocking, so that no thread
//   wakes only to find the lock held by the one that woke it.
//
// Each waiter has a word of its own, on its own stack, and a place in a list, which the lock guards. The one
// who wakes takes exactly as many as it wants off the list: there is no count of waiters to get wrong, and
// nobody wakes in another's place.
//
//   bool ready = false;                 // both guarded by `lock`
//   wait_list waiting;
//
//   std::unique_lock hold(lock);        // one thread
//   while (!ready) waiting.wait(hold, deadline::never());
//
//   wake_after_unlock wake;             // another; declared first, so that it ends after the unlock
//   std::unique_lock hold(lock);
//   ready = true;
//   wake.add(waiting, 1);
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <mutex>

#include "switchyard/atomics/atomic.h"
#include "switchyard/atomics/futex.h"
#include "switchyard/interface/deadline.h"
#include "switchyard/threads/waiter.h"

namespace switchyard::blocking::detail {

/// The waiting threads, and call-backs in their place. Every member needs the lock that goes with the list.
class wait_list {
 public:
  wait_list() = default;
  wait_list(const wait_list&) = delete;
  wait_list& operator=(const wait_list&) = delete;
  ~wait_list() { assert(empty() && "destroyed while a thread waits on it"); }

  /// True if nobody waits to be picked.
  bool empty() const noexcept { return waiting_.empty(); }

  /// Unlocks, sleeps until another thread picks this one or until `limit`, and locks again. Never returns
  /// for no reason. True: picked. The caller then takes what it was woken for, or, if it does not want it
  /// any more, picks another waiter in its place. False: `limit` came first.
  template <class Lock>
  bool wait(std::unique_lock<Lock>& lock, deadline limit) noexcept {
    sleeper self;
    waiting_.append(self);
    lock.unlock();
    bool picked = self.sleep(limit);
    lock.lock();
    if (picked) return true;
    if (waiting_.remove(self)) return false;
    // Picked in the same moment: the word is about to be written, and must not end before it is.
    lock.unlock();
    picked = self.sleep(deadline::never());
    lock.lock();
    return picked;
  }

  /// Has `w` picked in its turn, as a thread would be.
  void enlist(waiter& w) noexcept { waiting_.append(w); }

  /// False: it has been picked.
  bool withdraw(waiter& w) noexcept { return waiting_.remove(w); }

 private:
  friend class wake_after_unlock;

  struct sleeper final : waiter {
    atomic<std::uint32_t> awake{0};

    /// True once woken by (2); false if `limit` comes first.
    bool sleep(deadline limit) noexcept {
      // (1) acquire: pairs with the release in (2), by which the other thread is done with this object.
      while (awake.load(memory_order_acquire) == 0) {
        if (futex_wait(awake, 0, limit) == futex_result::timed_out) return false;
      }
      return true;
    }

    void wake() noexcept override {
      // (2) release: pairs with the acquire in (1). From here on the waiter may have returned, and what is
      // left is an address: at worst the system call wakes somebody else's sleeper there, who looks at a
      // word of its own and sleeps on, as every futex has to.
      atomic<std::uint32_t>& word = awake;
      word.store(1, memory_order_release);
      futex_wake(word, 1);
    }
  };

  waiter_ring waiting_;
};

/// The waiters that one operation wakes: picked under the lock, woken when this object ends. Declare it
/// before the guard that holds the lock, so that it ends after the unlock.
class wake_after_unlock {
 public:
  /// Picks up to `count` of those on `list`, longest waiting first. Needs the list's lock.
  void add(wait_list& list, std::size_t count) noexcept {
    if (!list.empty()) [[unlikely]] pick(list, count);
  }

 private:
  [[gnu::noinline]] void pick(wait_list& list, std::size_t count) noexcept { picked_.add(list.waiting_, count); }

  picked_waiters picked_;
};

}  // namespace switchyard::blocking::detail
