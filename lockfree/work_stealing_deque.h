// A deque of one owner, who pushes and pops at one end, while any number of threads steal from the other.
//
// Source: Chase and Lev, "Dynamic circular work-stealing deque" (SPAA 2005); the memory orders started from Le, Pop,
//   Cohen and Zappa Nardelli, "Correct and efficient work-stealing for weak memory models" (PPoPP 2013), and have no
//   fences; how the last element is popped, and that it shrinks to a ring that it had, is our own.
// When: a thread's own work, which idle threads may take: `thread_pool`. Not to hand work from thread to thread:
//   that is a queue, `spsc_queue` or `bounded_queue`. Only one thread at a time may be the owner.
// Progress: `push` and `try_pop` are wait-free but for the allocator, and for copying when the ring of slots grows
//   or shrinks. Stealing is lock-free: a thread stopped for ever anywhere stops no other.
// Ordering: linearizable, with pops of the newest element and steals of the oldest. A push happens before the pop or
//   steal of its element.
// Exceptions: an element that throws while it is moved out to its taker is lost, as in P0260; nothing else is.
// Cost: a push is two plain stores, a pop one seq_cst store, or a compare-and-swap for the last element; a steal is one
//   compare-and-swap, by a hazard pointer. Up to 8 trivially copyable bytes lie in a slot of 8 bytes; others in a
//   node besides, from the allocator, of which the owner keeps up to 64 to use again. Rings grow by doubling, and the
//   smaller ones are kept to go back to: 16 bytes for each element that there was room for. A deque that has long been
//   much shorter than its ring does so, and gives the larger one back, if its allocators are all equal.
//
//   work_stealing_deque<job> jobs;
//   jobs.push(job());  while (auto j = jobs.try_pop()) run(*j);  /* thieves */ if (auto j = jobs.try_steal()) run(*j);
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include "switchyard/atomics/atomic.h"
#include "switchyard/atomics/backoff.h"
#include "switchyard/atomics/cache_padded.h"
#include "switchyard/interface/conqueue_status.h"
#include "switchyard/interface/queue.h"
#include "switchyard/lockfree/detail/deque_elements.h"
#include "switchyard/lockfree/detail/slots.h"
#include "switchyard/lockfree/hazard_pointer.h"

namespace switchyard::lockfree {

/// Models `concurrent_deque`. The owner and thieves use copies of the allocator at the same time.
///
/// Indices count elements for ever: the element with index i is in slot i % size of the ring, and the deque's are those
/// from `top_` up to, not including, `bottom_`. Only the owner writes bottom_ and the slots; top_ only grows, one by
/// one, and who moves it from i to i + 1 has the element with index i.
///
/// Invariant "not twice": the owner takes `last` without touching top_ if it has stored bottom_ = last (3), and then
/// finds top_ < last (4). Why no thief takes it then: it would have to find top_ = last (7), and then bottom_ > last
/// (8). All of these are seq_cst, and so is what moves top_ (9): they have one order. The owner did not see that top_
/// became `last`, so that came after (4). Who saw it looks at bottom_ later still, and finds what the owner has stored:
///
///     owner                        thief 1               thief 2                       0 and 1 are in the deque
///                                  top_ is 0 (7)
///                                  bottom_ is 2 (8)
///                                  top_ 0 -> 1 (9)
///                                                        top_ is 1 (7)
///                                                        bottom_ is 2 (8)  <- may be old, if (3) or (8) is weaker
///     bottom_ = 1 (3)
///     top_ is 0 (4)  <- may be old, if (4) or (9) is weaker
///     takes 1                                            top_ 1 -> 2 (9): takes 1 as well
template <class T, class Allocator = std::allocator<T>>
class work_stealing_deque {
 public:
  using value_type = T;
  using allocator_type = Allocator;

  /// An empty deque with room for `capacity` elements, rounded up to a power of two, below which it never shrinks.
  /// Throws std::invalid_argument for 0, std::length_error for more than can be addressed, and what the allocator
  /// throws.
  explicit work_stealing_deque(std::size_t capacity = default_capacity, const Allocator& allocator = Allocator())
      : work_stealing_deque(capacity, detail::start_at{0}, allocator) {}

