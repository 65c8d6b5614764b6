// moodycamel::ConcurrentQueue behind this package's interface, with a soft bound.
//
// Source: Cameron Desrochers, "A Fast General Purpose Lock-Free Queue for C++" (2014),
//   github.com/cameron314/concurrentqueue.
// When: to compare, or where that library is in use already. Otherwise use `lockfree::bounded_queue`: first
//   in, first out over all producers, with an exact bound.
// Progress: not lock-free. A consumer stopped at the wrong moment keeps others trying, and a thread's first
//   push may wait for another's. Members that wait block, sleeping in the kernel.
// Ordering: first in, first out per producer thread only: elements of different producers come in any order.
//   A pop that overlaps pushes and pops may find nothing in a queue that was never empty.
// Cost: moodycamel's own for threads without tokens, plus two plain stores a push for `close`, and three
//   loads of lines that nobody writes for those who wait. A thread that has pushed leaves about a kilobyte
//   behind until the queue's end. Memory comes from malloc.
// Bound: soft. A push is refused only at `capacity` elements or more. Each thread that pushes may take it
//   about 64 further (measured; by the reasoning in detail/moodycamel_mpmc.h never more than 96).
//
//   switchyard::adapters::moodycamel_concurrent_queue<int> queue(1024);
#pragma once

#include <cstddef>

#include "concurrentqueue.h"
#include "switchyard/adapters/detail/moodycamel_cell.h"
#include "switchyard/adapters/detail/moodycamel_mpmc.h"

namespace switchyard::adapters {

/// Added to what moodycamel has: a bound, `close`, waiting on both sides, time limits, `emplace`, and a T
/// that needs only a move constructor. Lost: its tokens.
template <class T>
class moodycamel_concurrent_queue
    : public detail::moodycamel_mpmc<moodycamel_concurrent_queue<T>, T,
                                     moodycamel::ConcurrentQueue<detail::cell<T>>> {
 public:
  /// Room for at least `capacity` elements. Throws std::invalid_argument for 0, std::bad_alloc for what
  /// memory cannot hold.
  explicit moodycamel_concurrent_queue(std::size_t capacity)
      : moodycamel_concurrent_queue::moodycamel_mpmc(capacity) {}
};

}  // namespace switchyard::adapters
