#include "switchyard/benchmarks/compare/statistics.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace switchyard::compare {
namespace {

using adapters::progress;
using testing::DoubleEq;
using testing::IsEmpty;
using testing::Optional;

TEST(Median, IsTheMiddle) {
  EXPECT_EQ(median({}), 0);
  EXPECT_EQ(median({7}), 7);
  EXPECT_EQ(median({9, 1, 5}), 5);
  EXPECT_EQ(median({4, 1, 3, 2}), 2.5);
  EXPECT_EQ(median({1, 1, 1, 100}), 1);
}

TEST(Spread, HasMedianAndEnds) {
  const spread all = spread_of({3, 9, 1, 4, 8});
  EXPECT_EQ(all.median, 4);
  EXPECT_EQ(all.min, 1);
  EXPECT_EQ(all.max, 9);
  EXPECT_EQ(spread_of({}).max, 0);
}

sample run(double seconds, std::uint64_t items) {
  sample made;
  made.items = items;
  made.passes = 1;
  made.use.seconds = seconds;
  made.use.resources = {2 * seconds, 50, 20};
  made.use.peak_memory = static_cast<std::int64_t>(seconds * 1000);
  return made;
}

TEST(Figures, ArePerItem) {
  const sample one = run(2, 1000);
  EXPECT_DOUBLE_EQ(items_per_second(one), 500);
  EXPECT_DOUBLE_EQ(seconds_per_item(one), 0.002);
  EXPECT_DOUBLE_EQ(cpu_seconds_per_item(one), 0.004);
  // Nothing was done: no division by zero.
  for (const sample& none : {run(0, 0), run(2, 0)}) {
    EXPECT_EQ(items_per_second(none), 0);
    EXPECT_EQ(seconds_per_item(none), 0);
    EXPECT_EQ(cpu_seconds_per_item(none), 0);
  }
}

TEST(Summary, RanksAndComparesWithTheBestBlockingOne) {
  const std::vector<summary> lines = summarize({
      {"slow.blocking", progress::blocking, {run(1, 100), run(1, 300), run(1, 200)}, ""},
      {"fast.lockfree", progress::lock_free, {run(1, 900), run(2, 1600), run(1, 1000)}, ""},
      {"best.blocking", progress::blocking, {run(1, 400)}, ""},
  });
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_EQ(lines[0].name, "fast.lockfree");
  EXPECT_EQ(lines[1].name, "best.blocking");
  EXPECT_EQ(lines[2].name, "slow.blocking");
  EXPECT_EQ(lines[0].runs, 3u);
  EXPECT_DOUBLE_EQ(lines[0].items_per_second.median, 900);
  EXPECT_DOUBLE_EQ(lines[0].items_per_second.min, 800);
  EXPECT_DOUBLE_EQ(lines[0].items_per_second.max, 1000);
  EXPECT_THAT(lines[0].against_blocking, Optional(DoubleEq(2.25)));
  EXPECT_THAT(lines[1].against_blocking, Optional(DoubleEq(1)));
  EXPECT_THAT(lines[2].against_blocking, Optional(DoubleEq(0.5)));
  EXPECT_THAT(lines[0].peak_memory, Optional(2000));
  EXPECT_DOUBLE_EQ(lines[1].cpu_ns_per_item, 2e9 / 400);
  EXPECT_DOUBLE_EQ(lines[1].voluntary_per_1000_items, 125);
  EXPECT_DOUBLE_EQ(lines[1].involuntary_per_1000_items, 50);
}

TEST(Summary, PutsWrongOnesLastAndLeavesUnknownOnesOut) {
  const std::vector<summary> lines = summarize({
      {"wrong", progress::blocking, {run(1, 5000)}, "words 1 instead of 2"},
      {"not run", progress::lock_free, {}, ""},
      {"right", progress::blocking, {run(1, 100)}, ""},
      {"wrong at once", progress::blocking, {}, "failed: no memory"},
  });
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_EQ(lines[0].name, "right");
  EXPECT_THAT(lines[0].against_blocking, Optional(DoubleEq(1))) << "a wrong one sets no standard";
  EXPECT_EQ(lines[1].name, "wrong");
  EXPECT_EQ(lines[1].wrong, "words 1 instead of 2");
  EXPECT_EQ(lines[1].against_blocking, std::nullopt);
}

TEST(Summary, HasNoRatioWithoutABlockingOne) {
  EXPECT_EQ(summarize({{"a", progress::lock_free, {run(1, 100)}, ""}})[0].against_blocking, std::nullopt);
  // An empty input: nobody did anything.
  EXPECT_EQ(summarize({{"a", progress::blocking, {run(0, 0)}, ""}})[0].against_blocking, std::nullopt);
  EXPECT_THAT(summarize({}), IsEmpty());
}

TEST(Summary, TellsHowManyAreUnsteady) {
  EXPECT_EQ(unsteady(summarize({
                {"steady", progress::blocking, {run(1, 100), run(1, 200)}, ""},
                {"unsteady", progress::blocking, {run(1, 100), run(1, 150), run(1, 201)}, ""},
                {"one run", progress::blocking, {run(1, 100)}, ""},
                {"wrong at once", progress::blocking, {}, "failed"},
            })),
            1u);
}

TEST(Summary, KnowsNoPeakWhereNoneWasMeasured) {
  sample unknown = run(1, 100);
  unknown.use.peak_memory.reset();
  EXPECT_EQ(summarize({{"a", progress::blocking, {unknown}, ""}})[0].peak_memory, std::nullopt);
}

}  // namespace
}  // namespace switchyard::compare
