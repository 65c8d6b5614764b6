// Throughput of the maps, side by side in one binary: keys and values of 8 bytes, 32 Ki elements or so, of 64 Ki keys that
// are asked for at random.
//
//   find/N     N threads look for keys, half of which are there
//   read95/N   95 of 100 calls look, the others insert and erase, as many of each
//   read50/N   50 of 100
//   change/N   inserts and erases alone
//   fill/N     N threads insert keys of their own into an empty map, which grows
//   update/N   every call replaces a value by one that is larger by one, where there is such a call
//
//   tools/bench map [--benchmark_filter=REGEX ...]
//
// Peers that the machine does not have are left out, and so are shapes in which a peer cannot take part: the unordered and the
// ordered maps of oneTBB cannot erase while others use them. The median of each row is set against blocking.hash_map's or
// blocking.ordered_map's.
#include <benchmark/benchmark.h>

#include <cstddef>
#include <cstdint>
#include <iostream>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "switchyard/atomics/cache_padded.h"
#include "switchyard/benchmarks/side_by_side.h"
#include "switchyard/blocking/hash_map.h"
#include "switchyard/blocking/ordered_map.h"
#include "switchyard/blocking/shared_mutex.h"
#include "switchyard/lockfree/hash_map.h"
#include "switchyard/lockfree/ordered_map.h"

#if __has_include(<tbb/concurrent_hash_map.h>)
#define HAS_TBB 1
#include <tbb/concurrent_hash_map.h>
#include <tbb/concurrent_map.h>
#include <tbb/concurrent_unordered_map.h>
#else
#define HAS_TBB 0
#endif
#if __has_include(<cds/container/split_list_map.h>)
#define HAS_CDS 1
#include <cds/container/michael_kvlist_hp.h>
#include <cds/container/michael_list_hp.h>
#include <cds/container/michael_map.h>
#include <cds/container/skip_list_map_hp.h>
#include <cds/container/split_list_map.h>
#include <cds/init.h>
#include <cds/threading/model.h>
#else
#define HAS_CDS 0
#endif

namespace switchyard {
namespace {

using key = std::uint64_t;
using value = std::uint64_t;
constexpr key key_count = 1 << 16;

// What somebody writes who has no library.
template <class Map, class Lock>
class under_lock {
 public:
  bool insert(key k, value v) {
    const std::lock_guard hold(lock_);
    return map_.emplace(k, v).second;
  }
  bool erase(key k) {
    const std::lock_guard hold(lock_);
    return map_.erase(k) != 0;
  }
  std::optional<value> find(key k) const {
    const std::conditional_t<std::is_same_v<Lock, std::shared_mutex>, std::shared_lock<Lock>, std::unique_lock<Lock>> hold(lock_);
    const auto at = map_.find(k);
    if (at == map_.end()) return std::nullopt;
    return at->second;
  }
  template <class F>
  bool update(key k, F f) {
    const std::lock_guard hold(lock_);
    const auto at = map_.find(k);
    if (at == map_.end()) return false;
    f(at->second);
    return true;
  }

 private:
  mutable Lock lock_;
  Map map_;
};

#if HAS_TBB
class tbb_hash_map {
 public:
  bool insert(key k, value v) { return map_.insert({k, v}); }
  bool erase(key k) { return map_.erase(k); }
  std::optional<value> find(key k) const {
    tbb::concurrent_hash_map<key, value>::const_accessor at;
    if (!map_.find(at, k)) return std::nullopt;
    return at->second;
  }
  template <class F>
  bool update(key k, F f) {
    tbb::concurrent_hash_map<key, value>::accessor at;
    if (!map_.find(at, k)) return false;
    f(at->second);
    return true;
  }

 private:
  tbb::concurrent_hash_map<key, value> map_;
};
/// Without erase.
template <class Map>
class tbb_map {
 public:
  bool insert(key k, value v) { return map_.insert({k, v}).second; }
  std::optional<value> find(key k) const {
    const auto at = map_.find(k);
    if (at == map_.end()) return std::nullopt;
    return at->second;
  }

