#include "switchyard/benchmarks/compare/text.h"

#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace switchyard::compare {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<std::string> words(std::string_view text) {
  std::vector<std::string> found;
  for_each_word(
      text, [&](std::string_view word) { found.emplace_back(word); }, keep_all);
  return found;
}

std::vector<std::string> lines(std::string_view text) {
  std::vector<std::string> found;
  const char* at = text.data();
  const char* const last = at + text.size();
  while (at != last) {
    const char* const end = line_end(at, last, keep_all);
    found.emplace_back(at, end);
    at = end;
  }
  return found;
}

TEST(Lines, EndBehindTheirNewline) {
  EXPECT_THAT(lines("one\ntwo\n"), ElementsAre("one\n", "two\n"));
  EXPECT_THAT(lines("one\ntwo"), ElementsAre("one\n", "two"));
  EXPECT_THAT(lines("\n\n\n"), ElementsAre("\n", "\n", "\n"));
  EXPECT_THAT(lines("\r\nx"), ElementsAre("\r\n", "x"));
  EXPECT_THAT(lines(""), IsEmpty());
}

TEST(Lines, MayBeLongerThanAStride) {
  const std::string line = std::string(3 * stride + 17, 'x') + "\n";
  const std::string text = line + "y\n";
  std::vector<std::size_t> told;
  const char* const end = line_end(text.data(), text.data() + text.size(), [&](const char* at) {
    told.push_back(static_cast<std::size_t>(at - text.data()));
  });
  EXPECT_EQ(static_cast<std::size_t>(end - text.data()), line.size());
  EXPECT_THAT(told, ElementsAre(stride, 2 * stride, 3 * stride));
  // The newline is the first or the last byte of a stride.
  for (const std::size_t length : {stride - 1, stride, stride + 1, 2 * stride}) {
    EXPECT_EQ(lines(std::string(length, 'x') + "\ny").at(0).size(), length + 1);
    EXPECT_THAT(lines(std::string(length, 'x')).at(0).size(), length);
  }
}

TEST(Words, AreSeparatedByWhiteSpaceOfTheCLocale) {
  EXPECT_THAT(words("one two\nthree"), ElementsAre("one", "two", "three"));
  EXPECT_THAT(words("a b\tc\nd\ve\ff\rg"), ElementsAre("a", "b", "c", "d", "e", "f", "g"));
  EXPECT_THAT(words("  a  "), ElementsAre("a"));
  EXPECT_THAT(words(" \t\n\v\f\r"), IsEmpty());
  EXPECT_THAT(words(""), IsEmpty());
  EXPECT_THAT(words("don't stop-now! x=1"), ElementsAre("don't", "stop-now!", "x=1"));
}

// Each of these was compared with `printf ... | LC_ALL=C wc -w` of GNU coreutils 9.1.
TEST(Words, NeedAPrintableByte) {
  EXPECT_THAT(words("\x01\x02 a"), ElementsAre("a"));  // control characters alone: no word
  EXPECT_THAT(words("\xc3\xa9"), IsEmpty());           // one letter in UTF-8: no word in the C locale
  EXPECT_THAT(words("\xc3\xa9t\xc3\xa9"), ElementsAre("\xc3\xa9t\xc3\xa9"));  // but it may be part of one
  EXPECT_THAT(words("a\xa0 \xa0 b"), ElementsAre("a\xa0", "b"));
  EXPECT_THAT(words("a\x01"
                    "b"),
              ElementsAre("a\x01"
                          "b"));
  EXPECT_THAT(words("\x7f \x80 \x1b"), IsEmpty());
  EXPECT_THAT(words(std::string_view("a\0b \0", 5)), ElementsAre(std::string("a\0b", 3)));
}

TEST(Words, MayLieAcrossStrides) {
  for (const std::size_t before : {stride - 3, stride - 2, stride - 1, stride, stride + 1}) {
    const std::string text = std::string(before, ' ') + "ab cd";
    EXPECT_THAT(words(text), ElementsAre("ab", "cd")) << before;
  }
  const std::string word(2 * stride + 5, 'x');
  EXPECT_THAT(words("a " + word + " b"), ElementsAre("a", word, "b"));
  // The printable byte comes strides after the beginning.
  const std::string late = std::string(2 * stride, '\x01') + "x";
  EXPECT_THAT(words(late), ElementsAre(late));
}

TEST(Words, TellHowFarTheyAre) {
  const std::string text(3 * stride, ' ');
  std::vector<std::size_t> told;
  for_each_word(
      text, [](std::string_view) {},
      [&](const char* at) { told.push_back(static_cast<std::size_t>(at - text.data())); });
  EXPECT_THAT(told, ElementsAre(stride, 2 * stride));
}

// Every byte is in exactly one part, in order, and every part but the last ends behind a newline.
void expect_whole(std::string_view text, std::size_t parts) {
  const auto ranges = cut_at_lines(text, parts, keep_all);
  ASSERT_EQ(ranges.size(), parts);
  const char* at = text.data();
  for (const std::string_view range : ranges) {
    EXPECT_EQ(range.data(), at);
    at += range.size();
    if (!range.empty() && at != text.data() + text.size()) {
      EXPECT_EQ(range.back(), '\n');
    }
  }
  EXPECT_EQ(at, text.data() + text.size());
}

TEST(Cut, CoversEveryByteOnce) {
  std::string ragged;
  for (int i = 0; i < 200; ++i) ragged += std::string(static_cast<std::size_t>(i * 37 % 91), 'x') + "\n";
  const std::vector<std::string> texts = {"",
                                          "\n",
                                          "x",
                                          "one\ntwo\nthree\n",
                                          "one\ntwo\nthree",
                                          std::string(50, '\n'),
                                          ragged,
                                          ragged + "end",
                                          "x\n" + std::string(1000, 'y') + "\nz\n"};
  for (const std::string& text : texts) {
    for (std::size_t parts = 1; parts <= 70; ++parts) {
      SCOPED_TRACE(testing::Message() << text.size() << " bytes, " << parts << " parts");
      expect_whole(text, parts);
    }
  }
}

TEST(Cut, MakesPartsOfAboutTheSameSize) {
  std::string text;
  for (int i = 0; i < 1000; ++i) text += "0123456789\n";
  for (const std::string_view range : cut_at_lines(text, 7, keep_all)) {
    EXPECT_NEAR(static_cast<double>(range.size()), 11000.0 / 7, 11);
  }
  // A line that ends where the part may end is the last.
  for (const std::string_view range : cut_at_lines(text, 10, keep_all)) EXPECT_EQ(range.size(), 1100u);
  // One part is no more than the whole.
  EXPECT_EQ(cut_at_lines(text, 1, keep_all).front(), text);
}

}  // namespace
}  // namespace switchyard::compare
