// Pushing and popping from coroutines: `co_await q.async_pop()` suspends the coroutine where `q.pop()` blocks the thread.
//
// Source: the third concept of WG21 P0260R20, `async_concurrent_queue`, as awaitables, C++20 having no senders.
// When: many more activities than threads, or a thread that must not block. Where a thread may, `push` and `pop` cost less
//   to wake. Every queue of both sides has these members; who calls them includes this header.
// Progress: an operation that need not wait is a try_ operation, and does not suspend. One that must suspends the
//   coroutine; whoever pushes, pops or closes later hands it to its executor. No thread works in the background.
// Ordering: that of the queue's own push and pop. Waiting coroutines are told in the order in which they came; one that is
//   told and finds that another was faster waits again, as the last.
// Cost: nothing but the try_ operation where that succeeds; one allocation and a fence of about a microsecond to
//   suspend. Awaiting throws what the operation throws, and std::bad_alloc if it cannot suspend, with nothing lost.
//
//   co_await q.async_push(value)          true; false: closed, `value` as it was
//   co_await q.async_emplace(args...)     the same
//   co_await q.async_pop()                std::optional<T>; nullopt: closed and empty
//   co_await q.async_pop().via(pool).stopped_by(token)
//
// Executors: `via(e)`, or a last argument, says where a coroutine that was suspended goes on: `e(job)` is called with an
//   `async_job`, which can be moved and called, once. It may be called by any thread that uses the queue, and must not
//   throw. The default, `inline_executor`, runs it in that thread, at the end of its operation: such a
//   coroutine must not block, and whoever pushes pays for what it does. That is done one after the other: a thread which
//   resumes a coroutine and in it wakes another resumes that one when the first has been suspended again.
// Cancelling: `stopped_by(token)` has the operation end, once a stop is requested, as if the queue were closed: false,
//   nullopt. Destroying the suspended coroutine takes it off the queue: it is not resumed after that, and nothing is
//   taken on its behalf; an `async_job` of it that has not begun does nothing. (As with all coroutines it must be
//   known not to have been resumed at that moment.) Elements are taken in the job and not before: none is lost with a
//   coroutine, nor with a job that is dropped, which passes its turn on.
// Lifetimes: whoever pushes, pops or closes may be on its way to the executor at the moment at which the coroutine is
//   destroyed. What the executor refers to must last until such calls have returned, and the queue as long as its jobs.
#pragma once

#include <concepts>
#include <coroutine>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <new>
#include <optional>
#include <stop_token>
#include <tuple>
#include <utility>

#include "switchyard/atomics/atomic.h"
#include "switchyard/atomics/backoff.h"
#include "switchyard/atomics/of_this_thread.h"
#include "switchyard/interface/conqueue_status.h"
#include "switchyard/interface/expected.h"
#include "switchyard/interface/queue.h"
#include "switchyard/threads/waiter.h"

namespace switchyard {

struct inline_executor;

namespace detail {

/// What a job does: try again on behalf of a coroutine, and resume it if that succeeds.
class async_turn {
 public:
  virtual void run() noexcept = 0;
  virtual void drop() noexcept = 0;

 protected:
  ~async_turn() = default;

 private:
  friend struct switchyard::inline_executor;
  async_turn* after_ = nullptr;  // in the list of those that this thread is to run
};

}  // namespace detail

/// What an executor is given: call it, once, where the coroutine shall go on. Destroyed without having been called it lets
/// the next one have its turn, and the coroutine stays suspended until it is destroyed.
class [[nodiscard]] async_job {
 public:
  explicit async_job(detail::async_turn& turn) noexcept : turn_(&turn) {}
  async_job(async_job&& other) noexcept : turn_(std::exchange(other.turn_, nullptr)) {}
  async_job& operator=(async_job&& other) noexcept {
    std::swap(turn_, other.turn_);
    return *this;
  }
  ~async_job() {
    if (turn_ != nullptr) turn_->drop();
  }

  void operator()() noexcept {
    if (turn_ != nullptr) std::exchange(turn_, nullptr)->run();
  }

