// The twins: every name that exists on both sides has the same members on both, so that changing
// `switchyard::blocking` to `switchyard::lockfree` leaves a program that compiles.
//
// A new name adds a line at the bottom; a new member adds a line to the concept of its role, and then has to
// be on both sides.
#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <stop_token>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "switchyard/blocking/barrier.h"
#include "switchyard/blocking/bounded_queue.h"
#include "switchyard/blocking/counter.h"
#include "switchyard/blocking/event.h"
#include "switchyard/blocking/latch.h"
#include "switchyard/blocking/hash_map.h"
#include "switchyard/blocking/ordered_map.h"
#include "switchyard/blocking/mpsc_queue.h"
#include "switchyard/blocking/joinable.h"
#include "switchyard/blocking/lazy.h"
#include "switchyard/blocking/priority_queue.h"
#include "switchyard/blocking/object_pool.h"
#include "switchyard/blocking/relaxed_priority_queue.h"
#include "switchyard/blocking/semaphore.h"
#include "switchyard/blocking/relaxed_queue.h"
#include "switchyard/blocking/sharded_counter.h"
#include "switchyard/blocking/snapshot.h"
#include "switchyard/blocking/spsc_queue.h"
#include "switchyard/blocking/stack.h"
#include "switchyard/blocking/synchronized.h"
#include "switchyard/blocking/thread_pool.h"
#include "switchyard/blocking/unbounded_queue.h"
#include "switchyard/blocking/unbounded_spsc_queue.h"
#include "switchyard/blocking/update.h"
#include "switchyard/blocking/work_stealing_deque.h"
#include "switchyard/interface/counter.h"
#include "switchyard/interface/joinable.h"
#include "switchyard/interface/lazy.h"
#include "switchyard/interface/map.h"
#include "switchyard/interface/object_pool.h"
#include "switchyard/interface/queue.h"
#include "switchyard/interface/spans.h"
#include "switchyard/interface/thread_pool.h"
#include "switchyard/interface/work_stealing_deque.h"
#include "switchyard/lockfree/barrier.h"
#include "switchyard/lockfree/bounded_queue.h"
#include "switchyard/lockfree/counter.h"
#include "switchyard/lockfree/event.h"
#include "switchyard/lockfree/latch.h"
#include "switchyard/lockfree/hash_map.h"
#include "switchyard/lockfree/ordered_map.h"
#include "switchyard/lockfree/mpsc_queue.h"
#include "switchyard/lockfree/joinable.h"
#include "switchyard/lockfree/lazy.h"
#include "switchyard/lockfree/object_pool.h"
#include "switchyard/lockfree/priority_queue.h"
#include "switchyard/lockfree/relaxed_priority_queue.h"
#include "switchyard/lockfree/semaphore.h"
#include "switchyard/lockfree/relaxed_queue.h"
#include "switchyard/lockfree/sharded_counter.h"
#include "switchyard/lockfree/snapshot.h"
#include "switchyard/lockfree/spsc_queue.h"
#include "switchyard/lockfree/stack.h"
#include "switchyard/lockfree/synchronized.h"
#include "switchyard/lockfree/thread_pool.h"
#include "switchyard/lockfree/unbounded_queue.h"
#include "switchyard/lockfree/unbounded_spsc_queue.h"
#include "switchyard/lockfree/update.h"
#include "switchyard/lockfree/work_stealing_deque.h"
#include "switchyard/threads/async.h"
#include "switchyard/threads/future.h"
#include "switchyard/threads/waiter.h"

