// A thread with a name, joined when its object goes, whose end can be waited for with a limit.
//
// Source: std::jthread for the form, CPython's threading.Thread for what it knows and does.
// When: wherever std::jthread would do, and a name, a limit on the wait, or a report of an exception is wanted. Not for
//   many small tasks: those go to a thread pool.
// Progress: blocking: `join` waits for another thread.
// Ordering: the start happens before the thread's first step. All it does, the destructors of its thread-local objects
//   included, happens before a join of it returns.
// Exceptions: one that leaves the function ends the thread and not the program: it goes to the exception hook (see
//   exception_hook.h), and is kept for `get`.
// Cost: that of std::thread, an allocation or two, and a lock of the list of all threads at the start and the end.
//
//   switchyard::thread worker({.name = "reader"}, [](std::stop_token stop, source& from) {
//     while (!stop.stop_requested()) from.read();
//   }, std::ref(from));
//   if (!worker.join_for(1s)) worker.request_stop();
//   worker.get();                        // throws what the function threw
#pragma once

#include <pthread.h>
#include <sys/types.h>

#include <cerrno>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <system_error>
#include <thread>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "switchyard/interface/deadline.h"
#include "switchyard/threads/detail/thread_record.h"
#include "switchyard/threads/exception_hook.h"

namespace switchyard {

/// A thread is used in a way that its state does not allow. The message names the thread.
struct thread_error : std::logic_error {
  using logic_error::logic_error;
};
struct joins_itself : thread_error {  ///< it would wait for ever
  using thread_error::thread_error;
};
struct not_joinable : thread_error {  ///< there is no thread, or it has not been started
  using thread_error::thread_error;
};
struct already_started : thread_error {  ///< threads start once
  using thread_error::thread_error;
};

/// What can be said about a thread before it starts.
struct thread_options {
  std::string name = {};       ///< empty: "thread-1", "thread-2", ...; the kernel keeps 15 bytes of it
  bool deferred = false;       ///< wait for start()
  std::size_t stack_size = 0;  ///< in bytes; 0: the system's default
};

/// A thread as others see it: what `thread::current()` and `thread::enumerate()` return. It can be copied and kept, also
/// when the thread has ended.
class thread_info {
 public:
  /// A name need not be unique.
  std::string name() const { return record_->name(); }
  /// Renames the thread, for the kernel and its tools, too. Of the main thread the kernel's name is the program's.
  void set_name(std::string name) { record_->set_name(std::move(name)); }

  std::thread::id id() const noexcept { return record_->id(); }
  /// The kernel's number of it; 0 if it has not been started.
  pid_t native_id() const noexcept { return record_->native_id(); }

  /// True from the start to the end.
  bool is_alive() const noexcept { return record_->is_alive(); }
  /// True unless a `switchyard::thread` made it. `is_main`: the one that main() runs in.
  bool is_alien() const noexcept { return record_->from() == detail::thread_record::origin::alien || is_main(); }
  bool is_main() const noexcept { return record_->from() == detail::thread_record::origin::main; }

  friend bool operator==(const thread_info&, const thread_info&) = default;

 private:
  friend class thread;
  explicit thread_info(std::shared_ptr<detail::thread_record> record) noexcept : record_(std::move(record)) {}

  std::shared_ptr<detail::thread_record> record_;
};

/// Models std::jthread, without `detach`: a thread never outlives its object, which asks it to stop and joins it.
///
/// `join`, `get`, the questions and `request_stop` may be called by several threads at once.
class thread {
  template <class F>
  static constexpr bool is_callable = !std::same_as<std::remove_cvref_t<F>, thread> &&
                                      !std::same_as<std::remove_cvref_t<F>, thread_options>;

 public:
  /// No thread.
  thread() noexcept = default;

  /// Starts a thread that calls a copy of `function` with copies of `arguments`, and with a std::stop_token before them
  /// if it takes one. Throws std::system_error, with the name, if the thread cannot be started,
  /// std::invalid_argument if its stack is too small, and what copying throws.
  template <class F, class... Args>
    requires is_callable<F>
  explicit thread(F&& function, Args&&... arguments)
      : thread(thread_options(), std::forward<F>(function), std::forward<Args>(arguments)...) {}

