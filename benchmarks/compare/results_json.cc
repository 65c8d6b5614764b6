#include "switchyard/benchmarks/compare/results_json.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <thread>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "switchyard/benchmarks/compare/error.h"
#include "switchyard/benchmarks/compare/statistics.h"
#include "switchyard/benchmarks/compare/whole_file.h"

namespace switchyard::compare {
namespace {

using json = nlohmann::ordered_json;

std::string host_name() {
  char name[256] = {};
  return ::gethostname(name, sizeof(name) - 1) == 0 ? name : "unknown";
}

// The first processor's clock; 0 if the system does not say.
int mhz_per_cpu() {
  std::ifstream info("/proc/cpuinfo");
  std::string line;
  while (std::getline(info, line)) {
    double mhz = 0;
    const std::size_t colon = line.find(':');
    if (line.starts_with("cpu MHz") && colon != line.npos && absl::SimpleAtod(line.substr(colon + 1), &mhz)) {
      return static_cast<int>(mhz);
    }
  }
  return 0;
}

std::string compiler() {
#if defined(__clang__)
  return absl::StrCat("clang ", __clang_version__);
#elif defined(__GNUC__)
  return absl::StrCat("g++ ", __VERSION__);
#else
  return "unknown";
#endif
}

json context(const comparison& what) {
  const options& asked = what.asked;
  json of;
  of["date"] = absl::FormatTime(absl::RFC3339_sec, absl::Now(), absl::LocalTimeZone());
  of["host_name"] = host_name();
  of["executable"] = what.command_line.empty() ? "" : what.command_line.front();
  of["num_cpus"] = std::thread::hardware_concurrency();
  if (const int mhz = mhz_per_cpu(); mhz > 0) of["mhz_per_cpu"] = mhz;
  double load[3];
  if (const int n = ::getloadavg(load, 3); n > 0) of["load_avg"] = std::vector<double>(load, load + n);
#ifdef NDEBUG
  of["library_build_type"] = "release";
#else
  of["library_build_type"] = "debug";
#endif
  of["compiler"] = compiler();
  of["command_line"] = absl::StrJoin(what.command_line, " ");

  const tally& answer = what.expected.answer;
  of["input"] = what.input.name();
  of["lines"] = answer.lines;
  of["words"] = answer.words;
  of["bytes"] = answer.bytes;
  json& top = of["top_words"] = json::array();
  for (const auto& [word, count] : most_frequent(what.expected, 10)) {
    top.push_back({{"word", word}, {"count", count}});
  }
  of["workload"] = to_string(asked.which);
  of["item"] = item_of(asked.which);
  of["producers"] = asked.layout.producers;
  of["consumers"] = asked.layout.consumers;
  of["capacity"] = asked.layout.capacity;
  of["batch"] = asked.layout.batch;
  of["repetitions"] = asked.repetitions;
  of["min_time_seconds"] = std::chrono::duration<double>(asked.layout.min_time).count();
  of["interrupted"] = what.was_interrupted;
  return of;
}

// The keys that runs and medians share.
json entry(const comparison& what, const outcome& of, std::size_t family) {
  json made;
  made["name"] = of.name;
  made["family_index"] = family;
  made["per_family_instance_index"] = 0;
  made["run_name"] = of.name;
  made["run_type"] = "iteration";
  made["repetitions"] = what.asked.repetitions;
  return made;
}

std::size_t threads(const comparison& what) {
  return what.asked.layout.producers + what.asked.layout.consumers;
}

json run_entry(const comparison& what, const outcome& of, std::size_t family, std::size_t index) {
  const sample& run = of.samples[index];
  json made = entry(what, of, family);
  made["repetition_index"] = index;
  made["threads"] = threads(what);
  made["iterations"] = run.items;
  made["real_time"] = seconds_per_item(run) * 1e9;
  made["cpu_time"] = cpu_seconds_per_item(run) * 1e9;
  made["time_unit"] = "ns";
  made["items_per_second"] = items_per_second(run);
  made["seconds"] = run.use.seconds;
  made["passes"] = run.passes;
  made["voluntary_context_switches"] = run.use.resources.voluntary_switches;
  made["involuntary_context_switches"] = run.use.resources.involuntary_switches;
  if (run.use.peak_memory) made["peak_memory_bytes"] = *run.use.peak_memory;
  made["answers_agree"] = true;
  return made;
}

json median_entry(const comparison& what, const outcome& of, std::size_t family, const summary& figures) {
  std::vector<double> times;
  for (const sample& run : of.samples) times.push_back(seconds_per_item(run) * 1e9);
  json made = entry(what, of, family);
  made["name"] = of.name + "_median";
  made["run_type"] = "aggregate";
  made["threads"] = threads(what);
  made["aggregate_name"] = "median";
  made["aggregate_unit"] = "time";
  made["iterations"] = of.samples.size();  // as Google Benchmark has it: how many runs this is made from
  made["real_time"] = median(times);
  made["cpu_time"] = figures.cpu_ns_per_item;
  made["time_unit"] = "ns";
  made["items_per_second"] = figures.items_per_second.median;
  made["items_per_second_min"] = figures.items_per_second.min;
  made["items_per_second_max"] = figures.items_per_second.max;
  if (figures.against_blocking) made["ratio_to_best_blocking"] = *figures.against_blocking;
  made["voluntary_context_switches_per_1000_items"] = figures.voluntary_per_1000_items;
  made["involuntary_context_switches_per_1000_items"] = figures.involuntary_per_1000_items;
  if (figures.peak_memory) made["peak_memory_bytes"] = *figures.peak_memory;
  made["progress"] = adapters::to_string(of.guarantee);
  made["answers_agree"] = true;
  return made;
}

json error_entry(const comparison& what, const outcome& of, std::size_t family) {
  json made = entry(what, of, family);
  made["repetition_index"] = of.samples.size();
  made["threads"] = threads(what);
  made["error_occurred"] = true;
  made["error_message"] = of.wrong;
  made["answers_agree"] = false;
  return made;
}

}  // namespace

json results_json(const comparison& what, const std::vector<outcome>& outcomes) {
  const std::vector<summary> summaries = summarize(outcomes);
  json document;
  document["context"] = context(what);
  json& benchmarks = document["benchmarks"] = json::array();
  for (std::size_t family = 0; family < outcomes.size(); ++family) {
    const outcome& of = outcomes[family];
    for (std::size_t i = 0; i < of.samples.size(); ++i) benchmarks.push_back(run_entry(what, of, family, i));
    if (!of.wrong.empty()) {
      benchmarks.push_back(error_entry(what, of, family));
      continue;
    }
    for (const summary& figures : summaries) {
      if (figures.name == of.name) benchmarks.push_back(median_entry(what, of, family, figures));
    }
  }
  return document;
}

results_folder::results_folder(std::string path) : path_(std::move(path)) {
  std::error_code error;
  std::filesystem::create_directories(path_, error);
  if (!error && !std::filesystem::is_directory(path_))
    error = std::make_error_code(std::errc::not_a_directory);
  if (!error && (std::filesystem::is_directory(file()) || std::filesystem::is_directory(page())))
    error = std::make_error_code(std::errc::is_a_directory);
  if (!error) {
    // Permissions alone do not tell: the disk may be read-only.
    std::string probe = path_ + "/.results-XXXXXX";
    const int made = ::mkostemp(probe.data(), O_CLOEXEC);
    if (made < 0) error = std::error_code(errno, std::generic_category());
    if (made >= 0) {
      ::close(made);
      ::unlink(probe.c_str());
    }
  }
  if (error) throw bad_request(absl::StrCat("--out=", path_, ": cannot be written to: ", error.message()));
}

void results_folder::write(const nlohmann::ordered_json& document) const {
  // Names and words may be in any encoding; what is not UTF-8 is replaced.
  write_whole_file(file(), document.dump(2, ' ', false, json::error_handler_t::replace) + "\n");
}

}  // namespace switchyard::compare
