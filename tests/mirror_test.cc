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
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "switchyard/blocking/bounded_queue.h"
#include "switchyard/blocking/counter.h"
#include "switchyard/blocking/sharded_counter.h"
#include "switchyard/blocking/spsc_queue.h"
#include "switchyard/interface/counter.h"
#include "switchyard/interface/queue.h"
#include "switchyard/lockfree/bounded_queue.h"
#include "switchyard/lockfree/counter.h"
#include "switchyard/lockfree/sharded_counter.h"
#include "switchyard/lockfree/spsc_queue.h"

namespace switchyard {
namespace {

using status = conqueue_status;

// clang-format off

/// The members of a queue of strings, as a user calls them.
template <class Q>
concept queue_of_strings =
    concurrent_queue<Q> && timed_queue<Q> && bulk_queue<Q> && sized_queue<Q> &&
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

/// A queue with a limit is made from it, and only on purpose.
template <class Q>
concept bounded_queue_of_strings =
    queue_of_strings<Q> && capacity_limited<Q> && std::constructible_from<Q, std::size_t> &&
    std::constructible_from<Q, std::size_t, std::allocator<std::string>> &&
    !std::default_initializable<Q> && !std::convertible_to<std::size_t, Q>;

template <class C>
concept counter_from_number =
    concurrent_counter<C> && std::default_initializable<C> && std::constructible_from<C, std::int64_t> &&
    !std::convertible_to<std::int64_t, C>;

template <class Blocking, class Lockfree>
constexpr bool twin_queues = bounded_queue_of_strings<Blocking> && bounded_queue_of_strings<Lockfree> &&
                             queue_extras<Blocking> == queue_extras<Lockfree>;

template <class Blocking, class Lockfree>
constexpr bool twin_counters = counter_from_number<Blocking> && counter_from_number<Lockfree> &&
                               counter_extras<Blocking> == counter_extras<Lockfree>;

// clang-format on

// One line for each name.
static_assert(twin_queues<blocking::bounded_queue<std::string>, lockfree::bounded_queue<std::string>>);
static_assert(twin_queues<blocking::spsc_queue<std::string>, lockfree::spsc_queue<std::string>>);
static_assert(twin_counters<blocking::counter, lockfree::counter>);
static_assert(twin_counters<blocking::sharded_counter, lockfree::sharded_counter>);

// The concepts can tell.
static_assert(!bounded_queue_of_strings<lockfree::bounded_queue<int>>);
static_assert(!counter_from_number<lockfree::bounded_queue<std::string>>);
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
