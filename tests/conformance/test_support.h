// What the conformance suites need from the machine: how long to run, a watchdog against hanging, and
// threads whose sleep and CPU time can be seen.
#pragma once

#include <gtest/gtest.h>
#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <ostream>
#include <string>
#include <thread>
#include <vector>

#include "switchyard/atomics/atomic.h"
#include "switchyard/interface/conqueue_status.h"

namespace switchyard {

/// How GoogleTest prints a status.
inline void PrintTo(conqueue_status status, std::ostream* out) {
  *out << to_string(status);
}

}  // namespace switchyard

namespace switchyard::conformance {

using namespace std::chrono_literals;  // NOLINT: every header of the suites waits for something

/// True in builds that run many times slower and see system calls that are not ours.
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
inline constexpr bool sanitized = true;
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
inline constexpr bool sanitized = true;
#else
inline constexpr bool sanitized = false;
#endif
#else
inline constexpr bool sanitized = false;
#endif

/// How often to repeat what needs repeating: `count` in a plain build, less under a sanitizer.
constexpr int scaled(int count) {
  return sanitized ? std::max(1, count / 4) : count;
}

/// How long one test may take before it counts as hanging.
inline constexpr std::chrono::seconds patience = sanitized ? 300s : 100s;

/// How much later than asked a thread may run on a crowded machine: fails only what is broken, not what is
/// slow.
inline constexpr std::chrono::seconds generous = 30s;

using steady = std::chrono::steady_clock;

/// Ends the program with a message if it still exists after `patience`, in which the machine has run.
class watchdog {
 public:
  watchdog();
  ~watchdog();
  watchdog(const watchdog&) = delete;
  watchdog& operator=(const watchdog&) = delete;

 private:
  std::mutex mutex_;
  std::condition_variable over_early_;
  bool over_ = false;
  std::thread thread_;
};

/// A thread that can be watched while it waits. Joins when it goes out of scope.
class watched_thread {
 public:
  explicit watched_thread(std::function<void()> work);
  ~watched_thread() { join(); }
  watched_thread(const watched_thread&) = delete;
  watched_thread& operator=(const watched_thread&) = delete;

  /// Waits until the kernel has put the thread to sleep. False: it has run for a second of processor time,
  /// or it has finished.
  bool falls_asleep() const;

  /// The CPU time that the thread has used. Only while it has not finished.
  std::chrono::nanoseconds cpu_time() const;

  /// How often the thread has gone to sleep so far. Only while it has not finished.
  std::int64_t times_slept() const;

  /// True once the work is done, whether joined or not.
  bool finished() const { return finished_.load(memory_order_acquire); }

  void join() {
    if (thread_.joinable()) thread_.join();
  }

 private:
  atomic<pid_t> id_{0};
  atomic<bool> finished_{false};
  std::thread thread_;
};

/// One turn of a loop that waits for another thread: mostly a pause, now and then a short sleep. Not a yield,
/// which gives whole time slices away when other programs want the processor.
void wait_a_little();

/// Runs `work(0)` to `work(count - 1)`, each in a thread of its own, and waits for all.
void in_threads(int count, const std::function<void(int)>& work);

/// The line of a test that called a helper: failures are reported there.
// What std::source_location does; clang 14 does not have that with this standard library.
class where {
 public:
  static constexpr where current(const char* file = __builtin_FILE(), int line = __builtin_LINE()) noexcept {
    return where(file, line);
  }
  constexpr const char* file_name() const noexcept { return file_; }
  constexpr int line() const noexcept { return line_; }

 private:
  constexpr where(const char* file, int line) noexcept : file_(file), line_(line) {}
  const char* file_;
  int line_;
};

/// As EXPECT_EQ, but not in line: the suites are instantiated for so many types that it matters. `way` is how
/// the element was pushed or popped, if that is a question.
bool expect_same(conqueue_status got, conqueue_status wanted, const char* what, where at, int way = -1);
bool expect_same(std::uint64_t got, std::uint64_t wanted, const char* what, where at, int way = -1);
bool expect_true(bool condition, const char* what, where at);

/// True if the test that runs has failed so far: no use to go on with a long loop.
bool failed();

/// Small and repeatable random numbers (xorshift64*).
class random_numbers {
 public:
  explicit random_numbers(std::uint64_t seed) : state_(seed * 2 + 1) {}

  /// A number in [0, limit).
  std::uint64_t below(std::uint64_t limit) {
    state_ ^= state_ >> 12;
    state_ ^= state_ << 25;
    state_ ^= state_ >> 27;
    return ((state_ * 0x2545F4914F6CDD1DULL) >> 33) % limit;
  }

 private:
  std::uint64_t state_;
};

/// What the threads of one run did with numbered items: item `seq` of producer `p` is `item_number(p, seq)`.
constexpr std::uint64_t item_number(int producer, std::uint64_t seq) {
  return (static_cast<std::uint64_t>(producer) << 32) | seq;
}

/// Every accepted item was popped exactly once, and nothing else was. `accepted[p]` are the items that producer
/// p was told are in the queue, `popped[c]` what consumer c got.
::testing::AssertionResult popped_exactly_once(const std::vector<std::vector<std::uint64_t>>& accepted,
                                               const std::vector<std::vector<std::uint64_t>>& popped);

/// Each consumer saw the items of each producer in order.
::testing::AssertionResult popped_in_producers_order(const std::vector<std::vector<std::uint64_t>>& popped);

}  // namespace switchyard::conformance
