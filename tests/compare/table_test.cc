#include "switchyard/benchmarks/compare/table.h"

#include <string>

#include <gtest/gtest.h>

#include "switchyard/benchmarks/compare/progress_bar.h"
#include "switchyard/benchmarks/compare/strings.h"

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
