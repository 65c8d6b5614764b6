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
#include "switchyard/tests/conformance/sequential_queue.h"
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
  static_assert(Line::claimed.ordered != order::lifo || concurrent_stack<typename Line::template queue<int>>);
  static_assert(Line::claimed.ordered != order::priority ||
                concurrent_priority_queue<typename Line::template queue<int>>);
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

/// Whether what one thread pushed is popped in this order, also while others push and pop.
template <class Line>
inline constexpr bool keeps_producers_order =
    Line::claimed.ordered == order::fifo || Line::claimed.ordered == order::per_producer;

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

/// What a pop said, whatever it returns: `success` and the element's number, or why there is none.
struct popped {
  conqueue_status status;
  std::uint64_t number = 0;

  explicit operator bool() const { return status == conqueue_status::success; }
};

template <class T>
popped told(const pop_result<T>& result) {
  if (!result) return {result.error()};
  return {conqueue_status::success, element<T>::number(*result)};
}
template <class T>
popped told(const std::optional<T>& result) {
  if (!result) return {conqueue_status::closed};
  return {conqueue_status::success, element<T>::number(*result)};
}
template <class T>
popped told(const std::vector<T>& written, std::size_t count, conqueue_status otherwise) {
  expect_same(written.size(), count, "the number of elements written, by its count,", where::current());
  if (written.empty()) return {otherwise};
  return {conqueue_status::success, element<T>::number(written.front())};
}

/// Pops by one of the members, the timed ones with the limit `wait`.
template <class Q>
popped pop_by(popping way, Q& queue, std::chrono::nanoseconds wait = 0ns) {
  std::vector<typename Q::value_type> written;
  switch (way) {
    case popping::pop:
      return told(queue.pop());
    case popping::pop_n: {
      const std::size_t count = queue.pop_n(std::back_inserter(written), 1);
      return told(written, count, conqueue_status::closed);
    }
    case popping::try_pop:
      return told(queue.try_pop());
    case popping::try_pop_n: {
      const std::size_t count = queue.try_pop_n(std::back_inserter(written), 1);
      // Whether nothing is for good, only a pop can tell: a push that began before the close may still land.
      if (count == 0 && queue.is_closed()) return told(queue.try_pop());
      return told(written, count, conqueue_status::empty);
    }
    case popping::try_pop_for:
      return told(queue.try_pop_for(wait));
    case popping::try_pop_until:
      return told(queue.try_pop_until(steady::now() + wait));
  }
  return {conqueue_status::busy};
}

// Each of the following comes for a given way of pushing or popping, and for the simplest one. The latter is
// for element types that are not pushed and popped in all ways: less for the compiler to do.

/// The number that element `number` of a T carries, which may be a part of it.
template <class T>
std::uint64_t carried(std::uint64_t number) {
  return element<T>::number(element<T>::make(number));
}

/// Pushes the element with this number and expects success.
template <class Q>
void expect_push(Q& queue, std::uint64_t number, where at = where::current()) {
  const conqueue_status status = queue.try_push(element<typename Q::value_type>::make(number));
  expect_same(status, conqueue_status::success, "try_push", at);
}
template <class Q>
void expect_push(Q& queue, std::uint64_t number, pushing way, where at = where::current()) {
  auto value = element<typename Q::value_type>::make(number);
  expect_same(push_by(way, queue, value), conqueue_status::success, "push", at, static_cast<int>(way));
}

/// Pushes and expects to be refused, with the element as it was.
template <class Q>
void expect_refused(Q& queue, conqueue_status why, where at = where::current()) {
  using T = typename Q::value_type;
  T value = element<T>::make(4711);
  expect_same(queue.try_push(std::move(value)), why, "try_push", at);
  expect_same(element<T>::number(value), carried<T>(4711), "the argument of a failed push", at);
}
template <class Q>
void expect_refused(Q& queue, conqueue_status why, pushing way, std::chrono::nanoseconds wait = 0ns,
                    where at = where::current()) {
  using T = typename Q::value_type;
  T value = element<T>::make(4711);
  expect_same(push_by(way, queue, value, wait), why, "push", at, static_cast<int>(way));
  expect_same(element<T>::number(value), carried<T>(4711), "the argument of a failed push", at,
              static_cast<int>(way));
}

/// Pops and expects the element with this number.
template <class Q>
void expect_pop(Q& queue, std::uint64_t number, where at = where::current()) {
  const popped got = told(queue.try_pop());
  if (!expect_same(got.status, conqueue_status::success, "try_pop", at)) return;
  expect_same(got.number, carried<typename Q::value_type>(number), "the element", at);
}
template <class Q>
void expect_pop(Q& queue, std::uint64_t number, popping way, where at = where::current()) {
  const popped got = pop_by(way, queue);
  if (!expect_same(got.status, conqueue_status::success, "pop", at, static_cast<int>(way))) return;
  expect_same(got.number, carried<typename Q::value_type>(number), "the element", at, static_cast<int>(way));
}

/// Pops elements 0 to n - 1, pushed in this order and all that there is, and expects them in the order that is
/// promised.
template <class Line, class Q>
void expect_pops(Q& queue, std::uint64_t n, where at = where::current()) {
  for (const std::uint64_t number : popping_order<Line::claimed.ordered>(n)) expect_pop(queue, number, at);
}

/// Pops and expects to be told that there is nothing.
template <class Q>
void expect_nothing(Q& queue, conqueue_status why, where at = where::current()) {
  expect_same(told(queue.try_pop()).status, why, "try_pop", at);
}
template <class Q>
void expect_nothing(Q& queue, conqueue_status why, popping way, std::chrono::nanoseconds wait = 0ns,
                    where at = where::current()) {
  expect_same(pop_by(way, queue, wait).status, why, "pop", at, static_cast<int>(way));
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
