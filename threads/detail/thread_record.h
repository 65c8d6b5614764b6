// What is known of a thread: its name, its numbers, whether it has ended and by which exception; and the list of all.
//
// Source: our own; what is kept is what CPython's threading.Thread keeps.
// When: inside `threads/thread.h`. A record outlives its thread as long as anybody holds it.
// Progress: blocking: short locks around names and the list. Looking at the state is wait-free.
// Ordering: everything a thread does, its thread-local destructors included, happens before `ended` is seen.
// Cost: one allocation for a thread, and two locks when it starts and ends.
#pragma once

#include <pthread.h>
#include <sys/types.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <list>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "switchyard/atomics/atomic.h"
#include "switchyard/atomics/futex.h"
#include "switchyard/atomics/immortal.h"
#include "switchyard/atomics/of_this_thread.h"
#include "switchyard/interface/deadline.h"

namespace switchyard::detail {

/// What a thread is to run, with its arguments.
struct thread_task {
  virtual ~thread_task() = default;
  virtual void run(std::stop_token stop) = 0;
};

class thread_record {
 public:
  enum class origin : std::uint8_t { started, alien, main };

  // In this order, but for a start that fails, which goes back.
  enum state : std::uint32_t { not_started, starting, running, ended };

  thread_record(origin from, std::string name) : origin_(from), name_(std::move(name)) {}
  thread_record(const thread_record&) = delete;
  thread_record& operator=(const thread_record&) = delete;

  origin from() const noexcept { return origin_; }

  // (1) acquire: pairs with the release in (2) and (3).
  state now() const noexcept { return static_cast<state>(state_.load(memory_order_acquire)); }
  bool is_alive() const noexcept {
    const state seen = now();
    return seen == starting || seen == running;
  }

  std::string name() const {
    const std::lock_guard hold(lock_);
    return name_;
  }
  void set_name(std::string name) {
    const std::lock_guard hold(lock_);
    name_.swap(name);
    if (has_handle_) set_kernel_name();
  }

  /// The numbers, which the thread itself finds out: waits until it has, if it is just starting.
  pid_t native_id() const noexcept { return wait_past(starting), native_id_.load(memory_order_relaxed); }
  std::thread::id id() const noexcept {
    return wait_past(starting), now() == not_started ? std::thread::id() : id_;
  }

  /// Called by the thread itself, first of all. `name_the_thread`: tells the kernel, too.
  void enter(bool name_the_thread) noexcept {
    {
      const std::lock_guard hold(lock_);
      handle_ = pthread_self();
      has_handle_ = true;
      if (name_the_thread) set_kernel_name();
    }
    id_ = std::this_thread::get_id();
    native_id_.store(::gettid(), memory_order_relaxed);
    set_state(running);
  }

  /// Called by the thread itself, last of all.
  void leave() noexcept {
    // Others name a thread by its handle, which is good until the thread has been joined; an alien's nobody knows when.
    if (origin_ != origin::started) forget_handle();
    set_state(ended);
  }

  /// True if the caller is the one to start it.
  bool claim_start() noexcept {
    std::uint32_t expected = not_started;
    return state_.compare_exchange_strong(expected, starting, memory_order_acquire, memory_order_relaxed);
  }
  void take_start_back() noexcept { set_state(not_started); }

  /// True once the thread has ended; false if `limit` comes first.
  bool wait_ended(deadline limit) const noexcept {
    for (;;) {
      const state seen = now();
      if (seen == ended) return true;
      if (limit.has_passed()) return false;
      switchyard::futex_wait(state_, seen, limit);
    }
  }

  /// Gives the kernel's part of an ended thread back, by `give_back(handle)`, whoever comes first.
  template <class GiveBack>
  void reap(pthread_t handle, GiveBack give_back) noexcept {
    // Relaxed: what the thread did has been ordered by (1).
    if (reaped_.exchange(true, memory_order_relaxed)) return;
    forget_handle();
    give_back(handle);
  }

  // Written before the start, or by the thread before it ends; read by others only after that.
  std::unique_ptr<thread_task> task;
  std::exception_ptr exception;
  std::stop_source stop{std::nostopstate};

 private:
  friend class thread_registry;

  void set_state(state next) noexcept {
    // (2), (3) release: pairs with the acquire in (1): who sees that it runs knows its numbers, who sees the end sees
    // everything it did.
    state_.store(next, memory_order_release);
    switchyard::futex_wake(state_, UINT32_MAX);
  }
  void wait_past(state passing) const noexcept {
    while (now() == passing) switchyard::futex_wait(state_, passing, deadline::never());
  }
  void forget_handle() noexcept {
    const std::lock_guard hold(lock_);
    has_handle_ = false;
  }

