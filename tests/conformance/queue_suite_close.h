// Queue suite: close, alone and against threads that wait, push and pop.
#pragma once

#include <cstdint>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "switchyard/tests/conformance/queue_suite_base.h"

namespace switchyard::conformance {

template <class Line, class T>
void expect_close_ends_it() {
  auto queue = Line::template make<T>(3);
  EXPECT_FALSE(queue.is_closed());
  for (std::uint64_t i = 0; i < 3; ++i) expect_push(queue, i);
  numbers_inside<Line::claimed.ordered> inside(3);
  for (int again = 0; again < 3; ++again) {
    queue.close();
    EXPECT_TRUE(queue.is_closed());
    // Full as well: `closed` comes first. No limit is waited for.
    for (const pushing way : every_push) expect_refused(queue, conqueue_status::closed, way, 600s);
    // What is there drains in order.
    expect_pop(queue, inside.take(), every_pop[static_cast<std::size_t>(again)]);
  }
  for (int again = 0; again < 2; ++again) {
    for (const pushing way : every_push) expect_refused(queue, conqueue_status::closed, way, 600s);
    for (const popping way : every_pop) expect_nothing(queue, conqueue_status::closed, way, 600s);
    queue.close();
    EXPECT_TRUE(queue.is_closed());
  }
  EXPECT_TRUE(queue.empty_approx());
}

TYPED_TEST_P(queue_suite, CloseRefusesPushesAndDrains) {
  expect_close_ends_it<TypeParam, std::uint64_t>();
  expect_close_ends_it<TypeParam, std::string>();
  expect_close_ends_it<TypeParam, std::unique_ptr<std::uint64_t>>();
}

TYPED_TEST_P(queue_suite, CloseOfAnEmptyQueue) {
  auto queue = TypeParam::template make<std::uint64_t>(1);
  queue.close();
  EXPECT_TRUE(queue.is_closed());
  EXPECT_EQ(queue.pop(), std::nullopt);
  EXPECT_FALSE(queue.push(1));
  std::vector<std::uint64_t> values = {1, 2, 3};
  EXPECT_EQ(queue.push_n(values.data(), 3), 0U);
  EXPECT_EQ(queue.try_push_n(values.data(), 3), 0U);
  EXPECT_EQ(queue.pop_n(values.data(), 3), 0U);
  EXPECT_EQ(queue.try_pop_n(values.data(), 3), 0U);
  EXPECT_EQ(queue.try_emplace(1U), conqueue_status::closed);
}

TYPED_TEST_P(queue_suite, CloseWakesEveryPopper) {
  constexpr int waiters = at_most<TypeParam::claimed.consumers>(4);
  for (int round = 0; round < 6; ++round) {
    auto queue = TypeParam::template make<std::uint64_t>(2);
    std::vector<std::unique_ptr<watched_thread>> threads;
    for (int i = 0; i < waiters; ++i) {
      const popping way = std::array{popping::pop, popping::pop_n, popping::try_pop_for,
                                     popping::try_pop_until}[static_cast<std::size_t>(round + i) % 4];
      threads.push_back(std::make_unique<watched_thread>(
          [&queue, way] { expect_nothing(queue, conqueue_status::closed, way, 600s); }));
    }
    for (const auto& thread : threads) EXPECT_TRUE(thread->falls_asleep());
    queue.close();
  }
}

TYPED_TEST_P(queue_suite, CloseWakesEveryPusher) {
  if constexpr (!is_bounded<TypeParam>) {
    GTEST_SKIP() << "never full";
  } else {
    constexpr int waiters = at_most<TypeParam::claimed.producers>(4);
    using pointer = std::unique_ptr<std::uint64_t>;
    for (int round = 0; round < 6; ++round) {
      auto queue = TypeParam::template make<pointer>(2);
      const std::uint64_t inside = fill(queue);
      std::vector<std::unique_ptr<watched_thread>> threads;
      for (int i = 0; i < waiters; ++i) {
        const pushing way =
            std::array{pushing::push, pushing::emplace, pushing::push_n, pushing::try_push_for,
                       pushing::try_push_until}[static_cast<std::size_t>(round + i) % 5];
        threads.push_back(std::make_unique<watched_thread>(
            [&queue, way] { expect_refused(queue, conqueue_status::closed, way, 600s); }));
      }
      for (const auto& thread : threads) EXPECT_TRUE(thread->falls_asleep());
      queue.close();
      threads.clear();
      expect_pops<TypeParam>(queue, inside);
      expect_nothing(queue, conqueue_status::closed);
    }
  }
}

/// Pushers and poppers run into a close at a random moment. What a push said is in the queue was popped
/// exactly once by the time all consumers have been told that there is nothing more.
template <class Line, class T>
void expect_close_loses_nothing(int rounds, bool bulk) {
  constexpr int producers = at_most<Line::claimed.producers>(2);
  constexpr int consumers = at_most<Line::claimed.consumers>(2);
  random_numbers random(static_cast<std::uint64_t>(rounds));
  for (int round = 0; round < rounds && !failed(); ++round) {
    auto queue = Line::template make<T>(round % 2 == 0 ? 1 : 4);
    std::vector<std::vector<std::uint64_t>> accepted(static_cast<std::size_t>(producers));
    std::vector<std::vector<std::uint64_t>> popped(static_cast<std::size_t>(consumers));
    const std::uint64_t before_close = random.below(300);
    atomic<int> running{0};

    in_threads(producers + consumers + 1, [&](int thread) {
      // All begin together, so that close does meet somebody.
      running.fetch_add(1, memory_order_acq_rel);
      while (running.load(memory_order_acquire) <= producers + consumers) wait_a_little();
      const auto kind = static_cast<std::size_t>(round + thread);
      if (thread < producers) {
        auto& mine = accepted[static_cast<std::size_t>(thread)];
        std::uint64_t seq = 0;
        for (conqueue_status status = conqueue_status::success; status != conqueue_status::closed;) {
          // Not without end, should the one that closes be kept waiting for a processor.
          while (seq > 1000 && !queue.is_closed()) wait_a_little();
          if (bulk) {
            std::vector<T> values;
            for (std::uint64_t i = 0; i < 3; ++i)
              values.push_back(element<T>::make(item_number(thread, seq + i)));
            const std::size_t taken = queue.push_n(std::make_move_iterator(values.begin()), 3);
            for (std::uint64_t i = 0; i < taken; ++i) mine.push_back(item_number(thread, seq + i));
            if (taken < 3) status = conqueue_status::closed;
            seq += 3;
          } else {
            T value = element<T>::make(item_number(thread, seq));
            status = push_by(every_push[kind % every_push.size()], queue, value, 100us);
            if (status == conqueue_status::success) {
              mine.push_back(item_number(thread, seq++));
            } else {
              EXPECT_EQ(element<T>::number(value),
                        element<T>::number(element<T>::make(item_number(thread, seq))));
              if (status == conqueue_status::full) wait_a_little();
            }
          }
        }
      } else if (thread < producers + consumers) {
        auto& mine = popped[static_cast<std::size_t>(thread - producers)];
        for (;;) {
          if (bulk) {
            std::vector<T> values;
            if (queue.pop_n(std::back_inserter(values), 3) == 0) break;
            for (const T& value : values) mine.push_back(element<T>::number(value));
          } else {
            const auto [status, number] = pop_by(every_pop[kind % every_pop.size()], queue, 100us);
            if (status == conqueue_status::success) {
              mine.push_back(number);
            } else if (status == conqueue_status::closed) {
              break;
            } else {
              wait_a_little();
            }
          }
        }
      } else {
        for (std::uint64_t i = 0; i < before_close; ++i) spin_pause();
        queue.close();
      }
    });
    EXPECT_TRUE(popped_exactly_once(accepted, popped));
    if (keeps_producers_order<Line>) {
      EXPECT_TRUE(popped_in_producers_order(popped));
    }
    expect_nothing(queue, conqueue_status::closed);
    if (failed()) ADD_FAILURE() << "in round " << round << (bulk ? ", bulk" : "");
  }
}

TYPED_TEST_P(queue_suite, CloseRacingWithPushesAndPopsLosesNothing) {
  expect_close_loses_nothing<TypeParam, std::uint64_t>(scaled(600), false);
  const expect_none_left<counted> scope;
  expect_close_loses_nothing<TypeParam, counted>(scaled(600), false);
}

TYPED_TEST_P(queue_suite, CloseRacingWithBulkLosesNothing) {
  expect_close_loses_nothing<TypeParam, std::uint64_t>(scaled(300), true);
  const expect_none_left<counted> scope;
  expect_close_loses_nothing<TypeParam, counted>(scaled(300), true);
}

TYPED_TEST_P(queue_suite, CloseByManyAtOnce) {
  for (int round = 0; round < scaled(100); ++round) {
    auto queue = TypeParam::template make<std::uint64_t>(2);
    expect_push(queue, 1);
    in_threads(4, [&](int) {
      queue.close();
      EXPECT_TRUE(queue.is_closed());
    });
    expect_refused(queue, conqueue_status::closed);
    expect_pop(queue, 1);
    expect_nothing(queue, conqueue_status::closed, popping::pop);
  }
}

}  // namespace switchyard::conformance
