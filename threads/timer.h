// A function that is called once, after a while, in a thread of its own, unless it is cancelled before.
//
// Source: CPython's threading.Timer.
// When: a few timeouts. A timer is a thread: thousands of them belong into one thread with a priority queue.
// Progress: blocking: a thread sleeps until the time has come. `cancel` is wait-free, with one system call.
// Ordering: what comes before a `cancel` that was in time happens before the end of the thread.
// Exceptions: what the function throws goes the way of every thread's: to the exception hook, and to `get`.
// Cost: a thread that sleeps.
//
//   switchyard::timer alarm(30s, [&] { connection.close(); });
//   if (connection.answers()) alarm.cancel();        // true: the connection stays open
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

#include "switchyard/atomics/atomic.h"
#include "switchyard/atomics/futex.h"
#include "switchyard/interface/deadline.h"
#include "switchyard/threads/thread.h"

namespace switchyard {

/// Every member may be called by several threads at once, but for moves and the end. A timer that is destroyed is
/// cancelled; if its function runs already, it is asked to stop, should it take a std::stop_token, and waited for.
class timer {
 public:
  /// No timer.
  timer() noexcept = default;

  /// Calls a copy of `function` with copies of `arguments`, and a std::stop_token before them if it takes one, when
  /// `interval` is over; at once if it is zero or less. Throws what starting a thread throws.
  template <class Rep, class Period, class F, class... Args>
  explicit timer(const std::chrono::duration<Rep, Period>& interval, F&& function, Args&&... arguments)
      : timer(thread_options(), interval, std::forward<F>(function), std::forward<Args>(arguments)...) {}

  /// The same with options. A deferred one begins to wait at start().
  template <class Rep, class Period, class F, class... Args>
  timer(thread_options options, const std::chrono::duration<Rep, Period>& interval, F&& function,
        Args&&... arguments)
      : state_(std::make_shared<state>()) {
    thread_ = thread(
        std::move(options),
        [state = state_, interval, function = std::decay_t<F>(std::forward<F>(function)),
         all = std::tuple<std::decay_t<Args>...>(std::forward<Args>(arguments)...)](std::stop_token stop) mutable {
          if (!state->wait(deadline::after(interval))) return;
          std::apply(
              [&](auto&&... each) {
                if constexpr (std::is_invocable_v<std::decay_t<F>, std::stop_token, std::decay_t<Args>...>) {
                  std::invoke(std::move(function), std::move(stop), std::move(each)...);
                } else {
                  std::invoke(std::move(function), std::move(each)...);
                }
              },
              std::move(all));
        });
  }

  timer(timer&&) noexcept = default;
  timer& operator=(timer&& other) noexcept {
    if (this != &other) {
      cancel();
      thread_ = std::move(other.thread_);
      state_ = std::move(other.state_);
    }
    return *this;
  }
  ~timer() { cancel(); }

  /// Starts a deferred timer: the interval counts from here. Throws what thread::start throws.
  void start() { thread_.start(); }

  /// True: in time, the function will not be called. False: it has been called, or is running, or there is no timer.
  /// Cancelling again says the same again. Does not wait for the thread, which ends soon.
  bool cancel() noexcept { return state_ != nullptr && state_->cancel(); }

  /// True from the start until the function has returned, or the timer has been cancelled and its thread has ended.
  bool is_alive() const noexcept { return thread_.is_alive(); }

  /// What `thread` has: waits for the end, by cancellation or after the call.
  void join() { thread_.join(); }
  template <class Rep, class Period>
  bool join_for(const std::chrono::duration<Rep, Period>& wait) {
    return thread_.join_for(wait);
  }
  bool join_until(deadline limit) { return thread_.join_until(limit); }
  void get() { thread_.get(); }
  std::string name() const { return thread_.name(); }

 private:
  // Shared with the thread, which may outlive the timer, if its function destroys that.
  class state {
   public:
    /// True when the time has come; false if cancelled before.
    bool wait(deadline limit) noexcept {
      while (word_.load(memory_order_relaxed) == waiting && !limit.has_passed()) futex_wait(word_, waiting, limit);
      std::uint32_t expected = waiting;
      // (1) acquire: pairs with the release in (2): the thread ends after the cancellation.
      return word_.compare_exchange_strong(expected, called, memory_order_acquire, memory_order_acquire);
    }
    bool cancel() noexcept {
      std::uint32_t expected = waiting;
      // (2) release: pairs with the acquire in (1).
      if (!word_.compare_exchange_strong(expected, cancelled, memory_order_release, memory_order_relaxed)) {
        return expected == cancelled;
      }
      futex_wake(word_, 1);
      return true;
    }

   private:
    static constexpr std::uint32_t waiting = 0;
    static constexpr std::uint32_t called = 1;
    static constexpr std::uint32_t cancelled = 2;

    atomic<std::uint32_t> word_{waiting};
  };

  std::shared_ptr<state> state_;
  thread thread_;
};

}  // namespace switchyard
