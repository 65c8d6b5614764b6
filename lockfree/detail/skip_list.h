// A sorted list that any number of threads put into and take the first of: what priority queues are made of.
//
// Source: the list of Linden and Jonsson, "A skiplist-based concurrent priority queue with minimal memory
//   contention" (OPODIS 2013), where what was popped is a prefix of the list and the mark that says so is on the link
//   that leads to a node. Ours: the levels above, which are an index and no more, and how nodes leave them.
// When: not for users, who name `priority_queue` or `relaxed_priority_queue`.
// Progress: lock-free. A thread stopped inside `insert` or `pop` keeps the memory of what is popped meanwhile from
//   being reused, and stops nobody. The one exception is an element that can be neither copied nor told by its
//   key, see `hand_over::guarded`.
// Ordering: linearizable: a push takes effect when its node is linked at the bottom level, a pop when it marks a link.
// Cost: a node for each element: what a read-copy-update object takes, 16 bytes, the element, and 8 bytes for each
//   of its levels, of which there are 4/3 on average.
//
// The list begins at `front_`, a node that was popped (at first, a place holder):
//
//       front_ -> D1 ==> D2 ==> D3 -> N1 -> N2 -> N3           ==> a marked link: the node behind it was popped
//
// A pop marks the first link that is not marked, D3's, and so has N1. A push of what comes before N1 links its node
// behind D3, by a compare-and-swap that fails if a pop was faster. So what was popped is a prefix, and
//
// Invariant "frontier": the node behind an unmarked link was not popped, and all before the link's owner were.
// Invariant "position": no node ever changes its place among the others; each level has its nodes in that order.
// Rule "down": a search goes down a level from a node only if it has seen that node's bottom link without a mark, and
//   else from the head. What lies behind such a node had not left the list when the search began, so that it can be
//   read for as long as the search takes, whatever level it was found on.
//
// From time to time a pop moves `front_` to the last node that it knows to be popped. Those before have left the
// bottom level. They must leave the other levels, too, before their memory is given up, and a push that is slow may
// just be linking one of them there: so a node of more than one level has two owners, the list and its push, and
// the last to let go cleans up and gives the memory up.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <new>
#include <type_traits>
#include <utility>

#include "switchyard/atomics/atomic.h"
#include "switchyard/atomics/backoff.h"
#include "switchyard/atomics/cache_padded.h"
#include "switchyard/atomics/fetch.h"
#include "switchyard/atomics/plain.h"
#include "switchyard/lockfree/detail/list_element.h"
#include "switchyard/lockfree/rcu.h"

namespace switchyard::lockfree::detail {

/// The means of a list: how its memory is reclaimed. Tests have others.
struct list_means {
  template <class Node, class Deleter>
  using reclaimed = rcu_obj_base<Node, Deleter>;
  static rcu_domain& domain() noexcept { return rcu_default_domain(); }
  static void wait_for_reclamation() noexcept { rcu_barrier(); }
};

/// Sorted so that the largest is first, and those that are equal as they came in. Members but the constructor and the
/// destructor are to be called under a lock of `Means::domain()`.
template <class T, class Compare, class Allocator, class Means = list_means>
class skip_list {
  static constexpr hand_over way = way_of<T, Compare>;
  static constexpr bool is_moved = way == hand_over::moved || way == hand_over::guarded;

 public:
  class node;
  using means = Means;

 private:
  // A pointer to the next node, and in the bottom level whether that was popped.
  using link_word = std::uintptr_t;
  static constexpr link_word mark = 1;
  static bool is_marked(link_word word) noexcept { return (word & mark) != 0; }
  static node* node_of(link_word word) noexcept { return reinterpret_cast<node*>(word & ~mark); }
  static link_word to(node* n) noexcept { return reinterpret_cast<link_word>(n); }

  // Frees nodes once nobody reads them.
  struct reclaim {
    void operator()(node* n) const noexcept {
      while (n != nullptr) free(std::exchange(n, n->after));
    }
  };

