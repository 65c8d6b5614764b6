// When each item of a run is due, and how a producer waits for it.
//
// A schedule does not look at how the run goes: what is late is pushed at once and stays late, and its delay counts from
// when it was due. So a queue, or a consumer, that stops for a while is seen in all items that were due meanwhile, and not
// only in the one that it had in hand (what Gil Tene called coordinated omission).
#pragma once

#include <cstddef>
#include <cstdint>

#include "switchyard/atomics/atomic.h"
#include "switchyard/benchmarks/compare/layout.h"

namespace switchyard::compare {

/// The same for all producers of a run: they take its bursts in turn.
class schedule {
 public:
  /// What `layout` says: its arrivals, played again from their end on; or its rate, in bursts of as many items at a time;
  /// or, with a rate of 0, no times at all. Refers to the arrivals.
  explicit schedule(const worker_layout& layout);

  /// False if producers push as fast as they can.
  bool is_timed() const noexcept { return items_per_second_ > 0; }

  double items_per_second() const noexcept { return items_per_second_; }

  /// How many items are due together.
  std::uint64_t burst() const noexcept { return burst_; }

  /// When item number `n` is due, from 0 on: nanoseconds after the beginning.
  std::uint64_t due(std::uint64_t n) const noexcept {
    if (arrivals_ != nullptr) return n / arrivals_->size() * round_ + (*arrivals_)[n % arrivals_->size()];
    return static_cast<std::uint64_t>(static_cast<double>(n / burst_) * gap_);
  }

  /// How many items are due in `least`: whole bursts, or the arrivals as a whole; one of them at least.
  std::uint64_t items_in(steady_clock::duration least) const noexcept;

  /// How long so many items take, and the wait after the last: then the next would be due.
  double seconds_for(std::uint64_t items) const noexcept {
    return static_cast<double>(items) / items_per_second_;
  }

 private:
  const arrival_times* arrivals_ = nullptr;
  std::uint64_t round_ = 0;  // nanoseconds from the first arrival to when it comes again
  std::uint64_t burst_ = 1;
  double gap_ = 0;  // nanoseconds from one burst to the next
  double items_per_second_ = 0;
};

/// Waits for one moment after the other: asleep for the most of it, awake for the rest, which is as long as this thread was
/// seen to oversleep.
class alarm_clock {
 public:
  /// For a thread among `threads` that run at the same time; where these are too many for the machine, who waits lets others
  /// run meanwhile.
  explicit alarm_clock(std::size_t threads);

  /// Returns at `when`, or soon after `stop` is set: false.
  bool wait_until(steady_clock::time_point when, const atomic<bool>& stop);

  /// How much processor time it took to wait awake: no cost of what was waited for.
  steady_clock::duration awake() const noexcept { return awake_; }

 private:
  steady_clock::duration margin_;
  steady_clock::duration awake_{};
  const bool crowded_;
};

}  // namespace switchyard::compare
