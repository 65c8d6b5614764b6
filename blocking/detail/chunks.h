// A list of arrays that grows and shrinks with what is in it: the storage of the unbounded queue.
//
// Source: std::deque without its index, since a queue only uses both ends.
//
// When to use it: as the `Storage` of `queue_core`, which locks it and counts its elements. With a limit,
// `ring`.
//
// Ordering: first in, first out.
// Cost: memory is taken a chunk (about 4 KiB) at a time, by the first push and then when a chunk is full, and
//   given back when a chunk is used up. One chunk is kept to be used again, so that a queue of steady length
//   takes no memory at all, and a queue that was long keeps two chunks at most.
#pragma once

#include <algorithm>
#include <cstddef>
#include <limits>
#include <memory>
#include <utility>

#include "switchyard/atomics/plain.h"

namespace switchyard::blocking::detail {

/// Room for any number of elements. Whoever uses it knows how many there are, and pops them all at the end.
template <class T, class Allocator>
class chunks {
  static constexpr std::size_t chunk_length = std::max<std::size_t>(4096 / sizeof(plain<T>), 8);

  struct chunk {
    plain<T> slots[chunk_length];
    chunk* next = nullptr;
  };
  using chunk_allocator = typename std::allocator_traits<Allocator>::template rebind_alloc<chunk>;
  using chunk_traits = std::allocator_traits<chunk_allocator>;
  using chunk_pointer = typename chunk_traits::pointer;

 public:
  explicit chunks(const Allocator& allocator) noexcept : allocator_(allocator) {}
  chunks(const chunks&) = delete;
  chunks& operator=(const chunks&) = delete;
  ~chunks() {
    if (front_chunk_ != nullptr) give_back(front_chunk_);
    if (spare_ != nullptr) give_back(spare_);
  }

  std::size_t room(std::size_t size) const noexcept { return std::numeric_limits<std::size_t>::max() - size; }
  Allocator get_allocator() const noexcept { return Allocator(allocator_); }

  /// Throws what building the element throws, or the allocator, having changed nothing.
  template <class... Args>
  void push_back(Args&&... args) {
    if (back_chunk_ != nullptr && back_ < chunk_length) {
      back_chunk_->slots[back_].construct(std::forward<Args>(args)...);
      ++back_;
      return;
    }
    if (spare_ == nullptr) spare_ = make_chunk();
    spare_->slots[0].construct(std::forward<Args>(args)...);
    append_spare();
    back_ = 1;
  }

  /// Need an element.
  T& front() noexcept { return front_chunk_->slots[front_].write(); }
  void pop_front() noexcept {
    front_chunk_->slots[front_].destroy();
    ++front_;
    if (front_chunk_ == back_chunk_) {
      // The last element: the chunk is used again from its start, while it is in the cache.
      if (front_ == back_) front_ = back_ = 0;
    } else if (front_ == chunk_length) {
      drop_front_chunk();
      front_ = 0;
    }
  }

 private:
  chunk* make_chunk() {
    chunk* const made = std::to_address(chunk_traits::allocate(allocator_, 1));
    return std::construct_at(made);
  }

  void give_back(chunk* unused) noexcept {
    std::destroy_at(unused);
    chunk_traits::deallocate(allocator_, std::pointer_traits<chunk_pointer>::pointer_to(*unused), 1);
  }

  void append_spare() noexcept {
    chunk* const added = std::exchange(spare_, nullptr);
    (back_chunk_ == nullptr ? front_chunk_ : back_chunk_->next) = added;
    back_chunk_ = added;
  }

  void drop_front_chunk() noexcept {
    chunk* const used_up = std::exchange(front_chunk_, front_chunk_->next);
    used_up->next = nullptr;
    if (spare_ == nullptr) {
      spare_ = used_up;
    } else {
      give_back(used_up);
    }
  }

  // The elements lie from slot front_ of front_chunk_ up to slot back_ of back_chunk_. Both chunks are null
  // until the first push. If there are no elements, then front_ == back_ == 0 in the one chunk.
  [[no_unique_address]] chunk_allocator allocator_;
  chunk* front_chunk_ = nullptr;
  chunk* back_chunk_ = nullptr;
  std::size_t front_ = 0;
  std::size_t back_ = 0;
  chunk* spare_ = nullptr;  // an unused chunk, or null
};

}  // namespace switchyard::blocking::detail
