#include "switchyard/benchmarks/compare/options.h"

#include <array>
#include <chrono>
#include <cmath>
#include <limits>
#include <string_view>

#include "absl/flags/commandlineflag.h"
#include "absl/flags/flag.h"
#include "absl/flags/reflection.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "switchyard/benchmarks/compare/error.h"
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
  }
  return "unknown";
}

std::string_view item_of(workload which) {
  if (which == workload::barrier) return "round";
  return which == workload::pipeline || which == workload::threadpool ? "line" : "word";
}

}  // namespace switchyard::compare

using switchyard::compare::time_span;
using switchyard::compare::workload;

ABSL_FLAG(std::string, input, "", "text file to work on; - is standard input. Without it, a generated log");
ABSL_FLAG(workload, workload, workload::pipeline,
          "pipeline: lines go through a queue; counter: words are counted in one counter;\n"
          "                        threadpool: lines are tasks of a pool; semaphore: a word needs a permit; barrier: threads\n"
          "                        wait for each other every 4 KiB; transfer: a word moves its length from one of 8 accounts\n"
          "                        to another; synchronized: a word reads a value, a line changes it; lazy: a word asks for\n"
          "                        what is built at first use");
ABSL_FLAG(std::string, impl, "*", "what to run: names or patterns with * and ?, separated by commas");
ABSL_FLAG(std::int64_t, producers, 1, "threads that push");
ABSL_FLAG(std::int64_t, consumers, 1, "threads that pop");
ABSL_FLAG(std::int64_t, capacity, 1024, "items that the queue has room for");
ABSL_FLAG(std::int64_t, batch, 1, "items per call of push and pop; from 2 on push_n and pop_n are called");
ABSL_FLAG(std::int64_t, repetitions, 5, "runs of each implementation");
ABSL_FLAG(time_span, min_time, time_span{absl::Milliseconds(300)},
          "of one run, at least; the input is gone through again until it has passed");
ABSL_FLAG(std::string, out, "", "folder to write results.json and report.html to (made if it is missing)");
ABSL_FLAG(std::uint64_t, seed, 1, "seed of the generated log");
ABSL_FLAG(std::int64_t, generate_bytes, std::int64_t{64} << 20, "size of the generated log");
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
    flag_line{"workload", "NAME", "pipeline, counter, threadpool, semaphore, barrier, transfer, synchronized or lazy"},
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
  return asked;
}

std::string help_text() {
  std::string text =
      "Usage: tools/compare [flags]\n\n"
      "Pushes a text through every queue there is (or through what else --workload names), checks that\n"
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
