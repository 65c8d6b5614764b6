// Threads that run tasks, each from a deque of its own, and idle ones from the others'.
//
// Source: Blumofe and Leiserson, "Scheduling multithreaded computations by work stealing" (JACM 1999), on the deque of
//   Chase and Lev; the interface is that of CPython's ThreadPoolExecutor. See `threads/detail/pool_base.h`.
// When: many small tasks, above all tasks that give tasks. Where tasks are coarse, or must begin in the order in which
//   they were given, `blocking::thread_pool` has the same members.
// Progress: `submit` and `post` are lock-free, apart from the allocator: a thread stopped for ever anywhere stops no other
//   from giving or taking tasks; what it has begun stays with it. It makes a system call to wake an idle thread.
//   `shutdown`, waiting, and the constructor block.
// Ordering: tasks given from outside begin in the order in which they were given, those that a task gives newest first,
//   unless they are stolen; see `threads/detail/pool_base.h` for what happens before what.
// Exceptions: those of `submit`'s functions are in its future, those of `post`'s go to the exception hook.
// Cost: a node of 64 bytes for each task, used again and again, or an allocation for each future. Idle threads sleep.
//   A task that waits for a future runs others meanwhile, on top of itself: it must hold no lock that they need.
//
//   lockfree::thread_pool pool({.threads = 4, .name = "reader"});
//   future<page> first = pool.submit(load, "index.html");
//   for (auto& size : pool.map(measure, files, {.chunk = 16})) total += size;
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "switchyard/atomics/backoff.h"
#include "switchyard/atomics/cache_padded.h"
#include "switchyard/atomics/plain.h"
#include "switchyard/interface/conqueue_status.h"
#include "switchyard/interface/thread_pool.h"
#include "switchyard/lockfree/detail/spare_nodes.h"
#include "switchyard/lockfree/event_count.h"
#include "switchyard/lockfree/unbounded_queue.h"
#include "switchyard/lockfree/work_stealing_deque.h"
#include "switchyard/threads/detail/future_core.h"
#include "switchyard/threads/detail/pool_base.h"
#include "switchyard/threads/detail/task.h"
#include "switchyard/threads/waiter.h"

namespace switchyard::lockfree {

namespace detail {

using switchyard::detail::future_core;
using switchyard::detail::is_task;
using switchyard::detail::task_from;
using switchyard::detail::task;

/// A task in one word: a submitted one is its core, another lies in a node, which is used again and again.
class task_words {
 public:
  using word = std::uint64_t;

  /// Throws std::bad_alloc; `t` is as it was then.
  word pack(task& t) {
    if (future_core* const core = t.release_core()) return reinterpret_cast<std::uintptr_t>(core) | is_core;
    node* const n = nodes_.get();
    std::construct_at(&n->what)->construct(std::move(t));
    return reinterpret_cast<std::uintptr_t>(n);
  }
  task unpack(word w) noexcept {
    if ((w & is_core) != 0) return task(reinterpret_cast<future_core*>(w & ~is_core));
    node* const n = reinterpret_cast<node*>(w);
    task t = n->what.take();
    std::destroy_at(&n->what);
    std::construct_at(&n->next, nullptr);
    nodes_.put(n);
    return t;
  }

 private:
  static constexpr word is_core = 1;

  struct node {
    node() noexcept {}
    ~node() {}
    union {
      node* next = nullptr;  // while it is spare
      plain<task> what;
    };
  };
  static_assert(alignof(node) > is_core && alignof(future_core) > is_core, "a word tells the two apart by a bit");

  spare_nodes<node> nodes_;
};

/// A queue for tasks from outside, and for each worker a deque of its own.
///
/// Invariant "not left": a task in a deque is run by its owner at the latest, since that leaves only when its deque is
/// empty, and nobody else puts anything in.
class stealing_queues {
 public:
  explicit stealing_queues(std::size_t workers) : workers_(workers) {}
  stealing_queues(const stealing_queues&) = delete;
  stealing_queues& operator=(const stealing_queues&) = delete;
  ~stealing_queues() {
    while (size_approx() != 0) {
      task left;
      try_take(left, workers_.size());
    }
  }

