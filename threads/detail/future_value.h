// The core of a future with room for its value, and how what a function returns or throws gets there.
//
// Source: our own.
// When: inside `threads/future.h` and the thread pools.
// Progress: that of `future_core.h`.
// Ordering: the value is put in before the completion, which publishes it, and taken out after.
// Cost: one allocation for the core, with the value in it.
#pragma once

#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <new>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>

#include "switchyard/atomics/plain.h"
#include "switchyard/threads/detail/future_core.h"
#include "switchyard/threads/detail/thread_record.h"
#include "switchyard/threads/exception_hook.h"

namespace switchyard::detail {

struct nothing {};
template <class T>
using stored_result = std::conditional_t<std::is_void_v<T>, nothing,
                                         std::conditional_t<std::is_reference_v<T>, std::remove_reference_t<T>*, T>>;

/// A core with room for the value.
template <class T>
class future_core_of : public future_core {
 public:
  using stored = stored_result<T>;

  explicit future_core_of(std::uint32_t holders, const void* home = nullptr) noexcept : future_core(holders, home) {}

  template <class... Args>
  void construct(Args&&... args) {
    if constexpr (std::is_reference_v<T>) {
      value_.construct(std::addressof(args)...);
    } else {
      value_.construct(std::forward<Args>(args)...);
    }
  }
  /// Puts in what `f(args...)` returns, or throws.
  template <class F, class... Args>
  void construct_from(F&& f, Args&&... args) {
    if constexpr (std::is_void_v<T>) {
      std::invoke(std::forward<F>(f), std::forward<Args>(args)...);
      value_.construct();
    } else {
      construct(std::invoke(std::forward<F>(f), std::forward<Args>(args)...));
    }
  }
  /// The value, once; in phase `value`.
  T take() {
    taken_ = true;
    if constexpr (std::is_void_v<T>) {
      value_.destroy();
    } else if constexpr (std::is_reference_v<T>) {
      return static_cast<T>(*value_.take());
    } else {
      return value_.take();
    }
  }

 protected:
  ~future_core_of() override {
    if (this->now() == future_core::value && !taken_) value_.destroy();
  }

 private:
  plain<stored> value_;
  bool taken_ = false;  // written by the one who has the future
};

/// A core that nobody runs, in memory from an allocator.
template <class T, class Allocator>
class allocated_core final : public future_core_of<T> {
  using own_allocator = typename std::allocator_traits<Allocator>::template rebind_alloc<allocated_core>;
  using traits = std::allocator_traits<own_allocator>;

 public:
  /// Held once. Throws what the allocator throws.
  static future_core_of<T>* make(const Allocator& allocator) {
    own_allocator mine(allocator);
    return ::new (static_cast<void*>(std::to_address(traits::allocate(mine, 1)))) allocated_core(mine);
  }

 private:
  explicit allocated_core(const own_allocator& allocator) noexcept : future_core_of<T>(1), allocator_(allocator) {}
  ~allocated_core() override = default;
  void end() noexcept override {
    own_allocator mine(allocator_);
    const auto room = std::pointer_traits<typename traits::pointer>::pointer_to(*this);
    this->~allocated_core();
    traits::deallocate(mine, room, 1);
  }

  [[no_unique_address]] own_allocator allocator_;
};

inline std::string this_threads_name() {
#ifdef SWITCHYARD_MODEL
  return {};  // the list of all threads stays from run to run, where nothing may
#else
  return this_thread_record::get()->name();
#endif
}

/// Tells the exception hook of what has been thrown in this thread.
inline void report_here(const std::exception_ptr& thrown) {
  report_or_say_why_not([&] {
    return thread_failure{this_threads_name(), std::this_thread::get_id(), thrown};
  });
}

/// Calls `f`, which nobody waits for.
template <class F>
void call_or_report(F&& f) noexcept {
  try {
    std::forward<F>(f)();
  } catch (...) {
    const std::exception_ptr thrown = std::current_exception();
    if (thrown == nullptr) std::terminate();  // pthread_exit or pthread_cancel, in what is not its own thread
    report_here(thrown);
  }
}

/// Completes `core` with what `f(args...)` returns or throws.
template <class T, class F, class... Args>
bool keep_result(future_core_of<T>& core, std::exception_ptr& thrown, F&& f, Args&&... args) noexcept {
  try {
    core.construct_from(std::forward<F>(f), std::forward<Args>(args)...);
    return true;
  } catch (...) {
    thrown = std::current_exception();
    if (thrown == nullptr) std::terminate();  // as above
    return false;
  }
}

}  // namespace switchyard::detail
