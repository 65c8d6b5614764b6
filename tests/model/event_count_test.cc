// event_count under the model checker: nobody sleeps for ever, whoever notifies, times out or changes its mind.

#include "switchyard/lockfree/event_count.h"

#include <chrono>
#include <cstdint>

#include "switchyard/atomics/atomic.h"
#include "switchyard/interface/deadline.h"
#include "tests/model/model_support.h"

namespace switchyard::model {
namespace {

using lockfree::event_count;

TEST(event_count, WakesOneWaiter) {
  expect_proved([] {
    event_count event;
    atomic<int> ready{0};
    thread notifier([&] {
      ready.store(1, memory_order_relaxed);
      event.notify_one();
    });
    event.await([&] { return ready.load(memory_order_relaxed) == 1; });
  });
}

TEST(event_count, WakesTwoWaitersByOneEach) {
  expect_proved(
      [] {
        event_count event;
        atomic<int> items{0};
        const auto take = [&] {
          event.await([&] {
            int n = items.load(memory_order_relaxed);
            while (n != 0 && !items.compare_exchange_strong(n, n - 1, memory_order_relaxed, memory_order_relaxed)) {
            }
            return n != 0;
          });
        };
        thread first(take);
        thread second(take);
        for (int i = 0; i < 2; ++i) {
          items.fetch_add(1, memory_order_relaxed);
          event.notify_one();
        }
      },
      {.preemptions = 2});
}

TEST(event_count, WakesAll) {
  expect_proved(
      [] {
        event_count event;
        atomic<int> ready{0};
        const auto wait = [&] { event.await([&] { return ready.load(memory_order_relaxed) == 1; }); };
        thread first(wait);
        thread second(wait);
        ready.store(1, memory_order_relaxed);
        event.notify_all();
      },
      {.preemptions = 2});
}

// Two notifiers, one waiter that needs both.
TEST(event_count, ManyNotifications) {
  expect_proved(
      [] {
        event_count event;
        atomic<int> ready{0};
        const auto notify = [&] {
          ready.fetch_add(1, memory_order_relaxed);
          event.notify_one();
        };
        thread first(notify);
        thread second(notify);
        event.await([&] { return ready.load(memory_order_relaxed) == 2; });
      },
      {.preemptions = 3});
}

// One gives up as it is notified: the other must still be woken, by the notification that comes for it.
TEST(event_count, GivingUpTakesNobodysWakeUp) {
  expect_proved(
      [] {
        event_count event;
        atomic<int> ready{0};
        thread impatient([&] {
          event.await_until(deadline::after(std::chrono::seconds(1)),
                            [&] { return ready.load(memory_order_relaxed) == 2; });
        });
        thread patient([&] { event.await([&] { return ready.load(memory_order_relaxed) == 2; }); });
        ready.store(2, memory_order_relaxed);
        event.notify(2);
      },
      {.preemptions = 2});
}

TEST(event_count, CancellingTakesNobodysWakeUp) {
  expect_proved(
      [] {
        event_count event;
        atomic<int> ready{0};
        thread passer_by([&] {
          const event_count::key key = event.prepare_wait();
          event.cancel_wait(key);
        });
        thread waiter([&] { event.await([&] { return ready.load(memory_order_relaxed) == 1; }); });
        ready.store(1, memory_order_relaxed);
        event.notify_one();
        passer_by.join();
        event.notify_one();
      },
      {.preemptions = 2});
}

// The count of waiters is never too small, and once all have gone one notification clears it.
TEST(event_count, CountComesBackToZero) {
  expect_proved(
      [] {
        event_count event;
        thread waiter([&] {
          event.await_until(deadline::after(std::chrono::seconds(1)), [] { return false; });
        });
        event.notify_one();
        waiter.join();
        event.notify_all();
        require(!event.has_waiters(), "nobody is left on it");
      },
      {.preemptions = 3});
}

TEST(event_count, NotifyIsLockFree) {
  expect_lock_free([] {
    event_count event;
    thread waiter([&] {
      const event_count::key key = event.prepare_wait();
      event.cancel_wait(key);
    });
    thread notifier([&] { event.notify_one(); });
    thread other([&] { event.notify_all(); });
  });
}

}  // namespace
}  // namespace switchyard::model
