// Threads that run tasks from one queue, in the order in which they were given.
//
// Source: CPython's ThreadPoolExecutor, with limits, statistics, and workers that run tasks while they wait. See
//   `threads/detail/pool_base.h`.
// When: coarse tasks, or such as must begin in their order. For many small ones, and tasks that give tasks,
//   `lockfree::thread_pool` has the same members.
// Progress: blocking: a thread that stops inside the queue stops all others. Idle threads sleep.
// Ordering: tasks begin in the order in which they were given, but that a task may run at once what it waits for; see
//   `threads/detail/pool_base.h` for what happens before what.
// Exceptions: those of `submit`'s functions are in its future, those of `post`'s go to the exception hook.
// Cost: one lock and unlock to give and to take a task, 64 bytes in the queue, an allocation for each future.
//   A task that waits for a future runs others meanwhile, on top of itself: it must hold no lock that they need.
//
//   blocking::thread_pool pool({.threads = 4, .name = "reader"});
//   future<page> first = pool.submit(load, "index.html");
//   for (auto& size : pool.map(measure, files, {.chunk = 16})) total += size;
#pragma once

#include <cstddef>
#include <optional>
#include <utility>

#include "switchyard/blocking/unbounded_queue.h"
#include "switchyard/interface/conqueue_status.h"
#include "switchyard/interface/thread_pool.h"
#include "switchyard/threads/detail/pool_base.h"
#include "switchyard/threads/detail/task.h"
#include "switchyard/threads/waiter.h"

namespace switchyard::blocking {

namespace detail {

using switchyard::detail::task_from;
using switchyard::detail::task;

/// One queue for all.
class shared_task_queue {
 public:
  explicit shared_task_queue(std::size_t) {}

  bool push(task& t) { return tasks_.push(std::move(t)); }
  bool push_own(task& t, std::size_t) { return push(t); }
  task_from try_take_own(task&, std::size_t) const noexcept { return task_from::nothing; }
  void put_back(task&, std::size_t) const noexcept {}

  task_from try_take(task& into, std::size_t) {
    auto found = tasks_.try_pop();
    if (!found) return found.error() == conqueue_status::closed ? task_from::over : task_from::nothing;
    into = std::move(*found);
    return task_from::shared;
  }
  task_from wait_take(task& into, std::size_t) {
    std::optional<task> found = tasks_.pop();
    if (!found) return task_from::over;
    into = std::move(*found);
    return task_from::shared;
  }

  void close() noexcept { tasks_.close(); }
  bool is_closed() const noexcept { return tasks_.is_closed(); }
  std::size_t size_approx() const noexcept { return tasks_.size_approx(); }

  void enlist(waiter& w) { tasks_.enlist(w, queue_side::elements); }
  bool withdraw(waiter& w) noexcept { return tasks_.withdraw(w, queue_side::elements); }
  void wake_another() noexcept { tasks_.wake_another(queue_side::elements); }

 private:
  unbounded_queue<task> tasks_;
};

}  // namespace detail

/// The members are described at `pool_base`.
class thread_pool : public switchyard::detail::pool_base<detail::shared_task_queue> {
 public:
  using pool_base::pool_base;
};

}  // namespace switchyard::blocking
