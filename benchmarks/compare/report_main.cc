// tools/report: one page from the results of several comparisons.

#include <cstdio>
#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "switchyard/benchmarks/compare/error.h"
#include "switchyard/benchmarks/compare/report.h"
#include "switchyard/benchmarks/compare/strings.h"
#include "switchyard/benchmarks/compare/whole_file.h"

namespace switchyard::compare {
namespace {

constexpr const char* help_text =
    "Usage: tools/report [flags] results.json...\n\n"
    "Makes one page of the results of one or several comparisons (tools/compare --out=DIR writes\n"
    "DIR/results.json), side by side, to open in a browser.\n\n"
    "  --out=FILE              the page to write (default report.html)\n"
    "  --chart_js=FILE         the Chart.js to draw with (default that of Debian's libjs-chart.js); without one\n"
    "                          the page has its tables only\n"
    "  --help                  print this, and exit\n"
    "\nExit status: 0 the page is written; 1 something failed; 2 a bad request or input.\n";

struct request {
  bool help = false;
  std::string out = "report.html";
  std::string chart_js;
  std::vector<std::string> files;
};

// `--flag=value` and `--flag value`; what follows `--` is files.
request parse(const std::vector<std::string>& arguments) {
  request asked;
  bool flags_ended = false;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    if (flags_ended || !argument.starts_with("-") || argument == "-") {
      asked.files.push_back(argument);
      continue;
    }
    if (argument == "--") {
      flags_ended = true;
      continue;
    }
    const std::size_t equals = argument.find('=');
    const std::string name = argument.substr(0, equals);
    if (argument == "--help") {
      asked.help = true;
      continue;
    }
    std::string* const into = name == "--out" ? &asked.out : name == "--chart_js" ? &asked.chart_js : nullptr;
    if (into == nullptr) throw bad_request(absl::StrCat("unknown flag ", argument, " (see --help)"));
    if (equals != argument.npos) {
      *into = argument.substr(equals + 1);
    } else if (i + 1 < arguments.size()) {
      *into = arguments[++i];
    } else {
      into->clear();
    }
    if (into->empty()) throw bad_request(absl::StrCat(name, " needs a value: a file"));
  }
  return asked;
}

int run(const request& asked) {
  if (asked.files.empty()) throw bad_request("name at least one results.json (see --help)");
  std::vector<titled_results> all;
  for (const std::string& file : asked.files) all.push_back(read_results(file));
  const std::optional<std::string> library = chart_library(asked.chart_js);
  if (!library && !asked.chart_js.empty()) {
    throw bad_request(absl::StrCat("--chart_js=", asked.chart_js, ": cannot be read"));
  }
  const std::string page = report_html(all, library);
  try {
    write_whole_file(asked.out, page);
  } catch (const std::exception& problem) {
    throw bad_request(absl::StrCat("--out=", problem.what()));
  }
  std::fputs(absl::StrCat("page:     ", asked.out, library ? "" : " (without charts: no Chart.js was found)", "\n").c_str(),
             stdout);
  return 0;
}

void complain(std::string_view what) {
  std::fputs(absl::StrCat("report: ", one_line(what), "\n").c_str(), stderr);
}

}  // namespace
}  // namespace switchyard::compare

int main(int argc, char** argv) {
  using namespace switchyard::compare;
  int status = 1;
  try {
    const request asked = parse({argv + 1, argv + argc});
    if (asked.help) std::fputs(help_text, stdout);
    status = asked.help ? 0 : run(asked);
  } catch (const bad_request& problem) {
    complain(problem.what());
    return 2;
  } catch (const std::exception& problem) {
    complain(problem.what());
    return 1;
  }
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return status;
  complain("standard output cannot be written to");
  return 1;
}
