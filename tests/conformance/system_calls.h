// Which system calls a piece of code makes.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace switchyard::conformance {

/// System calls that are not the queue's own: the allocator's, and reading the clock where the kernel does
/// not answer it from a shared page; fences in other threads. Exit and return from a signal handler are never counted.
enum class tolerated { nothing, clock, clock_and_memory, clock_memory_and_fences };

/// Runs `prepare`, then `work`, in a child process, and returns the numbers of the system calls that `work`
/// tried to make, at most 100; they are not carried out. nullopt: the child did not come to its end, or the
/// kernel does not allow the filter.
std::optional<std::vector<int>> system_calls_of(tolerated allowed, const std::function<void()>& prepare,
                                                const std::function<void()>& work);

}  // namespace switchyard::conformance
