// Thread pool: tasks for threads that are there already.

#include <iostream>
#include <numeric>
#include <stdexcept>
#include <vector>

#include "examples/guide/check.h"
#include "switchyard/blocking/thread_pool.h"
#include "switchyard/interface/thread_pool.h"
#include "switchyard/lockfree/thread_pool.h"
#include "switchyard/threads/future.h"
#include "switchyard/threads/monitor.h"

int worker(int x) { return x * x; }

template <class ThreadPool>  // of either side
void map_as_in_the_guide() {
  ThreadPool executor({.threads = 3, .name = "worker"});
  std::vector<int> input(10);
  std::iota(input.begin(), input.end(), 0);

  std::vector<int> results;
  for (const int result : executor.map(worker, input)) results.push_back(result);  // in the order of the input
  check(results == std::vector{0, 1, 4, 9, 16, 25, 36, 49, 64, 81}, "the squares");
}  // runs what it has been given, then joins its threads

template <class ThreadPool>
void futures() {
  ThreadPool pool({.threads = 2});
  auto nine = pool.submit(worker, 3);
  auto half = pool.submit(worker, 4).then([](int square) { return square / 2; });
  check(nine.get() == 9 && half.get() == 8, "what the functions return");

  auto failing = pool.submit([]() -> int { throw std::runtime_error("no luck"); });
  try {
    failing.get();
    check(false, "throws");
  } catch (const std::runtime_error&) {  // what the task threw
  }

  // A task that waits for others runs them meanwhile: no deadlock, though there are more of them than threads.
  auto nested = pool.submit([&] {
    int sum = 0;
    for (const int square : pool.map(worker, std::vector{1, 2, 3})) sum += square;
    return sum;
  });
  check(nested.get() == 14, "the sum");

  pool.shutdown();
  try {
    pool.submit(worker, 1);
    check(false, "refused");
  } catch (const switchyard::pool_shut_down&) {
  }
}

template <class ThreadPool>
void watch_a_pool() {
  switchyard::monitor all;
  ThreadPool pool({.threads = 2});
  const auto shown = all.watch("pool", [&](switchyard::monitor_sample& into) {
    const switchyard::thread_pool_statistics now = pool.statistics();
    into.depth = now.queued;
    into.out.done = now.done;
  });
  pool.submit(worker, 1).get();
  std::cout << all.table();
}

int main() {
  map_as_in_the_guide<switchyard::blocking::thread_pool>();
  map_as_in_the_guide<switchyard::lockfree::thread_pool>();
  futures<switchyard::blocking::thread_pool>();
  futures<switchyard::lockfree::thread_pool>();
  watch_a_pool<switchyard::blocking::thread_pool>();
  watch_a_pool<switchyard::lockfree::thread_pool>();
}