 public:
  /// An element in as many levels as it was made for. Its links lie behind it in memory.
  class node : public Means::template reclaimed<node, reclaim> {
    friend class skip_list;
    using element_type = list_element<T, Compare>;
    using link_type = atomic<link_word>;
    struct nothing {};
    using counter = std::conditional_t<way == hand_over::guarded, atomic<std::uint32_t>, nothing>;

    node(unsigned levels, const Allocator& from) noexcept
        : allocator(from), height(static_cast<std::uint8_t>(levels)), owners(levels > 1 ? 2 : 1) {
      for (unsigned level = 0; level < levels; ++level) ::new (static_cast<void*>(&link(level))) link_type(0);
    }
    ~node() = default;

    link_type& link(unsigned level) noexcept { return reinterpret_cast<link_type*>(this + 1)[level]; }
    const link_type& link(unsigned level) const noexcept {
      return reinterpret_cast<const link_type*>(this + 1)[level];
    }

    // True for the last: whatever the other has done happens before. Of one level, the list is the only owner.
    bool let_go() noexcept {
      return height == 1 || owners.fetch_sub(1, memory_order_acq_rel) == 1;  // (11) with itself
    }

    [[no_unique_address]] Allocator allocator;
    node* after;  // written by the last owner: what is freed next
    const std::uint8_t height;
    atomic<std::uint8_t> owners;
    [[no_unique_address]] counter comparing{};  // whether it is leaving, and how many are comparing the element
    element_type element;
  };

#ifdef SWITCHYARD_MODEL
  static constexpr unsigned max_height = 2;
  static constexpr unsigned batch = 2;
#else
  static constexpr unsigned max_height = 12;  // 4^12: 16 million
  static constexpr unsigned batch = 4;        // popped nodes in front of the first element, more or less
#endif

  skip_list(const Compare& compare, const Allocator& allocator) : allocator_(allocator), compare_(compare) {
    front_->store(::new (static_cast<void*>(place_holder_)) node(1, allocator_), memory_order_relaxed);
  }
  skip_list(const skip_list&) = delete;
  skip_list& operator=(const skip_list&) = delete;

  /// No other thread may be using the list.
  ~skip_list() {
    node* n = front_->load(memory_order_relaxed);
    const bool has_retired = n != place_holder();
    bool is_popped = true;
    do {
      const link_word next = n->link(0).load(memory_order_relaxed);
      if (n != place_holder()) {
        if (is_moved && !is_popped) n->element.value.destroy();
        free(n);
      }
      is_popped = is_marked(next);
      n = node_of(next);
    } while (n != nullptr);
    // What was given up before is freed later, unless somebody could tell.
    if constexpr (!std::is_trivially_destructible_v<T> || !std::is_same_v<Allocator, std::allocator<T>>) {
      if (has_retired) Means::wait_for_reclamation();
    }
  }

  Allocator get_allocator() const noexcept { return allocator_; }

  /// A node of so many levels, with an element, for `insert`. Needs no lock.
  template <class... Args>
  node* make(unsigned height, Args&&... args) {
    block_allocator blocks(allocator_);
    block* const memory = std::allocator_traits<block_allocator>::allocate(blocks, blocks_for(height));
    node* const n = ::new (static_cast<void*>(memory)) node(height, allocator_);
    try {
      n->element.construct(compare_, std::forward<Args>(args)...);
    } catch (...) {
      n->~node();
      std::allocator_traits<block_allocator>::deallocate(blocks, memory, blocks_for(height));
      throw;
    }
    return n;
  }

  /// Destroys a node that could not be inserted, after it was made of `args`: a T that was moved in is moved back.
  /// Needs no lock.
  template <class... Args>
  void take_back(node* n, Args&... args) noexcept {
    if constexpr (sizeof...(Args) == 1 && (std::is_same_v<T, Args> && ...) && std::is_move_assignable_v<T>) {
      try {
        ((args = std::move(n->element.value.write())), ...);
      } catch (...) {  // two misfortunes are one too many
      }
    }
    if constexpr (is_moved) n->element.value.destroy();
    free(n);
  }

