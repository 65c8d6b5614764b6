// A map from keys to values, by hash, for any number of threads; it grows while it is used, and no stopped thread can block it.
//
// Source: the split-ordered list of Shalev and Shavit, "Split-Ordered Lists: Lock-Free Extensible Hash Tables" (JACM 2006).
//   Ours: the list is in the order of mixed hashes as they are, so that nothing has to be reversed; buckets begin at posts
//   that lie in the table itself, so that a search has one cache miss less; values are replaced with their nodes.
// When: a dictionary, cache or index that many threads look into, above all where most only read: they write to no line that
//   others read. Where the order of keys matters, `ordered_map`. Where most calls replace values, each of which takes a
//   node here, or T must be destroyed at once when it is erased, `blocking::hash_map`, which has the same members.
// Progress: `find`, `visit` and `contains` are wait-free, but for elements that others put in front of them and for what
//   copying and f take. All else is lock-free, apart from the allocator. A thread that stops inside a call keeps what is
//   erased from then on from being freed, so that memory grows; it stops nobody.
// Ordering: linearizable, but `for_each` and `clear`, which go from element to element: what is there all the time is met
//   once, what comes or goes meanwhile may be or not. What happened before a change happens before what follows a call
//   that sees it, or sees that the key is gone.
// Exceptions: what Hash, KeyEqual, the allocator, f, or copying or moving a key or a value throws passes on, and nothing has
//   changed. Without memory for a larger table it stays as it is, and goes on.
// Cost: a call looks at one place in the table and about one and a half nodes, in a read-copy-update section (about a
//   nanosecond). An element takes a node of 32 bytes besides itself and 16 to 32 bytes of the table, which never shrinks. The
//   insertion that doubles the table does some 50 ns of work for each element; others go on meanwhile. A value is
//   replaced with its node. With std::allocator the memory of up to 2048 nodes that a thread has freed stays with it for
//   those that it makes next, until it ends. A thread's first call on a map takes 128 bytes, and its
//   first on any 128 more, without which the program ends, as with `rcu`. What is erased is destroyed later, by any
//   thread, at the latest when the map is.
//
//   hash_map<std::string, route> routes;
//   routes.insert_or_assign("10.0.0.0/8", route{...});
//   if (auto r = routes.find(prefix)) use(*r);                       // a copy; routes.visit(prefix, f) makes none
//   routes.update(prefix, [](route& r) { ++r.uses; });
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <new>
#include <type_traits>
#include <utility>

#include "switchyard/atomics/atomic.h"
#include "switchyard/atomics/backoff.h"
#include "switchyard/lockfree/detail/map_calls.h"
#include "switchyard/lockfree/detail/map_list.h"

namespace switchyard::lockfree {

namespace detail {

template <class Key, class T>
struct hashed_entry {
  template <class K, class V>
  hashed_entry(std::uint64_t place, K&& k, V&& v) : order(place), key(std::forward<K>(k)), value(std::forward<V>(v)) {}

  std::uint64_t order;  // its place in the list: the hash, mixed
  [[no_unique_address]] Key key;
  [[no_unique_address]] T value;
};

template <class Key, class T, class Allocator, class Means>
using hashed_node = map_node<hashed_entry<Key, T>, no_tower, Allocator, Means>;

/// A key, and where it belongs.
template <class Key, class T, class KeyEqual>
class hash_target {
 public:
  hash_target(const KeyEqual& equal, const Key& key, std::uint64_t order) noexcept
      : equal_(equal), key_(std::addressof(key)), order_(order) {}
  void now_at(const Key& key) noexcept { key_ = std::addressof(key); }
  std::uint64_t order() const noexcept { return order_; }

  bool is_before(const map_post& post) const noexcept { return post.order.read() <= order_; }
  map_position operator()(const hashed_entry<Key, T>& entry) const {
    if (entry.order != order_) return entry.order < order_ ? map_position::before : map_position::after;
    // Others of the same hash: a new one goes behind them all.
    return equal_(entry.key, *key_) ? map_position::here : map_position::before;
  }

