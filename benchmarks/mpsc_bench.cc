// Throughput of queues with one consumer, side by side in one binary: 8-byte items, without a limit, by the operations
// that do not wait, which all of them have.
//
//   pair          one thread, a push and a pop in turn
//   transfer/P    from P threads to one
//   bulk/P        the same, 32 at a time where there is such a call
//   burst         one thread, 10,000 pushes, then as many pops
//   objects       as transfer, of objects that exist: by their own links, or by pointers to them
//
//   tools/bench mpsc [--benchmark_filter=REGEX ...]
//
// Peers that the machine does not have are left out. The median of each row is set against blocking.mpsc_queue's.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "concurrentqueue.h"
#include "switchyard/atomics/atomic.h"
#include "switchyard/atomics/backoff.h"
#include "switchyard/atomics/cache_padded.h"
#include "switchyard/benchmarks/side_by_side.h"
#include "switchyard/blocking/intrusive_mpsc_queue.h"
#include "switchyard/blocking/mpsc_queue.h"
#include "switchyard/interface/conqueue_status.h"
#include "switchyard/lockfree/intrusive_mpsc_queue.h"
#include "switchyard/lockfree/mpsc_queue.h"
#include "switchyard/threads/queue_hook.h"

// Which peers there are, BUILD.bazel says: a header is found only if its target is among the dependencies.
#if __has_include("switchyard/adapters/boost_stack.h")
#include <boost/lockfree/queue.hpp>
#define SWITCHYARD_HAS_BOOST 1
#endif
#if __has_include("switchyard/adapters/tbb_priority_queue.h")
#include <tbb/concurrent_queue.h>
#define SWITCHYARD_HAS_TBB 1
#endif

namespace switchyard {
namespace {

using item = std::uint64_t;
constexpr const char* reference = "blocking.mpsc_queue";
constexpr std::size_t batch = 32;

template <class Queue>
struct ours {
  void push(item value) { static_cast<void>(queue.try_push(value)); }
  bool pop(item& value) {
    auto got = queue.try_pop();
    if (got) value = *got;
    return got.has_value();
  }
  void push_n(const item* first, std::size_t n) { queue.try_push_n(first, n); }
  std::size_t pop_n(item* out, std::size_t max) { return queue.try_pop_n(out, max); }
  Queue queue;
};

struct moodycamel_queue {
  void push(item value) { queue.enqueue(value); }
  bool pop(item& value) { return queue.try_dequeue(value); }
  void push_n(const item* first, std::size_t n) { queue.enqueue_bulk(first, n); }
  std::size_t pop_n(item* out, std::size_t max) { return queue.try_dequeue_bulk(out, max); }
  moodycamel::ConcurrentQueue<item> queue;
};

#ifdef SWITCHYARD_HAS_TBB
struct tbb_queue {
  void push(item value) { queue.push(value); }
  bool pop(item& value) { return queue.try_pop(value); }
  tbb::concurrent_queue<item> queue;
};
#endif

#ifdef SWITCHYARD_HAS_BOOST
struct boost_queue {
  void push(item value) { queue.push(value); }
  bool pop(item& value) { return queue.pop(value); }
  boost::lockfree::queue<item> queue{0};
};
#endif

template <class Queue>
void pair(benchmark::State& state) {
  const auto queue = std::make_unique<Queue>();
  item n = 0;
  for (auto _ : state) {
    queue->push(n);
    item popped = 0;
    if (!queue->pop(popped) || popped != n) fail(state, "a wrong item");
    ++n;
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(n));
}

template <class Queue>
void burst(benchmark::State& state) {
  constexpr item length = 10'000;
  const auto queue = std::make_unique<Queue>();
  for (auto _ : state) {
    for (item i = 0; i < length; ++i) queue->push(i);
    for (item i = 0; i < length; ++i) {
      item popped = 0;
      if (!queue->pop(popped) || popped != i) fail(state, "a wrong item");
    }
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(length));
}

// What a consumer has seen: each producer's items must come in order.
struct arrivals {
  explicit arrivals(std::size_t producers) : next(producers, 0) {}
  bool add(item value) { return next[value >> 32]++ == (value & 0xffffffff); }
  std::vector<item> next;
};

template <class Queue, bool Bulk>
void transfer(benchmark::State& state) {
  constexpr std::size_t items = 400'000;  // some tens of milliseconds
  const auto producers = static_cast<std::size_t>(state.range(0));
  const std::size_t share = items / producers / batch * batch;
  for (auto _ : state) {
    const auto queue = std::make_unique<Queue>();
    arrivals seen(producers);
    bool right = true;
    state.SetIterationTime(seconds_of(producers + 1, [&](std::size_t thread) {
      if (thread < producers) {
        const item mine = static_cast<item>(thread) << 32;
        if constexpr (Bulk) {
          std::array<item, batch> some;
          for (std::size_t i = 0; i < share; i += batch) {
            for (std::size_t k = 0; k < batch; ++k) some[k] = mine + i + k;
            queue->push_n(some.data(), batch);
          }
        } else {
          for (std::size_t i = 0; i < share; ++i) queue->push(mine + i);
        }
        return;
      }
      std::array<item, batch> some;
      for (std::size_t left = share * producers; left != 0;) {
        std::size_t got = 0;
        for (backoff wait;; wait.wait()) {
          if constexpr (Bulk) {
            got = queue->pop_n(some.data(), batch);
          } else {
            got = queue->pop(some[0]);
          }
          if (got != 0) break;
        }
        for (std::size_t k = 0; k < got; ++k) right = seen.add(some[k]) && right;
        left -= got;
      }
    }));
    if (!right) fail(state, "items lost, doubled or out of order");
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(share * producers));
}

// ---- Objects

struct object : queue_hook {
  item value = 0;
  atomic<object*> next{nullptr};  // for `exchanging`
};

template <class Queue>
struct by_link {
  void push(object& o) { static_cast<void>(queue.try_push(o)); }
  object* pop() { return queue.try_pop().value_or(nullptr); }
  Queue queue;
};
template <class Queue>
struct by_pointer {
  void push(object& o) { static_cast<void>(queue.try_push(&o)); }
  object* pop() { return queue.try_pop().value_or(nullptr); }
  Queue queue;
};

// Dmitry Vyukov's way: not lock-free, as a producer that stops between its two steps hides what comes after it. To see
// what that would gain.
class exchanging {
 public:
  void push(object& o) {
    o.next.store(nullptr, memory_order_relaxed);
    object* const before = last_->exchange(&o, memory_order_acq_rel);
    before->next.store(&o, memory_order_release);
  }
  object* pop() {
    object* next = first_->next.load(memory_order_acquire);
    if (first_ == &stub_) {
      if (next == nullptr) return nullptr;
      first_ = next;
      next = first_->next.load(memory_order_acquire);
    }
    if (next == nullptr) {
      if (last_->load(memory_order_acquire) != first_) return nullptr;  // somebody is between the two steps
      push(stub_);
      next = first_->next.load(memory_order_acquire);
      if (next == nullptr) return nullptr;
    }
    return std::exchange(first_, next);
  }

