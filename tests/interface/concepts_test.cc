// The concepts of interface/queue.h and interface/counter.h: what models them, and that each requirement is
// one, by types that lack nothing else.
#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <type_traits>
#include <vector>

#include "switchyard/interface/counter.h"
#include "switchyard/interface/queue.h"

namespace switchyard {
namespace {

using wait = std::chrono::milliseconds;
using when = std::chrono::steady_clock::time_point;

/// Models every concept of queues. The bodies are never called.
struct whole {
  using value_type = std::unique_ptr<int>;  // cannot be copied: no concept asks for that

  bool is_closed() const noexcept { return false; }
  void close() noexcept {}
  bool push(value_type&&) { return false; }
  bool emplace(value_type&&) { return false; }
  std::optional<value_type> pop() { return {}; }

  conqueue_status try_push(value_type&&) { return conqueue_status::full; }
  conqueue_status try_emplace(value_type&&) { return conqueue_status::full; }
  pop_result<value_type> try_pop() { return unexpected(conqueue_status::empty); }

  conqueue_status try_push_for(value_type&&, wait) { return conqueue_status::full; }
  conqueue_status try_push_until(value_type&&, when) { return conqueue_status::full; }
  pop_result<value_type> try_pop_for(wait) { return unexpected(conqueue_status::empty); }
  pop_result<value_type> try_pop_until(when) { return unexpected(conqueue_status::empty); }

  template <class In>
  std::size_t try_push_n(In, std::size_t) {
    return 0;
  }
  template <class Out>
  std::size_t try_pop_n(Out, std::size_t) {
    return 0;
  }
  template <class In>
  std::size_t push_n(In, std::size_t) {
    return 0;
  }
  template <class Out>
  std::size_t pop_n(Out, std::size_t) {
    return 0;
  }

  std::size_t size_approx() const noexcept { return 0; }
  bool empty_approx() const noexcept { return true; }
  std::size_t capacity() const noexcept { return 0; }

