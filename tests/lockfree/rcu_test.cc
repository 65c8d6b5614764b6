// rcu: the standard's interface, who waits for whom, bounded garbage, ends of threads, bad use.

#include "switchyard/lockfree/rcu.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <concepts>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "switchyard/atomics/atomic.h"

namespace switchyard::lockfree {
namespace {

using namespace std::chrono_literals;

/// Counts those that live.
struct node : rcu_obj_base<node> {
  explicit node(atomic<int>& count) : living(&count) { count.fetch_add(1); }
  node(const node& other) : rcu_obj_base<node>(other), living(other.living) { living->fetch_add(1); }
  node& operator=(const node&) = default;
  ~node() { living->fetch_sub(1); }

  atomic<int>* living;
  std::uint64_t number = 0;
};

// -- C++26 ----------------------------------------------------------------------------------------------------

static_assert(!std::is_default_constructible_v<rcu_domain>);
static_assert(!std::is_copy_constructible_v<rcu_domain> && !std::is_copy_assignable_v<rcu_domain>);
static_assert(std::same_as<decltype(&rcu_domain::lock), void (rcu_domain::*)() noexcept>);
static_assert(std::same_as<decltype(&rcu_domain::try_lock), bool (rcu_domain::*)() noexcept>);
static_assert(std::same_as<decltype(&rcu_domain::unlock), void (rcu_domain::*)() noexcept>);
static_assert(std::same_as<decltype(&rcu_default_domain), rcu_domain& (*)() noexcept>);
static_assert(std::same_as<decltype(&rcu_synchronize), void (*)(rcu_domain&) noexcept>);
static_assert(std::same_as<decltype(&rcu_barrier), void (*)(rcu_domain&) noexcept>);
static_assert(std::same_as<decltype(&rcu_retire<int, std::default_delete<int>>),
                           void (*)(int*, std::default_delete<int>, rcu_domain&)>);
static_assert(noexcept(std::declval<node&>().retire()));
static_assert(noexcept(std::declval<node&>().retire({}, rcu_default_domain())));
static_assert(!std::is_default_constructible_v<rcu_obj_base<node>>);  // protected
static_assert(!std::is_destructible_v<rcu_obj_base<node>>);
static_assert(noexcept(rcu_synchronize()) && noexcept(rcu_barrier()));

TEST(rcu, LocksLikeALock) {
  rcu_domain& domain = rcu_default_domain();
  EXPECT_EQ(&domain, &rcu_default_domain());
  std::scoped_lock one(domain);
  std::unique_lock two(domain);
  std::unique_lock three(domain, std::try_to_lock);
  EXPECT_TRUE(three.owns_lock());
}

// -- Waiting for readers --------------------------------------------------------------------------------------

TEST(rcu, KeepsWhatASectionMaySee) {
  atomic<int> living{0};
  rcu_default_domain().lock();
  (new node(living))->retire();
  std::thread([] { rcu_default_domain().lock(), rcu_default_domain().unlock(); }).join();
  for (int i = 0; i < 2000; ++i) (new node(living))->retire();
  EXPECT_EQ(living.load(), 2001);
  rcu_default_domain().unlock();
  rcu_barrier();
  EXPECT_EQ(living.load(), 0);
}

TEST(rcu, SectionsWithinSections) {
  atomic<int> living{0};
  rcu_domain& domain = rcu_default_domain();
  domain.lock();
  domain.lock();
  (new node(living))->retire();
  domain.unlock();
  for (int i = 0; i < 2000; ++i) (new node(living))->retire();
  EXPECT_EQ(living.load(), 2001);
  domain.unlock();
  rcu_barrier();
  EXPECT_EQ(living.load(), 0);
}

TEST(rcu, SynchronizeWaitsForEarlierSectionsOnly) {
  atomic<int> stage{0};
  const auto reach = [&](int n) {
    stage.store(n);
    stage.notify_all();
  };
  const auto await_stage = [&](int n) {
    for (int s = stage.load(); s < n; s = stage.load()) stage.wait(s);
  };
  std::thread reader([&] {
    rcu_default_domain().lock();
    reach(1);
    await_stage(2);
    std::this_thread::sleep_for(30ms);  // time enough to return too early
    stage.fetch_add(10);
    rcu_default_domain().unlock();
  });
  await_stage(1);
  std::thread later;
  std::thread waiter([&] {
    reach(2);
    rcu_synchronize();
    EXPECT_GE(stage.load(), 10);
  });
  waiter.join();
  reader.join();
}

TEST(rcu, SynchronizeWithoutReadersReturns) {
  for (int i = 0; i < 100; ++i) rcu_synchronize();
}

TEST(rcu, BarrierWaitsForOtherThreadsDeleters) {
  atomic<int> living{0};
  atomic<int> stage{0};
  std::thread other([&] {
    rcu_default_domain().lock();
    for (int i = 0; i < 10; ++i) (new node(living))->retire();
    rcu_default_domain().unlock();
    stage.store(1);
    stage.notify_all();
    stage.wait(1);  // holds them in a list of its own
  });
  stage.wait(0);
  EXPECT_EQ(living.load(), 10);
  rcu_barrier();
  EXPECT_EQ(living.load(), 0);
  stage.store(2);
  stage.notify_all();
  other.join();
}

TEST(rcu, ManyBarriersAtOnce) {
  atomic<int> living{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 200; ++i) {
        (new node(living))->retire();
        rcu_barrier();
      }
    });
  }
  for (auto& t : threads) t.join();
  rcu_barrier();
  EXPECT_EQ(living.load(), 0);
}

// -- Retiring -------------------------------------------------------------------------------------------------

