// Room for a fixed number of objects, which any thread takes and any thread gives back, under small locks.
//
// Source: the magazines of Bonwick and Adams (USENIX 2001), here a free list for each thread and one in common.
//
// When to use it: as the plain choice where objects of one type come and go and their number has a limit.
// `lockfree::object_pool` has the same members, and is faster, also when threads are stopped at a bad moment.
//
// Progress: blocking: a thread that stops inside an operation stops who needs its list, in the end all others.
// Ordering: what was done to an object before it was given back happens before what is done in its place.
//   `try_construct` returns nullptr only if at one moment during the call every object was in use, or being taken or
//   given back. Which list something free is in makes no difference, be its thread asleep or gone.
// Exceptions: those of T's constructor; the place is free again.
// Cost: one lock and unlock, of the thread's own list; twice more once in a batch of up to 32. When nothing is free but
//   in other threads' lists, one for each. Memory: the objects, 8 bytes more each, and 0.6 KB for each thread.
// Debug builds assert that what is destroyed is from this pool and in use, and that all is back at the end.
//
//   switchyard::blocking::object_pool<message> pool(1024);
//   message* m = pool.construct("hello");  queue.push(m);        // one thread
//   auto m = queue.pop();  use(**m);  pool.destroy(*m);          // another
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <new>
#include <vector>

#include "switchyard/blocking/mutex.h"
#include "switchyard/interface/object_pool.h"
#include "switchyard/threads/object_slab.h"
#include "switchyard/threads/per_thread.h"

namespace switchyard::blocking {

/// Models `concurrent_object_pool`; construct, destroy and the like are described at `object_pool_members`. `Lock` is
/// any type with lock() and unlock().
template <class T, class Allocator = std::allocator<T>, class Lock = mutex>
class object_pool : public object_pool_members<object_pool<T, Allocator, Lock>, T> {
 public:
  using allocator_type = Allocator;

  /// Memory for `capacity` objects, no more and no fewer. Throws std::invalid_argument for 0, std::length_error for
  /// more than can be addressed, and what the allocator throws.
  explicit object_pool(std::size_t capacity, const Allocator& allocator = Allocator())
      : slab_(capacity, allocator),
        batch_(std::clamp<std::size_t>(capacity / 16, 1, list_size / 2)),
        common_(place_allocator(allocator)) {
    common_.reserve(capacity);
    for (std::size_t i = capacity; i-- != 0;) common_.push_back(slab_.begin() + i * slab_.stride);
  }
  object_pool(const object_pool&) = delete;
  object_pool& operator=(const object_pool&) = delete;

  /// All objects must have been given back: those that have not are not destroyed.
  ~object_pool() = default;

  /// Memory for one T; nullptr: all is in use.
  [[nodiscard]] void* try_allocate() noexcept {
    list* const mine = own_list();
    void* place = mine == nullptr ? nullptr : mine->take();
    if (place == nullptr) place = take_elsewhere(mine);
    if (place != nullptr) slab_.lent(place);
    return place;
  }

  /// Gives back what try_allocate returned, where no object lives any more. From any thread.
  void deallocate(void* place) noexcept {
    slab_.returned(place);
    list* const mine = own_list();
    if (mine == nullptr || !mine->add(place, 2 * batch_)) add_to_common(mine, place);
  }

  std::size_t capacity() const noexcept { return slab_.size(); }
  allocator_type get_allocator() const noexcept { return slab_.get_allocator(); }

  /// How many objects could be made. Exact where calls have not overlapped.
  std::size_t available_approx() const noexcept {
    const std::lock_guard hold(common_lock_);
    std::size_t n = common_.size();
    lists_.for_each([&](const list& each) { n += each.count(); });
    return n;
  }

 private:
  using place_allocator = typename std::allocator_traits<Allocator>::template rebind_alloc<void*>;

#ifdef SWITCHYARD_MODEL
  static constexpr std::size_t list_size = 2;
#else
  static constexpr std::size_t list_size = 64;
#endif

  // The places that a thread has given back last. Who holds `common_lock_` may lock a list, not the other way round.
  class list {
   public:
    void* take() noexcept {
      const std::lock_guard hold(lock_);
      return count_ == 0 ? nullptr : places_[--count_];
    }
    bool add(void* place, std::size_t limit) noexcept {
      const std::lock_guard hold(lock_);
      if (count_ >= limit) return false;
      places_[count_++] = place;
      ++added_;
      return true;
    }

    /// Between the list and what all have in common, whose lock is held.
    template <class Common>
    void take_from(Common& common, std::size_t n) noexcept {
      const std::lock_guard hold(lock_);
      for (; n != 0 && !common.empty() && count_ != list_size; --n) {
        places_[count_++] = common.back();
        common.pop_back();
      }
      ++added_;
    }
    template <class Common>
    void give_to(Common& common, std::size_t n) noexcept {
      const std::lock_guard hold(lock_);
      for (; n != 0 && count_ != 0; --n) common.push_back(places_[--count_]);
    }

    std::size_t count() const noexcept {
      const std::lock_guard hold(lock_);
      return count_;
    }
    /// How often something has been added.
    std::uint64_t added() const noexcept {
      const std::lock_guard hold(lock_);
      return added_;
    }

   private:
    mutable Lock lock_;
    std::uint32_t count_ = 0;
    std::uint64_t added_ = 0;
    void* places_[list_size];
  };

  // nullptr: there is no memory for one. Then all goes through what is in common.
  list* own_list() noexcept {
    try {
      return &lists_.local();
    } catch (const std::bad_alloc&) {
      return nullptr;
    }
  }

  [[gnu::noinline]] void* take_elsewhere(list* mine) noexcept {
    const std::lock_guard hold(common_lock_);
    // Lists are looked at one after the other. All were empty at once if nothing has been added in the meantime.
    for (std::uint64_t before = added(); common_.empty();) {
      lists_.for_each([&](const list& each) {
        if (common_.empty()) const_cast<list&>(each).give_to(common_, (each.count() + 1) / 2);
      });
      const std::uint64_t now = added();
      if (common_.empty() && now == before) return nullptr;
      before = now;
    }
    void* const place = common_.back();
    common_.pop_back();
    if (mine != nullptr) mine->take_from(common_, batch_ - 1);
    return place;
  }

  [[gnu::noinline]] void add_to_common(list* mine, void* place) noexcept {
    const std::lock_guard hold(common_lock_);
    common_.push_back(place);
    if (mine != nullptr) mine->give_to(common_, batch_ - 1);
  }

  std::uint64_t added() const noexcept {
    std::uint64_t sum = 0;
    lists_.for_each([&](const list& each) { sum += each.added(); });
    return sum;
  }

  object_slab<T, Allocator> slab_;
  const std::size_t batch_;
  mutable Lock common_lock_;
  std::vector<void*, place_allocator> common_;  // with room for all places
  per_thread<list> lists_;
};

}  // namespace switchyard::blocking
