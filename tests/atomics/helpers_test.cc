// backoff, cache_padded, plain, tagged_ptr and the read-modify-write helpers.
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

#include "switchyard/atomics/atomic.h"
#include "switchyard/atomics/backoff.h"
#include "switchyard/atomics/cache_padded.h"
#include "switchyard/atomics/fetch.h"
#include "switchyard/atomics/plain.h"
#include "switchyard/atomics/tagged_ptr.h"

namespace switchyard {
namespace {

// Runs `body(i)` in `n` threads at once.
template <class Body>
void in_threads(int n, Body body) {
  std::vector<std::thread> threads;
  for (int i = 0; i < n; ++i) threads.emplace_back([&body, i] { body(i); });
  for (auto& thread : threads) thread.join();
}

TEST(FetchUpdate, ReturnsTheValueReplaced) {
  atomic<int> value{20};
  EXPECT_EQ(fetch_update(value, [](int v) { return v + 1; }), 20);
  EXPECT_EQ(value.load(), 21);
}

TEST(FetchUpdate, NulloptLeavesTheValue) {
  atomic<int> value{20};
  EXPECT_EQ(fetch_update(value, [](int) -> std::optional<int> { return std::nullopt; }), 20);
  EXPECT_EQ(value.load(), 20);
}

TEST(FetchUpdate, AThrowingUpdateChangesNothing) {
  atomic<int> value{20};
  EXPECT_THROW(fetch_update(value, [](int) -> int { throw std::runtime_error("no"); }), std::runtime_error);
  EXPECT_EQ(value.load(), 20);
}

TEST(FetchUpdate, TakesEveryOrder) {
  for (const memory_order order : {memory_order_relaxed, memory_order_acquire, memory_order_release,
                                   memory_order_acq_rel, memory_order_seq_cst}) {
    atomic<int> value{1};
    EXPECT_EQ(fetch_update(value, [](int v) { return v * 2; }, order), 1);
    EXPECT_EQ(value.load(), 2);
  }
}

TEST(FetchUpdate, LosesNoUpdateBetweenThreads) {
  constexpr int rounds = 20'000;
  atomic<int> value{0};
  in_threads(4, [&](int) {
    for (int i = 0; i < rounds; ++i) fetch_update(value, [](int v) { return v + 1; }, memory_order_relaxed);
  });
  EXPECT_EQ(value.load(), 4 * rounds);
}

TEST(FetchMaxMin, KeepTheExtremeOfAllThreads) {
  atomic<int> highest{-1};
  atomic<int> lowest{1'000'000};
  in_threads(4, [&](int thread) {
    for (int i = thread; i < 40'000; i += 4) {
      fetch_max(highest, i);
      fetch_min(lowest, i);
    }
  });
  EXPECT_EQ(highest.load(), 39'999);
  EXPECT_EQ(lowest.load(), 0);
}

TEST(FetchMaxMin, ReturnTheValueBefore) {
  atomic<int> value{5};
  EXPECT_EQ(fetch_max(value, 3), 5);
  EXPECT_EQ(fetch_max(value, 9), 5);
  EXPECT_EQ(fetch_min(value, 10), 9);
  EXPECT_EQ(fetch_min(value, -2), 9);
  EXPECT_EQ(value.load(), -2);
}

TEST(FetchMaxMin, UseTheComparisonGiven) {
  atomic<int> value{-3};
  const auto by_magnitude = [](int a, int b) { return std::abs(a) < std::abs(b); };
  fetch_max(value, 2, memory_order_seq_cst, by_magnitude);
  EXPECT_EQ(value.load(), -3);
  fetch_max(value, 4, memory_order_seq_cst, by_magnitude);
  EXPECT_EQ(value.load(), 4);
}

TEST(TryFetchAdd, StopsAtTheLimit) {
  atomic<int> value{8};
  EXPECT_TRUE(try_fetch_add(value, 2, 10));
  EXPECT_FALSE(try_fetch_add(value, 1, 10));
  EXPECT_EQ(value.load(), 10);
  EXPECT_TRUE(try_fetch_add(value, -10, 0));
  EXPECT_FALSE(try_fetch_add(value, -1, 0));
  EXPECT_EQ(value.load(), 0);
}

TEST(TryFetchAdd, RefusesToOverflow) {
  atomic<int> value{std::numeric_limits<int>::max() - 1};
  EXPECT_FALSE(try_fetch_add(value, 2, std::numeric_limits<int>::max()));
  EXPECT_TRUE(try_fetch_add(value, 1, std::numeric_limits<int>::max()));
  atomic<unsigned> room{~0U};
  EXPECT_FALSE(try_fetch_add(room, 1U, ~0U));
  EXPECT_EQ(room.load(), ~0U);
}

TEST(TryFetchAdd, NeverPassesTheLimitBetweenThreads) {
  constexpr int limit = 1000;
  atomic<int> value{0};
  atomic<int> granted{0};
  in_threads(4, [&](int) {
    for (int i = 0; i < 5000; ++i) {
      if (try_fetch_add(value, 1, limit)) granted.fetch_add(1);
    }
  });
  EXPECT_EQ(value.load(), limit);
  EXPECT_EQ(granted.load(), limit);
}

TEST(TaggedPtr, KeepsPointerAndTag) {
  const auto object = std::make_unique<int>(7);
  const tagged_ptr<int> tagged(object.get(), 65'535);
  EXPECT_EQ(tagged.pointer(), object.get());
  EXPECT_EQ(tagged.tag(), 65'535);
  EXPECT_EQ(tagged.successor(nullptr), tagged_ptr<int>(nullptr, 0));
  EXPECT_NE(tagged, tagged_ptr<int>(object.get(), 0));
  EXPECT_EQ(tagged_ptr<int>(), tagged_ptr<int>(nullptr, 0));
  static_assert(atomic<tagged_ptr<int>>::is_always_lock_free);
  static_assert(sizeof(tagged_ptr<int>) == 8);
}

TEST(TaggedPtr, TheTagMakesAStaleExchangeFail) {
  int a = 0;
  atomic<tagged_ptr<int>> top{tagged_ptr<int>(&a, 0)};
  tagged_ptr<int> stale = top.load();
  top.store(stale.successor(nullptr));
  top.store(top.load().successor(&a));  // the same pointer is back
  EXPECT_FALSE(top.compare_exchange_strong(stale, stale.successor(nullptr)));
}

TEST(CachePadded, NeighboursShareNoLine) {
  std::vector<cache_padded<char>> cells(2);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(&cells[0].value) % cache_padding, 0U);
  EXPECT_GE(reinterpret_cast<char*>(&cells[1]) - reinterpret_cast<char*>(&cells[0]),
            static_cast<std::ptrdiff_t>(cache_padding));
  const cache_padded<std::string> text(std::in_place, std::size_t{3}, 'x');
  EXPECT_EQ(*text, "xxx");
  EXPECT_EQ(text->size(), 3U);
}

TEST(Backoff, AsksToParkOnlyAfterWaiting) {
  backoff racing;
  for (int i = 0; i < 100; ++i) racing.lost_race();
  EXPECT_FALSE(racing.should_park()) << "a lost race is no reason to sleep";
  backoff waiting;
  int waits = 0;
  for (; !waiting.should_park(); ++waits) {
    ASSERT_LT(waits, 100) << "never asks to park";
    waiting.wait();
  }
  EXPECT_GT(waits, 3) << "parks before it has tried spinning";
  waiting.wait();  // allowed afterwards too
  EXPECT_TRUE(waiting.should_park());
}

struct throws_on_move {
  static inline int alive = 0;
  throws_on_move() { ++alive; }
  throws_on_move(throws_on_move&&) { throw std::runtime_error("move"); }
  ~throws_on_move() { --alive; }
};

TEST(Plain, BuildsAndTakes) {
  plain<std::unique_ptr<int>> slot;
  slot.construct(std::make_unique<int>(3));
  EXPECT_EQ(*slot.read(), 3);
  *slot.write() = 4;
  EXPECT_EQ(*slot.take(), 4);
  slot.construct();
  slot.destroy();
}

TEST(Plain, TakingEndsTheLifeAlsoWhenMovingThrows) {
  plain<throws_on_move> slot;
  slot.construct();
  EXPECT_EQ(throws_on_move::alive, 1);
  EXPECT_THROW(static_cast<void>(slot.take()), std::runtime_error);
  EXPECT_EQ(throws_on_move::alive, 0);
}

}  // namespace
}  // namespace switchyard
