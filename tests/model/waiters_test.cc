// What waits without a thread, under the model checker: call-backs on an event count, coroutines on queues, and a
// thread on several queues. Nobody waits for ever, and nothing is lost with who gives up.

#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <optional>
#include <stop_token>
#include <type_traits>
#include <utility>

#include "switchyard/atomics/atomic.h"
#include "switchyard/atomics/futex.h"
#include "switchyard/atomics/plain.h"
#include "switchyard/blocking/bounded_queue.h"
#include "switchyard/interface/deadline.h"
#include "switchyard/interface/queue.h"
#include "switchyard/lockfree/bounded_queue.h"
#include "switchyard/lockfree/event_count.h"
#include "switchyard/lockfree/spsc_queue.h"
#include "switchyard/threads/async.h"
#include "switchyard/threads/select.h"
#include "switchyard/threads/waiter.h"
#include "tests/model/model_support.h"

namespace switchyard::model {
namespace {

using lockfree::event_count;

/// Counts how often it was woken, and lets a thread sleep until it was.
struct bell final : waiter {
  atomic<std::uint32_t> rung{0};

  void wake() noexcept override {
    rung.fetch_add(1, memory_order_release);
    futex_wake(rung, 1);
  }
  void wait_for(std::uint32_t times) {
    for (std::uint32_t seen; (seen = rung.load(memory_order_acquire)) < times;) {
      futex_wait(rung, seen, deadline::never());
    }
  }
};

/// Takes a token as a call-back would: enlists, looks, and passes on what it was told and did not need.
void take_by_bell(event_count& event, atomic<int>& tokens) {
  const auto take = [&] {
    int n = tokens.load(memory_order_relaxed);
    while (n != 0 && !tokens.compare_exchange_strong(n, n - 1, memory_order_relaxed, memory_order_relaxed)) {
    }
    return n != 0;
  };
  for (bell b;;) {
    const std::uint32_t before = b.rung.load(memory_order_relaxed);
    event.enlist(b);
    if (take()) {
      if (event.withdraw(b)) return;
      b.wait_for(before + 1);
      return event.notify_one();
    }
    b.wait_for(before + 1);
    if (take()) return;
  }
}

TEST(call_back, IsCalledOrSeesTheChange) {
  expect_proved([] {
    event_count event;
    bell b;
    atomic<int> ready{0};
    thread notifier([&] {
      ready.store(1, memory_order_relaxed);
      event.notify_one();
    });
    event.enlist(b);
    if (ready.load(memory_order_relaxed) == 0) return b.wait_for(1);
    if (!event.withdraw(b)) b.wait_for(1);
  });
}

TEST(call_back, IsCalledOnce) {
  expect_proved(
      [] {
        event_count event;
        bell b;
        event.enlist(b);
        {
          thread first([&] { event.notify_one(); });
          thread second([&] { event.notify_all(); });
        }
        require(!event.withdraw(b), "was picked");
        require(b.rung.load(memory_order_relaxed) == 1, "once");
        require(!event.has_waiters(), "nobody is left");
      },
      {.preemptions = 3});
}

TEST(call_back, TwoTakeTwoTokens) {
  expect_proved(
      [] {
        event_count event;
        atomic<int> tokens{0};
        thread first([&] { take_by_bell(event, tokens); });
        thread second([&] { take_by_bell(event, tokens); });
        for (int i = 0; i < 2; ++i) {
          tokens.fetch_add(1, memory_order_relaxed);
          event.notify_one();
        }
      },
      {.preemptions = 1});
}

TEST(call_back, BesideASleepingThread) {
  expect_proved(
      [] {
        event_count event;
        atomic<int> tokens{0};
        thread first([&] { take_by_bell(event, tokens); });
        thread second([&] {
          event.await([&] {
            int n = tokens.load(memory_order_relaxed);
            while (n != 0 && !tokens.compare_exchange_strong(n, n - 1, memory_order_relaxed, memory_order_relaxed)) {
            }
            return n != 0;
          });
        });
        for (int i = 0; i < 2; ++i) {
          tokens.fetch_add(1, memory_order_relaxed);
          event.notify_one();
        }
      },
      {.preemptions = 2});
}

// Whoever holds the lock of the list serves those that came meanwhile.
TEST(call_back, NotificationsThatMeetAtTheLock) {
  expect_proved(
      [] {
        event_count event;
        bell first;
        bell second;
        event.enlist(first);
        event.enlist(second);
        {
          thread one([&] { event.notify_one(); });
          thread other([&] { event.notify_one(); });
        }
        require(first.rung.load(memory_order_relaxed) == 1, "the first");
        require(second.rung.load(memory_order_relaxed) == 1, "the second");
      },
      {.preemptions = 3});
}

TEST(call_back, ListSurvivesComingAndGoing) {
  expect_proved(
      [] {
        event_count event;
        const auto come_and_go = [&] {
          bell b;
          event.enlist(b);
          if (!event.withdraw(b)) b.wait_for(1);
        };
        {
          thread first(come_and_go);
          thread second(come_and_go);
          event.notify_all();
        }
        require(!event.has_waiters(), "nobody is left");
      },
      {.preemptions = 2});
}

// A notifier that stops, with the lock of the list or without, stops no other.
TEST(call_back, NotifyIsLockFree) {
  expect_lock_free(
      [] {
        event_count event;
        bell first;
        bell second;
        event.enlist(first);
        event.enlist(second);
        thread one([&] { event.notify_one(); });
        thread other([&] { event.notify_all(); });
        thread third([&] { event.notify_one(); });
      },
      1);
}

// ---- Coroutines

/// Runs until it has to wait, and then where it is resumed; is destroyed by its owner.
class routine {
 public:
  struct promise_type {
    routine get_return_object() noexcept {
      return routine(std::coroutine_handle<promise_type>::from_promise(*this));
    }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_always final_suspend() noexcept { return {}; }
    void return_void() noexcept {}
    void unhandled_exception() noexcept { std::terminate(); }
  };
  explicit routine(std::coroutine_handle<promise_type> of) noexcept : it_(of) {}
  routine(routine&& other) noexcept : it_(std::exchange(other.it_, nullptr)) {}
  ~routine() { destroy(); }
  void destroy() {
    if (it_) std::exchange(it_, nullptr).destroy();
  }

