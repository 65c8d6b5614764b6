// What the conformance suite does not ask of coroutines, select and readiness_fd: executors, exceptions, many of them.

#include "switchyard/threads/async.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "switchyard/atomics/atomic.h"
#include "switchyard/blocking/bounded_queue.h"
#include "switchyard/blocking/unbounded_queue.h"
#include "switchyard/lockfree/bounded_queue.h"
#include "switchyard/lockfree/spsc_queue.h"
#include "switchyard/tests/conformance/routine.h"
#include "switchyard/threads/readiness_fd.h"
#include "switchyard/threads/select.h"
#include "switchyard/threads/waiter.h"

namespace switchyard {
namespace {

using conformance::errand;
using conformance::job_list;
using conformance::routine;
using namespace std::chrono_literals;  // NOLINT

// A chain of coroutines, each waiting for what the one before pushes: resumed one after the other, not one in the other.
TEST(Async, InlineResumptionsDoNotNest) {
  constexpr std::size_t length = 5000;
  std::deque<lockfree::bounded_queue<int>> queues;
  for (std::size_t i = 0; i <= length; ++i) queues.emplace_back(1);
  std::uintptr_t lowest = UINTPTR_MAX;
  std::uintptr_t highest = 0;
  const auto pass_on = [](auto& from, auto& to, std::uintptr_t& low, std::uintptr_t& high) -> errand {
    const std::optional<int> x = co_await from.async_pop();
    volatile char here = 0;
    const auto at = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0)) + static_cast<std::uintptr_t>(here);
    low = std::min(low, at);
    high = std::max(high, at);
    (void)to.try_push(*x + 1);
  };
  for (std::size_t i = 0; i < length; ++i) pass_on(queues[i], queues[i + 1], lowest, highest);
  EXPECT_TRUE(queues[0].push(0));
  EXPECT_EQ(queues[length].try_pop(), static_cast<int>(length));
  EXPECT_LT(highest - lowest, std::uintptr_t{64 * 1024});
}

// A coroutine is destroyed at the moment at which another thread runs its job, which finds that somebody was faster.
template <class Begin, class OtherWasFaster>
void destroyed_while_its_job_finds_nothing(Begin begin, OtherWasFaster other_was_faster) {
  for (int i = 0; i < 2000; ++i) {
    lockfree::bounded_queue<int> queue(1);
    job_list jobs;
    routine waits = begin(queue, jobs);
    other_was_faster(queue);
    ASSERT_EQ(jobs.size(), 1U);
    atomic<bool> runs{false};
    std::thread other([&] {
      runs.store(true, memory_order_relaxed);
      EXPECT_TRUE(jobs.run_one());
    });
    while (!runs.load(memory_order_relaxed)) std::this_thread::yield();
    for (int n = i % 64; n != 0; --n) spin_pause();
    waits.destroy();
    other.join();
  }
}
TEST(Async, PopIsDestroyedWhileItsJobFindsNothing) {
  destroyed_while_its_job_finds_nothing(
      [](auto& queue, job_list& jobs) {
        const auto pop = [](auto& q, job_list& list) -> routine { (void)co_await q.async_pop(list.executor()); };
        return pop(queue, jobs);
      },
      [](auto& queue) {
        EXPECT_TRUE(queue.push(1));
        EXPECT_TRUE(queue.try_pop());
      });
}
TEST(Async, PushIsDestroyedWhileItsJobFindsNothing) {
  destroyed_while_its_job_finds_nothing(
      [](auto& queue, job_list& jobs) {
        EXPECT_TRUE(queue.push(1));
        const auto push = [](auto& q, job_list& list) -> routine { (void)co_await q.async_push(2, list.executor()); };
        return push(queue, jobs);
      },
      [](auto& queue) {
        EXPECT_TRUE(queue.try_pop());
        EXPECT_TRUE(queue.push(3));
      });
}

struct moody {
  bool throws = false;
  moody() = default;
  explicit moody(bool t) : throws(t) {}
  moody(moody&& other) : throws(other.throws) {
    if (throws && armed) throw std::runtime_error("moved");
  }
  moody& operator=(moody&&) = default;
  static inline bool armed = false;
};

TEST(Async, WhatAPopThrowsComesOutOfTheAwait) {
  const auto program = [](auto& queue) {
    std::string told;
    const auto pop = [](auto& q, std::string& t) -> routine {
      try {
        (void)co_await q.async_pop();
      } catch (const std::runtime_error& e) {
        t = e.what();
      }
    };
    const routine waits = pop(queue, told);
    moody::armed = true;
    EXPECT_TRUE(queue.emplace(true));
    moody::armed = false;
    EXPECT_EQ(told, "moved");
  };
  lockfree::bounded_queue<moody> first(1);
  program(first);
  blocking::bounded_queue<moody> second(1);
  program(second);
}

TEST(Async, GoesOnWhereTheExecutorSays) {
  lockfree::spsc_queue<int> queue(1);
  job_list jobs;
  std::thread::id resumed_by;
  const auto pop = [](auto& q, job_list& at, std::thread::id& by) -> routine {
    (void)co_await q.async_pop().via(at.executor());
    by = std::this_thread::get_id();
  };
  const routine waits = pop(queue, jobs, resumed_by);
  std::thread([&] { EXPECT_TRUE(queue.push(1)); }).join();
  EXPECT_EQ(resumed_by, std::thread::id());
  EXPECT_TRUE(jobs.run_one());
  EXPECT_EQ(resumed_by, std::this_thread::get_id());
}

