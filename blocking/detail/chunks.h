// A list of arrays that grows and shrinks with what is in it: the storage of the unbounded queue.
//
// Source: std::deque without its index, since a queue only uses both ends.
//
// When to use it: as the `Storage` of `queue_core`, which locks it and counts its elements. With a limit,
// `ring`. Last in, first out: `lifo_chunks`.
//
// Ordering: first in, first out.
// Cost: memory is taken a chunk (about 4 KiB) at a time, by the first push and then when a chunk is full, and
//   given back when a chunk is used up. One chunk is kept to be used again, so that a queue of steady length
//   takes no memory at all, and a queue that was long keeps two chunks at most.
#pragma once

#include <cstddef>
#include <limits>
#include <utility>

#include "switchyard/blocking/detail/chunk_supply.h"

namespace switchyard::blocking::detail {

/// Room for any number of elements. Whoever uses it knows how many there are, and pops them all at the end.
template <class T, class Allocator>
class chunks {
 public:
  explicit chunks(const Allocator& allocator) noexcept : supply_(allocator) {}
  chunks(const chunks&) = delete;
  chunks& operator=(const chunks&) = delete;
  ~chunks() {
    if (front_chunk_ != nullptr) supply_.give_back(front_chunk_);
  }

  std::size_t room(std::size_t size) const noexcept { return std::numeric_limits<std::size_t>::max() - size; }
  Allocator get_allocator() const noexcept { return supply_.get_allocator(); }

  /// Throws what building the element throws, or the allocator, having changed nothing.
  template <class... Args>
  void push_back(Args&&... args) {
    if (back_chunk_ != nullptr && back_ < chunk<T>::length) {
      back_chunk_->slots[back_].construct(std::forward<Args>(args)...);
      ++back_;
      return;
    }
    supply_.spare().slots[0].construct(std::forward<Args>(args)...);
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
    } else if (front_ == chunk<T>::length) {
      supply_.keep_or_give_back(std::exchange(front_chunk_, front_chunk_->next));
      front_ = 0;
    }
  }

 private:
  void append_spare() noexcept {
    chunk<T>* const added = supply_.take_spare();
    (back_chunk_ == nullptr ? front_chunk_ : back_chunk_->next) = added;
    back_chunk_ = added;
  }

  // The elements lie from slot front_ of front_chunk_ up to slot back_ of back_chunk_. Both chunks are null
  // until the first push. If there are no elements, then front_ == back_ == 0 in the one chunk.
  [[no_unique_address]] chunk_supply<T, Allocator> supply_;
  chunk<T>* front_chunk_ = nullptr;
  chunk<T>* back_chunk_ = nullptr;
  std::size_t front_ = 0;
  std::size_t back_ = 0;
};

}  // namespace switchyard::blocking::detail
