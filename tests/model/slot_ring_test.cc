// The ring under bounded_queue, used directly: reservations, and several puts or takes in a row.
//
// What a queue shows of it is in bounded_queue_test.

#include "switchyard/lockfree/detail/slot_ring.h"

#include <cstdint>
#include <memory>

#include "switchyard/atomics/plain.h"
#include "switchyard/interface/conqueue_status.h"
#include "tests/model/model_support.h"

namespace switchyard::model {
namespace {

using lockfree::detail::start_at;
using ring = lockfree::detail::slot_ring<std::allocator<int>>;
using enum conqueue_status;

ring make(std::size_t size, std::uint64_t laps = 0) { return ring(size, start_at{laps}, {}); }

bool put(ring& r, std::uint64_t word) { return r.try_put(word) == success; }
// What was taken; 0: nothing.
std::uint64_t take(ring& r) {
  std::uint64_t word = 0;
  return r.try_take(word) == success ? word : 0;
}
// A put of its own room, or none.
bool reserve_and_put(ring& r, std::uint64_t word) {
  if (!r.reserve()) return false;
  require(put(r, word), "what was reserved fits");
  return true;
}

TEST(slot_ring_model, WhatWasReservedFits) {
  for (const std::size_t size : {1U, 2U}) {
    expect_proved(
        [size] {
          ring r = make(size, static_cast<std::uint64_t>(-1));
          if (size == 2) require(reserve_and_put(r, 1), "room");
          require(reserve_and_put(r, 2), "room");
          int done = 0;
          int taken = 0;
          {
            thread first([&] { done += reserve_and_put(r, 3); });
            thread consumer([&] {
              taken += take(r) != 0;
              taken += take(r) != 0;
            });
            done += reserve_and_put(r, 4);
          }
          while (take(r) != 0) ++taken;
          require(taken == done + static_cast<int>(size), "each once");
        },
        {.preemptions = 4});
  }
}

// The room of one who reserved later may be used before; who comes last has not itself seen the take that made it.
TEST(slot_ring_model, ReservationsAreUsedInAnyOrder) {
  expect_proved(
      [] {
        ring r = make(2);
        require(reserve_and_put(r, 1) && reserve_and_put(r, 2), "room");
        require(take(r) == 1, "in order");
        require(r.reserve(), "room");
        thread other([&] {
          require(take(r) == 2, "in order");
          require(reserve_and_put(r, 3), "room for it besides");
        });
        require(put(r, 4), "what was reserved fits");
      },
      {.preemptions = unlimited});
}

TEST(slot_ring_model, WhatIsGivenBackCanBeReserved) {
  expect_proved([] {
    ring r = make(1);
    require(r.reserve(), "room");
    bool other_has = false;
    thread other([&] { other_has = r.reserve(); });
    r.give_back();
    const bool again = r.reserve();
    other.join();
    require(again != other_has, "one has it, not two");
  });
  expect_proved([] {
    ring r = make(2, static_cast<std::uint64_t>(-1));
    require(r.reserve() && r.reserve() && !r.reserve(), "room for two");
    thread other([&] { r.give_back(); });
    r.give_back();
    other.join();
    require(r.reserve() && r.reserve() && !r.reserve(), "room for two");
  });
}

// After `empty`: if nothing is reserved, then there is nobody who had reserved before.
TEST(slot_ring_model, NothingReservedIsNothingToCome) {
  expect_proved(
      [] {
        ring r = make(2);
        require(r.reserve(), "room");
        thread producer([&] {
          require(put(r, 1), "what was reserved fits");
          if (r.reserve()) r.give_back();
        });
        std::uint64_t word = 0;
        ring::taker from(r);
        const bool first = from.try_take(word) == success;
        if (!first && from.nothing_is_reserved()) require(false, "the one to come was overlooked");
      },
      {.preemptions = unlimited});
}

// Several in a row share one look at the hint, and one move of it.
TEST(slot_ring_model, SeveralInARowAreAsGoodAsOneByOne) {
  expect_proved(
      [] {
        ring r = make(2, static_cast<std::uint64_t>(-1));
        std::uint64_t pushed = 0;
        thread producer([&] {
          ring::putter to(r);
          for (std::uint64_t i = 1; i <= 3; ++i) {
            std::uint64_t word = i;
            if (to.try_put(word) != success) break;
            pushed = i;
          }
        });
        std::uint64_t last = 0;
        {
          ring::taker from(r);
          for (int i = 0; i < 2; ++i) {
            std::uint64_t word = 0;
            if (from.try_take(word) == success) require(word == ++last, "in order");
          }
        }
        producer.join();
        for (std::uint64_t word; (word = take(r)) != 0;) require(word == ++last, "in order");
        require(last == pushed, "nothing is lost");
      },
      {.preemptions = unlimited});
  expect_proved(
      [] {
        ring r = make(2);
        plain<int> before[2];
        const auto two = [&](std::uint64_t name) {
          before[name].construct(7);
          ring::putter to(r);
          std::uint64_t first = name + 1;
          std::uint64_t second = name + 3;
          (void)to.try_put(first);
          (void)to.try_put(second);
        };
        thread first([&] { two(0); });
        thread second([&] { two(1); });
        ring::taker from(r);
        for (int i = 0; i < 2; ++i) {
          std::uint64_t word = 0;
          if (from.try_take(word) != success) continue;
          require(before[(word - 1) % 2].read() == 7, "seen");
        }
      },
      {.preemptions = 3});
}

// Who is refused beforehand is told what a put would be.
TEST(slot_ring_model, RefusalIsWhatAPutIsTold) {
  expect_proved([] {
    ring r = make(1);
    require(put(r, 1), "room");
    thread consumer([&] { require(take(r) == 1, "there"); });
    ring::putter to(r);
    const conqueue_status told = to.refusal();
    std::uint64_t word = 2;
    const conqueue_status done = to.try_put(word);
    if (told == success) require(done == success, "nobody else puts");
    consumer.join();
    require(to.refusal() == (done == success ? full : success), "exact when all is quiet");
  });
  expect_proved([] {
    ring r = make(1);
    thread closer([&] { r.close(); });
    ring::putter to(r);
    if (to.refusal() == closed) {
      std::uint64_t word = 2;
      require(to.try_put(word) == closed, "for good");
    }
  });
}

TEST(slot_ring_model, IsLockFree) {
  expect_lock_free(
      [] {
        ring r = make(1);
        const auto reserve_and_give_back = [&] {
          if (r.reserve()) r.give_back();
        };
        thread first(reserve_and_give_back);
        thread second([&] { (void)reserve_and_put(r, 1); });
        thread third([&] { (void)take(r); });
      },
      1);
}

}  // namespace
}  // namespace switchyard::model