 private:
  const KeyEqual& equal_;
  const Key* key_;
  std::uint64_t order_;
};

}  // namespace detail

/// Most members are described at `map_calls` and `map_members`. `Means` is how memory is reclaimed; tests have others.
///
/// Not to be destroyed inside a section of the read-copy-update domain; a map may be a value of another.
template <class Key, class T, class Hash = std::hash<Key>, class KeyEqual = std::equal_to<Key>,
          class Allocator = std::allocator<std::pair<const Key, T>>, class Means = detail::map_means>
class hash_map
    : public detail::map_calls<hash_map<Key, T, Hash, KeyEqual, Allocator, Means>, detail::hash_target<Key, T, KeyEqual>, Key, T,
                               detail::hashed_node<Key, T, Allocator, Means>, Allocator, Means> {
  using node = detail::hashed_node<Key, T, Allocator, Means>;
  using target = detail::hash_target<Key, T, KeyEqual>;
  using calls = detail::map_calls<hash_map, target, Key, T, node, Allocator, Means>;

 public:
  using hasher = Hash;
  using key_equal = KeyEqual;

  /// Empty; takes no memory yet.
  hash_map() : hash_map(Hash()) {}
  explicit hash_map(const Hash& hash, const KeyEqual& equal = KeyEqual(), const Allocator& allocator = Allocator())
      : calls(allocator), hash_(hash), equal_(equal) {}
  explicit hash_map(const Allocator& allocator) : hash_map(Hash(), KeyEqual(), allocator) {}
  /// Empty, with a table for so many elements, as far as there is memory for it.
  explicit hash_map(std::size_t expected, const Hash& hash = Hash(), const KeyEqual& equal = KeyEqual(),
                    const Allocator& allocator = Allocator())
      : hash_map(hash, equal, allocator) {
    for (unsigned levels = 0; levels < max_levels && std::size_t{1} << levels < expected; ++levels) grow(levels);
  }
  ~hash_map();

  /// Calls `f(const Key&, const T&)` for one element after the other, in no particular order; see "Ordering". f may call
  /// the map. What f throws passes on.
  template <class F>
    requires std::invocable<F&, const Key&, const T&>
  void for_each(F&& f) const {
    std::uint64_t from = 0;
    while (visit_some(from, f)) {
    }
  }

  hasher hash_function() const { return hash_; }
  key_equal key_eq() const { return equal_; }

 private:
  friend calls;
  using list = typename calls::list;
  using place = typename calls::place;
  using typename calls::part;
  using post = detail::map_post;
  using post_allocator = typename std::allocator_traits<Allocator>::template rebind_alloc<post>;
  using post_traits = std::allocator_traits<post_allocator>;
  static_assert(std::is_same_v<typename post_traits::pointer, post*>, "a pointer that fits an atomic");

#ifdef SWITCHYARD_MODEL
  static constexpr unsigned max_levels = 2;
  static constexpr std::size_t looks_at_size = 4;  // each time, while the map is small
  static constexpr std::size_t visited_at_once = 1;
#else
  static constexpr unsigned max_levels = 40;
  static constexpr std::size_t looks_at_size = 32;  // times, while the map grows to twice its size
  static constexpr std::size_t visited_at_once = 64;
#endif

  static constexpr unsigned no_levels = max_levels + 1;  // more than there ever are

  // All bits of the hash have a say in the upper ones, which say the bucket.
  static std::uint64_t mix(std::size_t hash) noexcept {
    const auto h = static_cast<std::uint64_t>(hash);
    return (h ^ h >> 32) * 0x9e3779b97f4a7c15;
  }

  // Buckets: with so many levels there are 2^levels, each for the orders that begin with its number. A bucket whose
  // number is even began when there was one level less, as half that number. So each has one post:
  //
  //   level 0:  the head      level 1:  1      level 2:  1, 3      level 3:  1, 3, 5, 7  ...
  static std::uint64_t bucket_of(std::uint64_t order, unsigned levels) noexcept { return order >> 1 >> (63 - levels); }

  post& post_of(std::uint64_t bucket, unsigned levels) const noexcept {
    if (bucket == 0) return head_;
    const auto zeros = static_cast<unsigned>(std::countr_zero(bucket));
    // Relaxed: who knows of so many levels knows their posts, by (10).
    return segments_[levels - zeros].load(memory_order_relaxed)[bucket >> zeros >> 1];
  }

  static bool is_linked(detail::map_word word) noexcept { return (word & detail::map_not_linked) == 0; }

  // A post from which what is in the bucket can be reached, and what its link was: the one before, or, where those of one
  // level after the other are not there yet, one further off.
  const post& post_before(std::uint64_t bucket, unsigned levels, detail::map_word& word) const noexcept {
    for (--bucket;; bucket &= bucket - 1) {
      const post& p = post_of(bucket, levels);
      word = p.link.load(memory_order_acquire);  // (11) with (4) to (7) of map_list
      if (is_linked(word)) return p;
    }
  }

  target target_for(const Key& key) const { return target(equal_, key, mix(hash_(key))); }
  void find_place(const target& what, place& p) {
    for (backoff races;; races.lost_race()) {
      unsigned levels = no_levels;
      p.at = &start(what.order(), levels).link;
      if (list::seek(p, within(what, levels), [this](node* n) { has_left(n); })) return;
    }
  }
  node* look(const target& what) const {
    unsigned levels = no_levels;
    const detail::map_word from = start_to_read(what.order(), levels);
    return list::look(from, within(what, levels));
  }

  // What is looked for in its bucket: the first post that is met is another bucket's, behind it, and its line need not be
  // fetched. Unless the bucket was divided meanwhile.
  class in_bucket {
   public:
    in_bucket(const target& what, const atomic<unsigned>& levels, unsigned seen) noexcept
        : what_(what), levels_(levels), seen_(seen) {}
    bool is_before(const post& p) const noexcept {
      // Relaxed: who has linked a post between had seen that there are more levels, and we have seen that by (1), (2) of
      // map_list.
      return levels_.load(memory_order_relaxed) != seen_ && what_.is_before(p);
    }
    detail::map_position operator()(const detail::hashed_entry<Key, T>& entry) const { return what_(entry); }

   private:
    const target& what_;
    const atomic<unsigned>& levels_;
    const unsigned seen_;  // no_levels: the search does not begin in the bucket
  };
  in_bucket within(const target& what, unsigned levels) const noexcept { return in_bucket(what, levels_, levels); }

  template <class K, class V>
  node* make(const target& what, K&& key, V&& value) {
    return node::make(this->allocator_, 1, what.order(), std::forward<K>(key), std::forward<V>(value));
  }
  void has_come(node*) noexcept {}
  void has_left(node* n) noexcept { this->retire(n); }
  const detail::map_link& first_link() const noexcept { return head_.link; }
  void unlink_marked() noexcept;

  post& start(std::uint64_t order, unsigned& levels_if_there) noexcept;
  detail::map_word start_to_read(std::uint64_t order, unsigned& levels_if_there) const noexcept;
  bool link_post(post& fresh, std::uint64_t bucket, unsigned levels) noexcept;

  // Now and then looks whether there are more elements than buckets.
  void has_grown(part& mine) noexcept {
    const unsigned levels = levels_.load(memory_order_acquire);  // (12) with (10)
    if (++mine.insertions * looks_at_size < std::size_t{1} << levels) return;
    mine.insertions = 0;
    if (levels < max_levels && this->size_approx() > std::size_t{1} << levels) grow(levels);
  }
  void grow(unsigned levels) noexcept;

  template <class F>
  bool visit_some(std::uint64_t& from, F& f) const;

  atomic<unsigned> levels_{0};
  [[no_unique_address]] Hash hash_;
  [[no_unique_address]] KeyEqual equal_;
  mutable post head_{detail::map_link(0), {}};
  atomic<post*> segments_[max_levels + 1]{};  // the posts of a level
};

template <class Key, class T, class Hash, class KeyEqual, class Allocator, class Means>
hash_map<Key, T, Hash, KeyEqual, Allocator, Means>::~hash_map() {
  // Relaxed: every call has ended, and the thread that is here knows.
  this->free_all();
  post_allocator posts(this->allocator_);
  for (unsigned level = 1; level <= max_levels; ++level) {
    post* const segment = segments_[level].load(memory_order_relaxed);
    if (segment != nullptr) post_traits::deallocate(posts, segment, std::size_t{1} << (level - 1));
  }
}

// Where a change looks from: the post of its bucket, which is linked if need be; then says how many levels there were.
template <class Key, class T, class Hash, class KeyEqual, class Allocator, class Means>
auto hash_map<Key, T, Hash, KeyEqual, Allocator, Means>::start(std::uint64_t order, unsigned& levels_if_there) noexcept
    -> post& {
  const unsigned levels = levels_.load(memory_order_acquire);  // (12) with (10)
  const std::uint64_t bucket = bucket_of(order, levels);
  post& mine = post_of(bucket, levels);
  // Relaxed: what it leads to is read anew.
  detail::map_word word = mine.link.load(memory_order_relaxed);
  if (is_linked(word) || link_post(mine, bucket, levels)) {
    levels_if_there = levels;
    return mine;
  }
  return const_cast<post&>(post_before(bucket, levels, word));
}

// Where a reader looks from: what the link of its bucket's post leads to, and then says how many levels there were; or that
// of one before.
template <class Key, class T, class Hash, class KeyEqual, class Allocator, class Means>
auto hash_map<Key, T, Hash, KeyEqual, Allocator, Means>::start_to_read(std::uint64_t order,
                                                                   unsigned& levels_if_there) const noexcept -> detail::map_word {
  const unsigned levels = levels_.load(memory_order_acquire);  // (12) with (10)
  const std::uint64_t bucket = bucket_of(order, levels);
  detail::map_word word = post_of(bucket, levels).link.load(memory_order_acquire);  // (11) with (4) to (7) of map_list
  if (is_linked(word)) [[likely]] {
    levels_if_there = levels;
  } else {
    post_before(bucket, levels, word);
  }
  return word;
}

// False: another thread is at it, and may be stopped. Then the bucket is reached from the one before; if it is never
// linked, that costs the searches in it a few nodes more.
template <class Key, class T, class Hash, class KeyEqual, class Allocator, class Means>
bool hash_map<Key, T, Hash, KeyEqual, Allocator, Means>::link_post(post& fresh, std::uint64_t bucket, unsigned levels) noexcept {
  using namespace detail;
  map_word seen = map_not_linked;
  if (!fresh.link.compare_exchange_strong(seen, map_not_linked | map_claimed, memory_order_relaxed, memory_order_relaxed)) {
    return is_linked(seen);
  }
  // Where the first node is that comes after.
  struct before {
    std::uint64_t order;
    bool is_before(const post& other) const noexcept { return other.order.read() < order; }
    map_position operator()(const hashed_entry<Key, T>& entry) const noexcept {
      return entry.order < order ? map_position::before : map_position::after;
    }
  };
  for (backoff races;; races.lost_race()) {
    map_word word = 0;
    place p{&const_cast<post&>(post_before(bucket, levels, word)).link};
    if (!list::seek(p, before{fresh.order.read()}, [this](node* n) { has_left(n); })) continue;
    if (list::put(p, fresh)) break;
  }
  list::confirm(fresh);
  return true;
}

// Twice as many buckets. Who finds one of the new ones without a post links that; this thread links them all, so that
// readers find them.
template <class Key, class T, class Hash, class KeyEqual, class Allocator, class Means>
void hash_map<Key, T, Hash, KeyEqual, Allocator, Means>::grow(unsigned levels) noexcept {
  const unsigned level = levels + 1;
  const std::size_t count = std::size_t{1} << levels;
  if (segments_[level].load(memory_order_relaxed) == nullptr) {
    post_allocator posts(this->allocator_);
    post* segment = nullptr;
    try {
      segment = post_traits::allocate(posts, count);
    } catch (...) {  // it stays as it is
      return;
    }
    for (std::size_t i = 0; i < count; ++i) {
      post* const p = ::new (static_cast<void*>(segment + i)) post;
      p->order.construct((2 * static_cast<std::uint64_t>(i) + 1) << (64 - level));
    }
    post* seen = nullptr;
    // (13) release: with (14).
    if (!segments_[level].compare_exchange_strong(seen, segment, memory_order_release, memory_order_relaxed)) {
      post_traits::deallocate(posts, segment, count);
    }
  }
  if (segments_[level].load(memory_order_acquire) == nullptr) return;  // (14) with (13); never
  unsigned seen = levels;
  // (10) release: with (12).
  if (!levels_.compare_exchange_strong(seen, level, memory_order_release, memory_order_relaxed)) return;
  for (std::size_t i = 0; i < count; ++i) {
    const std::scoped_lock inside(Means::domain());
    const std::uint64_t bucket = 2 * static_cast<std::uint64_t>(i) + 1;
    post& p = post_of(bucket, level);
    if (!is_linked(p.link.load(memory_order_relaxed))) link_post(p, bucket, level);
  }
}

template <class Key, class T, class Hash, class KeyEqual, class Allocator, class Means>
void hash_map<Key, T, Hash, KeyEqual, Allocator, Means>::unlink_marked() noexcept {
  struct all {
    bool is_before(const post&) const noexcept { return true; }
    detail::map_position operator()(const detail::hashed_entry<Key, T>&) const noexcept { return detail::map_position::before; }
  };
  for (place p{&head_.link}; !list::seek(p, all(), [this](node* n) { has_left(n); });) p = place{&head_.link};
}

// The elements from a post's order on, up to another post, and its order. False: there are no more.
template <class Key, class T, class Hash, class KeyEqual, class Allocator, class Means>
template <class F>
bool hash_map<Key, T, Hash, KeyEqual, Allocator, Means>::visit_some(std::uint64_t& from, F& f) const {
  const std::scoped_lock inside(Means::domain());
  std::size_t visited = 0;
  unsigned levels = no_levels;
  for (detail::map_word next = start_to_read(from, levels);;) {
    if (list::is_to_post(next)) {
      post& p = list::post_of(next);
      if (visited >= visited_at_once && p.order.read() > from) {
        from = p.order.read();
        return true;
      }
      next = p.link.load(memory_order_acquire);  // (11) with (4) to (7) of map_list
      continue;
    }
    node* const n = list::node_of(next);
    if (n == nullptr) return false;
    next = n->link.load(memory_order_acquire);  // (11) with (4) to (7) of map_list
    const auto& entry = n->entry.read();
    if (list::is_marked(next) || entry.order < from) continue;
    std::invoke(f, entry.key, entry.value);
    ++visited;
  }
}

}  // namespace switchyard::lockfree
