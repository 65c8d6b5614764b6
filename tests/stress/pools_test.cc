// Object pools under stress: threads that come and go, that give back while they end what others took, whose
// constructors throw, and who get no memory for a cache.

#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <new>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "switchyard/atomics/atomic.h"
#include "switchyard/blocking/object_pool.h"
#include "switchyard/lockfree/object_pool.h"
#include "switchyard/tests/conformance/element_types.h"
#include "switchyard/tests/stress/stress.h"

namespace switchyard::stress {
namespace {

using conformance::expect_none_left;

/// Takes all there are. What fails is not asked again.
template <class Pool>
void expect_all_there(Pool& pool) {
  EXPECT_EQ(pool.available_approx(), pool.capacity());
  std::set<unlucky*> all;
  for (std::uint64_t n = 0; unlucky* const object = pool.try_construct(n); ++n) all.insert(object);
  EXPECT_EQ(all.size(), pool.capacity()) << "fewer: lost; more: doubled";
  EXPECT_EQ(pool.available_approx(), 0u);
  for (unlucky* const object : all) pool.destroy(object);
}

template <class Pool>
class pool_stress : public stress_test {};
using pools = ::testing::Types<lockfree::object_pool<unlucky>, blocking::object_pool<unlucky>>;
TYPED_TEST_SUITE(pool_stress, pools);

/// Who lives in a place has some objects, which those after him go on with, and passes others on to other places.
TYPED_TEST(pool_stress, NothingIsLostOrDoubled) {
  this->for_seeds(scaled(60), [](std::uint64_t seed) {
    const expect_none_left<counted> scope;
    constexpr std::size_t capacities[] = {1, 2, 7, 40, 400, 1000};
    TypeParam pool(capacities[seed % std::size(capacities)]);
    std::array<std::vector<unlucky*>, places> held;
    std::array<atomic<unlucky*>, 4> passed{};
    std::array<int, places> lives{};

    const auto take = [&](std::size_t place, std::uint64_t number) {
      unlucky* object = nullptr;
      try {
        const misfortune::possible here;
        object = pool.try_construct(number);
      } catch (const misfortune::blow&) {
      }
      if (object == nullptr) return;
      EXPECT_EQ(object->number(), number);
      held[place].push_back(object);
    };
    const auto give_back = [&](std::size_t place, random_source& random) {
      auto& mine = held[place];
      if (mine.empty()) return;
      std::swap(mine[random() % mine.size()], mine.back());
      const misfortune::possible here;
      pool.destroy(mine.back());
      mine.pop_back();
    };
    const auto pass_on = [&](std::size_t place, random_source& random) {
      auto& mine = held[place];
      unlucky* object = nullptr;
      if (!mine.empty()) {
        object = mine.back();
        mine.pop_back();
      }
      object = passed[random() % passed.size()].exchange(object, memory_order_acq_rel);
      if (object != nullptr) mine.push_back(object);
    };

    come_and_go(places, seed, [&](int number, random_source& random) {
      const auto place = static_cast<std::size_t>(number);
      if (random() % 2 == 0) misfortune::in(static_cast<int>(1 + random() % 8));
      // Some take mostly, some give back mostly, what others have taken.
      const auto bias = 2 + random() % 5;
      for (auto left = random() % 200; left != 0; --left) {
        stagger(random);
        const auto draw = random() % 8;
        if (draw == 0) {
          pass_on(place, random);
        } else if (draw <= bias) {
          take(place, random() % 1000);
        } else {
          give_back(place, random);
        }
      }
      if (random() % 4 == 0) {
        say_last([&, place] {
          give_back(place, random);
          take(place, 5);
          give_back(place, random);
        });
      }
      return ++lives[place] < 10;
    });

    for (auto& mine : held) {
      for (unlucky* const object : mine) pool.destroy(object);
    }
    for (auto& place : passed) {
      if (unlucky* const object = place.load(memory_order_relaxed)) pool.destroy(object);
    }
    expect_all_there(pool);
  });
}

/// Without memory for a cache a pool works without one.
TYPED_TEST(pool_stress, EveryAllocationFailsInTurn) {
  fail_in_turn(2, [] {
    constexpr std::uint64_t capacity = 70;
    TypeParam pool(capacity);
    std::vector<unlucky*> all;
    all.reserve(capacity);
    const auto take = [&](std::uint64_t n) {
      try {
        const misfortune::possible here;
        all.push_back(pool.construct(n));
      } catch (const misfortune::blow&) {
        all.push_back(pool.construct(n));
      }
    };
    for (std::uint64_t n = 0; n < capacity; ++n) take(n);
    EXPECT_EQ(pool.try_construct(1u), nullptr);
    for (std::uint64_t n = 0; n < capacity; ++n) EXPECT_EQ(all[n]->number(), n);
    for (unlucky* const object : all) {
      const misfortune::possible here;
      pool.destroy(object);
    }
    expect_all_there(pool);
  });
}

/// Who never gets memory neither takes nor gives back less than others.
TYPED_TEST(pool_stress, ThreadsWithoutACacheShareAll) {
  TypeParam pool(100);
  std::vector<unlucky*> all;
  all.reserve(100);
  for (int lap = 0; lap < 3; ++lap) {
    for (std::uint64_t n = 0; n < 100; ++n) {
      std::thread([&] {
        const misfortune::possible here;
        misfortune::in(1);  // the cache's, or else the constructor's
        try {
          all.push_back(pool.construct(n));
          EXPECT_FALSE(misfortune::is_due());
        } catch (const misfortune::blow&) {
          all.push_back(pool.construct(n));
        }
      }).join();
    }
    EXPECT_EQ(pool.available_approx(), 0u);
    while (!all.empty()) {
      std::thread([&] {
        const misfortune::possible here;
        misfortune::in(1);
        pool.destroy(all.back());
        all.pop_back();
      }).join();
    }
    expect_all_there(pool);
  }
}

}  // namespace
}  // namespace switchyard::stress
