// What both sides' `thread_pool` have in common: how one is made, what it tells, and named errors.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <limits>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

namespace switchyard {

struct thread_pool_options {
  /// How many threads: by default, as many as the machine runs at a time.
  std::int64_t threads = std::max(1U, std::thread::hardware_concurrency());
  /// They are called NAME-0, NAME-1, ...
  std::string name = "pool";
  /// Called by each of them, before all else. If it throws, the pool is broken: see `broken_pool`.
  std::function<void()> initializer = {};
  /// Of each thread's stack, in bytes; 0: the system's default.
  std::size_t stack_size = 0;
};

/// More than this many threads are taken for a mistake.
inline constexpr std::int64_t most_pool_threads = 65536;

/// A pool of no threads, fewer than none, or more than `most_pool_threads`.
struct bad_thread_count : std::invalid_argument {
  explicit bad_thread_count(std::int64_t count)
      : invalid_argument("a thread pool has from 1 to " + std::to_string(most_pool_threads) + " threads, not " +
                         std::to_string(count)) {}
};

/// A task is given to a pool that has been shut down.
struct pool_shut_down : std::runtime_error {
  pool_shut_down() : runtime_error("the thread pool has been shut down and takes no more tasks") {}
};

/// The initializer has thrown in one of the pool's threads. Thrown by `submit` and `post`, and by the futures of tasks
/// that had not begun.
struct broken_pool : std::runtime_error {
  explicit broken_pool(std::exception_ptr cause)
      : runtime_error("the thread pool is broken: its initializer has thrown" + what_of(cause)),
        cause_(std::move(cause)) {}

  /// What it has thrown.
  const std::exception_ptr& cause() const noexcept { return cause_; }

 private:
  static std::string what_of(const std::exception_ptr& cause) {
    try {
      std::rethrow_exception(cause);
    } catch (const std::exception& error) {
      return std::string(": ") + error.what();
    } catch (...) {
      return {};
    }
  }

  std::exception_ptr cause_;
};

struct shutdown_options {
  bool wait = true;             ///< until the threads have ended
  bool cancel_pending = false;  ///< tasks that have not begun are cancelled; else they will be run
};

struct map_options {
  static constexpr std::size_t unlimited = std::numeric_limits<std::size_t>::max();

  /// So many elements make one task. Throws std::invalid_argument if it is 0.
  std::size_t chunk = 1;
  /// Counts from the call of `map`. A result that is not there in time is a `future_timeout` in its place.
  std::chrono::nanoseconds time_limit = std::chrono::nanoseconds::max();
  /// At most so many elements are taken from the input, whose results have not been had; unlimited: all, at once. Not 0.
  std::size_t look_ahead = unlimited;
};

/// For monitoring: each number is right, but from a moment of its own.
struct thread_pool_statistics {
  std::size_t threads = 0;
  std::size_t queued = 0;           ///< tasks that wait
  std::size_t running = 0;          ///< threads that are in a task
  std::uint64_t done = 0;           ///< tasks that have been run, with whatever end
  std::uint64_t stolen = 0;         ///< of those, taken from another thread's deque; 0 where there are none
  std::chrono::nanoseconds idle{};  ///< of all threads together, without a task
};

}  // namespace switchyard
