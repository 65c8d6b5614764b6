// Waiting, time limits and bulk for any queue that has operations that do not wait.
//
// Source: our own, on `event_count`.
// When: a queue derives from `waiting_queue<itself, T>` and defines, publicly or with this base as a friend:
//
//   template <class... Args>
//   conqueue_status emplace_once(Args&&...);   success, or full, closed with the arguments as they were
//   pop_result<T> pop_once();                  the element, or empty, closed
//   void close_once() noexcept;
//   bool is_closed() const noexcept;
//   std::size_t size_approx() const noexcept;
//
//   and, where it can do better than one at a time, with the iterator left after what was moved:
//   template <class In>  std::size_t push_batch_once(In& first, std::size_t n);
//   template <class Out> std::size_t pop_batch_once(Out& out, std::size_t n);
//
// Progress: try_ members are what the queue's own are; the notification adds wait-free steps, and a system
//   call only if somebody sleeps. Members that wait spin for some microseconds, then sleep in the kernel.
// Ordering: that of the queue.
// Cost: on a queue nobody waits on, three loads of lines that nobody writes.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>

#include "switchyard/atomics/asymmetric_fence.h"
#include "switchyard/atomics/backoff.h"
#include "switchyard/interface/conqueue_status.h"
#include "switchyard/interface/deadline.h"
#include "switchyard/interface/queue.h"
#include "switchyard/interface/queue_members.h"
#include "switchyard/lockfree/event_count.h"

namespace switchyard::lockfree {

template <class Derived, class T>
class waiting_queue : public queue_members<Derived, T> {
 public:
  /// Builds an element from `args` in the queue: `success`, or `full` or `closed` with `args` as they were.
  template <class... Args>
  [[nodiscard]] conqueue_status try_emplace(Args&&... args) {
    push_end end(*this);
    const conqueue_status status = self().emplace_once(std::forward<Args>(args)...);
    end.finish(status == conqueue_status::success ? 1 : 0);
    return status;
  }

  /// The same, waiting for room until `limit`.
  template <class... Args>
  [[nodiscard]] conqueue_status try_emplace_until(deadline limit, Args&&... args) {
    conqueue_status status = conqueue_status::full;
    wait_until(not_full_, limit, [&] {
      status = try_emplace(std::forward<Args>(args)...);
      return status != conqueue_status::full;
    });
    return status;
  }

  /// The first element, or `empty`, or `closed` if the queue is closed and empty.
  [[nodiscard]] pop_result<T> try_pop() {
    pop_end end(*this);
    pop_result<T> result = self().pop_once();
    end.finish(result ? 1 : 0);
    return result;
  }

  /// The same, waiting for an element until `limit`.
  [[nodiscard]] pop_result<T> try_pop_until(deadline limit) {
    pop_result<T> result = try_pop();
    const auto done = [&] { return result || result.error() != conqueue_status::empty; };
    if (done()) return result;
    wait_until(not_empty_, limit, [&] {
      result = try_pop();
      return done();
    });
    return result;
  }

  /// Pushes `first[0]`, `first[1]`, ... as long as there is room, up to `n`; returns how many. If building an
  /// element throws, that ends it too; the exception passes on if the element was the first of the call.
  template <class In>
  std::size_t try_push_n(In first, std::size_t n) {
    return push_some(first, n);
  }

  /// Pops up to `max` elements into `out`; returns how many. If moving an element out throws, what pop says
  /// of that element holds, and those before it are in `out`. The exception passes on if the element was lost
  /// or was the first of the call.
  template <class Out>
  std::size_t try_pop_n(Out out, std::size_t max) {
    return pop_some(out, max);
  }

  /// Pushes `n` elements, waiting for room; fewer only if the queue is closed or building one throws.
  template <class In>
  std::size_t push_n(In first, std::size_t n) {
    std::size_t done = 0;
    try {
      while ((done += push_some(first, n - done)) < n) {
        if (!this->emplace(*first)) break;
        ++first;
        ++done;
      }
    } catch (...) {
      if (done == 0) throw;  // else the next call meets the same element
    }
    return done;
  }

