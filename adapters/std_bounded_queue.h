// A bounded queue under std::mutex and std::condition_variable: what the standard library alone gives.
//
// Source: the textbook monitor (Hoare 1974): a ring, a mutex, "not full" and "not empty".
// When: as a yardstick for the other queues. Otherwise use `blocking::bounded_queue`, whose lock is smaller,
//   or `lockfree::bounded_queue`.
// Progress: blocking; a thread that stops while it holds the mutex stops all others.
// Ordering: first in, first out over all producers; linearizable.
// Cost: one lock and unlock an operation, or a batch; a system call to wake somebody only if somebody waits.
//   The mutex is held while an element is moved in or out.
//
//   switchyard::adapters::std_bounded_queue<std::string> lines(1024);
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>

#include "switchyard/adapters/detail/locked_bounded_queue.h"

namespace switchyard::adapters {

namespace detail {

/// How `locked_bounded_queue` locks with the standard library.
struct std_locking {
  using mutex = std::mutex;
  using condition = std::condition_variable;
  using lock = std::unique_lock<std::mutex>;

  static void wait(condition& changed, lock& hold) { changed.wait(hold); }
  static void wait_until(condition& changed, lock& hold, std::chrono::steady_clock::time_point when) {
    changed.wait_until(hold, when);
  }
  static void notify_one(condition& changed) noexcept { changed.notify_one(); }
  static void notify_all(condition& changed) noexcept { changed.notify_all(); }
};

}  // namespace detail

/// A queue that holds exactly `capacity` elements. Models concurrent_queue, timed_queue, bulk_queue,
/// sized_queue and capacity_limited; any T that can be moved will do.
template <class T, class Allocator = std::allocator<T>>
class std_bounded_queue : public detail::locked_bounded_queue<T, detail::std_locking, Allocator> {
 public:
  /// Takes all its memory here. Throws std::invalid_argument if `capacity` is 0, and what `allocator` throws.
  explicit std_bounded_queue(std::size_t capacity, const Allocator& allocator = Allocator())
      : detail::locked_bounded_queue<T, detail::std_locking, Allocator>(capacity, allocator) {}
};

}  // namespace switchyard::adapters
