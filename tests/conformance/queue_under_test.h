// A line of the queue suite: an implementation, and what it claims.
#pragma once

#include <cstddef>
#include <cstdint>

namespace switchyard::conformance {

/// How many threads may push, and how many may pop, at a time.
enum class role { one, many };

/// What is promised about order: everything pushed earlier is popped earlier, or only what came from the
/// same thread.
enum class order { fifo, per_producer };

/// What the constructor's argument means: room for exactly so many elements, for at least so many, or there
/// is no such argument and no limit.
enum class bound { exact, at_least, none };

struct claims {
  role producers = role::many;
  role consumers = role::many;
  order ordered = order::fifo;
  bound room = bound::exact;
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

}  // namespace switchyard::conformance
