// hash_map and ordered_map of both sides: the same tests for each.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <new>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "switchyard/atomics/atomic.h"
#include "switchyard/blocking/hash_map.h"
#include "switchyard/blocking/ordered_map.h"
#include "switchyard/blocking/shared_mutex.h"
#include "switchyard/interface/map.h"
#include "switchyard/lockfree/hash_map.h"
#include "switchyard/lockfree/ordered_map.h"
#include "switchyard/lockfree/rcu.h"

namespace switchyard::conformance {
namespace {

/// The first copy of a T, or the first call of its kind, in so many calls that throws.
struct blow {};
thread_local int throws_in = 0;
void strike() {
  if (throws_in > 0 && --throws_in == 0) throw blow();
}

/// Hashes, compares and orders; each may throw.
template <class Key>
struct by_hash {
  std::size_t operator()(const Key& key) const {
    strike();
    return std::hash<Key>()(key);
  }
};
template <class Key>
struct is_equal {
  bool operator()(const Key& a, const Key& b) const {
    strike();
    return a == b;
  }
};
template <class Key>
struct is_less {
  bool operator()(const Key& a, const Key& b) const {
    strike();
    return a < b;
  }
};

/// What was taken and not given back, in bytes.
atomic<std::int64_t> taken{0};
template <class T>
struct counting {
  using value_type = T;
  counting() = default;
  template <class U>
  counting(const counting<U>&) noexcept {}
  T* allocate(std::size_t n) {
    strike();
    T* const room = std::allocator<T>().allocate(n);
    taken.fetch_add(static_cast<std::int64_t>(n * sizeof(T)));
    return room;
  }
  void deallocate(T* room, std::size_t n) noexcept {
    taken.fetch_sub(static_cast<std::int64_t>(n * sizeof(T)));
    std::allocator<T>().deallocate(room, n);
  }
  friend bool operator==(const counting&, const counting&) { return true; }
};

struct blocking_hash {
  static constexpr bool ordered = false;
  template <class Key, class T>
  using map = blocking::hash_map<Key, T>;
  template <class Key, class T>
  using unlucky = blocking::hash_map<Key, T, by_hash<Key>, is_equal<Key>, counting<Key>>;
};
struct lockfree_hash {
  static constexpr bool ordered = false;
  template <class Key, class T>
  using map = lockfree::hash_map<Key, T>;
  template <class Key, class T>
  using unlucky = lockfree::hash_map<Key, T, by_hash<Key>, is_equal<Key>, counting<Key>>;
};
struct blocking_ordered {
  static constexpr bool ordered = true;
  template <class Key, class T>
  using map = blocking::ordered_map<Key, T, std::less<Key>, std::allocator<Key>, blocking::shared_mutex>;
  template <class Key, class T>
  using unlucky = blocking::ordered_map<Key, T, is_less<Key>, counting<Key>>;
};
struct lockfree_ordered {
  static constexpr bool ordered = true;
  template <class Key, class T>
  using map = lockfree::ordered_map<Key, T>;
  template <class Key, class T>
  using unlucky = lockfree::ordered_map<Key, T, is_less<Key>, counting<Key>>;
};

template <class Side>
class maps : public testing::Test {};
using sides = testing::Types<blocking_hash, lockfree_hash, blocking_ordered, lockfree_ordered>;
TYPED_TEST_SUITE(maps, sides);

#define MAP(...) typename TypeParam::template map<__VA_ARGS__>
#define UNLUCKY(...) typename TypeParam::template unlucky<__VA_ARGS__>

template <class Map>
auto all_of(const Map& map) {
  std::map<typename Map::key_type, typename Map::mapped_type> all;
  map.for_each([&](const auto& key, const auto& value) { EXPECT_TRUE(all.emplace(key, value).second) << "met twice"; });
  return all;
}

TYPED_TEST(maps, AreMaps) {
  using words = MAP(std::string, int);
  static_assert(concurrent_map<words> && concurrent_ordered_map<words> == TypeParam::ordered);
  static_assert(!std::is_copy_constructible_v<words> && !std::is_move_constructible_v<words>);
  words m;
  EXPECT_TRUE(m.empty_approx());
  EXPECT_EQ(m.find("a"), std::nullopt);
  EXPECT_FALSE(m.erase("a"));
  EXPECT_FALSE(m.update("a", [](int&) { FAIL(); }));
  EXPECT_EQ(m.extract("a"), std::nullopt);
  EXPECT_TRUE(m.insert("a", 1));
  EXPECT_FALSE(m.insert("a", 2));
  EXPECT_EQ(m.find("a"), 1);
  EXPECT_TRUE(m.insert_or_assign("b", 3));
  EXPECT_FALSE(m.insert_or_assign("b", 4));
  EXPECT_EQ(m.find("b"), 4);
  EXPECT_TRUE(m.update("b", [](int& x) { x *= 2; }));
  EXPECT_EQ(m.find("b"), 8);
  EXPECT_TRUE(m.insert_or_update("c", 5, [](int&) { FAIL(); }));
  EXPECT_FALSE(m.insert_or_update("c", 6, [](int& x) { ++x; }));
  EXPECT_EQ(m.size_approx(), 3u);
  EXPECT_EQ(all_of(m), (std::map<std::string, int>{{"a", 1}, {"b", 8}, {"c", 6}}));
  int seen = 0;
  EXPECT_TRUE(m.visit("c", [&](const int& x) { seen = x; }));
  EXPECT_EQ(seen, 6);
  EXPECT_FALSE(m.visit("d", [](const int&) { FAIL(); }));
  EXPECT_TRUE(m.contains("a"));
  EXPECT_FALSE(m.erase_if("a", [](const int& x) { return x == 2; }));
  EXPECT_TRUE(m.erase_if("a", [](const int& x) { return x == 1; }));
  EXPECT_FALSE(m.contains("a"));
  EXPECT_EQ(m.extract("b"), 8);
  EXPECT_FALSE(m.contains("b"));
  m.clear();
  EXPECT_TRUE(m.empty_approx());
  EXPECT_TRUE(all_of(m).empty());
  EXPECT_TRUE(m.insert("a", 9));  // and goes on
  EXPECT_EQ(m.find("a"), 9);
}

/// Does the same, at random, to a map of the standard library.
template <class Map, class Key>
void compare_with_std(Key key_of) {
  std::minstd_rand random(7);
  Map m;
  std::map<typename Map::key_type, std::string> expected;
  for (int i = 0; i < 30'000; ++i) {
    // At first mostly insertions, so that it grows.
    const auto key = key_of(random() % 2000);
    const std::string value = "value " + std::to_string(i);
    const auto at = expected.find(key);
    const bool there = at != expected.end();
    switch (random() % (i < 10'000 ? 6 : 10)) {
      case 0:
      case 1:
        EXPECT_EQ(m.insert(key, value), !there);
        expected.emplace(key, value);
        break;
      case 2:
        EXPECT_EQ(m.insert_or_assign(key, value), !there);
        expected[key] = value;
        break;
      case 3:
        EXPECT_EQ(m.insert_or_update(key, value, [&](std::string& x) { x += '!'; }), !there);
        if (there) at->second += '!';
        if (!there) expected[key] = value;
        break;
      case 4:
        EXPECT_EQ(m.update(key, [&](std::string& x) { x += '?'; }), there);
        if (there) at->second += '?';
        break;
      case 5:
        EXPECT_EQ(m.find(key), there ? std::optional(at->second) : std::nullopt);
        break;
      case 6:
        EXPECT_EQ(m.extract(key), there ? std::optional(at->second) : std::nullopt);
        expected.erase(key);
        break;
      default:
        EXPECT_EQ(m.erase(key), there);
        expected.erase(key);
    }
    if constexpr (concurrent_ordered_map<Map>) {
      using pair = typename Map::value_type;
      const auto as_pair = [&](auto found) { return found == expected.end() ? std::nullopt : std::optional<pair>(*found); };
      if (i % 100 == 0) {
        EXPECT_EQ(m.first(), as_pair(expected.begin()));
        EXPECT_EQ(m.lower_bound(key), as_pair(expected.lower_bound(key)));
        const auto to = key_of(random() % 2000);
        std::vector<pair> range;
        m.for_each_in(key, to, [&](const auto& k, const std::string& v) { range.emplace_back(k, v); });
        const auto end = key < to ? expected.lower_bound(to) : expected.lower_bound(key);
        EXPECT_EQ(range, std::vector<pair>(expected.lower_bound(key), end));
        if (i % 700 == 0) {
          EXPECT_EQ(m.pop_first(), as_pair(expected.begin()));
          if (!expected.empty()) expected.erase(expected.begin());
        }
      }
    }
  }
  EXPECT_EQ(all_of(m), expected);
  EXPECT_EQ(m.size_approx(), expected.size());
  if constexpr (concurrent_ordered_map<Map>) {
    std::vector<typename Map::key_type> keys;
    m.for_each([&](const auto& key, const std::string&) { keys.push_back(key); });
    EXPECT_TRUE(std::is_sorted(keys.begin(), keys.end()));
  }
}

TYPED_TEST(maps, DoWhatStdMapDoes) {
  compare_with_std<MAP(int, std::string)>([](unsigned long n) { return static_cast<int>(n); });
  // Keys that differ in the upper bits alone.
  compare_with_std<MAP(std::uint64_t, std::string)>([](unsigned long n) { return std::uint64_t{n} << 50; });
}

TYPED_TEST(maps, MoveOnlyAndOverAlignedAndSets) {
  MAP(std::unique_ptr<int>, std::unique_ptr<int>) m;
  int* const key = new int(1);
  EXPECT_TRUE(m.insert(std::unique_ptr<int>(key), std::make_unique<int>(2)));
  std::unique_ptr<int> same(key);
  EXPECT_TRUE(m.contains(same));
  auto value = std::make_unique<int>(3);
  EXPECT_FALSE(m.insert(std::move(same), std::move(value)));
  EXPECT_TRUE(same && value) << "as they were";
  EXPECT_TRUE(m.insert_or_assign(std::make_unique<int>(5), nullptr));
  int seen = 0;
  EXPECT_TRUE(m.visit(same, [&](const std::unique_ptr<int>& v) { seen = *v; }));
  EXPECT_EQ(seen, 2);
  EXPECT_TRUE(m.erase(same));
  (void)same.release();

  struct alignas(128) wide {
    explicit wide(int n) : number(n) { EXPECT_EQ(reinterpret_cast<std::uintptr_t>(this) % 128, 0u); }
    wide(const wide& other) : number(other.number) { EXPECT_EQ(reinterpret_cast<std::uintptr_t>(this) % 128, 0u); }
    wide& operator=(const wide&) = default;
    int number;
  };
  MAP(int, wide) w;
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(w.insert(i, i));
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(w.visit(i, [&](const wide& x) { EXPECT_EQ(x.number, i); }));

  MAP(std::string, std::monostate) set;
  EXPECT_TRUE(set.insert("x", {}));
  EXPECT_FALSE(set.insert("x", {}));
  EXPECT_TRUE(set.contains("x"));
  EXPECT_TRUE(set.erase("x"));
}

/// A value whose copies, moves and assignments may throw, and that counts how many there are.
struct fragile {
  static inline atomic<int> living{0};
  explicit fragile(int n) : number((strike(), n)) { living.fetch_add(1); }
  fragile(const fragile& other) : number((strike(), other.number)) { living.fetch_add(1); }
  fragile(fragile&& other) noexcept(false) : number((strike(), std::exchange(other.number, -1))) { living.fetch_add(1); }
  fragile& operator=(const fragile& other) {
    strike();
    number = other.number;
    return *this;
  }
  ~fragile() { living.fetch_sub(1); }
  int number;
};

// Every call that may fail does so in turn: hashing, comparing, allocating, copying.
TYPED_TEST(maps, WhateverThrowsNothingHasChanged) {
  using map_type = UNLUCKY(std::string, fragile);
  const int before = fragile::living.load();
  const std::int64_t taken_before = taken.load();
  {
    map_type m;
    std::map<std::string, int> expected;
    const auto look = [&] {
      std::map<std::string, int> all;
      m.for_each([&](const std::string& key, const fragile& value) { all.emplace(key, value.number); });
      return all;
    };
    const auto in_turn = [&](auto call, auto apply) {
      for (int n = 1;; ++n) {
        throws_in = n;
        try {
          call();
        } catch (const blow&) {
          throws_in = 0;
          EXPECT_EQ(look(), expected) << "strike " << n;
          continue;
        }
        throws_in = 0;
        EXPECT_GT(n, 1);
        apply();
        EXPECT_EQ(look(), expected);
        return;
      }
    };
    for (int i = 0; i < 12; ++i) {
      const std::string key = "a key that is too long to be kept within " + std::to_string(i);
      in_turn([&] { EXPECT_TRUE(m.insert(key, i)); }, [&] { expected[key] = i; });
      in_turn([&] { EXPECT_FALSE(m.insert(key, i)); }, [] {});
      in_turn([&] { EXPECT_FALSE(m.insert_or_assign(key, 10 * i)); }, [&] { expected[key] = 10 * i; });
      in_turn([&] { EXPECT_TRUE(m.update(key, [](fragile& x) { strike(); x.number += 1; strike(); })); },
              [&] { expected[key] = 10 * i + 1; });
      in_turn([&] { EXPECT_FALSE(m.insert_or_update(key, i, [](fragile& x) { x.number += 1; strike(); })); },
              [&] { expected[key] = 10 * i + 2; });
      in_turn([&] { EXPECT_TRUE(m.contains(key)); }, [] {});
      in_turn([&] { EXPECT_EQ(m.find(key)->number, 10 * i + 2); }, [] {});
    }
    for (int i = 0; i < 12; i += 2) {
      const std::string key = "a key that is too long to be kept within " + std::to_string(i);
      if constexpr (TypeParam::ordered) {
        in_turn([&] { EXPECT_TRUE(m.lower_bound(key)); }, [] {});
      }
      in_turn([&] { EXPECT_TRUE(m.erase_if(key, [](const fragile&) { strike(); return true; })); }, [&] { expected.erase(key); });
    }
  }
  lockfree::rcu_barrier();
  EXPECT_EQ(fragile::living.load(), before);
  EXPECT_EQ(taken.load(), taken_before);
}

TYPED_TEST(maps, NoUpdateIsLost) {
  MAP(int, long) counts;
  constexpr int keys = 5;
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < 4000; ++i) {
          if (i % 2 == 0) {
            counts.insert_or_update(i % keys, 1, [](long& n) { ++n; });
          } else {
            while (!counts.update(i % keys, [](long& n) { ++n; })) counts.insert(i % keys, 0);
          }
        }
      });
    }
  }
  long sum = 0;
  counts.for_each([&](int, long n) { sum += n; });
  EXPECT_EQ(sum, 16'000);
}

