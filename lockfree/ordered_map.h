// A map from keys to values in the order of the keys, for any number of threads; no stopped thread can block it.
//
// Source: skip lists (Pugh 1990) without locks, as in Fraser, "Practical lock-freedom" (2004), and Herlihy and Shavit. Ours: what
//   is in the map is a matter of the list alone, `detail/map_list.h`; the levels above are an index, and an element leaves it
//   when both the list and the thread that put it there have let go.
// When: an order book, a table of times, an index that many threads search. Where the order does not matter, `hash_map` is
//   several times faster. On few processors, or where most calls are changes, `blocking::ordered_map`, which has the
//   same members. To take the largest and nothing else, `priority_queue`.
// Progress: `find`, `visit` and `contains` are wait-free, but for elements that others put in front of them and for what
//   copying, comparing and f take. All else is lock-free, apart from the allocator. A thread that stops inside a call keeps
//   what is erased from then on from being freed, so that memory grows; it stops nobody.
// Ordering: linearizable, but `for_each`, `for_each_in` and `clear`, which go from element to element: what is there all the
//   time is met once, what comes or goes meanwhile may be or not; and `pop_first`, which erases an element that was the
//   first at a moment of the call: one before it may have come in since. What happened before a change happens before
//   what follows a call that sees it, or sees that the key is gone.
// Exceptions: what Compare, the allocator, f, or copying or moving a key or a value throws passes on, and nothing has changed.
// Cost: a search is logarithmic, in a read-copy-update section (about a nanosecond). An element takes a node of 32 bytes
//   besides itself, and 8 for each of its levels above the list, of which there are a third on average. A value is
//   replaced with its node. With std::allocator the memory of up to 2048 nodes of each size that a thread has freed stays
//   with it for those that it makes next, until it ends. A thread's first call on a map takes 128 bytes, and its
//   first on any 128 more, without which the program ends, as with `rcu`. What is erased is destroyed later, by any
//   thread, at the latest when the map is.
//
//   ordered_map<price, order> book;
//   book.insert(price(101), order{...});
//   if (auto best = book.first()) match(best->second);
//   book.for_each_in(price(100), price(110), [](const price& p, const order& o) { show(p, o); });
#pragma once

#include <algorithm>
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
#include "switchyard/atomics/fetch.h"
#include "switchyard/lockfree/detail/list_calls.h"
#include "switchyard/lockfree/detail/map_calls.h"
#include "switchyard/lockfree/detail/map_list.h"
#include "switchyard/threads/random.h"

namespace switchyard::lockfree {

namespace detail {

template <class Key, class T>
struct ordered_entry {
  template <class K, class V>
  ordered_entry(K&& k, V&& v) : key(std::forward<K>(k)), value(std::forward<V>(v)) {}

  [[no_unique_address]] Key key;
  [[no_unique_address]] T value;
};

/// Of a node that is in several levels, and who has still to do with those above the list: the list itself, while the
/// node is in it, and the thread that links it above.
class ordered_tower {
 public:
  explicit ordered_tower(unsigned levels) noexcept
      : height(static_cast<std::uint8_t>(levels)), owners_(levels > 1 ? 2 : 1) {}

  /// True for the last: whatever the other has done happens before. Of one level, the list is the only owner.
  bool let_go() noexcept {
    return height == 1 || owners_.fetch_sub(1, memory_order_acq_rel) == 1;  // (1) with itself
  }

  const std::uint8_t height;

 private:
  atomic<std::uint8_t> owners_;
};

template <class Key, class T, class Allocator, class Means>
using ordered_node = map_node<ordered_entry<Key, T>, ordered_tower, Allocator, Means>;

/// A key that is looked for.
template <class Key, class T, class Compare>
class ordered_target {
 public:
  ordered_target(const Compare& compare, const Key& key) noexcept : compare_(compare), key_(std::addressof(key)) {}
  void now_at(const Key& key) noexcept { key_ = std::addressof(key); }

  bool is_after(const ordered_entry<Key, T>& entry) const { return compare_(entry.key, *key_); }
  bool is_before(const ordered_entry<Key, T>& entry) const { return compare_(*key_, entry.key); }
  map_position operator()(const ordered_entry<Key, T>& entry) const {
    if (is_after(entry)) return map_position::before;
    return is_before(entry) ? map_position::after : map_position::here;
  }

