// C++26's minimum, maximum and reductions of atomics, under their names, for today's compilers.
//
// Source: P0493 (fetch_max, fetch_min) and P3111 (operations that return nothing). They are free functions, as
//   std::atomic cannot be given new members. Where `std` has them these are aliases.
// When: `fetch_max` in fetch.h does less where the value is large enough already: it writes nothing then, and so orders
//   nothing. These always write.
// Progress: lock-free; those that are one instruction of the processor are wait-free.
#pragma once

#include <concepts>
#include <functional>
#include <type_traits>

#include "switchyard/atomics/atomic.h"
#include "switchyard/atomics/fetch.h"

namespace switchyard {

#if __cpp_lib_atomic_min_max >= 202403L && !defined(SWITCHYARD_MODEL) && !defined(SWITCHYARD_CHAOS)

using std::atomic_fetch_max;
using std::atomic_fetch_max_explicit;
using std::atomic_fetch_min;
using std::atomic_fetch_min_explicit;

#else

/// Replaces the value by the greater of itself and `value`; returns what it was.
template <class T>
  requires std::integral<T> || std::is_pointer_v<T>
T atomic_fetch_max_explicit(atomic<T>* object, std::type_identity_t<T> value, memory_order order) noexcept {
  return fetch_update(*object, [&](T seen) { return std::less<T>()(seen, value) ? value : seen; }, order);
}
template <class T>
T atomic_fetch_max(atomic<T>* object, std::type_identity_t<T> value) noexcept {
  return atomic_fetch_max_explicit(object, value, memory_order_seq_cst);
}

/// By the smaller.
template <class T>
  requires std::integral<T> || std::is_pointer_v<T>
T atomic_fetch_min_explicit(atomic<T>* object, std::type_identity_t<T> value, memory_order order) noexcept {
  return fetch_update(*object, [&](T seen) { return std::less<T>()(value, seen) ? value : seen; }, order);
}
template <class T>
T atomic_fetch_min(atomic<T>* object, std::type_identity_t<T> value) noexcept {
  return atomic_fetch_min_explicit(object, value, memory_order_seq_cst);
}

#endif

#if __cpp_lib_atomic_reductions >= 202506L && !defined(SWITCHYARD_MODEL) && !defined(SWITCHYARD_CHAOS)

using std::atomic_store_add;
using std::atomic_store_add_explicit;
using std::atomic_store_and;
using std::atomic_store_and_explicit;
using std::atomic_store_max;
using std::atomic_store_max_explicit;
using std::atomic_store_min;
using std::atomic_store_min_explicit;
using std::atomic_store_or;
using std::atomic_store_or_explicit;
using std::atomic_store_sub;
using std::atomic_store_sub_explicit;
using std::atomic_store_xor;
using std::atomic_store_xor_explicit;

#else

// The reductions: the value becomes what the name says of itself and `value`, and nobody is told what it was. `order` is
// relaxed, release or seq_cst.

template <class T>
void atomic_store_add_explicit(atomic<T>* object, std::type_identity_t<T> value, memory_order order) noexcept {
  object->fetch_add(value, order);
}
template <class T>
void atomic_store_add(atomic<T>* object, std::type_identity_t<T> value) noexcept {
  atomic_store_add_explicit(object, value, memory_order_seq_cst);
}

template <class T>
void atomic_store_sub_explicit(atomic<T>* object, std::type_identity_t<T> value, memory_order order) noexcept {
  object->fetch_sub(value, order);
}
template <class T>
void atomic_store_sub(atomic<T>* object, std::type_identity_t<T> value) noexcept {
  atomic_store_sub_explicit(object, value, memory_order_seq_cst);
}

template <std::integral T>
void atomic_store_and_explicit(atomic<T>* object, std::type_identity_t<T> value, memory_order order) noexcept {
  object->fetch_and(value, order);
}
template <std::integral T>
void atomic_store_and(atomic<T>* object, std::type_identity_t<T> value) noexcept {
  atomic_store_and_explicit(object, value, memory_order_seq_cst);
}

template <std::integral T>
void atomic_store_or_explicit(atomic<T>* object, std::type_identity_t<T> value, memory_order order) noexcept {
  object->fetch_or(value, order);
}
template <std::integral T>
void atomic_store_or(atomic<T>* object, std::type_identity_t<T> value) noexcept {
  atomic_store_or_explicit(object, value, memory_order_seq_cst);
}

template <std::integral T>
void atomic_store_xor_explicit(atomic<T>* object, std::type_identity_t<T> value, memory_order order) noexcept {
  object->fetch_xor(value, order);
}
template <std::integral T>
void atomic_store_xor(atomic<T>* object, std::type_identity_t<T> value) noexcept {
  atomic_store_xor_explicit(object, value, memory_order_seq_cst);
}

template <class T>
void atomic_store_max_explicit(atomic<T>* object, std::type_identity_t<T> value, memory_order order) noexcept {
  (void)atomic_fetch_max_explicit(object, value, order);
}
template <class T>
void atomic_store_max(atomic<T>* object, std::type_identity_t<T> value) noexcept {
  atomic_store_max_explicit(object, value, memory_order_seq_cst);
}

template <class T>
void atomic_store_min_explicit(atomic<T>* object, std::type_identity_t<T> value, memory_order order) noexcept {
  (void)atomic_fetch_min_explicit(object, value, order);
}
template <class T>
void atomic_store_min(atomic<T>* object, std::type_identity_t<T> value) noexcept {
  atomic_store_min_explicit(object, value, memory_order_seq_cst);
}

#endif

}  // namespace switchyard
