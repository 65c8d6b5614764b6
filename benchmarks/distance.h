// How far two processors are from each other at the moment: near (they share a cache) or far.
//
// A virtual machine's processors are moved about by the hypervisor every few seconds, and what two threads hand to
// each other then takes up to four times as long or as short. So a sample is of use only with the answer to that, and
// only if it was the same before and after.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string_view>
#include <thread>
#include <vector>

#include "switchyard/atomics/atomic.h"
#include "switchyard/atomics/cache_padded.h"

namespace switchyard {

/// What every thread of a benchmark does between two tries that fail, whatever the implementation: 64 times it
/// pauses, then it yields. One object for each wait.
class outside_wait {
 public:
  void wait() noexcept { tries_ = wait_after(tries_); }

 private:
  // Apart, and by value, so that the loop around it keeps its variables in registers.
  [[gnu::noinline]] static int wait_after(int tries) noexcept {
    if (tries >= 64) {
      yield();
      return tries;
    }
    spin_pause();
    return tries + 1;
  }

  int tries_ = 0;
};

enum class distance {
  alone,    ///< one thread only, or one processor
  near,     ///< round trips of less than `near_below`
  far,      ///< of more
  unclear,  ///< it changed, or the threads did not have a processor each
};

inline constexpr double near_below = 250;      // nanoseconds a round trip
inline constexpr double unclear_above = 1500;  // no hardware is so slow: the threads took turns

constexpr std::string_view to_string(distance d) noexcept {
  switch (d) {
    case distance::alone: return "alone";
    case distance::near: return "near";
    case distance::far: return "far";
    case distance::unclear: return "unclear";
  }
  return "unknown";
}

/// By the nanoseconds of a round trip before and after a sample.
constexpr distance classify(double before, double after) noexcept {
  const auto one = [](double round_trip) {
    if (!(round_trip > 0) || round_trip > unclear_above) return distance::unclear;
    return round_trip < near_below ? distance::near : distance::far;
  };
  return one(before) == one(after) ? one(before) : distance::unclear;
}

/// Nanoseconds a round trip, of stretches of some tens of them.
struct round_trip_time {
  double fastest;  ///< of any stretch: tells the distance, also where a thread loses its processor now and then
  double median;   ///< what a user would see
};

/// How long a cache line takes from one thread to another and back, tried for about `duration`; for up to four times
/// as long if the threads have not met on two processors by then.
inline round_trip_time cache_line_round_trip(std::chrono::nanoseconds duration) {
  using clock = std::chrono::steady_clock;
  constexpr std::uint64_t stop = ~std::uint64_t{0};
  constexpr int stretch = 64;
  cache_padded<atomic<std::uint64_t>> ball;  // odd: on its way there; even: back

  std::thread other([&] {
    for (std::uint64_t next = 1;; next += 2) {
      outside_wait pause;
      for (std::uint64_t seen; (seen = ball->load(memory_order_acquire)) != next;) {
        if (seen == stop) return;
        pause.wait();
      }
      ball->store(next + 1, memory_order_release);
    }
  });
  std::uint64_t sent = 0;
  const auto round_trip = [&] {
    ball->store(sent + 1, memory_order_release);
    sent += 2;
    for (outside_wait pause; ball->load(memory_order_acquire) != sent;) pause.wait();
  };

  round_trip();  // the other is there
  std::vector<double> stretches;
  double fastest = std::numeric_limits<double>::infinity();
  const auto begin = clock::now();
  for (auto last = begin; last - begin < (fastest > unclear_above ? 4 * duration : duration);) {
    for (int i = 0; i < stretch; ++i) round_trip();
    const auto now = clock::now();
    stretches.push_back(std::chrono::duration<double, std::nano>(now - last).count() / stretch);
    fastest = std::min(fastest, stretches.back());
    last = now;
  }
  ball->store(stop, memory_order_release);
  other.join();
  const auto middle = stretches.begin() + static_cast<std::ptrdiff_t>(stretches.size() / 2);
  std::nth_element(stretches.begin(), middle, stretches.end());
  return {fastest, *middle};
}

}  // namespace switchyard
