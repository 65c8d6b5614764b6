#include "switchyard/benchmarks/compare/results_json.h"

#include <fcntl.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "switchyard/benchmarks/compare/build_info.h"
#include "switchyard/benchmarks/compare/error.h"
#include "switchyard/benchmarks/compare/histogram.h"
#include "switchyard/benchmarks/compare/schedule.h"
#include "switchyard/benchmarks/compare/statistics.h"
#include "switchyard/benchmarks/compare/strings.h"
#include "switchyard/benchmarks/compare/whole_file.h"

namespace switchyard::compare {
namespace {

using json = nlohmann::ordered_json;

std::string host_name() {
  char name[256] = {};
  return ::gethostname(name, sizeof(name) - 1) == 0 ? name : "unknown";
}

// What the system says of the first processor; empty if it does not.
std::string of_first_cpu(std::string_view key) {
  std::ifstream info("/proc/cpuinfo");
  std::string line;
  while (std::getline(info, line)) {
    const std::size_t colon = line.find(':');
    if (line.starts_with(key) && colon != line.npos) {
      return std::string(absl::StripAsciiWhitespace(line.substr(colon + 1)));
    }
  }
  return "";
}

// Its clock; 0 if the system does not say.
int mhz_per_cpu() {
  double mhz = 0;
  return absl::SimpleAtod(of_first_cpu("cpu MHz"), &mhz) ? static_cast<int>(mhz) : 0;
}

// Its name, or else what kind of processor it is.
std::string cpu(const utsname& system) {
  const std::string name = of_first_cpu("model name");
  return name.empty() ? system.machine : name;
}

// What was built; only tools/compare knows, which builds it.
std::string commit() {
  const char* const told = std::getenv("SWITCHYARD_COMMIT");
  return told == nullptr || *told == '\0' ? "unknown" : one_line(told);
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

// What there is to know of items that come from no text, and of a sweep.
void add_schedule(json& to, const options& asked) {
  const bool streams = asked.which == workload::queue || asked.which == workload::latency;
  // What is swept has no one value.
  const auto fixed = [&](std::string_view key) { return !asked.swept || asked.swept->over != key; };
  if (streams && fixed("item_size")) to["item_size"] = asked.layout.item_size;
  if (const schedule plan(asked.layout); streams && plan.is_timed()) {
    if (fixed("rate")) to["rate"] = plan.items_per_second();
    if (fixed("burst")) to["burst"] = plan.burst();
  }
  if (!asked.replay.empty()) to["replay"] = asked.replay;
  if (asked.swept) to["sweep"] = {{"over", asked.swept->over}, {"values", asked.swept->values}};
}

json advice_json(const recommendation& of) {
  json made;
  made["choice"] = of.choice.empty() ? json() : json(of.choice);
  made["tied"] = of.tied;
  made["sentences"] = of.sentences;
  return made;
}

json advice_json(const advice& of) {
  json made = advice_json(of.overall);
  if (of.points.empty()) return made;
  json& points = made["points"] = json::array();
  for (const advice::at_point& point : of.points) {
    json at = {{"at", point.at}, {"where", point.where}};
    at.update(advice_json(point.what));
    points.push_back(std::move(at));
  }
  return made;
}

json context(const comparison& what) {
  const options& asked = what.asked;
  utsname system{};
  ::uname(&system);
  json of;
  of["date"] = absl::FormatTime(absl::RFC3339_sec, absl::Now(), absl::LocalTimeZone());
  of["host_name"] = host_name();
  of["executable"] = what.command_line.empty() ? "" : what.command_line.front();
  of["num_cpus"] = std::thread::hardware_concurrency();
  of["cpu"] = cpu(system);
  of["kernel"] = absl::StrCat(system.sysname, " ", system.release);
  if (const int mhz = mhz_per_cpu(); mhz > 0) of["mhz_per_cpu"] = mhz;
  double load[3];
  if (const int n = ::getloadavg(load, 3); n > 0) of["load_avg"] = std::vector<double>(load, load + n);
#ifdef NDEBUG
  of["library_build_type"] = "release";
#else
  of["library_build_type"] = "debug";
#endif
  of["compiler"] = compiler();
  of["compiler_flags"] = compiler_flags();
  of["commit"] = commit();
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
  of["pace"] = to_string(asked.how);
  of["repetitions"] = asked.repetitions;
  of["min_time_seconds"] = std::chrono::duration<double>(asked.layout.min_time).count();
  add_schedule(of, asked);
  of["interrupted"] = what.was_interrupted;
  if (!what.notes.empty()) of["notes"] = what.notes;
  of["advice"] = advice_json(what.advised);
  return of;
}

// "lockfree.bounded_queue", in a sweep "lockfree.bounded_queue/threads:4".
std::string full_name(const comparison& what, const outcome& of) {
  return of.point && what.asked.swept ? absl::StrCat(of.name, "/", what.asked.swept->over, ":", *of.point) : of.name;
}

// The keys that runs and medians share.
json entry(const comparison& what, const outcome& of, std::size_t family) {
  const options asked = of.point && what.asked.swept ? at_point(what.asked, *of.point) : what.asked;
  json made;
  made["name"] = full_name(what, of);
  made["family_index"] = family;
  made["per_family_instance_index"] = 0;
  made["run_name"] = made["name"];
  made["run_type"] = "iteration";
  made["repetitions"] = what.asked.repetitions;
  made["implementation"] = of.name;
  made["progress"] = adapters::to_string(of.guarantee);
  if (of.point) made["point"] = *of.point;
  made["threads"] = asked.layout.producers + asked.layout.consumers;
  return made;
}

// The percentiles that are shown.
json latency_json(const latency_histogram& taken) {
  json made;
  made["count"] = taken.count();
  made["min"] = taken.min();
  made["mean"] = taken.mean();
  for (const auto& [key, percent] : {std::pair("p50", 50.0), std::pair("p90", 90.0), std::pair("p99", 99.0),
                                     std::pair("p99.9", 99.9), std::pair("p99.99", 99.99)}) {
    made[key] = taken.percentile(percent);
  }
  made["max"] = taken.max();
  return made;
}

json histogram_json(const latency_histogram& taken) {
  json buckets = json::array();
  for (const latency_histogram::bucket& each : taken.buckets()) buckets.push_back({each.upper_bound_ns, each.count});
  return buckets;
}

// "key_low" and "key_high", if it is known.
void add_interval(json& to, const std::string& key, const std::optional<interval>& sure) {
  if (!sure) return;
  to[key + "_low"] = sure->low;
  to[key + "_high"] = sure->high;
}

json run_entry(const comparison& what, const outcome& of, std::size_t family, std::size_t index) {
  const sample& run = of.samples[index];
  json made = entry(what, of, family);
  made["repetition_index"] = index;
  made["iterations"] = run.items;
  made["real_time"] = seconds_per_item(run) * 1e9;
  made["cpu_time"] = cpu_seconds_per_item(run) * 1e9;
  made["time_unit"] = "ns";
  made["items_per_second"] = items_per_second(run);
  made["seconds"] = run.use.seconds;
  made["passes"] = run.passes;
  if (run.rate_kept) made["rate_kept"] = *run.rate_kept;
  made["voluntary_context_switches"] = run.use.resources.voluntary_switches;
  made["involuntary_context_switches"] = run.use.resources.involuntary_switches;
  if (run.use.peak_memory) made["peak_memory_bytes"] = *run.use.peak_memory;
  if (run.latency != nullptr) made["latency_ns"] = latency_json(*run.latency);
  made["answers_agree"] = true;
  return made;
}

json median_entry(const comparison& what, const outcome& of, std::size_t family, const summary& figures) {
  std::vector<double> times;
  for (const sample& run : of.samples) times.push_back(seconds_per_item(run) * 1e9);
  json made = entry(what, of, family);
  made["name"] = full_name(what, of) + "_median";
  made["run_type"] = "aggregate";
  made["aggregate_name"] = "median";
  made["aggregate_unit"] = "time";
  made["iterations"] = of.samples.size();  // as Google Benchmark has it: how many runs this is made from
  made["real_time"] = median(times);
  made["cpu_time"] = figures.cpu_ns_per_item;
  made["time_unit"] = "ns";
  made["items_per_second"] = figures.items_per_second.median;
  made["items_per_second_min"] = figures.items_per_second.min;
  made["items_per_second_max"] = figures.items_per_second.max;
  add_interval(made, "items_per_second", figures.rate_interval);
  if (figures.against_blocking) made["ratio_to_best_blocking"] = *figures.against_blocking;
  add_interval(made, "ratio_to_best_blocking", figures.against_blocking_interval);
  made["voluntary_context_switches_per_1000_items"] = figures.voluntary_per_1000_items;
  made["involuntary_context_switches_per_1000_items"] = figures.involuntary_per_1000_items;
  if (figures.peak_memory) made["peak_memory_bytes"] = *figures.peak_memory;
  if (figures.rate_kept) made["rate_kept"] = *figures.rate_kept;
  if (figures.latency != nullptr) {
    made["latency_ns"] = latency_json(*figures.latency);
    made["latency_histogram"] = histogram_json(*figures.latency);
  }
  made["answers_agree"] = true;
  return made;
}

json error_entry(const comparison& what, const outcome& of, std::size_t family) {
  json made = entry(what, of, family);
  made["repetition_index"] = of.samples.size();
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
      if (figures.name == of.name && figures.point == of.point) benchmarks.push_back(median_entry(what, of, family, figures));
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
