// Both sides' lazy under the model checker.

#include <stdexcept>

#include "switchyard/atomics/atomic.h"
#include "switchyard/atomics/plain.h"
#include "switchyard/blocking/lazy.h"
#include "switchyard/lockfree/lazy.h"
#include "tests/model/model_support.h"

namespace switchyard::model {
namespace {

/// A value whose construction the checker sees.
class seen {
 public:
  explicit seen(int value) { value_.construct(value); }
  seen(const seen&) = delete;
  seen& operator=(const seen&) = delete;
  ~seen() { value_.destroy(); }
  int value() const { return value_.read(); }

 private:
  plain<int> value_;
};

auto factory(atomic<int>& calls) {
  return [&calls] {
    calls.fetch_add(1, memory_order_relaxed);
    return seen(7);
  };
}

TEST(lockfree_lazy, AllGetTheSameValueFullyBuilt) {
  expect_proved(
      [] {
        atomic<int> calls{0};
        lockfree::lazy value(factory(calls));
        const auto get = [&] {
          seen* const mine = &value.get();
          require(mine->value() == 7, "is built");
          require(&value.get() == mine, "stays the same");
        };
        thread a(get);
        thread b(get);
        get();
        a.join();
        b.join();
        const int n = calls.load(memory_order_relaxed);
        require(n >= 1 && n <= 3, "is built once for each that asks at once");
      },
      {.preemptions = 3});
}

TEST(lockfree_lazy, FindSeesNothingOrAllOfIt) {
  expect_proved([] {
    atomic<int> calls{0};
    lockfree::lazy value(factory(calls));
    thread builder([&] { value.get(); });
    const bool built = value.is_built();
    seen* const found = value.find();
    if (found != nullptr) require(found->value() == 7, "is built");
    require(!built || found != nullptr, "does not go away");
    builder.join();
    require(value.find() != nullptr, "is there");
  });
}

TEST(lockfree_lazy, WhoeverThrowsTellsNobodyElse) {
  expect_proved(
      [] {
        atomic<int> calls{0};
        lockfree::lazy value([&] {
          if (calls.fetch_add(1, memory_order_relaxed) == 0) throw std::runtime_error("the first fails");
          return seen(7);
        });
        atomic<int> failed{0};
        const auto get = [&] {
          try {
            require(value.get().value() == 7, "is built");
          } catch (const std::runtime_error&) {
            failed.fetch_add(1, memory_order_relaxed);
            require(value.get().value() == 7, "can be built by the next call");
          }
        };
        thread other(get);
        get();
        other.join();
        require(failed.load(memory_order_relaxed) == 1, "each exception has one caller");
      },
      {.preemptions = 3});
}

TEST(lockfree_lazy, IsLockFree) {
  expect_lock_free([] {
    atomic<int> calls{0};
    lockfree::lazy value(factory(calls));
    const auto get = [&] { require(value.get().value() == 7, "is built"); };
    thread a(get);
    thread b(get);
    thread c(get);
  });
}

TEST(lockfree_lazy, IsWaitFreeOnceBuilt) {
  expect_proved([] {
    atomic<int> calls{0};
    lockfree::lazy value(factory(calls));
    value.get();
    thread other([&] { value.get(); });
    within_steps(1, [&] { value.get(); });
    require(calls.load(memory_order_relaxed) == 1, "is not built again");
  });
}

TEST(blocking_lazy, IsBuiltOnceAndSeenWhole) {
  expect_proved(
      [] {
        atomic<int> calls{0};
        blocking::lazy value(factory(calls));
        const auto get = [&] { require(value.get().value() == 7, "is built"); };
        thread other(get);
        seen* const found = value.find();
        if (found != nullptr) require(found->value() == 7, "is built");
        get();
        other.join();
        require(calls.load(memory_order_relaxed) == 1, "is built once");
      },
      {.preemptions = 3});
}

TEST(blocking_lazy, OneThatThrowsIsTriedAgainByTheNext) {
  expect_proved(
      [] {
        atomic<int> calls{0};
        blocking::lazy value([&] {
          if (calls.fetch_add(1, memory_order_relaxed) == 0) throw std::runtime_error("the first fails");
          return seen(7);
        });
        atomic<int> failed{0};
        const auto get = [&] {
          try {
            require(value.get().value() == 7, "is built");
          } catch (const std::runtime_error&) {
            failed.fetch_add(1, memory_order_relaxed);
          }
        };
        thread other(get);
        get();
        other.join();
        require(failed.load(memory_order_relaxed) == 1, "only the first fails");
        require(calls.load(memory_order_relaxed) == 2, "and only one follows");
      },
      {.preemptions = 3});
}

}  // namespace
}  // namespace switchyard::model
