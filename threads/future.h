// A result that is not there yet, which can be waited for in every way, cancelled, and followed by call-backs.
//
// Source: std::future for the form; what it lacks is from CPython's concurrent.futures: cancel, call-backs, waiting for
//   the first of several.
// When: for what a thread pool's `submit` returns, and for results of one's own, through a promise. Results that come
//   again and again go through a queue; a moment that many wait for, without a value, is a `latch`.
// Progress: everything but waiting is lock-free, apart from the allocator. In a pool's worker, waiting does the pool's work.
// Ordering: what happened before the completion, or the cancellation, happened before the end of every wait.
// Exceptions: one that is set, or leaves a task, is thrown by `get`. Those of call-backs go to the exception hook.
// Cost: one allocation for a promise with its future, by an allocator of one's own if it is given one; one by `new` for each
//   call-back, none to wait; a system call only if a thread sleeps. A future that is destroyed waits for nobody.
//
//   switchyard::promise<int> p;
//   switchyard::future<int> answer = p.get_future();
//   /* another thread */ p.set_value(42);
//   if (answer.wait_for(1s)) use(answer.get());
#pragma once

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <stdexcept>
#include <stop_token>
#include <type_traits>
#include <utility>

#include "switchyard/atomics/of_this_thread.h"
#include "switchyard/atomics/plain.h"
#include "switchyard/interface/deadline.h"
#include "switchyard/interface/future.h"
#include "switchyard/threads/detail/future_core.h"
#include "switchyard/threads/detail/future_value.h"
#include "switchyard/threads/detail/wait_for_futures.h"

namespace switchyard {

template <class T>
class future;
template <class T>
class promise;

namespace detail {

/// `f(state)` or `f()`, once.
template <class F>
class call_back final : public completion {
 public:
  template <class G>
  call_back(G&& f, future_core& core) : f_(std::forward<G>(f)), core_(core) {}

  void fire() noexcept override {
    call(f_, core_);
    delete this;
  }
  static void call(F& f, const future_core& core) noexcept {
    call_or_report([&] {
      if constexpr (std::is_invocable_v<F&, future_state>) {
        std::invoke(f, core.now() == future_core::cancelled ? future_state::cancelled : future_state::done);
      } else {
        std::invoke(f);
      }
    });
  }

 private:
  F f_;
  future_core& core_;
};

template <class T, class F>
struct next_result {
  using type = std::invoke_result_t<F, T>;
};
template <class F>
struct next_result<void, F> {
  using type = std::invoke_result_t<F>;
};

/// The core of what follows a future: called with it, or with its value.
template <class T, class F, class R, bool WithFuture>
class follower final : public future_core_of<R>, public completion {
 public:
  /// If copying `f` throws, `before` is as it was.
  template <class G>
  follower(G&& f, future<T>&& before) : future_core_of<R>(2) {
    f_.construct(std::forward<G>(f));
    before_ = std::move(before);
  }

  void fire() noexcept override {
    if (this->start()) {
      std::exception_ptr thrown;
      const bool has_value = keep_result(*this, thrown, [&]() -> R {
        if constexpr (WithFuture) {
          return std::invoke(std::move(f_.write()), std::move(before_));
        } else if constexpr (std::is_void_v<T>) {
          before_.get();
          return std::invoke(std::move(f_.write()));
        } else {
          return std::invoke(std::move(f_.write()), before_.get());
        }
      });
      f_.destroy();
      has_value ? this->complete(future_core::value) : this->complete_with(std::move(thrown));
    }
    before_ = future<T>();
    this->let_go();
  }

 private:
  void drop_work() noexcept override { f_.destroy(); }

  plain<F> f_;
  future<T> before_;
};

}  // namespace detail

/// The side of who waits. One thread at a time calls `get` and `then` and moves it; the others may be called by several.
template <class T>
class future {
 public:
  using value_type = T;

  /// No state.
  future() noexcept = default;
  future(future&&) noexcept = default;
  future& operator=(future&&) noexcept = default;

