// What is asked of the figures follows from what the program was asked for.
#include "switchyard/benchmarks/compare/question_of.h"

#include <cstddef>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "switchyard/adapters/any_counter.h"
#include "switchyard/adapters/any_queue.h"
#include "switchyard/adapters/registry.h"
#include "switchyard/benchmarks/compare/items.h"
#include "switchyard/benchmarks/compare/options.h"

namespace switchyard::compare {
namespace {

using adapters::queue_order;

// A name for each place where a name may be looked up. Nothing of it is ever made.
const implementations& some() {
  static const implementations all = [] {
    implementations made;
    made.lines.add({.name = "of lines", .summary = ""},
                   [](std::size_t) -> adapters::any_queue<std::string_view> { throw std::logic_error("made"); });
    std::get<0>(made.items).add({.name = "of items", .summary = ""},
                                [](std::size_t) -> adapters::any_queue<item<8>> { throw std::logic_error("made"); });
    made.stacks.add({.name = "of stacks", .summary = ""},
                    [](std::size_t) -> adapters::any_queue<item<8>> { throw std::logic_error("made"); });
    made.counters.add({.name = "of counters", .summary = "", .gives_up = "something"},
                      []() -> adapters::any_counter { throw std::logic_error("made"); });
    return made;
  }();
  return all;
}

question asked(const std::vector<const char*>& arguments) {
  return question_of(parse_options(arguments), some());
}

// In which of these places queues are looked up: one of them, or none.
std::string where_queues_are(const question& about) {
  std::string found;
  for (const char* const name : {"of lines", "of items", "of stacks", "of counters"}) {
    if (about.queue && about.queue(name) != nullptr) found += name;
  }
  return found;
}

TEST(Question, IsWhatTheWorkloadIsAbout) {
  struct expectation {
    const char* workload;
    const char* item;
    const char* work;
    const char* queues;
    bool two_sides;
  };
  for (const expectation& each : std::vector<expectation>{
           {"pipeline", "line", "pushes or pops", "of lines", true},
           {"queue", "item", "pushes or pops", "of items", true},
           {"latency", "item", "pushes or pops", "of items", true},
           {"stack", "pair", "pushes or pops", "of stacks", false},
           {"counter", "word", "counts", "", false},
           {"threadpool", "line", "gives or takes a task", "", true},
           {"semaphore", "word", "acquires or releases", "", false},
           {"barrier", "round", "arrives", "", false},
           {"transfer", "word", "moves an amount", "", false},
           {"synchronized", "word", "reads or changes the value", "", false},
           {"lazy", "word", "asks for the value", "", false},
           {"map", "word", "counts a word in it", "", false}}) {
    SCOPED_TRACE(each.workload);
    const std::string flag = std::string("--workload=") + each.workload;
    const question about = asked({flag.c_str()});
    EXPECT_EQ(about.item, each.item);
    EXPECT_EQ(about.work, each.work);
    EXPECT_EQ(where_queues_are(about), each.queues);
    EXPECT_EQ(about.two_sides, each.two_sides);
    EXPECT_EQ(about.all_wait, std::string_view(each.workload) == "barrier");
    EXPECT_EQ(about.judged_by, std::string_view(each.workload) == "latency" ? aim::tail : aim::speed);
    EXPECT_EQ(about.order, std::string_view(each.workload) == "stack" ? queue_order::lifo : queue_order::fifo);
    if (!about.queue) {
      EXPECT_EQ(about.gives_up("nobody"), "");
    }
  }
}

TEST(Question, KnowsWhatIsGivenUp) {
  EXPECT_EQ(asked({"--workload=counter"}).gives_up("of counters"), "something");
  const question lazy = asked({"--workload=lazy"});
  EXPECT_EQ(lazy.gives_up("lockfree.lazy"), "building only once");
  EXPECT_EQ(lazy.gives_up("blocking.lazy"), "");
  EXPECT_EQ(lazy.gives_up("lockfree.update"), "") << "is of another workload";
  EXPECT_EQ(asked({"--workload=transfer"}).gives_up("lockfree.update"), "calling a change only once");
}

TEST(Question, KnowsHowTheWorkIsLaidOut) {
  const question plain = asked({"--producers=3", "--consumers=2"});
  EXPECT_EQ(plain.producers, 3u);
  EXPECT_EQ(plain.swept, "");
  EXPECT_EQ(asked({"--sweep=threads"}).swept, "threads");
  EXPECT_EQ(asked({"--workload=latency", "--sweep=rate"}).swept, "rate");
}

}  // namespace
}  // namespace switchyard::compare
