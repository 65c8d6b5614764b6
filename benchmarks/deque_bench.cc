// Work-stealing deques, side by side in one binary, with elements of 8 bytes: a push and pop pair of the owner, bursts
// of pushes and pops, an owner beside thieves, and a tree of tasks on as many deques as threads.
//
//   tools/bench deque [--benchmark_filter=REGEX ...]
//
// At the end, the median of each row is set against std.deque's: std::mutex and std::deque.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "switchyard/atomics/atomic.h"
#include "switchyard/atomics/backoff.h"
#include "switchyard/atomics/cache_padded.h"
#include "switchyard/benchmarks/side_by_side.h"
#include "switchyard/blocking/work_stealing_deque.h"
#include "switchyard/interface/conqueue_status.h"
#include "switchyard/interface/queue.h"
#include "switchyard/interface/work_stealing_deque.h"
#include "switchyard/lockfree/work_stealing_deque.h"

namespace switchyard {
namespace {

using item = std::uint64_t;

/// What one would write without a library. Inline where ours is: that makes much of the difference to a pair.
template <class Lock>
class locked_deque {
 public:
  using value_type = item;

  void push(item value) { emplace(value); }
  void emplace(item value) {
    const std::lock_guard hold(lock_);
    items_.push_back(value);
  }
  [[gnu::always_inline]] pop_result<item> try_pop() {
    const std::lock_guard hold(lock_);
    if (items_.empty()) return unexpected(conqueue_status::empty);
    const item newest = items_.back();
    items_.pop_back();
    return newest;
  }
  pop_result<item> try_steal() {
    const std::lock_guard hold(lock_);
    if (items_.empty()) return unexpected(conqueue_status::empty);
    const item oldest = items_.front();
    items_.pop_front();
    return oldest;
  }
  template <class Out>
  std::size_t try_steal_half(Out out, std::size_t max = static_cast<std::size_t>(-1)) {
    const std::lock_guard hold(lock_);
    const std::size_t half = std::min(max, items_.size() - items_.size() / 2);
    for (std::size_t i = 0; i < half; ++i, ++out) {
      *out = items_.front();
      items_.pop_front();
    }
    return half;
  }
  std::size_t size_approx() const noexcept {
    const std::lock_guard hold(lock_);
    return items_.size();
  }
  bool empty_approx() const noexcept { return size_approx() == 0; }

 private:
  mutable Lock lock_;
  std::deque<item> items_;
};

struct absl_lock {
  void lock() ABSL_NO_THREAD_SAFETY_ANALYSIS { mutex.Lock(); }
  void unlock() ABSL_NO_THREAD_SAFETY_ANALYSIS { mutex.Unlock(); }
  absl::Mutex mutex;
};

/// A second thread, asleep: alone in its program, a thread gets a std::mutex without an atomic operation.
class company {
 public:
  company() : thread_([this] { over_.wait(false); }) {}
  ~company() {
    over_.store(true);
    over_.notify_one();
    thread_.join();
  }

