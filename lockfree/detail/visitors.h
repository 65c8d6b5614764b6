// What each of the threads that use a queue has of it: an entrance, and a share of the size.
//
// Source: our own; a `close_gate` that counts, and where a queue can keep more.
// When: queues that give and take in places that many threads share, such as stacks and lists.
// Progress: wait-free, from a thread's second call on.
// Ordering: that of `close_gate`.
// Cost: a padded cell for each thread.
#pragma once

#include <cstddef>
#include <cstdint>

#include "switchyard/atomics/atomic.h"
#include "switchyard/interface/conqueue_status.h"
#include "switchyard/lockfree/close_gate.h"
#include "switchyard/threads/per_thread.h"

namespace switchyard::lockfree::detail {

/// What a thread has at least.
class visitor {
 public:
  entrance& door() noexcept { return door_; }
  const entrance& door() const noexcept { return door_; }

  /// Elements pushed less elements popped by this thread.
  void count(std::int64_t n) noexcept { balance_.store(balance() + n, memory_order_relaxed); }
  std::int64_t balance() const noexcept { return balance_.load(memory_order_relaxed); }

 private:
  entrance door_;
  atomic<std::int64_t> balance_{0};
};

/// All of them. `Visitor` derives from `visitor`.
template <class Visitor = visitor>
class visitors {
 public:
  /// A thread's first call may throw std::bad_alloc.
  Visitor& local() { return cells_.local(); }

  entrance::pass enter(Visitor& me) noexcept { return me.door().enter(flag_); }
  void close() noexcept { flag_.close(); }
  bool is_closed() const noexcept { return flag_.is_closed(); }

  /// True once it is closed and everybody who got in has left; it stays true, but for who comes in by `entrance::stay`.
  bool is_drained() const noexcept {
    if (!flag_.is_settled()) return false;
    bool empty = true;
    for_each([&](const Visitor& v) { empty = empty && v.door().is_empty(); });
    return empty;
  }

  std::size_t size_approx() const noexcept {
    std::int64_t sum = 0;
    for_each([&](const Visitor& v) { sum += v.balance(); });
    return sum > 0 ? static_cast<std::size_t>(sum) : 0;
  }

  /// For a queue that counts each element after it has been pushed, and before it tells anybody of it: whether there is
  /// something to pop. What is not counted yet is still to be told.
  conqueue_status look() const noexcept {
    const bool drained = is_drained();
    if (size_approx() != 0) return conqueue_status::success;
    return drained ? conqueue_status::closed : conqueue_status::empty;
  }

  template <class Visit>
  void for_each(Visit visit) const {
    cells_.for_each(visit);
  }

 private:
  close_flag flag_;
  per_thread<Visitor> cells_;
};

}  // namespace switchyard::lockfree::detail
