#include "switchyard/benchmarks/compare/tally.h"

#include <array>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "switchyard/benchmarks/compare/error.h"

namespace switchyard::compare {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

const atomic<bool> go_on{false};

reference reference_of(std::string_view text, std::size_t places = vocabulary::max_words) {
  return make_reference(mapped_text::copy_of(text), go_on, {}, places);
}

// What a consumer counts who gets the text in one piece.
tally count(std::string_view text, const reference& expected) {
  tally counted;
  counted.counts.resize(expected.known.size());
  while (!text.empty()) {
    const auto end = line_end(text.data(), text.data() + text.size(), keep_all);
    const auto size = static_cast<std::size_t>(end - text.data());
    counted.add_line(text.substr(0, size), expected.known, keep_all);
    text.remove_prefix(size);
  }
  return counted;
}

struct totals {
  std::string_view text;
  std::uint64_t lines, words, items;
};

TEST(Reference, CountsLinesWordsAndBytes) {
  using namespace std::string_view_literals;
  for (const totals& each :
       {totals{"", 0, 0, 0}, totals{"\n", 1, 0, 1}, totals{"\n\n\n", 3, 0, 3}, totals{"a", 0, 1, 1},
        totals{"a\n", 1, 1, 1}, totals{"a\nb", 1, 2, 2}, totals{"one two\nthree\n", 2, 3, 2},
        totals{" a\tb \v c\r\n", 1, 3, 1}, totals{"\xc3\xa9 \xc3\xa9t\xc3\xa9\n", 1, 1, 1}}) {
    const reference found = reference_of(each.text);
    EXPECT_EQ(found.answer.lines, each.lines) << each.text;
    EXPECT_EQ(found.answer.words, each.words) << each.text;
    EXPECT_EQ(found.answer.bytes, each.text.size()) << each.text;
    EXPECT_EQ(found.items, each.items) << each.text;
    EXPECT_TRUE(found.every_word);
    EXPECT_EQ(difference(count(each.text, found), found, 1), "");
  }
}

TEST(Reference, RefusesBinary) {
  using namespace std::string_view_literals;
  const std::string far = std::string(3 * stride, 'x') + '\0' + std::string(3 * stride, 'x');
  for (const std::string_view text : {"\0"sv, "a\nb\0c\n"sv, "abc\0"sv, std::string_view(far)}) {
    try {
      reference_of(text);
      ADD_FAILURE() << "a NUL byte went unseen";
    } catch (const bad_request& refused) {
      EXPECT_THAT(refused.what(), HasSubstr("binary"));
    }
  }
}

TEST(Reference, EndsWhenStopped) {
  const atomic<bool> stop{true};
  const mapped_text text = mapped_text::copy_of(std::string(3 * stride, 'x'));
  EXPECT_THROW(make_reference(text, stop), interrupted);
}

TEST(Reference, TellsHowFarItIs) {
  std::vector<double> told;
  make_reference(mapped_text::copy_of(std::string(4 * stride, ' ')), go_on,
                 [&](double fraction) { told.push_back(fraction); });
  EXPECT_THAT(told, ElementsAre(0.25, 0.5, 0.75));
}

// The output of a command, or nothing if it failed.
std::string output_of(const std::string& command) {
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(::popen(command.c_str(), "r"), ::pclose);
  std::string text;
  std::array<char, 256> buffer;
  while (pipe != nullptr && std::fgets(buffer.data(), buffer.size(), pipe.get()) != nullptr)
    text += buffer.data();
  return text;
}

TEST(Reference, AgreesWithWcOnRealFiles) {
  const std::filesystem::path folder = "/usr/share/common-licenses";
  if (!std::filesystem::is_directory(folder)) GTEST_SKIP() << "no " << folder;
  int files = 0;
  for (const auto& file : std::filesystem::directory_iterator(folder)) {
    unsigned long long lines = 0, words = 0, bytes = 0;
    const std::string printed = output_of("LC_ALL=C wc -lwc < '" + file.path().string() + "'");
    if (std::sscanf(printed.c_str(), "%llu %llu %llu", &lines, &words, &bytes) != 3) GTEST_SKIP() << "no wc";
    const reference found = make_reference(mapped_text::open(file.path().string(), go_on), go_on);
    EXPECT_EQ(found.answer.lines, lines) << file.path();
    EXPECT_EQ(found.answer.words, words) << file.path();
    EXPECT_EQ(found.answer.bytes, bytes) << file.path();
    ++files;
  }
  EXPECT_GT(files, 0);
}

TEST(TopWords, AreTheMostFrequentThenTheSmallest) {
  const reference found = reference_of("b a c b a d b\nzz zz zz zz\n");
  EXPECT_THAT(most_frequent(found, 10),
              ElementsAre(Pair("zz", 4), Pair("b", 3), Pair("a", 2), Pair("c", 1), Pair("d", 1)));
  EXPECT_THAT(most_frequent(found, 2), ElementsAre(Pair("zz", 4), Pair("b", 3)));
  EXPECT_THAT(most_frequent(reference_of(""), 3), IsEmpty());
}

TEST(Vocabulary, NumbersWords) {
  vocabulary known;
  EXPECT_EQ(known.add("one"), 0u);
  EXPECT_EQ(known.add("two"), 1u);
  EXPECT_EQ(known.find("two", known.hash_of("two")), 1u);
  EXPECT_EQ(known.find("three", known.hash_of("three")), vocabulary::none);
  std::vector<std::uint64_t> counts = {5, 9};
  known.keep_above(5, counts);
  EXPECT_THAT(counts, ElementsAre(9));
  EXPECT_EQ(known.size(), 1u);
  EXPECT_EQ(known.word(0), "two");
  EXPECT_EQ(known.find("two", known.hash_of("two")), 0u);
  EXPECT_EQ(known.find("one", known.hash_of("one")), vocabulary::none);
}

// Twice as many different words as have a place, each once or twice, among them some frequent ones.
TEST(Reference, KeepsFrequentWordsAmongTooManyDifferentOnes) {
  constexpr std::size_t places = 10'000;
  constexpr std::size_t different = 2 * places + 1000;
  std::string text;
  for (std::size_t i = 0; i < different; ++i) {
    text +=
        "rare" + std::to_string(i) + (i % 10 == 0 ? " often" : " ") + (i % 100 == 0 ? "sometimes\n" : "\n");
  }
  text.replace(text.find("oftensometimes"), 14, "x             ");
  const reference found = reference_of(text, places);
  EXPECT_FALSE(found.every_word);
  EXPECT_LE(found.known.size(), places);
  EXPECT_GE(found.left_out_at_most, 1u);
  EXPECT_LE(found.left_out_at_most, 2 * found.answer.words / places + 2);
  // Their counts are exact all the same.
  const std::uint64_t both = (different + 99) / 100;
  EXPECT_THAT(most_frequent(found, 2),
              ElementsAre(Pair("often", (different + 9) / 10 - both), Pair("oftensometimes", both - 1)));
  // Words that may be as rare as those left out are not called frequent.
  EXPECT_THAT(most_frequent(found, 100), testing::SizeIs(2));
  EXPECT_EQ(difference(count(text, found), found, 1), "");
}

TEST(Reference, MakesRoomWhenTheNextWordHasNoPlace) {
  const reference all = reference_of("a b c d", 4);
  EXPECT_TRUE(all.every_word);
  EXPECT_EQ(all.known.size(), 4u);
  const reference some = reference_of("a b c d e", 4);
  EXPECT_FALSE(some.every_word);
  EXPECT_EQ(some.left_out_at_most, 1u);
  // Left is "e", which is as rare as those that had to go.
  EXPECT_THAT(some.answer.counts, ElementsAre(1));
  EXPECT_THAT(most_frequent(some, 3), IsEmpty());
}

TEST(Reference, LooksAtTheLastByteOfALargeText) {
  std::string text(4 * stride, 'x');
  text.back() = '\n';
  EXPECT_EQ(reference_of(text).answer.lines, 1u);
  text.back() = '\0';
  EXPECT_THROW(reference_of(text), bad_request);
}

// Nearly half of the places hold frequent words when others begin to come, in waves that fill the rest, a few
// of them frequent too: the first ones must not pay for every wave.
TEST(Reference, KnowsHowRareTheWordsAreThatItLeavesOut) {
  constexpr std::size_t places = 10'000;
  std::string text;
  std::size_t next = 0;
  const auto add_words = [&](std::size_t words, int times) {
    for (; words > 0; --words, ++next) {
      const std::string word = std::to_string(next) + " ";
      for (int i = 0; i < times; ++i) text += word;
    }
  };
  add_words(places / 100 * 49, 40);
  for (int wave = 0; wave < 5; ++wave) {
    add_words(places / 100 * 2, 20);
    add_words(places / 100 * 50, 1);
  }
  const reference found = reference_of(text, places);
  EXPECT_FALSE(found.every_word);
  EXPECT_LE(found.left_out_at_most, 2 * found.answer.words / places);
  EXPECT_GE(found.left_out_at_most, 20u) << "some that come 20 times have no place";
}

TEST(Reference, CountsWordsThatAreTooLongForAPlace) {
  const std::string text = std::string(vocabulary::max_word_bytes, 'a') + " " +
                           std::string(vocabulary::max_word_bytes + 1, 'b') + "\n";
  const reference found = reference_of(text);
  EXPECT_EQ(found.answer.words, 2u);
  EXPECT_EQ(found.known.size(), 1u);
  EXPECT_FALSE(found.every_word);
  EXPECT_EQ(difference(count(text, found), found, 1), "");
  // One more or less of them shows, and so does another in its place.
  std::string other = text;
  other[vocabulary::max_word_bytes + 5] = 'c';
  EXPECT_EQ(difference(count(other, found), found, 1), "other words than those of the input");
}

TEST(Difference, SaysWhatDiffered) {
  const reference expected = reference_of("the cat\nthe dog\n");
  EXPECT_EQ(difference(count("the cat\nthe dog\n", expected), expected, 1), "");
  EXPECT_EQ(difference(count("the cat\n", expected), expected, 1),
            "lines 1 instead of 2, words 2 instead of 4, bytes 8 instead of 16, \"the\" 1 instead of 2, "
            "\"dog\" 0 instead of 1");
  EXPECT_EQ(difference(count("the dog\nthe dog\n", expected), expected, 1),
            "\"cat\" 0 instead of 1, \"dog\" 2 instead of 1");
  EXPECT_EQ(difference(count("the cat\nthe dOg\n", expected), expected, 1), "\"dog\" 0 instead of 1");
}

TEST(Difference, ExpectsAsMuchAsWasPushed) {
  const reference expected = reference_of("one two\n");
  tally twice = count("one two\n", expected);
  twice += count("one two\n", expected);
  EXPECT_EQ(difference(twice, expected, 2), "");
  EXPECT_EQ(difference(twice, expected, 3),
            "lines 2 instead of 3, words 4 instead of 6, bytes 16 instead of 24, \"one\" 2 instead of 3, "
            "\"two\" 2 instead of 3 (in 3 passes)");
}

TEST(Difference, NamesTheMostFrequentOfManyThatAreWrong) {
  const reference expected = reference_of("a a a b b b b c c d d d d d e\n");
  EXPECT_EQ(difference(count("x x x x x x x x x x x x x x x\n", expected), expected, 1),
            "\"d\" 0 instead of 5, \"b\" 0 instead of 4, \"a\" 0 instead of 3");
  // Frequent words that are right do not hide a rare one, however many passes there were.
  tally twice = count("a a a b b b b c c d d d d d e\n", expected);
  twice += count("a a a b b b b c c d d d d d x\n", expected);
  EXPECT_EQ(difference(twice, expected, 2), "\"e\" 1 instead of 2 (in 2 passes)");
}

TEST(Tally, AddsUpCountsOfAnyNumberOfWords) {
  tally one;
  one.counts = {1, 2, 3};
  tally other;
  other.counts = {10};
  tally sum = one;
  sum += other;
  EXPECT_THAT(sum.counts, ElementsAre(11, 2, 3));
  other += one;
  EXPECT_THAT(other.counts, ElementsAre(11, 2, 3));
}

TEST(Difference, SeesWhatHasNoCount) {
  const reference expected = reference_of("a b\n");
  tally got = count("a b\n", expected);
  got.fingerprint += 1;
  EXPECT_EQ(difference(got, expected, 1), "other words than those of the input");
}

}  // namespace
}  // namespace switchyard::compare
