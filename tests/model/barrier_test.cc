// The lock-free barrier under the model checker: a round ends for all in the same way, nobody sleeps for ever, and what
// was written before is seen after.

#include "switchyard/lockfree/barrier.h"

#include <chrono>
#include <cstddef>
#include <optional>
#include <stdexcept>

#include "switchyard/atomics/atomic.h"
#include "switchyard/atomics/plain.h"
#include "switchyard/interface/barrier.h"
#include "tests/model/model_support.h"

namespace switchyard::model {
namespace {

using lockfree::barrier;
using namespace std::chrono_literals;

// The index, or nothing where the barrier was broken.
template <class Wait>
std::optional<std::size_t> index_of(Wait wait) {
  try {
    return wait();
  } catch (const broken_barrier&) {
    return std::nullopt;
  }
}
std::optional<std::size_t> pass(barrier& b) {
  return index_of([&] { return b.wait(); });
}
std::optional<std::size_t> pass_in_time(barrier& b) {
  return index_of([&] { return b.wait_for(1ms); });
}

TEST(barrier, ExchangesTheWorkOfAll) {
  expect_proved(
      [] {
        barrier b(3);
        plain<int> work[3];
        std::size_t index[3];
        const auto party = [&](int i) {
          work[i].construct(1);
          index[i] = b.wait();
          require(work[0].read() + work[1].read() + work[2].read() == 3, "the work of all");
        };
        {
          thread first([&] { party(0); });
          thread second([&] { party(1); });
          party(2);
        }
        require(index[0] + index[1] + index[2] == 3 && index[0] != index[1] && index[1] != index[2], "0, 1 and 2");
        require(!b.broken() && b.waiting() == 0, "as new");
      },
      {.preemptions = 2});
}

TEST(barrier, RoundsFollowEachOther) {
  expect_proved(
      [] {
        barrier b(2);
        plain<int> work;
        work.construct(0);
        thread other([&] {
          b.wait();
          require(work.read() == 1, "this round's");
          b.wait();
          b.wait();
          require(work.read() == 2, "this round's");
        });
        work.write() = 1;
        b.wait();
        b.wait();
        work.write() = 2;
        b.wait();
      },
      {.preemptions = 1, .spurious_wakeups = 0});
}

TEST(barrier, ActionComesAfterAllAndBeforeAnyReturn) {
  expect_proved(
      [] {
        plain<int> work[2];
        plain<int> sum;
        sum.construct(0);
        barrier b(2, [&] { sum.write() = work[0].read() + work[1].read(); });
        const auto party = [&](int i) {
          work[i].construct(i + 1);
          b.wait();
          require(sum.read() == 3, "the action is over");
          b.wait();  // the action of the next round may not begin while this one reads
        };
        thread other([&] { party(0); });
        party(1);
      },
      {.preemptions = 3});
}

TEST(barrier, ActionThatThrowsBreaksIt) {
  expect_proved(
      [] {
        barrier b(2, [] { throw std::runtime_error("no"); });
        int threw = 0;
        int broke = 0;
        const auto party = [&] {
          try {
            b.wait();
            require(false, "passed");
          } catch (const broken_barrier&) {
            ++broke;
          } catch (const std::runtime_error&) {
            ++threw;
          }
        };
        {
          thread other(party);
          party();
        }
        require(threw == 1 && broke == 1 && b.broken(), "the action's exception for one");
        b.reset();
        require(!b.broken(), "as new");
      },
      {.preemptions = 3});
}

TEST(barrier, TimeLimitBreaksItForAllOrForNobody) {
  expect_proved(
      [] {
        barrier b(2);
        std::optional<std::size_t> first, second;
        {
          thread impatient([&] { first = pass_in_time(b); });
          second = pass(b);
        }
        require(first.has_value() == second.has_value(), "the same for both");
        require(b.broken() != first.has_value(), "broken if they were sent away");
        require(!first || *first + *second == 1, "0 and 1");
      },
      {.preemptions = 3});
}

TEST(barrier, ThreeWithTimeLimits) {
  expect_proved(
      [] {
        barrier b(3);
        std::optional<std::size_t> index[3];
        {
          thread first([&] { index[0] = pass_in_time(b); });
          thread second([&] { index[1] = pass_in_time(b); });
          index[2] = pass(b);
        }
        require(index[0].has_value() == index[1].has_value() && index[1].has_value() == index[2].has_value(),
                "the same for all");
      },
      {.preemptions = 1, .spurious_wakeups = 0});
}

// The last to come, or the abort: one was first.
TEST(barrier, AbortAgainstTheLastArrival) {
  expect_proved(
      [] {
        barrier b(2);
        plain<int> reason;
        std::optional<std::size_t> first, second;
        {
          thread aborts([&] {
            reason.construct(1);
            b.abort();
          });
          thread other([&] {
            first = pass(b);
            if (!first) require(reason.read() == 1, "what came before the abort is seen");
          });
          second = pass(b);
          if (!second) require(reason.read() == 1, "what came before the abort is seen");
        }
        require(first.has_value() == second.has_value(), "the same for both");
        require(b.broken(), "for later ones, too");
        require(!pass(b), "refused");
      },
      {.preemptions = 3});
}

TEST(barrier, BrokenSaysWhatCameBefore) {
  expect_proved([] {
    barrier b(2);
    plain<int> reason;
    thread aborts([&] {
      reason.construct(1);
      b.abort();
    });
    if (b.broken()) require(reason.read() == 1, "seen");
  });
}

// A reset sends away who waits, however late they wake up, and lets those pass who come later.
TEST(barrier, ResetAgainstWaiters) {
  expect_proved(
      [] {
        barrier b(2);
        std::optional<std::size_t> sent_away;
        thread waits([&] { sent_away = pass(b); });
        b.reset();  // before it has come, or after
        thread other([&] {
          if (!pass(b)) require(false, "nobody breaks it again");
        });
        waits.join();
        if (!sent_away) require(pass(b).has_value(), "the second of the new round");
        other.join();
        require(!b.broken() && b.waiting() == 0, "as new");
      },
      {.preemptions = 2});
}

// One that was sent away sleeps on, and the next round does not begin without its having left.
TEST(barrier, LateWakerIsNotFooledByTheNextRound) {
  expect_proved(
      [] {
        barrier b(2);
        std::optional<std::size_t> late;
        thread waits([&] { late = pass(b); });
        while (b.waiting() == 0) yield();
        b.abort();
        b.reset();
        const auto next = pass_in_time(b);
        waits.join();
        require(!late && !next, "neither passes alone");
      },
      {.preemptions = 3});
}

// A reset while the action runs: the next round's action begins when this one is over.
TEST(barrier, ActionsDoNotMeet) {
  expect_proved(
      [] {
        plain<int> runs;
        runs.construct(0);
        barrier b(1, [&] { runs.write() += 1; });
        const auto party = [&] { pass(b); };
        {
          thread first(party);
          thread resets([&] { b.reset(); });
          party();
        }
        require(runs.read() == 2, "both ran");
        require(!b.broken(), "as new");
      },
      {.preemptions = 3});
}

TEST(barrier, AbortWhileTheActionRuns) {
  expect_proved(
      [] {
        plain<int> runs;
        runs.construct(0);
        barrier b(2, [&] { runs.write() += 1; });
        std::optional<std::size_t> first, second;
        {
          thread other([&] { first = pass(b); });
          thread aborts([&] { b.abort(); });
          second = pass(b);
        }
        require(first.has_value() == second.has_value(), "the same for both");
        b.reset();
        require(!b.broken(), "as new");
      },
      {.preemptions = 2});
}

// More threads than parties: those who come while an action runs wait for its end.
TEST(barrier, MoreThreadsThanParties) {
  expect_proved(
      [] {
        plain<int> runs;
        runs.construct(0);
        barrier b(1, [&] { runs.write() += 1; });
        {
          thread other([&] { b.wait(); });
          b.wait();
        }
        require(runs.read() == 2, "two rounds");
      },
      {.preemptions = 3});
}

TEST(barrier, QuestionsAndResetsAreLockFree) {
  expect_lock_free([] {
    barrier b(2);
    thread first([&] { b.abort(); });
    thread second([&] {
      b.reset();
      require(b.waiting() <= 2, "a number");
    });
    (void)b.broken();
    b.reset();
  });
}

// Whoever stops for ever, and wherever, one who waits with a limit comes back.
TEST(barrier, LimitsAreKeptWhoeverStops) {
  expect_proved(
      [] {
        barrier b(2, [] {});
        thread other([&] {
          (void)pass_in_time(b);
          b.reset();
        });
        (void)pass_in_time(b);
        (void)pass_in_time(b);
      },
      {.preemptions = 1, .spurious_wakeups = 0, .freeze = true});
}

TEST(barrier, LimitsAreKeptWhoeverStopsOfThree) {
  expect_proved(
      [] {
        barrier b(2, [] {});
        thread first([&] { (void)pass_in_time(b); });
        thread second([&] { b.reset(); });
        (void)pass_in_time(b);
      },
      {.preemptions = 1, .spurious_wakeups = 0, .freeze = true});
}

}  // namespace
}  // namespace switchyard::model
