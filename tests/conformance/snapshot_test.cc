// snapshot of both sides: the same tests for each.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <new>
#include <shared_mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "switchyard/atomics/atomic.h"
#include "switchyard/blocking/snapshot.h"
#include "switchyard/lockfree/hazard_pointer.h"
#include "switchyard/lockfree/rcu.h"
#include "switchyard/lockfree/snapshot.h"
#include "switchyard/tests/conformance/value_support.h"

namespace switchyard::conformance {
namespace {

struct blocking_side {
  template <class T, class Allocator = std::allocator<T>>
  using snapshot = blocking::snapshot<T, Allocator>;
};
struct lockfree_side {
  template <class T, class Allocator = std::allocator<T>>
  using snapshot = lockfree::snapshot<T, Allocator>;
};

template <class Side>
class snapshots : public testing::Test {};
using sides = testing::Types<blocking_side, lockfree_side>;
TYPED_TEST_SUITE(snapshots, sides);

#define SNAPSHOT(...) typename TypeParam::template snapshot<__VA_ARGS__>

/// Neither copied nor moved.
struct pinned {
  pinned(int a, int b) : sum(a + b) {}
  pinned(const pinned&) = delete;
  pinned& operator=(const pinned&) = delete;
  int sum;
};

TYPED_TEST(snapshots, IsBuiltFromArguments) {
  SNAPSHOT(int) zero;
  EXPECT_EQ(zero.load(), 0);
  EXPECT_EQ(zero.version(), 0u);
  SNAPSHOT(std::string) word(std::size_t{3}, 'x');
  EXPECT_EQ(word.load(), "xxx");
  SNAPSHOT(pinned) p(1, 2);
  EXPECT_EQ(p.get()->sum, 3);
  using words = SNAPSHOT(std::string);
  static_assert(!std::is_copy_constructible_v<words> && !std::is_move_constructible_v<words>);
  static_assert(!std::is_convertible_v<const char*, words> && std::is_constructible_v<words, const char*>);
  static_assert(!std::is_constructible_v<words, std::vector<int>>);
  words other(std::allocator_arg, std::allocator<std::string>(), "abc");
  EXPECT_EQ(other.load(), "abc");
  (void)other.get_allocator();
}

TYPED_TEST(snapshots, ReadGivesWhatFReturnsByValue) {
  const SNAPSHOT(std::string) s("abc");
  expect_read_gives_what_f_returns(s);
}

TYPED_TEST(snapshots, EachChangeIsANewVersion) {
  SNAPSHOT(std::string) s("a");
  EXPECT_EQ(s.store("b"), 1u);
  EXPECT_EQ(s.emplace(std::size_t{3}, 'c'), 2u);
  EXPECT_EQ(s.load(), "ccc");
  EXPECT_EQ(s.update([](std::string& x) { x += "d"; }), 3u);
  EXPECT_EQ(s.update([](const std::string& x) { return x + "e"; }), 4u);
  EXPECT_EQ(s.update([](auto& x) { x += "f"; }), 5u);
  EXPECT_EQ(s.update([](const std::string&) { return "g"; }), 6u);
  EXPECT_EQ(s.load(), "g");
  const auto before = s.exchange("h");
  EXPECT_EQ(*before, "g");
  EXPECT_EQ(before.version(), 6u);
  EXPECT_EQ(s.version(), 7u);
  EXPECT_EQ(s.get().version(), 7u);
  EXPECT_EQ(*s.get(), "h");
}

TYPED_TEST(snapshots, AHandleKeepsItsVersion) {
  using words = SNAPSHOT(std::string);
  auto s = std::make_unique<words>("a string that is too long to be kept within");
  auto kept = s->get();
  for (int i = 0; i < 3000; ++i) s->store("another string that is too long to be kept within");
  EXPECT_EQ(*kept, "a string that is too long to be kept within");
  EXPECT_EQ(kept->size(), 43u);
  EXPECT_EQ(kept.version(), 0u);
  auto last = s->get();
  s.reset();
  for (int i = 0; i < 3000; ++i) (void)words("some work for who reclaims, which should not touch what is kept");
  EXPECT_EQ(*kept, "a string that is too long to be kept within");
  EXPECT_EQ(*last, "another string that is too long to be kept within");
  EXPECT_EQ(last.version(), 3000u);
}

TYPED_TEST(snapshots, HandlesAreMoved) {
  using words = SNAPSHOT(std::string);
  using handle = typename words::handle;
  static_assert(std::is_nothrow_move_constructible_v<handle> && std::is_nothrow_move_assignable_v<handle>);
  static_assert(std::is_nothrow_default_constructible_v<handle> && !std::is_copy_constructible_v<handle>);
  words s("a");
  handle none;
  EXPECT_FALSE(none);
  EXPECT_EQ(none.get(), nullptr);
  handle a = s.get();
  s.store("b");
  handle b = s.get();
  swap(a, b);
  EXPECT_EQ(*a, "b");
  EXPECT_EQ(*b, "a");
  handle c = std::move(b);
  EXPECT_FALSE(b);  // NOLINT: moved from on purpose
  EXPECT_EQ(*c, "a");
  c = std::move(a);
  EXPECT_EQ(*c, "b");
  c.reset();
  EXPECT_FALSE(c);
  c = s.get();
  // Made in one thread, used and ended in another.
  std::thread([mine = std::move(c)] { EXPECT_EQ(*mine, "b"); }).join();
}

TYPED_TEST(snapshots, RefreshSaysWhetherThereIsSomethingNew) {
  using numbers = SNAPSHOT(int);
  numbers s(1);
  typename numbers::handle kept;
  EXPECT_TRUE(s.refresh(kept));
  EXPECT_EQ(*kept, 1);
  EXPECT_FALSE(s.refresh(kept));
  s.store(2);
  EXPECT_EQ(*kept, 1);
  EXPECT_TRUE(s.refresh(kept));
  EXPECT_EQ(*kept, 2);
  EXPECT_FALSE(s.refresh(kept));
  numbers other(3);
  EXPECT_TRUE(other.refresh(kept));
  EXPECT_EQ(*kept, 3);
}

TYPED_TEST(snapshots, TryUpdateOnlyIfNothingHasChanged) {
  SNAPSHOT(std::string) s("a");
  const auto first = s.get();
  EXPECT_TRUE(s.try_update(first, "b"));
  EXPECT_EQ(*first, "a");
  EXPECT_FALSE(s.try_update(first, "c"));
  EXPECT_EQ(s.load(), "b");
  EXPECT_EQ(s.version(), 1u);
  EXPECT_THROW(s.try_update({}, "d"), std::invalid_argument);
  EXPECT_TRUE(s.try_update(s.get(), "e"));
  EXPECT_EQ(s.load(), "e");
}

TYPED_TEST(snapshots, WhenFThrowsNothingHasChanged) {
  using stock = std::map<std::string, int>;
  SNAPSHOT(stock) s(stock{{"apples", 3}});
  EXPECT_THROW(s.update([](stock& m) {
    --m.at("apples");
    m["plums"] = 1;
    --m.at("pears");
  }),
               std::out_of_range);
  EXPECT_THROW(s.update([](const stock&) -> stock { throw std::runtime_error("no"); }), std::runtime_error);
  EXPECT_EQ(s.load(), (stock{{"apples", 3}}));
  EXPECT_EQ(s.version(), 0u);
}

// Every construction that there is fails in turn.
TYPED_TEST(snapshots, WhenACopyThrowsNothingHasChanged) {
  const int before = fragile::living.load();
  std::thread([] {
    SNAPSHOT(fragile) s(1);
    const auto in_turn = [&](auto call) {
      const int now = s.get()->number;
      const std::uint64_t version = s.version();
      fail_in_turn(call, [&] {
        EXPECT_EQ(s.get()->number, now);
        EXPECT_EQ(s.version(), version);
      });
    };
    in_turn([&] { s.update([](fragile& x) { x.number = 10; }); });
    in_turn([&] { s.update([](const fragile&) { return fragile(11); }); });
    in_turn([&] { s.store(fragile(12)); });
    in_turn([&] { s.emplace(13); });
    in_turn([&] { EXPECT_EQ(s.exchange(fragile(14))->number, 13); });
    in_turn([&] { EXPECT_TRUE(s.try_update(s.get(), fragile(15))); });
    in_turn([&] { EXPECT_EQ(s.load().number, 15); });
    EXPECT_EQ(s.version(), 6u);
  }).join();
  lockfree::rcu_barrier();
  lockfree::detail::hazard_reclaim_soon();
  EXPECT_EQ(fragile::living.load(), before);
}

TYPED_TEST(snapshots, OfWhatCanOnlyBeMovedOrNotAtAll) {
  SNAPSHOT(std::unique_ptr<int>) s(std::make_unique<int>(1));
  s.store(std::make_unique<int>(2));
  EXPECT_EQ(**s.get(), 2);
  s.update([](const std::unique_ptr<int>& x) { return std::make_unique<int>(*x + 1); });
  EXPECT_EQ(**s.exchange(nullptr), 3);
  EXPECT_EQ(*s.get(), nullptr);
  SNAPSHOT(pinned) p(1, 2);
  p.emplace(3, 4);
  EXPECT_EQ(p.read([](const pinned& x) { return x.sum; }), 7);
}

// What f does to other snapshots, and reads of this one, is nobody else's business.
TYPED_TEST(snapshots, FMayUseSnapshots) {
  SNAPSHOT(int) s(1);
  SNAPSHOT(int) t(10);
  EXPECT_EQ(s.read([&](const int& x) {
    s.store(5);
    t.update([&](int& y) { y += s.load(); });
    return x;
  }),
            1);
  s.update([&](int& x) { x += t.load() + static_cast<int>(s.version()) + *s.get(); });
  EXPECT_EQ(s.load(), 5 + 15 + 1 + 5);
}

struct alignas(128) aligned {
  int number = 3;
};
TYPED_TEST(snapshots, OverAligned) {
  SNAPSHOT(aligned) s;
  s.update([](aligned& a) { EXPECT_EQ(reinterpret_cast<std::uintptr_t>(&a) % 128, 0u); });
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(s.get().get()) % 128, 0u);
}

TYPED_TEST(snapshots, WithoutMemoryNothingHasChanged) {
  std::thread([] {
    using of_poor = SNAPSHOT(std::string, poor<std::string>);
    EXPECT_THROW(of_poor("x"), std::bad_alloc);
    purse::left = 1;
    of_poor s("a");
    EXPECT_THROW(s.store("b"), std::bad_alloc);
    EXPECT_THROW(s.emplace("b"), std::bad_alloc);
    EXPECT_THROW(s.exchange("b"), std::bad_alloc);
    EXPECT_THROW(s.update([](std::string& x) { x = "b"; }), std::bad_alloc);
    EXPECT_THROW(s.try_update(s.get(), "b"), std::bad_alloc);
    EXPECT_EQ(s.load(), "a");
    EXPECT_EQ(s.version(), 0u);
    purse::left = 1;
    EXPECT_EQ(s.store("b"), 1u);
    EXPECT_EQ(purse::left, 0);
  }).join();
  lockfree::rcu_barrier();
  lockfree::detail::hazard_reclaim_soon();
  EXPECT_EQ(purse::out.load(), 0);
}

// Large values do not pile up.
TYPED_TEST(snapshots, OldVersionsGoSoon) {
  const int before = fragile::living.load();
  SNAPSHOT(fragile) s(0);
  int most = 0;
  for (int i = 1; i < 2000; ++i) {
    s.emplace(i);
    most = std::max(most, fragile::living.load() - before);
  }
  EXPECT_LE(most, 64);
}

TYPED_TEST(snapshots, ReadersSeeWholeVersionsInOrder) {
  SNAPSHOT(std::vector<int>) s(std::size_t{3}, 0);
  atomic<bool> done{false};
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 2; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < 1500; ++i) {
          if (t == 0) {
            s.update([](std::vector<int>& v) {
              for (int& x : v) ++x;
            });
          } else {
            s.update([](const std::vector<int>& v) { return std::vector<int>(v.size(), v[0] + 1); });
          }
        }
        if (t == 0) done.store(true);
      });
    }
    for (int t = 0; t < 3; ++t) {
      threads.emplace_back([&, t] {
        auto kept = s.get();
        int last = t == 2 ? (*kept)[0] : 0;
        const auto look = [&](const std::vector<int>& v) {
          EXPECT_EQ(v[0], v[1]);
          EXPECT_EQ(v[1], v[2]);
          EXPECT_GE(v[0], last);
          last = v[0];
        };
        while (!done.load()) {
          if (t == 0) s.read(look);
          if (t == 1) look(*s.get());
          if (t == 2) {
            const bool is_new = s.refresh(kept);
            EXPECT_EQ(is_new, (*kept)[0] > last);
            look(*kept);
            EXPECT_EQ(static_cast<std::uint64_t>(last), kept.version());
            if (!is_new) std::this_thread::yield();
          }
        }
      });
    }
  }
  EXPECT_EQ(s.load(), (std::vector<int>{3000, 3000, 3000}));
  EXPECT_EQ(s.version(), 3000u);
}

TEST(lockfree_snapshot, FMayBeCalledAgain) {
  lockfree::snapshot<int> s(0);
  int calls = 0;
  s.update([&](int& x) {
    if (++calls == 1) s.store(5);  // as another thread might
    ++x;
  });
  EXPECT_EQ(calls, 2);
  EXPECT_EQ(s.load(), 6);
}

TEST(blocking_snapshot, WithAnotherLock) {
  blocking::snapshot<int, std::allocator<int>, std::shared_mutex> s(1);
  s.update([](int& x) { ++x; });
  EXPECT_EQ(s.load(), 2);
}

}  // namespace
}  // namespace switchyard::conformance
