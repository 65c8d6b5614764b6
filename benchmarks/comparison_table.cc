#include "switchyard/benchmarks/comparison_table.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace switchyard {

namespace {

// Cells of a Markdown table, padded so that it can also be read as it is.
class markdown_table {
 public:
  explicit markdown_table(std::vector<std::string> head) { add(std::move(head)); }

  void add(std::vector<std::string> cells) { lines_.push_back(std::move(cells)); }

  void print(std::ostream& out) const {
    std::vector<std::size_t> widths(lines_.front().size(), 3);
    for (const auto& line : lines_) {
      for (std::size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], line[i].size());
    }
    for (std::size_t n = 0; n < lines_.size(); ++n) {
      for (std::size_t i = 0; i < widths.size(); ++i) {
        const std::string& cell = lines_[n][i];
        const std::string gap(widths[i] - cell.size(), ' ');
        out << "| " << (i == 0 ? cell + gap : gap + cell) << ' ';
      }
      out << "|\n";
      if (n != 0) continue;
      for (std::size_t i = 0; i < widths.size(); ++i) {
        out << '|' << std::string(widths[i] + 1, '-') << (i == 0 ? '-' : ':');
      }
      out << "|\n";
    }
  }

 private:
  std::vector<std::vector<std::string>> lines_;
};

std::string format(double value, int digits) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%.*f", digits, value);
  return text.data();
}

// Three digits that matter.
std::string three_digits(double value) {
  const double size = std::abs(value);
  return format(value, size >= 100 ? 0 : size >= 10 ? 1 : 2);
}

std::string written(double rate, unit in) {
  return three_digits(in == unit::nanoseconds ? 1e9 / rate : rate / 1e6);
}

std::string ratio_text(const std::optional<double>& ratio) {
  return ratio ? format(*ratio, 2) : std::string("-");
}

std::string far_and_near(const std::optional<double>& far, const std::optional<double>& near) {
  return far || near ? ratio_text(far) + " / " + ratio_text(near) : std::string("-");
}

std::string_view head_of(unit in) {
  return in == unit::nanoseconds ? "nanoseconds" : "million a second";
}

std::string_view name_of(part role) {
  switch (role) {
    case part::ours: return "ours";
    case part::peer: return "peer";
    case part::shown: return "shown";
  }
  return "unknown";
}

void keep_if_new(std::vector<std::string>& list, const std::string& text) {
  if (std::find(list.begin(), list.end(), text) == list.end()) list.push_back(text);
}

std::string json_text(std::string_view text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    result += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  }
  return result + '"';
}

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  if (values.size() % 2 == 1) return *middle;
  return (*middle + *std::max_element(values.begin(), middle)) / 2;
}

constexpr std::array distances{distance::alone, distance::far, distance::near};

}  // namespace

machine machine::this_one() {
  machine here;
  std::array<char, 16> day{};
  const std::time_t now = std::time(nullptr);
  if (const std::tm* const utc = std::gmtime(&now)) std::strftime(day.data(), day.size(), "%Y-%m-%d", utc);
  here.date = day.data();

  here.cpu = "unknown processor";
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    const auto colon = line.find(": ");
    if (!line.starts_with("model name") || colon == std::string::npos) continue;
    here.cpu = line.substr(colon + 2);
    break;
  }
  here.cpu += ", " + std::to_string(std::thread::hardware_concurrency()) + " processors";

#if defined(__clang__)
  here.compiler = "clang " + std::to_string(__clang_major__) + "." + std::to_string(__clang_minor__);
#elif defined(__GNUC__)
  here.compiler = "gcc " + std::to_string(__GNUC__) + "." + std::to_string(__GNUC_MINOR__);
#else
  here.compiler = "unknown compiler";
#endif
  return here;
}

std::string machine::file_name() const {
  std::string result;
  for (const char c : date + "-" + cpu.substr(0, cpu.find(',')) + "-" + compiler) {
    const bool plain = std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.';
    if (plain) {
      result += c;
    } else if (!result.empty() && result.back() != '-') {
      result += '-';
    }
  }
  return result;
}

std::size_t comparison_table::declare(row_label label) {
  rows_.push_back({std::move(label), {}});
  return rows_.size() - 1;
}

void comparison_table::add(std::size_t number, distance where, double rate) {
  if (where == distance::unclear) {
    ++dropped_;
  } else {
    rows_.at(number).samples[where].push_back(rate);
  }
}

