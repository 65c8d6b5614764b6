#include "switchyard/benchmarks/compare/results_json.h"

#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "switchyard/benchmarks/compare/error.h"

namespace switchyard::compare {
namespace {

using adapters::progress;
using nlohmann::ordered_json;
using testing::HasSubstr;

sample run(double seconds) {
  sample made;
  made.items = 4;
  made.passes = 2;
  made.use.seconds = seconds;
  made.use.resources = {2 * seconds, 30, 7};
  made.use.peak_memory = 4096;
  return made;
}

// Written out and read in again.
ordered_json parsed_results(bool was_interrupted = false) {
  const atomic<bool> go_on{false};
  const mapped_text text = mapped_text::copy_of("b a b\nb c \xc3\xa9t\xc3\xa9 \xff!\n");
  const reference expected = make_reference(text, go_on);
  options asked;
  asked.layout.producers = 2;
  asked.layout.consumers = 3;
  asked.repetitions = 3;
  const std::vector<outcome> outcomes = {
      {"lockfree.queue", progress::lock_free, {run(1), run(4), run(2)}, ""},
      {"blocking.queue", progress::blocking, {run(4)}, ""},
      {"broken.queue", progress::blocking, {run(1)}, "words 1 instead of 2"},
      {"absent.queue", progress::blocking, {}, ""},
  };
  const comparison what{{"compare", "--out=x"}, asked, text, expected, was_interrupted};
  return ordered_json::parse(
      results_json(what, outcomes).dump(2, ' ', false, ordered_json::error_handler_t::replace));
}

TEST(ResultsJson, HasTheContext) {
  const ordered_json context = parsed_results().at("context");
  for (const char* const key :
       {"date", "host_name", "executable", "num_cpus", "library_build_type", "compiler", "compiler_flags",
        "cpu", "kernel", "commit"}) {
    EXPECT_TRUE(context.contains(key)) << key;
    EXPECT_NE(context.at(key), "") << key;
  }
  EXPECT_EQ(context.at("pace"), "usual");
  EXPECT_FALSE(context.contains("sweep"));
  EXPECT_FALSE(context.contains("rate"));
  EXPECT_EQ(context.at("executable"), "compare");
  EXPECT_EQ(context.at("command_line"), "compare --out=x");
  EXPECT_EQ(context.at("lines"), 2);
  EXPECT_EQ(context.at("words"), 7);
  EXPECT_EQ(context.at("bytes"), 19);
  EXPECT_EQ(context.at("input"), "text");
  EXPECT_EQ(context.at("workload"), "pipeline");
  EXPECT_EQ(context.at("item"), "line");
  EXPECT_EQ(context.at("producers"), 2);
  EXPECT_EQ(context.at("consumers"), 3);
  EXPECT_EQ(context.at("capacity"), 1024);
  EXPECT_EQ(context.at("batch"), 1);
  EXPECT_EQ(context.at("interrupted"), false);
  EXPECT_EQ(context.at("top_words").at(0), ordered_json({{"word", "b"}, {"count", 3}}));
  EXPECT_EQ(parsed_results(true).at("context").at("interrupted"), true);
}

TEST(ResultsJson, SaysWhichSourcesWereBuilt) {
  ASSERT_EQ(::setenv("SWITCHYARD_COMMIT", "0123abc-dirty", 1), 0);
  EXPECT_EQ(parsed_results().at("context").at("commit"), "0123abc-dirty");
  ASSERT_EQ(::setenv("SWITCHYARD_COMMIT", "two\nlines", 1), 0);
  EXPECT_EQ(parsed_results().at("context").at("commit"), "two lines");
  ASSERT_EQ(::setenv("SWITCHYARD_COMMIT", "", 1), 0);
  EXPECT_EQ(parsed_results().at("context").at("commit"), "unknown");
  ASSERT_EQ(::unsetenv("SWITCHYARD_COMMIT"), 0);
  EXPECT_EQ(parsed_results().at("context").at("commit"), "unknown");
}

TEST(ResultsJson, SaysHowItWasBuilt) {
  EXPECT_THAT(parsed_results().at("context").at("compiler_flags").get<std::string>(), HasSubstr("-std=c++20"));
}

// The document of some outcomes of a workload, and of what was advised.
ordered_json document(const options& asked, const std::vector<outcome>& outcomes, const advice& advised = {}) {
  const atomic<bool> go_on{false};
  const mapped_text text = mapped_text::copy_of("a\n");
  const reference expected = make_reference(text, go_on);
  return ordered_json::parse(results_json({{"compare"}, asked, text, expected, false, advised}, outcomes).dump());
}

TEST(ResultsJson, SaysWhenAndOnWhichProcessor) {
  const auto now = [] {
    const std::time_t seconds = std::time(nullptr);
    std::tm local{};
    ::localtime_r(&seconds, &local);
    char text[32] = {};
    std::strftime(text, sizeof(text), "%FT%T", &local);
    return std::string(text);
  };
  const std::string before = now();
  const ordered_json context = parsed_results().at("context");
  const std::string date = context.at("date").get<std::string>().substr(0, before.size());
  EXPECT_LE(before, date);
  EXPECT_LE(date, now());
  // The line of /proc/cpuinfo that says it, if there is one.
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    if (!line.starts_with("model name")) continue;
    EXPECT_EQ(line.substr(line.find(':') + 2), context.at("cpu").get<std::string>());
    break;
  }
}

TEST(ResultsJson, SaysHowTheWorkWasLaidOut) {
  options asked;
  asked.layout.capacity = 77;
  asked.layout.batch = 6;
  asked.repetitions = 9;
  asked.layout.min_time = std::chrono::milliseconds(250);
  const ordered_json context = document(asked, {}).at("context");
  EXPECT_EQ(context.at("capacity"), 77);
  EXPECT_EQ(context.at("batch"), 6);
  EXPECT_EQ(context.at("repetitions"), 9);
  EXPECT_EQ(context.at("min_time_seconds"), 0.25);
  EXPECT_FALSE(context.contains("item_size")) << "lines have any";
}

TEST(ResultsJson, SaysWhenItemsWereDue) {
  options asked;
  asked.which = workload::queue;
  asked.layout.item_size = 64;
  EXPECT_EQ(document(asked, {}).at("context").at("item_size"), 64);
  EXPECT_FALSE(document(asked, {}).at("context").contains("burst")) << "nothing is due";
  asked.layout.rate = 1000;
  asked.layout.burst = 5;
  EXPECT_EQ(document(asked, {}).at("context").at("rate"), 1000);
  EXPECT_EQ(document(asked, {}).at("context").at("burst"), 5);
  EXPECT_FALSE(document(asked, {}).at("context").contains("replay"));
  for (const std::string over : {"item_size", "rate", "burst", "threads"}) {
    asked.swept = sweep{over, {8, 64}};
    const ordered_json context = document(asked, {}).at("context");
    for (const std::string key : {"item_size", "rate", "burst"}) {
      EXPECT_EQ(context.contains(key), key != over) << "what is swept has no one value: " << over << " " << key;
    }
  }
  asked.swept.reset();
  // Three items in two seconds, then again after one more.
  asked.layout.arrivals = std::make_shared<const arrival_times>(arrival_times{0, 1'000'000'000, 2'000'000'000});
  asked.replay = "my pattern";
  EXPECT_EQ(document(asked, {}).at("context").at("rate"), 1);
  EXPECT_EQ(document(asked, {}).at("context").at("replay"), "my pattern");
}

TEST(ResultsJson, HasTheTenMostFrequentWords) {
  const atomic<bool> go_on{false};
  const mapped_text text = mapped_text::copy_of("a b c d e f g h i j k l m\n");
  const reference expected = make_reference(text, go_on);
  const ordered_json words = results_json({{"compare"}, {}, text, expected, false, {}}, {}).at("context").at("top_words");
  ASSERT_EQ(words.size(), 10u);
  EXPECT_EQ(words.at(9).at("word"), "j");
}

TEST(ResultsJson, HasTheFarEndOfTheTail) {
  latency_histogram taken;
  for (int i = 0; i < 19'970; ++i) taken.record(1);
  for (int i = 0; i < 20; ++i) taken.record(100);
  for (int i = 0; i < 10; ++i) taken.record(10'000);
  sample measured = run(1);
  measured.latency = std::make_shared<latency_histogram>(taken);
  const ordered_json tail = document({}, {{"a", progress::blocking, {measured}, ""}}).at("benchmarks").at(0).at("latency_ns");
  EXPECT_EQ(tail.at("p99"), 1);
  EXPECT_EQ(tail.at("p99.9"), 100);
  EXPECT_EQ(tail.at("p99.99"), 10'000);
}

TEST(ResultsJson, SaysWhatWasCut) {
  EXPECT_FALSE(parsed_results().at("context").contains("notes")) << "nothing was";
  const atomic<bool> go_on{false};
  const mapped_text text = mapped_text::none();
  const ordered_json json = results_json({{"compare"}, {}, text, {}, false, {}, {"Only 2 of 5."}}, {});
  EXPECT_EQ(json.at("context").at("notes"), ordered_json({"Only 2 of 5."}));
}

TEST(ResultsJson, HasTheAdvice) {
  EXPECT_TRUE(parsed_results().at("context").at("advice").at("choice").is_null()) << "there was none";
  const advice made{{"a", {"b"}, {"Choose a."}}, {}};
  EXPECT_EQ(document({}, {}, made).at("context").at("advice"),
            ordered_json({{"choice", "a"}, {"tied", {"b"}}, {"sentences", {"Choose a."}}}));
  const advice of_sweep{{"", {}, {"Choose a or b."}}, {{1, "1 thread", {"a", {}, {"Choose a."}}},
                                                      {4, "4 threads", {"", {}, {"No advice."}}}}};
  const ordered_json json = document({}, {}, of_sweep).at("context").at("advice");
  EXPECT_TRUE(json.at("choice").is_null());
  EXPECT_EQ(json.at("points").at(0), ordered_json({{"at", 1}, {"where", "1 thread"}, {"choice", "a"}, {"tied", ordered_json::array()}, {"sentences", {"Choose a."}}}));
  EXPECT_EQ(json.at("points").at(1).at("at"), 4);
  EXPECT_TRUE(json.at("points").at(1).at("choice").is_null());
}

TEST(ResultsJson, HasIntervalsOfEnoughRuns) {
  const std::vector<sample> five = {run(1), run(2), run(4), run(8), run(16)};
  const std::vector<outcome> outcomes = {{"lockfree.queue", progress::lock_free, five, ""},
                                         {"blocking.queue", progress::blocking, {run(4), run(4), run(4), run(4), run(4)}, ""}};
  const ordered_json benchmarks = document({}, outcomes).at("benchmarks");
  const ordered_json& median = benchmarks.at(5);
  ASSERT_EQ(median.at("run_type"), "aggregate");
  EXPECT_EQ(median.at("items_per_second_low"), 0.25);
  EXPECT_EQ(median.at("items_per_second_high"), 4.0);
  EXPECT_EQ(median.at("ratio_to_best_blocking"), 1.0);
  EXPECT_EQ(median.at("ratio_to_best_blocking_low"), 0.25);
  EXPECT_EQ(median.at("ratio_to_best_blocking_high"), 4.0);
  EXPECT_EQ(benchmarks.at(11).at("ratio_to_best_blocking_low"), 1.0);
  for (const auto& few : parsed_results().at("benchmarks")) EXPECT_FALSE(few.contains("items_per_second_low"));
}

TEST(ResultsJson, HasLatencyWhereItWasMeasured) {
  latency_histogram taken;
  for (std::uint64_t ns = 1; ns <= 200; ++ns) taken.record(ns);
  sample measured = run(1);
  measured.latency = std::make_shared<latency_histogram>(taken);
  measured.rate_kept = 0.75;
  sample later = run(1);
  later.latency = std::make_shared<latency_histogram>([] {
    latency_histogram one;
    one.record(5000);
    return one;
  }());
  later.rate_kept = 1;
  options asked;
  asked.which = workload::latency;
  asked.layout.rate = 1000;
  asked.how = pace::quick;
  const ordered_json json = document(asked, {{"a.queue", progress::blocking, {measured, later, run(1)}, ""}});
  EXPECT_EQ(json.at("context").at("rate"), 1000);
  EXPECT_EQ(json.at("context").at("pace"), "quick");
  const ordered_json& first = json.at("benchmarks").at(0);
  EXPECT_EQ(first.at("rate_kept"), 0.75);
  EXPECT_EQ(first.at("latency_ns"),
            ordered_json({{"count", 200}, {"min", 1}, {"mean", 100.5}, {"p50", 100}, {"p90", 180}, {"p99", 198},
                          {"p99.9", 200}, {"p99.99", 200}, {"max", 200}}));
  EXPECT_FALSE(first.contains("latency_histogram"));
  EXPECT_FALSE(json.at("benchmarks").at(2).contains("latency_ns"));
  const ordered_json& median = json.at("benchmarks").at(3);
  EXPECT_EQ(median.at("rate_kept"), 0.875) << "of two runs";
  EXPECT_EQ(median.at("latency_ns").at("count"), 201);
  EXPECT_EQ(median.at("latency_ns").at("max"), 5000);
  const ordered_json& histogram = median.at("latency_histogram");
  ASSERT_EQ(histogram.size(), 201u);
  EXPECT_EQ(histogram.at(0), ordered_json({1, 1}));
  EXPECT_EQ(histogram.at(200), ordered_json({5000, 1}));
}

TEST(ResultsJson, NamesThePointsOfASweep) {
  options asked;
  asked.which = workload::queue;
  asked.swept = sweep{"threads", {1, 4}};
  const std::vector<outcome> outcomes = {{"a.queue", progress::blocking, {run(1)}, "", 1},
                                         {"a.queue", progress::blocking, {run(2)}, "", 4},
                                         {"b.queue", progress::lock_free, {}, "lines 1 instead of 2", 4}};
  const ordered_json json = document(asked, outcomes);
  EXPECT_EQ(json.at("context").at("sweep"), ordered_json({{"over", "threads"}, {"values", {1, 4}}}));
  const ordered_json& benchmarks = json.at("benchmarks");
  ASSERT_EQ(benchmarks.size(), 5u);
  EXPECT_EQ(benchmarks.at(0).at("name"), "a.queue/threads:1");
  EXPECT_EQ(benchmarks.at(0).at("run_name"), "a.queue/threads:1");
  EXPECT_EQ(benchmarks.at(0).at("implementation"), "a.queue");
  EXPECT_EQ(benchmarks.at(0).at("point"), 1);
  EXPECT_EQ(benchmarks.at(0).at("progress"), "blocking");
  EXPECT_EQ(benchmarks.at(0).at("threads"), 2) << "as many producers as consumers";
  EXPECT_EQ(benchmarks.at(3).at("name"), "a.queue/threads:4_median");
  EXPECT_EQ(benchmarks.at(3).at("threads"), 8);
  EXPECT_EQ(benchmarks.at(3).at("items_per_second"), 2.0) << "of its own point";
  EXPECT_EQ(benchmarks.at(4).at("name"), "b.queue/threads:4");
  EXPECT_EQ(benchmarks.at(4).at("error_occurred"), true);
  asked.swept = sweep{"rate", {1, 4}};
  EXPECT_FALSE(document(asked, {}).at("context").contains("rate")) << "there are several";
}

TEST(ResultsJson, HasAnEntryForEachRun) {
  const ordered_json benchmarks = parsed_results().at("benchmarks");
  // 3 runs and their median, 1 run and its median, 1 run and its error; nothing of what never ran.
  ASSERT_EQ(benchmarks.size(), 8u);
  const ordered_json& second = benchmarks.at(1);
  EXPECT_EQ(second.at("name"), "lockfree.queue");
  EXPECT_EQ(second.at("run_name"), "lockfree.queue");
  EXPECT_EQ(second.at("implementation"), "lockfree.queue");
  EXPECT_EQ(second.at("progress"), "lock_free");
  EXPECT_FALSE(second.contains("point"));
  EXPECT_EQ(second.at("run_type"), "iteration");
  EXPECT_EQ(second.at("repetitions"), 3);
  EXPECT_EQ(second.at("repetition_index"), 1);
  EXPECT_EQ(second.at("threads"), 5);
  EXPECT_EQ(second.at("iterations"), 4);
  EXPECT_EQ(second.at("real_time"), 1e9);
  EXPECT_EQ(second.at("cpu_time"), 2e9);
  EXPECT_EQ(second.at("time_unit"), "ns");
  EXPECT_EQ(second.at("items_per_second"), 1.0);
  EXPECT_EQ(second.at("seconds"), 4.0);
  EXPECT_EQ(second.at("family_index"), 0);
  EXPECT_EQ(second.at("passes"), 2);
  EXPECT_EQ(second.at("voluntary_context_switches"), 30);
  EXPECT_EQ(second.at("involuntary_context_switches"), 7);
  EXPECT_EQ(second.at("peak_memory_bytes"), 4096);
  EXPECT_EQ(second.at("answers_agree"), true);
}

TEST(ResultsJson, HasMedians) {
  const ordered_json benchmarks = parsed_results().at("benchmarks");
  const ordered_json& median = benchmarks.at(3);
  EXPECT_EQ(median.at("name"), "lockfree.queue_median");
  EXPECT_EQ(median.at("run_name"), "lockfree.queue");
  EXPECT_EQ(median.at("run_type"), "aggregate");
  EXPECT_EQ(median.at("aggregate_name"), "median");
  EXPECT_EQ(median.at("aggregate_unit"), "time");
  EXPECT_EQ(median.at("iterations"), 3);
  EXPECT_EQ(median.at("real_time"), 0.5e9);
  EXPECT_EQ(median.at("cpu_time"), 1e9);
  EXPECT_EQ(median.at("items_per_second"), 2.0);
  EXPECT_EQ(median.at("items_per_second_min"), 1.0);
  EXPECT_EQ(median.at("items_per_second_max"), 4.0);
  EXPECT_EQ(median.at("ratio_to_best_blocking"), 2.0);
  EXPECT_EQ(median.at("progress"), "lock_free");
  EXPECT_EQ(median.at("voluntary_context_switches_per_1000_items"), 7500);
  EXPECT_EQ(median.at("involuntary_context_switches_per_1000_items"), 1750);
  EXPECT_EQ(median.at("peak_memory_bytes"), 4096);
  EXPECT_FALSE(median.contains("rate_kept"));
  EXPECT_EQ(benchmarks.at(5).at("name"), "blocking.queue_median");
  EXPECT_EQ(benchmarks.at(5).at("family_index"), 1);
  EXPECT_EQ(benchmarks.at(5).at("ratio_to_best_blocking"), 1.0);
}

TEST(ResultsJson, MarksErrorsAsGoogleBenchmarkDoes) {
  const ordered_json error = parsed_results().at("benchmarks").at(7);
  EXPECT_EQ(error.at("name"), "broken.queue");
  EXPECT_EQ(error.at("repetition_index"), 1) << "after one that was right";
  EXPECT_EQ(error.at("error_occurred"), true);
  EXPECT_EQ(error.at("error_message"), "words 1 instead of 2");
  EXPECT_EQ(error.at("answers_agree"), false);
}

class FolderTest : public testing::Test {
 protected:
  FolderTest() : base_(testing::TempDir() + "results_json_test_" + std::to_string(::getpid())) {
    std::filesystem::create_directories(base_);
  }
  ~FolderTest() override { std::filesystem::remove_all(base_); }

  const std::filesystem::path base_;
};

TEST_F(FolderTest, IsMadeWithAllItLiesIn) {
  const std::string path = (base_ / "a" / "b").string();
  const results_folder folder(path);
  EXPECT_TRUE(std::filesystem::is_empty(path)) << "nothing is left of the probe";
  folder.write({{"bytes", "not UTF-8: \xff"}});
  folder.write({{"key", "second \xff"}});
  std::ifstream file(folder.file());
  EXPECT_EQ(ordered_json::parse(file).at("key"), "second \xef\xbf\xbd");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(path), {}), 1) << "results.json alone";
}

TEST_F(FolderTest, IsRefusedIfNothingCanBeWritten) {
  const std::string file = (base_ / "file").string();
  std::ofstream(file) << "x";
  std::filesystem::create_directories(base_ / "taken" / "results.json");
  for (const std::string& path :
       {file, file + "/below", (base_ / "taken").string(), std::string("/proc/none")}) {
    try {
      const results_folder folder(path);
      ADD_FAILURE() << path;
    } catch (const bad_request& refused) {
      EXPECT_THAT(refused.what(), HasSubstr("--out=" + path + ": cannot be written to: "));
    }
  }
}

TEST_F(FolderTest, SaysSoIfWritingFails) {
  const results_folder folder((base_ / "gone").string());
  std::filesystem::remove_all(base_ / "gone");
  EXPECT_THROW(folder.write({}), std::runtime_error);
}

}  // namespace
}  // namespace switchyard::compare
