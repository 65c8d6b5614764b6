// Every implementation gives the right answer however the work is laid out, and a wrong answer is seen.
#include "switchyard/benchmarks/compare/workload.h"

#include <algorithm>
#include <chrono>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "switchyard/benchmarks/compare/runner.h"
#include "tests/compare/faulty_queue.h"
#include "tests/compare/probe_queue.h"
#include "tests/compare/resident.h"

namespace switchyard::compare {
namespace {

using namespace std::chrono_literals;
using adapters::counter_registry;
using adapters::progress;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using queue_registry = adapters::queue_registry<std::string_view>;

const atomic<bool> go_on{false};

std::string lines(int n) {
  std::string text;
  for (int i = 0; i < n; ++i) text += "line " + std::to_string(i % 7) + (i % 3 == 0 ? " and more\n" : "\n");
  return text;
}

// A text with all that is needed to run on it.
struct bench {
  explicit bench(std::string_view content, worker_layout with = {})
      : text(mapped_text::copy_of(content)), layout(with) {}

  std::vector<sample> run_queues(const std::vector<const queue_entry*>& queues) const {
    std::vector<sample> samples;
    for (const contender& each : pipeline(queues, {text, expected, layout, stop}))
      samples.push_back(each.run({}));
    return samples;
  }
  sample run_queue(const queue_registry& registry, std::string_view name) const {
    return run_queues({&registry.at(name)}).front();
  }