 private:
  std::coroutine_handle<promise_type> it_;
};

/// An executor for one job at a time, which the test runs or drops.
struct desk {
  mutex lock;
  std::optional<async_job> job;
  void put(async_job j) {
    lock.lock();
    require(!job, "one turn at a time");
    job.emplace(std::move(j));
    lock.unlock();
  }
  std::optional<async_job> take() {
    lock.lock();
    std::optional<async_job> taken(std::move(job));
    job.reset();
    lock.unlock();
    return taken;
  }
};
struct on_desk {
  desk* at;
  void operator()(async_job job) const { at->put(std::move(job)); }
};

template <class Queue>
routine pop_all(Queue& queue, atomic<int>& sum, atomic<std::uint32_t>& ended) {
  while (auto x = co_await queue.async_pop()) sum.fetch_add(*x, memory_order_relaxed);
  ended.fetch_add(1, memory_order_release);
  futex_wake(ended, 1);
}
template <class Queue>
routine pop_one(Queue& queue, atomic<int>& sum, atomic<std::uint32_t>& ended) {
  if (auto x = co_await queue.async_pop()) sum.fetch_add(*x, memory_order_relaxed);
  ended.fetch_add(1, memory_order_release);
  futex_wake(ended, 1);
}
void await_ends(atomic<std::uint32_t>& ended, std::uint32_t all) {
  for (std::uint32_t seen; (seen = ended.load(memory_order_acquire)) < all;) {
    futex_wait(ended, seen, deadline::never());
  }
}

template <class Queue>
void one_pops_what_one_pushes() {
  Queue queue(1);
  atomic<int> sum{0};
  atomic<std::uint32_t> ended{0};
  thread producer([&] {
    require(queue.push(1), "open");
    queue.close();
  });
  routine consumer = pop_all(queue, sum, ended);
  await_ends(ended, 1);
  producer.join();
  require(sum.load(memory_order_relaxed) == 1, "popped");
}
TEST(async, PopOfSpscQueue) {
  expect_proved([] { one_pops_what_one_pushes<lockfree::spsc_queue<int>>(); }, {.preemptions = 2});
}
TEST(async, PopOfBoundedQueue) {
  expect_proved([] { one_pops_what_one_pushes<lockfree::bounded_queue<int>>(); }, {.preemptions = 2});
}
TEST(async, PopOfBlockingQueue) {
  expect_proved([] { one_pops_what_one_pushes<blocking::bounded_queue<int>>(); }, {.preemptions = 2});
}

TEST(async, PushWaitsForRoom) {
  expect_proved(
      [] {
        lockfree::spsc_queue<int> queue(1);
        require(queue.push(1), "room");
        atomic<std::uint32_t> ended{0};
        int popped = 0;
        thread consumer([&] {
          for (int i = 0; i < 2; ++i) popped += *queue.pop();
        });
        const auto push = [](auto& q, atomic<std::uint32_t>& end) -> routine {
          const int two = 2;
          require(co_await q.async_push(two), "open");
          end.fetch_add(1, memory_order_release);
          futex_wake(end, 1);
        };
        routine producer = push(queue, ended);
        await_ends(ended, 1);
        consumer.join();
        require(popped == 3, "both");
      },
      {.preemptions = 2});
}

template <class Queue>
void two_pop_two() {
  Queue queue(2);
  atomic<int> sum{0};
  atomic<std::uint32_t> ended{0};
  {
    routine first = pop_one(queue, sum, ended);
    thread producer([&] {
      for (int i : {1, 2}) require(queue.push(i), "open");
    });
    routine second = pop_one(queue, sum, ended);
    await_ends(ended, 2);
    producer.join();
  }
  require(sum.load(memory_order_relaxed) == 3, "each one");
}
TEST(async, TwoPopTwo) {
  expect_proved([] { two_pop_two<lockfree::bounded_queue<int>>(); }, {.preemptions = 1});
}
TEST(async, TwoPopTwoBlocking) {
  expect_proved([] { two_pop_two<blocking::bounded_queue<int>>(); }, {.preemptions = 1});
}

/// A coroutine whose turn comes as it is destroyed: its owner, who alone runs its jobs, destroys it. The element is for
/// the thread that waits behind it.
template <class Queue>
void destroyed_as_its_turn_comes(bool runs) {
  Queue queue(1);
  atomic<int> resumed{0};
  desk jobs;
  const auto pop = [](auto& q, desk& at, atomic<int>& n) -> routine {
    (void)co_await q.async_pop(on_desk{&at});
    n.fetch_add(1, memory_order_relaxed);
  };
  routine consumer = pop(queue, jobs, resumed);
  thread producer([&] { require(queue.push(1), "open"); });
  thread waiting([&] { require(queue.pop() == 1, "is not lost"); });
  consumer.destroy();
  producer.join();
  if (auto job = jobs.take(); job && runs) (*job)();
  waiting.join();
  require(resumed.load(memory_order_relaxed) == 0, "is gone");
}
TEST(async, DestroyedAsItsTurnComes) {
  for (const bool runs : {false, true}) {
    expect_proved([=] { destroyed_as_its_turn_comes<lockfree::bounded_queue<int>>(runs); }, {.preemptions = 1});
    expect_proved([=] { destroyed_as_its_turn_comes<blocking::bounded_queue<int>>(runs); }, {.preemptions = 2});
  }
}

/// Its attempts are the business of one thread at a time, as the checker sees by `attempts`.
template <class Queue>
struct attempts_watched : Queue {
  explicit attempts_watched(std::size_t capacity) : Queue(capacity) { attempts.construct(0); }
  ~attempts_watched() { attempts.destroy(); }
  pop_result<int> try_pop() {
    begun.fetch_add(1, memory_order_relaxed);
    futex_wake(begun, 1);
    ++attempts.write();
    return Queue::try_pop();
  }
  Queue& unwatched() noexcept { return *this; }
  // Orders nothing.
  void await_attempts(std::uint32_t n) {
    for (std::uint32_t seen; (seen = begun.load(memory_order_relaxed)) < n;) futex_wait(begun, seen, deadline::never());
  }

