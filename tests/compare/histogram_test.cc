#include "switchyard/benchmarks/compare/histogram.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace switchyard::compare {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

using bucket = latency_histogram::bucket;

constexpr std::uint64_t hour = 3'600'000'000'000;

latency_histogram of(const std::vector<std::uint64_t>& values) {
  latency_histogram made;
  for (const std::uint64_t value : values) made.record(value);
  return made;
}

// The smallest value that `percent` of a hundred do not pass.
std::uint64_t exact_percentile(std::vector<std::uint64_t> values, double percent) {
  std::sort(values.begin(), values.end());
  const double wanted = std::ceil(percent / 100 * static_cast<double>(values.size()) - 1e-6);
  return values[static_cast<std::size_t>(std::max(wanted, 1.0)) - 1];
}

TEST(Histogram, IsEmptyAtFirst) {
  const latency_histogram none;
  EXPECT_EQ(none.count(), 0u);
  EXPECT_EQ(none.min(), 0u);
  EXPECT_EQ(none.max(), 0u);
  EXPECT_EQ(none.mean(), 0);
  EXPECT_EQ(none.percentile(50), 0u);
  EXPECT_EQ(none.percentile(100), 0u);
  EXPECT_THAT(none.buckets(), IsEmpty());
}

TEST(Histogram, IsExactForShortTimes) {
  // 1, 2, ..., 200: the p-th percentile is 2p.
  latency_histogram taken;
  for (std::uint64_t ns = 200; ns >= 1; --ns) taken.record(ns);
  EXPECT_EQ(taken.count(), 200u);
  EXPECT_EQ(taken.min(), 1u);
  EXPECT_EQ(taken.max(), 200u);
  EXPECT_EQ(taken.mean(), 100.5);
  for (const unsigned percent : {1u, 10u, 50u, 90u, 99u, 100u}) {
    EXPECT_EQ(taken.percentile(percent), 2 * percent) << percent;
  }
  EXPECT_EQ(taken.percentile(0), 1u);
  EXPECT_EQ(taken.percentile(0.5), 1u);
  EXPECT_EQ(taken.percentile(0.51), 2u);
  EXPECT_EQ(taken.percentile(99.5), 199u);
}

TEST(Histogram, CountsAsManyAsAPercentileSays) {
  // Of 1000, 99.9 percent are 999: the last one is not met. As doubles, 99.9 / 100 * 1000 is above 999.
  std::vector<std::uint64_t> values(1000, 7);
  values.back() = 200;
  EXPECT_EQ(of(values).percentile(99.9), 7u);
  EXPECT_EQ(of(values).percentile(99.91), 200u);
  values[0] = 200;
  EXPECT_EQ(of(values).percentile(99.9), 200u);
}

TEST(Histogram, KnowsOneValueExactly) {
  for (const std::uint64_t ns : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{1'000'003}, hour, ~std::uint64_t{0}}) {
    const latency_histogram one = of({ns});
    EXPECT_EQ(one.percentile(50), ns);
    EXPECT_EQ(one.percentile(99.99), ns);
    EXPECT_EQ(one.min(), ns);
    EXPECT_EQ(one.max(), ns);
    EXPECT_DOUBLE_EQ(one.mean(), static_cast<double>(ns));
    EXPECT_THAT(one.buckets(), ElementsAre(bucket{ns, 1}));
  }
}

TEST(Histogram, ErrsByLessThanOnePercentFromNanosecondsToAnHour) {
  // Every bucket has its widest error at its smallest value: walk along powers of two and what is next to them.
  for (std::uint64_t ns = 1; ns < hour; ns = ns + ns / 300 + 1) {
    // A larger value, so that it is not max() that is told.
    const std::uint64_t told = of({ns, 2 * hour}).percentile(50);
    ASSERT_GE(told, ns);
    ASSERT_LE(static_cast<double>(told), 1.008 * static_cast<double>(ns));
    ASSERT_TRUE(ns >= 256 || told == ns) << ns;
  }
  for (int power = 0; power < 41; ++power) {
    for (const int beside : {-1, 0, 1}) {
      const std::uint64_t ns = (std::uint64_t{1} << power) + static_cast<std::uint64_t>(beside);
      const std::uint64_t told = of({ns, 2 * hour}).percentile(50);
      ASSERT_GE(told, ns);
      ASSERT_LE(static_cast<double>(told), 1.008 * static_cast<double>(ns));
    }
  }
}

