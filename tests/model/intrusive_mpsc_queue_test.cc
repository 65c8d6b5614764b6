// intrusive_mpsc_queue under the model checker.

#include "switchyard/lockfree/intrusive_mpsc_queue.h"

#include <chrono>
#include <cstddef>

#include "switchyard/atomics/atomic.h"
#include "switchyard/atomics/plain.h"
#include "switchyard/interface/conqueue_status.h"
#include "switchyard/threads/queue_hook.h"
#include "tests/model/model_support.h"

namespace switchyard::model {
namespace {

using lockfree::intrusive_mpsc_queue;
using enum conqueue_status;

// The number is written by who pushes, and read by who pops.
struct object : queue_hook {
  object() = default;
  explicit object(int n) { number.construct(n); }
  plain<int> number;
};
using queue_type = intrusive_mpsc_queue<object>;

// Ten times a producer's number, and counting: each producer's come in order, and each once.
struct order {
  int last[4] = {};
  int count = 0;

  void see(const object& o) {
    const int n = o.number.read();
    require(n % 10 == ++last[n / 10], "in its producer's order, none lost, none twice");
    ++count;
  }
  void pop(queue_type& queue, int tries) {
    for (int i = 0; i < tries; ++i) {
      if (auto x = queue.try_pop()) see(**x);
    }
  }
};

TEST(intrusive_mpsc_queue, HandsOver) {
  expect_proved([] {
    object all[3];
    queue_type queue;
    thread producer([&] {
      for (int i = 0; i < 3; ++i) {
        all[i].number.construct(i + 1);
        require(queue.try_push(all[i]) == success, "never full");
      }
    });
    order seen;
    seen.pop(queue, 2);
    producer.join();
    seen.pop(queue, 3 - seen.count);
    require(seen.count == 3 && queue.try_pop().error() == empty && queue.empty_approx(), "nothing is lost");
  });
}

TEST(intrusive_mpsc_queue, TwoProducers) {
  expect_proved(
      [] {
        object all[3];
        queue_type queue;
        order seen;
        {
          thread one([&] {
            all[0].number.construct(11);
            (void)queue.try_push(all[0]);
            all[1].number.construct(12);
            (void)queue.try_push(all[1]);
          });
          thread two([&] {
            all[2].number.construct(21);
            (void)queue.try_push(all[2]);
          });
          seen.pop(queue, 2);
        }
        seen.pop(queue, 3 - seen.count);
        require(seen.count == 3, "nothing is lost");
      },
      {.preemptions = 2});
}

// What has been popped may be pushed again at once, also while another producer believes it to be the newest.
TEST(intrusive_mpsc_queue, ObjectsComeBack) {
  expect_proved([] {
    object a(1);
    object b(2);
    queue_type queue;
    thread producer([&] { (void)queue.try_push(b); });
    (void)queue.try_push(a);
    int popped = 0;
    int numbers = 0;
    for (int i = 0; i < 2; ++i) {
      if (auto x = queue.try_pop()) {
        ++popped;
        numbers += (*x)->number.read();
        if (*x == &a && i == 0) (void)queue.try_push(a);
      }
    }
    producer.join();
    while (auto x = queue.try_pop()) numbers += (*x)->number.read();
    require(popped > 0 && (numbers == 3 || numbers == 4), "each as often as it was pushed");
  });
}

TEST(intrusive_mpsc_queue, FirstInFirstOut) {
  expect_proved(
      [] {
        object a(1);
        object b(2);
        object c(3);
        queue_type queue;
        atomic<bool> pushed{false};
        thread late([&] { (void)queue.try_push(c); });
        thread first([&] {
          (void)queue.try_push(a);
          pushed.store(true, memory_order_release);
        });
        thread second([&] {
          if (pushed.load(memory_order_acquire)) (void)queue.try_push(b);
        });
        bool a_came = false;
        for (int i = 0; i < 2; ++i) {
          if (auto x = queue.try_pop()) {
            if (*x == &a) a_came = true;
            require(*x != &b || a_came, "first in, first out");
          }
        }
        first.join();
        second.join();
        late.join();
        while (queue.try_pop()) {
        }
      },
      {.preemptions = 2});
}

TEST(intrusive_mpsc_queue, InBulk) {
  expect_proved(
      [] {
        object all[3] = {object(11), object(12), object(21)};
        queue_type queue;
        order seen;
        {
          thread one([&] {
            object* const mine[] = {&all[0], &all[1]};
            require(queue.try_push_n(mine, 2) == 2, "never full");
          });
          thread two([&] { (void)queue.try_push(all[2]); });
          object* out[2];
          const std::size_t n = queue.try_pop_n(out, 2);
          for (std::size_t i = 0; i < n; ++i) seen.see(*out[i]);
        }
        seen.pop(queue, 3 - seen.count);
        require(seen.count == 3, "nothing is lost");
      },
      {.preemptions = 3});
}

// A push that says success is popped, whatever close does; "closed" comes last and stays.
TEST(intrusive_mpsc_queue, CloseLosesNothing) {
  expect_proved(
      [] {
        object a;
        object b;
        queue_type queue;
        bool accepted[2] = {};
        int popped = 0;
        {
          thread one([&] {
            a.number.construct(1);
            accepted[0] = queue.try_push(a) == success;
          });
          thread two([&] {
            b.number.construct(1);
            accepted[1] = queue.try_push(b) == success;
          });
          thread closer([&] { queue.close(); });
          for (int i = 0; i < 2; ++i) {
            const auto x = queue.try_pop();
            if (x) {
              popped += (*x)->number.read();
            } else if (x.error() == closed) {
              one.join();
              two.join();
              require(accepted[0] + accepted[1] == popped, "closed means drained");
            }
          }
        }
        object c(3);
        require(queue.try_push(c) == closed, "nothing goes in");
        while (auto x = queue.try_pop()) popped += (*x)->number.read();
        require(accepted[0] + accepted[1] == popped, "what went in comes out, once");
        require(queue.try_pop().error() == closed && !a.is_in_queue() && !b.is_in_queue(), "closed and empty");
      },
      {.preemptions = 2});
}

// The same while there is something to take, so that the mark is taken with it.
TEST(intrusive_mpsc_queue, NothingGoesInAfterClose) {
  expect_proved(
      [] {
        object a(1);
        object b(2);
        queue_type queue;
        (void)queue.try_push(a);
        thread consumer([&] {
          require(queue.pop() == &a, "there");
          const auto x = queue.try_pop();
          require(!x || *x == &b, "no other");
        });
        thread producer([&] {
          const bool was_closed = queue.is_closed();
          require(queue.try_push(b) == closed || !was_closed, "is_closed means that nothing goes in");
        });
        queue.close();
        object c(3);
        require(queue.try_push(c) == closed, "nothing goes in after close");
      },
      {.preemptions = 3});
}

TEST(intrusive_mpsc_queue, ClosedIsSeenByWhoIsTold) {
  expect_proved(
      [] {
        object a(1);
        object b(2);
        queue_type queue;
        plain<int> reason;
        (void)queue.try_push(b);
        thread closer([&] {
          reason.construct(1);
          queue.close();
        });
        thread consumer([&] {
          (void)queue.try_pop();
          const auto x = queue.try_pop();
          if (!x && x.error() == closed) require(reason.read() == 1 && queue.is_closed(), "seen");
        });
        if (queue.try_push(a) == closed) require(reason.read() == 1 && queue.is_closed(), "seen");
      },
      {.preemptions = 3});
}

TEST(intrusive_mpsc_queue, ClosedIsSeenByWhoAsks) {
  expect_proved([] {
    queue_type queue;
    plain<int> reason;
    thread closer([&] {
      reason.construct(1);
      queue.close();
    });
    if (queue.is_closed()) require(reason.read() == 1, "seen");
  });
}

// Nobody sleeps for ever: neither who waits for an element, nor for the end.
TEST(intrusive_mpsc_queue, WaitersWake) {
  expect_proved(
      [] {
        object all[2] = {object(11), object(21)};
        queue_type queue;
        thread one([&] { require(queue.push(all[0]), "open"); });
        thread two([&] { require(queue.push(all[1]), "open"); });
        order seen;
        while (seen.count < 2) seen.see(*queue.pop());
      },
      {.preemptions = 2});
}
TEST(intrusive_mpsc_queue, CloseWakesWhoWaits) {
  expect_proved(
      [] {
        object a(1);
        queue_type queue;
        int popped = 0;
        bool pushed = false;
        {
          thread consumer([&] { popped += queue.pop() != nullptr; });
          thread producer([&] { pushed = queue.push(a); });
          queue.close();
        }
        require(popped == pushed, "popped if pushed");
      },
      {.preemptions = 3});
}

// Pops and close are wait-free; a push is lock-free.
TEST(intrusive_mpsc_queue, IsLockFree) {
  const auto body = [] {
    object all[3];
    queue_type queue;
    {
      thread one([&] {
        (void)queue.try_push(all[0]);
        (void)queue.try_push(all[1]);
      });
      thread two([&] { (void)queue.try_push(all[2]); });
      thread closer([&] { within_steps(12, [&] { queue.close(); }); });
      within_steps(30, [&] { (void)queue.try_pop(); });
      within_steps(30, [&] { (void)queue.try_pop(); });
    }
    while (queue.try_pop()) {
    }
  };
  expect_proved(body, {.preemptions = 1});
  expect_lock_free(body);
}

// A producer that stops in the middle of a push hides nothing.
TEST(intrusive_mpsc_queue, WhoStopsHidesNothing) {
  expect_lock_free([] {
    object all[2];
    queue_type queue;
    thread stopped([&] { (void)queue.try_push(all[0]); });
    thread other([&] {
      (void)queue.try_push(all[1]);
      for (bool found = false; !found;) {
        const auto x = queue.try_pop();
        require(x.has_value(), "mine is there");
        found = *x == &all[1];
      }
    });
  });
}

}  // namespace
}  // namespace switchyard::model