  /// True if there is something to wait for. All that follow throw `no_state` if not.
  bool valid() const noexcept { return static_cast<bool>(core_); }

  /// Waits, and returns the value, or throws the exception, or `future_cancelled`. Then there is no state any more.
  T get() {
    wait();
    return take();
  }
  /// The same up to a limit. Throws `future_timeout` then, and everything is as it was.
  template <class Rep, class Period>
  T get_for(const std::chrono::duration<Rep, Period>& limit) {
    return get_until(deadline::after(limit));
  }
  T get_until(deadline limit) {
    if (!wait_until(limit)) throw future_timeout("the result has not come in time");
    return take();
  }

  /// Waits until there is a result: a value, an exception or a cancellation.
  void wait() const { wait_until(deadline::never()); }
  /// The same, waiting up to `limit`, or until `when`. False: it was not there.
  template <class Rep, class Period>
  bool wait_for(const std::chrono::duration<Rep, Period>& limit) const {
    return is_ready() || wait_until(deadline::after(limit));
  }
  bool wait_until(deadline when) const {
    detail::future_core& c = checked();
    if (c.is_complete()) return true;
    if (of_this_thread<detail::this_threads_helper>().current == nullptr) return c.sleep_until(when);
    return wait(c, when, {});
  }
  /// The same, waiting until a stop is requested.
  bool wait(std::stop_token stop) const {
    detail::future_core& c = checked();
    return c.is_complete() || wait(c, deadline::never(), stop);
  }

  /// Waits; the exception that `get` would throw, or nullptr if that would return. Throws `future_cancelled`.
  std::exception_ptr exception() const {
    wait();
    if (is_cancelled()) throw future_cancelled();
    return core_->now() == detail::future_core::error ? core_->exception() : nullptr;
  }

  /// Cancels it if nothing has begun yet: true. It is ready then. True as well if it has been cancelled before.
  bool cancel() { return checked().cancel(); }

  bool is_ready() const { return checked().is_complete(); }
  bool is_cancelled() const { return checked().now() == detail::future_core::cancelled; }
  future_state state() const {
    switch (checked().now()) {
      case detail::future_core::pending: return future_state::pending;
      case detail::future_core::cancelled: return future_state::cancelled;
      case detail::future_core::value:
      case detail::future_core::error: return future_state::done;
      default: return future_state::running;
    }
  }

  /// Has `f(state)`, or `f()`, called once it is ready: by who completes it, after those given before; or here and now, if
  /// it is ready. What it throws goes to the exception hook.
  template <class F>
  void on_ready(F&& f) {
    using node = detail::call_back<std::decay_t<F>>;
    detail::future_core& c = checked();
    auto made = std::make_unique<node>(std::forward<F>(f), c);
    c.add(*made) ? void(made.release()) : made.release()->fire();
  }

  /// The future of what `f` returns, which is called as by `on_ready`, with the value if it takes that, or else with this
  /// future, ready. Called with a value, it is not called for an exception or a cancellation: `get` of the new future
  /// throws that. If the new future is cancelled before, `f` is not called. This one has no state any more. Throws what copying
  /// `f` throws, and std::bad_alloc; this one is as it was then.
  template <class F>
  auto then(F&& f) {
    using function = std::decay_t<F>;
    constexpr bool with_future = std::is_invocable_v<function, future>;
    using result = typename std::conditional_t<with_future, detail::next_result<future, function>,
                                               detail::next_result<T, function>>::type;
    detail::future_core& c = checked();
    // Whoever has this future may let go of it as soon as it is on the list.
    const auto held = detail::core_ref::another(c);
    auto* const made = new detail::follower<T, function, result, with_future>(std::forward<F>(f), std::move(*this));
    future<result> next{detail::core_ref(made)};
    if (!c.add(*made)) made->fire();
    return next;
  }

 private:
  template <class>
  friend class future;
  template <class>
  friend class promise;
  friend struct detail_access;

  explicit future(detail::core_ref core) noexcept : core_(std::move(core)) {}

