#include "switchyard/benchmarks/compare/program.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <exception>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"
#include "switchyard/benchmarks/compare/error.h"
#include "switchyard/benchmarks/compare/input.h"
#include "switchyard/benchmarks/compare/options.h"
#include "switchyard/benchmarks/compare/primitives.h"
#include "switchyard/benchmarks/compare/progress_bar.h"
#include "switchyard/benchmarks/compare/report.h"
#include "switchyard/benchmarks/compare/results_json.h"
#include "switchyard/benchmarks/compare/runner.h"
#include "switchyard/benchmarks/compare/signals.h"
#include "switchyard/benchmarks/compare/statistics.h"
#include "switchyard/benchmarks/compare/strings.h"
#include "switchyard/benchmarks/compare/table.h"
#include "switchyard/benchmarks/compare/tally.h"
#include "switchyard/benchmarks/compare/whole_file.h"
#include "switchyard/benchmarks/compare/workload.h"

namespace switchyard::compare {
namespace {

using queue_registry = adapters::queue_registry<std::string_view>;
using adapters::counter_registry;

void complain(std::string_view what) {
  std::fputs(absl::StrCat("compare: ", one_line(what), "\n").c_str(), stderr);
}

void print(const std::string& text) {
  std::fputs(text.c_str(), stdout);
}

// What was printed has arrived; if not, says so.
bool output_arrived() {
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return true;
  complain("standard output cannot be written to");
  return false;
}

std::string list_text(const queue_registry& queues, const counter_registry& counters) {
  table of_queues(
      {{"queue"}, {"producers"}, {"consumers"}, {"order"}, {"bound"}, {"progress"}, {"what it is"}});
  for (const queue_entry& entry : queues.entries()) {
    const adapters::queue_info& info = entry.info;
    of_queues.add({info.name, info.multi_producer ? "many" : "one", info.multi_consumer ? "many" : "one",
                   std::string(to_string(info.order)), std::string(to_string(info.bound)),
                   std::string(to_string(info.guarantee)), info.summary});
  }
  table of_counters({{"counter"}, {"progress"}, {"what it is"}});
  for (const counter_entry& entry : counters.entries()) {
    of_counters.add({entry.info.name, std::string(to_string(entry.info.guarantee)), entry.info.summary});
  }
  table of_others({{"workload"}, {"implementation"}, {"progress"}, {"what it is"}});
  for (const workload which : workloads) {
    for (const primitive_entry& entry : primitive_registry::builtin(which).entries()) {
      of_others.add({std::string(to_string(which)), entry.info.name, std::string(to_string(entry.info.guarantee)),
                     entry.info.summary});
    }
  }
  return absl::StrCat(
      of_queues.to_string(),
      "\nBound: exact keeps to --capacity; soft may pass it by a little; with none, compare's\n"
      "producers themselves wait while the queue holds --capacity items or more.\n\n",
      of_counters.to_string(), "\n", of_others.to_string());
}

// The queues that were asked for, and those of them that cannot run so, with the reason.
struct selection {
  std::vector<const queue_entry*> queues;
  std::vector<std::pair<std::string, std::string>> skipped;
};

selection select_queues(const queue_registry& all, const options& asked) {
  std::vector<std::string> named = absl::StrSplit(asked.impl, ',');
  for (std::string& name : named) absl::StripAsciiWhitespace(&name);
  selection chosen;
  for (const queue_entry* entry : all.match(asked.impl)) {
    const std::string reason = why_not(entry->info, asked.layout);
    if (reason.empty()) {
      chosen.queues.push_back(entry);
      continue;
    }
    // Who asks for one by its very name wants it and nothing else.
    const std::string& name = entry->info.name;
    if (std::find(named.begin(), named.end(), name) != named.end()) {
      throw bad_request(absl::StrCat(name, " ", reason));
    }
    chosen.skipped.emplace_back(name, reason);
  }
  if (chosen.queues.empty()) {
    throw bad_request(absl::StrCat("--impl=", asked.impl, ": none of these takes ",
                                   counted(asked.layout.producers, "producer"), " and ",
                                   counted(asked.layout.consumers, "consumer")));
  }
  return chosen;
}

// What is known before anything runs.
std::string heading(const options& asked, const mapped_text& input, const reference& expected) {
  const tally& answer = expected.answer;
  std::string words;
  for (const auto& [word, count] : most_frequent(expected, 5)) {
    absl::StrAppend(&words, words.empty() ? "" : ", ", shown(word), " ", count);
  }
  const worker_layout& layout = asked.layout;
  std::string who;
  if (asked.which == workload::pipeline) {
    who = absl::StrCat(counted(layout.producers, "producer"), ", ", counted(layout.consumers, "consumer"),
                       ", capacity ", layout.capacity, ", batch ", layout.batch);
  } else if (asked.which == workload::threadpool) {
    who = absl::StrCat(counted(layout.producers, "producer"), ", pool of ", counted(layout.consumers, "thread"),
                       ", capacity ", layout.capacity);
  } else {
    who = absl::StrCat(counted(layout.producers + layout.consumers, "thread"));
  }
  return absl::StrCat("input:    ", one_line(input.name()), "\n", "answer:   ", counted(answer.lines, "line"),
                      ", ", counted(answer.words, "word"), ", ", counted(answer.bytes, "byte"),
                      words.empty() ? "" : "; most frequent: ", words, "\n",
                      "workload: ", as_absl(to_string(asked.which)), ", ", who, "\n",
                      "runs:     ", asked.repetitions, " of each implementation, in turn, of at least ",
                      absl::FormatDuration(absl::FromChrono(layout.min_time)), "; an item is a ",
                      as_absl(item_of(asked.which)), "\n");
}

std::string results_text(const std::vector<summary>& lines, bool show_runs) {
  std::vector<table::column> columns = {{"implementation"},
                                        {"items/s", align::right},
                                        {"min", align::right},
                                        {"max", align::right},
                                        {"vs blocking", align::right},
                                        {"CPU/item", align::right},
                                        {"waits/1k", align::right},
                                        {"preempted/1k", align::right},
                                        {"peak memory", align::right},
                                        {"answers"}};
  if (show_runs) columns.push_back({"runs", align::right});
  table results(columns);
  for (const summary& line : lines) {
    std::vector<std::string> cells = {line.name};
    if (!line.wrong.empty()) {
      cells.insert(cells.end(), 8, "-");
      cells.push_back("WRONG");
    } else {
      const spread& rate = line.items_per_second;
      const auto ratio = line.against_blocking;
      cells.insert(
          cells.end(),
          {with_unit(rate.median), with_unit(rate.min), with_unit(rate.max),
           ratio ? absl::StrFormat("%.2f x", *ratio) : "n/a", time_with_unit(line.cpu_ns_per_item),
           short_number(line.voluntary_per_1000_items), short_number(line.involuntary_per_1000_items),
           line.peak_memory ? bytes_with_unit(static_cast<double>(*line.peak_memory)) : "n/a", "agree"});
    }
    if (show_runs) cells.push_back(absl::StrCat(line.runs));
    results.add(std::move(cells));
  }
  std::string text = absl::StrCat(
      results.to_string(),
      "\nitems/s: the median of the runs; vs blocking: divided by that of the best blocking one; waits and\n"
      "preempted: context switches per 1000 items, voluntary and not; CPU: of all threads together.\n");
  if (const std::size_t n = unsteady(lines); n > 0) {
    absl::StrAppend(
        &text, "\nNote: runs of the same implementation differ by more than twice (", n, " of ", lines.size(),
        "): the machine was busy,\nor its speed changed. More --repetitions or a longer --min_time help.\n");
  }
  return text;
}

// Shows how far the runs are, and guesses the rest from those that are finished.
progress_function show_progress(progress_bar& bar) {
  if (!bar.shown()) return {};
  const auto began = steady_clock::now();
  return [&bar, began, finished = std::size_t{0}, seconds_finished = 0.0](const position& at) mutable {
    const double seconds = std::chrono::duration<double>(steady_clock::now() - began).count();
    if (at.finished != finished) {
      finished = at.finished;
      seconds_finished = seconds;
    }
    const double all = static_cast<double>(at.all);
    const double share = static_cast<double>(finished) / all;
    if (finished == 0) {
      bar.show(share, -1, at.name);
      return;
    }
    // The run that goes on moves the bar too, but not beyond its end.
    const double guess = seconds_finished / share;
    bar.show(std::min(seconds / guess, share + 1 / all), std::max(0.0, guess - seconds), at.name);
  };
}

// The page beside results.json.
void write_page(const results_folder& folder, const nlohmann::ordered_json& document) {
  const std::optional<std::string> library = chart_library();
  write_whole_file(folder.page(), report_html({{folder.file(), document}}, library));
  print(absl::StrCat("page:     ", folder.page(), library ? "" : " (without charts: no Chart.js was found)", "\n"));
}

int compare(const options& asked, const std::vector<std::string>& command_line, const queue_registry& queues,
            const counter_registry& counters) {
  const atomic<bool>& stop = stop_requested();

  // What can be wrong with the request is found before anything takes long.
  selection chosen;
  std::vector<const counter_entry*> chosen_counters;
  std::vector<const primitive_entry*> chosen_others;
  if (asked.which == workload::pipeline) {
    chosen = select_queues(queues, asked);
  } else if (asked.which == workload::counter) {
    chosen_counters = counters.match(asked.impl);
  } else {
    chosen_others = primitive_registry::builtin(asked.which).match(asked.impl);
  }
  const mapped_text input = asked.input.empty()
                                ? mapped_text::generate(asked.seed, asked.generate_bytes, stop)
                                : mapped_text::open(asked.input, stop);
  std::optional<results_folder> folder;
  if (!asked.out.empty()) folder.emplace(asked.out);

  progress_bar bar;
  const reference expected =
      make_reference(input, stop, [&](double fraction) { bar.show(fraction, -1, "reading"); });
  bar.clear();
  print(heading(asked, input, expected));
  for (const auto& [name, reason] : chosen.skipped)
    print(absl::StrCat("skipped:  ", name, " ", reason, "\n"));
  print("\n");
  std::fflush(stdout);

  const work on{input, expected, asked.layout, stop};
  const std::vector<contender> contenders = asked.which == workload::pipeline  ? pipeline(chosen.queues, on)
                                            : asked.which == workload::counter ? counting(chosen_counters, on)
                                                                               : primitives(asked.which, chosen_others, on);
  const rounds all = run_rounds(contenders, asked.repetitions, stop, show_progress(bar));
  bar.clear();

  std::size_t finished = 0;
  bool all_agree = true;
  for (const outcome& each : all.outcomes) {
    finished += each.samples.size();
    all_agree = all_agree && each.wrong.empty();
    if (!each.wrong.empty()) complain(absl::StrCat(each.name, ": ", each.wrong));
  }
  const std::size_t wanted = contenders.size() * asked.repetitions;
  print(results_text(summarize(all.outcomes), !all.complete));
  if (!all.complete)
    print(absl::StrCat("\nInterrupted: ", finished, " of ", wanted, " runs are finished.\n"));
  if (folder) {
    const nlohmann::ordered_json document =
        results_json({command_line, asked, input, expected, !all.complete}, all.outcomes);
    folder->write(document);
    print(absl::StrCat("\nresults:  ", folder->file(), "\n"));
    write_page(*folder, document);
  }
  const bool arrived = output_arrived();
  if (!all_agree) return 1;
  if (!all.complete) return stop_status();
  return arrived ? 0 : 1;
}

}  // namespace

int run_program(int argc, const char* const* argv, const queue_registry& queues,
                const counter_registry& counters) {
  handle_signals();
  try {
    const std::vector<std::string> command_line(argv, argv + argc);
    const options asked = parse_options(std::span(argv + 1, static_cast<std::size_t>(argc - 1)));
    if (asked.help || asked.list) {
      print(asked.help ? help_text() : list_text(queues, counters));
      return output_arrived() ? 0 : 1;
    }
    return compare(asked, command_line, queues, counters);
  } catch (const bad_request& problem) {
    complain(problem.what());
    return 2;
  } catch (const adapters::unknown_name& problem) {
    complain(problem.what());
    return 2;
  } catch (const interrupted&) {
    complain("interrupted before anything was finished");
    return stop_status();
  } catch (const std::exception& problem) {
    complain(problem.what());
    return 1;
  }
}

}  // namespace switchyard::compare
