// Every implementation of every workload besides queues and counters gives the right answer.
#include "switchyard/benchmarks/compare/primitives.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <new>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "switchyard/atomics/atomic.h"
#include "switchyard/benchmarks/compare/input.h"
#include "switchyard/benchmarks/compare/options.h"
#include "switchyard/benchmarks/compare/parts.h"
#include "switchyard/benchmarks/compare/primitive_runs.h"
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

// --- Implementations that do not do what they say: every run notices ---

// What a run says of one. One thread, unless it is said, as those here are no better than that.
std::string wrong_with(sample (*run)(const text_parts&, const work&, const tick_function&), worker_layout layout = {.consumers = 0},
                       const std::string& text = lines(300)) {
  const bench on(text, layout);
  const std::size_t parts = layout.producers + layout.consumers;
  return run(cut(on.text, parts), {on.text, on.expected, on.layout, on.stop}, {}).wrong;
}

struct open_door {
  explicit open_door(std::int32_t) {}
  void acquire() {}
  void release() {}
};
TEST(WrongPrimitives, ASemaphoreThatLetsAllIn) {
  // Two threads, one permit: they meet sooner or later.
  std::string wrong;
  for (int attempt = 0; attempt < 200 && wrong.empty(); ++attempt) {
    wrong = wrong_with(run_semaphore<open_door>, {.min_time = std::chrono::milliseconds(20)});
  }
  EXPECT_EQ(wrong, "more than 1 at once");
}

// Runs its action so many times instead of once.
template <int Times>
class miscounting_barrier {
 public:
  miscounting_barrier(std::int64_t, std::function<void()> action) : action_(std::move(action)) {}
  void wait() {
    for (int i = 0; i < Times; ++i) action_();
  }

 private:
  std::function<void()> action_;
};
TEST(WrongPrimitives, ABarrier) {
  EXPECT_EQ(wrong_with(run_barrier<miscounting_barrier<1>>), "");
  EXPECT_EQ(wrong_with(run_barrier<miscounting_barrier<2>>), "somebody passed the barrier before the others had come");
  EXPECT_THAT(wrong_with(run_barrier<miscounting_barrier<0>>), testing::StartsWith("rounds 0 instead of "));
}

// Calls it once for two threads, but when the first of them comes.
class impatient_barrier {
 public:
  impatient_barrier(std::int64_t, std::function<void()> action) : action_(std::move(action)) {}
  void wait() {
    const std::lock_guard hold(mutex_);
    if (++calls_ == 1) action_();
  }

 private:
  std::mutex mutex_;
  std::function<void()> action_;
  int calls_ = 0;
};
TEST(WrongPrimitives, ABarrierThatDoesNotWait) {
  EXPECT_EQ(wrong_with(run_barrier<impatient_barrier>, {}, "one\nword\n"), "somebody passed the barrier before the others had come");
}

TEST(Barrier, IsMetEveryFourKibibytes) {
  const bench on(lines(3000), {.producers = 2, .consumers = 1});
  const text_parts parts = cut(on.text, 3);
  std::size_t longest = 0;
  for (const std::string_view part : *parts) longest = std::max(longest, part.size());
  for (const contender& each : on.all(workload::barrier)) EXPECT_EQ(each.run({}).items, longest / 4096) << each.name;
}

// How a wrong answer after several passes is told.
TEST(WrongPrimitives, AreTheirAnswersInManyPasses) {
  EXPECT_THAT(wrong_with(run_barrier<miscounting_barrier<0>>, {.consumers = 0, .min_time = std::chrono::milliseconds(20)}, "x\n"),
              testing::MatchesRegex("rounds 0 instead of ([0-9]+) \\(in [0-9]+ passes\\)"));
}

// Does its work at once, but for the tenth task, which it forgets.
template <int Forgotten>
class forgetful_pool {
 public:
  struct options {
    std::int64_t threads;
    std::string name;
  };
  explicit forgetful_pool(const options&) {}
  template <class Task>
  void post(Task task) {
    if (++posted_ != Forgotten) task();
  }
  void shutdown() {}

 private:
  int posted_ = 0;
};
TEST(WrongPrimitives, APoolThatForgetsATask) {
  EXPECT_EQ(wrong_with(run_threadpool<forgetful_pool<0>>), "");
  EXPECT_THAT(wrong_with(run_threadpool<forgetful_pool<10>>), testing::MatchesRegex("words [0-9]+ instead of [0-9]+"));
  // A line without a word is missed too.
  EXPECT_EQ(wrong_with(run_threadpool<forgetful_pool<10>>, {.consumers = 0}, std::string(50, '\n')), "lines 49 instead of 50");
}