bool comparison_table::empty() const {
  return std::all_of(rows_.begin(), rows_.end(), [](const row& r) { return r.samples.empty(); });
}

double comparison_table::best_peer(const row_label& like, distance where) const {
  double best = 0;
  for (const row& each : rows_) {
    if (each.label.role != part::peer || each.label.group != like.group || each.label.shape != like.shape) continue;
    const auto found = each.samples.find(where);
    if (found != each.samples.end()) best = std::max(best, median(found->second));
  }
  return best;
}

std::optional<row_summary> comparison_table::summary(std::size_t number, distance where) const {
  const row& wanted = rows_.at(number);
  const auto found = wanted.samples.find(where);
  if (found == wanted.samples.end()) return std::nullopt;
  const auto [min, max] = std::minmax_element(found->second.begin(), found->second.end());
  row_summary result{found->second.size(), median(found->second), *min, *max, std::nullopt};
  if (const double best = best_peer(wanted.label, where); best > 0) result.ratio = result.median / best;
  return result;
}

std::vector<std::string> comparison_table::groups() const {
  std::vector<std::string> result;
  for (const row& each : rows_) {
    if (!each.samples.empty()) keep_if_new(result, each.label.group);
  }
  return result;
}

std::vector<std::string> comparison_table::shapes(std::string_view group) const {
  std::vector<std::string> result;
  for (const row& each : rows_) {
    if (each.label.group == group && !each.samples.empty()) keep_if_new(result, each.label.shape);
  }
  return result;
}

void comparison_table::print_details(std::ostream& out) const {
  for (const std::string& group : groups()) {
    for (const std::string& shape : shapes(group)) {
      // Columns only for the distances at which there is something.
      std::vector<std::size_t> members;
      std::vector<distance> there;
      for (std::size_t i = 0; i < rows_.size(); ++i) {
        if (rows_[i].label.group == group && rows_[i].label.shape == shape) members.push_back(i);
      }
      for (const distance where : distances) {
        const auto has_some = [&](std::size_t i) { return rows_[i].samples.count(where) != 0; };
        if (std::any_of(members.begin(), members.end(), has_some)) there.push_back(where);
      }

      const unit in = rows_[members.front()].label.written;
      out << "\n### " << group << ": " << shape << ", " << head_of(in) << "\n\n";
      std::vector<std::string> head{"implementation"};
      for (const distance where : there) {
        const std::string which = where == distance::alone ? "" : std::string(to_string(where)) + " ";
        for (const char* column : {"median", "min", "max", "ratio", "samples"}) head.push_back(which + column);
      }
      markdown_table table(std::move(head));
      for (const std::size_t i : members) {
        if (rows_[i].samples.empty()) continue;
        const row_label& label = rows_[i].label;
        std::vector<std::string> cells{label.role == part::ours ? "**" + label.name + "**" : label.name};
        for (const distance where : there) {
          const auto sums = summary(i, where);
          if (!sums) {
            cells.insert(cells.end(), {"-", "-", "-", "-", "0"});
            continue;
          }
          // The least time is the greatest rate.
          const bool inverse = in == unit::nanoseconds;
          cells.push_back(written(sums->median, in));
          cells.push_back(written(inverse ? sums->max : sums->min, in));
          cells.push_back(written(inverse ? sums->min : sums->max, in));
          cells.push_back(ratio_text(sums->ratio) + (label.role == part::shown && sums->ratio ? " *" : ""));
          cells.push_back(std::to_string(sums->count));
        }
        table.add(std::move(cells));
      }
      table.print(out);
    }
  }
}

