// What the thread pools of both sides have in common: all but how tasks are queued.
//
// Source: CPython's ThreadPoolExecutor for what it does; that a waiting worker runs tasks is Cilk's and oneTBB's.
// When: inside `blocking/thread_pool.h` and `lockfree/thread_pool.h`. Users name those.
// Progress: that of the queues. A worker that waits for a future runs tasks.
// Ordering: what happened before `submit` or `post` happened before the task; the task, before its future's waits end.
// Cost: a task of `submit` is one allocation, one of `post` none where the function is small. By `new`: tasks, futures and what
//   waits for them are given back by whichever thread is the last, also after the pool, so that an allocator would have to
//   be in each of them; most of a pool's memory is its threads' stacks.
//
// `Queues` are what tasks wait in:
//
//   explicit Queues(std::size_t workers)
//   bool push(task&);                                from outside; false: closed, and the task is as it was
//   bool push_own(task&, std::size_t worker);        by this worker, likewise
//   task_from try_take(task& into, std::size_t worker);  without waiting
//   task_from try_take_own(task& into, worker);          of what this worker has pushed, its newest, if it has it to itself
//   task_from wait_take(task& into, worker);             waits; `over`: closed, and nothing is left for this worker
//   void put_back(task&, std::size_t worker);        what it has just taken by try_take_own
//   void close() noexcept;  bool is_closed() const noexcept;
//   std::size_t size_approx() const noexcept;
//   enlist(waiter&), withdraw(waiter&), wake_another()      as `threads/waiter.h` has it, for new tasks
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <new>
#include <ranges>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "switchyard/atomics/atomic.h"
#include "switchyard/atomics/cache_padded.h"
#include "switchyard/atomics/of_this_thread.h"
#include "switchyard/atomics/plain.h"
#include "switchyard/interface/thread_pool.h"
#include "switchyard/threads/detail/future_core.h"
#include "switchyard/threads/detail/future_value.h"
#include "switchyard/threads/detail/pool_map.h"
#include "switchyard/threads/detail/pool_task.h"
#include "switchyard/threads/detail/task.h"
#include "switchyard/threads/detail/wait_for_futures.h"
#include "switchyard/threads/future.h"
#include "switchyard/threads/thread.h"
#include "switchyard/threads/waiter.h"

namespace switchyard::detail {

/// Where a task has come from, if from anywhere. `over`: there is none, and will be none.
enum class task_from : std::uint8_t { nothing, over, own, shared, stolen };
constexpr bool is_task(task_from how) noexcept { return how > task_from::over; }

/// `Thread` is for tests; it is `switchyard::thread`.
template <class Queues, class Thread = thread>
class pool_base {
 public:
  /// Starts the threads. Throws `bad_thread_count`; what starting a thread throws, std::system_error with its name: those
  /// before it have ended then.
  explicit pool_base(thread_pool_options options = {})
      : count_(checked(options.threads)),
        initializer_(std::move(options.initializer)),
        queues_(count_),
        workers_(count_) {
    for (std::size_t i = 0; i < count_; ++i) workers_[i]->join(*this, i);
    threads_.reserve(count_);
    try {
      for (std::size_t i = 0; i < count_; ++i) {
        threads_.emplace_back(
            thread_options{.name = options.name + "-" + std::to_string(i), .stack_size = options.stack_size},
            [this, i] { work(*workers_[i]); });
      }
    } catch (...) {
      queues_.close();
      threads_.clear();
      throw;
    }
  }
  pool_base(const pool_base&) = delete;
  pool_base& operator=(const pool_base&) = delete;

  /// Shuts the pool down, and waits: tasks that were given to it are run. Not from one of its own tasks.
  ~pool_base() { shutdown(); }

  /// Has one of the threads call `f(args...)`, with copies of them; the future of what it returns. Throws
  /// `pool_shut_down`, `broken_pool`, what copying throws and std::bad_alloc.
  template <class F, class... Args>
  auto submit(F&& f, Args&&... args) {
    using result = std::invoke_result_t<std::decay_t<F>, std::decay_t<Args>...>;
    if constexpr (sizeof...(Args) == 0) {
      return submit_function<result>(std::forward<F>(f));
    } else {
      return submit_function<result>(
          [f = std::decay_t<F>(std::forward<F>(f)),
           all = std::tuple<std::decay_t<Args>...>(std::forward<Args>(args)...)]() mutable -> result {
            return std::apply(
                [&](auto&... each) -> result { return std::invoke(std::move(f), std::move(each)...); }, all);
          });
    }
  }

  /// The same without a future: cheaper. What `f` throws goes to the exception hook. If the pool is shut down with
  /// `cancel_pending`, or broken, before it has begun, it is destroyed uncalled.
  template <class F>
  void post(F&& f) {
    task t(std::forward<F>(f));
    put(t);
  }

