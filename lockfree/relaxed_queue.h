// A lock-free queue without a limit, for any number of producers and consumers, that keeps the order of each producer
// only.
//
// Source: our own. A lane for each producer, as in moodycamel's ConcurrentQueue (Desrochers, 2014); what a lane is made
//   of, `detail/lane.h` says.
// When: many threads, and no order between what different producers push: jobs, events, log lines. Where there must be
//   one: `unbounded_queue`. Where the producers must be kept from filling the memory: `bounded_queue`.
//   `blocking::relaxed_queue` has the same members.
// Progress: lock-free, apart from the allocator; members that wait block when there is nothing to take. A thread stopped
//   inside a push delays "closed" being reported (a pop says "empty"); one stopped inside a pop has what it has claimed.
//   Pushes are wait-free but for the first of a thread or handle, which looks for a lane that nobody has.
// Ordering: first in, first out for each producer, that is, a handle, or a thread that pushes without one. `empty`:
//   there is no element whose push had ended before the pop began, and which no other pop has claimed. A push happens
//   before the pop of its element.
// Exceptions: an element that throws while it is moved out is gone. Pops of many claim them all at once if moving one to
//   where it goes cannot throw, as with a pointer, and one by one if it can, as with std::back_inserter.
// Cost: a push is four plain stores; a pop one compare-and-swap, uncontended while each consumer has a lane to itself,
//   as it tries to; `push_n` and `pop_n` no more than that for what lies in one block. A pop that finds nothing looks
//   at two cache lines of each lane. Memory comes in blocks of about 4 KiB; a lane keeps six of them at most when it is
//   empty, a consumer one. There are as many lanes as there were producers at a time. At most 65,535 consumers at a time.
//
//   relaxed_queue<job> queue;
//   queue.push(job());                                                // a thread, now and then
//   auto out = queue.make_producer();   out.push(job());              // a thread that has much to push
//   auto in = queue.make_consumer();    while (auto j = in.pop()) run(*j);
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "switchyard/atomics/atomic.h"
#include "switchyard/interface/conqueue_status.h"
#include "switchyard/interface/lane_handles.h"
#include "switchyard/lockfree/close_gate.h"
#include "switchyard/lockfree/detail/lane.h"
#include "switchyard/lockfree/detail/list_calls.h"
#include "switchyard/lockfree/waiting.h"
#include "switchyard/threads/per_thread.h"

namespace switchyard::lockfree {

/// Models `timed_queue`, `bulk_queue` and `sized_queue`; see `waiting_queue` for most members. It is never `full`; a push
/// throws what the allocator throws, and has then changed nothing. An element's constructors must not use the queue.
template <class T, class Allocator = std::allocator<T>>
class relaxed_queue : public waiting_queue<relaxed_queue<T, Allocator>, T> {
 public:
  using allocator_type = Allocator;
  using producer = producer_handle<relaxed_queue>;
  using consumer = consumer_handle<relaxed_queue>;

  /// An empty queue. Takes no memory yet.
  explicit relaxed_queue(const Allocator& allocator = Allocator()) : allocator_(allocator) {}
  relaxed_queue(const relaxed_queue&) = delete;
  relaxed_queue& operator=(const relaxed_queue&) = delete;
  /// Destroys the elements left. There are no handles any more.
  ~relaxed_queue();

  /// A lane of its own for who pushes much, with the members of the queue that push. Throws what the allocator throws.
  producer make_producer() { return producer(*this, take_lane()); }
  /// A place of its own among the lanes for who pops much, with the members of the queue that pop.
  consumer make_consumer() noexcept { return consumer(*this, new_place()); }

  bool is_closed() const noexcept { return closed_.is_closed(); }
  allocator_type get_allocator() const noexcept { return Allocator(allocator_); }

  /// Exact where operations have not overlapped.
  std::size_t size_approx() const noexcept {
    std::size_t sum = 0;
    for_each_lane([&](const lane& each) { sum += each.elements.size_approx(); });
    return sum;
  }

 private:
  friend class waiting_queue<relaxed_queue, T>;
  friend producer;
  friend consumer;

  struct lane {
    explicit lane(const Allocator& allocator) : elements(allocator) {}

    detail::lane<T, Allocator> elements;
    atomic<bool> taken{true};
    lane* next = nullptr;
  };
  using lane_allocator = typename std::allocator_traits<Allocator>::template rebind_alloc<lane>;
  using traits = std::allocator_traits<lane_allocator>;

  /// Where a consumer is.
  struct place {
    std::size_t turn;    // which lane to begin with, counted
    lane* in = nullptr;  // null: it has not begun
    typename detail::lane<T, Allocator>::place at{};
  };

