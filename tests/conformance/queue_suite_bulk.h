// Queue suite: many elements in one call.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "switchyard/tests/conformance/queue_suite_base.h"

namespace switchyard::conformance {

/// What a single-pass source gave away: shared by all copies of the iterator, as the input of a stream is.
struct reading {
  std::uint64_t position = 0;        // of the element that comes next
  std::vector<std::uint64_t> reads;  // the position at each dereference
  bool read_after_copy = false;      // an iterator was used after a copy of it had moved on
};

/// A single-pass iterator over 0, 1, 2, ... that notes how it is used.
class counting_input {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = std::uint64_t;
  using difference_type = std::ptrdiff_t;
  using pointer = const std::uint64_t*;
  using reference = std::uint64_t;

  explicit counting_input(reading& log) : log_(&log) {}
  std::uint64_t operator*() const {
    if (at_ != log_->position) log_->read_after_copy = true;
    log_->reads.push_back(log_->position);
    return log_->position;
  }
  counting_input& operator++() {
    at_ = ++log_->position;
    return *this;
  }
  counting_input operator++(int) {
    const counting_input before = *this;
    ++*this;
    return before;
  }
  friend bool operator==(const counting_input&, const counting_input&) = default;

 private:
  reading* log_;
  std::uint64_t at_ = 0;
};

/// `taken` elements were read in order, and at most one more was looked at. An element may be read again
/// while it waits for room, as the value of a stream iterator may be; never after it was taken.
inline void expect_read_in_order(const reading& log, std::size_t taken) {
  EXPECT_FALSE(log.read_after_copy);
  EXPECT_LE(log.position, taken) << "advanced beyond what it took";
  std::uint64_t next = 0;
  for (const std::uint64_t position : log.reads) {
    EXPECT_TRUE(position == next || position + 1 == next)
        << position << " was read when " << next << " was next";
    next = position + 1;
  }
  EXPECT_GE(next, taken);
  EXPECT_LE(next, taken + 1) << "read elements that it did not take";
}

TYPED_TEST_P(queue_suite, BulkTakesAPrefixInOrder) {
  auto queue = TypeParam::template make<std::string>(5);
  std::vector<std::string> words;
  for (std::uint64_t i = 0; i < 8; ++i) words.push_back(element<std::string>::make(i));
  // By copy from a pointer: three fit, and are still there afterwards.
  EXPECT_EQ(queue.try_push_n(words.data(), 3), 3U);
  EXPECT_EQ(element<std::string>::number(words[2]), 2U);
  std::size_t taken = 3;
  if constexpr (TypeParam::claimed.room == bound::exact) {
    // By move: two more fit, and the others are not touched.
    EXPECT_EQ(queue.try_push_n(std::make_move_iterator(words.begin() + 3), 5), 2U);
    EXPECT_EQ(queue.try_push_n(std::make_move_iterator(words.begin() + 5), 3), 0U);
    for (std::uint64_t i = 5; i < 8; ++i) EXPECT_EQ(element<std::string>::number(words[i]), i);
    taken = 5;
  }
  // Out again, in the order that is promised: two into a pointer, what is left into a back_inserter.
  std::array<std::string, 2> two;
  EXPECT_EQ(queue.try_pop_n(two.data(), 2), 2U);
  const auto expected = popping_order<TypeParam::claimed.ordered>(taken);
  EXPECT_EQ(element<std::string>::number(two[0]), expected[0]);
  EXPECT_EQ(element<std::string>::number(two[1]), expected[1]);
  std::vector<std::string> rest;
  EXPECT_EQ(queue.pop_n(std::back_inserter(rest), 100), taken - 2);
  ASSERT_EQ(rest.size(), taken - 2);
  for (std::uint64_t i = 2; i < taken; ++i) EXPECT_EQ(element<std::string>::number(rest[i - 2]), expected[i]);
  EXPECT_EQ(queue.try_pop_n(std::back_inserter(rest), 100), 0U);
  EXPECT_EQ(rest.size(), taken - 2);
}

TYPED_TEST_P(queue_suite, BulkOfNoneDoesNothing) {
  auto queue = TypeParam::template make<std::uint64_t>(2);
  reading log;
  const auto push_none = [&] {
    EXPECT_EQ(queue.try_push_n(counting_input(log), 0), 0U);
    EXPECT_EQ(queue.push_n(counting_input(log), 0), 0U);
  };
  std::vector<std::uint64_t> none;
  push_none();
  EXPECT_EQ(queue.try_pop_n(std::back_inserter(none), 0), 0U);
  EXPECT_EQ(queue.pop_n(std::back_inserter(none), 0), 0U) << "nothing wanted, nothing to wait for";
  expect_push(queue, 1);
  EXPECT_EQ(queue.try_pop_n(std::back_inserter(none), 0), 0U);
  EXPECT_EQ(queue.pop_n(std::back_inserter(none), 0), 0U);
  if constexpr (is_bounded<TypeParam>) {
    while (queue.try_push(2) == conqueue_status::success) continue;
    push_none();
  }
  queue.close();
  push_none();
  EXPECT_TRUE(none.empty());
  EXPECT_TRUE(log.reads.empty());
  EXPECT_EQ(log.position, 0U);
  expect_pop(queue, 1);
}

TYPED_TEST_P(queue_suite, BulkReadsASinglePassSourceOnce) {
  auto queue = TypeParam::template make<std::uint64_t>(4);
  {
    reading log;
    EXPECT_EQ(queue.push_n(counting_input(log), 3), 3U);
    expect_read_in_order(log, 3);
    EXPECT_EQ(log.reads.size(), 3U) << "read beyond n";
    expect_pops<TypeParam>(queue, 3);
  }
  {
    reading log;
    EXPECT_EQ(queue.try_push_n(counting_input(log), 4), 4U);
    expect_read_in_order(log, 4);
    EXPECT_EQ(log.reads.size(), 4U) << "read beyond n";
    expect_pops<TypeParam>(queue, 4);
  }
  if constexpr (TypeParam::claimed.room == bound::exact) {
    reading log;
    EXPECT_EQ(queue.try_push_n(counting_input(log), 10), 4U);
    expect_read_in_order(log, 4);
  }
}

/// A source of a bulk operation that throws after `good` reads.
template <class Base>
class throwing_iterator : public Base {
 public:
  throwing_iterator(Base base, int good) : Base(base), good_(good) {}
  decltype(auto) operator*() {
    if (good_-- == 0) throw fuse::blown();
    return *static_cast<Base&>(*this);
  }
  throwing_iterator& operator++() {
    Base::operator++();
    return *this;
  }
  throwing_iterator operator++(int) {
    throwing_iterator before = *this;
    ++*this;
    return before;
  }

