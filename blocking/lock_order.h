// A lock that, before it would close a cycle of threads that wait for each other, says so, with the stacks of both.
//
// Source: the order of locks as a graph, as in the lock validators of Linux (lockdep) and Abseil (`Mutex` in debug builds):
//   if B is ever locked while A is held, and A while B is, then the two can deadlock, whether or not they do today.
// When to use it: in debug builds and tests, as the `Lock` of the structures of this folder, or of one's own. What takes
//   its locks in one order, as `update` does, has no cycles.
// Progress: blocking. While a thread holds another lock, all such threads meet at one lock of the graph's.
// Ordering: that of Lock.
// Cost: with no other lock held, a store to memory of this thread's own. Otherwise microseconds: a search of the graph, and
//   the first time that two locks meet a stack trace. Up to 32 locks that a thread holds at once are looked at. Memory for
//   each pair of locks that were held together, until one of them is destroyed.
//
//   order_checked<mutex> a, b;
//   /* one thread */ a.lock();  b.lock();      /* another, at whatever time */ b.lock();  a.lock();   // prints, and aborts
#pragma once

#include <execinfo.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "switchyard/atomics/atomic.h"
#include "switchyard/atomics/immortal.h"
#include "switchyard/atomics/of_this_thread.h"

namespace switchyard::blocking {

/// Where a thread was.
class call_stack {
 public:
  static call_stack here() noexcept {
    call_stack now;
    now.size_ = backtrace(now.frames_.data(), static_cast<int>(now.frames_.size()));
    return now;
  }

  /// A line for each call, the last first; with names where the program was linked with -rdynamic, and else with
  /// addresses that addr2line knows.
  std::string text() const {
    std::string lines;
    const std::unique_ptr<char*, void (*)(void*)> names(backtrace_symbols(frames_.data(), size_), std::free);
    for (int i = 0; i < size_ && names != nullptr; ++i) lines += std::string("    ") + names.get()[i] + '\n';
    return lines;
  }
  std::size_t size() const noexcept { return static_cast<std::size_t>(size_); }

 private:
  std::array<void*, 32> frames_{};
  int size_ = 0;
};

/// Locks of which each was, or is to be, taken while the one before it was held, and the first while the last is.
struct lock_cycle {
  struct step {
    const void* held;
    const void* taken;
    call_stack stack;  // where it was taken so for the first time
  };
  std::vector<step> steps;  // the first is the one that is about to be

  std::string text() const {
    char line[120];
    std::string all = "These locks can deadlock:\n";
    const char* how = "is about to be taken";
    for (const step& s : steps) {
      std::snprintf(line, sizeof line, "  lock %p %s while lock %p is held, here:\n", s.taken, how, s.held);
      all += line + s.stack.text();
      how = "was taken";
    }
    return all;
  }
};

/// What is called before a cycle would be closed, in the thread that is about to. If it throws, the lock is not taken and
/// the exception passes on; if it returns, the thread goes on and waits for the lock.
using lock_order_handler = void (*)(const lock_cycle&);

/// The one that there is at first.
inline void print_and_abort(const lock_cycle& cycle) {
  std::fputs(cycle.text().c_str(), stderr);
  std::abort();
}

/// Whether the thread that has the lock may take it again: a lock of your own says so by a member type `is_recursive`.
template <class Lock>
inline constexpr bool is_recursive_lock = requires { typename Lock::is_recursive; };
template <>
inline constexpr bool is_recursive_lock<std::recursive_mutex> = true;
template <>
inline constexpr bool is_recursive_lock<std::recursive_timed_mutex> = true;

namespace detail {

/// Which lock was taken while which was held, in the whole program.
class lock_graph {
 public:
  static lock_graph& instance() {
    static lock_graph& all = *make_immortal<lock_graph>();
    return all;
  }

  /// What a lock keeps for the graph. It is no node before its first use.
  struct membership {
    atomic<std::uint64_t> id{0};
    atomic<std::uint64_t> passed_on{0};  // how often it was unlocked by a thread that had not locked it
  };

