#include "switchyard/benchmarks/compare/program.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <exception>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "switchyard/benchmarks/compare/advice.h"
#include "switchyard/benchmarks/compare/arrivals.h"
#include "switchyard/benchmarks/compare/error.h"
#include "switchyard/benchmarks/compare/implementations.h"
#include "switchyard/benchmarks/compare/input.h"
#include "switchyard/benchmarks/compare/lineup.h"
#include "switchyard/benchmarks/compare/options.h"
#include "switchyard/benchmarks/compare/primitives.h"
#include "switchyard/benchmarks/compare/progress_bar.h"
#include "switchyard/benchmarks/compare/report.h"
#include "switchyard/benchmarks/compare/results_json.h"
#include "switchyard/benchmarks/compare/results_text.h"
#include "switchyard/benchmarks/compare/runner.h"
#include "switchyard/benchmarks/compare/schedule.h"
#include "switchyard/benchmarks/compare/signals.h"
#include "switchyard/benchmarks/compare/statistics.h"
#include "switchyard/benchmarks/compare/stream.h"
#include "switchyard/benchmarks/compare/strings.h"
#include "switchyard/benchmarks/compare/table.h"
#include "switchyard/benchmarks/compare/tally.h"
#include "switchyard/benchmarks/compare/terminal.h"
#include "switchyard/benchmarks/compare/whole_file.h"
#include "switchyard/benchmarks/compare/workload.h"

