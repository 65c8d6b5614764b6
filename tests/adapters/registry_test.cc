// The registry of names: looking up, globs, adding one's own, and that what it says of each is true.
#include "switchyard/adapters/registry.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "switchyard/adapters/any_counter.h"
#include "switchyard/adapters/any_queue.h"
#include "switchyard/adapters/names.h"
#include "switchyard/adapters/std_bounded_queue.h"
#include "switchyard/adapters/std_counter.h"
#include "switchyard/interface/conqueue_status.h"
#include "switchyard/interface/queue.h"

namespace switchyard::adapters {
namespace {

using registry = queue_registry<int>;

template <class Registry>
std::vector<std::string> names(const Registry& all) {
  std::vector<std::string> result;
  for (const auto& entry : all.entries()) result.push_back(entry.info.name);
  return result;
}

template <class Registry>
std::vector<std::string> matches(const Registry& all, std::string_view globs) {
  std::vector<std::string> result;
  for (const auto* entry : all.match(globs)) result.push_back(entry->info.name);
  return result;
}

template <class Registry>
std::string message_of(const Registry& all, std::string_view globs) {
  try {
    static_cast<void>(all.match(globs));
  } catch (const unknown_name& problem) {
    return problem.what();
  }
  return "no exception";
}

any_queue<int> a_queue(std::size_t capacity) {
  return any_queue<int>::make<std_bounded_queue<int>>(capacity);
}

registry three() {
  registry all;
  all.add({.name = "one.queue", .summary = ""}, a_queue);
  all.add({.name = "one.other", .summary = ""}, a_queue);
  all.add({.name = "two.queue", .summary = ""}, a_queue);
  return all;
}

TEST(Registry, KnowsEveryImplementation) {
  EXPECT_EQ(names(registry::builtin()),
            (std::vector<std::string>{
                "lockfree.bounded_queue", "lockfree.spsc_queue", "lockfree.unbounded_queue",
                "lockfree.unbounded_spsc_queue", "lockfree.mpsc_queue", "lockfree.relaxed_queue",
                "blocking.bounded_queue", "blocking.unbounded_queue", "blocking.spsc_queue",
                "blocking.unbounded_spsc_queue", "blocking.mpsc_queue", "blocking.relaxed_queue",
                "moodycamel.concurrent_queue",
                "moodycamel.blocking_concurrent_queue", "moodycamel.reader_writer_queue",
                "absl.bounded_queue", "std.bounded_queue"}));
  EXPECT_EQ(names(counter_registry::builtin()),
            (std::vector<std::string>{"lockfree.counter", "lockfree.sharded_counter", "blocking.counter",
                                      "blocking.sharded_counter", "absl.counter", "std.counter"}));
  EXPECT_EQ(names(registry::stacks()), (std::vector<std::string>{"lockfree.stack", "blocking.stack"}));
  for (const auto& entry : registry::builtin().entries()) EXPECT_NE(entry.info.summary, "");
  for (const auto& entry : counter_registry::builtin().entries()) EXPECT_NE(entry.info.summary, "");
  EXPECT_EQ(&registry::builtin(), &registry::builtin());
}

TEST(Registry, FitsEveryKindOfElement) {
  struct alignas(128) wide_and_only_movable {
    explicit wide_and_only_movable(int n) : number(std::make_unique<int>(n)) {}
    std::unique_ptr<int> number;
  };
  for (const auto& entry : queue_registry<wide_and_only_movable>::builtin().entries()) {
    SCOPED_TRACE(entry.info.name);
    auto queue = entry.make(4);
    EXPECT_TRUE(queue.emplace(7));
    EXPECT_EQ(*queue.pop()->number, 7);
  }
  EXPECT_EQ(queue_registry<wide_and_only_movable>::builtin().entries().size(),
            registry::builtin().entries().size());
}

TEST(Registry, At) {
  const registry all = three();
  EXPECT_EQ(all.at("one.other").info.name, "one.other");
  EXPECT_EQ(&all.at("two.queue"), &all.entries()[2]);
  EXPECT_THROW(static_cast<void>(all.at("one.*")), unknown_name) << "at() takes names, not globs";
}

TEST(Registry, UnknownNameSaysWhichAreKnown) {
  try {
    static_cast<void>(three().at("one.quue"));
    FAIL();
  } catch (const std::invalid_argument& problem) {
    EXPECT_STREQ(problem.what(),
                 "unknown queue \"one.quue\"; did you mean \"one.queue\"?"
                 " known: one.queue, one.other, two.queue");
  }
  try {
    static_cast<void>(registry::builtin().at("lockfre.bounded_queue"));
    FAIL();
  } catch (const unknown_name& problem) {
    EXPECT_NE(std::string(problem.what()).find("did you mean \"lockfree.bounded_queue\"?"),
              std::string::npos);
  }
  EXPECT_EQ(message_of(registry(), "x"), "unknown queue \"x\" known: none");
  EXPECT_NE(message_of(counter_registry::builtin(), "counter").find("unknown counter \"counter\""),
            std::string::npos);
}

TEST(Registry, Globs) {
  const registry all = three();
  using list = std::vector<std::string>;
  EXPECT_EQ(matches(all, "*"), names(all));
  EXPECT_EQ(matches(all, "one.*"), (list{"one.queue", "one.other"}));
  EXPECT_EQ(matches(all, "*.queue"), (list{"one.queue", "two.queue"}));
  EXPECT_EQ(matches(all, "two.queue,one.queue"), (list{"one.queue", "two.queue"}))
      << "in the registry's order";
  EXPECT_EQ(matches(all, "one.*,*.queue,*"), names(all)) << "each once";
  EXPECT_EQ(matches(all, "???.o*r"), (list{"one.other"}));
  EXPECT_EQ(matches(all, " two.* , one.other "), (list{"one.other", "two.queue"}));
  EXPECT_EQ(all.match("one.other").at(0), &all.entries()[1]);
}

TEST(Registry, GlobThatMatchesNothing) {
  const registry all = three();
  EXPECT_EQ(message_of(all, "one.*,thre.*"),
            "unknown queue \"thre.*\"; did you mean \"one.queue\"? known: one.queue, one.other, two.queue");
  EXPECT_NE(message_of(all, "tvo.*").find("did you mean \"two.queue\"?"), std::string::npos);
  EXPECT_NE(message_of(all, "").find("unknown queue \"\""), std::string::npos);
  EXPECT_NE(message_of(all, "*,").find("unknown queue \"\""), std::string::npos);
  EXPECT_NE(message_of(all, ",*").find("unknown queue \"\""), std::string::npos);
  EXPECT_NE(message_of(all, "one.queu").find("unknown queue \"one.queu\""), std::string::npos);
}

TEST(Registry, AddsToACopy) {
  registry mine = registry::builtin();
  mine.add({.name = "mine.queue", .summary = "my own"}, a_queue);
  EXPECT_EQ(mine.entries().size(), registry::builtin().entries().size() + 1);
  EXPECT_EQ(mine.entries().back().info.name, "mine.queue");
  EXPECT_EQ(mine.at("mine.queue").make(3).capacity(), 3U);

  EXPECT_THROW(mine.add({.name = "mine.queue", .summary = ""}, a_queue), std::invalid_argument);
  EXPECT_THROW(mine.add({.name = "std.bounded_queue", .summary = ""}, a_queue), std::invalid_argument);
  EXPECT_THROW(mine.add({.name = "", .summary = ""}, a_queue), std::invalid_argument);
  EXPECT_EQ(mine.entries().size(), registry::builtin().entries().size() + 1);

  counter_registry counters;
  EXPECT_TRUE(counters.entries().empty());
  counters.add({"c", "", progress::blocking}, any_counter::make<std_counter>);
  EXPECT_THROW(counters.add({"c", "", progress::blocking}, any_counter::make<std_counter>),
               std::invalid_argument);
}

TEST(Registry, MakesStacks) {
  for (const auto& entry : registry::stacks().entries()) {
    SCOPED_TRACE(entry.info.name);
    EXPECT_EQ(entry.info.order, queue_order::lifo);
    auto stack = entry.make(4);
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(stack.push(int(i)));
    EXPECT_EQ(stack.pop(), 2);
    EXPECT_EQ(stack.pop(), 1);
  }
}

// What can only push and pop without waiting.
class bag {
 public:
  using value_type = int;
  explicit bag(std::size_t capacity) : capacity_(capacity) {}
  [[nodiscard]] conqueue_status try_push(int&& value) {
    const std::lock_guard hold(lock_);
    if (inside_.size() == capacity_) return conqueue_status::full;
    inside_.push_back(value);
    return conqueue_status::success;
  }
  [[nodiscard]] pop_result<int> try_pop() {
    const std::lock_guard hold(lock_);
    if (inside_.empty()) return unexpected(conqueue_status::empty);
    const int last = inside_.back();
    inside_.pop_back();
    return last;
  }

