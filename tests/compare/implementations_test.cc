// Every implementation that the program has, those of other libraries among them, in the workloads without a text; and one's
// own beside them.
#include "switchyard/benchmarks/compare/implementations.h"

#include <deque>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "switchyard/benchmarks/compare/error.h"
#include "switchyard/benchmarks/compare/lineup.h"
#include "switchyard/benchmarks/compare/options.h"
#include "switchyard/blocking/bounded_queue.h"

namespace switchyard::compare {
namespace {

using testing::Contains;
using testing::IsEmpty;

const implementations& all() {
  static const implementations there_are = builtin_implementations();
  return there_are;
}

void expect_all_agree(const std::vector<const char*>& arguments, std::size_t at_least) {
  SCOPED_TRACE(testing::PrintToString(arguments));
  const options asked = parse_options(arguments);
  const lineup chosen(asked, all());
  const mapped_text text = mapped_text::none();
  const reference expected;
  const atomic<bool> stop{false};
  const std::vector<contender> contenders = chosen.contenders(text, expected, stop);
  EXPECT_GE(contenders.size(), at_least);
  for (const contender& each : contenders) {
    SCOPED_TRACE(each.name);
    const sample one = each.run({});
    EXPECT_EQ(one.wrong, "");
    EXPECT_GE(one.items, 1u);
  }
}

TEST(Implementations, AllAgree) {
  expect_all_agree({"--workload=queue", "--sweep=item_size", "--min_time=0"}, 3 * 17);
  expect_all_agree({"--workload=queue", "--producers=3", "--consumers=2", "--capacity=3", "--min_time=2ms"}, 9);
  expect_all_agree({"--workload=queue", "--producers=2", "--consumers=1", "--batch=8", "--min_time=2ms"}, 11);
  expect_all_agree({"--workload=latency", "--sweep=threads:1,2", "--rate=50000", "--min_time=5ms"}, 17 + 9);
  expect_all_agree({"--workload=stack", "--sweep=threads:1,3", "--min_time=2ms"}, 2 * 2);
}

TEST(Implementations, HaveTheSameNamesAtEverySize) {
  std::vector<std::string> lines;
  for (const auto& entry : all().lines.entries()) lines.push_back(entry.info.name);
  const auto expect_in = [&](const auto& registry) {
    std::vector<std::string> names;
    for (const auto& entry : registry.entries()) {
      EXPECT_THAT(entry.info.summary, testing::Not(IsEmpty()));
      names.push_back(entry.info.name);
    }
    // Some take elements of eight bytes only.
    for (const std::string& name : lines) EXPECT_THAT(names, Contains(name));
  };
  std::apply([&](const auto&... of_a_size) { (expect_in(of_a_size), ...); }, all().items);
}

// The least that will do.
template <class T>
class my_queue {
 public:
  using value_type = T;
  [[nodiscard]] conqueue_status try_push(T&& value) {
    const std::lock_guard hold(lock_);
    inside_.push_back(std::move(value));
    return conqueue_status::success;
  }
  [[nodiscard]] pop_result<T> try_pop() {
    const std::lock_guard hold(lock_);
    if (inside_.empty()) return unexpected(conqueue_status::empty);
    pop_result<T> taken(std::move(inside_.front()));
    inside_.pop_front();
    return taken;
  }

