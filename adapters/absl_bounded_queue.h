// A bounded queue under absl::Mutex and absl::CondVar, as one would write it with Abseil.
//
// Source: the textbook monitor (Hoare 1974): a ring, a mutex, "not full" and "not empty".
// When: as a yardstick for the other queues, or where everything else already waits on absl::Mutex.
//   Otherwise use `blocking::bounded_queue`, whose lock is smaller, or `lockfree::bounded_queue`.
// Progress: blocking; a thread that stops while it holds the mutex stops all others.
// Ordering: first in, first out over all producers; linearizable.
// Cost: one lock and unlock an operation, or a batch; a system call to wake somebody only if somebody waits.
//   The mutex is held while an element is moved in or out.
//
//   switchyard::adapters::absl_bounded_queue<std::string> lines(1024);
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <memory>

#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "switchyard/adapters/detail/absl_lock.h"
#include "switchyard/adapters/detail/locked_bounded_queue.h"

namespace switchyard::adapters {

namespace detail {

/// How `locked_bounded_queue` locks with Abseil.
struct absl_locking {
  using mutex = absl::Mutex;
  using condition = absl::CondVar;
  using lock = absl_lock;

  static void wait(condition& changed, lock& hold) { changed.Wait(hold.mutex()); }

  // Some versions of Abseil measure a timeout on the system clock, which may be set back. A wait is cut
  // into pieces of at most a second; the caller looks at the steady clock after each.
  static void wait_until(condition& changed, lock& hold, std::chrono::steady_clock::time_point when) {
    const auto left =
        std::min<std::chrono::nanoseconds>(when - std::chrono::steady_clock::now(), std::chrono::seconds(1));
    changed.WaitWithTimeout(hold.mutex(), absl::FromChrono(left));
  }

  static void notify_one(condition& changed) { changed.Signal(); }
  static void notify_all(condition& changed) { changed.SignalAll(); }
};

}  // namespace detail

/// A queue that holds exactly `capacity` elements. Models concurrent_queue, timed_queue, bulk_queue,
/// sized_queue and capacity_limited; any T that can be moved will do.
template <class T, class Allocator = std::allocator<T>>
class absl_bounded_queue : public detail::locked_bounded_queue<T, detail::absl_locking, Allocator> {
 public:
  /// Takes all its memory here. Throws std::invalid_argument if `capacity` is 0, and what `allocator` throws.
  explicit absl_bounded_queue(std::size_t capacity, const Allocator& allocator = Allocator())
      : detail::locked_bounded_queue<T, detail::absl_locking, Allocator>(capacity, allocator) {}
};

}  // namespace switchyard::adapters
