// Waiting, time limits and bulk for any queue that has operations that do not wait.
//
// Source: our own, on `event_count`.
// When: a queue derives from `waiting_queue<itself, T>` and defines, publicly or with this base as a friend:
//
//   template <class... Args>
//   conqueue_status emplace_once(Args&&... args);   success, or full, closed with the arguments as they were
//   template <class Sink>
//   conqueue_status pop_once(Sink&& sink);          success, having called sink(T&&) once; or empty, closed
//   void close_once() noexcept;
//   bool is_closed() const noexcept;
//   std::size_t size_approx() const noexcept;
//
//   and, to tell without popping:
//   conqueue_status look_once();                    whether a pop would find something: success, empty, closed
//   Without it `size_approx` tells, which must not be 0 once the push of an element that is still there has ended; and
//   `closed` may then come a moment before a push that began earlier succeeds.
//
//   and, where it can do better than one at a time, with iterator and count moved on for every element, so
//   that they are right when one throws:
//   template <class In>  void push_batch_once(In& first, std::size_t n, std::size_t& done);
//   template <class Out> void pop_batch_once(Out& out, std::size_t max, std::size_t& done);
//
// Progress: try_ members are what the queue's own are; the notification adds wait-free steps, and a system
//   call only if somebody sleeps. Members that wait spin for some microseconds, then sleep in the kernel.
// Ordering: that of the queue.
// Cost: on a queue nobody waits on, one load of a line that nobody writes.
//
// `async_push`, `async_pop` and `async_emplace` need the header `threads/async.h` where they are called; `threads/select.h`
// waits for the first of several queues, `threads/readiness_fd.h` in an epoll loop.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <type_traits>
#include <utility>

#include "switchyard/atomics/asymmetric_fence.h"
#include "switchyard/atomics/backoff.h"
#include "switchyard/interface/conqueue_status.h"
#include "switchyard/interface/deadline.h"
#include "switchyard/interface/queue.h"
#include "switchyard/interface/queue_members.h"
#include "switchyard/lockfree/event_count.h"
#include "switchyard/threads/waiter.h"

namespace switchyard::lockfree {

template <class Derived, class T>
class waiting_queue : public queue_members<Derived, T> {
 public:
  /// Builds an element from `args` in the queue: `success`, or `full` or `closed` with `args` as they were.
  template <class... Args>
  [[nodiscard]] conqueue_status try_emplace(Args&&... args) {
    return push_with([&] { return self().emplace_once(std::forward<Args>(args)...); });
  }

  /// The same, waiting for room until `limit`.
  template <class... Args>
  [[nodiscard]] conqueue_status try_emplace_until(deadline limit, Args&&... args) {
    const conqueue_status status = try_emplace(std::forward<Args>(args)...);
    if (status != conqueue_status::full) [[likely]] return status;
    if constexpr ((is_copied_to_wait<Args> && ...)) {
      return wait_and_retry(not_full_, limit, status,
                            [this, ... late = args]() mutable { return try_emplace(static_cast<Args&&>(late)...); });
    } else {
      return wait_and_retry(not_full_, limit, status, [&] { return try_emplace(std::forward<Args>(args)...); });
    }
  }

  /// The first element, or `empty`, or `closed` if the queue is closed and empty.
  [[nodiscard]] pop_result<T> try_pop() {
    std::optional<T> element;
    const conqueue_status status = pop_into(element);
    return as_result(element, status);
  }

  /// The same, waiting for an element until `limit`.
  [[nodiscard]] pop_result<T> try_pop_until(deadline limit) {
    std::optional<T> element;
    const conqueue_status status = pop_into_until(element, limit);
    return as_result(element, status);
  }

  /// Waits while the queue is empty. nullopt: it is closed, and every element has been popped.
  ///
  /// g++ 12 copies the result, in eight nanoseconds, where it initialises a variable that is const: use `auto`.
  std::optional<T> pop() {
    std::optional<T> element;
    pop_into_until(element, deadline::never());
    return element;
  }

  /// Whether a pop would find something, without waiting and without taking it: `success`, or `empty`, or `closed` if the
  /// queue is closed and empty. For those who may pop.
  [[nodiscard]] conqueue_status look() {
    if constexpr (requires { self().look_once(); }) {
      return self().look_once();
    } else {
      const bool closed = self().is_closed();
      if (self().size_approx() != 0) return conqueue_status::success;
      return closed ? conqueue_status::closed : conqueue_status::empty;
    }
  }

