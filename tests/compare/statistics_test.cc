#include "switchyard/benchmarks/compare/statistics.h"

#include <cstdint>
#include <memory>
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

TEST(Summary, RanksByTheMedianAndNotByTheBestRun) {
  const std::vector<summary> lines = summarize({
      {"one good run", progress::lock_free, {run(1, 100), run(1, 110), run(1, 900)}, ""},
      {"steady", progress::lock_free, {run(1, 200), run(1, 200), run(1, 200)}, ""},
  });
  EXPECT_EQ(lines[0].name, "steady");
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

TEST(Summary, HasIntervalsOfFiveRunsAndMore) {
  const std::vector<sample> five = {run(1, 800), run(1, 900), run(1, 1000), run(1, 1100), run(1, 1200)};
  const std::vector<sample> slow = {run(1, 400), run(1, 500), run(1, 500), run(1, 500), run(1, 600)};
  const std::vector<summary> lines = summarize({
      {"fast", progress::lock_free, five, ""},
      {"blocking", progress::blocking, slow, ""},
      {"few", progress::blocking, {run(1, 10), run(1, 11), run(1, 12), run(1, 13)}, ""},
  });
  EXPECT_EQ(lines[0].rate_interval, median_interval({800, 900, 1000, 1100, 1200}));
  EXPECT_THAT(lines[0].rate_interval, Optional(interval{800, 1200}));
  EXPECT_EQ(lines[0].against_blocking_interval,
            median_ratio_interval({800, 900, 1000, 1100, 1200}, {400, 500, 500, 500, 600}));
  EXPECT_THAT(lines[1].against_blocking_interval, Optional(interval{1, 1}));
  EXPECT_EQ(lines[2].rate_interval, std::nullopt);
  EXPECT_EQ(lines[2].against_blocking_interval, std::nullopt);
  EXPECT_EQ(lines[0].rates, (std::vector<double>{800, 900, 1000, 1100, 1200}));
}

TEST(Summary, TakesEachPointOfASweepByItself) {
  const std::vector<summary> lines = summarize({
      {"blocking", progress::blocking, {run(1, 100)}, "", 1},
      {"blocking", progress::blocking, {run(1, 400)}, "", 2},
      {"lockfree", progress::lock_free, {run(1, 150)}, "", 1},
      {"lockfree", progress::lock_free, {run(1, 200)}, "", 2},
  });
  ASSERT_EQ(lines.size(), 4u);
  EXPECT_EQ(lines[0].name, "lockfree");
  EXPECT_EQ(lines[0].point, 1u);
  EXPECT_THAT(lines[0].against_blocking, Optional(DoubleEq(1.5)));
  EXPECT_EQ(lines[1].name, "blocking");
  EXPECT_EQ(lines[1].point, 1u);
  EXPECT_EQ(lines[2].name, "blocking");
  EXPECT_EQ(lines[2].point, 2u);
  EXPECT_THAT(lines[3].against_blocking, Optional(DoubleEq(0.5)));
}

TEST(Summary, AddsUpTheLatencyOfAllRuns) {
  sample first = run(1, 100);
  sample second = run(1, 100);
  latency_histogram taken;
  for (std::uint64_t ns = 1; ns <= 100; ++ns) taken.record(ns);
  first.latency = std::make_shared<latency_histogram>(taken);
  taken.record(200);
  taken.record(201);
  second.latency = std::make_shared<latency_histogram>(taken);
  const std::vector<summary> lines =
      summarize({{"measured", progress::blocking, {first, second, run(1, 100)}, ""}, {"not", progress::blocking, {run(1, 9)}, ""}});
  ASSERT_NE(lines[0].latency, nullptr);
  EXPECT_EQ(lines[0].latency->count(), 202u);
  EXPECT_EQ(lines[0].latency->max(), 201u);
  EXPECT_THAT(lines[0].tails, testing::ElementsAre(99, 200));
  EXPECT_EQ(lines[1].latency, nullptr);
  EXPECT_THAT(lines[1].tails, IsEmpty());
}

TEST(Summary, OfLatencyBeginsWithTheShortestTail) {
  const auto late = [](std::uint64_t items, std::uint64_t ns) {
    sample one = run(1, items);
    latency_histogram taken;
    taken.record(ns);
    one.latency = std::make_shared<latency_histogram>(taken);
    return one;
  };
  const std::vector<summary> lines = summarize({
      {"late", progress::blocking, {late(110, 90)}, ""},
      {"wrong", progress::blocking, {late(200, 1)}, "lines 1 instead of 2"},
      {"failed at once", progress::blocking, {}, "failed: no memory"},
      {"early", progress::blocking, {late(100, 30)}, ""},
      {"between", progress::lock_free, {late(120, 60)}, ""},
  });
  ASSERT_EQ(lines.size(), 5u);
  EXPECT_EQ(lines[0].name, "early");
  EXPECT_EQ(lines[1].name, "between");
  EXPECT_EQ(lines[2].name, "late");
  EXPECT_EQ(lines[3].name, "wrong");
  EXPECT_THAT(lines[2].against_blocking, Optional(DoubleEq(1))) << "the fastest of the blocking ones";
}

TEST(Summary, KnowsHowMuchOfTheRateWasKept) {
  sample slow = run(1, 100);
  slow.rate_kept = 0.5;
  sample slower = run(1, 100);
  slower.rate_kept = 0.25;
  const std::vector<summary> lines =
      summarize({{"a", progress::blocking, {slower, slow, slow}, ""}, {"b", progress::blocking, {run(1, 10)}, ""}});
  EXPECT_THAT(lines[0].rate_kept, Optional(0.5));
  EXPECT_EQ(lines[1].rate_kept, std::nullopt);
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
