// What `any_queue` calls, and how each call is made of what a queue has.
#pragma once

#include <algorithm>
#include <cassert>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <iterator>
#include <limits>
#include <memory>
#include <optional>
#include <thread>
#include <tuple>
#include <type_traits>
#include <utility>

#include "switchyard/atomics/atomic.h"
#include "switchyard/atomics/backoff.h"
#include "switchyard/interface/conqueue_status.h"
#include "switchyard/interface/deadline.h"
#include "switchyard/interface/queue.h"

namespace switchyard::adapters::detail {

/// In place of a deadline: try once.
inline constexpr const deadline* do_not_wait = nullptr;

/// Converts to the T that it makes, when it is asked and not before: the way for the arguments of `emplace`
/// through a virtual call. Refers to them; can be asked again only if they were not moved from.
template <class T>
class element_maker {
 public:
  template <class Tuple>
  explicit element_maker(Tuple& references) noexcept
      : args_(std::addressof(references)),
        make_([](void* args) { return std::make_from_tuple<T>(std::move(*static_cast<Tuple*>(args))); }) {}

  /// Explicit, so that a function that takes a T does not make one before it is called.
  explicit operator T() const { return make_(args_); }

 private:
  void* args_;
  T (*make_)(void*);
};

/// Whether a T takes just anything for an argument; it would then take an `element_maker` for one too.
struct nothing_in_particular {};
template <class T>
concept takes_everything = std::is_constructible_v<T, nothing_in_particular>;

// clang-format off
template <class T, class... Args>
concept can_emplace =
    std::is_constructible_v<T, Args...> &&
    (!takes_everything<T> || (sizeof...(Args) == 1 && (std::same_as<std::remove_cvref_t<Args>, T> && ...)));
// clang-format on

/// What an `any_queue<T>` can hold.
template <class Queue, class T>
concept queue_of = concurrent_queue<Queue> && std::same_as<typename Queue::value_type, T>;

/// Arguments other than a capacity, which may be written as an int.
template <class... Args>
concept not_a_number = sizeof...(Args) != 1 || !(std::integral<std::remove_cvref_t<Args>> || ...);

/// Iterators that are a pointer and a count in disguise: to const or mutable T, to move from, to assign to.
// clang-format off
template <class T, class In>
concept array_to_copy =
    std::contiguous_iterator<In> && std::convertible_to<std::iter_reference_t<In>, const T&> &&
    std::same_as<std::iter_value_t<In>, T> && std::copy_constructible<T>;
template <class T, class In>
inline constexpr bool is_array_to_move = false;
template <class T, class In>
inline constexpr bool is_array_to_move<T, std::move_iterator<In>> =
    std::contiguous_iterator<In> && std::same_as<std::iter_reference_t<In>, T&>;
template <class T, class In>
concept array_to_move = is_array_to_move<T, In>;
template <class T, class Out>
concept array_to_fill =
    std::contiguous_iterator<Out> && std::same_as<std::iter_reference_t<Out>, T&> &&
    std::is_move_assignable_v<T>;
// clang-format on

/// Pushes elements until one is refused. If building one throws, that ends it too; the exception passes on
/// if it was the first.
template <class In, class Push>
std::size_t one_by_one(In first, std::size_t n, Push push) {
  std::size_t done = 0;
  try {
    for (; done < n && push(*first); ++first) ++done;
  } catch (...) {
    if (done == 0) throw;
  }
  return done;
}

/// Pops elements until there is none, waiting for the first alone. If moving one out throws, it is lost,
/// those before it are in `out`, and the exception passes on.
template <class Out, class Pop>
std::size_t one_by_one_to(Out out, std::size_t max, Pop pop) {
  std::size_t done = 0;
  for (; done < max; ++done, ++out) {
    auto next = pop(done == 0);
    if (!next) break;
    *out = std::move(*next);
  }
  return done;
}

/// Asks again until `attempt` is true or the limit has passed, for queues that cannot wait with a limit.
template <class Attempt>
void poll_until(deadline limit, Attempt attempt) {
  using namespace std::chrono_literals;
  std::chrono::nanoseconds pause = 10us;
  for (backoff spin; !attempt() && !limit.has_passed();) {
    if (!spin.should_park()) {
      spin.wait();
    } else {
      const std::chrono::nanoseconds left = limit.when() - deadline::clock::now();
      std::this_thread::sleep_for(std::min(pause, left));
      pause = std::min<std::chrono::nanoseconds>(pause * 2, 1ms);
    }
  }
}

/// A queue whose type has been forgotten. `limit` is how long to wait: `do_not_wait`, or a deadline, which
/// may be never.
template <class T>
struct erased_queue {
  virtual ~erased_queue() = default;