  /// The number of `m`, which it gets when it is first used. Throws std::bad_alloc.
  std::uint64_t enroll(membership& m, const void* address) {
    // Relaxed: nothing is found by the number but what the graph's lock guards.
    const std::uint64_t known = m.id.load(memory_order_relaxed);
    if (known != 0) return known;
    const std::lock_guard hold(lock_);
    if (m.id.load(memory_order_relaxed) == 0) {
      nodes_[last_id_ + 1].address = address;
      m.id.store(++last_id_, memory_order_relaxed);
    }
    return m.id.load(memory_order_relaxed);
  }

  /// This thread is about to wait for `m`, which is at `address`, and may have it already if `again`.
  void about_to_take(membership& m, const void* address, bool again) {
    const std::uint64_t wanted = enroll(m, address);
    held_locks& mine = of_this_thread<held_locks>();
    if (mine.size == 0) return;
    lock_cycle cycle;
    {
      const std::lock_guard hold(lock_);
      drop_those_gone(mine);
      for (std::size_t i = 0; i < mine.size && cycle.steps.empty(); ++i) {
        const std::uint64_t from = mine.entries[i].id;
        if (from == wanted) {
          if (!again) cycle.steps = {{address, address, call_stack::here()}};
          continue;
        }
        auto& after = nodes_[from].after;
        if (after.contains(wanted)) continue;
        std::set<std::uint64_t> seen;
        if (find_path(wanted, from, seen, cycle)) {
          cycle.steps.insert(cycle.steps.begin(), {nodes_[from].address, address, call_stack::here()});
        } else {
          after.emplace(wanted, call_stack::here());
        }
      }
    }
    if (!cycle.steps.empty()) handler_.load(memory_order_acquire)(cycle);
  }

  /// This thread has `m`, which is enrolled.
  void taken(membership& m) noexcept {
    held_locks& mine = of_this_thread<held_locks>();
    if (mine.size == mine.entries.size()) return;
    mine.entries[mine.size++] = {m.id.load(memory_order_relaxed), m.passed_on.load(memory_order_relaxed)};
  }

  /// And gives it up.
  void given_up(membership& m) noexcept {
    held_locks& mine = of_this_thread<held_locks>();
    const std::uint64_t id = m.id.load(memory_order_relaxed);
    // The last is mostly the one.
    for (std::size_t i = mine.size; i != 0; --i) {
      if (mine.entries[i - 1].id == id) return mine.remove(i - 1);
    }
    // Another thread has locked it, and must not be thought to have it still.
    const std::lock_guard hold(lock_);
    if (const auto found = nodes_.find(id); found != nodes_.end()) {
      found->second.passed_on = m.passed_on.fetch_add(1, memory_order_relaxed) + 1;
    }
  }

  void forget(membership& m) {
    const std::uint64_t id = m.id.load(memory_order_relaxed);
    if (id == 0) return;
    const std::lock_guard hold(lock_);
    nodes_.erase(id);
    for (auto& [other, of_other] : nodes_) of_other.after.erase(id);
  }

  lock_order_handler exchange_handler(lock_order_handler next) noexcept {
    return handler_.exchange(next, memory_order_acq_rel);
  }

  /// How many pairs it knows of.
  std::size_t size() {
    const std::lock_guard hold(lock_);
    std::size_t pairs = 0;
    for (const auto& [id, of_id] : nodes_) pairs += of_id.after.size();
    return pairs;
  }

 private:
  struct node {
    const void* address = nullptr;
    std::uint64_t passed_on = 0;
    std::map<std::uint64_t, call_stack> after;  // which were taken while this was held, and where for the first time
  };
  struct held_lock {
    std::uint64_t id;
    std::uint64_t passed_on;
  };
  /// Without a destructor, so that locks can be used while a thread ends.
  struct held_locks {
    std::array<held_lock, 32> entries{};
    std::size_t size = 0;

    void remove(std::size_t which) noexcept {
      for (std::size_t i = which + 1; i < size; ++i) entries[i - 1] = entries[i];
      --size;
    }
  };

  // Those that another thread has unlocked, or that are destroyed.
  void drop_those_gone(held_locks& mine) {
    for (std::size_t i = mine.size; i != 0; --i) {
      const held_lock& entry = mine.entries[i - 1];
      const auto found = nodes_.find(entry.id);
      if (found == nodes_.end() || found->second.passed_on != entry.passed_on) mine.remove(i - 1);
    }
  }

