// mpsc_queue under the model checker.

#include "switchyard/lockfree/mpsc_queue.h"

#include <chrono>
#include <cstddef>
#include <memory>
#include <utility>

#include "switchyard/atomics/atomic.h"
#include "switchyard/atomics/plain.h"
#include "switchyard/interface/conqueue_status.h"
#include "tests/model/model_support.h"

namespace switchyard::model {
namespace {

using lockfree::mpsc_queue;
using enum conqueue_status;

// Ten times a producer's number, and counting: each producer's come in order, and each once.
struct order {
  int last[4] = {};
  int count = 0;

  void see(int value) {
    require(value % 10 == ++last[value / 10], "in its producer's order, none lost, none twice");
    ++count;
  }
  template <class Queue>
  void pop(Queue& queue, int tries) {
    for (int i = 0; i < tries; ++i) {
      if (auto x = queue.try_pop()) see(*x);
    }
  }
};

// Through three chunks, which go round.
TEST(mpsc_queue, HandsOver) {
  expect_proved([] {
    mpsc_queue<int> queue;
    thread producer([&] {
      for (int i = 1; i <= 5; ++i) require(queue.try_push(i) == success, "never full");
    });
    order seen;
    seen.pop(queue, 3);
    producer.join();
    seen.pop(queue, 5 - seen.count);
    require(seen.count == 5 && queue.try_pop().error() == empty, "nothing is lost");
    require(queue.size_approx() == 0, "counted");
  });
}

// An empty chunk comes back to a producer that is at work.
TEST(mpsc_queue, ChunksGoRound) {
  expect_proved([] {
    mpsc_queue<int> queue;
    for (int i = 1; i <= 3; ++i) (void)queue.try_push(i);
    order seen;
    thread producer([&] {
      for (int i = 4; i <= 6; ++i) (void)queue.try_push(i);
    });
    seen.pop(queue, 4);
    producer.join();
    seen.pop(queue, 6 - seen.count);
    require(seen.count == 6, "nothing is lost");
    // And now alone, with a look beyond the end of each.
    for (int i = 7; i < 12; ++i) {
      require(queue.try_pop().error() == empty, "nothing from before");
      (void)queue.try_push(i);
      require(queue.try_pop() == i, "there");
    }
  });
}

TEST(mpsc_queue, TwoProducers) {
  expect_proved(
      [] {
        mpsc_queue<int> queue;
        order seen;
        {
          thread one([&] {
            (void)queue.try_push(11);
            (void)queue.try_push(12);
          });
          thread two([&] { (void)queue.try_push(21); });
          seen.pop(queue, 2);
        }
        seen.pop(queue, 3 - seen.count);
        require(seen.count == 3, "nothing is lost");
      },
      {.preemptions = 2});
}

// Elements that own memory: none lost, none destroyed twice, none left.
TEST(mpsc_queue, HandsOverOwnership) {
  expect_proved(
      [] {
        mpsc_queue<std::unique_ptr<int>> queue;
        const auto push = [&](int n) { return [&queue, n] { (void)queue.try_push(std::make_unique<int>(n)); }; };
        thread one(push(1));
        thread two(push(2));
        int sum = 0;
        if (auto x = queue.try_pop()) sum += **x;
        require(sum <= 2, "one of them");
      },
      {.preemptions = 2});
}

// A push that has ended comes before one that begins then, whoever is late: what the second round of looking is for.
// The consumer finds the lanes of `late` and `first` empty, then that of `second`.
TEST(mpsc_queue, FirstInFirstOut) {
  expect_proved(
      [] {
        mpsc_queue<int> queue;
        atomic<bool> pushed{false};
        thread late([&] { (void)queue.try_push(31); });
        thread first([&] {
          (void)queue.try_push(11);
          pushed.store(true, memory_order_release);
        });
        thread second([&] {
          if (pushed.load(memory_order_acquire)) (void)queue.try_push(21);
        });
        bool first_came = false;
        for (int i = 0; i < 2; ++i) {
          if (auto x = queue.try_pop()) {
            if (*x == 11) first_came = true;
            require(*x != 21 || first_came, "first in, first out");
          }
        }
      },
      {.preemptions = 1});
}

// The same where one of the lanes is the consumer's favourite.
TEST(mpsc_queue, FirstInFirstOutAfterSomeoneLate) {
  expect_proved(
      [] {
        mpsc_queue<int> queue;
        (void)queue.try_push(1);
        require(queue.try_pop().has_value(), "there");
        atomic<bool> pushed{false};
        thread first([&] {
          (void)queue.try_push(11);
          pushed.store(true, memory_order_release);
        });
        thread second([&] {
          if (pushed.load(memory_order_acquire)) (void)queue.try_push(21);
        });
        int last = 0;
        for (int i = 0; i < 2; ++i) {
          if (auto x = queue.try_pop()) {
            require(*x == 11 || last == 11, "first in, first out");
            last = *x;
          }
        }
      },
      {.preemptions = 4});
}

// Once somebody late has been stepped over, he must be looked for each time, also where the next ticket is at hand.
TEST(mpsc_queue, FirstInFirstOutWithAHole) {
  expect_proved([] {
    mpsc_queue<int> queue;
    atomic<bool> pushed{false};
    thread late([&] {
      (void)queue.try_push(21);
      pushed.store(true, memory_order_release);
    });
    order seen;
    (void)queue.try_push(11);
    seen.pop(queue, 1);
    const bool late_has_ended = pushed.load(memory_order_acquire);
    (void)queue.try_push(12);
    seen.pop(queue, 1);
    if (late_has_ended && seen.last[1] == 2) require(seen.last[2] == 1, "first in, first out");
    late.join();
    seen.pop(queue, 3 - seen.count);
    require(seen.count == 3 && queue.size_approx() == 0, "nothing is lost");
  });
}

// The same while he ends his push, and the next ticket is given out, during a pop.
TEST(mpsc_queue, FirstInFirstOutWithAHoleThatCloses) {
  expect_proved(
      [] {
        mpsc_queue<int> queue;
        atomic<bool> pushed{false};
        order seen;
        (void)queue.try_push(11);
        thread late([&] {
          (void)queue.try_push(21);
          pushed.store(true, memory_order_release);
        });
        (void)queue.try_push(12);
        seen.pop(queue, 2);
        thread consumer([&] { seen.pop(queue, 1); });
        const bool late_has_ended = pushed.load(memory_order_acquire);
        (void)queue.try_push(13);
        consumer.join();
        if (late_has_ended && seen.last[1] == 3) require(seen.last[2] == 1, "first in, first out");
      },
      {.preemptions = 4});
}

// What has been pushed is found, whoever is in the middle of a push.
TEST(mpsc_queue, NobodyHidesWhatIsThere) {
  expect_proved(
      [] {
        mpsc_queue<int> queue;
        thread one([&] { (void)queue.try_push(1); });
        thread two([&] { (void)queue.try_push(11); });
        (void)queue.try_push(21);
        require(queue.try_pop().has_value(), "mine, or an earlier one");
      },
      {.preemptions = 1});
}

TEST(mpsc_queue, InBulk) {
  expect_proved(
      [] {
        mpsc_queue<int> queue;
        order seen;
        {
          thread one([&] {
            const int values[] = {11, 12, 13};
            require(queue.try_push_n(values, 3) == 3, "never full");
          });
          thread two([&] { (void)queue.try_push(21); });
          int out[4];
          for (std::size_t i = 0, n = queue.try_pop_n(out, 3); i < n; ++i) seen.see(out[i]);
        }
        int out[4];
        for (std::size_t i = 0, n = queue.try_pop_n(out, 4); i < n; ++i) seen.see(out[i]);
        require(seen.count == 4, "nothing is lost");
      },
      {.preemptions = 2});
}

// A push that says success is popped, whatever close does; "closed" comes last and stays.
TEST(mpsc_queue, CloseLosesNothing) {
  expect_proved(
      [] {
        mpsc_queue<int> queue;
        bool accepted = false;
        thread producer([&] { accepted = queue.try_push(1) == success; });
        thread closer([&] { queue.close(); });
        bool popped = false;
        for (int i = 0; i < 2; ++i) {
          const auto x = queue.try_pop();
          if (x) {
            require(!popped && *x == 1, "popped once");
            popped = true;
          } else if (x.error() == closed) {
            producer.join();
            require(accepted == popped, "closed means drained");
          }
        }
        producer.join();
        closer.join();
        require(queue.try_push(2) == closed, "nothing goes in");
        if (accepted && !popped) require(queue.try_pop().has_value(), "what went in comes out");
        require(queue.try_pop().error() == closed, "closed and empty");
      },
      {.preemptions = 2});
}

TEST(mpsc_queue, ClosedIsSeenByWhoIsTold) {
  expect_proved(
      [] {
        mpsc_queue<int> queue;
        plain<int> reason;
        thread closer([&] {
          reason.construct(1);
          queue.close();
        });
        thread consumer([&] {
          const auto x = queue.try_pop();
          if (!x && x.error() == closed) require(queue.is_closed() && reason.read() == 1, "seen");
        });
        if (queue.try_push(1) == closed) require(queue.is_closed() && reason.read() == 1, "seen");
      },
      {.preemptions = 3});
}

// Nobody sleeps for ever: neither who waits for an element, nor for the end.
TEST(mpsc_queue, WaitersWake) {
  expect_proved(
      [] {
        mpsc_queue<int> queue;
        thread producer([&] { require(queue.push(11) && queue.push(12), "open"); });
        order seen;
        while (seen.count < 2) seen.see(*queue.pop());
      },
      {.preemptions = 2});
}
TEST(mpsc_queue, CloseWakesWhoWaits) {
  expect_proved(
      [] {
        mpsc_queue<int> queue;
        int popped = 0;
        bool pushed = false;
        {
          thread consumer([&] { popped += queue.pop().has_value(); });
          thread producer([&] { pushed = queue.try_push(1) == success; });
          queue.close();
        }
        require(popped == pushed, "popped if pushed");
      },
      {.preemptions = 2});
}
TEST(mpsc_queue, TimeoutsAreNotLost) {
  expect_proved(
      [] {
        mpsc_queue<int> queue;
        thread producer([&] { (void)queue.try_push(1); });
        const auto x = queue.try_pop_for(std::chrono::seconds(1));
        producer.join();
        require(x.has_value() || queue.try_pop().has_value(), "what was pushed is there");
      },
      {.preemptions = 2});
}

// An element that throws while it is moved out stays.
struct stubborn {
  explicit stubborn(int n) noexcept : number(n) {}
  stubborn(stubborn&& other) : number(other.number), angry(false) {
    if (std::exchange(other.angry, false)) throw number;
  }
  int number;
  bool angry = true;
};
TEST(mpsc_queue, WhatThrowsStays) {
  expect_proved([] {
    mpsc_queue<stubborn> queue;
    thread producer([&] { (void)queue.try_emplace(1); });
    try {
      (void)queue.try_pop();
    } catch (int) {
      const auto again = queue.try_pop();
      require(again.has_value() && again->number == 1, "still there");
    }
  });
}

// Wait-free, from a thread's second push on: no step of the one depends on the others.
TEST(mpsc_queue, IsWaitFree) {
  const auto body = [] {
    mpsc_queue<int> queue;
    const auto push = [&] {
      (void)queue.try_push(1);
      within_steps(16, [&] { (void)queue.try_push(2); });
      within_steps(16, [&] { (void)queue.try_push(3); });
    };
    thread one(push);
    thread two(push);
    within_steps(40, [&] { (void)queue.try_pop(); });
    within_steps(40, [&] { (void)queue.try_pop(); });
  };
  expect_proved(body, {.preemptions = 1});
  expect_lock_free(body);
}
TEST(mpsc_queue, IsLockFree) {
  expect_lock_free([] {
    mpsc_queue<int> queue;
    thread producer([&] { (void)queue.try_push(1); });
    thread closer([&] { queue.close(); });
    thread consumer([&] { (void)queue.try_pop(); });
  });
}

// A producer that stops in the middle of a push hides nothing.
TEST(mpsc_queue, WhoStopsHidesNothing) {
  expect_lock_free([] {
    mpsc_queue<int> queue;
    thread stopped([&] {
      (void)queue.try_push(11);
      (void)queue.try_push(12);
    });
    thread other([&] {
      (void)queue.try_push(21);
      for (bool found = false; !found;) {
        const auto x = queue.try_pop();
        require(x.has_value(), "mine is there");
        found = *x == 21;
      }
    });
  });
}

}  // namespace
}  // namespace switchyard::model