// Has no room for the tenth task.
class full_pool {
 public:
  struct options {
    std::int64_t threads;
    std::string name;
  };
  explicit full_pool(const options&) {}
  template <class Task>
  void post(Task task) {
    const std::lock_guard hold(mutex_);
    if (++posted_ == 10) throw std::bad_alloc();
    task();
  }
  void shutdown() {}

 private:
  std::mutex mutex_;
  int posted_ = 0;
};
TEST(Threadpool, EndsWhenATaskCannotBeGiven) {
  // With so little room the other producer would wait for ever if the place of that task were lost.
  EXPECT_THROW(wrong_with(run_threadpool<full_pool>, {.producers = 2, .consumers = 1, .capacity = 1}), std::bad_alloc);
}

// Begins with its tasks when as many as there may be are waiting, or some time has passed.
class slow_pool {
 public:
  struct options {
    std::int64_t threads;
    std::string name;
  };
  explicit slow_pool(const options& with) { threads = with.threads; }
  template <class Task>
  void post(Task task) {
    const std::lock_guard hold(mutex_);
    waiting_.push_back(std::move(task));
    most_waiting = std::max(most_waiting, waiting_.size());
  }
  void shutdown() { worker_.join(); }
  ~slow_pool() {
    if (worker_.joinable()) worker_.join();
  }

  static inline std::int64_t threads = 0;
  static inline std::size_t most_waiting = 0;
  static inline int left = 0;  // tasks that will come

 private:
  void run() {
    while (left > 0) {
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
      std::vector<std::function<void()>> some;
      {
        const std::lock_guard hold(mutex_);
        some.swap(waiting_);
      }
      for (const auto& task : some) task();
      left -= static_cast<int>(some.size());
    }
  }

  std::mutex mutex_;
  std::vector<std::function<void()>> waiting_;
  std::thread worker_{[this] { run(); }};
};
TEST(Threadpool, HasNoMoreTasksUnderWayThanTheCapacity) {
  slow_pool::left = 300;
  slow_pool::most_waiting = 0;
  const bench on(lines(300), {.consumers = 7, .capacity = 20});
  EXPECT_EQ(run_threadpool<slow_pool>(cut(on.text, 1), {on.text, on.expected, on.layout, on.stop}, {}).wrong, "");
  EXPECT_EQ(slow_pool::threads, 7);
  EXPECT_LE(slow_pool::most_waiting, 20u);
  EXPECT_GT(slow_pool::most_waiting, 1u);
}

// Loses the tenth movement on its way.
struct leaky_account {
  std::int64_t balance = 0;
  std::int64_t load() const { return balance; }
  static inline int moved = 0;
};
void transfer(leaky_account& from, leaky_account& to, std::int64_t amount) {
  from.balance -= amount;
  if (++leaky_account::moved != 10) to.balance += amount;
}
TEST(WrongPrimitives, ATransferThatLosesSomething) {
  leaky_account::moved = 10;
  EXPECT_EQ(wrong_with(run_transfer<leaky_account>), "");
  leaky_account::moved = 0;
  EXPECT_THAT(wrong_with(run_transfer<leaky_account>), testing::MatchesRegex("account [0-7] has -?[0-9]+ instead of -?[0-9]+"));
}

// Some of it arrives twice.
struct generous_account {
  std::int64_t balance = 0;
  std::int64_t load() const { return balance; }
};
void transfer(generous_account& from, generous_account& to, std::int64_t amount) {
  from.balance -= amount;
  to.balance += 2 * amount;
}
TEST(WrongPrimitives, ATransferThatAddsSomething) {
  EXPECT_THAT(wrong_with(run_transfer<generous_account>), testing::MatchesRegex("account [0-7] has -?[0-9]+ instead of -?[0-9]+"));
}

TEST(Transfer, IsBetweenAllPairsOfAccounts) {
  std::set<std::pair<std::size_t, std::size_t>> pairs;
  for (int i = 0; i < 5000; ++i) {
    const std::string word = "word" + std::to_string(i);
    const movement next = movement_for(word);
    EXPECT_LT(next.from, accounts);
    EXPECT_LT(next.to, accounts);
    EXPECT_NE(next.from, next.to) << "a value cannot be changed twice at once";
    EXPECT_EQ(next.amount, static_cast<std::int64_t>(word.size()));
    pairs.insert({next.from, next.to});
  }
  EXPECT_EQ(pairs.size(), accounts * (accounts - 1));
}

