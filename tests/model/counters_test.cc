// The counters, and the read-modify-writes of atomics/fetch.h, under the model checker.

#include <cstdint>

#include "switchyard/atomics/atomic.h"
#include "switchyard/atomics/fetch.h"
#include "switchyard/atomics/plain.h"
#include "switchyard/lockfree/counter.h"
#include "switchyard/lockfree/sharded_counter.h"
#include "tests/model/model_support.h"

namespace switchyard::model {
namespace {

TEST(counter, CountsAll) {
  expect_proved([] {
    lockfree::counter count;
    std::int64_t taken = 0;
    thread adder([&] { count.add(2); });
    thread taker([&] { taken = count.exchange(0); });
    count.increment();
    adder.join();
    taker.join();
    require(taken + count.load() == 3, "every addition counts once");
  });
}

TEST(sharded_counter, CountsAllAlsoWhenThreadsEnd) {
  expect_proved(
      [] {
        lockfree::sharded_counter count(5);
        std::int64_t taken = 0;
        thread adder([&] { count.add(2); });
        thread taker([&] { taken = count.exchange(0); });
        count.increment();
        adder.join();
        taker.join();
        require(taken + count.load() == 8, "every addition counts once");
      },
      {.preemptions = 3});
}

// A reading counts what happened before it, and no more than there is.
TEST(sharded_counter, ReadsWhatHappenedBefore) {
  expect_proved(
      [] {
        lockfree::sharded_counter count;
        atomic<int> told{0};
        thread adder([&] {
          count.increment();
          told.store(1, memory_order_release);
          count.increment();
        });
        const int before = told.load(memory_order_acquire);
        const std::int64_t seen = count.load();
        require(seen >= before && seen <= 2, "between what was told and all");
      },
      {.preemptions = 3});
}

TEST(sharded_counter, TwoExchanges) {
  expect_proved(
      [] {
        lockfree::sharded_counter count(1);
        std::int64_t taken[2] = {};
        thread other([&] { taken[1] = count.exchange(0); });
        count.increment();
        taken[0] = count.exchange(0);
        other.join();
        require(taken[0] + taken[1] + count.load() == 2, "taken once");
      },
      {.preemptions = 3});
}

TEST(counters, AreLockFree) {
  expect_lock_free([] {
    lockfree::counter count;
    thread a([&] { within_steps(2, [&] { count.increment(); }); });
    thread b([&] { within_steps(2, [&] { (void)count.exchange(0); }); });
    thread c([&] { within_steps(2, [&] { (void)count.load(); }); });
  });
  expect_lock_free([] {
    lockfree::sharded_counter count;
    thread a([&] {
      count.increment();
      within_steps(3, [&] { count.increment(); });
    });
    thread b([&] { (void)count.exchange(0); });
    thread c([&] { (void)count.load(); });
  });
}

// What comes with the order that was asked for, and the right result, whoever else changes the value.
TEST(fetch, UpdatesAreAtomic) {
  expect_proved([] {
    atomic<int> value{1};
    const auto twice = [&] { fetch_update(value, [](int v) { return v * 2; }, memory_order_relaxed); };
    thread other(twice);
    value.fetch_add(1, memory_order_relaxed);
    other.join();
    const int v = value.load(memory_order_relaxed);
    require(v == 3 || v == 4, "one after the other");
  });
  expect_proved([] {
    atomic<int> value{1};
    thread other([&] { fetch_max(value, 3, memory_order_relaxed); });
    fetch_max(value, 2, memory_order_relaxed);
    other.join();
    require(value.load(memory_order_relaxed) == 3, "the largest");
  });
  expect_proved([] {
    atomic<int> value{5};
    thread other([&] { fetch_min(value, 3, memory_order_relaxed); });
    fetch_min(value, 4, memory_order_relaxed);
    other.join();
    require(value.load(memory_order_relaxed) == 3, "the smallest");
  });
}
TEST(fetch, UpdatesPublish) {
  expect_proved([] {
    atomic<int> value{0};
    plain<int> data;
    thread other([&] {
      data.construct(7);
      fetch_max(value, 1, memory_order_release);
    });
    if (fetch_max(value, 1, memory_order_acquire) == 1) require(data.read() == 7, "published");
  });
}
TEST(fetch, BoundedAdditionNeverPassesItsBound) {
  expect_proved([] {
    atomic<int> permits{1};
    int taken[2] = {};
    const auto take = [&](int me) { taken[me] = try_fetch_add(permits, -1, 0, memory_order_acquire); };
    {
      thread other([&] { take(1); });
      take(0);
    }
    require(taken[0] + taken[1] == 1 && permits.load(memory_order_relaxed) == 0, "one permit, one holder");
  });
}

}  // namespace
}  // namespace switchyard::model
