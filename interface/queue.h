// The concepts that every queue of this project, and every adapter of somebody else's, is held to.
//
// Source: WG21 P0260R20, "C++ Concurrent Queues", for the first two; the others are ours in its style.
// A program written against a concept runs on every type that models it:
//
//   template <switchyard::concurrent_queue Queue>
//   void drain(Queue& queue) { while (auto item = queue.pop()) use(*item); }
//
// A queue must outlive every call of its members, the last steps of which nobody sees: also a push whose element has been
// popped already, and a close that others have been told of. So who has popped what was awaited joins the thread that pushed
// it before the queue goes, or shares the queue with it. (A `promise` asks for nothing of the kind.)
#pragma once

#include <chrono>
#include <concepts>
#include <cstddef>
#include <iterator>
#include <optional>
#include <utility>

#include "switchyard/interface/conqueue_status.h"
#include "switchyard/interface/expected.h"

namespace switchyard {

/// What a pop that can fail returns: the element, or why there is none.
template <class T>
using pop_result = expected<T, conqueue_status>;

/// Push and pop that never wait: all that is asked of other libraries' queues.
template <class Q>
concept try_queue = std::move_constructible<typename Q::value_type> &&
                    requires(Q& q, typename Q::value_type&& value) {
                      { q.try_push(std::move(value)) } -> std::same_as<conqueue_status>;
                      { q.try_pop() } -> std::same_as<pop_result<typename Q::value_type>>;
                    };

/// Push and pop that wait, and an end: `push` and `emplace` wait while the queue is full and return false
/// once it is closed; `pop` waits while it is empty and returns nullopt once it is closed and empty.
template <class Q>
concept basic_concurrent_queue = std::move_constructible<typename Q::value_type> &&
                                 requires(Q& q, const Q& cq, typename Q::value_type&& value) {
                                   { cq.is_closed() } noexcept -> std::same_as<bool>;
                                   { q.close() } noexcept -> std::same_as<void>;
                                   { q.push(std::move(value)) } -> std::same_as<bool>;
                                   { q.emplace(std::move(value)) } -> std::same_as<bool>;
                                   { q.pop() } -> std::same_as<std::optional<typename Q::value_type>>;
                                 };

/// Both: operations that wait and operations that do not.
template <class Q>
concept concurrent_queue =
    basic_concurrent_queue<Q> && try_queue<Q> && requires(Q& q, typename Q::value_type&& value) {
      { q.try_emplace(std::move(value)) } -> std::same_as<conqueue_status>;
    };

/// Waiting with a limit: `full` or `empty` when the time is over.
template <class Q>
concept timed_queue =
    concurrent_queue<Q> &&
    requires(Q& q, typename Q::value_type&& value, std::chrono::milliseconds wait,
             std::chrono::steady_clock::time_point when) {
      { q.try_push_for(std::move(value), wait) } -> std::same_as<conqueue_status>;
      { q.try_push_until(std::move(value), when) } -> std::same_as<conqueue_status>;
      { q.try_pop_for(wait) } -> std::same_as<pop_result<typename Q::value_type>>;
      { q.try_pop_until(when) } -> std::same_as<pop_result<typename Q::value_type>>;
    };

/// Many elements in one call. `try_push_n` takes a prefix, in order, and says how long it was; `try_pop_n`
/// writes up to `max` elements. `push_n` waits for room and returns fewer than n only if closed; `pop_n`
/// waits for the first element, takes what else is there, and returns 0 only if closed and empty.
template <class Q>
concept bulk_queue =
    basic_concurrent_queue<Q> && requires(Q& q, std::move_iterator<typename Q::value_type*> first,
                                          typename Q::value_type* out, std::size_t n) {
      { q.try_push_n(first, n) } -> std::same_as<std::size_t>;
      { q.try_pop_n(out, n) } -> std::same_as<std::size_t>;
      { q.push_n(first, n) } -> std::same_as<std::size_t>;
      { q.pop_n(out, n) } -> std::same_as<std::size_t>;
    };

/// How many elements there are, more or less: exact only while nobody else uses the queue.
template <class Q>
concept sized_queue = requires(const Q& q) {
  { q.size_approx() } noexcept -> std::same_as<std::size_t>;
  { q.empty_approx() } noexcept -> std::same_as<bool>;
};

/// A limit on the number of elements.
template <class Q>
concept capacity_limited = requires(const Q& q) {
  { q.capacity() } noexcept -> std::same_as<std::size_t>;
};

/// Last in, first out. `pop_all` takes everything that is there at one moment, writes it newest first, and
/// returns how many that was, without waiting.
template <class Q>
concept concurrent_stack =
    concurrent_queue<Q> && requires(Q& q, typename Q::value_type* out) {
      { q.pop_all(out) } -> std::same_as<std::size_t>;
    };

/// Greatest first: a pop takes an element than which no other is greater. `value_compare` is what says so; a
/// queue can be made from one.
template <class Q>
concept concurrent_priority_queue =
    concurrent_queue<Q> &&
    std::strict_weak_order<typename Q::value_compare&, const typename Q::value_type&,
                           const typename Q::value_type&> &&
    std::constructible_from<Q, const typename Q::value_compare&>;

}  // namespace switchyard
