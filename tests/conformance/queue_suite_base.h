// The fixture of the queue suite, what is asserted at compile time, and every way of pushing and popping as
// a value to loop over.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <concepts>
#include <cstdint>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "switchyard/interface/queue.h"
#include "switchyard/tests/conformance/element_types.h"
#include "switchyard/tests/conformance/queue_under_test.h"
#include "switchyard/tests/conformance/test_support.h"

namespace switchyard::conformance {

/// The whole interface, for one element type.
template <class Q>
concept whole_queue = concurrent_queue<Q> && timed_queue<Q> && bulk_queue<Q> && sized_queue<Q>;

template <class Line>
class queue_suite : public ::testing::Test {
 protected:
  static_assert(try_queue<typename Line::template queue<int>>);
  static_assert(whole_queue<typename Line::template queue<int>>);
  static_assert(whole_queue<typename Line::template queue<std::unique_ptr<std::uint64_t>>>);
  static_assert(whole_queue<typename Line::template queue<constant>>);
  static_assert(capacity_limited<typename Line::template queue<int>> == (Line::claimed.room != bound::none));
  static_assert(!std::copy_constructible<typename Line::template queue<int>>);
  static_assert(
      !std::assignable_from<typename Line::template queue<int>&, const typename Line::template queue<int>&>);

