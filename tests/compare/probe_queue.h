// A queue that notes who calls it and how, to see that a workload is laid out as it was asked for.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <mutex>
#include <optional>
#include <set>
#include <thread>

#include "switchyard/benchmarks/compare/layout.h"
#include "switchyard/blocking/bounded_queue.h"
#include "switchyard/interface/conqueue_status.h"
#include "switchyard/interface/queue.h"

namespace switchyard::compare {

/// What all probes saw since `reset`. Only to be read when the threads are gone.
struct probe_notes {
  std::set<std::thread::id> pushers;
  std::set<std::thread::id> poppers;
  std::size_t most_pushed = 0;   ///< in one call
  std::size_t most_wanted = 0;   ///< by one call
  std::size_t most_capacity = 0;

  static probe_notes& now() {
    static probe_notes notes;
    return notes;
  }
  static std::mutex& lock() {
    static std::mutex mutex;
    return mutex;
  }
  static void reset() { now() = {}; }

  void expect_as_asked(const worker_layout& layout) const {
    EXPECT_EQ(pushers.size(), layout.producers);
    EXPECT_EQ(poppers.size(), layout.consumers);
    EXPECT_EQ(most_pushed, layout.batch);
    EXPECT_EQ(most_wanted, layout.batch);
    EXPECT_EQ(most_capacity, layout.capacity);
  }
};

/// For any number of threads.
template <class T>
class probe_queue {
 public:
  using value_type = T;

  explicit probe_queue(std::size_t capacity) : inside_(capacity) { probe_notes::now().most_capacity = capacity; }

  bool push(const T& given) {
    note_push(1);
    return inside_.push(given);
  }
  bool emplace(const T& given) { return push(given); }
  conqueue_status try_push(const T& given) {
    note_push(1);
    return inside_.try_push(given);
  }
  conqueue_status try_emplace(const T& given) { return try_push(given); }
  template <class In>
  std::size_t push_n(In first, std::size_t n) {
    note_push(n);
    return inside_.push_n(first, n);
  }
  template <class In>
  std::size_t try_push_n(In first, std::size_t n) {
    note_push(n);
    return inside_.try_push_n(first, n);
  }
  std::optional<T> pop() {
    note_pop(1);
    return inside_.pop();
  }
  pop_result<T> try_pop() {
    note_pop(1);
    return inside_.try_pop();
  }
  template <class Out>
  std::size_t pop_n(Out out, std::size_t max) {
    note_pop(max);
    return inside_.pop_n(out, max);
  }
  template <class Out>
  std::size_t try_pop_n(Out out, std::size_t max) {
    note_pop(max);
    return inside_.try_pop_n(out, max);
  }
  void close() noexcept { inside_.close(); }
  bool is_closed() const noexcept { return inside_.is_closed(); }

 private:
  static void note_push(std::size_t n) {
    const std::lock_guard hold(probe_notes::lock());
    probe_notes& now = probe_notes::now();
    now.pushers.insert(std::this_thread::get_id());
    now.most_pushed = std::max(now.most_pushed, n);
  }
  static void note_pop(std::size_t n) {
    const std::lock_guard hold(probe_notes::lock());
    probe_notes& now = probe_notes::now();
    now.poppers.insert(std::this_thread::get_id());
    now.most_wanted = std::max(now.most_wanted, n);
  }

  blocking::bounded_queue<T> inside_;
};

}  // namespace switchyard::compare
