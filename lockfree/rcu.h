// Read-copy-update: readers say that they read, and what was taken out of their reach is freed when all who may still
// see it have finished.
//
// Source: McKenney and Slingwine, "Read-Copy Update" (PDCS 1998), in the form of Desnoyers et al., "User-Level
//   Implementations of Read-Copy Update" (IEEE TPDS 2012), with membarrier; the interface is C++26's (P2545R4).
// When: data that is read far more often than it is changed, and walked through: lists, trees, tables. A reader that
//   stops inside a section keeps everything from being freed that is retired from then on: memory then grows without
//   a limit. Where that cannot be had, or single objects are read, `hazard_pointer`.
// Progress: `lock` and `unlock` are wait-free, but for the first `lock` of a thread, which takes 128 bytes, and ends the
//   program if there are none. `retire` is lock-free, apart from the deleters that it may run, and never waits.
//   `rcu_synchronize` and `rcu_barrier` block.
// Ordering: what was done in a section that began before an object was retired happens before its deleter runs, and
//   before a later `rcu_synchronize` returns.
// Cost: `lock` and `unlock` are a load of a line that is rarely written, two stores to a line of this thread's own, and
//   a compiler barrier: about a nanosecond. `retire` is a compare-and-swap on a line of this thread's own; once in
//   `batch` calls it looks at all readers, after one system call (membarrier).
//
//   struct route : rcu_obj_base<route> { ... };
//   atomic<route*> current;
//   // a reader                                                // who replaces it
//   { std::scoped_lock reading(rcu_default_domain());          route* old = current.exchange(fresh);
//     use(*current.load(memory_order_acquire)); }              old->retire();
#pragma once

#if defined(__has_include)
#if __has_include(<rcu>)
#include <rcu>
#endif
#endif

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <type_traits>
#include <utility>

#include "switchyard/atomics/asymmetric_fence.h"
#include "switchyard/atomics/atomic.h"
#include "switchyard/atomics/backoff.h"
#include "switchyard/atomics/of_this_thread.h"
#include "switchyard/lockfree/detail/records.h"
#include "switchyard/lockfree/detail/retired.h"
#include "switchyard/lockfree/event_count.h"

namespace switchyard::lockfree {

#if defined(__cpp_lib_rcu) && !defined(SWITCHYARD_MODEL) && !defined(SWITCHYARD_CHAOS)

using std::rcu_barrier;
using std::rcu_default_domain;
using std::rcu_domain;
using std::rcu_obj_base;
using std::rcu_retire;
using std::rcu_synchronize;

namespace detail {
inline void rcu_reclaim_soon() noexcept {}  // it goes when the library thinks fit
}  // namespace detail

#else

class rcu_domain;

/// The one that there is.
rcu_domain& rcu_default_domain() noexcept;

/// Waits until all sections have ended that had begun before; not inside one.
void rcu_synchronize(rcu_domain& domain = rcu_default_domain()) noexcept;

/// Waits until everything that had been retired before, by whichever thread, has been reclaimed; not inside a section,
/// nor in a deleter.
void rcu_barrier(rcu_domain& domain = rcu_default_domain()) noexcept;

/// Has `d(p)` called once all sections that have begun have ended; for objects that do not derive from rcu_obj_base.
/// Takes 24 bytes or more; throws std::bad_alloc, having done nothing.
template <class T, class D = std::default_delete<T>>
void rcu_retire(T* p, D d = D(), rcu_domain& domain = rcu_default_domain());

namespace detail {

/// What a thread shows to the others, and what it has retired.
struct rcu_member {
  static constexpr std::uint64_t outside = 0;

  /// The phase when this thread's section began, or `outside`.
  atomic<std::uint64_t> reading{outside};
  /// Odd while the thread moves objects from list to list, or reclaims them.
  atomic<std::uint64_t> moving{0};
  shared_retired_list fresh;    // which no phase has been set for
  shared_retired_list waiting;  // for the readers of phases before `due`
  std::uint64_t due = 0;        // for who has this record only

