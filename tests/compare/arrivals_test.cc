// Files of arrival times: read, written from lines that come, and refused with the line's number.
#include "switchyard/benchmarks/compare/arrivals.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "switchyard/benchmarks/compare/error.h"

namespace switchyard::compare {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const atomic<bool> go_on{false};

std::string refusal(std::string_view text) {
  try {
    parse_arrivals(text, "file");
  } catch (const bad_request& refused) {
    return refused.what();
  }
  return "not refused";
}

TEST(Arrivals, AreSecondsOneALine) {
  EXPECT_THAT(parse_arrivals("0\n1\n2.5\n", ""), ElementsAre(0, 1'000'000'000, 2'500'000'000));
  EXPECT_THAT(parse_arrivals("0.000000001\n0.0000000019\n3", ""), ElementsAre(0, 0, 2'999'999'999))
      << "nine digits count; the last line needs no end";
  EXPECT_THAT(parse_arrivals("# a comment\n1700000000.250000\r\n1700000000.250001\r\n# the end\n", ""),
              ElementsAre(0, 1000))
      << "times of day will do, and Windows's ends of lines";
  EXPECT_THAT(parse_arrivals("1\n1\n1\n2\n", ""), ElementsAre(0, 0, 0, 1'000'000'000));
}

TEST(Arrivals, AreCutToTheFirst) {
  const auto first = [](arrival_times times, std::chrono::nanoseconds most) {
    keep_first(times, most);
    return times;
  };
  const arrival_times all = {0, 0, 5, 5, 9, 20};
  EXPECT_THAT(first(all, std::chrono::seconds(1)), ElementsAre(0, 0, 5, 5, 9, 20));
  EXPECT_THAT(first(all, std::chrono::nanoseconds(20)), ElementsAre(0, 0, 5, 5, 9, 20));
  EXPECT_THAT(first(all, std::chrono::nanoseconds(19)), ElementsAre(0, 0, 5, 5, 9));
  EXPECT_THAT(first(all, std::chrono::nanoseconds(5)), ElementsAre(0, 0, 5, 5));
  EXPECT_THAT(first(all, std::chrono::nanoseconds(0)), ElementsAre(0, 0, 5, 5)) << "two different times there must be";
}

TEST(Arrivals, ThatAreNoneAreRefused) {
  EXPECT_EQ(refusal("1\nnoon\n"), "file:2: \"noon\" is not a time in seconds, such as 12.000250");
  for (const char* const line : {"", " ", "-1", "+1", "1e3", "1.", ".5", "1 2", "1,5", "0x1", "1\t", "nan", "9000000001",
                                 "99999999999999999999999999"}) {
    EXPECT_THAT(refusal("# one\n1\n" + std::string(line) + "\n2\n"), HasSubstr("file:3: ")) << line;
  }
  EXPECT_THAT(refusal(std::string("1\n2\0\n", 5)), HasSubstr("file:2: "));
  EXPECT_THAT(refusal("1\n" + std::string(5000, 'x') + "\n"), testing::SizeIs(testing::Lt(150u)));
  EXPECT_EQ(refusal("1\n2\n1.5\n"), "file:3: is earlier than the time before");
  EXPECT_EQ(refusal("2\n1\n"), "file:2: is earlier than the time before");
  EXPECT_EQ(refusal(""), "file: needs two different times at least, one a line");
  EXPECT_EQ(refusal("5\n"), refusal(""));
  EXPECT_EQ(refusal("5\n5\n"), refusal(""));
}

class Recording : public testing::Test {
 protected:
  Recording() { EXPECT_EQ(::pipe(ends_), 0); }
  ~Recording() override {
    ::close(ends_[0]);
    std::filesystem::remove(path_);
  }
  void write(std::string_view text) {
    EXPECT_EQ(::write(ends_[1], text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }

  int ends_[2];
  std::string path_ = testing::TempDir() + "arrivals_" + std::to_string(::getpid());
};

TEST_F(Recording, NotesWhenLinesEnd) {
  using namespace std::chrono_literals;
  // Until what was written has been read, however late that is, and a while longer.
  const auto pause = [&] {
    for (int left = 1; left != 0; std::this_thread::sleep_for(1ms)) ASSERT_EQ(::ioctl(ends_[0], FIONREAD, &left), 0);
    std::this_thread::sleep_for(100ms);
  };
  std::jthread program([&] {
    write("one\ntwo\nthr");
    pause();
    write("ee\n");
    pause();
    write("the end has no newline");
    ::close(ends_[1]);
  });
  const recording made = record_arrivals(ends_[0], path_, go_on);
  EXPECT_EQ(made.lines, 4u);
  EXPECT_EQ(made.most_at_once, 2u);
  const arrival_times times = read_arrivals(path_, go_on);
  ASSERT_EQ(times.size(), 4u);
  EXPECT_EQ(times[0], times[1]);
  // A part of the time between two: the one before may have been noted late.
  EXPECT_GE(times[2], 25'000'000u) << "when its end came";
  EXPECT_GE(times[3], times[2] + 25'000'000u);
  EXPECT_EQ(times[3], made.nanoseconds);
}

TEST_F(Recording, OfNothingIsRefused) {
  ::close(ends_[1]);
  EXPECT_THROW(record_arrivals(ends_[0], path_, go_on), bad_request);
  EXPECT_THROW(record_arrivals(ends_[0], testing::TempDir(), go_on), bad_request) << "a folder";
}

}  // namespace
}  // namespace switchyard::compare
