// A list of segments that are filled at one end and emptied at the other, and used again.
//
// Source: the list of Michael and Scott (PODC 1996), of arrays as in Ramalhete's FAAArrayQueue and LCRQ (PPoPP 2013);
//   reclaimed as by hazard pointers (Michael, TPDS 2004), with those of the list's own threads, so that nothing is left
//   of it when it goes.
// When: not for users, who name `unbounded_queue`.
// Progress: `put` and `take` are lock-free. `prepare` is, apart from the allocator. A thread stopped anywhere keeps the
//   segment that it looks at from being used again, and those that it has emptied itself, a few.
// Ordering: linearizable FIFO.
// Cost: that of a slot, and a load of a line that is written once a segment: a thread goes on protecting the segment that
//   it has used last. Once in `batch` segments that a thread has emptied, one system call (membarrier). A segment for each
//   thread that puts, `batch` for each that takes, and up to half a megabyte to be used again; what is more is given back.
#pragma once

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <type_traits>
#include <utility>

#include "switchyard/atomics/asymmetric_fence.h"
#include "switchyard/atomics/atomic.h"
#include "switchyard/atomics/cache_padded.h"
#include "switchyard/lockfree/close_gate.h"
#include "switchyard/lockfree/detail/once_slots.h"
#include "switchyard/lockfree/detail/whole_pages.h"
#include "switchyard/threads/per_thread.h"

namespace switchyard::lockfree::detail {

template <class Slots, class Allocator>
class segment_list {
  struct segment {
    atomic<segment*> next{nullptr};
    segment* after = nullptr;  // among those that wait to be used again
    Slots slots;
  };

#ifdef SWITCHYARD_MODEL
  static constexpr std::size_t batch = 1;
  static constexpr std::size_t most_spares = 1;
#else
  static constexpr std::size_t batch = 8;
  static constexpr std::size_t most_spares = std::clamp<std::size_t>((std::size_t{1} << 19) / sizeof(segment), 4, 64);
#endif

 public:
  using element = typename Slots::element;

  /// What a thread has of the list.
  class part {
   public:
    /// Elements put less elements taken by this thread.
    void count(std::int64_t n) noexcept { balance_.store(balance_.load(memory_order_relaxed) + n, memory_order_relaxed); }

   private:
    friend class segment_list;

    entrance door_;
    atomic<std::int64_t> balance_{0};
    // The segments that this thread has looked at last, which nobody uses again meanwhile; or null.
    atomic<segment*> head_seen_{nullptr};
    atomic<segment*> tail_seen_{nullptr};
    segment* spare_ = nullptr;
    segment* waiting_ = nullptr;
    std::size_t waiting_count_ = 0;
    std::size_t limit_ = batch;
  };

  /// Keeps what `prepare` has got from those that put something meanwhile.
  class aside {
   public:
    aside(segment_list& list, part& mine) noexcept
        : list_(list), mine_(mine), kept_(std::exchange(mine.spare_, nullptr)) {}
    aside(const aside&) = delete;
    aside& operator=(const aside&) = delete;
    ~aside() {
      if (mine_.spare_ != nullptr) list_.keep(mine_.spare_);
      mine_.spare_ = kept_;
    }

   private:
    segment_list& list_;
    part& mine_;
    segment* kept_;
  };

  explicit segment_list(const Allocator& allocator) : allocator_(allocator) {
    segment* const first = make();
    first->slots.reset();
    head_.store(first, memory_order_relaxed);
    tail_.store(first, memory_order_relaxed);
  }
  segment_list(const segment_list&) = delete;
  segment_list& operator=(const segment_list&) = delete;
  ~segment_list();

  Allocator get_allocator() const noexcept { return Allocator(allocator_); }

  /// A thread's first call may throw std::bad_alloc.
  part& local() { return parts_.local(); }

  /// Puts what `source` has; false: the list is closed, and `source` as it was. Throws what the allocator throws.
  template <class Source>
  bool put(part& mine, Source& source) {
    return put_if(mine, source, [&] { return !closed_.is_closed(); });
  }

