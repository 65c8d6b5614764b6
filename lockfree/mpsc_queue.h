// A queue without a limit, for any number of producers and one consumer, with pushes that are wait-free.
//
// Source: our own. A lane for each producer, as in Dodds, Haas and Kirsch's timestamped queue (POPL 2015), with tickets
//   from one counter, so that the order is exact; that the consumer steps over who is late and comes back for him is
//   Adas and Friedman's (Jiffy, 2020).
// When: many threads hand work or news to one. With more than one consumer `unbounded_queue`; with one producer
//   `spsc_queue`; if memory must not be taken, `intrusive_mpsc_queue`; if the consumer must be able to hold the
//   producers up, `bounded_queue`.
// Progress: pushes are wait-free, apart from the allocator and from a thread's first push into this queue, which is
//   lock-free; pops and `close` are wait-free. A thread that stops for ever in the middle of a push delays nobody;
//   after `close` it delays "closed" being reported (a pop says "empty"), and nothing else. Members that wait block,
//   sleeping in the kernel, while there is nothing to take.
// Ordering: FIFO, and linearizable while nobody closes the queue. When it is closed, a pop may say `empty` for a while
//   in place of `closed`. A push happens before the pop of its element.
// Exceptions: a push that throws has changed nothing. An element that throws while it is moved out of its place stays
//   at the front.
// Cost: a push is one fetch-and-add and three plain stores, a batch of pushes is one fetch-and-add for as many as fit a
//   chunk. A pop is two plain stores if the element is from the thread that the one before was from; else it looks at
//   a line or two for each thread that has pushed. Eight bytes besides each element, in chunks of about 2 KB; each
//   thread that has pushed keeps one or two, and the others are given back as they are emptied.
//
//   mpsc_queue<event> q;  /* any thread */ q.push(event());  q.close();  /* one */ while (auto e = q.pop()) handle(*e);
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <type_traits>
#include <utility>

#include "switchyard/atomics/atomic.h"
#include "switchyard/atomics/cache_padded.h"
#include "switchyard/atomics/plain.h"
#include "switchyard/interface/conqueue_status.h"
#include "switchyard/lockfree/close_gate.h"
#include "switchyard/lockfree/detail/sole_use.h"
#include "switchyard/lockfree/waiting.h"
#include "switchyard/threads/per_thread.h"

namespace switchyard::lockfree {

/// Models `timed_queue`, `bulk_queue` and `sized_queue`; see `waiting_queue` for most members. Pops, waiting or not,
/// are for one thread at a time, `size_approx` and `close` for all. It is never `full`; a push throws what the
/// allocator throws. An element's constructors must not use the queue that it is put into or taken from.
template <class T, class Allocator = std::allocator<T>>
class mpsc_queue : public waiting_queue<mpsc_queue<T, Allocator>, T> {
  static_assert(std::is_nothrow_destructible_v<T>, "an element must not throw when destroyed");

 public:
  /// For `joinable`: an element that throws while it is moved out of its place stays in the queue.
  using keeps_what_throws = void;
  /// For `joinable`: pops are for one thread.
  using one_consumer = void;

  using allocator_type = Allocator;

  /// An empty queue. Takes no memory yet.
  explicit mpsc_queue(const Allocator& allocator = Allocator()) : allocator_(allocator) {}
  mpsc_queue(const mpsc_queue&) = delete;
  mpsc_queue& operator=(const mpsc_queue&) = delete;
  /// Destroys the elements left. No other thread may be using the queue.
  ~mpsc_queue();

  bool is_closed() const noexcept { return closed_.is_closed(); }
  allocator_type get_allocator() const noexcept { return Allocator(allocator_); }

  /// Exact where operations have not overlapped; pushes that are under way may count already.
  std::size_t size_approx() const noexcept {
    const ticket next = consumer_->next.load(memory_order_relaxed);
    const ticket popped = next - 1 - consumer_->holes.load(memory_order_relaxed);
    const ticket pushed = tickets_->load(memory_order_relaxed);
    return pushed > popped ? static_cast<std::size_t>(pushed - popped) : 0;
  }

 private:
  friend class waiting_queue<mpsc_queue, T>;

