// A thread that calls a function when something monitored has been waited for longer than a limit.
//
// Source: our own; the idea is Linux's hung-task detector.
// When: in a program that runs for long, to be told of a deadlock, a lost wake-up, or a consumer that no longer keeps up,
//   by name, while it happens. It cannot end the wait.
// Progress: a thread of its own that sleeps most of the time; those that are watched do nothing for it.
// Ordering: none.
// Cost: a sample of the whole monitor four times in each `limit`.
//
//   stall_watchdog dog(all, 5s, [](const monitor_sample& stalled) { log(stalled.name, stalled.in.longest_now); });
#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <functional>
#include <mutex>
#include <set>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>

#include "switchyard/threads/exception_hook.h"
#include "switchyard/threads/monitor.h"
#include "switchyard/threads/thread.h"

namespace switchyard {

/// A stall is a wait for room in a queue or for a lock; also one for an element, if there are elements in the queue. Waiting
/// for what is not there is being idle.
class stall_watchdog {
 public:
  using call_back = std::function<void(const monitor_sample&)>;

  /// `stalled(sample)` is called in the watchdog's thread, once for each stall of each name: again only after a time
  /// without. It may use the monitor. What it throws goes to the exception hook, and the watchdog goes on. Throws
  /// std::invalid_argument for a limit of zero or less and for an empty function; what starting a thread throws.
  stall_watchdog(const monitor& watched, std::chrono::nanoseconds limit, call_back stalled)
      : watched_(watched), limit_(limit), stalled_(std::move(stalled)) {
    if (limit <= limit.zero()) throw std::invalid_argument("a watchdog's limit must be more than 0");
    if (!stalled_) throw std::invalid_argument("a watchdog needs a function to call");
    thread_ = thread({.name = "watchdog"}, [this](std::stop_token stop) { run(stop); });
  }
  stall_watchdog(const stall_watchdog&) = delete;
  stall_watchdog& operator=(const stall_watchdog&) = delete;
  /// Waits for a call that is under way.
  ~stall_watchdog() = default;

 private:
  bool is_stalled(const monitor_sample& now) const noexcept {
    return now.in.longest_now >= limit_ || (now.out.longest_now >= limit_ && now.depth.value_or(0) > 0);
  }

  void run(const std::stop_token& stop) {
    std::set<std::string> told;
    std::mutex lock;
    std::condition_variable_any time;
    std::unique_lock hold(lock);
    const auto pause = std::max<std::chrono::nanoseconds>(limit_ / 4, std::chrono::microseconds(100));
    while (!time.wait_for(hold, stop, pause, [&] { return stop.stop_requested(); })) look(told);
  }

  // `told`: the names that were stalled at the last look.
  void look(std::set<std::string>& told) {
    try {
      std::set<std::string> names;
      watched_.for_each([&](const monitor_sample& now) {
        // Several may have one name.
        if (is_stalled(now) && names.insert(now.name).second && !told.contains(now.name)) tell(now);
      });
      told.swap(names);
    } catch (...) {
      report();
    }
  }

  void tell(const monitor_sample& now) {
    try {
      stalled_(now);
    } catch (...) {
      report();
    }
  }
  static void report() {
    report_exception({thread::current().name(), std::this_thread::get_id(), std::current_exception()});
  }

  const monitor& watched_;
  const std::chrono::nanoseconds limit_;
  const call_back stalled_;
  thread thread_;  // the last: it ends before what it uses
};

}  // namespace switchyard
