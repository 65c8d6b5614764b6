// The concepts of a deque that one thread owns and from which others steal.
//
// Source: the interface is ours, in the style of WG21 P0260R20's queues; the role is Blumofe and Leiserson's,
//   "Scheduling multithreaded computations by work stealing" (JACM 1999).
// A thread pool written against them runs on either side:
//
//   template <switchyard::concurrent_deque Deque>
//   void work(Deque& mine, Deque& others) {
//     while (auto job = mine.try_pop()) run(*job);
//     if (auto job = others.try_steal()) run(*job);
//   }
#pragma once

#include <concepts>
#include <cstddef>
#include <utility>

#include "switchyard/interface/conqueue_status.h"
#include "switchyard/interface/queue.h"

namespace switchyard {

/// What any thread may do. `try_steal` takes the oldest element; `empty`: there was none; `busy`: another thread
/// came first, and there may be more. `try_steal_half` takes up to half of what there is (rounded up) and at most
/// `max`, oldest first, writes it to `out` and says how many it was; 0: there was none.
template <class D>
concept stealable = std::move_constructible<typename D::value_type> && sized_queue<D> &&
                    requires(D& d, typename D::value_type* out, std::size_t max) {
                      { d.try_steal() } -> std::same_as<pop_result<typename D::value_type>>;
                      { d.try_steal_half(out) } -> std::same_as<std::size_t>;
                      { d.try_steal_half(out, max) } -> std::same_as<std::size_t>;
                    };

/// That, and what only the owner may do: `push` and `emplace` add an element, which always succeeds or throws;
/// `try_pop` takes the newest, or says `empty`.
template <class D>
concept concurrent_deque = stealable<D> && requires(D& d, typename D::value_type&& value) {
                                             { d.push(std::move(value)) } -> std::same_as<void>;
                                             { d.emplace(std::move(value)) } -> std::same_as<void>;
                                             { d.try_pop() } -> std::same_as<pop_result<typename D::value_type>>;
                                           };

}  // namespace switchyard
