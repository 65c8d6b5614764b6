// Reading a value that others replace now and then: ours, std::atomic<std::shared_ptr>, and a value beside a lock.
//
//   read_mostly_bench [--benchmark_filter=REGEX ...]
//
// `read`: 1, 2 and 4 threads that read a small table. `read_beside_writer`: the same, while one more replaces it every 50
// microseconds. `replace`: threads that all replace it. Compare the ratios of one run only.

#include <array>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>

#include "switchyard/atomics/atomic.h"
#include "switchyard/benchmarks/side_by_side.h"
#include "switchyard/blocking/snapshot.h"
#include "switchyard/blocking/synchronized.h"
#include "switchyard/lockfree/atomic_shared_ptr.h"
#include "switchyard/lockfree/left_right.h"
#include "switchyard/lockfree/seqlock.h"
#include "switchyard/lockfree/snapshot.h"
#include "switchyard/lockfree/synchronized.h"

namespace {

/// All entries are the same, unless somebody has torn it.
struct table {
  std::array<long, 8> entries{};
  bool is_whole() const { return entries.front() == entries.back(); }
};
constexpr auto look = [](const table& t) { return t.is_whole(); };
constexpr auto grow = [](table& t) noexcept {
  for (long& e : t.entries) ++e;
};

// Each has `reader`, of a thread, whose read() is true if what it saw was whole; and change().

template <class S>
struct by_read {
  S value;
  struct reader {
    by_read& from;
    bool read() const { return from.value.read(look); }
  };
  void change() { value.update(grow); }
};

template <class S>
struct by_get {
  S value;
  struct reader {
    by_get& from;
    bool read() const { return look(*from.value.get()); }
  };
  void change() { value.update(grow); }
};

template <class S>
struct by_refresh {
  S value;
  struct reader {
    by_refresh& from;
    typename S::handle mine{};
    bool read() {
      from.value.refresh(mine);
      return look(*mine);
    }
  };
  void change() { value.update(grow); }
};

template <template <class> class Atomic>
struct by_shared_ptr {
  Atomic<table> value{std::make_shared<table>()};
  struct reader {
    by_shared_ptr& from;
    bool read() const { return look(*from.value.load()); }
  };
  void change() {
    std::shared_ptr<table> seen = value.load();
    std::shared_ptr<table> next;
    do {
      next = std::make_shared<table>(*seen);
      grow(*next);
    } while (!value.compare_exchange_weak(seen, next));
  }
};
template <class T>
using std_atomic_shared_ptr = switchyard::atomic<std::shared_ptr<T>>;  // the standard's
template <class T>
using our_atomic_shared_ptr = switchyard::lockfree::atomic_shared_ptr<T>;

/// A value beside a lock, as one would write it by hand: changed in place.
template <class Lock>
struct by_lock {
  mutable Lock lock;
  table value;
  struct reader {
    by_lock& from;
    bool read() const {
      if constexpr (requires(Lock& l) { l.lock_shared(); }) {
        const std::shared_lock hold(from.lock);
        return look(from.value);
      } else {
        const std::lock_guard hold(from.lock);
        return look(from.value);
      }
    }
  };
  void change() {
    const std::lock_guard hold(lock);
    grow(value);
  }
};

template <class Way>
void read_in(benchmark::State& state, bool beside_writer) {
  static Way shared;
  std::jthread writer;
  if (beside_writer && state.thread_index() == 0) {
    writer = std::jthread([](std::stop_token stop) {
      while (!stop.stop_requested()) {
        shared.change();
        const auto until = std::chrono::steady_clock::now() + std::chrono::microseconds(50);
        while (std::chrono::steady_clock::now() < until) std::this_thread::yield();
      }
    });
  }
  typename Way::reader mine{shared};
  bool whole = true;
  for (auto _ : state) benchmark::DoNotOptimize(whole &= mine.read());
  if (!whole) switchyard::fail(state, "half a value was read");
  state.SetItemsProcessed(state.iterations());
}
template <class Way>
void replace(benchmark::State& state) {
  static Way shared;
  for (auto _ : state) shared.change();
  state.SetItemsProcessed(state.iterations());
}

template <class Way>
void add(const std::string& name) {
  const auto row = [&](const std::string& what, auto f) {
    for (const int threads : {1, 2, 4}) {
      benchmark::RegisterBenchmark((name + '/' + what + '/' + std::to_string(threads)).c_str(), f)
          ->Threads(threads)
          ->UseRealTime();
    }
  };
  row("read", [](benchmark::State& state) { read_in<Way>(state, false); });
  row("read_beside_writer", [](benchmark::State& state) { read_in<Way>(state, true); });
  row("replace", replace<Way>);
}

}  // namespace

int main(int argc, char** argv) {
  using namespace switchyard;
  add<by_read<lockfree::snapshot<table>>>("lockfree.snapshot");
  add<by_get<lockfree::snapshot<table>>>("lockfree.snapshot.get");
  add<by_refresh<lockfree::snapshot<table>>>("lockfree.snapshot.refresh");
  add<by_read<lockfree::seqlock<table>>>("lockfree.seqlock");
  add<by_read<lockfree::left_right<table>>>("lockfree.left_right");
  add<by_shared_ptr<our_atomic_shared_ptr>>("lockfree.atomic_shared_ptr");
  add<by_read<lockfree::synchronized<table>>>("lockfree.synchronized");
  add<by_read<blocking::snapshot<table>>>("blocking.snapshot");
  add<by_refresh<blocking::snapshot<table>>>("blocking.snapshot.refresh");
  add<by_read<blocking::synchronized<table>>>("blocking.synchronized");
  add<by_shared_ptr<std_atomic_shared_ptr>>("std.atomic_shared_ptr");
  add<by_lock<std::shared_mutex>>("std.shared_mutex");
  add<by_lock<std::mutex>>("std.mutex");
  return run_side_by_side("std.shared_mutex", argc, argv);
}
