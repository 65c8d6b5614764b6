// moodycamel::BlockingConcurrentQueue behind this package's interface, with a soft bound.
//
// Source: Cameron Desrochers, "A Fast General Purpose Lock-Free Queue for C++" (2014), with Jeff Preshing's
//   light-weight semaphore (2015); github.com/cameron314/concurrentqueue.
// When: to compare its way of waiting with ours, or where that library is in use already. Otherwise use
//   `moodycamel_concurrent_queue`, which waits for less, or `lockfree::bounded_queue`.
// Progress: not lock-free. Who has got hold of the semaphore tries until it finds its element, and a thread's
//   first push may wait for another's. Members that wait block, sleeping in the kernel.
// Ordering: first in, first out per producer thread only: elements of different producers come in any order.
// Cost: moodycamel's own for threads without tokens, which is one more atomic operation for each push and
//   pop than ConcurrentQueue's; plus two plain stores a push for `close`. A thread that has pushed leaves
//   about a kilobyte behind until the queue's end. Memory comes from malloc.
// Waiting: consumers wait on moodycamel's semaphore, which spins ten thousand times and then sleeps. It has
//   no way to wake one without an element, so they sleep for at most 10 milliseconds at a time: that is how
//   long a consumer may take to notice `close`, and what an idle one costs is 100 wake-ups a second.
//   Producers wait on ours.
// Bound: soft. A push is refused only at `capacity` elements or more. Each thread that pushes may take it
//   about 64 further (measured; by the reasoning in detail/moodycamel_mpmc.h never more than 96).
//
//   switchyard::adapters::moodycamel_blocking_concurrent_queue<int> queue(1024);
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include "blockingconcurrentqueue.h"
#include "switchyard/adapters/detail/moodycamel_cell.h"
#include "switchyard/adapters/detail/moodycamel_mpmc.h"
#include "switchyard/interface/conqueue_status.h"
#include "switchyard/interface/deadline.h"
#include "switchyard/interface/queue.h"

namespace switchyard::adapters {

/// Added to what moodycamel has: a bound, waiting for room, `close`, time limits on the steady clock,
/// `emplace`, and a T that needs only a move constructor. Lost: its tokens.
template <class T>
class moodycamel_blocking_concurrent_queue
    : public detail::moodycamel_mpmc<moodycamel_blocking_concurrent_queue<T>, T,
                                     moodycamel::BlockingConcurrentQueue<detail::cell<T>>> {
  using base = typename moodycamel_blocking_concurrent_queue::moodycamel_mpmc;

 public:
  /// Room for at least `capacity` elements. Throws std::invalid_argument for 0, std::bad_alloc for what
  /// memory cannot hold.
  explicit moodycamel_blocking_concurrent_queue(std::size_t capacity) : base(capacity) {}

  /// An element, waiting for one until `limit`; or `empty`, or `closed` if the queue is closed and empty.
  [[nodiscard]] pop_result<T> try_pop_until(deadline limit) {
    std::optional<T> element;
    const conqueue_status status = wait_for(limit, [&](T&& next) { element.emplace(std::move(next)); });
    if (status != conqueue_status::success) return unexpected(status);
    return pop_result<T>(std::move(*element));
  }

  /// Waits while the queue is empty. nullopt: it is closed, and every element has been popped.
  std::optional<T> pop() {
    std::optional<T> element;
    wait_for(deadline::never(), [&](T&& next) { element.emplace(std::move(next)); });
    return element;
  }

  /// Waits for an element, then pops what there is, up to `max`, into `out`. 0 only if closed and empty, or
  /// if `max` is 0.
  template <class Out>
  std::size_t pop_n(Out out, std::size_t max) {
    if (max == 0) return 0;
    const auto write = [&](T&& next) {
      *out = std::move(next);
      ++out;
    };
    if (wait_for(deadline::never(), write) == conqueue_status::closed) return 0;
    return 1 + this->try_pop_n(out, max - 1);
  }

 private:
  friend class lockfree::waiting_queue<moodycamel_blocking_concurrent_queue, T>;

  static constexpr std::chrono::microseconds slice = std::chrono::milliseconds(10);

  // Where the bulk operation is to put one element, for which it may wait a while. Going by that operation
  // lets the base know of the pop, so that it wakes who waits for room.
  template <class Sink>
  struct sleeper {
    Sink* sink;
    deadline limit;
  };

  using base::pop_batch_once;
  template <class Sink>
  void pop_batch_once(sleeper<Sink>& asleep, std::size_t, std::size_t& done) {
    detail::pour_into<T, Sink> target{*asleep.sink};
    std::chrono::microseconds wait = slice;
    if (!asleep.limit.is_never()) {
      const auto now = deadline::clock::now();
      if (asleep.limit.when() <= now) {
        done += this->queue().try_dequeue(target);
        return;
      }
      wait = std::min(wait, std::chrono::ceil<std::chrono::microseconds>(asleep.limit.when() - now));
    }
    done += this->queue().wait_dequeue_timed(target, std::int64_t{wait.count()});
  }

  // Calls `sink` with an element, if there is one before `limit`; else says why there is none.
  template <class Sink>
  conqueue_status wait_for(deadline limit, Sink sink) {
    for (;;) {
      if (this->is_closed()) {
        // Only a pop can tell whether there is still something to come.
        pop_result<T> next = this->try_pop();
        if (next) {
          sink(std::move(*next));
          return conqueue_status::success;
        }
        if (next.error() == conqueue_status::closed) return conqueue_status::closed;
      }
      const bool last = limit.has_passed();
      if (this->try_pop_n(sleeper<Sink>{&sink, limit}, 1) != 0) return conqueue_status::success;
      if (last) return conqueue_status::empty;
    }
  }
};

}  // namespace switchyard::adapters
