// A counter under a lock.
//
// Source: `value += n` between lock and unlock.
//
// When to use it: when threads add now and then, or as the measure for the others. Where many threads add all
// the time, `sharded_counter`, whose threads do not meet; `lockfree::counter` has the same members.
//
// Progress: blocking: a thread that stops inside an operation stops all others.
// Ordering: linearizable.
// Cost: one lock and unlock per operation; 16 bytes.
//
//   switchyard::blocking::counter words;
//   words.add(12);                            // any thread
//   std::int64_t so_far = words.exchange(0);  // any thread: reads and starts again, losing nothing
#pragma once

#include <cstdint>
#include <mutex>

#include "switchyard/blocking/mutex.h"

namespace switchyard::blocking {

/// Models `concurrent_counter`: 64 bits with a sign, which wrap on overflow. Any number of threads may call
/// any member. `Lock` is any type with lock() and unlock(); nothing here throws unless that does.
template <class Lock = mutex>
class alignas(16) basic_counter {
 public:
  explicit basic_counter(std::int64_t initial = 0) noexcept : value_(static_cast<std::uint64_t>(initial)) {}
  basic_counter(const basic_counter&) = delete;
  basic_counter& operator=(const basic_counter&) = delete;

  /// Adds `n`, which may be negative.
  void add(std::int64_t n) {
    const std::lock_guard hold(lock_);
    value_ += static_cast<std::uint64_t>(n);
  }

  /// Adds 1.
  void increment() { add(1); }

  /// The sum of everything added so far.
  std::int64_t load() const {
    const std::lock_guard hold(lock_);
    return static_cast<std::int64_t>(value_);
  }

  /// Sets the counter to `n` and returns what it was, in one step.
  std::int64_t exchange(std::int64_t n) {
    const std::lock_guard hold(lock_);
    const std::uint64_t was = value_;
    value_ = static_cast<std::uint64_t>(n);
    return static_cast<std::int64_t>(was);
  }

 private:
  mutable Lock lock_;
  std::uint64_t value_;  // without a sign, so that it may wrap
};

/// The one to use.
using counter = basic_counter<>;

}  // namespace switchyard::blocking
