// Semaphores, events and latches of both sides: the same tests for each pair.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <limits>
#include <list>
#include <memory>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <thread>
#include <vector>

#include "switchyard/atomics/atomic.h"
#include "switchyard/blocking/event.h"
#include "switchyard/blocking/latch.h"
#include "switchyard/blocking/semaphore.h"
#include "switchyard/interface/semaphore.h"
#include "switchyard/lockfree/event.h"
#include "switchyard/lockfree/latch.h"
#include "switchyard/lockfree/semaphore.h"
#include "switchyard/tests/conformance/system_calls.h"
#include "switchyard/tests/conformance/test_support.h"

namespace switchyard::conformance {
namespace {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;

// Long enough for a thread to fall asleep; nothing is concluded from it but what is true at any speed.
constexpr auto a_moment = 20ms;

struct blocking_side {
  using semaphore = blocking::semaphore;
  using bounded_semaphore = blocking::bounded_semaphore;
  using event = blocking::event;
  using latch = blocking::latch;
};
struct lockfree_side {
  using semaphore = lockfree::semaphore;
  using bounded_semaphore = lockfree::bounded_semaphore;
  using event = lockfree::event;
  using latch = lockfree::latch;
};

template <class Side>
class synchronization : public testing::Test {};
using sides = testing::Types<blocking_side, lockfree_side>;
TYPED_TEST_SUITE(synchronization, sides);

#define SEMAPHORE typename TypeParam::semaphore
#define BOUNDED_SEMAPHORE typename TypeParam::bounded_semaphore
#define EVENT typename TypeParam::event
#define LATCH typename TypeParam::latch

// --- semaphore ------------------------------------------------------------------------------------------------------

TYPED_TEST(synchronization, SemaphoreBeginsWithOne) {
  SEMAPHORE s;
  EXPECT_EQ(s.value(), 1);
  EXPECT_TRUE(s.try_acquire());
  EXPECT_FALSE(s.try_acquire());
  EXPECT_EQ(s.value(), 0);
}

TYPED_TEST(synchronization, SemaphoreRefusesBadNumbers) {
  EXPECT_THROW(SEMAPHORE(-1), std::invalid_argument);
  EXPECT_THROW(SEMAPHORE(std::int64_t{1} << 31), std::invalid_argument);
  SEMAPHORE s(2);
  EXPECT_THROW(s.release(0), std::invalid_argument);
  EXPECT_THROW(s.release(-1), std::invalid_argument);
  EXPECT_THROW(s.release(std::numeric_limits<std::int64_t>::min()), std::invalid_argument);
  EXPECT_THROW(s.release(std::numeric_limits<std::int64_t>::max()), std::overflow_error);
  EXPECT_THROW(s.release((std::int64_t{1} << 31) - 2), std::overflow_error);
  EXPECT_EQ(s.value(), 2);
  s.release((std::int64_t{1} << 31) - 3);
  EXPECT_EQ(s.value(), (std::int64_t{1} << 31) - 1);
}

TYPED_TEST(synchronization, BoundedSemaphoreRefusesOverReleaseAndChangesNothing) {
  BOUNDED_SEMAPHORE s(3);
  EXPECT_THROW(s.release(), over_release);
  EXPECT_EQ(s.value(), 3);
  s.acquire();
  EXPECT_THROW(s.release(2), over_release);
  EXPECT_EQ(s.value(), 2);
  s.release();
  EXPECT_EQ(s.value(), 3);
  EXPECT_THROW(s.release(0), std::invalid_argument);
}

TYPED_TEST(synchronization, BoundedSemaphoreOfZeroIsNeverReleased) {
  BOUNDED_SEMAPHORE s(0);
  EXPECT_FALSE(s.try_acquire());
  EXPECT_THROW(s.release(), over_release);
}

TYPED_TEST(synchronization, SemaphoreTimedAcquireIsNotEarly) {
  SEMAPHORE s(0);
  const auto begin = clock::now();
  EXPECT_FALSE(s.try_acquire_for(a_moment));
  EXPECT_GE(clock::now() - begin, a_moment);
  EXPECT_FALSE(s.try_acquire_until(std::chrono::system_clock::now() - 1s));
  EXPECT_FALSE(s.try_acquire_for(-1s));
  s.release(3);
  EXPECT_TRUE(s.try_acquire_for(-1s));
  EXPECT_TRUE(s.try_acquire_until(clock::now() - 1s));
  EXPECT_TRUE(s.try_acquire_for(std::chrono::hours::max()));
}

TYPED_TEST(synchronization, SemaphoreReleaseOfManyWakesAsMany) {
  SEMAPHORE s(0);
  std::atomic<int> passed{0};
  std::vector<std::jthread> waiting;
  for (int i = 0; i < 5; ++i) {
    waiting.emplace_back([&] {
      s.acquire();
      ++passed;
    });
  }
  std::this_thread::sleep_for(a_moment);
  s.release(3);
  while (passed != 3) std::this_thread::yield();
  std::this_thread::sleep_for(a_moment);
  EXPECT_EQ(passed, 3);
  EXPECT_EQ(s.value(), 0);
  s.release(2);
  waiting.clear();
  EXPECT_EQ(passed, 5);
}

TYPED_TEST(synchronization, SemaphoreAdmitsNoMoreThanItHas) {
  SEMAPHORE s(2);
  std::atomic<int> inside{0};
  std::atomic<bool> too_many{false};
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < 2000; ++i) {
          s.acquire();
          if (++inside > 2) too_many = true;
          if (i % 64 == 0) std::this_thread::yield();
          --inside;
          s.release();
        }
      });
    }
  }
  EXPECT_FALSE(too_many);
  EXPECT_EQ(s.value(), 2);
}

