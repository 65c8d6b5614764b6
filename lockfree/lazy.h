// A value that is built when it is first asked for, and kept; it may be built twice, and then one is thrown away.
//
// Source: Schmidt and Harrison's double-checked pattern (PLoP 1996) with a compare-and-swap in place of the lock.
// When: for what is expensive and perhaps never needed, and for singletons, where nobody may wait for a thread that is
//   stopped while it builds. Several threads that ask at once each call the factory; all get the first result, the others
//   are destroyed. Where the factory must run once, or is dear: `blocking::lazy`, which has the same members.
// Progress: lock-free, apart from the factory and the allocator; wait-free once it is built.
// Ordering: the construction happens before every `get` returns. The one that is kept is the first to be finished.
// Exceptions: what the factory throws reaches the caller that ran it, and nobody else; the next one calls it again.
// Cost: two dependent loads once it is built; an allocation for each attempt to build.
// Destruction: with the lazy, by the thread that destroys that, and not before; so of several in a scope or a file, last
//   declared, first destroyed. What was built in vain is destroyed by its builder before that one's `get` returns.
//
//   static constinit switchyard::lockfree::lazy<registry> the_registry;
//   the_registry->add("name");
#pragma once

#include <functional>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

#include "switchyard/atomics/atomic.h"
#include "switchyard/interface/lazy.h"

namespace switchyard::lockfree {

/// `Factory` is called without arguments, as const, by several threads at once, and returns the T, which need not be
/// movable. It must not ask for the value: it would call itself for ever.
template <class T, class Factory = make_default<T>, class Allocator = std::allocator<T>>
class lazy {
  static_assert(std::is_nothrow_destructible_v<T>, "a value must not throw when destroyed");

  using value_allocator = typename std::allocator_traits<Allocator>::template rebind_alloc<T>;
  using traits = std::allocator_traits<value_allocator>;
  static_assert(std::is_same_v<typename traits::pointer, T*>, "a pointer that can be exchanged at once");

 public:
  using value_type = T;
  using allocator_type = Allocator;

  constexpr lazy() noexcept(std::is_nothrow_default_constructible_v<Factory>)
    requires std::is_default_constructible_v<Factory>
  = default;
  constexpr explicit lazy(Factory factory, const Allocator& allocator = Allocator())
      : factory_(std::move(factory)), allocator_(allocator) {}
  lazy(const lazy&) = delete;
  lazy& operator=(const lazy&) = delete;
  ~lazy() { reset(); }

  /// The value, which is built by the first calls. Throws what the factory and the allocator throw, and then is as if it
  /// had not been called.
  T& get() {
    T* const found = built();
    return found != nullptr ? *found : build();
  }
  T& operator*() { return get(); }
  T* operator->() { return std::addressof(get()); }

  /// The value, or nullptr if it has not been built. Wait-free.
  T* find() noexcept { return built(); }
  bool is_built() const noexcept { return built() != nullptr; }

  /// Destroys the value, if there is one; the next call builds another. For tests: nobody may be using the lazy.
  void reset() noexcept {
    T* const last = value_.load(memory_order_relaxed);
    if (last == nullptr) return;
    value_.store(nullptr, memory_order_relaxed);
    throw_away(last);
  }

  allocator_type get_allocator() const noexcept { return Allocator(allocator_); }

 private:
  // (1) acquire: pairs with the release in (2).
  T* built() const noexcept { return value_.load(memory_order_acquire); }

  [[gnu::noinline]] T& build() {
    // A copy of its own for each builder: allocators may not be shared.
    value_allocator mine(allocator_);
    struct unused_room {
      ~unused_room() {
        if (room != nullptr) traits::deallocate(allocator, room, 1);
      }
      value_allocator& allocator;
      T* room;
    } place{mine, traits::allocate(mine, 1)};
    T* const made = ::new (static_cast<void*>(place.room)) T(std::invoke(std::as_const(factory_)));
    place.room = nullptr;

    T* first = nullptr;
    // (2) release: pairs with the acquire in (1).
    if (value_.compare_exchange_strong(first, made, memory_order_release, memory_order_relaxed)) return *made;
    throw_away(made);
    return *built();  // the first one's
  }

  void throw_away(T* value) noexcept {
    value_allocator mine(allocator_);
    std::destroy_at(value);
    traits::deallocate(mine, value, 1);
  }

  atomic<T*> value_{nullptr};
  [[no_unique_address]] Factory factory_{};
  [[no_unique_address]] value_allocator allocator_{};
};

template <class Factory>
explicit lazy(Factory) -> lazy<std::invoke_result_t<const Factory&>, Factory>;

}  // namespace switchyard::lockfree
