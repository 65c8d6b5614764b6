// A counter with a cell per thread: adding is as cheap as adding to a variable of one's own.
//
// Source: folly::ThreadCachedInt and the Linux kernel's percpu_counter for the idea.
// When: many threads add, few read: statistics, progress. Not for a count that decides something, such as
//   the last reference: that is `counter`.
// Progress: `add` is wait-free from a thread's second call on; the first allocates the thread's cell.
//   `load` is wait-free in the number of threads; `exchange` is lock-free.
// Ordering: a reading that overlaps additions is not a snapshot: it counts every addition that happened
//   before it, and any of those that overlap it. No addition is lost, also when threads exit.
// Cost: about a nanosecond to add, without contention; 128 bytes per thread.
//
//   sharded_counter lines;  /* in each thread */ lines.increment();  /* at the end */ lines.load();
#pragma once

#include <cstdint>

#include "switchyard/atomics/atomic.h"
#include "switchyard/threads/per_thread.h"

namespace switchyard::lockfree {

class sharded_counter {
 public:
  explicit sharded_counter(std::int64_t initial = 0) noexcept : base_(to_bits(initial)) {}

  /// Adds `n`, which may be negative; wraps on overflow. A thread's first call may throw std::bad_alloc,
  /// and then adds nothing.
  void add(std::int64_t n) {
    // Only this thread writes its cell, so a load and a store do what a read-modify-write would.
    atomic<std::uint64_t>& mine = cells_.local();
    mine.store(mine.load(memory_order_relaxed) + to_bits(n), memory_order_relaxed);
  }
  void increment() { add(1); }

  /// The sum of all additions that happened before, and perhaps of some that overlap the call.
  std::int64_t load() const noexcept { return to_value(base_.load(memory_order_relaxed) + sum()); }

  /// Sets the count to `n` and returns what it was. Additions are counted either in what is returned or in
  /// what is read later, never in both or neither.
  std::int64_t exchange(std::int64_t n) noexcept {
    // The cells belong to their threads and only ever add up; the base makes up the difference.
    std::uint64_t base = base_.load(memory_order_relaxed);
    for (;;) {
      const std::uint64_t added = sum();
      if (base_.compare_exchange_weak(base, to_bits(n) - added, memory_order_relaxed,
                                      memory_order_relaxed)) {
        return to_value(base + added);
      }
    }
  }

 private:
  // Unsigned inside, where wrapping is defined.
  static std::uint64_t to_bits(std::int64_t n) noexcept { return static_cast<std::uint64_t>(n); }
  static std::int64_t to_value(std::uint64_t bits) noexcept { return static_cast<std::int64_t>(bits); }

  std::uint64_t sum() const noexcept {
    std::uint64_t total = 0;
    cells_.for_each([&](const atomic<std::uint64_t>& cell) { total += cell.load(memory_order_relaxed); });
    return total;
  }

  atomic<std::uint64_t> base_;  // what was set, less what the cells held at the time
  per_thread<atomic<std::uint64_t>> cells_;
};

}  // namespace switchyard::lockfree
