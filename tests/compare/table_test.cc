#include "switchyard/benchmarks/compare/table.h"

#include <algorithm>
#include <cstddef>
#include <map>
#include <sstream>
#include <string>

#include <gtest/gtest.h>

#include "switchyard/benchmarks/compare/progress_bar.h"
#include "switchyard/benchmarks/compare/strings.h"
#include "switchyard/benchmarks/compare/terminal.h"

namespace switchyard::compare {
namespace {

TEST(Table, AlignsItsColumns) {
  table figures({{"name"}, {"value", align::right}, {"note"}});
  figures.add({"a", "1", "first"});
  figures.add({"longer name", "12345678", ""});
  EXPECT_EQ(figures.to_string(),
            "name            value  note\n"
            "-----------  --------  -----\n"
            "a                   1  first\n"
            "longer name  12345678\n");
}

TEST(Table, MayHaveNoRows) {
  EXPECT_EQ(table({{"a"}, {"b"}}).to_string(), "a  b\n-  -\n");
}

constexpr appearance in_colour{.width = 0, .utf8 = true, .colour = true};

appearance wide(std::size_t width) {
  return {.width = width};
}

table of_queues() {
  table made({{"implementation"}, {"rate", align::right}, {"", align::left, 1, true}, {"least", align::right, 2}, {"most", align::right, 2}});
  made.add({"lockfree.bounded_queue", "100", "####", "90", "110"}, tone::good);
  made.add({"blocking.queue", "50", "##", "40", "60"});
  made.add({"broken", "-", "", "-", "-"}, tone::bad);
  return made;
}

TEST(Table, LeavesOutWhatCanBeSparedWhereThereIsNoRoom) {
  const std::string whole = of_queues().to_string();
  EXPECT_EQ(whole,
            "implementation          rate        least  most\n"
            "----------------------  ----  ----  -----  ----\n"
            "lockfree.bounded_queue   100  ####     90   110\n"
            "blocking.queue            50  ##       40    60\n"
            "broken                     -            -     -\n");
  EXPECT_EQ(of_queues().to_string(wide(47)), whole);
  // Of two that can be spared as well, the last.
  EXPECT_EQ(of_queues().to_string(wide(46)),
            "implementation          rate        least\n"
            "----------------------  ----  ----  -----\n"
            "lockfree.bounded_queue   100  ####     90\n"
            "blocking.queue            50  ##       40\n"
            "broken                     -            -\n");
  EXPECT_EQ(of_queues().to_string(wide(40)),
            "implementation          rate\n"
            "----------------------  ----  ----\n"
            "lockfree.bounded_queue   100  ####\n"
            "blocking.queue            50  ##\n"
            "broken                     -\n");
  EXPECT_TRUE(of_queues().shows("least", wide(41)));
  EXPECT_FALSE(of_queues().shows("least", wide(40)));
}

TEST(Table, ThenShortensNames) {
  EXPECT_EQ(of_queues().to_string(wide(20)),
            "implementation  rate\n"
            "--------------  ----\n"
            "lock..ed_queue   100\n"
            "blocking.queue    50\n"
            "broken             -\n");
}

TEST(Table, NeverIsWiderThanAsked) {
  for (std::size_t width = 1; width < 60; ++width) {
    const std::string text = of_queues().to_string(wide(width));
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 5);
    std::size_t widest = 0;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
      widest = std::max(widest, line.size());
      EXPECT_TRUE(line.empty() || line.back() != ' ') << line;
    }
    EXPECT_LE(widest, width);
  }
}

TEST(Table, IsColouredIfAsked) {
  EXPECT_EQ(of_queues().to_string(in_colour),
            "\x1b[1mimplementation\x1b[0m          \x1b[1mrate\x1b[0m        \x1b[1mleast\x1b[0m  \x1b[1mmost\x1b[0m\n"
            "----------------------  ----  ----  -----  ----\n"
            "\x1b[32mlockfree.bounded_queue\x1b[0m   100  \x1b[36m####\x1b[0m     90   110\n"
            "blocking.queue            50  \x1b[36m##\x1b[0m       40    60\n"
            "\x1b[31mbroken\x1b[0m                     -            -     -\n");
}

