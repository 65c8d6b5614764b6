// A sorted list of keys and values that any number of threads put into, take from and walk through: what maps are made of.
//
// Source: Harris, "A pragmatic implementation of non-blocking linked-lists" (DISC 2001), with nodes unlinked one at a time
//   as in Michael, "High performance dynamic lock-free hash tables and list-based sets" (SPAA 2002). Ours: how a value is
//   replaced, and places in the list that lie in tables.
// When: not for users, who name `hash_map` or `ordered_map`.
// Progress: walking is wait-free but for what others put in front of the walker; all else is lock-free.
// Ordering: linearizable: an element is there from when it is linked to when its own link is marked.
// Cost: a node for each element, see `map_node`.
//
// Of the links, only that of a node that is in the list and not erased is ever changed, and:
//
//       P -> N -> S        erase N:   the mark in N's link, `N => S`; from then on the link is never changed again.
//                          replace N: the mark, and in the same step N's link leads to the new node, `N => M -> S`.
//                          then, by anybody: P's link, from N to what N's link leads to; who succeeds gives N's memory up.
//
// Invariant "frozen": a link that has the mark keeps its value. So a node that a walker comes upon, marked or not, was in
//   the list at a moment since it began: what it led to when it was marked could not be unlinked before it was itself.
// Invariant "position": the keys in the list go up, and of equal keys only the last is not marked.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

#include "switchyard/atomics/atomic.h"
#include "switchyard/atomics/of_this_thread.h"
#include "switchyard/atomics/plain.h"
#include "switchyard/lockfree/detail/spare_memory.h"

namespace switchyard::lockfree::detail {

/// A pointer to the next node or post, and what there is to say of the link.
using map_word = std::uintptr_t;
using map_link = atomic<map_word>;

/// The owner of the link is erased or replaced.
inline constexpr map_word map_mark = 1;
/// What the link leads to is a post.
inline constexpr map_word map_to_post = 2;
/// The owner of the link is a post that is not in the list yet, or whose linking nobody has confirmed yet.
inline constexpr map_word map_not_linked = 4;
/// With `map_not_linked`: somebody is at it. (A post is never erased.)
inline constexpr map_word map_claimed = map_mark;
inline constexpr map_word map_tags = 7;

/// A place in the list that stays: where a bucket begins. Lies in a table, and is linked when it is needed.
struct alignas(16) map_post {
  map_link link{map_not_linked};
  plain<std::uint64_t> order;  // written before anybody knows the post
};

/// Of a node that is in one level only.
struct no_tower {
  explicit no_tower(unsigned) noexcept {}
  static constexpr unsigned height = 1;
};

/// Memory comes in blocks that are aligned like nodes.
template <std::size_t Alignment>
struct alignas(Alignment) map_block {
  std::byte bytes[Alignment];
};

struct free_map_node {
  template <class Node>
  void operator()(Node* node) const noexcept {
    Node::free(node);
  }
};

/// Whether this thread is just freeing a node; a map that ends then must not wait for others to be freed.
struct freeing_nodes {
  unsigned depth = 0;
};

/// An `Entry`, which has a key and a value, and its links: one in the list, and those of its `Tower` behind it in memory.
template <class Entry, class Tower, class Allocator, class Means>
class map_node : public Means::template reclaimed<map_node<Entry, Tower, Allocator, Means>, free_map_node> {
 public:
  /// Throws what the allocator and the entry's constructor throw.
  template <class... Args>
  static map_node* make(const Allocator& allocator, unsigned height, Args&&... args) {
    memory mine(allocator);
    void* const room = mine.take(height);
    map_node* const made = ::new (room) map_node(allocator, height);
    try {
      made->entry.construct(std::forward<Args>(args)...);
    } catch (...) {
      made->~map_node();
      mine.give(room, height);
      throw;
    }
    return made;
  }

