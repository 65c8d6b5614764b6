// A map from keys to values, by hash, for any number of threads, in parts that each have a lock.
//
// Source: lock striping, as in Lea's ConcurrentHashMap (JSR 166, 2004), over std::unordered_map.
// When to use it: a dictionary that many threads change, with values that are large or must be destroyed at once when they are
//   erased. `lockfree::hash_map`, which has the same members, where most calls read, or no stopped thread may block the
//   others. Where the order of keys matters, `ordered_map`.
// Progress: blocking: a thread that stops inside an operation, or f, stops those that need the same part.
// Ordering: linearizable, but `for_each` and `clear`, which go from part to part: what is there all the time is met once,
//   what comes or goes meanwhile may be or not.
// Exceptions: what Hash, KeyEqual, the allocator, f, or copying or moving a key or a value throws passes on, and nothing has
//   changed.
// Cost: one lock and unlock, and what std::unordered_map takes, for each call; a change copies the value. The insertion
//   that has a part grow takes time for all that is in it, and keeps others out of it meanwhile. 128 bytes or more a
//   part.
//
//   hash_map<std::string, route> routes;
//   routes.insert_or_assign("10.0.0.0/8", route{...});
//   if (auto r = routes.find(prefix)) use(*r);                       // a copy; routes.visit(prefix, f) makes none
//   routes.update(prefix, [](route& r) { ++r.uses; });
#pragma once

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <type_traits>
#include <unordered_map>
#include <utility>

#include "switchyard/atomics/cache_padded.h"
#include "switchyard/blocking/detail/locked_map.h"
#include "switchyard/blocking/mutex.h"
#include "switchyard/interface/shard_count.h"

namespace switchyard::blocking {

namespace detail {

template <class Key, class T, class Hash, class KeyEqual, class Allocator>
using hash_part = std::unordered_map<Key, T, Hash, KeyEqual,
                                     typename std::allocator_traits<Allocator>::template rebind_alloc<std::pair<const Key, T>>>;

}  // namespace detail

/// Most members are described at `locked_calls` and `map_members`. `Lock` is any type with lock() and unlock(); readers share
/// it if it has lock_shared() and unlock_shared().
template <class Key, class T, class Hash = std::hash<Key>, class KeyEqual = std::equal_to<Key>,
          class Allocator = std::allocator<std::pair<const Key, T>>, class Lock = mutex>
class hash_map : public detail::locked_calls<hash_map<Key, T, Hash, KeyEqual, Allocator, Lock>, Key, T,
                                             detail::hash_part<Key, T, Hash, KeyEqual, Allocator>, Lock> {
  using parts = detail::hash_part<Key, T, Hash, KeyEqual, Allocator>;
  using calls = detail::locked_calls<hash_map, Key, T, parts, Lock>;

 public:
  using hasher = Hash;
  using key_equal = KeyEqual;
  using allocator_type = Allocator;

  /// Empty, in 16 parts for each thread that the machine runs at a time. Throws what the allocator throws.
  hash_map() : hash_map(Hash()) {}
  explicit hash_map(const Hash& hash, const KeyEqual& equal = KeyEqual(), const Allocator& allocator = Allocator())
      : hash_map(std::size_t{0}, hash, equal, allocator) {}
  explicit hash_map(const Allocator& allocator) : hash_map(Hash(), KeyEqual(), allocator) {}
  /// Empty, with tables for so many elements.
  explicit hash_map(std::size_t expected, const Hash& hash = Hash(), const KeyEqual& equal = KeyEqual(),
                    const Allocator& allocator = Allocator())
      : allocator_(allocator), hash_(hash), equal_(equal), bits_(bits_for(4 * default_shard_count())) {
    part_allocator mine(allocator_);
    parts_ = part_traits::allocate(mine, size());
    std::size_t built = 0;
    try {
      for (; built < size(); ++built) {
        std::construct_at(parts_ + built, std::in_place, std::in_place, expected / size(), hash, equal,
                          typename parts::allocator_type(allocator));
      }
    } catch (...) {
      std::destroy_n(parts_, built);
      part_traits::deallocate(mine, parts_, size());
      throw;
    }
  }
  /// Nobody is using it any more.
  ~hash_map() {
    std::destroy_n(parts_, size());
    part_allocator mine(allocator_);
    part_traits::deallocate(mine, parts_, size());
  }

  /// Calls `f(const Key&, const T&)` for one element after the other, in no particular order, under the lock of the part;
  /// f must not call the map. What f throws passes on.
  template <class F>
    requires std::invocable<F&, const Key&, const T&>
  void for_each(F&& f) const {
    for_each_part([&](part& p) {
      const reading hold(p.lock);
      for (const auto& [key, value] : std::as_const(p.map)) std::invoke(f, key, value);
    });
  }

  hasher hash_function() const { return hash_; }
  key_equal key_eq() const { return equal_; }
  allocator_type get_allocator() const noexcept { return allocator_; }

 private:
  friend calls;
  using typename calls::part;
  using typename calls::reading;
  using padded_part = cache_padded<part>;
  using part_allocator = typename std::allocator_traits<Allocator>::template rebind_alloc<padded_part>;
  using part_traits = std::allocator_traits<part_allocator>;
  static_assert(std::is_same_v<typename part_traits::pointer, padded_part*>, "plain pointers");

  static unsigned bits_for(std::size_t count) noexcept { return static_cast<unsigned>(std::bit_width(count - 1)); }
  std::size_t size() const noexcept { return std::size_t{1} << bits_; }

  // By the upper bits of the mixed hash; within a part, the lower ones say where.
  part& part_of(const Key& key) const {
    const auto h = static_cast<std::uint64_t>(hash_(key));
    return *parts_[(h ^ h >> 32) * 0x9e3779b97f4a7c15 >> 1 >> (63 - bits_)];
  }
  template <class F>
  void for_each_part(F f) const {
    for (std::size_t i = 0; i < size(); ++i) f(*parts_[i]);
  }

  [[no_unique_address]] Allocator allocator_;
  [[no_unique_address]] Hash hash_;
  [[no_unique_address]] KeyEqual equal_;
  unsigned bits_;  // 2^bits_ parts
  padded_part* parts_ = nullptr;
};

}  // namespace switchyard::blocking
