#include "switchyard/lockfree/close_gate.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <memory>
#include <thread>
#include <vector>

#include "switchyard/atomics/atomic.h"

namespace switchyard::lockfree {
namespace {

TEST(CloseGate, IsOpenUntilClosed) {
  close_gate gate;
  EXPECT_TRUE(gate.enter());
  EXPECT_FALSE(gate.is_closed());
  EXPECT_FALSE(gate.is_drained());
  gate.close();
  EXPECT_TRUE(gate.is_closed());
  EXPECT_TRUE(gate.is_drained());
  EXPECT_FALSE(gate.enter());
  gate.close();
  EXPECT_TRUE(gate.is_drained());
}

TEST(CloseGate, IsNotDrainedWhileSomebodyIsInside) {
  close_gate gate;
  {
    const auto outer = gate.enter();
    {
      const auto inner = gate.enter();  // a push whose element pushes another
      gate.close();
      EXPECT_TRUE(inner);
      EXPECT_FALSE(gate.is_drained());
    }
    EXPECT_FALSE(gate.is_drained());
  }
  EXPECT_TRUE(gate.is_drained());
}

TEST(CloseGate, NotesAnotherThreadInside) {
  close_gate gate;
  atomic<bool> inside{false};
  atomic<bool> leave{false};
  std::thread visitor([&] {
    const auto pass = gate.enter();
    inside.store(true);
    while (!leave.load()) yield();
  });
  while (!inside.load()) yield();
  gate.close();
  EXPECT_FALSE(gate.is_drained());
  leave.store(true);
  visitor.join();
  EXPECT_TRUE(gate.is_drained());
}

// Once drained, what was done inside is complete and visible, and nobody gets in any more.
template <class Gate, class Enter, class Drained>
void race_to_close(int visitors, Gate make, Enter enter, Drained drained) {
  for (int round = 0; round < 300; ++round) {
    auto gate = make();
    std::vector<long> done(static_cast<std::size_t>(visitors), 0);  // not atomic: the gate must order it
    atomic<int> started{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < visitors; ++i) {
      threads.emplace_back([&, i] {
        started.fetch_add(1);
        while (enter(*gate, [&] { ++done[static_cast<std::size_t>(i)]; })) {
        }
      });
    }
    while (started.load() < visitors) spin_pause();
    for (int pause = 0; pause < round % 50; ++pause) spin_pause();
    gate->close();
    while (!drained(*gate)) yield();
    const std::vector<long> at_close = done;
    for (auto& thread : threads) thread.join();
    ASSERT_EQ(done, at_close) << "somebody was still inside in round " << round;
  }
}

TEST(CloseGate, NobodyIsInsideOnceDrained) {
  race_to_close(
      2, [] { return std::make_unique<close_gate>(); },
      [](close_gate& gate, auto visit) {
        const auto pass = gate.enter();
        if (pass) visit();
        return static_cast<bool>(pass);
      },
      [](const close_gate& gate) { return gate.is_drained(); });
}

struct single_gate {
  close_flag flag;
  entrance door;
  void close() { flag.close(); }
};

TEST(CloseFlag, NobodyIsInsideASingleEntranceOnceSettled) {
  race_to_close(
      1, [] { return std::make_unique<single_gate>(); },
      [](single_gate& gate, auto visit) {
        const auto pass = gate.door.enter(gate.flag);
        if (pass) visit();
        return static_cast<bool>(pass);
      },
      [](const single_gate& gate) { return gate.flag.is_settled() && gate.door.is_empty(); });
}

TEST(CloseFlag, SeveralMayClose) {
  for (int round = 0; round < 500; ++round) {
    close_flag flag;
    std::thread other([&] { flag.close(); });
    flag.close();
    EXPECT_TRUE(flag.is_closed());
    EXPECT_TRUE(flag.is_settled());
    other.join();
  }
}

}  // namespace
}  // namespace switchyard::lockfree
