// Memory for nodes of one type, which any thread takes and any gives back, and which comes from the allocator seldom.
//
// Source: the magazines of Bonwick and Adams (USENIX 2001), two for each thread; the depot is our own: places for chains,
//   each exchanged as a whole, so that no node is looked at that may be another's.
// When: nodes that one thread makes and another one uses up, however many there may be. Objects whose number has a limit:
//   `object_pool`.
// Progress: lock-free, apart from the allocator.
// Ordering: what happened before a node was given back happens before what follows when it is got.
// Cost: about 2 ns; once in `batch` times a look through the places. What does not fit there goes to the allocator: up to
//   `places` chains are kept, and two for each of the largest number of threads.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <new>
#include <utility>

#include "switchyard/atomics/atomic.h"
#include "switchyard/threads/per_thread.h"

namespace switchyard::lockfree::detail {

/// `Node` has a member `Node* next`, which is this class's while the node is spare.
template <class Node>
class spare_nodes {
 public:
  spare_nodes() = default;
  spare_nodes(const spare_nodes&) = delete;
  spare_nodes& operator=(const spare_nodes&) = delete;
  /// All nodes must have been given back.
  ~spare_nodes() {
    cells_.for_each([](const cell& each) {
      free(each.loaded.first);
      free(each.full);
    });
    for (auto& place : depot_) free(place.load(memory_order_relaxed));
  }

  /// Throws std::bad_alloc.
  Node* get() {
    cell& mine = cells_.local();
    if (mine.loaded.first == nullptr) [[unlikely]] load(mine);
    --mine.loaded.count;
    return std::exchange(mine.loaded.first, mine.loaded.first->next);
  }

  void put(Node* n) noexcept {
    cell* const mine = own_cell();
    if (mine == nullptr) [[unlikely]] return delete n;
    if (mine->loaded.count == batch) [[unlikely]] unload(*mine);
    n->next = std::exchange(mine->loaded.first, n);
    ++mine->loaded.count;
  }

 private:
#ifdef SWITCHYARD_MODEL
  static constexpr std::size_t batch = 1;
  static constexpr std::size_t places = 1;
  static constexpr std::size_t made_at_once = 1;
#else
  static constexpr std::size_t batch = 64;
  static constexpr std::size_t places = 256;
  static constexpr std::size_t made_at_once = 16;
#endif

  struct chain {
    Node* first = nullptr;
    std::size_t count = 0;
  };
  struct cell {
    chain loaded;
    Node* full = nullptr;  // a chain of `batch`, or none
  };

  // nullptr: there is no memory for one.
  cell* own_cell() noexcept {
    try {
      return &cells_.local();
    } catch (const std::bad_alloc&) {
      return nullptr;
    }
  }

  static void free(Node* first) noexcept {
    while (first != nullptr) delete std::exchange(first, first->next);
  }

  [[gnu::noinline]] void load(cell& mine) {
    if (mine.full != nullptr) {
      mine.loaded = {std::exchange(mine.full, nullptr), batch};
      return;
    }
    for (auto& place : depot_) {
      if (place.load(memory_order_relaxed) == nullptr) continue;
      Node* const first = place.exchange(nullptr, memory_order_acquire);  // (1) with (2)
      if (first == nullptr) continue;
      mine.loaded = {first, batch};
      return;
    }
    do {
      Node* const made = new (std::nothrow) Node;
      if (made == nullptr && mine.loaded.first == nullptr) throw std::bad_alloc();
      if (made == nullptr) return;
      made->next = std::exchange(mine.loaded.first, made);
    } while (++mine.loaded.count < made_at_once);
  }

  // One chain is kept back, so that taking and giving in turn at the edge stays cheap.
  [[gnu::noinline]] void unload(cell& mine) noexcept {
    Node* const full = std::exchange(mine.full, mine.loaded.first);
    mine.loaded = {};
    if (full == nullptr) return;
    for (auto& place : depot_) {
      Node* expected = place.load(memory_order_relaxed);
      // (2) release: with (1).
      if (expected == nullptr &&
          place.compare_exchange_strong(expected, full, memory_order_release, memory_order_relaxed)) {
        return;
      }
    }
    free(full);
  }

  std::array<atomic<Node*>, places> depot_{};
  per_thread<cell> cells_;
};

}  // namespace switchyard::lockfree::detail
