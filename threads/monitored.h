// A queue that counts what goes through it, who waited for it and for how long, and how full it has been.
//
// Source: our own; see `monitor.h`, which shows the counts.
// When: in place of the queue inside, which has the same members, while a program is to be watched or measured. Around or
//   in a `joinable`: `joinable<monitored<Queue>>` counts what it drops as popped.
// Progress, ordering: those of the queue inside. Counting adds wait-free steps; a thread's first operation allocates.
// Exceptions: those of the queue inside, and std::bad_alloc at a thread's first operation, before anything is done. A call
//   that throws is not counted, but for the time that it had waited.
// Cost: a few nanoseconds an operation: an addition to a line of the thread's own, and for a push a look at the size of
//   the queue. The clock is read by calls that must wait, and by no others. 256 bytes for each thread.
//
//   monitored<lockfree::bounded_queue<job>> jobs(1024);       // was: lockfree::bounded_queue<job> jobs(1024);
//   monitor_sample now = jobs.sample();                       // now.in.waits: producers that found it full
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <optional>
#include <type_traits>
#include <utility>

#include "switchyard/interface/conqueue_status.h"
#include "switchyard/interface/deadline.h"
#include "switchyard/interface/joinable.h"
#include "switchyard/interface/queue.h"
#include "switchyard/interface/queue_members.h"
#include "switchyard/threads/detail/usage_counts.h"
#include "switchyard/threads/monitor.h"
#include "switchyard/threads/waiter.h"