  ~rcu_member() {  // in the model checker; nobody reads any more
    waiting.take().reclaim();
    fresh.take().reclaim();
  }
};

struct only_rcu_domain;

/// What this thread has retired is looked at now, and not when a batch is full; what readers may still see, at the next
/// call. For what is large. One system call; lock-free, apart from deleters.
void rcu_reclaim_soon() noexcept;

}  // namespace detail

/// The readers of the program, and what waits for them. There is one, `rcu_default_domain()`. A thread may be in
/// several sections at once, one within the other.
class rcu_domain {
 public:
  rcu_domain(const rcu_domain&) = delete;
  rcu_domain& operator=(const rcu_domain&) = delete;

  /// Begins a section: what is found in it is not reclaimed before its end.
  void lock() noexcept {
    thread_part& mine = of_this_thread<thread_part>();
    if (mine.member == nullptr) [[unlikely]] join(mine);
    // (The depth is not counted from the first section on, since one load would have to wait for the last store.)
    if (mine.is_reading()) [[unlikely]] {
      ++mine.nested;
      return;
    }
    // Either we see what was changed before the readers were looked at, or we are seen as one. Release, since this
    // may hide the end of the last section from who looks.
    mine.member->reading.store(phase_.load(memory_order_relaxed), memory_order_release);  // (1) with (4)
    asymmetric_fence_light();                                                             // (2) with (5)
  }
  /// Begins one; true.
  bool try_lock() noexcept {
    lock();
    return true;
  }
  /// Ends the section that this thread began last.
  void unlock() noexcept {
    thread_part& mine = of_this_thread<thread_part>();
    assert(mine.is_reading() && "rcu_domain::unlock without lock");
    if (mine.nested != 0) [[unlikely]] {
      --mine.nested;
      return;
    }
    mine.member->reading.store(detail::rcu_member::outside, memory_order_release);  // (3) with (4)
    something_ended_.notify_all();
    if (mine.ended) [[unlikely]] leave(mine);
  }

 private:
  friend struct detail::only_rcu_domain;
  friend void detail::rcu_reclaim_soon() noexcept;
  template <class T, class D>
  friend class rcu_obj_base;
  template <class T, class D>
  friend void rcu_retire(T* p, D d, rcu_domain& domain);
  friend void rcu_synchronize(rcu_domain& domain) noexcept;
  friend void rcu_barrier(rcu_domain& domain) noexcept;

  using members = detail::records<detail::rcu_member>;

#ifdef SWITCHYARD_MODEL
  static constexpr std::size_t batch = 0;
#else
  static constexpr std::size_t batch = 1024;  // shares a system call of 1 to 30 microseconds
#endif

  // Without constructor and destructor, so that reaching it takes no guard, also while the thread ends.
  struct thread_part {
    members::record* member = nullptr;
    std::size_t nested = 0;   // sections within the first
    std::size_t retired = 0;  // since the thread looked at the readers
    bool moving = false;      // what deleters retire is for the next time
    bool ended = false;       // but for what still comes; keeps no record

    bool is_reading() const noexcept {
      return member != nullptr && member->reading.load(memory_order_relaxed) != detail::rcu_member::outside;
    }
  };
  struct at_thread_exit {
    inline ~at_thread_exit();
  };

  constexpr rcu_domain() noexcept = default;

  [[gnu::noinline]] void join(thread_part& mine) noexcept {
    mine.member = members_.take();
    if (!mine.ended) of_this_thread<at_thread_exit>();
  }

  void leave(thread_part& mine) noexcept { members_.give_back(std::exchange(mine.member, nullptr)); }

  // Never waits.
  void retire(detail::retired* object) noexcept {
    thread_part& mine = of_this_thread<thread_part>();
    if (mine.member == nullptr) [[unlikely]] join(mine);
    mine.member->fresh.give(object);
    if (mine.ended) [[unlikely]] {
      reclaim_all(mine);
    } else if (++mine.retired > batch) [[unlikely]] {
      reclaim_some(mine);
    }
  }

