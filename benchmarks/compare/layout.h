// Who works on the text, and for how long.
#pragma once

#include <chrono>
#include <cstddef>

namespace switchyard::compare {

using steady_clock = std::chrono::steady_clock;

/// The same for all implementations.
struct worker_layout {
  std::size_t producers = 1;
  std::size_t consumers = 1;
  std::size_t capacity = 1024;  ///< items
  std::size_t batch = 1;        ///< items per call
  steady_clock::duration min_time = {};
};

}  // namespace switchyard::compare
