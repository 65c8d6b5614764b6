// A map from keys to values in the order of the keys, for any number of threads, under one lock.
//
// Source: a monitor around a red-black tree, std::map.
// When to use it: an order book, a table of times, an index, which threads do not all use at once, or with values that are
//   large or must be destroyed at once when they are erased. `lockfree::ordered_map`, which has the same members, where
//   many threads read, or no stopped thread may block the others. Where the order does not matter, `hash_map`.
// Progress: blocking: a thread that stops inside an operation, or f, stops all others.
// Ordering: linearizable.
// Exceptions: what Compare, the allocator, f, or copying or moving a key or a value throws passes on, and nothing has changed.
// Cost: one lock and unlock, and what std::map takes, for each call; a change copies the value.
//
//   ordered_map<price, order> book;
//   book.insert(price(101), order{...});
//   if (auto best = book.first()) match(best->second);
//   book.for_each_in(price(100), price(110), [](const price& p, const order& o) { show(p, o); });
#pragma once

#include <concepts>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <type_traits>
#include <utility>

#include "switchyard/blocking/detail/locked_map.h"
#include "switchyard/blocking/mutex.h"

namespace switchyard::blocking {

namespace detail {

template <class Key, class T, class Compare, class Allocator>
using ordered_part = std::map<Key, T, Compare,
                              typename std::allocator_traits<Allocator>::template rebind_alloc<std::pair<const Key, T>>>;

}  // namespace detail

/// Most members are described at `locked_calls` and `map_members`. `Lock` is any type with lock() and unlock(); readers share
/// it if it has lock_shared() and unlock_shared().
template <class Key, class T, class Compare = std::less<Key>, class Allocator = std::allocator<std::pair<const Key, T>>,
          class Lock = mutex>
class ordered_map : public detail::locked_calls<ordered_map<Key, T, Compare, Allocator, Lock>, Key, T,
                                                detail::ordered_part<Key, T, Compare, Allocator>, Lock> {
  using parts = detail::ordered_part<Key, T, Compare, Allocator>;
  using calls = detail::locked_calls<ordered_map, Key, T, parts, Lock>;

 public:
  using key_compare = Compare;
  using allocator_type = Allocator;
  using value_type = std::pair<Key, T>;

  /// Empty; takes no memory yet.
  ordered_map() : ordered_map(Compare()) {}
  explicit ordered_map(const Compare& compare, const Allocator& allocator = Allocator())
      : all_(std::in_place, compare, typename parts::allocator_type(allocator)) {}
  explicit ordered_map(const Allocator& allocator) : ordered_map(Compare(), allocator) {}

  /// Calls `f(const Key&, const T&)` for one element after the other, in order, under the lock; f must not call the map.
  /// What f throws passes on.
  template <class F>
    requires std::invocable<F&, const Key&, const T&>
  void for_each(F&& f) const {
    const reading hold(all_.lock);
    for (const auto& [key, value] : std::as_const(all_.map)) std::invoke(f, key, value);
  }

  /// The same, for the keys that are not less than `from`, and less than `to`.
  template <class F>
    requires std::invocable<F&, const Key&, const T&>
  void for_each_in(const Key& from, const Key& to, F&& f) const {
    const reading hold(all_.lock);
    const parts& map = all_.map;
    for (auto at = map.lower_bound(from); at != map.end() && map.key_comp()(at->first, to); ++at) {
      std::invoke(f, at->first, at->second);
    }
  }

  /// A copy of the first element; nullopt: there is none.
  std::optional<value_type> first() const
    requires(std::copy_constructible<Key> && std::copy_constructible<T>)
  {
    const reading hold(all_.lock);
    return copy_at(std::as_const(all_.map).begin());
  }

  /// A copy of the first element whose key is not less than `key`; nullopt: there is none.
  std::optional<value_type> lower_bound(const Key& key) const
    requires(std::copy_constructible<Key> && std::copy_constructible<T>)
  {
    const reading hold(all_.lock);
    return copy_at(std::as_const(all_.map).lower_bound(key));
  }

  /// Erases the first element and returns a copy; nullopt: there is none.
  std::optional<value_type> pop_first()
    requires(std::copy_constructible<Key> && std::copy_constructible<T>)
  {
    typename parts::node_type erased;  // destroyed without the lock
    const std::lock_guard hold(all_.lock);
    std::optional<value_type> copy = copy_at(std::as_const(all_.map).begin());
    if (copy) erased = all_.map.extract(all_.map.begin());
    return copy;
  }

  key_compare key_comp() const { return all_.map.key_comp(); }
  allocator_type get_allocator() const noexcept { return Allocator(all_.map.get_allocator()); }

 private:
  friend calls;
  using typename calls::part;
  using typename calls::reading;

  part& part_of(const Key&) const noexcept { return all_; }
  template <class F>
  void for_each_part(F f) const {
    f(all_);
  }
  template <class At>
  std::optional<value_type> copy_at(At at) const {
    if (at == all_.map.end()) return std::nullopt;
    return std::optional<value_type>(std::in_place, at->first, at->second);
  }

  mutable part all_;
};

}  // namespace switchyard::blocking
