#include "switchyard/benchmarks/compare/options.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <iterator>
#include <limits>
#include <string_view>
#include <utility>

#include "absl/flags/commandlineflag.h"
#include "absl/flags/flag.h"
#include "absl/flags/reflection.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"
#include "switchyard/benchmarks/compare/error.h"
#include "switchyard/benchmarks/compare/items.h"
#include "switchyard/benchmarks/compare/strings.h"

namespace switchyard::compare {

// Flag types of our own; Abseil finds the functions by their names.

/// A time, written as absl::Duration is ("250ms", "1.5s") or as plain seconds.
struct time_span {
  absl::Duration value;
};

bool AbslParseFlag(absl::string_view text, time_span* into, std::string*) {
  double seconds = 0;
  if (absl::SimpleAtod(text, &seconds) && std::isfinite(seconds)) {
    into->value = absl::Seconds(seconds);
    return true;
  }
  return absl::ParseDuration(text, &into->value);
}

std::string AbslUnparseFlag(time_span span) {
  return absl::FormatDuration(span.value);
}

bool AbslParseFlag(absl::string_view text, workload* into, std::string*) {
  for (const workload which : workloads) {
    if (text == as_absl(to_string(which))) {
      *into = which;
      return true;
    }
  }
  return false;
}

std::string AbslUnparseFlag(workload which) {
  return std::string(to_string(which));
}

std::string_view to_string(workload which) {
  switch (which) {
    case workload::pipeline: return "pipeline";
    case workload::counter: return "counter";
    case workload::threadpool: return "threadpool";
    case workload::semaphore: return "semaphore";
    case workload::barrier: return "barrier";
    case workload::transfer: return "transfer";
    case workload::synchronized: return "synchronized";
    case workload::lazy: return "lazy";
    case workload::queue: return "queue";
    case workload::latency: return "latency";
    case workload::stack: return "stack";
    case workload::map: return "map";
  }
  return "unknown";
}

std::string_view to_string(pace how) {
  switch (how) {
    case pace::quick: return "quick";
    case pace::usual: return "usual";
    case pace::thorough: return "thorough";
  }
  return "unknown";
}

bool has_text(workload which) {
  return which != workload::queue && which != workload::latency && which != workload::stack;
}

bool has_two_sides(workload which) {
  return which == workload::pipeline || which == workload::threadpool || which == workload::queue ||
         which == workload::latency;
}

std::string_view item_of(workload which) {
  if (which == workload::queue || which == workload::latency) return "item";
  if (which == workload::stack) return "pair";
  if (which == workload::barrier) return "round";
  return which == workload::pipeline || which == workload::threadpool ? "line" : "word";
}

}  // namespace switchyard::compare

using switchyard::compare::time_span;
using switchyard::compare::workload;

ABSL_FLAG(std::string, input, "", "text file to work on; - is standard input. Without it, a generated log");
ABSL_FLAG(workload, workload, workload::pipeline,
          "what the threads do:\n"
          "                          queue         numbered items go through a queue\n"
          "                          latency       the same when they are due: how late do they come?\n"
          "                          stack         threads push and pop in turn\n"
          "                          map           words are counted in a map that all threads share\n"
          "                          counter       words are counted in one counter\n"
          "                          threadpool    lines are tasks of a pool\n"
          "                          semaphore     a word needs a permit\n"
          "                          barrier       threads wait for each other every 4 KiB\n"
          "                          transfer      a word moves its length from one of 8 accounts to another\n"
          "                          synchronized  a word reads a value, a line changes it\n"
          "                          lazy          a word asks for what is built at first use\n"
          "                          pipeline      lines go through a queue");
ABSL_FLAG(std::string, impl, "*", "what to run: names or patterns with * and ?, separated by commas");
ABSL_FLAG(std::int64_t, producers, 1, "threads that push");
ABSL_FLAG(std::int64_t, consumers, 1, "threads that pop");
ABSL_FLAG(std::int64_t, capacity, 1024, "items that the queue has room for");
ABSL_FLAG(std::int64_t, batch, 1, "items per call of push and pop; from 2 on push_n and pop_n are called; stack: pushes in a\n"
          "                        row");
ABSL_FLAG(std::int64_t, repetitions, 5, "runs of each implementation");
ABSL_FLAG(time_span, min_time, time_span{absl::Milliseconds(300)},
          "of one run, at least; the input is gone through again until it has passed");