  // Appends to `cycle` the steps that lead from `from` to `to`, if there is a way.
  bool find_path(std::uint64_t from, std::uint64_t to, std::set<std::uint64_t>& seen, lock_cycle& cycle) {
    if (!seen.insert(from).second) return false;
    const node& here = nodes_[from];
    for (const auto& [next, stack] : here.after) {
      cycle.steps.push_back({here.address, nodes_[next].address, stack});
      if (next == to || find_path(next, to, seen, cycle)) return true;
      cycle.steps.pop_back();
    }
    return false;
  }

  std::mutex lock_;
  std::map<std::uint64_t, node> nodes_;
  std::uint64_t last_id_ = 0;
  atomic<lock_order_handler> handler_{print_and_abort};
};

}  // namespace detail

/// Sets what is called from now on, in all threads, and returns what was before.
inline lock_order_handler set_lock_order_handler(lock_order_handler handler) {
  return detail::lock_graph::instance().exchange_handler(handler != nullptr ? handler : print_and_abort);
}

/// A Lock whose order is checked. It has those of Lock's members that are a lock's. A `try_lock`, timed or not, cannot
/// wait for ever, and so is never the end of a cycle; what it has taken can be the beginning of one. Shared locks count
/// like others: a writer that waits in between makes them so.
template <class Lock>
class order_checked {
 public:
  order_checked() = default;
  order_checked(const order_checked&) = delete;
  order_checked& operator=(const order_checked&) = delete;
  /// The lock leaves the graph.
  ~order_checked() { graph().forget(membership_); }

  /// Throws what the handler throws, or std::bad_alloc, and then has not taken the lock.
  ABSL_NO_THREAD_SAFETY_ANALYSIS void lock() {
    graph().about_to_take(membership_, this, is_recursive_lock<Lock>);
    lock_.lock();
    graph().taken(membership_);
  }
  [[nodiscard]] ABSL_NO_THREAD_SAFETY_ANALYSIS bool try_lock()
    requires requires(Lock& l) { l.try_lock(); }
  {
    return note_if([&] { return lock_.try_lock(); });
  }
  template <class Rep, class Period>
    requires requires(Lock& l, std::chrono::duration<Rep, Period> d) { l.try_lock_for(d); }
  [[nodiscard]] ABSL_NO_THREAD_SAFETY_ANALYSIS bool try_lock_for(const std::chrono::duration<Rep, Period>& limit) {
    return note_if([&] { return lock_.try_lock_for(limit); });
  }
  template <class When>
    requires requires(Lock& l, const When& w) { l.try_lock_until(w); }
  [[nodiscard]] ABSL_NO_THREAD_SAFETY_ANALYSIS bool try_lock_until(const When& when) {
    return note_if([&] { return lock_.try_lock_until(when); });
  }
  ABSL_NO_THREAD_SAFETY_ANALYSIS void unlock() {
    graph().given_up(membership_);
    lock_.unlock();
  }

  ABSL_NO_THREAD_SAFETY_ANALYSIS void lock_shared()
    requires requires(Lock& l) { l.lock_shared(); }
  {
    graph().about_to_take(membership_, this, is_recursive_lock<Lock>);
    lock_.lock_shared();
    graph().taken(membership_);
  }
  [[nodiscard]] ABSL_NO_THREAD_SAFETY_ANALYSIS bool try_lock_shared()
    requires requires(Lock& l) { l.try_lock_shared(); }
  {
    return note_if([&] { return lock_.try_lock_shared(); });
  }
  ABSL_NO_THREAD_SAFETY_ANALYSIS void unlock_shared()
    requires requires(Lock& l) { l.unlock_shared(); }
  {
    graph().given_up(membership_);
    lock_.unlock_shared();
  }

 private:
  static detail::lock_graph& graph() { return detail::lock_graph::instance(); }

  template <class Try>
  bool note_if(Try attempt) {
    graph().enroll(membership_, this);
    if (!attempt()) return false;
    graph().taken(membership_);
    return true;
  }

  Lock lock_;
  detail::lock_graph::membership membership_;
};

}  // namespace switchyard::blocking
