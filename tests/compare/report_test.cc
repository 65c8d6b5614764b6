// Pages of results: what is in them, and what tools/report says to bad input. What a browser makes of them is
// tested by report_browser_test.py.
#include "switchyard/benchmarks/compare/report.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>
#include <sstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "switchyard/benchmarks/compare/error.h"

namespace switchyard::compare {
namespace {

using nlohmann::ordered_json;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

ordered_json results(const std::string& name = "lockfree.queue") {
  return {{"context", {{"host_name", "vm"}, {"workload", "pipeline"}}},
          {"benchmarks",
           {{{"name", name}, {"run_name", name}, {"run_type", "iteration"}, {"items_per_second", 2480123.4567890123}},
            {{"name", name + "_median"}, {"run_name", name}, {"run_type", "aggregate"}, {"aggregate_name", "median"},
             {"iterations", 9007199254740991}, {"cpu_time", 1e-300}, {"items_per_second", 0.1 + 0.2}}}}};
}

// What stands between two texts, which must each occur once.
std::string between(const std::string& page, const std::string& before, const std::string& after) {
  const std::size_t begin = page.find(before);
  EXPECT_NE(begin, page.npos) << before;
  EXPECT_EQ(page.find(before, begin + 1), page.npos) << before << " occurs twice";
  if (begin == page.npos) return "";
  const std::size_t end = page.find(after, begin + before.size());
  EXPECT_NE(end, page.npos);
  return page.substr(begin + before.size(), end - begin - before.size());
}

std::string data_of(const std::string& page) {
  return between(page, "<script type=\"application/json\" id=\"data\">", "</script>");
}

std::size_t count(const std::string& text, const std::string& what) {
  std::size_t n = 0;
  for (std::size_t at = text.find(what); at != text.npos; at = text.find(what, at + 1)) ++n;
  return n;
}

TEST(Report, HasTheVeryNumbersOfTheJson) {
  const std::vector<titled_results> all = {{"a.json", results()}, {"b.json", results("blocking.queue")}};
  const ordered_json data = ordered_json::parse(data_of(report_html(all, "")));
  ASSERT_EQ(data.size(), 2u);
  EXPECT_EQ(data.at(0).at("title"), "a.json");
  EXPECT_EQ(data.at(0).at("document"), all[0].document);
  EXPECT_EQ(data.at(1).at("document"), all[1].document);
  EXPECT_EQ(data.at(0).at("document").at("benchmarks").at(1).at("items_per_second").get<double>(), 0.1 + 0.2);
}

TEST(Report, IsNamedByWhatItShows) {
  const auto title = [](const std::vector<titled_results>& all) {
    return between(report_html(all, ""), "<title>", "</title>");
  };
  EXPECT_EQ(title({{"x", results()}}), "Switchyard compare: pipeline on vm");
  EXPECT_EQ(title({{"x", results()}, {"y", results()}}), "Switchyard compare: 2 runs side by side");
  ordered_json odd = results();
  odd["context"]["host_name"] = "</title><b>&\xff";
  EXPECT_EQ(title({{"x", odd}}), "Switchyard compare: pipeline on &lt;/title&gt;&lt;b&gt;&amp;\xef\xbf\xbd");
  EXPECT_EQ(title({{"x", {{"context", ordered_json::object()}, {"benchmarks", ordered_json::array()}}}}),
            "Switchyard compare: results");
}

TEST(Report, NoNameEndsOrOpensAnElement) {
  const std::string plain = report_html({{"x", results()}}, "");
  for (const std::string name : {"</script><script>alert(1)</script>", "<!--<script>", "\xff\xfe", "\n\t\"\\'",
                                 "{{script}}{{data}}", "\xe2\x80\xa8", "]]>"}) {
    const std::string page = report_html({{name, results(name)}}, "");
    for (const std::string tag : {"<script", "</script", "<!--"}) EXPECT_EQ(count(page, tag), count(plain, tag)) << name;
    const std::string data = data_of(page);
    EXPECT_EQ(data.find('<'), data.npos);
    const std::string kept = name == "\xff\xfe" ? "\xef\xbf\xbd\xef\xbf\xbd" : name;
    EXPECT_EQ(ordered_json::parse(data).at(0).at("title"), kept);
    EXPECT_EQ(ordered_json::parse(data).at(0).at("document").at("benchmarks").at(0).at("name"), kept);
  }
}

TEST(Report, NumbersThatJsonDoesNotKnowAreNull) {
  ordered_json odd = results();
  odd["benchmarks"][0]["items_per_second"] = std::numeric_limits<double>::infinity();
  EXPECT_EQ(why_no_results(odd), "");
  EXPECT_TRUE(ordered_json::parse(data_of(report_html({{"x", odd}}, "")))
                  .at(0).at("document").at("benchmarks").at(0).at("items_per_second").is_null());
}

TEST(Report, TakesTheLibraryIn) {
  const std::string page = report_html({{"x", results()}}, "var Chart = '</script><!-- {{data}}';");
  EXPECT_EQ(between(page, "<script id=\"chart-library\">", "</script>"), "var Chart = '<\\/script><\\!-- {{data}}';");
  EXPECT_THAT(page, Not(HasSubstr("class=\"notice no-charts\"")));
}

TEST(Report, SaysThatThereIsNoLibraryAndKeepsTheRest) {
  const std::string page = report_html({{"x", results()}}, std::nullopt);
  EXPECT_THAT(page, HasSubstr("The charts are missing, as the Chart.js library was not found"));
  EXPECT_THAT(page, HasSubstr("<code>libjs-chart.js</code>"));
  EXPECT_EQ(ordered_json::parse(data_of(page)).at(0).at("document"), results());
  EXPECT_THAT(page, HasSubstr("function makeTable("));
}

TEST(Report, AsksNobodyForAnything) {
  const std::string page = report_html({{"x", results()}}, "");
  EXPECT_THAT(page, HasSubstr("content=\"default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
                              "img-src data:; base-uri 'none'; form-action 'none'\""));
  for (const std::string address : {"http:", "https:", " src=", "@import", "url(", "fetch(", "{{"}) {
    EXPECT_EQ(count(page, address), 0u) << address;
  }
}

TEST(Results, MustBeResults) {
  EXPECT_EQ(why_no_results(results()), "");
  EXPECT_EQ(why_no_results(ordered_json::array()), "it is no object");
  EXPECT_EQ(why_no_results({{"benchmarks", ordered_json::array()}}), "\"context\" is missing");
  EXPECT_EQ(why_no_results({{"context", 1}}), "\"context\" is no object");
  EXPECT_EQ(why_no_results({{"context", ordered_json::object()}}), "\"benchmarks\" is missing");
  EXPECT_EQ(why_no_results({{"context", ordered_json::object()}, {"benchmarks", 3}}), "\"benchmarks\" is no list");
  ordered_json document = results();
  document["benchmarks"][1]["cpu_time"] = "fast";
  EXPECT_EQ(why_no_results(document), "entry 2 of \"benchmarks\": \"cpu_time\" is no number");
  document = results();
  document["benchmarks"][0]["run_name"] = 7;
  EXPECT_EQ(why_no_results(document), "entry 1 of \"benchmarks\": \"run_name\" is no string");
  document = results();
  document["benchmarks"][1]["latency_histogram"] = ordered_json::parse("[[1, 2], [3]]");
  EXPECT_EQ(why_no_results(document), "entry 2 of \"benchmarks\": \"latency_histogram\" is no list of pairs of numbers");
  document["benchmarks"][1]["latency_histogram"] = ordered_json::parse("[[1, 2], [3, 4]]");
  document["benchmarks"][1]["latency_ns"] = ordered_json::parse(R"({"p50": 3})");
  document["context"]["sweep"] = ordered_json::parse(R"({"over": "threads", "values": [1, 2]})");
  document["context"]["advice"] = ordered_json::parse(
      R"({"choice": null, "tied": [], "sentences": ["One.", "Two."], "points": [{"at": 1, "tied": ["a"]}]})");
  EXPECT_EQ(why_no_results(document), "");
  for (const char* const wrong : {"3", R"({"sentences": "x"})", R"({"points": [1]})", R"({"points": [{"tied": 1}]})",
                                R"({"points": [{"where": {}}]})"}) {
    document["context"]["advice"] = ordered_json::parse(wrong);
    EXPECT_EQ(why_no_results(document), "\"advice\" is not as it must be") << wrong;
  }
  document["context"]["advice"] = nullptr;
  document["context"]["sweep"]["values"] = "x";
  EXPECT_EQ(why_no_results(document), "\"sweep\" is not as it must be");
  document = results();
  document["context"]["notes"] = ordered_json::parse(R"(["One.", 2])");
  EXPECT_EQ(why_no_results(document), "\"notes\" is no list of strings");
  document["context"]["notes"] = ordered_json::parse(R"(["One."])");
  EXPECT_EQ(why_no_results(document), "");
  // Each by itself.
  for (const char* const key : {"run_name", "implementation", "progress", "run_type", "error_message"}) {
    document = results();
    document["benchmarks"][0][key] = 7;
    EXPECT_EQ(why_no_results(document), std::string("entry 1 of \"benchmarks\": \"") + key + "\" is no string");
  }
  for (const char* const key : {"items_per_second", "cpu_time", "real_time", "iterations", "point"}) {
    document = results();
    document["benchmarks"][0][key] = "7";
    EXPECT_EQ(why_no_results(document), std::string("entry 1 of \"benchmarks\": \"") + key + "\" is no number");
  }
  document = results();
  document["benchmarks"][0].erase("name");
  EXPECT_EQ(why_no_results(document), "entry 1 of \"benchmarks\" has no name");
  document["benchmarks"][0] = nullptr;
  EXPECT_EQ(why_no_results(document), "entry 1 of \"benchmarks\" is no object");
}

// The program as its users meet it.
class ReportProgramTest : public testing::Test {
 protected:
  ReportProgramTest() : folder_(testing::TempDir() + "report_test_" + std::to_string(::getpid())) {
    std::filesystem::create_directories(folder_);
  }
  ~ReportProgramTest() override { std::filesystem::remove_all(folder_); }

