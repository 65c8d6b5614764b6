// A small stack of free blocks that belongs to one thread, and from which any other may steal.
//
// Source: the deque of Chase and Lev, "Dynamic Circular Work-Stealing Deque" (SPAA 2005), of a fixed size, with its
//   fence made asymmetric: the owner, who comes all the time, leaves it to who steals, which is rare.
// Progress: push and pop are wait-free. steal is lock-free.
// Ordering: what a thread did before it pushed a block happens before what another does that steals it.
// Cost: two or three loads and two stores a push or pop, and a compare-and-swap for the last block; a steal is a
//   system call, about a microsecond, unless there is nothing to be seen.
#pragma once

#include <cstddef>
#include <cstdint>

#include "switchyard/atomics/asymmetric_fence.h"
#include "switchyard/atomics/atomic.h"

namespace switchyard::lockfree::detail {

class block_cache {
 public:
#ifdef SWITCHYARD_MODEL
  static constexpr std::uint32_t size = 2;
#else
  static constexpr std::uint32_t size = 64;
#endif

  block_cache() noexcept = default;
  /// For tests: the same after so many blocks have been through it.
  explicit block_cache(std::uint32_t start) noexcept : state_(start), top_(start) {}

  /// Owner. Adds a block, unless there are `limit` or more; at most `size`.
  bool push(void* block, std::uint32_t limit) noexcept {
    const state now = state::of(state_.load(memory_order_relaxed));
    // (1) acquire: with (6), whose thread has read the entry that is written here for the second time.
    if (count(now, top_.load(memory_order_acquire)) >= static_cast<std::int32_t>(limit)) return false;
    entry(now.bottom).store(block, memory_order_relaxed);
    state_.store(state{now.puts + 1, now.bottom + 1}.word(), memory_order_release);  // (2) with (5)
    return true;
  }

  /// Owner. The block that was added last, or nullptr.
  void* pop() noexcept {
    const state now = state::of(state_.load(memory_order_relaxed));
    const std::uint32_t last = now.bottom - 1;
    // Announce that the last is being taken, then look who else may be at it. Either we see how far another had got
    // who has looked before it could see this, or it sees this.
    state_.store(state{now.puts, last}.word(), memory_order_release);  // (3) with (5)
    asymmetric_fence_light();                                          // with the heavy one in steal
    std::uint64_t top = top_.load(memory_order_relaxed);
    const std::int32_t others = count(state{now.puts, last}, top);
    if (others > 0) return entry(last).load(memory_order_relaxed);
    // There is one: whoever moves `top` past it has it. Or there was none.
    void* block = others == 0 ? entry(last).load(memory_order_relaxed) : nullptr;
    if (others == 0 &&
        !top_.compare_exchange_strong(top, top + 1, memory_order_release, memory_order_relaxed)) {  // (4) with (5)
      block = nullptr;
    }
    // It is empty now, which who looks sees by `top`. Relaxed: this hands nothing over.
    state_.store(now.word(), memory_order_relaxed);
    return block;
  }

  /// Anybody. The block that was added first; or nullptr: at one moment during the call there was none, apart from
  /// what the owner was just adding or taking.
  void* steal() noexcept {
    for (;;) {
      std::uint64_t top = top_.load(memory_order_acquire);  // (5) with (4), and the fence before (6)
      if (count(look(), top) <= 0) return nullptr;
      asymmetric_fence_heavy();
      if (count(look(), top) <= 0) return nullptr;
      void* const block = entry(static_cast<std::uint32_t>(top)).load(memory_order_relaxed);
      // (6) release: with (1), so that the entry has been read. What (5) needs the fence has done.
      if (top_.compare_exchange_strong(top, top + 1, memory_order_release, memory_order_relaxed)) return block;
      // Somebody else has it, and is done: the next.
    }
  }

  /// Anybody. How often a block has been added, modulo 2^32: no two states in which it is the same differ by more
  /// than blocks that have gone.
  std::uint32_t puts() const noexcept { return look().puts; }

  /// Anybody. How many there were a moment ago.
  std::uint32_t size_approx() const noexcept {
    const std::int32_t n = count(state::of(state_.load(memory_order_relaxed)), top_.load(memory_order_relaxed));
    return n > 0 ? static_cast<std::uint32_t>(n) : 0;
  }

 private:
  // {puts, bottom}, in one word so that they change together. The blocks are the entries from `top` to below
  // `bottom`, which count for ever and wrap.
  struct state {
    std::uint32_t puts;
    std::uint32_t bottom;

    static state of(std::uint64_t word) noexcept {
      return {static_cast<std::uint32_t>(word >> 32), static_cast<std::uint32_t>(word)};
    }
    std::uint64_t word() const noexcept { return std::uint64_t{puts} << 32 | bottom; }
  };

  state look() const noexcept { return state::of(state_.load(memory_order_acquire)); }  // (5) with (2), (3)

  static std::int32_t count(state s, std::uint64_t top) noexcept {
    return static_cast<std::int32_t>(s.bottom - static_cast<std::uint32_t>(top));
  }

  atomic<void*>& entry(std::uint32_t index) noexcept { return entries_[index % size]; }

  atomic<std::uint64_t> state_{0};  // written by the owner
  atomic<std::uint64_t> top_{0};    // the next to steal; only goes up
  atomic<void*> entries_[size] = {};
};

}  // namespace switchyard::lockfree::detail
