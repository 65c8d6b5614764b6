#include "switchyard/atomics/reductions.h"

#include <gtest/gtest.h>

#include <concepts>
#include <cstdint>
#include <limits>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "switchyard/atomics/atomic.h"

namespace switchyard {
namespace {

// C++26's signatures.
static_assert(std::same_as<decltype(atomic_fetch_max(std::declval<atomic<int>*>(), 1)), int>);
static_assert(std::same_as<decltype(atomic_fetch_min_explicit(std::declval<atomic<char*>*>(), nullptr,
                                                              memory_order_relaxed)),
                           char*>);
static_assert(std::same_as<decltype(atomic_store_add(std::declval<atomic<long>*>(), 1)), void>);
static_assert(std::same_as<decltype(atomic_store_max_explicit(std::declval<atomic<long>*>(), 1,
                                                              memory_order_release)),
                           void>);
static_assert(noexcept(atomic_fetch_max(std::declval<atomic<int>*>(), 1)));
static_assert(noexcept(atomic_store_xor(std::declval<atomic<int>*>(), 1)));

TEST(reductions, MaximumAndMinimum) {
  atomic<int> a{5};
  EXPECT_EQ(atomic_fetch_max(&a, 3), 5);
  EXPECT_EQ(atomic_fetch_max(&a, 8), 5);
  EXPECT_EQ(atomic_fetch_min(&a, 9), 8);
  EXPECT_EQ(atomic_fetch_min_explicit(&a, -2, memory_order_relaxed), 8);
  EXPECT_EQ(a.load(), -2);
  atomic_store_max(&a, 4);
  EXPECT_EQ(a.load(), 4);
  atomic_store_min(&a, 1);
  EXPECT_EQ(a.load(), 1);

  atomic<std::uint8_t> u{200};
  EXPECT_EQ(atomic_fetch_max(&u, 100), 200);
  EXPECT_EQ(u.load(), 200);
}

TEST(reductions, OfPointers) {
  int array[3];
  atomic<int*> p{array + 1};
  EXPECT_EQ(atomic_fetch_max(&p, array + 2), array + 1);
  EXPECT_EQ(atomic_fetch_min(&p, array), array + 2);
  EXPECT_EQ(p.load(), array);
}

TEST(reductions, SumsAndBits) {
  atomic<unsigned> a{0b1100};
  atomic_store_and(&a, 0b0110U);
  EXPECT_EQ(a.load(), 0b0100U);
  atomic_store_or(&a, 0b0001U);
  EXPECT_EQ(a.load(), 0b0101U);
  atomic_store_xor(&a, 0b1111U);
  EXPECT_EQ(a.load(), 0b1010U);
  atomic_store_add(&a, std::numeric_limits<unsigned>::max());
  EXPECT_EQ(a.load(), 0b1001U);
  atomic_store_sub_explicit(&a, 1U, memory_order_release);
  EXPECT_EQ(a.load(), 0b1000U);
  atomic<double> d{1.5};
  atomic_store_add(&d, 2.0);
  EXPECT_EQ(d.load(), 3.5);
}

TEST(reductions, NoneIsLost) {
  atomic<long> sum{0};
  atomic<long> most{0};
  atomic<long> least{0};
  std::vector<std::thread> threads;
  for (long t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (long i = 0; i < 10'000; ++i) {
        atomic_store_add_explicit(&sum, 1L, memory_order_relaxed);
        atomic_store_max_explicit(&most, i * 4 + t, memory_order_relaxed);
        atomic_store_min_explicit(&least, -i * 4 - t, memory_order_relaxed);
      }
    });
  }
  for (auto& t : threads) t.join();
  EXPECT_EQ(sum.load(), 40'000);
  EXPECT_EQ(most.load(), 39'999);
  EXPECT_EQ(least.load(), -39'999);
}

}  // namespace
}  // namespace switchyard
