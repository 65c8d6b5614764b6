// How many executions a second the model checker gets through, and what a step costs.
//
//   tools/bench model
#include <benchmark/benchmark.h>

#include <cstdint>

#include "switchyard/lockfree/bounded_queue.h"
#include "switchyard/lockfree/spsc_queue.h"
#include "switchyard/model/check.h"

namespace switchyard {
namespace {

template <class Queue>
void transfer() {
  Queue queue(2);
  model::thread producer([&] {
    for (int i = 0; i < 3; ++i) (void)queue.try_push(i);
  });
  for (int i = 0; i < 3; ++i) (void)queue.try_pop();
}

template <class Queue>
void explore(benchmark::State& state) {
  std::uint64_t executions = 0;
  std::uint64_t steps = 0;
  for (auto _ : state) {
    const model::result result = model::check(transfer<Queue>);
    if (!result.ok() || !result.complete) state.SkipWithError("not proved");
    executions += result.executions + result.pruned;
    steps += result.steps;
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(executions));
  state.counters["steps/execution"] = static_cast<double>(steps) / static_cast<double>(executions);
}
BENCHMARK(explore<lockfree::spsc_queue<int>>)->Name("model/spsc_queue");
BENCHMARK(explore<lockfree::bounded_queue<int>>)->Name("model/bounded_queue");

}  // namespace
}  // namespace switchyard
