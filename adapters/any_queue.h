// Any queue behind one type, chosen when the program runs.
//
// Source: type erasure by an abstract class, as in std::any and std::function.
// When: a program that picks its queue by name or by flag; see `registry.h`. A program that knows its queue
//   uses that, and pays nothing.
// Progress and ordering: those of the queue inside.
// Cost: one virtual call a call more than the queue inside, a nanosecond or two; also for a whole batch, if
//   the batch is an array. One allocation to make it.
//
//   auto queue = any_queue<std::string>::make<lockfree::bounded_queue<std::string>>(1024);
//   queue.push("hello");
#pragma once

#include <cassert>
#include <concepts>
#include <cstddef>
#include <memory>
#include <tuple>
#include <type_traits>
#include <utility>

#include "switchyard/adapters/detail/erased_queue.h"
#include "switchyard/interface/conqueue_status.h"
#include "switchyard/interface/deadline.h"
#include "switchyard/interface/queue.h"
#include "switchyard/interface/queue_members.h"

namespace switchyard::adapters {

/// Owns a queue of any type that models concurrent_queue. Models concurrent_queue, timed_queue, bulk_queue,
/// sized_queue and capacity_limited, whatever the queue inside does: what that lacks is made of what it has.
///
/// - No time limits: a wait with a limit tries again and again, with growing sleeps of up to a millisecond.
/// - No bulk: one element at a time.
/// - No size: successful pushes and pops are counted, which costs an atomic operation each.
///
/// Can be moved, while no other thread uses it; what was moved from is empty, and may only be destroyed,
/// assigned to and asked `has_value()`.
template <class T>
class any_queue : public queue_members<any_queue<T>, T> {
 public:
  /// One that holds a `Queue` made from `args`, or with that capacity.
  template <detail::queue_of<T> Queue, class... Args>
  requires detail::not_a_number<Args...>
  static any_queue make(Args&&... args) {
    return any_queue(std::make_unique<detail::queue_holder<Queue>>(std::forward<Args>(args)...));
  }
  template <detail::queue_of<T> Queue>
  static any_queue make(std::size_t capacity) {
    return any_queue(std::make_unique<detail::queue_holder<Queue>>(capacity));
  }

  any_queue(any_queue&&) noexcept = default;
  any_queue& operator=(any_queue&&) noexcept = default;

  /// False for what was moved from.
  bool has_value() const noexcept { return inside_ != nullptr; }

  /// Builds the element from `args`: `success`, or `full` or `closed` with `args` as they were.
  ///
  /// The element is built in its place, except in a queue whose own `try_emplace` takes a T alone: then it
  /// is built first, whether there is room or not. A T that claims to be constructible from everything, such
  /// as std::any, cannot be emplaced from other things than a T.
  template <class... Args>
  requires detail::can_emplace<T, Args...>
  [[nodiscard]] conqueue_status try_emplace(Args&&... args) {
    return put(detail::do_not_wait, std::forward<Args>(args)...);
  }

  /// The same, waiting for room until `when`.
  template <class... Args>
  requires detail::can_emplace<T, Args...>
  [[nodiscard]] conqueue_status try_emplace_until(deadline when, Args&&... args) {
    return put(&when, std::forward<Args>(args)...);
  }

  /// An element, or `empty`, or `closed` if the queue is closed and empty.
  [[nodiscard]] pop_result<T> try_pop() { return inside().take(detail::do_not_wait); }

  /// The same, waiting for an element until `when`.
  [[nodiscard]] pop_result<T> try_pop_until(deadline when) { return inside().take(&when); }

  /// Pushes `first[0]`, `first[1]`, ... as long as there is room, up to `n`; returns how many. One virtual
  /// call for a pointer or another contiguous iterator, and for a move_iterator of one; else one for each.
  template <class In>
  std::size_t try_push_n(In first, std::size_t n) {
    return put_n(first, n, detail::do_not_wait);
  }

  /// The same, waiting for room; fewer than `n` only if the queue is closed or building an element throws.
  template <class In>
  std::size_t push_n(In first, std::size_t n) {
    return put_n(first, n, &never);
  }

  /// Pops up to `max` elements into `out`; returns how many. One virtual call if `out` is contiguous, else
  /// one for each.
  template <class Out>
  std::size_t try_pop_n(Out out, std::size_t max) {
    return take_n(out, max, detail::do_not_wait);
  }

  /// The same, waiting for the first; 0 only if the queue is closed and empty, or `max` is 0.
  template <class Out>
  std::size_t pop_n(Out out, std::size_t max) {
    return take_n(out, max, &never);
  }

  bool is_closed() const noexcept { return inside().is_closed(); }

  /// No push that begins after this succeeds. What is in the queue can still be popped.
  void close() noexcept { inside().close(); }

  std::size_t size_approx() const noexcept { return inside().size_approx(); }

  /// That of the queue inside; the largest std::size_t if it has none.
  std::size_t capacity() const noexcept { return inside().capacity(); }

 private:
  static constexpr deadline never = deadline::never();

  explicit any_queue(std::unique_ptr<detail::erased_queue<T>> inside) noexcept : inside_(std::move(inside)) {}

  detail::erased_queue<T>& inside() const noexcept {
    assert(inside_ != nullptr && "this any_queue was moved from");
    return *inside_;
  }

  template <class... Args>
  conqueue_status put(const deadline* limit, Args&&... args) {
    static_assert(detail::can_emplace<T, Args...>, "a T cannot be made of that");
    if constexpr ((std::is_same_v<Args&&, T&&> && ... && (sizeof...(Args) == 1))) {
      return inside().put_moved(args..., limit);
    } else if constexpr ((std::is_same_v<std::remove_cvref_t<Args>, T> && ... && (sizeof...(Args) == 1))) {
      return inside().put_copied(args..., limit);
    } else {
      std::tuple<Args&&...> references(std::forward<Args>(args)...);
      return inside().put_made(detail::element_maker<T>(references), limit);
    }
  }

  template <class In>
  std::size_t put_n(In first, std::size_t n, const deadline* limit) {
    if (n == 0) return 0;
    if constexpr (detail::array_to_move<T, In>) {
      return inside().put_moved_n(std::to_address(first.base()), n, limit);
    } else if constexpr (detail::array_to_copy<T, In>) {
      return inside().put_copied_n(std::to_address(first), n, limit);
    } else {
      return detail::one_by_one(first, n, [&](auto&& element) {
        return put(limit, std::forward<decltype(element)>(element)) == conqueue_status::success;
      });
    }
  }

  template <class Out>
  std::size_t take_n(Out out, std::size_t max, const deadline* limit) {
    if (max == 0) return 0;
    if constexpr (detail::array_to_fill<T, Out>) {
      return inside().take_n(std::to_address(out), max, limit);
    } else {
      return detail::one_by_one_to(
          out, max, [&](bool first) { return inside().take(first ? limit : detail::do_not_wait); });
    }
  }

  std::unique_ptr<detail::erased_queue<T>> inside_;
};

}  // namespace switchyard::adapters
