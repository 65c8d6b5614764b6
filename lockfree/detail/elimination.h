// Where a push and a pop that are in each other's way meet, and need not go where all the others do.
//
// Source: Hendler, Shavit, Yerushalmi, "A Scalable Lock-free Stack Algorithm" (SPAA 2004), simplified: only pushes
//   offer, and pops take what they find.
// When: beside a stack, by who has lost a race there.
// Progress: wait-free.
// Ordering: what was done to a node before it was offered happens before what is done to it by who takes it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "switchyard/atomics/atomic.h"
#include "switchyard/atomics/backoff.h"
#include "switchyard/atomics/cache_padded.h"
#include "switchyard/atomics/double_word.h"

namespace switchyard::lockfree::detail {

template <class Node>
class elimination {
 public:
  /// Offers `node` for as long as the pause after a lost race is. True: another has taken it. `place` is any number;
  /// different ones are in nobody's way.
  bool offer(Node* node, std::size_t place, backoff& races) noexcept {
    double_word& here = *places_[place % places];
    double_word::words seen{here.load_first(memory_order_relaxed), here.load_second(memory_order_relaxed)};
    if (seen.first != 0) {
      races.lost_race();
      return false;
    }
    const double_word::words mine{reinterpret_cast<std::uintptr_t>(node), seen.second + 1};
    if (!here.compare_exchange(seen, mine, memory_order_release, memory_order_relaxed)) return false;  // (1) with (2)
    races.lost_race();
    seen = mine;
    // By the count, this is not the same node offered again by who has had it since.
    return !here.compare_exchange(seen, {0, mine.second}, memory_order_relaxed, memory_order_relaxed);
  }

  /// A node that was offered, or nullptr.
  Node* take(std::size_t place) noexcept {
    double_word& here = *places_[place % places];
    double_word::words seen{here.load_first(memory_order_relaxed), here.load_second(memory_order_relaxed)};
    if (seen.first == 0) return nullptr;
    auto* const node = reinterpret_cast<Node*>(seen.first);
    const bool taken =
        here.compare_exchange(seen, {0, seen.second}, memory_order_acquire, memory_order_relaxed);  // (2) with (1)
    return taken ? node : nullptr;
  }

 private:
#ifdef SWITCHYARD_MODEL
  static constexpr std::size_t places = 1;
#else
  static constexpr std::size_t places = 8;
#endif

  // {address of the node on offer or 0, count of offers}
  std::array<cache_padded<double_word>, places> places_;
};

}  // namespace switchyard::lockfree::detail
