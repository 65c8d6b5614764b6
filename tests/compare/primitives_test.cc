// Every implementation of every workload besides queues and counters gives the right answer.
#include "switchyard/benchmarks/compare/primitives.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "switchyard/benchmarks/compare/input.h"
#include "switchyard/benchmarks/compare/options.h"
#include "switchyard/benchmarks/compare/tally.h"

namespace switchyard::compare {
namespace {

using testing::IsEmpty;
using testing::Not;

const atomic<bool> go_on{false};

std::string lines(int n) {
  std::string text;
  for (int i = 0; i < n; ++i) text += "line " + std::to_string(i % 7) + (i % 3 == 0 ? " and more\n" : "\n");
  return text;
}

// A text with all that is needed to run on it.
struct bench {
  explicit bench(std::string_view content, worker_layout with = {}) : text(mapped_text::copy_of(content)), layout(with) {}

  std::vector<contender> all(workload which) const {
    std::vector<const primitive_entry*> entries;
    for (const primitive_entry& entry : primitive_registry::builtin(which).entries()) entries.push_back(&entry);
    return primitives(which, entries, {text, expected, layout, stop});
  }

  mapped_text text;
  reference expected = make_reference(text, go_on);
  worker_layout layout;
  atomic<bool> stop{false};
};

class Primitives : public testing::TestWithParam<workload> {};

INSTANTIATE_TEST_SUITE_P(Every, Primitives,
                         testing::Values(workload::threadpool, workload::semaphore, workload::barrier,
                                         workload::transfer, workload::synchronized, workload::lazy,
                                         workload::map),
                         [](const auto& of) { return std::string(to_string(of.param)); });

TEST_P(Primitives, BothSidesAndTheStandardLibraryAreThere) {
  std::vector<std::string> sides;
  for (const primitive_entry& entry : primitive_registry::builtin(GetParam()).entries()) {
    sides.push_back(entry.info.name.substr(0, entry.info.name.find('.')));
    EXPECT_THAT(entry.info.summary, Not(IsEmpty()));
  }
  EXPECT_THAT(sides, testing::Contains("lockfree"));
  EXPECT_THAT(sides, testing::Contains("blocking"));
  EXPECT_EQ(std::ranges::count(sides, "std"), GetParam() == workload::threadpool ? 0 : 1);
}

TEST_P(Primitives, AllAgreeHoweverTheWorkIsLaidOut) {
  for (const worker_layout& layout :
       std::vector<worker_layout>{{.producers = 1, .consumers = 1}, {.producers = 3, .consumers = 2, .capacity = 2}}) {
    const bench on(lines(1500) + "the end has no newline", layout);
    for (const contender& each : on.all(GetParam())) {
      SCOPED_TRACE(each.name);
      const sample one = each.run({});
      EXPECT_EQ(one.wrong, "");
      EXPECT_FALSE(one.cut_short);
      EXPECT_EQ(one.passes, 1u);
      if (item_of(GetParam()) == "word") {
        EXPECT_EQ(one.items, on.expected.answer.words);
      } else if (item_of(GetParam()) == "line") {
        EXPECT_EQ(one.items, on.expected.items);
      } else {
        EXPECT_GE(one.items, 1u);
      }
    }
  }
}

TEST_P(Primitives, GoThroughTheTextUntilTheTimeHasPassed) {
  const bench on(lines(300), {.producers = 2, .consumers = 1, .min_time = std::chrono::milliseconds(5)});
  for (const contender& each : on.all(GetParam())) {
    const sample one = each.run({});
    EXPECT_EQ(one.wrong, "") << each.name;
    EXPECT_GE(one.use.seconds, 0.005) << each.name;
  }
}

TEST_P(Primitives, RunOnAnyText) {
  for (const std::string& text :
       {std::string(), std::string("\n"), std::string("x"), std::string(500, '\n'), std::string("one\ntwo"),
        std::string(1'500'000, 'x') + " y\n" + std::string(1'200'000, ' ') + "z"}) {
    const bench on(text, {.producers = 2, .consumers = 2, .min_time = std::chrono::nanoseconds(1)});
    for (const contender& each : on.all(GetParam())) EXPECT_EQ(each.run({}).wrong, "") << each.name << text.size();
  }
}

TEST_P(Primitives, AreCutShort) {
  bench on(lines(1000), {.producers = 2, .consumers = 2, .min_time = std::chrono::hours(1)});
  on.stop.store(true);
  for (const contender& each : on.all(GetParam())) EXPECT_TRUE(each.run({}).cut_short) << each.name;
  // And in the middle: the thread that waits has had enough.
  for (const contender& each : on.all(GetParam())) {
    on.stop.store(false);
    EXPECT_TRUE(each.run([&] { on.stop.store(true); }).cut_short) << each.name;
  }
}

TEST(PrimitiveRegistry, HasNothingForQueuesAndCounters) {
  EXPECT_TRUE(primitive_registry::builtin(workload::pipeline).entries().empty());
  EXPECT_TRUE(primitive_registry::builtin(workload::counter).entries().empty());
  EXPECT_TRUE(primitive_registry::builtin(workload::stack).entries().empty());
  EXPECT_THROW(primitive_registry::builtin(workload::lazy).match("lockfree.lzy"), adapters::unknown_name);
}

}  // namespace
}  // namespace switchyard::compare
