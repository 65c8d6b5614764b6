// An object in memory of its own that others may still be looking at when it is given up.
//
// Source: our own, on read-copy-update.
// When: not for users, who name `synchronized`, `snapshot` or `atomic_shared_ptr`.
// Progress: lock-free, apart from the allocator.
// Ordering: that of who hands the block on.
// Cost: an allocation each; a copy of the allocator in each block, if that has a state.
#pragma once

#include <memory>
#include <new>
#include <type_traits>
#include <utility>

#include "switchyard/lockfree/rcu.h"

namespace switchyard::lockfree::detail {

/// How what is taken out of reach is reclaimed. Tests have other means.
struct rcu_means {
  template <class Object, class Deleter>
  using reclaimed = rcu_obj_base<Object, Deleter>;
  static rcu_domain& domain() noexcept { return rcu_default_domain(); }
  /// Without waiting for a batch to be full.
  static void reclaim_soon() noexcept { rcu_reclaim_soon(); }
};

struct free_block {
  template <class Block>
  void operator()(Block* block) const noexcept {
    block->free();
  }
};

/// An object in memory of its own, which is given back at once, or when nobody can be looking at it any more.
template <class Content, class Allocator, class Means>
class shared_block : public Means::template reclaimed<shared_block<Content, Allocator, Means>, free_block> {
  using block_allocator = typename std::allocator_traits<Allocator>::template rebind_alloc<shared_block>;
  using traits = std::allocator_traits<block_allocator>;
  static_assert(std::is_same_v<typename traits::pointer, shared_block*>, "a pointer that fits a word");

 public:
  /// Throws what the allocator and the content's constructor throw, and then has taken nothing.
  template <class... Args>
  static shared_block* make(const Allocator& allocator, Args&&... args) {
    block_allocator mine(allocator);  // a copy of its own: allocators may not be shared
    struct unused_room {
      ~unused_room() {
        if (room != nullptr) traits::deallocate(allocator, room, 1);
      }
      block_allocator& allocator;
      shared_block* room;
    } place{mine, traits::allocate(mine, 1)};
    shared_block* const made = ::new (static_cast<void*>(place.room)) shared_block(mine, std::forward<Args>(args)...);
    place.room = nullptr;
    return made;
  }

  /// Nobody else knows it.
  void free() noexcept {
    block_allocator mine(allocator_);
    std::destroy_at(this);
    traits::deallocate(mine, this, 1);
  }
  /// Nobody finds it any more.
  void give_up() noexcept { this->retire(free_block(), Means::domain()); }

  Content content;

 private:
  friend void std::destroy_at<shared_block>(shared_block*);

  template <class... Args>
  explicit shared_block(const block_allocator& allocator, Args&&... args)
      : content(std::forward<Args>(args)...), allocator_(allocator) {}
  ~shared_block() = default;

  [[no_unique_address]] block_allocator allocator_;
};

}  // namespace switchyard::lockfree::detail
