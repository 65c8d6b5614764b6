// The members of lock-free maps that do not depend on how a place in the list is found.
//
// Source: our own.
// When: not for users, who name `hash_map` or `ordered_map`.
// Progress, ordering, cost: those of `map_list`.
//
// A map derives from `map_calls<itself, Target, Key, T, Node, Allocator, Means>` and defines
//
//   Target target_for(const Key&) const     what is looked for; its `now_at(const Key&)` tells it that an equal key is
//                                     elsewhere
//   void find_place(const Target&, place&)     for a change
//   Node* look(const Target&) const            to read
//   Node* make(const Target&, key, value)
//   void has_come(Node*) noexcept     a node was linked
//   void has_left(Node*) noexcept     a node was unlinked
//   void has_grown(part&) noexcept    an element was added; called outside of sections
//   const map_link& first_link() const noexcept     the beginning of the list
//   void unlink_marked() noexcept     all that are erased, in the list
//
// where find_place and look may throw what comparing keys throws. All but target_for, make and has_grown are
// called in a section.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <type_traits>
#include <utility>

#include "switchyard/atomics/atomic.h"
#include "switchyard/atomics/backoff.h"
#include "switchyard/atomics/of_this_thread.h"
#include "switchyard/interface/map.h"
#include "switchyard/lockfree/detail/map_list.h"
#include "switchyard/lockfree/rcu.h"
#include "switchyard/threads/per_thread.h"

namespace switchyard::lockfree::detail {

/// How memory is reclaimed. Tests have others.
struct map_means {
  template <class Node, class Deleter>
  using reclaimed = rcu_obj_base<Node, Deleter>;
  static rcu_domain& domain() noexcept { return rcu_default_domain(); }
  static void wait_for_reclamation() noexcept { rcu_barrier(); }
};

template <class Map, class Target, class Key, class T, class Node, class Allocator, class Means>
class map_calls : public map_members<Map, Key, T> {
 public:
  using allocator_type = Allocator;

  map_calls(const map_calls&) = delete;
  map_calls& operator=(const map_calls&) = delete;

  /// Adds the element; or, if the key is there, replaces its value by what `f(T&)` makes of a copy. True: it was added.
  /// f may be called again, with another copy, and also if the element is added in the end. When f throws, nothing has
  /// changed.
  template <class V, class F>
    requires(std::constructible_from<T, V> && std::copy_constructible<T> && std::copy_constructible<Key> &&
             std::invocable<F&, T&>)
  bool insert_or_update(const Key& key, V&& value, F&& f) {
    return put_in(key, std::forward<V>(value), [&](target& what, place& p, auto&) { return change(what, p, f); });
  }

  /// Replaces the value by what `f(T&)` makes of a copy. False: the key is not there. f may be called again, with another
  /// copy. When f throws, nothing has changed.
  template <class F>
    requires(std::copy_constructible<T> && std::copy_constructible<Key> && std::invocable<F&, T&>)
  bool update(const Key& key, F&& f) {
    const target what = self().target_for(key);
    const std::scoped_lock inside(Means::domain());
    for (backoff races;; races.lost_race()) {
      place p{};
      self().find_place(what, p);
      if (p.node == nullptr) return false;
      if (change(what, p, f)) return true;
    }
  }

  /// Erases the element if `decide(const T&)` says so. False: it did not, or the key is not there. `decide` may be called
  /// again, with another value.
  template <class F>
    requires std::predicate<F&, const T&>
  bool erase_if(const Key& key, F&& decide) {
    part& mine = parts_.local();
    const target what = self().target_for(key);
    const std::scoped_lock inside(Means::domain());
    for (backoff races;; races.lost_race()) {
      place p{};
      self().find_place(what, p);
      if (p.node == nullptr || !std::invoke(decide, value_of(p.node))) return false;
      if (!list::erase(p)) continue;
      has_been_erased(mine, what, p, p.then);
      return true;
    }
  }

