// The counts of one monitored object: a cell for each thread that uses it, which only that thread writes.
//
// Source: our own, on `per_thread`; the idea is that of the Linux kernel's per-CPU statistics.
// When: inside `monitored.h` and `monitored_lock.h`.
// Progress: counting is wait-free from a thread's second use on; the first allocates the thread's cell. Reading is
//   wait-free in the number of threads.
// Ordering: none; a reading that overlaps operations is no snapshot. All that happened before it is in it.
// Cost: an addition to a line of one's own for each operation; two readings of the clock for one that waits.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "switchyard/atomics/atomic.h"
#include "switchyard/threads/monitor.h"
#include "switchyard/threads/per_thread.h"

namespace switchyard::detail {

class usage_counts {
  using clock = std::chrono::steady_clock;

 public:
  /// The ways into and out of what is monitored: push and pop; lock, and nothing that could wait.
  enum class way : unsigned char { in, out };

  /// One thread's. All of it is relaxed: each is a number that nothing else depends on.
  class cell {
   public:
    void done(way which, std::size_t n) noexcept { add(at(which).done, std::uint64_t{n}); }
    void undone(way which) noexcept { add(at(which).done, ~std::uint64_t{0}); }  // one less
    void refused(way which) noexcept { add(at(which).refused, std::uint64_t{1}); }
    void seen_depth(std::size_t depth) noexcept {
      if (deepest_.load(memory_order_relaxed) < depth) deepest_.store(depth, memory_order_relaxed);
    }

   private:
    friend class usage_counts;

    struct counts {
      atomic<std::uint64_t> done{0};
      atomic<std::uint64_t> refused{0};
      atomic<std::uint64_t> waits{0};
      atomic<std::uint64_t> woken{0};
      atomic<std::uint64_t> gave_up{0};
      atomic<std::int64_t> nanoseconds{0};
      atomic<std::int64_t> waiting_since{0};  // on the steady clock, in nanoseconds; 0: not waiting
    };

    template <class N>
    static void add(atomic<N>& count, N n) noexcept {
      // Only this thread writes it, so a load and a store do what a read-modify-write would.
      count.store(count.load(memory_order_relaxed) + n, memory_order_relaxed);
    }
    counts& at(way which) noexcept { return which == way::in ? in_ : out_; }

    counts in_;
    counts out_;
    atomic<std::size_t> deepest_{0};
  };

  /// A wait of the calling thread, from here to the end of the block. It gave up unless `ended` says otherwise, also if
  /// it ends by an exception.
  class waiting {
   public:
    waiting(cell& mine, way which) noexcept : counts_(mine.at(which)), began_(now()) {
      cell::add(counts_.waits, std::uint64_t{1});
      counts_.waiting_since.store(began_, memory_order_relaxed);
    }
    waiting(const waiting&) = delete;
    waiting& operator=(const waiting&) = delete;
    ~waiting() {
      cell::add(counts_.nanoseconds, now() - began_);
      cell::add(woken_ ? counts_.woken : counts_.gave_up, std::uint64_t{1});
      counts_.waiting_since.store(0, memory_order_relaxed);
    }
    /// What it waited for has come.
    void ended(bool woken) noexcept { woken_ = woken; }

   private:
    cell::counts& counts_;
    const std::int64_t began_;
    bool woken_ = false;
  };

  /// The calling thread's; the first call of a thread may throw std::bad_alloc, so it comes before the operation.
  cell& local() { return cells_.local(); }

  /// Adds up what all threads did.
  void read(monitor_sample& into) const {
    const std::int64_t at = now();
    cells_.for_each([&](const cell& each) {
      add_to(into.in, each.in_, at);
      add_to(into.out, each.out_, at);
      const std::size_t deepest = each.deepest_.load(memory_order_relaxed);
      if (into.deepest && *into.deepest < deepest) into.deepest = deepest;
    });
  }

 private:
  template <class N>
  static N load(const atomic<N>& count) noexcept {
    return count.load(memory_order_relaxed);
  }
  static std::int64_t now() noexcept {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(clock::now().time_since_epoch()).count();
  }
  static void add_to(monitor_sample::traffic& sum, const cell::counts& each, std::int64_t at) noexcept {
    sum.done += load(each.done);
    sum.refused += load(each.refused);
    sum.waits += load(each.waits);
    sum.woken += load(each.woken);
    sum.gave_up += load(each.gave_up);
    sum.waited += std::chrono::nanoseconds(load(each.nanoseconds));
    if (const std::int64_t since = load(each.waiting_since); since != 0) {
      ++sum.waiting_now;
      sum.longest_now = std::max(sum.longest_now, std::chrono::nanoseconds(std::max<std::int64_t>(at - since, 0)));
    }
  }

  per_thread<cell> cells_;
};

}  // namespace switchyard::detail
