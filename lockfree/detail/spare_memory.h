// Memory of nodes that were freed, kept by the thread that has freed them for those that it makes next.
//
// Source: the magazines of Bonwick and Adams (USENIX 2001), one for each size and no depot.
// When: nodes that are freed by the hundreds at once, when it is found out that no reader is left: more than the C
//   library's own caches take. Where one thread makes nodes and another frees them: `spare_nodes`.
// Progress: wait-free, apart from `new` and `delete`.
// Ordering: none; a thread's memory is its own.
// Cost: about a nanosecond. A thread keeps up to `most` pieces of each multiple of 16 bytes up to 256, until it ends.
#pragma once

#include <cstddef>
#include <new>
#include <utility>

#include "switchyard/atomics/of_this_thread.h"
#include "switchyard/atomics/prefetch.h"
#include "switchyard/lockfree/detail/whole_pages.h"

namespace switchyard::lockfree::detail {

class spare_memory {
 public:
#if defined(SWITCHYARD_MODEL) || defined(SWITCHYARD_SANITIZED)
  static constexpr bool is_kept = false;  // so that what is used after it was freed is found
#else
  static constexpr bool is_kept = true;
#endif

  /// Aligned like what `new` returns. Throws std::bad_alloc.
  static void* take(std::size_t bytes) {
    const std::size_t size = units(bytes);
    if (!is_kept || size >= sizes) return ::operator new(bytes);
    chain& mine = of_this_thread<chains>().of[size];
    if (mine.first == nullptr) return ::operator new(size * unit);
    --mine.count;
    piece* const taken = std::exchange(mine.first, mine.first->next);
    prefetch_for_write(mine.first);
    return taken;
  }

  /// What take(bytes) returned, in whichever thread.
  static void give(void* memory, std::size_t bytes) noexcept {
    const std::size_t size = units(bytes);
    if (!is_kept || size >= sizes) return ::operator delete(memory);
    chains& all = of_this_thread<chains>();
    chain& mine = all.of[size];
    if (mine.count >= all.limit) [[unlikely]] {
      if (all.limit != 0 || all.has_ended) return ::operator delete(memory);
      of_this_thread<at_thread_exit>();
      all.limit = most;
    }
    mine.first = ::new (memory) piece{mine.first};
    ++mine.count;
  }

 private:
  static constexpr std::size_t unit = __STDCPP_DEFAULT_NEW_ALIGNMENT__;
  static constexpr std::size_t sizes = 256 / unit + 1;
  static constexpr std::size_t most = 2048;  // twice what a thread retires before it looks at the readers

  static constexpr std::size_t units(std::size_t bytes) noexcept { return (bytes + unit - 1) / unit; }

  struct piece {
    piece* next;
  };
  struct chain {
    piece* first = nullptr;
    std::size_t count = 0;
  };
  // Without constructor and destructor, so that reaching it takes no guard, also while the thread ends.
  struct chains {
    chain of[sizes] = {};
    std::size_t limit = 0;  // of pieces in each; 0 before the first, and when the thread has cleaned up
    bool has_ended = false;
  };
  struct at_thread_exit {
    ~at_thread_exit() {
      chains& all = of_this_thread<chains>();
      all.limit = 0;
      all.has_ended = true;
      for (chain& each : all.of) {
        while (each.first != nullptr) ::operator delete(std::exchange(each.first, each.first->next));
        each.count = 0;
      }
    }
  };
};

}  // namespace switchyard::lockfree::detail