  mapped_text text;
  reference expected = make_reference(text, go_on);
  worker_layout layout;
  atomic<bool> stop{false};
};

// All that can run so.
std::vector<const queue_entry*> able(const worker_layout& layout) {
  std::vector<const queue_entry*> queues;
  for (const queue_entry& entry : queue_registry::builtin().entries()) {
    if (why_not(entry.info, layout).empty()) queues.push_back(&entry);
  }
  return queues;
}

TEST(Pipeline, AllAgreeHoweverTheWorkIsLaidOut) {
  const std::string text = lines(800) + "the end has no newline";
  for (const worker_layout& layout :
       std::vector<worker_layout>{{.producers = 1, .consumers = 1},
                                  {.producers = 1, .consumers = 1, .capacity = 1},
                                  {.producers = 3, .consumers = 2, .capacity = 7},
                                  {.producers = 2, .consumers = 3, .batch = 16},
                                  {.producers = 1, .consumers = 1, .capacity = 5, .batch = 64}}) {
    const bench on(text, layout);
    const auto queues = able(layout);
    EXPECT_THAT(queues, testing::Not(IsEmpty()));
    const std::vector<sample> samples = on.run_queues(queues);
    for (std::size_t i = 0; i < queues.size(); ++i) {
      SCOPED_TRACE(queues[i]->info.name);
      EXPECT_EQ(samples[i].wrong, "");
      EXPECT_FALSE(samples[i].cut_short);
      EXPECT_EQ(samples[i].passes, 1u);
      EXPECT_EQ(samples[i].items, 801u);
      EXPECT_GT(samples[i].use.seconds, 0);
    }
  }
}

TEST(Pipeline, RunsOnAnyText) {
  const auto queues = able({});
  for (const std::string& text : {std::string(), std::string("\n"), std::string("x"), std::string(500, '\n'),
                                  std::string(2'500'000, 'x') + " y\n" + std::string(1'500'000, ' ') + "z"}) {
    const bench on(text, {.min_time = std::chrono::nanoseconds(1)});
    for (const sample& each : on.run_queues(queues)) EXPECT_EQ(each.wrong, "") << text.size();
  }
  // More producers than lines.
  const bench few("one\ntwo", {.producers = 5, .consumers = 4});
  for (const sample& each : few.run_queues(able(few.layout))) EXPECT_EQ(each.wrong, "");
}

TEST(Pipeline, AnEmptyTextIsGoneThroughOnce) {
  const bench on("", {.min_time = std::chrono::hours(1)});
  const sample only = on.run_queue(queue_registry::builtin(), "blocking.bounded_queue");
  EXPECT_EQ(only.passes, 1u);
  EXPECT_EQ(only.items, 0u);
}

TEST(Pipeline, GoesThroughTheTextUntilTheTimeHasPassed) {
  const bench on(lines(100), {.producers = 2, .consumers = 2, .min_time = std::chrono::milliseconds(20)});
  for (const sample& each : on.run_queues(able(on.layout))) {
    EXPECT_EQ(each.wrong, "");
    EXPECT_GE(each.use.seconds, 0.02);
    EXPECT_EQ(each.items, each.passes * 100);
  }
}

// What the checking says about a queue that fails at its tenth item.
template <fault what>
sample run_faulty(worker_layout layout = {}) {
  queue_registry registry;
  add_faulty<what>(registry, "faulty");
  std::string text;
  for (int i = 0; i < 50; ++i) text += "one line\n";
  return bench(text, layout).run_queue(registry, "faulty");
}

TEST(Pipeline, SeesWrongAnswers) {
  EXPECT_EQ(run_faulty<fault::none>().wrong, "");
  EXPECT_EQ(
      run_faulty<fault::loses>().wrong,
      "lines 49 instead of 50, words 98 instead of 100, bytes 441 instead of 450, \"line\" 49 instead of 50, "
      "\"one\" 49 instead of 50");
  EXPECT_THAT(run_faulty<fault::doubles>().wrong,
              HasSubstr("lines 51 instead of 50, words 102 instead of 100"));
  EXPECT_EQ(run_faulty<fault::changes>().wrong, "bytes 449 instead of 450, \"one\" 49 instead of 50");
  EXPECT_EQ(run_faulty<fault::swaps_words>().wrong, "\"line\" 49 instead of 50, \"one\" 49 instead of 50");
  EXPECT_THAT(run_faulty<fault::closes>().wrong, HasSubstr("lines 9 instead of 50"));
  // The same in batches.
  EXPECT_EQ(run_faulty<fault::none>({.batch = 8}).wrong, "");
  EXPECT_THAT(run_faulty<fault::loses>({.batch = 8}).wrong, HasSubstr("lines 49 instead of 50"));
}

TEST(Pipeline, EndsWhenAThreadThrows) {
  // With so little room, whoever is left would wait for ever.
  EXPECT_THROW(run_faulty<fault::throws_on_push>({.capacity = 1}), std::runtime_error);
  EXPECT_THROW(run_faulty<fault::throws_on_pop>({.capacity = 1}), std::bad_alloc);
}

TEST(Pipeline, IsLaidOutAsAskedFor) {
  queue_registry registry;
  registry.add_queue<probe_queue<std::string_view>>({.name = "probe", .summary = ""});
  for (const worker_layout& layout : std::vector<worker_layout>{
           {.producers = 3, .consumers = 2, .capacity = 9}, {.producers = 1, .consumers = 4, .capacity = 70, .batch = 8}}) {
    const bench on(lines(500), layout);
    probe_notes::reset();
    EXPECT_EQ(on.run_queue(registry, "probe").wrong, "");
    probe_notes::now().expect_as_asked(layout);
  }
}

TEST(Pipeline, IsCutShort) {
  bench on(lines(1000), {.producers = 2, .consumers = 2, .min_time = std::chrono::hours(1)});
  on.stop.store(true);
  for (const sample& each : on.run_queues(able(on.layout))) EXPECT_TRUE(each.cut_short);
}

TEST(Pipeline, IsCutShortInTheMiddle) {
  // The thread that waits is told that time passes, and has had enough.
  bench on(lines(1000), {.min_time = std::chrono::hours(1)});
  const auto contenders = pipeline({&queue_registry::builtin().at("blocking.bounded_queue")},
                                   {on.text, on.expected, on.layout, on.stop});
  const sample only = contenders.front().run([&] { on.stop.store(true); });
  EXPECT_TRUE(only.cut_short);
}

TEST(Pipeline, KeepsLittleOfALargeTextInMemory) {
  std::string text;
  const std::string line = std::string(499, 'x') + "\n";
  while (text.size() < (std::size_t{32} << 20)) text += line;
  const bench on(text, {.producers = 2, .consumers = 1});
  const auto contenders = pipeline({&queue_registry::builtin().at("blocking.bounded_queue"),
                                    &queue_registry::builtin().at("blocking.unbounded_queue")},
                                   {on.text, on.expected, on.layout, on.stop});
  for (const contender& each : contenders) {
    EXPECT_EQ(each.run({}).wrong, "");
    if (resident(on.text) == 0) GTEST_SKIP() << "no /proc/self/smaps";
    // Two windows of four megabytes, two stretches not yet finished, and some lines.
    EXPECT_LE(resident(on.text), std::size_t{20} << 20) << each.name;
  }
}

TEST(Pipeline, KeepsLittleOfLongLinesInMemory) {
  std::string text;
  for (int i = 0; i < 20; ++i) text += std::string(stride * 3 / 2, 'x') + " end\n";
  const bench on(text);
  EXPECT_EQ(on.run_queue(queue_registry::builtin(), "blocking.bounded_queue").wrong, "");
  EXPECT_LE(resident(on.text), std::size_t{8} << 20);
}

TEST(WhyNot, NamesWhatIsMissing) {
  const adapters::queue_info spsc{
      .name = "q", .summary = "", .multi_producer = false, .multi_consumer = false};
  const adapters::queue_info mpsc{.name = "q", .summary = "", .multi_consumer = false};
  EXPECT_EQ(why_not(spsc, {.producers = 1, .consumers = 1}), "");
  EXPECT_EQ(why_not(spsc, {.producers = 2, .consumers = 1}), "takes one producer only");
  EXPECT_EQ(why_not(spsc, {.producers = 1, .consumers = 2}), "takes one consumer only");
  EXPECT_EQ(why_not(spsc, {.producers = 2, .consumers = 2}), "takes one producer and one consumer only");
  EXPECT_EQ(why_not(mpsc, {.producers = 2, .consumers = 1}), "");
  EXPECT_EQ(why_not(mpsc, {.producers = 1, .consumers = 2}), "takes one consumer only");
  const adapters::queue_info small{.name = "q", .summary = "", .max_capacity = 10, .max_threads = 3};
  EXPECT_EQ(why_not(small, {.producers = 2, .consumers = 1, .capacity = 10}), "");
  EXPECT_EQ(why_not(small, {.capacity = 11}), "has room for 10 at most");
  EXPECT_EQ(why_not(small, {.producers = 2, .consumers = 2, .capacity = 1}), "takes 3 threads at most");
}

// Forgets every hundredth.
class forgetful_counter {
 public:
  void add(std::int64_t n) {
    if (++calls_ % 100 != 0) value_ += n;
  }
  void increment() { add(1); }
  std::int64_t load() const { return value_; }
  std::int64_t exchange(std::int64_t n) { return std::exchange(value_, n); }