  detail::future_core& checked() const {
    if (!core_) throw no_state();
    return *core_.get();
  }
  static bool wait(detail::future_core& c, deadline when, const std::stop_token& stop) {
    detail::future_core* const one = &c;
    return detail::wait_for_futures({&one, 1}, [&] { return c.is_complete(); }, when, stop);
  }
  T take() {
    const detail::core_ref held = std::move(core_);
    switch (held->now()) {
      case detail::future_core::value: return static_cast<detail::future_core_of<T>*>(held.get())->take();
      case detail::future_core::error: std::rethrow_exception(held->exception());
      default: throw future_cancelled();
    }
  }

  detail::core_ref core_;
};

/// For what makes futures and waits for several: the core of one, and back.
struct detail_access {
  template <class T>
  static detail::future_core& core(const future<T>& f) {
    return f.checked();
  }
  template <class T>
  static future<T> make(detail::core_ref core) noexcept {
    return future<T>(std::move(core));
  }
};

/// The side of who has the result. What is set by one of several threads is set once: the others get `already_set`.
template <class T>
class promise {
 public:
  promise() : core_(new detail::future_core_of<T>(1)) {}
  /// What it shares with its future is in memory from `allocator`, of which a copy gives it back; call-backs are not.
  template <class Allocator>
  promise(std::allocator_arg_t, const Allocator& allocator)
      : core_(detail::allocated_core<T, Allocator>::make(allocator)) {}
  promise(promise&& other) noexcept = default;
  promise& operator=(promise&& other) noexcept {
    promise(std::move(other)).swap(*this);
    return *this;
  }
  /// Sets `broken_promise` if nothing has been set.
  ~promise() {
    if (core_) try_set_exception(std::make_exception_ptr(broken_promise()));
  }
  void swap(promise& other) noexcept {
    core_.swap(other.core_);
    std::swap(retrieved_, other.retrieved_);
  }

  /// The future, once. Throws `future_already_retrieved`, or `no_state` if the promise has been moved from.
  future<T> get_future() {
    detail::future_core& c = checked();
    if (std::exchange(retrieved_, true)) throw future_already_retrieved();
    return detail_access::make<T>(detail::core_ref::another(c));
  }

  /// Says that the work begins: the future cannot be cancelled any more. False: it has been, there is nothing to do.
  /// Once only.
  bool start() { return checked().start(); }
  bool is_cancelled() const { return checked().now() == detail::future_core::cancelled; }

  /// Sets the value, built from `args`. Throws `already_set`, and what building it throws: then nothing has been set.
  template <class... Args>
  void set_value(Args&&... args) {
    if (!try_set_value(std::forward<Args>(args)...)) throw already_set();
  }
  void set_exception(std::exception_ptr what) {
    if (!try_set_exception(std::move(what))) throw already_set();
  }
  /// The same; false in place of `already_set`, and `args` are as they were.
  template <class... Args>
  bool try_set_value(Args&&... args) {
    using core = detail::future_core;
    detail::future_core& c = checked();
    const auto held = detail::core_ref::another(c);  // call-backs may destroy this
    core::phase before;
    if (!c.start_setting(before)) return false;
    try {
      static_cast<detail::future_core_of<T>&>(c).construct(std::forward<Args>(args)...);
    } catch (...) {
      c.give_up_setting(before);
      throw;
    }
    c.complete(core::value);
    return true;
  }
  bool try_set_exception(std::exception_ptr what) {
    if (what == nullptr) throw std::invalid_argument("a promise needs an exception to set");
    detail::future_core& c = checked();
    const auto held = detail::core_ref::another(c);
    detail::future_core::phase before;
    if (!c.start_setting(before)) return false;
    c.complete_with(std::move(what));
    return true;
  }

 private:
  detail::future_core& checked() const {
    if (!core_) throw no_state();
    return *core_.get();
  }

  detail::core_ref core_;
  bool retrieved_ = false;
};

}  // namespace switchyard
