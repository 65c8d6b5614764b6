// A counter under a lock, written once for `absl_counter` and `std_counter`.
#pragma once

#include <cstdint>

namespace switchyard::adapters::detail {

/// `Lock` holds a `Mutex` from its construction, from a reference, to its end.
template <class Mutex, class Lock>
class locked_counter {
 public:
  /// Starts at `initial`.
  explicit locked_counter(std::int64_t initial = 0) noexcept : value_(static_cast<std::uint64_t>(initial)) {}
  locked_counter(const locked_counter&) = delete;
  locked_counter& operator=(const locked_counter&) = delete;

  /// Adds `n`, which may be negative. Wraps on overflow.
  void add(std::int64_t n) {
    Lock hold(mutex_);
    value_ += static_cast<std::uint64_t>(n);
  }

  void increment() { add(1); }

  /// The value, exactly: some moment during the call.
  std::int64_t load() const {
    Lock hold(mutex_);
    return static_cast<std::int64_t>(value_);
  }

  /// Sets the value to `n`; returns what it was.
  std::int64_t exchange(std::int64_t n) {
    Lock hold(mutex_);
    const std::uint64_t was = value_;
    value_ = static_cast<std::uint64_t>(n);
    return static_cast<std::int64_t>(was);
  }

 private:
  mutable Mutex mutex_;
  std::uint64_t value_;  // unsigned, since it wraps
};

}  // namespace switchyard::adapters::detail
