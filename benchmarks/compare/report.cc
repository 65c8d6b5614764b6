#include "switchyard/benchmarks/compare/report.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string_view>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "switchyard/benchmarks/compare/error.h"
#include "switchyard/benchmarks/compare/report_files.h"
#include "switchyard/benchmarks/compare/strings.h"

namespace switchyard::compare {
namespace {

using json = nlohmann::ordered_json;

constexpr const char* installed_libraries[] = {
    "/usr/share/javascript/chart.js/chart.min.js",
    "/usr/share/javascript/chart.js/chart.js",
    "/usr/share/javascript/chart.js/Chart.min.js",
};

constexpr std::string_view no_library =
    "<p class=\"notice no-charts\">The charts are missing, as the Chart.js library was not found when this page was "
    "written (on Debian and Ubuntu it is the package <code>libjs-chart.js</code>). The tables have all the "
    "numbers.</p>";

// Results lie a few levels deep. What lies far deeper is none, and would exhaust the stack of who walks it.
constexpr int deepest = 64;

// The file's bytes; nullopt, and the reason in `errno`, if it cannot be read.
std::optional<std::string> contents(const std::string& path) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) {  // which can be opened, but not read
    errno = EISDIR;
    return std::nullopt;
  }
  errno = 0;
  std::ifstream stream(path, std::ios::binary);
  std::ostringstream text;
  if (stream && stream.peek() != std::ifstream::traits_type::eof()) text << stream.rdbuf();
  if (!stream.is_open() || stream.bad() || !text) {
    if (errno == 0) errno = EIO;
    return std::nullopt;
  }
  return std::move(text).str();
}

// Text for the inside of an HTML element.
std::string escaped(std::string_view text) {
  return absl::StrReplaceAll(as_absl(text), {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}});
}

// The documents for a script element: JSON in which no "<" stands, so that nothing in it ends the element.
std::string data(const std::vector<titled_results>& all) {
  json list = json::array();
  for (const titled_results& each : all) list.push_back({{"title", each.title}, {"document", each.document}});
  // Names and words may be in any encoding; what is not UTF-8 is replaced.
  return absl::StrReplaceAll(list.dump(-1, ' ', false, json::error_handler_t::replace), {{"<", "\\u003c"}});
}

// The same for a script: these may stand in its strings, where a backslash more changes nothing.
std::string inside_script(std::string_view text) {
  return absl::StrReplaceAll(as_absl(text), {{"</s", "<\\/s"}, {"</S", "<\\/S"}, {"<!--", "<\\!--"}});
}

// A string of the context; empty if it has none of that name.
std::string in_context(const json& document, const char* key) {
  const json& context = document.at("context");
  const auto found = context.find(key);
  if (found == context.end() || !found->is_string()) return "";
  // As it will stand in the data: without what is not UTF-8.
  return json::parse(found->dump(-1, ' ', false, json::error_handler_t::replace)).get<std::string>();
}

// What the page's script relies on: where a key is there, its value is of this kind. null is what a number that is
// infinite, or none, becomes in JSON.
template <class Fits>
bool absent_or(const json& of, const char* key, Fits fits) {
  const auto found = of.find(key);
  return found == of.end() || found->is_null() || fits(*found);
}
template <class Fits>
auto list_of(Fits fits) {
  return [fits](const json& value) { return value.is_array() && std::all_of(value.begin(), value.end(), fits); };
}
bool is_text(const json& value) { return value.is_string(); }
bool is_number(const json& value) { return value.is_number(); }
bool is_object(const json& value) { return value.is_object(); }
bool is_sweep(const json& value) {
  return value.is_object() && absent_or(value, "over", is_text) && absent_or(value, "values", list_of(is_number));
}
bool is_recommendation(const json& value) {
  return value.is_object() && absent_or(value, "choice", is_text) && absent_or(value, "tied", list_of(is_text)) &&
         absent_or(value, "sentences", list_of(is_text)) && absent_or(value, "where", is_text);
}
bool is_advice(const json& value) {
  return is_recommendation(value) && absent_or(value, "points", list_of(is_recommendation));
}
bool is_histogram(const json& value) {
  return list_of([](const json& pair) { return pair.size() == 2 && list_of(is_number)(pair); })(value);
}

