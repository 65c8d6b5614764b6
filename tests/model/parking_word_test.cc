// semaphore, event and latch under the model checker: nobody sleeps for ever, nothing is passed twice, and whoever has
// passed may destroy the object.

#include "switchyard/lockfree/detail/parking_word.h"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>

#include "switchyard/atomics/atomic.h"
#include "switchyard/atomics/plain.h"
#include "switchyard/interface/deadline.h"
#include "switchyard/lockfree/event.h"
#include "switchyard/lockfree/latch.h"
#include "switchyard/lockfree/semaphore.h"
#include "tests/model/model_support.h"

namespace switchyard::model {
namespace {

using lockfree::bounded_semaphore;
using lockfree::event;
using lockfree::latch;
using lockfree::semaphore;
using lockfree::detail::parking_word;

constexpr auto take_one = [](std::uint32_t now) { return now != 0 ? std::optional(now - 1) : std::nullopt; };
constexpr auto give_one = [](std::uint32_t now) { return parking_word::change{.to = now + 1, .wakes = 1}; };

// What was written before the release is read after the acquisition, and the semaphore may go at once.
TEST(semaphore, PublishesAndMayBeDestroyed) {
  expect_proved(
      [] {
        auto s = std::make_unique<semaphore>(0);
        plain<int> data;
        data.construct(0);
        thread releaser([&, &there = *s] {
          data.write() = 1;
          there.release();
        });
        s->acquire();
        require(data.read() == 1, "the data is there");
        s.reset();
      },
      {.preemptions = 3});
}

TEST(semaphore, TryAcquirePublishesToo) {
  expect_proved([] {
    semaphore s(0);
    plain<int> data;
    data.construct(0);
    thread releaser([&] {
      data.write() = 1;
      s.release();
    });
    if (s.try_acquire()) require(data.read() == 1, "the data is there");
  });
}

// A permit that went through another thread's hands orders what the first had written before it.
TEST(semaphore, HandsOnThroughAThird) {
  expect_proved(
      [] {
        semaphore s(0);
        plain<int> data;
        data.construct(0);
        thread first([&] {
          data.write() = 1;
          s.release(2);
        });
        thread between([&] { s.acquire(); });
        s.acquire();
        require(data.read() == 1, "the data is there");
      },
      {.preemptions = 2});
}

TEST(semaphore, OneReleaseOfTwoWakesTwo) {
  expect_proved(
      [] {
        semaphore s(0);
        thread first([&] { s.acquire(); });
        thread second([&] { s.acquire(); });
        s.release(2);
      },
      {.preemptions = 2});
}

TEST(semaphore, TwoReleasesWakeTwo) {
  expect_proved(
      [] {
        semaphore s(0);
        thread first([&] { s.acquire(); });
        thread second([&] { s.acquire(); });
        s.release();
        s.release();
      },
      {.preemptions = 2});
}

// One gives up while a permit comes: it has it, or it is left for the next.
TEST(semaphore, GivingUpLosesNoPermit) {
  expect_proved(
      [] {
        semaphore s(0);
        bool had = false;
        thread impatient([&] { had = s.try_acquire_for(std::chrono::milliseconds(1)); });
        thread releaser([&] { s.release(); });
        impatient.join();
        releaser.join();
        require(s.value() == (had ? 0 : 1), "one permit");
      },
      {.preemptions = 3});
}

// The wake-up for a permit must not be spent on one that gives up.
TEST(semaphore, GivingUpTakesNobodysWakeUp) {
  expect_proved(
      [] {
        semaphore s(0);
        thread impatient([&] {
          if (s.try_acquire_for(std::chrono::milliseconds(1))) s.release();
        });
        thread patient([&] { s.acquire(); });
        s.release();
      },
      {.preemptions = 2});
}

TEST(semaphore, BoundedIsNeverAboveItsBound) {
  expect_proved(
      [] {
        bounded_semaphore s(1);
        const auto use = [&] {
          s.acquire();
          require(s.value() == 0, "one at a time");
          s.release();
        };
        thread other(use);
        use();
      },
      {.preemptions = 3});
}

// A stopped thread holds nobody up who does not wait.
TEST(semaphore, IsLockFree) {
  expect_lock_free([] {
    semaphore s(2);
    const auto use = [&] {
      if (s.try_acquire()) s.release();
    };
    thread first(use);
    thread second(use);
  });
}

TEST(event, SetWakesEverybodyAndPublishes) {
  expect_proved(
      [] {
        event e;
        plain<int> data;
        data.construct(0);
        const auto wait = [&] {
          e.wait();
          require(data.read() == 1, "the data is there");
        };
        thread first(wait);
        thread second(wait);
        data.write() = 1;
        e.set();
      },
      {.preemptions = 2});
}

// The one who waited before the pulse passes, cleared or not. (Whether it did is known only from a second set.)
TEST(event, PulseLetsWaitersPass) {
  expect_proved(
      [] {
        event e;
        thread waiter([&] { e.wait(); });
        e.set();
        e.clear();
        e.set();
        e.clear();
        require(!e.is_set(), "cleared");
        e.set();
      },
      {.preemptions = 3});
}

TEST(event, ClearSeesWhatCameBeforeTheSetThatItTakesBack) {
  expect_proved(
      [] {
        event e;
        atomic<int> data{0};
        thread setter([&] {
          data.store(1, memory_order_relaxed);
          e.set();
        });
        e.wait();
        e.clear();
        require(data.load(memory_order_relaxed) == 1, "not lost");
      },
      {.preemptions = 3});
}

TEST(event, ASecondSetPublishesToo) {
  expect_proved(
      [] {
        event e(true);
        atomic<int> said{0};
        plain<int> data;
        data.construct(0);
        thread setter([&] {
          data.write() = 1;
          e.set();
          said.store(1, memory_order_relaxed);
        });
        if (said.load(memory_order_relaxed) == 1) {
          e.clear();
          require(data.read() == 1, "the data is there");
        }
      },
      {.preemptions = 3});
}

TEST(event, IsLockFree) {
  expect_lock_free([] {
    event e;
    const auto use = [&] {
      e.set();
      e.clear();
    };
    thread first(use);
    thread second(use);
  });
}

TEST(latch, CollectsTheWorkOfAllAndMayBeDestroyed) {
  expect_proved(
      [] {
        auto l = std::make_unique<latch>(2);
        plain<int> data[2];
        const auto work = [&, &there = *l](int i) {
          data[i].construct(1);
          there.count_down();
        };
        thread first([&, work] { work(0); });
        thread second([&, work] { work(1); });
        l->wait();
        require(data[0].read() == 1 && data[1].read() == 1, "the work is there");
        l.reset();
      },
      {.preemptions = 2});
}

TEST(latch, TryWaitPublishes) {
  expect_proved([] {
    latch l(1);
    plain<int> data;
    thread other([&] {
      data.construct(1);
      l.count_down();
    });
    if (l.try_wait()) require(data.read() == 1, "the work is there");
  });
}

TEST(latch, ArriveAndWait) {
  expect_proved(
      [] {
        latch l(2);
        thread other([&] { l.arrive_and_wait(); });
        l.arrive_and_wait();
      },
      {.preemptions = 3});
}

// A pass that meant to change the number may find, as its compare-and-swap fails, one that it need not change.
TEST(parking_word, SeesWhatItFindsAfterALostRace) {
  expect_proved([] {
    parking_word word(1);
    plain<int> data;
    thread other([&] {
      data.construct(1);
      word.update([](std::uint32_t) { return parking_word::change{.to = 3, .wakes = 0}; });
    });
    std::uint32_t found = 0;
    word.try_pass([&](std::uint32_t now) {
      found = now;
      return std::optional<std::uint32_t>(now == 1 ? 2 : now);
    });
    if (found == 3) require(data.read() == 1, "the data is there");
  });
}

// The interruption comes before, while or after the thread waits; both come to their end.
TEST(parking_word, InterruptionEndsAWait) {
  expect_proved(
      [] {
        parking_word word(0);
        parking_word::interruption asked;
        thread stopper([&] { asked.ask(word); });
        const parking_word::interruption::sensitive while_waiting(asked);
        require(!word.pass_unless(asked, take_one), "nothing to take");
      },
      {.preemptions = 3, .spurious_wakeups = 0});
}

TEST(parking_word, InterruptionRacesWithAnUpdate) {
  expect_proved(
      [] {
        parking_word word(0);
        parking_word::interruption asked;
        thread stopper([&] { asked.ask(word); });
        thread giver([&] { word.update(give_one); });
        bool passed = false;
        {
          const parking_word::interruption::sensitive while_waiting(asked);
          passed = word.pass_unless(asked, take_one);
        }
        giver.join();
        require(word.look() == (passed ? 0 : 1), "taken or there");
      },
      {.preemptions = 2});
}

}  // namespace
}  // namespace switchyard::model
