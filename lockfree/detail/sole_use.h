// Catches, in debug builds, who uses at the same time what is one thread's alone.
//
// Source: none.
// When: state that nothing protects since one thread at a time may use it, such as the consumer's side of a queue.
// Progress: wait-free.
// Cost: nothing where NDEBUG is defined; else an atomic exchange and a store.
#pragma once

#include <cassert>

#include "switchyard/atomics/atomic.h"

namespace switchyard::lockfree::detail {

class sole_use {
 public:
  /// Held while the state is used.
  class hold {
   public:
#if defined(NDEBUG) || defined(SWITCHYARD_MODEL)
    explicit hold(sole_use&) noexcept {}
    ~hold() {}
#else
    explicit hold(sole_use& of) noexcept : of_(of) {
      // Relaxed, as elsewhere here: it hands nothing over, so that it hides no race from those who look for them.
      [[maybe_unused]] const bool was = of_.used_.exchange(true, memory_order_relaxed);
      assert(!was && "two threads are where only one may be, or an element uses the queue that it is put into");
    }
    ~hold() { of_.used_.store(false, memory_order_relaxed); }

   private:
    sole_use& of_;
#endif
   public:
    hold(const hold&) = delete;
    hold& operator=(const hold&) = delete;
  };

 private:
  atomic<bool> used_{false};
};

}  // namespace switchyard::lockfree::detail
