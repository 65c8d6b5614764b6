// What `spsc_queue` and `unbounded_spsc_queue` have in common: elements in lines, each with its own count of them.
//
// Source: Lamport, "Proving the correctness of multiprocess programs" (1977), with the producer's copy of the
//   consumer's index as in Lee, Bu and Chandranmenon's MCRingBuffer (IPDPS 2010). The producer's index travels beside
//   the elements, in each line of them, as FastForward's flags do (Giacomoni, Moseley and Vachharajani, PPoPP 2008), so
//   that one cache line moves for a hand-over and not two. What is fetched ahead, and when, is our own.
// When: as the base of a queue for one producer and one consumer, over a `Store` that knows which line follows which:
//
//   using line = spsc_line<T, Bytes>;
//   static constexpr std::size_t unbounded;             a capacity that says there is no limit
//   std::size_t capacity() const noexcept;
//   line* first() const noexcept;                       where both sides begin
//   struct filling; struct emptying;                    what it keeps for the producer, and for the consumer
//   line* next_to_fill(filling&, line*, uint64 tail);   the line after one that is full; may throw, having done nothing
//   line* next_to_empty(emptying&, line*) noexcept;     the line after one that is used up, or null if not yet known
//   line* ahead(const filling& or emptying&, line*, n)  the line n further on, or null if that is not known
//
// Progress: wait-free, but for what the store does to get memory.
// Ordering: FIFO. A push happens before the pop of its element, and the pop before the push that uses its place again.
// Cost: two plain stores a push and one a pop, besides the element's own; more where a line ends. A try that finds nothing,
//   or no room, after elements came or went in numbers takes about a microsecond, so that the two sides do not take the
//   same line from each other at every step.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <type_traits>
#include <utility>

#include "switchyard/atomics/atomic.h"
#include "switchyard/atomics/backoff.h"
#include "switchyard/atomics/cache_padded.h"
#include "switchyard/atomics/plain.h"
#include "switchyard/atomics/prefetch.h"
#include "switchyard/interface/conqueue_status.h"
#include "switchyard/interface/spans.h"
#include "switchyard/lockfree/close_gate.h"
#include "switchyard/lockfree/waiting.h"

namespace switchyard::lockfree::detail {

/// `Bytes` of elements and the count that goes with them, or one element if it is larger. `tail` is the count of
/// elements that had been pushed when the producer last filled a place in this line: so the consumer, about to read a
/// place, finds in the same line whether it has been filled.
template <class T, std::size_t Bytes>
struct alignas(std::max(line_size, alignof(T))) spsc_line {
#ifdef SWITCHYARD_MODEL
  static constexpr std::size_t size = 2;
#else
  static constexpr std::size_t before = std::max(sizeof(std::uint64_t), alignof(T));
  static constexpr std::size_t size = std::max<std::size_t>(1, (Bytes - std::min(Bytes, before)) / sizeof(plain<T>));
#endif

  explicit spsc_line(std::uint64_t count = 0) noexcept : tail(count) {}

  atomic<std::uint64_t> tail;
  plain<T> elements[size];
};

template <class Self, class T, class Store>
class spsc_lines : public waiting_queue<Self, T> {
 public:
  /// For `joinable`: an element that throws while it is moved out of its place stays in the queue.
  using keeps_what_throws = void;
  /// For `joinable`: pops are for one thread.
  using one_consumer = void;

  bool is_closed() const noexcept { return closed_.is_closed(); }

  /// Exact in the producer's or consumer's thread while the other side rests.
  std::size_t size_approx() const noexcept {
    const std::uint64_t head = consumer_->head.load(memory_order_relaxed);
    const std::uint64_t tail = producer_->tail.load(memory_order_relaxed);
    return static_cast<std::size_t>(std::min<std::uint64_t>(tail - head, store_.capacity()));
  }

 protected:
  template <class... Args>
  explicit spsc_lines(std::uint64_t position, Args&&... args) : store_(position, std::forward<Args>(args)...) {
    producer_side& p = *producer_;
    p.tail.store(position, memory_order_relaxed);
    p.reached.store(position, memory_order_relaxed);
    p.at = store_.first();
    p.begin = p.stop = p.limit = position;
    p.filling = store_.begin_filling();
    consumer_side& c = *consumer_;
    c.head.store(position, memory_order_relaxed);
    c.at = store_.first();
    c.begin = c.stop = c.known = position;
    c.emptying = store_.begin_emptying();
  }