  static void free(map_node* node) noexcept {
    unsigned& depth = of_this_thread<freeing_nodes>().depth;
    ++depth;
    node->entry.destroy();
    --depth;
    memory mine(node->allocator_);
    const unsigned height = node->tower.height;
    node->~map_node();
    mine.give(node, height);
  }

  map_link& above(unsigned level) noexcept { return reinterpret_cast<map_link*>(this + 1)[level - 1]; }

  map_link link{0};
  [[no_unique_address]] Tower tower;
  plain<Entry> entry;

 private:
  // A template, to be looked into when the node is complete.
  template <class Node>
  struct memory_of {
    static constexpr std::size_t alignment = alignof(Node) > map_tags ? alignof(Node) : map_tags + 1;
    using block = map_block<alignment>;
    using block_allocator = typename std::allocator_traits<Allocator>::template rebind_alloc<block>;
    using traits = std::allocator_traits<block_allocator>;
    static_assert(std::is_same_v<typename traits::pointer, block*>, "a pointer that fits a link");

    // What is freed is used again: nobody could tell.
    static constexpr bool is_kept = spare_memory::is_kept && std::is_same_v<block_allocator, std::allocator<block>> &&
                                    alignment <= __STDCPP_DEFAULT_NEW_ALIGNMENT__;

    explicit memory_of(const Allocator& allocator) : blocks(allocator) {}
    void* take(unsigned height) {
      if constexpr (is_kept) return spare_memory::take(size(height) * sizeof(block));
      return traits::allocate(blocks, size(height));
    }
    void give(void* room, unsigned height) noexcept {
      if constexpr (is_kept) return spare_memory::give(room, size(height) * sizeof(block));
      traits::deallocate(blocks, static_cast<block*>(room), size(height));
    }
    static constexpr std::size_t size(unsigned height) noexcept {
      return (sizeof(Node) + (height - 1) * sizeof(map_link) + sizeof(block) - 1) / sizeof(block);
    }
    block_allocator blocks;
  };
  using memory = memory_of<map_node>;

  map_node(const Allocator& allocator, unsigned height) noexcept : tower(height), allocator_(allocator) {
    for (unsigned level = 1; level < height; ++level) ::new (static_cast<void*>(&above(level))) map_link(0);
  }
  ~map_node() = default;

  [[no_unique_address]] Allocator allocator_;
};

/// Where a node is, seen from what is looked for.
enum class map_position { before, here, after };

/// Whether what judges may meet posts.
template <class Judge>
concept knows_posts = requires(const Judge& judge, const map_post& post) { judge.is_before(post); };

template <class Node>
struct map_list {
  static bool is_marked(map_word word) noexcept { return (word & map_mark) != 0; }
  static bool is_to_post(map_word word) noexcept { return (word & map_to_post) != 0; }
  static map_word unmarked(map_word word) noexcept { return word & ~map_mark; }
  static Node* node_of(map_word word) noexcept { return reinterpret_cast<Node*>(word & ~map_tags); }
  static map_post& post_of(map_word word) noexcept { return *reinterpret_cast<map_post*>(word & ~map_tags); }
  static map_word to(Node* node) noexcept { return reinterpret_cast<map_word>(node); }
  static map_word to(map_post& post) noexcept { return reinterpret_cast<map_word>(&post) | map_to_post; }

  /// Where something is, or would be.
  struct place {
    map_link* at;          // the link that leads there
    map_word next = 0;     // what it led to
    Node* node = nullptr;  // what was looked for, if it is there
    map_word then = 0;     // its link
  };

