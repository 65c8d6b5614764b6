// Nanoseconds per increment of one shared counter, by each of 1, 2 and 4 threads at once.
//
//   counter_bench --benchmark_repetitions=9 --benchmark_enable_random_interleaving=true
//
// The limit is a padded cell that nobody else touches: `own_cell`.
#include <benchmark/benchmark.h>

#include <cstdint>

#include "switchyard/adapters/absl_counter.h"
#include "switchyard/adapters/std_counter.h"
#include "switchyard/atomics/atomic.h"
#include "switchyard/atomics/cache_padded.h"
#include "switchyard/blocking/counter.h"
#include "switchyard/blocking/sharded_counter.h"
#include "switchyard/lockfree/counter.h"
#include "switchyard/lockfree/sharded_counter.h"

namespace switchyard {
namespace {

template <class Counter>
void increment(benchmark::State& state) {
  static Counter shared;
  for (auto _ : state) shared.increment();
}

void own_cell(benchmark::State& state) {
  static cache_padded<atomic<std::int64_t>> cells[16];
  atomic<std::int64_t>& mine = *cells[state.thread_index()];
  for (auto _ : state) mine.store(mine.load(memory_order_relaxed) + 1, memory_order_relaxed);
}

BENCHMARK(own_cell)->ThreadRange(1, 4);
BENCHMARK(increment<lockfree::sharded_counter>)->ThreadRange(1, 4);
BENCHMARK(increment<lockfree::counter>)->ThreadRange(1, 4);
BENCHMARK(increment<blocking::sharded_counter>)->ThreadRange(1, 4);
BENCHMARK(increment<blocking::counter>)->ThreadRange(1, 4);
BENCHMARK(increment<adapters::absl_counter>)->ThreadRange(1, 4);
BENCHMARK(increment<adapters::std_counter>)->ThreadRange(1, 4);

}  // namespace
}  // namespace switchyard