  atomic<std::uint32_t> begun{0};
  plain<int> attempts;
};

/// Another thread runs a coroutine's job, which finds nothing: it attempts twice, and parks. Meanwhile `end(queue, jobs)`
/// ends the operation: what the job has done to it comes before that.
template <class Queue, class End>
void ended_as_its_job_finds_nothing(attempts_watched<Queue>& queue, desk& jobs, End end) {
  thread other([&] {
    require(queue.push(1), "open");
    require(queue.unwatched().try_pop().has_value(), "was faster");
    if (auto job = jobs.take()) (*job)();
  });
  end();
}

template <class Queue>
void destroyed_as_its_job_finds_nothing() {
  attempts_watched<Queue> queue(1);
  desk jobs;
  const auto pop = [](auto& q, desk& at) -> routine {
    (void)co_await async_pop_operation<std::remove_reference_t<decltype(q)>, on_desk>(q, on_desk{&at});
    require(false, "nothing is left for it");
  };
  routine consumer = pop(queue, jobs);
  ended_as_its_job_finds_nothing(queue, jobs, [&] {
    queue.await_attempts(4);
    consumer.destroy();
    ++queue.attempts.write();
  });
}
TEST(async, DestroyedAsItsJobFindsNothing) {
  expect_proved([] { destroyed_as_its_job_finds_nothing<lockfree::bounded_queue<int>>(); }, {.preemptions = 1});
  expect_proved([] { destroyed_as_its_job_finds_nothing<blocking::bounded_queue<int>>(); }, {.preemptions = 2});
}

/// What was done before the stop was requested is seen by the coroutine that it ends.
template <class Queue>
void stopped_as_its_job_finds_nothing(std::uint32_t attempts, bool after_a_turn = false) {
  attempts_watched<Queue> queue(1);
  desk jobs;
  std::stop_source source;
  atomic<std::uint32_t> ended{0};
  plain<int> reason;
  const auto pop = [](auto& q, desk& at, std::stop_token token, plain<int>& why, atomic<std::uint32_t>& end) -> routine {
    async_pop_operation<std::remove_reference_t<decltype(q)>, on_desk> operation(q, on_desk{&at}, std::move(token));
    if (!co_await operation) require(why.read() == 1, "is seen");
    ++q.attempts.write();
    end.fetch_add(1, memory_order_release);
    futex_wake(end, 1);
    co_await std::suspend_always{};
  };
  routine consumer = pop(queue, jobs, source.get_token(), reason, ended);
  ended_as_its_job_finds_nothing(queue, jobs, [&] {
    queue.await_attempts(attempts);
    const auto run_jobs = [&] {
      while (auto job = jobs.take()) (*job)();
    };
    if (after_a_turn) {
      require(queue.push(2), "open");
      (void)queue.unwatched().try_pop();
      run_jobs();
    }
    reason.construct(1);
    source.request_stop();
    run_jobs();
    await_ends(ended, 1);
  });
  reason.destroy();
}
TEST(async, StoppedAsItsJobFindsNothing) {
  for (const std::uint32_t attempts : {3U, 4U}) {
    expect_proved([=] { stopped_as_its_job_finds_nothing<lockfree::bounded_queue<int>>(attempts); }, {.preemptions = 1});
    expect_proved([=] { stopped_as_its_job_finds_nothing<blocking::bounded_queue<int>>(attempts); }, {.preemptions = 2});
  }
}
TEST(async, StoppedAfterATurn) {
  expect_right_at_random([] { stopped_as_its_job_finds_nothing<blocking::bounded_queue<int>>(4, true); },
                         {.random = 20'000, .depth = 4});
}

/// A stop is requested as its turn comes: resumed once, by the one or the other. (The operation is kept till the end, as
/// threads of the model are one to std::stop_callback, whose end waits for a call in another thread.)
template <class Queue>
void stopped_as_its_turn_comes() {
  Queue queue(1);
  std::stop_source source;
  atomic<int> sum{0};
  atomic<std::uint32_t> ended{0};
  const auto pop = [](auto& q, std::stop_token token, atomic<int>& n, atomic<std::uint32_t>& end) -> routine {
    auto operation = q.async_pop().stopped_by(token);
    if (auto x = co_await operation) n.fetch_add(*x, memory_order_relaxed);
    end.fetch_add(1, memory_order_release);
    futex_wake(end, 1);
    co_await std::suspend_always{};
  };
  thread producer([&] { require(queue.push(1), "open"); });
  routine consumer = pop(queue, source.get_token(), sum, ended);
  source.request_stop();
  await_ends(ended, 1);
  producer.join();
  require(ended.load(memory_order_relaxed) == 1, "resumed once");
  const auto left = queue.try_pop();
  require((left ? *left : 0) + sum.load(memory_order_relaxed) == 1, "popped or still there");
}
TEST(async, StoppedAsItsTurnComes) {
  expect_proved([] { stopped_as_its_turn_comes<lockfree::spsc_queue<int>>(); }, {.preemptions = 2});
  expect_proved([] { stopped_as_its_turn_comes<blocking::bounded_queue<int>>(); }, {.preemptions = 2});
}

// ---- Several queues

template <class First, class Second>
void pops_from_both() {
  First first(1);
  Second second(1);
  thread one([&] {
    require(first.push(1), "open");
    first.close();
  });
  thread other([&] { require(second.push(2), "open"); });
  selector from(first, second);
  int sum = 0;
  int ends = 0;
  while (sum < 3 || ends < 1) {
    const auto found = from.pop();
    if (found.element) {
      sum += *found.element;
    } else {
      require(found.index == 0 && found.element.error() == conqueue_status::closed, "the end of the first");
      ++ends;
    }
  }
}
TEST(select, PopsFromBoth) {
  expect_proved([] { pops_from_both<lockfree::spsc_queue<int>, lockfree::spsc_queue<int>>(); }, {.preemptions = 1});
  expect_proved([] { pops_from_both<lockfree::spsc_queue<int>, blocking::bounded_queue<int>>(); }, {.preemptions = 1});
}

// The one who selects is told of both, and takes one: the other is for the thread that waits there.
TEST(select, PassesOnWhatItDoesNotTake) {
  expect_proved(
      [] {
        lockfree::bounded_queue<int> first(1);
        lockfree::bounded_queue<int> second(2);
        thread waiting([&] { require(second.pop().has_value(), "is woken"); });
        thread producer([&] {
          require(first.push(1), "open");
          require(second.push(2), "open");
        });
        selector from(first, second);
        const auto found = from.pop();
        require(found.element.has_value(), "either");
        if (found.index == 1) require(second.push(3), "for the other");
      },
      {.preemptions = 1});
}

// ---- Waiting without taking

template <class Queue>
void sees_and_pops() {
  Queue queue(1);
  thread producer([&] {
    require(queue.push(1), "open");
    queue.close();
  });
  require(queue.wait_nonempty() == conqueue_status::success, "something");
  const auto popped = queue.try_pop();
  require(popped && *popped == 1, "is there");
  require(queue.wait_nonempty() == conqueue_status::closed, "the end");
}
TEST(wait_nonempty, WhatItSeesCanBePopped) {
  expect_proved([] { sees_and_pops<lockfree::spsc_queue<int>>(); }, {.preemptions = 2});
  expect_proved([] { sees_and_pops<lockfree::bounded_queue<int>>(); }, {.preemptions = 2});
  expect_proved([] { sees_and_pops<blocking::bounded_queue<int>>(); }, {.preemptions = 2});
}

template <class Queue>
void leaves_it_to_another() {
  Queue queue(1);
  thread looks([&] { require(queue.wait_nonempty() == conqueue_status::success || queue.empty_approx(), "or gone"); });
  thread pops([&] { require(queue.pop() == 1, "takes it"); });
  require(queue.push(1), "open");
  pops.join();
  queue.close();
}
TEST(wait_nonempty, LeavesItToAnother) {
  expect_proved([] { leaves_it_to_another<lockfree::bounded_queue<int>>(); }, {.preemptions = 1});
  expect_proved([] { leaves_it_to_another<blocking::bounded_queue<int>>(); }, {.preemptions = 1});
}

}  // namespace
}  // namespace switchyard::model