  /// For who has something that it could not give back: a pass to be held until it has called `put_for_sure`, and memory
  /// to be got before. A closed list is not drained while somebody has a pass.
  entrance::pass enter(part& mine) noexcept { return mine.door_.enter(closed_); }
  void prepare(part& mine) {
    if (mine.spare_ == nullptr) [[unlikely]] mine.spare_ = spare();
  }
  template <class Source>
  void put_for_sure(part& mine, Source& source) noexcept {
    put_if(mine, source, [] { return true; });
  }

  /// False: there is none.
  bool take(part& mine, element& out) noexcept;

  /// Calls `visit` with what every slot has that is full. Only while no other thread uses the list.
  template <class Visit>
  void for_each(Visit visit) noexcept {
    for (segment* s = head_.load(memory_order_relaxed); is_segment(s); s = s->next.load(memory_order_relaxed)) {
      s->slots.for_each(visit);
    }
  }

  void close() noexcept {
    closed_.close();
    seal();
    is_sealed_.store(true, memory_order_release);  // (14) with (15)
  }
  bool is_closed() const noexcept { return closed_.is_closed(); }

  /// For who has found nothing: true if there will be nothing any more, provided that there is nothing now.
  bool is_drained() noexcept {
    if (!closed_.is_closed()) return false;
    // On behalf of a thread that may have stopped while it closes.
    if (!is_sealed_.load(memory_order_acquire)) close();  // (15) with (14)
    bool empty = true;
    parts_.for_each([&](const part& each) { empty = empty && each.door_.is_empty(); });
    return empty;
  }

  /// Exact where operations have not overlapped.
  std::size_t size_approx() const noexcept {
    std::int64_t sum = 0;
    parts_.for_each([&](const part& each) { sum += each.balance_.load(memory_order_relaxed); });
    return sum > 0 ? static_cast<std::size_t>(sum) : 0;
  }

 private:
  using segment_allocator = whole_pages_if_standard<typename std::allocator_traits<Allocator>::template rebind_alloc<segment>>;
  using traits = std::allocator_traits<segment_allocator>;

  // What `next` of the last segment is once the list is closed.
  static segment* nowhere() noexcept { return reinterpret_cast<segment*>(alignof(segment)); }
  static bool is_segment(segment* s) noexcept { return s != nullptr && s != nowhere(); }

  template <class Source, class MayPut>
  bool put_if(part& mine, Source& source, MayPut may_put);
  template <class Source, class MayPut>
  bool put_slowly(part& mine, Source source, MayPut may_put);  // a Source may be a reference
  void seal() noexcept;
  static bool advance(atomic<segment*>& end, segment* from, segment* to) noexcept {
    return end.compare_exchange_strong(from, to, memory_order_release, memory_order_relaxed);  // (7) with (9)
  }

  bool take_slowly(part& mine, element& out) noexcept;

  static segment* protect(atomic<segment*>& seen, const atomic<segment*>& source) noexcept;
  void retire(part& mine, segment* emptied) noexcept;
  void reuse_waiting(part& mine) noexcept;

  segment* spare();
  void keep(segment* unused) noexcept;
  segment* make() { return std::construct_at(std::to_address(traits::allocate(allocator_, 1))); }
  void give_back(segment* unused) noexcept;