 private:
  object stub_;
  cache_padded<atomic<object*>> last_{std::in_place, &stub_};
  object* first_ = &stub_;
};

template <class Queue>
void transfer_objects(benchmark::State& state) {
  constexpr std::size_t items = 400'000;
  const auto producers = static_cast<std::size_t>(state.range(0));
  const std::size_t share = items / producers;
  std::vector<object> objects(share * producers);
  for (std::size_t i = 0; i < objects.size(); ++i) objects[i].value = i / share << 32 | i % share;
  for (auto _ : state) {
    const auto queue = std::make_unique<Queue>();
    arrivals seen(producers);
    bool right = true;
    state.SetIterationTime(seconds_of(producers + 1, [&](std::size_t thread) {
      if (thread < producers) {
        for (std::size_t i = 0; i < share; ++i) queue->push(objects[thread * share + i]);
        return;
      }
      for (std::size_t left = share * producers; left != 0; --left) {
        object* got;
        for (backoff wait; (got = queue->pop()) == nullptr;) wait.wait();
        right = seen.add(got->value) && right;
      }
    }));
    if (!right) fail(state, "objects lost, doubled or out of order");
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(share * producers));
}

template <class Queue>
void add_objects(const std::string& name) {
  auto* const rows = benchmark::RegisterBenchmark((name + "/objects").c_str(), transfer_objects<Queue>);
  rows->UseManualTime()->Unit(benchmark::kMillisecond)->Arg(1)->Arg(2)->Arg(4)->Arg(8);
}

template <class Queue>
void add(const std::string& name) {
  benchmark::RegisterBenchmark((name + "/pair").c_str(), pair<Queue>);
  benchmark::RegisterBenchmark((name + "/burst").c_str(), burst<Queue>);
  const auto rows = [](benchmark::internal::Benchmark* b) {
    b->UseManualTime()->Unit(benchmark::kMillisecond)->Arg(1)->Arg(2)->Arg(4)->Arg(8);
  };
  rows(benchmark::RegisterBenchmark((name + "/transfer").c_str(), transfer<Queue, false>));
  if constexpr (requires(Queue& q, item* i) { q.pop_n(i, 1); }) {
    rows(benchmark::RegisterBenchmark((name + "/bulk").c_str(), transfer<Queue, true>));
  }
}

}  // namespace
}  // namespace switchyard

int main(int argc, char** argv) {
  using namespace switchyard;
  add<ours<lockfree::mpsc_queue<item>>>("lockfree.mpsc_queue");
  add<ours<blocking::mpsc_queue<item>>>(reference);
  add<moodycamel_queue>("moodycamel.concurrent_queue");
#ifdef SWITCHYARD_HAS_TBB
  add<tbb_queue>("tbb.concurrent_queue");
#else
  std::cout << "oneTBB is left out: it is not on this machine\n";
#endif
#ifdef SWITCHYARD_HAS_BOOST
  add<boost_queue>("boost.lockfree_queue");
#else
  std::cout << "Boost.Lockfree is left out: it is not on this machine\n";
#endif
  add_objects<by_link<lockfree::intrusive_mpsc_queue<object>>>("lockfree.intrusive_mpsc_queue");
  add_objects<by_link<blocking::intrusive_mpsc_queue<object>>>("blocking.intrusive_mpsc_queue");
  add_objects<exchanging>("exchanging (not lock-free)");
  add_objects<by_pointer<lockfree::mpsc_queue<object*>>>("lockfree.mpsc_queue");
  add_objects<by_pointer<blocking::mpsc_queue<object*>>>(reference);
  return run_side_by_side(reference, argc, argv);
}