  virtual conqueue_status put_moved(T& value, const deadline* limit) = 0;
  virtual conqueue_status put_copied(const T& value, const deadline* limit) = 0;
  virtual conqueue_status put_made(element_maker<T> maker, const deadline* limit) = 0;
  virtual pop_result<T> take(const deadline* limit) = 0;

  // With a limit, that is never.
  virtual std::size_t put_moved_n(T* first, std::size_t n, const deadline* limit) = 0;
  virtual std::size_t put_copied_n(const T* first, std::size_t n, const deadline* limit) = 0;
  virtual std::size_t take_n(T* out, std::size_t max, const deadline* limit) = 0;

  virtual bool is_closed() const noexcept = 0;
  virtual void close() noexcept = 0;
  virtual std::size_t size_approx() const noexcept = 0;
  virtual std::size_t capacity() const noexcept = 0;
};

/// The size of a queue that does not know its own: what went in, less what came out.
template <bool Needed>
class size_counter {
 public:
  void add(std::size_t n) noexcept { size_.fetch_add(static_cast<std::ptrdiff_t>(n), memory_order_relaxed); }
  void subtract(std::size_t n) noexcept {
    size_.fetch_sub(static_cast<std::ptrdiff_t>(n), memory_order_relaxed);
  }
  // An element may be popped before its push has been counted.
  std::size_t load() const noexcept {
    return static_cast<std::size_t>(std::max<std::ptrdiff_t>(size_.load(memory_order_relaxed), 0));
  }

 private:
  atomic<std::ptrdiff_t> size_{0};
};
template <>
class size_counter<false> {
 public:
  void add(std::size_t) noexcept {}
  void subtract(std::size_t) noexcept {}
};

template <class Queue>
class queue_holder final : public erased_queue<typename Queue::value_type> {
  using T = typename Queue::value_type;

 public:
  template <class... Args>
  explicit queue_holder(Args&&... args) : queue_(std::forward<Args>(args)...) {}

  conqueue_status put_moved(T& value, const deadline* limit) override { return put(std::move(value), limit); }

  conqueue_status put_copied(const T& value, const deadline* limit) override {
    if constexpr (std::copy_constructible<T>) {
      return put(value, limit);
    } else {
      return unreachable(conqueue_status::closed);
    }
  }

  conqueue_status put_made(element_maker<T> maker, const deadline* limit) override {
    if constexpr (takes_everything<T>) {
      return unreachable(conqueue_status::closed);
    } else {
      return put(std::move(maker), limit);
    }
  }

  pop_result<T> take(const deadline* limit) override {
    pop_result<T> result = take_uncounted(limit);
    if (result) size_.subtract(1);
    return result;
  }

  std::size_t put_moved_n(T* first, std::size_t n, const deadline* limit) override {
    return put_n(std::move_iterator<T*>(first), n, limit);
  }

  std::size_t put_copied_n(const T* first, std::size_t n, const deadline* limit) override {
    if constexpr (std::copy_constructible<T>) {
      return put_n(first, n, limit);
    } else {
      return unreachable(std::size_t{0});
    }
  }

  std::size_t take_n(T* out, std::size_t max, const deadline* limit) override;

  bool is_closed() const noexcept override { return queue_.is_closed(); }
  void close() noexcept override { queue_.close(); }

  std::size_t size_approx() const noexcept override {
    if constexpr (sized_queue<Queue>) {
      return queue_.size_approx();
    } else {
      return size_.load();
    }
  }

  std::size_t capacity() const noexcept override {
    if constexpr (capacity_limited<Queue>) {
      return queue_.capacity();
    } else {
      return std::numeric_limits<std::size_t>::max();
    }
  }

 private:
  template <class Result>
  static Result unreachable(Result result) noexcept {
    assert(false && "any_queue does not offer this call for this T");
    return result;
  }

