// The concepts of maps that many threads use at once, and the members that follow from others, written once for all.
//
// After WG21's concurrent_map (P0652R3): what is found is copied out, or visited where it is, since a reference would not
// be safe to keep.
//
// A map derives from `map_members<itself, Key, T>` and defines `visit`, `erase_if`, `size_approx`; and what the concept asks.
//
// A set is a map with an empty mapped type, such as std::monostate, which takes no room in it: `set.insert(key, {})`,
// `set.contains(key)`, `set.erase(key)`.
#pragma once

#include <concepts>
#include <cstddef>
#include <optional>
#include <type_traits>
#include <utility>

namespace switchyard {

template <class M>
concept concurrent_map =
    requires(M& m, const M& c, const typename M::key_type& key, const typename M::mapped_type& value,
             void (*look)(const typename M::mapped_type&), void (*change)(typename M::mapped_type&),
             bool (*decide)(const typename M::mapped_type&),
             void (*look_at_both)(const typename M::key_type&, const typename M::mapped_type&)) {
      { m.insert(key, value) } -> std::same_as<bool>;
      { m.insert_or_assign(key, value) } -> std::same_as<bool>;
      { m.insert_or_update(key, value, change) } -> std::same_as<bool>;
      { m.update(key, change) } -> std::same_as<bool>;
      { m.erase(key) } -> std::same_as<bool>;
      { m.erase_if(key, decide) } -> std::same_as<bool>;
      { m.extract(key) } -> std::same_as<std::optional<typename M::mapped_type>>;
      { m.clear() } -> std::same_as<void>;
      { c.find(key) } -> std::same_as<std::optional<typename M::mapped_type>>;
      { c.visit(key, look) } -> std::same_as<bool>;
      { c.contains(key) } -> std::same_as<bool>;
      { c.for_each(look_at_both) } -> std::same_as<void>;
      { c.size_approx() } noexcept -> std::same_as<std::size_t>;
      { c.empty_approx() } noexcept -> std::same_as<bool>;
      { c.get_allocator() } noexcept -> std::same_as<typename M::allocator_type>;
    };

template <class M>
concept concurrent_ordered_map =
    concurrent_map<M> &&
    requires(M& m, const M& c, const typename M::key_type& key,
             void (*look_at_both)(const typename M::key_type&, const typename M::mapped_type&)) {
      { c.first() } -> std::same_as<std::optional<typename M::value_type>>;
      { c.lower_bound(key) } -> std::same_as<std::optional<typename M::value_type>>;
      { c.for_each_in(key, key, look_at_both) } -> std::same_as<void>;
      { m.pop_first() } -> std::same_as<std::optional<typename M::value_type>>;
    };

/// The derived members. They add no cost and no ordering to what they call: `visit`, `erase_if`, `size_approx` and, privately
/// with this base as a friend, insert_of(key, value) and insert_or_assign_of(key, value), whose arguments are forwarded.
template <class Map, class Key, class T>
class map_members {
  static_assert(std::is_object_v<Key> && !std::is_const_v<Key>, "a key that can be kept");
  static_assert(std::is_object_v<T> && !std::is_const_v<T>, "a value that can be kept");
  static_assert(std::is_nothrow_destructible_v<Key> && std::is_nothrow_destructible_v<T>,
                "keys and values must not throw when destroyed");

 public:
  using key_type = Key;
  using mapped_type = T;
  using value_type = std::pair<Key, T>;

  /// Adds the element if its key is not there yet. False: it is, and nothing has changed; `key` and `value` are as they
  /// were (in `lockfree::`, if they can be moved back).
  template <class V = T>
    requires std::constructible_from<T, V>
  bool insert(const Key& key, V&& value) {
    return self().insert_of(key, std::forward<V>(value));
  }
  template <class V = T>
    requires std::constructible_from<T, V>
  bool insert(Key&& key, V&& value) {
    return self().insert_of(std::move(key), std::forward<V>(value));
  }

  /// Adds the element, or replaces the one with that key. True: it was added.
  template <class V = T>
    requires std::constructible_from<T, V>
  bool insert_or_assign(const Key& key, V&& value) {
    return self().insert_or_assign_of(key, std::forward<V>(value));
  }
  template <class V = T>
    requires std::constructible_from<T, V>
  bool insert_or_assign(Key&& key, V&& value) {
    return self().insert_or_assign_of(std::move(key), std::forward<V>(value));
  }

  /// A copy of the value, if the key is there.
  std::optional<T> find(const Key& key) const
    requires std::copy_constructible<T>
  {
    std::optional<T> found;
    self().visit(key, [&](const T& value) { found.emplace(value); });
    return found;
  }

  bool contains(const Key& key) const {
    return self().visit(key, [](const T&) {});
  }

  /// False: the key is not there.
  bool erase(const Key& key) {
    return self().erase_if(key, [](const T&) { return true; });
  }

  bool empty_approx() const noexcept { return self().size_approx() == 0; }

 protected:
  map_members() = default;
  ~map_members() = default;

 private:
  const Map& self() const noexcept { return static_cast<const Map&>(*this); }
  Map& self() noexcept { return static_cast<Map&>(*this); }
};

}  // namespace switchyard