 private:
  Map map_;
};
#endif

#if HAS_CDS
using cds_gc = cds::gc::HP;
struct cds_list_traits : cds::container::michael_list::traits {
  using less = std::less<key>;
};
struct cds_split_traits : cds::container::split_list::traits {
  using ordered_list = cds::container::michael_list_tag;
  using hash = std::hash<key>;
  using ordered_list_traits = cds_list_traits;
};
using cds_split_list = cds::container::SplitListMap<cds_gc, key, value, cds_split_traits>;
struct cds_michael_traits : cds::container::michael_map::traits {
  using hash = std::hash<key>;
};
using cds_michael_map =
    cds::container::MichaelHashMap<cds_gc, cds::container::MichaelKVList<cds_gc, key, value, cds_list_traits>, cds_michael_traits>;
struct cds_skip_traits : cds::container::skip_list::traits {
  using less = std::less<key>;
};
using cds_skip_list = cds::container::SkipListMap<cds_gc, key, value, cds_skip_traits>;

// Every thread calls this before it touches one of them.
void use_cds() {
  struct in_use {
    struct library {
      library() { cds::Initialize(); }
      ~library() { cds::Terminate(); }
    } library_;
    cds_gc hazard_pointers_{cds_skip_list::c_nHazardPtrCount + 8, 32};
  };
  struct attached {
    attached() { cds::threading::Manager::attachThread(); }
    ~attached() { cds::threading::Manager::detachThread(); }
  };
  static in_use for_all;
  thread_local attached for_this_thread;
}

template <class Map>
class cds_map {
 public:
  cds_map() {
    use_cds();
    if constexpr (std::is_constructible_v<Map, std::size_t, std::size_t>) {
      map_ = std::make_unique<Map>(key_count / 2, 1);
    } else {
      map_ = std::make_unique<Map>();
    }
  }
  ~cds_map() { use_cds(); }
  bool insert(key k, value v) {
    use_cds();
    return map_->insert(k, v);
  }
  bool erase(key k) {
    use_cds();
    return map_->erase(k);
  }
  std::optional<value> find(key k) const {
    use_cds();
    std::optional<value> found;
    map_->find(k, [&](auto& item) { found = item.second; });
    return found;
  }

 private:
  std::unique_ptr<Map> map_;
};
#endif

struct random_keys {
  std::uint64_t state;
  std::uint64_t operator()() {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
  }
};

constexpr std::size_t calls = 200'000;  // some tens of milliseconds

/// `reads` of 100 calls look.
template <class Map, unsigned reads>
void mixed(benchmark::State& state) {
  const auto threads = static_cast<std::size_t>(state.range(0));
  const auto map = std::make_unique<Map>();
  random_keys some{77};
  for (key i = 0; i < key_count / 2; ++i) {
    while (!map->insert(some() >> 20 & (key_count - 1), i)) {
    }
  }
  std::uint64_t round = 0;
  std::vector<cache_padded<std::uint64_t>> results(threads);
  for (auto _ : state) {
    ++round;
    state.SetIterationTime(seconds_of(threads, [&](std::size_t thread) {
      random_keys random{(round * 64 + thread + 1) * 0x9e3779b97f4a7c15};
      std::uint64_t sum = 0;
      for (std::size_t i = 0; i < calls / threads; ++i) {
        const std::uint64_t bits = random();
        const key k = bits >> 20 & (key_count - 1);
        if (reads == 100 || (bits & 0xffff) % 100 < reads) {
          if (const auto found = map->find(k)) sum += *found;
        } else if constexpr (reads != 100) {
          if ((bits >> 16 & 1) != 0) {
            sum += map->insert(k, i);
          } else {
            sum += map->erase(k);
          }
        }
      }
      *results[thread] += sum;
    }));
  }
  benchmark::DoNotOptimize(results);
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(calls / threads * threads));
}

template <class Map>
void fill(benchmark::State& state) {
  const auto threads = static_cast<std::size_t>(state.range(0));
  const std::size_t share = calls / threads;
  for (auto _ : state) {
    const auto map = std::make_unique<Map>();
    state.SetIterationTime(seconds_of(threads, [&](std::size_t thread) {
      for (std::size_t i = 0; i < share; ++i) {
        const key k = (i * threads + thread) * 0x9e3779b97f4a7c15 >> 8;
        static_cast<void>(map->insert(k, i));
      }
    }));
    if (!map->find(0)) fail(state, "a lost key");
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(share * threads));
}

template <class Map>
void update(benchmark::State& state) {
  const auto threads = static_cast<std::size_t>(state.range(0));
  const std::size_t share = calls / threads;
  const auto map = std::make_unique<Map>();
  for (key k = 0; k < key_count; ++k) static_cast<void>(map->insert(k, 0));
  std::uint64_t round = 0;
  for (auto _ : state) {
    ++round;
    state.SetIterationTime(seconds_of(threads, [&](std::size_t thread) {
      random_keys random{(round * 64 + thread + 1) * 0x9e3779b97f4a7c15};
      for (std::size_t i = 0; i < share; ++i) {
        static_cast<void>(map->update(random() >> 20 & (key_count - 1), [](value& v) { ++v; }));
      }
    }));
  }
  std::uint64_t sum = 0;
  for (key k = 0; k < key_count; ++k) sum += map->find(k).value_or(0);
  if (sum != round * share * threads) fail(state, "lost updates");
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(share * threads));
}

