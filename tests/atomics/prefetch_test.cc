#include "switchyard/atomics/prefetch.h"

#include <gtest/gtest.h>

#include <cstdint>

namespace switchyard {
namespace {

TEST(Prefetch, ChangesNothingAndFaultsNowhere) {
  int mine = 5;
  prefetch_for_write(&mine);
  EXPECT_EQ(mine, 5);
  static const int constant = 6;
  prefetch_for_write(&constant);
  EXPECT_EQ(constant, 6);
  prefetch_for_write(nullptr);
  for (std::uintptr_t address = 1; address != 0; address <<= 1) {
    prefetch_for_write(reinterpret_cast<const void*>(address));
  }
}

}  // namespace
}  // namespace switchyard