 private:
  int good_;
};

TYPED_TEST_P(queue_suite, BulkStopsWhereTheSourceThrows) {
  auto queue = TypeParam::template make<std::uint64_t>(8);
  for (const bool waits : {false, true}) {
    reading log;
    const auto push = [&](int good) {
      const throwing_iterator source(counting_input(log), good);
      return waits ? queue.push_n(source, 4) : queue.try_push_n(source, 4);
    };
    EXPECT_THROW(push(0), fuse::blown);
    expect_nothing(queue, conqueue_status::empty);
    EXPECT_EQ(push(2), 2U);
    expect_pops<TypeParam>(queue, 2);
    expect_nothing(queue, conqueue_status::empty);
  }
}

/// A target that throws when it is assigned to after `good` elements.
class throwing_output {
 public:
  using iterator_category = std::output_iterator_tag;
  using value_type = void;
  using difference_type = std::ptrdiff_t;
  using pointer = void;
  using reference = void;

  throwing_output(std::vector<std::uint64_t>& target, std::size_t good) : target_(&target), good_(good) {}
  throwing_output& operator=(std::uint64_t value) {
    if (target_->size() == good_) throw fuse::blown();
    target_->push_back(value);
    return *this;
  }
  throwing_output& operator*() { return *this; }
  throwing_output& operator++() { return *this; }
  throwing_output& operator++(int) { return *this; }