template <class Map>
void add(const std::string& name) {
  const auto row = [&](const char* shape, void (*run)(benchmark::State&)) {
    auto* const each = benchmark::RegisterBenchmark((name + "/" + shape).c_str(), run);
    each->ArgNames({"N"})->UseManualTime()->Unit(benchmark::kMillisecond);
    for (const int n : {1, 2, 4}) each->Args({n});
  };
  row("find", mixed<Map, 100>);
  if constexpr (requires(Map& map) { map.erase(key{}); }) {
    row("read95", mixed<Map, 95>);
    row("read50", mixed<Map, 50>);
    row("change", mixed<Map, 0>);
  }
  row("fill", fill<Map>);
  if constexpr (requires(Map& map) { map.update(key{}, [](value&) {}); }) row("update", update<Map>);
}

}  // namespace
}  // namespace switchyard

int main(int argc, char** argv) {
  using namespace switchyard;
  constexpr const char* reference = "blocking.hash_map";
  add<blocking::hash_map<key, value>>(reference);
  add<lockfree::hash_map<key, value>>("lockfree.hash_map");
  add<under_lock<std::unordered_map<key, value>, std::mutex>>("std.mutex_and_unordered_map");
  add<under_lock<std::unordered_map<key, value>, std::shared_mutex>>("std.shared_mutex_and_unordered_map");
  add<blocking::ordered_map<key, value>>("blocking.ordered_map");
  add<lockfree::ordered_map<key, value>>("lockfree.ordered_map");
  add<under_lock<std::map<key, value>, std::mutex>>("std.mutex_and_map");
  add<under_lock<std::map<key, value>, std::shared_mutex>>("std.shared_mutex_and_map");
#if HAS_TBB
  add<tbb_hash_map>("tbb.concurrent_hash_map");
  add<tbb_map<tbb::concurrent_unordered_map<key, value>>>("tbb.concurrent_unordered_map");
  add<tbb_map<tbb::concurrent_map<key, value>>>("tbb.concurrent_map");
#else
  std::cout << "oneTBB's are left out: it is not here.\n";
#endif
#if HAS_CDS
  add<cds_map<cds_split_list>>("libcds.split_list_map");
  add<cds_map<cds_michael_map>>("libcds.michael_hash_map");
  add<cds_map<cds_skip_list>>("libcds.skip_list_map");
#else
  std::cout << "libcds's are left out: it is not here.\n";
#endif
  return run_side_by_side(reference, argc, argv);
}
