// lockfree::seqlock under the model checker.
#include "switchyard/lockfree/seqlock.h"

#include <cstdint>
#include <functional>
#include <optional>

#include "switchyard/atomics/plain.h"
#include "tests/model/model_support.h"

namespace switchyard::model {
namespace {

/// A number twice: torn if they differ.
struct twice {
  twice() = default;
  explicit twice(int n) : first(n), second(n) {}
  operator int() const {
    require(first == second, "whole");
    return static_cast<int>(first);
  }
  void add(int n) {
    first += n;
    second += n;
  }
  std::int64_t first = 0;
  std::int64_t second = 0;
};

/// One that fits a word.
struct once {
  once() = default;
  explicit once(int n) : number(n) {}
  operator int() const { return number; }
  void add(int n) { number += n; }
  int number = 0;
};

template <class T>
class seqlocks : public testing::Test {};
using kinds = testing::Types<once, twice>;
TYPED_TEST_SUITE(seqlocks, kinds);

template <class T>
using seqlock = lockfree::seqlock<T>;

// The last of these is written where the first was, which a reader may still be reading.
TYPED_TEST(seqlocks, AReaderSeesWholeValuesInOrder) {
  expect_proved(
      [] {
        seqlock<TypeParam> s(0);
        thread writer([&] {
          for (int i = 1; i <= 3; ++i) s.store(TypeParam(i));
        });
        const int first = s.load();
        const int second = s.load();
        require(0 <= first && first <= second && second <= 3, "in order");
        writer.join();
        require(s.load() == 3, "the last");
      },
      {.preemptions = 3});
}

TYPED_TEST(seqlocks, ATryIsWholeOrNothing) {
  expect_proved([] {
    seqlock<TypeParam> s(0);
    thread writer([&] {
      for (int i = 1; i <= 3; ++i) s.store(TypeParam(i));
    });
    within_steps(7, [&] {
      const std::optional<TypeParam> seen = s.try_load();
      if (seen) require(0 <= *seen && *seen <= 3, "one of them");
    });
    writer.join();
    require(s.try_load().has_value(), "nobody is in the way");
  });
}

// Two who write, and one who reads where either has written.
TYPED_TEST(seqlocks, TwoWriters) {
  expect_proved(
      [] {
        seqlock<TypeParam> s(0);
        thread other([&] {
          s.store(TypeParam(1));
          s.store(TypeParam(2));
        });
        thread reader([&] {
          const int seen = s.load();
          const int next = s.load();
          require(seen != 2 || next != 1, "in the order of that thread");
          require(next != 0 || seen == 0, "the first does not come back");
        });
        s.store(TypeParam(3));
        other.join();
        reader.join();
        const int last = s.load();
        require(last == 2 || last == 3, "one of the last");
      },
      {.preemptions = 2});
}

TYPED_TEST(seqlocks, NoUpdateIsLost) {
  expect_proved(
      [] {
        seqlock<TypeParam> s(0);
        const auto add = [&](int n) {
          return s.update([n](TypeParam& x) {
            x.add(n);
            return static_cast<int>(x);
          });
        };
        int theirs = 0;
        thread other([&] { theirs = add(2); });
        const int mine = add(1);
        other.join();
        require(s.load() == 3, "both");
        require((mine == 1 && theirs == 3) || (mine == 3 && theirs == 2), "one after the other");
      },
      {.preemptions = 4});
}

// A change of the same thread while f is busy: it is not written over.
TYPED_TEST(seqlocks, FChangesTheSame) {
  expect_proved([] {
    seqlock<TypeParam> s(0);
    int calls = 0;
    s.update([&](TypeParam& x) {
      if (calls++ == 0) s.store(TypeParam(5));
      x.add(1);
    });
    require(calls == 2 && s.load() == 6, "once more");
  });
}

TYPED_TEST(seqlocks, WhatIsExchangedIsHandedOnOnce) {
  expect_proved(
      [] {
        seqlock<TypeParam> s(1);
        int theirs = 0;
        thread other([&] { theirs = s.exchange(TypeParam(2)); });
        const int mine = s.exchange(TypeParam(4));
        other.join();
        require(mine + theirs + s.load() == 7, "each once");
      },
      {.preemptions = 4});
}

// What was done before a change is seen by who sees the change.
TYPED_TEST(seqlocks, AChangePublishes) {
  expect_proved([] {
    plain<int> data;
    data.construct(0);
    seqlock<TypeParam> s(0);
    thread writer([&] {
      data.write() = 1;
      s.store(TypeParam(1));
    });
    if (s.load() == 1) require(data.read() == 1, "seen");
    writer.join();
    data.destroy();
  });
}
TYPED_TEST(seqlocks, AnUpdatePublishes) {
  expect_proved([] {
    plain<int> data;
    data.construct(0);
    seqlock<TypeParam> s(0);
    thread writer([&] {
      data.write() = 1;
      s.update([](TypeParam& x) { x.add(1); });
    });
    if (s.exchange(TypeParam(7)) == 1) require(data.read() == 1, "seen");
    writer.join();
    data.destroy();
  });
}

// A thread gets the places of one that has ended.
TYPED_TEST(seqlocks, PlacesAreUsedAgain) {
  expect_proved(
      [] {
        seqlock<TypeParam> s(0);
        thread first([&] {
          s.store(TypeParam(1));
          s.store(TypeParam(2));
        });
        thread reader([&] {
          const int seen = s.load();
          require(0 <= seen && seen <= 4, "one of them");
        });
        first.join();
        thread second([&] {
          s.store(TypeParam(3));
          s.store(TypeParam(4));
        });
        second.join();
        require(s.load() == 4, "the last");
      },
      {.preemptions = 2});
}

TYPED_TEST(seqlocks, WhenFThrowsNothingHasChanged) {
  expect_proved([] {
    seqlock<TypeParam> s(0);
    thread other([&] { s.store(TypeParam(1)); });
    bool thrown = false;
    try {
      s.update([](TypeParam& x) {
        x.add(5);
        throw 1;
      });
    } catch (int) {
      thrown = true;
    }
    other.join();
    require(thrown && s.load() == 1, "only the other's");
  });
}

// A thread that stops in the middle of a change stops neither readers nor writers.
TYPED_TEST(seqlocks, IsLockFree) {
  expect_lock_free([] {
    seqlock<TypeParam> s(0);
    const auto use = [&] {
      s.store(TypeParam(1));
      s.update([](TypeParam& x) { x.add(1); });
      (void)s.load();
      (void)s.exchange(TypeParam(3));
    };
    thread other(use);
    use();
  });
}

// Of one word.
TEST(seqlock_of_one_word, IsWaitFree) {
  expect_proved([] {
    seqlock<once> s(0);
    thread other([&] { s.store(once(1)); });
    within_steps(2, [&] { (void)s.load(); });
    within_steps(2, [&] { s.store(once(2)); });
  });
}

}  // namespace
}  // namespace switchyard::model
