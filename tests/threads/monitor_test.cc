// What monitored queues and locks count, the table and the call-back that show it, and the watchdog.
#include "switchyard/threads/monitor.h"

#include <chrono>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <shared_mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "switchyard/atomics/atomic.h"
#include "switchyard/blocking/bounded_queue.h"
#include "switchyard/blocking/joinable.h"
#include "switchyard/blocking/mutex.h"
#include "switchyard/blocking/unbounded_queue.h"
#include "switchyard/interface/queue.h"
#include "switchyard/lockfree/bounded_queue.h"
#include "switchyard/lockfree/joinable.h"
#include "switchyard/lockfree/spsc_queue.h"
#include "switchyard/lockfree/stack.h"
#include "switchyard/threads/exception_hook.h"
#include "switchyard/threads/monitored.h"
#include "switchyard/threads/monitored_lock.h"
#include "switchyard/threads/stall_watchdog.h"
#include "switchyard/threads/thread.h"

namespace switchyard {
namespace {

using namespace std::chrono_literals;

// What is not monitored has nothing of it: the wrapper is all there is.
static_assert(sizeof(monitored<lockfree::bounded_queue<int>>) > sizeof(lockfree::bounded_queue<int>));

template <class Queue>
constexpr bool has_all_of = timed_queue<monitored<Queue>> && bulk_queue<monitored<Queue>> &&
                            sized_queue<monitored<Queue>> &&
                            capacity_limited<monitored<Queue>> == capacity_limited<Queue> &&
                            concurrent_stack<monitored<Queue>> == concurrent_stack<Queue> &&
                            watchable_queue<monitored<Queue>> == watchable_queue<Queue> &&
                            one_consumer<monitored<Queue>> == one_consumer<Queue> &&
                            keeps_what_throws<monitored<Queue>> == keeps_what_throws<Queue>;
static_assert(has_all_of<blocking::bounded_queue<int>>);
static_assert(has_all_of<lockfree::bounded_queue<std::unique_ptr<int>>>);
static_assert(has_all_of<blocking::unbounded_queue<std::string>>);
static_assert(has_all_of<lockfree::spsc_queue<int>>);
static_assert(has_all_of<lockfree::stack<int>>);

void until(auto condition) {
  while (!condition()) std::this_thread::sleep_for(1ms);
}

template <class Queue>
class Monitored : public testing::Test {};

using queues = testing::Types<blocking::bounded_queue<int>, lockfree::bounded_queue<int>>;
TYPED_TEST_SUITE(Monitored, queues);

TYPED_TEST(Monitored, CountsWhatGoesThroughAndWhatIsRefused) {
  monitored<TypeParam> queue(2);
  EXPECT_EQ(queue.try_pop().error(), conqueue_status::empty);
  EXPECT_TRUE(queue.push(1));
  EXPECT_EQ(queue.try_push(2), conqueue_status::success);
  EXPECT_EQ(queue.try_push(3), conqueue_status::full);
  EXPECT_EQ(queue.try_push_for(3, 0s), conqueue_status::full);
  EXPECT_EQ(queue.pop(), 1);
  const monitor_sample now = queue.sample();
  EXPECT_EQ(now.in.done, 2u);
  EXPECT_EQ(now.in.refused, 2u);
  EXPECT_EQ(now.out.done, 1u);
  EXPECT_EQ(now.out.refused, 1u);
  EXPECT_EQ(now.in.waits + now.out.waits, 0u);
  EXPECT_EQ(now.depth, 1u);
  EXPECT_EQ(now.deepest, 2u);
  EXPECT_EQ(now.capacity, 2u);
}

TYPED_TEST(Monitored, CountsBulkByElement) {
  monitored<TypeParam> queue(5);
  std::vector<int> items = {1, 2, 3, 4, 5, 6, 7};
  EXPECT_EQ(queue.try_push_n(items.data(), 7), 5u);
  std::vector<int> got(7);
  EXPECT_EQ(queue.try_pop_n(got.data(), 2), 2u);
  EXPECT_EQ(queue.push_n(items.data(), 2), 2u);
  EXPECT_EQ(queue.pop_n(got.data(), 7), 5u);
  EXPECT_EQ(queue.try_pop_n(got.data(), 7), 0u);
  const monitor_sample now = queue.sample();
  EXPECT_EQ(now.in.done, 7u);
  EXPECT_EQ(now.in.refused, 1u);
  EXPECT_EQ(now.out.done, 7u);
  EXPECT_EQ(now.out.refused, 1u);
  EXPECT_EQ(now.deepest, 5u);
  EXPECT_EQ(now.depth, 0u);
}

TYPED_TEST(Monitored, CountsWaitsTheirTimeAndHowTheyEnd) {
  monitored<TypeParam> queue(1);
  // Gives up; again if the time had passed before it could wait.
  while (queue.sample().out.waits == 0) EXPECT_EQ(queue.try_pop_for(5ms).error(), conqueue_status::empty);
  {
    const monitor_sample now = queue.sample();
    EXPECT_EQ(now.out.waits, 1u);
    EXPECT_EQ(now.out.gave_up, 1u);
    EXPECT_EQ(now.out.woken, 0u);
    EXPECT_GT(now.out.waited, 0ms);
    EXPECT_EQ(now.out.waiting_now, 0u);
  }
  thread popper([&] { EXPECT_EQ(queue.pop(), 7); });  // is woken
  until([&] { return queue.sample().out.waiting_now == 1; });
  until([&] { return queue.sample().out.longest_now >= 1ms; });
  queue.push(7);
  popper.get();
  queue.push(8);
  thread pusher([&] { EXPECT_TRUE(queue.push(9)); });  // is woken
  until([&] { return queue.sample().in.waiting_now == 1; });
  EXPECT_EQ(queue.pop(), 8);
  pusher.get();
  thread late([&] { EXPECT_FALSE(queue.push(10)); });  // ends by the close
  until([&] { return queue.sample().in.waiting_now == 1; });
  queue.close();
  late.get();
  const monitor_sample now = queue.sample();
  EXPECT_EQ(now.in.waits, 2u);
  EXPECT_EQ(now.in.woken, 1u);
  EXPECT_EQ(now.in.gave_up, 1u);
  EXPECT_EQ(now.out.waits, 2u);
  EXPECT_EQ(now.out.woken, 1u);
  EXPECT_GE(now.out.waited, 1ms);
  EXPECT_EQ(now.in.waiting_now + now.out.waiting_now, 0u);
  EXPECT_EQ(now.in.longest_now + now.out.longest_now, 0ns);
  EXPECT_EQ(now.in.done, 3u);
  EXPECT_EQ(now.out.done, 2u);
}

TYPED_TEST(Monitored, BulkWaitsAreCounted) {
  monitored<TypeParam> queue(2);
  std::vector<int> items = {1, 2, 3};
  thread pusher([&] { EXPECT_EQ(queue.push_n(items.data(), 3), 3u); });
  until([&] { return queue.sample().in.waiting_now == 1 && queue.size_approx() == 2; });
  int got = 0;
  EXPECT_EQ(queue.pop_n(&got, 1), 1u);
  pusher.get();
  std::vector<int> rest(3);
  EXPECT_EQ(queue.pop_n(rest.data(), 3), 2u);
  thread popper([&] { EXPECT_EQ(queue.pop_n(rest.data(), 3), 1u); });
  until([&] { return queue.sample().out.waiting_now == 1; });
  queue.push(4);
  popper.get();
  const monitor_sample now = queue.sample();
  EXPECT_EQ(now.in.waits, 1u);
  EXPECT_EQ(now.in.woken, 1u);
  EXPECT_EQ(now.out.waits, 1u);
  EXPECT_EQ(now.out.woken, 1u);
  EXPECT_EQ(now.in.done, 4u);
  EXPECT_EQ(now.out.done, 4u);
}

// Every element is counted once on each side, whatever threads meet, and threads that have ended still count.
TYPED_TEST(Monitored, NoElementIsMissedWhateverMeets) {
  constexpr int each = 2000;
  monitored<TypeParam> queue(3);
  long sum = 0;
  {
    std::vector<thread> producers;
    for (int p = 0; p < 3; ++p) {
      producers.emplace_back([&] {
        for (int i = 0; i < each; ++i) queue.push(1);
      });
    }
    thread looker([&](std::stop_token stop) {
      while (!stop.stop_requested()) {
        EXPECT_LE(queue.sample().in.done, 3u * each);
        std::this_thread::yield();
      }
    });
    for (int i = 0; i < 3 * each; ++i) sum += *queue.pop();
  }
  EXPECT_EQ(sum, 3 * each);
  const monitor_sample now = queue.sample();
  EXPECT_EQ(now.in.done, 3u * each);
  EXPECT_EQ(now.out.done, 3u * each);
  EXPECT_EQ(now.in.woken, now.in.waits);
  EXPECT_EQ(now.out.woken, now.out.waits);
  EXPECT_LE(now.deepest, 3u);
}

struct throws_when_copied {
  throws_when_copied() = default;
  throws_when_copied(const throws_when_copied&) { throw std::runtime_error("no copy"); }
  throws_when_copied(throws_when_copied&&) noexcept(false) {}
};

TEST(MonitoredQueue, WhatThrowsIsNotCounted) {
  monitored<blocking::bounded_queue<throws_when_copied>> queue(1);
  const throws_when_copied item;
  EXPECT_THROW((void)queue.try_push(item), std::runtime_error);
  EXPECT_THROW(queue.push(item), std::runtime_error);
  EXPECT_TRUE(queue.emplace());
  EXPECT_TRUE(queue.pop().has_value());
  EXPECT_EQ(queue.try_pop_for(1ms).error(), conqueue_status::empty);
  const monitor_sample now = queue.sample();
  EXPECT_EQ(now.in.done, 1u);
  EXPECT_EQ(now.in.refused, 0u);
  EXPECT_EQ(now.out.done, 1u);
  EXPECT_EQ(now.out.gave_up, 1u);
}

TEST(MonitoredQueue, MoveOnlyElementsAreUntouchedByAFailure) {
  monitored<lockfree::bounded_queue<std::unique_ptr<int>>> queue(1);
  EXPECT_TRUE(queue.push(std::make_unique<int>(1)));
  auto second = std::make_unique<int>(2);
  EXPECT_EQ(queue.try_push_for(std::move(second), 1ms), conqueue_status::full);
  ASSERT_NE(second, nullptr);
  EXPECT_EQ(queue.sample().in.gave_up, 1u);
  EXPECT_EQ(**queue.pop(), 1);
}

TEST(MonitoredQueue, WorksInsideAndAroundAJoinable) {
  lockfree::joinable<monitored<lockfree::bounded_queue<int>>> around(4);
  around.push(1);
  around.pop();
  around.task_done();
  around.join();
  monitored<blocking::joinable<blocking::bounded_queue<int>>> inside(4);
  inside.push(1);
  EXPECT_EQ(inside.pop(), 1);
  EXPECT_EQ(inside.sample().out.done, 1u);
}

TEST(MonitoredQueue, AStacksPopAllIsCounted) {
  monitored<lockfree::stack<int>> stack;
  for (int i = 0; i < 3; ++i) stack.push(i);
  std::vector<int> got(3);
  EXPECT_EQ(stack.pop_all(got.data()), 3u);
  EXPECT_EQ(stack.sample().out.done, 3u);
  EXPECT_EQ(stack.sample().deepest, 3u);
  EXPECT_FALSE(stack.sample().capacity);
}

// --- Locks ---

TEST(MonitoredLock, CountsWhoFoundItHeldAndForHowLong) {
  monitored_lock<blocking::mutex> lock;
  unsigned tries = 0;
  {
    std::lock_guard hold(lock);
    thread other([&] {
      EXPECT_FALSE(lock.try_lock());
      EXPECT_FALSE(lock.try_lock_for(0ms));
      // Gives up; again if the time had passed before it could wait.
      for (; lock.sample().in.waits == 0; ++tries) EXPECT_FALSE(lock.try_lock_for(5ms));
    });
    other.get();
  }
  EXPECT_TRUE(lock.try_lock());
  thread waits([&] {
    lock.lock();
    lock.unlock();
  });
  until([&] { return lock.sample().in.waiting_now == 1; });
  until([&] { return lock.sample().in.longest_now >= 1ms; });
  lock.unlock();
  waits.get();
  const monitor_sample now = lock.sample();
  EXPECT_EQ(now.in.done, 3u);
  EXPECT_EQ(now.out.done, 3u);
  EXPECT_EQ(now.in.refused, 2u + tries - 1);
  EXPECT_EQ(now.in.waits, 2u);
  EXPECT_EQ(now.in.woken, 1u);
  EXPECT_EQ(now.in.gave_up, 1u);
  EXPECT_GE(now.in.waited, 1ms);
  EXPECT_FALSE(now.depth);
}

TEST(MonitoredLock, AnyLockWillDo) {
  monitored_lock<std::timed_mutex> timed;
  EXPECT_TRUE(timed.try_lock_until(std::chrono::steady_clock::now() + 1s));
  timed.unlock();
  EXPECT_TRUE(timed.try_lock_for(std::chrono::hours::max()));
  timed.unlock();
  monitored_lock<std::shared_timed_mutex> shared;
  {
    std::shared_lock one(shared);
    std::shared_lock two(shared, std::try_to_lock);
    EXPECT_TRUE(two.owns_lock());
    EXPECT_FALSE(shared.try_lock());
    std::shared_lock three(shared, 1s);
    EXPECT_TRUE(three.owns_lock());
  }
  EXPECT_EQ(shared.sample().in.done, 3u);
  EXPECT_EQ(shared.sample().out.done, 3u);
  EXPECT_EQ(shared.sample().in.refused, 1u);
}

// A lock whose unlock refuses.
struct never_held {
  void lock() {}
  bool try_lock() { return true; }
  void unlock() { throw std::logic_error("not held"); }
};

TEST(MonitoredLock, AReleaseThatIsRefusedIsNotCounted) {
  monitored_lock<never_held> lock;
  EXPECT_THROW(lock.unlock(), std::logic_error);
  EXPECT_EQ(lock.sample().out.done, 0u);
}

// --- The list ---

TEST(Monitor, ShowsATableThatIsAligned) {
  monitor all;
  monitored<lockfree::bounded_queue<int>> jobs(8);
  monitored_lock<blocking::mutex> lock;
  const auto one = all.watch("jobs", jobs);
  const auto two = all.watch("lock of the accounts", lock);
  for (int i = 0; i < 3; ++i) jobs.push(i);
  jobs.pop();
  EXPECT_EQ(all.table(),
            "name                  in  refused  waits     ms  out  refused  waits     ms  woken  gave up  waiting  depth  "
            "deepest  capacity\n"
            "jobs                   3        0      0  0.000    1        0      0  0.000      0        0        0      2  "
            "      3         8\n"
            "lock of the accounts   0        0      0  0.000    0        0      0  0.000      0        0        0      -  "
            "      -         -\n");
}

TEST(Monitor, HandsSamplesToACallBackWhichMayUseIt) {
  monitor all;
  monitored<blocking::bounded_queue<int>> jobs(8);
  const auto shown = all.watch("jobs", jobs);
  std::vector<std::string> names;
  all.for_each([&](const monitor_sample& now) {
    names.push_back(now.name);
    EXPECT_EQ(all.samples().size(), 1u);
  });
  EXPECT_EQ(names, std::vector<std::string>{"jobs"});
}

TEST(Monitor, WatchesWhileTheHandleLives) {
  monitor all;
  monitored<blocking::bounded_queue<int>> jobs(8);
  {
    auto shown = all.watch("jobs", jobs);
    auto moved = std::move(shown);
    EXPECT_EQ(all.samples().size(), 1u);
    auto another = all.watch("anything", [](monitor_sample& into) { into.depth = 42; });
    EXPECT_EQ(all.samples().at(1).depth, 42u);
    another = std::move(moved);
    EXPECT_EQ(all.samples().size(), 1u);
    EXPECT_EQ(all.samples().at(0).name, "jobs");
    another.stop();
    another.stop();
    EXPECT_TRUE(all.samples().empty());
  }
  EXPECT_TRUE(all.samples().empty());
}

TEST(Monitor, RefusesWhatHasNoNameOrNothingToAsk) {
  monitor all;
  monitored<blocking::bounded_queue<int>> jobs(8);
  EXPECT_THROW((void)all.watch("", jobs), std::invalid_argument);
  EXPECT_THROW((void)all.watch("nothing", monitor::sampler()), std::invalid_argument);
  EXPECT_TRUE(all.samples().empty());
}

TEST(Monitor, ThingsComeAndGoWhileItLooks) {
  monitor all;
  thread looker([&](std::stop_token stop) {
    while (!stop.stop_requested()) (void)all.table();
  });
  for (int i = 0; i < 200; ++i) {
    monitored<lockfree::bounded_queue<int>> jobs(2);
    const auto shown = all.watch("jobs", jobs);
    jobs.push(i);
  }
}

// --- The watchdog ---

// Something that the watchdog looks at, to know that it has looked since.
class looks {
 public:
  explicit looks(monitor& all)
      : shown_(all.watch("looks", [this](monitor_sample&) { count_.fetch_add(1, memory_order_relaxed); })) {}
  void wait_for_two_more() {
    const int before = count_.load(memory_order_relaxed);
    until([&] { return count_.load(memory_order_relaxed) >= before + 2; });
  }