ABSL_FLAG(std::string, out, "", "folder to write results.json and report.html to (made if it is missing)");
ABSL_FLAG(std::uint64_t, seed, 1, "seed of the generated log");
ABSL_FLAG(std::int64_t, generate_bytes, std::int64_t{64} << 20, "size of the generated log");
ABSL_FLAG(std::int64_t, item_size, 8, "queue, latency: bytes of an item: 8, 64 or 256");
ABSL_FLAG(double, rate, 0,
          "queue, latency: items that are due a second, of all producers together; 0: as fast as they\n"
          "                        can; for latency, which needs one, 100000 unless it is given");
ABSL_FLAG(std::int64_t, burst, 1, "queue, latency: items that are due at the same time; needs a rate");
ABSL_FLAG(std::string, replay, "",
          "queue, latency: file that says when items are due, in place of a rate: seconds, such as\n"
          "                        12.000250, one a line, each as late as the one before or later, from whatever time on");
ABSL_FLAG(std::string, record, "",
          "notes when lines come on standard input, writes that to this file for --replay, and exits at the\n"
          "                        input's end or at Ctrl-C: `your_program | tools/compare --record=FILE`, or\n"
          "                        `tail -n 0 -f LOG | tools/compare --record=FILE`. Of a log that has times in it, write\n"
          "                        these to a file yourself, one a line: --replay needs no more");
ABSL_FLAG(std::string, sweep, "",
          "runs everything once for each value of threads, item_size, burst or rate. threads: so many\n"
          "                        producers and so many consumers; where all threads do the same, so many in all.\n"
          "                        Without values: threads:1,2,4,8, item_size:8,64,256, burst:1,10,100,1000,\n"
          "                        rate:1000,10000,100000,1000000");
ABSL_FLAG(bool, quick, false, "look at it for less than 20 seconds: short runs of a small input, of a file its first 4 MiB, of\n"
          "                        a replay its first 200 ms; what there is no time for is left out, and named; other\n"
          "                        flags win");
ABSL_FLAG(bool, thorough, false, "take several minutes, to be sure: many long runs; other flags win");
ABSL_FLAG(bool, list, false, "list the implementations and what they can do, and exit");