  std::string path(const std::string& name) const { return folder_ + "/" + name; }

  std::string file(const std::string& name, const std::string& text) const {
    std::ofstream(path(name), std::ios::binary) << text;
    return path(name);
  }

  std::string contents(const std::string& name) const {
    std::ostringstream text;
    text << std::ifstream(path(name), std::ios::binary).rdbuf();
    return text.str();
  }

  // Runs it in the folder; the status as shells show it.
  int run(const std::vector<std::string>& arguments) const {
    const char* const program = std::getenv("SWITCHYARD_REPORT");
    if (program == nullptr) {
      ADD_FAILURE() << "set SWITCHYARD_REPORT to the program's path";
      return -1;
    }
    const std::string absolute = std::filesystem::absolute(program).string();
    std::vector<char*> argv = {const_cast<char*>(absolute.c_str())};
    for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);
    const std::string printed = path("out");
    const std::string errors = path("err");
    const pid_t child = ::fork();
    if (child == 0) {
      if (::chdir(folder_.c_str()) != 0 || std::freopen(printed.c_str(), "w", stdout) == nullptr ||
          std::freopen(errors.c_str(), "w", stderr) == nullptr) {
        ::_exit(126);
      }
      ::execv(absolute.c_str(), argv.data());
      ::_exit(127);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

  // One line on standard error that contains `what`, nothing on standard output, no page, and status 2.
  void expect_refused(const std::vector<std::string>& arguments, const std::string& what) const {
    SCOPED_TRACE(testing::PrintToString(arguments));
    EXPECT_EQ(run(arguments), 2);
    EXPECT_EQ(contents("out"), "");
    const std::string error = contents("err");
    EXPECT_THAT(error, StartsWith("report: "));
    EXPECT_THAT(error, HasSubstr(what));
    EXPECT_EQ(std::count(error.begin(), error.end(), '\n'), 1) << error;
    EXPECT_FALSE(std::filesystem::exists(path("report.html")));
  }

 private:
  const std::string folder_;
};

TEST_F(ReportProgramTest, MakesOnePageOfSeveral) {
  const std::string one = file("one.json", results().dump());
  file("two.json", results("blocking.queue").dump());
  EXPECT_EQ(run({one, "two.json", "--out=page.html"}), 0) << contents("err");
  EXPECT_EQ(contents("err"), "");
  EXPECT_THAT(contents("out"), StartsWith("page:     page.html"));
  const ordered_json data = ordered_json::parse(data_of(contents("page.html")));
  EXPECT_EQ(data.at(0).at("title"), one);
  EXPECT_EQ(data.at(1).at("title"), "two.json");
  EXPECT_EQ(data.at(1).at("document"), results("blocking.queue"));
  // Once more over it, by its default name, and with a file that looks like a flag.
  file("--x", results().dump());
  EXPECT_EQ(run({"--", "--x"}), 0);
  EXPECT_EQ(run({"--out", "page.html", "one.json"}), 0);
  EXPECT_EQ(ordered_json::parse(data_of(contents("page.html"))).size(), 1u);
  EXPECT_EQ(data_of(contents("report.html")).find("two.json"), std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(path("page.html.part")));
}

TEST_F(ReportProgramTest, TakesTheChartLibraryThatItIsGiven) {
  file("one.json", results().dump());
  const std::string library = file("chart.js", "this is the library");
  EXPECT_EQ(run({"one.json", "--chart_js=" + library}), 0) << contents("err");
  EXPECT_THAT(contents("report.html"), HasSubstr("<script id=\"chart-library\">this is the library</script>"));
  std::filesystem::remove(path("report.html"));
  expect_refused({"one.json", "--chart_js=none.js"}, "--chart_js=none.js: cannot be read");
}

TEST_F(ReportProgramTest, RefusesBadInput) {
  file("good.json", results().dump());
  expect_refused({}, "name at least one results.json (see --help)");
  expect_refused({"--out=x.html"}, "name at least one results.json");
  expect_refused({"absent.json"}, "absent.json: cannot be read: No such file or directory");
  expect_refused({"good.json", "absent.json"}, "absent.json: cannot be read");
  expect_refused({"."}, ".: cannot be read: Is a directory");
  expect_refused({"good.json", "--colour=red"}, "unknown flag --colour=red (see --help)");
  expect_refused({"good.json", "--out="}, "--out needs a value");
  expect_refused({"good.json", "--out"}, "--out needs a value");
  expect_refused({"good.json", "--out=no/folder/page.html"}, "--out=no/folder/page.html: cannot be written: No such file");
  expect_refused({"good.json", "--out=."}, "--out=.: cannot be written: ");
  const std::string whole = results().dump();
  expect_refused({file("cut.json", whole.substr(0, whole.size() / 2))}, "cut.json: is not JSON: parse error at line 1, ");
  expect_refused({file("empty.json", "")}, "empty.json: is not JSON: ");
  expect_refused({file("bytes.json", "{\"context\": \"\xff\"}")}, "bytes.json: is not JSON: ");
  expect_refused({file("lines.json", "{\n\n\"a\": \"\x1b[31m\n\"}")}, "lines.json: is not JSON: ");
  expect_refused({file("list.json", "[1, 2]")}, "list.json: holds no results of a comparison: it is no object");
  expect_refused({file("other.json", "{\"context\": {}}")}, "other.json: holds no results of a comparison: \"benchmarks\" is missing");
  expect_refused({file("huge.json", "{\"context\": {\"a\": 1e999}}")}, "huge.json: is not JSON: ");
  // As deep as would exhaust the stack of what walks it.
  const std::string deep(300000, '[');
  expect_refused({file("deep.json", "{\"context\": {\"a\": " + deep + std::string(300000, ']') + "}, \"benchmarks\": []}")},
                 "deep.json: holds no results of a comparison: it lies too deep");
}

TEST_F(ReportProgramTest, DoesNotReadWhatItMayNot) {
  if (::geteuid() == 0) GTEST_SKIP() << "root may read everything";
  file("secret.json", results().dump());
  std::filesystem::permissions(path("secret.json"), std::filesystem::perms::none);
  expect_refused({"secret.json"}, "secret.json: cannot be read: Permission denied");
}

TEST_F(ReportProgramTest, Helps) {
  EXPECT_EQ(run({"--help"}), 0);
  EXPECT_THAT(contents("out"), StartsWith("Usage: tools/report [flags] results.json...\n"));
  for (const char* const flag : {"--out=FILE", "--chart_js=FILE", "--help"}) EXPECT_THAT(contents("out"), HasSubstr(flag));
  EXPECT_EQ(contents("err"), "");
}

}  // namespace
}  // namespace switchyard::compare
