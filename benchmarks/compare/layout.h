// Who does the work, how much of it, and for how long.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace switchyard::compare {

using steady_clock = std::chrono::steady_clock;

/// When things arrived: nanoseconds after the first, which is 0; ascending, and not all the same. See arrivals.h.
using arrival_times = std::vector<std::uint64_t>;

/// The same for all implementations.
struct worker_layout {
  std::size_t producers = 1;
  std::size_t consumers = 1;
  std::size_t capacity = 1024;  ///< items
  std::size_t batch = 1;        ///< items per call
  steady_clock::duration min_time = {};
  steady_clock::duration patience = std::chrono::seconds(1);  ///< with whom does not keep a schedule; see stream.h

  // For `queue` and `latency`.
  std::size_t item_size = 8;  ///< bytes, one of `item_sizes`
  double rate = 0;            ///< items a second, of all producers together; 0: as fast as they can
  std::uint64_t burst = 1;    ///< items that are due at the same time; the rate is that of items all the same
  std::shared_ptr<const arrival_times> arrivals = {};  ///< when items are due, in place of a rate; null: there is one
};

}  // namespace switchyard::compare