  /// Erases the element and returns a copy of its value; nullopt: the key is not there. (Others may be looking at it, so it
  /// cannot be moved out.)
  std::optional<T> extract(const Key& key)
    requires std::copy_constructible<T>
  {
    std::optional<T> value;
    const bool erased = erase_if(key, [&](const T& found) {
      value.reset();
      value.emplace(found);
      return true;
    });
    if (!erased) value.reset();
    return value;
  }

  /// Calls `f(const T&)` with the value. False: the key is not there. It may be replaced or erased meanwhile, and f does not
  /// see that. Memory of what is erased waits for f to return; f must not call `rcu_synchronize` nor `rcu_barrier`.
  template <class F>
    requires std::invocable<F&, const T&>
  bool visit(const Key& key, F&& f) const {
    const target what = self().target_for(key);
    const std::scoped_lock inside(Means::domain());
    const Node* const node = self().look(what);
    if (node == nullptr) return false;
    std::invoke(f, value_of(node));
    return true;
  }

  /// Erases the elements that are there, one after the other, not in one step: what others insert meanwhile may stay or go.
  void clear() {
    part& mine = parts_.local();
    const std::scoped_lock inside(Means::domain());
    for (map_word next = self().first_link().load(memory_order_acquire);;) {  // (8) with (4), (5), (6), (7) of map_list
      while (list::is_to_post(next)) next = list::post_of(next).link.load(memory_order_acquire);  // (8)
      Node* const node = list::node_of(next);
      if (node == nullptr) break;
      next = node->link.load(memory_order_acquire);  // (8)
      while (!list::is_marked(next)) {
        // (9) release: like (6) of map_list; acquire, if something has come in between.
        if (node->link.compare_exchange_weak(next, next | map_mark, memory_order_release, memory_order_acquire)) {
          mine.count(-1);
          break;
        }
      }
    }
    self().unlink_marked();
  }

  /// Exact where operations have not overlapped.
  std::size_t size_approx() const noexcept {
    std::int64_t sum = 0;
    parts_.for_each([&](const part& each) { sum += each.balance.load(memory_order_relaxed); });
    return sum > 0 ? static_cast<std::size_t>(sum) : 0;
  }

  allocator_type get_allocator() const noexcept { return allocator_; }

 protected:
  using list = map_list<Node>;
  using place = typename list::place;
  using target = Target;

  /// What a thread has of a map.
  struct part {
    void count(std::int64_t n) noexcept { balance.store(balance.load(memory_order_relaxed) + n, memory_order_relaxed); }

    atomic<std::int64_t> balance{0};  // elements inserted less elements erased by this thread
    std::size_t insertions = 0;       // since the thread last looked whether the map should grow
  };

  explicit map_calls(const Allocator& allocator) : allocator_(allocator) {}
  ~map_calls() {
    // What was erased before is freed later, unless somebody could tell.
    if constexpr (!std::is_trivially_destructible_v<Key> || !std::is_trivially_destructible_v<T> ||
                  !std::is_same_v<typename std::allocator_traits<Allocator>::template rebind_alloc<char>, std::allocator<char>>) {
      // (A map that is itself freed with an element of another cannot wait for others.)
      if (has_retired_.load(memory_order_relaxed) && of_this_thread<freeing_nodes>().depth == 0) {
        Means::wait_for_reclamation();
      }
    }
  }

  static const T& value_of(const Node* node) noexcept { return node->entry.read().value; }
  static const Key& key_of(const Node* node) noexcept { return node->entry.read().key; }

  /// Nobody finds it any more.
  void retire(Node* node) noexcept {
    if (!has_retired_.load(memory_order_relaxed)) has_retired_.store(true, memory_order_relaxed);
    node->retire(free_map_node(), Means::domain());
  }

  void has_been_erased(part& mine, const target& what, place& p, map_word then) noexcept {
    mine.count(-1);
    leave(what, p, then);
  }

  /// Frees all that is in the list; nobody is using it any more.
  void free_all() noexcept {
    for (map_word next = self().first_link().load(memory_order_relaxed);;) {
      while (list::is_to_post(next)) next = list::post_of(next).link.load(memory_order_relaxed);
      Node* const node = list::node_of(next);
      if (node == nullptr) return;
      next = node->link.load(memory_order_relaxed);
      Node::free(node);
    }
  }

