// The thread pools of both sides: the same tests for each.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <future>
#include <iterator>
#include <latch>
#include <memory>
#include <mutex>
#include <numeric>
#include <optional>
#include <ranges>
#include <set>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "switchyard/atomics/atomic.h"
#include "switchyard/blocking/thread_pool.h"
#include "switchyard/interface/thread_pool.h"
#include "switchyard/lockfree/thread_pool.h"
#include "switchyard/tests/conformance/test_support.h"
#include "switchyard/threads/exception_hook.h"
#include "switchyard/threads/future.h"
#include "switchyard/threads/thread.h"
#include "switchyard/threads/wait_any.h"

namespace switchyard::conformance {
namespace {

template <class Pool>
class thread_pools : public testing::Test {
  watchdog watchdog_;
};
using pools = testing::Types<blocking::thread_pool, lockfree::thread_pool>;
TYPED_TEST_SUITE(thread_pools, pools);

/// A pool of one thread, which is busy until it is let go.
template <class Pool>
struct busy_pool {
  explicit busy_pool(thread_pool_options options = {.threads = 1}) : pool(std::move(options)) {
    occupied = pool.submit([&] {
      begun.count_down();
      go_on.wait();
    });
    begun.wait();
  }
  ~busy_pool() { let_go(); }
  void let_go() {
    if (!std::exchange(gone, true)) go_on.count_down();
  }

