// How sure a median is, from the runs alone.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

namespace switchyard::compare {

/// From `low` to `high`, both included.
struct interval {
  double low = 0;
  double high = 0;

  bool contains(double value) const { return low <= value && value <= high; }
  friend bool operator==(const interval&, const interval&) = default;
};

/// With fewer values than this there is no interval: even the whole range of four runs misses the true median once in
/// eight times, and no calculation can make up for that.
inline constexpr std::size_t least_for_interval = 5;

/// The 95% interval of the median, by the percentile bootstrap (Efron, 1979): as many values are drawn from `values`,
/// with replacement, as there are, many times over; of the medians of all draws the middle 95% are the interval.
/// Draws follow a fixed seed: the same values give the same interval, on every machine. Nothing of fewer than
/// `least_for_interval` values.
std::optional<interval> median_interval(const std::vector<double>& values);

/// The same for the median of `above` divided by that of `below`, each drawn by itself. Nothing also where a value of
/// `below` is not above 0.
std::optional<interval> median_ratio_interval(const std::vector<double>& above, const std::vector<double>& below);

/// The middle value; the mean of the two middle ones of an even number; 0 of none.
double median(std::vector<double> values);

}  // namespace switchyard::compare