TEST(Async, EmplaceBuildsFromItsArguments) {
  blocking::bounded_queue<std::string> queue(1);
  EXPECT_TRUE(queue.push("first"));
  bool done = false;
  const auto emplace = [](auto& q, bool& d) -> routine { d = co_await q.async_emplace(std::size_t{3}, 'x'); };
  const routine waits = emplace(queue, done);
  EXPECT_FALSE(done);
  EXPECT_EQ(queue.pop(), "first");
  EXPECT_TRUE(done);
  EXPECT_EQ(queue.pop(), "xxx");
}

// Everybody once, in the order in which they came.
TEST(Async, ManyWaitInOrder) {
  const auto program = [](auto& queue) {
    constexpr std::uint64_t many = 1000;
    std::vector<std::uint64_t> order;
    const auto pop = [](auto& q, std::vector<std::uint64_t>& o, std::uint64_t me) -> errand {
      if (co_await q.async_pop()) o.push_back(me);
    };
    for (std::uint64_t i = 0; i < many; ++i) pop(queue, order, i);
    for (std::uint64_t i = 0; i < many; ++i) EXPECT_TRUE(queue.push(i));
    EXPECT_EQ(order.size(), many);
    EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
    queue.close();
  };
  lockfree::bounded_queue<std::uint64_t> first(4);
  program(first);
  blocking::bounded_queue<std::uint64_t> second(4);
  program(second);
}

TEST(Select, BothSidesAndSeveralTypes) {
  lockfree::bounded_queue<int> numbers(1);
  blocking::unbounded_queue<std::string> words;
  selector from(numbers, words);
  EXPECT_TRUE(words.push("one"));
  auto got = from.pop_for(1s);
  ASSERT_TRUE(got.element);
  EXPECT_EQ(got.index, 1U);
  EXPECT_EQ(std::get<1>(*got.element), "one");
  std::thread later([&] {
    std::this_thread::sleep_for(5ms);
    EXPECT_TRUE(numbers.push(2));
  });
  got = from.pop();
  EXPECT_EQ(std::get<0>(*got.element), 2);
  later.join();
  EXPECT_EQ(from.pop_for(1ms).element.error(), conqueue_status::empty);
}

TEST(Select, AsManyAsAreAdded) {
  std::vector<std::unique_ptr<blocking::bounded_queue<int>>> queues;
  queue_set set;
  EXPECT_EQ(set.wait().status, conqueue_status::closed) << "nothing to wait for";
  for (int i = 0; i < 20; ++i) {
    queues.push_back(std::make_unique<blocking::bounded_queue<int>>(1));
    set.add(*queues.back());
  }
  std::thread later([&] {
    for (auto& queue : queues) EXPECT_TRUE(queue->push(1));
    for (auto& queue : queues) queue->close();
  });
  int popped = 0;
  int ended = 0;
  while (const auto found = set.wait()) {
    if (found.status == conqueue_status::closed) {
      ++ended;
    } else {
      popped += queues[found.index]->try_pop().has_value();
    }
  }
  later.join();
  EXPECT_EQ(popped, 20);
  EXPECT_EQ(ended, 20);
}

TEST(ReadinessFd, InAnEpollLoop) {
  lockfree::bounded_queue<int> queue(16);
  readiness_fd ready(queue);
  const int epoll = ::epoll_create1(0);
  epoll_event want{.events = EPOLLIN, .data = {}};
  ASSERT_EQ(::epoll_ctl(epoll, EPOLL_CTL_ADD, ready.native_handle(), &want), 0);
  std::thread producer([&] {
    for (int i = 1; i <= 1000; ++i) EXPECT_TRUE(queue.push(i));
    queue.close();
  });
  int sum = 0;
  ready.arm();
  for (bool open = true; open;) {
    epoll_event got{};
    ASSERT_EQ(::epoll_wait(epoll, &got, 1, 10'000), 1);
    for (;;) {
      const auto x = queue.try_pop();
      if (x) {
        sum += *x;
        continue;
      }
      open = x.error() != conqueue_status::closed;
      break;
    }
    ready.arm();
  }
  producer.join();
  ::close(epoll);
  EXPECT_EQ(sum, 1000 * 1001 / 2);
}

// Of a queue no more than its list, of one.
struct list_of_one {
  conqueue_status look() const { return conqueue_status::empty; }
  void enlist(waiter& w, queue_side) { listed.store(&w, memory_order_release); }
  bool withdraw(waiter&, queue_side) noexcept { return listed.exchange(nullptr, memory_order_acquire) != nullptr; }
  void wake_another(queue_side) noexcept {}

  atomic<waiter*> listed{nullptr};
};

// Who tells it may be in the middle of that, as it is armed again: it is not readable afterwards by what came before.
TEST(ReadinessFd, IsArmedAgainWhileItIsTold) {
  list_of_one queue;
  readiness_fd ready(queue);
  atomic<int> rounds{0};  // odd: the teller's turn
  constexpr int last = 4000;
  std::thread teller([&] {
    for (int seen = 0; seen < last; seen += 2) {
      while (rounds.load(memory_order_acquire) != seen + 1) spin_pause();
      waiter* w = nullptr;
      while (w == nullptr) w = queue.listed.exchange(nullptr, memory_order_acquire);
      w->wake();
      rounds.store(seen + 2, memory_order_release);
    }
  });
  int wrong = 0;
  for (int seen = 0; seen < last; seen += 2) {
    ready.arm();
    rounds.store(seen + 1, memory_order_release);
    do {
      ready.arm();
    } while (rounds.load(memory_order_acquire) != seen + 2);
    ready.arm();
    pollfd what{ready.native_handle(), POLLIN, 0};
    wrong += ::poll(&what, 1, 0);
  }
  teller.join();
  EXPECT_EQ(wrong, 0) << "armed, not told, and readable: whoever polls would spin";
}

}  // namespace
}  // namespace switchyard
