// Barrier: a fixed number of threads wait for each other, again and again.

#include <chrono>
#include <cstddef>
#include <numeric>
#include <vector>

#include "examples/guide/check.h"
#include "switchyard/blocking/barrier.h"
#include "switchyard/interface/barrier.h"
#include "switchyard/lockfree/barrier.h"
#include "switchyard/threads/thread.h"

using namespace std::chrono_literals;

template <class Barrier>  // of either side
void task_by_task() {
  constexpr int parties = 3;
  std::vector<int> done(parties, 0);
  int rounds = 0;
  Barrier barrier(parties, [&] {  // called by the last to come, before any of them goes on
    check(std::accumulate(done.begin(), done.end(), 0) == parties * ++rounds, "all have come");
  });

  const auto task = [&](std::size_t mine) {
    for (int round = 0; round < 10; ++round) {
      ++done[mine];
      barrier.wait();  // wait until all threads arrive
    }
  };
  std::vector<switchyard::thread> threads;
  for (std::size_t i = 0; i < parties; ++i) threads.emplace_back(task, i);
  for (auto& each : threads) each.get();
  check(rounds == 10, "once a round");
}

template <class Barrier>
void one_who_gives_up_breaks_it() {
  Barrier barrier(2);
  try {
    barrier.wait_for(1ms);  // the other does not come
    check(false, "broken");
  } catch (const switchyard::broken_barrier&) {
    check(barrier.broken(), "for everybody, until it is reset");
  }
  barrier.reset();
  switchyard::thread other([&] { barrier.wait(); });
  barrier.wait();
  other.get();
}

int main() {
  task_by_task<switchyard::blocking::barrier>();
  task_by_task<switchyard::lockfree::barrier>();
  one_who_gives_up_breaks_it<switchyard::blocking::barrier>();
  one_who_gives_up_breaks_it<switchyard::lockfree::barrier>();
}
