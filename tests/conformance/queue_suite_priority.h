// Queue suite: the greatest first.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <iterator>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "switchyard/tests/conformance/queue_suite_base.h"
#include "switchyard/tests/conformance/queue_suite_stack.h"

namespace switchyard::conformance {

/// The numbers 0 to n - 1 in an order that looks like none; n is at most 65536.
inline std::vector<std::uint64_t> shuffled(std::uint64_t n, std::uint64_t seed) {
  std::vector<std::uint64_t> numbers(n);
  for (std::uint64_t i = 0; i < n; ++i) numbers[i] = i;
  random_numbers random(seed);
  for (std::uint64_t i = n; i > 1; --i) std::swap(numbers[i - 1], numbers[random.below(i)]);
  return numbers;
}

/// Two threads push in turns, then two pop in turns.
TYPED_TEST_P(queue_suite, GreatestFirstAcrossThreads) {
  if constexpr (TypeParam::claimed.ordered != order::priority) {
    GTEST_SKIP() << "not by priority";
  } else {
    const auto items = static_cast<std::uint64_t>(scaled(3000));
    auto queue = TypeParam::template make<std::uint64_t>(items);
    for (std::uint64_t lap = 0; lap < 3; ++lap) {
      const auto numbers = shuffled(items, lap);
      in_turns(items,
               [&](std::uint64_t i) { expect_push(queue, numbers[i], every_push[i % every_push.size()]); });
      in_turns(items, [&](std::uint64_t i) {
        expect_pop(queue, items - 1 - i, every_pop[i % every_pop.size()]);
      });
    }
  }
}

/// The upper half of the numbers is inside when the threads begin. While two push the lower half, two others
/// pop as many as there were: they get the upper half and nothing else, each from great to small.
TYPED_TEST_P(queue_suite, LesserOnesNeverOvertake) {
  if constexpr (TypeParam::claimed.ordered != order::priority) {
    GTEST_SKIP() << "not by priority";
  } else {
    constexpr int producers = at_most<TypeParam::claimed.producers>(2);
    constexpr int consumers = at_most<TypeParam::claimed.consumers>(2);
    constexpr std::uint64_t half = 400;
    for (int round = 0; round < scaled(60) && !failed(); ++round) {
      const auto numbers = shuffled(half, static_cast<std::uint64_t>(round));
      auto queue = TypeParam::template make<std::uint64_t>(2 * half);
      for (const std::uint64_t number : numbers) expect_push(queue, half + number);
      in_threads(producers + consumers, [&](int thread) {
        if (thread < producers) {
          for (std::uint64_t i = 0; i < half; ++i) {
            if (static_cast<int>(i % producers) == thread) expect_push(queue, numbers[i]);
          }
          return;
        }
        std::uint64_t last = 2 * half;
        for (std::uint64_t i = 0; i < half / consumers; ++i) {
          const popped got = pop_by(every_pop[i % every_pop.size()], queue);
          expect_true(got && got.number >= half, "a lesser one came first", where::current());
          expect_true(got.number < last, "a greater one came later", where::current());
          last = got.number;
        }
      });
      for (std::uint64_t i = half; i > 0; --i) expect_pop(queue, i - 1);
      expect_nothing(queue, conqueue_status::empty);
    }
  }
}

/// An element that is compared by a part of it.
struct ranked {
  int rank;
  std::uint64_t identity;
};
struct by_rank {
  bool operator()(const ranked& a, const ranked& b) const { return a.rank < b.rank; }
};

TYPED_TEST_P(queue_suite, EqualOnesAllComeOut) {
  if constexpr (TypeParam::claimed.ordered != order::priority) {
    GTEST_SKIP() << "not by priority";
  } else {
    for (const int ranks : {1, 2, 5}) {
      constexpr std::uint64_t items = 500;
      auto queue = TypeParam::template make_by<ranked>(items, by_rank());
      random_numbers random(static_cast<std::uint64_t>(ranks));
      for (std::uint64_t i = 0; i < items; ++i) {
        const int rank = static_cast<int>(random.below(static_cast<std::uint64_t>(ranks)));
        EXPECT_EQ(queue.try_push(ranked{rank, i}), conqueue_status::success);
      }
      std::set<std::uint64_t> seen;
      int last = ranks;
      while (const auto got = queue.try_pop()) {
        EXPECT_LE(got->rank, last);
        last = got->rank;
        EXPECT_TRUE(seen.insert(got->identity).second) << "twice";
      }
      EXPECT_EQ(seen.size(), items);
    }
  }
}

/// The order is the queue's own copy of what it was given, whatever its type.
TYPED_TEST_P(queue_suite, ComparesAsItIsTold) {
  if constexpr (TypeParam::claimed.ordered != order::priority) {
    GTEST_SKIP() << "not by priority";
  } else {
    const auto numbers = shuffled(100, 1);
    {
      auto least_first = TypeParam::template make_by<std::uint64_t>(100, std::greater<>());
      for (const std::uint64_t number : numbers) expect_push(least_first, number);
      for (std::uint64_t i = 0; i < 100; ++i) expect_pop(least_first, i);
    }
    {
      // With a state: the distance from it, greatest first.
      const std::function<bool(std::uint64_t, std::uint64_t)> farther_from = [target = std::uint64_t{200}](
                                                                                 auto a, auto b) {
        return target - a < target - b;
      };
      auto farthest_first = TypeParam::template make_by<std::uint64_t>(100, farther_from);
      for (const std::uint64_t number : numbers) expect_push(farthest_first, number);
      for (std::uint64_t i = 0; i < 100; ++i) expect_pop(farthest_first, i);
    }
    {
      using pointer = std::unique_ptr<std::uint64_t>;
      bool (*const by_target)(const pointer&, const pointer&) = [](const pointer& a, const pointer& b) {
        return *a < *b;
      };
      auto pointers = TypeParam::template make_by<pointer>(100, by_target);
      for (const std::uint64_t number : numbers) expect_push(pointers, number);
      for (std::uint64_t i = 100; i > 0; --i) expect_pop(pointers, i - 1);
    }
  }
}

/// Compares elements by their numbers, unless it throws.
struct burning_less {
  template <class T>
  bool operator()(const T& a, const T& b) const {
    fuse::burn();
    return element<T>::number(a) < element<T>::number(b);
  }
};

/// Runs a fixed sequence of operations in which the k-th comparison throws. Nothing at all may be lost by that:
/// what was to be pushed is still with the caller, what was to be popped still inside. True if one threw.
template <class Line, class T>
bool expect_comparison_that_throws_is_survived(int burns) {
  SCOPED_TRACE("comparison " + std::to_string(burns) + " throws");
  auto queue = Line::template make_by<T>(64, burning_less());
  std::multiset<std::uint64_t> inside;
  const auto numbers = shuffled(24, 3);
  const auto push = [&](std::uint64_t number, pushing way) {
    T value = element<T>::make(number);
    try {
      const fuse::lit lit;
      EXPECT_EQ(push_by(way, queue, value), conqueue_status::success);
      inside.insert(number);
    } catch (const fuse::blown&) {
      EXPECT_EQ(element<T>::number(value), number) << "a push that threw moved its argument";
    }
  };
  const auto push_three = [&](std::size_t first) {
    std::vector<T> values;
    for (std::size_t i = 0; i < 3; ++i) values.push_back(element<T>::make(numbers[first + i]));
    std::size_t taken = 0;
    try {
      const fuse::lit lit;
      taken = queue.try_push_n(std::make_move_iterator(values.begin()), 3);
    } catch (const fuse::blown&) {
    }
    for (std::size_t i = 0; i < 3; ++i) {
      if (i < taken) {
        inside.insert(numbers[first + i]);
      } else {
        EXPECT_EQ(element<T>::number(values[i]), numbers[first + i]) << "touched, but not taken";
      }
    }
  };
  const auto take = [&](std::uint64_t number) {
    ASSERT_FALSE(inside.empty());
    EXPECT_EQ(number, *inside.rbegin());
    const auto found = inside.find(number);
    ASSERT_NE(found, inside.end());
    inside.erase(found);
  };
  const auto pop = [&](popping way) {
    if (inside.empty()) return;
    try {
      const popped got = [&] {
        const fuse::lit lit;
        return pop_by(way, queue);
      }();
      EXPECT_EQ(got.status, conqueue_status::success);
      take(got.number);
    } catch (const fuse::blown&) {
    }
  };
  const auto pop_three = [&] {
    std::vector<T> values;
    try {
      const fuse::lit lit;
      static_cast<void>(queue.try_pop_n(std::back_inserter(values), 3));
    } catch (const fuse::blown&) {
    }
    for (const T& value : values) take(element<T>::number(value));
  };

  fuse::set(burns);
  for (std::size_t i = 0; i < 12; ++i) push(numbers[i], every_push[i]);
  for (std::size_t i = 0; i < 6; ++i) pop(every_pop[i]);
  for (std::size_t i = 12; i < 24; i += 3) push_three(i);
  for (int i = 0; i < 3; ++i) pop_three();
  const bool went_off = !fuse::is_set();
  fuse::set(0);
  EXPECT_EQ(queue.size_approx(), inside.size());
  while (!inside.empty() && !failed()) pop(popping::try_pop);
  expect_nothing(queue, conqueue_status::empty);
  return went_off;
}

TYPED_TEST_P(queue_suite, SurvivesThrowingComparisons) {
  if constexpr (TypeParam::claimed.ordered != order::priority) {
    GTEST_SKIP() << "not by priority";
  } else {
    const auto at_every_comparison = [](auto element_type) {
      using T = typename decltype(element_type)::type;
      int burns = 1;
      while (expect_comparison_that_throws_is_survived<TypeParam, T>(burns) && !failed()) ++burns;
      EXPECT_GT(burns, 20) << "hardly ever compared: the run tests nothing";
    };
    at_every_comparison(std::type_identity<std::unique_ptr<std::uint64_t>>());
    at_every_comparison(std::type_identity<std::string>());
    const expect_none_left<counted> scope;
    at_every_comparison(std::type_identity<counted>());
  }
}

}  // namespace switchyard::conformance