  /// Waits for an element, then pops what there is, up to `max`, into `out`. 0 only if closed and empty, or
  /// if `max` is 0.
  template <class Out>
  std::size_t pop_n(Out out, std::size_t max) {
    std::size_t done = 0;
    if (max == 0) return 0;
    wait_until(not_empty_, deadline::never(), [&] {
      done = pop_some(out, max);
      if (done != 0) return true;
      if (!self().is_closed()) return false;
      // Only a pop can tell whether that is for good.
      pop_result<T> last = try_pop();
      if (!last) return last.error() == conqueue_status::closed;
      *out = std::move(*last);
      done = 1;
      return true;
    });
    return done;
  }

  /// No push that begins after this succeeds. What is in the queue can still be popped; then pops report
  /// closed. Wakes everybody who waits. Closing twice is closing once.
  void close() noexcept {
    self().close_once();
    not_full_.notify_all();
    not_empty_.notify_all();
  }

 protected:
  ~waiting_queue() = default;

 private:
  Derived& self() noexcept { return static_cast<Derived&>(*this); }

  static std::uint32_t saturated(std::size_t n) noexcept {
    return static_cast<std::uint32_t>(std::min<std::size_t>(n, std::numeric_limits<std::uint32_t>::max()));
  }

  // What every push and pop owes the others on its way out, also when an element's constructor throws.
  // On a closed queue it may have been the last that sleeping consumers were kept waiting for.
  void wake_if_closed() noexcept {
    asymmetric_fence_light();  // what this operation did, then the look: with close_flag's fence
    if (self().is_closed()) [[unlikely]] {
      not_empty_.notify_all();
    }
  }

  class push_end {
   public:
    explicit push_end(waiting_queue& queue) noexcept : queue_(queue) {}
    push_end(const push_end&) = delete;
    push_end& operator=(const push_end&) = delete;
    void finish(std::size_t pushed) noexcept {
      threw_ = false;
      if (pushed != 0) queue_.not_empty_.notify(saturated(pushed));
    }
    ~push_end() {
      if (threw_) queue_.not_full_.notify_one();  // the room it held is free again
      queue_.wake_if_closed();
    }

   private:
    waiting_queue& queue_;
    bool threw_ = true;
  };

  class pop_end {
   public:
    explicit pop_end(waiting_queue& queue) noexcept : queue_(queue) {}
    pop_end(const pop_end&) = delete;
    pop_end& operator=(const pop_end&) = delete;
    void finish(std::size_t popped) noexcept {
      threw_ = false;
      if (popped != 0) queue_.not_full_.notify(saturated(popped));
    }
    ~pop_end() {
      if (threw_) queue_.not_full_.notify_all();  // an unknown number of elements are gone
      queue_.wake_if_closed();
    }

   private:
    waiting_queue& queue_;
    bool threw_ = true;
  };

  template <class In>
  std::size_t push_some(In& first, std::size_t n) {
    push_end end(*this);
    std::size_t done = 0;
    if constexpr (requires { self().push_batch_once(first, n); }) {
      done = self().push_batch_once(first, n);
    } else {
      try {
        for (; done < n && self().emplace_once(*first) == conqueue_status::success; ++first) ++done;
      } catch (...) {
        if (done == 0) throw;
      }
    }
    end.finish(done);
    return done;
  }

  template <class Out>
  std::size_t pop_some(Out& out, std::size_t max) {
    pop_end end(*this);
    std::size_t done = 0;
    if constexpr (requires { self().pop_batch_once(out, max); }) {
      done = self().pop_batch_once(out, max);
    } else {
      for (; done < max; ++done, ++out) {
        pop_result<T> next = self().pop_once();
        if (!next) break;
        *out = std::move(*next);
      }
    }
    end.finish(done);
    return done;
  }

  // Tries, spins in case the other side is at work this moment, then sleeps.
  template <class Attempt>
  static void wait_until(event_count& event, deadline limit, Attempt attempt) {
    if (attempt()) return;
    for (backoff spin; !spin.should_park(); spin.wait()) {
      if (limit.has_passed()) return;
      if (attempt()) return;
    }
    event.await_until(limit, attempt);
  }

  event_count not_empty_;
  event_count not_full_;
};

}  // namespace switchyard::lockfree