  /// For tests: the same deque after `start.position` elements were stolen.
  work_stealing_deque(std::size_t capacity, detail::start_at start, const Allocator& allocator = Allocator())
      : allocator_(allocator),
        elements_(allocator),
        top_(std::in_place, start.position),
        bottom_(std::in_place, start.position),
        owner_(std::in_place, start.position, make_ring(rounded_up(capacity), allocator)),
        ring_(owner_->slots) {}
  work_stealing_deque(const work_stealing_deque&) = delete;
  work_stealing_deque& operator=(const work_stealing_deque&) = delete;

  /// Destroys the elements left. No other thread may be using the deque.
  ~work_stealing_deque() {
    const index end = bottom_->load(memory_order_relaxed);
    for (index i = top_->load(memory_order_relaxed); i != end; ++i) {
      elements_.drop(owner_->slots->at(i).load(memory_order_relaxed));
    }
    for (ring* r = owner_->slots; r != nullptr;) free_ring()(std::exchange(r, r->smaller));
  }

  // -- The owner ---------------------------------------------------------------------------------------------

  /// Adds an element at the owner's end. Throws what the allocator does, having changed nothing, and `value` is as it
  /// was; and what building the element throws, having changed nothing in the deque.
  void push(const T& value) { emplace(value); }
  void push(T&& value) { emplace(std::move(value)); }
  template <class... Args>
  void emplace(Args&&... args) {
    // Room first, before anything is moved from.
    if constexpr (elements::in_nodes) make_room(bottom_->load(memory_order_relaxed));
    built_element built(elements_, std::forward<Args>(args)...);
    publish(built.element);
    built.published = true;
  }

  /// Takes the element pushed last of those that are left, or says `empty`. Throws what moving it out throws.
  // Inline for its result: out of line, GCC writes that in pieces and reads it as a whole, which takes longer than all
  // the rest.
  [[gnu::always_inline]] pop_result<T> try_pop() {
    word element;
    if (!pop(element)) return unexpected(conqueue_status::empty);
    return elements_.take_own(element);
  }

  // -- Any thread --------------------------------------------------------------------------------------------

  /// Takes the oldest element. `empty`: there was none. `busy`: another thread took it, and there may be more. Throws
  /// what moving it out throws, and std::bad_alloc if a hazard pointer cannot be had.
  [[gnu::always_inline]] pop_result<T> try_steal() {
    const theft t = steal();
    if (t.status != conqueue_status::success) return unexpected(t.status);
    return elements_.take_stolen(t.element);
  }

  /// Takes elements one by one, oldest first, until it has half of what there was at first, rounded up, or `max`; or
  /// until it is overtaken by another thread, if it has some already. Writes each to `out` when it has it. Returns how
  /// many; 0: there was none, or `max` is 0. Throws as `try_steal`, and what `out` throws: the element under way is
  /// lost, those before it have been written, those after it are still in the deque.
  template <class Out>
  std::size_t try_steal_half(Out out, std::size_t max = std::numeric_limits<std::size_t>::max()) {
    if (max == 0) return 0;
    hazard_pointer hazard = make_hazard_pointer();
    std::size_t stolen = 0;
    for (backoff contention;;) {
      const theft t = steal(hazard);
      if (t.status == conqueue_status::empty) return stolen;
      if (t.status == conqueue_status::busy) {
        if (stolen != 0) return stolen;
        contention.lost_race();
        continue;
      }
      if (stolen == 0) max = std::min(max, static_cast<std::size_t>(t.size - t.size / 2));
      *out = std::move(*elements_.take_stolen(t.element));
      ++out;
      if (++stolen == max) return stolen;
    }
  }

  /// Exact in the owner's thread while nobody steals.
  std::size_t size_approx() const noexcept {
    const index top = top_->load(memory_order_relaxed);
    const auto size = static_cast<std::int64_t>(bottom_->load(memory_order_relaxed) - top);
    return size > 0 ? static_cast<std::size_t>(size) : 0;
  }
  bool empty_approx() const noexcept { return size_approx() == 0; }
  allocator_type get_allocator() const noexcept { return allocator_; }

