// A list of records that threads take for themselves and give back; it only grows.
//
// Source: the list of hazard pointers in Michael, "Hazard Pointers" (IEEE TPDS 2004).
// Progress: lock-free, apart from the allocator; `give_back` is wait-free.
// Ordering: who takes a record sees what those that had it before did to it.
// Cost: a record for each of the largest number that were taken at once, for as long as the program runs.
#pragma once

#include "switchyard/atomics/atomic.h"
#include "switchyard/atomics/cache_padded.h"
#include "switchyard/atomics/immortal.h"

namespace switchyard::lockfree::detail {

template <class Content>
class records {
 public:
  struct alignas(cache_padding) record : Content {
   private:
    friend class records;
    atomic<bool> taken_{true};
    record* next_ = nullptr;
  };

  constexpr records() noexcept = default;

  /// One that nobody else has. Throws std::bad_alloc if there is none, nor memory for one.
  record* take() {
    for (record* r = first_.load(memory_order_acquire); r != nullptr; r = r->next_) {  // (1) with (3)
      if (!r->taken_.load(memory_order_relaxed) && !r->taken_.exchange(true, memory_order_acquire)) return r;  // (2) with (4)
    }
    record* const made = make_immortal<record>();
    made->next_ = first_.load(memory_order_relaxed);
    while (!first_.compare_exchange_weak(made->next_, made, memory_order_release, memory_order_relaxed)) {  // (3)
    }
    return made;
  }

  static void give_back(record* r) noexcept { r->taken_.store(false, memory_order_release); }  // (4)

  /// Visits every record that there is, taken or not, until `visit` returns false; returns false then.
  template <class Visit>
  bool for_each(Visit visit) {
    for (record* r = first_.load(memory_order_acquire); r != nullptr; r = r->next_) {  // (5) with (3)
      if (!visit(static_cast<Content&>(*r))) return false;
    }
    return true;
  }

 private:
  atomic<record*> first_{nullptr};
};

}  // namespace switchyard::lockfree::detail
