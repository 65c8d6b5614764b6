// Throughput of the priority queues, side by side in one binary: 8-byte items, by the operations that do not wait, which
// all of them have. N threads on a queue that holds `size` items when they begin; the items of a row are its operations.
//
//   mixed/N/size   pushes of any number and pops, either at random: in the end most pushes come near the front
//   later/N/size   a pop, and a push of what comes a random while after that, as simulations do: all over the queue
//   drain/N/size   all push an equal share, then all pop until it is empty
//
//   tools/bench priority_queue [--benchmark_filter=REGEX ...]
//
// The median of each row is set against tbb.concurrent_priority_queue's where the machine has that, else against
// blocking.priority_queue's. The relaxed ones do less than is asked of the others.
#include <benchmark/benchmark.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <queue>
#include <string>
#include <utility>
#include <vector>

#include "switchyard/atomics/cache_padded.h"
#include "switchyard/benchmarks/side_by_side.h"
#include "switchyard/blocking/priority_queue.h"
#include "switchyard/blocking/relaxed_priority_queue.h"
#include "switchyard/interface/conqueue_status.h"
#include "switchyard/interface/queue.h"
#include "switchyard/lockfree/priority_queue.h"
#include "switchyard/lockfree/relaxed_priority_queue.h"

// Which peers there are, BUILD.bazel says: a header is found only if its target is among the dependencies.
#if __has_include("switchyard/adapters/tbb_priority_queue.h")
#include "switchyard/adapters/tbb_priority_queue.h"
#endif

namespace switchyard {
namespace {

using item = std::uint64_t;
#if __has_include("switchyard/adapters/tbb_priority_queue.h")
constexpr const char* reference = "tbb.concurrent_priority_queue";
#else
constexpr const char* reference = "blocking.priority_queue";
#endif

// What somebody writes who has no library.
class heap_under_mutex {
 public:
  using value_type = item;
  conqueue_status try_push(item value) {
    const std::lock_guard hold(lock_);
    items_.push(value);
    return conqueue_status::success;
  }
  pop_result<item> try_pop() {
    const std::lock_guard hold(lock_);
    if (items_.empty()) return unexpected(conqueue_status::empty);
    const item value = items_.top();
    items_.pop();
    return value;
  }

 private:
  std::mutex lock_;
  std::priority_queue<item> items_;
};

// Marsaglia's xorshift, of each thread.
class random_items {
 public:
  explicit random_items(std::size_t thread) : state_(0x9e3779b97f4a7c15 * (thread + 1)) {}
  item operator()() {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return state_;
  }

 private:
  std::uint64_t state_;
};

// A popped item says no more than that it was one; so items are counted and summed up.
struct books {
  std::int64_t count = 0;
  item sum = 0;
  void in(item value) { ++count, sum += value; }
  void out(item value) { --count, sum -= value; }
};

constexpr std::size_t operations = 200'000;  // some tens of milliseconds
constexpr item start = item{1} << 62;
constexpr item while_at_most = item{1} << 30;

// `work(thread, queue, books, operations)` in each thread; then what is left is popped, and the books must be even.
template <class Queue, class Fill, class Work>
void run(benchmark::State& state, Fill fill, Work work) {
  const auto threads = static_cast<std::size_t>(state.range(0));
  const auto size = static_cast<std::size_t>(state.range(1));
  for (auto _ : state) {
    const auto queue = std::make_unique<Queue>();
    std::vector<cache_padded<books>> all(threads + 1);
    random_items random(threads);
    for (std::size_t i = 0; i < size; ++i) {
      const item value = fill(random);
      static_cast<void>(queue->try_push(value));
      all[threads]->in(value);
    }
    state.SetIterationTime(seconds_of(
        threads, [&](std::size_t thread) { work(thread, *queue, *all[thread], operations / threads); }));
    books sum;
    for (const auto& each : all) sum.count += each->count, sum.sum += each->sum;
    while (const auto left = queue->try_pop()) sum.out(*left);
    if (sum.count != 0 || sum.sum != 0) fail(state, "items lost or doubled");
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(operations / threads * threads));
}

template <class Queue>
void mixed(benchmark::State& state) {
  run<Queue>(
      state, [](random_items& random) { return random(); },
      [](std::size_t thread, Queue& queue, books& mine, std::size_t n) {
        random_items random(thread);
        for (; n != 0; --n) {
          if (const item value = random(); value % 2 == 0) {
            static_cast<void>(queue.try_push(value));
            mine.in(value);
          } else if (const auto got = queue.try_pop()) {
            mine.out(*got);
          }
        }
      });
}

template <class Queue>
void later(benchmark::State& state) {
  run<Queue>(
      state, [](random_items& random) { return start - random() % while_at_most; },
      [](std::size_t thread, Queue& queue, books& mine, std::size_t n) {
        random_items random(thread);
        item last = start;
        for (; n >= 2; n -= 2) {
          if (const auto got = queue.try_pop()) {
            mine.out(*got);
            last = *got;
          }
          const item value = last - random() % while_at_most;
          static_cast<void>(queue.try_push(value));
          mine.in(value);
        }
      });
}

template <class Queue>
void drain(benchmark::State& state) {
  run<Queue>(
      state, [](random_items& random) { return random(); },
      [](std::size_t thread, Queue& queue, books& mine, std::size_t n) {
        random_items random(thread);
        for (std::size_t i = 0; i < n / 2; ++i) {
          const item value = random();
          static_cast<void>(queue.try_push(value));
          mine.in(value);
        }
        for (std::size_t i = 0; i < n / 2; ++i) {
          if (const auto got = queue.try_pop()) mine.out(*got);
        }
      });
}

template <class Queue>
void add(const std::string& name) {
  const auto rows = [&](const char* shape, void (*function)(benchmark::State&), std::vector<std::int64_t> sizes) {
    auto* const added = benchmark::RegisterBenchmark((name + "/" + shape).c_str(), function);
    added->ArgNames({"N", "size"})->UseManualTime()->Unit(benchmark::kMillisecond);
    for (const std::int64_t size : sizes) {
      for (const int n : {1, 2, 4, 8}) added->Args({n, size});
    }
  };
  rows("mixed", mixed<Queue>, {1000, 100'000});
  rows("later", later<Queue>, {1000, 100'000});
  rows("drain", drain<Queue>, {0});
}

}  // namespace
}  // namespace switchyard

int main(int argc, char** argv) {
  using namespace switchyard;
  add<lockfree::priority_queue<item>>("lockfree.priority_queue");
  add<blocking::priority_queue<item>>("blocking.priority_queue");
  add<lockfree::relaxed_priority_queue<item>>("lockfree.relaxed_priority_queue");
  add<blocking::relaxed_priority_queue<item>>("blocking.relaxed_priority_queue");
  add<heap_under_mutex>("std.mutex_and_priority_queue");
#if __has_include("switchyard/adapters/tbb_priority_queue.h")
  add<adapters::tbb_priority_queue<item>>(reference);
#endif
  return run_side_by_side(reference, argc, argv);
}