 private:
  using elements = std::conditional_t<std::is_trivially_copyable_v<T> && sizeof(T) <= sizeof(std::uint64_t),
                                      detail::deque_words<T, Allocator>, detail::deque_nodes<T, Allocator>>;
  using word = typename elements::word;
  using index = std::uint64_t;  // may wrap: only differences matter

#ifdef SWITCHYARD_MODEL
  static constexpr std::size_t default_capacity = 2;
  static constexpr std::size_t shrink_share = 2;
  static constexpr std::size_t patience(std::size_t) noexcept { return 0; }
#else
  static constexpr std::size_t default_capacity = 64;
  // A ring is too large if, so often in a row as it has slots, less than one part in so many was used.
  static constexpr std::size_t shrink_share = 8;
  static constexpr std::size_t patience(std::size_t size) noexcept { return size; }
#endif

  struct ring;
  struct free_ring {
    void operator()(ring* r) const noexcept {
      typename ring::allocator mine(r->slots.get_allocator());
      std::destroy_at(r);
      ring::traits::deallocate(mine, std::pointer_traits<typename ring::traits::pointer>::pointer_to(*r), 1);
    }
  };

  // A power of two of slots.
  struct ring : hazard_pointer_obj_base<ring, free_ring> {
    using traits = typename std::allocator_traits<Allocator>::template rebind_traits<ring>;
    using allocator = typename traits::allocator_type;

    ring(std::size_t size, const Allocator& a) : slots(size, a) {}
    std::size_t size() const noexcept { return slots.size(); }
    atomic<word>& at(index i) const noexcept { return slots[static_cast<std::size_t>(i) & (size() - 1)]; }

    detail::slots<atomic<word>, Allocator> slots;
    ring* smaller = nullptr;  // the ring of half the size, kept to go back to
  };

  // What only the owner uses.
  struct owner_side {
    owner_side(index start, ring* r) noexcept : slots(r), top_seen(start), least_top(start) {}

    ring* slots;      // as ring_
    index top_seen;   // top_ was at least this, and the slots before it have been read
    index least_top;  // top_ was at least this: elements before it are gone
    std::size_t small_size = 0;   // with fewer elements the ring is too large; 0 in the smallest
    std::size_t small_looks = 0;  // how often in a row it was found too large
  };

  // An element on its way into the deque.
  struct built_element {
    template <class... Args>
    explicit built_element(elements& all, Args&&... args)
        : from(all), element(all.build(std::forward<Args>(args)...)) {}
    built_element(const built_element&) = delete;
    built_element& operator=(const built_element&) = delete;
    ~built_element() {
      if (!published) from.drop(element);
    }

    elements& from;
    word element;
    bool published = false;
  };

  // What came of an attempt to steal, and of how many elements.
  struct theft {
    conqueue_status status;
    word element;
    index size;
  };

  static std::size_t rounded_up(std::size_t capacity) {
    if (capacity == 0) throw std::invalid_argument("a deque's capacity must be at least 1");
    if (capacity > std::numeric_limits<std::size_t>::max() / 2) {
      throw std::length_error("a deque's capacity is too large");
    }
    return std::bit_ceil(capacity);
  }

  static ring* make_ring(std::size_t size, const Allocator& allocator) {
    typename ring::allocator mine(allocator);
    const auto memory = ring::traits::allocate(mine, 1);
    try {
      return std::construct_at(std::to_address(memory), size, allocator);
    } catch (...) {
      ring::traits::deallocate(mine, memory, 1);
      throw;
    }
  }

  // The owner looks at top_ only if there is no room as far as it knows.
  void make_room(index bottom) {
    if (bottom - owner_->top_seen >= owner_->slots->size()) [[unlikely]] look_for_room(bottom);
  }

  // Grows also if there is room for a few only, so as not to be here again soon.
  [[gnu::noinline]] void look_for_room(index bottom) {
    owner_side& mine = *owner_;
    mine.top_seen = top_->load(memory_order_acquire);  // (1) with (9): slots before it have been read
    const auto size = static_cast<std::size_t>(bottom - mine.top_seen);
    const std::size_t slots = mine.slots->size();
    if (slots - size > slots / 4) {
      note_size(size, slots / shrink_share);
      return;
    }
    ring* const larger = make_ring(2 * slots, allocator_);
    larger->smaller = mine.slots;
    move_to(*larger, bottom);
  }

  void publish(word element) {
    const index bottom = bottom_->load(memory_order_relaxed);
    make_room(bottom);
    owner_->slots->at(bottom).store(element, memory_order_relaxed);
    bottom_->store(bottom + 1, memory_order_release);  // (2) with (8): the element, and the ring that it is in
  }

