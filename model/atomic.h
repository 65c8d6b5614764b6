// `switchyard::atomic` and its fences as the model checker has them; `atomics/atomic.h` includes this in its stead.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <type_traits>

#include "switchyard/model/engine.h"
#include "switchyard/model/where.h"

namespace switchyard {

// Names of their own for the linker, so that a program with both kinds of atomic does not link by mistake.
inline namespace modelled {

using model::memory_order;
inline constexpr memory_order memory_order_relaxed = memory_order::relaxed;
inline constexpr memory_order memory_order_acquire = memory_order::acquire;
inline constexpr memory_order memory_order_release = memory_order::release;
inline constexpr memory_order memory_order_acq_rel = memory_order::acq_rel;
inline constexpr memory_order memory_order_seq_cst = memory_order::seq_cst;

/// The interface of std::atomic<T>, for any T that it allows of up to 16 bytes. Operators have no place of call in
/// reports. Outside of a check it is memory that only one thread may use.
template <class T>
class atomic {
  static_assert(std::is_trivially_copyable_v<T> && sizeof(T) <= 16, "no such atomic in the model");
  using bits = model::detail::bits;
  using where = model::where;

 public:
  using value_type = T;
  static constexpr bool is_always_lock_free = true;

  constexpr atomic() noexcept : atomic(T()) {}
  constexpr atomic(T value) noexcept : value_(value) {
    if (!std::is_constant_evaluated() && model::detail::active()) {
      model::detail::construct(this, sizeof(T), to_bits(value), false);
    }
  }
  atomic(const atomic&) = delete;
  atomic& operator=(const atomic&) = delete;

  bool is_lock_free() const noexcept { return true; }

  T load(memory_order order = memory_order_seq_cst, where at = where::current()) const noexcept {
    if (!model::detail::active()) return value_;
    return from_bits(model::detail::load(this, sizeof(T), model::detail::part::all, order, at));
  }
  void store(T value, memory_order order = memory_order_seq_cst, where at = where::current()) noexcept {
    if (model::detail::active()) {
      model::detail::store(this, sizeof(T), to_bits(value), order, at);
    } else {
      value_ = value;
    }
  }
  T exchange(T value, memory_order order = memory_order_seq_cst, where at = where::current()) noexcept {
    return change([](T, T operand) { return operand; }, value, order, at);
  }
  bool compare_exchange_strong(T& expected, T desired, memory_order success, memory_order failure,
                               where at = where::current()) noexcept {
    return compare_exchange(expected, desired, false, success, failure, at);
  }
  bool compare_exchange_strong(T& expected, T desired, memory_order order = memory_order_seq_cst,
                               where at = where::current()) noexcept {
    return compare_exchange(expected, desired, false, order, on_failure(order), at);
  }
  bool compare_exchange_weak(T& expected, T desired, memory_order success, memory_order failure,
                             where at = where::current()) noexcept {
    return compare_exchange(expected, desired, true, success, failure, at);
  }
  bool compare_exchange_weak(T& expected, T desired, memory_order order = memory_order_seq_cst,
                             where at = where::current()) noexcept {
    return compare_exchange(expected, desired, true, order, on_failure(order), at);
  }

  // Of integers and pointers, as far as T has them.
  template <class N>
  T fetch_add(N n, memory_order order = memory_order_seq_cst, where at = where::current()) noexcept {
    return add(static_cast<std::ptrdiff_t>(n), order, at);
  }
  template <class N>
  T fetch_sub(N n, memory_order order = memory_order_seq_cst, where at = where::current()) noexcept {
    return add(-static_cast<std::ptrdiff_t>(n), order, at);
  }
  T fetch_and(T n, memory_order order = memory_order_seq_cst, where at = where::current()) noexcept {
    return change([](T a, T b) { return static_cast<T>(a & b); }, n, order, at);
  }
  T fetch_or(T n, memory_order order = memory_order_seq_cst, where at = where::current()) noexcept {
    return change([](T a, T b) { return static_cast<T>(a | b); }, n, order, at);
  }
  T fetch_xor(T n, memory_order order = memory_order_seq_cst, where at = where::current()) noexcept {
    return change([](T a, T b) { return static_cast<T>(a ^ b); }, n, order, at);
  }

  operator T() const noexcept { return load(memory_order_seq_cst, where{}); }
  T operator=(T value) noexcept {
    store(value, memory_order_seq_cst, where{});
    return value;
  }
  T operator++() noexcept { return step_by(1) + 1; }
  T operator++(int) noexcept { return step_by(1); }
  T operator--() noexcept { return step_by(-1) - 1; }
  T operator--(int) noexcept { return step_by(-1); }
  template <class N>
  T operator+=(N n) noexcept {
    return static_cast<T>(fetch_add(n, memory_order_seq_cst, where{}) + n);
  }
  template <class N>
  T operator-=(N n) noexcept {
    return static_cast<T>(fetch_sub(n, memory_order_seq_cst, where{}) - n);
  }

 private:
  static bits to_bits(T value) noexcept {
    bits b;
    std::memcpy(static_cast<void*>(&b), &value, sizeof(T));
    return b;
  }
  static T from_bits(bits b) noexcept {
    alignas(T) unsigned char bytes[sizeof(T)];
    std::memcpy(bytes, &b, sizeof(T));
    return *std::launder(reinterpret_cast<T*>(bytes));
  }
  static constexpr memory_order on_failure(memory_order order) noexcept {
    if (order == memory_order_acq_rel) return memory_order_acquire;
    return order == memory_order_release ? memory_order_relaxed : order;
  }
  T step_by(int n) noexcept { return add(n, memory_order_seq_cst, where{}); }

  T add(std::ptrdiff_t n, memory_order order, where at) noexcept {
    if constexpr (std::is_pointer_v<T>) {
      return apply([](bits b, bits d) { return to_bits(from_bits(b) + static_cast<std::ptrdiff_t>(d.low)); },
                   {static_cast<std::uint64_t>(n), 0}, order, at);
    } else {
      using wide = std::make_unsigned_t<T>;  // where overflow is defined
      return change([](T a, T b) { return static_cast<T>(static_cast<wide>(static_cast<wide>(a) + static_cast<wide>(b))); },
                    static_cast<T>(n), order, at);
    }
  }
  template <class F>
  T change(F, T operand, memory_order order, where at) noexcept {
    return apply([](bits b, bits o) { return to_bits(F()(from_bits(b), from_bits(o))); }, to_bits(operand), order, at);
  }
  T apply(bits (*next)(bits, bits), bits operand, memory_order order, where at) noexcept {
    if (model::detail::active()) {
      return from_bits(model::detail::exchange_by(this, sizeof(T), next, operand, order, at));
    }
    const T before = value_;
    value_ = from_bits(next(to_bits(before), operand));
    return before;
  }
  bool compare_exchange(T& expected, T desired, bool may_fail, memory_order success, memory_order failure,
                        where at) noexcept {
    bits seen = to_bits(expected);
    bool done;
    if (model::detail::active()) {
      done = model::detail::compare_exchange(this, sizeof(T), seen, to_bits(desired), false, model::detail::part::all, may_fail,
                                             success, failure, at);
    } else {
      done = to_bits(value_) == seen;
      if (done) value_ = desired;
      seen = to_bits(value_);
    }
    if (!done) expected = from_bits(seen);
    return done;
  }

  T value_;
};

inline void atomic_thread_fence(memory_order order, model::where at = model::where::current()) noexcept {
  if (model::detail::active()) model::detail::fence(order, at);
}
inline void atomic_signal_fence(memory_order) noexcept {}

inline void spin_pause() noexcept {
  if (model::detail::active()) model::detail::pause();
}
inline void yield() noexcept { spin_pause(); }

}  // namespace modelled
}  // namespace switchyard
