#include "switchyard/atomics/double_word.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <thread>
#include <vector>

namespace switchyard {
namespace {

using words = double_word::words;

words load(const double_word& w) {
  return {w.load_first(memory_order_acquire), w.load_second(memory_order_acquire)};
}

TEST(DoubleWord, ExchangesBothWordsIfBothMatch) {
  double_word target(words{1, 2});
  words expected{1, 2};
  EXPECT_TRUE(target.compare_exchange(expected, {3, 4}, memory_order_acq_rel, memory_order_acquire));
  EXPECT_EQ(load(target), (words{3, 4}));
  EXPECT_EQ(expected, (words{1, 2}));
}

TEST(DoubleWord, LoadsBothWordsIfEitherDiffers) {
  for (const words wrong : {words{1, 9}, words{9, 2}, words{9, 9}}) {
    double_word target(words{1, 2});
    words expected = wrong;
    EXPECT_FALSE(target.compare_exchange(expected, {3, 4}, memory_order_acq_rel, memory_order_acquire));
    EXPECT_EQ(expected, (words{1, 2}));
    EXPECT_EQ(load(target), (words{1, 2}));
  }
}

TEST(DoubleWord, ExchangesTheFirstWordWhateverTheSecondIs) {
  double_word target(words{1, 2});
  std::uint64_t expected = 1;
  EXPECT_TRUE(target.compare_exchange_first(expected, 3, memory_order_acq_rel, memory_order_acquire));
  EXPECT_EQ(load(target), (words{3, 2}));
  EXPECT_FALSE(target.compare_exchange_first(expected, 4, memory_order_acq_rel, memory_order_acquire));
  EXPECT_EQ(expected, 3U);
  EXPECT_EQ(load(target), (words{3, 2}));
}

TEST(DoubleWord, UsesAllBits) {
  constexpr std::uint64_t ones = ~std::uint64_t{0};
  double_word target;
  words expected;
  EXPECT_TRUE(target.compare_exchange(expected, {ones, ones - 1}, memory_order_acq_rel, memory_order_acquire));
  EXPECT_EQ(load(target), (words{ones, ones - 1}));
  target.initialize({5, 6});
  EXPECT_EQ(load(target), (words{5, 6}));
}

TEST(DoubleWord, NeverMixesTwoWrites) {
  // Each thread moves {n, 3n} to {n + 1, 3n + 3}; a mixture would break the relation for good.
  constexpr std::uint64_t rounds = 20'000;
  constexpr unsigned threads = 4;
  double_word target;
  std::vector<std::thread> workers;
  for (unsigned t = 0; t < threads; ++t) {
    workers.emplace_back([&target] {
      for (std::uint64_t i = 0; i < rounds; ++i) {
        words seen = load(target);
        while (!target.compare_exchange(seen, {seen.first + 1, seen.second + 3}, memory_order_acq_rel,
                                        memory_order_acquire)) {
          ASSERT_EQ(seen.second, 3 * seen.first);
        }
      }
    });
  }
  for (auto& worker : workers) worker.join();
  EXPECT_EQ(load(target), (words{threads * rounds, 3 * threads * rounds}));
}

TEST(DoubleWord, PublishesPlainMemory) {
  double_word flag;
  int payload = 0;  // not atomic: the sanitizer must see the order below
  std::thread writer([&] {
    payload = 42;
    words expected;
    flag.compare_exchange(expected, {1, 0}, memory_order_release, memory_order_relaxed);
  });
  while (flag.load_first(memory_order_acquire) == 0) std::this_thread::yield();
  EXPECT_EQ(payload, 42);
  writer.join();
}

}  // namespace
}  // namespace switchyard
