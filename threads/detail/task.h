// What lies in the queue of a thread pool: a function to be called once, of 64 bytes, in which small ones fit.
//
// Source: our own; std::move_only_function is C++23's.
// When: inside the thread pools.
// Progress: wait-free, apart from the allocator and what the function does.
// Cost: no allocation for functions of up to 56 bytes that move without throwing; one for others. A move is a copy of the
//   64 bytes, and a call besides if the function is not trivially copyable.
#pragma once

#include <cstddef>
#include <cstring>
#include <exception>
#include <functional>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

#include "switchyard/atomics/cache_padded.h"
#include "switchyard/interface/future.h"
#include "switchyard/threads/detail/future_core.h"

namespace switchyard::detail {

class task {
 public:
  /// No function.
  task() noexcept = default;

  /// Calls a copy of `f`, and drops it if it is given up.
  template <class F>
    requires(!std::is_same_v<std::remove_cvref_t<F>, task> && !std::is_convertible_v<F, future_core*>)
  explicit task(F&& f) {
    using function = std::decay_t<F>;
    if constexpr (fits<function>) {
      std::construct_at(reinterpret_cast<function*>(room_), std::forward<F>(f));
      kind_ = &kind_of<function>;
    } else {
      using boxed = box<function>;
      std::construct_at(reinterpret_cast<boxed*>(room_), std::make_unique<function>(std::forward<F>(f)));
      kind_ = &kind_of<boxed>;
    }
  }
  /// Runs the core of a future, or gives it up. Takes over a part of it that the caller holds.
  explicit task(future_core* core) noexcept {
    std::construct_at(reinterpret_cast<future_core**>(room_), core);
    kind_ = &kind_of_core;
  }

  task(task&& other) noexcept { take(other); }
  task& operator=(task&& other) noexcept {
    if (this != &other) {
      drop();
      take(other);
    }
    return *this;
  }
  ~task() { drop(); }

  explicit operator bool() const noexcept { return kind_ != nullptr; }

  /// True if it is what completes `core`.
  bool completes(const future_core* core) noexcept {
    return core != nullptr && kind_ == &kind_of_core && in<future_core*>(room_) == core;
  }

  /// If there is a core in it: hands over its part of that, and has no function any more. Else nullptr.
  future_core* release_core() noexcept {
    if (kind_ != &kind_of_core) return nullptr;
    kind_ = nullptr;
    return in<future_core*>(room_);
  }

  /// Calls the function, which is destroyed then. Throws what it throws. False: it was not there any more.
  bool run() {
    struct at_exit {
      task& self;
      ~at_exit() { self.drop(); }
    } end{*this};
    return kind_->run(room_);
  }
  /// Whoever has its future is told; `why` is null if it is cancelled.
  void give_up(const std::exception_ptr& why) noexcept {
    if (kind_->give_up != nullptr) kind_->give_up(room_, why);
    drop();
  }

 private:
  static constexpr std::size_t room_size = line_size - sizeof(void*);

  struct kind {
    bool (*run)(std::byte* room);
    void (*give_up)(std::byte* room, const std::exception_ptr& why) noexcept;  // null: nobody to tell
    void (*move)(std::byte* to, std::byte* from) noexcept;                     // null: copy the bytes
    void (*destroy)(std::byte* room) noexcept;                                 // null: nothing to do
  };

  template <class F>
  static constexpr bool fits = sizeof(F) <= room_size && alignof(F) <= alignof(void*) &&
                               std::is_nothrow_move_constructible_v<F>;

  template <class F>
  struct box {
    explicit box(std::unique_ptr<F> f) noexcept : function(std::move(f)) {}

    std::unique_ptr<F> function;
    void operator()() { std::invoke(std::move(*function)); }
  };

  template <class F>
  static F& in(std::byte* room) noexcept {
    return *std::launder(reinterpret_cast<F*>(room));
  }

  template <class F>
  static constexpr kind kind_of = {
      [](std::byte* r) {
        std::invoke(std::move(in<F>(r)));
        return true;
      },
      nullptr,
      std::is_trivially_copyable_v<F> ? nullptr
                                      : +[](std::byte* to, std::byte* from) noexcept {
                                          std::construct_at(reinterpret_cast<F*>(to), std::move(in<F>(from)));
                                          std::destroy_at(&in<F>(from));
                                        },
      std::is_trivially_destructible_v<F> ? nullptr : +[](std::byte* r) noexcept { std::destroy_at(&in<F>(r)); },
  };
  static bool run_core(std::byte* r) { return in<future_core*>(r)->run(); }
  static void give_up_core(std::byte* r, const std::exception_ptr& why) noexcept { in<future_core*>(r)->give_up(why); }
  static void drop_core(std::byte* r) noexcept {
    future_core* const core = in<future_core*>(r);
    if (core->now() == future_core::pending) core->give_up(std::make_exception_ptr(broken_promise()));
    core->let_go();
  }
  static constexpr kind kind_of_core = {&run_core, &give_up_core, nullptr, &drop_core};

  void take(task& other) noexcept {
    kind_ = std::exchange(other.kind_, nullptr);
    if (kind_ == nullptr) return;
    if (kind_->move == nullptr) {
      std::memcpy(room_, other.room_, room_size);
    } else {
      kind_->move(room_, other.room_);
    }
  }
  void drop() noexcept {
    const kind* const what = std::exchange(kind_, nullptr);
    if (what != nullptr && what->destroy != nullptr) what->destroy(room_);
  }

  const kind* kind_ = nullptr;
  alignas(void*) std::byte room_[room_size];
};
static_assert(sizeof(task) == line_size, "a task is a cache line");

}  // namespace switchyard::detail