TEST(rcu, RetiresWhatHasNoBase) {
  int calls = 0;
  int number = 5;
  rcu_retire(&number, [&calls, extra = std::make_unique<int>(2)](int* n) { calls += *n + *extra; });
  rcu_retire(new std::string("with the default deleter"));
  rcu_barrier();
  EXPECT_EQ(calls, 7);
}

struct counted;
struct counting_deleter {
  int* calls = nullptr;
  std::unique_ptr<int> moved_only;
  void operator()(counted* object) const noexcept;
};
struct counted : std::string, rcu_obj_base<counted, counting_deleter> {};
void counting_deleter::operator()(counted* object) const noexcept {
  *calls += *moved_only;
  delete object;
}
TEST(rcu, DeletersMayHaveStateAndBeMovedOnly) {
  int calls = 0;
  (new counted)->retire(counting_deleter{&calls, std::make_unique<int>(3)});
  rcu_barrier();
  EXPECT_EQ(calls, 3);
}

struct link : rcu_obj_base<link> {
  link(atomic<int>& count, link* after) : living(&count), next(after) { count.fetch_add(1); }
  ~link() {
    living->fetch_sub(1);
    if (next != nullptr) next->retire();
  }
  atomic<int>* living;
  link* next;
};
TEST(rcu, ALongChainOfDeletersDoesNotOverflowTheStack) {
  atomic<int> living{0};
  std::thread([&] {
    link* first = nullptr;
    for (int i = 0; i < 100'000; ++i) first = new link(living, first);
    first->retire();
  }).join();
  EXPECT_EQ(living.load(), 0);
}

// Reading and retiring for ever: what waits comes down to some batches whenever the sections that had begun have ended.
TEST(rcu, GarbageIsBoundedWhileSectionsEnd) {
  atomic<int> living{0};
  atomic<node*> current{new node(living)};
  atomic<bool> stop{false};
  std::vector<std::thread> readers;
  for (int r = 0; r < 2; ++r) {
    readers.emplace_back([&] {
      std::uint64_t sum = 0;
      while (!stop.load(memory_order_relaxed)) {
        std::scoped_lock reading(rcu_default_domain());
        sum += current.load(memory_order_acquire)->number;
      }
      EXPECT_EQ(sum, 0U);
    });
  }
  constexpr int batch = 1100;  // more than makes a thread look
  const auto retire = [&](int n) {
    for (int i = 0; i < n; ++i) current.exchange(new node(living), memory_order_acq_rel)->retire();
  };
  for (int round = 0; round < 20; ++round) {
    retire(10'000);
    // A reader that lost its processor in a section keeps what is retired until it has it back: then what waited goes,
    // what came since begins to wait, and goes the next time.
    for (int i = 0; i < 2; ++i) {
      rcu_synchronize();
      retire(batch);
    }
    EXPECT_LE(living.load(), 3 * batch);
  }
  stop.store(true);
  for (auto& r : readers) r.join();
  current.exchange(nullptr)->retire();
  rcu_barrier();
  EXPECT_EQ(living.load(), 0);
}

TEST(rcu, AThreadThatEndsLeavesNothing) {
  atomic<int> living{0};
  std::thread([&] {
    for (int i = 0; i < 10; ++i) (new node(living))->retire();
  }).join();
  EXPECT_EQ(living.load(), 0);
}

TEST(rcu, WhatIsStillReadOutlivesTheThreadThatRetiredIt) {
  atomic<int> living{0};
  {
    std::scoped_lock reading(rcu_default_domain());
    std::thread([&] { (new node(living))->retire(); }).join();
    EXPECT_EQ(living.load(), 1);
  }
  rcu_barrier();
  EXPECT_EQ(living.load(), 0);
}

// -- The end --------------------------------------------------------------------------------------------------

/// Reads and retires as late as it can, and says on standard error what came of it.
struct late {
  atomic<int> living{0};

  late() {}  // not trivial, so that it is destroyed after what `begin` makes
  void begin() {
    std::scoped_lock reading(rcu_default_domain());
    (new node(living))->retire();
  }
  ~late() {
    begin();
    {
      std::scoped_lock reading(rcu_default_domain());
      std::scoped_lock again(rcu_default_domain());
    }
    (new node(living))->retire();
    std::fprintf(stderr, "%d left at the end\n", living.load());
    std::fflush(stderr);
  }
};
TEST(rcu_death_test, StaticDestructorsMayUseIt) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        static late at_exit;
        at_exit.begin();
        std::exit(3);
      },
      testing::ExitedWithCode(3), "^0 left at the end");
}
TEST(rcu_death_test, ThreadLocalDestructorsMayUseIt) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        std::thread([] {
          thread_local late at_thread_exit;
          at_thread_exit.begin();
        }).join();
        std::exit(3);
      },
      testing::ExitedWithCode(3), "^0 left at the end");
}

#ifndef NDEBUG
TEST(rcu_death_test, BadUse) {
  EXPECT_DEATH(rcu_default_domain().unlock(), "unlock without lock");
  EXPECT_DEATH(
      {
        std::scoped_lock reading(rcu_default_domain());
        rcu_synchronize();
      },
      "waits for a reader: itself");
  EXPECT_DEATH(
      {
        atomic<int> living{0};
        auto* const n = new node(living);
        std::scoped_lock reading(rcu_default_domain());
        n->retire();
        n->retire();
      },
      "an object is retired twice");
  EXPECT_DEATH(
      {
        rcu_retire(new int, [](int*) { rcu_barrier(); });
        rcu_barrier();
      },
      "waits for a deleter: its caller");
}
#endif

}  // namespace
}  // namespace switchyard::lockfree
