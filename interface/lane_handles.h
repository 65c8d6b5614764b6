// How one producer, or one consumer, uses a queue that has a lane for each producer.
//
// Source: our own; the idea is moodycamel's tokens.
// When: `queue.make_producer()` and `queue.make_consumer()` of the relaxed queues of both sides make them. They cost less
//   than the queue's own members, which must look up first what belongs to the calling thread.
// Progress, ordering, cost: those of the queue. What one producer handle pushes is first in, first out; what is pushed by
//   two handles, or by a handle and by the queue's own members, is not in any order.
//
//   auto out = queue.make_producer();   out.push(job());                              // each thread its own
//   auto in = queue.make_consumer();    while (auto j = in.pop()) run(*j);
#pragma once

#include <cassert>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <optional>
#include <utility>

#include "switchyard/interface/conqueue_status.h"
#include "switchyard/interface/deadline.h"
#include "switchyard/interface/queue.h"

namespace switchyard {

/// A lane of a queue, to push to. Not for two threads at a time. It ends before the queue does; then the next producer
/// gets the lane.
template <class Queue>
class producer_handle {
  using lane = typename Queue::handle_access::lane;
  using access = typename Queue::handle_access;

 public:
  using value_type = typename Queue::value_type;

  /// Of no queue: only to be assigned to, asked whether it is empty, and destroyed. So is what has been moved from.
  producer_handle() noexcept = default;
  producer_handle(producer_handle&& other) noexcept
      : queue_(std::exchange(other.queue_, nullptr)), lane_(std::exchange(other.lane_, nullptr)) {}
  producer_handle& operator=(producer_handle&& other) noexcept {
    producer_handle(std::move(other)).swap(*this);
    return *this;
  }
  ~producer_handle() {
    if (queue_ != nullptr) access::end(*queue_, *lane_);
  }
  void swap(producer_handle& other) noexcept {
    std::swap(queue_, other.queue_);
    std::swap(lane_, other.lane_);
  }
  bool empty() const noexcept { return queue_ == nullptr; }

  // Each is what the queue's member of that name is. There always is room, so that none waits.

  template <class... Args>
  [[nodiscard]] conqueue_status try_emplace(Args&&... args) {
    assert(!empty() && "the handle is of no queue");
    return access::push(*queue_, *lane_, std::forward<Args>(args)...);
  }
  template <class... Args>
  [[nodiscard]] conqueue_status try_emplace_until(deadline, Args&&... args) {
    return try_emplace(std::forward<Args>(args)...);
  }
  template <class... Args>
  bool emplace(Args&&... args) {
    return try_emplace(std::forward<Args>(args)...) == conqueue_status::success;
  }
  bool push(const value_type& value)
    requires std::copy_constructible<value_type>
  {
    return emplace(value);
  }
  bool push(value_type&& value) { return emplace(std::move(value)); }
  [[nodiscard]] conqueue_status try_push(const value_type& value)
    requires std::copy_constructible<value_type>
  {
    return try_emplace(value);
  }
  [[nodiscard]] conqueue_status try_push(value_type&& value) { return try_emplace(std::move(value)); }

  template <class In>
  std::size_t try_push_n(In first, std::size_t n) {
    assert(!empty() && "the handle is of no queue");
    return access::push_n(*queue_, *lane_, std::move(first), n);
  }
  template <class In>
  std::size_t push_n(In first, std::size_t n) {
    return try_push_n(std::move(first), n);
  }

 private:
  friend Queue;
  producer_handle(Queue& queue, lane& of) noexcept : queue_(&queue), lane_(&of) {}

  Queue* queue_ = nullptr;
  lane* lane_ = nullptr;
};

/// A place among the lanes of a queue, to pop from. Not for two threads at a time. It ends before the queue does.
template <class Queue>
class consumer_handle {
  using place = typename Queue::handle_access::place;
  using access = typename Queue::handle_access;

 public:
  using value_type = typename Queue::value_type;

  /// Of no queue: only to be assigned to, asked whether it is empty, and destroyed. So is what has been moved from.
  consumer_handle() noexcept = default;
  consumer_handle(consumer_handle&& other) noexcept
      : queue_(std::exchange(other.queue_, nullptr)), at_(std::exchange(other.at_, place())) {}
  consumer_handle& operator=(consumer_handle&& other) noexcept {
    consumer_handle(std::move(other)).swap(*this);
    return *this;
  }
  ~consumer_handle() {
    if (queue_ != nullptr) access::end(*queue_, at_);
  }
  void swap(consumer_handle& other) noexcept {
    std::swap(queue_, other.queue_);
    std::swap(at_, other.at_);
  }
  bool empty() const noexcept { return queue_ == nullptr; }

  // Each is what the queue's member of that name is.

  [[nodiscard]] pop_result<value_type> try_pop() {
    std::optional<value_type> element;
    const conqueue_status status = take(element);
    if (status != conqueue_status::success) return unexpected(status);
    return pop_result<value_type>(std::move(*element));
  }
  [[nodiscard]] pop_result<value_type> try_pop_until(deadline limit) {
    std::optional<value_type> element;
    const conqueue_status status = take(element);
    // Who has to wait does so as the queue's own member does: there is time enough.
    if (status == conqueue_status::empty) return queue_->try_pop_until(limit);
    if (status != conqueue_status::success) return unexpected(status);
    return pop_result<value_type>(std::move(*element));
  }
  template <class Rep, class Period>
  [[nodiscard]] pop_result<value_type> try_pop_for(const std::chrono::duration<Rep, Period>& wait) {
    return try_pop_until(deadline::after(wait));
  }
  std::optional<value_type> pop() {
    std::optional<value_type> element;
    if (take(element) == conqueue_status::empty) [[unlikely]] return queue_->pop();
    return element;
  }

  template <class Out>
  std::size_t try_pop_n(Out out, std::size_t max) {
    assert(!empty() && "the handle is of no queue");
    return access::pop_n(*queue_, at_, std::move(out), max);
  }
  template <class Out>
  std::size_t pop_n(Out out, std::size_t max) {
    const std::size_t n = try_pop_n(out, max);
    return n != 0 ? n : queue_->pop_n(std::move(out), max);
  }

 private:
  friend Queue;
  consumer_handle(Queue& queue, place at) noexcept : queue_(&queue), at_(at) {}

  conqueue_status take(std::optional<value_type>& element) {
    assert(!empty() && "the handle is of no queue");
    return access::pop(*queue_, at_, element);
  }

  Queue* queue_ = nullptr;
  place at_{};
};

}  // namespace switchyard
