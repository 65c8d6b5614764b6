// A coroutine for tests: runs at once until it has to wait, is destroyed by whoever holds it or left to itself.
#pragma once

#include <coroutine>
#include <deque>
#include <exception>
#include <mutex>
#include <utility>

#include "switchyard/atomics/atomic.h"
#include "switchyard/threads/async.h"

namespace switchyard::conformance {

/// Held: destroyed with this object, wherever it waits.
class routine {
 public:
  struct promise_type {
    routine get_return_object() noexcept {
      return routine(std::coroutine_handle<promise_type>::from_promise(*this));
    }
    std::suspend_never initial_suspend() noexcept { return {}; }
    struct at_end {
      static bool await_ready() noexcept { return false; }
      static void await_suspend(std::coroutine_handle<promise_type> it) noexcept {
        it.promise().ended.store(true, memory_order_release);
      }
      static void await_resume() noexcept {}
    };
    at_end final_suspend() noexcept { return {}; }
    void return_void() noexcept {}
    void unhandled_exception() noexcept { std::terminate(); }

    atomic<bool> ended{false};
  };

  /// True when it has come to its end, and can be destroyed wherever it was running.
  bool has_ended() const noexcept { return it_.promise().ended.load(memory_order_acquire); }

  routine(routine&& other) noexcept : it_(std::exchange(other.it_, nullptr)) {}
  routine& operator=(routine&&) = delete;
  ~routine() { destroy(); }

  void destroy() {
    if (it_) std::exchange(it_, nullptr).destroy();
  }

 private:
  explicit routine(std::coroutine_handle<promise_type> it) noexcept : it_(it) {}
  std::coroutine_handle<promise_type> it_;
};

/// Left to itself: gone when it has come to its end.
struct errand {
  struct promise_type {
    errand get_return_object() noexcept { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() noexcept {}
    void unhandled_exception() noexcept { std::terminate(); }
  };
};

/// Jobs that somebody runs when it is time.
class job_list {
 public:
  auto executor() noexcept {
    return [this](async_job job) { put(std::move(job)); };
  }

  bool run_one() {
    std::unique_lock hold(lock_);
    if (jobs_.empty()) return false;
    async_job job = std::move(jobs_.front());
    jobs_.pop_front();
    hold.unlock();
    job();
    return true;
  }
  void drop_all() {
    std::deque<async_job> dropped;
    {
      const std::lock_guard hold(lock_);
      dropped.swap(jobs_);
    }
  }
  std::size_t size() {
    const std::lock_guard hold(lock_);
    return jobs_.size();
  }

 private:
  void put(async_job job) {
    const std::lock_guard hold(lock_);
    jobs_.push_back(std::move(job));
  }

  std::mutex lock_;
  std::deque<async_job> jobs_;
};

}  // namespace switchyard::conformance
