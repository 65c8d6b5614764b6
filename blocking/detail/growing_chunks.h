// A list of arrays, each longer than the one before, that gives back what a burst has taken.
//
// Source: as `chunks`.
//
// When to use it: as the `Storage` of `queue_core` for a queue that may be long once and short ever after. `chunks` takes
// small pieces only, which an allocator may keep while any beyond them is in use.
//
// Ordering: first in, first out.
// Cost: memory is taken by the first push, 4 KiB of it, and then when an array is full: twice as much, up to 384 KiB. An
//   array that is used up is given back, but for one, which is kept to be used again.
#pragma once

#include <algorithm>
#include <cstddef>
#include <limits>
#include <memory>
#include <utility>

#include "switchyard/atomics/plain.h"
#include "switchyard/atomics/release_pages.h"

namespace switchyard::blocking::detail {

/// Room for any number of elements. Whoever uses it knows how many there are, and pops them all at the end.
template <class T, class Allocator>
class growing_chunks {
 public:
  explicit growing_chunks(const Allocator& allocator) noexcept : allocator_(allocator) {}
  growing_chunks(const growing_chunks&) = delete;
  growing_chunks& operator=(const growing_chunks&) = delete;
  ~growing_chunks() {
    if (front_chunk_ != nullptr) give_back(front_chunk_);
    if (spare_ != nullptr) give_back(spare_);
  }

  std::size_t room(std::size_t size) const noexcept { return std::numeric_limits<std::size_t>::max() - size; }
  Allocator get_allocator() const noexcept { return Allocator(allocator_); }

  /// Throws what building the element throws, or the allocator, having changed nothing.
  template <class... Args>
  void push_back(Args&&... args) {
    if (back_chunk_ != nullptr && back_ < back_chunk_->length) {
      back_chunk_->slots()[back_].construct(std::forward<Args>(args)...);
      ++back_;
      return;
    }
    if (spare_ == nullptr) spare_ = make(back_chunk_ == nullptr ? shortest : std::min(back_chunk_->units * 2, longest));
    spare_->slots()[0].construct(std::forward<Args>(args)...);
    chunk* const added = std::exchange(spare_, nullptr);
    (back_chunk_ == nullptr ? front_chunk_ : back_chunk_->next) = added;
    back_chunk_ = added;
    back_ = 1;
  }

  /// Need an element.
  T& front() noexcept { return front_chunk_->slots()[front_].write(); }
  void pop_front() noexcept {
    front_chunk_->slots()[front_].destroy();
    ++front_;
    if (front_chunk_ == back_chunk_) {
      // The last element: the chunk is used again from its start, while it is in the cache.
      if (front_ == back_) front_ = back_ = 0;
    } else if (front_ == front_chunk_->length) {
      chunk* const used_up = std::exchange(front_chunk_, front_chunk_->next);
      front_ = 0;
      used_up->next = nullptr;
      if (spare_ == nullptr) {
        spare_ = used_up;
      } else {
        give_back(used_up);
      }
    }
  }

 private:
  using slot = plain<T>;

  // What an allocation is counted in. It has the alignment of all that lies in it.
  static constexpr std::size_t alignment = std::max(alignof(slot), alignof(std::max_align_t));
  struct alignas(alignment) unit {
    std::byte bytes[alignment];
  };

  // The slots lie behind it.
  struct chunk {
    chunk* next = nullptr;
    std::size_t units;
    std::size_t length;

    explicit chunk(std::size_t n) noexcept : units(n), length((n * sizeof(unit) - before) / sizeof(slot)) {
      std::uninitialized_default_construct_n(slots(), length);
    }
    ~chunk() { std::destroy_n(slots(), length); }
    slot* slots() noexcept { return reinterpret_cast<slot*>(reinterpret_cast<std::byte*>(this) + before); }
  };
  static constexpr std::size_t before = (sizeof(chunk) + sizeof(unit) - 1) / sizeof(unit) * sizeof(unit);
  static constexpr std::size_t shortest = std::max<std::size_t>(4096, before + 8 * sizeof(slot)) / sizeof(unit);
  static constexpr std::size_t longest = std::max(shortest, 384 * 1024 / sizeof(unit));

  using unit_allocator = typename std::allocator_traits<Allocator>::template rebind_alloc<unit>;
  using traits = std::allocator_traits<unit_allocator>;

  chunk* make(std::size_t units) {
    unit* const memory = std::to_address(traits::allocate(allocator_, units));
    return std::construct_at(reinterpret_cast<chunk*>(memory), units);
  }
  void give_back(chunk* unused) noexcept {
    const std::size_t units = unused->units;
    std::destroy_at(unused);
    auto* const memory = reinterpret_cast<unit*>(unused);
    release_pages(memory, units * sizeof(unit));
    traits::deallocate(allocator_, std::pointer_traits<typename traits::pointer>::pointer_to(*memory), units);
  }

  // The elements lie from slot front_ of front_chunk_ up to slot back_ of back_chunk_. Both chunks are null
  // until the first push. If there are no elements, then front_ == back_ == 0 in the one chunk.
  [[no_unique_address]] unit_allocator allocator_;
  chunk* front_chunk_ = nullptr;
  chunk* back_chunk_ = nullptr;
  std::size_t front_ = 0;
  std::size_t back_ = 0;
  chunk* spare_ = nullptr;  // an unused chunk, or null
};

}  // namespace switchyard::blocking::detail
