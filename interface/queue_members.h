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
// `try_emplace` and `try_emplace_until` must leave their arguments alone unless they return success.
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

  /// True if there seemed to be no element; exact only while nobody else uses the queue.
  bool empty_approx() const noexcept { return self().size_approx() == 0; }

 protected:
  ~queue_members() = default;

 private:
  Derived& self() noexcept { return static_cast<Derived&>(*this); }
  const Derived& self() const noexcept { return static_cast<const Derived&>(*this); }
};

}  // namespace switchyard
