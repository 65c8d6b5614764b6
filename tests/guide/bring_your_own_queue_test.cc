// What docs/bring_your_own_queue.md shows is what is built and run.
//
// Run where the repository lies, or, by Bazel, where its files are linked.
#include <fstream>
#include <iterator>
#include <regex>
#include <sstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace {

using testing::HasSubstr;

std::string contents(const std::string& path) {
  std::ifstream file(path);
  EXPECT_TRUE(file) << path << " cannot be read";
  return std::string(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
}

TEST(BringYourOwnQueue, ShowsWhatIsBuiltAndRun) {
  static const std::regex link(R"(\]\(\.\./(examples/bring_your_own_queue/\w+\.(cc|h))\))");
  std::istringstream page(contents("docs/bring_your_own_queue.md"));
  std::string file;  // the one named last
  std::string listing;
  bool inside = false;
  int listings = 0;
  for (std::string line; std::getline(page, line);) {
    std::smatch found;
    if (line == "```cpp") {
      inside = true;
      listing.clear();
    } else if (line == "```" && inside) {
      inside = false;
      ++listings;
      EXPECT_THAT(contents(file), HasSubstr(listing)) << file;
    } else if (inside) {
      listing += line + "\n";
    } else if (std::regex_search(line, found, link)) {
      file = found[1];
    }
  }
  EXPECT_EQ(listings, 3);
}

}  // namespace
