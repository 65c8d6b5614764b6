// Both sides' lazy: what the guide's thread-safe singleton promises (GUIDE 1.12), and where the two differ.

#include "switchyard/blocking/lazy.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

#include "switchyard/atomics/atomic.h"
#include "switchyard/interface/lazy.h"
#include "switchyard/lockfree/lazy.h"
#include "switchyard/tests/blocking/accounting_allocator.h"

namespace switchyard {
namespace {

using namespace std::chrono_literals;

struct counted {
  static inline atomic<int> made{0};
  static inline atomic<int> alive{0};
  int value;
  explicit counted(int from = 5) : value(from) { made.fetch_add(1), alive.fetch_add(1); }
  counted(const counted&) = delete;
  counted& operator=(const counted&) = delete;
  ~counted() { alive.fetch_sub(1); }
};

struct blocking_side {
  template <class T, class Factory = make_default<T>>
  using lazy = blocking::lazy<T, Factory>;
};
struct lockfree_side {
  template <class T, class Factory = make_default<T>>
  using lazy = lockfree::lazy<T, Factory>;
};

template <class Side>
class Lazy : public testing::Test {
 protected:
  template <class Factory>
  using lazy = typename Side::template lazy<std::invoke_result_t<const Factory&>, Factory>;

  Lazy() { counted::made.store(0); }
};
using sides = testing::Types<blocking_side, lockfree_side>;
TYPED_TEST_SUITE(Lazy, sides);

TYPED_TEST(Lazy, IsBuiltWhenFirstAskedForAndNotBefore) {
  typename TypeParam::template lazy<counted> value;
  EXPECT_FALSE(value.is_built());
  EXPECT_EQ(value.find(), nullptr);
  EXPECT_EQ(counted::made.load(), 0);
  counted& first = value.get();
  EXPECT_EQ(first.value, 5);
  EXPECT_EQ(&*value, &first);
  EXPECT_EQ(&value->value, &first.value);
  EXPECT_EQ(value.find(), &first);
  EXPECT_TRUE(value.is_built());
  EXPECT_EQ(counted::made.load(), 1);
}

TYPED_TEST(Lazy, OneThatNobodyAskedForBuildsAndDestroysNothing) {
  { typename TypeParam::template lazy<counted> value; }
  EXPECT_EQ(counted::made.load(), 0);
}

TYPED_TEST(Lazy, EveryThreadGetsTheSameOne) {
  for (int round = 0; round < 100; ++round) {
    typename TypeParam::template lazy<counted> value;
    constexpr std::size_t threads = 4;
    std::vector<counted*> found(threads);
    {
      std::vector<std::jthread> workers;
      for (std::size_t i = 0; i < threads; ++i) workers.emplace_back([&, i] { found[i] = &value.get(); });
    }
    for (counted* const each : found) EXPECT_EQ(each, value.find());
    EXPECT_EQ(counted::alive.load(), 1) << "what was built in vain has gone";
  }
  EXPECT_EQ(counted::alive.load(), 0);
}

TYPED_TEST(Lazy, AThrowingConstructorIsTriedAgainByTheNextCaller) {
  int calls = 0;
  const auto factory = [&] {
    if (++calls < 3) throw std::runtime_error("not yet");
    return counted(calls);
  };
  typename TestFixture::template lazy<decltype(factory)> value(factory);
  EXPECT_THROW(value.get(), std::runtime_error);
  EXPECT_FALSE(value.is_built());
  EXPECT_THROW(value.get(), std::runtime_error);
  EXPECT_EQ(value.get().value, 3);
  EXPECT_EQ(value.get().value, 3);
  EXPECT_EQ(calls, 3);
}

TYPED_TEST(Lazy, IsDestroyedWithItsObjectLastFirst) {
  std::string order;
  struct noisy {
    std::string* out;
    char name;
    noisy(std::string* to, char n) : out(to), name(n) {}
    noisy(const noisy&) = delete;
    ~noisy() { *out += name; }
  };
  {
    const auto a = [&] { return noisy(&order, 'a'); };
    const auto b = [&] { return noisy(&order, 'b'); };
    typename TestFixture::template lazy<decltype(a)> first(a);
    typename TestFixture::template lazy<decltype(b)> second(b);
    first.get();  // whichever is built first
    second.get();
  }
  EXPECT_EQ(order, "ba");
}

TYPED_TEST(Lazy, ResetMakesRoomForAnother) {
  typename TypeParam::template lazy<counted> value;
  value.reset();
  value->value = 9;
  value.reset();
  EXPECT_FALSE(value.is_built());
  EXPECT_EQ(counted::alive.load(), 0);
  EXPECT_EQ(value->value, 5);
}

TYPED_TEST(Lazy, StaticOnesAreReadyBeforeAnyCodeRuns) {
  static constinit typename TypeParam::template lazy<std::string> value;
  value->append("x");
  EXPECT_EQ(*value, "x");
}

TYPED_TEST(Lazy, OneMayBuildAnother) {
  typename TypeParam::template lazy<int> inner;
  const auto factory = [&] { return *inner + 1; };
  typename TestFixture::template lazy<decltype(factory)> outer(factory);
  EXPECT_EQ(*outer, 1);
}

TYPED_TEST(Lazy, OverAlignedValues) {
  struct alignas(256) wide {
    int value = 1;
  };
  typename TypeParam::template lazy<wide> value;
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(&value.get()) % 256, 0U);
}

// --- Where they differ ---

TEST(BlockingLazy, TheFactoryRunsOnceAndTheOthersWait) {
  atomic<int> calls{0};
  blocking::lazy value([&] {
    calls.fetch_add(1);
    std::this_thread::sleep_for(10ms);
    return 1;
  });
  {
    std::vector<std::jthread> workers;
    for (int i = 0; i < 4; ++i) workers.emplace_back([&] { EXPECT_EQ(value.get(), 1); });
  }
  EXPECT_EQ(calls.load(), 1);
}

TEST(BlockingLazy, AFactoryThatAsksForItsOwnValueIsRefused) {
  blocking::lazy<int, std::function<int()>>* self = nullptr;
  blocking::lazy<int, std::function<int()>> value([&] { return self->get(); });
  self = &value;
  EXPECT_THROW(value.get(), recursive_lazy);
  EXPECT_THROW(value.get(), recursive_lazy) << "again, and nothing hangs";
  EXPECT_FALSE(value.is_built());
}

// A thread that is stopped in its factory stops nobody: the second builds one of its own, which is kept.
TEST(LockfreeLazy, IsBuiltTwiceRatherThanWaitedForAndOneIsKept) {
  counted::made.store(0);
  atomic<int> step{0};
  lockfree::lazy value([&] {
    if (step.exchange(1) == 0) {
      while (step.load() != 2) yield();
      return counted(1);
    }
    return counted(2);
  });
  std::jthread stopped([&] { EXPECT_EQ(value.get().value, 2); });
  while (step.load() != 1) yield();
  EXPECT_EQ(value.get().value, 2);
  step.store(2);
  stopped.join();
  EXPECT_EQ(counted::made.load(), 2);
  EXPECT_EQ(counted::alive.load(), 1);
}

TEST(LockfreeLazy, TakesItsMemoryFromItsAllocator) {
  blocking::ledger book;
  {
    using allocator = blocking::accounting_allocator<int>;
    int calls = 0;
    const auto factory = [&] {
      if (++calls == 1) throw std::runtime_error("not yet");
      return calls;
    };
    lockfree::lazy<int, decltype(factory), allocator> value(factory, allocator(book));
    EXPECT_THROW(value.get(), std::runtime_error);
    EXPECT_EQ(book.bytes, 0U) << "given back";
    book.calls_left = book.calls;
    EXPECT_THROW(value.get(), std::bad_alloc);
    EXPECT_EQ(calls, 1) << "not called without room for the result";
    book.calls_left = book.calls + 1;
    EXPECT_EQ(value.get(), 2);
    EXPECT_EQ(book.bytes, sizeof(int));
    EXPECT_EQ(value.get_allocator(), allocator(book));
  }
  EXPECT_EQ(book.bytes, 0U);
}

}  // namespace
}  // namespace switchyard
