#include "switchyard/benchmarks/compare/table.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "switchyard/benchmarks/compare/strings.h"
#include "switchyard/benchmarks/compare/terminal.h"

namespace switchyard::compare {

namespace {

constexpr std::size_t gap = 2;  // columns between columns

// What a terminal does with it: ECMA-48, Select Graphic Rendition.
constexpr std::string_view bold = "1";
constexpr std::string_view red = "31";
constexpr std::string_view green = "32";
constexpr std::string_view cyan = "36";

std::string painted(std::string_view text, std::string_view code, const appearance& looks) {
  if (!looks.colour || code.empty() || text.empty()) return std::string(text);
  return absl::StrCat("\x1b[", as_absl(code), "m", as_absl(text), "\x1b[0m");
}

std::string_view code_of(tone meaning) {
  return meaning == tone::good ? green : meaning == tone::bad ? red : "";
}

}  // namespace

std::vector<std::size_t> table::widths() const {
  std::vector<std::size_t> all;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    std::size_t width = width_of(columns_[i].heading);
    for (const row& each : rows_) width = std::max(width, width_of(each.cells.at(i)));
    all.push_back(width);
  }
  return all;
}

std::vector<std::size_t> table::shown_columns(const appearance& looks) const {
  const std::vector<std::size_t> widths = this->widths();
  std::vector<std::size_t> shown(columns_.size());
  std::iota(shown.begin(), shown.end(), std::size_t{0});
  if (looks.width == 0) return shown;
  const auto total = [&] {
    std::size_t sum = 0;
    for (const std::size_t i : shown) sum += widths[i] + gap;
    return sum - std::min(sum, gap);
  };
  while (total() > looks.width) {
    // The last one of those that can be spared most.
    const auto out = std::max_element(shown.begin(), shown.end(), [&](std::size_t a, std::size_t b) {
      return columns_[a].spare <= columns_[b].spare;
    });
    if (out == shown.end() || columns_[*out].spare <= 0) break;
    shown.erase(out);
  }
  return shown;
}

bool table::shows(std::string_view heading, const appearance& looks) const {
  const std::vector<std::size_t> shown = shown_columns(looks);
  return std::any_of(shown.begin(), shown.end(), [&](std::size_t i) { return columns_[i].heading == heading; });
}

std::string table::to_string(const appearance& looks) const {
  const std::vector<std::size_t> shown = shown_columns(looks);
  std::vector<std::size_t> widths = this->widths();
  if (looks.width > 0 && !shown.empty()) {
    // What is still too wide comes off the first column, which keeps enough to be known by.
    constexpr std::size_t least = 8;
    std::size_t others = 0;
    for (const std::size_t i : shown) others += i == shown.front() ? 0 : widths[i] + gap;
    std::size_t& first = widths[shown.front()];
    first = std::min(first, std::max(least, looks.width - std::min(others, looks.width)));
  }
  std::string text;
  const auto add_line = [&](const auto& cell, const auto& code) {
    std::size_t used = 0;
    std::string line;
    std::string blanks;  // before the next cell: none are left at the end of a line
    for (const std::size_t i : shown) {
      std::string value = shortened(cell(i), widths[i], looks.utf8);
      if (i != shown.front()) blanks.append(gap, ' ');
      const std::string fill(widths[i] - width_of(value), ' ');
      if (columns_[i].side == align::right) blanks += fill;
      if (!value.empty()) {
        if (looks.width > 0 && used + blanks.size() >= looks.width) break;
        if (looks.width > 0) value = first_columns(value, looks.width - used - blanks.size());
        used += blanks.size() + width_of(value);
        absl::StrAppend(&line, blanks, painted(value, code(i), looks));
        blanks.clear();
      }
      if (columns_[i].side == align::left) blanks += fill;
    }
    absl::StrAppend(&text, line, "\n");
  };
  add_line([&](std::size_t i) { return columns_[i].heading; }, [](std::size_t) { return bold; });
  add_line([&](std::size_t i) { return std::string(widths[i], '-'); }, [](std::size_t) { return ""; });
  for (const row& each : rows_) {
    add_line([&](std::size_t i) { return each.cells[i]; },
             [&](std::size_t i) { return i == 0 ? code_of(each.meaning) : columns_[i].is_bar ? cyan : ""; });
  }
  return text;
}

std::string bar(double share, std::size_t cells, bool utf8) {
  constexpr std::array<const char*, 8> part = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  const std::size_t steps = utf8 ? part.size() : 1;
  const double all = static_cast<double>(cells * steps);
  auto filled = static_cast<std::size_t>(std::clamp(share, 0.0, 1.0) * all + 0.5);
  if (share > 0 && filled == 0) filled = 1;
  std::string text;
  for (std::size_t i = 0; i < filled / steps; ++i) text += utf8 ? "█" : "#";
  return text + part[filled % steps];
}

std::string small_bars(const std::vector<double>& values, double largest) {
  constexpr std::array<const char*, 8> heights = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  std::string text;
  for (const double value : values) {
    const double share = largest > 0 ? std::clamp(value / largest, 0.0, 1.0) : 0;
    text += value < 0 ? " " : heights[std::min<std::size_t>(static_cast<std::size_t>(share * 8), 7)];
  }
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
