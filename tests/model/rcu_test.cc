// rcu under the model checker: nothing is freed while a section may see it, and everything is freed once.

#include "switchyard/lockfree/rcu.h"

#include <mutex>

#include "switchyard/atomics/atomic.h"
#include "switchyard/atomics/plain.h"
#include "tests/model/model_support.h"

namespace switchyard::model {
namespace {

using lockfree::rcu_barrier;
using lockfree::rcu_default_domain;
using lockfree::rcu_retire;
using lockfree::rcu_synchronize;

struct object : lockfree::rcu_obj_base<object> {
  explicit object(int n) { number.construct(n); }
  ~object() { number.destroy(); }
  int read() const { return number.read(); }
  plain<int> number;
};

void read(const atomic<object*>& current) {
  std::scoped_lock reading(rcu_default_domain());
  if (const object* o = current.load(memory_order_acquire)) {
    require(o->read() > 0, "one of them");
    require(o->read() > 0, "still there");
  }
}

// Without (3) with (4) the deleter races with the last read; without (2) with (5) it comes before it.
TEST(rcu, WhatIsReadIsNotFreed) {
  expect_proved([] {
    atomic<object*> current{new object(1)};
    thread reader([&] { read(current); });
    current.exchange(nullptr, memory_order_acq_rel)->retire();
  });
}

// The second section must not hide the first from who waits for it.
TEST(rcu, TwoSections) {
  expect_proved([] {
    atomic<object*> current{new object(1)};
    thread reader([&] {
      read(current);
      read(current);
    });
    current.exchange(nullptr, memory_order_acq_rel)->retire();
  });
}

TEST(rcu, ReplacedTwice) {
  expect_proved(
      [] {
        atomic<object*> current{new object(1)};
        thread reader([&] {
          read(current);
          read(current);
        });
        current.exchange(new object(2), memory_order_acq_rel)->retire();
        current.exchange(nullptr, memory_order_acq_rel)->retire();
      },
      {.preemptions = 2});
}

TEST(rcu, TwoWriters) {
  expect_proved(
      [] {
        atomic<object*> current{new object(1)};
        const auto replace = [&] { current.exchange(new object(2), memory_order_acq_rel)->retire(); };
        thread first(replace);
        thread second(replace);
        read(current);
        first.join();
        second.join();
        current.load(memory_order_relaxed)->retire();
      },
      {.preemptions = 2});
}

TEST(rcu, TwoReaders) {
  expect_proved(
      [] {
        atomic<object*> current{new object(1)};
        thread first([&] { read(current); });
        thread second([&] { read(current); });
        current.exchange(nullptr, memory_order_acq_rel)->retire();
      },
      {.preemptions = 2});
}

// Inside a section one may retire, also what one reads.
TEST(rcu, RetiringInASection) {
  expect_proved([] {
    atomic<object*> current{new object(1)};
    const auto take = [&] {
      std::scoped_lock reading(rcu_default_domain());
      std::scoped_lock again(rcu_default_domain());
      if (object* o = current.exchange(nullptr, memory_order_acq_rel)) {
        o->retire();
        require(o->read() == 1, "still there");
      }
    };
    thread other(take);
    take();
  });
}

TEST(rcu, Synchronize) {
  expect_proved(
      [] {
        atomic<object*> current{new object(1)};
        thread reader([&] { read(current); });
        object* const old = current.exchange(nullptr, memory_order_acq_rel);
        rcu_synchronize();
        delete old;
      },
      {.preemptions = 3});
}

TEST(rcu, TwoSynchronize) {
  expect_proved(
      [] {
        atomic<object*> current{new object(1)};
        const auto replace = [&](object* o) {
          object* const old = current.exchange(o, memory_order_acq_rel);
          rcu_synchronize();
          delete old;
        };
        thread reader([&] { read(current); });
        thread writer([&] { replace(new object(2)); });
        replace(nullptr);
        reader.join();
        writer.join();
        delete current.load(memory_order_relaxed);
      },
      {.preemptions = 2});
}

// What another thread has retired before is gone after a barrier.
TEST(rcu, Barrier) {
  expect_proved(
      [] {
        atomic<int> retired{0};
        plain<int> deleted;
        deleted.construct(0);
        thread writer([&] {
          rcu_retire(&deleted, [](plain<int>* d) { d->write() = 1; });
          retired.store(1, memory_order_release);
        });
        thread reader([&] { std::scoped_lock reading(rcu_default_domain()); });
        if (retired.load(memory_order_acquire) == 1) {
          rcu_barrier();
          require(deleted.read() == 1, "its deleter has run");
        }
        reader.join();
        writer.join();
        rcu_barrier();
        require(deleted.read() == 1, "its deleter has run");
      },
      {.preemptions = 2});
}

// The thread that has retired it reclaims it itself, while a barrier looks for it, or just before.
TEST(rcu, BarrierWhileItIsReclaimed) {
  for (const bool once_more : {false, true}) {
    expect_proved(
        [once_more] {
          atomic<int> retired{0};
          plain<int> deleted;
          deleted.construct(0);
          thread writer([&] {
            {
              std::scoped_lock reading(rcu_default_domain());
              rcu_retire(&deleted, [](plain<int>* d) { d->write() = 1; });
            }
            retired.store(1, memory_order_release);
            if (once_more) rcu_retire(&deleted, [](plain<int>*) {});
          });
          if (retired.load(memory_order_acquire) == 1) {
            rcu_barrier();
            require(deleted.read() == 1, "its deleter has run");
          }
        },
        {.preemptions = 3});
  }
}

TEST(rcu, TwoBarriers) {
  expect_proved(
      [] {
        plain<int> deleted;
        deleted.construct(0);
        rcu_default_domain().lock();
        rcu_retire(&deleted, [](plain<int>* d) { d->write() = 1; });
        rcu_default_domain().unlock();
        const auto wait = [&] {
          rcu_barrier();
          require(deleted.read() == 1, "its deleter has run");
        };
        thread other(wait);
        wait();
      },
      {.preemptions = 3});
}

// A thread that ends leaves what may still be read to the others, and its record to the next.
TEST(rcu, EndOfAThread) {
  expect_proved(
      [] {
        atomic<object*> current{new object(1)};
        thread first([&] {
          object* const mine = current.exchange(nullptr, memory_order_acq_rel);
          require(mine->read() == 1, "there");
          mine->retire();
        });
        thread second([&] { read(current); });
        read(current);
      },
      {.preemptions = 2});
}

struct chain : lockfree::rcu_obj_base<chain> {
  chain* next = nullptr;
  ~chain() {
    if (next != nullptr) next->retire();
  }
};
TEST(rcu, DeletersRetire) {
  expect_proved([] {
    atomic<chain*> current{new chain};
    current.load(memory_order_relaxed)->next = new chain;
    thread reader([&] {
      std::scoped_lock reading(rcu_default_domain());
      (void)current.load(memory_order_acquire);
    });
    current.exchange(nullptr, memory_order_acq_rel)->retire();
  });
}

TEST(rcu, ReadingAndRetiringAreLockFree) {
  expect_lock_free([] {
    atomic<object*> current{new object(1)};
    const auto replace = [&](object* o) {
      if (object* old = current.exchange(o, memory_order_acq_rel)) old->retire();
    };
    thread reader([&] { read(current); });
    thread writer([&] { replace(nullptr); });
    replace(nullptr);
    reader.join();
    writer.join();
  });
}

TEST(rcu, SectionsAreWaitFree) {
  expect_proved([] {
    atomic<object*> current{new object(1)};
    thread reader([&] {
      read(current);
      within_steps(8, [&] { read(current); });
    });
    current.exchange(nullptr, memory_order_acq_rel)->retire();
  });
}

}  // namespace
}  // namespace switchyard::model
