// Aligned columns and figures for people.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "switchyard/benchmarks/compare/terminal.h"

namespace switchyard::compare {

/// Where a column's cells stand.
enum class align { left, right };

/// What a row is about; shown by the colour of its name.
enum class tone { plain, good, bad };

/// Rows of text under a heading, as wide as their widest cell.
class table {
 public:
  struct column {
    std::string heading;
    align side = align::left;
    int spare = 0;        ///< where there is no room for all, those with the largest are left out first; 0 never is
    bool is_bar = false;  ///< is drawn, not read: has a colour of its own
  };

  explicit table(std::vector<column> columns) : columns_(std::move(columns)) {}

  /// As many cells as there are columns.
  void add(std::vector<std::string> cells, tone meaning = tone::plain) {
    rows_.push_back({std::move(cells), meaning});
  }

  /// The heading, a rule and the rows, a line each, without white space at their ends. No line is wider than asked: first
  /// columns are left out, then what stands in the first one is shortened, then lines are cut.
  std::string to_string(const appearance& looks = {}) const;

  /// Whether the column of that heading is not left out.
  bool shows(std::string_view heading, const appearance& looks) const;

 private:
  struct row {
    std::vector<std::string> cells;
    tone meaning;
  };

  std::vector<std::size_t> widths() const;
  std::vector<std::size_t> shown_columns(const appearance& looks) const;

  std::vector<column> columns_;
  std::vector<row> rows_;
};

/// A bar of `cells` columns, filled as far as `share` of 1 says: by eighths of a column in UTF-8, else by whole ones ('#').
/// What is above 0 leaves a trace.
std::string bar(double share, std::size_t cells, bool utf8);

/// A column for each value, as high as its share of the largest, in UTF-8; values below 0 are missing.
std::string small_bars(const std::vector<double>& values, double largest);

/// Three digits and a unit: "812", "64.0 k", "1.25 M", "7.10 G". From 1e12 on, more digits.
std::string with_unit(double value);

/// The same for nanoseconds: "812 ns", "1.25 us", "64.0 ms", "3.10 s".
std::string time_with_unit(double nanoseconds);

/// "812 B", "64.0 KiB", "1.25 MiB", "7.10 GiB".
std::string bytes_with_unit(double bytes);

/// Three digits, without an exponent: "0.0123" is "0.01", and 0 is "0".
std::string short_number(double value);

}  // namespace switchyard::compare