  // Tickets count pushes from 1 on. Invariant "order": if a push returns before another begins, its ticket is the lower
  // one; and the tickets of a lane go up.
  using ticket = std::uint64_t;
  static constexpr ticket none = 0;

  // `number` is the element's ticket. A lower one than the lane has `passed` is from an earlier life of the chunk, and
  // says that there is no element yet.
  struct slot {
    atomic<ticket> number{none};
    plain<T> element;
  };

  struct chunk {
#ifdef SWITCHYARD_MODEL
    static constexpr std::size_t length = 2;
#else
    static constexpr std::size_t length = std::max<std::size_t>(2048 / sizeof(slot), 8);
#endif
    slot slots[length];
    atomic<chunk*> next{nullptr};
  };
  using chunk_allocator = typename std::allocator_traits<Allocator>::template rebind_alloc<chunk>;
  using traits = std::allocator_traits<chunk_allocator>;

  // What a thread that pushes has of the queue: a list of chunks that it fills and the consumer empties.
  struct lane {
    // The producer's: where the next element goes.
    entrance door;
    detail::sole_use pushing;
    slot* tail = nullptr;
    slot* tail_end = nullptr;
    chunk* tail_chunk = nullptr;
    atomic<chunk*> first{nullptr};  // written once

    // The consumer's: where the next element comes from. `passed` is the last ticket in the chunk before.
    alignas(cache_padding) slot* head = nullptr;
    slot* head_end = nullptr;
    chunk* head_chunk = nullptr;
    ticket passed = none;
    atomic<chunk*> spare{nullptr};  // an empty chunk on its way from the consumer to the producer, or null
  };

  // Invariant "holes": of the tickets below `next`, all but `holes` have been popped, and none from `next` on. So if
  // there are no holes, the element with the ticket `next` is the first.
  struct consumer_side {
    atomic<ticket> next{1};   // these two are atomic for those who ask for the size
    atomic<ticket> holes{0};
    lane* at = nullptr;       // where the last one was popped
    detail::sole_use popping;
  };

  struct candidate {
    lane* at = nullptr;
    ticket number = none;
    explicit operator bool() const noexcept { return at != nullptr; }
  };

  template <class... Args>
  conqueue_status emplace_once(Args&&... args);
  template <class In>
  void push_batch_once(In& first, std::size_t n, std::size_t& done);
  template <class Sink>
  conqueue_status pop_once(Sink&& sink);
  template <class Out>
  void pop_batch_once(Out& out, std::size_t max, std::size_t& done);
  void close_once() noexcept { closed_.close(); }

  void make_room(lane& mine);
  void publish(lane& mine, std::size_t n) noexcept;

  candidate find() noexcept;
  bool goes_on(candidate& front) noexcept;
  candidate search() noexcept;
  ticket front_of(lane& l) noexcept;
  bool next_chunk(lane& l) noexcept;
  template <class Sink>
  void take(candidate front, Sink&& sink);
  void pass_by(ticket number) noexcept;
  bool is_drained() const noexcept;
  void free_chunk(chunk* unused) noexcept;

  // The lanes as the consumer has them.
  template <class Visit>
  void for_each_lane(Visit visit) const {
    lanes_.for_each([&](const lane& each) { visit(const_cast<lane&>(each)); });
  }

  // Read by all, and hardly ever written.
  [[no_unique_address]] chunk_allocator allocator_;
  close_flag closed_;
  per_thread<lane> lanes_;

