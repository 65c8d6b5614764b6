// The memory of an object pool: places for so many objects, and, in debug builds, who has them.
//
// Source: our own.
// When: a pool says `lent(place)` and `returned(place)`, and the slab asserts what must hold: that what comes back
//   was lent, by this pool, and has not come back before; and that all is back when the pool goes.
// Cost: memory for the objects, in one piece. Without NDEBUG another byte each and an atomic operation per call.
#pragma once

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <stdexcept>
#include <vector>

#include "switchyard/atomics/atomic.h"
#include "switchyard/atomics/cache_padded.h"

namespace switchyard {

template <class T, class Allocator>
class object_slab {
  // What fills whole cache lines begins with one.
  struct alignas(std::max(alignof(T), sizeof(T) % line_size == 0 ? line_size : 1)) room {
    std::byte bytes[sizeof(T)];
  };
  using room_allocator = typename std::allocator_traits<Allocator>::template rebind_alloc<room>;
  using traits = std::allocator_traits<room_allocator>;

 public:
  /// What lies between one place and the next, in bytes.
  static constexpr std::size_t stride = sizeof(room);

  /// Throws std::invalid_argument if `size` is 0, std::length_error if it is more than the allocator could ever
  /// give, and what the allocator throws.
  object_slab(std::size_t size, const Allocator& allocator)
      : allocator_(allocator),
        size_(checked(size)),
        lent_(size, allocator),
        rooms_(traits::allocate(allocator_, size)) {}
  object_slab(const object_slab&) = delete;
  object_slab& operator=(const object_slab&) = delete;
  ~object_slab() {
    lent_.expect_none();
    traits::deallocate(allocator_, rooms_, size_);
  }

  std::size_t size() const noexcept { return size_; }
  Allocator get_allocator() const noexcept { return Allocator(allocator_); }
  std::byte* begin() const noexcept { return std::to_address(rooms_)->bytes; }

  void lent(void* place) noexcept { lent_.set(place, *this); }
  void returned(void* place) noexcept { lent_.clear(place, *this); }

 private:
  std::size_t checked(std::size_t size) const {
    if (size == 0) throw std::invalid_argument("a pool's capacity must be at least 1");
    constexpr std::size_t addressable = std::numeric_limits<std::ptrdiff_t>::max() / sizeof(room);
    if (size > std::min<std::size_t>(traits::max_size(allocator_), addressable)) {
      throw std::length_error("a pool's capacity is too large");
    }
    return size;
  }

#if defined(NDEBUG) || defined(SWITCHYARD_MODEL)
  struct records {
    records(std::size_t, const Allocator&) noexcept {}
    void expect_none() const noexcept {}
    void set(void*, const object_slab&) noexcept {}
    void clear(void*, const object_slab&) noexcept {}
  };
#else
  // Relaxed: what may go wrong is not made right by being ordered.
  class records {
   public:
    records(std::size_t size, const Allocator& allocator) : flags_(size, flag_allocator(allocator)) {}

    void expect_none() const noexcept {
      const bool none = std::none_of(flags_.begin(), flags_.end(),
                                     [](const atomic<bool>& flag) { return flag.load(memory_order_relaxed); });
      assert(none && "an object pool is destroyed while objects are in use");
      static_cast<void>(none);
    }
    void set(void* place, const object_slab& slab) noexcept {
      const bool was = flags_[index(place, slab)].exchange(true, memory_order_relaxed);
      assert(!was && "an object pool has lost count: please report this");
      static_cast<void>(was);
    }
    void clear(void* place, const object_slab& slab) noexcept {
      const auto offset = reinterpret_cast<std::uintptr_t>(place) - reinterpret_cast<std::uintptr_t>(slab.begin());
      assert(offset / stride < slab.size_ && "an object is returned to a pool that it is not from");
      assert(offset % stride == 0 && "what is returned to a pool is not an object, but a part of one");
      static_cast<void>(offset);
      const bool was = flags_[index(place, slab)].exchange(false, memory_order_relaxed);
      assert(was && "an object is returned to its pool twice");
      static_cast<void>(was);
    }

   private:
    using flag_allocator = typename std::allocator_traits<Allocator>::template rebind_alloc<atomic<bool>>;

    static std::size_t index(void* place, const object_slab& slab) noexcept {
      return static_cast<std::size_t>(static_cast<std::byte*>(place) - slab.begin()) / stride;
    }

    std::vector<atomic<bool>, flag_allocator> flags_;
  };
#endif

  [[no_unique_address]] room_allocator allocator_;
  std::size_t size_;
  [[no_unique_address]] records lent_;
  typename traits::pointer rooms_;
};

}  // namespace switchyard