 private:
  atomic<bool> over_{false};
  std::thread thread_;
};

// One push and one pop by the owner, `range(0)` elements below them.
template <concurrent_deque Deque>
void pair(benchmark::State& state) {
  const company other;
  Deque deque;
  for (item i = 0; i < static_cast<item>(state.range(0)); ++i) deque.push(i);
  item n = 0;
  for (auto _ : state) {
    deque.push(n);
    const auto popped = deque.try_pop();
    if (!popped || *popped != n) fail(state, "a wrong item");
    ++n;
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(n));
}

// 64 pushes, then 64 pops.
template <concurrent_deque Deque>
void burst(benchmark::State& state) {
  const company other;
  Deque deque;
  for (auto _ : state) {
    for (item i = 0; i < 64; ++i) deque.push(i);
    for (item i = 64; i-- > 0;) {
      const auto popped = deque.try_pop();
      if (!popped || *popped != i) fail(state, "a wrong item");
    }
  }
  state.SetItemsProcessed(state.iterations() * 64);
}

enum class steals { one, half };

/// How many it got; steps aside if there were none.
template <steals How, class Deque>
std::size_t steal(Deque& deque, std::array<item, 64>& out, backoff& idle) {
  if constexpr (How == steals::half) {
    const std::size_t count = deque.try_steal_half(out.begin(), out.size());
    count == 0 ? idle.wait() : void(idle = backoff());
    return count;
  } else {
    const auto stolen = deque.try_steal();
    if (stolen) {
      out[0] = *stolen;
      idle = backoff();
      return 1;
    }
    stolen.error() == conqueue_status::busy ? idle.lost_race() : idle.wait();
    return 0;
  }
}

// The owner pushes all, popping one for every four; `range(0)` thieves take the rest with it. What came out is checked
// by its sum.
template <concurrent_deque Deque, steals How>
void beside_thieves(benchmark::State& state) {
  const auto thieves = static_cast<std::size_t>(state.range(0));
  constexpr item items = 200'000;
  for (auto _ : state) {
    Deque deque;
    std::vector<cache_padded<item>> sums(thieves + 1);
    atomic<bool> done{false};
    const double seconds = seconds_of(thieves + 1, [&](std::size_t thread) {
      item sum = 0;
      if (thread == 0) {
        for (item i = 0; i < items; ++i) {
          deque.push(i);
          if (i % 4 != 3) continue;
          if (const auto popped = deque.try_pop()) sum += *popped;
        }
        while (const auto popped = deque.try_pop()) sum += *popped;
        done.store(true, memory_order_release);
      } else {
        std::array<item, 64> taken;
        backoff idle;
        while (!done.load(memory_order_acquire)) {
          const std::size_t count = steal<How>(deque, taken, idle);
          for (std::size_t i = 0; i < count; ++i) sum += taken[i];
        }
      }
      *sums[thread] = sum;
    });
    state.SetIterationTime(seconds);
    item sum = 0;
    for (const auto& part : sums) sum += *part;
    if (sum != items * (items - 1) / 2) fail(state, "items lost or doubled");
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(items));
}

// Thieves alone, at a deque that was filled before.
template <concurrent_deque Deque, steals How>
void drain(benchmark::State& state) {
  const auto thieves = static_cast<std::size_t>(state.range(0));
  constexpr item items = 200'000;
  for (auto _ : state) {
    Deque deque;
    for (item i = 0; i < items; ++i) deque.push(i);
    std::vector<cache_padded<item>> counts(thieves);
    const double seconds = seconds_of(thieves, [&](std::size_t thread) {
      std::array<item, 64> taken;
      item count = 0;
      for (backoff idle; !deque.empty_approx();) count += steal<How>(deque, taken, idle);
      *counts[thread] = count;
    });
    state.SetIterationTime(seconds);
    item count = 0;
    for (const auto& part : counts) count += *part;
    if (count != items) fail(state, "items lost or doubled");
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(items));
}

// Fibonacci numbers, the slow way: a task n pushes a task n - 1 and goes on as n - 2. `range(0)` threads, each with a
// deque of its own.
template <concurrent_deque Deque>
void spawn(benchmark::State& state) {
  const auto workers = static_cast<std::size_t>(state.range(0));
  constexpr item n = 24;
  constexpr std::int64_t leaves = 46'368 + 28'657;  // fib(24) ones and fib(23) zeros
  for (auto _ : state) {
    std::vector<std::unique_ptr<Deque>> deques;
    for (std::size_t i = 0; i < workers; ++i) deques.push_back(std::make_unique<Deque>());
    std::vector<cache_padded<atomic<std::int64_t>>> reached(workers);
    deques[0]->push(n);
    const double seconds = seconds_of(workers, [&](std::size_t me) {
      Deque& mine = *deques[me];
      std::int64_t count = 0;
      const auto run = [&](item task) {
        for (; task >= 2; task -= 2) mine.push(task - 1);
        ++count;
      };
      std::size_t victim = me;
      for (backoff idle;;) {
        while (const auto task = mine.try_pop()) run(*task);
        reached[me]->store(count, memory_order_relaxed);
        victim = (victim + 1) % workers;
        if (victim != me) {
          if (const auto task = deques[victim]->try_steal()) {
            run(*task);
            idle = backoff();
            continue;
          }
        }
        std::int64_t all = 0;
        for (const auto& each : reached) all += each->load(memory_order_relaxed);
        if (all == leaves) break;
        idle.wait();
      }
    });
    state.SetIterationTime(seconds);
  }
  state.SetItemsProcessed(state.iterations() * leaves);
}

template <class Deque>
void add(const std::string& name) {
  const auto row = [&](const char* what, auto* body) {
    return benchmark::RegisterBenchmark((name + what).c_str(), body);
  };
  row("/pair", pair<Deque>)->ArgName("below")->Arg(0)->Arg(8);
  row("/burst", burst<Deque>);
  for (auto* rows : {row("/steal_one", beside_thieves<Deque, steals::one>),
                     row("/steal_half", beside_thieves<Deque, steals::half>)}) {
    rows->ArgName("thieves")->Arg(1)->Arg(3)->Arg(7)->UseManualTime()->Unit(benchmark::kMillisecond);
  }
  for (auto* rows : {row("/drain_one", drain<Deque, steals::one>), row("/drain_half", drain<Deque, steals::half>)}) {
    rows->ArgName("thieves")->Arg(1)->Arg(2)->Arg(8)->UseManualTime()->Unit(benchmark::kMillisecond);
  }
  auto* const spawns = row("/spawn", spawn<Deque>);
  spawns->ArgName("threads")->Arg(1)->Arg(2)->Arg(4)->UseManualTime()->Unit(benchmark::kMillisecond);
}

}  // namespace
}  // namespace switchyard

int main(int argc, char** argv) {
  using namespace switchyard;
  add<lockfree::work_stealing_deque<item>>("lockfree.work_stealing_deque");
  add<blocking::work_stealing_deque<item>>("blocking.work_stealing_deque");
  add<locked_deque<std::mutex>>("std.deque");
  add<locked_deque<absl_lock>>("absl.deque");
  return run_side_by_side("std.deque", argc, argv);
}
