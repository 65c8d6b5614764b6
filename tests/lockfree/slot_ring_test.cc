#include "switchyard/lockfree/detail/slot_ring.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>
#include <memory>
#include <random>
#include <thread>
#include <tuple>
#include <vector>

#include "switchyard/atomics/atomic.h"

namespace switchyard::lockfree::detail {
namespace {

using ring = slot_ring<std::allocator<int>>;
constexpr std::uint64_t no_word = std::numeric_limits<std::uint64_t>::max();

std::uint64_t take(ring& r) {
  std::uint64_t word = 0;
  return r.try_take(word) == conqueue_status::success ? word : no_word;
}
conqueue_status put(ring& r, std::uint64_t word) { return r.try_put(word); }
conqueue_status take_status(ring& r) {
  std::uint64_t word = 0;
  return r.try_take(word);
}

// Where laps start in each test: at the beginning, and where they wrap round.
class SlotRing : public testing::TestWithParam<std::tuple<std::size_t, std::uint64_t>> {
 protected:
  std::size_t size() const { return std::get<0>(GetParam()); }
  start_at start() const { return {std::get<1>(GetParam())}; }
  ring make() const { return ring(size(), start(), {}); }
};

TEST_P(SlotRing, AgreesWithADequeOverManyLaps) {
  ring r = make();
  std::deque<std::uint64_t> expected;
  std::mt19937 random(7);
  std::uint64_t next = 0;
  for (int i = 0; i < 20'000; ++i) {
    if (random() % 2 == 0) {
      const conqueue_status status = put(r, next);
      ASSERT_EQ(status, expected.size() < size() ? conqueue_status::success : conqueue_status::full);
      if (status == conqueue_status::success) expected.push_back(next++);
    } else if (expected.empty()) {
      ASSERT_EQ(take_status(r), conqueue_status::empty);
    } else {
      ASSERT_EQ(take(r), expected.front());
      expected.pop_front();
    }
    ASSERT_EQ(r.size_approx(), expected.size());
  }
}

TEST_P(SlotRing, CarriesEveryWord) {
  ring r = make();
  for (const std::uint64_t word : {std::uint64_t{0}, std::uint64_t{1}, no_word, no_word - 1}) {
    ASSERT_EQ(put(r, word), conqueue_status::success);
    std::uint64_t out = 5;
    ASSERT_EQ(r.try_take(out), conqueue_status::success);
    ASSERT_EQ(out, word);
  }
}

TEST_P(SlotRing, ClosesAtEveryFillLevel) {
  for (std::size_t level = 0; level <= size(); ++level) {
    for (std::size_t shift = 0; shift < size(); ++shift) {  // and with the tail in every slot
      ring r = make();
      for (std::size_t i = 0; i < shift; ++i) {
        ASSERT_EQ(put(r, 9), conqueue_status::success);
        ASSERT_EQ(take(r), 9U);
      }
      for (std::size_t i = 0; i < level; ++i) ASSERT_EQ(put(r, i), conqueue_status::success);
      r.close();
      r.close();
      ASSERT_EQ(put(r, 99), conqueue_status::closed);
      for (std::size_t i = 0; i < level; ++i) {
        ASSERT_EQ(take(r), i);
        ASSERT_EQ(put(r, 99), conqueue_status::closed) << "open again after a take";
      }
      ASSERT_EQ(take_status(r), conqueue_status::closed);
      ASSERT_EQ(take_status(r), conqueue_status::closed);
      ASSERT_EQ(put(r, 99), conqueue_status::closed);
      r.close();
    }
  }
}

TEST_P(SlotRing, PutsAndTakesExchangeWords) {
  ring r = make();
  for (std::size_t i = 0; i < size(); ++i) r.keep(i, 100 + i);
  for (std::uint64_t lap = 0; lap < 3; ++lap) {
    for (std::size_t i = 0; i < size(); ++i) {
      std::uint64_t word = 7;
      ASSERT_EQ(r.try_put(word), conqueue_status::success);
      ASSERT_EQ(word, 100 + 10 * lap + i) << "not what the slot kept";
      word = 110 + 10 * lap + i;
      ASSERT_EQ(r.try_take(word), conqueue_status::success);
      ASSERT_EQ(word, 7U);
      ASSERT_EQ(r.word_of(i), 110 + 10 * lap + i);
    }
  }
  std::uint64_t word = 5;
  EXPECT_EQ(r.try_take(word), conqueue_status::empty);
  EXPECT_EQ(word, 5U) << "changed by a take that failed";
  for (std::size_t i = 0; i < size(); ++i) ASSERT_EQ(put(r, i), conqueue_status::success);
  EXPECT_EQ(r.try_put(word), conqueue_status::full);
  r.close();
  EXPECT_EQ(r.try_put(word), conqueue_status::closed);
  EXPECT_EQ(word, 5U) << "changed by a put that failed";
}

TEST_P(SlotRing, ReservesAsMuchAsThereIsRoom) {
  ring r = make();
  for (std::size_t level = 0; level <= size(); ++level) {
    for (std::size_t i = level; i < size(); ++i) ASSERT_TRUE(r.reserve());
    ASSERT_FALSE(r.reserve()) << "at level " << level;
    for (std::size_t i = level; i < size(); ++i) r.give_back();
    ring::taker from(r);
    std::uint64_t word = 0;
    if (level == 0) {
      ASSERT_EQ(from.try_take(word), conqueue_status::empty);
      ASSERT_TRUE(from.nothing_is_reserved());
    }
    if (level == size()) break;
    ASSERT_TRUE(r.reserve());
    if (level == 0) {
      ASSERT_FALSE(from.nothing_is_reserved());
    }
    ASSERT_EQ(put(r, level), conqueue_status::success);
  }
}

// Threads put numbers and take them; the ring is closed in the middle. What was put is taken, once, and in
// each producer's order.
TEST_P(SlotRing, WhatWasPutIsTakenOnceWhenClosingRaces) {
  constexpr unsigned producers = 2;
  constexpr unsigned consumers = 2;
  for (int round = 0; round < 12; ++round) {
    ring r = make();
    std::uint64_t done[producers] = {};
    std::vector<std::uint64_t> taken[consumers];
    std::vector<std::thread> threads;
    for (unsigned p = 0; p < producers; ++p) {
      threads.emplace_back([&, p] {
        for (std::uint64_t n = 0;;) {
          const conqueue_status status = put(r, n * producers + p);
          if (status == conqueue_status::closed) break;
          if (status == conqueue_status::success) done[p] = ++n;
          if (status == conqueue_status::full) yield();
        }
      });
    }
    for (auto& mine : taken) {
      threads.emplace_back([&] {
        for (std::uint64_t word = 0;;) {
          const conqueue_status status = r.try_take(word);
          if (status == conqueue_status::closed) break;
          if (status == conqueue_status::success) mine.push_back(word);
          if (status == conqueue_status::empty) yield();
        }
      });
    }
    for (int i = 0; i < 40 * round; ++i) yield();
    r.close();
    for (auto& thread : threads) thread.join();
    std::uint64_t total[producers] = {};
    for (const auto& mine : taken) {
      std::uint64_t last[producers] = {};
      for (const std::uint64_t word : mine) {
        const std::uint64_t n = word / producers + 1;
        ASSERT_GT(n, last[word % producers]) << "a producer's order was not kept";
        last[word % producers] = n;
        ++total[word % producers];
      }
    }
    for (unsigned p = 0; p < producers; ++p) ASSERT_EQ(total[p], done[p]) << "of producer " << p;
  }
}

INSTANTIATE_TEST_SUITE_P(SizesAndStarts, SlotRing,
                         testing::Combine(testing::Values(1, 2, 3, 4, 5, 8, 13),
                                          testing::Values(std::uint64_t{0}, (std::uint64_t{1} << 62) - 3,
                                                          (std::uint64_t{1} << 61) - 2,
                                                          (std::uint64_t{1} << 58) - 1, no_word)));

}  // namespace
}  // namespace switchyard::lockfree::detail
