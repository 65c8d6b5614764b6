// What it costs to make and destroy 64-byte objects, in one thread, and by one for another to whom they are passed.
//
// `pair` is one object after the other; `bunch` 100 made and then 100 destroyed; `hand_over` from one thread to
// another through a queue of 256 pointers; `each` as `bunch` in P threads at once. A pool has room for 4096.
//
//   tools/bench pool [--benchmark_filter=REGEX ...]
#include <benchmark/benchmark.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <memory_resource>
#include <string>
#include <vector>

#include "switchyard/benchmarks/side_by_side.h"
#include "switchyard/blocking/object_pool.h"
#include "switchyard/lockfree/object_pool.h"
#include "switchyard/lockfree/spsc_queue.h"

namespace switchyard {
namespace {

constexpr std::size_t capacity = 4096;

struct message {
  explicit message(std::uint64_t n) noexcept : number(n) {}
  std::uint64_t number;
  std::uint64_t rest[7];
};
static_assert(sizeof(message) == 64);

template <class Pool>
struct from_pool {
  Pool pool{capacity};
  message* make(std::uint64_t n) { return pool.construct(n); }
  void drop(message* m) { pool.destroy(m); }
};

struct from_malloc {
  message* make(std::uint64_t n) { return new message(n); }
  void drop(message* m) { delete m; }
};

struct from_pmr {
  std::pmr::synchronized_pool_resource resource;
  message* make(std::uint64_t n) { return new (resource.allocate(sizeof(message))) message(n); }
  void drop(message* m) { resource.deallocate(m, sizeof(message)); }
};

template <class Source>
void pair(benchmark::State& state) {
  Source source;
  std::uint64_t n = 0;
  for (auto _ : state) {
    message* m = source.make(n++);
    benchmark::DoNotOptimize(m);
    source.drop(m);
  }
  state.SetItemsProcessed(state.iterations());
}

template <class Source>
void make_and_drop(Source& source, std::vector<message*>& bunch) {
  for (message*& m : bunch) m = source.make(1);
  benchmark::DoNotOptimize(bunch.data());
  for (message* const m : bunch) source.drop(m);
}

template <class Source>
void bunch(benchmark::State& state) {
  Source source;
  std::vector<message*> all(100);
  for (auto _ : state) make_and_drop(source, all);
  state.SetItemsProcessed(state.iterations() * 100);
}

constexpr std::size_t items = 200'000;

template <class Source>
void hand_over(benchmark::State& state) {
  for (auto _ : state) {
    Source source;
    lockfree::spsc_queue<message*> queue(256);
    std::uint64_t sum = 0;
    state.SetIterationTime(seconds_of(2, [&](std::size_t t) {
      if (t == 0) {
        for (std::size_t i = 0; i < items; ++i) queue.push(source.make(i));
        queue.close();
      } else {
        while (auto m = queue.pop()) {
          sum += (*m)->number;
          source.drop(*m);
        }
      }
    }));
    if (sum != items * (items - 1) / 2) fail(state, "items lost or doubled");
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(items));
}

template <class Source>
void each(benchmark::State& state) {
  const auto threads = static_cast<std::size_t>(state.range(0));
  const std::size_t rounds = items / 100 / threads;
  for (auto _ : state) {
    Source source;
    state.SetIterationTime(seconds_of(threads, [&](std::size_t) {
      std::vector<message*> all(100);
      for (std::size_t i = 0; i < rounds; ++i) make_and_drop(source, all);
    }));
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(rounds * 100 * threads));
}

template <class Source>
void add(const std::string& name) {
  const auto row = [&](const char* what, void (*run)(benchmark::State&)) {
    return benchmark::RegisterBenchmark((name + "/" + what).c_str(), run);
  };
  row("pair", pair<Source>);
  row("bunch", bunch<Source>);
  row("hand_over", hand_over<Source>)->UseManualTime()->Unit(benchmark::kMillisecond);
  row("each", each<Source>)->ArgName("P")->Arg(2)->Arg(4)->Arg(8)->UseManualTime()->Unit(benchmark::kMillisecond);
}

}  // namespace
}  // namespace switchyard

int main(int argc, char** argv) {
  using namespace switchyard;
  add<from_pool<lockfree::object_pool<message>>>("lockfree.object_pool");
  add<from_pool<blocking::object_pool<message>>>("blocking.object_pool");
  add<from_malloc>("malloc");
  add<from_pmr>("std.synchronized_pool_resource");
  return run_side_by_side("malloc", argc, argv);
}