  bool push(task& t) {
    // Whoever finds the queue closed, but with this push under way in it, waits until we say that it has ended.
    struct at_exit {
      stealing_queues& self;
      ~at_exit() {
        self.idle_.notify_one();
        if (self.is_closed()) [[unlikely]] self.idle_.notify_all();
      }
    } tell{*this};
    const word w = words_.pack(t);
    try {
      if (shared_.push(w)) return true;
    } catch (...) {
      t = words_.unpack(w);
      throw;
    }
    t = words_.unpack(w);
    return false;
  }
  bool push_own(task& t, std::size_t worker) {
    if (shared_.is_closed()) [[unlikely]] return false;
    put_back(t, worker);
    idle_.notify_one();
    return true;
  }
  void put_back(task& t, std::size_t worker) {
    const word w = words_.pack(t);
    try {
      workers_[worker]->own.push(w);
    } catch (...) {
      t = words_.unpack(w);
      throw;
    }
  }

  task_from try_take_own(task& into, std::size_t worker) {
    auto found = workers_[worker]->own.try_pop();
    if (!found) return task_from::nothing;
    into = words_.unpack(*found);
    return task_from::own;
  }

  /// `worker` may be one more than there are: somebody without a deque.
  task_from try_take(task& into, std::size_t worker) {
    bool over = false;
    if (worker == workers_.size()) return try_take_others(into, worker, over);
    one_worker& me = *workers_[worker];
    // Now and then the other way round, so that tasks which give tasks for ever do not keep the others waiting.
    const bool shared_first = ++me.takes % own_takes == 0;
    if (shared_first && is_task(try_take_shared(into, over))) return task_from::shared;
    if (is_task(try_take_own(into, worker))) return task_from::own;
    return try_take_others(into, worker, over);
  }

  task_from wait_take(task& into, std::size_t worker) {
    task_from how = task_from::nothing;
    const auto ready = [&] { return (how = try_take(into, worker)) != task_from::nothing; };
    for (last_looks look; look.are_left(); look.pause()) {
      if (ready()) return how;
    }
    idle_.await(ready);
    return how;
  }

  void close() noexcept {
    shared_.close();
    idle_.notify_all();
  }
  bool is_closed() const noexcept { return shared_.is_closed(); }

  std::size_t size_approx() const noexcept {
    std::size_t size = shared_.size_approx();
    for (const auto& each : workers_) size += each->own.size_approx();
    return size;
  }

  void enlist(waiter& w) noexcept { idle_.enlist(w); }
  bool withdraw(waiter& w) noexcept { return idle_.withdraw(w); }
  void wake_another() noexcept { idle_.notify_one(); }

 private:
  using word = task_words::word;

#ifdef SWITCHYARD_MODEL
  static constexpr unsigned own_takes = 3;
#else
  static constexpr unsigned own_takes = 61;
#endif

  struct one_worker {
    one_worker() {}

    work_stealing_deque<word> own;
    unsigned takes = 0;  // its own, as is what follows
    std::size_t victim = 0;
  };

  task_from try_take_shared(task& into, bool& over) {
    auto found = shared_.try_pop();
    if (!found) {
      over = found.error() == conqueue_status::closed;
      return task_from::nothing;
    }
    into = words_.unpack(*found);
    return task_from::shared;
  }

  task_from try_take_others(task& into, std::size_t worker, bool& over) {
    if (is_task(try_take_shared(into, over))) return task_from::shared;
    // Once round, from where there was something last.
    const std::size_t count = workers_.size();
    std::size_t victim = worker == count ? 0 : workers_[worker]->victim;
    for (std::size_t left = count; left != 0; --left, victim = victim + 1 < count ? victim + 1 : 0) {
      if (victim == worker) continue;
      for (backoff contention;;) {
        auto found = workers_[victim]->own.try_steal();
        if (found) {
          if (worker != count) workers_[worker]->victim = victim;
          into = words_.unpack(*found);
          return task_from::stolen;
        }
        if (found.error() == conqueue_status::empty) break;
        contention.lost_race();  // another thread has it; there may be more
      }
    }
    return over ? task_from::over : task_from::nothing;
  }

  task_words words_;
  unbounded_queue<word> shared_;
  event_count idle_;
  std::vector<cache_padded<one_worker>> workers_;
};

}  // namespace detail

/// The members are described at `pool_base`.
class thread_pool : public switchyard::detail::pool_base<detail::stealing_queues> {
 public:
  using pool_base::pool_base;
};

}  // namespace switchyard::lockfree