  /// Puts the node in its place. If comparing throws, nothing has happened.
  void insert(node* fresh) {
    way_down path[max_height];
    insert_at_bottom(fresh, find(*fresh, path));
    if (fresh->height > 1) {
      insert_above(fresh, path);
      if (fresh->let_go()) {  // it was popped meanwhile, and has left the bottom level
        clean(fresh->height);
        fresh->after = nullptr;
        fresh->retire(reclaim(), Means::domain());
      }
    }
  }

  /// Calls `sink` with the first element, and with what it throws that is lost. False: there is none.
  template <class Sink>
  bool pop(Sink& sink) {
    node* const first = front_->load(memory_order_acquire);  // (1) with (2)
    node* last = first;
    link_word next = last->link(0).load(memory_order_acquire);  // (3) with (4)
    for (unsigned passed = 1;;) {
      // To the frontier.
      for (; is_marked(next); ++passed) {
        last = node_of(next);
        next = last->link(0).load(memory_order_acquire);  // (3) with (4)
      }
      if (next == 0) return false;
      if constexpr (way == hand_over::copied_before) {
        T copy(node_of(next)->element.value.read());
        // (5) acquire: with (4), if it fails and so finds another node.
        // (Acquire on success only because g++ 12 does not like a failure that is stronger.)
        if (!last->link(0).compare_exchange_strong(next, next | mark, memory_order_acquire, memory_order_acquire)) continue;
        if (passed >= batch) advance(first, node_of(next));
        sink(std::move(copy));
        return true;
      } else {
        // (6) acquire: with (4), of a node that came in before we marked the link to it.
        next = last->link(0).fetch_or(mark, memory_order_acquire);
        if (is_marked(next)) continue;
        node* const popped = node_of(next);
        if (passed >= batch) advance(first, popped);
        give(popped, sink);
        return true;
      }
    }
  }

  /// The first element's node, or nullptr.
  node* first() const noexcept {
    const node* last = front_->load(memory_order_acquire);  // (1) with (2)
    for (;;) {
      const link_word next = last->link(0).load(memory_order_acquire);  // (3) with (4)
      if (!is_marked(next)) return node_of(next);
      last = node_of(next);
    }
  }

  /// Whether the element of `a`, which `first` of any list has returned, comes after that of `b`. Popped ones come last.
  bool comes_after(node* a, node* b) const {
    const being_compared of_a(a);
    if (!of_a) return true;
    const being_compared of_b(b);
    return of_b && node::element_type::less(compare_, a->element, b->element);
  }

 private:
  // Memory comes in blocks that are aligned like nodes.
  struct alignas(node) block {
    std::byte bytes[alignof(node)];
  };
  using block_allocator = typename std::allocator_traits<Allocator>::template rebind_alloc<block>;
  static constexpr std::size_t blocks_for(unsigned height) noexcept {
    return (sizeof(node) + height * sizeof(atomic<link_word>) + sizeof(block) - 1) / sizeof(block);
  }

  // Where a search went down from a level.
  struct way_down {
    node* from = nullptr;  // the last node before the place, or the head
    link_word next = 0;    // the link there
    node* then = nullptr;  // the first node after the place; others than `next` only if those between were popped
  };

  enum class relation { before, after, popped };

  // Keeps a guarded element where it is. False: it was popped.
  class being_compared {
   public:
    explicit being_compared(node* n) noexcept : node_(n) {
      if constexpr (way == hand_over::guarded) {
        if ((n->comparing.fetch_add(one_comparing, memory_order_relaxed) & is_leaving) != 0) end();
      }
    }
    being_compared(const being_compared&) = delete;
    being_compared& operator=(const being_compared&) = delete;
    ~being_compared() {
      if (node_ != nullptr) end();
    }
    explicit operator bool() const noexcept { return node_ != nullptr; }

   private:
    void end() noexcept {
      if constexpr (way == hand_over::guarded) node_->comparing.fetch_sub(one_comparing, memory_order_release);  // (7) with (8)
      node_ = nullptr;
    }

    node* node_;
  };
  static constexpr std::uint32_t is_leaving = 1;
  static constexpr std::uint32_t one_comparing = 2;

