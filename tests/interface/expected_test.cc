// interface/expected.h: the part of std::expected that this project uses, whichever library it comes from.
#include "switchyard/interface/expected.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <type_traits>
#include <utility>

#include "switchyard/interface/conqueue_status.h"

namespace switchyard {
namespace {

using result = expected<std::string, conqueue_status>;

TEST(expected, HoldsAValue) {
  result r = "text";
  ASSERT_TRUE(r.has_value());
  EXPECT_TRUE(static_cast<bool>(r));
  EXPECT_EQ(*r, "text");
  EXPECT_EQ(r.value(), "text");
  EXPECT_EQ(r->size(), 4U);
  EXPECT_EQ(r.value_or("other"), "text");
  *r += "s";
  EXPECT_EQ(*std::move(r), "texts");
}

TEST(expected, HoldsAnError) {
  const result r = unexpected(conqueue_status::empty);
  ASSERT_FALSE(r.has_value());
  EXPECT_FALSE(static_cast<bool>(r));
  EXPECT_EQ(r.error(), conqueue_status::empty);
  EXPECT_EQ(r.value_or("other"), "other");
  EXPECT_ANY_THROW(static_cast<void>(r.value()));
}

TEST(expected, ChangesBetweenTheTwo) {
  result r = unexpected(conqueue_status::closed);
  r = result("now a value");
  EXPECT_EQ(r, result("now a value"));
  r = unexpected(conqueue_status::empty);
  EXPECT_EQ(r, result(unexpected(conqueue_status::empty)));
  EXPECT_NE(r, result(unexpected(conqueue_status::closed)));
  EXPECT_NE(r, result("now a value"));
}

TEST(expected, MovesWhatCannotBeCopied) {
  using pointer = std::unique_ptr<int>;
  expected<pointer, conqueue_status> from = std::make_unique<int>(5);
  expected<pointer, conqueue_status> to = std::move(from);
  ASSERT_TRUE(to.has_value());
  EXPECT_EQ(**to, 5);
  EXPECT_TRUE(from.has_value());
  EXPECT_EQ(*from, nullptr);
  static_assert(!std::is_copy_constructible_v<expected<pointer, conqueue_status>>);
}

TEST(expected, TakesTypesWithoutDefaultConstructor) {
  struct plain {
    explicit plain(int n) : number(n) {}
    int number;
  };
  const expected<plain, conqueue_status> r = plain(3);
  EXPECT_EQ(r->number, 3);
}

}  // namespace
}  // namespace switchyard
