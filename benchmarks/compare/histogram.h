// How often each duration was met, from nanoseconds to an hour, in a small table of fixed size.
//
// Source: the idea of Gil Tene's HdrHistogram (http://hdrhistogram.org): equally wide buckets within each power of two.
// When: many durations of which the far end matters, p99.99 of millions. For a handful, sort them.
// Progress: for one thread at a time; give each thread its own and add them up.
// Ordering: none; what was recorded can be told apart by its size alone.
// Cost: 36 KiB and no allocation; recording is a few nanoseconds, a percentile a few microseconds.
// Exactness: count, min, max and mean are exact, whatever the value; so is every percentile below 256 ns. Above, a
//   percentile is never too small and at most 0.8% too large. All that is longer than an hour is in the last bucket.
//
//   latency_histogram taken;  taken.record(830);  taken += of_another_thread;  taken.percentile(99.9);
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace switchyard::compare {

class latency_histogram {
 public:
  /// Values up to `upper_bound_ns`, and above the bucket before.
  struct bucket {
    std::uint64_t upper_bound_ns;
    std::uint64_t count;

    friend bool operator==(const bucket&, const bucket&) = default;
  };

  void record(std::uint64_t nanoseconds) noexcept {
    ++counts_[index_of(nanoseconds)];
    ++count_;
    min_ = std::min(min_, nanoseconds);
    max_ = std::max(max_, nanoseconds);
    add_to_sum(nanoseconds, 0);
  }

  /// Takes over all that `other` has seen; the same as recording each of its values here.
  latency_histogram& operator+=(const latency_histogram& other) noexcept {
    for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
    count_ += other.count_;
    min_ = std::min(min_, other.min_);
    max_ = std::max(max_, other.max_);
    add_to_sum(other.sum_, other.sum_above_);
    return *this;
  }

  std::uint64_t count() const noexcept { return count_; }

  // All of these are 0 while nothing is recorded.
  std::uint64_t min() const noexcept { return count_ == 0 ? 0 : min_; }
  std::uint64_t max() const noexcept { return max_; }
  double mean() const noexcept {
    if (count_ == 0) return 0;
    const double sum = std::ldexp(static_cast<double>(sum_above_), 64) + static_cast<double>(sum_);
    return sum / static_cast<double>(count_);
  }

  /// A value that `percent` of a hundred do not pass: percentile(50) is the median, percentile(100) is max().
  std::uint64_t percentile(double percent) const noexcept {
    if (count_ == 0) return 0;
    if (percent <= 0) return min();
    if (percent >= 100) return max();
    // How many values are not above it, rounded up, but not for the sake of an error in the last digits of `percent`.
    const double exact = percent / 100 * static_cast<double>(count_);
    const double wanted = std::max(1.0, std::ceil(exact * (1 - 1e-12)));
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < counts_.size(); ++i) {
      seen += counts_[i];
      if (static_cast<double>(seen) >= wanted) return shown_bound(i);
    }
    return max();
  }

  /// Those with something in them, ascending. Their counts come to count(), and the last bound is max().
  std::vector<bucket> buckets() const {
    std::vector<bucket> filled;
    for (std::size_t i = 0; i < counts_.size(); ++i) {
      if (counts_[i] != 0) filled.push_back({shown_bound(i), counts_[i]});
    }
    return filled;
  }

 private:
  // Each power of two from 2^8 on has 2^7 buckets, so that one is 1/128 as wide as the values in it are large, or less.
  // Below 2^8 each value has its own. An hour is just below 2^42.
  static constexpr int halves = 7;
  static constexpr int powers = 42;
  static constexpr std::size_t per_power = std::size_t{1} << halves;
  static constexpr std::uint64_t largest = (std::uint64_t{1} << powers) - 1;

  // The place of a value is its first eight binary digits, which count up within a power of two, and how many digits
  // were left out: power after power goes on where the one before it ended.
  static constexpr std::size_t index_of(std::uint64_t value) noexcept {
    value = std::min(value, largest);
    const int left_out = std::max(0, static_cast<int>(std::bit_width(value)) - (halves + 1));
    return static_cast<std::size_t>(left_out) * per_power + static_cast<std::size_t>(value >> left_out);
  }

  // The largest value of that place: the other way round.
  static constexpr std::uint64_t bound_of(std::size_t index) noexcept {
    if (index < 2 * per_power) return index;
    const std::size_t left_out = index / per_power - 1;
    const std::uint64_t digits = index - left_out * per_power;
    return ((digits + 1) << left_out) - 1;
  }

  // No value is above max(); the last place holds what is longer than an hour, too.
  std::uint64_t shown_bound(std::size_t index) const noexcept {
    static_assert(index_of(largest) + 1 == size && bound_of(size - 1) == largest, "the largest has the last place");
    return index + 1 == size ? max_ : std::min(bound_of(index), max_);
  }

  void add_to_sum(std::uint64_t low, std::uint64_t high) noexcept {
    sum_ += low;
    sum_above_ += high + (sum_ < low ? 1 : 0);
  }

  static constexpr std::size_t size = (powers - halves + 1) * per_power;
  std::array<std::uint64_t, size> counts_{};
  std::uint64_t count_ = 0;
  std::uint64_t min_ = ~std::uint64_t{0};
  std::uint64_t max_ = 0;
  // The sum of all values, of 128 binary digits.
  std::uint64_t sum_ = 0;
  std::uint64_t sum_above_ = 0;
};

}  // namespace switchyard::compare
