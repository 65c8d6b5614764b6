#include "switchyard/benchmarks/compare/request_text.h"

#include <string_view>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "switchyard/benchmarks/compare/primitives.h"
#include "switchyard/benchmarks/compare/schedule.h"
#include "switchyard/benchmarks/compare/strings.h"
#include "switchyard/benchmarks/compare/table.h"

namespace switchyard::compare {
namespace {

// The rows of a table of queues or stacks.
template <class Registry>
std::string list_queues(std::string_view heading, const Registry& queues) {
  table of_queues(
      {{std::string(heading)}, {"producers"}, {"consumers"}, {"order"}, {"bound"}, {"progress"}, {"what it is"}});
  for (const auto& entry : queues.entries()) {
    const adapters::queue_info& info = entry.info;
    of_queues.add({info.name, info.multi_producer ? "many" : "one", info.multi_consumer ? "many" : "one",
                   std::string(to_string(info.order)), std::string(to_string(info.bound)),
                   std::string(to_string(info.guarantee)), info.summary});
  }
  return of_queues.to_string();
}

// "as fast as they can", "100000 a second in bursts of 10".
std::string pace_of(const options& asked) {
  const schedule plan(asked.layout);
  if (asked.swept && asked.swept->over == "rate") return "at each rate of the sweep";
  if (!plan.is_timed()) return "as fast as they can";
  const std::string rate = absl::StrFormat("%.6g a second", plan.items_per_second());
  if (asked.layout.arrivals != nullptr) {
    return absl::StrCat(rate, " as in ", one_line(asked.replay), " (", asked.layout.arrivals->size(), " items)");
  }
  return plan.burst() > 1 ? absl::StrCat(rate, " in bursts of ", plan.burst()) : rate;
}

std::string who_works(const options& asked) {
  const worker_layout& layout = asked.layout;
  const bool swept = asked.swept && asked.swept->over == "threads";
  const bool through_queue =
      asked.which == workload::pipeline || asked.which == workload::queue || asked.which == workload::latency;
  const bool one_side = !through_queue && asked.which != workload::threadpool;
  std::string who;
  if (swept) {
    who = one_side ? "as many threads as the sweep says" : "as many producers and consumers as the sweep says";
  } else if (one_side) {
    who = counted(layout.producers + layout.consumers, "thread");
  } else if (asked.which == workload::threadpool) {
    who = absl::StrCat(counted(layout.producers, "producer"), ", pool of ", counted(layout.consumers, "thread"));
  } else {
    who = absl::StrCat(counted(layout.producers, "producer"), ", ", counted(layout.consumers, "consumer"));
  }
  if (!one_side) absl::StrAppend(&who, ", capacity ", layout.capacity);
  if (through_queue || (asked.which == workload::stack && layout.batch > 1)) {
    absl::StrAppend(&who, ", batch ", layout.batch);
  }
  return who;
}

// What is counted; empty where that is clear.
std::string item_text(workload which) {
  if (which == workload::stack) return "; an item is a push and a pop";
  const std::string_view item = item_of(which);
  return item == "item" ? "" : absl::StrCat("; an item is a ", as_absl(item));
}

}  // namespace

std::string list_text(const implementations& all) {
  table of_counters({{"counter"}, {"progress"}, {"what it is"}});
  for (const counter_entry& entry : all.counters.entries()) {
    of_counters.add({entry.info.name, std::string(to_string(entry.info.guarantee)), entry.info.summary});
  }
  table of_others({{"workload"}, {"implementation"}, {"progress"}, {"what it is"}});
  for (const workload which : workloads) {
    for (const primitive_entry& entry : primitive_registry::builtin(which).entries()) {
      of_others.add({std::string(to_string(which)), entry.info.name, std::string(to_string(entry.info.guarantee)),
                     entry.info.summary});
    }
  }
  // Some queues hold elements of eight bytes only.
  const auto& items = std::get<0>(all.items);
  const std::string queues = items.entries().size() < all.lines.entries().size() ? list_queues("queue", all.lines)
                                                                                 : list_queues("queue", items);
  return absl::StrCat(
      queues,
      "\nThe workloads pipeline, queue and latency run these.\n"
      "Bound: exact keeps to --capacity; soft may pass it by a little; with none, compare's\n"
      "producers themselves wait while the queue holds --capacity items or more.\n\n",
      list_queues("stack", all.stacks), "\n", of_counters.to_string(), "\n", of_others.to_string());
}

std::string heading(const options& asked, const mapped_text& input, const reference& expected) {
  std::string text;
  if (has_text(asked.which)) {
    const tally& answer = expected.answer;
    std::string words;
    for (const auto& [word, count] : most_frequent(expected, 5)) {
      absl::StrAppend(&words, words.empty() ? "" : ", ", shown(word), " ", count);
    }
    text = absl::StrCat("input:    ", one_line(input.name()), "\n", "answer:   ", counted(answer.lines, "line"), ", ",
                        counted(answer.words, "word"), ", ", counted(answer.bytes, "byte"),
                        words.empty() ? "" : "; most frequent: ", words, "\n");
  } else if (asked.which != workload::stack) {
    const bool swept = asked.swept && asked.swept->over == "item_size";
    text = absl::StrCat("items:    of ", swept ? "as many bytes as the sweep says" : counted(asked.layout.item_size, "byte"),
                        ", ", pace_of(asked), "\n");
  }
  absl::StrAppend(&text, "workload: ", as_absl(to_string(asked.which)), ", ", who_works(asked), "\n");
  if (asked.swept) absl::StrAppend(&text, "sweep:    ", asked.swept->over, " ", absl::StrJoin(asked.swept->values, ", "), "\n");
  return absl::StrCat(text, "runs:     ", asked.repetitions, " of each implementation, in turn, of at least ",
                      absl::FormatDuration(absl::FromChrono(asked.layout.min_time)),
                      item_text(asked.which), "\n");
}

}  // namespace switchyard::compare
