#include "switchyard/benchmarks/compare/advice.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "switchyard/benchmarks/compare/histogram.h"

namespace switchyard::compare {
namespace {

using adapters::progress;
using adapters::queue_bound;
using adapters::queue_info;
using adapters::queue_order;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

using values = std::vector<double>;

// One line of a table, made up. A queue's CPU time is 100 ns an item unless it is said.
summary line(const std::string& name, progress guarantee, const values& rates, double cpu_ns = 100) {
  summary made;
  made.name = name;
  made.guarantee = guarantee;
  made.runs = rates.size();
  made.rates = rates;
  made.items_per_second = spread_of(rates);
  made.cpu_ns_per_item = cpu_ns;
  return made;
}

// Runs that vary by 2% around `rate`.
values about(double rate) {
  return {rate * 0.98, rate * 0.99, rate, rate * 1.01, rate * 1.02};
}

// Runs that vary by half.
values unsteady(double rate) {
  return {rate * 0.5, rate * 0.7, rate, rate * 1.3, rate * 1.5};
}

summary with_tail(summary line, std::uint64_t ns) {
  latency_histogram taken;
  for (int i = 0; i < 99; ++i) taken.record(ns);
  taken.record(10 * ns);
  line.latency = std::make_shared<latency_histogram>(taken);
  line.tails.assign(line.rates.size(), 0);
  // Some percent between the runs.
  for (std::size_t i = 0; i < line.tails.size(); ++i) {
    line.tails[i] = static_cast<double>(ns) * (0.98 + 0.01 * static_cast<double>(i));
  }
  return line;
}

summary kept(double share, summary line) {
  line.rate_kept = share;
  return line;
}

summary at(std::uint64_t point, summary line) {
  line.point = point;
  return line;
}

// What the queues here promise.
const queue_info* known(std::string_view name) {
  static const std::vector<queue_info> all = {
      {.name = "blocking.bounded", .summary = ""},
      {.name = "lockfree.bounded", .summary = "", .guarantee = progress::lock_free},
      {.name = "lockfree.spsc", .summary = "", .multi_producer = false, .multi_consumer = false, .guarantee = progress::wait_free},
      {.name = "blocking.unbounded", .summary = "", .bound = queue_bound::none},
      {.name = "peer.relaxed", .summary = "", .order = queue_order::per_producer, .bound = queue_bound::soft,
       .guarantee = progress::not_lock_free},
      {.name = "peer.lanes", .summary = "", .order = queue_order::per_producer, .guarantee = progress::lock_free},
  };
  for (const queue_info& each : all) {
    if (each.name == name) return &each;
  }
  return nullptr;
}

question of_lines() {
  question about;
  about.item = "line";
  about.queue = known;
  about.producers = 2;
  return about;
}

recommendation judged(std::vector<summary> lines, const question& about = of_lines()) {
  return advise(lines, about).overall;
}

TEST(Advice, ChoosesWhatIsClearlyFaster) {
  const recommendation made = judged({line("lockfree.bounded", progress::lock_free, about(10e6), 150),
                                      line("blocking.bounded", progress::blocking, about(4e6), 400)});
  EXPECT_EQ(made.choice, "lockfree.bounded");
  EXPECT_THAT(made.tied, IsEmpty());
  EXPECT_THAT(
      made.sentences,
      ElementsAre("Choose lockfree.bounded: 10.0 M lines/s, 2.50 times as many as the best blocking one, "
                  "blocking.bounded (2.43 to 2.58 times, 95% sure).",
                  "It burns 150 ns of CPU per line (blocking.bounded: 400 ns), keeps order and bound; "
                  "a thread that stops while it pushes or pops holds up no other.",
                  "The simple blocking one, blocking.bounded, is good enough where 4.00 M lines/s will do."));
}

TEST(Advice, CallsADifferenceInsideTheNoiseATieAndTakesTheSimpleOne) {
  const recommendation made = judged({line("lockfree.bounded", progress::lock_free, unsteady(10e6)),
                                      line("blocking.bounded", progress::blocking, unsteady(8e6))});
  EXPECT_EQ(made.choice, "blocking.bounded");
  EXPECT_THAT(made.tied, ElementsAre("lockfree.bounded"));
  EXPECT_THAT(made.sentences,
              ElementsAre("Choose blocking.bounded: 8.00 M lines/s, and lockfree.bounded is as good within the noise.",
                          "It burns 100 ns of CPU per line (lockfree.bounded: 100 ns), keeps order and bound; "
                          "a thread that stops while it pushes or pops may hold up all others.",
                          "A simple blocking one is good enough here: nothing without locks is clearly better."));
}

TEST(Advice, DoesNotTakeTheSlowerOfTwoThatAreSteady) {
  // The same medians as above, but sure.
  EXPECT_EQ(judged({line("lockfree.bounded", progress::lock_free, about(10e6)),
                    line("blocking.bounded", progress::blocking, about(8e6))}).choice,
            "lockfree.bounded");
  // Sure, but next to nothing.
  const values almost = {10e6, 10e6, 10e6, 10e6, 10e6};
  const values quite = {9.9e6, 9.9e6, 9.9e6, 9.9e6, 9.9e6};
  EXPECT_EQ(judged({line("lockfree.bounded", progress::lock_free, almost),
                    line("blocking.bounded", progress::blocking, quite)}).choice,
            "blocking.bounded");
}

TEST(Advice, TakesTheOneThatBurnsLessOfTwoThatAreAsFast) {
  const recommendation made = judged({line("blocking.bounded", progress::blocking, about(10e6), 300),
                                      line("lockfree.bounded", progress::lock_free, about(9.95e6), 150)});
  EXPECT_EQ(made.choice, "lockfree.bounded");
  EXPECT_THAT(made.tied, ElementsAre("blocking.bounded"));
  EXPECT_EQ(made.sentences.at(2),
            "The simple blocking one, blocking.bounded, is as fast and good enough where CPU time is cheap.");
}

TEST(Advice, KnowsHowMuchMoreCpuIsTooMuch) {
  const auto choice = [](double cpu_ns) {
    return judged({line("blocking.bounded", progress::blocking, about(10e6), cpu_ns),
                   line("lockfree.bounded", progress::lock_free, about(10e6), 100)}).choice;
  };
  EXPECT_EQ(choice(124), "blocking.bounded");
  EXPECT_EQ(choice(126), "lockfree.bounded");
}

// Whoever is as good as the best is tied, not whoever is as good as one that is tied.
TEST(Advice, MeasuresTiesFromTheBest) {
  const auto steady = [](double rate) { return values(5, rate); };
  const recommendation made = judged({line("a", progress::lock_free, steady(10e6)), line("b", progress::lock_free, steady(9.85e6)),
                                      line("c", progress::lock_free, steady(9.7e6))});
  EXPECT_EQ(made.choice, "a");
  EXPECT_THAT(made.tied, ElementsAre("b"));
}

TEST(Advice, GoesByTheMedianAndNotByTheBestRun) {
  const recommendation made =
      judged({line("blocking.bounded", progress::blocking, {8e6, 8e6, 8e6, 8e6, 8e6, 8e6, 20e6}),
              line("lockfree.bounded", progress::lock_free, {10e6, 10e6, 10e6, 10e6, 10e6, 10e6, 10e6})});
  EXPECT_EQ(made.choice, "lockfree.bounded");
  EXPECT_THAT(made.tied, IsEmpty());
}

TEST(Advice, ComparesWithTheBestOfTheBlockingOnes) {
  const recommendation made = judged({line("blocking.unbounded", progress::blocking, about(3e6), 300),
                                      line("lockfree.bounded", progress::lock_free, about(10e6), 150),
                                      line("blocking.bounded", progress::blocking, about(4e6), 400),
                                      line("blocking.other", progress::blocking, about(2e6), 200)});
  EXPECT_THAT(made.sentences,
              ElementsAre(HasSubstr("2.50 times as many as the best blocking one, blocking.bounded"),
                          HasSubstr("(blocking.bounded: 400 ns)"), HasSubstr("where 4.00 M lines/s will do")));
}

TEST(Advice, SaysNothingOfCpuTimeThatIsNotKnown) {
  EXPECT_EQ(judged({line("blocking.bounded", progress::blocking, about(4e6), 0)}).sentences.at(1),
            "It keeps order and bound; a thread that stops while it pushes or pops may hold up all others.");
  // Nor of anything else.
  question words;
  words.work = "counts";
  EXPECT_EQ(judged({line("a", progress::wait_free, about(4e6), 0)}, words).sentences.at(1),
            "It is such that no thread can hold up one that counts.");
}

TEST(Advice, SaysSoIfTheBlockingOneIsTheFastest) {
  const recommendation made = judged({line("blocking.bounded", progress::blocking, about(10e6)),
                                      line("lockfree.bounded", progress::lock_free, about(4e6))});
  EXPECT_EQ(made.choice, "blocking.bounded");
  EXPECT_THAT(made.sentences.at(0), HasSubstr("2.50 times as many as the next, lockfree.bounded"));
  EXPECT_EQ(made.sentences.at(2), "A simple blocking one is good enough here: nothing without locks is clearly better.");
}

TEST(Advice, LetsOthersWinAndSaysWhatIsGivenUp) {
  const recommendation made = judged({line("peer.relaxed", progress::not_lock_free, about(12e6)),
                                      line("lockfree.bounded", progress::lock_free, about(9e6)),
                                      line("blocking.bounded", progress::blocking, about(8.1e6))});
  EXPECT_EQ(made.choice, "peer.relaxed");
  EXPECT_THAT(made.sentences.at(0), HasSubstr("12.0 M lines/s, 48% more than the best blocking one, blocking.bounded"));
  EXPECT_THAT(made.sentences.at(1), HasSubstr("gives up order between producers and an exact bound; a thread that stops "
                                              "while it pushes or pops may hold up others."));
  EXPECT_EQ(made.sentences.at(2),
            "Where that matters, take lockfree.bounded (9.00 M lines/s); the simple blocking one, blocking.bounded, is good "
            "enough where 8.10 M lines/s will do.");
}

TEST(Advice, TakesWhatGivesNothingUpOfTwoThatAreAsFast) {
  const std::vector<summary> lines = {line("peer.lanes", progress::lock_free, about(10e6)),
                                      line("lockfree.bounded", progress::lock_free, about(9.95e6)),
                                      line("blocking.unbounded", progress::blocking, about(9.9e6))};
  EXPECT_EQ(judged(lines).choice, "lockfree.bounded");
  EXPECT_EQ(judged(lines).sentences.at(2), "The simple blocking one, blocking.unbounded, is good enough here.");
  // With one producer the order of each is the whole order, and the faster one gives up nothing.
  question one_producer = of_lines();
  one_producer.producers = 1;
  const recommendation made = judged(lines, one_producer);
  EXPECT_EQ(made.choice, "peer.lanes");
  EXPECT_THAT(made.sentences.at(1), HasSubstr("keeps order and bound"));
}

TEST(Advice, SaysForHowManyThreadsAQueueIs) {
  const recommendation made = judged({line("lockfree.spsc", progress::wait_free, about(90e6), 20),
                                      line("blocking.bounded", progress::blocking, about(8e6))});
  EXPECT_EQ(made.sentences.at(1),
            "It burns 20 ns of CPU per line (blocking.bounded: 100 ns), keeps order and bound, is for one producer and one "
            "consumer only; no thread can hold up one that pushes or pops.");
  for (const bool producers : {false, true}) {
    queue_info half{.name = "half", .summary = "", .multi_producer = producers, .multi_consumer = !producers};
    question about_it = of_lines();
    about_it.queue = [&](std::string_view) { return &half; };
    EXPECT_THAT(judged({line("half", progress::blocking, about(8e6))}, about_it).sentences.at(1),
                HasSubstr(producers ? ", is for one consumer only; " : ", is for one producer only; "));
  }
}

TEST(Advice, NeverTakesAWrongAnswer) {
  summary wrong = line("lockfree.bounded", progress::lock_free, about(99e6));
  wrong.wrong = "lines 1 instead of 2";
  const recommendation made = judged({line("blocking.bounded", progress::blocking, about(1e6)), wrong});
  EXPECT_EQ(made.choice, "blocking.bounded");
  EXPECT_THAT(made.tied, IsEmpty());
  EXPECT_EQ(made.sentences.at(0), "Choose blocking.bounded: 1.00 M lines/s; there is nothing to compare it with.");
  EXPECT_EQ(made.sentences.at(1),
            "It burns 100 ns of CPU per line, keeps order and bound; a thread that stops while it pushes or "
            "pops may hold up all others.");

  const recommendation none = judged({wrong});
  EXPECT_EQ(none.choice, "");
  EXPECT_THAT(none.sentences, ElementsAre("No advice: there is no run with a right answer to go by."));
  EXPECT_EQ(judged({}).choice, "");
}

TEST(Advice, SaysSoIfThereWasNothingToDo) {
  const summary idle = line("idle", progress::blocking, {0, 0, 0, 0, 0});  // of an empty input
  EXPECT_EQ(judged({idle}).choice, "");
  EXPECT_THAT(judged({idle}).sentences, ElementsAre("No advice: there was nothing to do."));
  question threads = of_lines();
  threads.swept = "threads";
  EXPECT_THAT(advise({at(1, idle), at(2, idle)}, threads).overall.sentences, ElementsAre("No advice: there was nothing to do."));
  // Who was wrong, or never ran, says nothing about that.
  summary failed = line("failed", progress::blocking, {});
  failed.wrong = "failed: no memory";
  EXPECT_THAT(judged({failed}).sentences, ElementsAre(HasSubstr("a right answer")));
  EXPECT_THAT(advise({at(1, idle), at(2, failed)}, threads).overall.sentences, ElementsAre(HasSubstr("a right answer")));
}

TEST(Advice, IsCarefulWithFewRuns) {
  const recommendation close = judged({line("lockfree.bounded", progress::lock_free, {10e6, 11e6}),
                                       line("blocking.bounded", progress::blocking, {9.2e6, 9.3e6})});
  EXPECT_EQ(close.choice, "blocking.bounded");
  EXPECT_EQ(close.sentences.at(0), "Choose blocking.bounded: 9.25 M lines/s, and lockfree.bounded is as good within the "
                                   "noise (2 runs of it: too few to be sure).");
  const recommendation far = judged({line("lockfree.bounded", progress::lock_free, {11e6}),
                                     line("blocking.bounded", progress::blocking, {9.2e6})});
  EXPECT_EQ(far.choice, "lockfree.bounded");
  EXPECT_EQ(far.sentences.at(0), "Choose lockfree.bounded: 11.0 M lines/s, 20% more than the best blocking one, "
                                 "blocking.bounded (1 run of it: too few to be sure).");
  const values four(4, 11e6);
  EXPECT_THAT(judged({line("blocking.bounded", progress::blocking, four)}).sentences.at(0), HasSubstr("(4 runs of it: too few"));
}

TEST(Advice, ComparesWithTheNextWhereNoneIsBlocking) {
  const recommendation made = judged({line("lockfree.bounded", progress::lock_free, about(9e6)),
                                      line("peer.relaxed", progress::not_lock_free, about(6e6))});
  EXPECT_THAT(made.sentences.at(0), StartsWith("Choose lockfree.bounded: 9.00 M lines/s, 1.50 times as many as the next, "
                                               "peer.relaxed ("));
  EXPECT_EQ(made.sentences.at(2), "Whether a blocking one would do is not known, as none was compared.");
}

TEST(Advice, NamesAFewOfManyThatAreTied) {
  std::vector<summary> lines = {line("blocking.bounded", progress::blocking, about(10e6))};
  for (const std::string name : {"a", "b", "c", "d", "e"}) lines.push_back(line(name, progress::lock_free, about(9.99e6)));
  const recommendation made = judged(lines);
  EXPECT_THAT(made.tied, ElementsAre("a", "b", "c", "d", "e"));
  EXPECT_EQ(made.sentences.at(0), "Choose blocking.bounded: 10.0 M lines/s, and a, b, c and 2 more are as good within the "
                                  "noise.");
}

TEST(Advice, SaysNothingOfOrderWhereThereIsNoQueue) {
  question words;
  words.item = "word";
  words.work = "counts";
  const recommendation made = judged({line("lockfree.counter", progress::wait_free, about(50e6), 20),
                                      line("blocking.counter", progress::blocking, about(5e6), 200)}, words);
  EXPECT_EQ(made.sentences.at(1), "It burns 20 ns of CPU per word (blocking.counter: 200 ns); no thread can hold up "
                                  "one that counts.");
}

TEST(Advice, SpeaksOfWhatAStackPromises) {
  static const std::vector<queue_info> stacks = {
      {.name = "lockfree.stack", .summary = "", .order = queue_order::lifo, .bound = queue_bound::none,
       .guarantee = progress::lock_free},
      {.name = "mine.bag", .summary = "", .order = queue_order::none, .bound = queue_bound::none,
       .guarantee = progress::lock_free},
  };
  question pairs;
  pairs.item = "pair";
  pairs.order = queue_order::lifo;
  pairs.queue = [](std::string_view name) { return name == stacks[0].name ? &stacks[0] : name == stacks[1].name ? &stacks[1] : nullptr; };
  const recommendation made = judged({line("lockfree.stack", progress::lock_free, about(9e6)),
                                      line("mine.bag", progress::lock_free, about(8.95e6))}, pairs);
  EXPECT_EQ(made.sentences.at(1), "It burns 100 ns of CPU per pair (mine.bag: 100 ns), gives the newest first; a thread that "
                                  "stops while it pushes or pops holds up no other.");
  const recommendation faster = judged({line("mine.bag", progress::lock_free, about(20e6)),
                                        line("lockfree.stack", progress::lock_free, about(9e6))}, pairs);
  EXPECT_THAT(faster.sentences.at(1), HasSubstr("gives up the order of a stack; "));
  EXPECT_THAT(faster.sentences.at(2), StartsWith("Where that matters, take lockfree.stack (9.00 M pairs/s); "));
}

TEST(Advice, SaysWhatAQueueWithoutOrderGivesUp) {
  static queue_info bag{.name = "mine.bag", .summary = ""};
  question about_it = of_lines();
  about_it.queue = [](std::string_view) { return &bag; };
  for (const queue_order order : {queue_order::none, queue_order::lifo}) {
    bag.order = order;
    for (const std::size_t producers : {1, 2}) {
      about_it.producers = producers;
      EXPECT_THAT(judged({line("mine.bag", progress::blocking, about(9e6))}, about_it).sentences.at(1), HasSubstr("gives up order; "));
    }
  }
}

TEST(Advice, SaysWhatOthersThanQueuesGiveUp) {
  question words;
  words.item = "word";
  words.work = "counts";
  words.gives_up = [](std::string_view name) { return std::string(name == "lockfree.sharded_counter" ? "readings of one moment" : ""); };
  const recommendation made = judged({line("lockfree.sharded_counter", progress::wait_free, about(50e6), 20),
                                      line("lockfree.counter", progress::wait_free, about(30e6), 20),
                                      line("blocking.counter", progress::blocking, about(5e6), 200)}, words);
  EXPECT_THAT(made.sentences,
              ElementsAre(StartsWith("Choose lockfree.sharded_counter: "),
                          "It burns 20 ns of CPU per word (blocking.counter: 200 ns), gives up readings of one moment; no "
                          "thread can hold up one that counts.",
                          "Where that matters, take lockfree.counter (30.0 M words/s); the simple blocking one, "
                          "blocking.counter, is good enough where 5.00 M words/s will do."));
  // Of two that are as fast it takes the one that gives up nothing.
  EXPECT_EQ(judged({line("lockfree.sharded_counter", progress::wait_free, about(50e6)),
                    line("lockfree.counter", progress::wait_free, about(49.9e6))}, words).choice, "lockfree.counter");
}

TEST(Advice, KnowsThatAtABarrierAllWait) {
  question rounds;
  rounds.item = "round";
  rounds.all_wait = true;
  EXPECT_THAT(judged({line("lockfree.barrier", progress::lock_free, about(9e6))}, rounds).sentences.at(1),
              HasSubstr("; threads arrive without a lock, and one that never comes holds up all others, as at every barrier."));
  EXPECT_THAT(judged({line("blocking.barrier", progress::blocking, about(9e6))}, rounds).sentences.at(1),
              HasSubstr("; threads arrive by way of a lock, and one that never comes"));
}

TEST(Advice, TellsTheTailWhereItIsKnown) {
  const recommendation made =
      judged({with_tail(line("lockfree.bounded", progress::lock_free, about(10e6)), 2000),
              with_tail(line("blocking.bounded", progress::blocking, about(4e6)), 9000)});
  EXPECT_THAT(made.sentences.at(1), HasSubstr("takes up to 2.01 us for 99% of lines (blocking.bounded: 9.02 us), "));
}

question of_latency() {
  question about = of_lines();
  about.judged_by = aim::tail;
  return about;
}

TEST(AdviceOnLatency, ChoosesTheShortestTail) {
  const recommendation made =
      judged({with_tail(line("blocking.bounded", progress::blocking, about(1e6), 500), 90'000),
              with_tail(line("lockfree.bounded", progress::lock_free, about(1e6), 700), 20'000)},
             of_latency());
  EXPECT_EQ(made.choice, "lockfree.bounded");
  EXPECT_THAT(made.sentences,
              ElementsAre("Choose lockfree.bounded: 99% of lines within 20.1 us (the best blocking one, blocking.bounded: "
                          "90.1 us).",
                          "It burns 700 ns of CPU per line (blocking.bounded: 500 ns), takes up to 200 us for 99.9% of lines "
                          "(blocking.bounded: 900 us), keeps order and bound; a thread that stops while it pushes or "
                          "pops holds up no other.",
                          "The simple blocking one, blocking.bounded, is good enough where 99% of lines within 90.1 us will "
                          "do."));
}

TEST(AdviceOnLatency, KnowsTies) {
  const recommendation made = judged({with_tail(line("lockfree.bounded", progress::lock_free, about(1e6)), 20'000),
                                      with_tail(line("blocking.bounded", progress::blocking, about(1e6)), 20'300)},
                                     of_latency());
  EXPECT_EQ(made.choice, "blocking.bounded");
  EXPECT_THAT(made.tied, ElementsAre("lockfree.bounded"));
}

TEST(AdviceOnLatency, SpeaksOfTimes) {
  const recommendation made = judged({with_tail(line("blocking.bounded", progress::blocking, about(1e6), 300), 20'000),
                                      with_tail(line("lockfree.bounded", progress::lock_free, about(1e6), 150), 20'000)},
                                     of_latency());
  EXPECT_EQ(made.sentences.at(2),
            "The simple blocking one, blocking.bounded, is as quick and good enough where CPU time is cheap.");
}

TEST(AdviceOnLatency, LeavesOutWhoDoesNotKeepUp) {
  const std::vector<summary> lines = {
      kept(0.5, with_tail(line("lockfree.bounded", progress::lock_free, about(0.5e6)), 2'000)),
      kept(0.99, with_tail(line("blocking.bounded", progress::blocking, about(1e6)), 90'000))};
  const recommendation made = judged(lines, of_latency());
  EXPECT_EQ(made.choice, "blocking.bounded");
  EXPECT_THAT(made.tied, IsEmpty());
  EXPECT_EQ(made.sentences.at(0), "Choose blocking.bounded: 99% of lines within 90.1 us; no other keeps up with the rate.");
  // Nearly all of the rate is enough.
  const auto choice = [](double share) {
    return judged({kept(share, with_tail(line("lockfree.bounded", progress::lock_free, about(1e6)), 2'000)),
                   kept(1, with_tail(line("blocking.bounded", progress::blocking, about(1e6)), 90'000))}, of_latency()).choice;
  };
  EXPECT_EQ(choice(0.96), "lockfree.bounded");
  EXPECT_EQ(choice(0.94), "blocking.bounded");
  // What was not measured has no tail.
  EXPECT_EQ(judged({line("lockfree.bounded", progress::lock_free, about(1e6))}, of_latency()).choice, "");
}

TEST(AdviceOnLatency, SaysSoIfNobodyKeepsUp) {
  const recommendation made =
      judged({kept(0.4, with_tail(line("blocking.bounded", progress::blocking, about(0.5e6)), 90'000)),
              kept(0.5, with_tail(line("lockfree.bounded", progress::lock_free, about(0.5e6)), 2'000))},
             of_latency());
  EXPECT_EQ(made.choice, "lockfree.bounded");
  EXPECT_THAT(made.sentences.at(0), HasSubstr(", but nothing here keeps up with the rate asked for."));
}

question of_threads() {
  question about = of_lines();
  about.swept = "threads";
  return about;
}

TEST(AdviceOnASweep, SaysWhereTheChoiceChanges) {
  const advice made = advise({at(1, line("blocking.bounded", progress::blocking, about(9e6))),
                              at(1, line("lockfree.bounded", progress::lock_free, about(7e6))),
                              at(2, line("lockfree.bounded", progress::lock_free, about(8e6))),
                              at(2, line("blocking.bounded", progress::blocking, about(7.99e6))),
                              at(4, line("lockfree.bounded", progress::lock_free, about(12e6))),
                              at(4, line("blocking.bounded", progress::blocking, about(5e6))),
                              at(8, line("lockfree.bounded", progress::lock_free, about(20e6))),
                              at(8, line("blocking.bounded", progress::blocking, about(2e6)))},
                             of_threads());
  ASSERT_EQ(made.points.size(), 4u);
  EXPECT_EQ(made.points[0].at, 1u);
  EXPECT_EQ(made.points[0].what.choice, "blocking.bounded");
  EXPECT_EQ(made.points[1].what.choice, "blocking.bounded");
  EXPECT_THAT(made.points[1].what.tied, ElementsAre("lockfree.bounded"));
  EXPECT_EQ(made.points[3].at, 8u);
  EXPECT_EQ(made.points[3].what.choice, "lockfree.bounded");
  EXPECT_EQ(made.points[3].what.sentences.size(), 3u);
  EXPECT_EQ(made.overall.choice, "");
  EXPECT_THAT(made.overall.sentences,
              ElementsAre("Choose blocking.bounded from 1 thread to 2 threads and lockfree.bounded from 4 threads to 8 "
                          "threads.",
                          "That is 9.00 M lines/s at 1 thread and 20.0 M lines/s at 8 threads.",
                          "A simple blocking one is good enough at 1 thread and 2 threads, and behind elsewhere."));
}

TEST(AdviceOnASweep, DoesNotChangeForTheNoise) {
  // In the middle the other one is ahead, but not by more than the noise.
  const advice made = advise({at(1, line("lockfree.bounded", progress::lock_free, about(9e6))),
                              at(1, line("peer.lanes", progress::lock_free, about(7e6))),
                              at(2, line("peer.lanes", progress::lock_free, unsteady(9e6))),
                              at(2, line("lockfree.bounded", progress::lock_free, unsteady(8e6))),
                              at(4, line("lockfree.bounded", progress::lock_free, about(12e6))),
                              at(4, line("peer.lanes", progress::lock_free, about(5e6)))},
                             of_threads());
  EXPECT_EQ(made.overall.choice, "lockfree.bounded");
  EXPECT_THAT(made.overall.tied, IsEmpty());
  EXPECT_THAT(made.overall.sentences,
              ElementsAre("Choose lockfree.bounded at all points, from 1 thread to 4 threads.",
                          "That is 9.00 M lines/s at 1 thread and 12.0 M lines/s at 4 threads.",
                          "Whether a blocking one would do is not known, as none was compared."));
}

TEST(AdviceOnASweep, KnowsWhereNobodyWasRight) {
  summary wrong = line("lockfree.bounded", progress::lock_free, about(9e6));
  wrong.wrong = "lines 1 instead of 2";
  const advice none = advise({at(1, wrong), at(2, wrong)}, of_threads());
  EXPECT_EQ(none.overall.choice, "");
  EXPECT_THAT(none.overall.sentences, ElementsAre(HasSubstr("No advice")));
  EXPECT_EQ(none.points.size(), 2u);

  const advice some = advise({at(1, wrong), at(2, line("blocking.bounded", progress::blocking, about(9e6)))}, of_threads());
  EXPECT_EQ(some.overall.choice, "") << "not at all points";
  EXPECT_THAT(some.overall.sentences, ElementsAre("Choose blocking.bounded at 2 threads.", "That is 9.00 M lines/s at 2 threads.",
                                                  "A simple blocking one is good enough at 2 threads, and behind elsewhere."));
  EXPECT_EQ(some.points.at(0).what.choice, "");
}

TEST(AdviceOnASweep, TakesWhatIsTheChoiceMostOften) {
  const auto both = [](std::uint64_t point, double a, double b) {
    return std::vector{at(point, line("a", progress::lock_free, about(a))), at(point, line("b", progress::lock_free, about(b)))};
  };
  std::vector<summary> lines;
  for (const auto& each : {both(1, 9e6, 8.99e6), both(2, 8.99e6, 9e6), both(4, 8.99e6, 9e6)}) {
    lines.insert(lines.end(), each.begin(), each.end());
  }
  const advice made = advise(lines, of_threads());
  EXPECT_EQ(made.overall.choice, "b");
  EXPECT_THAT(made.overall.tied, ElementsAre("a")) << "which is as good everywhere";
  // One that is not as good somewhere is not tied.
  lines.push_back(at(4, line("c", progress::lock_free, about(9e6))));
  lines.insert(lines.begin(), at(1, line("d", progress::lock_free, about(9e6))));
  EXPECT_THAT(advise(lines, of_threads()).overall.tied, ElementsAre("a"));
}

TEST(AdviceOnASweep, SaysWhereABlockingOneWillDo) {
  const auto said = [](double at_one, double at_two) {
    std::vector<summary> lines;
    for (const auto& [point, rate] : {std::pair<std::uint64_t, double>(1, at_one), {2, at_two}}) {
      lines.push_back(at(point, line("lockfree.bounded", progress::lock_free, about(9e6))));
      if (rate > 0) lines.push_back(at(point, line("blocking.bounded", progress::blocking, about(rate))));
    }
    return advise(lines, of_threads()).overall.sentences.at(2);
  };
  EXPECT_EQ(said(9e6, 9e6), "A simple blocking one is good enough at all points.");
  EXPECT_EQ(said(5e6, 5e6), "A simple blocking one is behind at all points.");
  EXPECT_EQ(said(5e6, 9e6), "A simple blocking one is good enough at 2 threads, and behind elsewhere.");
  EXPECT_EQ(said(5e6, 0), "A simple blocking one is behind at all points.") << "where it was compared";
  EXPECT_THAT(said(0, 0), HasSubstr("none was compared"));
}

TEST(AdviceOnASweep, NamesWhatIsSwept) {
  for (const auto& [over, words] : std::vector<std::pair<std::string, std::string>>{
           {"item_size", "from items of 1 byte to items of 64 bytes"},
           {"burst", "from bursts of 1 to bursts of 64"},
           {"rate", "from a rate of 1 lines/s to a rate of 64 lines/s"},
           {"other", "from other 1 to other 64"}}) {
    question about_it = of_lines();
    about_it.swept = over;
    const advice made = advise({at(1, line("blocking.bounded", progress::blocking, about(9e6))),
                                at(64, line("blocking.bounded", progress::blocking, about(9e6)))},
                               about_it);
    EXPECT_THAT(made.overall.sentences.at(0), HasSubstr(words));
  }
}

TEST(AdviceOnASweep, SaysOnHowManySidesThereAreThreads) {
  question sides = of_threads();
  sides.two_sides = true;
  const advice made = advise({at(1, line("blocking.bounded", progress::blocking, about(9e6))),
                              at(2, line("blocking.bounded", progress::blocking, about(9e6)))}, sides);
  EXPECT_EQ(made.overall.sentences.at(0), "Choose blocking.bounded at all points, from 1 thread a side to 2 threads a side.");
  EXPECT_EQ(made.points.at(1).where, "2 threads a side");
}

TEST(AdviceOnASweep, KnowsThatSeveralThreadsAreSeveralProducers) {
  question one = of_threads();
  one.producers = 1;
  const advice made = advise({at(1, line("peer.lanes", progress::lock_free, about(9e6))),
                              at(2, line("peer.lanes", progress::lock_free, about(9e6)))}, one);
  EXPECT_THAT(made.points[0].what.sentences.at(1), HasSubstr("keeps order and bound"));
  EXPECT_THAT(made.points[1].what.sentences.at(1), HasSubstr("gives up order between producers"));
}

}  // namespace
}  // namespace switchyard::compare