 private:
  const std::size_t capacity_;
  std::mutex lock_;
  std::vector<int> inside_;
};

TEST(Registry, AddsWhatCanNeitherWaitNorClose) {
  registry mine;
  mine.add_queue<bag>({.name = "mine.bag", .summary = "", .order = queue_order::none});
  auto queue = mine.at("mine.bag").make(2);
  EXPECT_EQ(queue.try_pop().error(), conqueue_status::empty);
  EXPECT_TRUE(queue.push(1));
  EXPECT_TRUE(queue.emplace(2));
  EXPECT_EQ(queue.size_approx(), 2U);
  EXPECT_EQ(queue.try_push(3), conqueue_status::full);
  EXPECT_EQ(queue.try_push_for(3, std::chrono::milliseconds(1)), conqueue_status::full);
  std::thread producer([&] {
    EXPECT_TRUE(queue.push(3));  // waits for room
    queue.close();
    EXPECT_FALSE(queue.push(4));
  });
  int sum = 0;
  while (const auto next = queue.pop()) sum += *next;  // waits for the end
  producer.join();
  EXPECT_EQ(sum, 6);
  EXPECT_EQ(queue.try_pop().error(), conqueue_status::closed);
}

TEST(Names, GlobMatches) {
  using detail::glob_matches;
  EXPECT_TRUE(glob_matches("", ""));
  EXPECT_TRUE(glob_matches("*", ""));
  EXPECT_TRUE(glob_matches("**", "abc"));
  EXPECT_TRUE(glob_matches("a*b*c", "aXbYbZc"));
  EXPECT_TRUE(glob_matches("*ab", "aab"));
  EXPECT_TRUE(glob_matches("?*?", "ab"));
  EXPECT_FALSE(glob_matches("", "a"));
  EXPECT_FALSE(glob_matches("?", ""));
  EXPECT_FALSE(glob_matches("a*b", "abc"));
  EXPECT_FALSE(glob_matches("?*?", "a"));
  EXPECT_FALSE(glob_matches("abc", "ab"));
  EXPECT_FALSE(glob_matches("a.c", "abc"));
}

TEST(Names, EditDistance) {
  using detail::edit_distance;
  EXPECT_EQ(edit_distance("", ""), 0U);
  EXPECT_EQ(edit_distance("", "abc"), 3U);
  EXPECT_EQ(edit_distance("abc", ""), 3U);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3U);
  EXPECT_EQ(edit_distance("abc", "acb"), 2U);
  EXPECT_EQ(edit_distance("a?c", "abc"), 0U);
  EXPECT_EQ(edit_distance("*", "abc"), 0U);
  EXPECT_EQ(edit_distance("*", ""), 0U);
  EXPECT_EQ(edit_distance("x*", "abc"), 1U);
  EXPECT_EQ(edit_distance("lockfre.*", "lockfree.spsc_queue"), 1U);
}

TEST(Names, EnumeratorsHaveNames) {
  EXPECT_EQ(to_string(queue_order::per_producer), "per_producer");
  EXPECT_EQ(to_string(queue_bound::soft), "soft");
  EXPECT_EQ(to_string(progress::not_lock_free), "not_lock_free");
  EXPECT_EQ(to_string(static_cast<progress>(99)), "unknown");
}

// What the registry says of each queue.

class builtin_queue : public ::testing::TestWithParam<std::string> {
 protected:
  const queue_info& info() const { return registry::builtin().at(GetParam()).info; }
  any_queue<int> make(std::size_t capacity) const {
    return registry::builtin().at(GetParam()).make(capacity);
  }

