// What the implementations are put to, and what one run of one of them yields.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "switchyard/adapters/registry.h"
#include "switchyard/atomics/atomic.h"
#include "switchyard/benchmarks/compare/crew.h"
#include "switchyard/benchmarks/compare/histogram.h"
#include "switchyard/benchmarks/compare/input.h"
#include "switchyard/benchmarks/compare/layout.h"
#include "switchyard/benchmarks/compare/tally.h"

namespace switchyard::compare {

/// One run: the text, as many times as fit.
struct sample {
  crew_use use;
  std::uint64_t passes = 0;  ///< how many times the text was gone through
  std::uint64_t items = 0;   ///< lines that were handed over, or words that were counted, in all passes
  std::string wrong;         ///< how the answer differed from the reference; empty if it agreed
  bool cut_short = false;    ///< stopped half-way: nothing of the above means anything

  /// How long each item took from when it was due until it was done; null where that is not measured.
  std::shared_ptr<const latency_histogram> latency = {};

  /// What share of the rate that was asked for was reached, at most 1; nullopt where none was.
  std::optional<double> rate_kept = {};
};

/// Called by the thread that waits for a run, a few times a second; may be empty.
using tick_function = std::function<void()>;

/// An implementation that is ready to run.
struct contender {
  std::string name;
  adapters::progress guarantee;
  std::function<sample(const tick_function&)> run;
  std::optional<std::uint64_t> point = {};  ///< in a sweep: the number that it is run at, such as 4 threads
};

/// What a workload runs on. All of it, and the registry's entries, must outlive the contenders.
struct work {
  const mapped_text& input;
  const reference& expected;
  const worker_layout& layout;
  const atomic<bool>& stop;  ///< set, even by a signal handler, to cut runs short
};

using queue_entry = adapters::queue_registry<std::string_view>::entry;
using counter_entry = adapters::counter_registry::entry;

/// Producers cut the text into as many parts as there are producers, at lines, and push one line after
/// another; consumers pop them, split them into words and count. The last producer closes the queue, and
/// consumers stop when it is closed and empty. The queues must be able to (`why_not`).
///
/// For a queue without a bound the producers themselves keep to the capacity, roughly: every so many items
/// they look at its size, and wait, asleep, while it is too large.
std::vector<contender> pipeline(const std::vector<const queue_entry*>& queues, const work& on);

/// Why `queue` cannot run with so many producers and consumers ("takes one producer only"); empty if it
/// can.
std::string why_not(const adapters::queue_info& queue, const worker_layout& layout);

/// As many threads as producers and consumers together count the words of their part of the text, one by
/// one, in one counter.
std::vector<contender> counting(const std::vector<const counter_entry*>& counters, const work& on);

}  // namespace switchyard::compare
