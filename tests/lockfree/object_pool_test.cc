// What only lockfree::object_pool and its parts do; the rest is in the conformance suite.
#include "switchyard/lockfree/object_pool.h"

#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <latch>
#include <limits>
#include <set>
#include <thread>
#include <vector>

#include "switchyard/atomics/asymmetric_fence.h"
#include "switchyard/atomics/atomic.h"
#include "switchyard/lockfree/detail/block_cache.h"
#include "switchyard/lockfree/detail/free_blocks.h"

namespace switchyard::lockfree {
namespace {

using detail::block_cache;
using detail::free_blocks;

// The counts wrap after 2^32 blocks.
TEST(block_cache, TakesTheNewestAndStealsTheOldestAcrossTheWrap) {
  std::array<char, block_cache::size> blocks{};
  for (const std::uint32_t start : {0u, std::numeric_limits<std::uint32_t>::max() - 40, 0x7FFFFFE0u}) {
    block_cache cache(start);
    EXPECT_EQ(cache.pop(), nullptr);
    EXPECT_EQ(cache.steal(), nullptr);
    for (int lap = 0; lap < 3; ++lap) {
      for (char& block : blocks) EXPECT_TRUE(cache.push(&block, block_cache::size));
      EXPECT_FALSE(cache.push(&blocks[0], block_cache::size));
      EXPECT_EQ(cache.size_approx(), block_cache::size);
      for (std::size_t i = 0; i < blocks.size() / 2; ++i) {
        EXPECT_EQ(cache.steal(), &blocks[i]);
        EXPECT_EQ(cache.pop(), &blocks[blocks.size() - 1 - i]);
      }
      EXPECT_EQ(cache.pop(), nullptr);
      EXPECT_EQ(cache.steal(), nullptr);
      EXPECT_EQ(cache.size_approx(), 0u);
    }
  }
}

TEST(block_cache, KeepsToItsLimit) {
  block_cache cache;
  char block;
  EXPECT_FALSE(cache.push(&block, 0));
  EXPECT_TRUE(cache.push(&block, 1));
  EXPECT_FALSE(cache.push(&block, 1));
  EXPECT_EQ(cache.pop(), &block);
}

// The owner takes and adds all the time, others steal: nobody has what another has. Also where both fences are full.
TEST(block_cache, EveryBlockHasOneOwner) {
  for (const bool asymmetric : {true, false}) {
    switchyard::detail::use_membarrier(asymmetric);
    struct block {
      atomic<bool> is_out{false};
    };
    std::array<block, 8> blocks;
    block_cache cache;
    atomic<bool> over{false};
    const auto use = [](void* taken) {
      EXPECT_FALSE(static_cast<block*>(taken)->is_out.exchange(true, memory_order_relaxed)) << "taken twice";
    };
    for (block& each : blocks) ASSERT_TRUE(cache.push(&each, block_cache::size));
    std::vector<std::thread> thieves;
    std::array<atomic<void*>, 2> stolen{};  // on its way back to the owner
    for (atomic<void*>& mine : stolen) {
      thieves.emplace_back([&] {
        while (!over.load(memory_order_relaxed)) {
          if (mine.load(memory_order_relaxed) != nullptr) {
            yield();
          } else if (void* const taken = cache.steal()) {
            use(taken);
            mine.store(taken, memory_order_release);
          }
        }
      });
    }
    const auto put = [&](void* taken) {
      static_cast<block*>(taken)->is_out.store(false, memory_order_relaxed);
      ASSERT_TRUE(cache.push(taken, block_cache::size));
    };
    for (int i = 0; i < 100'000; ++i) {
      void* const first = cache.pop();
      void* const second = cache.pop();
      if (first != nullptr) use(first);
      if (second != nullptr) use(second);
      if (first != nullptr) put(first);
      if (second != nullptr) put(second);
      for (atomic<void*>& one : stolen) {
        if (void* const back = one.load(memory_order_acquire)) {
          one.store(nullptr, memory_order_relaxed);
          put(back);
        }
      }
    }
    over.store(true, memory_order_relaxed);
    for (auto& thief : thieves) thief.join();
    for (atomic<void*>& one : stolen) {
      if (void* const back = one.load(memory_order_relaxed)) put(back);
    }
    EXPECT_EQ(cache.size_approx(), blocks.size());
  }
  switchyard::detail::use_membarrier(true);
}

TEST(free_blocks, StraysAreFree) {
  std::vector<std::byte> memory(16 * 200);
  free_blocks<std::allocator<int>> free(memory.data(), 16, 200, {});
  std::set<void*> all;
  while (void* const block = free.get()) all.insert(block);
  EXPECT_EQ(all.size(), 200u);
  for (void* const block : all) free.put_stray(block);
  EXPECT_EQ(free.free_approx(), 200u);
  std::set<void*> again;
  while (void* const block = free.get()) again.insert(block);
  EXPECT_EQ(again, all);
}

// What a thread that sleeps has cached is taken one by one, and it goes on with what is left.
TEST(object_pool, IsSharedWithThreadsThatSleep) {
  object_pool<std::uint64_t> pool(1000);
  std::latch cached(1);
  std::latch taken(1);
  std::thread sleeper([&] {
    std::vector<std::uint64_t*> mine;
    for (int i = 0; i < 40; ++i) mine.push_back(pool.construct(1u));
    for (auto* const object : mine) pool.destroy(object);
    cached.count_down();
    taken.wait();
    EXPECT_EQ(pool.try_construct(), nullptr);
  });
  cached.wait();
  std::vector<std::uint64_t*> all;
  while (auto* const object = pool.try_construct(2u)) all.push_back(object);
  EXPECT_EQ(all.size(), 1000u);
  taken.count_down();
  sleeper.join();
  for (auto* const object : all) pool.destroy(object);
}

// Objects that fill cache lines share none.
TEST(object_pool, AlignsWhatFillsLines) {
  struct line {
    char bytes[64];
  };
  object_pool<line> pool(3);
  for (int i = 0; i < 3; ++i) {
    void* const place = pool.try_allocate();
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(place) % 64, 0u);
    pool.deallocate(place);
  }
}

}  // namespace
}  // namespace switchyard::lockfree
