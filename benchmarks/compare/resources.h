// What a stretch of work cost this process besides time.
#pragma once

#include <cstdint>
#include <optional>

namespace switchyard::compare {

/// Use of the machine by all threads of this process but the calling one, since the process began.
struct resource_use {
  double cpu_seconds = 0;
  std::int64_t voluntary_switches = 0;    ///< a thread waited in the kernel
  std::int64_t involuntary_switches = 0;  ///< a thread was put aside for another

  /// The calling thread is left out as it only watches. Whoever subtracts two must ask from the same
  /// thread.
  static resource_use now();

  friend resource_use operator-(const resource_use& a, const resource_use& b) {
    return {a.cpu_seconds - b.cpu_seconds, a.voluntary_switches - b.voluntary_switches,
            a.involuntary_switches - b.involuntary_switches};
  }
};

/// Gives memory that is free back to the system and sets this process's peak of resident memory to what is
/// resident now. False where the system does not allow it.
bool reset_peak_memory();

/// The most memory, in bytes, that was resident at once since the last reset. nullopt if it is not known.
std::optional<std::int64_t> peak_memory();

}  // namespace switchyard::compare