  void reclaim_some(thread_part& mine) noexcept;
  void reclaim_all(thread_part& mine) noexcept;
  void move_all(thread_part& mine) noexcept;
  void synchronize() noexcept;
  void barrier() noexcept;

  // False: somebody collects everything; leave it where it is.
  bool begin_moving(thread_part& mine) noexcept {
    auto& moving = mine.member->moving;
    const std::uint64_t before = moving.load(memory_order_relaxed);
    moving.store(before + 1, memory_order_release);  // (7) with (9): this may hide the end of the last time
    asymmetric_fence_light();  // (6) with (8)
    if (collecting_.load(memory_order_relaxed)) {
      moving.store(before + 2, memory_order_release);  // (7) with (9)
      something_ended_.notify_all();
      return false;
    }
    mine.moving = true;
    return true;
  }
  void end_moving(thread_part& mine) noexcept {
    auto& moving = mine.member->moving;
    moving.store(moving.load(memory_order_relaxed) + 1, memory_order_release);  // (7) with (9)
    something_ended_.notify_all();
    mine.moving = false;
  }

  // Which readers need not be waited for, by who has taken something out of reach: those of this phase and later.
  std::uint64_t next_phase() noexcept {
    asymmetric_fence_heavy();  // (5) with (2)
    return phase_.fetch_add(1, memory_order_relaxed) + 1;
  }
  static bool is_past(const detail::rcu_member& m, std::uint64_t due) noexcept {
    const std::uint64_t reading = m.reading.load(memory_order_acquire);  // (4) with (1), (3)
    return reading == detail::rcu_member::outside || reading >= due;
  }
  bool is_past(std::uint64_t due) noexcept {
    return members_.for_each([&](const detail::rcu_member& m) { return is_past(m, due); });
  }

  template <class Done>
  void wait_until(Done done) {
    for (backoff spin; !spin.should_park(); spin.wait()) {
      if (done()) return;
    }
    something_ended_.await(done);
  }

