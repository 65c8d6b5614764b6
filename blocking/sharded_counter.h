// A counter in several parts, each under a lock of its own, so that threads that add do not meet.
//
// Source: the striped counter of Java's LongAdder, with locks.
//
// When to use it: when many threads add all the time and few read. Where reading is as frequent, or memory is
// short, `counter`. `lockfree::sharded_counter` has the same members.
//
// Progress: blocking: a thread that stops inside `add` makes the others use other parts, but stops `load` and
//   `exchange`.
// Ordering: linearizable: `load` and `exchange` hold all the locks at once.
// Cost: `add` is one lock and unlock, of a lock that usually no other thread uses. `load` and `exchange` are
//   one for each part. 128 bytes for each part; there are as many parts as processors, up to 32.
//
//   switchyard::blocking::sharded_counter words;
//   words.add(12);                            // any thread
//   std::int64_t so_far = words.exchange(0);  // any thread: reads and starts again, losing nothing
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "switchyard/atomics/atomic.h"
#include "switchyard/atomics/cache_padded.h"
#include "switchyard/blocking/mutex.h"

namespace switchyard::blocking {

namespace detail {

/// Which part of a sharded counter the calling thread uses, before it is cut to the number of parts. Threads
/// begin side by side; a thread that meets another moves on by itself.
inline std::size_t& preferred_shard() noexcept {
  static constinit atomic<std::size_t> next{0};
  // Relaxed: only the numbers matter.
  thread_local std::size_t mine = next.fetch_add(1, memory_order_relaxed);
  return mine;
}

}  // namespace detail

/// Models `concurrent_counter`: 64 bits with a sign, which wrap on overflow. Any number of threads may call
/// any member. `Lock` is any type with lock(), try_lock() and unlock(); nothing but the constructor throws
/// unless that does.
template <class Lock = mutex, class Allocator = std::allocator<std::int64_t>>
class basic_sharded_counter {
 public:
  /// Throws what the allocator throws.
  explicit basic_sharded_counter(std::int64_t initial = 0, const Allocator& allocator = Allocator())
      : shards_(shard_count(), allocator) {
    shards_[0]->value = static_cast<std::uint64_t>(initial);
  }
  basic_sharded_counter(const basic_sharded_counter&) = delete;
  basic_sharded_counter& operator=(const basic_sharded_counter&) = delete;

  /// Adds `n`, which may be negative.
  void add(std::int64_t n) {
    std::size_t& preferred = detail::preferred_shard();
    std::unique_lock hold(at(preferred).lock, std::try_to_lock);
    if (!hold) hold = std::unique_lock(at(++preferred).lock);
    at(preferred).value += static_cast<std::uint64_t>(n);
  }

  /// Adds 1.
  void increment() { add(1); }

  /// The sum of everything added so far.
  std::int64_t load() const {
    const all_locks held = lock_all();
    return static_cast<std::int64_t>(sum());
  }

  /// Sets the counter to `n` and returns what it was, in one step.
  std::int64_t exchange(std::int64_t n) {
    const all_locks held = lock_all();
    const std::uint64_t was = sum();
    for (auto& part : shards_) part->value = 0;
    shards_[0]->value = static_cast<std::uint64_t>(n);
    return static_cast<std::int64_t>(was);
  }

 private:
  // Above this the time that `load` takes would matter more than the rare meeting of two threads.
  static constexpr std::size_t max_shards = 32;

  // The counter is the sum of its shards, whichever of them holds what; without a sign, so that it may wrap.
  struct shard {
    mutable Lock lock;
    std::uint64_t value = 0;
  };
  using padded_shard = cache_padded<shard>;
  using shard_allocator = typename std::allocator_traits<Allocator>::template rebind_alloc<padded_shard>;
  using shard_list = std::vector<padded_shard, shard_allocator>;

  // All threads take the locks in the same order, so none waits for another in a circle.
  using all_locks = std::array<std::unique_lock<Lock>, max_shards>;
  all_locks lock_all() const {
    all_locks held;
    for (std::size_t i = 0; i < shards_.size(); ++i) held[i] = std::unique_lock(shards_[i]->lock);
    return held;
  }

  // A power of two, so that `at` needs no division.
  static std::size_t shard_count() {
    return std::min<std::size_t>(max_shards,
                                 std::bit_ceil(std::max(1U, std::thread::hardware_concurrency())));
  }

  shard& at(std::size_t index) noexcept { return *shards_[index & (shards_.size() - 1)]; }

  std::uint64_t sum() const {
    std::uint64_t total = 0;
    for (const auto& part : shards_) total += part->value;
    return total;
  }

  shard_list shards_;
};

/// The one to use.
using sharded_counter = basic_sharded_counter<>;

}  // namespace switchyard::blocking