TYPED_TEST(synchronization, SemaphoreMayBeDestroyedByWhoeverAcquired) {
  for (int round = 0; round < 500; ++round) {
    auto s = std::make_unique<SEMAPHORE>(0);
    std::jthread releaser([&there = *s] { there.release(); });
    s->acquire();
    s.reset();
  }
}

TYPED_TEST(synchronization, SemaphoreAcquireEndsAtAStop) {
  SEMAPHORE s(0);
  std::stop_source before;
  before.request_stop();
  EXPECT_FALSE(s.acquire(before.get_token()));
  for (int round = 0; round < 200; ++round) {
    std::stop_source stop;
    std::jthread waiting([&] { EXPECT_FALSE(s.acquire(stop.get_token())); });
    if (round % 2 == 0) std::this_thread::sleep_for(std::chrono::microseconds(round * 3));
    stop.request_stop();
  }
  s.release();
  EXPECT_TRUE(s.acquire(before.get_token())) << "what is there is taken, stop or not";
  EXPECT_TRUE((s.release(), s.acquire(std::stop_token())));
}

// Others sleep beside the one that is stopped, and go on sleeping, and are not forgotten.
TYPED_TEST(synchronization, SemaphoreStopEndsOneWaitOnly) {
  SEMAPHORE s(0);
  std::atomic<int> passed{0};
  std::jthread other([&] {
    s.acquire();
    ++passed;
  });
  std::stop_source stop;
  std::jthread stopped([&] { EXPECT_FALSE(s.acquire(stop.get_token())); });
  std::this_thread::sleep_for(a_moment);
  stop.request_stop();
  stopped.join();
  EXPECT_EQ(passed, 0);
  s.release();
  other.join();
  EXPECT_EQ(passed, 1);
  EXPECT_EQ(s.value(), 0);
}

// --- event ----------------------------------------------------------------------------------------------------------

TYPED_TEST(synchronization, EventIsSetAndCleared) {
  EVENT e;
  EXPECT_FALSE(e.is_set());
  e.clear();
  EXPECT_FALSE(e.is_set());
  EXPECT_FALSE(e.wait_for(0s));
  e.set();
  e.set();
  EXPECT_TRUE(e.is_set());
  e.wait();
  EXPECT_TRUE(e.wait_for(0s));
  EXPECT_TRUE(e.wait_until(clock::now() - 1s));
  e.clear();
  EXPECT_FALSE(e.is_set());
  EXPECT_TRUE(EVENT(true).is_set());
}

TYPED_TEST(synchronization, EventTimedWaitIsNotEarly) {
  EVENT e;
  const auto begin = clock::now();
  EXPECT_FALSE(e.wait_for(a_moment));
  EXPECT_GE(clock::now() - begin, a_moment);
}

TYPED_TEST(synchronization, EventWakesEverybody) {
  EVENT e;
  int published = 0;
  std::atomic<int> saw{0};
  {
    std::vector<std::jthread> waiting;
    for (int i = 0; i < 4; ++i) {
      waiting.emplace_back([&] {
        e.wait();
        saw += published;
      });
    }
    std::this_thread::sleep_for(a_moment);
    published = 1;
    e.set();
  }
  EXPECT_EQ(saw, 4);
}

// set and at once clear: whoever waited passes all the same.
TYPED_TEST(synchronization, EventPulseLetsEveryWaiterPass) {
  EVENT e;
  std::list<watched_thread> waiting;
  for (int i = 0; i < 4; ++i) waiting.emplace_back([&] { e.wait(); });
  for (const watched_thread& each : waiting) EXPECT_TRUE(each.falls_asleep());
  e.set();
  e.clear();
  waiting.clear();  // joins
  EXPECT_FALSE(e.is_set());
}

TYPED_TEST(synchronization, EventMayBeDestroyedByWhoeverPassed) {
  for (int round = 0; round < 500; ++round) {
    auto e = std::make_unique<EVENT>();
    std::jthread other([&there = *e] { there.set(); });
    if (round % 2 == 0) {
      e->wait();
    } else {
      while (!e->is_set()) yield();
    }
    e.reset();
  }
}

