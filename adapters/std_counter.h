// A counter under std::mutex.
//
// When: as a yardstick for the other counters. Otherwise use `lockfree::counter`, or
//   `lockfree::sharded_counter` when many threads add.
// Progress: blocking; a thread that stops while it holds the mutex stops all others.
// Ordering: linearizable.
// Cost: one lock and unlock a call, also to read.
//
//   switchyard::adapters::std_counter words;  words.increment();
#pragma once

#include <cstdint>
#include <mutex>

#include "switchyard/adapters/detail/locked_counter.h"

namespace switchyard::adapters {

/// Models concurrent_counter.
class std_counter : public detail::locked_counter<std::mutex, std::lock_guard<std::mutex>> {
 public:
  explicit std_counter(std::int64_t initial = 0) noexcept : locked_counter(initial) {}
};

}  // namespace switchyard::adapters
