// The free blocks of a pool: a cache for each thread, and a common store of batches behind them.
//
// Source: the magazines of Bonwick and Adams (USENIX 2001), on Treiber's stack (IBM RJ 5118, 1986); the caches, which
//   others can steal from, are `block_cache`.
// When: blocks that all are of one size, and a number of them that is known. It only hands their addresses round.
// Progress: get and put are lock-free.
// Ordering: what happened before a block was put happens before what follows when it is got.
// Cost: 2 to 3 ns for what the cache of the thread can do; every `batch` times two double-word compare-and-swaps; a
//   microsecond to steal, once there is nothing in common. 1 KB for each of the largest number of threads at once.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <utility>

#include "switchyard/atomics/atomic.h"
#include "switchyard/atomics/cache_padded.h"
#include "switchyard/atomics/plain.h"
#include "switchyard/lockfree/detail/block_cache.h"
#include "switchyard/lockfree/detail/counted_stack.h"
#include "switchyard/lockfree/detail/slots.h"
#include "switchyard/threads/per_thread.h"

namespace switchyard::lockfree::detail {

/// Some free blocks on their way from thread to thread. Who has taken it from a stack has it alone.
struct alignas(line_size) magazine {
#ifdef SWITCHYARD_MODEL
  static constexpr std::uint32_t size = 1;
#else
  static constexpr std::uint32_t size = 30;  // so that it fills four lines
#endif

  struct contents {
    std::uint32_t count;
    void* blocks[size];
  };

  magazine() noexcept { in.construct().count = 0; }

  // The one under it in its stack.
  atomic<magazine*> below{nullptr};  // may be read by who is about to find that it has gone
  plain<contents> in;
};

using magazine_stack = counted_stack<magazine, &magazine::below>;

/// `Allocator` is what the magazines come from.
template <class Allocator>
class free_blocks {
 public:
  /// All of the `count` blocks of `stride` bytes each from `first` on are free.
  free_blocks(std::byte* first, std::size_t stride, std::size_t count, const Allocator& allocator)
      : first_(first),
        stride_(stride),
        batch_(static_cast<std::uint32_t>(std::clamp<std::size_t>(count / 16, 1, magazine::size))),
        magazines_((count - 1) / batch_ + 1, allocator),
        strays_((count - 1) / 64 + 1, allocator) {
    // The lowest addresses on top.
    in_common_.store(count, memory_order_relaxed);
    for (std::size_t end = count; end != 0;) {
      const std::size_t begin = (end - 1) / batch_ * batch_;
      magazine& m = magazines_[begin / batch_];
      magazine::contents& in = m.in.write();
      while (end != begin) in.blocks[in.count++] = first_ + --end * stride_;
      full_->push(&m);
    }
  }

  /// A free block. nullptr: at one moment during the call there was none, apart from those that calls under way were
  /// just getting, putting or moving, up to a batch each.
  void* get() {
    cell* const mine = own_cell();
    if (mine != nullptr) {
      if (void* const block = mine->cache.pop()) [[likely]] return block;
    }
    return get_elsewhere(mine);
  }

  void put(void* block) noexcept {
    cell* const mine = own_cell();
    if (mine != nullptr && mine->cache.push(block, 2 * batch_)) [[likely]] return;
    put_elsewhere(mine, block);
  }

  /// What put does with a block that there is no other room for, nor memory to make some: it sets a bit.
  void put_stray(void* block) noexcept {
    const std::size_t index = static_cast<std::size_t>(static_cast<std::byte*>(block) - first_) / stride_;
    strays_[index / 64].fetch_or(std::uint64_t{1} << index % 64, memory_order_release);  // (1) with (2)
    stray_puts_.fetch_add(1, memory_order_release);                                       // (3) with (4)
    in_common_.fetch_add(1, memory_order_relaxed);
  }

  /// How many are free. Exact where operations have not overlapped.
  std::size_t free_approx() const noexcept {
    auto n = static_cast<std::int64_t>(in_common_.load(memory_order_relaxed));
    cells_.for_each([&](const cell& each) { n += each.cache.size_approx(); });
    return n > 0 ? static_cast<std::size_t>(n) : 0;
  }