 private:
  friend struct inline_executor;
  detail::async_turn* turn_;
};

template <class E>
concept async_executor = std::move_constructible<E> && std::invocable<E&, async_job>;

/// Goes on in the thread that has made it possible.
struct inline_executor {
  void operator()(async_job job) const noexcept {
    waiting_turns& mine = of_this_thread<waiting_turns>();
    detail::async_turn* turn = std::exchange(job.turn_, nullptr);
    if (mine.running) {
      turn->after_ = nullptr;
      (mine.first == nullptr ? mine.first : mine.last->after_) = turn;
      mine.last = turn;
      return;
    }
    mine.running = true;
    while (turn != nullptr) {
      turn->run();
      turn = mine.first;
      if (turn != nullptr) mine.first = turn->after_;
    }
    mine.running = false;
  }

 private:
  struct waiting_turns {
    bool running = false;
    detail::async_turn* first = nullptr;
    detail::async_turn* last = nullptr;
  };
};

namespace detail {

/// What there is of an operation while its coroutine is suspended, and as long as somebody may hold a pointer to it: the
/// operation, the list in which it is enlisted or who picked it there, a job.
///
/// `attempt` is the operation's: to be called only by who has made the state `busy`, while the operation exists.
template <class Queue, class Executor>
class suspension final : public waiter, public async_turn {
 public:
  /// What is asked of the operation. Until it has a result, it reads as stopped.
  struct attempts {
    virtual bool attempt() noexcept = 0;  // true: it has a result

   protected:
    ~attempts() = default;
  };

  suspension(Queue& queue, queue_side side, Executor executor, attempts& operation, std::coroutine_handle<> coroutine)
      : queue_(queue), side_(side), executor_(std::move(executor)), operation_(operation), coroutine_(coroutine) {}

  /// For who has made it busy: waits for a turn; false: it need not, as there is a result.
  bool park() noexcept {
    for (;;) {
      hold();  // for the list
      queue_.enlist(*this, side_);
      if (operation_.attempt()) return finish();
      std::uint32_t seen = busy;
      // (1) release: with (2), the next to be busy. Acquire: with (5); who has picked us is done with that before we are
      // enlisted again.
      if (state_.compare_exchange_strong(seen, parked, memory_order_release, memory_order_acquire)) return true;
      // Our turn came before we had parked: once more, unless a stop was requested after that. (4) acquire: with (5).
      if (seen == told && state_.exchange(busy, memory_order_acquire) == told) continue;
      if (seen == told) queue_.wake_another(side_);  // in whose place we do not try again
      return finish();
    }
  }

  /// A turn comes: by a notification for which the list gives its hold to us.
  void wake() noexcept override { pass_to_executor(); }

  /// A stop was requested.
  void stop() noexcept {
    std::uint32_t seen = state_.load(memory_order_relaxed);
    for (;;) {
      if (seen == busy || seen == told) {
        // Who is busy sees it before it parks. (5) release: with (1), (4).
        if (state_.compare_exchange_weak(seen, stopped, memory_order_release, memory_order_relaxed)) return;
      } else if (seen == parked) {
        if (state_.compare_exchange_weak(seen, stopping, memory_order_relaxed, memory_order_relaxed)) break;
      } else {
        return;
      }
    }
    // Its hold becomes the job's. If it has been picked, that job finds nothing to do and passes its turn on.
    if (!queue_.withdraw(*this, side_)) hold();
    pass_to_executor();
  }

  /// The operation ends before it has a result.
  void abandon() noexcept {
    backoff spin;
    std::uint32_t seen = state_.load(memory_order_relaxed);
    while (seen != over) {
      if (seen == busy || seen == told || seen == stopped) {
        spin.wait();  // a job looks for nothing, this moment
        seen = state_.load(memory_order_relaxed);
      } else if (state_.compare_exchange_weak(seen, over, memory_order_acquire, memory_order_relaxed)) {  // (2) with (1)
        if (seen == parked && queue_.withdraw(*this, side_)) let_go();
        break;
      }
    }
    let_go();
  }

  void run() noexcept override {
    std::uint32_t seen = state_.load(memory_order_relaxed);
    for (;;) {
      if (seen == parked) {
        if (!state_.compare_exchange_weak(seen, busy, memory_order_acquire, memory_order_relaxed)) continue;  // (2), (1)
        if (operation_.attempt()) {
          state_.store(over, memory_order_relaxed);
        } else if (park()) {
          break;
        }
        coroutine_.resume();
        break;
      }
      if (seen == stopping) {
        if (!state_.compare_exchange_weak(seen, over, memory_order_acquire, memory_order_relaxed)) continue;  // (2), (1)
        coroutine_.resume();
        break;
      }
      if (seen == busy) {
        // It is just about to park. Who is busy takes the turn.
        if (!state_.compare_exchange_weak(seen, told, memory_order_release, memory_order_relaxed)) continue;  // (5) with (1)
        break;
      }
      // It has what it wanted, or wants it no more.
      queue_.wake_another(side_);
      break;
    }
    let_go();
  }

