// How the elements of a work-stealing deque become words, and come out of them.
//
// Source: our own.
//
// A thief reads a word before it knows whether the element is its own. So a word is all that it may look at: up to
// eight trivially copyable bytes, or the address of a node, into which only the one who has won it looks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "switchyard/atomics/plain.h"
#include "switchyard/interface/queue.h"
#include "switchyard/lockfree/detail/words.h"

namespace switchyard::lockfree::detail {

/// Elements that are the word in a slot.
template <class T, class Allocator>
class deque_words {
 public:
  using word = std::uint64_t;
  static constexpr bool in_nodes = false;

  explicit deque_words(const Allocator&) noexcept {}

  template <class... Args>
  word build(Args&&... args) {
    const T value(std::forward<Args>(args)...);
    return to_word(value);
  }
  pop_result<T> take_own(word w) noexcept { return take_stolen(w); }
  pop_result<T> take_stolen(word w) const noexcept { return pop_result<T>(from_word<T>(w)); }
  void drop(word) noexcept {}
};

/// Elements in nodes, whose addresses are in the slots. A thief looks into a node only when it is its own.
template <class T, class Allocator>
class deque_nodes {
  struct node {
    node() noexcept {}
    ~node() {}
    union {
      node* next = nullptr;  // while it is spare
      plain<T> element;
    };
  };
  using traits = typename std::allocator_traits<Allocator>::template rebind_traits<node>;
  using node_allocator = typename traits::allocator_type;

 public:
  using word = node*;
  static constexpr bool in_nodes = true;

  explicit deque_nodes(const Allocator& allocator) noexcept : allocator_(allocator) {}
  deque_nodes(const deque_nodes&) = delete;
  deque_nodes& operator=(const deque_nodes&) = delete;
  ~deque_nodes() {
    while (spares_ != nullptr) free(std::exchange(spares_, spares_->next));
  }

  /// The owner only.
  template <class... Args>
  word build(Args&&... args) {
    node* const n = get();
    const at_exit guard{*this, n};
    std::construct_at(&n->element)->construct(std::forward<Args>(args)...);
    guard.give_back = nullptr;
    return n;
  }
  pop_result<T> take_own(word n) {
    const at_exit guard{*this, n, true};
    return pop_result<T>(std::move(n->element.write()));
  }
  void drop(word n) noexcept { const at_exit guard{*this, n, true}; }

  /// Any thread.
  pop_result<T> take_stolen(word n) const {
    struct free_at_exit {
      const deque_nodes& nodes;
      node* n;
      ~free_at_exit() {
        n->element.destroy();
        nodes.free(n);
      }
    } guard{*this, n};
    return pop_result<T>(std::move(n->element.write()));
  }

 private:
#ifdef SWITCHYARD_MODEL
  static constexpr std::size_t most_spares = 1;
#else
  static constexpr std::size_t most_spares = 64;
#endif

  struct at_exit {
    deque_nodes& nodes;
    mutable node* give_back;
    bool with_element = false;
    ~at_exit() {
      if (give_back == nullptr) return;
      if (with_element) give_back->element.destroy();
      nodes.put(give_back);
    }
  };

  node* get() {
    if (spares_ != nullptr) {
      --spare_count_;
      return std::exchange(spares_, spares_->next);
    }
    return std::construct_at(std::to_address(traits::allocate(allocator_, 1)));
  }
  void put(node* n) noexcept {
    if (spare_count_ == most_spares) return free(n);
    ++spare_count_;
    std::construct_at(&n->next, std::exchange(spares_, n));
  }
  void free(node* n) const noexcept {
    node_allocator mine(allocator_);  // of this thread
    std::destroy_at(n);
    traits::deallocate(mine, std::pointer_traits<typename traits::pointer>::pointer_to(*n), 1);
  }

  [[no_unique_address]] node_allocator allocator_;
  node* spares_ = nullptr;
  std::size_t spare_count_ = 0;
};

}  // namespace switchyard::lockfree::detail
