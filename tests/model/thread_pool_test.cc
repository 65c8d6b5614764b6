// The thread pools under the model checker: no task and no wake-up is lost, whether its worker is about to sleep, the pool
// is being shut down, or another worker takes it. The pools themselves, with the checker's threads in place of ours.

#include "switchyard/lockfree/thread_pool.h"

#include <functional>
#include <memory>
#include <stdexcept>
#include <utility>
#include <vector>

#include "switchyard/atomics/atomic.h"
#include "switchyard/atomics/plain.h"
#include "switchyard/blocking/thread_pool.h"
#include "switchyard/interface/thread_pool.h"
#include "switchyard/lockfree/detail/spare_nodes.h"
#include "switchyard/lockfree/event.h"
#include "switchyard/threads/detail/pool_base.h"
#include "switchyard/threads/exception_hook.h"
#include "switchyard/threads/future.h"
#include "switchyard/threads/thread.h"
#include "tests/model/model_support.h"

namespace switchyard::model {
namespace {

using lockfree::detail::stealing_queues;
using switchyard::detail::is_task;
using switchyard::detail::task;
using switchyard::detail::task_from;

class pool_thread {
 public:
  template <class F>
  pool_thread(const thread_options&, F f) : thread_(std::make_unique<thread>(std::move(f))) {}
  void join() { thread_->join(); }