  /// The same with options. A deferred one starts by start().
  template <class F, class... Args>
  thread(thread_options options, F&& function, Args&&... arguments);

  thread(thread&&) noexcept = default;
  thread& operator=(thread&& other) noexcept {
    if (this != &other) {
      end();
      record_ = std::move(other.record_);
      handle_ = other.handle_;
      stack_size_ = other.stack_size_;
    }
    return *this;
  }
  /// Asks the thread to stop, and joins it. One that destroys its own object goes on without it.
  ~thread() { end(); }

  void swap(thread& other) noexcept { std::swap(*this, other); }

  /// Starts a deferred thread. Throws `already_started` the second time; std::system_error or std::invalid_argument as
  /// the constructor, and can then be called again.
  void start();

  /// Waits until the thread has ended; any number of times, by any number of threads. Does not throw what the thread
  /// threw. Throws `not_joinable` or `joins_itself`.
  void join() { join_until(deadline::never()); }

  /// The same up to a limit. True: it has ended. A time that has passed means: just ask.
  template <class Rep, class Period>
  bool join_for(const std::chrono::duration<Rep, Period>& wait) {
    return join_until(deadline::after(wait));
  }
  bool join_until(deadline limit);

  /// Joins, then throws what the function threw, if it did: every time.
  void get() {
    join();
    if (record_->exception != nullptr) std::rethrow_exception(record_->exception);
  }

  /// True if there is a thread that has been started: join will not throw `not_joinable`.
  bool joinable() const noexcept {
    return record_ != nullptr && record_->now() != detail::thread_record::not_started;
  }
  /// True from the start to the end.
  bool is_alive() const noexcept { return record_ != nullptr && record_->is_alive(); }

  std::thread::id get_id() const noexcept { return record_ == nullptr ? std::thread::id() : record_->id(); }
  /// The kernel's number of it; 0: none, or not started.
  pid_t native_id() const noexcept { return record_ == nullptr ? 0 : record_->native_id(); }

  /// The name; empty if there is no thread. It can be changed at any time. Throws `not_joinable` if there is no thread.
  std::string name() const { return record_ == nullptr ? std::string() : record_->name(); }
  void set_name(std::string name) { checked().set_name(std::move(name)); }

  /// The same as others see it. Throws `not_joinable` if there is no thread.
  thread_info info() const { return checked(), thread_info(record_); }

  /// As std::jthread's. Without a thread there is nothing to stop: false.
  bool request_stop() noexcept { return record_ != nullptr && record_->stop.request_stop(); }
  std::stop_source get_stop_source() const noexcept {
    return record_ == nullptr ? std::stop_source(std::nostopstate) : record_->stop;
  }
  std::stop_token get_stop_token() const noexcept { return get_stop_source().get_token(); }

  /// The calling thread, whoever made it.
  static thread_info current() { return thread_info(detail::this_thread_record::get()); }

  /// The threads that live: this class's own from the start to the end, the main thread, and those made elsewhere that
  /// have called `current`.
  static std::vector<thread_info> enumerate() {
    std::vector<thread_info> all;
    for (auto& record : detail::thread_registry::all().list()) all.push_back(thread_info(std::move(record)));
    return all;
  }
  /// How many `enumerate` would return.
  static std::size_t active_count() { return detail::thread_registry::all().count(); }

  static unsigned hardware_concurrency() noexcept { return std::thread::hardware_concurrency(); }

 private:
  template <class F, class... Args>
  struct task;

  static void* run(void* record);
  static void report(const detail::thread_record& record);

  detail::thread_record& checked() const {
    if (record_ == nullptr) throw not_joinable("there is no thread");
    return *record_;
  }
  [[noreturn]] void could_not_start(int error) const;

  void end() noexcept {
    if (!joinable()) return;
    record_->stop.request_stop();
    if (detail::this_thread_record::find() == record_.get()) {
      record_->reap(handle_, [](pthread_t handle) { pthread_detach(handle); });
    } else {
      record_->wait_ended(deadline::never());
      record_->reap(handle_, [](pthread_t handle) { pthread_join(handle, nullptr); });
    }
    record_.reset();
  }

