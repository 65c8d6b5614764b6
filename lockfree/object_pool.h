// Room for a fixed number of objects, which any thread takes and any thread gives back.
//
// Source: `detail/free_blocks.h`: the magazines of Bonwick and Adams (USENIX 2001), with caches that others can steal
//   from as from the deque of Chase and Lev (SPAA 2005).
// When: objects of one type that come and go, whose number has a limit that is known: messages, nodes, buffers. All
//   memory is taken by the constructor. Where threads are few and objects rarely made, `blocking::object_pool`.
// Progress: lock-free: a thread stopped for ever anywhere stops no other. What it keeps from them is what it was just
//   taking or giving back: one object, or, once in some tens of calls, a batch of at most 30 and at most a 16th of
//   the capacity. What lies in the cache of a thread that has stopped elsewhere, or ended, is there for all.
// Ordering: what was done to an object before it was given back happens before what is done in its place.
//   `try_construct` returns nullptr only if at one moment during the call every object was in use, or was just being
//   taken, given back or moved by another call. So it succeeds whenever something is free and no other call is under
//   way, whichever threads gave it back. A pool of fewer than 32 moves objects one by one, and is linearizable.
// Exceptions: those of T's constructor; the place is free again.
// Cost: 2 to 3 ns to take and to give back. Once in a batch two double-word compare-and-swaps; when nothing is free
//   but in other threads' caches, a microsecond and a system call an object, so let `capacity` be larger than what is
//   in use by some 60 for each thread. Memory: the objects, 9 bytes more each, or up to 8 KB in all where that is
//   more, and 1 KB for each thread.
// Debug builds assert that what is destroyed is from this pool and in use, and that all is back at the end.
//
//   object_pool<message> pool(1024);
//   message* m = pool.construct("hello");  queue.push(m);        // one thread
//   auto m = queue.pop();  use(**m);  pool.destroy(*m);          // another
#pragma once

#include <cstddef>
#include <memory>

#include "switchyard/interface/object_pool.h"
#include "switchyard/lockfree/detail/free_blocks.h"
#include "switchyard/threads/object_slab.h"

namespace switchyard::lockfree {

/// Models `concurrent_object_pool`; construct, destroy and the like are described at `object_pool_members`.
template <class T, class Allocator = std::allocator<T>>
class object_pool : public object_pool_members<object_pool<T, Allocator>, T> {
 public:
  using allocator_type = Allocator;

  /// Memory for `capacity` objects, no more and no fewer. Throws std::invalid_argument for 0, std::length_error for
  /// more than can be addressed, and what the allocator throws.
  explicit object_pool(std::size_t capacity, const Allocator& allocator = Allocator())
      : slab_(capacity, allocator), free_(slab_.begin(), slab_.stride, capacity, allocator) {}

  /// All objects must have been given back: those that have not are not destroyed.
  ~object_pool() = default;

  /// Memory for one T; nullptr: all is in use.
  [[nodiscard]] void* try_allocate() noexcept {
    void* const place = free_.get();
    if (place != nullptr) slab_.lent(place);
    return place;
  }

  /// Gives back what try_allocate returned, where no object lives any more. From any thread.
  void deallocate(void* place) noexcept {
    slab_.returned(place);
    free_.put(place);
  }

  std::size_t capacity() const noexcept { return slab_.size(); }
  allocator_type get_allocator() const noexcept { return slab_.get_allocator(); }

  /// How many objects could be made. Exact where calls have not overlapped.
  std::size_t available_approx() const noexcept { return free_.free_approx(); }

 private:
  object_slab<T, Allocator> slab_;
  detail::free_blocks<Allocator> free_;
};

}  // namespace switchyard::lockfree