  cache_padded<atomic<ticket>> tickets_{std::in_place, none};  // the last that was given out
  cache_padded<consumer_side> consumer_;
};

// ---- The producers

// What can fail comes first: the chunk, and the element, which is built in its place. Once it has a ticket, it is
//   pushed.
template <class T, class Allocator>
template <class... Args>
conqueue_status mpsc_queue<T, Allocator>::emplace_once(Args&&... args) {
  lane& mine = lanes_.local();
  const entrance::pass inside = mine.door.enter(closed_);
  if (!inside) return conqueue_status::closed;
  const detail::sole_use::hold alone(mine.pushing);
  make_room(mine);
  mine.tail->element.construct(std::forward<Args>(args)...);
  publish(mine, 1);
  return conqueue_status::success;
}

// One look at the gate for all, and for each chunk one fetch-and-add.
template <class T, class Allocator>
template <class In>
void mpsc_queue<T, Allocator>::push_batch_once(In& first, std::size_t n, std::size_t& done) {
  lane& mine = lanes_.local();
  const entrance::pass inside = mine.door.enter(closed_);
  if (!inside) return;
  const detail::sole_use::hold alone(mine.pushing);
  while (done < n) {
    make_room(mine);
    struct built {
      mpsc_queue& self;
      lane& mine;
      std::size_t count = 0;
      ~built() {
        if (count != 0) self.publish(mine, count);  // also if the next one throws
      }
    } some{*this, mine};
    for (slot* at = mine.tail; at != mine.tail_end && done < n; ++at, ++done, ++first) {
      at->element.construct(*first);
      ++some.count;
    }
  }
}

// Sees to it that there is a free slot at the tail. Throws what the allocator throws.
template <class T, class Allocator>
void mpsc_queue<T, Allocator>::make_room(lane& mine) {
  if (mine.tail != mine.tail_end) [[likely]] return;
  chunk* added = mine.spare.load(memory_order_acquire);  // (1) with (2)
  if (added != nullptr) {
    mine.spare.store(nullptr, memory_order_relaxed);  // this only says that there is room for the next
    added->next.store(nullptr, memory_order_relaxed);
  } else {
    added = std::construct_at(std::to_address(traits::allocate(allocator_, 1)));
  }
  atomic<chunk*>& link = mine.tail_chunk == nullptr ? mine.first : mine.tail_chunk->next;
  link.store(added, memory_order_release);  // (3) with (4)
  mine.tail_chunk = added;
  mine.tail = added->slots;
  mine.tail_end = added->slots + chunk::length;
}

// Gives tickets to the `n` elements that have been built from the tail on.
//
// Relaxed: all that counts is that who pushes later gets a higher number.
template <class T, class Allocator>
void mpsc_queue<T, Allocator>::publish(lane& mine, std::size_t n) noexcept {
  ticket number = tickets_->fetch_add(n, memory_order_relaxed);
  for (; n != 0; --n, ++mine.tail) mine.tail->number.store(++number, memory_order_release);  // (5) with (6), (7)
}

// ---- The consumer

template <class T, class Allocator>
template <class Sink>
conqueue_status mpsc_queue<T, Allocator>::pop_once(Sink&& sink) {
  const detail::sole_use::hold alone(consumer_->popping);
  candidate front = find();
  if (!front) [[unlikely]] {
    if (!is_drained()) return conqueue_status::empty;
    front = search();  // what was pushed since we looked, by the last who were inside
    if (!front) return conqueue_status::closed;
  }
  take(front, sink);
  return conqueue_status::success;
}

template <class T, class Allocator>
template <class Out>
void mpsc_queue<T, Allocator>::pop_batch_once(Out& out, std::size_t max, std::size_t& done) {
  const detail::sole_use::hold alone(consumer_->popping);
  try {
    while (done < max) {
      candidate front = find();
      if (!front) return;
      do {
        take(front, [&](T&& element) { *out = std::move(element); });
        ++done;
        ++out;
      } while (done < max && goes_on(front));
    }
  } catch (...) {
    if (done == 0) throw;  // else the next call meets the same element
  }
}

// The first element. None: there was a moment during the call when every push that had returned had been popped.
template <class T, class Allocator>
inline auto mpsc_queue<T, Allocator>::find() noexcept -> candidate {
  candidate front{consumer_->at, consumer_->next.load(memory_order_relaxed) - 1};
  if (front && goes_on(front)) [[likely]] return front;
  return search();
}

// Whether the first element is in the lane of `front`, the one that was popped before it.
template <class T, class Allocator>
inline bool mpsc_queue<T, Allocator>::goes_on(candidate& front) noexcept {
  slot* const head = front.at->head;
  if (head == front.at->head_end) return false;
  return head->number.load(memory_order_acquire) == ++front.number &&  // (6) with (5)
         consumer_->holes.load(memory_order_relaxed) == 0;
}

// The lowest ticket of all lanes. If it is not the next one, then those below it belong to pushes under way, or to such
// as ended after we had looked at their lanes. The latter may have returned before the push began that we have found:
// so look at all lanes again, now that this one has its ticket. A push that is not seen even so has not returned before
// this one began, and may come after it. Each round finds a push that was under way in the one before; so there are no
// more rounds than threads.
template <class T, class Allocator>
[[gnu::noinline]] auto mpsc_queue<T, Allocator>::search() noexcept -> candidate {
  const ticket next = consumer_->next.load(memory_order_relaxed);
  const ticket holes = consumer_->holes.load(memory_order_relaxed);
  candidate lowest;
  for (bool found = true; found;) {
    found = false;
    for_each_lane([&](lane& l) {
      const ticket front = front_of(l);
      if (front == none || (lowest && front >= lowest.number)) return;
      lowest = {&l, front};
      found = true;
    });
    if (holes == 0 && lowest.number == next) break;
  }
  return lowest;
}

// The ticket of the first element of a lane, or `none`.
template <class T, class Allocator>
auto mpsc_queue<T, Allocator>::front_of(lane& l) noexcept -> ticket {
  if (l.head == l.head_end && !next_chunk(l)) return none;
  const ticket number = l.head->number.load(memory_order_acquire);  // (7) with (5)
  return number > l.passed ? number : none;
}

// Goes on to the next chunk of the lane, if there is one, and gives the old one back.
template <class T, class Allocator>
[[gnu::noinline]] bool mpsc_queue<T, Allocator>::next_chunk(lane& l) noexcept {
  const atomic<chunk*>& link = l.head_chunk == nullptr ? l.first : l.head_chunk->next;
  chunk* const next = link.load(memory_order_acquire);  // (4) with (3)
  if (next == nullptr) return false;
  if (chunk* const old = std::exchange(l.head_chunk, next)) {
    l.passed = old->slots[chunk::length - 1].number.load(memory_order_relaxed);
    if (l.spare.load(memory_order_relaxed) == nullptr) {
      l.spare.store(old, memory_order_release);  // (2) with (1)
    } else {
      free_chunk(old);
    }
  }
  l.head = next->slots;
  l.head_end = next->slots + chunk::length;
  return true;
}

// If the sink throws, nothing has changed.
template <class T, class Allocator>
template <class Sink>
void mpsc_queue<T, Allocator>::take(candidate front, Sink&& sink) {
  plain<T>& element = front.at->head->element;
  sink(std::move(element.write()));
  element.destroy();
  ++front.at->head;
  consumer_->at = front.at;
  if (front.number == consumer_->next.load(memory_order_relaxed)) [[likely]] {
    consumer_->next.store(front.number + 1, memory_order_relaxed);
  } else {
    pass_by(front.number);
  }
}

// Keeps the invariant "holes" when another than the next ticket is popped.
template <class T, class Allocator>
[[gnu::noinline]] void mpsc_queue<T, Allocator>::pass_by(ticket number) noexcept {
  const ticket next = consumer_->next.load(memory_order_relaxed);
  const ticket holes = consumer_->holes.load(memory_order_relaxed);
  if (number < next) {
    consumer_->holes.store(holes - 1, memory_order_relaxed);
  } else {
    consumer_->holes.store(holes + (number - next), memory_order_relaxed);
    consumer_->next.store(number + 1, memory_order_relaxed);
  }
}

// True once it is closed, and everybody who got in has left.
template <class T, class Allocator>
bool mpsc_queue<T, Allocator>::is_drained() const noexcept {
  if (!closed_.is_settled()) return false;
  bool empty = true;
  for_each_lane([&](const lane& l) { empty = empty && l.door.is_empty(); });
  return empty;
}

template <class T, class Allocator>
mpsc_queue<T, Allocator>::~mpsc_queue() {
  for_each_lane([&](lane& l) {
    while (front_of(l) != none) (l.head++)->element.destroy();
    // This has gone on to the last chunk. The lane may live longer than the queue.
    free_chunk(std::exchange(l.head_chunk, nullptr));
    free_chunk(l.spare.load(memory_order_relaxed));
  });
}

template <class T, class Allocator>
void mpsc_queue<T, Allocator>::free_chunk(chunk* unused) noexcept {
  if (unused == nullptr) return;
  std::destroy_at(unused);
  traits::deallocate(allocator_, std::pointer_traits<typename traits::pointer>::pointer_to(*unused), 1);
}

}  // namespace switchyard::lockfree
