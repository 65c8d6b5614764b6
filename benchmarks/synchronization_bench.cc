// Semaphores, events, latches, barriers and locks of both sides against those of the standard library, Abseil and oneTBB.
//
//   synchronization_bench --benchmark_repetitions=9 --benchmark_enable_random_interleaving=true
//                         --benchmark_report_aggregates_only=true
//
// Compare medians of one run only, on a machine that does nothing else. Rows of one kind have names that begin alike.

#include <benchmark/benchmark.h>

#include <barrier>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <latch>
#include <mutex>
#include <optional>
#include <semaphore>
#include <shared_mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/barrier.h"
#include "absl/synchronization/blocking_counter.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "switchyard/blocking/barrier.h"
#include "switchyard/blocking/checked_mutex.h"
#include "switchyard/blocking/condition.h"
#include "switchyard/blocking/event.h"
#include "switchyard/blocking/latch.h"
#include "switchyard/blocking/mutex.h"
#include "switchyard/blocking/recursive_mutex.h"
#include "switchyard/blocking/semaphore.h"
#include "switchyard/blocking/shared_mutex.h"
#include "switchyard/lockfree/barrier.h"
#include "switchyard/lockfree/event.h"
#include "switchyard/lockfree/latch.h"
#include "switchyard/lockfree/semaphore.h"

#if __has_include("switchyard/adapters/tbb_queue.h")  // oneTBB is among the peers
#include <oneapi/tbb/rw_mutex.h>
#include <oneapi/tbb/spin_rw_mutex.h>
#define WITH_ONETBB 1
#endif

namespace {

namespace blocking = switchyard::blocking;
namespace lockfree = switchyard::lockfree;

// --- the peers under the names that are used here -----------------------------------------------------------------

class std_semaphore {
 public:
  explicit std_semaphore(std::ptrdiff_t n) : s_(n) {}
  void acquire() { s_.acquire(); }
  void release() { s_.release(); }

 private:
  std::counting_semaphore<> s_;
};

// Abseil has none: its own way to write one.
class absl_semaphore {
 public:
  explicit absl_semaphore(int n) : n_(n) {}
  void acquire() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    lock_.LockWhen(absl::Condition(+[](int* n) { return *n > 0; }, &n_));
    --n_;
    lock_.Unlock();
  }
  void release() {
    absl::MutexLock hold(&lock_);
    ++n_;
  }

 private:
  absl::Mutex lock_;
  int n_;
};

// std:: has none: its atomic flag.
class std_event {
 public:
  void set() {
    f_.test_and_set(std::memory_order_release);
    f_.notify_all();
  }
  void wait() { f_.wait(false, std::memory_order_acquire); }
  void clear() { f_.clear(std::memory_order_relaxed); }

 private:
  std::atomic_flag f_;  // NOLINT: the peer
};
class absl_event {  // set once
 public:
  void set() { n_->Notify(); }
  void wait() { n_->WaitForNotification(); }
  void clear() { n_.emplace(); }

 private:
  std::optional<absl::Notification> n_{std::in_place};
};

class std_barrier {
 public:
  explicit std_barrier(std::ptrdiff_t n) : b_(n) {}
  void wait() { b_.arrive_and_wait(); }

 private:
  std::barrier<> b_;
};

class absl_latch {  // that one thread waits for
 public:
  explicit absl_latch(int n) : c_(n) {}
  void count_down() { c_.DecrementCount(); }
  void wait() { c_.Wait(); }

 private:
  absl::BlockingCounter c_;
};
class absl_gate {  // that one thread counts down
 public:
  explicit absl_gate(int) {}
  void count_down() { n_.Notify(); }
  void wait() { n_.WaitForNotification(); }

 private:
  absl::Notification n_;
};

class absl_mutex {
 public:
  void lock() ABSL_NO_THREAD_SAFETY_ANALYSIS { lock_.Lock(); }
  void unlock() ABSL_NO_THREAD_SAFETY_ANALYSIS { lock_.Unlock(); }
  void lock_shared() ABSL_NO_THREAD_SAFETY_ANALYSIS { lock_.ReaderLock(); }
  void unlock_shared() ABSL_NO_THREAD_SAFETY_ANALYSIS { lock_.ReaderUnlock(); }

