// What stands on the terminal, letter by letter.
#include "switchyard/benchmarks/compare/results_text.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "switchyard/benchmarks/compare/histogram.h"

namespace switchyard::compare {
namespace {

using adapters::progress;
using testing::HasSubstr;
using testing::Not;

summary line(const std::string& name, progress guarantee, double rate, double against, double cpu_ns) {
  summary made;
  made.name = name;
  made.guarantee = guarantee;
  made.runs = 5;
  made.items_per_second = {rate, rate * 0.9, rate * 1.2};
  made.rate_interval = interval{rate * 0.95, rate * 1.04};
  made.against_blocking = against;
  made.against_blocking_interval = interval{against * 0.9, against * 1.1};
  made.cpu_ns_per_item = cpu_ns;
  made.voluntary_per_1000_items = 0.5;
  made.involuntary_per_1000_items = 0.01;
  made.peak_memory = 30 << 20;
  return made;
}

std::vector<summary> four_lines() {
  std::vector<summary> lines = {line("lockfree.spsc_queue", progress::wait_free, 12.5e6, 2.5, 150),
                                line("moodycamel.blocking_concurrent_queue", progress::not_lock_free, 5.5e6, 1.1, 260),
                                line("blocking.bounded_queue", progress::blocking, 5e6, 1, 400),
                                line("broken.queue", progress::blocking, 0, 0, 0)};
  lines[2].against_blocking_interval = interval{1, 1};
  lines[2].rate_interval.reset();
  lines[2].peak_memory.reset();
  lines[3].wrong = "lines 1 instead of 2";
  return lines;
}

const recommendation fastest{"lockfree.spsc_queue", {}, {"Choose lockfree.spsc_queue."}};

std::string shown(const std::vector<summary>& lines, const appearance& looks, bool show_runs = false) {
  return results_text(lines, "", show_runs, fastest, looks);
}

constexpr appearance in_ascii{.width = 0, .utf8 = false, .colour = false};

std::size_t widest(const std::string& text) {
  std::size_t most = 0;
  std::istringstream lines(text);
  for (std::string each; std::getline(lines, each);) most = std::max(most, width_of(each));
  return most;
}

TEST(ResultsText, IsATable) {
  EXPECT_EQ(shown(four_lines(), in_ascii),
            "implementation                        items/s              +-     min     max  vs blocking  CPU/item  waits/1k  preempted/1k  peak memory  answers\n"
            "------------------------------------  -------  ----------  --  ------  ------  -----------  --------  --------  ------------  -----------  -------\n"
            "lockfree.spsc_queue                    12.5 M  ##########  5%  11.2 M  15.0 M       2.50 x    150 ns      0.50          0.01     30.0 MiB  agree\n"
            "moodycamel.blocking_concurrent_queue   5.50 M  ####        5%  4.95 M  6.60 M      ~1.10 x    260 ns      0.50          0.01     30.0 MiB  agree\n"
            "blocking.bounded_queue                 5.00 M  ####         ?  4.50 M  6.00 M       1.00 x    400 ns      0.50          0.01          n/a  agree\n"
            "broken.queue                                -               -       -       -            -         -         -             -            -  WRONG\n"
            "\n"
            "items/s: the median of the runs; +-: how far that may be off, 95% sure; ? with fewer than 5 runs; vs\n"
            "blocking: divided by that of the best blocking one; ~ if it may as well be equal; CPU/item: of all\n"
            "threads together; waits/1k: context switches per 1000 items, of threads that wait; preempted/1k: the\n"
            "same, of threads that were put aside.\n");
}

TEST(ResultsText, SuitsATerminal) {
  std::vector<summary> lines = four_lines();
  lines.pop_back();
  EXPECT_EQ(shown(lines, {.width = 80, .utf8 = true}),
            "implementation                        items/s              vs blocking  CPU/item\n"
            "------------------------------------  -------  ----------  -----------  --------\n"
            "lockfree.spsc_queue                    12.5 M  ██████████       2.50 x    150 ns\n"
            "moodycamel.blocking_concurrent_queue   5.50 M  ████▍           ~1.10 x    260 ns\n"
            "blocking.bounded_queue                 5.00 M  ████             1.00 x    400 ns\n"
            "\n"
            "items/s: the median of the runs; vs blocking: divided by that of the best\n"
            "blocking one; ~ if it may as well be equal; CPU/item: of all threads together.\n");
  // Wrong answers stay in sight.
  EXPECT_THAT(shown(four_lines(), {.width = 80, .utf8 = true}), HasSubstr("-  WRONG\n"));
}

TEST(ResultsText, SuitsANarrowTerminal) {
  EXPECT_EQ(shown(four_lines(), {.width = 40, .utf8 = true}),
            "implementation          items/s  answers\n"
            "----------------------  -------  -------\n"
            "lockfree.spsc_queue      12.5 M  agree\n"
            "moodycam…current_queue   5.50 M  agree\n"
            "blocking.bounded_queue   5.00 M  agree\n"
            "broken.queue                  -  WRONG\n"
            "\n"
            "items/s: the median of the runs.\n");
}

TEST(ResultsText, IsColouredOnATerminal) {
  const std::string text = shown(four_lines(), {.width = 80, .utf8 = false, .colour = true});
  EXPECT_THAT(text, HasSubstr("\n\x1b[32mlockfree.spsc_queue\x1b[0m "));
  EXPECT_THAT(text, HasSubstr("\nblocking.bounded_queue "));
  EXPECT_THAT(text, HasSubstr("\n\x1b[31mbroken.queue\x1b[0m "));
  EXPECT_THAT(shown(four_lines(), in_ascii), Not(HasSubstr("\x1b")));
}

TEST(ResultsText, IsNeverWiderThanTheTerminal) {
  for (std::size_t width = 20; width < 160; ++width) {
    for (const bool utf8 : {false, true}) {
      EXPECT_LE(widest(shown(four_lines(), {.width = width, .utf8 = utf8}, true)), width);
    }
  }
}

TEST(ResultsText, HasLatencyWhereItWasMeasured) {
  std::vector<summary> lines = four_lines();
  latency_histogram taken;
  for (int i = 0; i < 98; ++i) taken.record(100);
  taken.record(200);
  taken.record(40'000);
  lines[0].latency = std::make_shared<latency_histogram>(taken);
  const std::string text = shown(lines, in_ascii);
  EXPECT_THAT(text, HasSubstr("  vs blocking     p50     p99    p99.9  CPU/item  "));
  EXPECT_THAT(text, HasSubstr("2.50 x  100 ns  200 ns  40.0 us    150 ns"));
  EXPECT_THAT(text, HasSubstr("~1.10 x       -       -        -    260 ns")) << "not measured in that one";
  EXPECT_THAT(text, HasSubstr("; p99: the time that\n99 of 100 items take at most; "));
}

TEST(ResultsText, SaysHowManyRunsThereWere) {
  EXPECT_THAT(shown(four_lines(), in_ascii, true), HasSubstr("  answers  runs\n"));
  EXPECT_THAT(shown(four_lines(), {.width = 40}, true), HasSubstr("  runs\n"));
}

TEST(ResultsText, SaysIfTheMachineWasBusy) {
  std::vector<summary> lines = four_lines();
  lines[1].items_per_second.max *= 2;
  EXPECT_THAT(shown(lines, in_ascii),
              HasSubstr("\n\nNote: Runs of the same implementation differ by more than twice (1 of 4): the machine was busy, or\n"
                        "its speed changed. More --repetitions or a longer --min_time help.\n"));
}

std::vector<summary> sweep_lines() {
  std::vector<summary> lines;
  double rate = 1e6;
  for (const std::uint64_t point : {1u, 2u, 4u, 8u}) {
    lines.push_back(line("lockfree.bounded_queue", progress::lock_free, rate * 1.5, 1.5, 100));
    lines.back().point = point;
    lines.push_back(line("blocking.bounded_queue", progress::blocking, 2e6 / static_cast<double>(point), 1, 300));
    lines.back().point = point;
    rate *= 1.5;
  }
  lines.push_back(line("broken.queue", progress::blocking, 0, 0, 0));
  lines.back().point = 8;
  lines.back().wrong = "lines 1 instead of 2";
  return lines;
}

TEST(ResultsText, HasAMatrixForASweep) {
  EXPECT_EQ(results_text(sweep_lines(), "threads", false, fastest, {.width = 80, .utf8 = true}),
            "items/s at threads             1         2         4         8\n"
            "----------------------  --------  --------  --------  --------  ----\n"
            "lockfree.bounded_queue    1.50 M  * 2.25 M  * 3.38 M  * 5.06 M  ▃▄▆█\n"
            "blocking.bounded_queue  * 2.00 M    1.00 M     500 k     250 k  ▄▂▁▁\n"
            "broken.queue                   -         -         -     WRONG\n"
            "\n"
            "CPU/item at threads            1         2         4         8\n"
            "----------------------  --------  --------  --------  --------\n"
            "lockfree.bounded_queue  * 100 ns  * 100 ns  * 100 ns  * 100 ns\n"
            "blocking.bounded_queue    300 ns    300 ns    300 ns    300 ns\n"
            "broken.queue                   -         -         -     WRONG\n"
            "\n"
            "Medians of the runs; *: the best at that point; CPU: of all threads together.\n");
}

TEST(ResultsText, HasAMatrixInAscii) {
  const std::string text = results_text(sweep_lines(), "threads", false, fastest, in_ascii);
  EXPECT_THAT(text, HasSubstr("lockfree.bounded_queue    1.50 M  * 2.25 M  * 3.38 M  * 5.06 M\n"));
}

TEST(ResultsText, KeepsTheEndsOfASweepOnANarrowTerminal) {
  const std::string text = results_text(sweep_lines(), "threads", false, fastest, {.width = 44});
  EXPECT_THAT(text, HasSubstr("items/s at threads             1         8\n"));
  EXPECT_LE(widest(text), 44u);
}

TEST(AdviceText, HasASentenceALine) {
  const advice what{{"a", {"b"}, {"Choose a: it is good.", "It burns little."}}, {}};
  EXPECT_EQ(advice_text(what, "", in_ascii), "Advice:\n- Choose a: it is good.\n- It burns little.\n");
  EXPECT_EQ(advice_text(what, "after 3 of 6 runs", {.width = 18}),
            "Advice (after 3 of 6 runs):\n- Choose a: it is\n  good.\n- It burns little.\n");
  EXPECT_EQ(advice_text(what, "", {.width = 0, .utf8 = false, .colour = true}).substr(0, 16), "\x1b[1mAdvice:\x1b[0m\n");
}

TEST(AdviceText, HasALineForEachPointOfASweep) {
  const advice what{{"", {}, {"Choose a at 1 thread and b at 2 threads."}},
                    {{1, "1 thread", {"a", {"b", "c"}, {"..."}}},
                     {2, "2 threads", {"b", {}, {"..."}}},
                     {4, "4 threads", {"", {}, {"No advice"}}}}};
  EXPECT_EQ(advice_text(what, "", in_ascii),
            "Advice:\n"
            "- Choose a at 1 thread and b at 2 threads.\n"
            "- At 1 thread: a (tied: b and c).\n"
            "- At 2 threads: b.\n"
            "- At 4 threads: none.\n");
}

}  // namespace
}  // namespace switchyard::compare