/// Threads insert and erase keys of their own beside those of others, and each key once more in a race.
TYPED_TEST(maps, EachKeyIsInsertedAndErasedOnce) {
  MAP(std::uint32_t, std::uint32_t) m;
  constexpr std::uint32_t count = 3000;
  for (int round = 0; round < 2; ++round) {
    atomic<std::uint32_t> inserted{0};
    atomic<std::uint32_t> erased{0};
    const auto in_threads = [](auto work) {
      std::vector<std::jthread> threads;
      for (std::uint32_t t = 0; t < 4; ++t) threads.emplace_back([=] { work(t); });
    };
    in_threads([&](std::uint32_t t) {
      for (std::uint32_t i = 0; i < count; ++i) {
        const std::uint32_t key = (i + t * 50) % count;
        if (m.insert(key, key + 1)) inserted.fetch_add(1);
        EXPECT_EQ(m.find(key), key + 1);
      }
    });
    EXPECT_EQ(inserted.load(), count);
    EXPECT_EQ(m.size_approx(), count);
    EXPECT_EQ(all_of(m).size(), count);
    in_threads([&](std::uint32_t t) {
      for (std::uint32_t i = 0; i < count; ++i) {
        const std::uint32_t key = (i + t * 50) % count;
        if (t == 0 && TypeParam::ordered && round == 1) {
          if constexpr (TypeParam::ordered) {
            if (m.pop_first()) erased.fetch_add(1);
          }
        } else if (m.erase(key)) {
          erased.fetch_add(1);
        }
      }
    });
    EXPECT_EQ(erased.load(), count);
    EXPECT_TRUE(m.empty_approx());
    EXPECT_TRUE(all_of(m).empty());
  }
}

