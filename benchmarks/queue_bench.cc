// Throughput of the queues, side by side in one binary: 8-byte items, capacity 1024, from P producer
// threads to C consumer threads with the operations that wait, and a push and pop pair in one thread.
//
//   tools/bench [--benchmark_filter=REGEX ...]
//
// Repetitions of all rows are interleaved at random, so that what the machine does in between hits all
// alike. At the end, the median of each row is set against blocking.bounded_queue's.
#include <benchmark/benchmark.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "switchyard/adapters/absl_bounded_queue.h"
#include "switchyard/adapters/moodycamel_blocking_concurrent_queue.h"
#include "switchyard/adapters/moodycamel_concurrent_queue.h"
#include "switchyard/adapters/moodycamel_reader_writer_queue.h"
#include "switchyard/adapters/std_bounded_queue.h"
#include "switchyard/atomics/atomic.h"
#include "switchyard/atomics/cache_padded.h"
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
    if (!queue->push(n)) state.SkipWithError("push failed");
    auto popped = queue->pop();
    if (!popped || *popped != n) state.SkipWithError("a wrong item");
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
    atomic<std::size_t> ready{0};
    atomic<bool> go{false};
    const auto wait_for_start = [&] {
      ready.fetch_add(1);
      while (!go.load(memory_order_acquire)) yield();
    };
    std::vector<std::thread> senders;
    std::vector<std::thread> receivers;
    for (std::size_t p = 0; p < producers; ++p) {
      senders.emplace_back([&, p] {
        wait_for_start();
        for (std::size_t i = 0; i < share; ++i) queue->push(p * share + i);
      });
    }
    for (std::size_t c = 0; c < consumers; ++c) {
      receivers.emplace_back([&, c] {
        wait_for_start();
        item sum = 0;
        while (auto popped = queue->pop()) sum += *popped;
        *sums[c] = sum;
      });
    }
    while (ready.load() < producers + consumers) yield();
    const auto begin = std::chrono::steady_clock::now();
    go.store(true, memory_order_release);
    for (auto& sender : senders) sender.join();
    queue->close();
    for (auto& receiver : receivers) receiver.join();
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - begin;
    state.SetIterationTime(elapsed.count());
    item sum = 0;
    for (const auto& part : sums) sum += *part;
    const item count = share * producers;
    if (sum != count * (count - 1) / 2) state.SkipWithError("items lost or doubled");
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

// Prints what Google Benchmark does, then the table of ratios.
class ratio_reporter : public benchmark::ConsoleReporter {
 public:
  ratio_reporter() : ConsoleReporter(OO_Tabular) {}

  void ReportRuns(const std::vector<Run>& runs) override {
    ConsoleReporter::ReportRuns(runs);
    for (const Run& run : runs) {
      if (run.aggregate_name != "median" && run.repetitions > 1) continue;
      const auto rate = run.counters.find("items_per_second");
      if (rate == run.counters.end()) continue;
      const std::string& queue = run.run_name.function_name;
      const auto slash = queue.find('/');
      const std::string shape =
          queue.substr(slash + 1) + (run.run_name.args.empty() ? "" : "/" + run.run_name.args);
      table_[shape][queue.substr(0, slash)] = rate->second;
    }
  }

  void Finalize() override {
    for (const auto& [shape, row] : table_) {
      const auto base = row.find(reference);
      std::cout << "\n" << shape << ": million items per second (median), ratio to " << reference << "\n";
      for (const auto& [queue, rate] : row) {
        std::cout << "  " << queue << std::string(queue.size() < 38 ? 38 - queue.size() : 1, ' ');
        std::cout.precision(4);
        std::cout << rate.value / 1e6;
        if (base != row.end()) std::cout << "  x " << rate.value / base->second.value;
        std::cout << "\n";
      }
    }
  }

 private:
  std::map<std::string, std::map<std::string, benchmark::Counter>> table_;
};

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

  // Ours first, so that what the user gives overrides them.
  std::vector<char*> arguments{argv[0]};
  std::string defaults[] = {"--benchmark_enable_random_interleaving=true", "--benchmark_repetitions=9",
                            "--benchmark_min_time=0.05"};
  for (std::string& option : defaults) arguments.push_back(option.data());
  arguments.insert(arguments.end(), argv + 1, argv + argc);
  int count = static_cast<int>(arguments.size());
  benchmark::Initialize(&count, arguments.data());
  if (benchmark::ReportUnrecognizedArguments(count, arguments.data())) return 2;
  ratio_reporter reporter;
  benchmark::RunSpecifiedBenchmarks(&reporter);
  benchmark::Shutdown();
  return 0;
}