namespace switchyard::compare {
namespace {

// What help and errors say about the value of a flag. Flags of other libraries in this program are not ours.
// `help` is none of Abseil's flags, as a program that uses all of Abseil has another one of that name.
struct flag_line {
  std::string_view name;
  std::string_view value;  // empty: on or off
  std::string_view accepts;
};

constexpr std::array flag_lines = {
    flag_line{"input", "FILE", "a file name, or -"},
    flag_line{"workload", "NAME", "pipeline, counter, threadpool, semaphore, barrier, transfer, synchronized, lazy, queue, latency, stack or map"},
    flag_line{"impl", "GLOB[,GLOB]", "names or patterns, separated by commas"},
    flag_line{"producers", "N", "a whole number from 1 to 1024"},
    flag_line{"consumers", "N", "a whole number from 1 to 1024"},
    flag_line{"capacity", "N", "a whole number from 1 to 100000000"},
    flag_line{"batch", "N", "a whole number from 1 to 1000000"},
    flag_line{"repetitions", "N", "a whole number from 1 to 10000"},
    flag_line{"min_time", "TIME", "a time from 0 to 1 hour, such as 250ms or 1.5s"},
    flag_line{"out", "DIR", "a folder"},
    flag_line{"seed", "N", "a whole number, not negative"},
    flag_line{"generate_bytes", "N", "a whole number, not negative"},
    flag_line{"item_size", "N", "8, 64 or 256"},
    flag_line{"rate", "R", "a number from 0 to 1e9"},
    flag_line{"burst", "N", "a whole number from 1 to 1000000"},
    flag_line{"replay", "FILE", "a file name, or -"},
    flag_line{"record", "FILE", "a file name"},
    flag_line{"sweep", "WHAT[:N,N]", "threads, item_size, burst or rate, and perhaps values, each once, such as threads:1,2,4"},
    flag_line{"quick", "", "true or false"},
    flag_line{"thorough", "", "true or false"},
    flag_line{"list", "", "true or false"},
    flag_line{"help", "", "true or false"},
};

const flag_line* find_flag(std::string_view name) {
  for (const flag_line& line : flag_lines) {
    if (line.name == name) return &line;
  }
  return nullptr;
}

[[noreturn]] void refuse(std::string_view name, std::string_view value) {
  throw bad_request(absl::StrCat("--", as_absl(name), "=", as_absl(value), ": must be ",
                                 as_absl(find_flag(name)->accepts)));
}

// Null for `help`.
absl::CommandLineFlag* find_absl_flag(const flag_line& line) {
  return line.name == "help" ? nullptr : absl::FindCommandLineFlag(as_absl(line.name));
}

void set_flag(const flag_line& line, std::string_view value, options& asked) {
  std::string error;
  absl::CommandLineFlag* const flag = find_absl_flag(line);
  const bool good = flag == nullptr ? absl::SimpleAtob(as_absl(value), &asked.help)
                                    : flag->ParseFrom(as_absl(value), &error);
  if (value.empty() || !good) refuse(line.name, value);
}

// Whether a flag means anything in a workload.
bool goes_with(std::string_view flag, workload which) {
  const bool streams = which == workload::queue || which == workload::latency;
  if (flag == "input" || flag == "seed" || flag == "generate_bytes") return has_text(which);
  if (flag == "item_size" || flag == "rate" || flag == "burst" || flag == "replay") return streams;
  if (flag == "batch") return streams || which == workload::pipeline || which == workload::stack;
  if (flag == "capacity") return has_two_sides(which);
  return true;
}

bool is_item_size(std::uint64_t bytes) {
  return std::ranges::find(item_sizes, bytes) != item_sizes.end();
}

// What may be swept: the values by default and the largest one, and the flags whose place it takes.
struct sweep_line {
  std::string_view over;
  std::vector<std::uint64_t> values;
  std::uint64_t most;
  std::vector<std::string_view> instead_of;
};

const std::vector<sweep_line>& sweep_lines() {
  static const std::vector<sweep_line> lines = {
      {"threads", {1, 2, 4, 8}, 1024, {"producers", "consumers"}},
      {"item_size", {item_sizes.begin(), item_sizes.end()}, item_sizes.back(), {"item_size"}},
      {"burst", {1, 10, 100, 1000}, 1'000'000, {"burst"}},
      {"rate", {1'000, 10'000, 100'000, 1'000'000}, 1'000'000'000, {"rate"}},
  };
  return lines;
}

sweep parse_sweep(std::string_view text) {
  const std::size_t colon = text.find(':');
  const auto line = std::ranges::find(sweep_lines(), text.substr(0, colon), &sweep_line::over);
  if (line == sweep_lines().end()) refuse("sweep", text);
  sweep made{std::string(line->over), line->values};
  if (colon == text.npos) return made;
  made.values.clear();
  for (const auto each : absl::StrSplit(as_absl(text.substr(colon + 1)), ',')) {
    std::uint64_t value = 0;
    const bool good = absl::SimpleAtoi(each, &value) && value >= 1 && value <= line->most &&
                      (line->over != "item_size" || is_item_size(value)) &&
                      std::ranges::find(made.values, value) == made.values.end();
    if (!good) refuse("sweep", text);
    made.values.push_back(value);
  }
  return made;
}

// Flags that make no sense together: they are not ignored.
void check_combinations(const options& asked, const std::vector<std::string_view>& given) {
  const auto is_given = [&](std::string_view flag) { return std::ranges::find(given, flag) != given.end(); };
  const auto exclude = [](std::string_view one, std::string_view other) {
    throw bad_request(absl::StrCat("--", as_absl(one), " does not go with --", as_absl(other), " (see --help)"));
  };
  if (is_given("record")) {
    for (const std::string_view flag : given) {
      if (flag != "record" && flag != "input") exclude(flag, "record");
    }
    if (is_given("input") && asked.input != "-") {
      throw bad_request("--record notes when lines come from standard input; all lines of a file are there at once");
    }
    return;
  }
  const std::string at = absl::StrCat("workload=", as_absl(to_string(asked.which)));
  for (const std::string_view flag : given) {
    if (!goes_with(flag, asked.which)) exclude(flag, at);
  }
  const bool swept_rate = asked.swept && asked.swept->over == "rate";
  const bool swept_burst = asked.swept && asked.swept->over == "burst";
  if (asked.swept) {
    const std::string swept = absl::StrCat("sweep=", asked.swept->over);
    if (!goes_with(asked.swept->over, asked.which)) exclude(swept, at);
    for (const std::string_view flag : std::ranges::find(sweep_lines(), asked.swept->over, &sweep_line::over)->instead_of) {
      if (is_given(flag)) exclude(flag, swept);
    }
    if (is_given("replay") && (swept_rate || swept_burst)) exclude(swept, "replay");
  }
  if (is_given("replay")) {
    for (const std::string_view flag : {"rate", "burst"}) {
      if (is_given(flag)) exclude(flag, "replay");
    }
  } else if (!swept_rate && asked.layout.rate == 0) {
    if (asked.which == workload::latency) throw bad_request("--workload=latency needs a --rate above 0");
    if (is_given("burst") || swept_burst) throw bad_request("bursts need a --rate above 0");
  }
}

// What --quick and --thorough stand for, but for what was asked for by itself.
void set_pace(options& asked, const std::vector<std::string_view>& given) {
  const bool quick = absl::GetFlag(FLAGS_quick);
  const bool thorough = absl::GetFlag(FLAGS_thorough);
  if (quick && thorough) throw bad_request("--quick does not go with --thorough (see --help)");
  if (!quick && !thorough) return;
  asked.how = quick ? pace::quick : pace::thorough;
  const auto is_given = [&](std::string_view flag) { return std::ranges::find(given, flag) != given.end(); };
  // As few runs as there can be an interval of; shorter where there are many points.
  constexpr std::chrono::milliseconds a_point{60};
  const std::size_t points = asked.swept ? asked.swept->values.size() : 1;
  if (!is_given("repetitions")) asked.repetitions = quick ? 5 : 15;
  if (!is_given("generate_bytes") && quick) asked.generate_bytes = std::uint64_t{1} << 20;
  if (quick) {
    asked.most_input = std::uint64_t{4} << 20;
    asked.layout.patience = std::chrono::milliseconds(100);
  }
  if (!is_given("min_time")) {
    asked.layout.min_time = quick ? std::max<steady_clock::duration>(a_point / points, std::chrono::milliseconds(10))
                                  : std::chrono::seconds(1);
  }
}

// The flag's value, if it is from `least` to `most`.
std::size_t number(std::string_view name, std::int64_t value, std::int64_t least, std::int64_t most) {
  if (value < least || value > most) refuse(name, absl::StrCat(value));
  return static_cast<std::size_t>(value);
}

}  // namespace

options parse_options(std::span<const char* const> arguments) {
  // Flags are global, and another call may have set them. (absl::FlagSaver would tell standard error about
  // it.)
  for (const flag_line& line : flag_lines) {
    std::string error;
    if (absl::CommandLineFlag* const flag = find_absl_flag(line))
      flag->ParseFrom(flag->DefaultValue(), &error);
  }
  options asked;
  std::vector<std::string_view> given;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string_view argument = arguments[i];
    if (!argument.starts_with("--") || argument == "--") {
      throw bad_request(absl::StrCat("unexpected argument \"", as_absl(argument), "\" (see --help)"));
    }
    const std::size_t equals = argument.find('=');
    const std::string_view name = argument.substr(2, equals == argument.npos ? equals : equals - 2);
    const flag_line* line = find_flag(name);
    if (line == nullptr && equals == argument.npos && name.starts_with("no")) {
      line = find_flag(name.substr(2));
      if (line != nullptr && line->value.empty()) {
        set_flag(*line, "false", asked);
        continue;
      }
      line = nullptr;
    }
    if (line == nullptr) throw bad_request(absl::StrCat("unknown flag --", as_absl(name), " (see --help)"));
    given.push_back(name);
    if (equals != argument.npos) {
      set_flag(*line, argument.substr(equals + 1), asked);
    } else if (line->value.empty()) {
      set_flag(*line, "true", asked);
    } else if (i + 1 < arguments.size()) {
      set_flag(*line, arguments[++i], asked);
    } else {
      throw bad_request(absl::StrCat("--", as_absl(name), " needs a value: ", as_absl(line->accepts)));
    }
  }