  // Where `n` is, seen from `fresh`.
  relation relation_of(node* n, const node& fresh) const {
    const being_compared now(n);
    if (!now) return relation::popped;
    return node::element_type::less(compare_, n->element, fresh.element) ? relation::after : relation::before;
  }

  // Whether one that comes after `n` was popped; then `n` was, too.
  static bool is_behind_frontier(const node* n) noexcept {
    return is_marked(n->link(0).load(memory_order_relaxed));
  }

  // Where to begin at the bottom. Fills in the `path` above, as far as the node is to be linked there.
  node* find(const node& fresh, way_down* path) const {
    node* from = nullptr;  // by the rule "down"
    for (unsigned level = std::max<unsigned>(levels_.load(memory_order_relaxed), fresh.height) - 1; level > 0; --level) {
      const link_word next = link_at(from, level).load(memory_order_acquire);  // (9) with (10)
      way_down here{from, next, node_of(next)};
      while (here.then != nullptr) {
        if (is_behind_frontier(here.then)) {  // go past it, and forget it
          here.then = node_of(here.then->link(level).load(memory_order_acquire));  // (9) with (10)
          continue;
        }
        // While this node is on its way from memory, so may be the next, should this one be too far.
        if (level > 1) __builtin_prefetch(node_of(link_at(from, level - 1).load(memory_order_relaxed)));
        const relation r = relation_of(here.then, fresh);
        if (r == relation::after) break;
        const link_word next_there = here.then->link(level).load(memory_order_acquire);  // (9) with (10)
        if (r == relation::before) {
          from = here.then;
          here = {from, next_there, nullptr};
        }
        here.then = node_of(next_there);
      }
      if (level < fresh.height) path[level] = here;
    }
    return from != nullptr ? from : front_->load(memory_order_acquire);  // (1) with (2)
  }

  // Puts the node in its place, which is after `last`.
  void insert_at_bottom(node* fresh, node* last) {
    link_word next = last->link(0).load(memory_order_acquire);  // (3) with (4)
    for (;;) {
      // Past what was popped, and what is not smaller.
      while (node* const n = node_of(next)) {
        if (!is_marked(next) && relation_of(n, *fresh) == relation::after) break;
        last = n;
        next = last->link(0).load(memory_order_acquire);  // (3) with (4)
      }
      fresh->link(0).store(next, memory_order_relaxed);
      // (4) release: with (3), (5), (6); acquire, if it fails and so finds another node.
      if (last->link(0).compare_exchange_weak(next, to(fresh), memory_order_release, memory_order_acquire)) return;
    }
  }

  // Links the node where the search went down. Where another was faster, it stays out of the levels from there on: its
  // place is found through the other just as well.
  void insert_above(node* fresh, const way_down* path) noexcept {
    const node* frontier = nullptr;
    for (unsigned level = 1; level < fresh->height; ++level) {
      way_down here = path[level];
      // What comes behind `fresh` on this level must do so in the list. What is smaller does, unless it had been popped
      // when `fresh` came in. Then so had the node before it; if that is the head, look where the frontier is.
      if (here.from != nullptr) {
        if (is_behind_frontier(here.from)) return;
      } else {
        if (frontier == nullptr) frontier = last_popped();
        bool moved = false;
        while (here.then != nullptr && (here.then == frontier || is_behind_frontier(here.then))) {
          here.then = node_of(here.then->link(level).load(memory_order_acquire));  // (9) with (10)
          moved = true;
        }
        if (moved && here.then != nullptr && !is_after(here.then, *fresh)) return;
      }
      fresh->link(level).store(to(here.then), memory_order_relaxed);
      // (10) release: with (9).
      if (!link_at(here.from, level).compare_exchange_strong(here.next, to(fresh), memory_order_release, memory_order_relaxed)) {
        return;
      }
    }
    if (fresh->height > levels_.load(memory_order_relaxed)) fetch_max<unsigned>(levels_, fresh->height, memory_order_relaxed);
  }

  bool is_after(node* n, const node& fresh) const noexcept {
    try {
      return relation_of(n, fresh) == relation::after;
    } catch (...) {
      return false;
    }
  }

