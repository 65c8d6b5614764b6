// What both sides' `joinable` have in common: a queue inside, every push and pop of it counted.
//
// Source: CPython's queue.Queue: `task_done`, `join`, and `shutdown` of 3.13.
// When: inside `lockfree/joinable.h` and `blocking/joinable.h`, which say how the count is kept and waited for:
//
//   void began(std::size_t n) noexcept;        so many pushes are about to be tried
//   void ended(std::size_t n) noexcept;        so many of what `began` are no more to be waited for
//   void taken(std::size_t n) noexcept;        so many elements have been popped, to be worked on
//   bool done() noexcept;                      one of those is done, which ends it; false, and nothing: there is none
//   bool wait_until(deadline limit);           until everything that began has ended
//   std::size_t unfinished() const noexcept;
//
// Invariant "counted": an element is counted before it can be popped, and a push that fails takes its count back. So no
//   `task_done` comes before the count of its element, and the count is never negative.
// Invariant "in hand": what is in hand has been popped, and its `task_done` has not come. So one `task_done` too many is
//   told from a right one whatever pushes come and go: it finds nothing in hand.
#pragma once

#include <chrono>
#include <concepts>
#include <cstddef>
#include <optional>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include "switchyard/atomics/asymmetric_fence.h"
#include "switchyard/atomics/atomic.h"
#include "switchyard/interface/conqueue_status.h"
#include "switchyard/interface/deadline.h"
#include "switchyard/interface/joinable.h"
#include "switchyard/interface/queue.h"
#include "switchyard/interface/queue_members.h"

namespace switchyard::detail {

template <class Derived, class Queue, class Tasks>
class joinable_queue : public queue_members<Derived, typename Queue::value_type> {
  using T = typename Queue::value_type;

 public:
  using queue_type = Queue;

  joinable_queue(const joinable_queue&) = delete;
  joinable_queue& operator=(const joinable_queue&) = delete;

  // --- What is new ---

  /// One element that has been popped is done, by whichever thread. Throws `too_many_task_done`, and changes nothing,
  /// if there is none: every popped element has been reported already.
  void task_done() {
    if (!tasks_.done()) {
      throw too_many_task_done("task_done() has been called more often than elements have been popped");
    }
  }

  /// Waits until `unfinished_tasks` is 0: each element that was pushed has been popped and reported by `task_done`, or
  /// dropped by a shutdown. Does not wait for a shutdown. What a worker did before its `task_done` is seen.
  void join() { join_until(deadline::never()); }

  /// The same up to a limit. True: it was 0. A time that has passed means: just look.
  template <class Rep, class Period>
  bool join_for(const std::chrono::duration<Rep, Period>& wait) {
    return join_until(deadline::after(wait));
  }
  bool join_until(deadline limit) { return tasks_.wait_until(limit); }

  /// Elements in the queue, those in somebody's hands, and pushes under way, also if they still wait for room.
  std::size_t unfinished_tasks() const noexcept { return tasks_.unfinished(); }

  /// The same as close(): no more pushes, also of those who wait for room; pops take what is left, then say `closed`.
  /// What is left has yet to be done before join returns.
  void shutdown() noexcept { close(); }

  /// The same, and what is left is dropped: no pop that begins after this gets an element. Those in somebody's hands have
  /// yet to be done. Can follow a shutdown() or another. (From a queue for one consumer only that one may take elements
  /// out, so what is left there waits for its next pop, which drops it and says `closed`.)
  void shutdown(immediate_t) {
    queue_.close();
    dropped_.store(true, memory_order_relaxed);
    asymmetric_fence_heavy();  // (1) with (2): a push that we do not find here finds the mark, and drops its own
    if constexpr (!one_consumer<Queue>) drop_all();
  }

  // --- The members of a queue ---

  void close() noexcept { queue_.close(); }
  bool is_closed() const noexcept { return queue_.is_closed(); }
  std::size_t size_approx() const noexcept { return queue_.size_approx(); }

  std::size_t capacity() const noexcept
    requires capacity_limited<Queue>
  {
    return queue_.capacity();
  }
  auto get_allocator() const noexcept
    requires requires(const Queue& queue) { queue.get_allocator(); }
  {
    return queue_.get_allocator();
  }

  template <class... Args>
  [[nodiscard]] conqueue_status try_emplace(Args&&... args) {
    return put([&] { return queue_.try_emplace(std::forward<Args>(args)...); });
  }
  template <class... Args>
  [[nodiscard]] conqueue_status try_emplace_until(deadline limit, Args&&... args) {
    return put([&] { return queue_.try_emplace_until(limit, std::forward<Args>(args)...); });
  }
  template <class In>
  std::size_t try_push_n(In first, std::size_t n) {
    return put_n(n, [&] { return queue_.try_push_n(std::move(first), n); });
  }
  template <class In>
  std::size_t push_n(In first, std::size_t n) {
    return put_n(n, [&] { return queue_.push_n(std::move(first), n); });
  }

