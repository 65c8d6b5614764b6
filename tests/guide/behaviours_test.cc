// What Python's users know of its modules and no other test says of ours: see the table in docs/guide.md.
#include <unistd.h>

#include <chrono>
#include <functional>
#include <mutex>
#include <optional>
#include <semaphore>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

#include <gtest/gtest.h>

#include "absl/base/thread_annotations.h"
#include "switchyard/atomics/atomic.h"
#include "switchyard/blocking/barrier.h"
#include "switchyard/blocking/bounded_queue.h"
#include "switchyard/blocking/condition.h"
#include "switchyard/blocking/event.h"
#include "switchyard/blocking/joinable.h"
#include "switchyard/blocking/latch.h"
#include "switchyard/blocking/mutex.h"
#include "switchyard/blocking/priority_queue.h"
#include "switchyard/blocking/recursive_mutex.h"
#include "switchyard/blocking/semaphore.h"
#include "switchyard/blocking/stack.h"
#include "switchyard/blocking/unbounded_queue.h"
#include "switchyard/interface/joinable.h"
#include "switchyard/interface/permit.h"
#include "switchyard/lockfree/barrier.h"
#include "switchyard/lockfree/bounded_queue.h"
#include "switchyard/lockfree/event.h"
#include "switchyard/lockfree/joinable.h"
#include "switchyard/lockfree/latch.h"
#include "switchyard/lockfree/priority_queue.h"
#include "switchyard/lockfree/semaphore.h"
#include "switchyard/lockfree/stack.h"
#include "switchyard/lockfree/unbounded_queue.h"
#include "switchyard/threads/exception_hook.h"
#include "switchyard/threads/future.h"
#include "switchyard/threads/thread.h"
#include "switchyard/threads/thread_specific.h"
#include "switchyard/threads/timer.h"