 private:
  std::int64_t value_ = 0;
  std::int64_t calls_ = 0;
};

TEST(Counting, AllAgree) {
  for (const worker_layout& layout :
       std::vector<worker_layout>{{.producers = 1, .consumers = 1}, {.producers = 3, .consumers = 2}}) {
    const bench on(lines(6000) + "end", layout);
    std::vector<const counter_entry*> counters;
    for (const counter_entry& entry : counter_registry::builtin().entries()) counters.push_back(&entry);
    for (const contender& each : counting(counters, {on.text, on.expected, on.layout, on.stop})) {
      const sample one = each.run({});
      EXPECT_EQ(one.wrong, "") << each.name;
      EXPECT_EQ(one.items, on.expected.answer.words) << each.name;
    }
  }
}

// Notes which threads add to it.
class probe_counter {
 public:
  void add(std::int64_t n) {
    const std::lock_guard hold(probe_notes::lock());
    probe_notes::now().pushers.insert(std::this_thread::get_id());
    value_ += n;
  }
  void increment() { add(1); }
  std::int64_t load() const { return value_; }
  std::int64_t exchange(std::int64_t n) { return std::exchange(value_, n); }

 private:
  std::int64_t value_ = 0;
};

TEST(Counting, HasAsManyThreadsAsAskedFor) {
  counter_registry registry;
  registry.add({.name = "probe", .summary = "for a test"}, [] { return adapters::any_counter::make<probe_counter>(); });
  const bench on(lines(600), {.producers = 3, .consumers = 2});
  probe_notes::reset();
  EXPECT_EQ(counting({&registry.at("probe")}, {on.text, on.expected, on.layout, on.stop}).front().run({}).wrong, "");
  EXPECT_EQ(probe_notes::now().pushers.size(), 5u);
}

TEST(Counting, SeesWrongAnswersAndStops) {
  counter_registry registry;
  registry.add({.name = "forgetful", .summary = "for a test"},
               [] { return adapters::any_counter::make<forgetful_counter>(); });
  // One thread, as that counter is no better than that: all lines are in one part.
  bench on(std::string(1000, 'x') + " " + [] {
    std::string words;
    for (int i = 0; i < 499; ++i) words += "word ";
    return words;
  }());
  const auto contenders = counting({&registry.at("forgetful")}, {on.text, on.expected, on.layout, on.stop});
  EXPECT_EQ(contenders.front().run({}).wrong, "words 495 instead of 500");
  on.stop.store(true);
  EXPECT_TRUE(contenders.front().run({}).cut_short);
}

TEST(Counting, RunsOnNothing) {
  const bench on("", {.producers = 2, .consumers = 2, .min_time = std::chrono::hours(1)});
  const auto contenders = counting({&counter_registry::builtin().at("lockfree.counter")},
                                   {on.text, on.expected, on.layout, on.stop});
  EXPECT_EQ(contenders.front().run({}).wrong, "");
}

// A contender that notes when it runs.
contender noted(std::string name, std::vector<std::string>& notes, sample result = {}) {
  return {name, progress::blocking, [=, &notes](const tick_function&) {
            notes.push_back(name);
            return result;
          }};
}

TEST(Rounds, AreInterleavedAndRotate) {
  std::vector<std::string> notes;
  const rounds all = run_rounds({noted("a", notes), noted("b", notes), noted("c", notes)}, 4, go_on);
  EXPECT_THAT(notes, ElementsAre("a", "b", "c", "b", "c", "a", "c", "a", "b", "a", "b", "c"));
  EXPECT_TRUE(all.complete);
  ASSERT_EQ(all.outcomes.size(), 3u);
  EXPECT_EQ(all.outcomes[1].name, "b");
  EXPECT_EQ(all.outcomes[1].samples.size(), 4u);
}

TEST(Rounds, LeaveOutWhoWasWrong) {
  std::vector<std::string> notes;
  sample wrong;
  wrong.wrong = "words 1 instead of 2";
  const contender thrower{"c", progress::blocking, [&](const tick_function&) -> sample {
                            notes.push_back("c");
                            throw std::runtime_error("no memory");
                          }};
  const rounds all = run_rounds({noted("a", notes), noted("b", notes, wrong), thrower}, 3, go_on);
  EXPECT_THAT(notes, ElementsAre("a", "b", "c", "a", "a"));
  EXPECT_TRUE(all.complete);
  EXPECT_EQ(all.outcomes[0].samples.size(), 3u);
  EXPECT_EQ(all.outcomes[1].wrong, "words 1 instead of 2");
  EXPECT_THAT(all.outcomes[1].samples, IsEmpty());
  EXPECT_EQ(all.outcomes[2].wrong, "failed: no memory");
}

TEST(Rounds, KeepWhatWasFinishedWhenStopped) {
  std::vector<std::string> notes;
  atomic<bool> stop{false};
  const contender stopper{"b", progress::blocking, [&](const tick_function&) {
                            sample result;
                            if (notes.size() >= 3) {
                              stop.store(true);
                              result.cut_short = true;
                            }
                            notes.push_back("b");
                            return result;
                          }};
  const rounds all = run_rounds({noted("a", notes), stopper}, 3, stop);
  EXPECT_THAT(notes, ElementsAre("a", "b", "b", "a", "a", "b"));
  EXPECT_FALSE(all.complete);
  EXPECT_EQ(all.outcomes[0].samples.size(), 3u);
  EXPECT_EQ(all.outcomes[1].samples.size(), 2u);
  // Stopped before it began.
  EXPECT_FALSE(run_rounds({noted("a", notes)}, 1, stop).complete);
}

TEST(Rounds, TellHowFarTheyAre) {
  std::vector<std::string> notes;
  std::vector<std::string> told;
  run_rounds({noted("a", notes), noted("b", notes)}, 2, go_on, [&](const position& at) {
    told.push_back(std::to_string(at.finished) + "/" + std::to_string(at.all) + " " + std::string(at.name));
  });
  EXPECT_THAT(told, ElementsAre("0/4 a", "1/4 b", "2/4 b", "3/4 a"));

  told.clear();
  contender at_four = noted("a", notes);
  at_four.point = 4;
  const rounds all = run_rounds({at_four}, 1, go_on, [&](const position& at) { told.emplace_back(at.name); });
  EXPECT_THAT(told, ElementsAre("a at 4")) << "of a sweep";
  EXPECT_EQ(all.outcomes.front().point, 4u);

  // And while one runs.
  told.clear();
  const contender long_one{"long", progress::blocking, [](const tick_function& tick) {
                             for (int i = 0; i < 3; ++i) tick();
                             return sample();
                           }};
  run_rounds({long_one, noted("a", notes)}, 1, go_on, [&](const position& at) {
    told.push_back(std::to_string(at.finished) + " " + std::string(at.name));
  });
  EXPECT_THAT(told, ElementsAre("0 long", "0 long", "0 long", "0 long", "1 a"));
}

// A clock that only a run moves on, and what is run by it.
struct hand_clock {
  // One whose runs take so long, each in turn; the last for all after it.
  contender runs_for(std::string name, std::vector<std::chrono::milliseconds> times) {
    return {name, progress::blocking, [this, name, times, calls = std::size_t{0}](const tick_function&) mutable {
              notes.push_back(name);
              time += times[std::min(calls++, times.size() - 1)];
              return sample();
            }};
  }
  rounds run(const std::vector<contender>& contenders, std::size_t repetitions, steady_clock::duration budget) const {
    return run_rounds(contenders, repetitions, go_on, {}, budget, [this] { return time; });
  }

