// From samples to the figures that are shown.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "switchyard/benchmarks/compare/bootstrap.h"
#include "switchyard/benchmarks/compare/histogram.h"
#include "switchyard/benchmarks/compare/runner.h"

namespace switchyard::compare {

/// The middle and the ends of some values.
struct spread {
  double median = 0;
  double min = 0;
  double max = 0;
};

/// All three are 0 of no values.
spread spread_of(const std::vector<double>& values);

// A run's figures per item; all are 0 if it had no items.
double items_per_second(const sample& run);
double seconds_per_item(const sample& run);
double cpu_seconds_per_item(const sample& run);

/// One line of the table.
struct summary {
  std::string name;
  adapters::progress guarantee = adapters::progress::blocking;
  std::optional<std::uint64_t> point;  ///< as in its outcome
  std::size_t runs = 0;
  std::string wrong;  ///< as in its outcome

  spread items_per_second;
  std::optional<interval> rate_interval;              ///< of that median; not known of few runs
  std::optional<double> against_blocking;             ///< its median, divided by that of the best blocking one
  std::optional<interval> against_blocking_interval;  ///< exactly 1 for that one itself; not known of few runs
  double cpu_ns_per_item = 0;                         ///< median; of all threads together
  double voluntary_per_1000_items = 0;                ///< median of context switches
  double involuntary_per_1000_items = 0;              ///< the same
  std::optional<std::int64_t> peak_memory;            ///< the largest of all runs, bytes

  // What they were made from, a value for each run.
  std::vector<double> rates;  ///< items per second
  std::vector<double> tails;  ///< p99 of the latency, ns; none where it was not measured

  /// The median of what share of the rate asked for was reached; nothing where none was.
  std::optional<double> rate_kept;

  /// Of all runs together; null where it was not measured.
  std::shared_ptr<const latency_histogram> latency;
};

/// The best first, which is the fastest, or where latency was measured the one with the shortest tail; those whose answers
/// were wrong last; those of which nothing is known left out. The best blocking one is the fastest of those that wait for each other by design (`progress::blocking`); without
/// any, and where it did nothing, there is no ratio. In a sweep all this is for each point by itself, and one
/// point follows another in the order of the outcomes.
std::vector<summary> summarize(const std::vector<outcome>& outcomes);

/// How many of them differ from run to run by more than twice: then something else was going on.
std::size_t unsteady(const std::vector<summary>& lines);

}  // namespace switchyard::compare