  std::latch begun{1};
  std::latch go_on{1};
  bool gone = false;
  Pool pool;
  future<void> occupied;
};

struct counts_itself {
  explicit counts_itself(atomic<int>& all) : all_(&all) { ++*all_; }
  counts_itself(const counts_itself& other) : all_(other.all_) { ++*all_; }
  counts_itself& operator=(const counts_itself&) = delete;
  ~counts_itself() { --*all_; }
  atomic<int>* all_;
};

// -- submit and post -------------------------------------------------------------------------------------------------

TYPED_TEST(thread_pools, SubmitReturnsWhatTheFunctionDoes) {
  TypeParam pool({.threads = 2});
  EXPECT_EQ(pool.submit([] { return 3; }).get(), 3);
  EXPECT_EQ(pool.submit([](int a, const std::string& b) { return b + std::to_string(a); }, 1, "x").get(), "x1");
  pool.submit([] {}).get();
  EXPECT_EQ(*pool.submit([](std::unique_ptr<int> p) { return p; }, std::make_unique<int>(7)).get(), 7);
  int here = 0;
  EXPECT_EQ(&pool.submit([&]() -> int& { return here; }).get(), &here);
  EXPECT_EQ(pool.submit(&std::string::size, std::string("four")).get(), 4U);
}

TYPED_TEST(thread_pools, ExceptionsComeOutOfGet) {
  TypeParam pool({.threads = 1});
  auto f = pool.submit([]() -> int { throw std::out_of_range("far out"); });
  EXPECT_NE(f.exception(), nullptr);
  EXPECT_THROW(f.get(), std::out_of_range);
  EXPECT_FALSE(f.valid());
  EXPECT_THROW(f.get(), no_state);
  EXPECT_EQ(pool.submit([] { return 1; }).get(), 1) << "the thread goes on";
}

struct throws_when_moved {
  explicit throws_when_moved(int left) : moves_left(left) {}
  throws_when_moved(throws_when_moved&& other) : moves_left(other.moves_left - 1) {
    if (moves_left < 0) throw std::runtime_error("moved once too often");
  }
  int moves_left;
};

TYPED_TEST(thread_pools, ResultsWhoseMoveThrows) {
  TypeParam pool({.threads = 1});
  EXPECT_THROW(pool.submit([] { return throws_when_moved(0); }).get(), std::runtime_error);
  EXPECT_THROW(pool.submit([] { return throws_when_moved(1); }).get(), std::runtime_error);
  EXPECT_EQ(pool.submit([] { return throws_when_moved(2); }).get().moves_left, 0);
}

TYPED_TEST(thread_pools, FunctionsOfAllSizes) {
  TypeParam pool({.threads = 2});
  atomic<int> alive{0};
  {
    std::latch called(5);
    pool.post([&] { called.count_down(); });
    pool.post([&, big = std::vector<int>(3), more = std::array<char, 40>{}] { called.count_down(1 + more[0]); });
    pool.post([&, bigger = std::array<char, 100>{}] { called.count_down(1 + bigger[0]); });
    struct alignas(128) aligned {
      std::latch* called;
      void operator()() const {
        EXPECT_EQ(reinterpret_cast<std::uintptr_t>(this) % 128, 0U);
        called->count_down();
      }
    };
    pool.post(aligned{&called});
    pool.post([&, counted = counts_itself(alive)] { called.count_down(); });
    called.wait();
  }
  pool.shutdown();
  EXPECT_EQ(alive.load(), 0);
}

TYPED_TEST(thread_pools, TheFunctionIsGoneBeforeTheFutureIsReady) {
  TypeParam pool({.threads = 1});
  for (int i = 0; i < 100; ++i) {
    atomic<int> alive{0};
    auto f = pool.submit([counted = counts_itself(alive)] {});
    f.wait();
    ASSERT_EQ(alive.load(), 0);
  }
}

TYPED_TEST(thread_pools, WhatPostThrowsGoesToTheHook) {
  std::promise<thread_failure> seen;
  const auto before = set_exception_hook([&](const thread_failure& failure) { seen.set_value(failure); });
  {
    TypeParam pool({.threads = 1, .name = "poster"});
    pool.post([] { throw std::runtime_error("nobody waits"); });
    const thread_failure failure = seen.get_future().get();
    EXPECT_EQ(failure.name, "poster-0");
    EXPECT_THROW(std::rethrow_exception(failure.exception), std::runtime_error);
    EXPECT_EQ(pool.submit([] { return 1; }).get(), 1) << "the thread goes on";
  }
  set_exception_hook(before);
}

TYPED_TEST(thread_pools, TasksFromOutsideBeginInTheirOrder) {
  std::vector<int> order;
  {
    TypeParam pool({.threads = 1});
    for (int i = 0; i < 300; ++i) pool.post([&order, i] { order.push_back(i); });
  }
  ASSERT_EQ(order.size(), 300U);
  EXPECT_TRUE(std::ranges::is_sorted(order));
}

// Tasks that give others for ever leave what comes from outside its turn.
TYPED_TEST(thread_pools, TasksThatGoOnForEverDoNotKeepTheOthersWaiting) {
  atomic<bool> over{false};
  TypeParam pool({.threads = 1});
  struct again {
    TypeParam* pool;
    atomic<bool>* over;
    void operator()() const {
      if (!over->load()) pool->post(*this);
    }
  };
  pool.post(again{&pool, &over});
  auto from_outside = pool.submit([] { return 1; });
  EXPECT_EQ(from_outside.get(), 1);
  over = true;
}

// -- Threads ---------------------------------------------------------------------------------------------------------

TYPED_TEST(thread_pools, RefusesBadNumbersOfThreads) {
  EXPECT_THROW(TypeParam({.threads = 0}), bad_thread_count);
  EXPECT_THROW(TypeParam({.threads = -1}), std::invalid_argument);
  EXPECT_THROW(TypeParam({.threads = most_pool_threads + 1}), bad_thread_count);
  TypeParam by_default;
  EXPECT_EQ(by_default.thread_count(), std::max(1U, std::thread::hardware_concurrency()));
}

TYPED_TEST(thread_pools, ThreadsHaveNamesAndAnInitializer) {
  std::mutex lock;
  std::set<std::string> initialised;
  TypeParam pool({.threads = 3, .name = "baker", .initializer = [&] {
                    const std::lock_guard hold(lock);
                    initialised.insert(thread::current().name());
                  }});
  std::set<std::string> names;
  std::latch all_here(3);
  std::vector<future<std::string>> futures;
  for (int i = 0; i < 3; ++i) {
    futures.push_back(pool.submit([&] {
      all_here.arrive_and_wait();
      return thread::current().name();
    }));
  }
  for (auto& f : futures) names.insert(f.get());
  const std::set<std::string> expected{"baker-0", "baker-1", "baker-2"};
  EXPECT_EQ(names, expected);
  EXPECT_EQ(initialised, expected);
}

TYPED_TEST(thread_pools, AFailingInitializerBreaksThePool) {
  atomic<int> told{0};
  const auto before = set_exception_hook([&](const thread_failure& failure) {
    if (failure.name == "breaks-0" || failure.name == "breaks-1") ++told;
    EXPECT_THROW(std::rethrow_exception(failure.exception), std::domain_error);
  });
  {
    std::latch go_on(1);
    atomic<int> calls{0};
    TypeParam pool({.threads = 2, .name = "breaks", .initializer = [&] {
                      if (calls.fetch_add(1) == 0) go_on.wait();
                      throw std::domain_error("no luck");
                    }});
    std::vector<future<int>> pending;
    try {
      for (int i = 0; i < 100000; ++i) pending.push_back(pool.submit([] { return 1; }));
    } catch (const broken_pool& broken) {
      EXPECT_THROW(std::rethrow_exception(broken.cause()), std::domain_error);
      EXPECT_NE(std::string(broken.what()).find("no luck"), std::string::npos);
    }
    go_on.count_down();
    for (auto& f : pending) EXPECT_THROW(f.get(), broken_pool);
    EXPECT_THROW(pool.submit([] {}), broken_pool);
    EXPECT_THROW(pool.post([] {}), broken_pool);
    pool.shutdown();
    EXPECT_THROW(pool.submit([] {}), broken_pool);
    EXPECT_EQ(told.load(), 2) << "the hook, by each thread";
    EXPECT_EQ(pool.statistics().done, 0U);
  }
  set_exception_hook(before);
}

TYPED_TEST(thread_pools, AThreadThatCannotBeStartedIsAClearError) {
  const std::size_t before = thread::active_count();
  try {
    TypeParam pool({.threads = 2, .name = "huge", .stack_size = std::size_t{1} << 60});
    FAIL() << "no machine has that much memory";
  } catch (const std::system_error& error) {
    EXPECT_NE(std::string(error.what()).find("huge-0"), std::string::npos) << error.what();
  }
  EXPECT_THROW(TypeParam({.threads = 2, .stack_size = 1}), std::invalid_argument);
  EXPECT_EQ(thread::active_count(), before);
}

// -- shutdown --------------------------------------------------------------------------------------------------------

TYPED_TEST(thread_pools, ShutdownRunsWhatThereIsAndTakesNoMore) {
  atomic<int> run{0};
  TypeParam pool({.threads = 2});
  for (int i = 0; i < 1000; ++i) pool.post([&] { ++run; });
  EXPECT_FALSE(pool.is_shut_down());
  pool.shutdown();
  EXPECT_EQ(run.load(), 1000);
  EXPECT_TRUE(pool.is_shut_down());
  EXPECT_THROW(pool.submit([] {}), pool_shut_down);
  EXPECT_THROW(pool.post([] {}), pool_shut_down);
  pool.shutdown();
  pool.shutdown({.wait = false});
  EXPECT_EQ(run.load(), 1000);
}

TYPED_TEST(thread_pools, TheDestructorRunsWhatThereIs) {
  atomic<int> run{0};
  {
    TypeParam pool({.threads = 2});
    for (int i = 0; i < 1000; ++i) pool.post([&] { ++run; });
  }
  EXPECT_EQ(run.load(), 1000);
}

TYPED_TEST(thread_pools, ShutdownCancelsWhatHasNotBegun) {
  atomic<int> alive{0};
  atomic<int> run{0};
  busy_pool<TypeParam> busy;
  std::vector<future<void>> pending;
  for (int i = 0; i < 10; ++i) {
    pending.push_back(busy.pool.submit([&, counted = counts_itself(alive)] { ++run; }));
    busy.pool.post([&, counted = counts_itself(alive)] { ++run; });
  }
  busy.pool.shutdown({.wait = false, .cancel_pending = true});
  for (auto& f : pending) {
    EXPECT_TRUE(f.is_cancelled());
    EXPECT_THROW(f.get(), future_cancelled);
  }
  EXPECT_EQ(alive.load(), 0) << "they are destroyed";
  EXPECT_FALSE(busy.occupied.is_ready());
  EXPECT_FALSE(busy.occupied.cancel()) << "it runs";
  busy.let_go();
  busy.occupied.get();
  busy.pool.shutdown();
  EXPECT_EQ(run.load(), 0);
}

TYPED_TEST(thread_pools, ShutdownCanStillCancelLater) {
  busy_pool<TypeParam> busy;
  auto pending = busy.pool.submit([] {});
  busy.pool.shutdown({.wait = false});
  EXPECT_EQ(pending.state(), future_state::pending);
  busy.pool.shutdown({.wait = false, .cancel_pending = true});
  EXPECT_EQ(pending.state(), future_state::cancelled);
}

TYPED_TEST(thread_pools, ATaskCannotWaitForTheEndOfItsPool) {
  TypeParam pool({.threads = 1});
  EXPECT_THROW(pool.submit([&] { pool.shutdown(); }).get(), joins_itself);
  EXPECT_EQ(pool.submit([] { return 1; }).get(), 1) << "nothing has changed";
  pool.submit([&] { pool.shutdown({.wait = false}); }).get();
  EXPECT_THROW(pool.submit([] {}), pool_shut_down);
}

TYPED_TEST(thread_pools, ATaskOfAPoolThatHasBeenShutDownGivesNoMore) {
  std::latch closed(1);
  TypeParam pool({.threads = 1});
  auto f = pool.submit([&] {
    closed.wait();
    pool.submit([] {});
  });
  pool.shutdown({.wait = false});
  closed.count_down();
  EXPECT_THROW(f.get(), pool_shut_down);
}

TYPED_TEST(thread_pools, FuturesOutliveThePool) {
  future<std::string> f;
  {
    TypeParam pool({.threads = 1});
    f = pool.submit([] { return std::string("still here"); });
  }
  EXPECT_EQ(f.get(), "still here");
}

// -- Futures of tasks ------------------------------------------------------------------------------------------------

TYPED_TEST(thread_pools, CancelDestroysAPendingTask) {
  atomic<int> alive{0};
  atomic<bool> run{false};
  busy_pool<TypeParam> busy;
  auto f = busy.pool.submit([&, counted = counts_itself(alive)] { run = true; });
  EXPECT_EQ(f.state(), future_state::pending);
  EXPECT_EQ(busy.occupied.state(), future_state::running);
  EXPECT_FALSE(busy.occupied.cancel());
  EXPECT_TRUE(f.cancel());
  EXPECT_TRUE(f.cancel()) << "it is";
  EXPECT_EQ(alive.load(), 0);
  EXPECT_TRUE(f.is_ready());
  EXPECT_THROW(f.get(), future_cancelled);
  busy.let_go();
  busy.pool.shutdown();
  EXPECT_FALSE(run.load());
  EXPECT_EQ(busy.pool.statistics().done, 1U);
}

TYPED_TEST(thread_pools, ThenGoesOn) {
  TypeParam pool({.threads = 1});
  auto f = pool.submit([] { return 20; }).then([](int x) { return x + 1; }).then([](int x) { return 2 * x; });
  EXPECT_EQ(f.get(), 42);
  auto failed = pool.submit([]() -> int { throw std::out_of_range("first"); }).then([](int x) { return x; });
  EXPECT_THROW(failed.get(), std::out_of_range);
}

TYPED_TEST(thread_pools, AsCompletedAndWaitAny) {
  TypeParam pool({.threads = 2});
  std::latch go_on(1);
  std::vector<future<int>> futures;
  futures.push_back(pool.submit([&] { return go_on.wait(), 0; }));
  for (int i = 1; i < 5; ++i) futures.push_back(pool.submit([i] { return i; }));
  EXPECT_NE(wait_any(futures), 0U);
  std::vector<int> order;
  for (auto& f : as_completed(futures)) {
    order.push_back(f.get());
    if (order.size() == 4) go_on.count_down();
  }
  ASSERT_EQ(order.size(), 5U);
  EXPECT_EQ(order.back(), 0);
}

// -- Waiting inside --------------------------------------------------------------------------------------------------

template <class Pool>
int fib(Pool& pool, int n) {
  if (n < 2) return n;
  auto left = pool.submit([&pool, n] { return fib(pool, n - 1); });
  const int right = fib(pool, n - 2);
  return left.get() + right;
}

TYPED_TEST(thread_pools, TasksThatWaitForTasks) {
  for (const int threads : {1, 2, 4}) {
    TypeParam pool({.threads = threads});
    EXPECT_EQ(pool.submit([&] { return fib(pool, 15); }).get(), 610);
  }
}

TYPED_TEST(thread_pools, WaitingInsideInAnyOrder) {
  TypeParam pool({.threads = 1});
  const int sum = pool.submit([&] {
                        std::vector<future<int>> futures;
                        for (int i = 0; i < 500; ++i) futures.push_back(pool.submit([i] { return i; }));
                        int all = 0;
                        for (std::size_t i = 0; i < futures.size(); ++i) all += futures[i * 7 % 500].get();
                        return all;
                      })
                      .get();
  EXPECT_EQ(sum, 499 * 250);
}

TYPED_TEST(thread_pools, WaitingInsideForOneOfSeveral) {
  TypeParam pool({.threads = 1});
  EXPECT_TRUE(pool.submit([&] {
                    auto a = pool.submit([] {});
                    auto b = pool.submit([] {});
                    pool.wait(b);
                    return wait_any(a, b) < 2 && a.wait_for(patience) && b.is_ready();
                  })
                  .get());
}

// Each waits for one that it has given, behind all the others: a stack for all of them would not be enough.
TYPED_TEST(thread_pools, ManyTasksThatWait) {
  TypeParam pool({.threads = 1});
  const int count = scaled(40000);
  std::vector<future<int>> futures;
  for (int i = 0; i < count; ++i) {
    futures.push_back(pool.submit([&pool, i] { return pool.submit([i] { return i; }).get(); }));
  }
  for (int i = 0; i < count; ++i) ASSERT_EQ(futures[static_cast<std::size_t>(i)].get(), i);
}

// All but one of three threads wait outside the pool: that one gets what any of the others has given.
TYPED_TEST(thread_pools, EveryThreadTakesWhatAnyOtherHasGiven) {
  TypeParam pool({.threads = 3});
  for (int giver = 0; giver < 3; ++giver) {
    for (int taker = 0; taker < 3; ++taker) {
      if (giver == taker) continue;
      std::latch all_here(3);
      std::latch given(1);
      std::latch run(1);
      future<void> taken;
      std::vector<future<void>> futures;
      for (int i = 0; i < 3; ++i) {
        futures.push_back(pool.submit([&] {
          all_here.arrive_and_wait();
          const std::string name = thread::current().name();
          const int me = name.back() - '0';
          if (me == giver) {
            taken = pool.submit([&] { run.count_down(); });
            given.count_down();
          }
          given.wait();
          if (me != taker) run.wait();
        }));
      }
      for (auto& f : futures) f.get();
      taken.get();
    }
  }
}

// Tasks run on top of each other, in one stack: not without bounds.
TYPED_TEST(thread_pools, TasksThatWaitPileUpOnlySoFar) {
  promise<void> last;
  const future<void> awaited = last.get_future();
  atomic<int> depth{0};
  atomic<int> deepest{0};
  const auto wait_inside = [&] {
    if (const int now = ++depth; now > deepest.load()) deepest = now;
    awaited.wait();
    --depth;
  };
  TypeParam pool({.threads = 1});
  pool.post([&] {
    for (int i = 0; i < 1000; ++i) pool.post(wait_inside);
    wait_inside();
  });
  for (const auto until = steady::now() + generous; deepest.load() < 100 && steady::now() < until;) {
    std::this_thread::sleep_for(1ms);
  }
  std::this_thread::sleep_for(20ms);
  EXPECT_GE(deepest.load(), 2);
  EXPECT_LE(deepest.load(), 200);
  last.set_value();
}

// A worker waits for what an outsider does only if another task, given later, has run.
TYPED_TEST(thread_pools, AWaitingWorkerRunsWhatComesLater) {
  TypeParam pool({.threads = 1});
  promise<int> later;
  future<int> result = later.get_future();
  std::latch waiting(1);
  auto f = pool.submit([&] {
    waiting.count_down();
    return result.get();
  });
  waiting.wait();
  std::this_thread::sleep_for(20ms);
  pool.post([&] { later.set_value(5); });
  EXPECT_EQ(f.get(), 5);
}

TYPED_TEST(thread_pools, ATaskThatWaitsForItself) {
  TypeParam pool({.threads = 1});
  future<void> own;
  std::latch known(1);
  atomic<bool> told{false};
  own = pool.submit([&] {
    known.wait();
    try {
      own.wait();
    } catch (const waits_for_itself&) {
      told = true;
    }
  });
  known.count_down();
  own.wait();
  EXPECT_TRUE(told.load());
}

// -- map -------------------------------------------------------------------------------------------------------------

std::vector<int> numbers(int count) {
  std::vector<int> all(static_cast<std::size_t>(count));
  std::iota(all.begin(), all.end(), 0);
  return all;
}
constexpr auto twice = [](int x) { return 2 * x; };

/// An input range of f(0) to f(count - 1), each made when it is read. (clang 14 cannot use this library's views.)
template <class F>
struct made_by {
  struct iterator {
    using iterator_concept = std::input_iterator_tag;
    using value_type = std::invoke_result_t<F&, int>;
    using difference_type = std::ptrdiff_t;
    value_type operator*() const { return range->f(at); }
    iterator& operator++() { return ++at, *this; }
    void operator++(int) { ++at; }
    bool operator==(std::default_sentinel_t) const { return at == range->count; }
    made_by* range;
    int at;
  };
  iterator begin() { return {this, 0}; }
  std::default_sentinel_t end() const { return {}; }