  /// What a thread has that uses the queue without handles. It never gives its lane back, but goes to the next thread
  /// that comes, with it.
  struct visitor {
    lane* mine = nullptr;
    bool began = false;
    place from{0};
  };

  /// What handles need.
  struct handle_access;

  template <class... Args>
  conqueue_status emplace_once(Args&&... args) {
    lane* const mine = lane_of_this_thread();
    return mine == nullptr ? conqueue_status::closed : push_to(*mine, std::forward<Args>(args)...);
  }
  template <class In>
  void push_batch_once(In& first, std::size_t n, std::size_t& done) {
    if (n == done) return;
    lane* const mine = lane_of_this_thread();
    if (mine != nullptr) push_n_to(*mine, first, n, done);
  }
  template <class Sink>
  conqueue_status pop_once(Sink&& sink) {
    return pop_by(place_of_this_thread(), sink);
  }
  template <class Out>
  void pop_batch_once(Out& out, std::size_t max, std::size_t& done) {
    pop_n_by(place_of_this_thread(), out, max, done);
  }
  void close_once() noexcept { closed_.close(); }

  template <class... Args>
  conqueue_status push_to(lane& mine, Args&&... args) {
    const entrance::pass inside = mine.elements.door().enter(closed_);
    if (!inside) return conqueue_status::closed;
    mine.elements.push(std::forward<Args>(args)...);
    return conqueue_status::success;
  }
  template <class In>
  void push_n_to(lane& mine, In& first, std::size_t n, std::size_t& done) {
    const entrance::pass inside = mine.elements.door().enter(closed_);
    if (inside) mine.elements.push_n(first, n, done);
  }

  template <class Sink>
  conqueue_status pop_by(place& at, Sink& sink);
  template <class Out>
  void pop_n_by(place& at, Out& out, std::size_t max, std::size_t& done);
  template <class Take>
  bool take_from_any(place& at, Take take);
  template <class Take>
  [[gnu::noinline]] bool take_from_others(place& at, Take& take, bool own_too);

  lane& take_lane();
  lane* lane_of_this_thread() {
    visitor& me = visitors_.local();
    if (me.mine == nullptr && !is_closed()) [[unlikely]] me.mine = &take_lane();
    return me.mine;
  }

  place new_place() noexcept { return place{consumers_.fetch_add(1, memory_order_relaxed)}; }
  place& place_of_this_thread() {
    visitor& me = visitors_.local();
    if (!me.began) [[unlikely]] {
      me.from = new_place();
      me.began = true;
    }
    return me.from;
  }
  static void leave(place& at) noexcept {
    if (at.at) at.in->elements.leave(at.at);
  }

  // True once it is closed and everybody who got in has left; it stays true.
  bool is_drained() const noexcept {
    if (!closed_.is_settled()) return false;
    bool empty = true;
    for_each_lane([&](const lane& each) { empty = empty && each.elements.door().is_empty(); });
    return empty;
  }

  template <class Visit>
  void for_each_lane(Visit visit) const {
    for (const lane* each = lanes_.load(memory_order_acquire); each != nullptr; each = each->next) visit(*each);  // (1) with (2)
  }

  [[no_unique_address]] lane_allocator allocator_;
  close_flag closed_;
  atomic<lane*> lanes_{nullptr};  // the youngest; a list that only grows
  atomic<std::size_t> consumers_{0};
  per_thread<visitor> visitors_;
};

template <class T, class Allocator>
struct relaxed_queue<T, Allocator>::handle_access {
  using lane = relaxed_queue::lane;
  using place = relaxed_queue::place;

