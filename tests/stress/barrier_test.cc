// Barriers under everything at once: limits, stops, aborts, resets, and actions that throw. Every round ends in the same
// way for all who were in it, and afterwards the barrier is as new.

#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <stop_token>
#include <string>

#include "switchyard/atomics/atomic.h"
#include "switchyard/blocking/barrier.h"
#include "switchyard/interface/barrier.h"
#include "switchyard/lockfree/barrier.h"
#include "switchyard/tests/stress/stress.h"

namespace switchyard::stress {
namespace {

using namespace std::chrono_literals;

class barrier_stress : public stress_test {};

struct refusal : std::runtime_error {
  refusal() : runtime_error("the action throws") {}
};

/// Returns how many rounds were completed.
template <class Barrier>
long everything_at_once(std::uint64_t seed) {
  constexpr int parties = 3;
  constexpr int waits = 300;
  long completed = 0;  // by the action: one at a time, and each sees the last
  bool inside = false;
  random_source for_action = random_for(seed, parties + 1);
  Barrier b(parties, [&] {
    EXPECT_FALSE(inside) << "two actions at a time";
    inside = true;
    stagger(for_action);
    inside = false;
    if (for_action() % 16 == 0) throw refusal();
    ++completed;
  });
  atomic<long> passed[parties] = {};
  atomic<int> at_work{parties};
  in_threads(parties + 1, [&](int t) {
    random_source random = random_for(seed, t);
    if (t == parties) {
      // Breaks and repairs until all others have ended: nobody waits for ever.
      while (at_work.load(memory_order_relaxed) != 0) {
        for (auto pauses = random() % 50; pauses != 0; --pauses) wait_a_little();
        if (random() % 16 == 0) b.abort();
        if (random() % 16 == 0 || b.broken()) b.reset();
      }
      return;
    }
    for (int i = 0; i < waits; ++i) {
      try {
        std::size_t index = parties;
        switch (random() % 4) {
          case 0:
            index = b.wait_for(std::chrono::microseconds(random() % 2000));
            break;
          case 1:
            index = b.wait_until(std::chrono::steady_clock::now() + 20ms);
            break;
          case 2: {
            std::stop_source stop;
            if (random() % 16 == 0) stop.request_stop();
            index = b.wait(stop.get_token());
            break;
          }
          default:
            index = b.wait_for(1h);
        }
        ASSERT_LT(index, std::size_t{parties});
        passed[index].fetch_add(1, memory_order_relaxed);
      } catch (const broken_barrier&) {
        for (int looks = 0; b.broken() && looks < 200; ++looks) wait_a_little();
      } catch (const refusal&) {
      }
    }
    // The others may count on us in their last rounds.
    at_work.fetch_sub(1, memory_order_relaxed);
    b.abort();
  });
  // A round that was broken while its action ran was completed for the action, and for nobody else.
  for (const auto& each : passed) EXPECT_EQ(each.load(memory_order_relaxed), passed[0].load(memory_order_relaxed));
  EXPECT_LE(passed[0].load(memory_order_relaxed), completed);
  b.reset();
  EXPECT_FALSE(b.broken());
  EXPECT_EQ(b.waiting(), 0U);
  return completed;
}

TEST_F(barrier_stress, LockfreeEverythingAtOnce) {
  long completed = 0;
  for_seeds(scaled(12), [&](std::uint64_t seed) { completed += everything_at_once<lockfree::barrier>(seed); });
  EXPECT_GT(completed, 0);
  RecordProperty("completed_rounds", std::to_string(completed));
}

TEST_F(barrier_stress, BlockingEverythingAtOnce) {
  long completed = 0;
  for_seeds(scaled(12), [&](std::uint64_t seed) { completed += everything_at_once<blocking::barrier>(seed); });
  EXPECT_GT(completed, 0);
  RecordProperty("completed_rounds", std::to_string(completed));
}

}  // namespace
}  // namespace switchyard::stress
