// Hazard pointers: a reader says which object it looks at, and nobody frees that one meanwhile.
//
// Source: Michael, "Hazard Pointers: Safe Memory Reclamation for Lock-Free Objects" (IEEE TPDS 2004); the interface is
//   C++26's (P2530R3, with the batches of P3428R4); asymmetric fences on the reader's side as in folly.
// When: objects reached through an atomic pointer that others replace, where the memory waiting to be freed must be
//   bounded whatever a reader does. Where reading must cost nothing and whole lists are walked, `rcu`.
// Progress: `try_protect`, `reset_protection`, `retire` are wait-free, apart from the deleters that `retire` may run and
//   what they do; `protect` is lock-free: it goes round again only if the pointer was changed. Making one is lock-free,
//   apart from the allocator, which is asked once for each of the largest number that exist at once.
// Ordering: what was done to an object under protection happens before its deleter runs. `protect` and `try_protect`
//   read the pointer with acquire.
// Cost: `protect` is two loads of the pointer, a store to a line of this thread's own, and a compiler barrier. `retire`
//   links the object into a list, and takes no memory. Once in `batch` calls it looks at all hazard pointers, after
//   one system call (membarrier). At most max(batch, 2 * hazard pointers) retired objects per thread wait for that;
//   a thread that ends reclaims what it can, and leaves the rest to whoever looks next.
//
//   struct config : hazard_pointer_obj_base<config> { ... };
//   atomic<config*> current;
//   // a reader                                              // who replaces it
//   hazard_pointer h = make_hazard_pointer();                config* old = current.exchange(fresh);
//   const config* c = h.protect(current);  use(*c);          old->retire();
#pragma once

#if defined(__has_include)
#if __has_include(<hazard_pointer>)
#include <hazard_pointer>
#endif
#endif

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <functional>
#include <limits>
#include <memory>
#include <span>
#include <type_traits>
#include <utility>

#include "switchyard/atomics/asymmetric_fence.h"
#include "switchyard/atomics/atomic.h"
#include "switchyard/atomics/of_this_thread.h"
#include "switchyard/lockfree/detail/records.h"
#include "switchyard/lockfree/detail/retired.h"

namespace switchyard::lockfree {

#if defined(__cpp_lib_hazard_pointer) && !defined(SWITCHYARD_MODEL) && !defined(SWITCHYARD_CHAOS)

using std::hazard_pointer;
using std::hazard_pointer_obj_base;
using std::make_hazard_pointer;
using std::swap;

namespace detail {
inline void hazard_reclaim_soon() noexcept {}  // it goes when the library thinks fit
}  // namespace detail

#else

namespace detail {

/// What can be protected.
class hazard_object : public retired {};

/// What a thread publishes: the object that must stay, or null.
struct hazard {
  atomic<const retired*> object{nullptr};
};

/// All hazard pointers of the program, and the objects that wait.
class hazard_domain {
 public:
  using record = records<hazard>::record;

#ifdef SWITCHYARD_MODEL
  static constexpr std::size_t batch = 0;
  static constexpr std::size_t batch_per_hazard = 0;
  static constexpr std::size_t spare_records = 1;
  static constexpr std::size_t sorted_at_once = 1;
#else
  static constexpr std::size_t batch = 1024;          // shares a system call of 1 to 30 microseconds
  static constexpr std::size_t batch_per_hazard = 2;  // at least half of a batch is not protected
  static constexpr std::size_t spare_records = 8;     // that a thread keeps for its next hazard pointers
  static constexpr std::size_t sorted_at_once = 128;
#endif

  /// Throws std::bad_alloc.
  record* acquire() {
    thread_part& mine = of_this_thread<thread_part>();
    if (mine.spares == 0) return records_.take();
    return mine.spare[--mine.spares];
  }

  /// `r` protects nothing.
  void release(record* r) noexcept {
    thread_part& mine = of_this_thread<thread_part>();
    if (mine.now == stage::running && mine.spares < spare_records) [[likely]] {
      mine.spare[mine.spares++] = r;
    } else {
      release_slowly(mine, r);
    }
  }

  /// `object` is out of reach for those that begin to look now.
  void retire(retired* object) noexcept {
    thread_part& mine = of_this_thread<thread_part>();
    mine.waiting.push(object);
    if (++mine.count > mine.limit) [[unlikely]] reclaim_when_due(mine);
  }

  /// What this thread has retired, or others have left, is looked at now, and not when a batch is full.
  void reclaim_soon() noexcept {
    thread_part& mine = of_this_thread<thread_part>();
    const bool is_reclaiming = mine.limit == std::numeric_limits<std::size_t>::max();
    if (mine.now == stage::ended || is_reclaiming || (mine.waiting.empty() && left_.empty())) return;
    if (mine.now == stage::fresh) begin(mine);
    reclaim(mine);
  }

