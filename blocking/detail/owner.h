// Which thread holds a lock: a word beside it.
//
// Source: our own; CPython's RLock and glibc's recursive mutex keep the same.
// When to use it: inside a lock whose owner matters.
// Progress: wait-free.
// Ordering: only a thread that set it finds itself in it, so all is relaxed.
// Cost: one word; a load for each question.
//
// A thread that ended with the lock held may be taken for one that came later.
#pragma once

#include "switchyard/atomics/atomic.h"
#include "switchyard/atomics/of_this_thread.h"

namespace switchyard::blocking::detail {

class owner {
 public:
  bool is_me() const noexcept { return who_.load(memory_order_relaxed) == me(); }
  bool is_nobody() const noexcept { return who_.load(memory_order_relaxed) == nullptr; }
  void set_me() noexcept { who_.store(me(), memory_order_relaxed); }
  void set_nobody() noexcept { who_.store(nullptr, memory_order_relaxed); }

 private:
  // Something that each thread has, and no two at a time.
  struct mark {
    char unused;
  };
  static const void* me() noexcept { return &of_this_thread<mark>(); }

  atomic<const void*> who_{nullptr};
};

}  // namespace switchyard::blocking::detail