TEST(Histogram, AgreesWithSortingWhatItWasTold) {
  std::mt19937_64 random(7);
  // From some nanoseconds to some minutes, as the tails of queues are.
  std::lognormal_distribution<double> tail(8, 3);
  std::vector<std::uint64_t> values(20'000);
  for (std::uint64_t& value : values) value = static_cast<std::uint64_t>(tail(random));
  const latency_histogram taken = of(values);
  for (const double percent : {1.0, 25.0, 50.0, 90.0, 99.0, 99.9, 99.99, 99.999}) {
    const auto exact = static_cast<double>(exact_percentile(values, percent));
    const auto told = static_cast<double>(taken.percentile(percent));
    EXPECT_GE(told, exact) << percent;
    EXPECT_LE(told, 1.008 * exact) << percent;
  }
  double sum = 0;
  for (const std::uint64_t value : values) sum += static_cast<double>(value);
  EXPECT_DOUBLE_EQ(taken.mean(), sum / 20'000);
  EXPECT_EQ(taken.min(), *std::min_element(values.begin(), values.end()));
  EXPECT_EQ(taken.max(), *std::max_element(values.begin(), values.end()));
}

TEST(Histogram, AddsUpAsIfOneHadSeenAll) {
  std::mt19937_64 random(9);
  latency_histogram parts[3];
  latency_histogram together;
  for (int i = 0; i < 3000; ++i) {
    const std::uint64_t value = random() >> (random() % 64);
    parts[i % 3].record(value);
    together.record(value);
  }
  latency_histogram sum;
  sum += latency_histogram();
  for (const latency_histogram& part : parts) sum += part;
  EXPECT_EQ(sum.count(), together.count());
  EXPECT_EQ(sum.min(), together.min());
  EXPECT_EQ(sum.max(), together.max());
  EXPECT_EQ(sum.mean(), together.mean());
  EXPECT_EQ(sum.buckets(), together.buckets());
  for (const double percent : {0.0, 50.0, 99.99}) EXPECT_EQ(sum.percentile(percent), together.percentile(percent));
}

TEST(Histogram, ShowsItsBuckets) {
  // 1024 to 1031 share one; so do 1032 to 1039.
  EXPECT_THAT(of({1024, 5, 1031, 5, 1032, 9999}).buckets(),
              ElementsAre(bucket{5, 2}, bucket{1031, 2}, bucket{1039, 1}, bucket{9999, 1}));
  std::uint64_t counted = 0;
  std::uint64_t bound = 0;
  const latency_histogram taken = of({3, 77, 300, 301, 5'000, 6'000'000, hour, 3 * hour});
  for (const bucket& each : taken.buckets()) {
    EXPECT_GT(each.upper_bound_ns, bound);
    bound = each.upper_bound_ns;
    counted += each.count;
  }
  EXPECT_EQ(counted, taken.count());
  EXPECT_EQ(bound, taken.max());
}

TEST(Histogram, HasAnExactMeanWhereTheSumIsLong) {
  // Four of these pass 64 binary digits.
  const std::uint64_t half = std::uint64_t{1} << 63;
  latency_histogram taken = of({half, half, half, half});
  EXPECT_EQ(taken.mean(), std::ldexp(1, 63));
  taken += taken;
  EXPECT_EQ(taken.count(), 8u);
  EXPECT_EQ(taken.mean(), std::ldexp(1, 63));
}

TEST(Histogram, IsSmall) {
  EXPECT_LE(sizeof(latency_histogram), 40u << 10);
}

}  // namespace
}  // namespace switchyard::compare
