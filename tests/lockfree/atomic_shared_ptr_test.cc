#include "switchyard/lockfree/atomic_shared_ptr.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <memory>
#include <new>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "switchyard/atomics/atomic.h"
#include "switchyard/lockfree/rcu.h"
#include "switchyard/tests/conformance/value_support.h"

namespace switchyard::lockfree {
namespace {

using conformance::poor;
using conformance::purse;
using text = std::shared_ptr<std::string>;
text make(const char* s) { return std::make_shared<std::string>(s); }

TEST(atomic_shared_ptr, HasTheMembersOfTheStandards) {
  using ours = atomic_shared_ptr<std::string>;
  static_assert(std::is_same_v<ours::value_type, text> && ours::is_always_lock_free);
  static_assert(!std::is_copy_constructible_v<ours> && !std::is_copy_assignable_v<ours>);
  static_assert(std::is_nothrow_default_constructible_v<ours> && std::is_convertible_v<text, ours>);
  ours p;
  EXPECT_TRUE(p.is_lock_free());
  EXPECT_EQ(p.load(), nullptr);
  const text a = make("a");
  p.store(a, memory_order_release);
  EXPECT_EQ(p.load(memory_order_acquire), a);
  EXPECT_EQ(a.use_count(), 2);
  text b = p;
  EXPECT_EQ(b, a);
  p = make("c");
  EXPECT_EQ(*p.load(), "c");
  EXPECT_EQ(a.use_count(), 2);
  EXPECT_EQ(*p.exchange(b, memory_order_acq_rel), "c");
  text expected = make("a");  // equal, but another
  EXPECT_FALSE(p.compare_exchange_strong(expected, nullptr));
  EXPECT_EQ(expected, a);
  EXPECT_TRUE(p.compare_exchange_weak(expected, make("d"), memory_order_acq_rel, memory_order_relaxed));
  EXPECT_EQ(expected, a);
  EXPECT_EQ(*p.load(), "d");
  p = nullptr;
  EXPECT_EQ(p.load(), nullptr);
  expected = nullptr;
  EXPECT_TRUE(p.compare_exchange_strong(expected, a));
  ours q(a);
  ours null(nullptr);
  EXPECT_EQ(null.load(), nullptr);
  EXPECT_EQ(a.use_count(), 4);  // a, b, p, q
}

struct noisy {
  explicit noisy(int& d) : destroyed(d) {}
  ~noisy() { ++destroyed; }
  int& destroyed;
};
TEST(atomic_shared_ptr, WhatIsReplacedGoesWithItsLastUser) {
  int destroyed = 0;
  {
    atomic_shared_ptr<noisy> p(std::make_shared<noisy>(destroyed));
    p.store(std::make_shared<noisy>(destroyed));
    EXPECT_EQ(destroyed, 1);
    auto mine = p.load();
    p.store(nullptr);
    EXPECT_EQ(destroyed, 1);
    mine.reset();
    EXPECT_EQ(destroyed, 2);
    p.store(std::make_shared<noisy>(destroyed));
    auto expected = p.load();
    EXPECT_TRUE(p.compare_exchange_strong(expected, nullptr));
    EXPECT_EQ(destroyed, 2);
    expected.reset();
    EXPECT_EQ(destroyed, 3);
    p.store(std::make_shared<noisy>(destroyed));
  }
  EXPECT_EQ(destroyed, 4);
}

// The same address with another owner is another pointer; so is one that owns nothing.
TEST(atomic_shared_ptr, PointersThatShareOwnersOrHaveNone) {
  struct pair {
    int first = 1;
    int second = 2;
  };
  const auto owner = std::make_shared<pair>();
  const std::shared_ptr<int> first(owner, &owner->first);
  const std::shared_ptr<int> second(owner, &owner->second);
  const std::shared_ptr<int> unowned(std::shared_ptr<int>(), &owner->first);
  const std::shared_ptr<int> null_with_owner(owner, nullptr);
  EXPECT_EQ(unowned.use_count(), 0);
  const std::vector<std::shared_ptr<int>> all{first, second, unowned, null_with_owner, nullptr};
  const auto same = [](const auto& a, const auto& b) {
    return a == b && !a.owner_before(b) && !b.owner_before(a);
  };
  atomic_shared_ptr<int> p;
  for (const auto& now : all) {
    p.store(now);
    const long users = owner.use_count();
    EXPECT_TRUE(same(p.load(), now));
    for (const auto& other : all) {
      if (&other == &now) continue;
      auto expected = other;
      EXPECT_FALSE(p.compare_exchange_strong(expected, first));
      EXPECT_TRUE(same(expected, now));
    }
    auto expected = now;
    EXPECT_TRUE(p.compare_exchange_strong(expected, now));
    EXPECT_TRUE(same(p.exchange(now), now));
    EXPECT_EQ(owner.use_count(), users + (now.use_count() != 0));  // and `expected`
  }
}

TEST(atomic_shared_ptr, OfArraysAndConstAndDeleters) {
  atomic_shared_ptr<int[]> array(std::make_shared<int[]>(3));
  array.load()[2] = 7;
  EXPECT_EQ(array.load()[2], 7);
  atomic_shared_ptr<const std::string> constant(std::make_shared<const std::string>("a"));
  EXPECT_EQ(*constant.load(), "a");
  int deleted = 0;
  {
    atomic_shared_ptr<void> any(std::shared_ptr<void>(&deleted, [](void* n) { ++*static_cast<int*>(n); }));
    any.store(nullptr);
    EXPECT_EQ(deleted, 1);
  }
}

// An object that, as it goes, uses the pointer that it was in.
struct busy {
  atomic_shared_ptr<busy>* home;
  explicit busy(atomic_shared_ptr<busy>* h) : home(h) {}
  ~busy() {
    if (home == nullptr) return;
    home->store(std::make_shared<busy>(nullptr));
    (void)home->load();
    rcu_synchronize();  // not in a section
  }
};
TEST(atomic_shared_ptr, WhatGoesMayUseIt) {
  atomic_shared_ptr<busy> p;
  p.store(std::make_shared<busy>(&p));
  p.store(nullptr);
  EXPECT_NE(p.load(), nullptr);
  p.store(std::make_shared<busy>(&p));
  std::shared_ptr<busy> expected = std::make_shared<busy>(&p);
  EXPECT_FALSE(p.compare_exchange_strong(expected, nullptr));
  expected.reset();
  p.store(std::make_shared<busy>(nullptr));
}

TEST(atomic_shared_ptr, WaitsForAChange) {
  atomic_shared_ptr<std::string> p(make("a"));
  p.wait(nullptr);  // it is another already
  atomic<int> woken{0};
  {
    const text a = p.load();
    std::vector<std::jthread> threads;
    for (int i = 0; i < 3; ++i) {
      threads.emplace_back([&] {
        p.wait(a);
        EXPECT_EQ(*p.load(), "b");
        woken.fetch_add(1);
      });
    }
    p.store(make("b"));
    p.notify_all();
  }
  EXPECT_EQ(woken.load(), 3);
}

TEST(atomic_shared_ptr, WithoutMemoryNothingHasChanged) {
  {
    atomic_shared_ptr<std::string, poor<std::byte>> p;
    const text a = make("a");
    EXPECT_THROW(p.store(a), std::bad_alloc);
    EXPECT_THROW(p.exchange(a), std::bad_alloc);
    text expected;
    EXPECT_THROW(p.compare_exchange_strong(expected, a), std::bad_alloc);
    EXPECT_EQ(expected, nullptr);
    EXPECT_EQ(p.load(), nullptr);
    EXPECT_EQ(a.use_count(), 1);
    purse::left = 1;
    p.store(a);
    expected = nullptr;
    EXPECT_FALSE(p.compare_exchange_strong(expected, nullptr));  // takes none
    EXPECT_THROW(p.compare_exchange_strong(expected, make("b")), std::bad_alloc);
    EXPECT_EQ(p.load(), a);
    p.store(nullptr);  // takes none
    EXPECT_EQ(a.use_count(), 2);  // and `expected`
  }
  rcu_barrier();
  EXPECT_EQ(purse::out.load(), 0);
}

TEST(atomic_shared_ptr, ManyThreads) {
  struct item {
    explicit item(int n) : number(n), again(n) {}
    ~item() { number = -1; }
    int number;
    int again;
  };
  atomic_shared_ptr<item> p(std::make_shared<item>(0));
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 3; ++t) {
      threads.emplace_back([&] {
        auto seen = p.load();
        for (int i = 0; i < 2000; ++i) {
          while (!p.compare_exchange_weak(seen, std::make_shared<item>(seen->number + 1))) {
          }
        }
      });
      threads.emplace_back([&] {
        int last = 0;
        while (last < 6000) {
          const auto seen = p.load();
          EXPECT_EQ(seen->number, seen->again);
          EXPECT_GE(seen->number, last);
          last = seen->number;
        }
      });
    }
  }
  EXPECT_EQ(p.load()->number, 6000);
}

}  // namespace
}  // namespace switchyard::lockfree
