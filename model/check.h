// The model checker: runs a small concurrent program in every way that C++'s memory model allows.
//
// Source: stateless model checking as in CHESS (Musuvathi et al., OSDI 2008) with its bound on preemptions; sleep
//   sets (Godefroid 1996), here of labelled steps; the view machine of the promising semantics (Kang et al., POPL
//   2017) without promises, for RC11 (Lahav et al., PLDI 2017); PCT for random schedules (Burckhardt et al.,
//   ASPLOS 2010).
// When: to prove a lock-free structure right, or find out why not, on tests of two to four threads with a few
//   operations each. What needs more goes at random, or under ThreadSanitizer with real threads.
//
// A translation unit compiled with SWITCHYARD_MODEL defined gets the checker's `switchyard::atomic`, fences, `plain`,
// `double_word`, futex and thread-local objects in place of the real ones. Everything else runs as it is, so what
// threads share must be one of those: other memory is not looked at, apart from the heap's life and death.
//
//   auto result = model::check([] {
//     lockfree::spsc_queue<int> queue(2);
//     model::thread producer([&] { (void)queue.try_push(1); });
//     if (auto x = queue.try_pop()) model::require(*x == 1, "pops what was pushed");
//     producer.join();
//   });
//   ASSERT_TRUE(result.ok()) << result.report;
//
// A report has a line for each step, in the column of its thread: `flag := 1 release` is a store, `flag = 1 acquire,
// from 4` a load that read what was stored in step 4 (0: when it was built), `n: 1 -> 2 relaxed, from 3` a
// read-modify-write. Objects are called by their `name`, or else numbered as they appear.
//
// The body runs again and again, so it must do the same whenever it meets the same: no clock, no real random
// numbers, no state kept from run to run (static atomics are put back). It runs on a stack of 256 KiB.
//
// What C++20 allows and the checker never shows: load buffering (a load that reads from a store which depends on
// nothing but comes later); seq_cst operations whose single order contradicts happens-before, which P0668 allows
// for operations on different objects. See `tests/model/litmus_test.cc`.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <utility>

#include "switchyard/model/engine.h"
#include "switchyard/model/where.h"

namespace switchyard::model {

inline constexpr unsigned unlimited = std::numeric_limits<unsigned>::max();

struct options {
  /// How often a thread that could go on is interrupted, at most, in one execution.
  unsigned preemptions = unlimited;
  /// Limits for the whole check; the result says what was reached.
  std::uint64_t executions = 20'000'000;
  std::chrono::milliseconds time{60'000};
  /// More steps than this in one execution: it does not end.
  unsigned steps = 2000;
  /// How many sleeping threads may wake for no reason in one execution.
  unsigned spurious_wakeups = 1;
  /// How many times compare_exchange_weak may fail for no reason in one execution.
  unsigned weak_failures = 0;
  /// Without, executions that repeat others are not cut. To test the checker with.
  bool reduce = true;
  /// Not exhaustive: so many executions at random, from `seed`, each with `depth - 1` changes of priority (at most 8).
  std::uint64_t random = 0;
  std::uint64_t seed = 1;
  unsigned depth = 3;
  /// Stops one thread for ever, each in turn at each step; the others must come to their end within
  /// `steps_when_frozen` steps in all.
  bool freeze = false;
  unsigned steps_when_frozen = 500;
  /// What a failure printed, to see that execution alone.
  std::string replay = {};
};

struct result {
  std::string failure;               ///< what went wrong in one line; empty: nothing did
  std::string report;                ///< the same with the interleaving, and how to replay it
  std::string replay;                ///< for options::replay
  bool complete = false;             ///< every execution was seen, up to `preemptions`
  unsigned preemptions = unlimited;  ///< the bound up to which it is complete
  std::uint64_t executions = 0;      ///< that came to their end
  std::uint64_t pruned = 0;          ///< that were cut since they repeat others
  std::uint64_t steps = 0;
  std::chrono::nanoseconds time{};

  bool ok() const noexcept { return failure.empty(); }
  /// What was proved, in a line.
  std::string summary() const;
};

/// Runs `body` in every way, or as `options` say.
result check(const options& options, const std::function<void()>& body);
inline result check(const std::function<void()>& body) { return check(options{}, body); }

/// A thread of the program. Its end is waited for by `join`, or else by the destructor.
class thread {
 public:
  template <class F>
  explicit thread(F f, where at = where::current())
      : run_(std::move(f)),
        id_(detail::start_thread([](void* self) { static_cast<thread*>(self)->run_(); }, this, at)) {}
  thread(const thread&) = delete;
  thread& operator=(const thread&) = delete;
  ~thread() { join(); }

  void join(where at = where::current()) {
    if (!std::exchange(joined_, true)) detail::join_thread(id_, at);
  }

 private:
  std::function<void()> run_;
  int id_;
  bool joined_ = false;
};

/// Ends the execution as a failure unless `condition` holds.
inline void require(bool condition, const char* what, where at = where::current()) {
  if (!condition) detail::fail(what, at);
}

/// A number below `count`; each is tried.
inline std::size_t choose(std::size_t count) { return detail::choose(count); }

/// What reports call an atomic or a slot.
inline void name(const void* object, const char* name) { detail::name(object, name); }

/// Calls `f`, which this thread must finish within `limit` of its own steps, whatever others do: wait-free.
template <class F>
decltype(auto) within_steps(std::uint64_t limit, F f) {
  struct restore {
    std::uint64_t before;
    ~restore() { detail::restore_step_limit(before); }
  } at_exit{detail::limit_steps(limit)};
  return f();
}

/// A lock for what a test itself needs to protect.
class mutex {
 public:
  mutex() = default;
  mutex(const mutex&) = delete;
  mutex& operator=(const mutex&) = delete;

  void lock(where at = where::current()) { detail::lock(this, at); }
  void unlock(where at = where::current()) { detail::unlock(this, at); }
};

}  // namespace switchyard::model
