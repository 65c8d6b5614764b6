// Repetitions of several implementations, interleaved, and what they come to.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "switchyard/benchmarks/compare/workload.h"

namespace switchyard::compare {

/// All that is known about one implementation.
struct outcome {
  std::string name;
  adapters::progress guarantee;
  std::vector<sample> samples;  ///< those that were finished and whose answer agreed
  std::string wrong;            ///< what its first wrong answer differed in; empty if all agreed
  std::optional<std::uint64_t> point = {};  ///< the contender's
};

/// What all runs came to.
struct rounds {
  std::vector<outcome> outcomes;  ///< in the order of the contenders
  bool complete = true;           ///< false if they were stopped before the last one
  std::size_t repetitions = 0;    ///< rounds that count: fewer than asked for if there was no time for more
  std::vector<std::string> left_out = {};  ///< whom there was no time for at all: "lockfree.bounded_queue at 4"
};

/// How far the whole is; for a progress bar.
struct position {
  std::size_t finished;   ///< runs
  std::size_t all;        ///< runs, finished or not
  std::string_view name;  ///< of the implementation that runs now, and at which point of a sweep
};

/// Called before each run and, by the waiting thread, during it; may be empty.
using progress_function = std::function<void(const position&)>;

/// Runs each contender `repetitions` times: a round of all, then another that begins with the next one, so
/// that what the machine does meanwhile meets them alike. One that gives a wrong answer, or throws, is left
/// out from then on. Ends early once `stop` is set; the run that is cut short does not count.
///
/// All runs begin within `budget`, which is no interruption. After the first, no round is begun that would not be over by
/// then, if it took as long as those before; one that is not, all the same, does not count. In the first, whoever has not
/// had a turn by then is left out, but the very first.
///
/// `now` tells the time; another one than the real is for tests.
rounds run_rounds(const std::vector<contender>& contenders, std::size_t repetitions, const atomic<bool>& stop,
                  const progress_function& progress = {},
                  steady_clock::duration budget = steady_clock::duration::max(),
                  const std::function<steady_clock::time_point()>& now = steady_clock::now);

}  // namespace switchyard::compare