TEST(Table, CountsCharactersNotBytes) {
  table names({{"\xc3\xa9t\xc3\xa9"}, {"n", align::right}});
  names.add({"h\xc3\xb4tel", "1"});
  names.add({"inn", "22"});
  EXPECT_EQ(names.to_string(),
            "\xc3\xa9t\xc3\xa9     n\n"
            "-----  --\n"
            "h\xc3\xb4tel   1\n"
            "inn    22\n");
}

TEST(Bar, IsAsLongAsItsShare) {
  EXPECT_EQ(bar(0, 4, false), "");
  EXPECT_EQ(bar(0.5, 4, false), "##");
  EXPECT_EQ(bar(1, 4, false), "####");
  EXPECT_EQ(bar(0.01, 4, false), "#") << "a little is not nothing";
  EXPECT_EQ(bar(7, 4, false), "####");
  EXPECT_EQ(bar(-1, 4, false), "");
  EXPECT_EQ(bar(1, 2, true), "██");
  EXPECT_EQ(bar(0.5, 1, true), "▌");
  EXPECT_EQ(bar(0.5 + 0.5 / 8, 2, true), "█▏");
  EXPECT_EQ(bar(0.001, 4, true), "▏");
  EXPECT_EQ(bar(0, 4, true), "");
  for (int eighths = 0; eighths <= 8; ++eighths) EXPECT_EQ(width_of(bar(eighths / 8.0, 1, true)), eighths == 0 ? 0u : 1u);
}

TEST(SmallBars, AreAsHighAsTheirShares) {
  EXPECT_EQ(small_bars({0, 1, 4, 8}, 8), "▁▂▅█");
  EXPECT_EQ(small_bars({8, -1, 8}, 16), "▅ ▅") << "one is missing";
  EXPECT_EQ(small_bars({0, 0}, 0), "▁▁");
}

// What a terminal of some environment is asked for.
appearance looks(bool is_terminal, std::size_t columns, const std::map<std::string, std::string>& variables) {
  return appearance_for(is_terminal, columns, [&](const char* name) -> const char* {
    const auto found = variables.find(name);
    return found == variables.end() ? nullptr : found->second.c_str();
  });
}

TEST(Appearance, SuitsTheLocale) {
  EXPECT_FALSE(looks(true, 80, {}).utf8);
  EXPECT_TRUE(looks(true, 80, {{"LANG", "de_DE.UTF-8"}}).utf8);
  EXPECT_TRUE(looks(false, 0, {{"LANG", "C.utf8"}}).utf8);
  EXPECT_TRUE(looks(true, 80, {{"LANG", "C"}, {"LC_CTYPE", "C.UTF-8"}}).utf8);
  EXPECT_FALSE(looks(true, 80, {{"LANG", "C.UTF-8"}, {"LC_ALL", "C"}}).utf8);
  EXPECT_TRUE(looks(true, 80, {{"LANG", "C.UTF-8"}, {"LC_ALL", ""}}).utf8) << "empty is as if not set";
}

TEST(Appearance, HasColourOnATerminalOnly) {
  EXPECT_TRUE(looks(true, 80, {{"TERM", "xterm"}}).colour);
  EXPECT_FALSE(looks(false, 80, {{"TERM", "xterm"}}).colour);
  EXPECT_FALSE(looks(true, 80, {{"TERM", "dumb"}}).colour);
  EXPECT_FALSE(looks(true, 80, {{"TERM", "xterm"}, {"NO_COLOR", "1"}}).colour);
  EXPECT_TRUE(looks(true, 80, {{"TERM", "xterm"}, {"NO_COLOR", ""}}).colour) << "empty is as if not set";
}

TEST(Appearance, IsAsWideAsTheTerminal) {
  EXPECT_EQ(looks(true, 132, {{"COLUMNS", "40"}}).width, 132u);
  EXPECT_EQ(looks(true, 0, {{"COLUMNS", "40"}}).width, 40u);
  EXPECT_EQ(looks(true, 0, {}).width, 80u);
  EXPECT_EQ(looks(false, 0, {}).width, 0u) << "a file has no edge";
  EXPECT_EQ(looks(false, 0, {{"COLUMNS", "40"}}).width, 40u);
  EXPECT_EQ(looks(false, 0, {{"COLUMNS", "wide"}}).width, 0u);
  EXPECT_EQ(looks(false, 0, {{"COLUMNS", "-3"}}).width, 0u);
}