  template <class... Args>
  static conqueue_status push(relaxed_queue& queue, lane& mine, Args&&... args) {
    conqueue_status status;
    try {
      status = queue.push_to(mine, std::forward<Args>(args)...);
    } catch (...) {
      queue.put_back(0);  // it may have kept "closed" from being reported
      throw;
    }
    queue.put_back(status == conqueue_status::success ? 1 : 0);
    return status;
  }
  template <class In>
  static std::size_t push_n(relaxed_queue& queue, lane& mine, In first, std::size_t n) {
    std::size_t done = 0;
    try {
      queue.push_n_to(mine, first, n, done);
    } catch (...) {
      queue.put_back(done);
      if (done == 0) throw;  // else the next call meets the same element
      return done;
    }
    queue.put_back(done);
    return done;
  }
  static conqueue_status pop(relaxed_queue& queue, place& at, std::optional<T>& element) {
    const auto sink = [&](T&& popped) { element.emplace(std::move(popped)); };
    return queue.pop_by(at, sink);
  }
  template <class Out>
  static std::size_t pop_n(relaxed_queue& queue, place& at, Out out, std::size_t max) {
    std::size_t done = 0;
    queue.pop_n_by(at, out, max, done);
    return done;
  }
  static void end(relaxed_queue&, lane& mine) noexcept { mine.taken.store(false, memory_order_release); }  // (3) with (4)
  static void end(relaxed_queue&, place& at) noexcept { leave(at); }
};

template <class T, class Allocator>
template <class Sink>
conqueue_status relaxed_queue<T, Allocator>::pop_by(place& at, Sink& sink) {
  const auto take = [&](lane& from) { return from.elements.pop(at.at, sink); };
  if (take_from_any(at, take)) [[likely]] return conqueue_status::success;
  // Had it been drained before all lanes were found empty?
  if (!is_drained()) return conqueue_status::empty;
  return take_from_any(at, take) ? conqueue_status::success : conqueue_status::closed;
}

template <class T, class Allocator>
template <class Out>
void relaxed_queue<T, Allocator>::pop_n_by(place& at, Out& out, std::size_t max, std::size_t& done) {
  if constexpr (noexcept(*out = std::declval<T&&>()) && noexcept(++out) && std::is_nothrow_move_constructible_v<Out> &&
                std::is_nothrow_move_assignable_v<Out>) {
    const auto take = [&](lane& from) { return from.elements.pop_n(at.at, out, max, done); };
    while (done < max && take_from_any(at, take)) {
    }
  } else {
    const auto pop = [&](auto& sink) {
      return take_from_any(at, [&](lane& from) { return from.elements.pop(at.at, sink); });
    };
    detail::pop_batch<T>(pop, out, max, done);
  }
}

// Calls `take(lane)` until it has got something: first of the block that `at` is in, then of the other lanes. False:
// each lane was empty when it was looked at.
template <class T, class Allocator>
template <class Take>
bool relaxed_queue<T, Allocator>::take_from_any(place& at, Take take) {
  detail::taking result = detail::taking::exhausted;
  if (at.at) [[likely]] {
    result = take(*at.in);
    if (result == detail::taking::got) [[likely]] return true;
  }
  return take_from_others(at, take, result == detail::taking::exhausted);
}

// A consumer goes on to the next lane with every block, so that none is left out for long, and comes back to its own in
// the end if that may have another block.
template <class T, class Allocator>
template <class Take>
bool relaxed_queue<T, Allocator>::take_from_others(place& at, Take& take, bool own_too) {
  lane* const youngest = lanes_.load(memory_order_acquire);  // (1) with (2)
  if (youngest == nullptr) return false;
  const auto after = [&](lane* l) { return l->next != nullptr ? l->next : youngest; };
  lane* last = at.in;
  if (last == nullptr) {
    // Each consumer begins with another lane.
    std::size_t lanes = 0;
    for (lane* each = youngest; each != nullptr; each = each->next) ++lanes;
    last = youngest;
    for (std::size_t turn = at.turn % lanes; turn != 0; --turn) last = after(last);
  }
  for (lane* from = after(last);; from = after(from)) {
    if (from == last && !own_too) return false;
    while (!from->elements.looks_empty()) {
      if (at.in != from || !at.at) {
        leave(at);
        from->elements.enter(at.at);
        at.in = from;
      }
      const detail::taking result = take(*from);
      if (result == detail::taking::got) return true;
      if (result == detail::taking::none || !from->elements.advance(at.at)) break;
    }
    if (from == last) return false;
  }
}

// One that another producer has left, or a new one.
template <class T, class Allocator>
auto relaxed_queue<T, Allocator>::take_lane() -> lane& {
  for (lane* each = lanes_.load(memory_order_acquire); each != nullptr; each = each->next) {  // (1) with (2)
    if (!each->taken.load(memory_order_relaxed) && !each->taken.exchange(true, memory_order_acquire)) {  // (4) with (3)
      return *each;
    }
  }
  const auto memory = traits::allocate(allocator_, 1);
  lane* const made = std::to_address(memory);
  try {
    std::construct_at(made, Allocator(allocator_));
  } catch (...) {
    traits::deallocate(allocator_, memory, 1);
    throw;
  }
  made->next = lanes_.load(memory_order_relaxed);
  while (!lanes_.compare_exchange_weak(made->next, made, memory_order_release, memory_order_relaxed)) {  // (2) with (1)
  }
  return *made;
}

// Relaxed: every call has ended, and the thread that is here knows.
template <class T, class Allocator>
relaxed_queue<T, Allocator>::~relaxed_queue() {
  visitors_.for_each([](const visitor& each) {
    place from = each.from;
    leave(from);
  });
  for (lane* each = lanes_.load(memory_order_relaxed); each != nullptr;) {
    lane* const old = std::exchange(each, each->next);
    std::destroy_at(old);
    traits::deallocate(allocator_, std::pointer_traits<typename traits::pointer>::pointer_to(*old), 1);
  }
}

}  // namespace switchyard::lockfree