 private:
  enum class stage : unsigned char { fresh, running, ended };

  // Without constructor and destructor, so that reaching it takes no guard, also while the thread ends.
  struct thread_part {
    retired_list waiting;
    std::size_t count = 0;  // of those
    std::size_t limit = 0;  // more than so many: do something
    record* spare[spare_records] = {};
    std::size_t spares = 0;
    stage now = stage::fresh;
  };

  // Ends the thread's part in it.
  struct at_thread_exit {
    inline ~at_thread_exit();
  };

  static void begin(thread_part& mine) noexcept {
    of_this_thread<at_thread_exit>();
    mine.now = stage::running;
    mine.limit = batch;
  }

  [[gnu::noinline]] void release_slowly(thread_part& mine, record* r) noexcept {
    if (mine.now == stage::fresh) {
      begin(mine);
      return release(r);
    }
    records_.give_back(r);
    // No later end of this thread will look after what `r` has kept from being freed.
    if (mine.now == stage::ended && !left_.empty()) reclaim(mine);
  }

  [[gnu::noinline]] void reclaim_when_due(thread_part& mine) noexcept {
    if (mine.now == stage::fresh) begin(mine);
    if (mine.count > mine.limit) reclaim(mine);
  }

  // Reclaims what waits here and was left by others, but for what is protected.
  void reclaim(thread_part& mine) noexcept {
    const bool last = mine.now == stage::ended;
    std::size_t limit = 0;
    retired_list kept;
    retired_list candidates = left_.take();
    mine.limit = std::numeric_limits<std::size_t>::max();  // what deleters retire is for the next round
    do {
      candidates.append(std::move(mine.waiting));
      mine.count = 0;
      const std::size_t hazards = sift(candidates, kept);
      limit = last ? 0 : std::max(batch, batch_per_hazard * hazards);
      candidates.reclaim();
    } while (mine.count > limit);
    if (last) {
      left_.give(std::move(kept));
    } else {
      mine.count += kept.count();  // no more than there are hazard pointers
      mine.waiting.append(std::move(kept));
    }
    mine.limit = limit;
  }

  // Moves what is protected from `candidates` to `kept`. Returns how many hazard pointers there are.
  std::size_t sift(retired_list& candidates, retired_list& kept) noexcept {
    // Either a reader's second look at its pointer sees that the object is gone from there, or we see its hazard.
    asymmetric_fence_heavy();  // (1) with (4)
    std::size_t hazards = 0;
    const retired* seen[sorted_at_once];
    std::size_t count = 0;
    const auto sift_seen = [&] {
      std::sort(seen, seen + count, std::less<>());
      retired_list rest;
      while (!candidates.empty()) {
        retired* const object = candidates.pop();
        const bool is_protected = std::binary_search(seen, seen + count, object, std::less<>());
        (is_protected ? kept : rest).push(object);
      }
      candidates.append(std::move(rest));
      count = 0;
    };
    records_.for_each([&](const hazard& h) {
      ++hazards;
      const retired* const object = h.object.load(memory_order_acquire);  // (2) with (3)
      if (object != nullptr) seen[count++] = object;
      if (count == sorted_at_once) sift_seen();
      return true;
    });
    if (count != 0) sift_seen();
    return hazards;
  }

  records<hazard> records_;
  shared_retired_list left_;  // by threads that have ended
};

inline constinit hazard_domain all_hazards;

inline hazard_domain::at_thread_exit::~at_thread_exit() {
  thread_part& mine = of_this_thread<thread_part>();
  mine.now = stage::ended;
  while (mine.spares != 0) records<hazard>::give_back(mine.spare[--mine.spares]);
  mine.limit = 0;
  if (!mine.waiting.empty() || !all_hazards.left_.empty()) all_hazards.reclaim(mine);
}

}  // namespace detail

namespace detail {
/// For what is large: what this thread has retired and nobody protects is reclaimed now, and not when a batch is full. One
/// system call, if anything waits; lock-free, apart from deleters.
inline void hazard_reclaim_soon() noexcept { all_hazards.reclaim_soon(); }
}  // namespace detail

/// What an object inherits to be protected: `T` derives from `hazard_pointer_obj_base<T, D>`.
template <class T, class D = std::default_delete<T>>
class hazard_pointer_obj_base : public detail::retired_by<detail::hazard_object, T, D> {
 public:
  /// Has `d(static_cast<T*>(this))` called once no hazard pointer protects the object any more: in this call, in
  /// another thread's, or as a thread ends. Call it once, after the object was taken out of reach of new readers.
  /// `d` must not throw. Takes no memory.
  void retire(D d = D()) noexcept {
    this->set_deleter(std::move(d));
    detail::all_hazards.retire(this);
  }

