// A cell per thread and object, found in about a nanosecond, that outlives its thread.
//
// Source: our own; the idea of per-object thread-local storage is folly's ThreadLocalPtr and oneTBB's
//   enumerable_thread_specific.
// When: state that its owner writes all the time and others read now and then: counters, statistics. Not
//   for state that must die with its thread.
// Progress: `local()` is wait-free from a thread's second call on; the first allocates, and is lock-free
//   apart from that. `for_each` is wait-free in the number of cells.
// Ordering: a thread that takes over the cell of one that has exited sees everything that one wrote to it.
//   Reads in `for_each` are ordered by the cell's own atomics.
// Cost: a padded cell (128 bytes or more) for each of the largest number of threads that lived at once.
//
//   per_thread<atomic<long>> hits;
//   auto& mine = hits.local();  mine.store(mine.load(memory_order_relaxed) + 1, memory_order_relaxed);
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "switchyard/atomics/atomic.h"
#include "switchyard/atomics/cache_padded.h"
#include "switchyard/atomics/of_this_thread.h"

namespace switchyard {

namespace detail {

/// What every cell carries, whatever its type. It is freed by whichever of its holders lets go last.
struct cell_header {
  static constexpr std::uint32_t held_by_object = 1;
  static constexpr std::uint32_t held_by_thread = 2;
  static constexpr std::uint32_t held_for_good = 4;  // by a thread past its clean-up; goes with the object

  atomic<std::uint32_t> holders;
  atomic<std::uint64_t> for_good{0};  // who has it for good: that thread's number
  void (*free)(cell_header*) noexcept;
  void (*thread_ends)(cell_header*) noexcept = nullptr;  // called by a holder that exits, before it lets go

  /// Drops one holder's claim, after which the cell may be gone or another thread's.
  void let_go(std::uint32_t holder) noexcept {
    const std::uint32_t before = holders.fetch_and(~holder, memory_order_acq_rel);  // (1) with (2) and itself
    if ((before & ~holder & (held_by_object | held_by_thread)) == 0) free(this);
  }
};

/// The cells that the calling thread holds, by the serial number of their object.
class thread_cells {
 public:
  struct entry {
    std::uint64_t object;  // no object has number 0
    cell_header* cell;
  };

  /// The entries used last, directly mapped.
  static entry& recent(std::uint64_t object) noexcept {
    return of_this_thread<shortcuts>().recent[object % recent_size];
  }

  /// The cell held for `object`, or nullptr.
  static cell_header* find(std::uint64_t object) {
    if (of_this_thread<shortcuts>().finished) return nullptr;
    auto& all = of_this_thread<thread_cells>().all_;
    const auto at = lower_bound(all, object);
    return at != all.end() && at->object == object ? at->cell : nullptr;
  }

  /// The calling thread's number, which no other has or will have; never 0.
  static std::uint64_t number() noexcept {
    static constinit atomic<std::uint64_t> last{0};
    std::uint64_t& mine = of_this_thread<shortcuts>().number;
    if (mine == 0) mine = last.fetch_add(1, memory_order_relaxed) + 1;
    return mine;
  }

  /// Makes room for one more entry, so that `hold` cannot fail. Returns the claim that this thread can make.
  static std::uint32_t prepare() {
    if (of_this_thread<shortcuts>().finished) return cell_header::held_for_good;
    auto& all = of_this_thread<thread_cells>().all_;
    if (all.size() == all.capacity()) {
      // Before growing, drop what is only held by us: its object is gone.
      std::erase_if(all, [](const entry& e) {
        if (e.cell->holders.load(memory_order_relaxed) != cell_header::held_by_thread) return false;
        if (recent(e.object).object == e.object) recent(e.object) = entry{};
        e.cell->let_go(cell_header::held_by_thread);
        return true;
      });
      all.reserve(std::max<std::size_t>(8, all.size() * 2));
    }
    return cell_header::held_by_thread;
  }
  static void hold(entry e) {
    if (of_this_thread<shortcuts>().finished) return;
    auto& all = of_this_thread<thread_cells>().all_;
    all.insert(lower_bound(all, e.object), e);
  }

  thread_cells() = default;
  thread_cells(const thread_cells&) = delete;
  thread_cells& operator=(const thread_cells&) = delete;
  ~thread_cells() {
    auto& mine = of_this_thread<shortcuts>();
    mine.finished = true;
    for (entry& e : mine.recent) e = entry{};
    for (const entry& e : all_) {
      if (e.cell->thread_ends != nullptr) e.cell->thread_ends(e.cell);
      e.cell->let_go(cell_header::held_by_thread);
    }
  }

