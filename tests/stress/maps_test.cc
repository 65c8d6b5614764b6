// Maps under stress: keys and values whose copies throw, allocations that fail, threads that end. Nothing is lost, and no
// memory stays.

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <new>
#include <set>
#include <thread>
#include <vector>

#include "switchyard/atomics/atomic.h"
#include "switchyard/blocking/hash_map.h"
#include "switchyard/blocking/ordered_map.h"
#include "switchyard/interface/map.h"
#include "switchyard/lockfree/hash_map.h"
#include "switchyard/lockfree/ordered_map.h"
#include "switchyard/lockfree/rcu.h"
#include "switchyard/tests/stress/stress.h"

namespace switchyard::stress {
namespace {

struct hash_of_number {
  std::size_t operator()(const unlucky& key) const { return static_cast<std::size_t>(key.number()); }
};
struct same_number {
  bool operator()(const unlucky& a, const unlucky& b) const { return a.number() == b.number(); }
};
struct less_number {
  bool operator()(const unlucky& a, const unlucky& b) const { return a.number() < b.number(); }
};

constexpr std::uint64_t keys = 24;

/// What may fail fails at the n-th of its calls, at random. False: it did, and nothing has happened.
template <class Call>
bool try_with_misfortune(random_source& random, Call call) {
  const misfortune::possible here;
  misfortune::in(static_cast<int>(random() % 16));
  bool done = true;
  try {
    call();
  } catch (const misfortune::blow&) {
    done = false;
  } catch (const std::bad_alloc&) {
    done = false;
  }
  misfortune::in(0);
  return done;
}

/// For each key, how often it was inserted is at most one more than how often it was erased, and at the end just what is
/// there; every value belongs to its key.
template <class Map>
void test_map(std::uint64_t seed) {
  Map map;
  std::vector<atomic<std::int64_t>> balance(keys);
  atomic<std::int64_t> added{0};
  come_and_go(places, seed, [&](int, random_source& random) {
    { const std::scoped_lock joined(lockfree::rcu_default_domain()); }  // which takes memory, and must
    for (std::uint64_t n = random() % 80; n > 0; --n) {
      const std::uint64_t number = random() % keys;
      auto& here = balance[static_cast<std::size_t>(number)];
      const unlucky key(number);
      bool result = false;
      switch (random() % 8) {
        case 0:
        case 1:
          if (try_with_misfortune(random, [&] { result = map.insert(key, unlucky(number)); }) && result) here.fetch_add(1);
          break;
        case 2:
          if (try_with_misfortune(random, [&] { result = map.insert_or_assign(key, unlucky(number + keys)); }) && result) {
            here.fetch_add(1);
          }
          break;
        case 3: {
          const bool done = try_with_misfortune(random, [&] {
            result = map.insert_or_update(key, unlucky(number), [&](unlucky& value) {
              value = unlucky(value.number() + keys);
              if (value.number() % 5 == 0) throw misfortune::blow();
            });
          });
          if (done && result) here.fetch_add(1);
          break;
        }
        case 4:
        case 5:
          if (try_with_misfortune(random, [&] { result = map.erase(key); }) && result) here.fetch_sub(1);
          break;
        case 6:
          (void)try_with_misfortune(random, [&] {
            map.visit(key, [&](const unlucky& value) { EXPECT_EQ(value.number() % keys, number); });
            (void)map.find(key);
          });
          break;
        default: {
          std::multiset<std::uint64_t> met;
          map.for_each([&](const unlucky& k, const unlucky& value) {
            EXPECT_EQ(value.number() % keys, k.number());
            met.insert(k.number());
          });
          EXPECT_LE(met.size(), 4 * keys);
        }
      }
      stagger(random);
    }
    return random() % 12 != 0;
  });
  std::int64_t there = 0;
  for (std::uint64_t number = 0; number < keys; ++number) {
    const std::int64_t now = balance[static_cast<std::size_t>(number)].load();
    EXPECT_EQ(now, map.contains(unlucky(number)) ? 1 : 0) << number;
    there += now;
  }
  EXPECT_EQ(map.size_approx(), static_cast<std::size_t>(there));
}

using lockfree_hash = lockfree::hash_map<unlucky, unlucky, hash_of_number, same_number>;
using lockfree_ordered = lockfree::ordered_map<unlucky, unlucky, less_number>;
using blocking_hash = blocking::hash_map<unlucky, unlucky, hash_of_number, same_number>;
using blocking_ordered = blocking::ordered_map<unlucky, unlucky, less_number>;

class maps_stress : public stress_test {};

TEST_F(maps_stress, LockfreeHashMap) { for_seeds(scaled(40), test_map<lockfree_hash>); }
TEST_F(maps_stress, LockfreeOrderedMap) { for_seeds(scaled(40), test_map<lockfree_ordered>); }
TEST_F(maps_stress, BlockingHashMap) { for_seeds(scaled(15), test_map<blocking_hash>); }
TEST_F(maps_stress, BlockingOrderedMap) { for_seeds(scaled(15), test_map<blocking_ordered>); }

/// Many keys that come and go, so that tables and towers do.
template <class Map>
void test_crowd(std::uint64_t seed) {
  Map map;
  atomic<std::int64_t> balance{0};
  come_and_go(places, seed, [&](int place, random_source& random) {
    std::int64_t mine = 0;
    for (int i = 0; i < 400; ++i) {
      const std::uint64_t key = random() % 600;
      switch (random() % 4) {
        case 0:
        case 1:
          if (map.insert(key, key * 2)) ++mine;
          break;
        case 2:
          if (map.erase(key)) --mine;
          break;
        default:
          if (const auto value = map.find(key)) {
            EXPECT_EQ(*value, key * 2);
          }
      }
      if constexpr (concurrent_ordered_map<Map>) {
        if (i % 32 == 0 && map.pop_first()) --mine;
        if (i % 16 == 0) {
          if (const auto bound = map.lower_bound(key)) {
            EXPECT_GE(bound->first, key);
          }
        }
      }
    }
    balance.fetch_add(mine);
    return random() % 3 != 0 && place % 2 == 0;
  });
  std::int64_t there = 0;
  map.for_each([&](std::uint64_t key, std::uint64_t value) {
    EXPECT_EQ(value, key * 2);
    ++there;
  });
  EXPECT_EQ(there, balance.load());
  EXPECT_EQ(map.size_approx(), static_cast<std::size_t>(there));
}

TEST_F(maps_stress, LockfreeHashMapCrowded) {
  for_seeds(scaled(30), test_crowd<lockfree::hash_map<std::uint64_t, std::uint64_t>>);
}
TEST_F(maps_stress, LockfreeOrderedMapCrowded) {
  for_seeds(scaled(30), test_crowd<lockfree::ordered_map<std::uint64_t, std::uint64_t>>);
}

// Every call that may fail does so in turn, and all memory is back at the end.
template <class Map>
void test_each_call_fails() {
  lockfree::rcu_barrier();
  std::thread([] { const std::scoped_lock joined(lockfree::rcu_default_domain()); }).join();
  fail_in_turn(8, [] {
    { const std::scoped_lock joined(lockfree::rcu_default_domain()); }  // which takes memory, and must
    try {
      const misfortune::possible here;
      Map map;
      for (std::uint64_t i = 0; i < 3; ++i) map.insert(unlucky(i), unlucky(i));
      map.insert_or_assign(unlucky(1), unlucky(5));
      map.update(unlucky(1), [](unlucky& value) { value = unlucky(6); });
      map.insert_or_update(unlucky(2), unlucky(7), [](unlucky& value) { value = unlucky(8); });
      (void)map.extract(unlucky(1));
      (void)map.find(unlucky(2));
      map.erase(unlucky(0));
      map.clear();
    } catch (const misfortune::blow&) {
    } catch (const std::bad_alloc&) {
    }
    lockfree::rcu_barrier();
  });
}
TEST_F(maps_stress, EachCallOfAHashMapFailsInTurn) { test_each_call_fails<lockfree_hash>(); }
TEST_F(maps_stress, EachCallOfAnOrderedMapFailsInTurn) { test_each_call_fails<lockfree_ordered>(); }

}  // namespace
}  // namespace switchyard::stress
