// What each item of the guide costs in a thread that has it to itself, in nanoseconds: the least that it takes on this
// machine. What it takes when threads meet, `tools/compare` and `tools/bench` measure.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <mutex>
#include <optional>

#include "examples/guide/check.h"
#include "switchyard/blocking/barrier.h"
#include "switchyard/blocking/bounded_queue.h"
#include "switchyard/blocking/condition.h"
#include "switchyard/blocking/counter.h"
#include "switchyard/blocking/event.h"
#include "switchyard/blocking/joinable.h"
#include "switchyard/blocking/latch.h"
#include "switchyard/blocking/lazy.h"
#include "switchyard/blocking/mutex.h"
#include "switchyard/blocking/priority_queue.h"
#include "switchyard/blocking/recursive_mutex.h"
#include "switchyard/blocking/semaphore.h"
#include "switchyard/blocking/stack.h"
#include "switchyard/blocking/synchronized.h"
#include "switchyard/blocking/thread_pool.h"
#include "switchyard/blocking/update.h"
#include "switchyard/lockfree/barrier.h"
#include "switchyard/lockfree/bounded_queue.h"
#include "switchyard/lockfree/counter.h"
#include "switchyard/lockfree/event.h"
#include "switchyard/lockfree/event_count.h"
#include "switchyard/lockfree/joinable.h"
#include "switchyard/lockfree/latch.h"
#include "switchyard/lockfree/lazy.h"
#include "switchyard/lockfree/priority_queue.h"
#include "switchyard/lockfree/semaphore.h"
#include "switchyard/lockfree/sharded_counter.h"
#include "switchyard/lockfree/stack.h"
#include "switchyard/lockfree/synchronized.h"
#include "switchyard/lockfree/thread_pool.h"
#include "switchyard/lockfree/update.h"
#include "switchyard/threads/thread.h"
#include "switchyard/threads/thread_specific.h"

namespace {

namespace blocking = switchyard::blocking;
namespace lockfree = switchyard::lockfree;

// The best of nine runs: the others were disturbed.
template <class F>
double nanoseconds_of(F f, int times = 20'000) {
  double best = 1e9;
  for (int run = 0; run < 9; ++run) {
    const auto begin = std::chrono::steady_clock::now();
    for (int i = 0; i < times; ++i) f();
    const std::chrono::duration<double, std::nano> taken = std::chrono::steady_clock::now() - begin;
    best = std::min(best, taken.count() / times);
  }
  check(best > 0, "nothing is free");
  return best;
}

// A row of the table of the guide.
void row(const char* what, std::optional<double> with_locks, std::optional<double> without) {
  const auto cell = [](std::optional<double> cost) {
    if (cost) {
      std::printf(*cost < 9.95 ? " %.1f |" : " %.0f |", *cost);
    } else {
      std::printf(" |");
    }
  };
  std::printf("| %s |", what);
  cell(with_locks);
  cell(without);
  std::printf("\n");
}

template <class Lock>
double lock_and_unlock() {
  Lock lock;
  return nanoseconds_of([&] { const std::lock_guard hold(lock); });
}
template <class Semaphore>
double acquire_and_release() {
  Semaphore one(1);
  return nanoseconds_of([&] { one.acquire(), one.release(); });
}
template <class Event>
double wait_for_what_is_set() {
  Event event;
  event.set();
  return nanoseconds_of([&] { event.wait(); });
}
template <class Latch>
double count_down_and_wait() {
  return nanoseconds_of([] {
    Latch latch(1);
    latch.arrive_and_wait();
  });
}
template <class Barrier>
double round_of_one() {
  Barrier barrier(1);
  return nanoseconds_of([&] { barrier.wait(); });
}
template <class Counter>
double add_one() {
  Counter counter;
  return nanoseconds_of([&] { counter.increment(); });
}
template <class Value>
double read_a_number() {
  Value number(1L);
  return nanoseconds_of([&] { check(number.read([](long now) { return now; }) == 1, "as it was"); });
}
template <class Value>
double update_a_number() {
  Value number(0L);
  return nanoseconds_of([&] { number.update([](long& now) { ++now; }); });
}
template <class Value>
double transfer() {
  Value one(0L), two(0L);
  return nanoseconds_of([&] {
    update(one, two, [](long& from, long& to) {
      --from;
      ++to;
    });
  });
}
template <class Queue>
double push_and_pop(Queue&& queue = Queue()) {
  return nanoseconds_of([&] {
    queue.push(1);
    check(queue.pop().has_value(), "there was one");
  });
}
template <class Queue>
double with_task_done() {
  Queue queue(64);
  return nanoseconds_of([&] {
    queue.push(1);
    check(queue.pop().has_value(), "there was one");
    queue.task_done();
  });
}
template <class Lazy>
double get_what_is_built() {
  static Lazy number;
  return nanoseconds_of([] { check(number.get() == 0, "built once"); });
}
template <class Pool>
double submit_and_get() {
  Pool pool({.threads = 1});
  return nanoseconds_of([&] { pool.submit([] {}).get(); }, 200);
}

}  // namespace