  /// From `p.at` on to where `judge` says. What is marked is unlinked in passing, and passed to `left`. False: something
  /// else has changed on the way; begin again.
  template <class Judge, class Left>
  static bool seek(place& p, const Judge& judge, const Left& left) {
    p.next = p.at->load(memory_order_acquire);  // (1) with (4), (5), (6), (7)
    if (is_marked(p.next)) return false;
    for (;;) {
      p.node = nullptr;
      if constexpr (knows_posts<Judge>) {
        if (is_to_post(p.next)) {
          map_post& post = post_of(p.next);
          if (!judge.is_before(post)) return true;
          p.at = &post.link;
          for (;;) {
            p.next = post.link.load(memory_order_acquire);  // (1) with (4), (5), (6), (7)
            if ((p.next & map_not_linked) == 0) break;
            confirm(post);  // we came by way of the list, so it is linked
          }
          continue;
        }
      }
      Node* const node = node_of(p.next);
      if (node == nullptr) return true;
      const map_word then = node->link.load(memory_order_acquire);  // (1) with (4), (5), (6), (7)
      if (is_marked(then)) {
        if (!unlink(p, then)) return false;
        left(node);
        p.next = unmarked(then);
        continue;
      }
      switch (judge(node->entry.read())) {
        case map_position::before:
          p.at = &node->link;
          p.next = then;
          continue;
        case map_position::here:
          p.node = node;
          p.then = then;
          return true;
        case map_position::after:
          return true;
      }
    }
  }

  /// From `next`, what a link has led to, on to the node that `judge` looks for, or nullptr: it was not there at a moment
  /// since this began. Changes nothing.
  template <class Judge>
  static Node* look(map_word next, const Judge& judge) {
    for (;;) {
      if constexpr (knows_posts<Judge>) {
        if (is_to_post(next)) {
          map_post& post = post_of(next);
          if (!judge.is_before(post)) return nullptr;
          next = post.link.load(memory_order_acquire);  // (2) with (4), (5), (6), (7)
          continue;
        }
      }
      Node* const node = node_of(next);
      if (node == nullptr) return nullptr;
      const map_word then = node->link.load(memory_order_acquire);  // (2) with (4), (5), (6), (7)
      switch (judge(node->entry.read())) {
        case map_position::before:
          break;
        case map_position::here:
          if (!is_marked(then)) return node;
          break;  // what has replaced it comes next
        case map_position::after:
          return nullptr;
      }
      next = then;
    }
  }

  /// Links a new node, or a post, at a place. False: something was faster.
  static bool put(const place& p, Node* fresh) noexcept {
    fresh->link.store(p.next, memory_order_relaxed);
    map_word seen = p.next;
    // (4) release: with (1), (2).
    return p.at->compare_exchange_strong(seen, to(fresh), memory_order_release, memory_order_relaxed);
  }
  static bool put(const place& p, map_post& post) noexcept {
    post.link.store(p.next | map_not_linked | map_claimed, memory_order_relaxed);
    map_word seen = p.next;
    // (4) release: with (1), (2).
    return p.at->compare_exchange_strong(seen, to(post), memory_order_release, memory_order_relaxed);
  }

  /// The post is in the list, and says so.
  static void confirm(map_post& post) noexcept {
    // (5) release: with (1), (2), of who comes from the table and not by the link that leads there.
    post.link.fetch_and(~(map_not_linked | map_claimed), memory_order_release);
  }

  /// Erases the node that was found. False: something was faster.
  static bool erase(const place& p) noexcept {
    map_word seen = p.then;
    // (6) release: with (1), (2): who finds it gone knows what was done before.
    return p.node->link.compare_exchange_strong(seen, p.then | map_mark, memory_order_release, memory_order_relaxed);
  }

  /// The same, and in the same step has `fresh` take its place.
  static bool replace(const place& p, Node* fresh) noexcept {
    fresh->link.store(p.then, memory_order_relaxed);
    map_word seen = p.then;
    // (6) release: with (1), (2).
    return p.node->link.compare_exchange_strong(seen, to(fresh) | map_mark, memory_order_release, memory_order_relaxed);
  }

  /// Unlinks the node at a place, whose link is `then`, with the mark. False: something was faster.
  static bool unlink(const place& p, map_word then) noexcept {
    map_word seen = p.next;
    // (7) release: with (1), (2).
    return p.at->compare_exchange_strong(seen, unmarked(then), memory_order_release, memory_order_relaxed);
  }
};

}  // namespace switchyard::lockfree::detail