  [[no_unique_address]] Allocator allocator_;
  mutable per_thread<part> parts_;

 private:
  friend map_members<Map, Key, T>;
  Map& self() noexcept { return static_cast<Map&>(*this); }
  const Map& self() const noexcept { return static_cast<const Map&>(*this); }

  /// A node that is made when it is needed. Unless it comes into the map, its key and value go back where they came from.
  template <class K, class V>
  class draft {
   public:
    draft(map_calls& owner, K&& key, V&& value) noexcept
        : owner_(owner), key_(std::forward<K>(key)), value_(std::forward<V>(value)) {}
    draft(const draft&) = delete;
    draft& operator=(const draft&) = delete;
    ~draft() {
      if (node_ == nullptr) return;
      if constexpr (std::is_same_v<K, Key> && std::is_move_assignable_v<Key>) take_back(key_, node_->entry.write().key);
      if constexpr (std::is_same_v<V, T> && std::is_move_assignable_v<T>) take_back(value_, node_->entry.write().value);
      Node::free(node_);
    }

    Node* node(target& what) {
      if (node_ == nullptr) {
        node_ = owner_.self().make(what, std::forward<K>(key_), std::forward<V>(value_));
        what.now_at(node_->entry.read().key);
      }
      return node_;
    }
    Node* release() noexcept { return std::exchange(node_, nullptr); }

   private:
    template <class U>
    static void take_back(U& to, U& from) noexcept {
      try {
        to = std::move(from);
      } catch (...) {  // two misfortunes are one too many
      }
    }

    map_calls& owner_;
    K&& key_;
    V&& value_;
    Node* node_ = nullptr;
  };

  template <class K, class V>
  bool insert_of(K&& key, V&& value) {
    return put_in(std::forward<K>(key), std::forward<V>(value), [](const auto&...) { return true; });
  }
  template <class K, class V>
  bool insert_or_assign_of(K&& key, V&& value) {
    return put_in(std::forward<K>(key), std::forward<V>(value), [this](target& what, place& p, auto& fresh) {
      if (!list::replace(p, fresh.node(what))) return false;
      has_been_replaced(what, p, fresh.release());
      return true;
    });
  }

  // Adds the element: true. If its key is there, `is_done(what, place, draft)` is called, and false says that something was
  // faster.
  template <class K, class V, class IsDone>
  bool put_in(K&& key, V&& value, const IsDone& is_done) {
    part& mine = parts_.local();
    {
      target what = self().target_for(key);
      draft<K, V> fresh(*this, std::forward<K>(key), std::forward<V>(value));
      const std::scoped_lock inside(Means::domain());
      for (backoff races;; races.lost_race()) {
        place p{};
        self().find_place(what, p);
        if (p.node != nullptr) {
          if (is_done(what, p, fresh)) return false;
        } else if (list::put(p, fresh.node(what))) {
          has_been_put(mine, fresh.release());
          break;
        }
      }
    }
    self().has_grown(mine);
    return true;
  }

  // Replaces the value that was found. False: something was faster.
  template <class F>
  bool change(const target& what, place& p, F& f) {
    target copied = what;
    draft<const Key&, const T&> fresh(*this, key_of(p.node), value_of(p.node));
    Node* const node = fresh.node(copied);
    std::invoke(f, node->entry.write().value);
    if (!list::replace(p, node)) return false;
    has_been_replaced(what, p, fresh.release());
    return true;
  }

  void has_been_put(part& mine, Node* node) noexcept {
    mine.count(1);
    self().has_come(node);
  }
  void has_been_replaced(const target& what, place& p, Node* by) noexcept {
    leave(what, p, list::to(by));
    self().has_come(by);
  }

  // Unlinks the node that was found and then marked.
  void leave(const target& what, place& p, map_word then) noexcept {
    if (list::unlink(p, then)) return self().has_left(p.node);
    // What has changed there may have had to do with others: look again, which unlinks it. If comparing throws, somebody
    // will who comes by.
    try {
      self().find_place(what, p);
    } catch (...) {
    }
  }

  atomic<bool> has_retired_{false};
};

}  // namespace switchyard::lockfree::detail
