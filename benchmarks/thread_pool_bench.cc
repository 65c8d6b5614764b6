// Thread pools, side by side in one binary: a million empty tasks from one producer, and a tree of tasks that give tasks
// and wait for them (fib). Against oneTBB's task_group and std::async.
//
//   tools/bench thread_pool [--benchmark_filter=REGEX ...]
//
// Rows have as many threads as the machine has processors. oneTBB's task_group has the thread that waits among them.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdint>
#include <future>
#include <memory>
#include <thread>

#include "switchyard/atomics/atomic.h"
#include "switchyard/blocking/thread_pool.h"
#include "switchyard/lockfree/latch.h"
#include "switchyard/lockfree/thread_pool.h"

#if __has_include(<oneapi/tbb/task_group.h>)
#include <oneapi/tbb/task_arena.h>
#include <oneapi/tbb/task_group.h>
#define SWITCHYARD_HAS_ONETBB
#endif

namespace switchyard {
namespace {

const int processors = static_cast<int>(std::max(2U, std::thread::hardware_concurrency()));
constexpr std::int64_t million = 1'000'000;

template <class Pool>
Pool& pool(int threads) {
  static Pool one({.threads = threads});
  return one;
}

// -- A million empty tasks from one producer -------------------------------------------------------------------------

// The last task is known by a count: as oneTBB's group counts its own.
template <class Pool>
void post_empty(benchmark::State& state) {
  Pool& p = pool<Pool>(processors);
  for (auto _ : state) {
    lockfree::latch left(million);
    for (std::int64_t i = 0; i < million; ++i) p.post([&left] { left.count_down(); });
    left.wait();
  }
  state.SetItemsProcessed(state.iterations() * million);
}

// Each with a future, which nobody keeps.
template <class Pool>
void submit_empty(benchmark::State& state) {
  Pool& p = pool<Pool>(processors);
  for (auto _ : state) {
    lockfree::latch left(million);
    for (std::int64_t i = 0; i < million; ++i) p.submit([&left] { left.count_down(); });
    left.wait();
  }
  state.SetItemsProcessed(state.iterations() * million);
}

#ifdef SWITCHYARD_HAS_ONETBB
void tbb_empty(benchmark::State& state) {
  tbb::task_arena arena(processors);
  arena.execute([&] {
    for (auto _ : state) {
      tbb::task_group group;
      for (std::int64_t i = 0; i < million; ++i) group.run([] {});
      group.wait();
    }
  });
  state.SetItemsProcessed(state.iterations() * million);
}
#endif

void async_empty(benchmark::State& state) {
  constexpr std::int64_t fewer = 2000;
  for (auto _ : state) {
    for (std::int64_t i = 0; i < fewer; ++i) std::async(std::launch::async, [] {}).get();
  }
  state.SetItemsProcessed(state.iterations() * fewer);
}

// -- fib: each task gives one and waits for it -----------------------------------------------------------------------

constexpr int fib_of = 24;
constexpr std::int64_t fib_tasks = 75'024;  // calls of fib(n) with n >= 2

template <class Pool>
std::int64_t fib(Pool& p, int n) {
  if (n < 2) return n;
  auto left = p.submit([&p, n] { return fib(p, n - 1); });
  const std::int64_t right = fib(p, n - 2);
  return left.get() + right;
}
template <class Pool>
void fib(benchmark::State& state) {
  Pool& p = pool<Pool>(processors);
  for (auto _ : state) benchmark::DoNotOptimize(p.submit([&p] { return fib(p, fib_of); }).get());
  state.SetItemsProcessed(state.iterations() * fib_tasks);
}

#ifdef SWITCHYARD_HAS_ONETBB
std::int64_t tbb_fib(int n) {
  if (n < 2) return n;
  std::int64_t left = 0;
  tbb::task_group group;
  group.run([&left, n] { left = tbb_fib(n - 1); });
  const std::int64_t right = tbb_fib(n - 2);
  group.wait();
  return left + right;
}
void tbb_fib(benchmark::State& state) {
  tbb::task_arena arena(processors);
  arena.execute([&] {
    for (auto _ : state) benchmark::DoNotOptimize(tbb_fib(fib_of));
  });
  state.SetItemsProcessed(state.iterations() * fib_tasks);
}
#endif

std::int64_t async_fib(int n) {
  if (n < 2) return n;
  auto left = std::async(n > fib_of - 8 ? std::launch::async : std::launch::deferred, [n] { return async_fib(n - 1); });
  const std::int64_t right = async_fib(n - 2);
  return left.get() + right;
}
// Threads for the upper eight levels only: all of them would be too many.
void async_fib(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(async_fib(fib_of));
  state.SetItemsProcessed(state.iterations() * fib_tasks);
}

BENCHMARK(post_empty<lockfree::thread_pool>)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(post_empty<blocking::thread_pool>)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(submit_empty<lockfree::thread_pool>)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(submit_empty<blocking::thread_pool>)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(async_empty)->UseRealTime()->Unit(benchmark::kMillisecond);

BENCHMARK(fib<lockfree::thread_pool>)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(fib<blocking::thread_pool>)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(async_fib)->UseRealTime()->Unit(benchmark::kMillisecond);

#ifdef SWITCHYARD_HAS_ONETBB
BENCHMARK(tbb_empty)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(tbb_fib)->UseRealTime()->Unit(benchmark::kMillisecond);
#endif

}  // namespace
}  // namespace switchyard

BENCHMARK_MAIN();
