// Semaphore: no more than so many threads at once.

#include <chrono>
#include <cstdint>
#include <vector>

#include "examples/guide/check.h"
#include "switchyard/atomics/atomic.h"
#include "switchyard/atomics/fetch.h"
#include "switchyard/blocking/semaphore.h"
#include "switchyard/interface/permit.h"
#include "switchyard/lockfree/semaphore.h"
#include "switchyard/threads/thread.h"

using namespace std::chrono_literals;
using switchyard::memory_order_relaxed;

template <class Semaphore>  // of either side
void limited_access() {
  Semaphore semaphore(3);  // allows up to 3 threads
  switchyard::atomic<int> inside{0};
  switchyard::atomic<int> most{0};

  const auto use = [&] {
    for (int i = 0; i < 100; ++i) {
      const switchyard::permit hold(semaphore);  // given back at the end of the block
      const int now = inside.fetch_add(1, memory_order_relaxed) + 1;
      switchyard::fetch_max(most, now, memory_order_relaxed);
      inside.fetch_sub(1, memory_order_relaxed);
    }
  };
  {
    std::vector<switchyard::thread> threads;
    for (int i = 0; i < 5; ++i) threads.emplace_back(use);
    for (auto& each : threads) each.get();
  }
  check(most.load(memory_order_relaxed) <= 3, "never more than 3");
  check(semaphore.value() == 3, "all have been given back");
}

template <class BoundedSemaphore>
void one_too_many_is_refused() {
  BoundedSemaphore slots(1);
  check(slots.try_acquire(), "there is one");
  check(!slots.try_acquire_for(1ms), "and no more");
  slots.release();
  try {
    slots.release();  // nobody had taken it
    check(false, "refused");
  } catch (const switchyard::over_release&) {
    check(slots.value() == 1, "and nothing has changed");
  }
}

int main() {
  limited_access<switchyard::blocking::semaphore>();
  limited_access<switchyard::lockfree::semaphore>();
  one_too_many_is_refused<switchyard::blocking::bounded_semaphore>();
  one_too_many_is_refused<switchyard::lockfree::bounded_semaphore>();
}
