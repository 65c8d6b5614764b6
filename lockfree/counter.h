// A counter in one atomic cell.
//
// Source: the processor's fetch-and-add.
// When: a counter that is read often, or whose readings must be exact. When many threads add and few read,
//   `sharded_counter` is several times faster.
// Progress: every member is wait-free.
// Ordering: linearizable. Additions are relaxed: reading a count says nothing about other memory.
// Cost: 8 bytes; a few nanoseconds alone, and a cache line that moves when threads contend.
//
//   counter requests;  requests.increment();  report(requests.load());
#pragma once

#include <cstdint>

#include "switchyard/atomics/atomic.h"

namespace switchyard::lockfree {

class counter {
 public:
  explicit counter(std::int64_t initial = 0) noexcept : value_(initial) {}
  counter(const counter&) = delete;
  counter& operator=(const counter&) = delete;

  /// Adds `n`, which may be negative; wraps on overflow.
  void add(std::int64_t n) noexcept { value_.fetch_add(n, memory_order_relaxed); }
  void increment() noexcept { add(1); }

  /// The sum of all additions so far.
  std::int64_t load() const noexcept { return value_.load(memory_order_relaxed); }

  /// Sets the count to `n` and returns what it was; no addition falls between the two.
  std::int64_t exchange(std::int64_t n) noexcept { return value_.exchange(n, memory_order_relaxed); }

 private:
  atomic<std::int64_t> value_;
};

}  // namespace switchyard::lockfree