  // Copies the elements. Those that are stolen meanwhile are copied as well, and not looked at again.
  void move_to(ring& to, index bottom) noexcept {
    owner_side& mine = *owner_;
    for (index i = mine.top_seen; i != bottom; ++i) {
      to.at(i).store(mine.slots->at(i).load(memory_order_relaxed), memory_order_relaxed);
    }
    mine.slots = &to;
    mine.small_size = to.smaller == nullptr ? 0 : to.size() / shrink_share;
    mine.small_looks = 0;
    ring_.store(&to, memory_order_release);  // (6) with the acquire in hazard_pointer::protect
  }

  // Takes the newest element, if there is one.
  bool pop(word& element) noexcept {
    owner_side& mine = *owner_;
    const index end = bottom_->load(memory_order_relaxed);
    if (end == mine.least_top) return false;
    const index last = end - 1;
    element = mine.slots->at(last).load(memory_order_relaxed);

    const bool lowers = last != mine.least_top;
    if (lowers) [[likely]] {
      // Say that the last element is taken, then look how far the thieves are.
      bottom_->store(last, memory_order_seq_cst);         // (3) with (8): see "not twice"; and as (2)
      mine.least_top = top_->load(memory_order_seq_cst);  // (4) with (9)
      const auto left = static_cast<std::int64_t>(last - mine.least_top);
      if (left > 0) [[likely]] {
        note_size(static_cast<std::size_t>(left));
        return true;
      }
    }

    // It is the only one, and whoever moves top has it; or top is past it already, and it is gone.
    index top = last;
    const bool won = top_->compare_exchange_strong(top, end, memory_order_relaxed, memory_order_relaxed);  // (5)
    // Not before: a thief that has been told `empty` must not find it again. Relaxed, as all before `end` are gone.
    if (lowers) bottom_->store(end, memory_order_relaxed);
    mine.least_top = end;
    note_size(0);
    return won;
  }

  // Goes back to a smaller ring when that has been enough for a while.
  void note_size(std::size_t size, std::size_t looks = 1) noexcept {
    owner_side& mine = *owner_;
    if (size >= mine.small_size) [[likely]] {
      mine.small_looks = 0;
    } else if ((mine.small_looks += looks) > patience(mine.slots->size())) {
      shrink();
    }
  }

  [[gnu::noinline]] void shrink() noexcept {
    owner_side& mine = *owner_;
    mine.small_looks = 0;
    if constexpr (std::allocator_traits<Allocator>::is_always_equal::value) {
      // Into half of its size, of which a part of shrink_share / 2 is used. The ring there was last used before this
      // one, and thieves may still look at it: as at any slot that is used again.
      mine.top_seen = top_->load(memory_order_acquire);  // (1) with (9)
      ring* const larger = mine.slots;
      move_to(*larger->smaller, bottom_->load(memory_order_relaxed));
      larger->retire();  // else it would be freed by an allocator that may not live so long
    }
  }

  // Takes the oldest element, if it can.
  theft steal() {
    hazard_pointer hazard = make_hazard_pointer();
    return steal(hazard);
  }
  theft steal(hazard_pointer& hazard) noexcept {
    index top = top_->load(memory_order_seq_cst);              // (7) with (9): see "not twice"
    const index bottom = bottom_->load(memory_order_seq_cst);  // (8) with (3) likewise, and with (2)
    const auto size = static_cast<std::int64_t>(bottom - top);
    if (size <= 0) return {conqueue_status::empty, word(), 0};
    // The ring is that of (2) or a later one. The element in the slot is the one with this index unless top_ has moved.
    const ring* const slots = hazard.protect(ring_);
    const word element = slots->at(top).load(memory_order_relaxed);
    const bool won = top_->compare_exchange_strong(top, top + 1, memory_order_seq_cst,  // (9) with (1), (4), (7)
                                                   memory_order_relaxed);
    return {won ? conqueue_status::success : conqueue_status::busy, element, static_cast<index>(size)};
  }

  [[no_unique_address]] Allocator allocator_;
  elements elements_;

  cache_padded<atomic<index>> top_;     // the oldest element; written by thieves
  cache_padded<atomic<index>> bottom_;  // behind the newest; written by the owner
  cache_padded<owner_side> owner_;
  atomic<ring*> ring_;  // read by thieves, seldom written
};

}  // namespace switchyard::lockfree