  void drop() noexcept override {
    queue_.wake_another(side_);
    let_go();
  }

  void let_go() noexcept {
    // (3) release: so that whoever finds itself the last, by its acquire, finds nobody using it any more.
    if (holds_.fetch_sub(1, memory_order_acq_rel) == 1) delete this;
  }

 private:
  // busy: somebody attempts. told: the same, and its turn came. stopped: the same, and a stop was requested, and perhaps its
  // turn came before. parked: waits for a turn or a stop. stopping: a job that will say so is under way. over: the operation
  // has a result or is gone.
  static constexpr std::uint32_t busy = 0;
  static constexpr std::uint32_t told = 1;
  static constexpr std::uint32_t stopped = 2;
  static constexpr std::uint32_t parked = 3;
  static constexpr std::uint32_t stopping = 4;
  static constexpr std::uint32_t over = 5;

  ~suspension() = default;

  void hold() noexcept { holds_.fetch_add(1, memory_order_relaxed); }

  // A turn that it was given and does not need goes to another; one that is still under way finds `over`.
  bool finish() noexcept {
    const std::uint32_t was = state_.exchange(over, memory_order_relaxed);
    if (queue_.withdraw(*this, side_)) {
      let_go();
    } else if (was != busy) {
      queue_.wake_another(side_);
    }
    return false;
  }

  void pass_to_executor() noexcept {
    hold();  // the job may end everything else before the executor returns
    std::invoke(executor_, async_job(*this));
    let_go();
  }

  Queue& queue_;
  const queue_side side_;
  Executor executor_;
  attempts& operation_;
  const std::coroutine_handle<> coroutine_;
  atomic<std::uint32_t> state_{busy};
  atomic<std::uint32_t> holds_{1};
};

/// What both operations have in common. `Operation` has `try_now`, which is what `attempts` asks for: an operation that need
/// not wait calls it directly.
template <class Operation, class Queue, class Executor>
class async_operation : private suspension<Queue, Executor>::attempts {
  using suspended = suspension<Queue, Executor>;

 public:
  async_operation(const async_operation&) = delete;
  async_operation& operator=(const async_operation&) = delete;

  bool await_ready() noexcept {
    if (token_.stop_requested()) [[unlikely]] return true;  // without a result
    return self().try_now();
  }
  bool await_suspend(std::coroutine_handle<> coroutine) {
    suspended_ = new suspended(queue_, side_, std::move(executor_), *this, coroutine);
    if (token_.stop_possible()) stopper_.emplace(token_, request{*suspended_});
    return suspended_->park();
  }

 protected:
  async_operation(Queue& queue, queue_side side, Executor executor, std::stop_token token = {})
      : queue_(queue), side_(side), executor_(std::move(executor)), token_(std::move(token)) {}
  ~async_operation() = default;

  /// To be called first by the destructor of `Operation`, which another thread's job may be using: waits for that, and lets
  /// no other begin.
  void end() noexcept {
    if (suspended_ != nullptr) [[unlikely]] leave();
  }

  Queue& queue() const noexcept { return queue_; }
  Executor& executor() noexcept { return executor_; }
  std::stop_token& token() noexcept { return token_; }

 private:
  struct request {
    suspended& of;
    void operator()() const noexcept { of.stop(); }
  };

  Operation& self() noexcept { return static_cast<Operation&>(*this); }
  bool attempt() noexcept final { return self().try_now(); }

  [[gnu::noinline]] void leave() noexcept {
    stopper_.reset();
    suspended_->abandon();
  }