TYPED_TEST(synchronization, EventWaitEndsAtAStop) {
  EVENT e;
  for (int round = 0; round < 100; ++round) {
    std::stop_source stop;
    std::jthread waiting([&] { EXPECT_FALSE(e.wait(stop.get_token())); });
    if (round % 2 == 0) std::this_thread::sleep_for(std::chrono::microseconds(round * 3));
    stop.request_stop();
  }
  e.set();
  EXPECT_TRUE(e.wait(std::stop_token()));
}

// Two threads that take turns: a set that is missed would stop both.
TYPED_TEST(synchronization, EventTurnsAreNeverMissed) {
  EVENT ping;
  EVENT pong;
  std::jthread other([&] {
    for (int i = 0; i < 5000; ++i) {
      ping.wait();
      ping.clear();
      pong.set();
    }
  });
  for (int i = 0; i < 5000; ++i) {
    ping.set();
    pong.wait();
    pong.clear();
  }
}

// --- latch ----------------------------------------------------------------------------------------------------------

TYPED_TEST(synchronization, LatchCountsDown) {
  LATCH l(3);
  EXPECT_FALSE(l.try_wait());
  l.count_down(0);
  l.count_down();
  EXPECT_FALSE(l.wait_for(0s));
  l.count_down(2);
  EXPECT_TRUE(l.try_wait());
  l.wait();
  EXPECT_TRUE(l.wait_for(-1s));
  EXPECT_TRUE(l.wait_until(clock::now()));
  EXPECT_TRUE(l.wait(std::stop_token()));
  EXPECT_TRUE(LATCH(0).try_wait());
}

TYPED_TEST(synchronization, LatchRefusesBadNumbers) {
  EXPECT_THROW(LATCH(-1), std::invalid_argument);
  EXPECT_THROW(LATCH(TypeParam::latch::max() + 1), std::invalid_argument);
  LATCH l(2);
  EXPECT_THROW(l.count_down(-1), std::invalid_argument);
  EXPECT_THROW(l.count_down(3), std::invalid_argument);
  EXPECT_THROW(l.count_down(std::numeric_limits<std::int64_t>::max()), std::invalid_argument);
  l.count_down(2);
  EXPECT_THROW(l.count_down(), std::invalid_argument);
  EXPECT_TRUE(l.try_wait());
}

TYPED_TEST(synchronization, LatchTimedWaitIsNotEarly) {
  LATCH l(1);
  const auto begin = clock::now();
  EXPECT_FALSE(l.wait_for(a_moment));
  EXPECT_GE(clock::now() - begin, a_moment);
}

TYPED_TEST(synchronization, LatchSeesTheWorkOfAll) {
  constexpr int threads = 4;
  int work[threads] = {};
  LATCH done(threads);
  std::vector<std::jthread> workers;
  for (int i = 0; i < threads; ++i) {
    workers.emplace_back([&, i] {
      work[i] = 1;
      done.arrive_and_wait();
      for (const int one : work) EXPECT_EQ(one, 1);
    });
  }
  done.wait();
  for (const int one : work) EXPECT_EQ(one, 1);
}

TYPED_TEST(synchronization, LatchMayBeDestroyedByWhoeverSawItAtZero) {
  for (int round = 0; round < 500; ++round) {
    auto l = std::make_unique<LATCH>(1);
    std::jthread other([&there = *l] { there.count_down(); });
    l->wait();
    l.reset();
  }
}

TYPED_TEST(synchronization, LatchWaitEndsAtAStop) {
  LATCH l(1);
  std::stop_source stop;
  std::jthread waiting([&] { EXPECT_FALSE(l.wait(stop.get_token())); });
  std::this_thread::sleep_for(a_moment);
  stop.request_stop();
}

// --- all ------------------------------------------------------------------------------------------------------------

TYPED_TEST(synchronization, WithNobodyAsleepMakesNoSystemCall) {
  if (sanitized) GTEST_SKIP() << "the sanitizers make system calls of their own";
  std::optional<SEMAPHORE> s;
  std::optional<BOUNDED_SEMAPHORE> b;
  std::optional<EVENT> e;
  std::optional<LATCH> l;
  const auto calls = system_calls_of(
      tolerated::nothing,
      [&] {
        s.emplace(1);
        b.emplace(1);
        e.emplace();
        l.emplace(1);
      },
      [&] {
        s->acquire();
        s->release();
        b->acquire();
        b->release();
        e->set();
        e->wait();
        e->clear();
        l->count_down();
        l->wait();
      });
  if (!calls) GTEST_SKIP() << "the kernel allows no filter here";
  EXPECT_EQ(*calls, std::vector<int>());
}

}  // namespace
}  // namespace switchyard::conformance
