// Race conditions: a counter that loses increments, and four that do not.
//
// The racy one is run only where it is called for by name: `counter --racy`. tests/guide:race_test does that under
// ThreadSanitizer and expects its report; examples/guide/racy_model.cc shows it to the model checker.

#include <cstdint>
#include <cstring>
#include <iostream>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "examples/guide/check.h"
#include "switchyard/atomics/atomic.h"
#include "switchyard/blocking/counter.h"
#include "switchyard/blocking/mutex.h"
#include "switchyard/blocking/sharded_counter.h"
#include "switchyard/blocking/synchronized.h"
#include "switchyard/lockfree/counter.h"
#include "switchyard/lockfree/latch.h"
#include "switchyard/lockfree/sharded_counter.h"
#include "switchyard/lockfree/synchronized.h"
#include "switchyard/threads/thread.h"

// What the guide warns of: between reading and writing another thread writes, and its increment is lost.
struct racy_counter {
  void increment() {
    const std::int64_t current = value;
    value = current + 1;
  }
  std::int64_t load() const { return value; }

  std::int64_t value = 0;
};

// The guide's answer: one thread at a time.
struct locked_counter {
  void increment() {
    switchyard::blocking::mutex_guard hold(lock);
    const std::int64_t current = value;
    value = current + 1;
  }
  std::int64_t load() {
    switchyard::blocking::mutex_guard hold(lock);
    return value;
  }

  switchyard::blocking::mutex lock;
  std::int64_t value ABSL_GUARDED_BY(lock) = 0;  // clang says so where it is used without
};

// A value of either side that is changed as a whole: what a count is that does not stand alone.
template <class Synchronized>
struct synchronized_counter {
  void increment() {
    value.update([](std::int64_t& now) { ++now; });
  }
  std::int64_t load() const { return value.load(); }

  Synchronized value{std::int64_t{0}};
};

constexpr int threads = 4;
constexpr int each = 10'000;

template <class Counter>
std::int64_t count() {
  Counter counter;
  switchyard::lockfree::latch all_there(threads);
  {
    std::vector<switchyard::thread> crew;
    for (int i = 0; i < threads; ++i) {
      crew.emplace_back([&] {
        all_there.arrive_and_wait();
        for (int n = 0; n < each; ++n) counter.increment();
      });
    }
  }
  return counter.load();
}

int main(int argc, char** argv) {
  if (argc > 1 && std::strcmp(argv[1], "--racy") == 0) {
    std::cout << "counted " << count<racy_counter>() << " of " << threads * each << '\n';
    return 0;
  }
  check(count<locked_counter>() == threads * each, "under a lock");
  check(count<switchyard::blocking::counter>() == threads * each, "the same, ready made");
  check(count<switchyard::lockfree::counter>() == threads * each, "one atomic addition");
  check(count<synchronized_counter<switchyard::blocking::synchronized<std::int64_t>>>() == threads * each, "a value");
  check(count<synchronized_counter<switchyard::lockfree::synchronized<std::int64_t>>>() == threads * each, "a value");
  check(count<switchyard::blocking::sharded_counter>() == threads * each, "a cell for each thread, under locks");
  check(count<switchyard::lockfree::sharded_counter>() == threads * each, "a cell for each thread");
}
