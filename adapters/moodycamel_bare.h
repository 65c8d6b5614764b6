// moodycamel's three queues as they are, with tokens and bulk, without what our other adapters add.
//
// Source: Cameron Desrochers, "A Fast General Purpose Lock-Free Queue for C++" (2014), with Jeff Preshing's
//   light-weight semaphore (2015), and "A Fast Lock-Free Queue for C++" (2013).
// When: to compare. `moodycamel_concurrent_queue` and its two siblings have a bound, close and wait, for which an
//   operation pays some nanoseconds: here is what the library does by itself.
// Progress: not lock-free, as those are not; ReaderWriterQueue wait-free.
// Ordering: first in, first out per producer: a thread, or a token. ReaderWriterQueue: first in, first out.
// Cost: moodycamel's own. The queue for many grows without bound.
//
//   moodycamel_bare_concurrent_queue<int> queue;
//   auto mine = queue.make_producer();  mine.try_push(1);                  // each thread its own
//   auto theirs = queue.make_consumer();  auto first = theirs.try_pop();
#pragma once

#include <cstddef>
#include <new>
#include <optional>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include "blockingconcurrentqueue.h"
#include "concurrentqueue.h"
#include "moodycamel/readerwriterqueue.h"
#include "switchyard/interface/conqueue_status.h"
#include "switchyard/interface/queue.h"

namespace switchyard::adapters {

/// Many producers and consumers, unbounded. Models `try_queue`, and so do the handles.
template <class T>
requires std::is_default_constructible_v<T> && std::is_move_assignable_v<T>
class moodycamel_bare_concurrent_queue {
  using bare = moodycamel::ConcurrentQueue<T>;

 public:
  using value_type = T;

  /// One thread's way in. The queue must outlive it.
  class producer_handle {
   public:
    using value_type = T;

    /// Throws std::bad_alloc.
    explicit producer_handle(bare& queue) : queue_(&queue), token_(queue) {
      if (!token_.valid()) throw std::bad_alloc();
    }

    [[nodiscard]] conqueue_status try_push(T&& value) {
      if (!queue_->enqueue(token_, std::move(value))) throw std::bad_alloc();
      return conqueue_status::success;
    }
    template <class In>
    std::size_t try_push_n(In first, std::size_t n) {
      // Never so; but g++ 12 would warn of moodycamel's use of a null pointer.
      if (!token_.valid()) throw std::bad_alloc();
      if (!queue_->enqueue_bulk(token_, first, n)) throw std::bad_alloc();
      return n;
    }

   private:
    bare* queue_;
    moodycamel::ProducerToken token_;
  };

  /// One thread's way out. The queue must outlive it.
  class consumer_handle {
   public:
    using value_type = T;
    explicit consumer_handle(bare& queue) : queue_(&queue), token_(queue) {}

    [[nodiscard]] pop_result<T> try_pop() {
      T taken{};
      if (!queue_->try_dequeue(token_, taken)) return unexpected(conqueue_status::empty);
      return pop_result<T>(std::move(taken));
    }
    template <class Out>
    std::size_t try_pop_n(Out out, std::size_t max) {
      return queue_->try_dequeue_bulk(token_, out, max);
    }

   private:
    bare* queue_;
    moodycamel::ConsumerToken token_;
  };

  producer_handle make_producer() { return producer_handle(queue_); }
  consumer_handle make_consumer() { return consumer_handle(queue_); }

  // Without handles.

  /// Always `success`; throws std::bad_alloc.
  [[nodiscard]] conqueue_status try_push(T&& value) {
    if (!queue_.enqueue(std::move(value))) throw std::bad_alloc();
    return conqueue_status::success;
  }

  /// An element, the first of its producer's, or `empty`; also while others are at it, in a queue that is not.
  [[nodiscard]] pop_result<T> try_pop() {
    T taken{};
    if (!queue_.try_dequeue(taken)) return unexpected(conqueue_status::empty);
    return pop_result<T>(std::move(taken));
  }

  template <class In>
  std::size_t try_push_n(In first, std::size_t n) {
    if (!queue_.enqueue_bulk(first, n)) throw std::bad_alloc();
    return n;
  }
  template <class Out>
  std::size_t try_pop_n(Out out, std::size_t max) {
    return queue_.try_dequeue_bulk(out, max);
  }

 private:
  bare queue_;
};

/// Many producers and consumers, unbounded; `pop` waits. It cannot be closed.
template <class T>
requires std::is_default_constructible_v<T> && std::is_move_assignable_v<T>
class moodycamel_bare_blocking_queue {
 public:
  using value_type = T;

  /// Always true; throws std::bad_alloc.
  bool push(T&& value) {
    if (!queue_.enqueue(std::move(value))) throw std::bad_alloc();
    return true;
  }

  /// Waits while the queue is empty. Never nullopt.
  std::optional<T> pop() {
    T taken{};
    queue_.wait_dequeue(taken);
    return taken;
  }

  [[nodiscard]] conqueue_status try_push(T&& value) {
    push(std::move(value));
    return conqueue_status::success;
  }
  [[nodiscard]] pop_result<T> try_pop() {
    T taken{};
    if (!queue_.try_dequeue(taken)) return unexpected(conqueue_status::empty);
    return pop_result<T>(std::move(taken));
  }

 private:
  moodycamel::BlockingConcurrentQueue<T> queue_;
};

/// One producer, one consumer; room for `capacity` and some more. Models `try_queue`.
template <class T>
requires std::is_default_constructible_v<T> && std::is_move_assignable_v<T>
class moodycamel_bare_reader_writer_queue {
 public:
  using value_type = T;

  /// Throws std::invalid_argument for 0.
  explicit moodycamel_bare_reader_writer_queue(std::size_t capacity) : queue_(at_least_one(capacity)) {}

  /// `success`, or `full` with `value` as it was.
  [[nodiscard]] conqueue_status try_push(T&& value) {
    return queue_.try_enqueue(std::move(value)) ? conqueue_status::success : conqueue_status::full;
  }

  /// The first element, or `empty`.
  [[nodiscard]] pop_result<T> try_pop() {
    T taken{};
    if (!queue_.try_dequeue(taken)) return unexpected(conqueue_status::empty);
    return pop_result<T>(std::move(taken));
  }

 private:
  static std::size_t at_least_one(std::size_t capacity) {
    if (capacity == 0) throw std::invalid_argument("a bounded queue needs a capacity of at least 1");
    return capacity;
  }

  moodycamel::ReaderWriterQueue<T> queue_;
};

}  // namespace switchyard::adapters
