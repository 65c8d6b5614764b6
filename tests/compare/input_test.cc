#include "switchyard/benchmarks/compare/input.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "switchyard/benchmarks/compare/error.h"
#include "switchyard/benchmarks/compare/log_generator.h"
#include "tests/compare/resident.h"

namespace switchyard::compare {
namespace {

using testing::HasSubstr;

const atomic<bool> go_on{false};

// Its own folder, gone at the end.
class InputTest : public testing::Test {
 protected:
  InputTest() : folder_(testing::TempDir() + "input_test_" + std::to_string(::getpid())) {
    std::filesystem::create_directories(folder_);
  }
  ~InputTest() override { std::filesystem::remove_all(folder_); }

  std::string path(const std::string& name) const { return (folder_ / name).string(); }

  std::string file(const std::string& name, const std::string& text) const {
    std::ofstream(path(name), std::ios::binary) << text;
    return path(name);
  }

  // What `open` says when it refuses.
  static std::string refusal(const std::string& name) {
    try {
      mapped_text::open(name, go_on);
    } catch (const bad_request& refused) {
      return refused.what();
    }
    return "not refused";
  }

 private:
  std::filesystem::path folder_;
};

TEST_F(InputTest, KeepsTheFirstLinesOfALongOne) {
  const std::string name = file("long", "one\ntwo\nthree\n");
  EXPECT_EQ(mapped_text::open(name, go_on, 14).text(), "one\ntwo\nthree\n") << "that is all";
  EXPECT_EQ(mapped_text::open(name, go_on, 14).name(), name);
  for (const std::uint64_t most : {8u, 9u, 13u}) {
    const mapped_text some = mapped_text::open(name, go_on, most);
    EXPECT_EQ(some.text(), "one\ntwo\n") << most;
    EXPECT_EQ(some.name(), name + ", its first 8 bytes");
  }
  EXPECT_EQ(mapped_text::open(name, go_on, 2).text(), "on") << "no line ends there";
  // What comes from a pipe, or from /proc, is not read to its end either.
  const mapped_text maps = mapped_text::open("/proc/self/maps", go_on, 200);
  EXPECT_LE(maps.text().size(), 200u);
  EXPECT_THAT(maps.name(), HasSubstr("/proc/self/maps, its first "));
  // Dropping what is used, and unmapping what is not, hurts nobody.
  const std::string large(3'000'000, 'x');
  const mapped_text first = mapped_text::open(file("large", large + "\n" + large), go_on, 3'500'000);
  EXPECT_EQ(first.text().size(), 3'000'001u);
  first.drop(first.text());
  EXPECT_EQ(first.text(), large + "\n");
}

TEST_F(InputTest, MapsAFile) {
  const mapped_text text = mapped_text::open(file("small", "one\ntwo"), go_on);
  EXPECT_EQ(text.text(), "one\ntwo");
  EXPECT_EQ(text.name(), path("small"));
  EXPECT_EQ(mapped_text::open(file("empty", ""), go_on).text(), "");
}

TEST_F(InputTest, ReadsFilesThatHaveNoSize) {
  EXPECT_THAT(std::string(mapped_text::open("/proc/self/status", go_on).text()), HasSubstr("Pid:"));
}

TEST_F(InputTest, RefusesWhatIsNoFile) {
  EXPECT_EQ(refusal(path("missing")), path("missing") + ": No such file or directory");
  EXPECT_EQ(refusal(testing::TempDir()), testing::TempDir() + ": is a directory");
  ASSERT_EQ(::mkfifo(path("pipe").c_str(), 0600), 0);
  EXPECT_THAT(refusal(path("pipe")), HasSubstr("is not a regular file"));
  EXPECT_THAT(refusal("/dev/null"), HasSubstr("is not a regular file"));
}

TEST_F(InputTest, RefusesWhatMayNotBeRead) {
  if (::geteuid() == 0) GTEST_SKIP() << "root may read everything";
  const std::string secret = file("secret", "x");
  ASSERT_EQ(::chmod(secret.c_str(), 0), 0);
  EXPECT_EQ(refusal(secret), secret + ": Permission denied");
}

TEST(Copy, HoldsTheText) {
  const std::string text(100'000, 'x');
  const mapped_text copy = mapped_text::copy_of(text);
  EXPECT_EQ(copy.text(), text);
  EXPECT_EQ(mapped_text::copy_of("").text(), "");
}

std::uint64_t sum(std::string_view text) {
  return std::accumulate(text.begin(), text.end(), std::uint64_t{0}, [](std::uint64_t total, char byte) {
    return total + static_cast<unsigned char>(byte);
  });
}

TEST(Memory, IsGivenBackAndComesAgain) {
  const std::size_t size = std::size_t{8} << 20;
  const mapped_text text = mapped_text::copy_of(std::string(size, 'a'));
  EXPECT_EQ(sum(text.text()), size * 'a');
  if (resident(text) == 0) GTEST_SKIP() << "no /proc/self/smaps";
  EXPECT_GE(resident(text), size);
  text.drop(text.text());
  EXPECT_EQ(resident(text), 0u);
  EXPECT_EQ(sum(text.text()), size * 'a');
  // Only pages that lie wholly in it.
  const char* const middle = text.text().data() + size / 2;
  text.drop(middle + 1, middle + 2);
  EXPECT_GE(resident(text), size);
  // The last page is not full, and goes all the same.
  const mapped_text odd = mapped_text::copy_of(std::string(5000, 'a'));
  EXPECT_EQ(sum(odd.text()), 5000u * 'a');
  odd.drop(odd.text());
  EXPECT_EQ(resident(odd), 0u);
}

TEST(Memory, OfATrailIsBoundedByWindowAndWhatIsInFlight) {
  constexpr std::size_t size = std::size_t{16} << 20;
  constexpr std::size_t item = 1024;
  constexpr std::size_t window = std::size_t{256} << 10;
  constexpr std::size_t in_flight = 6000;
  const mapped_text text = mapped_text::copy_of(std::string(size, 'a'));
  page_trail trail(text, window, in_flight);
  std::size_t most = 0;
  for (int pass = 0; pass < 2; ++pass) {
    const char* at = text.text().data();
    trail.start(at);
    for (std::size_t n = 1; n <= size / item; ++n) {
      EXPECT_EQ(sum({at, item}), item * 'a');
      at += item;
      trail.passed(at, 1);
      if (n % 500 == 0) most = std::max(most, resident(text));
    }
  }
  if (most == 0) GTEST_SKIP() << "no /proc/self/smaps";
  // What is being read, what is in flight, and what the kernel maps around a page that is asked for.
  EXPECT_LE(most, 2 * window + in_flight * item + (std::size_t{4} << 20));
  EXPECT_GE(most, in_flight * item) << "it must not drop what is still in flight";
}

std::string generated(std::uint64_t seed, std::uint64_t size) {
  std::string text;
  generate_log(seed, size, [&](std::string_view piece) { text += piece; });
  return text;
}

TEST(GeneratedLog, HasTheSizeAskedFor) {
  for (const std::uint64_t size : {0u, 1u, 2u, 100u, 5000u, 1u << 20, (1u << 20) + 1, 5'000'000u}) {
    const std::string text = generated(1, size);
    EXPECT_EQ(text.size(), size);
    if (size > 0) {
      EXPECT_EQ(text.back(), '\n');
    }
    EXPECT_EQ(text.find('\0'), text.npos);
  }
}

TEST(GeneratedLog, DependsOnTheSeedAlone) {
  EXPECT_EQ(generated(7, 3'000'000), generated(7, 3'000'000));
  EXPECT_NE(generated(7, 100'000), generated(8, 100'000));
  // The same on every machine and with every compiler.
  EXPECT_EQ(generated(1, 400).substr(0, generated(1, 400).find('\n')),
            "10.2.27.86 - - [22/Nov/2026:00:00:00 +0000] \"POST /login/1222 HTTP/1.1\" 304 3640 \"-\" "
            "\"curl/7.88.1\" 1204");
}

TEST(GeneratedLog, IsMappedLikeAFile) {
  const mapped_text text = mapped_text::generate(7, 300'000, go_on);
  EXPECT_EQ(text.text(), generated(7, 300'000));
  EXPECT_EQ(text.name(), "generated log, seed 7");
  const atomic<bool> stop{true};
  EXPECT_THROW(mapped_text::generate(7, 300'000, stop), interrupted);
}

}  // namespace
}  // namespace switchyard::compare
