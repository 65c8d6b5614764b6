// The members of a concurrent queue that follow from others, written once for every queue.
//
// A queue derives from `queue_members<itself, T>` and defines these; the rest of the interface follows:
//
//   template <class... Args> conqueue_status try_emplace(Args&&...);               success, full, closed
//   template <class... Args> conqueue_status try_emplace_until(deadline, Args&&...);
//   pop_result<T> try_pop();                                                       or empty, closed
//   pop_result<T> try_pop_until(deadline);
//   std::size_t size_approx() const noexcept;
//
// `try_emplace` and `try_emplace_until` must leave their arguments alone unless they return success. With
//
//   conqueue_status wait_nonempty_until(deadline);                                 success, empty, closed
//
// come `wait_nonempty` and `wait_nonempty_for`; with what `threads/waiter.h` asks for, and that header
// included by who calls them, `async_push`, `async_emplace` and `async_pop` of `threads/async.h`.
#pragma once

#include <chrono>
#include <concepts>
#include <cstddef>
#include <optional>
#include <utility>

#include "switchyard/interface/conqueue_status.h"
#include "switchyard/interface/deadline.h"
#include "switchyard/interface/queue.h"

namespace switchyard {

// Of `threads/async.h`.
struct inline_executor;
template <class Queue, class Executor>
class async_pop_operation;
template <class Queue, class Executor, class... Args>
class async_emplace_operation;

/// The derived members. They add no cost, no ordering and no exception of their own to what they call.
template <class Derived, class T>
class queue_members {
 public:
  using value_type = T;

  /// Waits while the queue is full. True: `value` is in the queue. False: the queue is closed, and `value`
  /// is as it was.
  bool push(const T& value)
    requires std::copy_constructible<T>
  {
    return emplace(value);
  }
  bool push(T&& value) { return emplace(std::move(value)); }

  /// Waits while the queue is full, then builds the element from `args`. False: closed, `args` untouched.
  template <class... Args>
  bool emplace(Args&&... args) {
    return self().try_emplace_until(deadline::never(), std::forward<Args>(args)...) ==
           conqueue_status::success;
  }

  /// Waits while the queue is empty. nullopt: it is closed, and every element has been popped.
  std::optional<T> pop() {
    auto result = self().try_pop_until(deadline::never());
    if (!result) return std::nullopt;
    return std::optional<T>(std::move(*result));
  }

  /// Does not wait: `success`, or `full` or `closed` with `value` as it was.
  [[nodiscard]] conqueue_status try_push(const T& value)
    requires std::copy_constructible<T>
  {
    return self().try_emplace(value);
  }
  [[nodiscard]] conqueue_status try_push(T&& value) { return self().try_emplace(std::move(value)); }

  /// Waits up to `wait`, or until `when`, for room: `success`, or `full` or `closed` with `value` as it was.
  template <class Rep, class Period>
  [[nodiscard]] conqueue_status try_push_for(const T& value,
                                             const std::chrono::duration<Rep, Period>& wait)
    requires std::copy_constructible<T>
  {
    return self().try_emplace_until(deadline::after(wait), value);
  }
  template <class Rep, class Period>
  [[nodiscard]] conqueue_status try_push_for(T&& value, const std::chrono::duration<Rep, Period>& wait) {
    return self().try_emplace_until(deadline::after(wait), std::move(value));
  }
  [[nodiscard]] conqueue_status try_push_until(const T& value, deadline when)
    requires std::copy_constructible<T>
  {
    return self().try_emplace_until(when, value);
  }
  [[nodiscard]] conqueue_status try_push_until(T&& value, deadline when) {
    return self().try_emplace_until(when, std::move(value));
  }

  /// Waits up to `wait` for an element: the element, or `empty`, or `closed` if it is closed and empty.
  template <class Rep, class Period>
  [[nodiscard]] pop_result<T> try_pop_for(const std::chrono::duration<Rep, Period>& wait) {
    return self().try_pop_until(deadline::after(wait));
  }

  /// Waits until there is something to pop, without taking it: `success`, or `closed` if the queue is closed and empty.
  template <class Self = Derived>
  conqueue_status wait_nonempty()
    requires requires(Self& q) { q.wait_nonempty_until(deadline::never()); }
  {
    return self().wait_nonempty_until(deadline::never());
  }
  /// The same for up to `wait`: or `empty`.
  template <class Rep, class Period, class Self = Derived>
  [[nodiscard]] conqueue_status wait_nonempty_for(const std::chrono::duration<Rep, Period>& wait)
    requires requires(Self& q) { q.wait_nonempty_until(deadline::never()); }
  {
    return self().wait_nonempty_until(deadline::after(wait));
  }

  /// `co_await q.async_pop()` is what pop returns, and does not block the thread. See `threads/async.h`, which whoever calls
  /// these has to include, for `executor` and for how to cancel.
  template <class Executor = inline_executor, class Self = Derived>
  async_pop_operation<Self, Executor> async_pop(Executor executor = Executor()) noexcept {
    return async_pop_operation<Self, Executor>(self(), std::move(executor));
  }
  /// `co_await q.async_push(value)` and `co_await q.async_emplace(args...)` are what push and emplace return. They refer to
  /// their arguments, which must live until then.
  template <class Self = Derived>
  async_emplace_operation<Self, inline_executor, const T&> async_push(const T& value) noexcept
    requires std::copy_constructible<T>
  {
    return async_emplace_operation<Self, inline_executor, const T&>(self(), {}, value);
  }
  template <class Self = Derived>
  async_emplace_operation<Self, inline_executor, T&&> async_push(T&& value) noexcept {
    return async_emplace_operation<Self, inline_executor, T&&>(self(), {}, std::move(value));
  }
  template <class Executor, class Self = Derived>
  async_emplace_operation<Self, Executor, const T&> async_push(const T& value, Executor executor) noexcept
    requires std::copy_constructible<T>
  {
    return async_emplace_operation<Self, Executor, const T&>(self(), std::move(executor), value);
  }
  template <class Executor, class Self = Derived>
  async_emplace_operation<Self, Executor, T&&> async_push(T&& value, Executor executor) noexcept {
    return async_emplace_operation<Self, Executor, T&&>(self(), std::move(executor), std::move(value));
  }
  template <class Self = Derived, class... Args>
  async_emplace_operation<Self, inline_executor, Args&&...> async_emplace(Args&&... args) noexcept {
    return async_emplace_operation<Self, inline_executor, Args&&...>(self(), {}, std::forward<Args>(args)...);
  }

  /// True if there seemed to be no element; exact only while nobody else uses the queue.
  bool empty_approx() const noexcept { return self().size_approx() == 0; }

 protected:
  ~queue_members() = default;

 private:
  Derived& self() noexcept { return static_cast<Derived&>(*this); }
  const Derived& self() const noexcept { return static_cast<const Derived&>(*this); }
};

}  // namespace switchyard
