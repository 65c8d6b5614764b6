// Benchmarks of the same work by several implementations in one binary: what their programs have in common.
//
//   add rows named "implementation/shape", then return run_side_by_side("the.reference", argc, argv);
//
// Repetitions of all rows are interleaved at random, so that what the machine does in between hits all alike.
// At the end, the median of each row is set against the reference's.
//
// Where threads hand something to each other, a `comparison` does more: it tells near from far, keeps like with like,
// and sets each row against the best peer of its class.
#pragma once

#include <benchmark/benchmark.h>
#include <unistd.h>

#include <chrono>
#include <cstddef>
#include <exception>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <map>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "switchyard/atomics/atomic.h"
#include "switchyard/benchmarks/comparison_table.h"
#include "switchyard/benchmarks/distance.h"

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

/// What a user of a `comparison` may ask for, besides Google Benchmark's flags.
struct comparison_options {
  bool everything = false;  ///< --all, or a filter: also the rows that are not in the default set
  std::string save;         ///< --save=FOLDER: write the tables there, under date, processor and compiler

  /// Takes those of ours from the arguments.
  static comparison_options take(std::vector<char*>& arguments) {
    comparison_options result;
    std::erase_if(arguments, [&](std::string_view argument) {
      if (argument.starts_with("--benchmark_filter") || argument.starts_with("--benchmark_list_tests")) {
        result.everything = true;
        return false;
      }
      if (argument == "--all") return result.everything = true;
      if (!argument.starts_with("--save=")) return false;
      result.save = argument.substr(argument.find('=') + 1);
      return true;
    });
    return result;
  }
};

/// Rows, each with a function that takes one sample of it.
class comparison {
 public:
  /// Measures for about 20 ms and returns the operations a second; throws if it finds something wrong.
  using sampler = std::function<double()>;

  /// Whether a row's threads hand things to each other, so that it matters how far they are from each other.
  enum class threads { one, several };

  void add(row_label label, threads how_many, sampler sample) {
    const std::string name = label.group + "/" + label.name + "/" + label.shape;
    const std::size_t row = table_.declare(std::move(label));
    benchmark::RegisterBenchmark(name.c_str(), [this, row, how_many, sample](benchmark::State& state) {
      for (auto _ : state) {
        try {
          measure(state, row, how_many == threads::several && std::thread::hardware_concurrency() > 1, sample);
        } catch (const std::exception& error) {
          std::cerr << "\n" << table_.label(row).name << ", " << table_.label(row).shape << ": " << error.what() << "\n";
          fail(state, error.what());
          break;
        }
      }
    })->Iterations(1)->UseManualTime();
  }

  /// To be asked for how rows relate to each other.
  comparison_table& table() { return table_; }

  /// Takes the samples and prints the tables. Returns what main should: not 0 if a row failed.
  int run(std::vector<char*> arguments, const comparison_options& options) {
    std::string defaults[] = {"--benchmark_enable_random_interleaving=true", "--benchmark_repetitions=21"};
    for (std::string& option : defaults) arguments.insert(arguments.begin() + 1, option.data());
    int count = static_cast<int>(arguments.size());
    benchmark::Initialize(&count, arguments.data());
    if (benchmark::ReportUnrecognizedArguments(count, arguments.data())) return 2;
    quiet_reporter reporter;
    benchmark::RunSpecifiedBenchmarks(&reporter);
    benchmark::Shutdown();
    if (watched_) std::cerr << '\n';
    if (table_.empty()) return wrong() ? 1 : 0;  // only listed, or nothing matched

    table_.print_details(std::cout);
    table_.print_ratios(std::cout);
    table_.print_relations(std::cout);
    std::cout << "\nRatios: median to the best peer's median, in the same class, shape and distance; `*`: not counted as a"
                 " peer. "
              << table_.dropped() << " samples dropped, as the distance changed.\nMean: the geometric one, of what counts by its class's bar.\n";
    if (!options.save.empty() && !save(options.save)) return 1;
    return wrong() ? 1 : 0;
  }

 private:
  // The tables are all there is to see.
  class quiet_reporter : public benchmark::BenchmarkReporter {
   public:
    bool ReportContext(const Context&) override { return true; }
    void ReportRuns(const std::vector<Run>&) override {}
  };

  // Takes a sample, up to three times until the distance was the same before and after.
  void measure(benchmark::State& state, std::size_t row, bool probe, const sampler& sample) {
    constexpr std::chrono::milliseconds probe_time(1);
    if (watched_) std::cerr << '\r' << ++taken_ << " samples ";
    for (int attempt = 1;; ++attempt) {
      const double before = probe ? cache_line_round_trip(probe_time).fastest : 0;
      const double rate = sample();
      const double after = probe ? cache_line_round_trip(probe_time).fastest : 0;
      // Threads that never had a processor moved nothing.
      const distance where = !(rate > 0) ? distance::unclear : probe ? classify(before, after) : distance::alone;
      table_.add(row, where, rate);
      if (where == distance::unclear && attempt < 3) continue;
      state.SetIterationTime(rate > 0 ? 1 / rate : 1);
      state.counters["operations_per_second"] = rate;
      state.counters["round_trip_before_ns"] = before;
      state.counters["round_trip_after_ns"] = after;
      return;
    }
  }

  bool save(const std::string& folder) const {
    std::error_code ignored;  // then the files cannot be written, which is told
    std::filesystem::create_directories(folder, ignored);
    const machine here = machine::this_one();
    const std::string path = folder + "/" + here.file_name();
    std::ofstream json(path + ".json");
    table_.write_json(json, here);
    std::ofstream text(path + ".md");
    text << "# " << here.date << ", " << here.cpu << ", " << here.compiler << "\n\n## Ratios\n";
    table_.print_ratios(text);
    table_.print_relations(text);
    text << "\n## Rows\n";
    table_.print_details(text);
    text.flush();
    json.flush();
    if (json && text) {
      std::cout << "Written: " << path << ".json and .md\n";
      return true;
    }
    std::cerr << "cannot write " << path << ".json and .md\n";
    return false;
  }

  comparison_table table_;
  const bool watched_ = isatty(STDERR_FILENO) == 1;  // somebody wants to see that something happens
  std::size_t taken_ = 0;
};

}  // namespace switchyard
