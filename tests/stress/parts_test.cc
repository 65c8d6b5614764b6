// What queues are made of, and counters, under stress: threads that come and go, that use them while they
// end, and whose allocations fail; a close at a random time.

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <numeric>
#include <stdexcept>
#include <thread>
#include <vector>

#include "switchyard/atomics/atomic.h"
#include "switchyard/atomics/fetch.h"
#include "switchyard/blocking/counter.h"
#include "switchyard/blocking/sharded_counter.h"
#include "switchyard/interface/deadline.h"
#include "switchyard/lockfree/close_gate.h"
#include "switchyard/lockfree/counter.h"
#include "switchyard/lockfree/event_count.h"
#include "switchyard/lockfree/sharded_counter.h"
#include "switchyard/tests/stress/stress.h"
#include "switchyard/threads/per_thread.h"

namespace switchyard::stress {
namespace {

/// For each place something that only the threads there use, one after another.
template <class T>
using by_place = std::array<T, static_cast<std::size_t>(places)>;

/// Calls `call` with what has been arranged for this thread to fail. False: it did, by std::bad_alloc.
template <class Call>
bool succeeds(Call call) {
  try {
    const misfortune::possible here;
    call();
    return true;
  } catch (const std::bad_alloc&) {
    return false;
  }
}

/// Until no more than one call has failed.
template <class Call>
void insist(Call call) {
  if (!succeeds(call)) call();
}

// ---- per_thread

class per_thread_stress : public stress_test {};

struct cell {
  atomic<bool> in_use{false};
  std::int64_t value = 0;  // not atomic: who takes the cell over must see it
};

/// A cell is never two threads' at a time, and what one thread has left in it the next one finds.
TEST_F(per_thread_stress, CellsAreHandedOn) {
  for_seeds(scaled(60), [](std::uint64_t seed) {
    const std::int64_t before = misfortune::blocks();
    in_threads(1, [&](int) {
      auto object = std::make_unique<per_thread<cell>>();
      by_place<std::int64_t> added{};
      by_place<int> lives{};
      by_place<std::unique_ptr<per_thread<cell>>> short_lived;
      atomic<int> late{0};
      const auto add = [&](std::size_t place, random_source& random) {
        cell* mine = nullptr;
        if (!succeeds([&] { mine = &object->local(); })) return;
        EXPECT_FALSE(mine->in_use.exchange(true, memory_order_relaxed)) << "the cell is another's";
        ++mine->value;
        stagger(random);
        ++added[place];
        mine->in_use.store(false, memory_order_relaxed);
      };
      come_and_go(places, seed, [&](int number, random_source& random) {
        const auto place = static_cast<std::size_t>(number);
        misfortune::in(static_cast<int>(random() % 8));
        for (auto left = random() % 20; left != 0; --left) {
          stagger(random);
          add(place, random);
          // Others come and go, some before and some after the thread that used them.
          if (random() % 4 == 0) short_lived[place] = std::make_unique<per_thread<cell>>();
          if (short_lived[place]) succeeds([&] { ++short_lived[place]->local().value; });
        }
        if (random() % 8 == 0) {
          late.fetch_add(1, memory_order_relaxed);
          say_last([&, place] { add(place, random); });
        }
        return ++lives[place] < 12;
      });
      std::int64_t left = 0;
      int cells = 0;
      object->for_each([&](const cell& each) {
        left += each.value;
        ++cells;
      });
      EXPECT_EQ(left, std::accumulate(added.begin(), added.end(), std::int64_t{0}));
      EXPECT_LE(cells, places + late.load(memory_order_relaxed)) << "cells of ended threads were not taken";
    });
    EXPECT_EQ(misfortune::blocks(), before) << "more: leaked";
  });
}

TEST_F(per_thread_stress, EveryAllocationFailsInTurn) {
  fail_in_turn(40, [] {
    std::vector<std::unique_ptr<per_thread<cell>>> objects;
    for (int i = 0; i < 40; ++i) {
      auto& object = *objects.emplace_back(std::make_unique<per_thread<cell>>());
      const auto cells = [&] {
        int n = 0;
        object.for_each([&](const cell&) { ++n; });
        return n;
      };
      const bool joined = succeeds([&] { object.local(); });
      EXPECT_EQ(cells(), joined ? 1 : 0);
      object.local().value = i;
      EXPECT_EQ(cells(), 1);
      if (i % 3 == 0) objects.erase(objects.begin());
    }
    const int gone = 40 - static_cast<int>(objects.size());
    for (int i = gone; i < 40; ++i) EXPECT_EQ(objects[static_cast<std::size_t>(i - gone)]->local().value, i);
  });
}

// ---- Counters

template <class Counter>
class counter_stress : public stress_test {};
using counters = ::testing::Types<lockfree::counter, lockfree::sharded_counter, blocking::counter,
                                  blocking::sharded_counter>;
TYPED_TEST_SUITE(counter_stress, counters);

/// Everybody adds, and now and then somebody takes all: every addition is taken once, or is there at the end.
TYPED_TEST(counter_stress, EveryAdditionCountsOnce) {
  this->for_seeds(scaled(60), [](std::uint64_t seed) {
    TypeParam counter(5);
    by_place<std::int64_t> added{};
    by_place<std::int64_t> taken{};
    by_place<int> lives{};
    come_and_go(places, seed, [&](int number, random_source& random) {
      const auto place = static_cast<std::size_t>(number);
      const auto add = [&counter, &added, place](std::int64_t n) {
        if (succeeds([&] { counter.add(n); })) added[place] += n;
      };
      misfortune::in(static_cast<int>(random() % 4));
      for (auto left = random() % 40; left != 0; --left) {
        stagger(random);
        add(static_cast<std::int64_t>(random() % 1000) - 300);
        if (random() % 8 == 0) taken[place] += counter.exchange(0);
      }
      if (random() % 8 == 0) say_last([add] { add(7); });
      return ++lives[place] < 12;
    });
    EXPECT_EQ(std::accumulate(taken.begin(), taken.end(), counter.load()),
              std::accumulate(added.begin(), added.end(), std::int64_t{5}));
  });
}

TEST(sharded_counter_stress, AnAdditionWithoutMemoryAddsNothing) {
  fail_in_turn(2, [] {
    lockfree::sharded_counter counter;
    counter.exchange(3);
    if (!succeeds([&] { counter.add(4); })) {
      EXPECT_EQ(counter.load(), 3);
      counter.add(4);
    }
    EXPECT_EQ(counter.load(), 7);
  });
}

// ---- event_count

class event_count_stress : public stress_test {};

/// Tokens that half of the places give and the others take, waiting in every way that there is. Now and then
/// who gives one waits until all have been taken: for ever, if a wake-up was lost. (With one to take them it
/// always does, as nobody else makes up for a loss.) Then somebody closes.
TEST_F(event_count_stress, EveryTokenIsTakenAndEveryWaiterReturns) {
  for_seeds(scaled(80), [](std::uint64_t seed) {
    lockfree::event_count event;
    atomic<int> tokens{0};
    atomic<int> given{0};
    atomic<int> taken{0};
    atomic<bool> closed{false};
    const int half = seed % 3 == 0 ? 1 : places / 2;
    atomic<int> givers{half};
    const bool some_time_out = seed % 2 == 0;
    by_place<int> lives{};

    const auto give = [&](random_source& random) {
      const int n = random() % 8 == 0 ? 3 : 1;
      const int all = given.fetch_add(n, memory_order_relaxed) + n;
      tokens.fetch_add(n, memory_order_release);
      n == 1 ? event.notify_one() : event.notify(3);
      if (half != 1 && random() % 4 != 0) return;
      while (taken.load(memory_order_relaxed) < all) wait_a_little();
    };
    const auto is_ready = [&](random_source& random) {
      if (try_fetch_add(tokens, -1, 0, memory_order_acquire)) {
        taken.fetch_add(1, memory_order_relaxed);
        return true;
      }
      const bool ends = closed.load(memory_order_acquire);
      stagger(random);  // it comes now, unseen
      return ends;
    };
    const auto wait = [&](random_source& random) {
      const auto ready = [&] { return is_ready(random); };
      const auto way = random() % 4;
      if (way == 0 && some_time_out) {
        event.await_until(deadline::after(std::chrono::microseconds(random() % 60)), ready);
      } else if (way == 1) {
        // The long form; sometimes it has second thoughts.
        const auto key = event.prepare_wait();
        if (ready() || random() % 4 == 0) return event.cancel_wait(key);
        event.commit_wait(key);
      } else if (way == 2) {
        int looks = static_cast<int>(random() % 4);
        try {
          event.await([&] { return looks-- == 0 ? throw std::runtime_error("enough") : ready(); });
        } catch (const std::runtime_error&) {
        }
      } else {
        event.await(ready);
      }
    };

    come_and_go(2 * half, seed, [&](int number, random_source& random) {
      const bool gives = number < half;
      for (auto left = random() % 30; left != 0; --left) {
        stagger(random);
        gives ? give(random) : wait(random);
      }
      if (!gives) return !closed.load(memory_order_acquire);
      if (++lives[static_cast<std::size_t>(number)] < 8) return true;
      if (givers.fetch_sub(1, memory_order_relaxed) == 1) {
        while (taken.load(memory_order_relaxed) < given.load(memory_order_relaxed)) wait_a_little();
        closed.store(true, memory_order_release);
        event.notify_all();
      }
      return false;
    });
    EXPECT_EQ(taken.load(memory_order_relaxed), given.load(memory_order_relaxed));
    EXPECT_EQ(tokens.load(memory_order_relaxed), 0);
  });
}

// ---- close_gate

class close_gate_stress : public stress_test {};

/// Once somebody has found the gate drained, nobody is inside or gets in, and what was done inside is seen.
TEST_F(close_gate_stress, WhatWasDoneInsideIsCompleteWhenDrained) {
  for_seeds(scaled(100), [](std::uint64_t seed) {
    lockfree::close_gate gate;
    by_place<std::int64_t> done{};  // not atomic: the gate must order it
    atomic<unsigned> visits{0};
    const auto visit = [&](int place, random_source& random) {
      bool open = true;
      // Without memory there is no pass, and nothing has happened.
      succeeds([&] {
        const auto pass = gate.enter();
        open = static_cast<bool>(pass);
        if (!open) return;
        stagger(random);
        ++done[static_cast<std::size_t>(place)];
      });
      visits.fetch_add(1, memory_order_relaxed);
      return open;
    };
    const auto close = [&](random_source& random) {
      const auto when = random() % 300;
      while (visits.load(memory_order_relaxed) < when && !gate.is_closed()) wait_a_little();
      gate.close();
    };
    const auto wait_and_count = [&] {
      while (!gate.is_drained()) wait_a_little();
      return std::accumulate(done.begin(), done.end(), std::int64_t{0});
    };
    std::array<std::int64_t, 2> at_close{};
    come_and_go(places + 2, seed, [&](int place, random_source& random) {
      if (place >= places) {
        // The second closes, too, or only watches.
        if (place == places || seed % 2 == 0) close(random);
        at_close[static_cast<std::size_t>(place - places)] = wait_and_count();
        return false;
      }
      misfortune::in(static_cast<int>(random() % 4));
      if (random() % 8 == 0) say_last([&, place] { visit(place, random); });
      bool open = true;
      for (auto left = random() % 20; left != 0 && open; --left) {
        stagger(random);
        open = visit(place, random);
      }
      return open;
    });
    const std::int64_t in_the_end = std::accumulate(done.begin(), done.end(), std::int64_t{0});
    for (const std::int64_t seen : at_close) EXPECT_EQ(seen, in_the_end) << "somebody was still inside";
    EXPECT_FALSE(gate.enter());
  });
}

TEST_F(close_gate_stress, EveryAllocationFailsInTurn) {
  fail_in_turn(2, [] {
    lockfree::close_gate gate;
    insist([&] { EXPECT_TRUE(gate.enter()); });
    gate.close();
    EXPECT_TRUE(gate.is_drained());
    EXPECT_FALSE(gate.enter());
  });
}

}  // namespace
}  // namespace switchyard::stress