  /// Destroys the elements left. No other thread may be using the queue.
  ~spsc_lines() {
    std::uint64_t head = consumer_->head.load(memory_order_relaxed);
    for (; filled(head, 1) != 0; popped(++head)) consumer_->at->elements[head - consumer_->begin].destroy();
  }

  const Store& store() const noexcept { return store_; }

  /// What `spsc_queue` says of reserve, commit, peek and consume.
  std::span<T> reserve(std::size_t n)
    requires std::is_trivially_copyable_v<T>
  {
    producer_side& p = *producer_;
    const std::uint64_t tail = p.tail.load(memory_order_relaxed);
    n = closed_.is_closed() ? 0 : std::min(n, room(tail, n));
    p.reserved = {tail, n};
    if (n == 0) return {};
    plain<T>* const places = p.at->elements + (tail - p.begin);
    for (std::size_t i = 0; i < n; ++i) places[i].lend();  // for the model checker
    return {address(*places), n};
  }
  bool commit(std::size_t n) {
    producer_side& p = *producer_;
    p.reserved.check(n, p.tail.load(memory_order_relaxed), switchyard::detail::too_many_committed);
    if (n == 0) return !closed_.is_closed();
    if (this->try_push_n(switchyard::detail::already_there(), n) == 0) return false;
    p.reserved.remove(n);
    return true;
  }
  std::span<T> peek(std::size_t n) noexcept {
    consumer_side& c = *consumer_;
    const std::uint64_t head = c.head.load(memory_order_relaxed);
    n = n == 0 ? 0 : std::min(n, filled(head, n));
    c.peeked = {head, n};
    if (n == 0) return {};
    plain<T>* const places = c.at->elements + (head - c.begin);
    for (std::size_t i = 0; i < n; ++i) static_cast<void>(places[i].write());  // for the model checker
    return {address(*places), n};
  }
  void consume(std::size_t n) {
    consumer_side& c = *consumer_;
    c.peeked.check(n, c.head.load(memory_order_relaxed), switchyard::detail::too_many_consumed);
    this->try_pop_n(switchyard::detail::nowhere(), n);
    c.peeked.remove(n);
  }

 private:
  friend class waiting_queue<Self, T>;
  using line = typename Store::line;

  static constexpr bool is_bounded = Store::is_bounded;
  // How many lines ahead of use are fetched: enough to hide a transfer between processors.
  static constexpr std::size_t fetched_ahead = 8;
  static constexpr bool fetches = sizeof(line) <= 2 * line_size;

  // All numbers count elements for ever, and may wrap: only their difference matters.
  struct producer_side {
    // Elements pushed and, while a push is under way, those that it would push: so that a closed queue is drained when
    // this is equal to head. Written by the producer.
    atomic<std::uint64_t> tail{0};
    std::uint64_t stop = 0;   // up to here pushes need not look further: the end of the line, or of the room
    line* at = nullptr;       // where the next element goes; if the line is full, into the one after it
    std::uint64_t begin = 0;  // the number of the first element of this line
    bool in_numbers = false;  // a line has been filled since it was last full
    std::uint64_t limit = 0;  // what tail may come to, by what the producer last read of head
    [[no_unique_address]] typename Store::filling filling;
    switchyard::detail::handed_out reserved;
    // What tail was when the producer last went on to a new line, or later. On a line of its own, since the consumer looks
    // at it, and that must not take from the producer what every push writes.
    alignas(line_size) atomic<std::uint64_t> reached{0};
  };
  struct consumer_side {
    atomic<std::uint64_t> head{0};  // elements popped; written by the consumer
    std::uint64_t stop = 0;         // up to here the line is known to be filled; or something past
    line* at = nullptr;             // where the next element comes from; if the line is used up, the one after it
    std::uint64_t begin = 0;        // the number of the first element of this line
    bool in_numbers = false;        // the last look found more than one element
    std::uint64_t known = 0;        // what the consumer last read of `reached`
    [[no_unique_address]] typename Store::emptying emptying;
    switchyard::detail::handed_out peeked;
  };