 private:
  struct cell {
    block_cache cache;
    magazine own;
    magazine* spare = &own;  // an empty one, or nullptr
  };

  // nullptr: there is no memory for one.
  cell* own_cell() noexcept {
    try {
      return &cells_.local();
    } catch (const std::bad_alloc&) {
      return nullptr;
    }
  }

  [[gnu::noinline]] void* get_elsewhere(cell* mine) {
    for (;;) {
      // What is looked at one after the other was empty all at once, if in the meantime nothing was put anywhere.
      // If something was, then somebody's put has come to its end.
      const std::uint64_t before = puts();
      if (void* const block = get_common(mine)) return block;
      if (void* const block = get_stray()) return block;
      if (void* const block = steal()) return block;
      if (puts() == before) return nullptr;
    }
  }

  // One block out of a magazine, the others into the thread's cache.
  void* get_common(cell* mine) noexcept {
    magazine* const m = full_->pop();
    if (m == nullptr) return nullptr;
    magazine::contents& in = m->in.write();
    in_common_.fetch_sub(mine == nullptr ? 1 : in.count, memory_order_relaxed);
    void* const block = in.blocks[--in.count];
    if (mine == nullptr) {
      (in.count == 0 ? empty_ : full_)->push(m);
      return block;
    }
    for (std::uint32_t i = 0; i < in.count; ++i) mine->cache.push(in.blocks[i], block_cache::size);
    in.count = 0;
    if (mine->spare == nullptr) {
      mine->spare = m;
    } else {
      empty_->push(m);
    }
    return block;
  }

  // A full cache gives a batch away. There are as many magazines as full ones take, and one for each thread; so it
  // takes threads that have stopped with one in their hands for there to be none.
  [[gnu::noinline]] void put_elsewhere(cell* mine, void* block) noexcept {
    magazine* const m = mine == nullptr || mine->spare == nullptr ? empty_->pop() : std::exchange(mine->spare, nullptr);
    if (m == nullptr) return put_stray(block);
    magazine::contents& in = m->in.write();
    do {
      in.blocks[in.count++] = block;
    } while (mine != nullptr && in.count < batch_ && (block = mine->cache.pop()) != nullptr);
    in_common_.fetch_add(in.count, memory_order_relaxed);
    full_->push(m);
  }

  void* get_stray() noexcept {
    if (stray_puts_.load(memory_order_relaxed) == 0) return nullptr;  // as in get_elsewhere, or it will see more
    for (std::size_t i = 0; i < strays_.size(); ++i) {
      std::uint64_t bits = strays_[i].load(memory_order_acquire);  // (2) with (1)
      while (bits != 0) {
        const std::uint64_t bit = bits & -bits;
        bits = strays_[i].fetch_and(~bit, memory_order_acq_rel);  // (2) with (1); (1) with (2)
        if ((bits & bit) != 0) {
          in_common_.fetch_sub(1, memory_order_relaxed);
          return first_ + (i * 64 + static_cast<std::size_t>(__builtin_ctzll(bit))) * stride_;
        }
      }
    }
    return nullptr;
  }

  void* steal() noexcept {
    void* block = nullptr;
    cells_.for_each([&](const cell& each) {
      if (block == nullptr) block = const_cast<cell&>(each).cache.steal();
    });
    return block;
  }

  // How often blocks have been put somewhere.
  std::uint64_t puts() const noexcept {
    std::uint64_t sum = full_->pushes() + stray_puts_.load(memory_order_acquire);  // (4) with (3)
    cells_.for_each([&](const cell& each) { sum += each.cache.puts(); });
    return sum;
  }

  std::byte* const first_;
  const std::size_t stride_;
  const std::uint32_t batch_;  // how many blocks go to or from the common store together
  slots<magazine, Allocator> magazines_;
  slots<atomic<std::uint64_t>, Allocator> strays_;

  cache_padded<magazine_stack> full_;  // or partly so
  cache_padded<magazine_stack> empty_;
  atomic<std::uint64_t> in_common_{0};  // blocks, for who asks
  atomic<std::uint64_t> stray_puts_{0};
  per_thread<cell> cells_;
};

}  // namespace switchyard::lockfree::detail
