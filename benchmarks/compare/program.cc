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
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "switchyard/benchmarks/compare/advice.h"
#include "switchyard/benchmarks/compare/arrivals.h"
#include "switchyard/benchmarks/compare/error.h"
#include "switchyard/benchmarks/compare/implementations.h"
#include "switchyard/benchmarks/compare/input.h"
#include "switchyard/benchmarks/compare/lineup.h"
#include "switchyard/benchmarks/compare/options.h"
#include "switchyard/benchmarks/compare/progress_bar.h"
#include "switchyard/benchmarks/compare/question_of.h"
#include "switchyard/benchmarks/compare/report.h"
#include "switchyard/benchmarks/compare/request_text.h"
#include "switchyard/benchmarks/compare/results_json.h"
#include "switchyard/benchmarks/compare/results_text.h"
#include "switchyard/benchmarks/compare/runner.h"
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

// How long everything up to the last run may take. That run, the tables and the page have the rest of the 20 seconds.
constexpr steady_clock::duration quick_budget = std::chrono::seconds(14);
// A run plays all of a replay, and there may be two dozen of each round.
constexpr std::chrono::milliseconds quick_replay{200};

// For --replay. Adds a sentence to `notes` if not all of it is played.
std::shared_ptr<const arrival_times> arrivals_for(const options& asked, std::vector<std::string>& notes) {
  arrival_times times = read_arrivals(asked.replay, stop_requested());
  const std::size_t all = times.size();
  if (asked.how == pace::quick) keep_first(times, quick_replay);
  if (times.size() < all) {
    notes.push_back(absl::StrCat("Of ", one_line(asked.replay), " only the first ", times.size(), " of ", all,
                                 " items are played, as --quick has no time for more."));
  }
  return std::make_shared<const arrival_times>(std::move(times));
}

// Adds a sentence each about what was asked for and did not fit into that time.
void add_what_was_cut(const rounds& all, const options& asked, std::vector<std::string>& notes) {
  if (!all.left_out.empty()) {
    notes.push_back(absl::StrCat("The time of --quick was over before these could run: ", few_of(all.left_out),
                                 ". Name fewer with --impl, or leave --quick out."));
  }
  if (all.complete && all.repetitions < asked.repetitions) {
    notes.push_back(absl::StrCat("Only ", all.repetitions, " of ", asked.repetitions,
                                 " runs of each fit into the time of --quick."));
  }
}

// Prints what all runs came to, or those that were finished of `wanted`, and what follows from it.
advice report(const rounds& all, const options& asked, std::size_t contenders, const question& about,
              const std::vector<std::string>& notes) {
  std::size_t finished = 0;
  for (const outcome& each : all.outcomes) finished += each.samples.size();
  const std::size_t wanted = contenders * asked.repetitions;
  const std::string partial = all.complete ? "" : absl::StrCat("after ", finished, " of ", wanted, " runs");

  const std::vector<summary> lines = summarize(all.outcomes);
  advice made = advise(lines, about);
  const appearance looks = appearance_of_output();
  print(results_text(lines, about.swept, !all.complete, made.overall, looks));
  const auto print_note = [&](const std::string& note) {
    print(absl::StrCat("\n", wrapped("Note: " + note, text_width(looks))));
  };
  if (const std::string note = rate_note(all.outcomes); !note.empty()) print_note(note);
  for (const std::string& note : notes) print_note(note);
  if (!all.complete) {
    print(absl::StrCat("\nInterrupted: ", finished, " of ", wanted, " runs are finished.\n"));
  }
  print(absl::StrCat("\n", advice_text(made, partial, looks)));
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
  const steady_clock::time_point began = steady_clock::now();

  std::vector<std::string> notes;

  // What can be wrong with the request is found before anything takes long.
  if (!asked.replay.empty()) asked.layout.arrivals = arrivals_for(asked, notes);
  const lineup chosen(asked, all_there_are);
  const mapped_text input = !has_text(asked.which)  ? mapped_text::none()
                            : asked.input.empty()   ? mapped_text::generate(asked.seed, asked.generate_bytes, stop)
                                                    : mapped_text::open(asked.input, stop, asked.most_input);
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
  const steady_clock::duration budget = asked.how == pace::quick ? quick_budget - (steady_clock::now() - began)
                                                                 : steady_clock::duration::max();
  const rounds all = run_rounds(contenders, asked.repetitions, stop, show_progress(bar), budget);
  bar.clear();

  const bool agree = all_agree(all.outcomes);
  add_what_was_cut(all, asked, notes);
  const advice advised = report(all, asked, contenders.size(), question_of(asked, all_there_are), notes);
  if (folder) {
    const nlohmann::ordered_json document =
        results_json({command_line, asked, input, expected, !all.complete, advised, notes}, all.outcomes);
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

}  // namespace switchyard::compare