  // As many elements as go in, at most `limit`.
  static std::size_t fill(any_queue<int>& queue, std::size_t limit) {
    std::size_t n = 0;
    while (n < limit && queue.try_push(static_cast<int>(n)) == conqueue_status::success) ++n;
    return n;
  }
};

TEST_P(builtin_queue, Works) {
  auto queue = make(8);
  EXPECT_EQ(queue.try_pop().error(), conqueue_status::empty);
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(queue.push(int(i)));
  EXPECT_EQ(queue.size_approx(), 5U);
  queue.close();
  EXPECT_FALSE(queue.push(5));
  for (int i = 0; i < 5; ++i) EXPECT_EQ(queue.pop(), i);
  EXPECT_EQ(queue.pop(), std::nullopt);
}

TEST_P(builtin_queue, BoundIsAsSaid) {
  constexpr std::size_t beyond = 20'000;
  for (const std::size_t n : std::initializer_list<std::size_t>{1, 2, 3, 7, 32, 33, 1000, 5000}) {
    SCOPED_TRACE(n);
    auto queue = make(n);
    const std::size_t held = fill(queue, beyond);
    switch (info().bound) {
      case queue_bound::exact:
        EXPECT_EQ(held, n);
        EXPECT_EQ(queue.capacity(), n);
        break;
      case queue_bound::soft:
        EXPECT_GE(held, n);
        EXPECT_LE(held, 2 * n + 160);
        EXPECT_EQ(queue.capacity(), n);
        break;
      case queue_bound::none:
        EXPECT_EQ(held, beyond);
        EXPECT_EQ(queue.capacity(), std::numeric_limits<std::size_t>::max());
        break;
    }
  }
  if (info().bound != queue_bound::none) {
    EXPECT_THROW(make(0), std::invalid_argument);
  }
}

// Three elements from two threads, if there can be two, one after the other.
TEST_P(builtin_queue, OrderIsAsSaid) {
  auto queue = make(8);
  EXPECT_TRUE(queue.push(1));
  if (info().multi_producer) {
    std::thread([&] { EXPECT_TRUE(queue.push(2)); }).join();
  } else {
    EXPECT_TRUE(queue.push(2));
  }
  EXPECT_TRUE(queue.push(3));
  std::vector<int> popped;
  for (int i = 0; i < 3; ++i) popped.push_back(queue.pop().value());
  if (info().order == queue_order::fifo) {
    EXPECT_EQ(popped, (std::vector<int>{1, 2, 3}));
  } else {
    EXPECT_LT(std::ranges::find(popped, 1), std::ranges::find(popped, 3));
    std::ranges::sort(popped);
    EXPECT_EQ(popped, (std::vector<int>{1, 2, 3}));
  }
}

// As many threads as it says it can have; each element arrives once.
TEST_P(builtin_queue, RolesAreAsSaid) {
  const int producers = info().multi_producer ? 3 : 1;
  const int consumers = info().multi_consumer ? 3 : 1;
  constexpr int each = 3000;
  auto queue = make(16);
  std::mutex mutex;
  std::vector<int> popped;
  std::vector<std::thread> threads;
  for (int c = 0; c < consumers; ++c) {
    threads.emplace_back([&] {
      std::vector<int> mine;
      std::array<int, 4> some;
      for (bool single = true;; single = !single) {
        if (single) {
          const auto next = queue.pop();
          if (!next) break;
          mine.push_back(*next);
        } else {
          mine.insert(mine.end(), some.begin(),
                      some.begin() + static_cast<long>(queue.try_pop_n(some.data(), 4)));
        }
      }
      const std::lock_guard hold(mutex);
      popped.insert(popped.end(), mine.begin(), mine.end());
    });
  }
  std::vector<std::thread> pushing;
  for (int p = 0; p < producers; ++p) {
    pushing.emplace_back([&queue, p] {
      for (int i = 0; i < each; i += 4) {
        const std::array<int, 3> some = {p * each + i + 1, p * each + i + 2, p * each + i + 3};
        EXPECT_TRUE(queue.push(p * each + i));
        EXPECT_EQ(queue.push_n(some.data(), 3), 3U);
      }
    });
  }
  for (auto& thread : pushing) thread.join();
  queue.close();
  for (auto& thread : threads) thread.join();
  ASSERT_EQ(popped.size(), static_cast<std::size_t>(producers * each));
  std::ranges::sort(popped);
  for (std::size_t i = 0; i < popped.size(); ++i) ASSERT_EQ(popped[i], static_cast<int>(i));
}

std::string test_name(const ::testing::TestParamInfo<std::string>& of) {
  std::string name = of.param;
  std::ranges::replace(name, '.', '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(All, builtin_queue, ::testing::ValuesIn(names(registry::builtin())), test_name);

class builtin_counter : public ::testing::TestWithParam<std::string> {};

TEST_P(builtin_counter, Works) {
  auto counter = counter_registry::builtin().at(GetParam()).make();
  EXPECT_EQ(counter.load(), 0);
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) counter.increment();
      counter.add(-500);
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(counter.load(), 1500);
  EXPECT_EQ(counter.exchange(7), 1500);
  EXPECT_EQ(counter.load(), 7);
}

INSTANTIATE_TEST_SUITE_P(All, builtin_counter, ::testing::ValuesIn(names(counter_registry::builtin())),
                         test_name);

}  // namespace
}  // namespace switchyard::adapters