std::string title_of(const std::vector<titled_results>& all) {
  if (all.size() > 1) return absl::StrCat(all.size(), " runs side by side");
  const std::string workload = in_context(all.front().document, "workload");
  const std::string host = in_context(all.front().document, "host_name");
  return absl::StrCat(workload.empty() ? "results" : workload, host.empty() ? "" : " on ", host);
}

}  // namespace

std::string why_no_results(const json& document) {
  if (!document.is_object()) return "it is no object";
  const auto context = document.find("context");
  if (context == document.end()) return "\"context\" is missing";
  if (!context->is_object()) return "\"context\" is no object";
  if (!absent_or(*context, "item", is_text)) return "\"item\" is no string";
  if (!absent_or(*context, "notes", list_of(is_text))) return "\"notes\" is no list of strings";
  if (!absent_or(*context, "sweep", is_sweep)) return "\"sweep\" is not as it must be";
  if (!absent_or(*context, "advice", is_advice)) return "\"advice\" is not as it must be";
  const auto benchmarks = document.find("benchmarks");
  if (benchmarks == document.end()) return "\"benchmarks\" is missing";
  if (!benchmarks->is_array()) return "\"benchmarks\" is no list";
  std::size_t number_of_entry = 0;
  for (const json& entry : *benchmarks) {
    const std::string which = absl::StrCat("entry ", ++number_of_entry, " of \"benchmarks\"");
    if (!entry.is_object()) return which + " is no object";
    const auto name = entry.find("name");
    if (name == entry.end() || !name->is_string()) return which + " has no name";
    for (const char* const key : {"run_name", "implementation", "progress", "run_type", "error_message"}) {
      if (!absent_or(entry, key, is_text)) return absl::StrCat(which, ": \"", key, "\" is no string");
    }
    for (const char* const key : {"items_per_second", "cpu_time", "real_time", "iterations", "point"}) {
      if (!absent_or(entry, key, is_number)) return absl::StrCat(which, ": \"", key, "\" is no number");
    }
    if (!absent_or(entry, "latency_ns", is_object)) return which + ": \"latency_ns\" is no object";
    if (!absent_or(entry, "latency_histogram", is_histogram)) {
      return which + ": \"latency_histogram\" is no list of pairs of numbers";
    }
  }
  return "";
}

titled_results read_results(const std::string& path) {
  const std::optional<std::string> text = contents(path);
  if (!text) {
    throw bad_request(absl::StrCat(path, ": cannot be read: ", std::generic_category().message(errno)));
  }
  json document;
  try {
    document = json::parse(*text, [](int depth, json::parse_event_t, json&) {
      if (depth > deepest) throw bad_request("it lies too deep");
      return true;
    });
  } catch (const bad_request& problem) {
    throw bad_request(absl::StrCat(path, ": holds no results of a comparison: ", problem.what()));
  } catch (const json::exception& problem) {
    // "[json.exception.parse_error.101] parse error at line 1, column 2: ..."
    const std::string_view what = problem.what();
    const std::size_t end = what.find("] ");
    throw bad_request(
        absl::StrCat(path, ": is not JSON: ", shown(end == what.npos ? what : what.substr(end + 2))));
  }
  if (const std::string reason = why_no_results(document); !reason.empty()) {
    throw bad_request(absl::StrCat(path, ": holds no results of a comparison: ", reason));
  }
  return {path, std::move(document)};
}

std::optional<std::string> chart_library(const std::string& path) {
  if (!path.empty()) return contents(path);
  for (const char* const installed : installed_libraries) {
    if (std::optional<std::string> text = contents(installed); text && !text->empty()) return text;
  }
  return std::nullopt;
}

std::string report_html(const std::vector<titled_results>& all, const std::optional<std::string>& library) {
  // In one pass, so that nothing that is put in is looked at again.
  return absl::StrReplaceAll(
      as_absl(page_html),
      {{"{{title}}", escaped(absl::StrCat("Switchyard compare: ", title_of(all)))},
       {"{{style}}", as_absl(page_css)},
       {"{{notice}}", library ? "" : as_absl(no_library)},
       {"{{data}}", data(all)},
       {"{{library}}", library ? inside_script(*library) : ""},
       {"{{script}}", inside_script(absl::StrCat(as_absl(results_js), as_absl(tables_js), as_absl(charts_js),
                                                 as_absl(page_js)))}});
}

}  // namespace switchyard::compare
