#include "switchyard/benchmarks/compare/bootstrap.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <map>
#include <optional>
#include <random>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace switchyard::compare {
namespace {

using testing::Optional;

TEST(Median, IsTheMiddle) {
  EXPECT_EQ(median({}), 0);
  EXPECT_EQ(median({7}), 7);
  EXPECT_EQ(median({9, 1, 5}), 5);
  EXPECT_EQ(median({4, 1, 3, 2}), 2.5);
  EXPECT_EQ(median({1, 1, 1, 100}), 1);
}

TEST(Bootstrap, SaysNothingOfFewRuns) {
  EXPECT_EQ(median_interval({}), std::nullopt);
  EXPECT_EQ(median_interval({1}), std::nullopt);
  EXPECT_EQ(median_interval({1, 2, 3, 4}), std::nullopt);
  EXPECT_NE(median_interval({1, 2, 3, 4, 5}), std::nullopt);
  EXPECT_EQ(median_ratio_interval({1, 2, 3, 4, 5}, {1, 2, 3, 4}), std::nullopt);
  EXPECT_EQ(median_ratio_interval({1, 2, 3, 4}, {1, 2, 3, 4, 5}), std::nullopt);
}

TEST(Bootstrap, SaysNothingOfNothing) {
  EXPECT_EQ(median_ratio_interval({1, 2, 3, 4, 5}, {0, 1, 2, 3, 4}), std::nullopt);
  EXPECT_EQ(median_ratio_interval({1, 2, 3, 4, 5}, {-1, 1, 2, 3, 4}), std::nullopt);
  EXPECT_THAT(median_ratio_interval({0, 0, 0, 0, 0}, {1, 1, 1, 1, 1}), Optional(interval{0, 0}));
}

TEST(Bootstrap, IsSureOfWhatIsAlwaysTheSame) {
  EXPECT_THAT(median_interval({7, 7, 7, 7, 7, 7}), Optional(interval{7, 7}));
  EXPECT_THAT(median_ratio_interval({6, 6, 6, 6, 6}, {2, 2, 2, 2, 2}), Optional(interval{3, 3}));
}

TEST(Bootstrap, DoesNotCareInWhichOrderOrHowOftenItIsAsked) {
  const std::vector<double> values = {5, 1, 4, 9, 3, 3, 8};
  EXPECT_EQ(median_interval(values), median_interval(values));
  EXPECT_EQ(median_ratio_interval(values, {1, 2, 3, 4, 5}), median_ratio_interval(values, {1, 2, 3, 4, 5}));
}

// The probability that at least `wanted` of `n` draws succeed, each with probability `p`.
double at_least(std::size_t wanted, std::size_t n, double p) {
  double sum = 0;
  for (std::size_t k = wanted; k <= n; ++k) {
    double way = std::pow(p, k) * std::pow(1 - p, n - k);
    for (std::size_t i = 0; i < k; ++i) way = way * static_cast<double>(n - i) / static_cast<double>(i + 1);
    sum += way;
  }
  return sum;
}

// The interval that endless draws would come to, for an odd number of different values: the median of a draw is at most
// the k-th of them if more than half of the draw are.
interval exact_interval(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t n = values.size();
  std::size_t low = 0;
  std::size_t high = 0;
  const auto up_to = [&](std::size_t k) {
    return at_least(n / 2 + 1, n, static_cast<double>(k + 1) / static_cast<double>(n));
  };
  while (up_to(low) < 0.025) ++low;
  while (up_to(high) < 0.975) ++high;
  return {values[low], values[high]};
}

TEST(Bootstrap, AgreesWithWhatCanBeCalculatedExactly) {
  // Of five, all: the smallest is the median of a draw with probability 0.058. Of eleven, the third and the ninth.
  EXPECT_EQ(exact_interval({1, 2, 3, 4, 5}), (interval{1, 5}));
  EXPECT_EQ(exact_interval({1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}), (interval{3, 9}));
  for (const std::size_t n : {5u, 7u, 9u, 11u, 13u, 17u, 21u, 27u}) {
    std::vector<double> values;
    for (std::size_t i = 0; i < n; ++i) values.push_back(100 + static_cast<double>(i * i));
    EXPECT_THAT(median_interval(values), Optional(exact_interval(values))) << n;
    std::reverse(values.begin(), values.end());
    EXPECT_THAT(median_interval(values), Optional(exact_interval(values))) << n;
    // The ratio to what never varies is the interval divided by it.
    const interval exact = exact_interval(values);
    EXPECT_THAT(median_ratio_interval(values, std::vector<double>(n, 4)), Optional(interval{exact.low / 4, exact.high / 4}))
        << n;
  }
}

// The probability of each median of a draw of three to six values, by going through all draws there are.
std::map<double, double> all_draws(const std::vector<double>& values) {
  const std::size_t n = values.size();
  std::map<double, double> medians;
  std::size_t ways = 1;
  for (std::size_t i = 0; i < n; ++i) ways *= n;
  for (std::size_t way = 0; way < ways; ++way) {
    std::vector<double> drawn;
    for (std::size_t i = 0, rest = way; i < n; ++i, rest /= n) drawn.push_back(values[rest % n]);
    medians[median(drawn)] += 1 / static_cast<double>(ways);
  }
  return medians;
}

// How likely a value within it is.
double share_within(const std::map<double, double>& probabilities, const interval& in) {
  double share = 0;
  for (const auto& [value, probability] : probabilities) share += in.contains(value) ? probability : 0;
  return share;
}

TEST(Bootstrap, HoldsTheMiddleOfAllDrawsThereAre) {
  const std::vector<double> six = {10, 11, 13, 17, 19, 30};
  const std::vector<double> five = {2, 3, 5, 7, 11};
  const std::map<double, double> of_six = all_draws(six);
  const std::optional<interval> median_of_six = median_interval(six);
  ASSERT_TRUE(median_of_six);
  EXPECT_GE(share_within(of_six, *median_of_six), 0.945);
  // No wider than needed: without its ends it is too narrow.
  EXPECT_LE(share_within(of_six, {std::nextafter(median_of_six->low, 99), std::nextafter(median_of_six->high, 0)}), 0.955);

  std::map<double, double> ratios;
  for (const auto& [over, p] : of_six) {
    for (const auto& [under, q] : all_draws(five)) ratios[over / under] += p * q;
  }
  const std::optional<interval> ratio = median_ratio_interval(six, five);
  ASSERT_TRUE(ratio);
  EXPECT_NEAR(share_within(ratios, *ratio), 0.95, 0.02);
  double below = 0;
  for (const auto& [value, p] : ratios) below += value < ratio->low ? p : 0;
  EXPECT_LE(below, 0.03) << "as much is left out below as above";
}

TEST(Bootstrap, HoldsTheTrueMedianAsOftenAsItSays) {
  // Runs that are mostly alike, some much slower, as they are on a machine that does other things too.
  std::mt19937_64 random(42);
  std::lognormal_distribution<double> runs(3, 0.4);
  const double truth = std::exp(3.0);
  std::lognormal_distribution<double> half_as_long(3 - std::log(2.0), 0.4);
  constexpr int trials = 200;
  for (const std::size_t n : {5u, 9u, 15u, 25u}) {
    int held = 0;
    int ratio_held = 0;
    for (int trial = 0; trial < trials; ++trial) {
      std::vector<double> over(n);
      std::vector<double> under(n);
      for (double& value : over) value = runs(random);
      for (double& value : under) value = half_as_long(random);
      held += median_interval(over)->contains(truth) ? 1 : 0;
      ratio_held += median_ratio_interval(over, under)->contains(2) ? 1 : 0;
    }
    // 95% are 190 of 200, with a standard deviation of 3; few runs hold it a little less often, as is known of this
    // kind of interval, a ratio rather more often.
    EXPECT_GE(held, 176) << n;
    EXPECT_LE(held, 199) << n;
    EXPECT_GE(ratio_held, 180) << n;
  }
}

TEST(Bootstrap, BecomesNarrowerWithMoreRuns) {
  std::mt19937_64 random(1);
  std::normal_distribution<double> runs(100, 10);
  std::vector<double> values;
  double width = 1e9;
  for (const std::size_t n : {10u, 100u, 1000u, 10'000u}) {
    while (values.size() < n) values.push_back(runs(random));
    const interval now = *median_interval(values);
    EXPECT_LT(now.high - now.low, width);
    width = now.high - now.low;
    EXPECT_TRUE(now.contains(median(values)));
  }
  // The standard error of a median of n normal values is 1.25 sigma / sqrt(n): 0.125 of these.
  EXPECT_NEAR(width, 2 * 1.96 * 0.125, 0.15);
}

}  // namespace
}  // namespace switchyard::compare
