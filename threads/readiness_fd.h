// A file descriptor that is readable while a queue may have something to pop: for consumers that sit in an epoll loop.
//
// Source: Linux eventfd(2); our own, on the queues' lists of waiters.
// When: a thread waits for sockets or timers and for a queue. One that waits for queues alone: `pop`, or `select.h`.
// Progress: `arm` and `disarm` block for some instructions of others, a system call of less than a microsecond among them.
//   Those who push do as they do for any waiter, and one of them makes that call, once each time that it was armed.
// Ordering: that of the queue's own operations.
// Cost: none for those who push and find it not armed. Arming is two system calls and a fence.
//
//   readiness_fd ready(queue);
//   add_to_epoll(ready.native_handle(), EPOLLIN);
//   ready.arm();
//   while (wait_for_events()) {
//     ...
//     if (ready_was_readable) {
//       while (auto item = queue.try_pop()) use(*item);     // until it is empty, or at least until one was popped
//       ready.arm();                                        // readable again from the next push, close, or at once
//     }
//   }
#pragma once

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <system_error>

#include "switchyard/atomics/atomic.h"
#include "switchyard/atomics/backoff.h"
#include "switchyard/interface/conqueue_status.h"
#include "switchyard/threads/waiter.h"

namespace switchyard {

/// Used by one thread at a time, which must be one that may pop. It stands for a waiter: once it is readable the element
/// that it tells of is left to its owner, who pops it, arms again or destroys it: only then others are told.
class readiness_fd {
 public:
  /// Not armed. Throws std::system_error if there is no descriptor to be had, and std::bad_alloc. The queue must live
  /// longer.
  template <watchable_queue Q>
  explicit readiness_fd(Q& queue) : queue_(queue, queue_side::elements), signal_(new signal) {}
  readiness_fd(const readiness_fd&) = delete;
  readiness_fd& operator=(const readiness_fd&) = delete;

  ~readiness_fd() {
    disarm();
    signal_->let_go();
  }

  /// To be watched for reading; not for reading from.
  int native_handle() const noexcept { return signal_->descriptor; }

  /// From now on: not readable until there is something to pop, or the queue is closed and empty; at once if that is so.
  /// It then stays readable until `arm` or `disarm` is called again. Does nothing where it is armed and has not fired.
  void arm() {
    if (signal_->settled() == armed) return;
    signal_->clear();
    signal_->state.store(armed, memory_order_relaxed);
    signal_->hold();
    told_ = true;
    queue_.enlist(*signal_);
    if (queue_.look() == conqueue_status::empty) return;
    // It came before. If somebody else is about to say so, so much the better.
    if (queue_.withdraw(*signal_)) signal_->wake();
  }

  /// Not readable until it is armed again. (But for a push that is about to tell it: that may even be one of this thread's
  /// own, which goes on below, so nobody waits for it.)
  void disarm() noexcept {
    if (signal_->settled() == armed && queue_.withdraw(*signal_)) {
      signal_->state.store(idle, memory_order_relaxed);
      signal_->let_go();
    } else if (told_) {
      queue_.wake_another();  // what we were told of may be there still
    }
    told_ = false;
    signal_->clear();
  }

 private:
  // armed: listed, or picked and not yet told. firing: told, and the descriptor is being written to.
  enum phase : std::uint32_t { idle, armed, firing };

  // Lives as long as somebody may be about to write to the descriptor.
  struct signal final : waiter {
    signal() : descriptor(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
      if (descriptor < 0) throw std::system_error(errno, std::generic_category(), "readiness_fd: eventfd");
    }
    ~signal() { ::close(descriptor); }

    void wake() noexcept override {
      state.store(firing, memory_order_relaxed);
      const std::uint64_t one = 1;
      [[maybe_unused]] const auto written = ::write(descriptor, &one, sizeof(one));  // fails only where it is readable
      state.store(idle, memory_order_release);  // (2) with (1): it may be enlisted again
      let_go();
    }

    /// Waits for a write that has begun: it would else come after `clear`, and tell of what has been seen already.
    phase settled() const noexcept {
      for (backoff spin;; spin.wait()) {
        const std::uint32_t seen = state.load(memory_order_acquire);  // (1) with (2)
        if (seen != firing) return static_cast<phase>(seen);
      }
    }

    void clear() noexcept {
      std::uint64_t count;
      [[maybe_unused]] const auto read = ::read(descriptor, &count, sizeof(count));  // fails only where it is clear
    }

    void hold() noexcept { holds.fetch_add(1, memory_order_relaxed); }
    void let_go() noexcept {
      // (3) release: so that whoever finds itself the last, by its acquire, finds nobody using it any more.
      if (holds.fetch_sub(1, memory_order_acq_rel) == 1) delete this;
    }

    const int descriptor;
    atomic<std::uint32_t> state{idle};
    atomic<std::uint32_t> holds{1};
  };

  detail::watched_queue queue_;
  signal* signal_;
  bool told_ = false;  // armed since it was last disarmed
};

}  // namespace switchyard
