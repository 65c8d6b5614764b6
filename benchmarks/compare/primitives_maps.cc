// Maps: all threads count their words in one.
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

#include "switchyard/benchmarks/compare/primitive_runs.h"
#include "switchyard/benchmarks/compare/shared_run.h"
#include "switchyard/blocking/hash_map.h"
#include "switchyard/blocking/ordered_map.h"
#include "switchyard/lockfree/hash_map.h"
#include "switchyard/lockfree/ordered_map.h"

// Whether it is there, BUILD.bazel says; see adapters/peer_registry.h.
#if __has_include("switchyard/adapters/tbb_queue.h") && !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__)
#define SWITCHYARD_DETAIL_TBB
#include <tbb/concurrent_hash_map.h>
#endif

namespace switchyard::compare {
namespace {

using adapters::progress;
using key_type = std::string;
using count_type = std::uint64_t;

// What each kind of map is asked for: to count a word, to tell one count, and to go through all.

template <class Map>
class our_map {
 public:
  void count(const key_type& word) {
    inside_.insert_or_update(word, count_type{1}, [](count_type& n) { ++n; });
  }
  count_type at(const key_type& word) const { return inside_.find(word).value_or(0); }
  template <class F>
  void for_each(F f) const {
    inside_.for_each(f);
  }

 private:
  Map inside_;
};

class std_map {
 public:
  void count(const key_type& word) {
    const std::lock_guard hold(lock_);
    ++inside_[word];
  }
  count_type at(const key_type& word) const {
    const auto found = inside_.find(word);
    return found == inside_.end() ? 0 : found->second;
  }
  template <class F>
  void for_each(F f) const {
    for (const auto& [word, n] : inside_) f(word, n);
  }

 private:
  std::mutex lock_;
  std::unordered_map<key_type, count_type> inside_;
};

#ifdef SWITCHYARD_DETAIL_TBB
class tbb_map {
  using map = tbb::concurrent_hash_map<key_type, count_type>;

 public:
  void count(const key_type& word) {
    map::accessor found;  // holds the element's lock
    inside_.insert(found, word);
    ++found->second;
  }
  count_type at(const key_type& word) const {
    map::const_accessor found;
    return inside_.find(found, word) ? found->second : 0;
  }
  template <class F>
  void for_each(F f) const {
    for (const auto& [word, n] : inside_) f(word, n);
  }

 private:
  map inside_;
};
#endif

}  // namespace

void add_maps(primitive_registry& to) {
  add_primitive(to, "lockfree.hash_map", "a split-ordered list, values replaced with their nodes", progress::lock_free,
                run_map<our_map<lockfree::hash_map<key_type, count_type>>>);
  add_primitive(to, "lockfree.ordered_map", "a skip list, in the order of the words", progress::lock_free,
                run_map<our_map<lockfree::ordered_map<key_type, count_type>>>);
  add_primitive(to, "blocking.hash_map", "under small locks", progress::blocking,
                run_map<our_map<blocking::hash_map<key_type, count_type>>>);
  add_primitive(to, "blocking.ordered_map", "under small locks, in the order of the words", progress::blocking,
                run_map<our_map<blocking::ordered_map<key_type, count_type>>>);
#ifdef SWITCHYARD_DETAIL_TBB
  add_primitive(to, "tbb.concurrent_hash_map", "oneTBB's, a lock for each element", progress::blocking, run_map<tbb_map>);
#endif
  add_primitive(to, "std.unordered_map", "the standard library's, under std::mutex", progress::blocking, run_map<std_map>);
}

}  // namespace switchyard::compare