  std::shared_ptr<detail::thread_record> record_;  // null: no thread
  pthread_t handle_{};                             // once it has been started
  std::size_t stack_size_ = 0;
};

template <class F, class... Args>
struct thread::task : detail::thread_task {
  template <class... From>
  explicit task(From&&... from) : all(std::forward<From>(from)...) {}

  void run(std::stop_token stop) override {
    std::apply(
        [&](F&& function, Args&&... arguments) {
          if constexpr (std::is_invocable_v<F, std::stop_token, Args...>) {
            std::invoke(std::move(function), std::move(stop), std::move(arguments)...);
          } else {
            std::invoke(std::move(function), std::move(arguments)...);
          }
        },
        std::move(all));
  }

  std::tuple<F, Args...> all;
};

template <class F, class... Args>
thread::thread(thread_options options, F&& function, Args&&... arguments) : stack_size_(options.stack_size) {
  using task_type = task<std::decay_t<F>, std::decay_t<Args>...>;
  static_assert(std::is_invocable_v<std::decay_t<F>, std::decay_t<Args>...> ||
                    std::is_invocable_v<std::decay_t<F>, std::stop_token, std::decay_t<Args>...>,
                "the function cannot be called with these arguments, nor with a std::stop_token before them");
  auto record = std::make_shared<detail::thread_record>(
      detail::thread_record::origin::started,
      options.name.empty() ? detail::thread_registry::all().new_name("thread-") : std::move(options.name));
  record->stop = std::stop_source();
  record->task = std::make_unique<task_type>(std::forward<F>(function), std::forward<Args>(arguments)...);
  record_ = std::move(record);
  if (!options.deferred) start();
}

inline bool thread::join_until(deadline limit) {
  // Held: another thread may destroy this object when the thread has ended.
  const std::shared_ptr<detail::thread_record> record = record_;
  checked();
  if (!joinable()) throw not_joinable("thread " + record->name() + " cannot be joined: it has not been started");
  if (detail::this_thread_record::find() == record.get()) {
    throw joins_itself("thread " + record->name() + " cannot join itself");
  }
  const pthread_t handle = handle_;
  if (!record->wait_ended(limit)) return false;
  record->reap(handle, [](pthread_t ended) { pthread_join(ended, nullptr); });
  return true;
}

inline void thread::start() {
  detail::thread_record& record = checked();
  if (!record.claim_start()) throw already_started("thread " + record.name() + " has been started before");
  struct attributes {
    attributes() noexcept { pthread_attr_init(&value); }
    ~attributes() { pthread_attr_destroy(&value); }
    pthread_attr_t value;
  } with;
  int error = stack_size_ == 0 ? 0 : pthread_attr_setstacksize(&with.value, stack_size_);
  if (error == 0) {
    try {
      auto theirs = std::make_unique<std::shared_ptr<detail::thread_record>>(record_);
      detail::thread_registry::all().add(record_);
      error = pthread_create(&handle_, &with.value, &run, theirs.get());
      if (error == 0) {
        theirs.release();
        return;
      }
    } catch (...) {
      record.take_start_back();
      throw;
    }
    detail::thread_registry::all().remove(record);
  }
  record.take_start_back();
  could_not_start(error);
}

inline void thread::could_not_start(int error) const {
  const std::string what = "thread " + record_->name() + " cannot be started";
  if (error == EINVAL) throw std::invalid_argument(what + ": its stack is too small");
  throw std::system_error(error, std::generic_category(), what);
}

inline void thread::report(const detail::thread_record& record) {
  detail::report_or_say_why_not([&] {
    return thread_failure{record.name(), std::this_thread::get_id(), record.exception};
  });
}

inline void* thread::run(void* from_starter) {
  const std::unique_ptr<std::shared_ptr<detail::thread_record>> held(
      static_cast<std::shared_ptr<detail::thread_record>*>(from_starter));
  detail::thread_record& record = detail::this_thread_record::enter(*held);
  const std::unique_ptr<detail::thread_task> task = std::move(record.task);
  try {
    task->run(record.stop.get_token());
  } catch (...) {
    record.exception = std::current_exception();
    if (record.exception == nullptr) throw;  // pthread_exit or pthread_cancel, which may not be stopped
    report(record);
  }
  return nullptr;
}

}  // namespace switchyard