  // Announces that `n` elements are about to be pushed; at the end, all but those that have been `kept` were not.
  class announcement {
   public:
    announcement(producer_side& p, std::size_t n) noexcept : p_(p), tail_(p.tail.load(memory_order_relaxed)), n_(n) {
      p_.tail.store(tail_ + n, memory_order_relaxed);
    }
    ~announcement() {
      if (kept_ != n_) [[unlikely]] p_.tail.store(tail_ + kept_, memory_order_relaxed);
    }
    announcement(const announcement&) = delete;
    announcement& operator=(const announcement&) = delete;

    std::uint64_t tail() const noexcept { return tail_ + kept_; }
    void keep(std::size_t n) noexcept { kept_ += n; }

   private:
    producer_side& p_;
    std::uint64_t tail_;
    std::size_t n_;
    std::size_t kept_ = 0;
  };

  template <class... Args>
  conqueue_status emplace_once(Args&&... args) {
    producer_side& p = *producer_;
    announcement mine(p, 1);
    if (!closed_.is_open_after_announcing()) [[unlikely]] return conqueue_status::closed;
    const std::uint64_t tail = mine.tail();
    if (tail == p.stop && look_for_room(tail, 1) == 0 && !look_again_for_room(tail)) return conqueue_status::full;
    p.at->elements[tail - p.begin].construct(std::forward<Args>(args)...);
    publish(mine, 1);
    return conqueue_status::success;
  }

  template <class Sink>
  conqueue_status pop_once(Sink&& sink) {
    const std::uint64_t head = consumer_->head.load(memory_order_relaxed);
    if (!is_at_hand(head)) [[unlikely]] {
      if (const auto status = look_further(head); status != conqueue_status::success) return status;
    }
    plain<T>& element = consumer_->at->elements[head - consumer_->begin];
    sink(std::move(element.write()));
    element.destroy();
    popped(head + 1);
    return conqueue_status::success;
  }

  conqueue_status look_once() noexcept {
    const std::uint64_t head = consumer_->head.load(memory_order_relaxed);
    return is_at_hand(head) ? conqueue_status::success : look_further(head);
  }

  // For who has found no element, or no room. True, after a moment, if several came `in_numbers` until now: then the other
  // side is at work, and the next ones are to come so, too.
  bool should_look_again(bool& in_numbers) const noexcept {
    if (!in_numbers) return false;
    in_numbers = false;
    give_head_start(store_.capacity() / 8);  // the other side is soon through a few places, and would wait for us
    return true;
  }

  // What comes once a line, or where there is no element. Closed only if no push is under way that may still succeed, and
  // none has succeeded since we looked.
  [[gnu::noinline]] conqueue_status look_further(std::uint64_t head) noexcept {
    do {
      if (look_for_filled(head) != 0) return conqueue_status::success;
    } while (should_look_again(consumer_->in_numbers));
    if (!closed_.is_settled()) return conqueue_status::empty;
    if (producer_->tail.load(memory_order_relaxed) == head) return conqueue_status::closed;
    return look_for_filled(head) != 0 ? conqueue_status::success : conqueue_status::empty;
  }

  // The flag is looked at once for all, and every line is published once. (Counted beside the elements and not among them:
  // for all that the compiler knows, an element might be the counter.)
  template <class In>
  void push_batch_once(In& first, std::size_t n, std::size_t& done) {
    const std::uint64_t tail = producer_->tail.load(memory_order_relaxed);
    n -= done;
    if constexpr (is_bounded) {
      std::size_t room = room_in_all(tail, n);
      if (room < n && should_look_again(producer_->in_numbers)) room = room_in_all(tail, n);
      n = std::min(n, room);
    }
    announcement mine(*producer_, n);
    if (n == 0 || !closed_.is_open_after_announcing()) return;
    while (n != 0) {
      const std::size_t some = room_in_line(mine.tail(), n);
      fill(mine, first, some, done);
      n -= some;
    }
  }

