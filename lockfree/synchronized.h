// A value that is read and changed as a whole, without a lock; a change that fails has changed nothing.
//
// Source: the snapshot that is replaced by a compare-and-swap of Herlihy, "A methodology for implementing highly
//   concurrent data objects" (PPoPP 1990), on `detail/joint_words.h`, so that `update` of several can take part.
// When: what a lock and a value beside it would be for, with more readers than writers: a configuration, a table of
//   routes, a balance. Each change copies the value, so not for large ones that change often: `blocking::synchronized`,
//   which has the same members. For a number that is added to, `counter`.
// Progress: `read` and `load` are wait-free, all else is lock-free, apart from the allocator, T's own members and f. A thread
//   that stops inside `read` keeps what is replaced from then on from being freed, so that memory grows; it stops nobody.
// Ordering: linearizable. What happened before a change happens before what follows a read that sees it.
// Exceptions: what f, the allocator, or copying or moving a T throws passes on, and nothing has changed; but for moving what
//   is returned, which throws when it is too late.
// Cost: 8 bytes, and a block of 32 for what others may be late to look at. A T that can be copied as bytes and has no
//   more than 8 of them is in that block itself: reading it is three loads, a change one sixteen-byte compare-and-swap,
//   and no memory is taken. Otherwise reading is a read-copy-update section, about 2 nanoseconds in all, and a change
//   takes a block for the new value; the old one's is freed when all sections have ended that may see it. A thread's
//   first use takes 128 bytes, and ends the program if there are none, as `rcu` does.
//
//   synchronized<std::map<std::string, int>> stock;
//   int left = stock.read([](const auto& m) { return m.at("apples"); });
//   stock.update([](auto& m) { --m.at("apples"); --m.at("pears"); });   // no pears: throws, and no apple is gone
#pragma once

#include <concepts>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <type_traits>
#include <utility>

#include "switchyard/atomics/backoff.h"
#include "switchyard/lockfree/detail/joint_values.h"
#include "switchyard/lockfree/detail/joint_words.h"
#include "switchyard/lockfree/detail/words.h"

namespace switchyard::lockfree {

namespace detail {
struct joint_update;
}

/// `T` can be copied. `Means` is how memory is reclaimed; tests have others.
template <class T, class Allocator = std::allocator<T>, class Means = detail::joint_means>
class synchronized {
  static_assert(std::is_object_v<T> && !std::is_const_v<T> && !std::is_volatile_v<T>, "a value that can be changed");
  static_assert(std::is_copy_constructible_v<T>, "a change is made to a copy");
  static_assert(std::is_nothrow_destructible_v<T>, "a value must not throw when destroyed");

 public:
  using value_type = T;
  using allocator_type = Allocator;

  /// The value is `T(args...)`. Throws what that and the allocator throw.
  template <class... Args>
    requires(std::constructible_from<T, Args...> && !(std::same_as<std::remove_cvref_t<Args>, synchronized> || ...))
  explicit synchronized(Args&&... args) : synchronized(std::allocator_arg, Allocator(), std::forward<Args>(args)...) {}
  template <class... Args>
    requires std::constructible_from<T, Args...>
  explicit synchronized(std::allocator_arg_t, const Allocator& allocator, Args&&... args) : allocator_(allocator) {
    draft first(allocator_, std::in_place, std::forward<Args>(args)...);
    place_ = place::make(allocator_, first.bits());
    first.has_become();
  }
  synchronized(const synchronized&) = delete;
  synchronized& operator=(const synchronized&) = delete;
  /// Nobody is using it any more, but threads may still be about to find out that what they help with is done.
  ~synchronized() {
    value::free(word().last_bits());
    place_->give_up();
  }

  /// What `f(const T&)` returns, by value: of the value at one moment. Changes go on meanwhile, and f does not see them.
  /// f must not call `rcu_synchronize` nor `rcu_barrier`; others' memory waits for it to return.
  template <class F>
  auto read(F&& f) const {
    if constexpr (detail::fits_word<T>) {
      const T now = load();
      return std::invoke(std::forward<F>(f), now);
    } else {
      const std::scoped_lock inside(Means::domain());
      return std::invoke(std::forward<F>(f), value::look(word().read()));
    }
  }

  /// Replaces the value by what `f(T&)` makes of a copy, if nobody was faster; else f is called again, with a new copy.
  /// Returns what f's last call returned, by value. When f throws, nothing has changed. f must not change the same
  /// `synchronized`: it would be called for ever.
  template <class F>
  auto update(F&& f) {
    for (;; give_head_start()) {  // whoever was faster has the line, and gets some more changes done with it
      joint_reading seen;
      draft next = copy(seen);
      if constexpr (std::is_void_v<std::invoke_result_t<F&, T&>>) {
        std::invoke(f, next.value());
        if (replace(seen, next)) return;
      } else {
        auto result = std::invoke(f, next.value());
        if (replace(seen, next)) return result;
      }
    }
  }

  /// A copy of the value.
  T load() const {
    if constexpr (detail::fits_word<T>) {
      joint_reading now;
      if (!word().try_read(now)) [[unlikely]] now.bits = word().read();
      return detail::from_word<T>(now.bits);
    } else {
      const std::scoped_lock inside(Means::domain());
      return value::look(word().read());
    }
  }

  /// Sets the value.
  void store(T desired) {
    draft next(allocator_, std::in_place, std::move(desired));
    for (;; give_head_start()) {
      if (replace(look(), next)) return;
    }
  }

  /// Sets the value and returns the one before, with no other between the two.
  T exchange(T desired) {
    draft next(allocator_, std::in_place, std::move(desired));
    for (;; give_head_start()) {
      joint_reading seen;
      T before = load(seen);
      if (replace(seen, next)) return before;
    }
  }

  allocator_type get_allocator() const noexcept { return allocator_; }

 private:
  friend struct detail::joint_update;

  using joint_reading = detail::joint_word::reading;
  using value = detail::joint_value<T, Allocator, Means>;
  using draft = typename value::draft;
  using place = detail::shared_block<detail::joint_word, Allocator, Means>;

  detail::joint_word& word() const noexcept { return place_->content; }

  [[gnu::noinline]] joint_reading settle() const {
    const std::scoped_lock inside(Means::domain());
    return word().settle();
  }

  // What the word has, at rest.
  joint_reading look() const {
    joint_reading seen;
    return word().try_read(seen) ? seen : settle();
  }

  // A copy of what was `seen`: to keep, or to change.
  T load(joint_reading& seen) const {
    if constexpr (detail::fits_word<T>) {
      seen = look();
      return detail::from_word<T>(seen.bits);
    } else {
      const std::scoped_lock inside(Means::domain());
      seen = word().settle();
      return value::look(seen.bits);
    }
  }
  draft copy(joint_reading& seen) const {
    if constexpr (detail::fits_word<T>) {
      seen = look();
      return draft(allocator_, seen.bits);
    } else {
      const std::scoped_lock inside(Means::domain());
      seen = word().settle();
      return draft(allocator_, seen.bits);
    }
  }

  bool replace(const joint_reading& seen, draft& next) noexcept {
    if (!word().replace(seen, next.bits())) return false;
    next.has_replaced(seen.bits);
    return true;
  }

  place* place_;
  [[no_unique_address]] Allocator allocator_;
};

}  // namespace switchyard::lockfree
