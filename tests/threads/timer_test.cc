// GUIDE 1.2, "Timer".

#include "switchyard/threads/timer.h"

#include <gtest/gtest.h>

#include <chrono>
#include <concepts>
#include <cstddef>
#include <memory>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "switchyard/atomics/atomic.h"
#include "switchyard/threads/exception_hook.h"
#include "switchyard/threads/thread.h"

namespace switchyard {
namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;

static_assert(std::movable<timer> && !std::copyable<timer>);

TEST(Timer, CallsTheFunctionAfterTheInterval) {
  const auto begin = steady_clock::now();
  std::optional<steady_clock::time_point> called;
  std::string with;
  timer alarm(
      20ms,
      [&](std::string text, std::unique_ptr<int> n) {
        called = steady_clock::now();
        with = text + std::to_string(*n);
      },
      "args", std::make_unique<int>(2));
  EXPECT_TRUE(alarm.is_alive());
  alarm.join();
  ASSERT_TRUE(called.has_value());
  EXPECT_GE(*called - begin, 20ms);
  EXPECT_EQ(with, "args2");
  EXPECT_FALSE(alarm.is_alive());
}

TEST(Timer, RunsInItsOwnThreadWhichHasAName) {
  std::string name;
  timer alarm({.name = "alarm"}, 1ms, [&] { name = thread::current().name(); });
  alarm.join();
  EXPECT_EQ(name, "alarm");
  EXPECT_EQ(alarm.name(), "alarm");
}

TEST(Timer, CancelWhileItWaitsIsInTime) {
  atomic<bool> called{false};
  timer alarm(1h, [&] { called.store(true); });
  EXPECT_FALSE(alarm.join_for(10ms));
  EXPECT_TRUE(alarm.cancel());
  EXPECT_TRUE(alarm.join_for(1min)) << "the thread ends at once";
  EXPECT_TRUE(alarm.cancel()) << "and stays cancelled";
  EXPECT_FALSE(called.load());
}

TEST(Timer, CancelAfterTheCallIsTooLate) {
  timer alarm(0s, [] {});
  alarm.join();
  EXPECT_FALSE(alarm.cancel());
}

TEST(Timer, CancelDuringTheCallIsTooLate) {
  atomic<int> step{0};
  bool own = true;
  timer* self = nullptr;
  timer alarm({.deferred = true}, 0s, [&] {
    own = self->cancel();
    step.store(1);
    while (step.load() != 2) yield();
  });
  self = &alarm;
  alarm.start();
  while (step.load() != 1) yield();
  EXPECT_FALSE(alarm.cancel());
  step.store(2);
  alarm.join();
  EXPECT_FALSE(own);
}

TEST(Timer, TheDestructorCancels) {
  atomic<bool> called{false};
  const auto begin = steady_clock::now();
  { timer alarm(1h, [&] { called.store(true); }); }
  EXPECT_LT(steady_clock::now() - begin, 1min);
  EXPECT_FALSE(called.load());
}

TEST(Timer, TheDestructorWaitsForACallThatHasBegunAndAsksItToStop) {
  atomic<bool> begun{false};
  bool ended = false;
  {
    timer alarm(0s, [&](std::stop_token stop) {
      begun.store(true);
      while (!stop.stop_requested()) std::this_thread::sleep_for(1ms);
      ended = true;
    });
    while (!begun.load()) yield();
  }
  EXPECT_TRUE(ended);
}

TEST(Timer, ZeroAndLessMeanAtOnce) {
  for (const auto interval : {std::chrono::milliseconds(0), std::chrono::milliseconds(-5000)}) {
    bool called = false;
    timer alarm(interval, [&] { called = true; });
    alarm.join();
    EXPECT_TRUE(called);
  }
}

TEST(Timer, AnIntervalBeyondAllClocksCanBeCancelled) {
  timer alarm(std::chrono::hours::max(), [] { FAIL(); });
  EXPECT_FALSE(alarm.join_for(5ms));
  EXPECT_TRUE(alarm.cancel());
}

TEST(Timer, ADeferredTimerWaitsForItsStart) {
  bool called = false;
  timer alarm({.deferred = true}, 0s, [&] { called = true; });
  EXPECT_FALSE(alarm.is_alive());
  EXPECT_THROW(alarm.join(), not_joinable);
  alarm.start();
  EXPECT_THROW(alarm.start(), already_started);
  alarm.join();
  EXPECT_TRUE(called);

  timer never({.deferred = true}, 0s, [] { FAIL(); });
  EXPECT_TRUE(never.cancel());
  never.start();
  never.join();
}

TEST(Timer, NoTimer) {
  timer none;
  EXPECT_FALSE(none.cancel());
  EXPECT_THROW(none.join(), not_joinable);
  EXPECT_THROW(none.start(), not_joinable);
  EXPECT_THROW(timer({.name = "t", .stack_size = std::size_t{1} << 60}, 1s, [] {}), std::system_error);
}

TEST(Timer, AssigningCancelsTheOldOne) {
  atomic<bool> called{false};
  timer alarm(1h, [&] { called.store(true); });
  alarm = timer(1h, [] {});
  timer moved = std::move(alarm);
  EXPECT_FALSE(alarm.cancel());
  EXPECT_TRUE(moved.cancel());
  EXPECT_FALSE(called.load());
}

TEST(Timer, AnExceptionGoesTheWayOfEveryThreads) {
  std::string name;
  const exception_hook before = set_exception_hook([&](const thread_failure& failure) { name = failure.name; });
  timer alarm({.name = "bomb"}, 1ms, [] { throw std::runtime_error("bang"); });
  EXPECT_THROW(alarm.get(), std::runtime_error);
  set_exception_hook(before);
  EXPECT_EQ(name, "bomb");
}

TEST(Timer, MayDestroyItself) {
  const std::size_t before = thread::active_count();
  atomic<bool> done{false};
  auto self = std::make_shared<std::optional<timer>>();
  self->emplace(thread_options{.deferred = true}, 0s, [self, &done]() mutable {
    self->reset();
    self.reset();
    done.store(true);
  });
  (*self)->start();
  self.reset();
  while (!done.load()) yield();
  while (thread::active_count() != before) yield();  // nobody joins it
}

// Many threads cancel as the time comes: all hear the same, and it is the truth.
TEST(Timer, CancelAndCallNeverBoth) {
  for (int round = 0; round < 100; ++round) {
    atomic<int> calls{0};
    atomic<int> in_time{0};
    timer alarm(std::chrono::microseconds(round), [&] { calls.fetch_add(1); });
    std::vector<thread> others;
    for (int i = 0; i < 2; ++i) others.emplace_back([&] { in_time.fetch_add(alarm.cancel() ? 1 : 0); });
    others.clear();
    alarm.join();
    EXPECT_EQ(calls.load() + in_time.load() / 2, 1);
    EXPECT_NE(in_time.load(), 1);
  }
}

}  // namespace
}  // namespace switchyard
