// Where an exception goes that leaves a thread: to a hook of the whole program, with the thread's name.
//
// Source: CPython's threading.excepthook, and what it does when the hook itself fails.
// When: whoever runs other people's code in a thread of its own calls `report_exception`; a program that wants to log
//   what goes wrong calls `set_exception_hook` once. Not for errors that somebody waits for: those go through `get`.
// Progress: blocking: a short lock around the copy of a pointer, and whatever the hook does.
// Ordering: a hook that is set before a thread reports is the one that is called.
// Cost: nothing until something throws.
//
//   set_exception_hook([](const thread_failure& failure) { log(failure.name, failure.exception); });
#pragma once

#include <cxxabi.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <typeinfo>
#include <utility>

#include "switchyard/atomics/immortal.h"

namespace switchyard {

/// What has happened, and where.
struct thread_failure {
  std::string name;              ///< of the thread
  std::thread::id id;            ///< of the thread
  std::exception_ptr exception;  ///< what left its function; never null
};

using exception_hook = std::function<void(const thread_failure&)>;

namespace detail {

/// Prints `before`, and of what type the exception is and what it says, as one line.
inline void print_exception(const char* before, const std::string& name, const std::exception_ptr& exception) {
  const auto print = [&](const char* what) {
    const std::type_info* const type = abi::__cxa_current_exception_type();
    const char* const mangled = type == nullptr ? "an exception" : type->name();
    int status = 0;
    char* const readable = abi::__cxa_demangle(mangled, nullptr, nullptr, &status);
    // One call, so that lines of several threads do not mix.
    std::fprintf(stderr, "%s %s: %s%s%s\n", before, name.c_str(), readable == nullptr ? mangled : readable,
                 what == nullptr ? "" : ": ", what == nullptr ? "" : what);
    std::free(readable);
  };
  try {
    std::rethrow_exception(exception);
  } catch (const std::exception& error) {
    print(error.what());
  } catch (...) {
    print(nullptr);
  }
}

struct exception_hooks {
  std::mutex lock;
  std::shared_ptr<const exception_hook> current;  // null: the default

  static exception_hooks& all() {
    static exception_hooks* const hooks = make_immortal<exception_hooks>();
    return *hooks;
  }
};

}  // namespace detail

/// What is called unless a hook has been set: prints the thread's name, the exception's type and its `what()` to the
/// standard error.
inline void default_exception_hook(const thread_failure& failure) {
  detail::print_exception("Exception in thread", failure.name, failure.exception);
}

/// From now on `hook` is called, in the thread that failed, which ends when it returns. Several threads may call it at
/// once. An empty hook brings the default back. Returns the hook before; empty: the default. A thread that is failing
/// at this moment may still call that one.
inline exception_hook set_exception_hook(exception_hook hook) {
  auto next = hook ? std::make_shared<const exception_hook>(std::move(hook)) : nullptr;
  auto& hooks = detail::exception_hooks::all();
  {
    const std::lock_guard hold(hooks.lock);
    hooks.current.swap(next);
  }
  return next == nullptr ? exception_hook() : *next;
}

/// Calls the hook. Where the hook throws, both exceptions are printed to the standard error: the one it was called
/// with, and its own. Neither gets out of here.
inline void report_exception(const thread_failure& failure) {
  std::shared_ptr<const exception_hook> hook;
  {
    auto& hooks = detail::exception_hooks::all();
    const std::lock_guard hold(hooks.lock);
    hook = hooks.current;
  }
  if (hook == nullptr) return default_exception_hook(failure);
  try {
    (*hook)(failure);
  } catch (...) {
    const std::exception_ptr hooks_own = std::current_exception();
    if (hooks_own == nullptr) throw;  // pthread_exit or pthread_cancel, which may not be stopped
    default_exception_hook(failure);
    detail::print_exception("Exception in the exception hook, called for thread", failure.name, hooks_own);
  }
}

namespace detail {

/// Calls the hook with the `thread_failure` that `make` returns; where there is no memory for that, says so.
template <class Make>
void report_or_say_why_not(Make make) {
  try {
    report_exception(make());
  } catch (...) {
    if (std::current_exception() == nullptr) throw;  // as above
    std::fputs("Exception in a thread, and no memory left to tell of which\n", stderr);
  }
}

}  // namespace detail

}  // namespace switchyard
