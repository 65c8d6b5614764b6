#include "switchyard/lockfree/seqlock.h"

#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <thread>
#include <type_traits>
#include <vector>

#include "switchyard/atomics/atomic.h"

namespace switchyard::lockfree {
namespace {

template <std::size_t Size>
struct bytes {
  std::array<unsigned char, Size> all{};
  static bytes of(int n) {
    bytes result;
    for (std::size_t i = 0; i < Size; ++i) result.all[i] = static_cast<unsigned char>(n + static_cast<int>(i));
    return result;
  }
  friend bool operator==(const bytes&, const bytes&) = default;
};

template <class T>
class seqlocks_of : public testing::Test {};
using sizes = testing::Types<bytes<1>, bytes<3>, bytes<8>, bytes<9>, bytes<16>, bytes<31>, bytes<64>, bytes<1000>>;
TYPED_TEST_SUITE(seqlocks_of, sizes);

TYPED_TEST(seqlocks_of, LoadsAndStoresWholeValues) {
  seqlock<TypeParam> s(TypeParam::of(1));
  EXPECT_EQ(s.load(), TypeParam::of(1));
  for (int i = 2; i < 9; ++i) {
    s.store(TypeParam::of(i));
    EXPECT_EQ(s.load(), TypeParam::of(i));
    EXPECT_EQ(s.try_load(), TypeParam::of(i));
  }
  EXPECT_EQ(s.exchange(TypeParam::of(20)), TypeParam::of(8));
  EXPECT_EQ(s.read([](const TypeParam& x) { return x.all[0]; }), 20);
  s.update([](TypeParam& x) { x = TypeParam::of(x.all[0] + 1); });
  EXPECT_EQ(s.update([](TypeParam& x) {
    x = TypeParam::of(x.all[0] + 1);
    return x.all[0];
  }),
            22);
  EXPECT_EQ(s.load(), TypeParam::of(22));
  EXPECT_THROW(s.update([](TypeParam& x) {
    x = TypeParam::of(7);
    throw std::runtime_error("no");
  }),
               std::runtime_error);
  EXPECT_EQ(s.load(), TypeParam::of(22));
}

// Threads one after the other, and together.
TYPED_TEST(seqlocks_of, ThreadsTakeOverWhatOthersLeave) {
  seqlock<TypeParam> s;
  for (int i = 1; i < 50; ++i) {
    std::thread([&] {
      s.store(TypeParam::of(i));
      if (i % 2 == 0) s.store(TypeParam::of(i + 1));
    }).join();
    EXPECT_EQ(s.load(), TypeParam::of(i % 2 == 0 ? i + 1 : i));
  }
}

TYPED_TEST(seqlocks_of, ReadersSeeWholeValues) {
  seqlock<TypeParam> s(TypeParam::of(0));
  atomic<bool> done{false};
  std::vector<std::jthread> threads;
  for (int t = 0; t < 2; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 4000; ++i) {
        if (t == 0) {
          s.store(TypeParam::of(i));
        } else {
          s.update([](TypeParam& x) { x = TypeParam::of(x.all[0] + 1); });
        }
      }
      if (t == 0) done.store(true);
    });
    threads.emplace_back([&] {
      while (!done.load()) {
        const TypeParam seen = s.load();
        EXPECT_EQ(seen, TypeParam::of(seen.all[0]));
      }
    });
  }
}

/// Not to be had without arguments, and aligned.
struct alignas(64) aligned {
  explicit aligned(int n) : number(n) {}
  int number;
};
TEST(seqlock, OfOtherTypes) {
  seqlock<aligned> a(3);
  a.update([](aligned& x) {
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(&x) % 64, 0u);
    ++x.number;
  });
  EXPECT_EQ(a.load().number, 4);
  seqlock<double> d;
  d.store(0.5);
  EXPECT_EQ(d.load(), 0.5);
  static_assert(sizeof(seqlock<double>) == 8 && sizeof(seqlock<char>) == 8);
  static_assert(!std::is_copy_constructible_v<seqlock<int>> && !std::is_convertible_v<int, seqlock<int>>);
  seqlock<bool> b(true);
  EXPECT_TRUE(b.exchange(false));
  EXPECT_FALSE(b.load());
}

TEST(seqlock, FMayBeCalledAgain) {
  seqlock<bytes<16>> s;
  int calls = 0;
  s.update([&](bytes<16>& x) {
    if (++calls == 1) s.store(bytes<16>::of(5));  // as another thread might
    ++x.all[0];
  });
  EXPECT_EQ(calls, 2);
  EXPECT_EQ(s.load().all[0], 6);
}

TEST(seqlock, NoUpdateIsLost) {
  seqlock<std::array<long, 5>> s;
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < 2000; ++i) {
          s.update([](std::array<long, 5>& x) {
            for (long& n : x) ++n;
          });
        }
      });
    }
  }
  for (const long n : s.load()) EXPECT_EQ(n, 8000);
}

}  // namespace
}  // namespace switchyard::lockfree
