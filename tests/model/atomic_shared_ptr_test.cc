// lockfree::atomic_shared_ptr under the model checker. The counts of std::shared_ptr are not the checker's: it does not see
// that what was done to an object comes before its end, so here the memory of objects stays until all is over.
#include "switchyard/lockfree/atomic_shared_ptr.h"

#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "switchyard/atomics/plain.h"
#include "tests/model/model_support.h"
#include "tests/model/reclaim_at_once.h"

namespace switchyard::model {
namespace {

template <class T>
using shared_of = lockfree::atomic_shared_ptr<T, std::allocator<std::byte>, reclaim_at_once::means>;

/// Knows whether it is there, and is written before it is shared.
struct item {
  explicit item(int n) { number.construct(n); }
  int get() const {
    require(is_there, "it is there");
    return number.read();
  }
  plain<int> number;
  bool is_there = true;
};
using item_ptr = std::shared_ptr<item>;
using shared = shared_of<item>;

/// What an execution needs: reclamation, and the memory of the objects.
class objects {
 public:
  item_ptr make(int n) {
    all_.push_back(std::make_unique<item>(n));
    return item_ptr(all_.back().get(), [](item* i) { i->is_there = false; });
  }
  reclaim_at_once& domain() { return domain_; }

 private:
  reclaim_at_once domain_;
  std::vector<std::unique_ptr<item>> all_;
};
int number(const item_ptr& p) { return p == nullptr ? 0 : p->get(); }

TEST(atomic_shared_ptr, AReaderSeesOneAfterTheOther) {
  expect_proved(
      [] {
        objects all;
        shared s(all.make(1));
        thread writer([&] {
          s.store(all.make(2));
          s.store(all.make(3));
        });
        const item_ptr first = s.load();
        const item_ptr second = s.load();
        require(1 <= number(first) && number(first) <= number(second) && number(second) <= 3, "in order");
        writer.join();
        require(number(s.load()) == 3, "the last");
        require(number(first) != 1 || first.use_count() == (second == first ? 2 : 1), "counted");
      },
      {.preemptions = 4});
}

// What is replaced goes at once, with its last user; not before.
TEST(atomic_shared_ptr, GoesWithItsLastUser) {
  expect_proved(
      [] {
        objects all;
        shared s(all.make(1));
        std::weak_ptr<item> first = s.load();
        require(first.use_count() == 1, "here only");
        item_ptr theirs;
        thread reader([&] { theirs = s.load(); });
        s.store(all.make(2));
        reader.join();
        require(first.expired() == (number(theirs) != 1), "as long as there is a user");
        theirs.reset();
        require(first.expired(), "no longer");
      },
      {.preemptions = 4});
}

TEST(atomic_shared_ptr, GoesAlsoWhileSomebodyMayLookAtItsBlock) {
  expect_proved([] {
    objects all;
    shared s(all.make(1));
    const std::weak_ptr<item> first = s.load();
    const std::scoped_lock looking(all.domain());
    s.store(nullptr);
    require(first.expired(), "at once");
  });
}

TEST(atomic_shared_ptr, WhatIsExchangedIsHandedOnOnce) {
  expect_proved(
      [] {
        objects all;
        shared s(all.make(1));
        item_ptr theirs;
        thread other([&] { theirs = s.exchange(all.make(2)); });
        const item_ptr mine = s.exchange(all.make(4));
        other.join();
        const item_ptr last = s.load();
        require(number(mine) + number(theirs) + number(last) == 7, "each once");
        require(mine.use_count() == 1 && theirs.use_count() == 1 && last.use_count() == 2, "counted");
      },
      {.preemptions = 4});
}

TEST(atomic_shared_ptr, NoChangeIsLost) {
  expect_proved(
      [] {
        objects all;
        shared s(all.make(1));
        const auto add = [&](int n) {
          item_ptr seen = s.load();
          while (!s.compare_exchange_weak(seen, all.make(number(seen) + n))) {
          }
        };
        thread other([&] { add(2); });
        add(4);
        other.join();
        require(number(s.load()) == 7, "both");
      },
      {.preemptions = 3});
}

// One goes away and comes back while another compares.
TEST(atomic_shared_ptr, TheSameAgainIsTheSame) {
  expect_proved(
      [] {
        objects all;
        const item_ptr a = all.make(1);
        shared s(a);
        thread other([&] {
          s.store(nullptr);
          s.store(a);
        });
        item_ptr expected = a;
        if (s.compare_exchange_strong(expected, all.make(2))) {
          require(expected == a, "as it was");
        } else {
          require(expected == nullptr, "what was there");
        }
        other.join();
        const int last = number(s.load());
        require(last == 1 || last == 2, "one of them");
      },
      {.preemptions = 3});
}

TEST(atomic_shared_ptr, AFailedComparisonFindsWhatIsThere) {
  expect_proved(
      [] {
        objects all;
        shared s(all.make(1));
        thread writer([&] { s.store(all.make(2)); });
        item_ptr expected;
        require(!s.compare_exchange_strong(expected, all.make(9)), "it is not null");
        require(number(expected) == 1 || number(expected) == 2, "what was there");
        writer.join();
      },
      {.preemptions = 4});
}

// What was done before a pointer was put in is seen by who finds it, whatever order is asked for.
TEST(atomic_shared_ptr, AChangePublishes) {
  expect_proved([] {
    objects all;
    plain<int> data;
    data.construct(0);
    shared s;
    thread writer([&] {
      data.write() = 1;
      s.store(all.make(1), memory_order_relaxed);
    });
    if (s.load(memory_order_relaxed) != nullptr) require(data.read() == 1, "seen");
    writer.join();
    data.destroy();
  });
  expect_proved([] {
    objects all;
    plain<int> data;
    data.construct(0);
    shared s;
    thread writer([&] {
      data.write() = 1;
      item_ptr null;
      (void)s.compare_exchange_strong(null, all.make(1), memory_order_release, memory_order_relaxed);
    });
    item_ptr expected = all.make(5);
    (void)s.compare_exchange_strong(expected, nullptr, memory_order_relaxed, memory_order_relaxed);
    if (expected != nullptr) require(data.read() == 1, "seen");
    writer.join();
    data.destroy();
  });
}

TEST(atomic_shared_ptr, WhatIsExchangedWasPublished) {
  expect_proved([] {
    objects all;
    shared s;
    thread writer([&] { s.store(all.make(1), memory_order_relaxed); });
    const int found = number(s.exchange(nullptr, memory_order_relaxed));
    writer.join();
    require(found + number(s.load()) == 1, "here or there");
  });
}

// In the single order of seq_cst, one of two who say that they are there sees the other.
TEST(atomic_shared_ptr, SequentiallyConsistent) {
  for (const bool by_exchange : {true, false}) {
    expect_proved(
        [by_exchange] {
          const reclaim_at_once domain;
          shared_of<int> a, b;
          const auto one = std::make_shared<int>(1);
          const auto say = [&](shared_of<int>& where) {
            std::shared_ptr<int> null;
            if (by_exchange) {
              where.store(one);
            } else {
              (void)where.compare_exchange_strong(null, one);
            }
          };
          bool they_see = false;
          thread other([&] {
            say(b);
            they_see = a.load() != nullptr;
          });
          say(a);
          std::shared_ptr<int> another = std::make_shared<int>(2);  // never there: only looks
          const bool i_see = by_exchange ? b.load() != nullptr
                                         : !b.compare_exchange_strong(another, nullptr) && another != nullptr;
          other.join();
          require(they_see || i_see, "one of them");
        },
        {.preemptions = 3});
  }
}

TEST(atomic_shared_ptr, AWaitEnds) {
  expect_proved(
      [] {
        objects all;
        shared s;
        thread waiter([&] {
          s.wait(nullptr);
          require(number(s.load()) == 1, "what was waited for");
        });
        s.store(all.make(1));
        s.notify_all();
      },
      {.preemptions = 3});
}

TEST(atomic_shared_ptr, IsLockFree) {
  expect_lock_free([] {
    objects all;
    shared s(all.make(1));
    const auto use = [&](int n) {
      item_ptr seen = s.load();
      s.store(all.make(n));
      (void)s.compare_exchange_strong(seen, all.make(n + 1));
      (void)s.exchange(seen);
    };
    thread other([&] { use(2); });
    use(4);
  });
}

// With read-copy-update as it is.
TEST(atomic_shared_ptr, WithReadCopyUpdateAsItIs) {
  const auto body = [] {
    objects all;
    lockfree::atomic_shared_ptr<item> s(all.make(1));
    thread writer([&] { s.store(all.make(2)); });
    const item_ptr seen = s.load();
    require(number(seen) == 1 || number(seen) == 2, "one of them");
    s.store(nullptr);
  };
  expect_proved(body, {.preemptions = 3});
  expect_lock_free(body);
}

}  // namespace
}  // namespace switchyard::model
