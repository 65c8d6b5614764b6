// Throughput of the relaxed queues, side by side in one binary with moodycamel's ConcurrentQueue, by what each has that is
// fastest: 8-byte items, from P producer threads to C consumer threads by the operations that do not wait, with the same
// backoff outside.
//
//   pair           a push and a pop in one thread;  pair_n the same with 32 at a time
//   single/P/C     one at a time                    bulk/P/C    32 at a time
//   burst          4096 pushes, then as many pops, in one thread
//
// "handles" and "tokens" are made once for each thread. Sums and the order of each producer's items are checked.
//
//   tools/bench relaxed [--benchmark_filter=REGEX ...]
//
// The median of each row is set against moodycamel's with tokens.
#include <benchmark/benchmark.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "concurrentqueue.h"
#include "switchyard/atomics/atomic.h"
#include "switchyard/atomics/backoff.h"
#include "switchyard/atomics/cache_padded.h"
#include "switchyard/benchmarks/side_by_side.h"
#include "switchyard/blocking/relaxed_queue.h"
#include "switchyard/interface/conqueue_status.h"
#include "switchyard/lockfree/relaxed_queue.h"

namespace switchyard {
namespace {

using item = std::uint64_t;
constexpr const char* reference = "moodycamel.tokens";
constexpr std::size_t at_once = 32;

// Each implementation has a queue, and what a producer or consumer keeps for itself; both ends have the same members here.

template <class Queue>
struct by_handles {
  struct queue {
    Queue items;
  };
  struct pushing {
    explicit pushing(queue& q) : end(q.items.make_producer()) {}
    bool push(item x) { return end.try_push(x) == conqueue_status::success; }
    std::size_t push_n(const item* first, std::size_t n) { return end.try_push_n(first, n); }
    typename Queue::producer end;
  };
  struct popping {
    explicit popping(queue& q) : end(q.items.make_consumer()) {}
    bool pop(item& x) {
      auto popped = end.try_pop();
      if (!popped) return false;
      x = *popped;
      return true;
    }
    std::size_t pop_n(item* out, std::size_t max) { return end.try_pop_n(out, max); }
    typename Queue::consumer end;
  };
};

template <class Queue>
struct by_thread {
  struct queue {
    Queue items;
  };
  struct pushing {
    explicit pushing(queue& q) : end(q.items) {}
    bool push(item x) { return end.try_push(x) == conqueue_status::success; }
    std::size_t push_n(const item* first, std::size_t n) { return end.try_push_n(first, n); }
    Queue& end;
  };
  struct popping {
    explicit popping(queue& q) : end(q.items) {}
    bool pop(item& x) {
      auto popped = end.try_pop();
      if (!popped) return false;
      x = *popped;
      return true;
    }
    std::size_t pop_n(item* out, std::size_t max) { return end.try_pop_n(out, max); }
    Queue& end;
  };
};

struct moodycamel_tokens {
  struct queue {
    moodycamel::ConcurrentQueue<item> items;
  };
  struct pushing {
    explicit pushing(queue& q) : of(q), token(q.items) {}
    bool push(item x) { return of.items.enqueue(token, x); }
    std::size_t push_n(const item* first, std::size_t n) { return of.items.enqueue_bulk(token, first, n) ? n : 0; }
    queue& of;
    moodycamel::ProducerToken token;
  };
  struct popping {
    explicit popping(queue& q) : of(q), token(q.items) {}
    bool pop(item& x) { return of.items.try_dequeue(token, x); }
    std::size_t pop_n(item* out, std::size_t max) { return of.items.try_dequeue_bulk(token, out, max); }
    queue& of;
    moodycamel::ConsumerToken token;
  };
};

struct moodycamel_threads {
  struct queue {
    moodycamel::ConcurrentQueue<item> items;
  };
  struct pushing {
    explicit pushing(queue& q) : of(q) {}
    bool push(item x) { return of.items.enqueue(x); }
    std::size_t push_n(const item* first, std::size_t n) { return of.items.enqueue_bulk(first, n) ? n : 0; }
    queue& of;
  };
  struct popping {
    explicit popping(queue& q) : of(q) {}
    bool pop(item& x) { return of.items.try_dequeue(x); }
    std::size_t pop_n(item* out, std::size_t max) { return of.items.try_dequeue_bulk(out, max); }
    queue& of;
  };
};

// In one thread: `length` in, then as many out.
template <class How>
void in_turn(benchmark::State& state, std::size_t length) {
  typename How::queue queue;
  typename How::pushing in(queue);
  typename How::popping out(queue);
  item n = 0;
  for (auto _ : state) {
    for (std::size_t i = 0; i < length; ++i) {
      if (!in.push(n + i)) fail(state, "push failed");
    }
    for (std::size_t i = 0; i < length; ++i) {
      item popped = 0;
      if (!out.pop(popped) || popped != n + i) fail(state, "a wrong item");
    }
    n += length;
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(n));
}
template <class How>
void pair(benchmark::State& state) {
  in_turn<How>(state, 1);
}
template <class How>
void burst(benchmark::State& state) {
  in_turn<How>(state, 4096);
}

template <class How>
void pair_n(benchmark::State& state) {
  typename How::queue queue;
  typename How::pushing in(queue);
  typename How::popping out(queue);
  item n = 0;
  std::array<item, at_once> items{};
  for (auto _ : state) {
    for (item& each : items) each = n++;
    if (in.push_n(items.data(), at_once) != at_once) fail(state, "push failed");
    items.fill(0);
    std::size_t got = 0;
    while (got < at_once) got += out.pop_n(items.data() + got, at_once - got);
    if (items.back() != n - 1) fail(state, "a wrong item");
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(n));
}

// An item says who sent it and how many before.
item make_item(std::size_t producer, std::size_t number) { return static_cast<item>(producer) << 40 | number; }

struct taken {
  std::array<item, 16> last{};  // one more than that of the last item of each producer
  item sum = 0;
  bool in_order = true;