  atomic<std::uint64_t> phase_{detail::rcu_member::outside + 1};
  members members_;
  detail::shared_retired_list left_;  // by threads that have ended
  atomic<bool> collecting_{false};
  event_count something_ended_;  // a section, a thread's moving, or a barrier
};

namespace detail {

struct only_rcu_domain {
  constexpr only_rcu_domain() noexcept {}
  rcu_domain it;
};
inline constinit only_rcu_domain all_readers;

}  // namespace detail

inline rcu_domain& rcu_default_domain() noexcept { return detail::all_readers.it; }

inline rcu_domain::at_thread_exit::~at_thread_exit() {
  rcu_domain& domain = rcu_default_domain();
  thread_part& mine = of_this_thread<thread_part>();
  mine.ended = true;
  domain.reclaim_all(mine);
}

// A step at a time: what has waited long enough goes, and what came since begins to wait.
inline void rcu_domain::reclaim_some(thread_part& mine) noexcept {
  if (mine.moving || !begin_moving(mine)) return;
  mine.retired = 0;
  detail::rcu_member& m = *mine.member;
  if (m.waiting.empty() || is_past(m.due)) {
    detail::retired_list old = m.waiting.take();
    detail::retired_list fresh = m.fresh.take();
    detail::retired_list left = left_.take();
    m.due = next_phase();
    if (!is_past(m.due)) {
      m.waiting.give(std::move(fresh));
      m.waiting.give(std::move(left));
    }
    old.reclaim();
    fresh.reclaim();
    left.reclaim();
  }
  end_moving(mine);
}

// At the end of a thread: what cannot go yet is left to the others, and the record too.
inline void rcu_domain::reclaim_all(thread_part& mine) noexcept {
  if (mine.moving) return;
  if (begin_moving(mine)) {
    move_all(mine);
    end_moving(mine);
  }
  if (!mine.is_reading()) leave(mine);
}

inline void rcu_domain::move_all(thread_part& mine) noexcept {
  detail::rcu_member& m = *mine.member;
  for (;;) {
    detail::retired_list all = m.waiting.take();
    all.append(m.fresh.take());
    all.append(left_.take());
    if (all.empty()) return;
    if (!is_past(next_phase())) return left_.give(std::move(all));
    all.reclaim();  // and once more, for what that has retired
  }
}

inline void rcu_domain::synchronize() noexcept {
  assert(!of_this_thread<thread_part>().is_reading() && "waits for a reader: itself");
  const std::uint64_t due = next_phase();
  members_.for_each([&](const detail::rcu_member& m) {
    wait_until([&] { return is_past(m, due); });
    return true;
  });
}

inline void rcu_domain::barrier() noexcept {
  thread_part& mine = of_this_thread<thread_part>();
  assert(!mine.moving && "waits for a deleter: its caller");
  mine.moving = true;
  // One at a time.
  wait_until([&] {
    return !collecting_.load(memory_order_relaxed) && !collecting_.exchange(true, memory_order_relaxed);
  });
  // From here on nobody takes anything from a list, once those who are at it have finished. This is also the acquire
  // fence for what the last barrier did before (10).
  asymmetric_fence_heavy();  // (8) with (6), (10)
  members_.for_each([&](const detail::rcu_member& m) {
    const std::uint64_t seen = m.moving.load(memory_order_acquire);  // (9) with (7)
    if (seen % 2 != 0) wait_until([&] { return m.moving.load(memory_order_acquire) != seen; });
    return true;
  });
  detail::retired_list all = left_.take();
  members_.for_each([&](detail::rcu_member& m) {
    all.append(m.waiting.take());
    all.append(m.fresh.take());
    return true;
  });
  if (!all.empty()) synchronize();
  all.reclaim();
  collecting_.store(false, memory_order_release);  // (10) with (8)
  something_ended_.notify_all();
  mine.moving = false;
}

/// What an object inherits to be retired: `T` derives from `rcu_obj_base<T, D>`.
template <class T, class D = std::default_delete<T>>
class rcu_obj_base : public detail::retired_by<detail::retired, T, D> {
 public:
  /// Has `d(static_cast<T*>(this))` called once all sections that have begun have ended: in this call, in another
  /// thread's, or as a thread ends. Call it once, after the object was taken out of reach of new readers. `d` must not
  /// throw. Takes no memory, but for a thread's first call; never waits.
  void retire(D d = D(), rcu_domain& domain = rcu_default_domain()) noexcept {
    this->set_deleter(std::move(d));
    domain.retire(this);
  }

 protected:
  rcu_obj_base() = default;
  rcu_obj_base(const rcu_obj_base&) = default;
  rcu_obj_base(rcu_obj_base&&) = default;
  rcu_obj_base& operator=(const rcu_obj_base&) = default;
  rcu_obj_base& operator=(rcu_obj_base&&) = default;
  ~rcu_obj_base() = default;
};

inline void detail::rcu_reclaim_soon() noexcept {
  rcu_domain::thread_part& mine = of_this_thread<rcu_domain::thread_part>();
  if (mine.member != nullptr && !mine.ended) rcu_default_domain().reclaim_some(mine);
}

inline void rcu_synchronize(rcu_domain& domain) noexcept { domain.synchronize(); }

inline void rcu_barrier(rcu_domain& domain) noexcept { domain.barrier(); }

template <class T, class D>
void rcu_retire(T* p, D d, rcu_domain& domain) {
  struct holder : detail::retired {
    holder(T* object, D&& how) noexcept : p(object), deleter(std::move(how)) {
      this->set_reclaim([](retired* r) {
        const std::unique_ptr<holder> self(static_cast<holder*>(r));
        self->deleter(self->p);
      });
    }
    T* p;
    [[no_unique_address]] D deleter;
  };
  domain.retire(new holder(p, std::move(d)));
}

#endif

}  // namespace switchyard::lockfree