  template <class Out>
  std::size_t pop_all(Out) {
    return 0;
  }
  struct value_compare {
    bool operator()(const value_type&, const value_type&) const { return false; }
  };
  whole() = default;
  explicit whole(const value_compare&) {}
};

static_assert(try_queue<whole>);
static_assert(basic_concurrent_queue<whole>);
static_assert(concurrent_queue<whole>);
static_assert(timed_queue<whole>);
static_assert(bulk_queue<whole>);
static_assert(sized_queue<whole>);
static_assert(capacity_limited<whole>);
static_assert(concurrent_stack<whole>);
static_assert(concurrent_priority_queue<whole>);

// Not queues at all.
static_assert(!try_queue<int>);
static_assert(!basic_concurrent_queue<std::vector<int>>);
static_assert(!sized_queue<std::vector<int>>);
static_assert(std::is_same_v<pop_result<int>, expected<int, conqueue_status>>);

// Each of the following is `whole` but for one member, which it hides.

struct no_value_type : whole {
 private:
  using value_type = whole::value_type;
};
static_assert(!try_queue<no_value_type>);
static_assert(!basic_concurrent_queue<no_value_type>);
static_assert(!concurrent_queue<no_value_type>);

struct immovable_value : whole {
  struct value_type {
    value_type() = default;
    value_type(const value_type&) = delete;
  };
  bool push(value_type&&) { return false; }
  bool emplace(value_type&&) { return false; }
  conqueue_status try_push(value_type&&) { return conqueue_status::full; }
};
static_assert(!try_queue<immovable_value>);
static_assert(!basic_concurrent_queue<immovable_value>);

// try_queue.
struct no_try_push : whole {
  void try_push(value_type&&) = delete;
};
static_assert(!try_queue<no_try_push> && basic_concurrent_queue<no_try_push>);
static_assert(!concurrent_queue<no_try_push> && !timed_queue<no_try_push>);

struct try_push_says_bool : whole {
  bool try_push(value_type&&) { return false; }
};
static_assert(!try_queue<try_push_says_bool>);

struct try_push_only_copies : whole {
  conqueue_status try_push(const value_type&) = delete;
};
static_assert(!try_queue<try_push_only_copies>);

struct no_try_pop : whole {
  void try_pop() = delete;
};
static_assert(!try_queue<no_try_pop> && basic_concurrent_queue<no_try_pop> && !concurrent_queue<no_try_pop>);

struct try_pop_says_optional : whole {
  std::optional<value_type> try_pop() { return {}; }
};
static_assert(!try_queue<try_pop_says_optional>);

// basic_concurrent_queue.
struct no_is_closed : whole {
  bool is_closed() const noexcept = delete;
};
static_assert(!basic_concurrent_queue<no_is_closed> && try_queue<no_is_closed>);
static_assert(!concurrent_queue<no_is_closed> && !bulk_queue<no_is_closed>);

struct is_closed_not_const : whole {
  bool is_closed() noexcept { return false; }
};
static_assert(!basic_concurrent_queue<is_closed_not_const>);

struct is_closed_may_throw : whole {
  bool is_closed() const { return false; }
};
static_assert(!basic_concurrent_queue<is_closed_may_throw>);

struct no_close : whole {
  void close() noexcept = delete;
};
static_assert(!basic_concurrent_queue<no_close> && try_queue<no_close>);

struct close_may_throw : whole {
  void close() {}
};
static_assert(!basic_concurrent_queue<close_may_throw>);

struct close_says_something : whole {
  bool close() noexcept { return false; }
};
static_assert(!basic_concurrent_queue<close_says_something>);

struct no_push : whole {
  bool push(value_type&&) = delete;
};
static_assert(!basic_concurrent_queue<no_push> && try_queue<no_push>);

struct push_says_nothing : whole {
  void push(value_type&&) {}
};
static_assert(!basic_concurrent_queue<push_says_nothing>);

struct push_says_status : whole {
  conqueue_status push(value_type&&) { return conqueue_status::full; }
};
static_assert(!basic_concurrent_queue<push_says_status>);

struct no_emplace : whole {
  bool emplace(value_type&&) = delete;
};
static_assert(!basic_concurrent_queue<no_emplace>);

struct no_pop : whole {
  void pop() = delete;
};
static_assert(!basic_concurrent_queue<no_pop> && try_queue<no_pop>);

struct pop_says_value : whole {
  value_type pop() { return {}; }
};
static_assert(!basic_concurrent_queue<pop_says_value>);

struct pop_says_expected : whole {
  pop_result<value_type> pop() { return unexpected(conqueue_status::closed); }
};
static_assert(!basic_concurrent_queue<pop_says_expected>);

// concurrent_queue.
struct no_try_emplace : whole {
  conqueue_status try_emplace(value_type&&) = delete;
};
static_assert(!concurrent_queue<no_try_emplace>);
static_assert(try_queue<no_try_emplace> && basic_concurrent_queue<no_try_emplace>);
static_assert(bulk_queue<no_try_emplace>);

struct try_emplace_says_bool : whole {
  bool try_emplace(value_type&&) { return false; }
};
static_assert(!concurrent_queue<try_emplace_says_bool>);

// timed_queue.
struct no_try_push_for : whole {
  conqueue_status try_push_for(value_type&&, wait) = delete;
};
static_assert(!timed_queue<no_try_push_for> && concurrent_queue<no_try_push_for>);

struct no_try_push_until : whole {
  conqueue_status try_push_until(value_type&&, when) = delete;
};
static_assert(!timed_queue<no_try_push_until> && concurrent_queue<no_try_push_until>);

struct no_try_pop_for : whole {
  void try_pop_for(wait) = delete;
};
static_assert(!timed_queue<no_try_pop_for> && concurrent_queue<no_try_pop_for>);

struct no_try_pop_until : whole {
  void try_pop_until(when) = delete;
};
static_assert(!timed_queue<no_try_pop_until> && concurrent_queue<no_try_pop_until>);

struct timed_push_says_bool : whole {
  bool try_push_for(value_type&&, wait) { return false; }
};
static_assert(!timed_queue<timed_push_says_bool>);

struct timed_pop_says_optional : whole {
  std::optional<value_type> try_pop_until(when) { return {}; }
};
static_assert(!timed_queue<timed_pop_says_optional>);

struct timed_but_not_concurrent : no_try_emplace {};
static_assert(!timed_queue<timed_but_not_concurrent>);

// bulk_queue.
struct no_try_push_n : whole {
  template <class In>
  std::size_t try_push_n(In, std::size_t) = delete;
};
static_assert(!bulk_queue<no_try_push_n> && timed_queue<no_try_push_n>);

struct no_try_pop_n : whole {
  template <class Out>
  std::size_t try_pop_n(Out, std::size_t) = delete;
};
static_assert(!bulk_queue<no_try_pop_n> && timed_queue<no_try_pop_n>);

struct no_push_n : whole {
  template <class In>
  std::size_t push_n(In, std::size_t) = delete;
};
static_assert(!bulk_queue<no_push_n>);

struct no_pop_n : whole {
  template <class Out>
  std::size_t pop_n(Out, std::size_t) = delete;
};
static_assert(!bulk_queue<no_pop_n>);

struct bulk_says_nothing : whole {
  template <class In>
  void push_n(In, std::size_t) {}
};
static_assert(!bulk_queue<bulk_says_nothing>);

struct bulk_only_from_pointers : whole {
  std::size_t push_n(const value_type*, std::size_t) { return 0; }
};
static_assert(!bulk_queue<bulk_only_from_pointers>);

// sized_queue and capacity_limited.
struct no_size_approx : whole {
  std::size_t size_approx() const noexcept = delete;
};
static_assert(!sized_queue<no_size_approx>);

struct no_empty_approx : whole {
  bool empty_approx() const noexcept = delete;
};
static_assert(!sized_queue<no_empty_approx>);

struct size_not_const : whole {
  std::size_t size_approx() noexcept { return 0; }
};
static_assert(!sized_queue<size_not_const>);

struct size_with_sign : whole {
  std::ptrdiff_t size_approx() const noexcept { return 0; }
};
static_assert(!sized_queue<size_with_sign>);

struct no_capacity : whole {
  std::size_t capacity() const noexcept = delete;
};
static_assert(!capacity_limited<no_capacity> && sized_queue<no_capacity> && timed_queue<no_capacity>);

struct capacity_may_throw : whole {
  std::size_t capacity() const { return 0; }
};
static_assert(!capacity_limited<capacity_may_throw>);

// concurrent_stack and concurrent_priority_queue.
struct no_pop_all : whole {
  using whole::whole;
  template <class Out>
  std::size_t pop_all(Out) = delete;
};
static_assert(!concurrent_stack<no_pop_all> && concurrent_priority_queue<no_pop_all>);

struct pop_all_says_nothing : whole {
  template <class Out>
  void pop_all(Out) {}
};
static_assert(!concurrent_stack<pop_all_says_nothing>);

struct stack_but_not_concurrent : no_try_emplace {};
static_assert(!concurrent_stack<stack_but_not_concurrent>);

struct no_value_compare : whole {
  using whole::whole;