int main() {
  std::printf("| one after the other, in one thread | `blocking::` | `lockfree::` |\n|---|---|---|\n");
  row("`mutex`: lock, unlock", lock_and_unlock<blocking::mutex>(), {});
  row("`recursive_mutex`: lock, unlock", lock_and_unlock<blocking::recursive_mutex>(), {});
  row("`semaphore`: acquire, release", acquire_and_release<blocking::semaphore>(), acquire_and_release<lockfree::semaphore>());
  row("`event`: wait for what is set", wait_for_what_is_set<blocking::event>(), wait_for_what_is_set<lockfree::event>());
  row("`latch`: make one, count down, wait", count_down_and_wait<blocking::latch>(), count_down_and_wait<lockfree::latch>());
  row("`barrier`: a round of one", round_of_one<blocking::barrier>(), round_of_one<lockfree::barrier>());
  blocking::condition<blocking::mutex> condition;
  lockfree::event_count event_count;
  row("`condition`, `event_count`: notify nobody", nanoseconds_of([&] { condition.notify(); }),
      nanoseconds_of([&] { event_count.notify_one(); }));
  row("`counter`: add 1", add_one<blocking::counter>(), add_one<lockfree::counter>());
  row("`sharded_counter`: add 1", {}, add_one<lockfree::sharded_counter>());
  row("`synchronized`: read a number", read_a_number<blocking::synchronized<long>>(),
      read_a_number<lockfree::synchronized<long>>());
  row("`synchronized`: update a number", update_a_number<blocking::synchronized<long>>(),
      update_a_number<lockfree::synchronized<long>>());
  row("`update` of two numbers", transfer<blocking::synchronized<long>>(), transfer<lockfree::synchronized<long>>());
  row("`bounded_queue`: push, pop", push_and_pop(blocking::bounded_queue<int>(64)),
      push_and_pop(lockfree::bounded_queue<int>(64)));
  row("the same `joinable`, and `task_done`", with_task_done<blocking::joinable<blocking::bounded_queue<int>>>(),
      with_task_done<lockfree::joinable<lockfree::bounded_queue<int>>>());
  row("`stack`: push, pop", push_and_pop<blocking::stack<int>>(), push_and_pop<lockfree::stack<int>>());
  row("`priority_queue`: push, pop", push_and_pop<blocking::priority_queue<int>>(),
      push_and_pop<lockfree::priority_queue<int>>());
  row("`lazy`: get what is built", get_what_is_built<blocking::lazy<int>>(), get_what_is_built<lockfree::lazy<int>>());
  row("`thread_pool` of one: submit, get", submit_and_get<blocking::thread_pool>(), submit_and_get<lockfree::thread_pool>());
  switchyard::thread_specific<int> own;
  row("`thread_specific`: this thread's own", nanoseconds_of([&] { ++*own; }), {});
  row("`thread`: start, join", nanoseconds_of([] { switchyard::thread([] {}).join(); }, 50), {});
}