  template <class Value>
  conqueue_status put(Value&& value, const deadline* limit);
  template <class Value>
  conqueue_status put_accepted(Value&& value, const deadline* limit);
  pop_result<T> take_uncounted(const deadline* limit);
  template <class In>
  std::size_t put_n(In first, std::size_t n, const deadline* limit);

  Queue queue_;
  [[no_unique_address]] size_counter<!sized_queue<Queue>> size_;
};

// `Value` is T, const T& or an element_maker. It is used only by a call that succeeds.
template <class Queue>
template <class Value>
conqueue_status queue_holder<Queue>::put(Value&& value, const deadline* limit) {
  if constexpr (!requires {
                  queue_.try_emplace(std::forward<Value>(value));
                  queue_.emplace(std::forward<Value>(value));
                }) {
    // The queue takes nothing but a T to move from.
    T made(std::forward<Value>(value));
    return put(std::move(made), limit);
  } else {
    return put_accepted(std::forward<Value>(value), limit);
  }
}

template <class Queue>
template <class Value>
conqueue_status queue_holder<Queue>::put_accepted(Value&& value, const deadline* limit) {
  conqueue_status status = conqueue_status::full;
  const auto attempt = [&] { status = queue_.try_emplace(std::forward<Value>(value)); };
  if (limit == do_not_wait) {
    attempt();
  } else if constexpr (requires { queue_.try_emplace_until(*limit, std::forward<Value>(value)); }) {
    status = queue_.try_emplace_until(*limit, std::forward<Value>(value));
  } else if (limit->is_never()) {
    status = queue_.emplace(std::forward<Value>(value)) ? conqueue_status::success : conqueue_status::closed;
  } else if constexpr (std::same_as<std::remove_cvref_t<Value>, T> &&
                       requires { queue_.try_push_until(std::forward<Value>(value), limit->when()); }) {
    status = queue_.try_push_until(std::forward<Value>(value), limit->when());
  } else {
    poll_until(*limit, [&] {
      attempt();
      return status == conqueue_status::success || status == conqueue_status::closed;
    });
  }
  if (status == conqueue_status::success) size_.add(1);
  return status;
}

template <class Queue>
auto queue_holder<Queue>::take_uncounted(const deadline* limit) -> pop_result<T> {
  if (limit == do_not_wait) return queue_.try_pop();
  if constexpr (requires { queue_.try_pop_until(*limit); }) {
    return queue_.try_pop_until(*limit);
  } else if constexpr (timed_queue<Queue>) {
    if (!limit->is_never()) return queue_.try_pop_until(limit->when());
  }
  if (limit->is_never()) {
    std::optional<T> next = queue_.pop();
    if (!next) return unexpected(conqueue_status::closed);
    return pop_result<T>(std::move(*next));
  }
  std::optional<T> element;
  conqueue_status status = conqueue_status::empty;
  poll_until(*limit, [&] {
    pop_result<T> next = queue_.try_pop();
    if (next) {
      element.emplace(std::move(*next));
    } else {
      status = next.error();
    }
    return element.has_value() || status == conqueue_status::closed;
  });
  if (!element) return unexpected(status);
  return pop_result<T>(std::move(*element));
}

template <class Queue>
template <class In>
std::size_t queue_holder<Queue>::put_n(In first, std::size_t n, const deadline* limit) {
  if constexpr (requires {
                  queue_.push_n(first, n);
                  queue_.try_push_n(first, n);
                }) {
    const std::size_t done = limit == do_not_wait ? queue_.try_push_n(first, n) : queue_.push_n(first, n);
    size_.add(done);
    return done;
  } else {
    return one_by_one(first, n, [&](auto&& element) {
      return put(std::forward<decltype(element)>(element), limit) == conqueue_status::success;
    });
  }
}

template <class Queue>
std::size_t queue_holder<Queue>::take_n(T* out, std::size_t max, const deadline* limit) {
  if constexpr (bulk_queue<Queue> && std::is_move_assignable_v<T>) {
    const std::size_t done = limit == do_not_wait ? queue_.try_pop_n(out, max) : queue_.pop_n(out, max);
    size_.subtract(done);
    return done;
  } else if constexpr (std::is_move_assignable_v<T>) {
    return one_by_one_to(out, max, [&](bool first) { return take(first ? limit : do_not_wait); });
  } else {
    return unreachable(std::size_t{0});
  }
}

}  // namespace switchyard::adapters::detail
