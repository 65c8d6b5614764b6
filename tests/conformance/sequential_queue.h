// The specification of a queue that nobody else uses: what each member returns, on a std::deque.
#pragma once

#include <cstddef>
#include <deque>
#include <utility>

#include "switchyard/interface/queue_members.h"

namespace switchyard::conformance {

/// A queue for one thread. A member that would have to wait for another thread returns as if the time were
/// over, so the caller asks `room()` and `size_approx()` before it waits.
template <class T>
class sequential_queue : public queue_members<sequential_queue<T>, T> {
 public:
  explicit sequential_queue(std::size_t capacity) : capacity_(capacity) {}

  template <class... Args>
  conqueue_status try_emplace(Args&&... args) {
    if (closed_) return conqueue_status::closed;
    if (room() == 0) return conqueue_status::full;
    items_.emplace_back(std::forward<Args>(args)...);
    return conqueue_status::success;
  }
  template <class... Args>
  conqueue_status try_emplace_until(deadline, Args&&... args) {
    return try_emplace(std::forward<Args>(args)...);
  }

  pop_result<T> try_pop() {
    if (items_.empty()) return unexpected(closed_ ? conqueue_status::closed : conqueue_status::empty);
    pop_result<T> result(std::move(items_.front()));
    items_.pop_front();
    return result;
  }
  pop_result<T> try_pop_until(deadline) { return try_pop(); }

  template <class Iterator>
  std::size_t try_push_n(Iterator first, std::size_t n) {
    std::size_t taken = 0;
    while (taken < n && try_emplace(*first) == conqueue_status::success) ++taken, ++first;
    return taken;
  }
  template <class Iterator>
  std::size_t push_n(Iterator first, std::size_t n) {
    return try_push_n(first, n);
  }
  template <class Output>
  std::size_t try_pop_n(Output out, std::size_t max) {
    std::size_t popped = 0;
    for (; popped < max && !items_.empty(); ++popped, ++out) *out = *try_pop();
    return popped;
  }
  template <class Output>
  std::size_t pop_n(Output out, std::size_t max) {
    return try_pop_n(out, max);
  }

  void close() noexcept { closed_ = true; }
  bool is_closed() const noexcept { return closed_; }
  std::size_t capacity() const noexcept { return capacity_; }
  std::size_t size_approx() const noexcept { return items_.size(); }
  std::size_t room() const noexcept { return capacity_ - items_.size(); }

 private:
  std::size_t capacity_;
  std::deque<T> items_;
  bool closed_ = false;
};

}  // namespace switchyard::conformance
