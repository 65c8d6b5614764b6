// Read-copy-update for model tests of what is built on it: an object is freed as soon as no thread is left in a section
// that began before it was retired, so that a use after that is found, and in few steps.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <iterator>
#include <list>
#include <mutex>
#include <utility>
#include <vector>

#include "switchyard/atomics/atomic.h"
#include "switchyard/model/check.h"

namespace switchyard::model {

/// One for each execution. The bookkeeping is not atomic, since the checker does not see it; the two counters order
/// what read-copy-update orders, and nothing else.
class reclaim_at_once {
 public:
  reclaim_at_once() { current_ = this; }
  reclaim_at_once(const reclaim_at_once&) = delete;
  reclaim_at_once& operator=(const reclaim_at_once&) = delete;
  ~reclaim_at_once() {
    readers_.clear();
    free_some();
    current_ = nullptr;
  }

  void lock() {
    const auto me = readers_.insert(readers_.end(), {detail::this_thread(), retired_seen_});
    me->seen = retired_.fetch_add(0, memory_order_acquire);  // what was retired before is out of reach
  }
  void unlock() {
    ended_.fetch_add(0, memory_order_release);
    // The section that this thread began last.
    const int me = detail::this_thread();
    const auto mine = std::find_if(readers_.rbegin(), readers_.rend(), [&](const reader& r) { return r.thread == me; });
    readers_.erase(std::prev(mine.base()));
    free_some();
  }

  // The means of a `lockfree::detail::skip_list`.
  struct means {
    template <class Node, class Deleter>
    struct reclaimed {
      void retire(Deleter deleter, reclaim_at_once& domain) {
        domain.retire([node = static_cast<Node*>(this), deleter] { deleter(node); });
      }
    };
    static reclaim_at_once& domain() { return *current_; }
    static void wait_for_reclamation() {}
  };

 private:
  struct reader {
    int thread;
    std::uint64_t seen;
  };
  struct garbage {
    std::function<void()> free;
    std::uint64_t number;
  };

  void retire(std::function<void()> free) {
    // In a section, if need be of its own: so what this thread did before comes before the end of the object's life.
    const int me = detail::this_thread();
    if (std::none_of(readers_.begin(), readers_.end(), [&](const reader& r) { return r.thread == me; })) {
      const std::scoped_lock inside(*this);
      return retire(std::move(free));
    }
    // Numbered in the order in which readers see it.
    retired_seen_ = retired_.fetch_add(1, memory_order_release) + 1;
    garbage_.push_back({std::move(free), retired_seen_});
    free_some();
  }

  void free_some() {
    for (;;) {
      const auto found = std::find_if(garbage_.begin(), garbage_.end(), [&](const garbage& g) {
        return std::all_of(readers_.begin(), readers_.end(), [&](const reader& r) { return r.seen >= g.number; });
      });
      if (found == garbage_.end()) return;
      const std::function<void()> free = std::move(found->free);
      garbage_.erase(found);
      ended_.fetch_add(0, memory_order_acquire);  // what was done in the sections that have ended
      free();
    }
  }

  static inline reclaim_at_once* current_ = nullptr;

  atomic<std::uint64_t> retired_{0};
  atomic<std::uint64_t> ended_{0};
  std::uint64_t retired_seen_ = 0;
  std::list<reader> readers_;
  std::vector<garbage> garbage_;
};

}  // namespace switchyard::model