 private:
  std::vector<std::uint64_t>* target_;
  std::size_t good_;
};

TYPED_TEST_P(queue_suite, BulkStopsWhereTheTargetThrows) {
  auto queue = TypeParam::template make<std::uint64_t>(8);
  const auto all = popping_order<TypeParam::claimed.ordered>(6);
  const std::vector<std::uint64_t> first_two(all.begin(), all.begin() + 2);
  for (const bool waits : {false, true}) {
    for (std::uint64_t i = 0; i < 6; ++i) expect_push(queue, i);
    std::vector<std::uint64_t> popped;
    const auto pop = [&](std::size_t good) {
      const throwing_output out(popped, good);
      return waits ? queue.pop_n(out, 4) : queue.try_pop_n(out, 4);
    };
    // What was written counts. Where the element that threw is lost, the exception says so.
    bool passed_on = false;
    try {
      EXPECT_EQ(pop(2), 2U);
    } catch (const fuse::blown&) {
      passed_on = true;
    }
    EXPECT_EQ(popped, first_two);
    if (passed_on) {
      EXPECT_EQ(queue.size_approx(), 3U);
    }
    EXPECT_THROW(pop(2), fuse::blown) << "nothing was written";
    EXPECT_EQ(popped, first_two);
    // Each of the two lost one element at most: of the other four, the last two are still there.
    while (const auto value = queue.try_pop()) popped.push_back(*value);
    ASSERT_GE(popped.size(), 4U);
    EXPECT_EQ(popped[popped.size() - 2], all[4]);
    EXPECT_EQ(popped.back(), all[5]);
  }
}

TYPED_TEST_P(queue_suite, BulkMovesMoveOnlyElements) {
  using pointer = std::unique_ptr<std::uint64_t>;
  auto queue = TypeParam::template make<pointer>(4);
  std::array<pointer, 4> in;
  for (std::uint64_t i = 0; i < 4; ++i) in[i] = element<pointer>::make(i);
  EXPECT_EQ(queue.push_n(std::make_move_iterator(in.data()), 4), 4U);
  for (const pointer& p : in) EXPECT_EQ(p, nullptr);
  std::array<pointer, 4> out;
  EXPECT_EQ(queue.pop_n(out.data(), 4), 4U);
  const auto expected = popping_order<TypeParam::claimed.ordered>(4);
  for (std::uint64_t i = 0; i < 4; ++i) EXPECT_EQ(element<pointer>::number(out[i]), expected[i]);
}

TYPED_TEST_P(queue_suite, PushNWaitsForRoomAgainAndAgain) {
  for (const std::size_t capacity : {1, 3}) {
    auto queue = TypeParam::template make<std::uint64_t>(capacity);
    constexpr std::uint64_t n = 100;
    reading log;
    watched_thread producer([&] { EXPECT_EQ(queue.push_n(counting_input(log), n), n); });
    std::vector<std::uint64_t> popped;
    while (popped.size() < n) {
      popped.push_back(pop_by(popped.size() % 2 == 0 ? popping::pop : popping::pop_n, queue).number);
    }
    producer.join();
    // Where the order depends on how fast the producer was, each has come once.
    if (!keeps_producers_order<TypeParam>) std::sort(popped.begin(), popped.end());
    EXPECT_EQ(popped, popping_order<order::fifo>(n));
    expect_read_in_order(log, n);
    expect_nothing(queue, conqueue_status::empty);
  }
}

TYPED_TEST_P(queue_suite, PopNWaitsForTheFirstOnly) {
  auto queue = TypeParam::template make<std::uint64_t>(4);
  // Three are there: it does not wait for the other seven.
  for (std::uint64_t i = 0; i < 3; ++i) expect_push(queue, i);
  std::vector<std::uint64_t> popped;
  EXPECT_EQ(queue.pop_n(std::back_inserter(popped), 10), 3U);
  EXPECT_EQ(popped, popping_order<TypeParam::claimed.ordered>(3));
  // None is there: it waits, and the first one is enough.
  watched_thread consumer([&] {
    std::vector<std::uint64_t> mine;
    EXPECT_EQ(queue.pop_n(std::back_inserter(mine), 10), 1U);
    EXPECT_EQ(mine, std::vector<std::uint64_t>{7});
  });
  EXPECT_TRUE(consumer.falls_asleep());
  EXPECT_TRUE(queue.push(7));
}

TYPED_TEST_P(queue_suite, PushNStopsAtClose) {
  if constexpr (!is_bounded<TypeParam>) {
    GTEST_SKIP() << "never full";
  } else {
    using pointer = std::unique_ptr<std::uint64_t>;
    auto queue = TypeParam::template make<pointer>(3);
    const std::uint64_t room = fill(queue);
    expect_pops<TypeParam>(queue, room);
    std::vector<pointer> in;
    for (std::uint64_t i = 0; i < room + 5; ++i) in.push_back(element<pointer>::make(i));
    std::size_t taken = 0;
    watched_thread producer([&] { taken = queue.push_n(std::make_move_iterator(in.begin()), in.size()); });
    EXPECT_TRUE(producer.falls_asleep());
    queue.close();
    producer.join();
    EXPECT_EQ(taken, room);
    for (std::uint64_t i = 0; i < in.size(); ++i) {
      EXPECT_EQ(element<pointer>::number(in[i]), i < taken ? moved_from : i);
    }
    expect_pops<TypeParam>(queue, taken);
    expect_nothing(queue, conqueue_status::closed);
  }
}

}  // namespace switchyard::conformance