  void take(item x) {
    item& mine = last[x >> 40];
    const item number = (x & ((item{1} << 40) - 1)) + 1;
    in_order = in_order && number > mine;
    mine = number;
    sum += x;
  }
};

// Items from `range(0)` producers to `range(1)` consumers. The clock runs from when all threads are ready until all are
// done.
template <class How, bool Bulk>
void transfer(benchmark::State& state) {
  const auto producers = static_cast<std::size_t>(state.range(0));
  const auto consumers = static_cast<std::size_t>(state.range(1));
  constexpr std::size_t items = 512 * 1024;  // some tens of milliseconds
  const std::size_t share = items / producers;
  for (auto _ : state) {
    typename How::queue queue;
    std::vector<cache_padded<taken>> results(consumers);
    atomic<std::size_t> sending{producers};
    const double seconds = seconds_of(producers + consumers, [&](std::size_t thread) {
      if (thread < producers) {
        typename How::pushing in(queue);
        if constexpr (Bulk) {
          std::array<item, at_once> some;
          for (std::size_t i = 0; i < share; i += at_once) {
            for (std::size_t k = 0; k < at_once; ++k) some[k] = make_item(thread, i + k);
            in.push_n(some.data(), at_once);
          }
        } else {
          for (std::size_t i = 0; i < share; ++i) in.push(make_item(thread, i));
        }
        sending.fetch_sub(1, memory_order_acq_rel);
        return;
      }
      taken mine;
      typename How::popping out(queue);
      std::array<item, at_once> some;
      const auto pop_some = [&] {
        if constexpr (Bulk) {
          const std::size_t n = out.pop_n(some.data(), at_once);
          for (std::size_t k = 0; k < n; ++k) mine.take(some[k]);
          return n != 0;
        } else {
          if (!out.pop(some[0])) return false;
          mine.take(some[0]);
          return true;
        }
      };
      for (backoff waiting;;) {
        const bool last = sending.load(memory_order_acquire) == 0;
        if (pop_some()) {
          while (pop_some()) {
          }
          waiting = backoff();
        } else if (last) {
          break;
        } else {
          waiting.wait();
        }
      }
      *results[thread - producers] = mine;
    });
    state.SetIterationTime(seconds);
    item sum = 0;
    for (const auto& each : results) {
      sum += each->sum;
      if (!each->in_order) fail(state, "a producer's items out of order");
    }
    item expected = 0;
    for (std::size_t p = 0; p < producers; ++p) {
      for (std::size_t i = 0; i < share; ++i) expected += make_item(p, i);
    }
    if (sum != expected) fail(state, "items lost or doubled");
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(share * producers));
}

template <class How>
void add(const std::string& name) {
  benchmark::RegisterBenchmark((name + "/pair").c_str(), pair<How>);
  benchmark::RegisterBenchmark((name + "/pair_n").c_str(), pair_n<How>);
  benchmark::RegisterBenchmark((name + "/burst").c_str(), burst<How>);
  for (auto* const rows : {benchmark::RegisterBenchmark((name + "/single").c_str(), transfer<How, false>),
                           benchmark::RegisterBenchmark((name + "/bulk").c_str(), transfer<How, true>)}) {
    rows->ArgNames({"P", "C"})->UseManualTime()->Unit(benchmark::kMillisecond);
    for (const auto& [p, c] : {std::pair{1, 1}, {2, 2}, {4, 4}, {8, 8}, {1, 4}, {4, 1}}) rows->Args({p, c});
  }
}

}  // namespace
}  // namespace switchyard

int main(int argc, char** argv) {
  using namespace switchyard;
  add<by_handles<lockfree::relaxed_queue<item>>>("lockfree.handles");
  add<by_thread<lockfree::relaxed_queue<item>>>("lockfree.threads");
  add<by_handles<blocking::relaxed_queue<item>>>("blocking.handles");
  add<by_thread<blocking::relaxed_queue<item>>>("blocking.threads");
  add<moodycamel_tokens>(reference);
  add<moodycamel_threads>("moodycamel.threads");
  return run_side_by_side(reference, argc, argv);
}
