// Throughput of the stacks, side by side in one binary: 8-byte items, by the operations that do not wait, which
// all of them have.
//
//   pair           one thread, a push and a pop in turn
//   pairs/N        N threads, each a push and a pop in turn: an item is a push and a pop
//   transfer/P/C   from P threads that push to C that pop
//   batches        one thread, 64 pushes and one pop_all, where there is one
//
//   tools/bench stack [--benchmark_filter=REGEX ...]
//
// Peers that the machine does not have are left out. The median of each row is set against blocking.stack's.
#include <benchmark/benchmark.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <iostream>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "switchyard/atomics/atomic.h"
#include "switchyard/atomics/backoff.h"
#include "switchyard/atomics/cache_padded.h"
#include "switchyard/benchmarks/side_by_side.h"
#include "switchyard/blocking/stack.h"
#include "switchyard/interface/conqueue_status.h"
#include "switchyard/interface/queue.h"
#include "switchyard/lockfree/stack.h"

// Which peers there are, BUILD.bazel says: a header is found only if its target is among the dependencies.
#if __has_include("switchyard/adapters/boost_stack.h")
#include "switchyard/adapters/boost_stack.h"
#endif
#if __has_include("switchyard/adapters/libcds_stack.h")
#include "switchyard/adapters/libcds_stack.h"
#endif

namespace switchyard {
namespace {

using item = std::uint64_t;
constexpr const char* reference = "blocking.stack";

// What somebody writes who has no library.
class vector_under_mutex {
 public:
  using value_type = item;
  conqueue_status try_push(item value) {
    const std::lock_guard hold(lock_);
    items_.push_back(value);
    return conqueue_status::success;
  }
  pop_result<item> try_pop() {
    const std::lock_guard hold(lock_);
    if (items_.empty()) return unexpected(conqueue_status::empty);
    const item value = items_.back();
    items_.pop_back();
    return value;
  }

 private:
  std::mutex lock_;
  std::vector<item> items_;
};

template <class Stack>
void pair(benchmark::State& state) {
  const auto stack = std::make_unique<Stack>();
  item n = 0;
  for (auto _ : state) {
    if (stack->try_push(n) != conqueue_status::success) fail(state, "push failed");
    const auto popped = stack->try_pop();
    if (!popped || *popped != n) fail(state, "a wrong item");
    ++n;
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(n));
}

// Sums that do not share a line.
using sums = std::vector<cache_padded<item>>;
item total(const sums& parts) {
  item all = 0;
  for (const auto& part : parts) all += *part;
  return all;
}

constexpr std::size_t items = 400'000;  // some tens of milliseconds

template <class Stack>
void pairs(benchmark::State& state) {
  const auto threads = static_cast<std::size_t>(state.range(0));
  const std::size_t share = items / threads;
  for (auto _ : state) {
    const auto stack = std::make_unique<Stack>();
    sums popped(threads);
    state.SetIterationTime(seconds_of(threads, [&](std::size_t thread) {
      item sum = 0;
      for (std::size_t i = 0; i < share; ++i) {
        static_cast<void>(stack->try_push(thread * share + i));
        // Never empty: of all that have pushed, somebody has not popped yet.
        if (const auto got = stack->try_pop()) sum += *got;
      }
      *popped[thread] = sum;
    }));
    const item count = share * threads;
    if (total(popped) != count * (count - 1) / 2) fail(state, "items lost or doubled");
    if (stack->try_pop()) fail(state, "an item too many");
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(share * threads));
}

template <class Stack>
void transfer(benchmark::State& state) {
  const auto producers = static_cast<std::size_t>(state.range(0));
  const auto consumers = static_cast<std::size_t>(state.range(1));
  const std::size_t share = items / producers;
  for (auto _ : state) {
    const auto stack = std::make_unique<Stack>();
    sums popped(consumers);
    atomic<std::size_t> sending{producers};
    state.SetIterationTime(seconds_of(producers + consumers, [&](std::size_t thread) {
      if (thread < producers) {
        for (std::size_t i = 0; i < share; ++i) static_cast<void>(stack->try_push(thread * share + i));
        sending.fetch_sub(1, memory_order_acq_rel);
        return;
      }
      item sum = 0;
      backoff pause;
      for (;;) {
        const bool last_look = sending.load(memory_order_acquire) == 0;
        if (const auto got = stack->try_pop()) {
          sum += *got;
          pause = backoff();
        } else if (last_look) {
          break;
        } else {
          pause.wait();
        }
      }
      *popped[thread - producers] = sum;
    }));
    const item count = share * producers;
    if (total(popped) != count * (count - 1) / 2) fail(state, "items lost or doubled");
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(share * producers));
}

template <class Stack>
void batches(benchmark::State& state) {
  constexpr std::size_t batch = 64;
  const auto stack = std::make_unique<Stack>();
  std::array<item, batch> got{};
  item n = 0;
  for (auto _ : state) {
    for (std::size_t i = 0; i < batch; ++i) static_cast<void>(stack->try_push(n++));
    if (stack->pop_all(got.data()) != batch || got[0] != n - 1) fail(state, "a wrong batch");
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(n));
}

template <class Stack>
void add(const std::string& name) {
  benchmark::RegisterBenchmark((name + "/pair").c_str(), pair<Stack>);
  auto* const crowds = benchmark::RegisterBenchmark((name + "/pairs").c_str(), pairs<Stack>);
  crowds->ArgNames({"N"})->UseManualTime()->Unit(benchmark::kMillisecond);
  for (const int n : {1, 2, 4, 8}) crowds->Args({n});
  auto* const rows = benchmark::RegisterBenchmark((name + "/transfer").c_str(), transfer<Stack>);
  rows->ArgNames({"P", "C"})->UseManualTime()->Unit(benchmark::kMillisecond);
  for (const auto& [p, c] : {std::pair{1, 1}, {2, 2}, {4, 4}}) rows->Args({p, c});
  if constexpr (requires(Stack& stack, item* out) { stack.pop_all(out); }) {
    benchmark::RegisterBenchmark((name + "/batches").c_str(), batches<Stack>);
  }
}

}  // namespace
}  // namespace switchyard

int main(int argc, char** argv) {
  using namespace switchyard;
  add<blocking::stack<item>>(reference);
  add<lockfree::stack<item>>("lockfree.stack");
  add<vector_under_mutex>("std.mutex_and_vector");
#if __has_include("switchyard/adapters/boost_stack.h")
  add<adapters::boost_stack<item>>("boost.stack");
#else
  std::cout << "boost.stack is left out: Boost is not here.\n";
#endif
#if __has_include("switchyard/adapters/libcds_stack.h")
  add<adapters::libcds_stack<item>>("libcds.stack");
  add<adapters::libcds_stack<item, adapters::libcds_elimination::on>>("libcds.stack_with_elimination");
#else
  std::cout << "libcds.stack is left out: libcds is not here.\n";
#endif
  return run_side_by_side(reference, argc, argv);
}
