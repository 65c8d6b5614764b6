#include "switchyard/lockfree/detail/spare_memory.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <set>
#include <thread>
#include <vector>

namespace switchyard::lockfree::detail {
namespace {

TEST(spare_memory, WhatWasGivenIsTakenNext) {
  std::thread([] {
    void* const first = spare_memory::take(40);
    void* const second = spare_memory::take(40);
    ASSERT_NE(first, second);
    spare_memory::give(first, 40);
    spare_memory::give(second, 40);
    // A multiple of 16 is what sizes are alike in.
    void* const third = spare_memory::take(48);
    void* const other = spare_memory::take(49);
    if (spare_memory::is_kept) {
      EXPECT_EQ(third, second);
      EXPECT_NE(other, first);
    }
    spare_memory::give(third, 48);
    spare_memory::give(other, 49);
  }).join();
}

TEST(spare_memory, IsAlignedAndOnesOwn) {
  for (const std::size_t size : {8u, 16u, 17u, 255u, 256u, 257u, 4000u}) {
    std::vector<void*> all;
    std::set<void*> different;
    for (int round = 0; round < 2; ++round) {
      for (int i = 0; i < 100; ++i) {
        all.push_back(spare_memory::take(size));
        std::memset(all.back(), i, size);
        EXPECT_EQ(reinterpret_cast<std::uintptr_t>(all.back()) % __STDCPP_DEFAULT_NEW_ALIGNMENT__, 0u);
        different.insert(all.back());
      }
      EXPECT_EQ(different.size(), all.size()) << size;
      for (void* each : all) spare_memory::give(each, size);
      all.clear();
      different.clear();
    }
  }
}

TEST(spare_memory, MoreThanAreKept) {
  std::vector<void*> all(5000);
  std::thread([&] {
    for (void*& each : all) each = spare_memory::take(64);
  }).join();
  std::thread([&] {
    for (void* each : all) spare_memory::give(each, 64);
  }).join();
}

// Destroyed after the thread's spare memory has gone.
struct gives_late {
  ~gives_late() {
    for (void* each : pieces) spare_memory::give(each, 64);
    spare_memory::give(spare_memory::take(64), 64);
  }
  std::vector<void*> pieces;
};

TEST(spare_memory, GivenWhileTheThreadEnds) {
  std::thread([] {
    static thread_local gives_late late;
    for (int i = 0; i < 10; ++i) late.pieces.push_back(spare_memory::take(64));
    spare_memory::give(spare_memory::take(64), 64);
  }).join();
}

}  // namespace
}  // namespace switchyard::lockfree::detail
