// How a thread waits for some of several futures, and what it does meanwhile if it is a worker of a pool.
//
// Source: our own; that a worker which waits does other work is Cilk's and oneTBB's.
// When: inside `threads/future.h` and the thread pools.
// Progress: blocking: it waits, asleep in the kernel unless there is other work.
// Ordering: that of the futures.
// Cost: an allocation or two and about a microsecond each time that the thread is about to sleep.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <utility>
#include <vector>

#include "switchyard/atomics/of_this_thread.h"
#include "switchyard/interface/deadline.h"
#include "switchyard/interface/future.h"
#include "switchyard/threads/detail/future_core.h"
#include "switchyard/threads/waiter.h"

namespace switchyard::detail {

/// The tasks that run in this thread, one on top of the other: the innermost, and whom it keeps waiting.
struct running_task {
  explicit running_task(const future_core& which) noexcept;
  running_task(const running_task&) = delete;
  running_task& operator=(const running_task&) = delete;
  ~running_task();

  const future_core& core;
  running_task* const below;
};

class short_sleep;

/// What a thread does while it waits: set by a pool in its workers.
class helper {
 public:
  /// Does something else, best of all what brings `awaited` nearer (nullptr: any). False: there is nothing to do. If this is
  /// the last look before a sleep that is `prepared`, it leaves that first: what it does may wait itself, and nobody is to
  /// be taken for asleep who is not.
  virtual bool help(future_core* awaited, short_sleep* prepared) = 0;
  /// Has `w` woken when there may be something to do, as a queue does: see `threads/waiter.h`. False: there is no need,
  /// this thread will not help.
  virtual bool enlist(waiter& w) = 0;
  virtual bool withdraw(waiter& w) noexcept = 0;
  virtual void wake_another() noexcept = 0;

 protected:
  ~helper() = default;
};

struct this_threads_helper {
  helper* current = nullptr;
  running_task* running = nullptr;
};

inline running_task::running_task(const future_core& which) noexcept
    : core(which), below(std::exchange(of_this_thread<this_threads_helper>().running, this)) {}
inline running_task::~running_task() { of_this_thread<this_threads_helper>().running = below; }

inline void expect_not_running_here(const future_core& awaited) {
  for (const running_task* r = of_this_thread<this_threads_helper>().running; r != nullptr; r = r->below) {
    if (&r->core == &awaited) throw waits_for_itself();
  }
}

/// One sleep of one thread: what is to wake it lasts as long as this.
class short_sleep {
 public:
  explicit short_sleep(std::size_t most) : signal_(new wake_signal) {
    try {
      watched_.reserve(most);
    } catch (...) {
      signal_->let_go();
      throw;
    }
  }
  short_sleep(const short_sleep&) = delete;
  short_sleep& operator=(const short_sleep&) = delete;
  ~short_sleep() {
    helper* const h = helper_;
    if (leave()) h->wake_another();  // an exception is on its way
    signal_->let_go();
  }

  /// False: it is complete, no need to sleep.
  bool watch(future_core& core) {
    watch_cell* const cell = core.watch(*signal_);
    if (cell != nullptr) watched_.push_back({&core, cell});
    return cell != nullptr;
  }
  void enlist(helper& h) {
    signal_->hold();
    try {
      if (h.enlist(*signal_)) {
        helper_ = &h;
        return;
      }
    } catch (...) {
      signal_->let_go();
      throw;
    }
    signal_->let_go();
  }
  wake_signal& signal() noexcept { return *signal_; }

  /// True if the helper's notification has been spent on this thread.
  bool leave() noexcept {
    for (const auto& each : watched_) each.core->unwatch(*each.cell, *signal_);
    watched_.clear();
    if (helper_ == nullptr) return false;
    const bool was_listed = helper_->withdraw(*signal_);
    helper_ = nullptr;
    if (was_listed) signal_->let_go();
    return !was_listed;
  }

 private:
  struct watched {
    future_core* core;
    watch_cell* cell;
  };

  wake_signal* signal_;
  std::vector<watched> watched_;
  helper* helper_ = nullptr;
};

/// Waits until `done()`, which may become true whenever one of `cores` is complete; or until `limit`, or `stop`: false.
/// Throws `waits_for_itself` if there is one only and it cannot become so.
template <class Done>
bool wait_for_futures(std::span<future_core* const> cores, Done done, deadline limit,
                      const std::stop_token& stop = {}) {
  helper* const h = of_this_thread<this_threads_helper>().current;
  future_core* const awaited = cores.size() == 1 ? cores[0] : nullptr;
  const auto is_over = [&](bool& result) {
    result = done();
    return result || stop.stop_requested() || limit.has_passed();
  };
  // A wake-up for work has been spent on this thread, which has not found since then that there is none. Whenever it goes its
  // own way instead, somebody else shall look.
  struct owed_look {
    ~owed_look() {
      if (owed) h->wake_another();
    }
    helper* h;
    bool owed;
  } look{h, false};
  for (bool result;;) {
    if (is_over(result)) return result;
    if (awaited != nullptr) expect_not_running_here(*awaited);
    if (h != nullptr && h->help(awaited, nullptr)) continue;
    look.owed = false;

    // Register everywhere, look again, and sleep.
    short_sleep sleep(cores.size());
    bool at_once = false;
    for (future_core* const core : cores) at_once = at_once || !sleep.watch(*core);
    if (h != nullptr) sleep.enlist(*h);
    const auto wake = [&] { sleep.signal().fire(); };
    std::optional<std::stop_callback<decltype(wake)>> on_stop;
    if (stop.stop_possible()) on_stop.emplace(stop, wake);
    const bool helped = !at_once && h != nullptr && h->help(awaited, &sleep);
    if (!at_once && !helped) sleep.signal().sleep_until(limit);
    look.owed = sleep.leave();
  }
}

}  // namespace switchyard::detail
