// The specification of a queue that nobody else uses: what each member returns, on a std::deque; and the
// numbers of the elements inside, for tests that push and pop one by one.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <utility>
#include <vector>

#include "switchyard/interface/queue_members.h"
#include "switchyard/tests/conformance/element_types.h"
#include "switchyard/tests/conformance/queue_under_test.h"

namespace switchyard::conformance {

/// Puts a new element among those in a queue for one thread, so that they stay in the order in which they
/// will be popped.
template <order Ordered, class T>
void put_in_order(std::deque<T>& items, T added) {
  if constexpr (Ordered == order::priority) {
    const auto greater = [](const T& a, const T& b) { return by_number<T>()(b, a); };
    items.insert(std::upper_bound(items.begin(), items.end(), added, greater), std::move(added));
  } else if constexpr (Ordered == order::lifo) {
    items.push_front(std::move(added));
  } else {
    items.push_back(std::move(added));
  }
}

/// A queue for one thread. A member that would have to wait for another thread returns as if the time were
/// over, so the caller asks `room()` and `size_approx()` before it waits.
template <class T, order Ordered = order::fifo>
class sequential_queue : public queue_members<sequential_queue<T, Ordered>, T> {
 public:
  explicit sequential_queue(std::size_t capacity) : capacity_(capacity) {}

  template <class... Args>
  conqueue_status try_emplace(Args&&... args) {
    if (closed_) return conqueue_status::closed;
    if (room() == 0) return conqueue_status::full;
    put_in_order<Ordered>(items_, T(std::forward<Args>(args)...));
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

/// The numbers of the elements inside a queue that one thread uses, in the order in which it promises to
/// give them out.
template <order Ordered>
class numbers_inside {
 public:
  numbers_inside() = default;

  /// Of elements 0 to n - 1, which have been pushed in this order.
  explicit numbers_inside(std::uint64_t n) : next_(n) {
    for (std::uint64_t i = 0; i < n; ++i) add(i);
  }

  /// Notes a push of the element with this number, which is returned, or with the next number. Those rise, but
  /// where the number decides about the order: then they go up and down, and stay below 256.
  std::uint64_t add(std::uint64_t number) {
    put_in_order<Ordered>(numbers_, number);
    return number;
  }
  std::uint64_t add() {
    const std::uint64_t next = next_++;
    return add(Ordered == order::priority ? next * 83 % 256 : next);
  }

  /// Notes a pop, and returns the number that it must have given.
  std::uint64_t take() {
    const std::uint64_t number = front();
    numbers_.pop_front();
    return number;
  }

  std::uint64_t front() const { return numbers_.front(); }
  std::size_t size() const { return numbers_.size(); }
  bool empty() const { return numbers_.empty(); }
  auto begin() const { return numbers_.begin(); }
  auto end() const { return numbers_.end(); }

 private:
  std::deque<std::uint64_t> numbers_;
  std::uint64_t next_ = 0;
};

/// The numbers 0 to n - 1, pushed one after the other, in the order in which they come out.
template <order Ordered>
std::vector<std::uint64_t> popping_order(std::uint64_t n) {
  const numbers_inside<Ordered> inside(n);
  return {inside.begin(), inside.end()};
}

}  // namespace switchyard::conformance