 private:
  const Compare& compare_;
  const Key* key_;
};

}  // namespace detail

/// Most members are described at `map_calls` and `map_members`. `Means` is how memory is reclaimed; tests have others.
///
/// Not to be destroyed inside a section of the read-copy-update domain; a map may be a value of another.
template <class Key, class T, class Compare = std::less<Key>, class Allocator = std::allocator<std::pair<const Key, T>>,
          class Means = detail::map_means>
class ordered_map
    : public detail::map_calls<ordered_map<Key, T, Compare, Allocator, Means>, detail::ordered_target<Key, T, Compare>, Key, T,
                               detail::ordered_node<Key, T, Allocator, Means>, Allocator, Means> {
  using node = detail::ordered_node<Key, T, Allocator, Means>;
  using target = detail::ordered_target<Key, T, Compare>;
  using calls = detail::map_calls<ordered_map, target, Key, T, node, Allocator, Means>;
  using entry_type = detail::ordered_entry<Key, T>;

 public:
  using key_compare = Compare;
  using value_type = std::pair<Key, T>;

  /// Empty; takes no memory yet.
  ordered_map() : ordered_map(Compare()) {}
  explicit ordered_map(const Compare& compare, const Allocator& allocator = Allocator()) : calls(allocator), compare_(compare) {}
  explicit ordered_map(const Allocator& allocator) : ordered_map(Compare(), allocator) {}
  ~ordered_map() { this->free_all(); }

  /// Calls `f(const Key&, const T&)` for one element after the other, in order; see "Ordering". Memory of what is erased
  /// waits for the whole of it. f may call the map. What f throws passes on.
  template <class F>
    requires std::invocable<F&, const Key&, const T&>
  void for_each(F&& f) const {
    const std::scoped_lock inside(Means::domain());
    walk(heads_[0].load(memory_order_acquire), f, [](const entry_type&) { return true; });  // (2)
  }

  /// The same, for the keys that are not less than `from`, and less than `to`.
  template <class F>
    requires std::invocable<F&, const Key&, const T&>
  void for_each_in(const Key& from, const Key& to, F&& f) const {
    const target begin = target_for(from);
    const target end = target_for(to);
    const std::scoped_lock inside(Means::domain());
    const auto in_range = [&](const Key& key, const T& value) {
      if (!compare_(key, from)) std::invoke(f, key, value);
    };
    walk(link_at(last_before(begin), 0).load(memory_order_acquire), in_range,  // (2)
         [&](const entry_type& entry) { return end.is_after(entry); });
  }

  /// A copy of the first element; nullopt: there is none.
  std::optional<value_type> first() const
    requires(std::copy_constructible<Key> && std::copy_constructible<T>)
  {
    const std::scoped_lock inside(Means::domain());
    return copy_of(changeable().find_first().node);
  }

  /// A copy of the first element whose key is not less than `key`; nullopt: there is none.
  std::optional<value_type> lower_bound(const Key& key) const
    requires(std::copy_constructible<Key> && std::copy_constructible<T>)
  {
    const target what = target_for(key);
    const auto not_less = [&](const entry_type& entry) {
      return what.is_after(entry) ? detail::map_position::before : detail::map_position::here;
    };
    const std::scoped_lock inside(Means::domain());
    // As for a change: who goes past what is erased without unlinking it does not know what has come in before it.
    place p{};
    changeable().find_where(what, not_less, p);
    return copy_of(p.node);
  }

  /// Erases the first element, see "Ordering", and returns a copy; nullopt: there is none.
  std::optional<value_type> pop_first()
    requires(std::copy_constructible<Key> && std::copy_constructible<T>)
  {
    auto& mine = this->parts_.local();
    const std::scoped_lock inside(Means::domain());
    for (backoff races;; races.lost_race()) {
      place p = find_first();
      std::optional<value_type> copy = copy_of(p.node);
      if (!copy) return copy;
      if (!list::erase(p)) continue;
      this->has_been_erased(mine, target_for(calls::key_of(p.node)), p, p.then);
      return copy;
    }
  }

  key_compare key_comp() const { return compare_; }

 private:
  friend calls;
  using list = typename calls::list;
  using place = typename calls::place;
  using typename calls::part;

#ifdef SWITCHYARD_MODEL
  static constexpr unsigned max_height = 3;
#else
  static constexpr unsigned max_height = 12;  // 4^12: 16 million
#endif

  ordered_map& changeable() const noexcept { return const_cast<ordered_map&>(*this); }

  // Relaxed: what is gone from the index was seen to be erased, then unlinked, then retired; who comes after that sees the
  // mark because nobody reads what is older than what was read before. Nothing else is read because of it.
  static bool is_erased(const node* n) noexcept { return list::is_marked(n->link.load(memory_order_relaxed)); }

  detail::map_link& link_at(node* from, unsigned level) const noexcept {
    if (from == nullptr) return heads_[level];
    return level == 0 ? from->link : from->above(level);
  }

  node* last_before(const target& what, unsigned above = 0) const;
  place gap(unsigned level, const target& what, bool past_equal);
  bool seek_above(unsigned level, place& p, const auto& is_end);

  template <class Judge>
  void find_where(const target& what, const Judge& judge, place& p) {
    for (backoff races;; races.lost_race()) {
      p.at = &link_at(last_before(what), 0);
      if (list::seek(p, judge, [this](node* n) { has_left(n); })) return;
    }
  }
  target target_for(const Key& key) const noexcept { return target(compare_, key); }
  void find_place(const target& what, place& p) { find_where(what, what, p); }
  node* look(const target& what) const {
    return list::look(link_at(last_before(what), 0).load(memory_order_acquire), what);  // (2) with (4), (6), (7) of map_list
  }
  place find_first() noexcept {
    place p{};
    do p.at = &heads_[0];
    while (!list::seek(p, [](const entry_type&) { return detail::map_position::here; }, [this](node* n) { has_left(n); }));
    return p;
  }
  void unlink_marked() noexcept {
    place p{};
    do p.at = &heads_[0];
    while (!list::seek(p, [](const entry_type&) { return detail::map_position::before; }, [this](node* n) { has_left(n); }));
  }

  template <class K, class V>
  node* make(const target&, K&& key, V&& value) {
    return node::make(this->allocator_, detail::random_height<max_height>(random_number()), std::forward<K>(key),
                      std::forward<V>(value));
  }
  const detail::map_link& first_link() const noexcept { return heads_[0]; }
  void has_grown(part&) noexcept {}

  void has_come(node* fresh) noexcept;
  void has_left(node* gone) noexcept;
  void link_above(node* fresh);
  void clean(node* gone) noexcept;

  template <class F, class Goes>
  static void walk(detail::map_word next, F& f, const Goes& goes_on);

  static std::optional<value_type> copy_of(const node* n) {
    if (n == nullptr) return std::nullopt;
    return std::optional<value_type>(std::in_place, calls::key_of(n), calls::value_of(n));
  }

  [[no_unique_address]] Compare compare_;
  atomic<unsigned> levels_{1};  // in use, about
  mutable detail::map_link heads_[max_height]{};
};

// The levels above are an index. A node is linked there by who has put it in, from the bottom up, and an erased one is
// unlinked by whoever comes upon it for a change; its link is marked before, as in the list. Of the nodes with one key
// that are on a level, at most one is not erased.
//
// Rule "down": a search goes down a level from a node only if it has seen that node's link in the list without a mark, and
//   else from the one before. Since links above are marked later than that in the list, what such a node leads to on any
//   level, marked or not, was there at a moment since the search began, and can be read for as long as it takes.

// The last node above `above` that is before what is looked for, and was not erased at a moment since; or nullptr: the head.
template <class Key, class T, class Compare, class Allocator, class Means>
auto ordered_map<Key, T, Compare, Allocator, Means>::last_before(const target& what, unsigned above) const -> node* {
  node* from = nullptr;
  for (unsigned level = std::max(levels_.load(memory_order_relaxed), above + 1) - 1; level > above; --level) {
    detail::map_word next = link_at(from, level).load(memory_order_acquire);  // (4) with (5)
    while (node* const n = list::node_of(next)) {
#ifndef SWITCHYARD_MODEL
      // While this node is on its way from memory, so may be the next, should this one be too far.
      __builtin_prefetch(list::node_of(link_at(from, level - 1).load(memory_order_relaxed)));
#endif
      if (!is_erased(n)) {
        if (!what.is_after(n->entry.read())) break;
        from = n;
      }
      next = n->above(level).load(memory_order_acquire);  // (4) with (5)
    }
  }
  return from;
}

// From `p.at` on to where `is_end` says, or to the end of the level; erased nodes are unlinked there. False: something else
// has changed on the way.
template <class Key, class T, class Compare, class Allocator, class Means>
bool ordered_map<Key, T, Compare, Allocator, Means>::seek_above(unsigned level, place& p, const auto& is_end) {
  p.next = p.at->load(memory_order_acquire);  // (4) with (5)
  for (;;) {
    if (list::is_marked(p.next)) return false;
    node* const n = list::node_of(p.next);
    if (n == nullptr) return true;
    if (is_erased(n)) {
      // (6) acquire: like (4).
      const detail::map_word then = list::unmarked(n->above(level).fetch_or(detail::map_mark, memory_order_acquire));
      detail::map_word seen = p.next;
      // (5) release: with (4).
      if (!p.at->compare_exchange_strong(seen, then, memory_order_release, memory_order_relaxed)) return false;
      p.next = then;
      continue;
    }
    if (is_end(n->entry.read())) return true;
    p.at = &n->above(level);
    p.next = p.at->load(memory_order_acquire);  // (4) with (5)
  }
}

// Where a key belongs on a level above: before or behind one that is equal. Nothing erased is left at that key.
template <class Key, class T, class Compare, class Allocator, class Means>
auto ordered_map<Key, T, Compare, Allocator, Means>::gap(unsigned level, const target& what, bool past_equal) -> place {
  for (backoff races;; races.lost_race()) {
    place p{&link_at(last_before(what, level), level)};
    const auto is_end = [&](const entry_type& entry) { return past_equal ? what.is_before(entry) : !what.is_after(entry); };
    if (seek_above(level, p, is_end)) return p;
  }
}

// A node is in the list: links it above. If comparing throws, it stays out of the levels from there on; it is found all the
// same.
template <class Key, class T, class Compare, class Allocator, class Means>
void ordered_map<Key, T, Compare, Allocator, Means>::has_come(node* fresh) noexcept {
  if (fresh->tower.height == 1) return;
  try {
    link_above(fresh);
  } catch (...) {
  }
  if (!fresh->tower.let_go()) return;
  // It has left the list meanwhile.
  clean(fresh);
  this->retire(fresh);
}

template <class Key, class T, class Compare, class Allocator, class Means>
void ordered_map<Key, T, Compare, Allocator, Means>::link_above(node* fresh) {
  const target what = target_for(calls::key_of(fresh));
  for (unsigned level = 1; level < fresh->tower.height; ++level) {
    for (;;) {
      if (is_erased(fresh)) return;
      const place p = gap(level, what, false);
      fresh->above(level).store(p.next, memory_order_relaxed);
      detail::map_word seen = p.next;
      // (5) release: with (4).
      if (p.at->compare_exchange_strong(seen, list::to(fresh), memory_order_release, memory_order_relaxed)) break;
    }
  }
  if (fresh->tower.height > levels_.load(memory_order_relaxed)) {
    fetch_max<unsigned>(levels_, fresh->tower.height, memory_order_relaxed);
  }
}

// A node has left the list.
template <class Key, class T, class Compare, class Allocator, class Means>
void ordered_map<Key, T, Compare, Allocator, Means>::has_left(node* gone) noexcept {
  if (!gone->tower.let_go()) return;
  if (gone->tower.height > 1) clean(gone);
  this->retire(gone);
}

// Nobody links the node any more; sees to it that it is on no level.
template <class Key, class T, class Compare, class Allocator, class Means>
void ordered_map<Key, T, Compare, Allocator, Means>::clean(node* gone) noexcept {
  try {
    const target what = target_for(calls::key_of(gone));
    for (unsigned level = gone->tower.height - 1u; level > 0; --level) (void)gap(level, what, true);
  } catch (...) {
    // Without comparing: all that are erased, on all levels where it may be.
    for (unsigned level = gone->tower.height - 1u; level > 0; --level) {
      place p{};
      do p.at = &heads_[level];
      while (!seek_above(level, p, [](const entry_type&) { return false; }));
    }
  }
}

template <class Key, class T, class Compare, class Allocator, class Means>
template <class F, class Goes>
void ordered_map<Key, T, Compare, Allocator, Means>::walk(detail::map_word next, F& f, const Goes& goes_on) {
  while (node* const n = list::node_of(next)) {
    next = n->link.load(memory_order_acquire);  // (2) with (4), (6), (7) of map_list
    const entry_type& entry = n->entry.read();
    if (!goes_on(entry)) return;
    if (!list::is_marked(next)) std::invoke(f, entry.key, entry.value);
  }
}

}  // namespace switchyard::lockfree