 private:
  absl::Mutex lock_;
};

// --- semaphore ------------------------------------------------------------------------------------------------------

template <class Semaphore>
void semaphore_alone(benchmark::State& state) {
  Semaphore s(1);
  for (auto _ : state) {
    s.acquire();
    s.release();
  }
}

// Two that take turns: each release lets the other go on.
template <class Semaphore>
void semaphore_turns(benchmark::State& state) {
  constexpr int rounds = 5000;
  for (auto _ : state) {
    Semaphore ping(0);
    Semaphore pong(0);
    std::jthread other([&] {
      for (int i = 0; i < rounds; ++i) {
        ping.acquire();
        pong.release();
      }
    });
    for (int i = 0; i < rounds; ++i) {
      ping.release();
      pong.acquire();
    }
  }
  state.SetItemsProcessed(state.iterations() * rounds);
}

// As many threads as the argument says, and half as many permits.
template <class Semaphore>
void semaphore_crowd(benchmark::State& state) {
  const int threads = static_cast<int>(state.range(0));
  const int rounds = 400'000 / threads;
  for (auto _ : state) {
    Semaphore s(threads / 2);
    std::vector<std::jthread> crowd;
    for (int t = 0; t < threads; ++t) {
      crowd.emplace_back([&] {
        for (int i = 0; i < rounds; ++i) {
          s.acquire();
          benchmark::ClobberMemory();
          s.release();
        }
      });
    }
    crowd.clear();
  }
  state.SetItemsProcessed(state.iterations() * rounds * threads);
}

// --- event ----------------------------------------------------------------------------------------------------------

template <class Event>
void event_alone(benchmark::State& state) {
  Event e;
  for (auto _ : state) {
    e.set();
    e.wait();
    e.clear();
  }
}

template <class Event>
void event_is_set(benchmark::State& state) {
  Event e;
  e.set();
  for (auto _ : state) e.wait();
}

template <class Event>
void event_turns(benchmark::State& state) {
  constexpr int rounds = 5000;
  for (auto _ : state) {
    std::optional<Event> ping(std::in_place);
    std::optional<Event> pong(std::in_place);
    std::jthread other([&] {
      for (int i = 0; i < rounds; ++i) {
        ping->wait();
        ping->clear();
        pong->set();
      }
    });
    for (int i = 0; i < rounds; ++i) {
      ping->set();
      pong->wait();
      pong->clear();
    }
  }
  state.SetItemsProcessed(state.iterations() * rounds);
}

// --- latch ----------------------------------------------------------------------------------------------------------

template <class Latch>
void latch_alone(benchmark::State& state) {
  for (auto _ : state) {
    Latch l(2);
    l.count_down();
    l.count_down();
    l.wait();
  }
}

// One waits for the others, again and again, each time with a new latch, after another that lets them begin.
template <class Gate, class Latch>
void latch_crowd(benchmark::State& state) {
  const int threads = static_cast<int>(state.range(0));
  constexpr int rounds = 1000;
  for (auto _ : state) {
    std::vector<std::optional<Gate>> begin(rounds);
    std::vector<std::optional<Latch>> end(rounds);
    for (int i = 0; i < rounds; ++i) {
      begin[static_cast<std::size_t>(i)].emplace(1);
      end[static_cast<std::size_t>(i)].emplace(threads);
    }
    std::vector<std::jthread> crowd;
    for (int t = 0; t < threads; ++t) {
      crowd.emplace_back([&] {
        for (std::size_t i = 0; i < rounds; ++i) {
          begin[i]->wait();
          end[i]->count_down();
        }
      });
    }
    for (std::size_t i = 0; i < rounds; ++i) {
      begin[i]->count_down();
      end[i]->wait();
    }
    crowd.clear();
  }
  state.SetItemsProcessed(state.iterations() * rounds);
}

// --- barrier --------------------------------------------------------------------------------------------------------

template <class Barrier>
void barrier_alone(benchmark::State& state) {
  Barrier b(1);
  for (auto _ : state) b.wait();
}

