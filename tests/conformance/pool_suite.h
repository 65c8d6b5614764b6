// The conformance suite that every object pool of this project is held to. A new one adds a line to pools_test.cc.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <latch>
#include <limits>
#include <memory>
#include <new>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "switchyard/atomics/atomic.h"
#include "switchyard/interface/object_pool.h"
#include "switchyard/tests/conformance/element_types.h"
#include "switchyard/tests/conformance/test_support.h"

namespace switchyard::conformance {

/// A line of the suite: how to name a pool of any T, from any allocator.
template <template <class, class> class Pool>
struct pool_under_test {
  template <class T, class Allocator = std::allocator<T>>
  using pool = Pool<T, Allocator>;
};

/// An allocator that counts what is out, and gives no more than it is told.
struct ledger {
  atomic<std::int64_t> bytes{0};
  atomic<std::int64_t> calls_left{std::numeric_limits<std::int64_t>::max()};
};
template <class T>
struct counting_allocator {
  using value_type = T;
  explicit counting_allocator(ledger& b) noexcept : book(&b) {}
  template <class U>
  counting_allocator(const counting_allocator<U>& other) noexcept : book(other.book) {}  // NOLINT: converts

  T* allocate(std::size_t n) {
    if (book->calls_left.fetch_sub(1, memory_order_relaxed) <= 0) throw std::bad_alloc();
    book->bytes.fetch_add(static_cast<std::int64_t>(n * sizeof(T)), memory_order_relaxed);
    return std::allocator<T>().allocate(n);
  }
  void deallocate(T* p, std::size_t n) noexcept {
    book->bytes.fetch_sub(static_cast<std::int64_t>(n * sizeof(T)), memory_order_relaxed);
    std::allocator<T>().deallocate(p, n);
  }
  template <class U>
  friend bool operator==(const counting_allocator& a, const counting_allocator<U>& b) noexcept {
    return a.book == b.book;
  }

  ledger* book;
};

template <class Line>
class pool_suite : public ::testing::Test {
 protected:
  template <class T>
  using pool_of = typename Line::template pool<T>;

  static_assert(concurrent_object_pool<pool_of<int>>);
  static_assert(concurrent_object_pool<pool_of<std::string>>);
  static_assert(!std::copy_constructible<pool_of<int>>);
  static_assert(!std::is_copy_assignable_v<pool_of<int>>);
  static_assert(!std::convertible_to<std::size_t, pool_of<int>>);

