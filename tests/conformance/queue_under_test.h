// A line of the queue suite: an implementation, and what it claims.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "switchyard/tests/conformance/element_types.h"

namespace switchyard::conformance {

/// How many threads may push, and how many may pop, at a time.
enum class role { one, many };

/// What is promised about order: everything pushed earlier is popped earlier, or only what came from the
/// same thread; everything pushed earlier is popped later; the greatest is popped first, by `by_number`.
enum class order { fifo, per_producer, lifo, priority };

/// What the constructor's argument means: room for exactly so many elements, for at least so many, or there
/// is no such argument and no limit.
enum class bound { exact, at_least, none };

struct claims {
  role producers = role::many;
  role consumers = role::many;
  order ordered = order::fifo;
  bound room = bound::exact;
  /// Of elements that are not trivially copyable: what is popped is destroyed before the pop returns.
  bool prompt = true;
  /// Looks at other threads now and then, to reclaim memory: membarrier(2), also while nobody waits.
  bool reclaims = false;
};

/// `Queue<T>`, tested for what `Claims` says. A queue that is not made like the others derives from this and
/// hides `make`.
template <template <class...> class Queue, claims Claims = claims{}>
struct queue_under_test {
  template <class T>
  using queue = Queue<T>;

  /// With an allocator, for those that take one.
  template <class... Arguments>
  using queue_with = Queue<Arguments...>;

  static constexpr claims claimed = Claims;

  /// A new queue; `capacity` only matters to those that are bounded.
  template <class T>
  static queue<T> make(std::size_t capacity) {
    if constexpr (Claims.room == bound::none) {
      return queue<T>();
    } else {
      return queue<T>(capacity);
    }
  }
};

/// The same for queues that take an order. Most element types of the suite have no operator<, so that they are
/// compared by their numbers.
template <template <class...> class Queue, claims Claims>
struct priority_queue_under_test {
  template <class T>
  using queue = Queue<T, by_number<T>>;

  template <class T, class Allocator = std::allocator<T>>
  using queue_with = Queue<T, by_number<T>, Allocator>;

  /// With an order of its own.
  template <class T, class Compare>
  using queue_by = Queue<T, Compare>;

  static constexpr claims claimed = Claims;
  static_assert(Claims.ordered == order::priority);

  template <class T>
  static queue<T> make(std::size_t capacity) {
    return make_by<T>(capacity, by_number<T>());
  }

  template <class T, class Compare>
  static queue_by<T, Compare> make_by(std::size_t capacity, const Compare& less) {
    if constexpr (Claims.room == bound::none) {
      return queue_by<T, Compare>(less);
    } else {
      return queue_by<T, Compare>(capacity, less);
    }
  }
};

}  // namespace switchyard::conformance