 private:
  using value_compare = whole::value_compare;
};
static_assert(!concurrent_priority_queue<no_value_compare> && concurrent_stack<no_value_compare>);

struct compares_something_else : whole {
  using whole::whole;
  using value_compare = std::less<int>;
  explicit compares_something_else(const value_compare&) {}
};
static_assert(!concurrent_priority_queue<compares_something_else>);

struct order_is_fixed : whole {
  order_is_fixed() = default;
};
static_assert(!concurrent_priority_queue<order_is_fixed>);

struct ordered_but_not_concurrent : no_try_emplace {
  using value_compare = whole::value_compare;
  explicit ordered_but_not_concurrent(const value_compare&) {}
};
static_assert(!concurrent_priority_queue<ordered_but_not_concurrent>);

// Counters.
struct whole_counter {
  void add(std::int64_t) {}
  void increment() {}
  std::int64_t load() const { return 0; }
  std::int64_t exchange(std::int64_t) { return 0; }
};
static_assert(concurrent_counter<whole_counter>);
static_assert(!concurrent_counter<int>);

struct no_add : whole_counter {
  void add(std::int64_t) = delete;
};
static_assert(!concurrent_counter<no_add>);

struct add_says_sum : whole_counter {
  std::int64_t add(std::int64_t) { return 0; }
};
static_assert(!concurrent_counter<add_says_sum>);

struct no_increment : whole_counter {
  void increment() = delete;
};
static_assert(!concurrent_counter<no_increment>);

struct load_not_const : whole_counter {
  std::int64_t load() { return 0; }
};
static_assert(!concurrent_counter<load_not_const>);

struct load_is_narrow : whole_counter {
  int load() const { return 0; }
};
static_assert(!concurrent_counter<load_is_narrow>);

struct no_exchange : whole_counter {
  std::int64_t exchange(std::int64_t) = delete;
};
static_assert(!concurrent_counter<no_exchange>);

struct exchange_says_nothing : whole_counter {
  void exchange(std::int64_t) {}
};
static_assert(!concurrent_counter<exchange_says_nothing>);

/// Functions written against a concept take what models it: overloads on two of them pick the stronger.
template <basic_concurrent_queue Q>
constexpr int strength(const Q&) {
  return 1;
}
template <concurrent_queue Q>
constexpr int strength(const Q&) {
  return 2;
}
template <timed_queue Q>
constexpr int strength(const Q&) {
  return 3;
}

TEST(concepts, StrongerOnesSubsumeWeakerOnes) {
  EXPECT_EQ(strength(no_try_emplace()), 1);
  EXPECT_EQ(strength(no_try_pop_for()), 2);
  EXPECT_EQ(strength(whole()), 3);
}

}  // namespace
}  // namespace switchyard