namespace switchyard::compare {
namespace {

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

// What is known before anything runs.
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

template <class Registry>
const adapters::queue_info* find_info(const Registry& registry, std::string_view name) {
  for (const auto& entry : registry.entries()) {
    if (entry.info.name == name) return &entry.info;
  }
  return nullptr;
}

// What the advice goes by.
question question_of(const options& asked, const implementations& all) {
  question about;
  about.judged_by = asked.which == workload::latency ? aim::tail : aim::speed;
  about.item = item_of(asked.which);
  about.producers = asked.layout.producers;
  if (asked.swept) about.swept = asked.swept->over;
  if (asked.which == workload::pipeline) {
    about.queue = [&all](std::string_view name) { return find_info(all.lines, name); };
  } else if (asked.which == workload::queue || asked.which == workload::latency) {
    // Those of the smallest items: there are as many as of any.
    about.queue = [&all](std::string_view name) { return find_info(std::get<0>(all.items), name); };
  }
  return about;
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

// How long all runs together may take before no other round is begun. Making the input and what is left of a round when
// the time is over have the rest of the 20 seconds.
steady_clock::duration budget(const options& asked) {
  return asked.how == pace::quick ? std::chrono::seconds(14) : steady_clock::duration::max();
}

// Prints what all runs came to, or those that were finished of `wanted`, and what follows from it.
advice report(const rounds& all, const options& asked, std::size_t contenders, const question& about) {
  std::size_t finished = 0;
  for (const outcome& each : all.outcomes) finished += each.samples.size();
  const std::size_t wanted = contenders * asked.repetitions;
  const std::string partial = all.complete ? "" : absl::StrCat("after ", finished, " of ", wanted, " runs");

  const std::vector<summary> lines = summarize(all.outcomes);
  advice made = advise(lines, about);
  const appearance looks = appearance_of_output();
  print(results_text(lines, about.swept, !all.complete, made.overall, looks));
  if (const std::string note = rate_note(all.outcomes); !note.empty()) print("\n" + note);
  if (all.complete && all.repetitions < asked.repetitions) {
    print(absl::StrCat("\nNote: only ", all.repetitions, " of ", asked.repetitions,
                       " runs of each fit into the time of --quick.\n"));
  }
  if (!all.complete) {
    print(absl::StrCat("\nInterrupted: ", finished, " of ", wanted, " runs are finished.\n"));
  }
  print(absl::StrCat("\n", advice_text(made, about.swept, partial, looks)));
  return made;
}

// Says which answers were wrong; true if none was.
bool all_agree(const std::vector<outcome>& outcomes) {
  bool agree = true;
  for (const outcome& each : outcomes) {
    if (each.wrong.empty()) continue;
    agree = false;
    const std::string where = each.point ? absl::StrCat(" at ", *each.point) : "";
    complain(absl::StrCat(each.name, where, ": ", each.wrong));
  }
  return agree;
}

// For --record.
int record(const options& asked) {
  const recording made = record_arrivals(STDIN_FILENO, asked.record, stop_requested());
  const double seconds = static_cast<double>(made.nanoseconds) / 1e9;
  print(absl::StrCat("recorded: ", counted(made.lines, "line"), " in ", absl::StrFormat("%.6g s", seconds), ", at most ",
                     made.most_at_once, " within a millisecond\n",
                     "replay:   tools/compare --workload=latency --replay=", one_line(asked.record), "\n"));
  if (!output_arrived()) return 1;
  return stop_requested().load(memory_order_relaxed) ? stop_status() : 0;
}

// The page beside results.json.
void write_page(const results_folder& folder, const nlohmann::ordered_json& document) {
  const std::optional<std::string> library = chart_library();
  write_whole_file(folder.page(), report_html({{folder.file(), document}}, library));
  print(absl::StrCat("page:     ", folder.page(), library ? "" : " (without charts: no Chart.js was found)", "\n"));
}

int compare(options asked, const std::vector<std::string>& command_line, const implementations& all_there_are) {
  const atomic<bool>& stop = stop_requested();

  // What can be wrong with the request is found before anything takes long.
  if (!asked.replay.empty()) {
    asked.layout.arrivals = std::make_shared<const arrival_times>(read_arrivals(asked.replay, stop));
  }
  const lineup chosen(asked, all_there_are);
  const mapped_text input = !has_text(asked.which)  ? mapped_text::none()
                            : asked.input.empty()   ? mapped_text::generate(asked.seed, asked.generate_bytes, stop)
                                                    : mapped_text::open(asked.input, stop);
  std::optional<results_folder> folder;
  if (!asked.out.empty()) folder.emplace(asked.out);

  progress_bar bar;
  const reference expected =
      make_reference(input, stop, [&](double fraction) { bar.show(fraction, -1, "reading"); });
  bar.clear();
  print(heading(asked, input, expected));
  for (const lineup::absence& each : chosen.skipped()) print(to_line(each));
  print("\n");
  std::fflush(stdout);

  const std::vector<contender> contenders = chosen.contenders(input, expected, stop);
  const rounds all = run_rounds(contenders, asked.repetitions, stop, show_progress(bar), budget(asked));
  bar.clear();

  const bool agree = all_agree(all.outcomes);
  const advice advised = report(all, asked, contenders.size(), question_of(asked, all_there_are));
  if (folder) {
    const nlohmann::ordered_json document =
        results_json({command_line, asked, input, expected, !all.complete, advised}, all.outcomes);
    folder->write(document);
    print(absl::StrCat("\nresults:  ", folder->file(), "\n"));
    write_page(*folder, document);
  }
  const bool arrived = output_arrived();
  if (!agree) return 1;
  if (!all.complete) return stop_status();
  return arrived ? 0 : 1;
}

}  // namespace

int run_program(int argc, const char* const* argv, const implementations& all) {
  handle_signals();
  try {
    const std::vector<std::string> command_line(argv, argv + argc);
    const options asked = parse_options(std::span(argv + 1, static_cast<std::size_t>(argc - 1)));
    if (asked.help || asked.list) {
      print(asked.help ? help_text() : list_text(all));
      return output_arrived() ? 0 : 1;
    }
    if (!asked.record.empty()) return record(asked);
    return compare(asked, command_line, all);
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

int run_program(int argc, const char* const* argv, const queue_registry<std::string_view>& queues,
                const adapters::counter_registry& counters) {
  return run_program(argc, argv, implementations{.lines = queues, .items = {}, .stacks = {}, .counters = counters});
}

}  // namespace switchyard::compare
