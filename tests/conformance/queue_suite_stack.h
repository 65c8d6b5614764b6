// Queue suite: last in, first out, and pop_all.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "switchyard/tests/conformance/queue_suite_base.h"
#include "switchyard/tests/conformance/queue_suite_bulk.h"

namespace switchyard::conformance {

/// Two threads take turns, each waiting until the other's operation has returned: the operations are ordered.
/// `work(i)` is done for i from 0 to n - 1.
template <class Work>
void in_turns(std::uint64_t n, Work work) {
  atomic<std::uint64_t> next{0};
  in_threads(2, [&](int thread) {
    for (auto i = static_cast<std::uint64_t>(thread); i < n; i += 2) {
      while (next.load(memory_order_acquire) != i) wait_a_little();
      work(i);
      next.store(i + 1, memory_order_release);
    }
  });
}

TYPED_TEST_P(queue_suite, LastInFirstOutAcrossThreads) {
  if constexpr (TypeParam::claimed.ordered != order::lifo) {
    GTEST_SKIP() << "not last in, first out";
  } else {
    const auto items = static_cast<std::uint64_t>(scaled(3000));
    auto queue = TypeParam::template make<std::uint64_t>(items);
    for (int lap = 0; lap < 2; ++lap) {
      in_turns(items, [&](std::uint64_t i) { expect_push(queue, i, every_push[i % every_push.size()]); });
      in_turns(items, [&](std::uint64_t i) {
        expect_pop(queue, items - 1 - i, every_pop[i % every_pop.size()]);
      });
      // Up and down at the same height.
      in_turns(items, [&](std::uint64_t i) {
        i / 2 % 2 == 0 ? expect_push(queue, i) : expect_pop(queue, i / 4 * 4 + (i % 2 == 0 ? 1 : 0));
      });
    }
  }
}

TYPED_TEST_P(queue_suite, PopAllTakesEverythingNewestFirst) {
  if constexpr (TypeParam::claimed.ordered != order::lifo) {
    GTEST_SKIP() << "not a stack";
  } else {
    using pointer = std::unique_ptr<std::uint64_t>;
    auto queue = TypeParam::template make<pointer>(1000);
    std::vector<pointer> none;
    EXPECT_EQ(queue.pop_all(std::back_inserter(none)), 0U);
    for (const std::uint64_t height : {1, 2, 3, 100, 1000}) {
      for (std::uint64_t i = 0; i < height; ++i) expect_push(queue, i);
      std::vector<pointer> all(height);
      EXPECT_EQ(queue.pop_all(all.data()), height);
      for (std::uint64_t i = 0; i < height; ++i) {
        expect_same(element<pointer>::number(all[i]), height - 1 - i, "the element", where::current());
      }
      EXPECT_TRUE(queue.empty_approx());
      expect_nothing(queue, conqueue_status::empty);
      EXPECT_EQ(queue.pop_all(std::back_inserter(none)), 0U);
    }
    // A closed one gives up what it has.
    expect_push(queue, 1);
    expect_push(queue, 2);
    queue.close();
    std::vector<pointer> last;
    EXPECT_EQ(queue.pop_all(std::back_inserter(last)), 2U);
    ASSERT_EQ(last.size(), 2U);
    EXPECT_EQ(*last[0], 2U);
    EXPECT_EQ(*last[1], 1U);
    EXPECT_EQ(queue.pop_all(std::back_inserter(none)), 0U);
    EXPECT_TRUE(none.empty());
    expect_nothing(queue, conqueue_status::closed);
  }
}

TYPED_TEST_P(queue_suite, PopAllStopsWhereTheTargetThrows) {
  if constexpr (TypeParam::claimed.ordered != order::lifo) {
    GTEST_SKIP() << "not a stack";
  } else {
    auto queue = TypeParam::template make<std::uint64_t>(8);
    for (std::uint64_t i = 0; i < 8; ++i) expect_push(queue, i);
    // What was written counts, and an exception for the first is passed on. The element that threw may be
    // lost, as from a pop; those below are still there, in order.
    std::vector<std::uint64_t> popped;
    EXPECT_EQ(queue.pop_all(throwing_output(popped, 3)), 3U);
    EXPECT_EQ(popped, (std::vector<std::uint64_t>{7, 6, 5}));
    EXPECT_THROW(queue.pop_all(throwing_output(popped, 3)), fuse::blown);
    EXPECT_EQ(popped.size(), 3U);
    std::vector<std::uint64_t> rest;
    const std::size_t left = queue.pop_all(std::back_inserter(rest));
    EXPECT_EQ(left, rest.size());
    EXPECT_TRUE(std::is_sorted(rest.rbegin(), rest.rend()));
    ASSERT_GE(rest.size(), 3U);
    EXPECT_EQ(rest[rest.size() - 3], 2U);
    EXPECT_EQ(rest.back(), 0U);
    expect_nothing(queue, conqueue_status::empty);
  }
}

/// One pushes 0, 1, 2, ... and one pops all again and again. What pop_all finds was there at one moment: it
/// goes on where the one before ended, and has no gap.
TYPED_TEST_P(queue_suite, PopAllSeesOneMoment) {
  if constexpr (TypeParam::claimed.ordered != order::lifo) {
    GTEST_SKIP() << "not a stack";
  } else {
    const auto items = static_cast<std::uint64_t>(scaled(20'000));
    auto queue = TypeParam::template make<std::uint64_t>(items);
    in_threads(2, [&](int thread) {
      if (thread == 0) {
        for (std::uint64_t i = 0; i < items; ++i) EXPECT_TRUE(queue.push(i));
        return;
      }
      std::vector<std::uint64_t> batch;
      for (std::uint64_t popped = 0; popped < items && !failed();) {
        batch.clear();
        const std::size_t count = queue.pop_all(std::back_inserter(batch));
        expect_same(batch.size(), count, "the number of elements written, by its count,", where::current());
        for (std::size_t i = 0; i < count; ++i) {
          expect_same(batch[i], popped + count - 1 - i, "the element", where::current());
        }
        popped += count;
        if (count == 0) wait_a_little();
      }
    });
    expect_nothing(queue, conqueue_status::empty);
  }
}

/// Against pushes, pops, each other and close: everything arrives once, and within one batch what each
/// producer pushed last comes first.
template <class Line, class T>
void expect_pop_all_loses_nothing(int rounds) {
  constexpr int producers = at_most<Line::claimed.producers>(2);
  constexpr int consumers = at_most<Line::claimed.consumers>(3);
  for (int round = 0; round < rounds && !failed(); ++round) {
    auto queue = Line::template make<T>(1000);
    std::vector<std::vector<std::uint64_t>> accepted(static_cast<std::size_t>(producers));
    std::vector<std::vector<std::uint64_t>> popped(static_cast<std::size_t>(consumers));
    in_threads(producers + consumers, [&](int thread) {
      if (thread < producers) {
        auto& mine = accepted[static_cast<std::size_t>(thread)];
        for (std::uint64_t seq = 0; seq < 150; ++seq) {
          if (!queue.push(element<T>::make(item_number(thread, seq)))) return;
          mine.push_back(item_number(thread, seq));
        }
        if (thread == 0 || round % 2 == 0) queue.close();
        return;
      }
      auto& mine = popped[static_cast<std::size_t>(thread - producers)];
      for (;;) {
        std::vector<T> batch;
        const std::size_t count = queue.pop_all(std::back_inserter(batch));
        expect_same(batch.size(), count, "the number of elements written, by its count,", where::current());
        std::vector<std::uint64_t> above(static_cast<std::size_t>(producers), ~std::uint64_t{0});
        for (const T& value : batch) {
          const std::uint64_t number = element<T>::number(value);
          std::uint64_t& last = above[static_cast<std::size_t>(number >> 32)];
          expect_true(number < last, "an older element above a newer one", where::current());
          last = number;
          mine.push_back(number);
        }
        // The last of the threads also pops one by one; all do when there is nothing, to hear of the end.
        if (count > 0 && thread < producers + consumers - 1) continue;
        const auto one = queue.pop();
        if (!one) break;
        mine.push_back(element<T>::number(*one));
      }
    });
    EXPECT_TRUE(popped_exactly_once(accepted, popped));
    expect_nothing(queue, conqueue_status::closed);
    if (failed()) ADD_FAILURE() << "in round " << round;
  }
}

TYPED_TEST_P(queue_suite, PopAllRacingLosesNothing) {
  if constexpr (TypeParam::claimed.ordered != order::lifo) {
    GTEST_SKIP() << "not a stack";
  } else {
    expect_pop_all_loses_nothing<TypeParam, std::uint64_t>(scaled(300));
    const expect_none_left<counted> scope;
    expect_pop_all_loses_nothing<TypeParam, counted>(scaled(300));
  }
}

}  // namespace switchyard::conformance
