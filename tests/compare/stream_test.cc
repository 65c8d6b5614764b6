// Queues and stacks of numbered items: every run is checked, wrong ones are seen, and delays count from when an item was due.
#include "switchyard/benchmarks/compare/stream.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "switchyard/benchmarks/compare/histogram.h"
#include "switchyard/benchmarks/compare/schedule.h"
#include "switchyard/blocking/stack.h"
#include "switchyard/lockfree/bounded_queue.h"
#include "switchyard/lockfree/relaxed_queue.h"
#include "switchyard/lockfree/spsc_queue.h"
#include "tests/compare/faulty_queue.h"
#include "tests/compare/probe_queue.h"

namespace switchyard::compare {
namespace {

using namespace std::chrono_literals;
using adapters::queue_order;
using testing::HasSubstr;

template <std::size_t Size>
using registry_of = adapters::queue_registry<item<Size>>;

// What all runs need besides a queue.
struct bench {
  explicit bench(worker_layout with) : layout(with) {}
  work on() const { return {text, expected, layout, stop}; }

  mapped_text text = mapped_text::none();
  reference expected;
  worker_layout layout;
  atomic<bool> stop{false};
};

template <std::size_t Size>
sample run(const registry_of<Size>& registry, std::string_view name, const worker_layout& layout,
           measured what = measured::throughput) {
  const bench with(layout);
  return streaming<Size>({&registry.at(name)}, what, with.on()).front().run({});
}

// A few of the real ones.
template <std::size_t Size>
registry_of<Size> some() {
  registry_of<Size> all;
  all.template add_queue<lockfree::bounded_queue<item<Size>>>({.name = "bounded", .summary = ""});
  all.template add_queue<lockfree::relaxed_queue<item<Size>>>(
      {.name = "relaxed", .summary = "", .order = queue_order::per_producer, .bound = adapters::queue_bound::none});
  return all;
}

template <std::size_t Size>
void expect_all_agree() {
  const registry_of<Size> all = some<Size>();
  for (const worker_layout& layout : std::vector<worker_layout>{
           {.producers = 1, .consumers = 1},
           {.producers = 3, .consumers = 2, .capacity = 7},
           {.producers = 2, .consumers = 3, .batch = 16},
           {.producers = 1, .consumers = 1, .capacity = 5, .batch = 64, .min_time = 5ms},
           {.producers = 3, .consumers = 2, .min_time = 5ms, .patience = 1h, .rate = 50'000},
           {.producers = 2, .consumers = 1, .batch = 4, .min_time = 5ms, .patience = 1h, .rate = 1e6, .burst = 7}}) {
    for (const auto& entry : all.entries()) {
      SCOPED_TRACE(entry.info.name);
      const sample one = run<Size>(all, entry.info.name, layout, measured::latency);
      EXPECT_EQ(one.wrong, "");
      EXPECT_FALSE(one.cut_short);
      EXPECT_GT(one.use.seconds, 0);
      if (layout.rate == 0) {
        EXPECT_GE(one.items, 256 * layout.producers);
        EXPECT_EQ(one.latency, nullptr) << "nothing is due";
        EXPECT_EQ(one.rate_kept, std::nullopt);
      } else {
        worker_layout timed = layout;
        EXPECT_EQ(one.items, schedule(timed).items_in(5ms));
        ASSERT_NE(one.latency, nullptr);
        EXPECT_EQ(one.latency->count(), one.items);
        EXPECT_GT(one.rate_kept.value(), 0);
        EXPECT_LE(one.rate_kept.value(), 1);
      }
    }
  }
}
TEST(Streaming, AllAgreeHoweverTheWorkIsLaidOut) {
  expect_all_agree<8>();
  expect_all_agree<64>();
  expect_all_agree<256>();
}

// How many items came more than so late.
std::uint64_t later_than(const latency_histogram& taken, std::chrono::nanoseconds limit) {
  std::uint64_t n = 0;
  for (const auto& each : taken.buckets()) {
    if (each.upper_bound_ns > static_cast<std::uint64_t>(limit.count())) n += each.count;
  }
  return n;
}

template <fault what, std::size_t Size = 64>
sample run_faulty(worker_layout layout = {}, measured measure = measured::throughput) {
  registry_of<Size> registry;
  add_faulty<what>(registry, "faulty");
  return run<Size>(registry, "faulty", layout, measure);
}

TEST(Streaming, SeesWrongAnswers) {
  for (const worker_layout& layout : std::vector<worker_layout>{{}, {.batch = 8}, {.min_time = 1ms, .rate = 100'000}}) {
    EXPECT_EQ(run_faulty<fault::none>(layout).wrong, "");
    EXPECT_THAT(run_faulty<fault::loses>(layout).wrong, HasSubstr("items "));
    EXPECT_EQ(run_faulty<fault::doubles>(layout).wrong, "item 9 of producer 0 came after its item 9");
    EXPECT_EQ(run_faulty<fault::changes>(layout).wrong, "an item was changed on its way");
    EXPECT_EQ(run_faulty<fault::overtakes>(layout).wrong, "item 9 of producer 0 came after its item 10");
    EXPECT_THAT(run_faulty<fault::closes>(layout).wrong, HasSubstr("refused"));
  }
  EXPECT_EQ(run_faulty<fault::loses>().wrong, "items 255 instead of 256");
  // An item of one word is all there is of it.
  EXPECT_THAT((run_faulty<fault::changes, 8>().wrong), HasSubstr("came after its item"));
}

// Each side has as many threads as were asked for, and hands over as many items at a time.
TEST(Streaming, IsLaidOutAsAskedFor) {
  registry_of<8> registry;
  registry.add_queue<probe_queue<item<8>>>({.name = "probe", .summary = ""});
  for (const worker_layout& layout : std::vector<worker_layout>{
           {.producers = 3, .consumers = 2, .capacity = 9},
           {.producers = 1, .consumers = 4, .capacity = 70, .batch = 8},
           {.producers = 2, .consumers = 1, .capacity = 50, .batch = 4, .min_time = 2ms, .rate = 1e6, .burst = 8}}) {
    probe_notes::reset();
    EXPECT_EQ(run<8>(registry, "probe", layout).wrong, "");
    probe_notes::now().expect_as_asked(layout);
  }
}

// What is due together comes together: with bursts of 50, most items have to wait for those before them in their burst.
TEST(Latency, OfABurst) {
  registry_of<8> registry;
  add_faulty<fault::crawls>(registry, "crawls");  // a millisecond an item
  // A burst every 100 ms: the tenth item of a burst is through after ten milliseconds or more.
  const sample one = run<8>(registry, "crawls", {.min_time = 200ms, .patience = 1h, .rate = 100, .burst = 10}, measured::latency);
  EXPECT_EQ(one.items, 20u);
  EXPECT_GE(later_than(*one.latency, 4900us), 8u) << "half of each burst, but for rounding";
}

TEST(Streaming, MindsTheOrderOnlyWhereItIsPromised) {
  registry_of<8> registry;
  registry.add_queue<faulty_queue<fault::overtakes, item<8>>>({.name = "any", .summary = "", .order = queue_order::none});
  registry.add_queue<faulty_queue<fault::doubles, item<8>>>({.name = "double", .summary = "", .order = queue_order::none});
  EXPECT_EQ(run<8>(registry, "any", {}).wrong, "");
  EXPECT_EQ(run<8>(registry, "double", {}).wrong, "items 257 instead of 256");
}

TEST(Streaming, EndsWhenAThreadThrows) {
  // With so little room, whoever is left would wait for ever.
  EXPECT_THROW(run_faulty<fault::throws_on_push>({.capacity = 1}), std::runtime_error);
  EXPECT_THROW(run_faulty<fault::throws_on_pop>({.capacity = 1}), std::bad_alloc);
  EXPECT_THROW(run_faulty<fault::throws_on_pop>({.capacity = 1, .min_time = 1ms, .rate = 1e6}), std::bad_alloc);
}

TEST(Streaming, IsCutShort) {
  const registry_of<8> all = some<8>();
  for (const double rate : {0.0, 0.001, 1000.0}) {
    bench with({.producers = 2, .consumers = 2, .min_time = 1h, .rate = rate});
    const auto contenders = streaming<8>({&all.at("bounded"), &all.at("relaxed")}, measured::latency, with.on());
    for (const contender& each : contenders) {
      with.stop.store(true);
      EXPECT_TRUE(each.run({}).cut_short);
      // And in the middle: the thread that waits has had enough.
      with.stop.store(false);
      EXPECT_TRUE(each.run([&] { with.stop.store(true); }).cut_short);
    }
  }
}

// The consumer stops for 50 ms, once. It meets all items that were due meanwhile: 500 of them, of which half come more than
// 25 ms late. Who measured from when an item was pushed, or popped the one before, would see one, or what there is room for.
TEST(Latency, CountsFromWhenAnItemWasDue) {
  for (const std::size_t capacity : {std::size_t{4}, std::size_t{1024}}) {
    const sample one =
        run_faulty<fault::stalls>({.capacity = capacity, .min_time = 200ms, .patience = 1h, .rate = 10'000}, measured::latency);
    EXPECT_EQ(one.wrong, "");
    EXPECT_EQ(one.items, 2000u) << "none is left out";
    EXPECT_GE(later_than(*one.latency, 25ms), 200u);
    EXPECT_GE(one.latency->percentile(95), 25'000'000u);
    EXPECT_GE(one.latency->max(), 49'000'000u);
  }
}

// Producers that wait awake burn a processor, which is not the queue's doing. Items come every 20 microseconds, too soon to
// sleep for; this consumer sleeps until there are a hundred of them.
TEST(Latency, DoesNotCountWhatProducersBurnWaiting) {
  const sample one = run_faulty<fault::dozes>({.min_time = 100ms, .rate = 50'000}, measured::latency);
  EXPECT_EQ(one.wrong, "");
  EXPECT_LE(one.use.resources.cpu_seconds, one.use.seconds / 2);
}

TEST(Latency, SaysWhenTheRateCannotBeKept) {
  sample one = run_faulty<fault::crawls>({.capacity = 16, .min_time = 50ms, .rate = 20'000}, measured::latency);
  EXPECT_LE(one.rate_kept.value(), 0.25) << "a thousand items, a millisecond each";
  outcome slow{.name = "slow.queue", .guarantee = {}, .samples = {one}, .wrong = ""};
  EXPECT_THAT(rate_note({slow}), HasSubstr(" by slow.queue. Their"));
  slow.point = 20'000;
  outcome more = slow;
  more.point = 40'000;
  EXPECT_THAT(rate_note({slow, more}), HasSubstr(" by slow.queue (at 20000, 40000). Their"));
  outcome others = slow;
  std::vector<outcome> many;
  for (const char* const name : {"a", "b", "c", "d", "e"}) {
    others.name = name;
    many.push_back(others);
  }
  EXPECT_THAT(rate_note(many), HasSubstr(" by a (at 20000), b (at 20000), c (at 20000) and 2 more. Their"));
  // One run of several is no reason.
  sample kept = one;
  kept.rate_kept = 1.0;
  slow.samples = {one, kept, kept};
  EXPECT_EQ(rate_note({slow}), "");
  one.rate_kept = 0.96;
  EXPECT_EQ(rate_note({{.name = "good.queue", .guarantee = {}, .samples = {one}, .wrong = ""}}), "");
}

TEST(Latency, GivesUpWhatWouldTakeForEver) {
  // A minute's work, at a millisecond an item, for a schedule of six milliseconds: a second and some.
  const sample one = run_faulty<fault::crawls>({.capacity = 16, .min_time = 6ms, .rate = 1e7}, measured::latency);
  EXPECT_EQ(one.wrong, "");
  EXPECT_LT(one.items, 60'000u);
  EXPECT_LT(one.rate_kept.value(), 0.1);
}

// "within 5% at a rate the machine can hold": best of some, as this machine has other things to do. When each item is due,
// schedule_test knows; how soon the other side of a queue has it says more about the machine.
TEST(Replay, KeepsItsSchedule) {
  arrival_times times;
  for (std::uint64_t burst = 0; burst < 100; ++burst) {
    for (std::uint64_t i = 0; i < 5; ++i) times.push_back(burst * 3'000'000 + i * i * 10'000);
  }
  const registry_of<8> all = some<8>();
  const worker_layout layout{.patience = 1h, .arrivals = std::make_shared<const arrival_times>(times)};
  double kept = 0;
  for (int attempt = 0; attempt < 100 && kept < 0.95; ++attempt) {
    const sample one = run<8>(all, "bounded", layout, measured::latency);
    EXPECT_EQ(one.wrong, "");
    EXPECT_EQ(one.items, times.size());
    EXPECT_GE(one.use.seconds, 0.297) << "never early";
    EXPECT_EQ(one.latency->count(), times.size());
    kept = std::max(kept, one.rate_kept.value());
  }
  EXPECT_GE(kept, 0.95);
}

TEST(Stacking, SeesWhatIsLost) {
  adapters::queue_registry<item<8>> stacks;
  stacks.add_queue<blocking::stack<item<8>>>({.name = "good", .summary = "", .order = queue_order::lifo});
  add_faulty<fault::loses>(stacks, "loses");
  add_faulty<fault::doubles>(stacks, "doubles");
  add_faulty<fault::changes>(stacks, "changes");
  add_faulty<fault::closes>(stacks, "closes");
  const auto result = [&](std::string_view name, worker_layout layout) {
    const bench with(layout);
    return stacking({&stacks.at(name)}, with.on()).front().run({});
  };
  const worker_layout one_thread{.producers = 1, .consumers = 0};
  EXPECT_EQ(result("good", one_thread).wrong, "");
  EXPECT_EQ(result("good", one_thread).items, 256u);
  EXPECT_EQ(result("good", {.producers = 2, .consumers = 2, .batch = 7, .min_time = 2ms}).wrong, "");
  EXPECT_EQ(result("loses", one_thread).wrong, "items 255 instead of 256");
  EXPECT_EQ(result("doubles", one_thread).wrong, "items 257 instead of 256");
  EXPECT_EQ(result("changes", one_thread).wrong, "as many items as were pushed, but not the same");
  EXPECT_EQ(result("closes", one_thread).wrong, "an item was refused");
}

// Its tenth pop finds nothing, although there is something.
class shy_stack {
 public:
  using value_type = item<8>;
  conqueue_status try_push(const value_type& given) { return inside_.try_push(given); }
  pop_result<value_type> try_pop() {
    if (++calls_ == 10) return unexpected(conqueue_status::empty);
    return inside_.try_pop();
  }

 private:
  blocking::stack<value_type> inside_;
  int calls_ = 0;
};

TEST(Stacking, CountsWhatIsLeftAtTheEnd) {
  adapters::queue_registry<item<8>> stacks;
  stacks.add_queue<shy_stack>({.name = "shy", .summary = "", .order = queue_order::lifo});
  const bench with({.producers = 1, .consumers = 0});
  const sample one = stacking({&stacks.at("shy")}, with.on()).front().run({});
  EXPECT_EQ(one.wrong, "");
  EXPECT_EQ(one.items, 256u);
}

TEST(Stacking, IsLaidOutAsAskedFor) {
  adapters::queue_registry<item<8>> stacks;
  stacks.add_queue<probe_queue<item<8>>>({.name = "probe", .summary = "", .order = queue_order::lifo});
  const bench with({.producers = 2, .consumers = 1, .batch = 5});
  probe_notes::reset();
  const sample one = stacking({&stacks.at("probe")}, with.on()).front().run({});
  EXPECT_EQ(one.wrong, "");
  EXPECT_EQ(probe_notes::now().pushers.size(), 3u);
  EXPECT_EQ(probe_notes::now().poppers.size(), 4u) << "and who pops what is left";
  EXPECT_EQ(one.items % 5, 0u) << "whole batches";
  EXPECT_GE(one.items, 3 * 256u);
}

TEST(Stacking, IsCutShort) {
  const auto& stacks = adapters::queue_registry<item<8>>::stacks();
  bench with({.producers = 2, .consumers = 1, .min_time = 1h});
  const contender one = stacking({&stacks.at("lockfree.stack")}, with.on()).front();
  EXPECT_TRUE(one.run([&] { with.stop.store(true); }).cut_short);
}

}  // namespace
}  // namespace switchyard::compare
