// Which lock is best under a queue: `blocking::bounded_queue` over each, by itself and with 1 to 8 producers
// and as many consumers. The fastest over all of them is the default of the queues in `blocking`.
//
//   lock_bench --benchmark_repetitions=15 --benchmark_enable_random_interleaving=true
//              --benchmark_report_aggregates_only=true
//
// Compare medians of one run only, on a machine that does nothing else.

#include <benchmark/benchmark.h>

#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "switchyard/atomics/atomic.h"
#include "switchyard/blocking/bounded_queue.h"
#include "switchyard/blocking/mutex.h"

namespace {

constexpr std::size_t capacity = 1024;

// Abseil's lock under the names that a Lock needs.
class abseil_lock {
 public:
  void lock() ABSL_NO_THREAD_SAFETY_ANALYSIS { lock_.Lock(); }
  void unlock() ABSL_NO_THREAD_SAFETY_ANALYSIS { lock_.Unlock(); }

 private:
  absl::Mutex lock_;
};

template <class Lock>
using queue = switchyard::blocking::bounded_queue<long, std::allocator<long>, Lock>;

// One thread: a push and a pop that never wait.
template <class Lock>
void alone(benchmark::State& state) {
  queue<Lock> items(capacity);
  for (auto _ : state) {
    benchmark::DoNotOptimize(items.push(1));
    benchmark::DoNotOptimize(items.pop());
  }
}

// As many producers as consumers, and items enough that starting the threads does not count.
template <class Lock>
void flow(benchmark::State& state) {
  const int pairs = static_cast<int>(state.range(0));
  const long each = 240'000 / pairs;
  for (auto _ : state) {
    queue<Lock> items(capacity);
    switchyard::atomic<int> producing{pairs};
    std::vector<std::jthread> threads;
    for (int p = 0; p < pairs; ++p) {
      threads.emplace_back([&] {
        for (long i = 0; i < each; ++i) items.push(i);
        if (producing.fetch_sub(1, switchyard::memory_order_acq_rel) == 1) items.close();
      });
      threads.emplace_back([&] {
        long sum = 0;
        while (const auto item = items.pop()) sum += *item;
        benchmark::DoNotOptimize(sum);
      });
    }
    threads.clear();
  }
  state.SetItemsProcessed(state.iterations() * pairs * each);
}

// One item, there and back.
template <class Lock>
void round_trip(benchmark::State& state) {
  queue<Lock> there(capacity);
  queue<Lock> back(capacity);
  std::jthread echo([&] {
    while (const auto item = there.pop()) back.push(*item);
  });
  for (auto _ : state) {
    there.push(1);
    benchmark::DoNotOptimize(back.pop());
  }
  there.close();
}

template <class Lock>
void add(const std::string& name) {
  benchmark::RegisterBenchmark((name + "/alone").c_str(), alone<Lock>);
  auto* const flows = benchmark::RegisterBenchmark((name + "/flow").c_str(), flow<Lock>);
  flows->ArgName("pairs")->Arg(1)->Arg(2)->Arg(4)->Arg(8)->UseRealTime()->MeasureProcessCPUTime();
  benchmark::RegisterBenchmark((name + "/round_trip").c_str(), round_trip<Lock>)->UseRealTime();
}

}  // namespace

int main(int argc, char** argv) {
  add<switchyard::blocking::mutex>("blocking::mutex");
  add<std::mutex>("std::mutex");
  add<abseil_lock>("absl::Mutex");
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
}