template <class Barrier>
void barrier_crowd(benchmark::State& state) {
  const int threads = static_cast<int>(state.range(0));
  constexpr int rounds = 3000;
  for (auto _ : state) {
    Barrier b(threads);
    std::vector<std::jthread> crowd;
    for (int t = 0; t < threads; ++t) {
      crowd.emplace_back([&] {
        for (int i = 0; i < rounds; ++i) b.wait();
      });
    }
    crowd.clear();
  }
  state.SetItemsProcessed(state.iterations() * rounds);
}

// Abseil's is for one round: each round has its own.
void absl_barrier_crowd(benchmark::State& state) {
  const int threads = static_cast<int>(state.range(0));
  constexpr std::size_t rounds = 3000;
  for (auto _ : state) {
    std::vector<absl::Barrier*> all(rounds);
    for (auto& each : all) each = new absl::Barrier(threads);
    std::vector<std::jthread> crowd;
    for (int t = 0; t < threads; ++t) {
      crowd.emplace_back([&] {
        for (absl::Barrier* each : all) {
          if (each->Block()) delete each;
        }
      });
    }
    crowd.clear();
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(rounds));
}

// --- locks ----------------------------------------------------------------------------------------------------------

template <class Lock>
void lock_alone(benchmark::State& state) {
  Lock lock;
  for (auto _ : state) {
    lock.lock();
    benchmark::ClobberMemory();
    lock.unlock();
  }
}

template <class Lock>
void lock_crowd(benchmark::State& state) {
  const int threads = static_cast<int>(state.range(0));
  const int rounds = 400'000 / threads;
  for (auto _ : state) {
    Lock lock;
    long sum = 0;
    std::vector<std::jthread> crowd;
    for (int t = 0; t < threads; ++t) {
      crowd.emplace_back([&] {
        for (int i = 0; i < rounds; ++i) {
          const std::lock_guard hold(lock);
          benchmark::DoNotOptimize(++sum);
        }
      });
    }
    crowd.clear();
  }
  state.SetItemsProcessed(state.iterations() * rounds * threads);
}

template <class Lock>
void shared_alone(benchmark::State& state) {
  Lock lock;
  for (auto _ : state) {
    lock.lock_shared();
    benchmark::ClobberMemory();
    lock.unlock_shared();
  }
}

// Threads that read, and write once in so many times (0: never).
template <class Lock>
void shared_crowd(benchmark::State& state) {
  const int threads = static_cast<int>(state.range(0));
  const int writes = static_cast<int>(state.range(1));
  const int rounds = 400'000 / threads;
  for (auto _ : state) {
    Lock lock;
    long values[8] = {};
    std::vector<std::jthread> crowd;
    for (int t = 0; t < threads; ++t) {
      crowd.emplace_back([&, t] {
        for (int i = 0; i < rounds; ++i) {
          if (writes != 0 && (i + t * 7) % writes == 0) {
            lock.lock();
            for (long& value : values) ++value;
            lock.unlock();
          } else {
            lock.lock_shared();
            long sum = 0;
            for (const long value : values) sum += value;
            lock.unlock_shared();
            benchmark::DoNotOptimize(sum);
          }
        }
      });
    }
    crowd.clear();
  }
  state.SetItemsProcessed(state.iterations() * rounds * threads);
}

// A slot that is filled and emptied under a lock, one thread each.
template <class Lock, class Condition>
void slot(benchmark::State& state) {
  constexpr int rounds = 3000;
  for (auto _ : state) {
    Lock lock;
    Condition filled(lock);
    Condition emptied(lock);
    bool full = false;
    std::jthread producer([&] {
      for (int i = 0; i < rounds; ++i) {
        const std::lock_guard hold(lock);
        emptied.wait([&] { return !full; });
        full = true;
        filled.notify();
      }
    });
    for (int i = 0; i < rounds; ++i) {
      const std::lock_guard hold(lock);
      filled.wait([&] { return full; });
      full = false;
      emptied.notify();
    }
  }
  state.SetItemsProcessed(state.iterations() * rounds);
}

class std_condition {
 public:
  explicit std_condition(std::mutex& lock) : lock_(lock) {}
  template <class Ready>
  void wait(Ready ready) {
    std::unique_lock hold(lock_, std::adopt_lock);
    c_.wait(hold, ready);
    hold.release();
  }
  void notify() { c_.notify_one(); }