void comparison_table::print_ratios(std::ostream& out) const {
  for (const std::string& group : groups()) {
    // The shapes that somebody of ours can be compared at.
    std::vector<std::string> columns;
    std::vector<std::string> names;
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      const row_label& label = rows_[i].label;
      if (label.group != group || label.role != part::ours) continue;
      for (const distance where : distances) {
        if (const auto sums = summary(i, where); sums && sums->ratio) {
          keep_if_new(columns, label.shape);
          keep_if_new(names, label.name);
        }
      }
    }
    if (names.empty()) continue;

    out << "\n### " << group << ": ratio to the best peer\n\n";
    std::vector<std::string> head{"far / near"};
    head.insert(head.end(), columns.begin(), columns.end());
    head.emplace_back("mean");
    markdown_table table(std::move(head));
    for (const std::string& name : names) {
      std::vector<std::string> cells{name};
      double logarithms = 0;
      int count = 0;
      for (const std::string& shape : columns) {
        std::string cell;
        for (std::size_t i = 0; i < rows_.size(); ++i) {
          const row_label& label = rows_[i].label;
          if (label.group != group || label.role != part::ours || label.name != name || label.shape != shape) continue;
          const auto alone = summary(i, distance::alone);
          const auto far = summary(i, distance::far);
          const auto near = summary(i, distance::near);
          for (const auto& sums : {alone, far, near}) {
            if (!sums || !sums->ratio || !label.in_mean) continue;
            logarithms += std::log(*sums->ratio);
            ++count;
          }
          const auto ratio_of = [](const std::optional<row_summary>& sums) {
            return sums ? sums->ratio : std::nullopt;
          };
          cell = alone ? ratio_text(ratio_of(alone)) : far_and_near(ratio_of(far), ratio_of(near));
        }
        cells.push_back(cell.empty() ? "-" : cell);
      }
      cells.push_back(count == 0 ? "-" : format(std::exp(logarithms / count), 2));
      table.add(std::move(cells));
    }
    table.print(out);
  }
}

std::optional<std::size_t> comparison_table::find(std::string_view name, std::string_view shape) const {
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    if (rows_[i].label.name == name && rows_[i].label.shape == shape) return i;
  }
  return std::nullopt;
}

void comparison_table::relate(const std::string& title, const std::string& column, std::size_t number,
                              std::size_t base) {
  relations_.push_back({title, column, number, base});
}

void comparison_table::print_relations(std::ostream& out) const {
  const auto quotient = [this](const relation& r, distance where) -> std::optional<double> {
    const auto fast = summary(r.row, where);
    const auto base = summary(r.base, where);
    if (!fast || !base) return std::nullopt;
    return fast->median / base->median;
  };
  std::vector<std::string> titles;
  for (const relation& r : relations_) {
    for (const distance where : distances) {
      if (quotient(r, where)) keep_if_new(titles, r.title);
    }
  }
  for (const std::string& title : titles) {
    std::vector<std::string> columns;
    std::vector<std::string> names;
    for (const relation& r : relations_) {
      if (r.title != title) continue;
      keep_if_new(columns, r.column);
      keep_if_new(names, rows_[r.row].label.name);
    }
    out << "\n### " << title << "\n\n";
    std::vector<std::string> head{"far / near"};
    head.insert(head.end(), columns.begin(), columns.end());
    markdown_table table(std::move(head));
    for (const std::string& name : names) {
      std::vector<std::string> cells{name};
      for (const std::string& column : columns) {
        std::string cell = "-";
        for (const relation& r : relations_) {
          if (r.title != title || r.column != column || rows_[r.row].label.name != name) continue;
          const auto alone = quotient(r, distance::alone);
          cell = alone ? ratio_text(alone) : far_and_near(quotient(r, distance::far), quotient(r, distance::near));
        }
        cells.push_back(cell);
      }
      table.add(std::move(cells));
    }
    table.print(out);
  }
}

void comparison_table::write_json(std::ostream& out, const machine& here) const {
  out << "{\n  \"date\": " << json_text(here.date) << ",\n  \"cpu\": " << json_text(here.cpu)
      << ",\n  \"compiler\": " << json_text(here.compiler)
      << ",\n  \"unit\": \"operations a second; near: a cache line's round trip takes less than "
      << format(near_below, 0) << " ns\",\n  \"samples_dropped\": " << dropped_ << ",\n  \"rows\": [";
  const char* between = "\n";
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    const row_label& label = rows_[i].label;
    for (const distance where : distances) {
      const auto sums = summary(i, where);
      if (!sums) continue;
      out << between << "    {\"class\": " << json_text(label.group) << ", \"shape\": " << json_text(label.shape)
          << ", \"name\": " << json_text(label.name) << ", \"role\": " << json_text(name_of(label.role))
          << ", \"distance\": " << json_text(to_string(where)) << ", \"samples\": " << sums->count
          << ", \"median\": " << format(sums->median, 0) << ", \"min\": " << format(sums->min, 0)
          << ", \"max\": " << format(sums->max, 0);
      if (sums->ratio) out << ", \"ratio\": " << format(*sums->ratio, 3);
      out << '}';
      between = ",\n";
    }
  }
  out << "\n  ]\n}\n";
}

}  // namespace switchyard
