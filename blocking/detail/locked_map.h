// The members of maps of the standard library behind locks.
//
// Source: a monitor, with the strong guarantee of exceptions: a change is made to a copy, which is then the value.
// When: not for users, who name `hash_map` or `ordered_map`.
// Progress: blocking.
// Ordering: linearizable, within a part.
// Cost: one lock and unlock for each call.
//
// A map derives from `locked_calls<itself, Key, T, Parts, Lock>`, where `Parts` is a map of the standard library, and defines
//
//   locked_map<Parts, Lock>& part_of(const Key&) const       which part has a key
//   void for_each_part(f) const                              calls f(part) for each
#pragma once

#include <concepts>
#include <cstddef>
#include <functional>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <type_traits>
#include <utility>

#include "switchyard/interface/map.h"

namespace switchyard::blocking::detail {

template <class Parts, class Lock>
struct locked_map {
  static constexpr bool is_shared = requires(Lock& l) {
    l.lock_shared();
    l.unlock_shared();
  };
  using reading = std::conditional_t<is_shared, std::shared_lock<Lock>, std::unique_lock<Lock>>;

  template <class... Args>
  explicit locked_map(std::in_place_t, const Args&... args) : map(args...) {}

  Lock lock;
  Parts map;
};

template <class Map, class Key, class T, class Parts, class Lock>
class locked_calls : public map_members<Map, Key, T> {
 public:
  using lock_type = Lock;

  locked_calls(const locked_calls&) = delete;
  locked_calls& operator=(const locked_calls&) = delete;

  /// Adds the element; or, if the key is there, replaces its value by what `f(T&)`, called under the lock, makes of a copy.
  /// True: it was added. When f throws, nothing has changed.
  template <class V, class F>
    requires(std::constructible_from<T, V> && std::copy_constructible<T> && std::copy_constructible<Key> &&
             std::invocable<F&, T&>)
  bool insert_or_update(const Key& key, V&& value, F&& f) {
    part& p = self().part_of(key);
    const std::lock_guard hold(p.lock);
    const auto at = p.map.find(key);
    if (at == p.map.end()) return p.map.try_emplace(key, std::forward<V>(value)).second;
    change(p.map, at, f);
    return false;
  }

  /// Replaces the value by what `f(T&)`, called under the lock, makes of a copy. False: the key is not there. When f throws,
  /// nothing has changed.
  template <class F>
    requires(std::copy_constructible<T> && std::copy_constructible<Key> && std::invocable<F&, T&>)
  bool update(const Key& key, F&& f) {
    part& p = self().part_of(key);
    const std::lock_guard hold(p.lock);
    const auto at = p.map.find(key);
    if (at == p.map.end()) return false;
    change(p.map, at, f);
    return true;
  }

  /// Erases the element if `decide(const T&)`, called under the lock, says so. False: it did not, or the key is not there.
  template <class F>
    requires std::predicate<F&, const T&>
  bool erase_if(const Key& key, F&& decide) {
    part& p = self().part_of(key);
    typename Parts::node_type erased;  // destroyed without the lock
    const std::lock_guard hold(p.lock);
    const auto at = p.map.find(key);
    if (at == p.map.end() || !std::invoke(decide, std::as_const(at->second))) return false;
    erased = p.map.extract(at);
    return true;
  }

  /// Erases the element and returns a copy of its value; nullopt: the key is not there.
  std::optional<T> extract(const Key& key)
    requires std::copy_constructible<T>
  {
    std::optional<T> value;
    erase_if(key, [&](const T& found) {
      value.emplace(found);
      return true;
    });
    return value;
  }

  /// Calls `f(const T&)` with the value, under the lock; f must not call the map. False: the key is not there.
  template <class F>
    requires std::invocable<F&, const T&>
  bool visit(const Key& key, F&& f) const {
    part& p = self().part_of(key);
    const reading hold(p.lock);
    const auto at = std::as_const(p.map).find(key);
    if (at == p.map.end()) return false;
    std::invoke(f, at->second);
    return true;
  }

  /// Erases the elements that are there, a part at a time: what others insert meanwhile may stay or go.
  void clear() {
    self().for_each_part([](part& p) {
      const std::lock_guard hold(p.lock);
      p.map.clear();
    });
  }

  /// How many there are, if nobody comes or goes meanwhile.
  std::size_t size_approx() const noexcept {
    std::size_t sum = 0;
    self().for_each_part([&](part& p) {
      const reading hold(p.lock);
      sum += p.map.size();
    });
    return sum;
  }

 protected:
  using part = locked_map<Parts, Lock>;
  using reading = typename part::reading;

  locked_calls() = default;
  ~locked_calls() = default;

 private:
  friend map_members<Map, Key, T>;
  Map& self() noexcept { return static_cast<Map&>(*this); }
  const Map& self() const noexcept { return static_cast<const Map&>(*this); }

  template <class K, class V>
  bool insert_of(K&& key, V&& value) {
    part& p = self().part_of(key);
    const std::lock_guard hold(p.lock);
    return p.map.try_emplace(std::forward<K>(key), std::forward<V>(value)).second;
  }

  template <class K, class V>
  bool insert_or_assign_of(K&& key, V&& value) {
    part& p = self().part_of(key);
    const std::lock_guard hold(p.lock);
    const auto at = p.map.find(key);
    if (at == p.map.end()) return p.map.try_emplace(std::forward<K>(key), std::forward<V>(value)).second;
    if constexpr (std::is_nothrow_assignable_v<T&, V>) {
      at->second = std::forward<V>(value);
    } else {
      T fresh(std::forward<V>(value));
      assign(p.map, at, fresh);
    }
    return false;
  }

  template <class At, class F>
  static void change(Parts& map, At at, F& f) {
    T fresh(std::as_const(at->second));
    std::invoke(f, fresh);
    assign(map, at, fresh);
  }

  // Either throws, and then nothing has changed.
  template <class At>
  static void assign(Parts& map, At at, T& value) {
    if constexpr (std::is_nothrow_move_assignable_v<T> || !std::copy_constructible<Key>) {
      at->second = std::move(value);
    } else {
      // In a node of its own, that takes the place of the other.
      Parts one = empty_like(map);
      one.try_emplace(at->first, std::move_if_noexcept(value));
      auto fresh = one.extract(one.begin());
      auto old = map.extract(at);
      try {
        map.insert(std::move(fresh));
      } catch (...) {
        map.insert(std::move(old));
        throw;
      }
    }
  }
  static Parts empty_like(const Parts& map) {
    if constexpr (requires { map.hash_function(); }) {
      return Parts(0, map.hash_function(), map.key_eq(), map.get_allocator());
    } else {
      return Parts(map.key_comp(), map.get_allocator());
    }
  }
};

}  // namespace switchyard::blocking::detail