 private:
  std::mutex& lock_;
  std::condition_variable c_;
};

// --- rows -----------------------------------------------------------------------------------------------------------

benchmark::internal::Benchmark* add(const std::string& name, void (*f)(benchmark::State&)) {
  return benchmark::RegisterBenchmark(name.c_str(), f);
}
void add_crowd(const std::string& name, void (*f)(benchmark::State&)) {
  add(name, f)->ArgName("threads")->Arg(2)->Arg(4)->Arg(8)->UseRealTime();
}

template <class Semaphore>
void add_semaphore(const std::string& name) {
  add("semaphore/alone/" + name, semaphore_alone<Semaphore>);
  add("semaphore/turns/" + name, semaphore_turns<Semaphore>)->UseRealTime();
  add_crowd("semaphore/crowd/" + name, semaphore_crowd<Semaphore>);
}
template <class Event>
void add_event(const std::string& name, bool turns = true) {
  add("event/alone/" + name, event_alone<Event>);
  add("event/is_set/" + name, event_is_set<Event>);
  if (turns) add("event/turns/" + name, event_turns<Event>)->UseRealTime();
}
template <class Latch, class Gate = Latch>
void add_latch(const std::string& name) {
  add("latch/alone/" + name, latch_alone<Latch>);
  add_crowd("latch/crowd/" + name, latch_crowd<Gate, Latch>);
}
template <class Barrier>
void add_barrier(const std::string& name) {
  add("barrier/alone/" + name, barrier_alone<Barrier>);
  add_crowd("barrier/crowd/" + name, barrier_crowd<Barrier>);
}
template <class Lock>
void add_lock(const std::string& name) {
  add("lock/alone/" + name, lock_alone<Lock>);
  add_crowd("lock/crowd/" + name, lock_crowd<Lock>);
}
template <class Lock>
void add_shared(const std::string& name) {
  add("shared/alone/" + name, shared_alone<Lock>);
  auto* const crowd = add("shared/crowd/" + name, shared_crowd<Lock>)->UseRealTime();
  crowd->ArgNames({"threads", "one_write_in"});
  for (const int threads : {2, 8}) {
    for (const int writes : {0, 100, 4}) crowd->Args({threads, writes});
  }
}

}  // namespace

int main(int argc, char** argv) {
  add_semaphore<lockfree::semaphore>("lockfree");
  add_semaphore<blocking::semaphore>("blocking");
  add_semaphore<std_semaphore>("std");
  add_semaphore<absl_semaphore>("absl");
  add_event<lockfree::event>("lockfree");
  add_event<blocking::event>("blocking");
  add_event<std_event>("std::atomic_flag");
  add_event<absl_event>("absl::Notification", false);
  add_latch<lockfree::latch>("lockfree");
  add_latch<blocking::latch>("blocking");
  add_latch<std::latch>("std");
  add_latch<absl_latch, absl_gate>("absl::BlockingCounter");
  add_barrier<lockfree::barrier>("lockfree");
  add_barrier<blocking::barrier>("blocking");
  add_barrier<std_barrier>("std");
  add_crowd("barrier/crowd/absl", absl_barrier_crowd);
  add_lock<blocking::mutex>("mutex");
  add_lock<blocking::checked_mutex>("checked_mutex");
  add_lock<blocking::recursive_mutex>("recursive_mutex");
  add_lock<std::mutex>("std::mutex");
  add_lock<std::recursive_mutex>("std::recursive_mutex");
  add_lock<absl_mutex>("absl::Mutex");
  add_shared<blocking::shared_mutex>("shared_mutex");
  add_shared<std::shared_mutex>("std::shared_mutex");
  add_shared<absl_mutex>("absl::Mutex");
#ifdef WITH_ONETBB
  add_shared<tbb::rw_mutex>("tbb::rw_mutex");
  add_shared<tbb::spin_rw_mutex>("tbb::spin_rw_mutex");
#endif
  add("condition/slot/mutex", slot<blocking::mutex, blocking::condition<blocking::mutex>>)->UseRealTime();
  add("condition/slot/recursive_mutex", slot<blocking::recursive_mutex, blocking::condition<>>)->UseRealTime();
  add("condition/slot/std", slot<std::mutex, std_condition>)->UseRealTime();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
}
