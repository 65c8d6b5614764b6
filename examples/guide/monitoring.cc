// Monitoring: what queues, locks and threads are doing, as a table or by a call-back. Costs nothing where it is not asked for.
//
//   tools/test //examples/guide:monitoring --test_output=all

#include <chrono>
#include <cstdint>
#include <iostream>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>

#include "examples/guide/check.h"
#include "switchyard/atomics/atomic.h"
#include "switchyard/blocking/bounded_queue.h"
#include "switchyard/blocking/mutex.h"
#include "switchyard/lockfree/bounded_queue.h"
#include "switchyard/threads/monitor.h"
#include "switchyard/threads/monitored.h"
#include "switchyard/threads/monitored_lock.h"
#include "switchyard/threads/stall_watchdog.h"
#include "switchyard/threads/thread.h"

using namespace std::chrono_literals;

template <class Queue>  // of either side
void watch_a_queue() {
  switchyard::monitor all;
  switchyard::monitored<Queue> jobs(4);  // in place of: Queue jobs(4)
  switchyard::monitored_lock<switchyard::blocking::mutex> lock;
  const auto one = all.watch("jobs", jobs);
  const auto two = all.watch("lock", lock);

  long sum = 0;
  switchyard::thread consumer([&] {
    while (const auto job = jobs.pop()) {
      const std::lock_guard hold(lock);
      sum += *job;
    }
  });
  for (int i = 0; i < 100; ++i) jobs.push(i);
  jobs.close();
  consumer.join();

  std::cout << all.table() << '\n';  // for people
  std::uint64_t through = 0;         // for a program
  all.for_each([&](const switchyard::monitor_sample& now) { through += now.out.done; });
  check(through == 200, "100 jobs, and the lock as often");
}

template <class Queue>
void be_told_of_a_stall() {
  switchyard::monitor all;
  switchyard::monitored<Queue> jobs(1);
  const auto shown = all.watch("jobs", jobs);
  jobs.push(1);  // and nobody comes for it

  switchyard::atomic<bool> told{false};
  const switchyard::stall_watchdog dog(all, 5ms, [&](const switchyard::monitor_sample& stalled) {
    check(stalled.name == "jobs", "by its name");
    told.store(true);
    jobs.close();  // a watchdog cannot end a wait; the program can
  });
  check(!jobs.push(2), "waited until it was closed");
  check(told.load(), "the watchdog had told");
}

void see_the_threads() {
  switchyard::thread worker({.name = "worker"}, [](std::stop_token stop) {
    while (!stop.stop_requested()) std::this_thread::sleep_for(1ms);
  });
  bool seen = false;
  for (const auto& each : switchyard::thread::enumerate()) seen = seen || each.name() == "worker";
  check(seen && switchyard::thread::active_count() >= 2, "this one and the worker");
}

int main() {
  watch_a_queue<switchyard::blocking::bounded_queue<int>>();
  watch_a_queue<switchyard::lockfree::bounded_queue<int>>();
  be_told_of_a_stall<switchyard::blocking::bounded_queue<int>>();
  be_told_of_a_stall<switchyard::lockfree::bounded_queue<int>>();
  see_the_threads();
}
