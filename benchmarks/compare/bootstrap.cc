#include "switchyard/benchmarks/compare/bootstrap.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <numeric>

namespace switchyard::compare {

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  if (values.size() % 2 != 0) return *middle;
  return std::midpoint(*std::max_element(values.begin(), middle), *middle);
}

namespace {

// Places drawn at random, the same ones each time: the standard's generators are the same everywhere, but not its
// distributions. This is Steele, Lea and Flood's SplitMix (2014).
class draws {
 public:
  std::size_t below(std::size_t limit) {
    state_ += 0x9e3779b97f4a7c15;
    std::uint64_t mixed = state_;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
    mixed ^= mixed >> 31;
    // The upper half as a fraction of 2^32, times the limit: even enough for numbers of runs.
    return static_cast<std::size_t>(((mixed >> 32) * limit) >> 32);
  }

 private:
  std::uint64_t state_ = 20261123;
};

// The median of as many values as there are, each drawn from all of them.
double median_of_a_draw(const std::vector<double>& values, draws& random) {
  std::vector<double> drawn(values.size());
  for (double& value : drawn) value = values[random.below(values.size())];
  return median(std::move(drawn));
}

// The middle 95% of what `draw` gives, called often enough for that; less often where a draw is long.
interval middle_of(std::size_t values, const std::function<double()>& draw) {
  const std::size_t n = std::clamp<std::size_t>(2'000'000 / values, 400, 4'000);
  std::vector<double> medians(n);
  for (double& each : medians) each = draw();
  std::sort(medians.begin(), medians.end());
  const std::size_t left_out = n / 40;
  return {medians[left_out], medians[n - 1 - left_out]};
}

}  // namespace

std::optional<interval> median_interval(const std::vector<double>& values) {
  if (values.size() < least_for_interval) return std::nullopt;
  draws random;
  return middle_of(values.size(), [&] { return median_of_a_draw(values, random); });
}

std::optional<interval> median_ratio_interval(const std::vector<double>& above, const std::vector<double>& below) {
  if (std::min(above.size(), below.size()) < least_for_interval) return std::nullopt;
  if (*std::min_element(below.begin(), below.end()) <= 0) return std::nullopt;
  draws random;
  return middle_of(above.size() + below.size(), [&] {
    const double over = median_of_a_draw(above, random);
    return over / median_of_a_draw(below, random);
  });
}

}  // namespace switchyard::compare
