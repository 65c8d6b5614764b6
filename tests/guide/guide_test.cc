// What docs/guide.md shows is what is built and run, and the tests that it names exist.
//
// Run where the repository lies, or, by Bazel, where its files are linked.
#include <algorithm>
#include <fstream>
#include <iterator>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace {

using testing::Not;
using testing::IsEmpty;

std::string contents(const std::string& path) {
  std::ifstream file(path);
  EXPECT_TRUE(file) << path << " cannot be read";
  return std::string(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

std::vector<std::string> guide() { return lines_of(contents("docs/guide.md")); }

// A listing: whose it is, and its lines, in runs between blank lines.
struct listing {
  std::size_t line;
  std::string file;
  std::vector<std::string> paragraphs;
};

std::vector<listing> listings() {
  static const std::regex source(R"(\]\(\.\./(examples/guide/\w+\.cc)\))");
  std::vector<listing> all;
  std::string file;  // the one named last
  bool inside = false;
  const std::vector<std::string> lines = guide();
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const std::string& line = lines[i];
    std::smatch found;
    if (!inside && std::regex_search(line, found, source)) file = found[1];
    if (line.rfind("```", 0) == 0) {
      inside = !inside && line == "```cpp";
      if (inside) all.push_back({i + 1, file, {""}});
    } else if (inside) {
      std::string& last = all.back().paragraphs.back();
      if (!line.empty()) {
        last += line + "\n";
      } else if (!last.empty()) {
        all.back().paragraphs.emplace_back();
      }
    }
  }
  return all;
}

// Without the spaces that lines begin with: a listing may begin inside a function.
std::string unindented(const std::string& text) {
  static const std::regex indentation("(^|\n) +");
  return std::regex_replace(text, indentation, "$1");
}

// The lines of a paragraph, in the file, one after the other.
TEST(Guide, ListingsAreTheFilesThatAreBuiltAndRun) {
  const std::vector<listing> all = listings();
  EXPECT_THAT(all, Not(IsEmpty()));
  for (const listing& each : all) {
    SCOPED_TRACE("docs/guide.md:" + std::to_string(each.line));
    ASSERT_NE(each.file, "") << "a listing of no file";
    const std::string text = "\n" + unindented(contents(each.file));
    std::size_t from = 0;
    for (const std::string& paragraph : each.paragraphs) {
      const std::size_t at = text.find("\n" + unindented(paragraph), from);
      ASSERT_NE(at, std::string::npos) << each.file << " has no lines, or has them earlier:\n" << paragraph;
      from = at + 1;
    }
  }
}

TEST(Guide, EveryFileIsShown) {
  std::set<std::string> shown;
  for (const listing& each : listings()) shown.insert(each.file);
  // A test by itself, or a line of the table of those that are alike.
  const std::string build = contents("examples/guide/BUILD.bazel");
  static const std::regex name_of_test(R"re(\n    (?:name = "(\w+)",\n    size|"(\w+)": \[))re");
  std::set<std::string> built;
  for (auto at = std::sregex_iterator(build.begin(), build.end(), name_of_test); at != std::sregex_iterator(); ++at) {
    built.insert((*at)[1].matched ? (*at)[1] : (*at)[2]);
  }
  EXPECT_GE(built.size(), 10u);
  for (const std::string& name : built) {
    EXPECT_EQ(shown.count("examples/guide/" + name + ".cc"), 1u) << name << " is built and not in the guide";
  }
  for (const std::string& file : shown) {
    const std::string name = file.substr(15, file.size() - 18);
    EXPECT_EQ(built.count(name), 1u) << file << " is in the guide and not built";
  }
}

// The rows of the table of behaviours: "| 1.1 | ... | [Suite.Name](../file) ... |".
TEST(Guide, EveryBehaviourHasATestThatExists) {
  static const std::regex row(R"(\| (1\.\d+) \|[^|]+\|(.*)\|)");
  static const std::regex test(R"(\[(\w+)\.(\w+)\]\(\.\./(tests/[\w/]+\.\w+)\))");
  std::map<std::string, std::string> files;
  std::set<std::string> sections;
  for (const std::string& line : guide()) {
    std::smatch behaviour;
    if (!std::regex_match(line, behaviour, row)) continue;
    sections.insert(behaviour[1]);
    const std::string tests = behaviour[2];
    int named = 0;
    for (auto at = std::sregex_iterator(tests.begin(), tests.end(), test); at != std::sregex_iterator(); ++at, ++named) {
      const std::string suite = (*at)[1];
      const std::string name = (*at)[2];
      const std::string path = (*at)[3];
      std::string& text = files[path];
      if (text.empty()) text = contents(path);
      const std::regex definition("TEST(_F|_P)?\\(\\s*" + suite + ",\\s*" + name + "\\)");
      EXPECT_TRUE(std::regex_search(text, definition)) << path << " has no test " << suite << "." << name;
    }
    EXPECT_GE(named, 1) << "no test: " << line;
  }
  std::set<std::string> expected;
  for (int i = 1; i <= 12; ++i) expected.insert("1." + std::to_string(i));
  EXPECT_EQ(sections, expected);
}

}  // namespace