  // The kernel keeps 15 bytes. No character is cut in two: a byte 10xxxxxx goes on with what came before it.
  void set_kernel_name() noexcept {
    constexpr std::size_t kernels_limit = 15;
    std::size_t length = std::min(name_.size(), kernels_limit);
    if (length < name_.size()) {
      std::size_t whole = length;
      while (whole > 0 && (static_cast<unsigned char>(name_[whole]) & 0xC0) == 0x80) --whole;
      if (whole > 0) length = whole;
    }
    char cut[kernels_limit + 1] = {};
    name_.copy(cut, length);
    pthread_setname_np(handle_, cut);  // it may have ended a moment ago, which is no error of ours
  }

  const origin origin_;
  mutable std::mutex lock_;  // for the three that follow
  std::string name_;
  pthread_t handle_{};
  bool has_handle_ = false;
  std::thread::id id_;  // written before `running`
  atomic<pid_t> native_id_{0};
  atomic<std::uint32_t> state_{not_started};
  atomic<bool> reaped_{false};
  std::list<std::shared_ptr<thread_record>>::iterator place_;  // in the registry
};

/// The threads that live: those on their way to start, those that run, and others' that have asked for their record.
class thread_registry {
 public:
  static thread_registry& all() {
    static thread_registry* const registry = make_immortal<thread_registry>();
    return *registry;
  }

  void add(const std::shared_ptr<thread_record>& record) {
    std::list<std::shared_ptr<thread_record>> one{record};
    const std::lock_guard hold(lock_);
    record->place_ = one.begin();
    threads_.splice(threads_.end(), one);
  }
  void remove(thread_record& record) noexcept {
    std::list<std::shared_ptr<thread_record>> one;  // destroyed after the unlock
    const std::lock_guard hold(lock_);
    one.splice(one.end(), threads_, record.place_);
  }
  std::size_t count() const {
    const std::lock_guard hold(lock_);
    return threads_.size();
  }
  std::vector<std::shared_ptr<thread_record>> list() const {
    const std::lock_guard hold(lock_);
    return {threads_.begin(), threads_.end()};
  }

  /// A name with a number that has not been given before: "thread-1" and so on.
  std::string new_name(const char* kind) {
    return kind + std::to_string(last_number_.fetch_add(1, memory_order_relaxed) + 1);
  }

 private:
  mutable std::mutex lock_;
  std::list<std::shared_ptr<thread_record>> threads_;
  atomic<std::uint64_t> last_number_{0};
};

/// The calling thread's own record. In a thread of ours this is its first thread-local object, so the last to be
/// destroyed: whatever runs in the thread finds it.
class this_thread_record {
 public:
  this_thread_record() = default;
  this_thread_record(const this_thread_record&) = delete;
  this_thread_record& operator=(const this_thread_record&) = delete;
  ~this_thread_record() {
    if (record_ == nullptr) return;
    of_this_thread<shortcut>() = {nullptr, true};
    thread_registry::all().remove(*record_);
    record_->leave();
  }

  /// For a thread of ours, at its beginning.
  static thread_record& enter(std::shared_ptr<thread_record> record) noexcept {
    record->enter(true);
    return of_this_thread<this_thread_record>().hold(std::move(record));
  }

  /// The record, which a thread that others have made gets when it first asks. Where that thread has cleaned up
  /// already, one that is not on the list.
  static std::shared_ptr<thread_record> get() {
    if (of_this_thread<shortcut>().finished) return alien();
    auto& mine = of_this_thread<this_thread_record>();
    if (mine.record_ == nullptr) {
      auto made = alien();
      thread_registry::all().add(made);
      mine.hold(std::move(made));
    }
    return mine.record_;
  }

  /// The calling thread's record, if it has one by now.
  static const thread_record* find() noexcept { return of_this_thread<shortcut>().record; }

 private:
  // Without a destructor: can be asked at any time.
  struct shortcut {
    thread_record* record = nullptr;
    bool finished = false;
  };

  static std::shared_ptr<thread_record> alien() {
    using enum thread_record::origin;
    const bool is_main = ::getpid() == ::gettid();
    auto made = std::make_shared<thread_record>(is_main ? main : thread_record::origin::alien,
                                                is_main ? "main" : thread_registry::all().new_name("alien-"));
    made->enter(false);
    return made;
  }

  thread_record& hold(std::shared_ptr<thread_record> record) noexcept {
    record_ = std::move(record);
    of_this_thread<shortcut>().record = record_.get();
    return *record_;
  }

  std::shared_ptr<thread_record> record_;
};

/// Puts the main thread on the list before `main` begins, as long as this is not loaded later by another thread.
inline const bool main_thread_is_known = ::getpid() == ::gettid() && this_thread_record::get() != nullptr;

}  // namespace switchyard::detail
