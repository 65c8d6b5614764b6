// Keeps a queue that has no bound of its own near the capacity.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <thread>

#include "switchyard/atomics/atomic.h"

namespace switchyard::compare {

/// One producer's; asks before it pushes.
template <class Queue>
class back_pressure {
 public:
  back_pressure(const Queue& queue, bool needed, std::size_t capacity, const atomic<bool>& stop)
      : queue_(queue), needed_(needed), capacity_(capacity), stop_(stop) {}

  /// How many items may be pushed between two looks at the size: looking may be expensive.
  static std::size_t interval(std::size_t capacity) { return std::clamp<std::size_t>(capacity / 16, 1, 64); }

  void before_push(std::size_t n) {
    if (!needed_) return;
    if (left_ < n) {
      for (int round = 0; queue_.size_approx() >= capacity_ && !stop_.load(memory_order_relaxed); ++round) {
        if (round < 16) {
          yield();
        } else {
          std::this_thread::sleep_for(std::chrono::microseconds(50));
        }
      }
      left_ = std::max(n, interval(capacity_));
    }
    left_ -= n;
  }

 private:
  const Queue& queue_;
  const bool needed_;
  const std::size_t capacity_;
  const atomic<bool>& stop_;
  std::size_t left_ = 0;  // items that may be pushed without another look
};

}  // namespace switchyard::compare