  /// Calls `f(element)` for each element of `input`, several at a time; a range, to be gone through once, of what it
  /// returns, in the order of the input. The first exception, by that order, is thrown in its place, from ++ or begin();
  /// then there are no more results, and what has not begun is cancelled: as when the range is destroyed early. An lvalue
  /// range must stay. With several inputs `f` gets an element of each, until the first ends.
  template <class F, std::ranges::input_range Input>
  auto map(F&& f, Input&& input, map_options options = {}) {
    return map(options, std::forward<F>(f), std::forward<Input>(input));
  }
  template <class F, std::ranges::input_range... Inputs>
    requires(sizeof...(Inputs) > 0)
  auto map(map_options options, F&& f, Inputs&&... inputs) {
    return map_results<pool_base, std::decay_t<F>, Inputs...>(*this, options, std::forward<F>(f),
                                                              std::forward<Inputs>(inputs)...);
  }

  /// Waits for the future. As `f.wait()`, wherever that is called: a worker of a pool runs its tasks meanwhile.
  template <class T>
  void wait(const future<T>& f) const {
    f.wait();
  }

  /// From now on no task is taken. Those that have been are run, unless `cancel_pending`; `wait`: until the threads have
  /// ended. It may be called again, and with more. Throws `joins_itself` if one of the pool's own tasks wants to wait;
  /// nothing has changed then.
  void shutdown(shutdown_options options = {}) {
    if (options.wait && of_this_thread<place>().pool == this) {
      throw joins_itself("a task cannot wait until its own pool has ended");
    }
    if (options.cancel_pending) refuse_all(&cancelling);
    queues_.close();
    if (options.cancel_pending) {
      for (task t; is_task(queues_.try_take(t, count_));) t.give_up(reason(refused_.load(memory_order_acquire)));  // (3)
    }
    if (!options.wait) return;
    for (Thread& each : threads_) each.join();
  }

  bool is_shut_down() const noexcept { return queues_.is_closed(); }
  std::size_t thread_count() const noexcept { return count_; }

  thread_pool_statistics statistics() const noexcept {
    thread_pool_statistics all{.threads = count_, .queued = queues_.size_approx()};
    for (const auto& each : workers_) each->add_to(all);
    return all;
  }

 private:
  // Why tasks are not run any more: they are cancelled, or get an exception.
  struct refusal {
    plain<std::exception_ptr> why;
  };
  static inline const refusal cancelling{};
  static std::exception_ptr reason(const refusal* r) noexcept { return r == &cancelling ? nullptr : r->why.read(); }

  class worker;
  struct place {
    const void* pool = nullptr;
    worker* in = nullptr;
  };

  static std::size_t checked(std::int64_t threads) {
    if (threads < 1 || threads > most_pool_threads) throw bad_thread_count(threads);
    return static_cast<std::size_t>(threads);
  }

  template <class R, class F>
  future<R> submit_function(F&& f) {
    auto* const core = new pool_task<R, std::decay_t<F>>(this, std::forward<F>(f));
    future<R> result = detail_access::make<R>(core_ref(core));
    task t(static_cast<future_core*>(core));
    put(t);
    return result;
  }

  void put(task& t) {
    const place& here = of_this_thread<place>();
    if (here.pool == this ? queues_.push_own(t, here.in->index) : queues_.push(t)) [[likely]] return;
    const refusal* const last = refused_.load(memory_order_acquire);  // (3) with (1)
    t.give_up(nullptr);
    if (last == nullptr || last == &cancelling) throw pool_shut_down();
    std::rethrow_exception(reason(last));
  }

  // The first reason stays.
  void refuse_all(const refusal* why) noexcept {
    const refusal* expected = nullptr;
    // (1) release: with (2), (3), which look into it.
    refused_.compare_exchange_strong(expected, why, memory_order_release, memory_order_relaxed);
  }

  static std::chrono::steady_clock::time_point time_now() noexcept {
#ifdef SWITCHYARD_MODEL
    return {};  // where every run must be the same
#else
    return std::chrono::steady_clock::now();
#endif
  }

  void work(worker& me);
  std::exception_ptr initialise() const;
  task_from next_task(worker& me, task& into);
  void run(worker& me, task& t) noexcept;

  const std::size_t count_;
  const std::function<void()> initializer_;
  Queues queues_;
  std::vector<cache_padded<worker>> workers_;
  atomic<const refusal*> refused_{nullptr};
  std::vector<Thread> threads_;
};

/// What belongs to one thread of the pool. Its numbers are written by that thread alone.
template <class Queues, class Thread>
class pool_base<Queues, Thread>::worker final : public helper {
 public:
  worker() noexcept { broken_.why.construct(nullptr); }
  worker(const worker&) = delete;
  worker& operator=(const worker&) = delete;
  ~worker() { broken_.why.destroy(); }

  void join(pool_base& pool, std::size_t number) noexcept {
    pool_ = &pool;
    index = number;
  }

  /// No task is run any more, as this thread's initializer has thrown `cause`.
  void break_pool(const std::exception_ptr& cause) noexcept {
    try {
      broken_.why.write() = std::make_exception_ptr(broken_pool(cause));
    } catch (...) {
      broken_.why.write() = std::current_exception();  // not even the memory to say so
    }
    pool_->refuse_all(&broken_);
    pool_->queues_.close();
  }

