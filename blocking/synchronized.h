// A value that is read and changed as a whole, under a lock; a change that fails has changed nothing.
//
// Source: a monitor, with the strong guarantee of exceptions (Abrahams, "Exception-Safety in Generic Components", 1998):
//   a change is made to a copy, which is then the value.
// When to use it: for a value with a lock of its own, above all where changes are as many as readings, or the value is
//   large. `lockfree::synchronized`, which has the same members, where readers are many or must not wait. Several
//   values together, `blocking::update`.
// Progress: blocking: a thread that stops inside an operation, or f, stops all others.
// Ordering: linearizable.
// Exceptions: what f, the lock, or copying or moving a T throws passes on, and nothing has changed.
// Cost: one lock and unlock for each call, shared for `read` and `load` if the lock can be; a change copies the value.
//   Room for two T, and no other memory.
//
//   synchronized<std::map<std::string, int>> stock;
//   int left = stock.read([](const auto& m) { return m.at("apples"); });
//   stock.update([](auto& m) { --m.at("apples"); --m.at("pears"); });   // no pears: throws, and no apple is gone
#pragma once

#include <concepts>
#include <functional>
#include <mutex>
#include <shared_mutex>
#include <type_traits>
#include <utility>

#include "switchyard/atomics/plain.h"
#include "switchyard/blocking/mutex.h"

namespace switchyard::blocking {

namespace detail {
struct locked_update;
}

/// `T` can be copied; it need not be assignable, nor movable without throwing. `Lock` is any type with lock() and unlock();
/// readers share it if it has lock_shared() and unlock_shared().
template <class T, class Lock = mutex>
class synchronized {
  static_assert(std::is_object_v<T> && !std::is_const_v<T> && !std::is_volatile_v<T>, "a value that can be changed");
  static_assert(std::is_copy_constructible_v<T>, "a change is made to a copy");
  static_assert(std::is_nothrow_destructible_v<T>, "a value must not throw when destroyed");

 public:
  using value_type = T;
  using lock_type = Lock;

  /// The value is `T(args...)`. Throws what that throws.
  template <class... Args>
    requires(std::constructible_from<T, Args...> && !(std::same_as<std::remove_cvref_t<Args>, synchronized> || ...))
  explicit synchronized(Args&&... args) {
    value_[now_].construct(std::forward<Args>(args)...);
  }
  synchronized(const synchronized&) = delete;
  synchronized& operator=(const synchronized&) = delete;
  ~synchronized() { value_[now_].destroy(); }

  /// What `f(const T&)` returns, by value, called under the lock.
  template <class F>
  auto read(F&& f) const {
    const reading hold(lock_);
    return std::invoke(std::forward<F>(f), value_[now_].read());
  }

  /// Replaces the value by what `f(T&)`, called once, under the lock, makes of a copy; returns what f returns, by value.
  /// When f throws, nothing has changed.
  template <class F>
  auto update(F&& f) {
    const std::lock_guard hold(lock_);
    draft next(*this, value_[now_].read());
    if constexpr (std::is_void_v<std::invoke_result_t<F, T&>>) {
      std::invoke(std::forward<F>(f), next.value());
      next.commit();
    } else {
      auto result = std::invoke(std::forward<F>(f), next.value());
      next.commit();
      return result;
    }
  }

  /// A copy of the value.
  T load() const {
    const reading hold(lock_);
    return value_[now_].read();
  }

  /// Sets the value.
  void store(T desired) {
    const std::lock_guard hold(lock_);
    draft(*this, std::move(desired)).commit();
  }

  /// Sets the value and returns the one before.
  T exchange(T desired) {
    const std::lock_guard hold(lock_);
    draft next(*this, std::move(desired));
    T before(std::move_if_noexcept(value_[now_].write()));
    next.commit();
    return before;
  }

 private:
  friend struct detail::locked_update;

  static constexpr bool is_shared = requires(Lock& lock) {
    lock.lock_shared();
    lock.unlock_shared();
  };
  using reading = std::conditional_t<is_shared, std::shared_lock<Lock>, std::unique_lock<Lock>>;

  /// The next value, in the place that is free; gone unless it is committed.
  class draft {
   public:
    template <class From>
    draft(synchronized& owner, From&& from) : owner_(owner) {
      slot().construct(std::forward<From>(from));
    }
    draft(const draft&) = delete;
    draft& operator=(const draft&) = delete;
    ~draft() { slot().destroy(); }  // or, once it is the value, the one before

    T& value() noexcept { return slot().write(); }
    void commit() noexcept { owner_.now_ = !owner_.now_; }

   private:
    plain<T>& slot() noexcept { return owner_.value_[!owner_.now_]; }

    synchronized& owner_;
  };

  mutable Lock lock_;
  bool now_ = false;    // which of the two is the value; nothing lives in the other
  plain<T> value_[2];
};

}  // namespace switchyard::blocking
