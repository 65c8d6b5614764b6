#include "switchyard/benchmarks/compare/crew.h"

#include <signal.h>

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <exception>
#include <functional>
#include <latch>
#include <mutex>
#include <thread>

namespace switchyard::compare {
namespace {

// While it lives, threads that are made inherit a mask that leaves every signal to the others.
class signals_blocked {
 public:
  signals_blocked() {
    sigset_t all;
    ::sigfillset(&all);
    // Not those that a thread sends itself by a fault: they must still reach their handler.
    for (const int fault : {SIGBUS, SIGSEGV, SIGILL, SIGFPE, SIGABRT}) ::sigdelset(&all, fault);
    ::pthread_sigmask(SIG_BLOCK, &all, &before_);
  }
  signals_blocked(const signals_blocked&) = delete;
  signals_blocked& operator=(const signals_blocked&) = delete;
  ~signals_blocked() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_;
};

}  // namespace

crew_use run_crew(const std::vector<job>& jobs, const std::function<void()>& tick) {
  std::latch ready(static_cast<std::ptrdiff_t>(jobs.size()));
  std::latch go(1);
  bool called_off = false;  // this and `started` are set before `go`, and read after it
  steady_clock::time_point started;

  std::mutex mutex;  // guards what follows
  std::condition_variable all_done;
  std::size_t working = jobs.size();
  steady_clock::time_point ended;
  std::exception_ptr failure;

  const bool peak_known = reset_peak_memory();
  const auto work = [&](const job& mine) {
    ready.count_down();
    go.wait();
    if (called_off) return;
    std::exception_ptr thrown;
    try {
      mine(started);
    } catch (...) {
      thrown = std::current_exception();
    }
    const std::lock_guard lock(mutex);
    if (thrown && !failure) failure = thrown;
    ended = steady_clock::now();
    if (--working == 0) all_done.notify_one();
  };

  std::vector<std::jthread> threads;
  threads.reserve(jobs.size());
  try {
    const signals_blocked quiet;
    for (const job& each : jobs) threads.emplace_back(work, std::cref(each));
  } catch (...) {
    // One thread too many for this system: send the others home.
    called_off = true;
    go.count_down();
    throw;
  }

  ready.wait();
  const resource_use before = resource_use::now();
  started = steady_clock::now();
  go.count_down();
  {
    std::unique_lock lock(mutex);
    const auto finished = [&] { return working == 0; };
    while (!finished()) {
      if (!tick) {
        all_done.wait(lock, finished);
      } else if (!all_done.wait_for(lock, std::chrono::milliseconds(250), finished)) {
        tick();
      }
    }
  }
  crew_use use;
  use.resources = resource_use::now() - before;
  use.seconds = std::chrono::duration<double>(ended - started).count();
  if (peak_known) use.peak_memory = peak_memory();
  threads.clear();
  if (failure) std::rethrow_exception(failure);
  return use;
}

bool pass_gate::another(std::uint64_t done, steady_clock::time_point started) noexcept {
  std::uint64_t state = state_->load(memory_order_relaxed);
  while (true) {
    if (state / 2 > done) return true;  // another thread has gone on, or there is nothing to decide yet
    if (state % 2 != 0) return false;
    // The first one to get here decides for all.
    const bool over = steady_clock::now() - started >= least_;
    state_->compare_exchange_weak(state, over ? state + 1 : state + 2, memory_order_relaxed);
  }
}

}  // namespace switchyard::compare
