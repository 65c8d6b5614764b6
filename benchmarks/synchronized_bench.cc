// Reading and changing a value that threads share: ours of both sides, and a value beside a lock of others'.
//
//   synchronized_bench --benchmark_repetitions=9 --benchmark_enable_random_interleaving=true
//                      --benchmark_report_aggregates_only=true
//
// `read`: 1, 2 and 4 threads that read. `read_beside_updater`: the same, while one more changes the value every 20
// microseconds. `update`: threads that all change it. `transfer`: between two of so many accounts.
//
// Compare medians of one run only, on a machine that does nothing else.

#include <benchmark/benchmark.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "switchyard/blocking/synchronized.h"
#include "switchyard/blocking/update.h"
#include "switchyard/lockfree/synchronized.h"
#include "switchyard/lockfree/update.h"

namespace {

/// A value that does not fit a word: a small table.
struct table {
  std::array<long, 8> entries{};
  explicit operator long() const { return entries[3]; }
  table& operator+=(long n) {
    for (long& e : entries) e += n;
    return *this;
  }
};

// Abseil's lock under the names that a Lock needs.
class abseil_lock {
 public:
  void lock() ABSL_NO_THREAD_SAFETY_ANALYSIS { lock_.Lock(); }
  void unlock() ABSL_NO_THREAD_SAFETY_ANALYSIS { lock_.Unlock(); }
  void lock_shared() ABSL_NO_THREAD_SAFETY_ANALYSIS { lock_.ReaderLock(); }
  void unlock_shared() ABSL_NO_THREAD_SAFETY_ANALYSIS { lock_.ReaderUnlock(); }

 private:
  absl::Mutex lock_;
};

/// A value beside a lock, as one would write it by hand: changed in place, so that an exception would leave it half done.
template <class T, class Lock>
class by_hand {
 public:
  by_hand() = default;
  explicit by_hand(T value) : value_(std::move(value)) {}
  template <class F>
  auto read(F f) const {
    if constexpr (requires(Lock& l) { l.lock_shared(); }) {
      const std::shared_lock hold(lock_);
      return f(value_);
    } else {
      const std::lock_guard hold(lock_);
      return f(value_);
    }
  }
  template <class F>
  void update(F f) {
    const std::lock_guard hold(lock_);
    f(value_);
  }
  template <class F>
  friend void update(by_hand& a, by_hand& b, F f) {
    Lock* first = &a.lock_;
    Lock* second = &b.lock_;
    if (std::less<>()(second, first)) std::swap(first, second);
    const std::lock_guard one(*first);
    const std::lock_guard two(*second);
    f(a.value_, b.value_);
  }

 private:
  mutable Lock lock_;
  T value_{};
};

constexpr auto look = [](const auto& value) { return static_cast<long>(value); };

template <class S>
void read(benchmark::State& state) {
  static S shared;
  for (auto _ : state) benchmark::DoNotOptimize(shared.read(look));
}

template <class S>
void read_beside_updater(benchmark::State& state) {
  static S shared;
  std::jthread updater;
  if (state.thread_index() == 0) {
    updater = std::jthread([](std::stop_token stop) {
      while (!stop.stop_requested()) {
        shared.update([](auto& value) { value += 1; });
        const auto until = std::chrono::steady_clock::now() + std::chrono::microseconds(20);
        while (std::chrono::steady_clock::now() < until) std::this_thread::yield();
      }
    });
  }
  for (auto _ : state) benchmark::DoNotOptimize(shared.read(look));
}

template <class S>
void change(benchmark::State& state) {
  static S shared;
  for (auto _ : state) shared.update([](auto& value) { value += 1; });
}

template <class S>
void transfer(benchmark::State& state) {
  static std::vector<std::unique_ptr<S>> accounts = [] {
    std::vector<std::unique_ptr<S>> all;
    for (int i = 0; i < 100; ++i) all.push_back(std::make_unique<S>(1000L));
    return all;
  }();
  const auto count = static_cast<std::size_t>(state.range(0));
  std::size_t turn = static_cast<std::size_t>(state.thread_index()) * 7919;
  for (auto _ : state) {
    turn = turn * 6364136223846793005U + 1442695040888963407U;
    const std::size_t from = (turn >> 33) % count;
    const std::size_t to = (from + 1 + (turn >> 13) % (count - 1)) % count;
    update(*accounts[from], *accounts[to], [](long& mine, long& theirs) {
      mine -= 1;
      theirs += 1;
    });
  }
}

template <template <class> class S>
void add(const std::string& name) {
  const auto in_threads = [](benchmark::internal::Benchmark* b) {
    return b->Threads(1)->Threads(2)->Threads(4)->UseRealTime();
  };
  const auto row = [&](const std::string& what, auto f) {
    return in_threads(benchmark::RegisterBenchmark((what + "/" + name).c_str(), f));
  };
  row("read_number", read<S<long>>);
  row("read_table", read<S<table>>);
  row("read_number_beside_updater", read_beside_updater<S<long>>);
  row("read_table_beside_updater", read_beside_updater<S<table>>);
  row("update_number", change<S<long>>);
  row("update_table", change<S<table>>);
  row("transfer", transfer<S<long>>)->ArgName("of")->Arg(2)->Arg(100);
}

template <class T>
using lockfree_one = switchyard::lockfree::synchronized<T>;
template <class T>
using blocking_one = switchyard::blocking::synchronized<T>;
template <class T>
using std_mutex = by_hand<T, std::mutex>;
template <class T>
using std_shared_mutex = by_hand<T, std::shared_mutex>;
template <class T>
using absl_mutex = by_hand<T, abseil_lock>;

}  // namespace

int main(int argc, char** argv) {
  add<lockfree_one>("lockfree");
  add<blocking_one>("blocking");
  add<std_shared_mutex>("std::shared_mutex");
  add<std_mutex>("std::mutex");
  add<absl_mutex>("absl::Mutex");
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
}
