// lockfree::snapshot under the model checker.
#include "switchyard/lockfree/snapshot.h"

#include <cstdint>
#include <functional>
#include <memory>

#include "switchyard/atomics/plain.h"
#include "tests/model/model_support.h"
#include "tests/model/reclaim_at_once.h"

namespace switchyard::model {
namespace {

using snapshot = lockfree::snapshot<int, std::allocator<int>, reclaim_at_once::means>;
using real_snapshot = lockfree::snapshot<int>;

constexpr auto number = [](const int& x) { return x; };

TEST(snapshot, NoUpdateIsLost) {
  expect_proved(
      [] {
        const reclaim_at_once domain;
        snapshot s(0);
        std::uint64_t theirs = 0;
        thread other([&] { theirs = s.update([](int& x) { x += 2; }); });
        const std::uint64_t mine = s.update([](const int& x) { return x + 1; });
        other.join();
        require(s.load() == 3 && s.version() == 2, "both");
        require(mine + theirs == 3, "one after the other");
      },
      {.preemptions = 4});
}

TEST(snapshot, AReaderSeesOneAfterTheOther) {
  expect_proved(
      [] {
        const reclaim_at_once domain;
        snapshot s(0);
        thread writer([&] {
          s.store(1);
          s.store(2);
        });
        const int first = s.read(number);
        const int second = s.load();
        require(first <= second && second <= 2, "in order");
        writer.join();
        require(s.read(number) == 2, "the last");
      },
      {.preemptions = 5});
}

// A version stays while it is kept, and goes when nobody can be looking at it.
TEST(snapshot, AHandleKeepsItsVersion) {
  expect_proved(
      [] {
        const reclaim_at_once domain;
        auto s = std::make_unique<snapshot>(0);
        thread writer([&] { s->store(1); });
        auto kept = s->get();
        const int seen = *kept;
        require(kept.version() == static_cast<std::uint64_t>(seen), "its number");
        writer.join();
        s->store(2);
        require(*kept == seen, "the same");
        s.reset();
        require(*kept == seen, "still");
      },
      {.preemptions = 5});
}

TEST(snapshot, RefreshFindsWhatIsNew) {
  expect_proved(
      [] {
        const reclaim_at_once domain;
        snapshot s(0);
        auto kept = s.get();
        thread writer([&] {
          s.store(1);
          s.store(2);
        });
        int last = 0;
        for (int i = 0; i < 2; ++i) {
          const bool is_new = s.refresh(kept);
          require(is_new == (*kept > last), "says so");
          last = *kept;
        }
        writer.join();
        s.refresh(kept);
        require(*kept == 2, "the last");
        require(!s.refresh(kept), "nothing new");
      },
      {.preemptions = 5});
}

TEST(snapshot, WhatIsExchangedIsHandedOnOnce) {
  expect_proved(
      [] {
        const reclaim_at_once domain;
        snapshot s(1);
        int theirs = 0;
        thread other([&] { theirs = *s.exchange(2); });
        const int mine = *s.exchange(4);
        other.join();
        require(mine + theirs + s.load() == 7, "each once");
      },
      {.preemptions = 4});
}

TEST(snapshot, OneOfTwoTriesGetsThere) {
  expect_proved(
      [] {
        const reclaim_at_once domain;
        snapshot s(0);
        const auto expected = s.get();
        bool theirs = false;
        thread other([&] {
          const auto mine = s.get();
          theirs = s.try_update(mine, 1);
        });
        const bool mine = s.try_update(expected, 2);
        other.join();
        require(mine || theirs, "one of them");
        require(s.load() == (theirs ? 1 : 2), "the last");
        require(s.version() == static_cast<std::uint64_t>(mine + theirs), "counted");
      },
      {.preemptions = 5});
}

// What was done before a change is seen by who finds it.
TEST(snapshot, AChangePublishes) {
  for (const bool keeps : {false, true}) {
    expect_proved([keeps] {
      const reclaim_at_once domain;
      plain<int> data;
      data.construct(0);
      snapshot s(0);
      thread writer([&] {
        data.write() = 1;
        s.store(1);
      });
      const int found = keeps ? *s.get() : s.read(number);
      if (found == 1) require(data.read() == 1, "seen");
      writer.join();
      data.destroy();
    });
  }
}

TEST(snapshot, WhenFThrowsNothingHasChanged) {
  expect_proved(
      [] {
        const reclaim_at_once domain;
        snapshot s(0);
        thread other([&] { s.update([](int& x) { x += 1; }); });
        bool thrown = false;
        try {
          s.update([](int& x) {
            x += 5;
            throw 1;
          });
        } catch (int) {
          thrown = true;
        }
        other.join();
        require(thrown && s.load() == 1 && s.version() == 1, "only the other's");
      },
      {.preemptions = 5});
}

TEST(snapshot, IsLockFree) {
  expect_lock_free([] {
    const reclaim_at_once domain;
    snapshot s(0);
    const auto use = [&] {
      s.update([](int& x) { x += 1; });
      const auto kept = s.get();
      s.store(*kept);
    };
    thread other(use);
    use();
  });
}

// With read-copy-update as it is.
TEST(snapshot, ReadersAreWaitFree) {
  expect_proved(
      [] {
        real_snapshot s(0);
        thread writer([&] {
          s.store(1);
          s.update([](int& x) { ++x; });
        });
        auto kept = s.get();  // this thread's first
        kept.reset();
        within_steps(12, [&] { (void)s.read(number); });
        within_steps(20, [&] { kept = s.get(); });
        within_steps(20, [&] { s.refresh(kept); });
        within_steps(12, [&] { (void)s.version(); });
      },
      {.preemptions = 1});
}

TEST(snapshot, WithReadCopyUpdateAsItIs) {
  expect_proved(
      [] {
        real_snapshot s(0);
        thread writer([&] { s.store(1); });
        const auto kept = s.get();
        const int seen = *kept;
        writer.join();
        s.store(2);
        require(*kept == seen && seen <= 1, "kept");
      },
      {.preemptions = 4});
}

TEST(snapshot, IsLockFreeWithReadCopyUpdateAsItIs) {
  expect_lock_free([] {
    real_snapshot s(0);
    thread other([&] {
      (void)s.get();
      s.store(1);
    });
    s.store(2);
    (void)s.read(number);
  });
}

}  // namespace
}  // namespace switchyard::model