TEST(PrimitiveRegistry, SaysWhatIsPromised) {
  for (const workload which : {workload::threadpool, workload::semaphore, workload::barrier, workload::transfer,
                               workload::synchronized, workload::lazy, workload::map}) {
    for (const primitive_entry& each : primitive_registry::builtin(which).entries()) {
      if (each.info.name.starts_with("lockfree.")) {
        EXPECT_EQ(each.info.guarantee, adapters::progress::lock_free) << each.info.name;
      } else if (each.info.name.starts_with("blocking.")) {
        EXPECT_EQ(each.info.guarantee, adapters::progress::blocking) << each.info.name;
      }
      const bench on("a\n");
      EXPECT_EQ(primitives(which, {&each}, {on.text, on.expected, on.layout, on.stop}).front().guarantee, each.info.guarantee);
    }
  }
}

enum class slip { none, half_changed, not_changed };
template <slip What>
class careless_value {
 public:
  template <class F>
  auto read(F f) {
    progress_so_far now = value_;
    if (What == slip::half_changed && ++reads_ == 10) ++now.lines;
    return f(std::as_const(now));
  }
  template <class F>
  void update(F f) {
    if (What != slip::not_changed || ++updates_ != 10) f(value_);
  }
  progress_so_far load() const { return value_; }

 private:
  progress_so_far value_;
  int reads_ = 0;
  int updates_ = 0;
};
TEST(WrongPrimitives, AValueThatIsNotSynchronized) {
  EXPECT_EQ(wrong_with(run_synchronized<careless_value<slip::none>>), "");
  EXPECT_EQ(wrong_with(run_synchronized<careless_value<slip::half_changed>>), "a value was seen half changed");
  EXPECT_THAT(wrong_with(run_synchronized<careless_value<slip::not_changed>>), testing::StartsWith("bytes "));
}

class lazy_in_vain {
 public:
  built_late& get() {
    value_.one = ++calls_ == 10 ? 0 : 1;  // not built yet
    return value_;
  }

 private:
  built_late value_;
  int calls_ = 0;
};
TEST(WrongPrimitives, AValueThatIsNotBuilt) {
  EXPECT_THAT(wrong_with(run_lazy<lazy_in_vain>), testing::MatchesRegex("words ([0-9]+) instead of [0-9]+"));
}

enum class mistake { none, forgets, mixes_up, doubles_at_the_end };
template <mistake What>
class careless_map {
 public:
  void count(const std::string& word) {
    ++calls_;
    if (What == mistake::forgets && calls_ == 10) return;
    ++inside_[What == mistake::mixes_up && calls_ == 10 ? word + "!" : word];
  }
  std::uint64_t at(const std::string& word) const {
    const auto found = inside_.find(word);
    return found == inside_.end() ? 0 : found->second;
  }
  template <class F>
  void for_each(F f) const {
    for (const auto& [word, n] : inside_) f(word, n);
    if (What == mistake::doubles_at_the_end) f(inside_.begin()->first, inside_.begin()->second);
  }

 private:
  std::map<std::string, std::uint64_t> inside_;
  int calls_ = 0;
};
TEST(WrongPrimitives, AMap) {
  EXPECT_EQ(wrong_with(run_map<careless_map<mistake::none>>), "");
  EXPECT_THAT(wrong_with(run_map<careless_map<mistake::forgets>>), testing::MatchesRegex("\".*\" [0-9]+ instead of [0-9]+"));
  EXPECT_THAT(wrong_with(run_map<careless_map<mistake::mixes_up>>), testing::MatchesRegex("\".*\" [0-9]+ instead of [0-9]+"));
  EXPECT_THAT(wrong_with(run_map<careless_map<mistake::doubles_at_the_end>>), testing::StartsWith("counts "));
}

TEST(PrimitiveRegistry, SaysWhatIsGivenUp) {
  EXPECT_EQ(primitive_registry::builtin(workload::lazy).at("lockfree.lazy").info.gives_up, "building only once");
  EXPECT_EQ(primitive_registry::builtin(workload::lazy).at("blocking.lazy").info.gives_up, "");
}

TEST(PrimitiveRegistry, HasNothingForQueuesAndCounters) {
  EXPECT_TRUE(primitive_registry::builtin(workload::pipeline).entries().empty());
  EXPECT_TRUE(primitive_registry::builtin(workload::counter).entries().empty());
  EXPECT_TRUE(primitive_registry::builtin(workload::stack).entries().empty());
  EXPECT_THROW(primitive_registry::builtin(workload::lazy).match("lockfree.lzy"), adapters::unknown_name);
}

}  // namespace
}  // namespace switchyard::compare