namespace switchyard {
namespace {

using namespace std::chrono_literals;

bool is_listed(const thread_info& wanted) {
  for (const thread_info& each : thread::enumerate()) {
    if (each == wanted) return true;
  }
  return false;
}

// --- 1.1 Thread ---

TEST(GuideThread, HasItsNumbersFromTheStartOn) {
  blocking::event end;
  pid_t inside = 0;
  thread worker({.deferred = true}, [&] {
    inside = ::gettid();
    end.wait();
  });
  EXPECT_EQ(worker.native_id(), 0);
  EXPECT_EQ(worker.get_id(), std::thread::id());
  worker.start();
  const pid_t number = worker.native_id();
  const std::thread::id id = worker.get_id();
  EXPECT_NE(number, 0);
  EXPECT_NE(id, std::thread::id());
  end.set();
  worker.join();
  EXPECT_EQ(number, inside);
  EXPECT_EQ(worker.native_id(), number) << "and keeps them";
  EXPECT_EQ(worker.get_id(), id);
}

TEST(GuideThread, IsListedFromTheStartOnAlsoBeforeItRuns) {
  for (int i = 0; i < 50; ++i) {
    blocking::event end;
    const std::size_t before = thread::active_count();
    thread worker({.deferred = true}, [&] { end.wait(); });
    EXPECT_FALSE(is_listed(worker.info()));
    worker.start();
    EXPECT_TRUE(is_listed(worker.info()));
    EXPECT_TRUE(worker.is_alive());
    EXPECT_EQ(thread::active_count(), before + 1);
    end.set();
    worker.join();
    EXPECT_FALSE(is_listed(worker.info()));
    EXPECT_EQ(thread::active_count(), before);
  }
}

TEST(GuideThread, ListAndCountAgree) {
  blocking::event end;
  thread one([&] { end.wait(); });
  thread two([&] { end.wait(); });
  EXPECT_EQ(thread::enumerate().size(), thread::active_count());
  end.set();
}

TEST(GuideThread, ItsObjectAsksItToStopAndWaitsForIt) {
  atomic<bool> ended{false};
  {
    thread worker([&](std::stop_token stop) {
      while (!stop.stop_requested()) std::this_thread::sleep_for(1ms);
      ended.store(true, memory_order_relaxed);
    });
  }
  EXPECT_TRUE(ended.load(memory_order_relaxed));
}

TEST(GuideThread, JoinGivesNothingAwayOfAnException) {
  const exception_hook before = set_exception_hook([](const thread_failure&) {});
  thread worker([] { throw 7; });
  EXPECT_NO_THROW(worker.join());
  EXPECT_TRUE(worker.join_for(0s));
  EXPECT_THROW(worker.get(), int);
  EXPECT_THROW(worker.get(), int) << "every time";
  set_exception_hook(before);
}

// --- 1.2 Timer ---

TEST(GuideTimer, IsAThreadWithArguments) {
  std::string got;
  timer alarm({.name = "alarm"}, 1ms, [&](std::string what, int times) { got = what + std::to_string(times); }, "ring ",
              2);
  EXPECT_EQ(alarm.name(), "alarm");
  alarm.join();
  EXPECT_EQ(got, "ring 2");
  EXPECT_FALSE(alarm.is_alive());
}

// --- 1.3 local ---

TEST(GuideLocal, WhatAnotherThreadHasSetIsNotSeen) {
  thread_specific<std::optional<int>> value;
  *value = 1;
  thread([&] {
    EXPECT_FALSE(value->has_value());
    *value = 2;
  }).get();
  EXPECT_EQ(**value, 1);
}

// --- 1.7 Semaphore, 1.8 Event ---

template <class Semaphore>
class GuideSemaphore : public testing::Test {};
using semaphores = testing::Types<blocking::semaphore, lockfree::semaphore, blocking::bounded_semaphore,
                                  lockfree::bounded_semaphore>;
TYPED_TEST_SUITE(GuideSemaphore, semaphores);

TYPED_TEST(GuideSemaphore, APermitIsGivenBackAtTheEndOfItsBlock) {
  TypeParam slots(1);
  {
    permit hold(slots);
    EXPECT_EQ(slots.value(), 0);
  }
  EXPECT_EQ(slots.value(), 1);
  EXPECT_THROW(
      {
        permit hold(slots);
        throw std::runtime_error("and by an exception");
      },
      std::runtime_error);
  EXPECT_EQ(slots.value(), 1);
  EXPECT_TRUE(slots.try_acquire_for(1h));
  { permit hold(slots, std::adopt_lock); }
  EXPECT_EQ(slots.value(), 1);
}

TEST(GuidePermit, AlsoOfTheStandards) {
  std::binary_semaphore one(1);
  {
    permit hold(one);
    EXPECT_FALSE(one.try_acquire());
  }
  EXPECT_TRUE(one.try_acquire());
}

TYPED_TEST(GuideSemaphore, ANegativeLimitIsNoWait) {
  TypeParam slots(1);
  EXPECT_TRUE(slots.try_acquire_for(-1h));
  EXPECT_FALSE(slots.try_acquire_for(-1h));
  EXPECT_EQ(slots.value(), 0);
}

template <class Semaphore>
class GuideUnboundedSemaphore : public testing::Test {};
using unbounded_semaphores = testing::Types<blocking::semaphore, lockfree::semaphore>;
TYPED_TEST_SUITE(GuideUnboundedSemaphore, unbounded_semaphores);

TYPED_TEST(GuideUnboundedSemaphore, MayBeReleasedBeyondItsBeginningByAnyThread) {
  TypeParam slots(0);
  thread([&] { slots.release(3); }).get();
  EXPECT_EQ(slots.value(), 3);
}

template <class Event>
class GuideEvent : public testing::Test {};
using events = testing::Types<blocking::event, lockfree::event>;
TYPED_TEST_SUITE(GuideEvent, events);

TYPED_TEST(GuideEvent, BeginsUnsetAndSettingTwiceIsSettingOnce) {
  TypeParam event;
  EXPECT_FALSE(event.is_set());
  EXPECT_FALSE(event.wait_for(-1h)) << "a negative limit is no wait";
  event.set();
  event.set();
  EXPECT_TRUE(event.is_set());
  EXPECT_TRUE(event.wait_for(-1h));
  event.wait();
  event.clear();
  event.clear();
  EXPECT_FALSE(event.is_set());
}

// --- 1.10 queue.Queue ---

template <class Queues>
class GuideQueue : public testing::Test {};

struct fragile_order {
  bool operator()(int a, int b) const {
    if (throws) throw std::domain_error("not comparable");
    return a < b;
  }
  static inline bool throws = false;
};

struct blocking_queues {
  using bounded = blocking::joinable<blocking::bounded_queue<int>>;
  using unbounded = blocking::joinable<blocking::unbounded_queue<int>>;
  using lifo = blocking::joinable<blocking::stack<int>>;
  using priority = blocking::joinable<blocking::priority_queue<int>>;
  using least_first = blocking::joinable<blocking::priority_queue<int, std::greater<>>>;
  using fragile = blocking::joinable<blocking::priority_queue<int, fragile_order>>;
};
struct lockfree_queues {
  using bounded = lockfree::joinable<lockfree::bounded_queue<int>>;
  using unbounded = lockfree::joinable<lockfree::unbounded_queue<int>>;
  using lifo = lockfree::joinable<lockfree::stack<int>>;
  using priority = lockfree::joinable<lockfree::priority_queue<int>>;
  using least_first = lockfree::joinable<lockfree::priority_queue<int, std::greater<>>>;
  using fragile = lockfree::joinable<lockfree::priority_queue<int, fragile_order>>;
};
using both = testing::Types<blocking_queues, lockfree_queues>;
TYPED_TEST_SUITE(GuideQueue, both);

TYPED_TEST(GuideQueue, ClosedIsSaidBeforeFullAndEmptyBeforeClosed) {
  typename TypeParam::bounded queue(1);
  queue.push(1);
  EXPECT_EQ(queue.try_push(2), conqueue_status::full);
  queue.shutdown();
  EXPECT_EQ(queue.try_push(2), conqueue_status::closed);
  EXPECT_EQ(queue.try_push_for(2, -1h), conqueue_status::closed);
  EXPECT_EQ(queue.try_pop(), 1) << "shut down, and not empty";
  EXPECT_EQ(queue.try_pop().error(), conqueue_status::closed);
  EXPECT_EQ(queue.try_pop_for(-1h).error(), conqueue_status::closed);
  EXPECT_TRUE(queue.is_closed());
}

TYPED_TEST(GuideQueue, WithoutABoundALimitIsNotAsked) {
  typename TypeParam::unbounded queue;
  EXPECT_EQ(queue.try_push_for(1, -1h), conqueue_status::success);
  EXPECT_EQ(queue.try_pop_for(-1h), 1);
  EXPECT_EQ(queue.try_pop_for(-1h).error(), conqueue_status::empty);
}

TYPED_TEST(GuideQueue, SizesAreExactWhileNobodyElseIsThere) {
  typename TypeParam::bounded queue(2);
  EXPECT_TRUE(queue.empty_approx());
  queue.push(1);
  EXPECT_EQ(queue.size_approx(), 1u);
  queue.push(2);
  EXPECT_EQ(queue.size_approx(), queue.capacity()) << "full()";
}

TYPED_TEST(GuideQueue, ShutdownReleasesAPutThatWaitsAndAGetThatWaits) {
  typename TypeParam::bounded full(1);
  full.push(1);
  thread putter([&] { EXPECT_FALSE(full.push(2)); });
  typename TypeParam::bounded empty(1);
  thread getter([&] { EXPECT_FALSE(empty.pop().has_value()); });
  std::this_thread::sleep_for(5ms);  // so that they wait, as a rule
  full.shutdown();
  empty.shutdown();
  putter.get();
  getter.get();
  EXPECT_EQ(full.unfinished_tasks(), 1u) << "what was refused is not counted";
}

TYPED_TEST(GuideQueue, AfterAShutdownJoinStillWaitsForEveryTaskDone) {
  typename TypeParam::bounded queue(2);
  queue.push(1);
  queue.push(2);
  queue.shutdown();
  EXPECT_FALSE(queue.join_for(0s));
  while (queue.pop()) {
    EXPECT_FALSE(queue.join_for(0s));
    queue.task_done();
  }
  EXPECT_TRUE(queue.join_for(0s));
}

TYPED_TEST(GuideQueue, ImmediateShutdownStillWaitsForWhatIsInSomebodysHands) {
  typename TypeParam::bounded queue(3);
  for (int i = 0; i < 3; ++i) queue.push(i);
  queue.pop();
  queue.shutdown(immediate);
  EXPECT_EQ(queue.unfinished_tasks(), 1u) << "in hand";
  EXPECT_FALSE(queue.join_for(0s));
  queue.task_done();
  queue.join();
  EXPECT_THROW(queue.task_done(), too_many_task_done);
}

TYPED_TEST(GuideQueue, LifoAndPriorityHaveTaskDoneAndJoinToo) {
  const auto run = [](auto& queue, const std::vector<int>& expected) {
    for (const int i : {2, 3, 1}) queue.push(i);
    for (const int i : expected) {
      EXPECT_EQ(queue.pop(), i);
      queue.task_done();
    }
    queue.join();
    EXPECT_EQ(queue.unfinished_tasks(), 0u);
  };
  typename TypeParam::lifo lifo;
  run(lifo, {1, 3, 2});
  typename TypeParam::priority greatest;
  run(greatest, {3, 2, 1});
  typename TypeParam::least_first least;
  run(least, {1, 2, 3});  // Python's order
}

// In CPython the item stays in the heap, uncounted.
TYPED_TEST(GuideQueue, AComparisonThatThrowsLeavesQueueAndCountAsTheyWere) {
  typename TypeParam::fragile queue;
  fragile_order::throws = false;
  queue.push(1);
  fragile_order::throws = true;
  EXPECT_THROW(queue.push(2), std::domain_error);
  fragile_order::throws = false;
  EXPECT_EQ(queue.size_approx(), 1u);
  EXPECT_EQ(queue.unfinished_tasks(), 1u);
  EXPECT_EQ(queue.pop(), 1);
  queue.task_done();
  queue.join();
}

TYPED_TEST(GuideQueue, NothingIsReopened) {
  typename TypeParam::bounded queue(1);
  queue.shutdown();
  queue.shutdown(immediate);
  queue.shutdown();
  EXPECT_TRUE(queue.is_closed());
  EXPECT_FALSE(queue.push(1));
}

// --- 1.12 Limits of everything that waits ---

/// What waits goes on until it is let pass, a little later.
template <class Wait, class Let>
void expect_patient(Wait wait, Let let) {
  const thread other([&] {
    std::this_thread::sleep_for(5ms);
    let();
  });
  EXPECT_TRUE(wait());
}
constexpr auto longest = std::chrono::hours::max();

template <class Side>
class GuideLimits : public testing::Test {};
struct blocking_side {
  using semaphore = blocking::semaphore;
  using event = blocking::event;
  using latch = blocking::latch;
  using barrier = blocking::barrier;
  using queue = blocking::joinable<blocking::bounded_queue<int>>;
};
struct lockfree_side {
  using semaphore = lockfree::semaphore;
  using event = lockfree::event;
  using latch = lockfree::latch;
  using barrier = lockfree::barrier;
  using queue = lockfree::joinable<lockfree::bounded_queue<int>>;
};
using sides = testing::Types<blocking_side, lockfree_side>;
TYPED_TEST_SUITE(GuideLimits, sides);

TYPED_TEST(GuideLimits, BeyondWhatAClockCountsMeansForEver) {
  typename TypeParam::semaphore semaphore(0);
  expect_patient([&] { return semaphore.try_acquire_for(longest); }, [&] { semaphore.release(); });
  typename TypeParam::event event;
  expect_patient([&] { return event.wait_for(longest); }, [&] { event.set(); });
  typename TypeParam::latch latch(1);
  expect_patient([&] { return latch.wait_for(longest); }, [&] { latch.count_down(); });
  typename TypeParam::barrier barrier(2);
  expect_patient([&] { return barrier.wait_for(longest) < 2; }, [&] { barrier.wait(); });
  typename TypeParam::queue queue(1);
  expect_patient([&] { return queue.try_pop_for(longest).has_value(); }, [&] { queue.push(1); });
  expect_patient([&] { return queue.join_for(longest); }, [&] { queue.task_done(); });
}

TEST(GuideWaits, BeyondWhatAClockCountsMeansForEver) ABSL_NO_THREAD_SAFETY_ANALYSIS {
  blocking::mutex lock;
  lock.lock();
  expect_patient([&] { return lock.try_lock_for(longest); }, [&]() ABSL_NO_THREAD_SAFETY_ANALYSIS { lock.unlock(); });
  lock.unlock();
  blocking::condition<blocking::recursive_mutex> changed;
  bool is_set = false;
  {
    std::unique_lock hold(changed);
    expect_patient([&] { return changed.wait_for(longest, [&] { return is_set; }); },
                   [&] {
                     const std::lock_guard mine(changed);
                     is_set = true;
                     changed.notify_all();
                   });
  }
  promise<int> result;
  const future<int> coming = result.get_future();
  expect_patient([&] { return coming.wait_for(longest); }, [&] { result.set_value(1); });
  blocking::event end;
  thread worker([&] { end.wait(); });
  expect_patient([&] { return worker.join_for(longest); }, [&] { end.set(); });
}

// What a scope ends: threads and timers are joined, permits and locks given back, by an exception too.
TEST(GuideScopes, AnExceptionCleansUp) {
  blocking::mutex lock;
  lockfree::semaphore slots(1);
  atomic<bool> ended{false};
  try {
    const std::lock_guard hold(lock);
    const permit slot(slots);
    const thread worker([&](std::stop_token stop) {
      while (!stop.stop_requested()) std::this_thread::sleep_for(1ms);
      ended = true;
    });
    const timer alarm(1h, [] {});
    throw std::runtime_error("in the middle");
  } catch (const std::runtime_error&) {
  }
  EXPECT_TRUE(ended.load());
  EXPECT_FALSE(lock.locked());
  EXPECT_EQ(slots.value(), 1);
}

}  // namespace
}  // namespace switchyard
