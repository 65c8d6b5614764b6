// Workloads without a text: elements of a given size through a queue, as fast as they can or when they are due.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "switchyard/adapters/registry.h"
#include "switchyard/benchmarks/compare/items.h"
#include "switchyard/benchmarks/compare/runner.h"
#include "switchyard/benchmarks/compare/workload.h"

namespace switchyard::compare {

template <std::size_t Size>
using item_queue_entry = typename adapters::queue_registry<item<Size>>::entry;

/// What consumers do besides checking what they pop.
enum class measured {
  throughput,  ///< nothing
  latency      ///< look at the clock, and note how long ago the item was due
};

/// Producers push numbered items, by the layout's schedule or, without one, as fast as they can until the time is over;
/// consumers check that each item is whole, comes once, and comes in its producer's order where the queue promises it. The
/// last producer closes the queue. The queues must be able to run so (`why_not`). Of `on` only layout and stop matter.
///
/// A run whose schedule cannot be kept takes longer; if that is more than four times as long, and the layout's patience, the
/// rest of it is left out. How much of the schedule was kept is in the samples. What producers burn to wait awake for an
/// item's time does not count as CPU time.
template <std::size_t Size>
std::vector<contender> streaming(const std::vector<const item_queue_entry<Size>*>& queues, measured what,
                                 const work& on);

extern template std::vector<contender> streaming<8>(const std::vector<const item_queue_entry<8>*>&, measured, const work&);
extern template std::vector<contender> streaming<64>(const std::vector<const item_queue_entry<64>*>&, measured,
                                                     const work&);
extern template std::vector<contender> streaming<256>(const std::vector<const item_queue_entry<256>*>&, measured,
                                                      const work&);

/// Threads push as many items as the layout's batch says and pop as many, in turn, until the time is over. What is left is
/// popped at the end; every item must have come once, and whole. A pair counts as one item.
std::vector<contender> stacking(const std::vector<const item_queue_entry<8>*>& stacks, const work& on);

/// A sentence for those that did not keep their schedule; empty if all did.
std::string rate_note(const std::vector<outcome>& outcomes);

}  // namespace switchyard::compare
