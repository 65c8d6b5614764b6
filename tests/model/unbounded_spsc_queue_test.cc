// unbounded_spsc_queue under the model checker.

#include "switchyard/lockfree/unbounded_spsc_queue.h"

#include <memory>
#include <utility>

#include "switchyard/interface/conqueue_status.h"
#include "tests/model/model_support.h"

namespace switchyard::model {
namespace {

using lockfree::unbounded_spsc_queue;
using lockfree::detail::start_at;
using enum conqueue_status;

// Here a line holds two elements, the first segment one line, the others two.

// Pops what comes, in order, `tries` times. Returns how many.
template <class Queue>
int pop_some(Queue& queue, int tries, int last = 0) {
  int popped = 0;
  for (int i = 0; i < tries; ++i) {
    if (auto x = queue.try_pop()) {
      require(*x == ++last, "first in, first out");
      ++popped;
    }
  }
  return popped;
}

// Over the end of lines and segments, across the wrap of the indices.
TEST(unbounded_spsc_queue, HandsOver) {
  expect_proved([] {
    unbounded_spsc_queue<int> queue(start_at{static_cast<std::uint64_t>(-2)});
    thread producer([&] {
      for (int i = 1; i <= 4; ++i) require(queue.try_push(i) == success, "there is always room");
    });
    const int popped = pop_some(queue, 3);
    producer.join();
    require(popped + pop_some(queue, 5, popped) == 4, "nothing is lost");
  });
}

// Segments go back to the producer, to be used again, or to the allocator.
TEST(unbounded_spsc_queue, UsesSegmentsAgain) {
  expect_proved(
      [] {
        unbounded_spsc_queue<int> queue(start_at{static_cast<std::uint64_t>(-3)});
        for (int i = 1; i <= 3; ++i) (void)queue.try_push(i);  // in the second segment
        thread producer([&] {
          for (int i = 4; i <= 9; ++i) (void)queue.try_push(i);
        });
        const int popped = pop_some(queue, 7);
        producer.join();
        require(popped + pop_some(queue, 10, popped) == 9, "nothing is lost");
      },
      {.preemptions = 2});
}

// At the end of a segment that is used for the second time there is nothing yet.
TEST(unbounded_spsc_queue, ASegmentUsedAgainIsTheLast) {
  expect_proved([] {
    unbounded_spsc_queue<int> queue;
    for (int i = 1; i <= 40; ++i) {
      require(queue.try_push(i) == success, "there is always room");
      require(queue.try_pop() == i, "in order");
      require(queue.try_pop().error() == empty, "no more");
    }
  });
}

// Elements that own memory: none lost, none destroyed twice, none left.
TEST(unbounded_spsc_queue, HandsOverOwnership) {
  expect_proved([] {
    unbounded_spsc_queue<std::unique_ptr<int>> queue;
    thread producer([&] {
      for (int i = 0; i < 3; ++i) (void)queue.try_push(std::make_unique<int>(i));
    });
    for (int i = 0; i < 2; ++i) {
      if (auto x = queue.try_pop()) require(**x <= i, "the first comes first");
    }
  });
}

TEST(unbounded_spsc_queue, InBulk) {
  expect_proved([] {
    unbounded_spsc_queue<int> queue;
    thread producer([&] {
      const int values[] = {1, 2, 3, 4, 5};
      require(queue.try_push_n(values, 5) == 5, "there is always room");
    });
    int out[5] = {};
    std::size_t popped = queue.try_pop_n(out, 2);
    popped += queue.try_pop_n(out + popped, 3);
    producer.join();
    for (std::size_t i = 0; i < popped; ++i) require(out[i] == static_cast<int>(i) + 1, "in order");
    require(popped + queue.size_approx() == 5, "nothing is lost");
  });
}

// A push that says success is popped, whatever close does; "closed" comes last and stays.
TEST(unbounded_spsc_queue, CloseLosesNothing) {
  expect_proved([] {
    unbounded_spsc_queue<int> queue;
    (void)queue.try_push(1);
    (void)queue.try_push(2);
    bool accepted = false;
    thread producer([&] { accepted = queue.try_push(3) == success; });
    thread closer([&] { queue.close(); });
    int last = 0;
    for (int i = 0; i < 3; ++i) {
      const auto x = queue.try_pop();
      if (x) {
        require(*x == ++last, "in order");
      } else if (x.error() == closed) {
        producer.join();
        require(last == (accepted ? 3 : 2), "closed means drained");
      }
    }
    producer.join();
    closer.join();
    require(queue.try_push(4) == closed, "nothing goes in");
    while (auto x = queue.try_pop()) require(*x == ++last, "in order");
    require(last == (accepted ? 3 : 2), "what went in comes out");
    require(queue.try_pop().error() == closed, "closed and empty");
  });
}

// Nobody sleeps for ever: neither who waits for an element, nor for the end.
TEST(unbounded_spsc_queue, WaitersWake) {
  expect_proved(
      [] {
        unbounded_spsc_queue<int> queue;
        thread producer([&] {
          for (int i = 1; i <= 3; ++i) require(queue.push(i), "open");
          queue.close();
        });
        int last = 0;
        while (auto x = queue.pop()) require(*x == ++last, "in order");
        require(last == 3, "all");
      },
      {.preemptions = 2});
}

// Wait-free: no step of the one depends on the other.
TEST(unbounded_spsc_queue, IsWaitFree) {
  const auto body = [] {
    unbounded_spsc_queue<int> queue;
    (void)queue.try_push(0);
    thread producer([&] {
      for (int i = 0; i < 2; ++i) within_steps(20, [&] { (void)queue.try_push(i); });
    });
    thread consumer([&] {
      for (int i = 0; i < 3; ++i) within_steps(20, [&] { (void)queue.try_pop(); });
    });
    thread closer([&] { within_steps(16, [&] { queue.close(); }); });
  };
  expect_proved(body, {.preemptions = 2});
  expect_lock_free(body);
}

}  // namespace
}  // namespace switchyard::model
