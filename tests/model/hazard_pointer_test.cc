// hazard_pointer under the model checker: nothing is freed while somebody looks at it, everything is freed once.

#include "switchyard/lockfree/hazard_pointer.h"

#include <utility>

#include "switchyard/atomics/atomic.h"
#include "switchyard/atomics/plain.h"
#include "tests/model/model_support.h"

namespace switchyard::model {
namespace {

using lockfree::hazard_pointer;
using lockfree::make_hazard_pointer;

struct object : lockfree::hazard_pointer_obj_base<object> {
  explicit object(int n) { number.construct(n); }
  ~object() { number.destroy(); }
  plain<int> number;
};

// Without (3) with (2) the deleter races with the last read, without (1) with (4) it comes before it.
TEST(hazard_pointer, WhatIsReadIsNotFreed) {
  expect_proved([] {
    atomic<object*> current{new object(1)};
    thread reader([&] {
      hazard_pointer h = make_hazard_pointer();
      const object* o = h.protect(current);
      const int n = o->number.read();
      require(n == 1 || n == 2, "one of the two");
    });
    object* const old = current.exchange(new object(2), memory_order_acq_rel);
    old->retire();
    reader.join();
    current.load(memory_order_relaxed)->retire();
  });
}

// The one who reads sees that what it looks at has been replaced, and tries again.
TEST(hazard_pointer, ReplacedTwice) {
  expect_proved(
      [] {
        atomic<object*> current{new object(1)};
        thread reader([&] {
          hazard_pointer h = make_hazard_pointer();
          int before = 0;
          for (int i = 0; i < 2; ++i) {
            const int n = h.protect(current)->number.read();
            require(before <= n && n <= 3, "never an older one");
            before = n;
          }
        });
        current.exchange(new object(2), memory_order_acq_rel)->retire();
        current.exchange(new object(3), memory_order_acq_rel)->retire();
        reader.join();
        current.load(memory_order_relaxed)->retire();
      },
      {.preemptions = 2});
}

TEST(hazard_pointer, TwoWriters) {
  expect_proved(
      [] {
        atomic<object*> current{new object(1)};
        const auto replace = [&] { current.exchange(new object(2), memory_order_acq_rel)->retire(); };
        thread first(replace);
        thread second(replace);
        {
          hazard_pointer h = make_hazard_pointer();
          (void)h.protect(current)->number.read();
        }
        first.join();
        second.join();
        current.load(memory_order_relaxed)->retire();
      },
      {.preemptions = 2});
}

// Two are protected by one thread, so that a look at all hazards takes more than one round.
TEST(hazard_pointer, TwoAtOnce) {
  expect_proved(
      [] {
        atomic<object*> a{new object(1)};
        atomic<object*> b{new object(2)};
        thread reader([&] {
          hazard_pointer batch[2];
          lockfree::make_hazard_pointer_batch(batch);
          const object* first = batch[0].protect(a);
          const object* second = batch[1].protect(b);
          swap(batch[0], batch[1]);
          if (first != nullptr) require(first->number.read() == 1, "the first");
          batch[1].reset_protection();
          if (second != nullptr) require(second->number.read() == 2, "the second");
          lockfree::clear_hazard_pointer_batch(batch);
        });
        a.exchange(nullptr, memory_order_acq_rel)->retire();
        b.exchange(nullptr, memory_order_acq_rel)->retire();
      },
      {.preemptions = 2});
}

// A thread that ends leaves what is still protected to the others.
TEST(hazard_pointer, EndOfAThread) {
  expect_proved([] {
    atomic<object*> current{new object(1)};
    hazard_pointer h = make_hazard_pointer();
    const object* const mine = h.protect(current);
    thread writer([&] { current.exchange(nullptr, memory_order_acq_rel)->retire(); });
    writer.join();
    require(mine->number.read() == 1, "still there");
  });
}

// Who reclaims it then has only that list to know it by.
TEST(hazard_pointer, WhatAThreadHasLeft) {
  expect_proved(
      [] {
        atomic<object*> current{nullptr};
        object* const other = new object(2);
        hazard_pointer h = make_hazard_pointer();
        thread writer([&] {
          current.store(new object(1), memory_order_release);
          object* const mine = current.exchange(nullptr, memory_order_acq_rel);
          require(mine->number.read() == 1, "still there");
          mine->retire();
        });
        if (const object* o = h.protect(current)) require(o->number.read() == 1, "still there");
        h.reset_protection();
        other->retire();
      },
      {.preemptions = 3});
}

// A record goes from hand to hand, and what its last holder did last does not undo what the next one does first.
TEST(hazard_pointer, RecordsAreUsedAgain) {
  expect_proved(
      [] {
        atomic<object*> current{new object(1)};
        const auto read = [&] {
          hazard_pointer h = make_hazard_pointer();
          if (const object* o = h.protect(current)) require(o->number.read() == 1, "there");
        };
        thread first(read);
        thread second(read);
        current.exchange(nullptr, memory_order_acq_rel)->retire();
      },
      {.preemptions = 3});
}

// What a deleter retires.
struct chain : lockfree::hazard_pointer_obj_base<chain> {
  chain* next = nullptr;
  ~chain() {
    if (next != nullptr) next->retire();
  }
};
TEST(hazard_pointer, DeletersRetire) {
  expect_proved([] {
    atomic<chain*> current{new chain};
    current.load(memory_order_relaxed)->next = new chain;
    thread reader([&] {
      hazard_pointer h = make_hazard_pointer();
      (void)h.protect(current);
    });
    current.exchange(nullptr, memory_order_acq_rel)->retire();
  });
}

TEST(hazard_pointer, IsLockFree) {
  expect_lock_free([] {
    atomic<object*> current{new object(1)};
    thread reader([&] {
      hazard_pointer h = make_hazard_pointer();
      if (const object* o = h.protect(current)) (void)o->number.read();
    });
    thread writer([&] {
      if (object* o = current.exchange(nullptr, memory_order_acq_rel)) o->retire();
    });
    if (object* o = current.exchange(new object(3), memory_order_acq_rel)) o->retire();
    reader.join();
    writer.join();
    if (object* o = current.exchange(nullptr, memory_order_acq_rel)) o->retire();
  });
}

TEST(hazard_pointer, TryProtectIsWaitFree) {
  expect_proved(
      [] {
        atomic<object*> current{new object(1)};
        thread reader([&] {
          hazard_pointer h = make_hazard_pointer();
          object* o = current.load(memory_order_relaxed);
          if (within_steps(4, [&] { return h.try_protect(o, current); })) (void)o->number.read();
        });
        current.exchange(new object(2), memory_order_acq_rel)->retire();
        reader.join();
        current.load(memory_order_relaxed)->retire();
      });
}

}  // namespace
}  // namespace switchyard::model
