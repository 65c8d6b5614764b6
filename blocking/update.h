// Changes several `synchronized` values in one step, or none, under all their locks.
//
// Source: locks taken in one order by everybody: Havender, "Avoiding deadlock in multitasking systems" (IBM Systems
//   Journal 1968). The order is that of the objects' addresses.
// When to use it: what must change together or not at all, and is in several places: two accounts, an entry and an index.
//   `lockfree::update` is called in the same way.
// Progress: blocking. Two that name the same objects in different orders cannot wait for each other; f that takes other
//   locks can, see `lock_order.h`.
// Ordering: linearizable, with the members of every `synchronized` that takes part.
// Exceptions: what f, a lock, or copying a T throws passes on, and nothing has changed in any of them.
// Cost: a lock and unlock, and a copy, for each value.
//
//   synchronized<long> mine(100), yours(0);
//   update(mine, yours, [](long& from, long& to) { from -= 10;  to += 10; });
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <functional>
#include <memory>
#include <tuple>
#include <type_traits>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "switchyard/blocking/synchronized.h"
#include "switchyard/interface/synchronized.h"

namespace switchyard::blocking {

namespace detail {

template <class S>
struct is_synchronized : std::false_type {};
template <class T, class Lock>
struct is_synchronized<synchronized<T, Lock>> : std::true_type {};

/// Any lock, by what can be done with it.
struct any_lock {
  template <class Lock>
  any_lock(const void* of, Lock& which) noexcept
      : owner(of), lock(std::addressof(which)), take(take_one<Lock>), give(give_one<Lock>) {}

  template <class Lock>
  ABSL_NO_THREAD_SAFETY_ANALYSIS static void take_one(void* lock) {
    static_cast<Lock*>(lock)->lock();
  }
  template <class Lock>
  ABSL_NO_THREAD_SAFETY_ANALYSIS static void give_one(void* lock) {
    static_cast<Lock*>(lock)->unlock();
  }

  const void* owner;
  void* lock;
  void (*take)(void*);
  void (*give)(void*);
};

/// Holds all of them: taken in the order of their owners' addresses, and given back in reverse.
template <std::size_t Count>
class all_locks {
 public:
  explicit all_locks(const std::array<any_lock, Count>& locks) : locks_(locks) {
    const auto address = [](const any_lock& l) { return l.owner; };
    std::ranges::sort(locks_, std::less<>(), address);
    if (std::ranges::adjacent_find(locks_, std::equal_to<>(), address) != locks_.end()) {
      throw same_object_twice("update of the same object twice");
    }
    try {
      for (; held_ < Count; ++held_) locks_[held_].take(locks_[held_].lock);
    } catch (...) {
      give_back();
      throw;
    }
  }
  all_locks(const all_locks&) = delete;
  all_locks& operator=(const all_locks&) = delete;
  ~all_locks() { give_back(); }

 private:
  void give_back() noexcept {
    while (held_ != 0) {
      --held_;
      locks_[held_].give(locks_[held_].lock);
    }
  }

  std::array<any_lock, Count> locks_;
  std::size_t held_ = 0;
};

struct locked_update {
  template <class F, class... Values>
  static auto run(F& f, Values&... values) {
    const all_locks<sizeof...(Values)> hold({any_lock(std::addressof(values), values.lock_)...});
    // Built in place; if one cannot be, those that were go.
    std::tuple<typename Values::draft...> drafts{copy_of<Values>{values}...};
    const auto call = [&] { return std::apply([&](auto&... each) { return std::invoke(f, each.value()...); }, drafts); };
    const auto commit = [&] { std::apply([](auto&... each) { (each.commit(), ...); }, drafts); };
    if constexpr (std::is_void_v<decltype(call())>) {
      call();
      commit();
    } else {
      auto result = call();
      commit();
      return result;
    }
  }

 private:
  // Becomes a draft where it is wanted, since a draft cannot move.
  template <class Value>
  struct copy_of {
    Value& value;
    operator typename Value::draft() const { return typename Value::draft(value, value.value_[value.now_].read()); }
  };
};

}  // namespace detail

/// `update(a, b, ..., f)` calls `f(A&, B&, ...)` once, with copies, under the locks of all, and makes them the values.
/// Returns what f returns, by value. Throws `same_object_twice` if one of them is named twice; f has not been called then.
template <class... Arguments>
  requires switchyard::detail::all_but_last<detail::is_synchronized, std::remove_reference_t<Arguments>...>
auto update(Arguments&&... values_and_f) {
  return switchyard::detail::with_last_first([](auto& f, auto&... values) { return detail::locked_update::run(f, values...); },
                                             std::tuple<std::remove_reference_t<Arguments>&...>(values_and_f...));
}

}  // namespace switchyard::blocking