 protected:
  hazard_pointer_obj_base() = default;
  hazard_pointer_obj_base(const hazard_pointer_obj_base&) = default;
  hazard_pointer_obj_base(hazard_pointer_obj_base&&) = default;
  hazard_pointer_obj_base& operator=(const hazard_pointer_obj_base&) = default;
  hazard_pointer_obj_base& operator=(hazard_pointer_obj_base&&) = default;
  ~hazard_pointer_obj_base() = default;
};

/// Protects one object at a time, or none; or is empty, and can protect none. Used by one thread at a time, and may
/// be made, used and destroyed in different ones.
class hazard_pointer {
 public:
  /// Empty.
  hazard_pointer() noexcept = default;
  hazard_pointer(hazard_pointer&& other) noexcept : record_(std::exchange(other.record_, nullptr)) {}
  hazard_pointer& operator=(hazard_pointer&& other) noexcept {
    hazard_pointer(std::move(other)).swap(*this);
    return *this;
  }
  /// Ends the protection.
  ~hazard_pointer() {
    if (record_ == nullptr) return;
    reset_protection();
    detail::all_hazards.release(record_);
  }

  bool empty() const noexcept { return record_ == nullptr; }

  /// What `src` points to, protected from now on; nullptr if it points to nothing. Not if `empty()`.
  template <class T>
  T* protect(const atomic<T*>& src) noexcept {
    T* ptr = src.load(memory_order_relaxed);  // a guess, that the next line confirms
    while (!try_protect(ptr, src)) {
    }
    return ptr;
  }

  /// True: `src` still points to `ptr`, which is protected from now on. False: `ptr` is what it points to instead,
  /// and nothing is protected. Not if `empty()`.
  template <class T>
  bool try_protect(T*& ptr, const atomic<T*>& src) noexcept {
    T* const guess = ptr;
    reset_protection(guess);
    asymmetric_fence_light();  // (4) with (1)
    ptr = src.load(memory_order_acquire);
    if (ptr == guess) [[likely]] return true;
    reset_protection();
    return false;
  }

  /// Protects `*ptr` from being reclaimed, if it is not retired before this; ends the protection of what was protected
  /// before. Not if `empty()`.
  template <class T>
  void reset_protection(const T* ptr) noexcept {
    const detail::hazard_object* const object = ptr;
    announce(object);
  }
  void reset_protection(std::nullptr_t = nullptr) noexcept { announce(nullptr); }

  void swap(hazard_pointer& other) noexcept { std::swap(record_, other.record_); }

 private:
  friend hazard_pointer make_hazard_pointer();

  explicit hazard_pointer(detail::hazard_domain::record* r) noexcept : record_(r) {}

  // Whatever we did to the object before comes before its end.
  void announce(const detail::retired* object) noexcept {
    assert(!empty() && "an empty hazard_pointer is used");
    record_->object.store(object, memory_order_release);  // (3) with (2)
  }

  detail::hazard_domain::record* record_ = nullptr;
};

/// One that is not empty. A few nanoseconds, but for a thread's first. Throws std::bad_alloc.
inline hazard_pointer make_hazard_pointer() { return hazard_pointer(detail::all_hazards.acquire()); }

inline void swap(hazard_pointer& a, hazard_pointer& b) noexcept { a.swap(b); }

#endif

#if __cpp_lib_hazard_pointer >= 202606L && !defined(SWITCHYARD_MODEL) && !defined(SWITCHYARD_CHAOS)

using std::clear_hazard_pointer_batch;
using std::make_hazard_pointer_batch;

#else

/// Makes every one of `batch`, which are empty, not empty. Throws std::bad_alloc; then they are as they were.
inline void make_hazard_pointer_batch(std::span<hazard_pointer> batch) {
  std::size_t made = 0;
  try {
    for (; made < batch.size(); ++made) {
      assert(batch[made].empty() && "a hazard_pointer is made twice");
      batch[made] = make_hazard_pointer();
    }
  } catch (...) {
    while (made != 0) batch[--made] = hazard_pointer();
    throw;
  }
}

/// Makes every one of `batch` empty.
inline void clear_hazard_pointer_batch(std::span<hazard_pointer> batch) noexcept {
  for (hazard_pointer& h : batch) h = hazard_pointer();
}

#endif

}  // namespace switchyard::lockfree