// What is there all the time is met once, whatever else comes and goes.
TYPED_TEST(maps, ForEachMeetsWhatStays) {
  MAP(int, int) m;
  for (int i = 0; i < 1000; i += 2) m.insert(i, i);
  atomic<bool> stop{false};
  std::jthread other([&] {
    for (int i = 1; !stop.load(); i = (i + 2) % 20'000) {
      m.insert(i, i);
      m.erase((i + 10'000) % 20'000 | 1);
      m.insert_or_assign(i % 1000 & ~1, i % 1000 & ~1);
    }
  });
  for (int round = 0; round < 50; ++round) {
    std::vector<int> met(500);
    m.for_each([&](int key, int value) {
      EXPECT_EQ(key, value);
      if (key % 2 == 0) ++met[static_cast<std::size_t>(key) / 2];
    });
    EXPECT_EQ(std::count(met.begin(), met.end(), 1), 500);
  }
  stop.store(true);
}

TYPED_TEST(maps, ClearWhileOthersInsert) {
  MAP(int, std::string) m;
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 3; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < 3000; ++i) {
          m.insert(i * 3 + t, "a value that is too long to be kept within");
          if (i % 500 == 0) m.clear();
        }
      });
    }
  }
  EXPECT_EQ(all_of(m).size(), m.size_approx());
  m.clear();
  EXPECT_TRUE(m.empty_approx());
}

