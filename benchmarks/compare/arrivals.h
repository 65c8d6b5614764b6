// When things arrived: noted down from somebody's own program, kept in a file, and read to be played again.
//
// The file is text. A line is a time in seconds, such as 12.000250, with up to nine digits behind the point (more are left
// out); each is as late as the one before or later; when the first is, does not matter, so that times of day will do. Lines
// that begin with # are for people.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "switchyard/atomics/atomic.h"
#include "switchyard/benchmarks/compare/layout.h"

namespace switchyard::compare {

/// Reads such a file; "-" is standard input. Throws `bad_request` that names file and line, and `interrupted` once `stop`
/// is set.
arrival_times read_arrivals(const std::string& path, const atomic<bool>& stop);

/// The same of a text; `name` is what messages call it.
arrival_times parse_arrivals(std::string_view text, std::string_view name);

/// Leaves out what comes later than `most` after the first, but keeps two different times at least.
void keep_first(arrival_times& times, std::chrono::nanoseconds most);

/// What was noted down.
struct recording {
  std::uint64_t lines = 0;
  std::uint64_t nanoseconds = 0;     ///< from the first to the last
  std::uint64_t most_at_once = 0;    ///< lines within the same millisecond
};

/// Reads lines from the descriptor `from` as they come, until its end or until `stop` is set, and writes to the file `path`
/// when each ended. Throws `bad_request` if the file cannot be written, or nothing came.
recording record_arrivals(int from, const std::string& path, const atomic<bool>& stop);

}  // namespace switchyard::compare
