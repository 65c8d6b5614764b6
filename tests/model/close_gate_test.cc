// close_gate, and the cells per thread that it stands on, under the model checker.

#include "switchyard/lockfree/close_gate.h"

#include "switchyard/atomics/atomic.h"
#include "switchyard/atomics/of_this_thread.h"
#include "switchyard/atomics/plain.h"
#include "switchyard/threads/per_thread.h"
#include "tests/model/model_support.h"

namespace switchyard::model {
namespace {

using lockfree::close_gate;

// What happens inside happens before is_drained.
TEST(close_gate, NothingInsideIsMissed) {
  expect_proved([] {
    close_gate gate;
    plain<int> inside;
    bool entered = false;
    thread pusher([&] {
      if (auto pass = gate.enter()) {
        inside.construct(1);
        entered = true;
      }
    });
    gate.close();
    if (gate.is_drained()) {
      // Whoever got in has left, and nobody follows: `entered` may be read.
      if (entered) require(inside.read() == 1, "seen");
    }
    pusher.join();
    require(gate.is_drained(), "all have left");
  });
}

// Being refused later does not hide what was done before.
TEST(close_gate, ComingBackHidesNothing) {
  expect_proved([] {
    close_gate gate;
    plain<int> inside;
    bool entered = false;
    thread pusher([&] {
      if (auto pass = gate.enter()) {
        inside.construct(1);
        entered = true;
      }
      (void)gate.enter();
    });
    gate.close();
    if (gate.is_drained() && entered) require(inside.read() == 1, "seen");
  });
}

TEST(close_gate, WhoIsRefusedSeesWhy) {
  expect_proved([] {
    close_gate gate;
    plain<int> reason;
    thread closer([&] {
      reason.construct(1);
      gate.close();
    });
    thread looker([&] {
      if (gate.is_closed()) require(reason.read() == 1, "seen");
    });
    if (!gate.enter()) require(reason.read() == 1, "seen");
  });
}

TEST(close_gate, TwoClosersAndALooker) {
  expect_proved(
      [] {
        close_gate gate;
        plain<int> inside;
        bool entered = false;
        thread pusher([&] {
          if (auto pass = gate.enter()) {
            inside.construct(1);
            entered = true;
          }
        });
        thread closer([&] { gate.close(); });
        thread looker([&] {
          if (gate.is_drained() && entered) require(inside.read() == 1, "seen");
        });
        gate.close();
        if (gate.is_drained() && entered) require(inside.read() == 1, "seen");
      },
      {.preemptions = 2});
}

// Once closed and drained, for ever: no pass is given out later.
TEST(close_gate, StaysDrained) {
  expect_proved(
      [] {
        close_gate gate;
        atomic<bool> done{false};
        const auto enter = [&] {
          if (auto pass = gate.enter()) require(!done.load(memory_order_relaxed), "nobody is inside");
        };
        thread first(enter);
        thread second(enter);
        gate.close();
        if (gate.is_drained()) done.store(true, memory_order_relaxed);
      },
      {.preemptions = 2});
}

TEST(close_gate, IsWaitFree) {
  const auto body = [] {
    close_gate gate;
    thread pusher([&] {
      (void)gate.enter();
      within_steps(5, [&] { (void)gate.enter(); });
    });
    thread closer([&] { within_steps(5, [&] { gate.close(); }); });
    thread looker([&] { within_steps(6, [&] { (void)gate.is_drained(); }); });
  };
  expect_proved(body, {.preemptions = 2});
  expect_lock_free(body);
}

// A cell has one owner at a time, and comes with what the last one left in it.
TEST(per_thread, CellsAreHandedOnWhole) {
  expect_proved(
      [] {
        struct cell {
          plain<int> value;
          bool used = false;
        };
        per_thread<cell> cells;
        const auto use = [&] {
          cell& mine = cells.local();
          if (!mine.used) mine.value.construct(0);
          mine.used = true;
          mine.value.write() += 1;
        };
        {
          thread first(use);
          thread second(use);
        }
        {
          thread third(use);  // takes a cell over
        }
        int sum = 0;
        cells.for_each([&](const cell& c) { sum += c.used ? c.value.read() : 0; });
        require(sum == 3, "nothing is lost");
      },
      {.preemptions = 2});
}

// The object may end before the threads that used it, and the other way round; the cell goes with the last.
TEST(per_thread, CellOutlivesNeitherForGood) {
  expect_proved(
      [] {
        auto* const cells = new per_thread<atomic<int>>;
        atomic<bool> used{false};
        thread user([&] {
          cells->local().store(1, memory_order_relaxed);
          used.store(true, memory_order_release);
        });
        while (!used.load(memory_order_acquire)) spin_pause();
        delete cells;
      },
      {.preemptions = 3});
}

// Used by an object of the thread that ends after the thread's own list of cells has.
struct late {
  per_thread<atomic<int>>* first = nullptr;
  per_thread<atomic<int>>* second = nullptr;
  ~late() {
    if (first == nullptr) return;
    for (auto* const cells : {first, second, first}) {
      atomic<int>& mine = cells->local();
      mine.store(mine.load(memory_order_relaxed) + 1, memory_order_relaxed);
    }
  }
};
TEST(per_thread, WorksPastTheEndOfAThread) {
  expect_proved(
      [] {
        per_thread<atomic<int>> first;
        per_thread<atomic<int>> second;
        const auto use = [&] {
          auto& last = of_this_thread<late>();
          (void)first.local();
          last.first = &first;
          last.second = &second;
        };
        {
          thread one(use);
          thread other(use);
        }
        int sum = 0;
        int count = 0;
        first.for_each([&](const atomic<int>& c) {
          sum += c.load(memory_order_relaxed);
          ++count;
        });
        require(sum == 4, "nothing is lost");
        require(count <= 4, "and no cell is made for each call");
      },
      {.preemptions = 2});
}

TEST(per_thread, TakingOverRacesWithJoining) {
  expect_proved(
      [] {
        per_thread<atomic<int>> cells;
        const auto add = [&] {
          atomic<int>& mine = cells.local();
          mine.store(mine.load(memory_order_relaxed) + 1, memory_order_relaxed);
        };
        thread first(add);
        thread second(add);
        thread third(add);
        first.join();
        second.join();
        third.join();
        int sum = 0;
        cells.for_each([&](const atomic<int>& c) { sum += c.load(memory_order_relaxed); });
        require(sum == 3, "nothing is lost");
      },
      {.preemptions = 2});
}

}  // namespace
}  // namespace switchyard::model