// A map that is a value of another, and goes with it.
TYPED_TEST(maps, MapsOfMaps) {
  using inner = MAP(int, std::string);
  MAP(int, std::shared_ptr<inner>) outer;
  for (int i = 0; i < 20; ++i) {
    auto one = std::make_shared<inner>();
    one->insert(1, "a value that is too long to be kept within");
    one->erase(1);
    one->insert(2, "a value that is too long to be kept within");
    outer.insert_or_assign(i % 5, std::move(one));
  }
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(outer.erase(i));
}

template <class Map>
void test_expected() {
  for (const std::size_t expected : {0u, 1u, 2u, 1000u}) {
    Map m(expected);
    for (int i = 0; i < 100; ++i) EXPECT_TRUE(m.insert(i, i));
    EXPECT_EQ(m.size_approx(), 100u);
    EXPECT_EQ(all_of(m).size(), 100u);
  }
}
TEST(hash_maps, WithRoom) {
  test_expected<blocking::hash_map<int, int>>();
  test_expected<lockfree::hash_map<int, int>>();
}

// All in one bucket, and even of one hash.
TEST(lockfree_hash_map, OfOneHash) {
  struct same {
    std::size_t operator()(int key) const noexcept { return static_cast<std::size_t>(key % 2); }
  };
  lockfree::hash_map<int, int, same> m;
  for (int i = 0; i < 200; ++i) EXPECT_TRUE(m.insert(i, i));
  for (int i = 0; i < 200; ++i) EXPECT_FALSE(m.insert(i, i));
  EXPECT_EQ(all_of(m).size(), 200u);
  for (int i = 0; i < 200; i += 3) EXPECT_TRUE(m.erase(i));
  for (int i = 0; i < 200; ++i) EXPECT_EQ(m.contains(i), i % 3 != 0);
}

TEST(lockfree_maps, AnEmptyValueTakesNoRoom) {
  using node = lockfree::detail::hashed_node<std::uint64_t, std::monostate, std::allocator<int>, lockfree::detail::map_means>;
  static_assert(sizeof(node) == 40);
  using with_value = lockfree::detail::hashed_node<std::uint64_t, std::uint64_t, std::allocator<int>, lockfree::detail::map_means>;
  static_assert(sizeof(with_value) == 48);
}

}  // namespace
}  // namespace switchyard::conformance