 private:
  watchdog watchdog_;
};
TYPED_TEST_SUITE_P(pool_suite);

/// Takes all there are, and sees that there are exactly as many.
template <class Pool>
std::vector<typename Pool::value_type*> take_all(Pool& pool) {
  std::vector<typename Pool::value_type*> all;
  while (auto* const object = pool.try_construct()) all.push_back(object);
  EXPECT_EQ(all.size(), pool.capacity());
  EXPECT_EQ(std::set(all.begin(), all.end()).size(), all.size()) << "one was handed out twice";
  return all;
}
template <class Pool, class Objects>
void give_back(Pool& pool, Objects& all) {
  for (auto* const object : all) pool.destroy(object);
  all.clear();
}

inline constexpr std::size_t capacities[] = {1, 2, 3, 5, 16, 31, 32, 33, 100, 480, 1000, 4097};

TYPED_TEST_P(pool_suite, HoldsExactlyItsCapacity) {
  for (const std::size_t capacity : capacities) {
    typename TestFixture::template pool_of<std::uint64_t> pool(capacity);
    EXPECT_EQ(pool.capacity(), capacity);
    for (int lap = 0; lap < 3; ++lap) {
      EXPECT_EQ(pool.available_approx(), capacity);
      auto all = take_all(pool);
      EXPECT_EQ(pool.available_approx(), 0u);
      EXPECT_EQ(pool.try_construct(), nullptr);
      EXPECT_EQ(pool.try_allocate(), nullptr);
      EXPECT_EQ(pool.try_make_unique(), nullptr);
      EXPECT_THROW(static_cast<void>(pool.construct()), std::bad_alloc);
      EXPECT_THROW(static_cast<void>(pool.make_unique()), std::bad_alloc);
      // One back, one out, wherever it is.
      std::rotate(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(all.size() / 2), all.end());
      pool.destroy(all.back());
      EXPECT_EQ(pool.available_approx(), 1u);
      EXPECT_EQ(pool.try_construct(), all.back());
      if (lap == 1) std::reverse(all.begin(), all.end());
      give_back(pool, all);
    }
  }
}

TYPED_TEST_P(pool_suite, RefusesCapacitiesThatCannotWork) {
  using pool = typename TestFixture::template pool_of<std::string>;
  constexpr std::size_t most = std::numeric_limits<std::size_t>::max();
  EXPECT_THROW(pool{0}, std::invalid_argument);
  EXPECT_THROW(pool{most}, std::length_error);
  EXPECT_THROW(pool{most / sizeof(std::string) / 2 + 1}, std::length_error);
  // A sanitizer would end the program instead.
  if (!sanitized) {
    EXPECT_THROW(pool{std::size_t{1} << 56}, std::bad_alloc);
  }
}

TYPED_TEST_P(pool_suite, TakesItsMemoryAtOnceAndFromItsAllocator) {
  ledger book;
  using pool = typename TypeParam::template pool<std::uint64_t, counting_allocator<std::uint64_t>>;
  {
    pool objects(1000, counting_allocator<std::uint64_t>(book));
    EXPECT_TRUE(objects.get_allocator() == counting_allocator<std::uint64_t>(book));
    const auto taken = book.bytes.load(memory_order_relaxed);
    EXPECT_GE(taken, 1000 * std::int64_t{sizeof(std::uint64_t)});
    for (int lap = 0; lap < 2; ++lap) {
      auto all = take_all(objects);
      give_back(objects, all);
    }
    EXPECT_EQ(book.bytes.load(memory_order_relaxed), taken);
  }
  EXPECT_EQ(book.bytes.load(memory_order_relaxed), 0);
  // None of the constructor's allocations loses what the others got.
  for (std::int64_t calls = 0;; ++calls) {
    book.calls_left.store(calls, memory_order_relaxed);
    try {
      const pool objects(1000, counting_allocator<std::uint64_t>(book));
      EXPECT_GT(calls, 0);
      break;
    } catch (const std::bad_alloc&) {
      EXPECT_EQ(book.bytes.load(memory_order_relaxed), 0);
    }
    ASSERT_LT(calls, 100);
  }
}

template <class Pool>
void expect_built_and_read() {
  using T = typename Pool::value_type;
  Pool pool(3);
  for (std::uint64_t n = 0; n < 20; ++n) {
    T* const a = pool.construct(element<T>::make(n));
    const auto b = pool.make_unique(element<T>::make(n + 1));
    EXPECT_EQ(element<T>::number(*a), element<T>::number(element<T>::make(n)));
    EXPECT_EQ(element<T>::number(*b), element<T>::number(element<T>::make(n + 1)));
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(a) % alignof(T), 0u);
    pool.destroy(a);
  }
}

TYPED_TEST_P(pool_suite, HoldsEveryKindOfObject) {
  expect_built_and_read<typename TestFixture::template pool_of<char>>();
  expect_built_and_read<typename TestFixture::template pool_of<double>>();
  expect_built_and_read<typename TestFixture::template pool_of<std::string>>();
  expect_built_and_read<typename TestFixture::template pool_of<std::unique_ptr<std::uint64_t>>>();
  expect_built_and_read<typename TestFixture::template pool_of<bytes<3>>>();
  expect_built_and_read<typename TestFixture::template pool_of<bytes<64>>>();
  expect_built_and_read<typename TestFixture::template pool_of<bytes<1000>>>();
  expect_built_and_read<typename TestFixture::template pool_of<over_aligned<64>>>();
  expect_built_and_read<typename TestFixture::template pool_of<over_aligned<512>>>();
  expect_built_and_read<typename TestFixture::template pool_of<constant>>();
  EXPECT_EQ(over_aligned<512>::misplaced, 0);
}

/// Neither copied nor moved, and with nothing but the constructor that the test calls.
struct immovable {
  explicit immovable(const std::string& a, std::unique_ptr<int>&& b) : text(a), number(std::move(b)) {}
  immovable(const immovable&) = delete;
  immovable& operator=(const immovable&) = delete;
  std::string text;
  std::unique_ptr<int> number;
};

