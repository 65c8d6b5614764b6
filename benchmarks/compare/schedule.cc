#include "switchyard/benchmarks/compare/schedule.h"

#include <sys/prctl.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <thread>
#include <utility>

namespace switchyard::compare {

using std::chrono::nanoseconds;

schedule::schedule(const worker_layout& layout) {
  if (layout.arrivals != nullptr) {
    arrivals_ = layout.arrivals.get();
    // After the last, what is the mean between two: then the first again.
    const std::uint64_t last = arrivals_->back();
    round_ = last + std::max<std::uint64_t>(1, last / (arrivals_->size() - 1));
    items_per_second_ = static_cast<double>(arrivals_->size()) * 1e9 / static_cast<double>(round_);
  } else if (layout.rate > 0) {
    burst_ = layout.burst;
    items_per_second_ = layout.rate;
    gap_ = static_cast<double>(burst_) * 1e9 / layout.rate;
  }
}

std::uint64_t schedule::items_in(steady_clock::duration least) const noexcept {
  const double wanted = static_cast<double>(nanoseconds(least).count());
  const auto times = [&](double one) { return static_cast<std::uint64_t>(std::max(1.0, std::ceil(wanted / one))); };
  if (arrivals_ != nullptr) return times(static_cast<double>(round_)) * arrivals_->size();
  return times(gap_) * burst_;
}

alarm_clock::alarm_clock(std::size_t threads)
    : margin_(std::chrono::microseconds(50)), crowded_(threads > std::max(1u, std::thread::hardware_concurrency())) {
  // The kernel may otherwise wake this thread 50 microseconds late, to save power. If it does not listen, `margin_` grows.
  ::prctl(PR_SET_TIMERSLACK, 1'000UL, 0UL, 0UL, 0UL);
}

bool alarm_clock::wait_until(steady_clock::time_point when, const atomic<bool>& stop) {
  constexpr steady_clock::duration longest = std::chrono::milliseconds(50);  // until `stop` is looked at again
  steady_clock::time_point now = steady_clock::now();
  while (now < when) {
    if (stop.load(memory_order_relaxed)) return false;
    const steady_clock::duration left = when - now;
    if (left > margin_) {
      const steady_clock::time_point wake = now + std::min(left - margin_, longest);
      std::this_thread::sleep_until(wake);
      now = steady_clock::now();
      // Follows twice what it oversleeps, from above at once, from below slowly.
      const steady_clock::duration late = 2 * (now - wake);
      margin_ = std::clamp<steady_clock::duration>(late > margin_ ? late : margin_ - (margin_ - late) / 16,
                                                   std::chrono::microseconds(5), std::chrono::microseconds(500));
    } else {
      if (crowded_) {
        yield();
      } else {
        spin_pause();
      }
      // A long turn was another thread's.
      constexpr steady_clock::duration longest_turn = std::chrono::microseconds(3);
      const steady_clock::time_point before = std::exchange(now, steady_clock::now());
      if (now - before < longest_turn) awake_ += now - before;
    }
  }
  return true;
}

}  // namespace switchyard::compare
