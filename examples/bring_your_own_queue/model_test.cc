// The ring in the model checker: every order in which two threads can run, and every value that the C++ memory model lets them
// read, up to a bound on preemptions.
#include <functional>

#include <gtest/gtest.h>

#include "examples/bring_your_own_queue/ring.h"
#include "switchyard/model/check.h"

namespace {

using namespace switchyard;

void expect_proved(const std::function<void()>& program, model::options how = {}) {
  const model::result result = model::check(how, program);
  EXPECT_TRUE(result.ok()) << result.report;
  EXPECT_TRUE(result.complete) << result.summary();
}

// Round the ring, full and empty on the way.
void hand_over() {
  mine::ring<int> ring(2);
  int pushed = 0;
  model::thread producer([&] {
    for (int i = 0; i < 3; ++i) pushed += ring.try_push(pushed + 1) == conqueue_status::success;
  });
  int popped = 0;
  for (int i = 0; i < 2; ++i) {
    if (const auto next = ring.try_pop()) model::require(*next == ++popped, "first in, first out");
  }
  producer.join();
  while (const auto next = ring.try_pop()) model::require(*next == ++popped, "in order to the end");
  model::require(popped == pushed, "nothing is lost");
}
TEST(Ring, HandsOver) { expect_proved(hand_over); }

// Whichever thread stops for ever, and wherever, the other comes to its end.
TEST(Ring, IsLockFree) { expect_proved(hand_over, {.preemptions = 1, .freeze = true}); }

// The consumer sleeps until there is something, or nothing more will come; no wake-up is missed.
TEST(Ring, WakesWhoWaits) {
  expect_proved(
      [] {
        mine::ring<int> ring(1);
        model::thread producer([&] {
          model::require(ring.push(1), "open");
          ring.close();
        });
        model::require(ring.pop() == 1, "the element first");
        model::require(!ring.pop().has_value(), "then the end");
      },
      {.preemptions = 1, .spurious_wakeups = 0});
}

}  // namespace