  template <class Out>
  void pop_batch_once(Out& out, std::size_t max, std::size_t& done) {
    try {
      struct at_exit {
        spsc_lines& self;
        std::uint64_t head;
        std::size_t& done;
        std::size_t taken = 0;
        ~at_exit() {
          if (taken != 0) self.popped(head + taken);
          done += taken;
        }
      } some{*this, consumer_->head.load(memory_order_relaxed), done};
      const std::size_t wanted = max - done;
      while (some.taken < wanted) {
        const std::uint64_t head = some.head + some.taken;
        const std::size_t n = std::min(wanted - some.taken, filled(head, wanted - some.taken));
        if (n != 0) {
          empty(head, out, n, some.taken);
        } else if (some.taken != 0 || done != 0 || !should_look_again(consumer_->in_numbers)) {
          break;
        }
      }
    } catch (...) {
      if (done == 0) throw;  // else the next call meets the same element
    }
  }

  void close_once() noexcept { closed_.close(); }

  // Fills `n` places of the line, and publishes and counts those that could be built.
  template <class In>
  void fill(announcement& mine, In& first, std::size_t n, std::size_t& done) {
    struct at_exit {
      spsc_lines& self;
      announcement& mine;
      std::size_t& done;
      std::size_t built = 0;
      ~at_exit() {
        if (built != 0) self.publish(mine, built);
        done += built;
      }
    } some{*this, mine, done};
    plain<T>* const places = producer_->at->elements + (mine.tail() - producer_->begin);
    const auto build = [&](std::size_t i) {
      if constexpr (std::is_same_v<In, switchyard::detail::already_there>) {
        places[i].adopt();
      } else {
        places[i].construct(*first);
      }
      ++first;
      ++some.built;
    };
    if (n == line::size) {
      for (std::size_t i = 0; i < line::size; ++i) build(i);  // a number of times that the compiler knows
    } else {
      for (std::size_t i = 0; i < n; ++i) build(i);
    }
  }

  // Empties `n` filled places of the line, and counts those that could be emptied.
  template <class Out>
  void empty(std::uint64_t head, Out& out, std::size_t n, std::size_t& taken) {
    plain<T>* const places = consumer_->at->elements + (head - consumer_->begin);
    const auto take = [&](std::size_t i) {
      *out = std::move(places[i].write());
      places[i].destroy();
      ++out;
      ++taken;
    };
    if (n == line::size) {
      for (std::size_t i = 0; i < line::size; ++i) take(i);
    } else {
      for (std::size_t i = 0; i < n; ++i) take(i);
    }
  }

  // How many places of the line at `tail` are free, as far as the producer needs to know: it looks further only if
  // those that it knows of are fewer than `wanted`.
  std::size_t room(std::uint64_t tail, std::size_t wanted) {
    const auto n = static_cast<std::size_t>(producer_->stop - tail);
    return n >= wanted ? n : look_for_room(tail, wanted);
  }

  // The same, going on to the next line if this one is full. Throws what the store does. Apart, as what comes once a line,
  // to keep short what comes with every element.
  [[gnu::noinline]] std::size_t look_for_room(std::uint64_t tail, std::size_t wanted) {
    auto n = std::numeric_limits<std::size_t>::max();
    if constexpr (is_bounded) n = room_in_all(tail, wanted);
    return n == 0 ? 0 : room_in_line(tail, n);
  }

  // Of `n` places that are free from `tail` on, as many as are in one line: the next one if this one is full.
  std::size_t room_in_line(std::uint64_t tail, std::size_t n) {
    producer_side& p = *producer_;
    if (tail - p.begin == line::size) {
      p.at = store_.next_to_fill(p.filling, p.at, tail);
      p.begin = tail;
      p.in_numbers = true;
      if (fetches) {
        p.reached.store(tail, memory_order_relaxed);
        // A line that is free can be fetched before it is needed; another would be taken from the consumer.
        if (!is_bounded || p.limit - tail > line::size * (fetched_ahead + 1)) {
          if (const line* const soon = store_.ahead(p.filling, p.at, fetched_ahead)) prefetch_for_write(soon);
        }
      }
    }
    n = std::min(n, static_cast<std::size_t>(p.begin + line::size - tail));
    p.stop = tail + n;
    return n;
  }

