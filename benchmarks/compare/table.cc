#include "switchyard/benchmarks/compare/table.h"

#include <algorithm>
#include <array>
#include <cstddef>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace switchyard::compare {

std::string table::to_string() const {
  std::vector<std::size_t> widths;
  for (const column& each : columns_) widths.push_back(each.heading.size());
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < widths.size(); ++i) widths[i] = std::max(widths[i], row.at(i).size());
  }
  std::string text;
  const auto add_line = [&](const auto& cell) {
    std::string line;
    for (std::size_t i = 0; i < widths.size(); ++i) {
      const std::string value = cell(i);
      const std::string fill(widths[i] - value.size(), ' ');
      absl::StrAppend(&line, i == 0 ? "" : "  ", columns_[i].side == align::right ? fill : "", value,
                      columns_[i].side == align::left ? fill : "");
    }
    absl::StripTrailingAsciiWhitespace(&line);
    absl::StrAppend(&text, line, "\n");
  };
  add_line([&](std::size_t i) { return columns_[i].heading; });
  add_line([&](std::size_t i) { return std::string(widths[i], '-'); });
  for (const auto& row : rows_) add_line([&](std::size_t i) { return row[i]; });
  return text;
}

namespace {

// Three digits of a value below 1000, or all digits of a larger one.
std::string three_digits(double value) {
  if (value < 9.995) return absl::StrFormat("%.2f", value);
  if (value < 99.95) return absl::StrFormat("%.1f", value);
  return absl::StrFormat("%.0f", value);
}

template <std::size_t n>
std::string scaled(double value, double step, const std::array<const char*, n>& units) {
  std::size_t unit = 0;
  // 999.5 would be shown as 1000.
  for (; unit + 1 < n && value >= 999.5; ++unit) value /= step;
  const bool whole = unit == 0 && value == static_cast<double>(static_cast<long long>(value));
  return absl::StrCat(whole ? absl::StrFormat("%.0f", value) : three_digits(value), units[unit]);
}

}  // namespace

std::string with_unit(double value) {
  return scaled(value, 1e3, std::array<const char*, 4>{"", " k", " M", " G"});
}

std::string time_with_unit(double nanoseconds) {
  return scaled(nanoseconds, 1e3, std::array<const char*, 4>{" ns", " us", " ms", " s"});
}

std::string bytes_with_unit(double bytes) {
  return scaled(bytes, 1024, std::array<const char*, 4>{" B", " KiB", " MiB", " GiB"});
}

std::string short_number(double value) {
  return value == 0 ? "0" : three_digits(value);
}

}  // namespace switchyard::compare