 private:
  watchdog watchdog_;
};
TYPED_TEST_SUITE_P(queue_suite);

template <class Line>
inline constexpr bool is_bounded = Line::claimed.room != bound::none;

/// How many threads may be on one side at once, of those a test would like.
template <role Role>
constexpr int at_most(int wanted) {
  return Role == role::one ? 1 : wanted;
}

/// The members that push one element.
enum class pushing {
  push,
  push_copy,
  emplace,
  push_n,
  try_push,
  try_push_copy,
  try_emplace,
  try_push_n,
  try_push_for,
  try_push_for_copy,
  try_push_until,
  try_push_until_copy,
};

inline constexpr std::array every_push = {
    pushing::push,         pushing::push_copy,         pushing::emplace,        pushing::push_n,
    pushing::try_push,     pushing::try_push_copy,     pushing::try_emplace,    pushing::try_push_n,
    pushing::try_push_for, pushing::try_push_for_copy, pushing::try_push_until, pushing::try_push_until_copy,
};

/// Those that wait for ever while the queue is full, and those that give up.
inline constexpr std::array waiting_pushes = {pushing::push, pushing::push_copy, pushing::emplace,
                                              pushing::push_n};
inline constexpr std::array giving_up_pushes = {
    pushing::try_push,     pushing::try_push_copy,     pushing::try_emplace,    pushing::try_push_n,
    pushing::try_push_for, pushing::try_push_for_copy, pushing::try_push_until, pushing::try_push_until_copy,
};
inline constexpr std::array timed_pushes = {pushing::try_push_for, pushing::try_push_for_copy,
                                            pushing::try_push_until, pushing::try_push_until_copy};

/// Pushes `value` by one of the members, the timed ones with the limit `wait`. Ways that copy move instead
/// where T cannot be copied. A bool or a count is translated to the status that it stands for.
template <class Q>
conqueue_status push_by(pushing way, Q& queue, typename Q::value_type& value,
                        std::chrono::nanoseconds wait = 0ns) {
  const auto status = [](bool pushed) { return pushed ? conqueue_status::success : conqueue_status::closed; };
  if constexpr (std::copy_constructible<typename Q::value_type>) {
    const auto& constant_value = value;
    switch (way) {
      case pushing::push_copy:
        return status(queue.push(constant_value));
      case pushing::try_push_copy:
        return queue.try_push(constant_value);
      case pushing::try_push_for_copy:
        return queue.try_push_for(constant_value, wait);
      case pushing::try_push_until_copy:
        return queue.try_push_until(constant_value, steady::now() + wait);
      default:
        break;
    }
  }
  switch (way) {
    case pushing::push:
    case pushing::push_copy:
      return status(queue.push(std::move(value)));
    case pushing::emplace:
      return status(queue.emplace(std::move(value)));
    case pushing::push_n:
      return status(queue.push_n(std::make_move_iterator(&value), 1) == 1);
    case pushing::try_push:
    case pushing::try_push_copy:
      return queue.try_push(std::move(value));
    case pushing::try_emplace:
      return queue.try_emplace(std::move(value));
    case pushing::try_push_n:
      if (queue.try_push_n(std::make_move_iterator(&value), 1) == 1) return conqueue_status::success;
      return queue.is_closed() ? conqueue_status::closed : conqueue_status::full;
    case pushing::try_push_for:
    case pushing::try_push_for_copy:
      return queue.try_push_for(std::move(value), wait);
    case pushing::try_push_until:
    case pushing::try_push_until_copy:
      return queue.try_push_until(std::move(value), steady::now() + wait);
  }
  return conqueue_status::busy;
}

/// The members that pop one element.
enum class popping { pop, pop_n, try_pop, try_pop_n, try_pop_for, try_pop_until };

inline constexpr std::array every_pop = {popping::pop,       popping::pop_n,       popping::try_pop,
                                         popping::try_pop_n, popping::try_pop_for, popping::try_pop_until};
inline constexpr std::array waiting_pops = {popping::pop, popping::pop_n};
inline constexpr std::array giving_up_pops = {popping::try_pop, popping::try_pop_n, popping::try_pop_for,
                                              popping::try_pop_until};
inline constexpr std::array timed_pops = {popping::try_pop_for, popping::try_pop_until};

/// Pops by one of the members, the timed ones with the limit `wait`.
template <class Q>
pop_result<typename Q::value_type> pop_by(popping way, Q& queue, std::chrono::nanoseconds wait = 0ns) {
  using T = typename Q::value_type;
  const auto only_one = [](std::vector<T>& popped, std::size_t count, conqueue_status otherwise) {
    EXPECT_EQ(count, popped.size());
    if (popped.size() != 1) return pop_result<T>(unexpected(otherwise));
    return pop_result<T>(std::move(popped.front()));
  };
  std::vector<T> popped;
  switch (way) {
    case popping::pop: {
      std::optional<T> value = queue.pop();
      if (!value) return unexpected(conqueue_status::closed);
      return std::move(*value);
    }
    case popping::pop_n: {
      const std::size_t count = queue.pop_n(std::back_inserter(popped), 1);
      return only_one(popped, count, conqueue_status::closed);
    }
    case popping::try_pop:
      return queue.try_pop();
    case popping::try_pop_n: {
      const bool closed = queue.is_closed();  // asked first: what is empty then stays empty
      const std::size_t count = queue.try_pop_n(std::back_inserter(popped), 1);
      return only_one(popped, count, closed ? conqueue_status::closed : conqueue_status::empty);
    }
    case popping::try_pop_for:
      return queue.try_pop_for(wait);
    case popping::try_pop_until:
      return queue.try_pop_until(steady::now() + wait);
  }
  return unexpected(conqueue_status::busy);
}

// Each of the following comes for a given way of pushing or popping, and for the simplest one. The latter is
// for element types that are not pushed and popped in all ways: less for the compiler to do.

/// Pushes the element with this number and expects success.
template <class Q>
void expect_push(Q& queue, std::uint64_t number) {
  EXPECT_EQ(queue.try_push(element<typename Q::value_type>::make(number)), conqueue_status::success)
      << "element " << number;
}
template <class Q>
void expect_push(Q& queue, std::uint64_t number, pushing way) {
  auto value = element<typename Q::value_type>::make(number);
  EXPECT_EQ(push_by(way, queue, value), conqueue_status::success)
      << "element " << number << ", way " << static_cast<int>(way);
}

/// Pushes and expects to be refused, with the element as it was.
template <class Q, class Push>
void expect_refused_by(Q&, conqueue_status why, Push push) {
  using T = typename Q::value_type;
  auto value = element<T>::make(4711);
  const std::uint64_t before = element<T>::number(value);
  EXPECT_EQ(push(value), why);
  EXPECT_EQ(element<T>::number(value), before) << "a failed push touched its argument";
}
template <class Q>
void expect_refused(Q& queue, conqueue_status why) {
  expect_refused_by(queue, why, [&](auto& value) { return queue.try_push(std::move(value)); });
}
template <class Q>
void expect_refused(Q& queue, conqueue_status why, pushing way, std::chrono::nanoseconds wait = 0ns) {
  SCOPED_TRACE("way of pushing: " + std::to_string(static_cast<int>(way)));
  expect_refused_by(queue, why, [&](auto& value) { return push_by(way, queue, value, wait); });
}

/// Pops and expects the element with this number.
template <class T>
void expect_element(const pop_result<T>& popped, std::uint64_t number) {
  ASSERT_TRUE(popped.has_value()) << "no element " << number << ": " << to_string(popped.error());
  EXPECT_EQ(element<T>::number(*popped), element<T>::number(element<T>::make(number)));
}
template <class Q>
void expect_pop(Q& queue, std::uint64_t number) {
  expect_element<typename Q::value_type>(queue.try_pop(), number);
}
template <class Q>
void expect_pop(Q& queue, std::uint64_t number, popping way) {
  SCOPED_TRACE("way of popping: " + std::to_string(static_cast<int>(way)));
  expect_element<typename Q::value_type>(pop_by(way, queue), number);
}

/// Pops and expects to be told that there is nothing.
template <class Q>
void expect_nothing(Q& queue, conqueue_status why) {
  const auto popped = queue.try_pop();
  ASSERT_FALSE(popped.has_value()) << "an element that should not be there";
  EXPECT_EQ(popped.error(), why);
}
template <class Q>
void expect_nothing(Q& queue, conqueue_status why, popping way, std::chrono::nanoseconds wait = 0ns) {
  SCOPED_TRACE("way of popping: " + std::to_string(static_cast<int>(way)));
  const auto popped = pop_by(way, queue, wait);
  ASSERT_FALSE(popped.has_value()) << "an element that should not be there";
  EXPECT_EQ(popped.error(), why);
}

/// Pushes until the queue says that it is full: elements 0, 1, 2, ... Returns how many.
template <class Q>
std::uint64_t fill(Q& queue) {
  using T = typename Q::value_type;
  const std::uint64_t limit = 4 * queue.capacity() + 512;
  for (std::uint64_t count = 0; count < limit; ++count) {
    if (queue.try_push(element<T>::make(count)) == conqueue_status::full) return count;
  }
  ADD_FAILURE() << "a queue of capacity " << queue.capacity() << " took " << limit << " elements";
  return limit;
}

}  // namespace switchyard::conformance