  /// Waits until there is something to pop, or until `limit`, without taking it: as `look`. If it had to sleep, and
  /// others do, one of them is woken, too: the caller is not bound to pop.
  [[nodiscard]] conqueue_status wait_nonempty_until(deadline limit) {
    conqueue_status status = look();
    if (status != conqueue_status::empty) return status;
    status = wait_and_retry(not_empty_, limit, conqueue_status::empty, [this] { return look(); });
    if (status == conqueue_status::success) not_empty_.notify_one();
    return status;
  }

  /// What `threads/waiter.h` says: has `w` woken once, by the next to push (or, on the side of room, pop) or to close.
  void enlist(waiter& w, queue_side side) noexcept { event(side).enlist(w); }
  bool withdraw(waiter& w, queue_side side) noexcept { return event(side).withdraw(w); }
  void wake_another(queue_side side) noexcept { event(side).notify_one(); }

  /// Pushes `first[0]`, `first[1]`, ... as long as there is room, up to `n`; returns how many. If building an
  /// element throws, that ends it too; the exception passes on if the element was the first of the call.
  template <class In>
  std::size_t try_push_n(In first, std::size_t n) {
    std::size_t done = 0;
    push_some(first, n, done);
    return done;
  }

  /// Pops up to `max` elements into `out`; returns how many. If moving an element out throws, what pop says
  /// of that element holds, and those before it are in `out`. The exception passes on if the element was lost
  /// or was the first of the call.
  template <class Out>
  std::size_t try_pop_n(Out out, std::size_t max) {
    std::size_t done = 0;
    pop_some(out, max, done);
    return done;
  }

  /// Pushes `n` elements, waiting for room; fewer only if the queue is closed or building one throws.
  template <class In>
  std::size_t push_n(In first, std::size_t n) {
    std::size_t done = 0;
    try {
      // As many as fit, then one that waits. What has thrown is not built again.
      while (push_some(first, n, done) && done < n) {
        if (!this->emplace(*first)) break;
        ++first;
        ++done;
      }
    } catch (...) {
      if (done == 0) throw;  // else the next call meets the same element
    }
    return done;
  }

  /// Waits for an element, then pops what there is, up to `max`, into `out`. 0 only if closed and empty, or
  /// if `max` is 0.
  template <class Out>
  std::size_t pop_n(Out out, std::size_t max) {
    std::size_t done = 0;
    if (max == 0) return 0;
    const auto attempt = [&] {
      pop_some(out, max, done);
      if (done != 0) return conqueue_status::success;
      if (!self().is_closed()) return conqueue_status::empty;
      // Only a pop can tell whether that is for good.
      const conqueue_status status = pop_with(write_to(out));
      if (status == conqueue_status::success) done = 1;
      return status;
    };
    if (attempt() == conqueue_status::empty) {
      wait_and_retry(not_empty_, deadline::never(), conqueue_status::empty, attempt);
    }
    return done;
  }

  /// No push that begins after this succeeds. What is in the queue can still be popped; then pops report
  /// closed. Wakes everybody who waits. Closing twice is closing once.
  void close() noexcept {
    // Before: whoever ends after somebody has slept on a queue that he saw closed must look.
    not_full_.stay_alert();
    not_empty_.stay_alert();
    self().close_once();
    not_full_.notify_all();
    not_empty_.notify_all();
  }

 protected:
  ~waiting_queue() = default;

  /// For a queue's own kind of pop, once it has ended: it has put `n` elements back, and may have kept "closed" from
  /// being reported.
  void put_back(std::size_t n) noexcept { ended(not_empty_, n); }

 private:
  Derived& self() noexcept { return static_cast<Derived&>(*this); }

  event_count& event(queue_side side) noexcept {
    return side == queue_side::elements ? not_empty_ : not_full_;
  }

  static std::uint32_t saturated(std::size_t n) noexcept {
    return static_cast<std::uint32_t>(std::min<std::size_t>(n, std::numeric_limits<std::uint32_t>::max()));
  }

  // What a push, whether or not it moved anything, and a pop that did owe the others when they have ended: wake
  // who waits for what they changed and, on a closed queue, all consumers, as this operation may have been the
  // last that "closed" had to wait for. (A pop that found nothing is never that; and were it to notify, a
  // consumer would wake itself for ever.) One look at one word tells that there is none of that to do.
  [[gnu::always_inline]] void ended(event_count& changed, std::size_t n) noexcept {
    if (changed.is_alert()) [[unlikely]] tell(changed, n);
  }
  [[gnu::noinline]] void tell(event_count& changed, std::size_t n) noexcept {
    if (n != 0) changed.notify(saturated(n));
    asymmetric_fence_light();
    if (self().is_closed()) not_empty_.notify_all();
  }

