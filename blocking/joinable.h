// A queue whose producers can wait until everything they pushed has been worked on, its count kept under a lock.
//
// Source: CPython's queue.Queue: `task_done`, `join`, `shutdown`. That it is a wrapper, and exact over queues that it
//   cannot lock, is our own: see threads/detail/joinable_queue.h.
//
// When to use it: for producers and workers that go on living, where the end of the workers' threads says nothing. Over
// any queue of either side; over a lock-free one, `lockfree::joinable`, which has the same members, keeps it lock-free.
// Where workers end with their work: close the queue and join the threads.
//
// Progress: blocking: one short lock around the count.
// Ordering: that of the queue. What a worker did before its `task_done` happens before the end of a `join` that it ends.
// Exceptions: a push that throws is not counted. An element that throws while it is moved out, and is lost by its
//   queue, needs no `task_done`.
// Cost: one lock more for each push and each pop, or each bulk of them, and one for `task_done`. No system call unless a
//   thread has to sleep.
//
//   blocking::joinable<blocking::bounded_queue<job>> jobs(100);
//   /* worker */ while (auto job = jobs.pop()) { run(*job);  jobs.task_done(); }
//   /* producer */ jobs.push(a);  jobs.push(b);  jobs.join();  jobs.shutdown();
#pragma once

#include <concepts>
#include <cstddef>
#include <limits>
#include <mutex>
#include <type_traits>
#include <utility>

#include "switchyard/blocking/detail/wait_list.h"
#include "switchyard/blocking/mutex.h"
#include "switchyard/interface/deadline.h"
#include "switchyard/interface/joinable.h"
#include "switchyard/threads/detail/joinable_queue.h"

namespace switchyard::blocking {

namespace detail {

class task_count {
 public:
  void began(std::size_t n) noexcept {
    const std::lock_guard hold(lock_);
    unfinished_ += n;
  }
  void ended(std::size_t n) noexcept {
    wake_after_unlock wake;
    const std::lock_guard hold(lock_);
    end(wake, n);
  }
  void taken(std::size_t n) noexcept {
    const std::lock_guard hold(lock_);
    in_hand_ += n;
  }
  bool done() noexcept {
    wake_after_unlock wake;
    const std::lock_guard hold(lock_);
    if (in_hand_ == 0) return false;
    --in_hand_;
    end(wake, 1);
    return true;
  }

  bool wait_until(deadline limit) noexcept {
    std::unique_lock hold(lock_);
    while (unfinished_ != 0) {
      if (limit.has_passed()) return false;
      if (!none_left_.wait(hold, limit)) return unfinished_ == 0;
    }
    return true;
  }
  std::size_t unfinished() const noexcept {
    const std::lock_guard hold(lock_);
    return unfinished_;
  }

 private:
  void end(wake_after_unlock& wake, std::size_t n) noexcept {
    unfinished_ -= n;
    if (unfinished_ == 0) wake.add(none_left_, std::numeric_limits<std::size_t>::max());
  }

  mutable mutex lock_;
  std::size_t unfinished_ = 0;
  std::size_t in_hand_ = 0;
  wait_list none_left_;
};

}  // namespace detail

/// All of `Queue`'s members, with what it says of them, and task_done, join, join_for, join_until, unfinished_tasks and
/// shutdown. It must outlive every call, that of a `task_done` which ends a `join` included.
template <class Queue>
class joinable : public switchyard::detail::joinable_queue<joinable<Queue>, Queue, detail::task_count> {
 public:
  /// Made as the queue is: by its capacity and the rest, or by the rest.
  template <class... Args>
    requires std::constructible_from<Queue, std::size_t, Args...>
  explicit joinable(std::size_t capacity, Args&&... args)
      : joinable::joinable_queue(std::in_place, capacity, std::forward<Args>(args)...) {}
  template <class... Args>
    requires std::constructible_from<Queue, Args...> && (... && !std::integral<std::remove_cvref_t<Args>>)
  explicit joinable(Args&&... args) : joinable::joinable_queue(std::in_place, std::forward<Args>(args)...) {}
};

}  // namespace switchyard::blocking