TYPED_TEST_P(pool_suite, ForwardsArgumentsAndLeavesThemAloneWhenItRefuses) {
  typename TestFixture::template pool_of<immovable> pool(1);
  auto number = std::make_unique<int>(5);
  const auto first = pool.make_unique("one", std::move(number));
  EXPECT_EQ(number, nullptr);
  EXPECT_EQ(first->text + std::to_string(*first->number), "one5");
  number = std::make_unique<int>(6);
  EXPECT_EQ(pool.try_construct("two", std::move(number)), nullptr);
  EXPECT_THROW(static_cast<void>(pool.construct("two", std::move(number))), std::bad_alloc);
  EXPECT_EQ(pool.try_make_unique("two", std::move(number)), nullptr);
  ASSERT_NE(number, nullptr);
  EXPECT_EQ(*number, 6);
}

TYPED_TEST_P(pool_suite, DestroysWhatIsGivenBackOnceAndAtOnce) {
  const expect_none_left<counted> at_end;
  typename TestFixture::template pool_of<counted> pool(40);
  const int before = counted::living();
  std::vector<counted*> all;
  for (std::uint64_t i = 0; i < 40; ++i) all.push_back(pool.construct(i));
  EXPECT_EQ(counted::living(), before + 40);
  for (std::uint64_t i = 0; i < 40; ++i) EXPECT_EQ(all[i]->number(), i);
  give_back(pool, all);
  EXPECT_EQ(counted::living(), before);
  {
    auto one = pool.make_unique(1u);
    auto other = std::move(one);
    one = pool.make_unique(2u);
    other = nullptr;
    EXPECT_EQ(counted::living(), before + 1);
  }
  EXPECT_EQ(counted::living(), before);
  EXPECT_EQ(pool.available_approx(), 40u);
}

TYPED_TEST_P(pool_suite, AThrowingConstructorGivesThePlaceBack) {
  for (const std::size_t capacity : {1u, 2u, 40u}) {
    typename TestFixture::template pool_of<fickle> pool(capacity);
    for (std::size_t i = 0; i < 3 * capacity; ++i) {
      EXPECT_THROW(static_cast<void>(pool.try_construct(fickle::not_makeable)), fuse::blown);
      EXPECT_THROW(static_cast<void>(pool.construct(fickle::not_makeable)), fuse::blown);
      EXPECT_THROW(static_cast<void>(pool.make_unique(fickle::not_makeable)), fuse::blown);
      EXPECT_EQ(pool.available_approx(), capacity);
    }
    std::vector<fickle*> all;
    for (std::size_t i = 0; i < capacity; ++i) all.push_back(pool.construct(i));
    give_back(pool, all);
  }
}

TYPED_TEST_P(pool_suite, GivesPlainMemory) {
  typename TestFixture::template pool_of<bytes<48>> pool(20);
  std::vector<void*> all;
  while (void* const place = pool.try_allocate()) {
    std::memset(place, static_cast<int>(all.size()), 48);
    all.push_back(place);
  }
  ASSERT_EQ(all.size(), 20u);
  for (std::size_t i = 0; i < all.size(); ++i) {
    EXPECT_EQ(static_cast<const unsigned char*>(all[i])[0], i);
    EXPECT_EQ(static_cast<const unsigned char*>(all[i])[47], i);
    pool.deallocate(all[i]);
  }
}

/// All is there for everybody, whoever gave it back: threads that exist still, and do nothing, or that are gone.
TYPED_TEST_P(pool_suite, WhatOthersGaveBackIsThereForAll) {
  for (const std::size_t capacity : capacities) {
    typename TestFixture::template pool_of<std::uint64_t> pool(capacity);
    constexpr int hoarders = 4;
    std::latch hoarded(hoarders);
    std::latch over(1);
    std::vector<std::thread> threads;
    for (int t = 0; t < hoarders; ++t) {
      threads.emplace_back([&, t] {
        // As much as it can get, back again in one way or another.
        std::vector<std::uint64_t*> all;
        for (std::size_t i = 0; i < capacity; ++i) {
          if (auto* const object = pool.try_construct()) all.push_back(object);
        }
        if (t % 2 != 0) std::reverse(all.begin(), all.end());
        give_back(pool, all);
        hoarded.count_down();
        if (t < hoarders / 2) over.wait();
      });
    }
    hoarded.wait();
    auto all = take_all(pool);
    EXPECT_EQ(pool.available_approx(), 0u);
    // And from here to a new thread.
    give_back(pool, all);
    std::thread([&] {
      auto mine = take_all(pool);
      give_back(pool, mine);
    }).join();
    over.count_down();
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(pool.available_approx(), capacity);
  }
}

