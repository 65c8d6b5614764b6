// Closing a structure so that no push that succeeds is ever missed, at the price of two plain stores a push.
//
// Source: our own; a push announces itself and looks, the closer tells and lets the kernel fence everybody
//   (Linux membarrier), as in read-copy-update.
// When: a queue whose pushes are not decided by a compare-and-swap that could carry a "closed" mark itself.
// Progress: entering and leaving are wait-free (`close_gate`: from a thread's second call on). `close` is
//   wait-free and never waits for pushes: one that began before may still succeed, and until it has, the
//   structure is not drained. A thread stopped inside delays "closed" being reported, and nothing else.
// Ordering: whatever happened inside the gate happens before `is_drained` returns true. What a closer did before
//   happens before `is_closed` returns true, or a pass is refused.
// Cost: two stores to a line of the thread's own and a load of a line that only `close` writes.
//
//   push: if (auto inside = gate.enter()) { ... put it in ...; return success; }  return closed;
//   pop:  if (take(x)) return x;  if (!gate.is_drained()) return empty;  return take(x) ? x : closed;
#pragma once

#include <cstdint>
#include <utility>

#include "switchyard/atomics/asymmetric_fence.h"
#include "switchyard/atomics/atomic.h"
#include "switchyard/threads/per_thread.h"

namespace switchyard::lockfree {

/// The flag that `close` raises, and the rule for looking at it: announce first, then look.
class close_flag {
 public:
  /// For who has just announced itself with an atomic store: true if it may go on. If it does, a thread
  /// that sees `is_settled()` sees the announcement or what came after it.
  bool is_open_after_announcing() noexcept {
    asymmetric_fence_lightest();                                          // (1) with (3)
    if (state_.load(memory_order_relaxed) == open) [[likely]] return true;
    return look_again();
  }

  void close() noexcept {
    std::uint32_t seen = state_.load(memory_order_relaxed);
    if (seen == settled) return;
    // Several closers do the same work twice rather than wait for one that stopped in the middle. None takes
    // `settled` back.
    while (!is_closed(seen)) {
      state_.compare_exchange_strong(seen, closing, memory_order_release, memory_order_relaxed);  // (4) with (2), (6)
    }
    asymmetric_fence_heavy();                       // (3) with (1); a release fence, too:
    state_.store(settled, memory_order_relaxed);    // (5) with (2), (6), (7)
  }

  bool is_closed() const noexcept { return is_closed(state_.load(memory_order_acquire)); }  // (6) with (4), (5)

  /// True once nobody new can pass, and everybody who has can be seen.
  bool is_settled() const noexcept { return state_.load(memory_order_acquire) == settled; }  // (7) with (5)

 private:
  static constexpr std::uint32_t open = 0;
  static constexpr std::uint32_t unsure = 1;  // open, and it is not known whether the first fence of (1) is one
  static constexpr std::uint32_t closing = 2;
  static constexpr std::uint32_t settled = 3;

  static bool is_closed(std::uint32_t state) noexcept { return state >= closing; }

  [[gnu::noinline]] bool look_again() noexcept {
    asymmetric_fence_light();  // (1)
    std::uint32_t seen = state_.load(memory_order_relaxed);
    if (seen == unsure && asymmetric_fence_is_light()) {
      state_.compare_exchange_strong(seen, open, memory_order_relaxed, memory_order_relaxed);
    }
    if (!is_closed(seen)) return true;
    atomic_thread_fence(memory_order_acquire);  // (2) with (4), (5): who is refused sees why
    return false;
  }

  atomic<std::uint32_t> state_{asymmetric_fence_is_always_light ? open : unsure};
};

/// How many calls the only thread that writes it has going on inside; more than one if a call nests.
class entrance {
 public:
  /// Held while inside; false if the gate was closed.
  class pass {
   public:
    pass(pass&& other) noexcept : at_(std::exchange(other.at_, nullptr)), before_(other.before_) {}
    pass& operator=(pass&&) = delete;
    ~pass() {
      if (at_ != nullptr) at_->inside_.store(before_, memory_order_release);  // (8) with (9)
    }
    explicit operator bool() const noexcept { return at_ != nullptr; }

   private:
    friend class entrance;
    pass() noexcept = default;
    pass(entrance* at, std::uint32_t before) noexcept : at_(at), before_(before) {}

    entrance* at_ = nullptr;
    std::uint32_t before_ = 0;
  };

  pass enter(close_flag& flag) noexcept {
    pass inside = stay();  // the announcement, before (1)
    if (flag.is_open_after_announcing()) return inside;
    return pass();
  }

  /// A pass also if the gate is closed: for who may put back what it takes. Who finds nothing because of that finds the
  /// gate not drained, provided that it looks at the gate after it has seen, with acquire, what the taking stored, with
  /// release.
  pass stay() noexcept {
    const std::uint32_t before = inside_.load(memory_order_relaxed);
    inside_.store(before + 1, memory_order_relaxed);
    return pass(this, before);
  }

  bool is_empty() const noexcept { return inside_.load(memory_order_acquire) == 0; }  // (9) with (8)

 private:
  atomic<std::uint32_t> inside_{0};
};

/// A gate for any number of threads, with an entrance for each.
class close_gate {
 public:
  /// A pass, true unless the gate is closed. A thread's first call may throw std::bad_alloc.
  entrance::pass enter() { return entrances_.local().enter(flag_); }

  void close() noexcept { flag_.close(); }
  bool is_closed() const noexcept { return flag_.is_closed(); }

  /// True once it is closed and everybody who got in has left; it stays true.
  bool is_drained() const noexcept {
    if (!flag_.is_settled()) return false;
    bool empty = true;
    entrances_.for_each([&](const entrance& e) { empty = empty && e.is_empty(); });
    return empty;
  }

 private:
  close_flag flag_;
  per_thread<entrance> entrances_;
};

}  // namespace switchyard::lockfree
