// interface/conqueue_status.h.
#include "switchyard/interface/conqueue_status.h"

#include <gtest/gtest.h>

namespace switchyard {
namespace {

TEST(conqueue_status, HasItsEnumeratorsNames) {
  EXPECT_EQ(to_string(conqueue_status::success), "success");
  EXPECT_EQ(to_string(conqueue_status::empty), "empty");
  EXPECT_EQ(to_string(conqueue_status::full), "full");
  EXPECT_EQ(to_string(conqueue_status::closed), "closed");
  EXPECT_EQ(to_string(conqueue_status::busy), "busy");
  EXPECT_EQ(to_string(conqueue_status::busy_async), "busy_async");
}

TEST(conqueue_status, NamesWhatIsNoneOfThem) {
  EXPECT_EQ(to_string(static_cast<conqueue_status>(77)), "unknown");
}

// The order is P0260's, and success is what a zeroed status means.
static_assert(static_cast<int>(conqueue_status::success) == 0);
static_assert(static_cast<int>(conqueue_status::busy_async) == 5);
static_assert(to_string(conqueue_status::full) == "full");
static_assert(noexcept(to_string(conqueue_status::full)));

}  // namespace
}  // namespace switchyard
