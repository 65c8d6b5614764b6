// Throughput of the queues, side by side in one binary: 8-byte items, capacity 1024, from P producer
// threads to C consumer threads with the operations that wait, and a push and pop pair in one thread.
//
//   tools/bench [--benchmark_filter=REGEX ...]
//
// The median of each row is set against blocking.bounded_queue's.
#include <benchmark/benchmark.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "switchyard/adapters/absl_bounded_queue.h"
#include "switchyard/adapters/moodycamel_blocking_concurrent_queue.h"
#include "switchyard/adapters/moodycamel_concurrent_queue.h"
#include "switchyard/adapters/moodycamel_reader_writer_queue.h"
#include "switchyard/adapters/std_bounded_queue.h"
#include "switchyard/atomics/atomic.h"
#include "switchyard/atomics/cache_padded.h"
#include "switchyard/benchmarks/side_by_side.h"
#include "switchyard/blocking/bounded_queue.h"
#include "switchyard/blocking/spsc_queue.h"
#include "switchyard/blocking/unbounded_queue.h"
#include "switchyard/lockfree/bounded_queue.h"
#include "switchyard/lockfree/spsc_queue.h"

namespace switchyard {
namespace {

using item = std::uint64_t;
constexpr std::size_t capacity = 1024;
constexpr const char* reference = "blocking.bounded_queue";

template <class Queue>
std::unique_ptr<Queue> make() {
  if constexpr (std::is_constructible_v<Queue, std::size_t>) {
    return std::make_unique<Queue>(capacity);
  } else {
    return std::make_unique<Queue>();
  }
}

// One push and one pop in the same thread.
template <class Queue>
void pair(benchmark::State& state) {
  const auto queue = make<Queue>();
  item n = 0;
  for (auto _ : state) {
    if (!queue->push(n)) fail(state, "push failed");
    auto popped = queue->pop();
    if (!popped || *popped != n) fail(state, "a wrong item");
    ++n;
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(n));
}

// Items from `range(0)` producers to `range(1)` consumers. The clock runs from when all threads are ready
// until all are done; what arrived is checked by its sum.
template <class Queue>
void transfer(benchmark::State& state) {
  const auto producers = static_cast<std::size_t>(state.range(0));
  const auto consumers = static_cast<std::size_t>(state.range(1));
  constexpr std::size_t items = 400'000;  // some tens of milliseconds
  const std::size_t share = items / producers;
  for (auto _ : state) {
    const auto queue = make<Queue>();
    std::vector<cache_padded<item>> sums(consumers);
    atomic<std::size_t> sending{producers};
    const double seconds = seconds_of(producers + consumers, [&](std::size_t thread) {
      if (thread < producers) {
        for (std::size_t i = 0; i < share; ++i) queue->push(thread * share + i);
        if (sending.fetch_sub(1, memory_order_acq_rel) == 1) queue->close();
        return;
      }
      item sum = 0;
      while (auto popped = queue->pop()) sum += *popped;
      *sums[thread - producers] = sum;
    });
    state.SetIterationTime(seconds);
    item sum = 0;
    for (const auto& part : sums) sum += *part;
    const item count = share * producers;
    if (sum != count * (count - 1) / 2) fail(state, "items lost or doubled");
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(share * producers));
}

struct sides {
  bool many_producers = true;
  bool many_consumers = true;
};

template <class Queue>
void add(const std::string& name, sides allowed) {
  benchmark::RegisterBenchmark((name + "/pair").c_str(), pair<Queue>);
  auto* const rows = benchmark::RegisterBenchmark((name + "/transfer").c_str(), transfer<Queue>);
  rows->ArgNames({"P", "C"})->UseManualTime()->Unit(benchmark::kMillisecond);
  for (const auto& [p, c] : {std::pair{1, 1}, {2, 2}, {4, 4}, {8, 8}, {1, 4}, {4, 1}}) {
    if ((p == 1 || allowed.many_producers) && (c == 1 || allowed.many_consumers)) rows->Args({p, c});
  }
}

}  // namespace
}  // namespace switchyard

int main(int argc, char** argv) {
  using namespace switchyard;
  add<lockfree::spsc_queue<item>>("lockfree.spsc_queue", {.many_producers = false, .many_consumers = false});
  add<lockfree::bounded_queue<item>>("lockfree.bounded_queue", {});
  add<blocking::bounded_queue<item>>(reference, {});
  add<blocking::unbounded_queue<item>>("blocking.unbounded_queue", {});
  add<blocking::spsc_queue<item>>("blocking.spsc_queue", {.many_producers = false, .many_consumers = false});
  add<adapters::moodycamel_concurrent_queue<item>>("moodycamel.concurrent_queue", {});
  add<adapters::moodycamel_blocking_concurrent_queue<item>>("moodycamel.blocking_concurrent_queue", {});
  add<adapters::moodycamel_reader_writer_queue<item>>("moodycamel.reader_writer_queue",
                                                      {.many_producers = false, .many_consumers = false});
  add<adapters::absl_bounded_queue<item>>("absl.bounded_queue", {});
  add<adapters::std_bounded_queue<item>>("std.bounded_queue", {});
  return run_side_by_side(reference, argc, argv);
}
