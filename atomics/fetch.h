// Read-modify-write operations that std::atomic lacks.
//
// All are lock-free: a retry means that another thread changed the value in between.
#pragma once

#include <concepts>
#include <functional>
#include <optional>
#include <utility>

#include "switchyard/atomics/atomic.h"

namespace switchyard {

namespace detail {

/// The order for a compare-and-swap that failed, given the order for one that succeeds.
constexpr memory_order failure_order(memory_order order) noexcept {
  switch (order) {
    case memory_order_acq_rel: return memory_order_acquire;
    case memory_order_release: return memory_order_relaxed;
    default: return order;
  }
}

}  // namespace detail

/// Replaces the value v by `update(v)`, atomically, and returns the v that was replaced.
///
/// `update` returns the new value, or a `std::optional` of it, where nullopt means: leave it. Then nothing
/// is written, the value seen is returned, and `order` applies to the load alone. `update` may run many
/// times and must have no effect of its own; what it throws passes on, with nothing changed.
template <class T, class Update>
T fetch_update(atomic<T>& target, Update update, memory_order order = memory_order_seq_cst) {
  T seen = target.load(detail::failure_order(order));
  for (;;) {
    const std::optional<T> desired = update(std::as_const(seen));
    if (!desired) return seen;
    if (target.compare_exchange_weak(seen, *desired, order, detail::failure_order(order))) return seen;
  }
}

/// Raises the value to `value` if that is larger (by `compare`); returns the value before. A value that is
/// large enough already is not written, so its cache line stays shared.
template <class T, class Compare = std::less<T>>
T fetch_max(atomic<T>& target, T value, memory_order order = memory_order_seq_cst, Compare compare = {}) {
  return fetch_update(
      target,
      [&](const T& seen) { return compare(seen, value) ? std::optional<T>(value) : std::nullopt; }, order);
}

/// Lowers the value to `value` if that is smaller (by `compare`); returns the value before.
template <class T, class Compare = std::less<T>>
T fetch_min(atomic<T>& target, T value, memory_order order = memory_order_seq_cst, Compare compare = {}) {
  return fetch_update(
      target,
      [&](const T& seen) { return compare(value, seen) ? std::optional<T>(value) : std::nullopt; }, order);
}

/// Adds `n` unless the sum would pass `limit` (rise above it for n >= 0, fall below it for n < 0) or
/// overflow. True: added. False: nothing changed.
template <std::integral T>
bool try_fetch_add(atomic<T>& target, T n, T limit, memory_order order = memory_order_seq_cst) {
  bool added = false;
  fetch_update(
      target,
      [&](T seen) {
        T sum;
        added = !__builtin_add_overflow(seen, n, &sum) && (n < 0 ? sum >= limit : sum <= limit);
        return added ? std::optional<T>(sum) : std::nullopt;
      },
      order);
  return added;
}

}  // namespace switchyard