TEST(Text, IsShortenedInItsMiddle) {
  EXPECT_EQ(shortened("lockfree.bounded_queue", 22, true), "lockfree.bounded_queue");
  EXPECT_EQ(shortened("lockfree.bounded_queue", 12, true), "lock…d_queue");
  EXPECT_EQ(shortened("lockfree.bounded_queue", 12, false), "lock.._queue");
  EXPECT_EQ(shortened("abcdef", 3, true), "…ef");
  EXPECT_EQ(shortened("abcdef", 1, true), "a");
  EXPECT_EQ(shortened("\xc3\xa9t\xc3\xa9s", 4, true), "\xc3\xa9t\xc3\xa9s");
}

TEST(Text, IsCutAtSpaces) {
  EXPECT_EQ(wrapped("one two three", 0), "one two three\n");
  EXPECT_EQ(wrapped("one two three", 13), "one two three\n");
  EXPECT_EQ(wrapped("one two three", 12), "one two\nthree\n");
  EXPECT_EQ(wrapped("- one two three", 7, "  "), "- one\n  two\n  three\n");
  EXPECT_EQ(wrapped("a verylongword b", 5), "a\nverylongword\nb\n");
  EXPECT_EQ(wrapped("", 5), "\n");
}

TEST(Units, ShowThreeDigits) {
  EXPECT_EQ(with_unit(0), "0");
  EXPECT_EQ(with_unit(0.5), "0.50");
  EXPECT_EQ(with_unit(812), "812");
  EXPECT_EQ(with_unit(999.4), "999");
  EXPECT_EQ(with_unit(999.6), "1.00 k");
  EXPECT_EQ(with_unit(64'000), "64.0 k");
  EXPECT_EQ(with_unit(1'254'000), "1.25 M");
  EXPECT_EQ(with_unit(99'960'000), "100 M");
  EXPECT_EQ(with_unit(7.1e9), "7.10 G");
  EXPECT_EQ(with_unit(7.1e12), "7100 G");
  EXPECT_EQ(time_with_unit(812), "812 ns");
  EXPECT_EQ(time_with_unit(1254), "1.25 us");
  EXPECT_EQ(time_with_unit(3.1e9), "3.10 s");
  EXPECT_EQ(bytes_with_unit(512), "512 B");
  EXPECT_EQ(bytes_with_unit(1536), "1.50 KiB");
  EXPECT_EQ(bytes_with_unit(30.0 * 1024 * 1024), "30.0 MiB");
  EXPECT_EQ(short_number(0), "0");
  EXPECT_EQ(short_number(0.0123), "0.01");
  EXPECT_EQ(short_number(12345), "12345");
}

TEST(Strings, AreForPeople) {
  EXPECT_EQ(counted(1, "producer"), "1 producer");
  EXPECT_EQ(counted(2, "producer"), "2 producers");
  EXPECT_EQ(one_line("  a\nb\tc\n"), "a b c");
  EXPECT_EQ(shown("\"it's\""), "\"it's\"");
  EXPECT_EQ(shown("\xc3\xa9t\xc3\xa9"), "\xc3\xa9t\xc3\xa9");
  EXPECT_EQ(shown("a\x1b[2J"), "a\\033[2J");
}

TEST(ProgressLine, SaysHowFarAndHowLong) {
  EXPECT_EQ(progress_line(0.5, 12, "a.queue", 80),
            "[############............]  50%  about 12 s left  a.queue");
  EXPECT_EQ(progress_line(0, -1, "reading", 80), "[........................]   0%  reading");
  EXPECT_EQ(progress_line(1, 0, "", 80), "[########################] 100%  about 0 s left  ");
  EXPECT_EQ(progress_line(2, 61, "", 80), "[########################] 100%  about 1:01 min left  ");
  EXPECT_EQ(progress_line(0.999, 0.2, "x", 80).substr(26, 5), "  99%") << "all is not done";
  EXPECT_EQ(progress_line(0.5, 12, "a.queue", 20), "[############.......");
}

}  // namespace
}  // namespace switchyard::compare