  steady_clock::time_point time{};
  std::vector<std::string> notes;
};

TEST(Rounds, EndWhenTheTimeIsOver) {
  hand_clock clock;
  const std::vector<contender> two = {clock.runs_for("a", {20ms}), clock.runs_for("b", {20ms})};
  // After three rounds of 40 ms there are 30 left.
  const rounds some = clock.run(two, 100, 150ms);
  EXPECT_TRUE(some.complete) << "as far as it was wanted";
  EXPECT_EQ(some.repetitions, 3u);
  for (const outcome& each : some.outcomes) EXPECT_EQ(each.samples.size(), 3u);
  EXPECT_THAT(some.left_out, IsEmpty());
  EXPECT_EQ(clock.run(two, 100, 160ms).repetitions, 4u) << "the last one just fits";
  EXPECT_EQ(clock.run(two, 2, 160ms).repetitions, 2u) << "no more than asked for";
  EXPECT_EQ(run_rounds(two, 2, go_on).repetitions, 2u) << "without a limit";
}

TEST(Rounds, LeaveOutInTheFirstWhomThereIsNoTimeFor) {
  hand_clock clock;
  contender at_four = clock.runs_for("late", {1ms});
  at_four.point = 4;
  const rounds all =
      clock.run({clock.runs_for("a", {5ms}), clock.runs_for("slow", {30ms}), at_four, clock.runs_for("b", {1ms})}, 5, 20ms);
  EXPECT_THAT(clock.notes, ElementsAre("a", "slow"));
  EXPECT_THAT(all.left_out, ElementsAre("late at 4", "b"));
  EXPECT_TRUE(all.complete) << "nobody has stopped it";
  EXPECT_EQ(all.repetitions, 1u);
  EXPECT_THAT(all.outcomes[2].samples, IsEmpty());
  // Without any time, or with less than none, there is one run at least.
  for (const steady_clock::duration budget : {steady_clock::duration(0ms), steady_clock::duration(-5ms)}) {
    const rounds one = clock.run({clock.runs_for("a", {1ms}), clock.runs_for("b", {1ms})}, 5, budget);
    EXPECT_EQ(one.outcomes[0].samples.size(), 1u);
    EXPECT_THAT(one.left_out, ElementsAre("b"));
  }
}

TEST(Rounds, CountWholeRoundsOnly) {
  // The second round was thought to fit, and takes longer: b's turn came in it, a's not any more.
  hand_clock clock;
  const rounds all = clock.run({clock.runs_for("a", {1ms, 60ms}), clock.runs_for("b", {1ms, 60ms})}, 5, 50ms);
  EXPECT_THAT(clock.notes, ElementsAre("a", "b", "b"));
  EXPECT_EQ(all.repetitions, 1u);
  EXPECT_TRUE(all.complete);
  for (const outcome& each : all.outcomes) EXPECT_EQ(each.samples.size(), 1u) << each.name;
}

TEST(PassGate, LetsAllGoEquallyOften) {
  pass_gate gate(std::chrono::hours(1));
  const auto long_ago = steady_clock::now() - std::chrono::hours(2);
  const auto now = steady_clock::now();
  EXPECT_TRUE(gate.another(1, now)) << "the first has time left";
  EXPECT_TRUE(gate.another(1, long_ago)) << "the second follows, time or not";
  EXPECT_FALSE(gate.another(2, long_ago)) << "the time is over";
  EXPECT_FALSE(gate.another(2, now)) << "and stays so";
  EXPECT_EQ(gate.passes(), 2u);
}

TEST(Crew, StartsTogetherAndIsMeasured) {
  atomic<int> running{0};
  std::vector<steady_clock::time_point> starts(4);
  std::vector<job> jobs;
  for (auto& start : starts) {
    jobs.push_back([&](steady_clock::time_point started) {
      start = started;
      running.fetch_add(1, memory_order_relaxed);
      while (running.load(memory_order_relaxed) < 4) yield();  // ends only if all are there at once
    });
  }
  const crew_use use = run_crew(jobs);
  EXPECT_GT(use.seconds, 0);
  for (const auto start : starts) EXPECT_EQ(start, starts.front());
}

}  // namespace
}  // namespace switchyard::compare