  const node* last_popped() const noexcept {
    const node* last = front_->load(memory_order_acquire);  // (1) with (2)
    for (;;) {
      const link_word next = last->link(0).load(memory_order_acquire);  // (3) with (4)
      if (!is_marked(next)) return last;
      last = node_of(next);
    }
  }

  // Moves the front on, unless another has.
  void advance(node* first, node* last) noexcept {
    if (front_->load(memory_order_relaxed) != first) return;
    node* seen = first;
    // (2) release: with (1).
    if (!front_->compare_exchange_strong(seen, last, memory_order_release, memory_order_relaxed)) return;
    // Collect those that have no other owner. The tallest says how many levels they are on.
    node* collected = nullptr;
    unsigned height = 1;
    for (node* n = first; n != last;) {
      node* const next = node_of(n->link(0).load(memory_order_relaxed));
      if (n != place_holder() && n->let_go()) {
        n->after = collected;
        collected = n;
        height = std::max<unsigned>(height, n->height);
      }
      n = next;
    }
    clean(height);
    if (collected != nullptr) collected->retire(reclaim(), Means::domain());
  }

  // Leads the head of each level below `height` past all nodes that have left the bottom.
  void clean(unsigned height) noexcept {
    for (unsigned level = 1; level < height; ++level) {
      link_word next = heads_[level - 1].load(memory_order_acquire);  // (9) with (10)
      while (next != 0 && is_behind_frontier(node_of(next))) {
        node* then = node_of(next);
        do then = node_of(then->link(level).load(memory_order_acquire));  // (9) with (10)
        while (then != nullptr && is_behind_frontier(then));
        // (10) release: with (9). If it fails, another has linked a node there, or cleaned. It cannot have been all the
        // same to who cleans on behalf of nodes after ours: that one replaces `next`, too.
        if (heads_[level - 1].compare_exchange_strong(next, to(then), memory_order_release, memory_order_acquire)) break;
      }
    }
  }

  // Hands the element over, and leaves nothing of it where it is moved.
  template <class Sink>
  static void give(node* popped, Sink& sink) {
    if constexpr (way == hand_over::copied) {
      T copy(popped->element.value.read());
      sink(std::move(copy));
    } else {
      if constexpr (way == hand_over::guarded) {
        popped->comparing.fetch_or(is_leaving, memory_order_relaxed);
        // (8) acquire: with (7).
        for (backoff spin; popped->comparing.load(memory_order_acquire) != is_leaving;) spin.wait();
      }
      struct at_exit {
        plain<T>& value;
        ~at_exit() { value.destroy(); }
      } end{popped->element.value};
      sink(std::move(popped->element.value.write()));
    }
  }

  // Of a node that has no element any more if elements are moved.
  static void free(node* n) noexcept {
    if constexpr (!is_moved) n->element.value.destroy();
    n->element.destroy_key();
    const std::size_t size = blocks_for(n->height);
    block_allocator blocks(n->allocator);
    n->~node();
    std::allocator_traits<block_allocator>::deallocate(blocks, reinterpret_cast<block*>(n), size);
  }

  node* place_holder() noexcept { return std::launder(reinterpret_cast<node*>(place_holder_)); }
  atomic<link_word>& link_at(node* from, unsigned level) noexcept {
    return from == nullptr ? heads_[level - 1] : from->link(level);
  }
  const atomic<link_word>& link_at(const node* from, unsigned level) const noexcept {
    return from == nullptr ? heads_[level - 1] : from->link(level);
  }

  // Written by pops now and then.
  cache_padded<atomic<node*>> front_;
  // The levels but the bottom one; seldom written.
  alignas(cache_padding) atomic<link_word> heads_[max_height - 1];
  atomic<unsigned> levels_{1};  // in use, about
  [[no_unique_address]] Allocator allocator_;
  [[no_unique_address]] Compare compare_;
  alignas(node) std::byte place_holder_[blocks_for(1) * sizeof(block)];  // the node at the front of a new list
};

}  // namespace switchyard::lockfree::detail