/// With as many objects as threads want at once, nobody is ever refused.
TYPED_TEST_P(pool_suite, EnoughForAllIsEnough) {
  constexpr int threads = 4;
  for (const std::size_t each : {1u, 3u, 40u}) {
    typename TestFixture::template pool_of<std::uint64_t> pool(each * threads);
    // Those that were just moving a batch when somebody looked may have kept it from him: so one round for all.
    for (int round = 0; round < scaled(100); ++round) {
      std::latch taken(threads);
      in_threads(threads, [&](int) {
        std::vector<std::uint64_t*> all;
        for (std::size_t i = 0; i < each; ++i) {
          std::uint64_t* object = nullptr;
          while ((object = pool.try_construct()) == nullptr) wait_a_little();
          all.push_back(object);
        }
        taken.arrive_and_wait();
        give_back(pool, all);
      });
      EXPECT_EQ(pool.available_approx(), pool.capacity());
    }
  }
}

/// What one thread wrote is there when another gets it, and nobody has an object that another has.
TYPED_TEST_P(pool_suite, NobodyHasWhatAnotherHas) {
  struct owned {
    explicit owned(std::uint64_t n) : number(n) {}
    ~owned() { number = 0; }
    std::uint64_t number;  // not atomic: the pool must order it
    std::uint64_t copy = number;
  };
  for (const std::size_t capacity : {1u, 3u, 20u, 200u}) {
    typename TestFixture::template pool_of<owned> pool(capacity);
    in_threads(4, [&](int thread) {
      random_numbers random(static_cast<std::uint64_t>(thread) + 1);
      std::vector<owned*> mine;
      const int rounds = scaled(20'000);
      for (int i = 0; i < rounds; ++i) {
        const std::uint64_t number = item_number(thread, static_cast<std::uint64_t>(i));
        if (random.below(2) == 0 || mine.empty()) {
          if (owned* const object = pool.try_construct(number)) mine.push_back(object);
        } else {
          std::swap(mine[random.below(mine.size())], mine.back());
          ASSERT_EQ(mine.back()->number, mine.back()->copy);
          ASSERT_EQ(mine.back()->number >> 32, static_cast<std::uint64_t>(thread));
          pool.destroy(mine.back());
          mine.pop_back();
        }
      }
      give_back(pool, mine);
    });
    EXPECT_EQ(pool.available_approx(), capacity);
    auto all = std::vector<owned*>();
    while (owned* const object = pool.try_construct(1u)) all.push_back(object);
    EXPECT_EQ(all.size(), capacity);
    give_back(pool, all);
  }
}

/// One thread only makes, another only destroys: for ever.
TYPED_TEST_P(pool_suite, OneMakesAndAnotherDestroys) {
  for (const std::size_t capacity : {1u, 10u, 100u, 1000u}) {
    typename TestFixture::template pool_of<std::uint64_t> pool(capacity);
    atomic<std::uint64_t*> passed{nullptr};
    const auto rounds = static_cast<std::uint64_t>(scaled(1000));
    in_threads(2, [&](int thread) {
      for (std::uint64_t i = 0; i < rounds; ++i) {
        if (thread == 0) {
          std::uint64_t* object = nullptr;
          while ((object = pool.try_construct(i)) == nullptr) wait_a_little();
          while (passed.load(memory_order_relaxed) != nullptr) wait_a_little();
          passed.store(object, memory_order_release);
        } else {
          std::uint64_t* object = nullptr;
          while ((object = passed.exchange(nullptr, memory_order_acquire)) == nullptr) wait_a_little();
          ASSERT_EQ(*object, i);
          pool.destroy(object);
        }
      }
    });
    EXPECT_EQ(pool.available_approx(), capacity);
  }
}

TYPED_TEST_P(pool_suite, KeepsManyPoolsApart) {
  using pool = typename TestFixture::template pool_of<std::uint64_t>;
  std::vector<std::unique_ptr<pool>> pools;
  for (int i = 0; i < 100; ++i) pools.push_back(std::make_unique<pool>(5));
  in_threads(4, [&](int) {
    for (const auto& each : pools) {
      auto one = each->make_unique(1u);
      const auto other = each->try_make_unique(2u);
      one.reset();
    }
  });
  for (const auto& each : pools) {
    auto all = take_all(*each);
    give_back(*each, all);
  }
}

/// Threads outlive the pools that they used; pools come and go at the same address.
TYPED_TEST_P(pool_suite, PoolDiesBeforeItsThreads) {
  using pool = typename TestFixture::template pool_of<std::uint64_t>;
  constexpr int threads = 4;
  for (int round = 0; round < scaled(50); ++round) {
    auto first = std::make_unique<pool>(8);
    std::latch used(threads);
    std::latch replaced(1);
    std::thread killer([&] {
      used.wait();
      first.reset();
      first = std::make_unique<pool>(6);
      replaced.count_down();
    });
    in_threads(threads, [&](int thread) {
      static_cast<void>(first->make_unique(1u));
      used.count_down();
      if (thread % 2 == 0) return;
      replaced.wait();
      static_cast<void>(first->make_unique(2u));
    });
    killer.join();
    auto all = take_all(*first);
    give_back(*first, all);
  }
}

template <class Pool>
struct returns_at_exit {
  Pool* pool = nullptr;
  typename Pool::value_type* object = nullptr;
  ~returns_at_exit() {
    if (pool == nullptr) return;
    pool->destroy(object);
    // And goes on.
    if (auto* const another = pool->try_construct()) pool->destroy(another);
  }
};
template <class Pool>
void return_at_exit(Pool& pool, typename Pool::value_type* object) {
  static thread_local returns_at_exit<Pool> mine;
  mine.pool = &pool;
  mine.object = object;
}

TYPED_TEST_P(pool_suite, TakesWhatAThreadGivesBackWhileItExits) {
  typename TestFixture::template pool_of<std::uint64_t> pool(4);
  in_threads(4, [&](int thread) {
    // What is made first goes last: half of them when what the pool keeps for the thread is gone already.
    if (thread % 2 == 0) return_at_exit(pool, static_cast<std::uint64_t*>(nullptr));
    std::uint64_t* object = nullptr;
    while ((object = pool.try_construct(1u)) == nullptr) wait_a_little();
    return_at_exit(pool, object);
  });
  EXPECT_EQ(pool.available_approx(), 4u);
  auto all = take_all(pool);
  give_back(pool, all);
}

#ifndef NDEBUG
TYPED_TEST_P(pool_suite, DebugBuildsCatchBadUse) {
  using pool = typename TestFixture::template pool_of<std::uint64_t>;
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        pool one(2);
        pool other(2);
        other.destroy(one.construct());
      },
      "returned to a pool that it is not from");
  EXPECT_DEATH(
      {
        pool one(2);
        std::uint64_t number = 0;
        one.destroy(&number);
      },
      "returned to a pool that it is not from");
  EXPECT_DEATH(
      {
        pool one(2);
        std::uint64_t* const object = one.construct();
        one.destroy(object);
        one.destroy(object);
      },
      "returned to its pool twice");
  EXPECT_DEATH(
      {
        pool one(2);
        one.deallocate(static_cast<char*>(one.try_allocate()) + 1);
      },
      "not an object, but a part of one");
  EXPECT_DEATH(
      {
        pool one(2);
        static_cast<void>(one.construct());
      },
      "destroyed while objects are in use");
}
#else
TYPED_TEST_P(pool_suite, DebugBuildsCatchBadUse) {
  GTEST_SKIP() << "this is not a debug build";
}
#endif

REGISTER_TYPED_TEST_SUITE_P(pool_suite,  //
                            HoldsExactlyItsCapacity, RefusesCapacitiesThatCannotWork,
                            TakesItsMemoryAtOnceAndFromItsAllocator, HoldsEveryKindOfObject,
                            ForwardsArgumentsAndLeavesThemAloneWhenItRefuses, DestroysWhatIsGivenBackOnceAndAtOnce,
                            AThrowingConstructorGivesThePlaceBack, GivesPlainMemory, WhatOthersGaveBackIsThereForAll,
                            EnoughForAllIsEnough, NobodyHasWhatAnotherHas, OneMakesAndAnotherDestroys,
                            KeepsManyPoolsApart, PoolDiesBeforeItsThreads, TakesWhatAThreadGivesBackWhileItExits,
                            DebugBuildsCatchBadUse);

}  // namespace switchyard::conformance