namespace switchyard {
namespace {

using status = conqueue_status;

// clang-format off

/// The members of a queue of strings, as a user calls them.
template <class Q>
concept queue_of_strings =
    concurrent_queue<Q> && timed_queue<Q> && bulk_queue<Q> && sized_queue<Q> &&
    async_concurrent_queue<Q> && watchable_queue<Q> &&
    std::same_as<typename Q::value_type, std::string> &&
    std::same_as<typename Q::allocator_type, std::allocator<std::string>> &&
    requires(Q& q, const Q& c, std::string& s, const std::string& cs, const char* text, std::size_t n,
             std::string* array, std::vector<std::string>& v, std::chrono::seconds wait,
             std::chrono::steady_clock::time_point when, std::chrono::system_clock::time_point date) {
      { q.push(cs) } -> std::same_as<bool>;
      { q.push(std::move(s)) } -> std::same_as<bool>;
      { q.push(text) } -> std::same_as<bool>;
      { q.emplace() } -> std::same_as<bool>;
      { q.emplace(n, 'x') } -> std::same_as<bool>;
      { q.pop() } -> std::same_as<std::optional<std::string>>;

      { q.try_push(cs) } -> std::same_as<status>;
      { q.try_push(std::move(s)) } -> std::same_as<status>;
      { q.try_emplace(n, 'x') } -> std::same_as<status>;
      { q.try_pop() } -> std::same_as<pop_result<std::string>>;

      { q.try_push_for(cs, wait) } -> std::same_as<status>;
      { q.try_push_for(std::move(s), wait) } -> std::same_as<status>;
      { q.try_push_until(cs, when) } -> std::same_as<status>;
      { q.try_push_until(std::move(s), date) } -> std::same_as<status>;
      { q.try_emplace_until(when, n, 'x') } -> std::same_as<status>;
      { q.try_pop_for(wait) } -> std::same_as<pop_result<std::string>>;
      { q.try_pop_until(when) } -> std::same_as<pop_result<std::string>>;
      { q.try_pop_until(date) } -> std::same_as<pop_result<std::string>>;

      { q.look() } -> std::same_as<status>;
      { q.wait_nonempty() } -> std::same_as<status>;
      { q.wait_nonempty_for(wait) } -> std::same_as<status>;
      { q.wait_nonempty_until(when) } -> std::same_as<status>;
      { q.wait_nonempty_until(date) } -> std::same_as<status>;
      { q.async_push(cs).await_resume() } -> std::same_as<bool>;
      { q.async_push(std::move(s)).await_resume() } -> std::same_as<bool>;
      { q.async_emplace(n, 'x').await_resume() } -> std::same_as<bool>;
      { q.async_pop().await_resume() } -> std::same_as<std::optional<std::string>>;
      { q.async_pop([](async_job) {}).await_resume() } -> std::same_as<std::optional<std::string>>;

      { q.push_n(array, n) } -> std::same_as<std::size_t>;
      { q.push_n(std::make_move_iterator(v.begin()), n) } -> std::same_as<std::size_t>;
      { q.pop_n(array, n) } -> std::same_as<std::size_t>;
      { q.pop_n(std::back_inserter(v), n) } -> std::same_as<std::size_t>;
      { q.try_push_n(array, n) } -> std::same_as<std::size_t>;
      { q.try_push_n(std::make_move_iterator(v.begin()), n) } -> std::same_as<std::size_t>;
      { q.try_pop_n(array, n) } -> std::same_as<std::size_t>;
      { q.try_pop_n(std::back_inserter(v), n) } -> std::same_as<std::size_t>;

      { q.close() } noexcept -> std::same_as<void>;
      { c.is_closed() } noexcept -> std::same_as<bool>;
      { c.size_approx() } noexcept -> std::same_as<std::size_t>;
      { c.empty_approx() } noexcept -> std::same_as<bool>;
      { c.get_allocator() } noexcept -> std::same_as<std::allocator<std::string>>;
    };

/// What an implementation may have that nothing asks for: then its twin has it as well.
template <class Q>
constexpr std::array queue_extras = {
    requires(Q& q) { q.clear(); },
    requires(Q& q) { q.size(); },
    requires(Q& q) { q.empty(); },
    requires(Q& q) { q.full(); },
    requires(Q& q) { q.front(); },
    requires(Q& q) { q.begin(); },
    requires(Q& q) { q.swap(q); },
    requires(Q& q) { q.drain(); },
    requires(Q& q) { q.reopen(); },
    requires(Q& q) { q.shutdown(); },
    requires(Q& q) { q.task_done(); },
    requires(Q& q) { q.join(); },
    requires(Q& q) { q.full_approx(); },
    requires(Q& q) { q.max_size(); },
    requires(Q& q) { q.try_emplace_for(std::chrono::seconds(1)); },
    requires(Q& q, std::string* out) { q.pop_all(out); },
    requires(Q& q) { q.top(); },
    requires(Q& q) { q.value_comp(); },
    requires { typename Q::value_compare; },
    requires { typename Q::size_type; },
    requires { typename Q::lock_type; },
    std::copy_constructible<Q>,
    std::move_constructible<Q>,
    std::swappable<Q>,
    std::is_polymorphic_v<Q>,
};

template <class C>
constexpr std::array counter_extras = {
    requires(C& c) { c.decrement(); },
    requires(C& c) { c.reset(); },
    requires(C& c) { c.store(1); },
    requires(C& c) { c.load_approx(); },
    requires(C& c) { ++c; },
    requires(C& c) { c += 1; },
    requires(C& c) { static_cast<std::int64_t>(c); },
    requires { typename C::value_type; },
    std::copy_constructible<C>,
    std::move_constructible<C>,
    std::swappable<C>,
    std::is_polymorphic_v<C>,
};

template <class P>
constexpr std::array pool_extras = {
    requires(P& p) { p.clear(); },
    requires(P& p) { p.release(); },
    requires(P& p) { p.size(); },
    requires(P& p) { p.size_approx(); },
    requires(P& p) { p.available(); },
    requires(P& p) { p.allocate(); },
    requires(P& p) { p.make(); },
    requires(P& p) { p.make_shared(); },
    requires(P& p) { p.try_construct_for(std::chrono::seconds(1)); },
    requires(P& p) { p.destroy_n(nullptr, 1); },
    requires(const P& p, void* m) { p.owns(m); },
    requires { typename P::size_type; },
    requires { typename P::lock_type; },
    std::move_constructible<P>,
    std::swappable<P>,
    std::is_polymorphic_v<P>,
};

/// A queue with a limit is made from it, and only on purpose.
template <class Q>
concept bounded_queue_of_strings =
    queue_of_strings<Q> && capacity_limited<Q> && std::constructible_from<Q, std::size_t> &&
    std::constructible_from<Q, std::size_t, std::allocator<std::string>> &&
    !std::default_initializable<Q> && !std::convertible_to<std::size_t, Q>;

/// Without a limit, it is made from nothing, or an allocator.
template <class Q>
concept unbounded_queue_of_strings =
    queue_of_strings<Q> && !capacity_limited<Q> && std::default_initializable<Q> &&
    std::constructible_from<Q, std::allocator<std::string>> &&
    !std::convertible_to<std::allocator<std::string>, Q>;

template <class S>
concept stack_of_strings =
    unbounded_queue_of_strings<S> && concurrent_stack<S> &&
    requires(S& s, std::string* array, std::vector<std::string>& v) {
      { s.pop_all(array) } -> std::same_as<std::size_t>;
      { s.pop_all(std::back_inserter(v)) } -> std::same_as<std::size_t>;
    };

template <class Q>
concept priority_queue_of_strings =
    unbounded_queue_of_strings<Q> && concurrent_priority_queue<Q> &&
    std::same_as<typename Q::value_compare, std::less<std::string>> &&
    std::constructible_from<Q, std::less<std::string>> &&
    std::constructible_from<Q, std::less<std::string>, std::allocator<std::string>> &&
    !std::convertible_to<std::less<std::string>, Q>;

template <class C>
concept counter_from_number =
    concurrent_counter<C> && std::default_initializable<C> && std::constructible_from<C, std::int64_t> &&
    !std::convertible_to<std::int64_t, C>;

/// The members of a deque of strings, made with or without a capacity.
template <class D>
concept deque_of_strings =
    concurrent_deque<D> && std::same_as<typename D::value_type, std::string> &&
    std::same_as<typename D::allocator_type, std::allocator<std::string>> && std::default_initializable<D> &&
    std::constructible_from<D, std::size_t> &&
    std::constructible_from<D, std::size_t, std::allocator<std::string>> &&
    !std::convertible_to<std::size_t, D> &&
    requires(D& d, const D& c, std::string& s, const std::string& cs, const char* text, std::size_t n,
             std::vector<std::string>& v) {
      { d.push(cs) } -> std::same_as<void>;
      { d.push(std::move(s)) } -> std::same_as<void>;
      { d.push(text) } -> std::same_as<void>;
      { d.emplace() } -> std::same_as<void>;
      { d.emplace(n, 'x') } -> std::same_as<void>;
      { d.try_pop() } -> std::same_as<pop_result<std::string>>;
      { d.try_steal() } -> std::same_as<pop_result<std::string>>;
      { d.try_steal_half(std::back_inserter(v)) } -> std::same_as<std::size_t>;
      { d.try_steal_half(std::back_inserter(v), n) } -> std::same_as<std::size_t>;
      { c.size_approx() } noexcept -> std::same_as<std::size_t>;
      { c.empty_approx() } noexcept -> std::same_as<bool>;
      { c.get_allocator() } noexcept -> std::same_as<std::allocator<std::string>>;
    };

template <class D>
constexpr std::array deque_extras = {
    requires(D& d) { d.clear(); },
    requires(D& d) { d.size(); },
    requires(D& d) { d.empty(); },
    requires(D& d) { d.pop(); },
    requires(D& d) { d.steal(); },
    requires(D& d) { d.close(); },
    requires(D& d, std::string& s) { d.try_push(s); },
    requires(D& d, std::vector<std::string>& v) { d.push_n(v.begin(), 1); },
    requires(D& d) { d.reserve(1); },
    requires(D& d) { d.shrink_to_fit(); },
    requires(D& d) { d.swap(d); },
    requires(D& d) { d.capacity(); },
    requires { typename D::size_type; },
    requires { typename D::lock_type; },
    std::copy_constructible<D>,
    std::move_constructible<D>,
    std::swappable<D>,
    std::is_polymorphic_v<D>,
};

template <class Blocking, class Lockfree>
constexpr bool twin_unbounded_queues =
    unbounded_queue_of_strings<Blocking> && unbounded_queue_of_strings<Lockfree> &&
    queue_extras<Blocking> == queue_extras<Lockfree>;

/// A queue that gives out its places: to fill if they are of bytes, to use and empty if they are of anything.
template <class Q>
concept queue_with_spans =
    requires(Q& q, std::size_t n) {
      { q.peek(n) } noexcept -> std::same_as<std::span<typename Q::value_type>>;
      { q.consume(n) } -> std::same_as<void>;
    } && std::is_trivially_copyable_v<typename Q::value_type> == requires(Q& q, std::size_t n) {
      { q.reserve(n) } -> std::same_as<std::span<typename Q::value_type>>;
      { q.commit(n) } -> std::same_as<bool>;
    };

template <class Blocking, class Lockfree>
constexpr bool twin_queues = bounded_queue_of_strings<Blocking> && bounded_queue_of_strings<Lockfree> &&
                             queue_extras<Blocking> == queue_extras<Lockfree>;

/// A pool of strings, as a user calls it.
template <class P>
concept pool_of_strings =
    concurrent_object_pool<P> && std::same_as<typename P::value_type, std::string> &&
    std::same_as<typename P::allocator_type, std::allocator<std::string>> &&
    std::constructible_from<P, std::size_t> && std::constructible_from<P, std::size_t, std::allocator<std::string>> &&
    !std::default_initializable<P> && !std::copy_constructible<P> && !std::convertible_to<std::size_t, P> &&
    requires(P& p, const P& c, std::size_t n, std::string* s) {
      { p.construct(n, 'x') } -> std::same_as<std::string*>;
      { p.try_construct("text") } -> std::same_as<std::string*>;
      { p.destroy(s) } noexcept -> std::same_as<void>;
      { *p.make_unique(std::move(*s)) } -> std::same_as<std::string&>;
      { *p.try_make_unique(n, 'x') } -> std::same_as<std::string&>;
      { c.get_allocator() } noexcept -> std::same_as<std::allocator<std::string>>;
    };

template <class Blocking, class Lockfree>
constexpr bool twin_pools =
    pool_of_strings<Blocking> && pool_of_strings<Lockfree> && pool_extras<Blocking> == pool_extras<Lockfree>;

template <class Blocking, class Lockfree>
constexpr bool twin_stacks = stack_of_strings<Blocking> && stack_of_strings<Lockfree> &&
                             queue_extras<Blocking> == queue_extras<Lockfree>;

template <class Blocking, class Lockfree>
constexpr bool twin_priority_queues =
    priority_queue_of_strings<Blocking> && priority_queue_of_strings<Lockfree> &&
    queue_extras<Blocking> == queue_extras<Lockfree>;

template <class Q>
concept sharded_by_number =
    std::constructible_from<Q, std::size_t> && !std::convertible_to<std::size_t, Q> &&
    std::constructible_from<Q, std::size_t, std::less<std::string>, std::allocator<std::string>> &&
    requires(const Q& q) {
      { q.shard_count() } noexcept -> std::same_as<std::size_t>;
    };

template <class Blocking, class Lockfree>
constexpr bool twin_relaxed_priority_queues =
    twin_priority_queues<Blocking, Lockfree> && sharded_by_number<Blocking> && sharded_by_number<Lockfree>;

/// What one producer or consumer has of a queue of strings.
template <class P>
concept producer_of_strings =
    std::same_as<typename P::value_type, std::string> && std::default_initializable<P> && std::movable<P> &&
    !std::copy_constructible<P> && std::is_nothrow_move_constructible_v<P> && std::is_nothrow_move_assignable_v<P> &&
    std::is_nothrow_swappable_v<P> &&
    requires(P& p, const P& c, std::string& s, const std::string& cs, const char* text, std::size_t n,
             std::string* array, std::vector<std::string>& v, std::chrono::steady_clock::time_point when) {
      { c.empty() } noexcept -> std::same_as<bool>;
      { p.push(cs) } -> std::same_as<bool>;
      { p.push(std::move(s)) } -> std::same_as<bool>;
      { p.push(text) } -> std::same_as<bool>;
      { p.emplace(n, 'x') } -> std::same_as<bool>;
      { p.try_push(cs) } -> std::same_as<status>;
      { p.try_push(std::move(s)) } -> std::same_as<status>;
      { p.try_emplace(n, 'x') } -> std::same_as<status>;
      { p.try_emplace_until(when, n, 'x') } -> std::same_as<status>;
      { p.push_n(array, n) } -> std::same_as<std::size_t>;
      { p.try_push_n(std::make_move_iterator(v.begin()), n) } -> std::same_as<std::size_t>;
    };
template <class C>
concept consumer_of_strings =
    std::same_as<typename C::value_type, std::string> && std::default_initializable<C> && std::movable<C> &&
    !std::copy_constructible<C> && std::is_nothrow_move_constructible_v<C> && std::is_nothrow_move_assignable_v<C> &&
    std::is_nothrow_swappable_v<C> &&
    requires(C& p, const C& c, std::size_t n, std::string* array, std::vector<std::string>& v, std::chrono::seconds wait,
             std::chrono::steady_clock::time_point when, std::chrono::system_clock::time_point date) {
      { c.empty() } noexcept -> std::same_as<bool>;
      { p.pop() } -> std::same_as<std::optional<std::string>>;
      { p.try_pop() } -> std::same_as<pop_result<std::string>>;
      { p.try_pop_for(wait) } -> std::same_as<pop_result<std::string>>;
      { p.try_pop_until(when) } -> std::same_as<pop_result<std::string>>;
      { p.try_pop_until(date) } -> std::same_as<pop_result<std::string>>;
      { p.pop_n(array, n) } -> std::same_as<std::size_t>;
      { p.try_pop_n(std::back_inserter(v), n) } -> std::same_as<std::size_t>;
    };
template <class Q>
concept relaxed_queue_of_strings =
    unbounded_queue_of_strings<Q> && producer_of_strings<typename Q::producer> &&
    consumer_of_strings<typename Q::consumer> && requires(Q& q) {
      { q.make_producer() } -> std::same_as<typename Q::producer>;
      { q.make_consumer() } noexcept -> std::same_as<typename Q::consumer>;
    };

template <class Blocking, class Lockfree>
constexpr bool twin_relaxed_queues = relaxed_queue_of_strings<Blocking> && relaxed_queue_of_strings<Lockfree> &&
                                     queue_extras<Blocking> == queue_extras<Lockfree>;

template <class Blocking, class Lockfree>
constexpr bool twin_counters = counter_from_number<Blocking> && counter_from_number<Lockfree> &&
                               counter_extras<Blocking> == counter_extras<Lockfree>;

template <class Blocking, class Lockfree>
constexpr bool twin_deques = deque_of_strings<Blocking> && deque_of_strings<Lockfree> &&
                             deque_extras<Blocking> == deque_extras<Lockfree>;

/// What can be waited for, with a limit or until a stop is requested.
template <class W>
concept waited_for = requires(W& w, std::chrono::seconds wait, std::chrono::steady_clock::time_point when,
                              std::chrono::system_clock::time_point date, std::stop_token stop) {
  { w.wait() } -> std::same_as<void>;
  { w.wait_for(wait) } -> std::same_as<bool>;
  { w.wait_until(when) } -> std::same_as<bool>;
  { w.wait_until(date) } -> std::same_as<bool>;
  { w.wait(stop) } -> std::same_as<bool>;
};
template <class E>
concept event_like = waited_for<E> && std::default_initializable<E> && std::constructible_from<E, bool> &&
    !std::copyable<E> && requires(E& e, const E& c) {
  e.set();
  e.clear();
  { c.is_set() } -> std::same_as<bool>;
};
template <class L>
concept latch_like = waited_for<L> && std::constructible_from<L, std::int64_t> && !std::default_initializable<L> &&
    !std::copyable<L> && requires(L& l, const L& c, std::int64_t n) {
  { L::max() } noexcept -> std::same_as<std::int64_t>;
  l.count_down();
  l.count_down(n);
  l.arrive_and_wait();
  l.arrive_and_wait(n);
  { c.try_wait() } -> std::same_as<bool>;
};
template <class S>
concept semaphore_like = std::default_initializable<S> && std::constructible_from<S, std::int64_t> &&
    !std::copyable<S> && requires(S& s, const S& c, std::int64_t n, std::chrono::seconds wait,
                                  std::chrono::steady_clock::time_point when,
                                  std::chrono::system_clock::time_point date, std::stop_token stop) {
  { s.acquire() } -> std::same_as<void>;
  { s.acquire(stop) } -> std::same_as<bool>;
  { s.try_acquire() } -> std::same_as<bool>;
  { s.try_acquire_for(wait) } -> std::same_as<bool>;
  { s.try_acquire_until(when) } -> std::same_as<bool>;
  { s.try_acquire_until(date) } -> std::same_as<bool>;
  s.release();
  s.release(n);
  { c.value() } -> std::same_as<std::int64_t>;
};
template <class B>
concept barrier_like = std::constructible_from<B, std::int64_t> && !std::default_initializable<B> && !std::copyable<B> &&
    std::constructible_from<B, std::int64_t, void (*)()> &&
    std::constructible_from<B, std::int64_t, void (*)(), std::chrono::seconds> &&
    requires(B& b, const B& c, std::chrono::seconds wait, std::chrono::steady_clock::time_point when,
             std::chrono::system_clock::time_point date, std::stop_token stop) {
  { B::max() } noexcept -> std::same_as<std::int64_t>;
  { b.wait() } -> std::same_as<std::size_t>;
  { b.wait_for(wait) } -> std::same_as<std::size_t>;
  { b.wait_until(when) } -> std::same_as<std::size_t>;
  { b.wait_until(date) } -> std::same_as<std::size_t>;
  { b.wait(stop) } -> std::same_as<std::size_t>;
  b.abort();
  b.reset();
  { c.broken() } -> std::same_as<bool>;
  { c.parties() } -> std::same_as<std::size_t>;
  { c.waiting() } -> std::same_as<std::size_t>;
};

/// A joinable queue of strings, as a user calls it.
template <class J>
concept joinable_of_strings =
    concurrent_queue<J> && timed_queue<J> && bulk_queue<J> && sized_queue<J> && capacity_limited<J> &&
    std::same_as<typename J::value_type, std::string> && std::constructible_from<J, std::size_t> &&
    std::constructible_from<J, std::size_t, std::allocator<std::string>> && !std::default_initializable<J> &&
    !std::convertible_to<std::size_t, J> && requires { typename J::queue_type; } &&
    requires(J& j, const J& c, std::size_t n, std::chrono::seconds wait, std::chrono::steady_clock::time_point when,
             std::chrono::system_clock::time_point date) {
      { j.task_done() } -> std::same_as<void>;
      { j.join() } -> std::same_as<void>;
      { j.join_for(wait) } -> std::same_as<bool>;
      { j.join_until(when) } -> std::same_as<bool>;
      { j.join_until(date) } -> std::same_as<bool>;
      { c.unfinished_tasks() } noexcept -> std::same_as<std::size_t>;
      { j.shutdown() } noexcept -> std::same_as<void>;
      { j.shutdown(immediate) } -> std::same_as<void>;
      { j.emplace(n, 'x') } -> std::same_as<bool>;
      { j.try_emplace_until(when, n, 'x') } -> std::same_as<status>;
      { c.get_allocator() } noexcept -> std::same_as<std::allocator<std::string>>;
    };

template <class Blocking, class Lockfree>
constexpr bool twin_joinables = joinable_of_strings<Blocking> && joinable_of_strings<Lockfree> &&
                                queue_extras<Blocking> == queue_extras<Lockfree>;

/// A lazy string, as a user calls it.
template <class L>
concept lazy_string =
    std::same_as<typename L::value_type, std::string> && std::default_initializable<L> &&
    std::constructible_from<L, make_default<std::string>> && !std::convertible_to<make_default<std::string>, L> &&
    requires(L& l, const L& c) {
      { l.get() } -> std::same_as<std::string&>;
      { *l } -> std::same_as<std::string&>;
      { l->size() } -> std::same_as<std::size_t>;
      { l.find() } noexcept -> std::same_as<std::string*>;
      { c.is_built() } noexcept -> std::same_as<bool>;
      { l.reset() } noexcept -> std::same_as<void>;
    };

template <class L>
constexpr std::array lazy_extras = {
    requires(const L& c) { c.get(); },
    requires(const L& c) { c.find(); },
    requires(const L& c) { c.has_value(); },
    requires(L& l) { l.emplace(); },
    requires(L& l) { l.try_get(); },
    requires(L& l) { static_cast<bool>(l); },
    std::copy_constructible<L>,
    std::move_constructible<L>,
    std::swappable<L>,
    std::is_polymorphic_v<L>,
};

template <class Blocking, class Lockfree>
constexpr bool twin_lazies =
    lazy_string<Blocking> && lazy_string<Lockfree> && lazy_extras<Blocking> == lazy_extras<Lockfree>;

/// A string that is changed as a whole, by itself and together with others.
template <class S>
concept synchronized_string =
    std::same_as<typename S::value_type, std::string> && std::default_initializable<S> &&
    std::constructible_from<S, const char*> && std::constructible_from<S, std::size_t, char> &&
    !std::convertible_to<const char*, S> && !std::copyable<S> &&
    requires(S& s, const S& c, std::string text, std::size_t (*look)(const std::string&), void (*grow)(std::string&),
             std::size_t (*grow_and_tell)(std::string&), void (*grow_both)(std::string&, std::string&),
             std::size_t (*tell_both)(std::string&, std::string&)) {
      { c.read(look) } -> std::same_as<std::size_t>;
      { s.update(grow) } -> std::same_as<void>;
      { s.update(grow_and_tell) } -> std::same_as<std::size_t>;
      { c.load() } -> std::same_as<std::string>;
      { s.store(text) } -> std::same_as<void>;
      { s.exchange(text) } -> std::same_as<std::string>;
      { update(s, grow) } -> std::same_as<void>;
      { update(s, s, grow_both) } -> std::same_as<void>;
      { update(s, s, tell_both) } -> std::same_as<std::size_t>;
    };
template <class S>
constexpr std::array synchronized_extras = {
    requires(S& s, std::string text) { s = text; },
    requires(const S& c) { static_cast<std::string>(c); },
    requires(S& s) { s.lock(); },
    requires(S& s) { s.get(); },
    requires(S& s) { s.try_update([](std::string&) {}); },
    requires(S& s, std::string text) { s.compare_exchange(text, text); },
    requires(S& s) { s->size(); },
    requires(S& s) { s.wait(std::string()); },
    requires(const S& c) { update(c, [](const std::string&) {}); },
    std::swappable<S>,
    std::is_polymorphic_v<S>,
};
template <class Blocking, class Lockfree>
constexpr bool twin_synchronized = synchronized_string<Blocking> && synchronized_string<Lockfree> &&
                                   synchronized_extras<Blocking> == synchronized_extras<Lockfree>;

/// A string of which readers keep versions.
template <class H>
concept version_of_string =
    std::default_initializable<H> && std::movable<H> && !std::copyable<H> && std::swappable<H> &&
    requires(H& h, const H& c) {
      { static_cast<bool>(c) } -> std::same_as<bool>;
      { *c } -> std::same_as<const std::string&>;
      { c->size() } -> std::same_as<std::size_t>;
      { c.get() } -> std::same_as<const std::string*>;
      { c.version() } -> std::same_as<std::uint64_t>;
      { h.reset() } -> std::same_as<void>;
      h.swap(h);
    };
template <class S>
concept snapshot_of_string =
    std::same_as<typename S::value_type, std::string> && std::default_initializable<S> &&
    std::constructible_from<S, const char*> && std::constructible_from<S, std::size_t, char> &&
    std::constructible_from<S, std::allocator_arg_t, std::allocator<std::string>, const char*> &&
    !std::convertible_to<const char*, S> && !std::copyable<S> && version_of_string<typename S::handle> &&
    requires(S& s, const S& c, std::string text, typename S::handle& h, const typename S::handle& kept,
             std::size_t (*look)(const std::string&), void (*grow)(std::string&), std::string (*next)(const std::string&)) {
      { c.read(look) } -> std::same_as<std::size_t>;
      { c.load() } -> std::same_as<std::string>;
      { c.get() } -> std::same_as<typename S::handle>;
      { c.refresh(h) } -> std::same_as<bool>;
      { c.version() } -> std::same_as<std::uint64_t>;
      { s.store(text) } -> std::same_as<std::uint64_t>;
      { s.emplace(std::size_t{1}, 'x') } -> std::same_as<std::uint64_t>;
      { s.exchange(text) } -> std::same_as<typename S::handle>;
      { s.update(grow) } -> std::same_as<std::uint64_t>;
      { s.update(next) } -> std::same_as<std::uint64_t>;
      { s.try_update(kept, text) } -> std::same_as<bool>;
      { c.get_allocator() } -> std::same_as<std::allocator<std::string>>;
    };
template <class S>
constexpr std::array snapshot_extras = {
    requires(S& s, std::string text) { s = text; },
    requires(const S& c) { static_cast<std::string>(c); },
    requires(S& s) { s.lock(); },
    requires(S& s) { s->size(); },
    requires(S& s) { s.wait(std::uint64_t{}); },
    requires(S& s, typename S::handle h) { s.store(h); },
    requires(S& s, typename S::handle h) { h == h; },
    std::swappable<S>,
    std::is_polymorphic_v<S>,
};
template <class Blocking, class Lockfree>
constexpr bool twin_snapshots =
    snapshot_of_string<Blocking> && snapshot_of_string<Lockfree> && snapshot_extras<Blocking> == snapshot_extras<Lockfree>;

/// A thread pool, as a user calls it.
template <class P>
concept thread_pool_like =
    std::default_initializable<P> && std::constructible_from<P, thread_pool_options> && !std::move_constructible<P> &&
    requires(P& p, const P& c, int (*f)(int), void (*g)(), std::vector<int>& v, const future<int>& result) {
      { p.submit(f, 1) } -> std::same_as<future<int>>;
      { p.submit(g) } -> std::same_as<future<void>>;
      { p.post(g) } -> std::same_as<void>;
      { *p.map(f, v).begin() } -> std::same_as<int&>;
      { *p.map(f, v, {.chunk = 2, .time_limit = std::chrono::seconds(1), .look_ahead = 3}).begin() } -> std::same_as<int&>;
      { *p.map(map_options(), f, v).begin() } -> std::same_as<int&>;
      { c.wait(result) } -> std::same_as<void>;
      { p.shutdown() } -> std::same_as<void>;
      { p.shutdown({.wait = false, .cancel_pending = true}) } -> std::same_as<void>;
      { c.is_shut_down() } noexcept -> std::same_as<bool>;
      { c.thread_count() } noexcept -> std::same_as<std::size_t>;
      { c.statistics() } noexcept -> std::same_as<thread_pool_statistics>;
    };

/// A map of strings, as a user calls it.
template <class M>
concept map_of_strings =
    concurrent_map<M> && std::default_initializable<M> && !std::copy_constructible<M> &&
    std::same_as<typename M::key_type, std::string> && std::same_as<typename M::mapped_type, std::string> &&
    std::same_as<typename M::value_type, std::pair<std::string, std::string>> &&
    std::same_as<typename M::allocator_type, std::allocator<std::pair<const std::string, std::string>>> &&
    std::constructible_from<M, typename M::allocator_type> &&
    requires(M& m, const M& c, std::string& s, const std::string& cs) {
      { m.insert("key", "value") } -> std::same_as<bool>;
      { m.insert(cs, std::move(s)) } -> std::same_as<bool>;
      { m.insert(std::move(s), {}) } -> std::same_as<bool>;
      { m.insert_or_assign(cs, "value") } -> std::same_as<bool>;
      { m.insert_or_update("key", "value", [](std::string&) {}) } -> std::same_as<bool>;
      { m.update("key", [](std::string&) {}) } -> std::same_as<bool>;
      { m.erase("key") } -> std::same_as<bool>;
      { m.erase_if("key", [](const std::string&) { return true; }) } -> std::same_as<bool>;
      { c.visit("key", [](const std::string&) {}) } -> std::same_as<bool>;
      { c.for_each([](const std::string&, const std::string&) {}) } -> std::same_as<void>;
    };
template <class M>
constexpr std::array map_extras = {
    requires(M& m) { m.size(); },
    requires(M& m) { m.empty(); },
    requires(M& m) { m.begin(); },
    requires(M& m) { m.swap(m); },
    requires(M& m, std::string s) { m[s]; },
    requires(M& m, std::string s) { m.emplace(s, s); },
    requires(M& m, std::string s) { m.try_emplace(s, s); },
    requires(M& m, std::size_t n) { m.reserve(n); },
    requires(M& m) { m.hash_function(); },
    requires(M& m) { m.key_eq(); },
    requires(M& m) { m.key_comp(); },
    requires(M& m) { m.pop_first(); },
    std::constructible_from<M, std::size_t>,
    std::constructible_from<M, std::hash<std::string>>,
    std::constructible_from<M, std::less<std::string>>,
    concurrent_ordered_map<M>,
};
template <class Blocking, class Lockfree>
constexpr bool twin_maps =
    map_of_strings<Blocking> && map_of_strings<Lockfree> && map_extras<Blocking> == map_extras<Lockfree>;

// clang-format on

// One line for each name.
static_assert(twin_synchronized<blocking::synchronized<std::string>, lockfree::synchronized<std::string>>);
static_assert(twin_snapshots<blocking::snapshot<std::string>, lockfree::snapshot<std::string>>);
static_assert(event_like<blocking::event> && event_like<lockfree::event>);
static_assert(barrier_like<blocking::barrier> && barrier_like<lockfree::barrier>);
static_assert(latch_like<blocking::latch> && latch_like<lockfree::latch>);
static_assert(semaphore_like<blocking::semaphore> && semaphore_like<lockfree::semaphore>);
static_assert(semaphore_like<blocking::bounded_semaphore> && semaphore_like<lockfree::bounded_semaphore>);
static_assert(twin_queues<blocking::bounded_queue<std::string>, lockfree::bounded_queue<std::string>>);
static_assert(twin_queues<blocking::spsc_queue<std::string>, lockfree::spsc_queue<std::string>>);
static_assert(twin_unbounded_queues<blocking::mpsc_queue<std::string>, lockfree::mpsc_queue<std::string>>);
static_assert(twin_unbounded_queues<blocking::unbounded_queue<std::string>, lockfree::unbounded_queue<std::string>>);
static_assert(queue_with_spans<blocking::spsc_queue<int>> && queue_with_spans<lockfree::spsc_queue<int>>);
static_assert(queue_with_spans<blocking::spsc_queue<std::string>> && queue_with_spans<lockfree::spsc_queue<std::string>>);
static_assert(queue_with_spans<blocking::spsc_queue<char, std::allocator<char>, long_spans>> &&
              queue_with_spans<lockfree::spsc_queue<char, std::allocator<char>, long_spans>>);
static_assert(!queue_with_spans<lockfree::bounded_queue<int>>);
static_assert(twin_unbounded_queues<blocking::unbounded_spsc_queue<std::string>,
                                    lockfree::unbounded_spsc_queue<std::string>>);
static_assert(twin_stacks<blocking::stack<std::string>, lockfree::stack<std::string>>);
static_assert(twin_priority_queues<blocking::priority_queue<std::string>, lockfree::priority_queue<std::string>>);
static_assert(twin_relaxed_priority_queues<blocking::relaxed_priority_queue<std::string>,
                                           lockfree::relaxed_priority_queue<std::string>>);
static_assert(twin_relaxed_queues<blocking::relaxed_queue<std::string>, lockfree::relaxed_queue<std::string>>);
static_assert(twin_counters<blocking::counter, lockfree::counter>);
static_assert(twin_counters<blocking::sharded_counter, lockfree::sharded_counter>);
static_assert(twin_deques<blocking::work_stealing_deque<std::string>, lockfree::work_stealing_deque<std::string>>);
static_assert(twin_pools<blocking::object_pool<std::string>, lockfree::object_pool<std::string>>);
static_assert(twin_joinables<blocking::joinable<blocking::bounded_queue<std::string>>,
                             lockfree::joinable<lockfree::bounded_queue<std::string>>>);
static_assert(twin_joinables<blocking::joinable<lockfree::spsc_queue<std::string>>,
                             lockfree::joinable<blocking::spsc_queue<std::string>>>);
static_assert(thread_pool_like<blocking::thread_pool> && thread_pool_like<lockfree::thread_pool>);
static_assert(twin_lazies<blocking::lazy<std::string>, lockfree::lazy<std::string>>);
static_assert(twin_maps<blocking::hash_map<std::string, std::string>, lockfree::hash_map<std::string, std::string>>);
static_assert(twin_maps<blocking::ordered_map<std::string, std::string>, lockfree::ordered_map<std::string, std::string>>);

// The concepts can tell.
static_assert(!bounded_queue_of_strings<lockfree::bounded_queue<int>>);
static_assert(!twin_stacks<blocking::stack<std::string>, blocking::priority_queue<std::string>>);
static_assert(!twin_priority_queues<blocking::stack<std::string>, blocking::priority_queue<std::string>>);
static_assert(!counter_from_number<lockfree::bounded_queue<std::string>>);
static_assert(!joinable_of_strings<blocking::bounded_queue<std::string>>);
static_assert(!lazy_string<lockfree::lazy<int>>);
struct counter_with_more : lockfree::counter {
  using counter::counter;
  void reset() {}
};
static_assert(counter_from_number<counter_with_more>);
static_assert(!twin_counters<lockfree::counter, counter_with_more>);

/// One program, for whichever side: it compiles with both, and does the same.
TEST(mirror, TheSameProgramGivesTheSameAnswers) {
  const auto program = []<template <class...> class Queue, class Counter>() {
    Queue<std::string> queue(2);
    Counter counter(5);
    std::string answers;
    for (const char* word : {"one", "two", "three"}) {
      answers += to_string(queue.try_push(word));
      counter.increment();
    }
    queue.close();
    while (const auto word = queue.pop()) answers += *word;
    return answers + std::to_string(counter.exchange(0));
  };
  const std::string expected = "successsuccessfullonetwo8";
  EXPECT_EQ((program.operator()<blocking::bounded_queue, blocking::counter>()), expected);
  EXPECT_EQ((program.operator()<lockfree::bounded_queue, lockfree::counter>()), expected);
  EXPECT_EQ((program.operator()<blocking::spsc_queue, blocking::sharded_counter>()), expected);
  EXPECT_EQ((program.operator()<lockfree::spsc_queue, lockfree::sharded_counter>()), expected);
}

}  // namespace
}  // namespace switchyard