  int count;
  F f;
};
template <class F>
made_by(int, F) -> made_by<F>;

template <class Range>
auto to_vector(Range&& range) {
  std::vector<std::ranges::range_value_t<Range>> all;
  for (auto&& each : range) all.push_back(std::move(each));
  return all;
}

TYPED_TEST(thread_pools, MapKeepsTheOrder) {
  TypeParam pool({.threads = 2});
  const std::vector<int> input = numbers(100);
  std::vector<int> expected = input;
  for (int& each : expected) each *= 2;
  EXPECT_EQ(to_vector(pool.map(twice, input)), expected);
  for (const std::size_t chunk : {1U, 3U, 7U, 100U, 1000U}) {
    for (const std::size_t ahead : {std::size_t{1}, std::size_t{2}, std::size_t{10}, map_options::unlimited}) {
      EXPECT_EQ(to_vector(pool.map(twice, input, {.chunk = chunk, .look_ahead = ahead})), expected);
    }
  }
  EXPECT_TRUE(to_vector(pool.map(twice, std::vector<int>())).empty());
}

TYPED_TEST(thread_pools, MapOfSeveralInputsEndsWithTheShortest) {
  TypeParam pool({.threads = 2});
  const std::vector<std::string> words{"a", "b", "c"};
  auto both = pool.map({.chunk = 2}, [](int x, const std::string& word) { return word + std::to_string(x); }, numbers(5), words);
  EXPECT_EQ(to_vector(both), (std::vector<std::string>{"a0", "b1", "c2"}));
}

TYPED_TEST(thread_pools, MapOfWhatCanOnlyBeMoved) {
  TypeParam pool({.threads = 2});
  made_by input{3, [](int x) { return std::make_unique<int>(x); }};
  int sum = 0;
  for (auto& each : pool.map([](std::unique_ptr<int> p) { return p; }, input)) sum += *each;
  EXPECT_EQ(sum, 3);
  atomic<int> calls{0};
  int results = 0;
  for ([[maybe_unused]] auto& each : pool.map([&](int) { ++calls; }, numbers(4))) ++results;
  EXPECT_EQ(results, 4);
  EXPECT_EQ(calls.load(), 4);
}

TYPED_TEST(thread_pools, TheFirstErrorEndsMapAndCancelsTheRest) {
  TypeParam pool({.threads = 1});
  for (const std::size_t chunk : {1U, 4U}) {
    atomic<int> calls{0};
    std::latch go_on(1);
    std::vector<int> seen;
    auto results = pool.map(
        [&](int x) {
          ++calls;
          if (x == 5) throw std::out_of_range("five");
          if (x == 8) go_on.wait();
          return x;
        },
        numbers(1000), {.chunk = chunk});
    try {
      for (int x : results) seen.push_back(x);
      FAIL() << "it must throw";
    } catch (const std::out_of_range&) {
    }
    go_on.count_down();
    EXPECT_EQ(seen, numbers(5));
    EXPECT_TRUE(results.begin() == results.end()) << "that was the end";
    pool.submit([] {}).get();
    EXPECT_LE(calls.load(), 14);
  }
}

TYPED_TEST(thread_pools, MapHasALimitOfTime) {
  std::vector<int> seen;
  for (auto limit = 50ms; seen.empty(); limit *= 2) {  // again if not even the first was in time
    std::latch go_on(1);
    TypeParam pool({.threads = 1});
    auto results = pool.map(
        [&](int x) {
          if (x == 1) go_on.wait();
          return x;
        },
        numbers(10), {.time_limit = limit});
    const auto read = [&] {
      for (int x : results) seen.push_back(x);
    };
    EXPECT_THROW(read(), future_timeout);
    go_on.count_down();
  }
  EXPECT_EQ(seen, numbers(1));
  busy_pool<TypeParam> busy;
  EXPECT_THROW(to_vector(busy.pool.map(twice, numbers(3), {.time_limit = -1s})), future_timeout);
}

TYPED_TEST(thread_pools, TheLimitOfMapCountsFromItsCall) {
  busy_pool<TypeParam> busy;
  bool at_once = false;  // a machine that is busy may be slow once, not always
  for (int i = 0; i < 10 && !at_once; ++i) {
    auto results = busy.pool.map(twice, numbers(1), {.time_limit = 200ms});
    std::this_thread::sleep_for(200ms);
    const auto before = steady::now();
    EXPECT_THROW(results.begin(), future_timeout);
    at_once = steady::now() - before < 200ms;
  }
  EXPECT_TRUE(at_once);
}

TYPED_TEST(thread_pools, MapTakesFromTheInputOnlyAsFarAsItMayLookAhead) {
  TypeParam pool({.threads = 2});
  int taken = 0;
  made_by input{20, [&](int x) { return ++taken, x; }};
  auto results = pool.map(twice, input, {.look_ahead = 4});
  EXPECT_EQ(taken, 4);
  int had = 0;
  for (int x : results) {
    EXPECT_EQ(x, 2 * had);
    EXPECT_LE(taken, had + 4);
    ++had;
  }
  EXPECT_EQ(had, 20);
  taken = 0;
  auto eager = pool.map(twice, input);
  EXPECT_EQ(taken, 20) << "all at once";
}

TYPED_TEST(thread_pools, MapRefusesOptionsThatCannotWork) {
  TypeParam pool({.threads = 1});
  EXPECT_THROW(pool.map(twice, numbers(1), {.chunk = 0}), std::invalid_argument);
  EXPECT_THROW(pool.map(twice, numbers(1), {.look_ahead = 0}), std::invalid_argument);
  pool.shutdown();
  EXPECT_THROW(pool.map(twice, numbers(1)), pool_shut_down);
}

TYPED_TEST(thread_pools, AnInputThatThrowsEndsMap) {
  TypeParam pool({.threads = 1});
  made_by input{10, [](int x) {
                  if (x == 3) throw std::domain_error("three");
                  return x;
                }};
  EXPECT_THROW(pool.map(twice, input), std::domain_error);
  auto results = pool.map(twice, input, {.look_ahead = 1});
  int had = 0;
  const auto read = [&] {
    for (int x : results) had += x == 2 * had;
  };
  EXPECT_THROW(read(), std::domain_error);
  EXPECT_EQ(had, 3);
}

TYPED_TEST(thread_pools, NestedMapOnOneThread) {
  TypeParam pool({.threads = 1});
  const auto inner = [&](int x) {
    int sum = 0;
    for (int y : pool.map(twice, numbers(x))) sum += y;
    return sum;
  };
  const auto outer = [&](int x) {
    int sum = 0;
    for (int y : pool.map(inner, numbers(x))) sum += y;
    return sum;
  };
  int sum = 0;
  for (int y : pool.map(outer, numbers(12))) sum += y;
  int expected = 0;
  for (int a = 0; a < 12; ++a) {
    for (int b = 0; b < a; ++b) {
      for (int c = 0; c < b; ++c) expected += 2 * c;
    }
  }
  EXPECT_EQ(sum, expected);
}

TYPED_TEST(thread_pools, ResultsOfMapThatNobodyReadsAreCancelled) {
  atomic<int> calls{0};
  busy_pool<TypeParam> busy;
  { auto results = busy.pool.map([&](int) { return ++calls; }, numbers(100)); }
  busy.let_go();
  busy.pool.shutdown();
  EXPECT_EQ(calls.load(), 0);
}

// -- Statistics ------------------------------------------------------------------------------------------------------

TYPED_TEST(thread_pools, Statistics) {
  busy_pool<TypeParam> busy({.threads = 1});
  for (int i = 0; i < 5; ++i) busy.pool.post([] {});
  const thread_pool_statistics before = busy.pool.statistics();
  EXPECT_EQ(before.threads, 1U);
  EXPECT_EQ(before.queued, 5U);
  EXPECT_EQ(before.running, 1U);
  EXPECT_EQ(before.done, 0U);
  busy.let_go();
  busy.pool.shutdown();
  const thread_pool_statistics after = busy.pool.statistics();
  EXPECT_EQ(after.queued, 0U);
  EXPECT_EQ(after.running, 0U);
  EXPECT_EQ(after.done, 6U);
  EXPECT_EQ(after.stolen, 0U) << "there is nobody to steal";
  TypeParam idle({.threads = 1});
  while (idle.statistics().idle < 10ms) {  // or this does not end
    std::this_thread::sleep_for(5ms);
    idle.submit([] {}).get();
  }
  idle.shutdown();
}

// What a task gives is taken by another thread, as its own waits outside; what is run by a thread that waits is counted too.
TYPED_TEST(thread_pools, StatisticsOfWhatIsTakenFromAnotherOrRunWhileWaiting) {
  std::latch elsewhere(1);
  TypeParam pool({.threads = 2});
  pool.submit([&] {
        pool.post([&] { elsewhere.count_down(); });
        elsewhere.wait();
      })
      .get();
  pool.submit([&] { pool.submit([] {}).get(); }).get();
  pool.shutdown();
  EXPECT_EQ(pool.statistics().done, 4U);
  EXPECT_EQ(pool.statistics().running, 0U);
  TypeParam one({.threads = 1});
  one.submit([&] {
       for (int i = 0; i < 3; ++i) one.post([] {});
       EXPECT_EQ(one.statistics().queued, 3U) << "also what a task has given";
       EXPECT_EQ(one.statistics().running, 1U);
     })
      .get();
  constexpr bool steals = std::is_same_v<TypeParam, lockfree::thread_pool>;
  EXPECT_GE(pool.statistics().stolen, steals ? 1U : 0U);
  EXPECT_LE(pool.statistics().stolen, steals ? 2U : 0U);
}

}  // namespace
}  // namespace switchyard::conformance