  bool help(future_core* awaited, short_sleep* prepared) override {
    // What we wait for is, as a rule, what this thread has given last.
    task t;
    if (is_task(pool_->queues_.try_take_own(t, index))) {
      if (nested_ < most_nested || t.completes(awaited)) return run_nested(t, prepared);
      pool_->queues_.put_back(t, index);
    }
    // Or else it waits somewhere in a queue, or another thread has begun it (before the last look already).
    if (prepared == nullptr && awaited != nullptr && awaited->home() == pool_ &&
        pool_->refused_.load(memory_order_relaxed) == nullptr) {
      if (awaited->run()) return counted();
    }
    if (nested_ == most_nested) return false;
    const task_from how = pool_->queues_.try_take(t, index);
    count_taken(how);
    return is_task(how) && run_nested(t, prepared);
  }
  bool enlist(waiter& w) override {
    if (nested_ == most_nested) return false;
    pool_->queues_.enlist(w);
    return true;
  }
  bool withdraw(waiter& w) noexcept override { return pool_->queues_.withdraw(w); }
  void wake_another() noexcept override { pool_->queues_.wake_another(); }

  void begin() noexcept { running_.store(running_.load(memory_order_relaxed) + 1, memory_order_relaxed); }
  void end(bool done) noexcept {
    running_.store(running_.load(memory_order_relaxed) - 1, memory_order_relaxed);
    if (done) counted();
  }
  void count_taken(task_from how) noexcept {
    if (how == task_from::stolen) stolen_.store(stolen_.load(memory_order_relaxed) + 1, memory_order_relaxed);
  }
  void was_idle(std::chrono::nanoseconds time) noexcept {
    idle_.store(idle_.load(memory_order_relaxed) + time.count(), memory_order_relaxed);
  }
  void add_to(thread_pool_statistics& all) const noexcept {
    all.running += running_.load(memory_order_relaxed) != 0 ? 1 : 0;
    all.done += done_.load(memory_order_relaxed);
    all.stolen += stolen_.load(memory_order_relaxed);
    all.idle += std::chrono::nanoseconds(idle_.load(memory_order_relaxed));
  }

  std::size_t index = 0;

 private:
  // Tasks that a waiting task runs on top of itself may wait and run others, on one stack: no more than so many. Beyond
  // that a thread just waits, unless it can run what it waits for.
#ifdef SWITCHYARD_MODEL
  static constexpr unsigned most_nested = 2;
#else
  static constexpr unsigned most_nested = 100;
#endif

  bool run_nested(task& t, short_sleep* prepared) noexcept {
    // A notification that has been spent on us in the meantime may be for a task other than this one.
    if (prepared != nullptr && prepared->leave()) wake_another();
    ++nested_;
    pool_->run(*this, t);
    --nested_;
    return true;
  }
  bool counted() noexcept {
    done_.store(done_.load(memory_order_relaxed) + 1, memory_order_relaxed);
    return true;
  }

  pool_base* pool_ = nullptr;
  refusal broken_;
  unsigned nested_ = 0;
  atomic<std::uint32_t> running_{0};
  atomic<std::uint64_t> done_{0};
  atomic<std::uint64_t> stolen_{0};
  atomic<std::int64_t> idle_{0};
};

template <class Queues, class Thread>
void pool_base<Queues, Thread>::work(worker& me) {
  of_this_thread<place>() = {this, &me};
  of_this_thread<this_threads_helper>().current = &me;
  if (const std::exception_ptr thrown = initialise(); thrown != nullptr) {
    me.break_pool(thrown);
    report_here(thrown);
  }
  // Also when the pool is shut down or broken: until there are no more tasks.
  for (;;) {
    task t;
    const task_from how = next_task(me, t);
    if (!is_task(how)) return;
    me.count_taken(how);
    run(me, t);
  }
}

// What the initializer throws.
template <class Queues, class Thread>
std::exception_ptr pool_base<Queues, Thread>::initialise() const {
  try {
    if (initializer_ != nullptr) initializer_();
    return nullptr;
  } catch (...) {
    std::exception_ptr thrown = std::current_exception();
    if (thrown == nullptr) throw;  // pthread_exit or pthread_cancel, which may not be stopped
    return thrown;
  }
}

template <class Queues, class Thread>
task_from pool_base<Queues, Thread>::next_task(worker& me, task& into) {
  for (;;) {
    try {
      const task_from at_once = queues_.try_take(into, me.index);
      if (at_once != task_from::nothing) [[likely]] return at_once;
      const auto since = time_now();
      const task_from how = queues_.wait_take(into, me.index);
      me.was_idle(time_now() - since);
      return how;
    } catch (const std::bad_alloc&) {
      yield();  // not even for what a look at a queue takes: the thread stays, and tries again
    }
  }
}

template <class Queues, class Thread>
void pool_base<Queues, Thread>::run(worker& me, task& t) noexcept {
  const refusal* const refused = refused_.load(memory_order_acquire);  // (2) with (1)
  if (refused != nullptr) [[unlikely]] return t.give_up(reason(refused));
  me.begin();
  bool was_there = true;
  call_or_report([&] { was_there = t.run(); });
  me.end(was_there);
}

}  // namespace switchyard::detail
