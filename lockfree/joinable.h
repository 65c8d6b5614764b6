// A queue whose producers can wait until everything they pushed has been worked on, its count kept without a lock.
//
// Source: CPython's queue.Queue: `task_done`, `join`, `shutdown`. That it is a wrapper, and exact over queues that it
//   cannot lock, is our own: see threads/detail/joinable_queue.h.
// When: producers and workers that go on living, where the end of the workers' threads says nothing. Over any queue of
//   either side; over a blocking one `blocking::joinable` costs as little. Where workers end with their work: close the
//   queue and join the threads.
// Progress: pushes and pops are what the queue's own are. The count adds wait-free steps to them; `task_done` is
//   lock-free; `shutdown(immediate)` is lock-free over a lock-free queue. `join` blocks, sleeping in the kernel.
// Ordering: that of the queue. What a worker did before its `task_done` happens before the end of a `join` that it ends.
// Exceptions: a push that throws is not counted. An element that throws while it is moved out, and is lost by its
//   queue, needs no `task_done`.
// Cost: an atomic addition on a shared line for each push and each pop, or each bulk of them, and two for `task_done`.
//   No system call unless a thread waits in `join`.
//
//   lockfree::joinable<lockfree::bounded_queue<job>> jobs(100);
//   /* worker */ while (auto job = jobs.pop()) { run(*job);  jobs.task_done(); }
//   /* producer */ jobs.push(a);  jobs.push(b);  jobs.join();  jobs.shutdown();
#pragma once

#include <concepts>
#include <cstddef>
#include <type_traits>
#include <utility>

#include "switchyard/atomics/atomic.h"
#include "switchyard/atomics/cache_padded.h"
#include "switchyard/interface/deadline.h"
#include "switchyard/interface/joinable.h"
#include "switchyard/lockfree/event_count.h"
#include "switchyard/threads/detail/joinable_queue.h"

namespace switchyard::lockfree {

namespace detail {

class task_count {
 public:
  // (1) relaxed: whoever ends it has popped it, and the queue has put that after this.
  void began(std::size_t n) noexcept { unfinished_->fetch_add(n, memory_order_relaxed); }
  void ended(std::size_t n) noexcept {
    // (2) release: pairs with the acquire in (3), also through the additions and subtractions that follow.
    if (unfinished_->fetch_sub(n, memory_order_release) == n) none_left_.notify_all();
  }

  // Relaxed: an element that goes from hand to hand takes this count with it.
  void taken(std::size_t n) noexcept { in_hand_->fetch_add(n, memory_order_relaxed); }
  bool done() noexcept {
    std::size_t seen = in_hand_->load(memory_order_relaxed);
    do {
      if (seen == 0) return false;
    } while (!in_hand_->compare_exchange_weak(seen, seen - 1, memory_order_relaxed, memory_order_relaxed));
    ended(1);
    return true;
  }

  bool wait_until(deadline limit) {
    // (3) acquire: pairs with the release in (2).
    return none_left_.await_until(limit, [&] { return unfinished_->load(memory_order_acquire) == 0; });
  }
  std::size_t unfinished() const noexcept { return unfinished_->load(memory_order_relaxed); }

 private:
  cache_padded<atomic<std::size_t>> unfinished_;
  cache_padded<atomic<std::size_t>> in_hand_;
  event_count none_left_;
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

}  // namespace switchyard::lockfree
