// What is particular to the relaxed priority queues of both sides: how relaxed they are.
#include "switchyard/lockfree/relaxed_priority_queue.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <iostream>
#include <numeric>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "switchyard/atomics/atomic.h"
#include "switchyard/blocking/relaxed_priority_queue.h"

namespace switchyard {
namespace {

template <class Queue>
class RelaxedPriorityQueue : public ::testing::Test {};
using queues =
    ::testing::Types<lockfree::relaxed_priority_queue<std::uint32_t>, blocking::relaxed_priority_queue<std::uint32_t>>;
TYPED_TEST_SUITE(RelaxedPriorityQueue, queues);

// How many of the numbers inside are larger: prefix sums in a tree (Fenwick).
class ranks {
 public:
  static constexpr std::uint32_t limit = 1U << 20;

  void add(std::uint32_t number, int n) {
    total_ += n;
    for (std::size_t i = number + 1; i < sums_.size(); i += i & -i) sums_[i] += n;
  }
  int larger_than(std::uint32_t number) const {
    int not_larger = 0;
    for (std::size_t i = number + 1; i != 0; i -= i & -i) not_larger += sums_[i];
    return total_ - not_larger;
  }

 private:
  std::vector<int> sums_ = std::vector<int>(limit + 1);
  int total_ = 0;
};

// 10^6 operations on a queue that stays as long as it is. `next` makes a number from one that was popped.
template <class Queue, class Next>
double mean_rank_error(std::size_t shards, std::size_t length, Next next) {
  Queue queue(shards);
  ranks inside;
  std::mt19937 random(5);
  const auto push = [&](std::uint32_t number) {
    ASSERT_EQ(queue.try_push(number), conqueue_status::success);
    inside.add(number, 1);
  };
  for (std::size_t i = 0; i < length; ++i) push(static_cast<std::uint32_t>(random()) % ranks::limit);
  constexpr int pops = 500'000;
  double sum = 0;
  for (int i = 0; i < pops; ++i) {
    const std::uint32_t number = *queue.try_pop();
    sum += inside.larger_than(number);
    inside.add(number, -1);
    push(next(number, random));
  }
  return sum / pops;
}

TYPED_TEST(RelaxedPriorityQueue, RankErrorIsAsTheHeaderSays) {
  const auto any = [](std::uint32_t, std::mt19937& random) { return static_cast<std::uint32_t>(random()) % ranks::limit; };
  // As in a simulation: what is pushed comes a little later than what was popped; it wraps round.
  const auto later = [](std::uint32_t number, std::mt19937& random) {
    const std::uint32_t step = static_cast<std::uint32_t>(random()) % 2000;
    return number > step ? number - step : ranks::limit - 1;
  };
  EXPECT_EQ(mean_rank_error<TypeParam>(1, 1000, any), 0);
  for (const std::size_t shards : {4U, 8U, 32U}) {
    SCOPED_TRACE(shards);
    const double n = static_cast<double>(shards);
    const double error = mean_rank_error<TypeParam>(shards, 20'000, any);
    std::cout << shards << " shards: mean rank error " << error << ", " << error / n << " a shard\n";
    EXPECT_LT(error, n);
    EXPECT_GT(error, n / 4) << "better than two choices at random can be";
    EXPECT_LT(mean_rank_error<TypeParam>(shards, 1000, later), 1.5 * n);
  }
}

TYPED_TEST(RelaxedPriorityQueue, Shards) {
  EXPECT_EQ(TypeParam(3).shard_count(), 3U);
  EXPECT_GE(TypeParam().shard_count(), 4U);
  EXPECT_THROW(TypeParam(std::size_t{0}), std::invalid_argument);
}

// What is there is found, in whichever shard it is.
TYPED_TEST(RelaxedPriorityQueue, TheLastIsFound) {
  TypeParam queue(64);
  for (std::uint32_t i = 0; i < 1000; ++i) {
    ASSERT_EQ(queue.try_push(i), conqueue_status::success);
    ASSERT_EQ(queue.try_pop().value(), i);
    ASSERT_EQ(queue.try_pop().error(), conqueue_status::empty);
  }
}

// Every element once, and every waiter gets one.
TYPED_TEST(RelaxedPriorityQueue, ManyThreads) {
  constexpr std::uint32_t each = 20'000;
  TypeParam queue(8);
  std::array<std::vector<std::uint32_t>, 3> popped;
  std::vector<std::thread> consumers;
  for (auto& mine : popped) {
    consumers.emplace_back([&] {
      while (const auto x = queue.pop()) mine.push_back(*x);
    });
  }
  std::vector<std::thread> producers;
  for (std::uint32_t p = 0; p < 3; ++p) {
    producers.emplace_back([&, p] {
      for (std::uint32_t i = 0; i < each; ++i) ASSERT_TRUE(queue.push(3 * i + p));
    });
  }
  for (auto& producer : producers) producer.join();
  queue.close();
  for (auto& consumer : consumers) consumer.join();
  std::vector<std::uint32_t> all;
  for (const auto& some : popped) all.insert(all.end(), some.begin(), some.end());
  std::sort(all.begin(), all.end());
  std::vector<std::uint32_t> expected(3 * each);
  std::iota(expected.begin(), expected.end(), 0U);
  EXPECT_EQ(all, expected);
}

// One token that waiting threads pass round: it would stop if a wake-up were lost.
TYPED_TEST(RelaxedPriorityQueue, NoWakeUpIsLost) {
  TypeParam queue(4);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      while (const auto left = queue.pop()) {
        if (*left == 0) {
          queue.close();
        } else {
          EXPECT_TRUE(queue.push(*left - 1));
        }
      }
    });
  }
  ASSERT_TRUE(queue.push(20'000));
  for (auto& thread : threads) thread.join();
}

// A comparison that throws loses nothing, in pushes and pops.
struct failing_less {
  static inline int left = 0;
  bool operator()(const std::string& a, const std::string& b) const {
    if (left > 0 && --left == 0) throw std::runtime_error("comparison");
    return a < b;
  }
};
template <class Queue>
void expect_nothing_lost() {
  for (int failing = 1; failing < 60; ++failing) {
    Queue queue(4);
    failing_less::left = failing;
    int inside = 0;
    for (int i = 0; i < 40; ++i) {
      std::string text = "a text that is long enough to own memory " + std::to_string(i * 7 % 40);
      const std::string same = text;
      try {
        if (i % 4 == 3) {
          if (queue.try_pop()) --inside;
        } else if (queue.try_push(std::move(text)) == conqueue_status::success) {
          ++inside;
        }
      } catch (const std::runtime_error&) {
        EXPECT_EQ(text, same);
      }
    }
    failing_less::left = 0;
    EXPECT_EQ(queue.size_approx(), static_cast<std::size_t>(inside));
    while (queue.try_pop()) --inside;
    EXPECT_EQ(inside, 0);
  }
}
TEST(RelaxedPriorityQueues, ComparisonsThatThrow) {
  expect_nothing_lost<lockfree::relaxed_priority_queue<std::string, failing_less>>();
  expect_nothing_lost<blocking::relaxed_priority_queue<std::string, failing_less>>();
}

}  // namespace
}  // namespace switchyard