  // Read by all, and written once a segment.
  alignas(cache_padding) atomic<segment*> head_;  // all before it are empty
  atomic<segment*> tail_;                         // never before head_
  close_flag closed_;
  atomic<bool> is_sealed_{false};
  [[no_unique_address]] segment_allocator allocator_;
  per_thread<part> parts_;
  atomic<std::uint32_t> sealing_{0};  // threads that look at segments without saying at which
  alignas(cache_padding) atomic<segment*> spares_[most_spares] = {};
};

template <class Slots, class Allocator>
template <class Source, class MayPut>
inline bool segment_list<Slots, Allocator>::put_if(part& mine, Source& source, MayPut may_put) {
  // Relaxed: if it is the one of last time, `protect` has done the rest.
  segment* const last = tail_.load(memory_order_relaxed);
  if (mine.tail_seen_.load(memory_order_relaxed) == last && last->slots.put_at_once(source, may_put)) [[likely]] {
    return true;
  }
  // A word by value: so it need not be in memory.
  return put_slowly<std::conditional_t<std::is_integral_v<Source>, Source, Source&>>(mine, source, may_put);
}

template <class Slots, class Allocator>
template <class Source, class MayPut>
[[gnu::noinline]] bool segment_list<Slots, Allocator>::put_slowly(part& mine, Source source, MayPut may_put) {
  for (;;) {
    segment* const last = protect(mine.tail_seen_, tail_);
    const placed is_in = last->slots.put(source, may_put);
    if (is_in == placed::yes) [[likely]] return true;
    if (is_in == placed::refused) return false;
    // All its slots are used: one more segment, with the element in it, unless another thread is faster.
    segment* next = last->next.load(memory_order_acquire);  // (4) with (5)
    if (!is_segment(next)) {
      if (!may_put()) return false;
      prepare(mine);
      segment* const fresh = mine.spare_;
      fresh->slots.begin_with(source);
      // It takes the place of null, or of `nowhere` if that is not in our way.
      if (last->next.compare_exchange_strong(next, fresh, memory_order_release, memory_order_acquire)) {  // (5) with (4), (6)
        mine.spare_ = nullptr;
        advance(tail_, last, fresh);
        return true;
      }
      fresh->slots.take_back(source);
      if (!is_segment(next)) continue;
    }
    advance(tail_, last, next);
  }
}

// Uses up the place of the next put.
template <class Slots, class Allocator>
void segment_list<Slots, Allocator>::seal() noexcept {
  sealing_.fetch_add(1, memory_order_relaxed);
  asymmetric_fence_light();  // (16) with (11)
  for (;;) {
    segment* const last = tail_.load(memory_order_acquire);  // (9) with (7)
    if (last->slots.seal()) break;
    segment* next = nullptr;
    // (5) with (4): relaxed would be enough for the success, behind the fence of `closed_.close()`, but g++ 12 refuses one
    // that is weaker than the failure's.
    if (last->next.compare_exchange_strong(next, nowhere(), memory_order_acquire, memory_order_acquire)) break;
    if (next == nowhere()) break;
    advance(tail_, last, next);
  }
  sealing_.fetch_sub(1, memory_order_release);  // (17) with (18)
}

template <class Slots, class Allocator>
inline bool segment_list<Slots, Allocator>::take(part& mine, element& out) noexcept {
  segment* const first = head_.load(memory_order_relaxed);  // as in put_if
  if (mine.head_seen_.load(memory_order_relaxed) == first && first->slots.take_at_once(out)) [[likely]] return true;
  return take_slowly(mine, out);
}

template <class Slots, class Allocator>
[[gnu::noinline]] bool segment_list<Slots, Allocator>::take_slowly(part& mine, element& out) noexcept {
  for (;;) {
    segment* const first = protect(mine.head_seen_, head_);
    // Not if it is `nowhere`: a put that has the last slot must not end after somebody was told "closed".
    const auto is_last = [&] { return first->next.load(memory_order_relaxed) == nullptr; };
    switch (first->slots.take(out, is_last)) {
      case taken::one: return true;
      case taken::none: return false;
      case taken::all: break;
    }
    segment* const next = first->next.load(memory_order_acquire);  // (6) with (5)
    if (!is_segment(next)) return false;
    // The tail goes ahead of the head, so that nobody finds a segment by it that was retired. Relaxed: it is not behind
    // `first`, and who has made that the head has seen it.
    if (tail_.load(memory_order_relaxed) == first) advance(tail_, first, next);
    if (advance(head_, first, next)) retire(mine, first);
  }
}

// The segment that `source` points to. It is not used again until this thread looks at another in its place: so nothing
// need be written as long as it is the same.
template <class Slots, class Allocator>
auto segment_list<Slots, Allocator>::protect(atomic<segment*>& seen, const atomic<segment*>& source) noexcept
    -> segment* {
  segment* found = source.load(memory_order_relaxed);  // a guess, or what was loaded below the last time
  while (seen.load(memory_order_relaxed) != found) [[unlikely]] {
    seen.store(found, memory_order_release);        // (1) with (3)
    asymmetric_fence_light();                       // (10) with (11)
    found = source.load(memory_order_acquire);      // (9) with (7)
  }
  return found;
}

template <class Slots, class Allocator>
void segment_list<Slots, Allocator>::retire(part& mine, segment* emptied) noexcept {
  emptied->after = std::exchange(mine.waiting_, emptied);
  if (++mine.waiting_count_ >= mine.limit_) reuse_waiting(mine);
}

template <class Slots, class Allocator>
[[gnu::noinline]] void segment_list<Slots, Allocator>::reuse_waiting(part& mine) noexcept {
  mine.head_seen_.store(nullptr, memory_order_relaxed);  // it is one of them
  // Either who looks at one sees that the head has gone on, or we see what it looks at.
  asymmetric_fence_heavy();  // (11) with (10)
  segment* each = std::exchange(mine.waiting_, nullptr);
  mine.waiting_count_ = 0;
  while (each != nullptr) {
    segment* const waiting = std::exchange(each, each->after);
    bool is_seen = sealing_.load(memory_order_acquire) != 0;  // (18) with (17)
    parts_.for_each([&](const part& other) {
      is_seen = is_seen || other.head_seen_.load(memory_order_acquire) == waiting ||  // (3) with (1)
                other.tail_seen_.load(memory_order_acquire) == waiting;               // (3) with (1)
    });
    if (is_seen) {
      waiting->after = std::exchange(mine.waiting_, waiting);
      ++mine.waiting_count_;
    } else {
      keep(waiting);
    }
  }
  mine.limit_ = std::max(batch, 2 * mine.waiting_count_);
}

// One that nobody else knows, all of whose slots are empty.
template <class Slots, class Allocator>
[[gnu::noinline]] auto segment_list<Slots, Allocator>::spare() -> segment* {
  segment* found = nullptr;
  // The one that was kept last, more or less: it may be in a cache.
  for (std::size_t i = most_spares; i != 0 && found == nullptr; --i) {
    atomic<segment*>& place = spares_[i - 1];
    if (place.load(memory_order_relaxed) != nullptr) found = place.exchange(nullptr, memory_order_acquire);  // (12) with (13)
  }
  if (found == nullptr) found = make();
  found->next.store(nullptr, memory_order_relaxed);
  found->slots.reset();
  return found;
}

template <class Slots, class Allocator>
void segment_list<Slots, Allocator>::keep(segment* unused) noexcept {
  for (atomic<segment*>& place : spares_) {
    segment* none = nullptr;
    if (place.load(memory_order_relaxed) == nullptr &&
        place.compare_exchange_strong(none, unused, memory_order_release, memory_order_relaxed)) {  // (13) with (12)
      return;
    }
  }
  give_back(unused);
}

template <class Slots, class Allocator>
void segment_list<Slots, Allocator>::give_back(segment* unused) noexcept {
  std::destroy_at(unused);
  traits::deallocate(allocator_, std::pointer_traits<typename traits::pointer>::pointer_to(*unused), 1);
}

// Relaxed: every call has ended, and the thread that is here knows. No element is left.
template <class Slots, class Allocator>
segment_list<Slots, Allocator>::~segment_list() {
  for (segment* s = head_.load(memory_order_relaxed); is_segment(s);) {
    give_back(std::exchange(s, s->next.load(memory_order_relaxed)));
  }
  for (atomic<segment*>& place : spares_) {
    if (segment* const s = place.load(memory_order_relaxed)) give_back(s);
  }
  parts_.for_each([&](const part& each) {
    if (each.spare_ != nullptr) give_back(each.spare_);
    for (segment* s = each.waiting_; s != nullptr;) give_back(std::exchange(s, s->after));
  });
}

}  // namespace switchyard::lockfree::detail
