// What the threads that use a priority queue have each for themselves, and how an element is pushed.
//
// Source: our own.
// When: not for users.
// Progress: wait-free, from a thread's second call on.
// Ordering: that of `close_gate`.
// Cost: a padded cell for each thread.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <type_traits>
#include <utility>

#include "switchyard/atomics/atomic.h"
#include "switchyard/lockfree/close_gate.h"
#include "switchyard/threads/per_thread.h"

namespace switchyard::lockfree::detail {

/// A thread's entrance to the queue, and its share of the size.
class list_visitor {
 public:
  entrance& gate() noexcept { return gate_; }
  const entrance& gate() const noexcept { return gate_; }

  /// Elements pushed less elements popped by this thread.
  void count(std::int64_t n) noexcept { balance_.store(balance_.load(memory_order_relaxed) + n, memory_order_relaxed); }
  std::int64_t balance() const noexcept { return balance_.load(memory_order_relaxed); }

 private:
  entrance gate_;
  atomic<std::int64_t> balance_{0};
};

/// All of them: a `close_gate` that counts.
class list_visitors {
 public:
  /// A thread's first call may throw std::bad_alloc.
  list_visitor& local() { return cells_.local(); }

  entrance::pass enter(list_visitor& me) noexcept { return me.gate().enter(flag_); }
  void close() noexcept { flag_.close(); }
  bool is_closed() const noexcept { return flag_.is_closed(); }

  /// True once it is closed and everybody who got in has left; it stays true.
  bool is_drained() const noexcept {
    if (!flag_.is_settled()) return false;
    bool empty = true;
    cells_.for_each([&](const list_visitor& v) { empty = empty && v.gate().is_empty(); });
    return empty;
  }

  std::size_t size_approx() const noexcept {
    std::int64_t sum = 0;
    cells_.for_each([&](const list_visitor& v) { sum += v.balance(); });
    return sum > 0 ? static_cast<std::size_t>(sum) : 0;
  }

 private:
  close_flag flag_;
  per_thread<list_visitor> cells_;
};

/// One level, and one more with a probability of a quarter each, at most `Max`.
template <unsigned Max>
unsigned random_height(std::uint64_t bits) noexcept {
  // The lower half: the upper one says other things.
  return 1 + static_cast<unsigned>(std::countr_zero(bits | std::uint64_t{1} << 2 * (Max - 1))) / 2;
}

/// Pops up to `max` elements, each by `pop(sink)`, which returns false when there is none. An exception ends that, and
/// passes on if an element was lost by it, or none has been popped.
template <class T, class Pop, class Out>
void pop_batch(Pop pop, Out& out, std::size_t max, std::size_t& done) {
  bool is_out = false;
  const auto sink = [&](T&& element) {
    is_out = true;
    *out = std::move(element);
    ++out;
  };
  try {
    for (; done < max && pop(sink); ++done) is_out = false;
  } catch (...) {
    if (is_out || done == 0) throw;
  }
}

/// Builds an element of `args` in a node so high, and inserts it. If comparing throws, the `T` that was moved in is
/// moved back.
template <class List, class... Args>
void push_into(List& list, unsigned height, Args&&... args) {
  auto* const fresh = list.make(height, std::forward<Args>(args)...);
  try {
    const std::scoped_lock reading(List::means::domain());
    list.insert(fresh);
  } catch (...) {
    list.take_back(fresh, args...);
    throw;
  }
}

}  // namespace switchyard::lockfree::detail