  // Where there was none.
  [[gnu::noinline]] bool look_again_for_room(std::uint64_t tail) {
    return should_look_again(producer_->in_numbers) && look_for_room(tail, 1) != 0;
  }

  // How many places are free in all, as far as the producer needs to know.
  std::size_t room_in_all(std::uint64_t tail, std::size_t wanted) noexcept {
    producer_side& p = *producer_;
    if (p.limit - tail < wanted) {
      p.limit = consumer_->head.load(memory_order_acquire) + store_.capacity();  // (1) with (4)
    }
    return static_cast<std::size_t>(p.limit - tail);
  }

  // Publishes the `n` elements that have been built at the producer's place.
  void publish(announcement& mine, std::size_t n) noexcept {
    mine.keep(n);
    producer_->at->tail.store(mine.tail(), memory_order_release);  // (3) with (2)
  }

  // Whether the place at `head` is known to be filled, or filled and the only one: which is not worth remembering.
  bool is_at_hand(std::uint64_t head) const noexcept {
    const consumer_side& c = *consumer_;
    if (static_cast<std::int64_t>(c.stop - head) > 0) return true;
    return head - c.begin != line::size && c.at->tail.load(memory_order_acquire) - head == 1;  // (2) with (3)
  }

  // How many places of the line at `head` are filled, as far as the consumer needs to know.
  std::size_t filled(std::uint64_t head, std::size_t wanted) noexcept {
    const auto n = static_cast<std::int64_t>(consumer_->stop - head);
    return n > 0 && static_cast<std::size_t>(n) >= wanted ? static_cast<std::size_t>(n) : look_for_filled(head);
  }

  // The same, going on to the next line if this one is used up.
  std::size_t look_for_filled(std::uint64_t head) noexcept {
    consumer_side& c = *consumer_;
    if (head - c.begin == line::size) {
      line* const next = store_.next_to_empty(c.emptying, c.at);
      if (next == nullptr) return 0;
      c.at = next;
      c.begin = head;
    }
    // A line not yet filled in this lap has an older tail. One that the producer has come round to again, a newer.
    const auto pushed = static_cast<std::int64_t>(c.at->tail.load(memory_order_acquire) - head);  // (2) with (3)
    if (pushed <= 0) return 0;
    const std::size_t n = std::min(static_cast<std::size_t>(pushed), static_cast<std::size_t>(c.begin + line::size - head));
    c.stop = head + n;
    if (n > 1) c.in_numbers = true;
    if (fetches && n == line::size) fetch_ahead(head);  // the producer is ahead
    return n;
  }

  // Fetches lines that are full before they are needed; those that the producer is still filling would be taken from
  // it. How far ahead it is, is only looked up when it might be further than is known.
  void fetch_ahead(std::uint64_t head) noexcept {
    consumer_side& c = *consumer_;
    const auto is_full = [&](std::size_t n) {
      return static_cast<std::int64_t>(c.known - head - (n + 1) * line::size) >= 0;
    };
    std::size_t n = fetched_ahead;
    if (!is_full(1)) {
      c.known = producer_->reached.load(memory_order_relaxed);  // only for fetching: it orders nothing
      n = 1;
    }
    for (; n <= fetched_ahead && is_full(n); ++n) {
      if (const line* const soon = store_.ahead(c.emptying, c.at, n)) __builtin_prefetch(soon, 0);
    }
  }

  // Gives back the places up to number `head`, whose elements have been taken.
  void popped(std::uint64_t head) noexcept { consumer_->head.store(head, memory_order_release); }  // (4) with (1)

  static T* address(plain<T>& place) noexcept {
    static_assert(sizeof(plain<T>) == sizeof(T), "elements in a row are an array of T");
    return reinterpret_cast<T*>(&place);
  }

  // Read by both sides, written by neither while the queue is open.
  Store store_;
  close_flag closed_;

  cache_padded<producer_side> producer_;
  cache_padded<consumer_side> consumer_;
};

}  // namespace switchyard::lockfree::detail