 private:
  std::mutex lock_;
  std::deque<T> inside_;
};

TEST(Implementations, TakeOnesOwn) {
  implementations mine;
  const adapters::queue_info info{.name = "my.queue", .summary = "mine", .bound = adapters::queue_bound::none};
  mine.add_queue<my_queue>(info);
  mine.add_stack<my_queue>({.name = "my.stack", .summary = "", .bound = adapters::queue_bound::none});
  EXPECT_EQ(mine.lines.entries().size(), 1u);
  EXPECT_EQ(std::get<2>(mine.items).at("my.queue").info.summary, "mine");
  EXPECT_EQ(mine.stacks.entries().size(), 1u);
  EXPECT_THROW(mine.add_queue<my_queue>(info), std::invalid_argument);

  const options asked = parse_options(std::vector<const char*>{"--workload=queue", "--producers=2", "--min_time=1ms"});
  const lineup chosen(asked, mine);
  const atomic<bool> stop{false};
  const mapped_text text = mapped_text::none();
  const reference expected;
  EXPECT_EQ(chosen.contenders(text, expected, stop).front().run({}).wrong, "");
}

// What cannot run at some points of a sweep runs at the others.
TEST(Lineup, SkipsAtSomePoints) {
  const options asked = parse_options(
      std::vector<const char*>{"--workload=queue", "--impl=blocking.bounded_queue,lockfree.spsc_queue", "--sweep=threads:1,2,3"});
  const lineup chosen(asked, all());
  ASSERT_EQ(chosen.skipped().size(), 1u);
  EXPECT_EQ(to_line(chosen.skipped().front()),
            "skipped:  lockfree.spsc_queue takes one producer and one consumer only (at 2, 3)\n");
  const atomic<bool> stop{false};
  const mapped_text text = mapped_text::none();
  const reference expected;
  std::vector<std::string> names;
  for (const contender& each : chosen.contenders(text, expected, stop)) {
    names.push_back(each.name + " " + std::to_string(each.point.value()));
  }
  EXPECT_THAT(names, testing::ElementsAre("lockfree.spsc_queue 1", "blocking.bounded_queue 1", "blocking.bounded_queue 2",
                                          "blocking.bounded_queue 3"));
}

// Who runs, as "name" or "name at point".
std::vector<std::string> chosen_by(const std::vector<const char*>& arguments) {
  const lineup chosen(parse_options(arguments), all());
  const atomic<bool> stop{false};
  const mapped_text text = mapped_text::none();
  const reference expected;
  std::vector<std::string> names;
  for (const contender& each : chosen.contenders(text, expected, stop)) {
    names.push_back(each.point ? each.name + " at " + std::to_string(*each.point) : each.name);
  }
  return names;
}

TEST(Lineup, HasWhatWasAskedForInEveryWorkload) {
  for (const auto& [which, impl] : std::vector<std::pair<std::string, std::string>>{
           {"pipeline", "lockfree.mpsc_queue"}, {"queue", "lockfree.mpsc_queue"},   {"latency", "blocking.spsc_queue"},
           {"stack", "blocking.stack"},         {"counter", "lockfree.counter"},    {"map", "blocking.ordered_map"},
           {"transfer", "std.scoped_lock"},     {"threadpool", "lockfree.thread_pool"}}) {
    const std::string workload = "--workload=" + which;
    const std::string only = "--impl=" + impl;
    EXPECT_THAT(chosen_by({workload.c_str(), only.c_str()}), testing::ElementsAre(impl)) << which;
  }
}

TEST(Lineup, SweepsOnlyWhereItCan) {
  EXPECT_THAT(chosen_by({"--impl=lockfree.spsc_queue", "--sweep=threads:1,2"}), testing::ElementsAre("lockfree.spsc_queue at 1"));
  EXPECT_THAT(chosen_by({"--impl=lockfree.spsc_queue", "--sweep=threads:3,1"}), testing::ElementsAre("lockfree.spsc_queue at 1"));
}

TEST(Lineup, SaysWhoCannotRunAndWhy) {
  const auto refusal = [](const std::vector<const char*>& arguments) -> std::string {
    try {
      chosen_by(arguments);
    } catch (const bad_request& refused) {
      return refused.what();
    }
    return "not refused";
  };
  EXPECT_EQ(refusal({"--impl=*.spsc_queue", "--producers=2"}), "--impl=*.spsc_queue: none of these takes 2 producers and 1 consumer");
  EXPECT_EQ(refusal({"--impl=absl.*, lockfree.spsc_queue", "--producers=2"}), "lockfree.spsc_queue takes one producer only");
  EXPECT_EQ(refusal({"--impl=lockfree.spsc_queue", "--sweep=threads:2,3"}),
            "--impl=lockfree.spsc_queue: none of these takes --sweep=threads");
  // In a sweep, at which points.
  implementations mine;
  mine.lines.add_queue<blocking::bounded_queue<std::string_view>>(
      {.name = "my.queue", .summary = "", .multi_consumer = false, .max_threads = 7});
  mine.lines.add_queue<blocking::bounded_queue<std::string_view>>({.name = "my.other", .summary = "", .max_threads = 4});
  const lineup chosen(parse_options(std::vector<const char*>{"--sweep=threads:1,2,3,5"}), mine);
  std::vector<std::string> skipped;
  for (const lineup::absence& each : chosen.skipped()) skipped.push_back(to_line(each));
  EXPECT_THAT(skipped, testing::ElementsAre("skipped:  my.queue takes one consumer only (at 2, 3, 5)\n",
                                            "skipped:  my.other takes 4 threads at most (at 3, 5)\n"));
}

TEST(Lineup, TakesQueuesOfTheSizeAskedFor) {
  implementations mine;
  std::get<1>(mine.items).add_queue<blocking::bounded_queue<item<64>>>({.name = "of.64", .summary = ""});
  const lineup chosen(parse_options(std::vector<const char*>{"--workload=queue", "--item_size=64"}), mine);
  const atomic<bool> stop{false};
  const mapped_text text = mapped_text::none();
  const reference expected;
  EXPECT_EQ(chosen.contenders(text, expected, stop).size(), 1u);
}

// What `measured` and a point say is what is run.
TEST(Lineup, MeasuresWhatTheWorkloadSays) {
  const auto run_of = [](const std::vector<const char*>& arguments) {
    const lineup chosen(parse_options(arguments), all());
    const atomic<bool> stop{false};
    const mapped_text text = mapped_text::none();
    const reference expected;
    return chosen.contenders(text, expected, stop).back().run({});
  };
  EXPECT_NE(run_of({"--workload=latency", "--impl=std.*", "--rate=1e6", "--min_time=1ms"}).latency, nullptr);
  EXPECT_EQ(run_of({"--workload=queue", "--impl=std.*", "--rate=1e6", "--min_time=1ms"}).latency, nullptr);
  // At the second point, twice as many items are due in that time.
  EXPECT_EQ(run_of({"--workload=latency", "--impl=std.*", "--sweep=rate:1000,2000", "--min_time=10ms"}).items, 20u);
}

}  // namespace
}  // namespace switchyard::compare