  asked.list = absl::GetFlag(FLAGS_list);
  if (asked.help || asked.list) return asked;
  asked.input = absl::GetFlag(FLAGS_input);
  asked.seed = absl::GetFlag(FLAGS_seed);
  asked.generate_bytes = number("generate_bytes", absl::GetFlag(FLAGS_generate_bytes), 0,
                                std::numeric_limits<std::int64_t>::max());
  asked.which = absl::GetFlag(FLAGS_workload);
  asked.impl = absl::GetFlag(FLAGS_impl);
  asked.layout.producers = number("producers", absl::GetFlag(FLAGS_producers), 1, 1024);
  asked.layout.consumers = number("consumers", absl::GetFlag(FLAGS_consumers), 1, 1024);
  asked.layout.capacity = number("capacity", absl::GetFlag(FLAGS_capacity), 1, 100'000'000);
  asked.layout.batch = number("batch", absl::GetFlag(FLAGS_batch), 1, 1'000'000);
  asked.repetitions = number("repetitions", absl::GetFlag(FLAGS_repetitions), 1, 10'000);
  const absl::Duration min_time = absl::GetFlag(FLAGS_min_time).value;
  if (min_time < absl::ZeroDuration() || min_time > absl::Hours(1)) {
    refuse("min_time", absl::FormatDuration(min_time));
  }
  asked.layout.min_time =
      std::chrono::duration_cast<steady_clock::duration>(absl::ToChronoNanoseconds(min_time));
  asked.out = absl::GetFlag(FLAGS_out);

  const std::int64_t item_size = absl::GetFlag(FLAGS_item_size);
  if (item_size < 1 || !is_item_size(static_cast<std::uint64_t>(item_size))) refuse("item_size", absl::StrCat(item_size));
  asked.layout.item_size = static_cast<std::size_t>(item_size);
  asked.layout.rate = absl::GetFlag(FLAGS_rate);
  if (!(asked.layout.rate >= 0 && asked.layout.rate <= 1e9)) refuse("rate", absl::StrCat(asked.layout.rate));
  asked.layout.burst = number("burst", absl::GetFlag(FLAGS_burst), 1, 1'000'000);
  asked.replay = absl::GetFlag(FLAGS_replay);
  asked.record = absl::GetFlag(FLAGS_record);
  if (const std::string swept = absl::GetFlag(FLAGS_sweep); !swept.empty()) asked.swept = parse_sweep(swept);
  const bool paced = std::ranges::find(given, "rate") != given.end() || !asked.replay.empty();
  if (asked.which == workload::latency && !paced) asked.layout.rate = 100'000;
  check_combinations(asked, given);
  set_pace(asked, given);
  return asked;
}

options at_point(const options& asked, std::uint64_t value) {
  options at = asked;
  const std::string& over = asked.swept->over;
  if (over == "threads") {
    at.layout.producers = value;
    at.layout.consumers = has_two_sides(asked.which) ? value : 0;
  } else if (over == "item_size") {
    at.layout.item_size = value;
  } else if (over == "burst") {
    at.layout.burst = value;
  } else {
    at.layout.rate = static_cast<double>(value);
  }
  return at;
}

std::string help_text() {
  std::string text =
      "Usage: tools/compare [flags]\n\n"
      "Pushes a text through every queue there is (or does what else --workload names), checks that\n"
      "all give the same answer, and says which is the fastest, and at what cost, for this workload on\n"
      "this machine.\n\n";
  for (const flag_line& line : flag_lines) {
    std::string head = absl::StrCat("  --", as_absl(line.name));
    if (!line.value.empty()) absl::StrAppend(&head, "=", as_absl(line.value));
    std::string tail = "print this, and exit";
    if (const absl::CommandLineFlag* const flag = find_absl_flag(line)) {
      const std::string value = flag->DefaultValue();
      const bool plain = value.empty() || line.value.empty();
      tail = absl::StrCat(flag->Help(), plain ? "" : absl::StrCat(" (default ", value, ")"));
    }
    absl::StrAppend(&text, absl::StrFormat("%-24s", head), tail, "\n");
  }
  absl::StrAppend(
      &text,
      "\nExit status: 0 all answers agreed; 1 one did not, or something failed; 2 a bad request or\n"
      "input; 130 stopped with Ctrl-C, after printing what was finished.\n");
  return text;
}

}  // namespace switchyard::compare