  // `push` returns its status. If it throws, the room that it held for a while is free again.
  template <class Push>
  conqueue_status push_with(Push push) {
    conqueue_status status;
    try {
      status = push();
    } catch (...) {
      ended(not_full_, 1);
      throw;
    }
    if (status == conqueue_status::success) [[likely]] {
      ended(not_empty_, 1);  // each with a number that the compiler knows
    } else {
      ended(not_empty_, 0);
    }
    return status;
  }

  template <class Sink>
  conqueue_status pop_with(Sink sink) {
    conqueue_status status;
    try {
      status = self().pop_once(sink);
    } catch (...) {
      ended(not_full_, 1);  // the element may be gone
      throw;
    }
    if (status == conqueue_status::success) ended(not_full_, 1);
    return status;
  }

  conqueue_status pop_into(std::optional<T>& result) {
    return pop_with([&](T&& element) { result.emplace(std::move(element)); });
  }
  // The same, waiting for an element until `limit`. What is copied byte by byte is popped into a variable of its own once it
  // must wait, so that `result` needs no address before.
  conqueue_status pop_into_until(std::optional<T>& result, deadline limit) {
    const conqueue_status status = pop_into(result);
    if (status != conqueue_status::empty) [[likely]] return status;
    if constexpr (std::is_trivially_copyable_v<T>) {
      std::optional<T> late;
      const conqueue_status ended = wait_and_retry(not_empty_, limit, status, [&] { return pop_into(late); });
      if (late) result.emplace(std::move(*late));
      return ended;
    } else {
      return wait_and_retry(not_empty_, limit, status, [&] { return pop_into(result); });
    }
  }
  static pop_result<T> as_result(std::optional<T>& element, conqueue_status status) {
    if (status != conqueue_status::success) return unexpected(status);
    return pop_result<T>(std::move(*element));
  }
  template <class Out>
  static auto write_to(Out& out) {
    return [&](T&& element) {
      *out = std::move(element);
      ++out;
    };
  }

  // Adds to `done`. False: an element threw, and is not the first of the caller's.
  template <class In>
  bool push_some(In& first, std::size_t n, std::size_t& done) {
    const std::size_t before = done;
    try {
      if constexpr (requires { self().push_batch_once(first, n, done); }) {
        self().push_batch_once(first, n, done);
      } else {
        for (; done < n && self().emplace_once(*first) == conqueue_status::success; ++first) ++done;
      }
    } catch (...) {
      ended(not_full_, 1);
      ended(not_empty_, done - before);
      if (done == 0) throw;
      return false;
    }
    ended(not_empty_, done - before);
    return true;
  }

  template <class Out>
  void pop_some(Out& out, std::size_t max, std::size_t& done) {
    try {
      if constexpr (requires { self().pop_batch_once(out, max, done); }) {
        self().pop_batch_once(out, max, done);
      } else {
        while (done < max && self().pop_once(write_to(out)) == conqueue_status::success) ++done;
      }
    } catch (...) {
      ended(not_full_, done + 1);
      throw;
    }
    if (done != 0) ended(not_full_, done);
  }

  // What a push that has to wait copies first: so the caller's variable needs no address, and can stay in a register, on the
  // way that does not wait.
  template <class Arg>
  static constexpr bool is_copied_to_wait =
      std::is_scalar_v<std::remove_reference_t<Arg>> &&
      (std::is_const_v<std::remove_reference_t<Arg>> || !std::is_lvalue_reference_v<Arg>);

  // Calls `attempt` until it returns something else than `not_yet`, or `limit` has passed: looks a few times, in case the
  // other side is at work this moment, then sleeps. Apart, to keep the way here short.
  template <class Attempt>
  [[gnu::noinline]] static conqueue_status wait_and_retry(event_count& event, deadline limit,
                                                          conqueue_status not_yet, Attempt&& attempt) {
    conqueue_status status = not_yet;
    last_looks look;
    do {  // once in any case: under the checker, which would else explore the way to sleep for minutes
      if (limit.has_passed()) return status;
      look.pause();
      status = attempt();
      if (status != not_yet) return status;
    } while (look.are_left());
    event.await_until(limit, [&] {
      status = attempt();
      return status != not_yet;
    });
    return status;
  }

  event_count not_empty_;
  event_count not_full_;
};

}  // namespace switchyard::lockfree
