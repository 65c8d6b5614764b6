#include "switchyard/benchmarks/compare/statistics.h"

#include <algorithm>
#include <functional>
#include <iterator>
#include <memory>
#include <utility>

namespace switchyard::compare {

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

namespace {

std::shared_ptr<const latency_histogram> latency_of_all(const std::vector<sample>& runs) {
  std::shared_ptr<latency_histogram> all;
  for (const sample& run : runs) {
    if (run.latency == nullptr) continue;
    if (all == nullptr) all = std::make_shared<latency_histogram>();
    *all += *run.latency;
  }
  return all;
}

summary summary_of(const outcome& of) {
  summary line;
  line.name = of.name;
  line.guarantee = of.guarantee;
  line.point = of.point;
  line.runs = of.samples.size();
  line.wrong = of.wrong;
  line.rates = of_each(of.samples, items_per_second);
  line.items_per_second = spread_of(line.rates);
  line.rate_interval = median_interval(line.rates);
  line.cpu_ns_per_item = median(of_each(of.samples, cpu_seconds_per_item)) * 1e9;
  line.voluntary_per_1000_items = median(of_each(of.samples, [](const sample& run) {
    return divided(1000 * static_cast<double>(run.use.resources.voluntary_switches), count(run.items));
  }));
  line.involuntary_per_1000_items = median(of_each(of.samples, [](const sample& run) {
    return divided(1000 * static_cast<double>(run.use.resources.involuntary_switches), count(run.items));
  }));
  for (const sample& run : of.samples) {
    line.peak_memory = std::max(line.peak_memory, run.use.peak_memory);
    if (run.latency != nullptr) line.tails.push_back(static_cast<double>(run.latency->percentile(99)));
  }
  line.latency = latency_of_all(of.samples);
  std::vector<double> kept;
  for (const sample& run : of.samples) {
    if (run.rate_kept) kept.push_back(*run.rate_kept);
  }
  if (!kept.empty()) line.rate_kept = median(kept);
  return line;
}

// The ratios of the lines of one point, and their order.
void rank(std::vector<summary>& lines) {
  // Where it was measured how late items come, that is the question: they come as fast as they are sent anyway.
  const bool by_tail = std::all_of(lines.begin(), lines.end(), [](const summary& line) {
    return !line.wrong.empty() || !line.tails.empty();
  });
  std::stable_sort(lines.begin(), lines.end(), [by_tail](const summary& a, const summary& b) {
    if (a.wrong.empty() != b.wrong.empty()) return a.wrong.empty();
    if (by_tail && a.wrong.empty()) return median(a.tails) < median(b.tails);
    return a.items_per_second.median > b.items_per_second.median;
  });
  summary* best = nullptr;
  for (summary& line : lines) {
    const bool simple = line.wrong.empty() && line.guarantee == adapters::progress::blocking;
    const double rate = line.items_per_second.median;
    if (simple && rate > (best == nullptr ? 0 : best->items_per_second.median)) best = &line;
  }
  if (best == nullptr) return;
  for (summary& line : lines) {
    if (!line.wrong.empty()) continue;
    line.against_blocking = line.items_per_second.median / best->items_per_second.median;
    line.against_blocking_interval = median_ratio_interval(line.rates, best->rates);
  }
  if (best->against_blocking_interval) best->against_blocking_interval = interval{1, 1};
}

}  // namespace

std::vector<summary> summarize(const std::vector<outcome>& outcomes) {
  std::vector<std::vector<summary>> points;
  for (const outcome& each : outcomes) {
    if (each.samples.empty() && each.wrong.empty()) continue;
    auto at = std::find_if(points.begin(), points.end(),
                           [&](const std::vector<summary>& lines) { return lines.front().point == each.point; });
    if (at == points.end()) at = points.emplace(at);
    at->push_back(summary_of(each));
  }
  std::vector<summary> all;
  for (std::vector<summary>& lines : points) {
    rank(lines);
    std::move(lines.begin(), lines.end(), std::back_inserter(all));
  }
  return all;
}

std::size_t unsteady(const std::vector<summary>& lines) {
  return static_cast<std::size_t>(std::count_if(lines.begin(), lines.end(), [](const summary& line) {
    return line.items_per_second.max > 2 * line.items_per_second.min;
  }));
}

}  // namespace switchyard::compare
