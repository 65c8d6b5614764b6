// Aligned columns and figures for people.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace switchyard::compare {

/// Where a column's cells stand.
enum class align { left, right };

/// Rows of text under a heading, as wide as their widest cell.
class table {
 public:
  struct column {
    std::string heading;
    align side = align::left;
  };

  explicit table(std::vector<column> columns) : columns_(std::move(columns)) {}

  /// As many cells as there are columns.
  void add(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }

  /// The heading, a rule and the rows, a line each, without white space at their ends.
  std::string to_string() const;

 private:
  std::vector<column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

/// Three digits and a unit: "812", "64.0 k", "1.25 M", "7.10 G". From 1e12 on, more digits.
std::string with_unit(double value);

/// The same for nanoseconds: "812 ns", "1.25 us", "64.0 ms", "3.10 s".
std::string time_with_unit(double nanoseconds);

/// "812 B", "64.0 KiB", "1.25 MiB", "7.10 GiB".
std::string bytes_with_unit(double bytes);

/// Three digits, without an exponent: "0.0123" is "0.01", and 0 is "0".
std::string short_number(double value);

}  // namespace switchyard::compare
