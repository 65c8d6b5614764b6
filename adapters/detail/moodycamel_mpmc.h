// What the adapters of moodycamel's ConcurrentQueue and BlockingConcurrentQueue have in common.
#pragma once

#include <algorithm>
#include <cstddef>
#include <new>
#include <utility>

#include "switchyard/adapters/detail/moodycamel_cell.h"
#include "switchyard/atomics/backoff.h"
#include "switchyard/interface/conqueue_status.h"
#include "switchyard/interface/queue.h"
#include "switchyard/lockfree/close_gate.h"
#include "switchyard/lockfree/waiting.h"

namespace switchyard::adapters::detail {

/// `Queue` is one of moodycamel's two, of `cell<T>`; `Derived` the adapter.
///
/// The bound. moodycamel has none, but its `try_enqueue` fails rather than allocate, so the blocks of 32 that
/// the constructor reserved are one. Alone it would not do. A block belongs to one producer until it has been
/// filled and emptied, so that another might find none in an empty queue, for ever; and a thread's index of
/// blocks begins with 32, so that it would find no room for its 1025th element in a queue of a million. So
/// when `try_enqueue` fails, the number of elements decides: below the capacity, one more block is allocated,
/// and stays with the queue. Hence
///
/// - a push is refused only if there were at least `capacity` elements;
/// - there are never more elements than fit in the blocks, and those are at most capacity / 32 + 1, and 3 for
///   each producer (one that it has not filled, one that is not empty yet, one that it was granted while
///   others were), and 1 for each consumer (which it is emptying), or as many as it empties in bulk.
template <class Derived, class T, class Queue>
class moodycamel_mpmc : public lockfree::waiting_queue<Derived, T> {
 public:
  bool is_closed() const noexcept { return gate_.is_closed(); }

  /// What the constructor was told; there may be room for more.
  std::size_t capacity() const noexcept { return capacity_; }

  /// Walks the queue's producers.
  std::size_t size_approx() const noexcept { return queue_.size_approx(); }

 protected:
  explicit moodycamel_mpmc(std::size_t capacity)
      : capacity_(checked_capacity<T>(capacity)), queue_(capacity) {}
  ~moodycamel_mpmc() = default;

  Queue& queue() noexcept { return queue_; }

  // Moves up to `max` elements to `out`, which is left after the last.
  template <class Out>
  requires bulk_output<T, Out>
  void pop_batch_once(Out& out, std::size_t max, std::size_t& done) {
    if (done == max) return;
    retry_while_not_empty([&] {
      const std::size_t popped = queue_.try_dequeue_bulk(drain_to<T, Out>(out), max - done);
      done += popped;
      return popped != 0;
    });
  }

 private:
  friend class lockfree::waiting_queue<Derived, T>;

  static constexpr std::size_t block_size = Queue::BLOCK_SIZE;

  template <class... Args>
  conqueue_status emplace_once(Args&&... args) {
    const auto inside = gate_.enter();
    if (!inside) return conqueue_status::closed;
    return put(std::forward<Args>(args)...) ? conqueue_status::success : conqueue_status::full;
  }

  template <class Sink>
  conqueue_status pop_once(Sink&& sink) {
    if (take(sink)) return conqueue_status::success;
    // Closed only if no push is under way that may still succeed, and none has succeeded since we looked.
    if (!gate_.is_drained()) return conqueue_status::empty;
    return take(sink) ? conqueue_status::success : conqueue_status::closed;
  }

  void close_once() noexcept { gate_.close(); }

  template <class In>
  void push_batch_once(In& first, std::size_t n, std::size_t& done) {
    const auto inside = gate_.enter();
    if (!inside) return;
    // moodycamel takes all or nothing, so it is offered a block's worth at a time.
    if constexpr (bulk_input<T, In>) {
      while (done < n) {
        const std::size_t some = std::min(n - done, block_size);
        if (!queue_.try_enqueue_bulk(cells_from<In>(first), some)) break;
        done += some;
      }
    }
    // What is left goes one at a time: there may still be room for less than a block.
    for (; done < n && put(*first); ++first) ++done;
  }

  template <class... Args>
  bool put(Args&&... args) {
    return order_cell<T>(
        [this]<class Order>(Order&& order) {
          if (queue_.try_enqueue(std::forward<Order>(order))) return true;
          if (queue_.size_approx() >= capacity_) return false;
          if (!queue_.enqueue(std::forward<Order>(order))) throw std::bad_alloc();
          return true;
        },
        std::forward<Args>(args)...);
  }

  template <class Sink>
  bool take(Sink& sink) {
    pour_into<T, Sink> target{sink};
    return retry_while_not_empty([&] { return queue_.try_dequeue(target); });
  }

  // A consumer that is about to learn that it came too late hides an element from the others for a moment
  // (between the two steps on moodycamel's optimistic count). Believing that the queue is empty then could
  // put this thread to sleep with an element in it, and nobody to wake it. The indices tell the truth.
  template <class Attempt>
  bool retry_while_not_empty(Attempt attempt) {
    for (backoff spin; !attempt(); spin.wait()) {
      if (queue_.size_approx() == 0) return false;
    }
    return true;
  }

  const std::size_t capacity_;
  lockfree::close_gate gate_;
  Queue queue_;
};

}  // namespace switchyard::adapters::detail
