// Condition: waiting until a condition is met. Under a lock, or, with an event count, without one.

#include <mutex>
#include <optional>

#include "examples/guide/check.h"
#include "switchyard/atomics/atomic.h"
#include "switchyard/blocking/condition.h"
#include "switchyard/lockfree/event_count.h"
#include "switchyard/threads/thread.h"

void with_a_lock() {
  switchyard::blocking::condition condition;  // with a recursive lock of its own, as Python's
  std::optional<int> item;

  switchyard::thread consumer([&] {
    const std::lock_guard hold(condition);
    condition.wait([&] { return item.has_value(); });  // looks, waits for a signal, looks again
    check(*item == 7, "notified");
  });
  switchyard::thread producer([&] {
    const std::lock_guard hold(condition);
    item = 7;
    condition.notify();  // one waiting thread
  });
  producer.get();
  consumer.get();
}

void without() {
  switchyard::lockfree::event_count changed;
  switchyard::atomic<int> item{0};

  switchyard::thread consumer([&] {
    changed.await([&] { return item.load(switchyard::memory_order_acquire) != 0; });
    check(item.load(switchyard::memory_order_relaxed) == 7, "notified");
  });
  switchyard::thread producer([&] {
    item.store(7, switchyard::memory_order_release);
    changed.notify_one();  // costs next to nothing if nobody waits
  });
  producer.get();
  consumer.get();
}

int main() {
  with_a_lock();
  without();
}