 private:
  atomic<int> count_{0};
  monitor::watching shown_;
};

TEST(StallWatchdog, TellsOfAPushThatFindsNoRoomOnceForEachStall) {
  monitor all;
  monitored<lockfree::bounded_queue<int>> jobs(1);
  const auto shown = all.watch("jobs", jobs);
  looks looked(all);
  atomic<int> told{0};
  stall_watchdog dog(all, 10ms, [&](const monitor_sample& stalled) {
    EXPECT_EQ(stalled.name, "jobs");
    EXPECT_GE(stalled.in.longest_now, 10ms);
    told.fetch_add(1, memory_order_relaxed);
  });
  jobs.push(1);
  for (int stall = 1; stall <= 2; ++stall) {
    thread pusher([&] { jobs.push(2); });
    until([&] { return told.load(memory_order_relaxed) >= stall; });
    looked.wait_for_two_more();
    EXPECT_EQ(told.load(memory_order_relaxed), stall);  // it goes on, and has been told
    jobs.pop();
    pusher.get();
    looked.wait_for_two_more();
  }
}

TEST(StallWatchdog, TellsOnceOfANameThatSeveralHave) {
  monitor all;
  const auto one = all.watch("job", [](monitor_sample& into) { into.in.longest_now = 1h; });
  const auto two = all.watch("job", [](monitor_sample&) {});
  looks looked(all);
  atomic<int> told{0};
  stall_watchdog dog(all, 1ms, [&](const monitor_sample&) { told.fetch_add(1); });
  for (int i = 0; i < 3; ++i) looked.wait_for_two_more();
  EXPECT_EQ(told.load(), 1);
}

TEST(StallWatchdog, IdleConsumersAreNoStall) {
  monitor all;
  monitored<blocking::bounded_queue<int>> jobs(1);
  monitored_lock<blocking::mutex> lock;
  const auto one = all.watch("jobs", jobs);
  const auto two = all.watch("lock", lock);
  std::vector<std::string> names;
  atomic<bool> told{false};
  stall_watchdog dog(all, 10ms, [&](const monitor_sample& stalled) {
    names.push_back(stalled.name);
    told.store(true, memory_order_release);
  });
  thread idle([&] { jobs.pop(); });
  until([&] { return jobs.sample().out.longest_now > 30ms; });
  lock.lock();
  thread stalled([&] {
    lock.lock();
    lock.unlock();
  });
  until([&] { return told.load(memory_order_acquire); });
  EXPECT_EQ(names, std::vector<std::string>{"lock"});
  lock.unlock();
  jobs.close();
}

TEST(StallWatchdog, GoesOnWhenItsFunctionThrows) {
  monitor all;
  atomic<std::int64_t> waits{0};
  const auto shown = all.watch("it", [&](monitor_sample& into) {
    into.in.longest_now = std::chrono::milliseconds(waits.load(memory_order_relaxed));
  });
  looks looked(all);
  atomic<int> told{0};
  atomic<int> reported{0};
  const exception_hook before =
      set_exception_hook([&](const thread_failure& failure) { reported.fetch_add(failure.name == "watchdog"); });
  {
    stall_watchdog dog(all, 1ms, [&](const monitor_sample&) {
      told.fetch_add(1);
      throw std::runtime_error("no");
    });
    for (int stall = 1; stall <= 2; ++stall) {
      waits.store(1);
      until([&] { return told.load() >= stall && reported.load() >= stall; });
      waits.store(0);
      looked.wait_for_two_more();
    }
  }
  set_exception_hook(before);
}

TEST(StallWatchdog, RefusesALimitOfNothing) {
  monitor all;
  EXPECT_THROW(stall_watchdog(all, 0ms, [](const monitor_sample&) {}), std::invalid_argument);
  EXPECT_THROW(stall_watchdog(all, 1ms, {}), std::invalid_argument);
}

}  // namespace
}  // namespace switchyard
