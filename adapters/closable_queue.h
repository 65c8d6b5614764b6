// Another library's queue, or your own, with an end and with waiting added.
//
// Source: our own, on `lockfree::waiting_queue` and `lockfree::close_gate`.
// When: a queue has only pushes and pops that do not wait (`try_queue`), and a program needs `close` and members that wait:
//   the registry of names puts such a queue into one of these by itself. A queue that is written for this package derives
//   from `lockfree::waiting_queue`, and gets the same at less cost.
// Progress: what does not wait is what the queue inside is. Members that wait spin for some microseconds, then sleep in
//   the kernel. A thread that stops inside a push delays "closed" being reported.
// Ordering: that of the queue inside.
// Exceptions: as the queue inside; an element for `emplace` is built before there is room, and lost if there is none.
// Cost: a push stores two more words, and each operation one, in lines of the thread's own.
//
//   closable_queue<tbb_queue<int>> queue;  queue.push(1);  queue.close();  while (auto x = queue.pop()) use(*x);
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <utility>

#include "switchyard/interface/conqueue_status.h"
#include "switchyard/interface/queue.h"
#include "switchyard/lockfree/close_gate.h"
#include "switchyard/lockfree/sharded_counter.h"
#include "switchyard/lockfree/waiting.h"

namespace switchyard::adapters {

/// Models `timed_queue`, `bulk_queue`, `sized_queue` and `capacity_limited`. `Queue` may say `empty` for a moment although
/// there is an element only if another operation that is under way then succeeds.
template <try_queue Queue>
class closable_queue : public lockfree::waiting_queue<closable_queue<Queue>, typename Queue::value_type> {
  using T = typename Queue::value_type;

 public:
  /// Around a queue that is made from `args`.
  template <class... Args>
  requires std::is_constructible_v<Queue, Args...>
  explicit closable_queue(Args&&... args) : queue_(std::forward<Args>(args)...) {}
  closable_queue(const closable_queue&) = delete;
  closable_queue& operator=(const closable_queue&) = delete;

  bool is_closed() const noexcept { return gate_.is_closed(); }

  /// Exact where operations have not overlapped.
  std::size_t size_approx() const noexcept {
    return static_cast<std::size_t>(std::max<std::int64_t>(size_.load(), 0));
  }

  /// That of the queue inside; the largest std::size_t if it has none.
  std::size_t capacity() const noexcept {
    if constexpr (capacity_limited<Queue>) {
      return queue_.capacity();
    } else {
      return std::numeric_limits<std::size_t>::max();
    }
  }

 private:
  friend class lockfree::waiting_queue<closable_queue, T>;

  template <class... Args>
  conqueue_status emplace_once(Args&&... args) {
    const auto inside = gate_.enter();
    if (!inside) return conqueue_status::closed;
    const conqueue_status status = put(std::forward<Args>(args)...);
    if (status == conqueue_status::success) size_.increment();
    return status;
  }

  conqueue_status put(T&& value) { return queue_.try_push(std::move(value)); }
  template <class... Args>
  conqueue_status put(Args&&... args) {
    return put(T(std::forward<Args>(args)...));
  }

  template <class Sink>
  conqueue_status pop_once(Sink&& sink) {
    if (take(sink)) return conqueue_status::success;
    // Closed only if no push is under way that may still succeed, and none has succeeded since we looked.
    if (!gate_.is_drained()) return conqueue_status::empty;
    return take(sink) ? conqueue_status::success : conqueue_status::closed;
  }

  template <class Sink>
  bool take(Sink& sink) {
    pop_result<T> taken = queue_.try_pop();
    if (!taken) return false;
    size_.add(-1);
    sink(std::move(*taken));
    return true;
  }

  void close_once() noexcept { gate_.close(); }

  Queue queue_;
  lockfree::close_gate gate_;
  lockfree::sharded_counter size_;
};

}  // namespace switchyard::adapters
