// blocking::spsc_queue, in place, under the model checker: its spans are used without the lock.

#include "switchyard/blocking/spsc_queue.h"

#include "switchyard/interface/conqueue_status.h"
#include "tests/model/model_support.h"

namespace switchyard::model {
namespace {

using blocking::spsc_queue;
using enum conqueue_status;

TEST(blocking_spsc_queue, InPlace) {
  expect_proved(
      [] {
        spsc_queue<int> queue(2);
        int pushed = 0;
        thread producer([&] {
          for (int i = 0; i < 2; ++i) {
            const auto places = queue.reserve(2);
            for (int& place : places) place = ++pushed;
            require(queue.commit(places.size()), "open");
          }
        });
        int popped = 0;
        for (int i = 0; i < 2; ++i) {
          const auto elements = queue.peek(2);
          for (const int element : elements) require(element == ++popped, "in order");
          queue.consume(elements.size());
        }
        producer.join();
        require(popped + static_cast<int>(queue.size_approx()) == pushed, "nothing is lost");
      },
      {.preemptions = 2});
}

// Beside operations under the lock.
TEST(blocking_spsc_queue, InPlaceOnOneSide) {
  expect_proved(
      [] {
        spsc_queue<int> queue(1);
        thread producer([&] {
          for (int i = 1; i <= 2; ++i) (void)queue.try_push(i);
        });
        for (int i = 0; i < 2; ++i) queue.consume(queue.peek(1).size());
      },
      {.preemptions = 2});
  expect_proved(
      [] {
        spsc_queue<int> queue(1);
        thread consumer([&] {
          for (int i = 0; i < 2; ++i) (void)queue.try_pop();
        });
        for (int i = 0; i < 2; ++i) {
          const auto places = queue.reserve(1);
          for (int& place : places) place = i;
          (void)queue.commit(places.size());
        }
      },
      {.preemptions = 2});
}

// Who waits for an element wakes for one that is committed, and who waits for room for one that is consumed.
TEST(blocking_spsc_queue, WaitersWakeInPlace) {
  expect_proved(
      [] {
        spsc_queue<int> queue(1);
        thread consumer([&] { require(queue.pop() == 1, "the first"); });
        queue.reserve(1)[0] = 1;
        require(queue.commit(1), "open");
      },
      {.preemptions = 2, .spurious_wakeups = 0});
  expect_proved(
      [] {
        spsc_queue<int> queue(1);
        (void)queue.try_push(1);
        thread producer([&] { require(queue.push(2), "open"); });
        require(queue.peek(2).size() == 1, "one");
        queue.consume(1);
      },
      {.preemptions = 2, .spurious_wakeups = 0});
}

}  // namespace
}  // namespace switchyard::model
