// Signals that end the program, made into something that can be asked for.
#pragma once

#include "switchyard/atomics/atomic.h"

namespace switchyard::compare {

/// From now on the first SIGINT or SIGTERM sets `stop_requested()`; another one kills at once. Writing to a
/// closed pipe is an error, not a death. Reading a file that was cut short meanwhile (SIGBUS) prints a line
/// and ends the program with status 2.
void handle_signals();

/// True once the user asked to stop.
const atomic<bool>& stop_requested() noexcept;

/// 128 and the number of the signal that asked to stop, as shells have it: 130 for SIGINT.
int stop_status() noexcept;

}  // namespace switchyard::compare