 private:
#ifdef SWITCHYARD_MODEL
  static constexpr std::size_t recent_size = 1;
#else
  static constexpr std::size_t recent_size = 64;
#endif

  // Without constructor and destructor, so that reaching it takes no guard, also while the thread ends.
  struct shortcuts {
    entry recent[recent_size] = {};
    bool finished = false;
    std::uint64_t number = 0;
  };

  static std::vector<entry>::iterator lower_bound(std::vector<entry>& all, std::uint64_t object) {
    return std::lower_bound(all.begin(), all.end(), object,
                            [](const entry& e, std::uint64_t o) { return e.object < o; });
  }

  std::vector<entry> all_;  // sorted by object
};

inline constinit atomic<std::uint64_t> last_per_thread_serial{0};

}  // namespace detail

/// One `Cell`, default-constructed, for each thread that asks; see above. The object must outlive every call
/// to its members, not the threads that made them. If Cell has a member `thread_ends() noexcept` it is called by the
/// thread whose cell it is when that exits (which may be after the object's end; and never in a thread that has asked
/// for its cell only after its clean-up).
template <class Cell>
class per_thread {
 public:
  per_thread() noexcept = default;
  per_thread(const per_thread&) = delete;
  per_thread& operator=(const per_thread&) = delete;
  ~per_thread() {
    // Relaxed: every call has ended, and the thread that is here knows.
    for (node* n = first_.load(memory_order_relaxed); n != nullptr;) {
      node* const next = n->next;
      n->let_go(detail::cell_header::held_by_object);
      n = next;
    }
  }

  /// The calling thread's own cell: nobody else's until the thread exits; then another thread may get it,
  /// as it was left. The first call in a thread may throw std::bad_alloc.
  Cell& local() {
    auto& recent = detail::thread_cells::recent(serial_);
    if (recent.object == serial_) [[likely]] return static_cast<node*>(recent.cell)->cell;
    return find_or_join();
  }

  /// Calls `visit(cell)` for every cell that there has been, in no particular order.
  template <class Visit>
  void for_each(Visit visit) const {
    for (const node* n = first_.load(memory_order_acquire); n != nullptr; n = n->next) visit(n->cell);
  }

 private:
  struct alignas(cache_padding) alignas(Cell) node : detail::cell_header {
    Cell cell{};
    node* next = nullptr;
  };

  [[gnu::noinline]] Cell& find_or_join() {
    using detail::thread_cells;
    node* mine = static_cast<node*>(thread_cells::find(serial_));
    if (mine == nullptr) {
      const std::uint32_t claim = thread_cells::prepare();
      if (claim == detail::cell_header::held_for_good) mine = find_for_good();
      if (mine == nullptr) mine = take_over(claim);
      if (mine == nullptr) mine = join(claim);
      if (claim == detail::cell_header::held_for_good) {
        mine->for_good.store(thread_cells::number(), memory_order_relaxed);  // only we look for our number
      }
      thread_cells::hold({serial_, mine});
    }
    thread_cells::recent(serial_) = {serial_, mine};
    return mine->cell;
  }

  // The cell of a thread past its clean-up, which has no list to find it by.
  node* find_for_good() noexcept {
    for (node* n = first_.load(memory_order_acquire); n != nullptr; n = n->next) {
      if (n->for_good.load(memory_order_relaxed) == detail::thread_cells::number()) return n;
    }
    return nullptr;
  }

  // A cell that an exited thread has left behind, or nullptr.
  node* take_over(std::uint32_t claim) noexcept {
    for (node* n = first_.load(memory_order_acquire); n != nullptr; n = n->next) {
      std::uint32_t left = detail::cell_header::held_by_object;
      if (n->holders.load(memory_order_relaxed) == left &&
          n->holders.compare_exchange_strong(left, left | claim, memory_order_acquire,  // (2) with (1)
                                             memory_order_relaxed)) {
        return n;
      }
    }
    return nullptr;
  }

  node* join(std::uint32_t claim) {
    node* const n = new node;
    n->holders.store(detail::cell_header::held_by_object | claim, memory_order_relaxed);
    n->free = [](detail::cell_header* cell) noexcept { delete static_cast<node*>(cell); };
    if constexpr (requires(Cell& cell) { cell.thread_ends(); }) {
      n->thread_ends = [](detail::cell_header* cell) noexcept { static_cast<node*>(cell)->cell.thread_ends(); };
    }
    n->next = first_.load(memory_order_relaxed);
    while (!first_.compare_exchange_weak(n->next, n, memory_order_release, memory_order_relaxed)) {
    }
    return n;
  }

  const std::uint64_t serial_ = detail::last_per_thread_serial.fetch_add(1, memory_order_relaxed) + 1;
  atomic<node*> first_{nullptr};
};

}  // namespace switchyard