 private:
  std::unique_ptr<thread> thread_;
};
using stealing_pool = switchyard::detail::pool_base<stealing_queues, pool_thread>;
using locking_pool = switchyard::detail::pool_base<blocking::detail::shared_task_queue, pool_thread>;

// -- The queues of the lock-free pool --------------------------------------------------------------------------------

/// Takes until there is nothing more, as a worker does.
void work(stealing_queues& queues, std::size_t worker) {
  for (;;) {
    task t;
    if (!is_task(queues.wait_take(t, worker))) return;
    t.run();
  }
}

// The worker is about to fall asleep, or asleep, or has not come so far: it gets the task, then learns of the end.
TEST(stealing_queues, PushWakesAWorkerAndCloseEndsIt) {
  expect_proved(
      [] {
        stealing_queues queues(1);
        plain<int> data;
        data.construct(0);
        int run = 0;
        thread worker([&] { work(queues, 0); });
        data.write() = 1;
        task t([&] {
          require(data.read() == 1, "what came before the push");
          ++run;
        });
        require(queues.push(t), "open");
        queues.close();
        worker.join();
        require(run == 1, "once");
      },
      {.preemptions = 1});
}

// No end comes to its help: only the push can wake it. From outside, and by another worker for itself.
template <bool Own>
void push_wakes_a_sleeper() {
  stealing_queues queues(2);
  promise<void> p;
  future<void> done = p.get_future();
  thread worker([&] {
    task t;
    if (is_task(queues.wait_take(t, 1))) t.run();
  });
  task t([&] { p.set_value(); });
  require(Own ? queues.push_own(t, 0) : queues.push(t), "open");
  done.wait();
}
TEST(stealing_queues, PushWakesASleeper) { expect_proved(push_wakes_a_sleeper<false>, {.preemptions = 1}); }
TEST(stealing_queues, WhatAWorkerGivesWakesAnother) { expect_proved(push_wakes_a_sleeper<true>, {.preemptions = 1}); }

// A push and the end come from two threads: the task is run if the push said so.
TEST(stealing_queues, PushAgainstClose) {
  expect_proved(
      [] {
        stealing_queues queues(1);
        int run = 0;
        bool pushed = false;
        thread worker([&] { work(queues, 0); });
        thread giver([&] {
          task t([&] { ++run; });
          pushed = queues.push(t);
        });
        queues.close();
        giver.join();
        worker.join();
        require(run == (pushed ? 1 : 0), "run if it was taken");
      },
      {.preemptions = 1});
}

// What a worker gives is taken by it, or by the other, which may be asleep.
TEST(stealing_queues, WorkersTakeFromEachOther) {
  expect_proved(
      [] {
        stealing_queues queues(2);
        atomic<int> run{0};
        thread thief([&] {
          task t;
          while (run.load(memory_order_relaxed) < 1) {
            if (!is_task(queues.wait_take(t, 1))) break;
            t.run();
          }
        });
        task given([&, mine = std::make_unique<int>(1)] { run.fetch_add(*mine, memory_order_relaxed); });
        require(queues.push_own(given, 0), "open");
        task back;
        if (is_task(queues.try_take(back, 0))) {
          back.run();
          queues.close();
        }
        thief.join();
        require(run.load(memory_order_relaxed) == 1, "once");
      },
      {.preemptions = 1});
}

// A thread that stops while it gives or takes a task stops nobody else from doing so.
TEST(stealing_queues, AreLockFree) {
  expect_lock_free(
      [] {
        stealing_queues queues(2);
        thread giver([&] {
          task t([] {});
          queues.push(t);
        });
        thread worker([&] {
          task t([] {});
          queues.push_own(t, 0);
          if (is_task(queues.try_take(t, 0))) t.run();
        });
        task t;
        if (is_task(queues.try_take(t, 1))) t.run();
      },
      0);
}

struct spare {
  spare* next = nullptr;
  plain<int> used;
};
spare* use(spare* n) {
  n->used.construct(1);
  n->used.destroy();
  return n;
}

// Nodes go from one thread to another and back, each in one pair of hands.
TEST(spare_nodes, AreHandedOn) {
  expect_proved(
      [] {
        lockfree::detail::spare_nodes<spare> nodes;
        atomic<spare*> handed{nullptr};
        thread other([&] {
          for (int i = 0; i < 3; ++i) {
            if (spare* const n = handed.exchange(nullptr, memory_order_acq_rel)) nodes.put(use(n));
          }
          spare* const mine = use(nodes.get());
          nodes.put(mine);
        });
        std::vector<spare*> mine;
        for (int i = 0; i < 3; ++i) mine.push_back(use(nodes.get()));
        if (spare* const back = handed.exchange(mine.back(), memory_order_acq_rel)) nodes.put(back);
        mine.pop_back();
        for (spare* const n : mine) nodes.put(n);
        nodes.put(use(nodes.get()));
        other.join();
        if (spare* const left = handed.load(memory_order_relaxed)) nodes.put(left);
      },
      {.preemptions = 3});
}

// From one thread's hands by the depot into another's: two chains of one stay with the first, the third is handed on.
TEST(spare_nodes, GoThroughTheDepot) {
  expect_proved(
      [] {
        lockfree::detail::spare_nodes<spare> nodes;
        thread other([&] {
          spare* const mine[] = {use(nodes.get()), use(nodes.get()), use(nodes.get())};
          for (spare* const n : mine) nodes.put(n);
        });
        nodes.put(use(nodes.get()));
      },
      {.preemptions = 3});
}

// -- The pools -------------------------------------------------------------------------------------------------------

/// Nobody is told what a thread throws.
struct unheard {
  unheard() = default;
  unheard(const unheard&) = delete;
  unheard& operator=(const unheard&) = delete;
  ~unheard() { set_exception_hook(before); }
  exception_hook before = set_exception_hook([](const thread_failure&) {});
};

template <class Pool>
void run_one_task() {
  plain<int> data;
  data.construct(0);
  int run = 0;
  {
    Pool pool({.threads = 1});
    data.write() = 1;
    pool.post([&] {
      require(data.read() == 1, "what came before");
      ++run;
    });
  }
  require(run == 1, "once");
}
TEST(thread_pool, LockfreeRunsATaskAndEnds) { expect_proved(run_one_task<stealing_pool>, {.preemptions = 1}); }
TEST(thread_pool, BlockingRunsATaskAndEnds) { expect_proved(run_one_task<locking_pool>, {.preemptions = 2}); }

template <class Pool>
void wait_for_one_task() {
  Pool pool({.threads = 1});
  future<int> f = pool.submit([] { return 7; });
  require(f.get() == 7, "the result");
}
TEST(thread_pool, LockfreeResultComes) { expect_proved(wait_for_one_task<stealing_pool>, {.preemptions = 0}); }
TEST(thread_pool, BlockingResultComes) { expect_proved(wait_for_one_task<locking_pool>, {.preemptions = 1}); }

// A task is cancelled, or run, and its function destroyed once.
template <class Pool>
void cancel_one_task() {
  int run = 0;
  bool cancelled = false;
  {
    Pool pool({.threads = 1});
    future<void> f = pool.submit([&, mine = std::make_unique<int>(1)] { run += *mine; });
    cancelled = f.cancel();
  }
  require(run == (cancelled ? 0 : 1), "one of the two");
}
TEST(thread_pool, LockfreeCancelAgainstRun) { expect_proved(cancel_one_task<stealing_pool>, {.preemptions = 1}); }
TEST(thread_pool, BlockingCancelAgainstRun) { expect_proved(cancel_one_task<locking_pool>, {.preemptions = 2}); }

// What has not begun when the pool is told to cancel is cancelled by then.
template <class Pool>
void cancel_pending() {
  int run = 0;
  Pool pool({.threads = 1});
  future<void> f = pool.submit([&] { ++run; });
  pool.shutdown({.wait = false, .cancel_pending = true});
  f.wait();
  require(run == (f.is_cancelled() ? 0 : 1), "run or cancelled");
}
TEST(thread_pool, LockfreeCancelsWhatIsPending) { expect_proved(cancel_pending<stealing_pool>, {.preemptions = 0}); }
TEST(thread_pool, BlockingCancelsWhatIsPending) { expect_proved(cancel_pending<locking_pool>, {.preemptions = 1}); }

// A worker waits for a promise that is kept only by a task given later: it is woken for that task, or by the promise.
template <class Pool>
void wait_inside() {
  Pool pool({.threads = 1});
  promise<int> p;
  future<int> kept = p.get_future();
  future<int> f = pool.submit([&] { return kept.get(); });
  pool.post([&] { p.set_value(3); });
  require(f.get() == 3, "the result");
}
TEST(thread_pool, LockfreeWorkerRunsWhatComesWhileItWaits) {
  expect_proved(wait_inside<stealing_pool>, {.preemptions = 0});
}
TEST(thread_pool, BlockingWorkerRunsWhatComesWhileItWaits) {
  expect_proved(wait_inside<locking_pool>, {.preemptions = 0});
}

// The initializer throws: what was given before is told, as is whoever comes later.
template <class Pool>
void break_pool() {
  Pool pool({.threads = 1, .initializer = [] { throw std::domain_error("no luck"); }});
  for (int i = 0; i < 2; ++i) {
    try {
      future<void> f = pool.submit([] { require(false, "not run"); });
      require(f.exception() != nullptr, "told");
    } catch (const broken_pool& told) {
      require(told.cause() != nullptr, "and why");
    }
  }
}
TEST(thread_pool, LockfreeTellsWhyItIsBroken) {
  const unheard failures;
  expect_proved(break_pool<stealing_pool>, {.preemptions = 1});
}
TEST(thread_pool, BlockingTellsWhyItIsBroken) {
  const unheard failures;
  expect_proved(break_pool<locking_pool>, {.preemptions = 1});
}

// One thread breaks it, another one finds that out for itself. At random: there is too much of it.
TEST(thread_pool, BlockingTellsTheOtherThread) {
  const unheard failures;
  expect_right_at_random(
      [] {
        atomic<int> calls{0};
        locking_pool pool({.threads = 2, .initializer = [&] {
                             if (calls.fetch_add(1, memory_order_relaxed) == 0) throw std::domain_error("no luck");
                           }});
        try {
          future<void> f = pool.submit([] {});
          if (f.exception() != nullptr) f.get();
        } catch (const broken_pool& told) {
          require(told.cause() != nullptr, "and why");
        }
      },
      {.random = 2000});
}

// It is broken and shut down at once: whoever comes then is told one of the two.
TEST(thread_pool, BlockingBreaksWhileItIsShutDown) {
  const unheard failures;
  expect_proved(
      [] {
        locking_pool pool({.threads = 1, .initializer = [] { throw std::domain_error("no luck"); }});
        future<void> pending;
        try {
          pending = pool.submit([] { require(false, "not run"); });
        } catch (const broken_pool&) {
        }
        pool.shutdown({.wait = false, .cancel_pending = true});
        require(!pending.valid() || pending.is_ready() || pending.exception() != nullptr, "told");
        try {
          pool.post([] {});
          require(false, "closed");
        } catch (const std::runtime_error&) {
        }
      },
      {.preemptions = 1});
}

// It is broken by one thread and shut down by another, and nothing was given: whoever comes then learns why from nothing but
// the refusal itself.
template <class Pool>
void break_while_it_is_shut_down() {
  Pool pool({.threads = 1, .initializer = [] { throw std::domain_error("no luck"); }});
  pool.shutdown({.wait = false});
  try {
    pool.post([] {});
    require(false, "closed");
  } catch (const broken_pool& told) {
    require(told.cause() != nullptr, "and why");
  } catch (const pool_shut_down&) {
  }
}
TEST(thread_pool, LockfreeTellsWhyThoughItWasShutDown) {
  const unheard failures;
  expect_proved(break_while_it_is_shut_down<stealing_pool>, {.preemptions = 1});
}
TEST(thread_pool, BlockingTellsWhyThoughItWasShutDown) {
  const unheard failures;
  expect_proved(break_while_it_is_shut_down<locking_pool>, {.preemptions = 1});
}

template <class Pool>
void give_inside() {
  Pool pool({.threads = 1});
  future<int> f = pool.submit([&] { return pool.submit([] { return 3; }).get(); });
  require(f.get() == 3, "the result");
}
TEST(thread_pool, LockfreeTaskWaitsForItsOwn) { expect_proved(give_inside<stealing_pool>, {.preemptions = 0}); }
TEST(thread_pool, BlockingTaskWaitsForItsOwn) { expect_proved(give_inside<locking_pool>, {.preemptions = 1}); }

// Two workers: one waits for the task that the other may have taken from it. At random: there is too much of it.
TEST(thread_pool, LockfreeTaskWaitsForWhatIsStolen) {
  expect_right_at_random(
      [] {
        stealing_pool pool({.threads = 2});
        future<int> f = pool.submit([&] { return pool.submit([] { return 3; }).get(); });
        require(f.get() == 3, "the result");
      },
      {.random = 3000});
}

// Two workers wait for promises. The first is kept at the moment when a task comes: if the first worker is woken for that task,
// and does not want it any more, it wakes the second. At random: there is too much of it.
template <class Pool>
void pass_a_wake_up_on() {
  promise<void> first;
  promise<void> second;
  future<void> first_kept = first.get_future();
  future<void> second_kept = second.get_future();
  lockfree::event done;
  Pool pool({.threads = 2});
  pool.post([&] {
    first_kept.wait();
    done.wait();  // helps nobody
  });
  pool.post([&] { second_kept.wait(); });
  thread keeper([&] { first.set_value(); });
  pool.post([&] {
    second.set_value();
    done.set();
  });
  done.wait();
}
TEST(thread_pool, LockfreeWakeUpThatIsNotNeededIsPassedOn) {
  expect_right_at_random(pass_a_wake_up_on<stealing_pool>, {.random = 3000});
}
TEST(thread_pool, BlockingWakeUpThatIsNotNeededIsPassedOn) {
  expect_right_at_random(pass_a_wake_up_on<locking_pool>, {.random = 3000});
}

// Of two workers one waits, finds a task when it looks for the last time before it sleeps, and waits in that one, too: then it
// must not be taken for the sleeper of the first wait. At random: there is too much of it.
template <class Pool>
void wait_inside_a_wait() {
  promise<void> first;
  promise<void> second;
  future<void> first_kept = first.get_future();
  future<void> second_kept = second.get_future();
  lockfree::event begun;
  lockfree::event done;
  Pool pool({.threads = 2});
  pool.post([&] { first_kept.wait(); });
  pool.post([&] {
    begun.set();
    second_kept.wait();
  });
  begun.wait();
  pool.post([&] {
    first.set_value();
    second.set_value();
    done.set();
  });
  done.wait();
}
TEST(thread_pool, LockfreeOnlySleepersAreTakenForSleepers) {
  expect_right_at_random(wait_inside_a_wait<stealing_pool>, {.random = 5000});
}
TEST(thread_pool, BlockingOnlySleepersAreTakenForSleepers) {
  expect_right_at_random(wait_inside_a_wait<locking_pool>, {.random = 60000});
}

}  // namespace
}  // namespace switchyard::model