  Queue& queue_;
  queue_side side_;
  Executor executor_;
  std::stop_token token_;
  suspended* suspended_ = nullptr;
  std::optional<std::stop_callback<request>> stopper_;  // only with `suspended_`
};

}  // namespace detail

/// What `q.async_pop()` returns: to be awaited at once. The result is what `q.pop()` returns; nullopt also if a stop was
/// requested.
template <class Queue, class Executor>
class [[nodiscard]] async_pop_operation final
    : public detail::async_operation<async_pop_operation<Queue, Executor>, Queue, Executor> {
  static_assert(async_executor<Executor>, "an executor is called with an async_job");
  using base = detail::async_operation<async_pop_operation, Queue, Executor>;
  using value_type = typename Queue::value_type;
  using result = pop_result<value_type>;

 public:
  explicit async_pop_operation(Queue& queue, Executor executor, std::stop_token token = {}) noexcept
      : base(queue, queue_side::elements, std::move(executor), std::move(token)), result_(nothing()) {}
  ~async_pop_operation() {
    this->end();
    std::destroy_at(&result_);
  }

  /// The same by another executor.
  template <class Other>
  async_pop_operation<Queue, Other> via(Other other) && noexcept {
    return async_pop_operation<Queue, Other>(this->queue(), std::move(other), std::move(this->token()));
  }
  /// The same, and over when a stop is requested.
  async_pop_operation stopped_by(std::stop_token token) && noexcept {
    return async_pop_operation(this->queue(), std::move(this->executor()), std::move(token));
  }

  std::optional<value_type> await_resume() {
    if (thrown_) [[unlikely]] std::rethrow_exception(std::exchange(thrown_, nullptr));
    if (!result_) return std::nullopt;
    return std::optional<value_type>(std::move(*result_));
  }

 private:
  friend base;

  static result nothing() noexcept { return result(unexpected(conqueue_status::empty)); }

  bool try_now() noexcept {
    std::destroy_at(&result_);
    try {
      ::new (static_cast<void*>(&result_)) result(this->queue().try_pop());  // not moved: it is made where it stays
      return result_ || result_.error() == conqueue_status::closed;
    } catch (...) {
      ::new (static_cast<void*>(&result_)) result(nothing());
      thrown_ = std::current_exception();
      return true;
    }
  }

  union {
    result result_;  // always there; what was popped, or why nothing was
  };
  std::exception_ptr thrown_;
};

/// What `q.async_push(value)` and `q.async_emplace(args...)` return: to be awaited at once, while the arguments live. True:
/// it is in the queue. False: the queue is closed or a stop was requested, and the arguments are as they were.
template <class Queue, class Executor, class... Args>
class [[nodiscard]] async_emplace_operation final
    : public detail::async_operation<async_emplace_operation<Queue, Executor, Args...>, Queue, Executor> {
  static_assert(async_executor<Executor>, "an executor is called with an async_job");
  using base = detail::async_operation<async_emplace_operation, Queue, Executor>;
  using arguments = std::tuple<Args...>;

 public:
  explicit async_emplace_operation(Queue& queue, Executor executor, Args... args) noexcept
      : async_emplace_operation(queue, std::move(executor), {}, arguments(std::forward<Args>(args)...)) {}
  ~async_emplace_operation() { this->end(); }

  template <class Other>
  async_emplace_operation<Queue, Other, Args...> via(Other other) && noexcept {
    return {this->queue(), std::move(other), std::move(this->token()), std::move(arguments_)};
  }
  async_emplace_operation stopped_by(std::stop_token token) && noexcept {
    return {this->queue(), std::move(this->executor()), std::move(token), std::move(arguments_)};
  }

  bool await_resume() {
    if (thrown_) [[unlikely]] std::rethrow_exception(std::exchange(thrown_, nullptr));
    return status_ == conqueue_status::success;
  }

 private:
  template <class, class, class...>
  friend class async_emplace_operation;
  friend base;

  async_emplace_operation(Queue& queue, Executor executor, std::stop_token token, arguments args) noexcept
      : base(queue, queue_side::room, std::move(executor), std::move(token)), arguments_(std::move(args)) {}

  bool try_now() noexcept {
    try {
      status_ = std::apply([this](Args&... args) { return this->queue().try_emplace(std::forward<Args>(args)...); },
                           arguments_);
      return status_ != conqueue_status::full;
    } catch (...) {
      thrown_ = std::current_exception();
      return true;
    }
  }

  arguments arguments_;
  conqueue_status status_ = conqueue_status::full;
  std::exception_ptr thrown_;
};

/// P0260's third concept, as far as it goes without senders.
template <class Q>
concept async_concurrent_queue =
    basic_concurrent_queue<Q> && watchable_queue<Q> && requires(Q& q, typename Q::value_type&& value) {
      { q.async_push(std::move(value)) } noexcept;
      { q.async_emplace(std::move(value)) } noexcept;
      { q.async_pop() } noexcept;
      { q.async_push(std::move(value)).await_resume() } -> std::same_as<bool>;
      { q.async_pop().await_resume() } -> std::same_as<std::optional<typename Q::value_type>>;
    };

}  // namespace switchyard
