// Arrays of slots for a list of them, one at a time, and one kept back to be used again.
//
// Source: none; what `chunks` and `lifo_chunks` have in common.
//
// When to use it: in a container that grows and shrinks by whole chunks.
//
// Ordering: none; its owner's lock is held.
// Cost: one allocation of about 4 KiB whenever a chunk is wanted and none is kept.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <utility>

#include "switchyard/atomics/plain.h"

namespace switchyard::blocking::detail {

/// Slots for elements, and which chunk the owner wants to find from this one.
template <class T>
struct chunk {
  static constexpr std::size_t length = std::max<std::size_t>(4096 / sizeof(plain<T>), 8);

  plain<T> slots[length];
  chunk* next = nullptr;
};

template <class T, class Allocator>
class chunk_supply {
  using chunk_allocator = typename std::allocator_traits<Allocator>::template rebind_alloc<chunk<T>>;
  using chunk_traits = std::allocator_traits<chunk_allocator>;
  using chunk_pointer = typename chunk_traits::pointer;

 public:
  explicit chunk_supply(const Allocator& allocator) noexcept : allocator_(allocator) {}
  chunk_supply(const chunk_supply&) = delete;
  chunk_supply& operator=(const chunk_supply&) = delete;
  ~chunk_supply() {
    if (spare_ != nullptr) give_back(spare_);
  }

  Allocator get_allocator() const noexcept { return Allocator(allocator_); }

  /// An empty chunk, to look at: it stays here until `take_spare`. Throws what the allocator throws.
  chunk<T>& spare() {
    if (spare_ == nullptr) spare_ = std::construct_at(std::to_address(chunk_traits::allocate(allocator_, 1)));
    return *spare_;
  }

  /// The chunk that `spare` returned, now the caller's.
  chunk<T>* take_spare() noexcept { return std::exchange(spare_, nullptr); }

  /// Takes back a chunk whose elements are gone.
  void keep_or_give_back(chunk<T>* unused) noexcept {
    unused->next = nullptr;
    if (spare_ == nullptr) {
      spare_ = unused;
    } else {
      give_back(unused);
    }
  }
  void give_back(chunk<T>* unused) noexcept {
    std::destroy_at(unused);
    chunk_traits::deallocate(allocator_, std::pointer_traits<chunk_pointer>::pointer_to(*unused), 1);
  }

 private:
  [[no_unique_address]] chunk_allocator allocator_;
  chunk<T>* spare_ = nullptr;  // an unused chunk, or null
};

}  // namespace switchyard::blocking::detail
