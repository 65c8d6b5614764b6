// Benchmarks of the same work by several implementations in one binary: what their programs have in common.
//
//   add rows named "implementation/shape", then return run_side_by_side("the.reference", argc, argv);
//
// Repetitions of all rows are interleaved at random, so that what the machine does in between hits all alike.
// At the end, the median of each row is set against the reference's.
#pragma once

#include <benchmark/benchmark.h>

#include <chrono>
#include <cstddef>
#include <iostream>
#include <map>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "switchyard/atomics/atomic.h"

namespace switchyard {

/// Runs `work(0)` to `work(threads - 1)` in threads that begin together. Returns the seconds from then until
/// all are done.
template <class Work>
double seconds_of(std::size_t threads, const Work& work) {
  atomic<std::size_t> ready{0};
  atomic<bool> go{false};
  std::vector<std::thread> running;
  for (std::size_t thread = 0; thread < threads; ++thread) {
    running.emplace_back([&, thread] {
      ready.fetch_add(1, memory_order_acq_rel);
      while (!go.load(memory_order_acquire)) yield();
      work(thread);
    });
  }
  while (ready.load(memory_order_acquire) < threads) yield();
  const auto begin = std::chrono::steady_clock::now();
  go.store(true, memory_order_release);
  for (auto& thread : running) thread.join();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

/// True once a row has found something wrong.
inline bool& wrong() {
  static bool found = false;
  return found;
}

/// Ends a row that has found something lost, doubled or otherwise wrong; the program will say so, too.
inline void fail(benchmark::State& state, const char* message) {
  wrong() = true;
  state.SkipWithError(message);
}

/// Prints what Google Benchmark does, then a table of ratios for each shape.
class ratio_reporter : public benchmark::ConsoleReporter {
 public:
  explicit ratio_reporter(std::string reference)
      : ConsoleReporter(OO_Tabular), reference_(std::move(reference)) {}

  void ReportRuns(const std::vector<Run>& runs) override {
    ConsoleReporter::ReportRuns(runs);
    for (const Run& run : runs) {
      if (run.aggregate_name != "median" && run.repetitions > 1) continue;
      const auto rate = run.counters.find("items_per_second");
      if (rate == run.counters.end()) continue;
      const std::string& name = run.run_name.function_name;
      const auto slash = name.find('/');
      const std::string shape =
          name.substr(slash + 1) + (run.run_name.args.empty() ? "" : "/" + run.run_name.args);
      table_[shape][name.substr(0, slash)] = rate->second;
    }
  }

  void Finalize() override {
    for (const auto& [shape, row] : table_) {
      const auto base = row.find(reference_);
      std::cout << "\n" << shape << ": million items per second (median), ratio to " << reference_ << "\n";
      for (const auto& [name, rate] : row) {
        std::cout << "  " << name << std::string(name.size() < 38 ? 38 - name.size() : 1, ' ');
        std::cout.precision(4);
        std::cout << rate.value / 1e6;
        if (base != row.end()) std::cout << "  x " << rate.value / base->second.value;
        std::cout << "\n";
      }
    }
  }

 private:
  std::string reference_;
  std::map<std::string, std::map<std::string, benchmark::Counter>> table_;
};

/// Runs the rows that have been registered; what the user gives overrides what is said here. Returns what
/// main should: not 0 if a row failed.
inline int run_side_by_side(std::string reference, int argc, char** argv) {
  std::vector<char*> arguments{argv[0]};
  std::string defaults[] = {"--benchmark_enable_random_interleaving=true", "--benchmark_repetitions=9",
                            "--benchmark_min_time=0.05"};
  for (std::string& option : defaults) arguments.push_back(option.data());
  arguments.insert(arguments.end(), argv + 1, argv + argc);
  int count = static_cast<int>(arguments.size());
  benchmark::Initialize(&count, arguments.data());
  if (benchmark::ReportUnrecognizedArguments(count, arguments.data())) return 2;
  ratio_reporter reporter(std::move(reference));
  benchmark::RunSpecifiedBenchmarks(&reporter);
  benchmark::Shutdown();
  return wrong() ? 1 : 0;
}

}  // namespace switchyard
