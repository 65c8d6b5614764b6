#include "switchyard/benchmarks/compare/statistics.h"

#include <algorithm>
#include <functional>
#include <numeric>

namespace switchyard::compare {

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 != 0 ? values[middle] : std::midpoint(values[middle - 1], values[middle]);
}

spread spread_of(const std::vector<double>& values) {
  if (values.empty()) return {};
  const auto [least, most] = std::minmax_element(values.begin(), values.end());
  return {median(values), *least, *most};
}

namespace {

double divided(double amount, double by) {
  return by > 0 ? amount / by : 0;
}
double count(std::uint64_t items) {
  return static_cast<double>(items);
}

std::vector<double> of_each(const std::vector<sample>& runs,
                            const std::function<double(const sample&)>& figure) {
  std::vector<double> values;
  for (const sample& run : runs) values.push_back(figure(run));
  return values;
}

}  // namespace

double items_per_second(const sample& run) {
  return divided(count(run.items), run.use.seconds);
}
double seconds_per_item(const sample& run) {
  return divided(run.use.seconds, count(run.items));
}
double cpu_seconds_per_item(const sample& run) {
  return divided(run.use.resources.cpu_seconds, count(run.items));
}

std::vector<summary> summarize(const std::vector<outcome>& outcomes) {
  std::vector<summary> lines;
  double best_blocking = 0;
  for (const outcome& each : outcomes) {
    if (each.samples.empty() && each.wrong.empty()) continue;
    summary line;
    line.name = each.name;
    line.guarantee = each.guarantee;
    line.runs = each.samples.size();
    line.wrong = each.wrong;
    line.items_per_second = spread_of(of_each(each.samples, items_per_second));
    line.cpu_ns_per_item = median(of_each(each.samples, cpu_seconds_per_item)) * 1e9;
    line.voluntary_per_1000_items = median(of_each(each.samples, [](const sample& run) {
      return divided(1000 * static_cast<double>(run.use.resources.voluntary_switches), count(run.items));
    }));
    line.involuntary_per_1000_items = median(of_each(each.samples, [](const sample& run) {
      return divided(1000 * static_cast<double>(run.use.resources.involuntary_switches), count(run.items));
    }));
    for (const sample& run : each.samples) line.peak_memory = std::max(line.peak_memory, run.use.peak_memory);
    if (line.wrong.empty() && line.guarantee == adapters::progress::blocking) {
      best_blocking = std::max(best_blocking, line.items_per_second.median);
    }
    lines.push_back(line);
  }
  if (best_blocking > 0) {
    for (summary& line : lines) {
      if (line.wrong.empty()) line.against_blocking = line.items_per_second.median / best_blocking;
    }
  }
  std::stable_sort(lines.begin(), lines.end(), [](const summary& a, const summary& b) {
    if (a.wrong.empty() != b.wrong.empty()) return a.wrong.empty();
    return a.items_per_second.median > b.items_per_second.median;
  });
  return lines;
}

std::size_t unsteady(const std::vector<summary>& lines) {
  return static_cast<std::size_t>(std::count_if(lines.begin(), lines.end(), [](const summary& line) {
    return line.items_per_second.max > 2 * line.items_per_second.min;
  }));
}

}  // namespace switchyard::compare
