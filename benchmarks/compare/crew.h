// Threads that start together and are measured together.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "switchyard/atomics/atomic.h"
#include "switchyard/atomics/cache_padded.h"
#include "switchyard/benchmarks/compare/layout.h"
#include "switchyard/benchmarks/compare/resources.h"

namespace switchyard::compare {

/// What a crew used from the moment it was let go until its last thread was done.
struct crew_use {
  double seconds = 0;
  resource_use resources;
  std::optional<std::int64_t> peak_memory;  ///< of the process, bytes; nullopt where it cannot be measured
};

/// What one thread does; it is told when all were let go.
using job = std::function<void(steady_clock::time_point started)>;

/// Runs each job in a thread of its own. They are let go when all are there; making and joining them is not
/// measured. While it waits, the caller's thread calls `tick` every quarter of a second, if there is one.
/// Rethrows the first exception that left a job, after all have ended. The threads leave signals to others.
crew_use run_crew(const std::vector<job>& jobs, const std::function<void()>& tick = {});

/// Agrees on how often each of several threads goes through its part of the text: all the same number of
/// times, at least once, and until `least` has passed.
class pass_gate {
 public:
  explicit pass_gate(steady_clock::duration least) : least_(least) {}

  /// Asked by a thread that has gone through its part `done` times: is it to go again?
  bool another(std::uint64_t done, steady_clock::time_point started) noexcept;

  /// How often everybody goes; final when one of them was told not to go again.
  std::uint64_t passes() const noexcept { return state_->load(memory_order_relaxed) / 2; }

 private:
  const steady_clock::duration least_;
  // passes * 2 + (1 if that number is final). Its value says all there is to say, so relaxed will do; the
  // number is read by others only after they have joined the threads.
  cache_padded<atomic<std::uint64_t>> state_{std::in_place, std::uint64_t{2}};
};

}  // namespace switchyard::compare