  std::optional<T> pop() {
    const auto pops = [&] { return queue_.pop(); };
    return is_dropped() ? drop_until_none(pops) : take(pops);
  }
  [[nodiscard]] pop_result<T> try_pop() {
    const auto pops = [&] { return queue_.try_pop(); };
    return is_dropped() ? drop_until_none(pops) : take(pops);
  }
  [[nodiscard]] pop_result<T> try_pop_until(deadline limit) {
    const auto pops = [&] { return queue_.try_pop_until(limit); };
    return is_dropped() ? drop_until_none(pops) : take(pops);
  }
  template <class Out>
  std::size_t try_pop_n(Out out, std::size_t max) {
    return take_n(out, [&](auto to) { return queue_.try_pop_n(std::move(to), max); });
  }
  template <class Out>
  std::size_t pop_n(Out out, std::size_t max) {
    return take_n(out, [&](auto to) { return queue_.pop_n(std::move(to), max); });
  }
  template <class Out>
    requires concurrent_stack<Queue>
  std::size_t pop_all(Out out) {
    return take_n(out, [&](auto to) { return queue_.pop_all(std::move(to)); });
  }

 protected:
  template <class... Args>
  explicit joinable_queue(std::in_place_t, Args&&... args) : queue_(std::forward<Args>(args)...) {}
  ~joinable_queue() = default;

 private:
  // Pushes that have been counted; what is left of them at the end has failed, and is taken back.
  struct counted_pushes {
    ~counted_pushes() {
      if (left != 0) tasks.ended(left);
    }
    Tasks& tasks;
    std::size_t left;
  };

  template <class Push>
  conqueue_status put(Push push) {
    tasks_.began(1);  // invariant "counted"
    counted_pushes pushes{tasks_, 1};
    const conqueue_status status = push();
    if (status == conqueue_status::success) {
      pushes.left = 0;
      published();
    }
    return status;
  }

  template <class Push>
  std::size_t put_n(std::size_t n, Push push) {
    tasks_.began(n);
    counted_pushes pushes{tasks_, n};
    const std::size_t done = push();
    pushes.left -= done;
    if (done != 0) published();
    return done;
  }

  // After a push that succeeded: if the queue was shut down at that moment, its element may have come too late to be found.
  void published() {
    if constexpr (!one_consumer<Queue>) {
      asymmetric_fence_light();  // (2) with (1)
      if (is_dropped()) [[unlikely]] drop_all();
    }
  }

  // Elements that have left the queue by one call, and are in somebody's hands when it ends. An element that threw while it
  // was moved out is in nobody's: if the queue has lost it, nobody will report it, so nothing is to be waited for.
  struct counted_pops {
    ~counted_pops() {
      if (taken != 0) tasks.taken(taken);
      if (threw && !keeps_what_throws<Queue>) tasks.ended(1);
    }
    Tasks& tasks;
    std::size_t taken = 0;
    bool threw = false;
  };

  // The result is the function's own, in its outermost block, returned in one place, and its type is named (for clang 14), so
  // that it is built where the caller wants it: an element that may throw is not moved once more.
  template <class Pop>
  std::invoke_result_t<Pop&> take(Pop& pop) {
    counted_pops pops{tasks_, 0, !std::is_nothrow_move_constructible_v<T>};
    std::invoke_result_t<Pop&> result = pop();
    pops.threw = false;
    pops.taken = result.has_value() ? 1 : 0;
    return result;
  }

  // For where writing may throw. Counts what it writes: when a queue throws, that is how many had gone before.
  template <class Out>
  struct counting_output {
    struct place {
      template <class From>
      void operator=(From&& from) {
        pops->threw = true;
        **out = std::forward<From>(from);
        pops->threw = false;
        ++pops->taken;
      }
      counted_pops* pops;
      Out* out;
    };
    place operator*() noexcept { return {pops, out}; }
    counting_output& operator++() {
      ++*out;
      return *this;
    }
    counted_pops* pops;
    Out* out;
  };

  template <class Out, class Pop>
  std::size_t take_n(Out& out, Pop pop) {
    if (is_dropped()) [[unlikely]] {
      while (const std::size_t n = pop(nowhere())) tasks_.ended(n);
      return 0;
    }
    if constexpr (noexcept(*out = std::declval<T>()) && noexcept(++out)) {
      const std::size_t done = pop(std::move(out));
      if (done != 0) tasks_.taken(done);
      return done;
    } else {
      counted_pops pops{tasks_};
      const std::size_t done = pop(counting_output<Out>{&pops, &out});
      pops.threw = false;  // if the queue stopped at that element, it has kept it
      return done;
    }
  }

  // After an immediate shutdown. Relaxed: who has heard of the shutdown sees the mark; for others it may be coming.
  bool is_dropped() const noexcept { return dropped_.load(memory_order_relaxed); }

  // Where elements go that nobody is to get.
  struct nowhere {
    struct place {
      void operator=(T&&) const noexcept {}
    };
    place operator*() const noexcept { return {}; }
    nowhere& operator++() noexcept { return *this; }
  };

  void drop_all() {
    constexpr std::size_t at_once = 64;
    while (const std::size_t n = queue_.try_pop_n(nowhere(), at_once)) tasks_.ended(n);
  }

  // What a pop does then: drops what it gets, until it gets nothing, and says why.
  template <class Pop>
  auto drop_until_none(Pop& pop) {
    for (;;) {
      auto result = pop();
      if (!result.has_value()) return result;
      tasks_.ended(1);
    }
  }

  Queue queue_;
  Tasks tasks_;
  atomic<bool> dropped_{false};
};

}  // namespace switchyard::detail
