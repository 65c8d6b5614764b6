#include "switchyard/benchmarks/compare/results_text.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "switchyard/benchmarks/compare/strings.h"
#include "switchyard/benchmarks/compare/table.h"

namespace switchyard::compare {
namespace {

constexpr std::size_t bar_cells = 10;

// How far the median may be from the truth: "3%".
std::string doubt(const summary& line) {
  if (!line.rate_interval || line.items_per_second.median <= 0) return "?";
  const double middle = line.items_per_second.median;
  const double apart = std::max(line.rate_interval->high - middle, middle - line.rate_interval->low) / middle * 100;
  return apart > 0 && apart < 1 ? "<1%" : absl::StrFormat("%.0f%%", apart);
}

// "2.50 x"; "~1.02 x" if it may as well be 1.
std::string ratio(const summary& line) {
  if (!line.against_blocking) return "n/a";
  const auto& sure = line.against_blocking_interval;
  const bool may_be_equal = sure && sure->contains(1) && sure->low < sure->high;
  return absl::StrFormat("%s%.2f x", may_be_equal ? "~" : "", *line.against_blocking);
}

std::string percentile(const summary& line, double percent) {
  if (line.latency == nullptr) return "-";
  return time_with_unit(static_cast<double>(line.latency->percentile(percent)));
}

// A column, and what stands in it of a line whose answers agree.
struct figure_column {
  table::column head;
  std::function<std::string(const summary&)> cell;
  std::string meaning;  // for the legend; may be empty
};

std::vector<figure_column> figures(const std::vector<summary>& lines, bool show_runs, const appearance& looks) {
  double most = 0;
  bool latency = false;
  bool wrong = false;
  for (const summary& line : lines) {
    if (line.wrong.empty()) most = std::max(most, line.items_per_second.median);
    latency = latency || line.latency != nullptr;
    wrong = wrong || !line.wrong.empty();
  }
  const auto rate = [](double spread::*which) {
    return [which](const summary& line) { return with_unit(line.items_per_second.*which); };
  };
  const auto part = [](double percent) {
    return [percent](const summary& line) { return percentile(line, percent); };
  };
  std::vector<figure_column> all;
  const auto add = [&](const char* heading, int spare, auto cell, const char* meaning) {
    figure_column& made = all.emplace_back();
    made.head.heading = heading;
    made.head.side = align::right;
    made.head.spare = spare;
    made.cell = cell;
    made.meaning = meaning;
  };
  add("items/s", 0, rate(&spread::median), "the median of the runs");
  add("", 3, [=](const summary& line) { return bar(most > 0 ? line.items_per_second.median / most : 0, bar_cells, looks.utf8); },
      "");
  all.back().head.side = align::left;
  all.back().head.is_bar = true;
  add(looks.utf8 ? "±" : "+-", 4, doubt, "how far that may be off, 95% sure; ? with fewer than 5 runs");
  add("min", 9, rate(&spread::min), "");
  add("max", 9, rate(&spread::max), "");
  add("vs blocking", 2, ratio, "divided by that of the best blocking one; ~ if it may as well be equal");
  if (latency) {
    add("p50", 5, part(50), "");
    add("p99", 0, part(99), "the time that 99 of 100 items take at most");
    add("p99.9", 4, part(99.9), "");
  }
  add("CPU/item", 1, [](const summary& line) { return time_with_unit(line.cpu_ns_per_item); }, "of all threads together");
  add("waits/1k", 7, [](const summary& line) { return short_number(line.voluntary_per_1000_items); },
      "context switches per 1000 items, of threads that wait");
  add("preempted/1k", 8, [](const summary& line) { return short_number(line.involuntary_per_1000_items); },
      "the same, of threads that were put aside");
  add("peak memory", 6,
      [](const summary& line) {
        return line.peak_memory ? bytes_with_unit(static_cast<double>(*line.peak_memory)) : "n/a";
      },
      "");
  // Can be spared where all agree.
  add("answers", wrong ? 0 : 5, [](const summary&) { return "agree"; }, "");
  all.back().head.side = align::left;
  if (show_runs) add("runs", 0, [](const summary& line) { return absl::StrCat(line.runs); }, "");
  return all;
}

bool is_good(std::string_view name, const recommendation& good) {
  return name == good.choice || std::find(good.tied.begin(), good.tied.end(), name) != good.tied.end();
}

tone tone_of(const summary& line, const recommendation& good) {
  if (!line.wrong.empty()) return tone::bad;
  return is_good(line.name, good) ? tone::good : tone::plain;
}

std::string table_of_lines(const std::vector<summary>& lines, bool show_runs, const recommendation& good,
                           const appearance& looks) {
  const std::vector<figure_column> columns = figures(lines, show_runs, looks);
  std::vector<table::column> heads(1);
  heads.front().heading = "implementation";
  for (const figure_column& each : columns) heads.push_back(each.head);
  table results(heads);
  for (const summary& line : lines) {
    std::vector<std::string> cells = {line.name};
    for (const figure_column& each : columns) {
      const bool says_wrong = each.head.heading == "answers";
      const bool says_anything = line.wrong.empty() || each.head.heading == "runs";
      cells.push_back(says_anything ? each.cell(line) : says_wrong ? "WRONG" : each.head.is_bar ? "" : "-");
    }
    results.add(std::move(cells), tone_of(line, good));
  }
  std::vector<std::string> meanings;
  for (const figure_column& each : columns) {
    if (each.meaning.empty() || !results.shows(each.head.heading, looks)) continue;
    meanings.push_back(absl::StrCat(each.head.heading, ": ", each.meaning));
  }
  return absl::StrCat(results.to_string(looks), "\n", wrapped(absl::StrJoin(meanings, "; ") + ".", text_width(looks)));
}

// --- A sweep: implementations and points --------------------------------------

template <class T>
void add_once(std::vector<T>& to, const T& value) {
  if (std::find(to.begin(), to.end(), value) == to.end()) to.push_back(value);
}

struct sweep_figure {
  std::string name;
  std::function<std::optional<double>(const summary&)> value;  // nothing if it was not measured
  std::function<std::string(double)> shown;
  bool more_is_better = true;
  bool has_bars = false;
};

std::string matrix(const std::vector<summary>& lines, std::string_view swept, const sweep_figure& figure,
                   const recommendation& good, const appearance& looks) {
  std::vector<std::string> names;
  std::vector<std::uint64_t> points;
  for (const summary& line : lines) {
    add_once(names, line.name);
    add_once(points, line.point.value_or(0));
  }
  const auto at = [&](const std::string& name, std::uint64_t point) -> const summary* {
    for (const summary& line : lines) {
      if (line.name == name && line.point == point) return &line;
    }
    return nullptr;
  };
  const auto value_at = [&](const std::string& name, std::uint64_t point) -> std::optional<double> {
    const summary* const line = at(name, point);
    if (line == nullptr || !line->wrong.empty()) return std::nullopt;
    return figure.value(*line);
  };
  double largest = 0;
  constexpr double endless = std::numeric_limits<double>::infinity();
  std::vector<double> best(points.size(), figure.more_is_better ? -endless : endless);
  for (const std::string& name : names) {
    for (std::size_t i = 0; i < points.size(); ++i) {
      const std::optional<double> value = value_at(name, points[i]);
      if (!value) continue;
      largest = std::max(largest, *value);
      best[i] = figure.more_is_better ? std::max(best[i], *value) : std::min(best[i], *value);
    }
  }

  const bool bars = looks.utf8 && figure.has_bars;
  std::vector<table::column> heads(1);
  heads.front().heading = absl::StrCat(figure.name, " at ", as_absl(swept));
  for (std::size_t i = 0; i < points.size(); ++i) {
    // Where there is no room for all, the first and the last point say most.
    const bool at_end = i == 0 || i + 1 == points.size();
    table::column& head = heads.emplace_back();
    head.heading = absl::StrCat(points[i]);
    head.side = align::right;
    head.spare = at_end ? 1 : 2;
  }
  if (bars) {
    heads.emplace_back().is_bar = true;
    heads.back().spare = 3;
  }
  table cells(heads);
  for (const std::string& name : names) {
    std::vector<std::string> row = {name};
    std::vector<double> heights;
    bool wrong = false;
    for (std::size_t i = 0; i < points.size(); ++i) {
      const summary* const line = at(name, points[i]);
      const std::optional<double> value = value_at(name, points[i]);
      heights.push_back(value.value_or(-1));
      wrong = wrong || (line != nullptr && !line->wrong.empty());
      if (value) {
        row.push_back(absl::StrCat(*value == best[i] ? "* " : "", figure.shown(*value)));
      } else {
        row.push_back(line != nullptr && !line->wrong.empty() ? "WRONG" : "-");
      }
    }
    if (bars) row.emplace_back(absl::StripTrailingAsciiWhitespace(small_bars(heights, largest)));
    cells.add(std::move(row), wrong ? tone::bad : is_good(name, good) ? tone::good : tone::plain);
  }
  return cells.to_string(looks);
}

std::string tables_of_sweep(const std::vector<summary>& lines, std::string_view swept, const recommendation& good,
                            const appearance& looks) {
  const auto p99 = [](const summary& line) -> std::optional<double> {
    if (line.latency == nullptr) return std::nullopt;
    return static_cast<double>(line.latency->percentile(99));
  };
  const bool latency = std::any_of(lines.begin(), lines.end(), [&](const summary& line) { return p99(line).has_value(); });
  std::vector<sweep_figure> all;
  const auto add = [&](const char* name, auto value, auto shown, bool more_is_better, bool has_bars) {
    sweep_figure& made = all.emplace_back();
    made.name = name;
    made.value = value;
    made.shown = shown;
    made.more_is_better = more_is_better;
    made.has_bars = has_bars;
  };
  add("items/s", [](const summary& line) -> std::optional<double> { return line.items_per_second.median; }, with_unit, true, true);
  if (latency) add("p99", p99, time_with_unit, false, true);
  add("CPU/item", [](const summary& line) -> std::optional<double> { return line.cpu_ns_per_item; }, time_with_unit, false, false);
  std::string text;
  for (const sweep_figure& each : all) absl::StrAppend(&text, matrix(lines, swept, each, good, looks), "\n");
  return absl::StrCat(
      text, wrapped(absl::StrCat("Medians of the runs; *: the best at that point", latency ? "; p99: the time that 99 of "
                                 "100 items take at most" : "", "; CPU: of all threads together."), text_width(looks)));
}

}  // namespace

std::size_t text_width(const appearance& looks) {
  constexpr std::size_t comfortable = 100;
  return looks.width == 0 ? comfortable : std::min(looks.width, comfortable);
}

std::string results_text(const std::vector<summary>& lines, std::string_view swept, bool show_runs,
                         const recommendation& good, const appearance& looks) {
  std::string text = swept.empty() ? table_of_lines(lines, show_runs, good, looks)
                                   : tables_of_sweep(lines, swept, good, looks);
  if (const std::size_t n = unsteady(lines); n > 0) {
    absl::StrAppend(&text, "\n",
                    wrapped(absl::StrCat("Note: Runs of the same implementation differ by more than twice (", n, " of ",
                                         lines.size(), "): the machine was busy, or its speed changed. More "
                                         "--repetitions or a longer --min_time help."),
                            text_width(looks)));
  }
  return text;
}

std::string advice_text(const advice& what, std::string_view partial, const appearance& looks) {
  std::string text = absl::StrCat("Advice", partial.empty() ? "" : " (", as_absl(partial), partial.empty() ? "" : ")", ":\n");
  if (looks.colour) text = absl::StrCat("\x1b[1m", text.substr(0, text.size() - 1), "\x1b[0m\n");
  for (const std::string& sentence : what.overall.sentences) {
    absl::StrAppend(&text, wrapped("- " + sentence, text_width(looks), "  "));
  }
  for (const advice::at_point& point : what.points) {
    const recommendation& of = point.what;
    const std::string choice = of.choice.empty() ? "none" : of.choice;
    const std::string tied = of.tied.empty() ? "" : absl::StrCat(" (tied: ", few_of(of.tied), ")");
    absl::StrAppend(&text, wrapped(absl::StrCat("- At ", point.where, ": ", choice, tied, "."),
                                   text_width(looks), "  "));
  }
  return text;
}

}  // namespace switchyard::compare
