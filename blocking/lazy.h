// A value that is built when it is first asked for, once, whoever asks.
//
// Source: double-checked locking, as in Schmidt and Harrison (PLoP 1996), with the orders that C++11 gave it.
//
// When to use it: for what is expensive and perhaps never needed, and for singletons: `static constinit lazy<T> it;` needs
// no code before main. Where building it twice does less harm than waiting for a builder that is stopped:
// `lockfree::lazy`, which has the same members.
//
// Progress: blocking while the value is built: who asks meanwhile waits. Wait-free from then on.
// Ordering: the construction happens before every `get` returns.
// Exceptions: what the factory throws reaches the caller that ran it; those that wait, and later ones, try again, one at
//   a time.
// Cost: one load once it is built.
// Destruction: with the lazy, by the thread that destroys that, and not before; so of several in a scope or a file, last
//   declared, first destroyed. Nobody may use it then, nor is it built again.
//
//   static constinit switchyard::blocking::lazy<registry> the_registry;
//   the_registry->add("name");
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <new>
#include <type_traits>
#include <utility>

#include "switchyard/atomics/atomic.h"
#include "switchyard/atomics/of_this_thread.h"
#include "switchyard/blocking/mutex.h"
#include "switchyard/interface/lazy.h"

namespace switchyard::blocking {

/// `Factory` is called without arguments, as const, and returns the T, which need not be movable.
template <class T, class Factory = make_default<T>>
class lazy {
  static_assert(std::is_nothrow_destructible_v<T>, "a value must not throw when destroyed");

 public:
  using value_type = T;

  constexpr lazy() noexcept(std::is_nothrow_default_constructible_v<Factory>)
    requires std::is_default_constructible_v<Factory>
  {}
  constexpr explicit lazy(Factory factory) : factory_(std::move(factory)) {}
  lazy(const lazy&) = delete;
  lazy& operator=(const lazy&) = delete;
  ~lazy() { reset(); }

  /// The value, which is built by the first call. Throws what the factory throws, and then is as if it had not been
  /// called; `recursive_lazy` if the factory calls it for the same lazy.
  T& get() {
    if (!is_built()) [[unlikely]] build();
    return value_;
  }
  T& operator*() { return get(); }
  T* operator->() { return std::addressof(get()); }

  /// The value, or nullptr if it has not been built. Does not wait.
  T* find() noexcept { return is_built() ? std::addressof(value_) : nullptr; }
  bool is_built() const noexcept { return is_built_.load(memory_order_acquire); }  // (1) with the release in (2)

  /// Destroys the value, if there is one; the next call builds another. For tests: nobody may be using the lazy.
  void reset() noexcept {
    if (!is_built_.load(memory_order_relaxed)) return;
    is_built_.store(false, memory_order_relaxed);
    std::destroy_at(std::addressof(value_));
  }

 private:
  struct identity {
    char byte = 0;
  };

  [[gnu::noinline]] void build() {
    // Only the builder itself can find its own mark; what others find is out of date at worst.
    const void* const self = &of_this_thread<identity>();
    if (builder_.load(memory_order_relaxed) == self) throw recursive_lazy("a lazy's factory asks for its own value");
    const std::lock_guard hold(lock_);
    if (is_built_.load(memory_order_relaxed)) return;  // by the one we waited for
    builder_.store(self, memory_order_relaxed);
    struct at_exit {
      atomic<const void*>& builder;
      ~at_exit() { builder.store(nullptr, memory_order_relaxed); }
    } end{builder_};
    ::new (static_cast<void*>(std::addressof(value_))) T(std::invoke(std::as_const(factory_)));
    is_built_.store(true, memory_order_release);  // (2) with (1)
  }

  union {
    char nothing_ = 0;
    T value_;
  };
  atomic<bool> is_built_{false};
  atomic<const void*> builder_{nullptr};  // marks the thread that runs the factory
  mutex lock_;                            // held while it is built
  [[no_unique_address]] Factory factory_{};
};

template <class Factory>
explicit lazy(Factory) -> lazy<std::invoke_result_t<const Factory&>, Factory>;

}  // namespace switchyard::blocking