namespace switchyard {

namespace detail {

// What a queue says of itself besides its concept (interface/joinable.h), said by what stands around it.
template <bool>
struct says_keeps_what_throws {};
template <>
struct says_keeps_what_throws<true> {
  using keeps_what_throws = void;
};
template <bool>
struct says_one_consumer {};
template <>
struct says_one_consumer<true> {
  using one_consumer = void;
};

}  // namespace detail

/// `Queue`: one of either side, or what has its members.
template <class Queue>
class monitored : public queue_members<monitored<Queue>, typename Queue::value_type>,
                  public detail::says_keeps_what_throws<keeps_what_throws<Queue>>,
                  public detail::says_one_consumer<one_consumer<Queue>> {
  using T = typename Queue::value_type;
  using way = detail::usage_counts::way;
  using cell = detail::usage_counts::cell;
  using waiting = detail::usage_counts::waiting;

 public:
  using queue_type = Queue;

  /// Made as the queue is: by its capacity and the rest, or by the rest.
  template <class... Args>
    requires std::constructible_from<Queue, std::size_t, Args...>
  explicit monitored(std::size_t capacity, Args&&... args) : queue_(capacity, std::forward<Args>(args)...) {}
  template <class... Args>
    requires std::constructible_from<Queue, Args...> && (... && !std::integral<std::remove_cvref_t<Args>>)
  explicit monitored(Args&&... args) : queue_(std::forward<Args>(args)...) {}
  monitored(const monitored&) = delete;
  monitored& operator=(const monitored&) = delete;

  // --- What is new ---

  /// How it stands; `name` is left empty.
  monitor_sample sample() const {
    monitor_sample now;
    sample(now);
    return now;
  }
  /// The same, into a sample that has nothing in it yet.
  void sample(monitor_sample& into) const {
    into.depth = queue_.size_approx();
    into.deepest = 0;
    if constexpr (capacity_limited<Queue>) into.capacity = queue_.capacity();
    counts_.read(into);
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
    cell& mine = counts_.local();
    return pushed(mine, queue_.try_emplace(std::forward<Args>(args)...));
  }
  template <class... Args>
  [[nodiscard]] conqueue_status try_emplace_until(deadline limit, Args&&... args) {
    cell& mine = counts_.local();
    // What fails leaves its arguments alone, so they can be given again.
    conqueue_status status = queue_.try_emplace(std::forward<Args>(args)...);
    if (status != conqueue_status::full || limit.has_passed()) return pushed(mine, status);
    waiting wait(mine, way::in);
    status = queue_.try_emplace_until(limit, std::forward<Args>(args)...);
    wait.ended(status == conqueue_status::success);
    if (status == conqueue_status::success) entered(mine, 1);
    return status;
  }

  [[nodiscard]] pop_result<T> try_pop() {
    cell& mine = counts_.local();
    auto result = queue_.try_pop();
    popped(mine, result.has_value());
    return result;
  }
  [[nodiscard]] pop_result<T> try_pop_until(deadline limit) {
    cell& mine = counts_.local();
    if constexpr (std::is_nothrow_move_constructible_v<T>) {
      auto result = queue_.try_pop();
      if (result.has_value() || result.error() != conqueue_status::empty || limit.has_passed()) {
        popped(mine, result.has_value());
        return result;
      }
      return pop_waiting(mine, limit);
    } else {
      // An element that may throw is not moved once more than by the queue: so we do not take it before we wait, and only
      // look whether it will be a wait.
      if (limit.has_passed()) return try_pop();
      return seems_empty() ? pop_waiting(mine, limit) : pop_at_once(mine, limit);
    }
  }

  template <class In>
  std::size_t try_push_n(In first, std::size_t n) {
    cell& mine = counts_.local();
    const std::size_t done = queue_.try_push_n(std::move(first), n);
    if (done < n) mine.refused(way::in);
    if (done > 0) entered(mine, done);
    return done;
  }
  /// Counted as one that waits if there seems to be no room for all of them at the beginning.
  template <class In>
  std::size_t push_n(In first, std::size_t n) {
    cell& mine = counts_.local();
    std::optional<waiting> wait;
    if constexpr (capacity_limited<Queue>) {
      if (n > 0 && !queue_.is_closed() && queue_.capacity() - std::min(queue_.capacity(), queue_.size_approx()) < n) {
        wait.emplace(mine, way::in);
      }
    }
    const std::size_t done = queue_.push_n(std::move(first), n);
    if (wait) wait->ended(done == n);
    if (done < n && !wait) mine.refused(way::in);
    if (done > 0) entered(mine, done);
    return done;
  }
  template <class Out>
  std::size_t try_pop_n(Out out, std::size_t max) {
    cell& mine = counts_.local();
    const std::size_t done = queue_.try_pop_n(std::move(out), max);
    popped_n(mine, max, done);
    return done;
  }
  template <class Out>
  std::size_t pop_n(Out out, std::size_t max) {
    cell& mine = counts_.local();
    if (max == 0 || !seems_empty()) {
      const std::size_t done = queue_.pop_n(std::move(out), max);
      popped_n(mine, max, done);
      return done;
    }
    waiting wait(mine, way::out);
    const std::size_t done = queue_.pop_n(std::move(out), max);
    wait.ended(done > 0);
    mine.done(way::out, done);
    return done;
  }
  template <class Out>
    requires concurrent_stack<Queue>
  std::size_t pop_all(Out out) {
    cell& mine = counts_.local();
    const std::size_t done = queue_.pop_all(std::move(out));
    mine.done(way::out, done);
    return done;
  }

  // --- Waiting without a pop, or without a thread ---

  template <class Self = Queue>
  conqueue_status wait_nonempty_until(deadline limit)
    requires requires(Self& queue) { queue.wait_nonempty_until(limit); }
  {
    return queue_.wait_nonempty_until(limit);
  }
  conqueue_status look()
    requires watchable_queue<Queue>
  {
    return queue_.look();
  }
  void enlist(waiter& w, queue_side side)
    requires watchable_queue<Queue>
  {
    queue_.enlist(w, side);
  }
  bool withdraw(waiter& w, queue_side side) noexcept
    requires watchable_queue<Queue>
  {
    return queue_.withdraw(w, side);
  }
  void wake_another(queue_side side) noexcept
    requires watchable_queue<Queue>
  {
    queue_.wake_another(side);
  }

 private:
  // Nothing to pop, and it may still come.
  bool seems_empty() const noexcept { return queue_.size_approx() == 0 && !queue_.is_closed(); }

  pop_result<T> pop_waiting(cell& mine, deadline limit) {
    waiting wait(mine, way::out);
    auto result = queue_.try_pop_until(limit);
    wait.ended(result.has_value());
    if (result.has_value()) mine.done(way::out, 1);
    return result;
  }
  pop_result<T> pop_at_once(cell& mine, deadline limit) {
    auto result = queue_.try_pop_until(limit);
    popped(mine, result.has_value());
    return result;
  }

  void entered(cell& mine, std::size_t n) noexcept {
    mine.done(way::in, n);
    mine.seen_depth(queue_.size_approx());
  }
  conqueue_status pushed(cell& mine, conqueue_status status) noexcept {
    if (status == conqueue_status::success) {
      entered(mine, 1);
    } else {
      mine.refused(way::in);
    }
    return status;
  }
  static void popped(cell& mine, bool done) noexcept {
    if (done) {
      mine.done(way::out, 1);
    } else {
      mine.refused(way::out);
    }
  }
  static void popped_n(cell& mine, std::size_t max, std::size_t done) noexcept {
    if (done > 0) {
      mine.done(way::out, done);
    } else if (max > 0) {
      mine.refused(way::out);
    }
  }

  Queue queue_;
  detail::usage_counts counts_;
};

}  // namespace switchyard
