// What it costs to read under a hazard pointer or in a section of rcu, and to retire.
//
//   tools/bench reclamation [--benchmark_filter=REGEX ...]
#include <benchmark/benchmark.h>

#include <cstdint>
#include <memory>
#include <mutex>
#include <shared_mutex>

#include "switchyard/atomics/atomic.h"
#include "switchyard/lockfree/hazard_pointer.h"
#include "switchyard/lockfree/rcu.h"

namespace switchyard::lockfree {
namespace {

struct guarded : hazard_pointer_obj_base<guarded> {
  std::uint64_t number = 1;
};
struct watched : rcu_obj_base<watched> {
  std::uint64_t number = 1;
};

// The pointer and the number, with nothing that keeps them.
void read_without(benchmark::State& state) {
  static atomic<guarded*> current{new guarded};
  for (auto _ : state) benchmark::DoNotOptimize(current.load(memory_order_acquire)->number);
}
void read_hazard_pointer(benchmark::State& state) {
  static atomic<guarded*> current{new guarded};
  hazard_pointer h = make_hazard_pointer();
  for (auto _ : state) benchmark::DoNotOptimize(h.protect(current)->number);
}
void make_and_read_hazard_pointer(benchmark::State& state) {
  static atomic<guarded*> current{new guarded};
  for (auto _ : state) {
    hazard_pointer h = make_hazard_pointer();
    benchmark::DoNotOptimize(h.protect(current)->number);
  }
}
void read_rcu(benchmark::State& state) {
  static atomic<watched*> current{new watched};
  for (auto _ : state) {
    std::scoped_lock reading(rcu_default_domain());
    benchmark::DoNotOptimize(current.load(memory_order_acquire)->number);
  }
}
void read_shared_mutex(benchmark::State& state) {
  static std::shared_mutex mutex;
  static const auto current = std::make_unique<watched>();
  for (auto _ : state) {
    std::shared_lock reading(mutex);
    benchmark::DoNotOptimize(current->number);
  }
}
void read_shared_ptr(benchmark::State& state) {
  static const auto current = std::make_shared<watched>();
  for (auto _ : state) benchmark::DoNotOptimize(std::atomic_load(&current)->number);
}

void delete_at_once(benchmark::State& state) {
  for (auto _ : state) {
    auto* const made = new guarded;
    benchmark::DoNotOptimize(made);
    delete made;
  }
}
template <class T>
void retire(benchmark::State& state) {
  for (auto _ : state) (new T)->retire();
}
void retire_shared_ptr(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(std::make_shared<guarded>());
}

const bool registered = [] {
  const auto row = [](const char* name, void (*function)(benchmark::State&)) {
    benchmark::RegisterBenchmark(name, function)->Threads(1)->Threads(2)->UseRealTime();
  };
  row("read/without", read_without);
  row("read/hazard_pointer", read_hazard_pointer);
  row("read/hazard_pointer_made_each_time", make_and_read_hazard_pointer);
  row("read/rcu", read_rcu);
  row("read/shared_mutex", read_shared_mutex);
  row("read/shared_ptr", read_shared_ptr);
  row("retire/delete_at_once", delete_at_once);
  row("retire/hazard_pointer", retire<guarded>);
  row("retire/rcu", retire<watched>);
  row("retire/shared_ptr", retire_shared_ptr);
  return true;
}();

}  // namespace
}  // namespace switchyard::lockfree
