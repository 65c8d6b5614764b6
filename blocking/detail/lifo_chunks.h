// A list of arrays that grows and shrinks at one end: the storage of the stack.
//
// Source: the stack of std::deque, without the other end.
//
// When to use it: as the `Storage` of `queue_core`, which locks it and counts its elements. First in, first
// out: `chunks`.
//
// Ordering: last in, first out. The front, which `queue_core` pops, is where the last push went.
// Cost: memory is taken a chunk (about 4 KiB) at a time, by the first push and then when a chunk is full, and
//   given back when a chunk is empty. One empty chunk is kept to be used again, so that a stack whose height
//   changes by less than a chunk takes no memory, wherever it stands, and one that was high keeps two at most.
#pragma once

#include <cstddef>
#include <limits>
#include <utility>

#include "switchyard/blocking/detail/chunk_supply.h"

namespace switchyard::blocking::detail {

/// Room for any number of elements. Whoever uses it knows how many there are, and pops them all at the end.
template <class T, class Allocator>
class lifo_chunks {
 public:
  explicit lifo_chunks(const Allocator& allocator) noexcept : supply_(allocator) {}
  lifo_chunks(const lifo_chunks&) = delete;
  lifo_chunks& operator=(const lifo_chunks&) = delete;
  ~lifo_chunks() {
    if (top_chunk_ != nullptr) supply_.give_back(top_chunk_);
  }

  std::size_t room(std::size_t size) const noexcept { return std::numeric_limits<std::size_t>::max() - size; }
  Allocator get_allocator() const noexcept { return supply_.get_allocator(); }

  /// Throws what building the element throws, or the allocator, having changed nothing.
  template <class... Args>
  void push_back(Args&&... args) {
    if (top_chunk_ != nullptr && top_ < chunk<T>::length) {
      top_chunk_->slots[top_].construct(std::forward<Args>(args)...);
      ++top_;
      return;
    }
    supply_.spare().slots[0].construct(std::forward<Args>(args)...);
    chunk<T>* const added = supply_.take_spare();
    added->next = std::exchange(top_chunk_, added);
    top_ = 1;
  }

  /// Need an element.
  T& front() noexcept { return top_chunk_->slots[top_ - 1].write(); }
  void pop_front() noexcept {
    --top_;
    top_chunk_->slots[top_].destroy();
    if (top_ == 0 && top_chunk_->next != nullptr) {
      supply_.keep_or_give_back(std::exchange(top_chunk_, top_chunk_->next));
      top_ = chunk<T>::length;
    }
  }

 private:
  // The elements are the first top_ of top_chunk_ and all of the chunks that follow it, which are full.
  // top_chunk_ is null until the first push, and only the last chunk of the list may be empty.
  [[no_unique_address]] chunk_supply<T, Allocator> supply_;
  chunk<T>* top_chunk_ = nullptr;
  std::size_t top_ = 0;
};

}  // namespace switchyard::blocking::detail
