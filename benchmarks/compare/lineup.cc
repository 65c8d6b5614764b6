#include "switchyard/benchmarks/compare/lineup.h"

#include <algorithm>
#include <cstddef>
#include <tuple>
#include <type_traits>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "switchyard/benchmarks/compare/error.h"
#include "switchyard/benchmarks/compare/primitives.h"
#include "switchyard/benchmarks/compare/stream.h"
#include "switchyard/benchmarks/compare/strings.h"

namespace switchyard::compare {
namespace {

bool names_exactly(const std::string& globs, const std::string& name) {
  const std::vector<std::string> parts = absl::StrSplit(globs, ',');
  return std::ranges::any_of(parts, [&](const std::string& each) { return absl::StripAsciiWhitespace(each) == name; });
}

}  // namespace

lineup::lineup(const options& asked, const implementations& all) {
  if (asked.swept) {
    for (const std::uint64_t value : asked.swept->values) points_.push_back({value, at_point(asked, value), {}});
  } else {
    points_.push_back({std::nullopt, asked, {}});
  }
  bool anybody = false;
  for (point& at : points_) {
    choose(at, all);
    anybody = anybody || at.make;
  }
  if (anybody) return;
  const std::string who =
      asked.swept ? absl::StrCat("--sweep=", asked.swept->over)
                  : absl::StrCat(counted(asked.layout.producers, "producer"), " and ",
                                 counted(asked.layout.consumers, "consumer"));
  throw bad_request(absl::StrCat("--impl=", asked.impl, ": none of these takes ", who));
}

void lineup::skip(const point& at, const std::string& name, const std::string& reason) {
  // Who asks for one by its very name wants it and nothing else; in a sweep, where it can.
  if (!at.value && names_exactly(at.asked.impl, name)) throw bad_request(absl::StrCat(name, " ", reason));
  auto entry = std::ranges::find_if(skipped_, [&](const absence& one) { return one.name == name && one.reason == reason; });
  if (entry == skipped_.end()) entry = skipped_.insert(entry, {name, reason, {}});
  if (at.value) entry->points.push_back(*at.value);
}

template <class Registry>
auto lineup::choose_queues(const point& at, const Registry& all) {
  auto chosen = all.match(at.asked.impl);
  std::erase_if(chosen, [&](const auto* entry) {
    const std::string reason = why_not(entry->info, at.asked.layout);
    if (!reason.empty()) skip(at, entry->info.name, reason);
    return !reason.empty();
  });
  return chosen;
}

template <class Item>
void lineup::choose_streams(point& at, const queue_registry<Item>& all) {
  constexpr std::size_t size = sizeof(Item);
  const auto chosen = choose_queues(at, all);
  if (chosen.empty()) return;
  const measured what = at.asked.which == workload::latency ? measured::latency : measured::throughput;
  at.make = [chosen, what](const work& on) { return streaming<size>(chosen, what, on); };
}

void lineup::choose(point& at, const implementations& all) {
  switch (at.asked.which) {
    case workload::pipeline:
      if (const auto chosen = choose_queues(at, all.lines); !chosen.empty()) {
        at.make = [chosen](const work& on) { return pipeline(chosen, on); };
      }
      break;
    case workload::queue:
    case workload::latency:
      std::apply(
          [&](const auto&... of_a_size) {
            const auto choose_if = [&]<class Item>(const queue_registry<Item>& items) {
              if (sizeof(Item) == at.asked.layout.item_size) choose_streams(at, items);
            };
            (choose_if(of_a_size), ...);
          },
          all.items);
      break;
    case workload::stack:
      if (const auto chosen = choose_queues(at, all.stacks); !chosen.empty()) {
        at.make = [chosen](const work& on) { return stacking(chosen, on); };
      }
      break;
    case workload::counter:
      at.make = [chosen = all.counters.match(at.asked.impl)](const work& on) { return counting(chosen, on); };
      break;
    default:
      at.make = [which = at.asked.which, chosen = primitive_registry::builtin(at.asked.which).match(at.asked.impl)](
                    const work& on) { return primitives(which, chosen, on); };
  }
}

std::vector<contender> lineup::contenders(const mapped_text& input, const reference& expected,
                                          const atomic<bool>& stop) const {
  std::vector<contender> all;
  for (const point& at : points_) {
    if (!at.make) continue;
    for (contender& each : at.make({input, expected, at.asked.layout, stop})) {
      each.point = at.value;
      all.push_back(std::move(each));
    }
  }
  return all;
}

std::string to_line(const lineup::absence& one) {
  const std::string where = one.points.empty() ? "" : absl::StrCat(" (at ", absl::StrJoin(one.points, ", "), ")");
  return absl::StrCat("skipped:  ", one.name, " ", one.reason, where, "\n");
}

}  // namespace switchyard::compare
