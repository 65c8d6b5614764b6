// Near, far and neither; and the arithmetic of the tables, on samples made up.
#include "switchyard/benchmarks/comparison_table.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>

#include "switchyard/benchmarks/distance.h"

namespace switchyard {
namespace {

TEST(Distance, IsWhatBothProbesSay) {
  EXPECT_EQ(classify(110, 120), distance::near);
  EXPECT_EQ(classify(490, 480), distance::far);
  EXPECT_EQ(classify(249.9, 1), distance::near);
  EXPECT_EQ(classify(250, 1500), distance::far);
}

TEST(Distance, IsUnclearIfTheProbesDiffer) {
  EXPECT_EQ(classify(110, 490), distance::unclear);
  EXPECT_EQ(classify(490, 110), distance::unclear);
}

TEST(Distance, IsUnclearIfThreadsTookTurns) {
  EXPECT_EQ(classify(1501, 1501), distance::unclear);
  EXPECT_EQ(classify(110, 6000), distance::unclear);
  EXPECT_EQ(classify(0, 0), distance::unclear);
}

TEST(Distance, ProbeFindsSomeTime) {
  const round_trip_time measured = cache_line_round_trip(std::chrono::microseconds(100));
  EXPECT_GT(measured.fastest, 0);
  EXPECT_GE(measured.median, measured.fastest);
}

class ComparisonTable : public testing::Test {
 protected:
  std::size_t declare(const char* group, const char* name, const char* shape, part role, unit in = {}) {
    return table.declare({group, name, shape, role, in});
  }
  std::string details() const {
    std::ostringstream out;
    table.print_details(out);
    return out.str();
  }
  std::string ratios() const {
    std::ostringstream out;
    table.print_ratios(out);
    return out.str();
  }
  comparison_table table;
};

TEST_F(ComparisonTable, MedianMinMax) {
  const auto row = declare("bounded", "ours", "try/1P1C", part::ours);
  EXPECT_FALSE(table.summary(row, distance::near));
  for (const double rate : {5e6, 1e6, 3e6}) table.add(row, distance::near, rate);
  const auto odd = table.summary(row, distance::near);
  ASSERT_TRUE(odd);
  EXPECT_EQ(odd->count, 3U);
  EXPECT_DOUBLE_EQ(odd->median, 3e6);
  EXPECT_DOUBLE_EQ(odd->min, 1e6);
  EXPECT_DOUBLE_EQ(odd->max, 5e6);
  EXPECT_FALSE(odd->ratio);  // nobody to compare with
  table.add(row, distance::near, 4e6);
  EXPECT_DOUBLE_EQ(table.summary(row, distance::near)->median, 3.5e6);
}

TEST_F(ComparisonTable, NearAndFarAreKeptApartAndUnclearIsDropped) {
  const auto row = declare("bounded", "ours", "try/1P1C", part::ours);
  table.add(row, distance::near, 100);
  table.add(row, distance::far, 10);
  table.add(row, distance::unclear, 1);
  EXPECT_DOUBLE_EQ(table.summary(row, distance::near)->median, 100);
  EXPECT_DOUBLE_EQ(table.summary(row, distance::far)->median, 10);
  EXPECT_FALSE(table.summary(row, distance::alone));
  EXPECT_EQ(table.dropped(), 1U);
}

TEST_F(ComparisonTable, RatioIsToTheBestPeerOfTheSameClassShapeAndDistance) {
  const auto ours = declare("bounded", "ours", "try/1P1C", part::ours);
  const auto best = declare("bounded", "best", "try/1P1C", part::peer);
  const auto good = declare("bounded", "good", "try/1P1C", part::peer);
  const auto shown = declare("bounded", "shown", "try/1P1C", part::shown);
  const auto other_shape = declare("bounded", "best", "try/2P2C", part::peer);
  const auto other_class = declare("spsc", "best", "try/1P1C", part::peer);
  table.add(ours, distance::near, 120);
  table.add(ours, distance::far, 30);
  table.add(best, distance::near, 100);
  table.add(best, distance::far, 40);
  table.add(good, distance::near, 50);
  table.add(good, distance::far, 60);
  for (const auto row : {shown, other_shape, other_class}) {
    table.add(row, distance::near, 1000);
    table.add(row, distance::far, 1000);
  }
  EXPECT_DOUBLE_EQ(*table.summary(ours, distance::near)->ratio, 1.2);
  EXPECT_DOUBLE_EQ(*table.summary(ours, distance::far)->ratio, 0.5);
  EXPECT_DOUBLE_EQ(*table.summary(best, distance::near)->ratio, 1);
  EXPECT_DOUBLE_EQ(*table.summary(good, distance::far)->ratio, 1);
  EXPECT_DOUBLE_EQ(*table.summary(shown, distance::near)->ratio, 10);
}

TEST_F(ComparisonTable, RatiosOfOurOwnAndTheirGeometricMean) {
  const auto add = [&](const char* name, const char* shape, part role, distance where, double rate) {
    table.add(declare("bounded", name, shape, role), where, rate);
  };
  add("ours", "pair", part::ours, distance::alone, 200);
  add("peer", "pair", part::peer, distance::alone, 100);
  add("ours", "try/1P1C", part::ours, distance::far, 50);
  add("peer", "try/1P1C", part::peer, distance::far, 100);
  add("ours", "try/2P2C", part::ours, distance::near, 800);
  add("peer", "try/2P2C", part::peer, distance::near, 100);
  table.add(table.declare({"bounded", "ours", "bulk", part::ours, {}, false}), distance::alone, 900);
  add("peer", "bulk", part::peer, distance::alone, 100);
  EXPECT_EQ(ratios(),
            "\n### bounded: ratio to the best peer\n\n"
            "| far / near | pair | try/1P1C | try/2P2C | bulk | mean |\n"
            "|------------|-----:|---------:|---------:|-----:|-----:|\n"
            "| ours       | 2.00 | 0.50 / - | - / 8.00 | 9.00 | 2.00 |\n");
}

TEST_F(ComparisonTable, TimesAreWrittenAsTimes) {
  const auto ours = declare("spsc", "ours", "pair", part::ours, unit::nanoseconds);
  const auto peer = declare("spsc", "peer", "pair", part::peer, unit::nanoseconds);
  const auto shown = declare("spsc", "shown", "pair", part::shown, unit::nanoseconds);
  for (const double rate : {1e9 / 2, 1e9 / 3, 1e9 / 4}) table.add(ours, distance::alone, rate);
  table.add(peer, distance::alone, 1e9 / 6);
  table.add(shown, distance::alone, 1e9 / 600);
  EXPECT_EQ(details(),
            "\n### spsc: pair, nanoseconds\n\n"
            "| implementation | median |  min |  max |  ratio | samples |\n"
            "|----------------|-------:|-----:|-----:|-------:|--------:|\n"
            "| **ours**       |   3.00 | 2.00 | 4.00 |   2.00 |       3 |\n"
            "| peer           |   6.00 | 6.00 | 6.00 |   1.00 |       1 |\n"
            "| shown          |    600 |  600 |  600 | 0.01 * |       1 |\n");
}

TEST_F(ComparisonTable, Relations) {
  const auto wait = declare("waiting", "ours", "wait/1P1C", part::ours);
  const auto attempt = declare("bounded", "ours", "try/1P1C", part::ours);
  const auto pair = declare("bounded", "ours", "pair", part::ours);
  EXPECT_EQ(table.find("ours", "try/1P1C"), attempt);
  EXPECT_EQ(table.find("theirs", "try/1P1C"), std::nullopt);
  table.relate("one to another", "1P1C", wait, attempt);
  table.relate("one to another", "pair", pair, pair);
  std::ostringstream nothing;
  table.print_relations(nothing);
  EXPECT_EQ(nothing.str(), "");
  table.add(wait, distance::near, 30);
  table.add(attempt, distance::near, 40);
  table.add(attempt, distance::far, 40);
  std::ostringstream out;
  table.print_relations(out);
  EXPECT_EQ(out.str(),
            "\n### one to another\n\n"
            "| far / near |     1P1C | pair |\n"
            "|------------|---------:|-----:|\n"
            "| ours       | - / 0.75 |    - |\n");
}

TEST_F(ComparisonTable, RowsWithoutSamplesAreNotPrinted) {
  declare("spsc", "peer", "pair", part::peer);
  EXPECT_TRUE(table.empty());
  EXPECT_EQ(details(), "");
  EXPECT_EQ(ratios(), "");
}

TEST_F(ComparisonTable, Json) {
  table.add(declare("spsc", "ours", "pair", part::ours), distance::alone, 300);
  table.add(declare("spsc", "peer", "pair", part::peer), distance::alone, 200);
  table.add(0, distance::unclear, 7);
  std::ostringstream out;
  table.write_json(out, {"2026-11-22", "a \"fast\" one", "gcc 12.2"});
  const std::string text = out.str();
  for (const std::string_view part : {
           "\"cpu\": \"a \\\"fast\\\" one\"",
           "\"samples_dropped\": 1",
           "{\"class\": \"spsc\", \"shape\": \"pair\", \"name\": \"ours\", \"role\": \"ours\", \"distance\": \"alone\", "
           "\"samples\": 1, \"median\": 300, \"min\": 300, \"max\": 300, \"ratio\": 1.500}",
       }) {
    EXPECT_NE(text.find(part), text.npos) << text;
  }
}

TEST(Machine, FileName) {
  EXPECT_EQ((machine{"2026-11-22", "AMD EPYC(TM) 9R14, 2 processors", "gcc 12.2"}.file_name()),
            "2026-11-22-AMD-EPYC-TM-9R14-gcc-12.2");
  const machine here = machine::this_one();
  EXPECT_EQ(here.date.size(), 10U);
  EXPECT_FALSE(here.cpu.empty());
  EXPECT_FALSE(here.compiler.empty());
}

}  // namespace
}  // namespace switchyard
