// A queue without a limit, for any number of producers and consumers, that keeps the order of each producer only, under
// many locks.
//
// Source: our own: `unbounded_queue` once for each producer.
//
// When to use it: many threads, and no order between what different producers push: jobs, events, log lines. Where there
// must be one: `unbounded_queue`. Where the producers must be kept from filling the memory: `bounded_queue`.
// `lockfree::relaxed_queue` has the same members.
//
// Progress: blocking: a thread that stops inside an operation stops those that need the same lane: its producer, and
//   consumers that find an element in no other.
// Ordering: first in, first out for each producer, that is, a handle, or a thread that pushes without one. `empty`:
//   there is no element whose push had ended before the pop began, and which no other pop has taken.
// Cost: one uncontended lock a push or pop, or for as many at once as there are in a lane; a pop that finds nothing looks
//   at each lane. Memory is taken about 4 KiB at a time, and given back as a lane is emptied, but for two pieces. There
//   are as many lanes as there were producers at a time. Elements are built and moved under the lock. No system call
//   while nobody sleeps, but for those of the allocator.
//
//   switchyard::blocking::relaxed_queue<job> queue;
//   queue.push(job());                                                // a thread, now and then
//   auto out = queue.make_producer();   out.push(job());              // a thread that has much to push
//   auto in = queue.make_consumer();    while (auto j = in.pop()) run(*j);
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <type_traits>
#include <utility>

#include "switchyard/atomics/atomic.h"
#include "switchyard/atomics/cache_padded.h"
#include "switchyard/blocking/detail/chunks.h"
#include "switchyard/blocking/detail/waiting_room.h"
#include "switchyard/blocking/mutex.h"
#include "switchyard/interface/conqueue_status.h"
#include "switchyard/interface/deadline.h"
#include "switchyard/interface/lane_handles.h"
#include "switchyard/interface/queue_members.h"
#include "switchyard/threads/per_thread.h"

namespace switchyard::blocking {

/// Models `timed_queue`, `bulk_queue` and `sized_queue`. It is never `full`. What throws leaves everything as it was, as in
/// `unbounded_queue`.
template <class T, class Allocator = std::allocator<T>, class Lock = mutex>
class relaxed_queue : public queue_members<relaxed_queue<T, Allocator, Lock>, T>, public detail::waiting_room<Lock> {
  static_assert(std::is_nothrow_destructible_v<T>, "an element must not throw when destroyed");

 public:
  /// For `joinable`: an element that throws while it is moved out of its place stays in the queue.
  using keeps_what_throws = void;

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

  // push, emplace, try_push, try_push_for, try_push_until, try_pop_for and empty_approx are inherited.

  /// Builds an element from `args`, without waiting for anything but a lock: `success`, or `closed` with `args`
  /// untouched. Throws what building it throws, or the allocator.
  template <class... Args>
  [[nodiscard]] conqueue_status try_emplace(Args&&... args) {
    return push_to(lane_of_this_thread(), std::forward<Args>(args)...);
  }
  template <class... Args>
  [[nodiscard]] conqueue_status try_emplace_until(deadline, Args&&... args) {
    return try_emplace(std::forward<Args>(args)...);  // there is always room
  }

  /// Takes an element, or says `empty`, or `closed` if it is closed and empty. Throws what moving it throws; then nothing
  /// has been popped.
  [[nodiscard]] pop_result<T> try_pop() {
    conqueue_status status = conqueue_status::empty;
    locked_lane from = find(place_of_this_thread(), status);
    if (!from) return unexpected(status);
    return take<pop_result<T>>(from);
  }

  /// The same, waiting for an element until `limit`.
  [[nodiscard]] pop_result<T> try_pop_until(deadline limit) {
    conqueue_status status = conqueue_status::empty;
    locked_lane from = await(place_of_this_thread(), limit, status);
    if (!from) return unexpected(status);
    return take<pop_result<T>>(from);
  }

  /// Whether a pop would find something, without taking it: `success`, or `empty`, or `closed` if the queue is closed and
  /// empty. Locks one lane after the other.
  [[nodiscard]] conqueue_status look() {
    const bool closed = is_closed();
    if (find_for_sure(place_of_this_thread())) return conqueue_status::success;
    return closed ? conqueue_status::closed : conqueue_status::empty;
  }

  /// Waits until there is something to pop, or until `limit`, without taking it: as `look`. The next that waits for an
  /// element is woken, too: the caller is not bound to pop.
  [[nodiscard]] conqueue_status wait_nonempty_until(deadline limit) {
    conqueue_status status = look();
    if (status != conqueue_status::empty) return status;
    if (!await(place_of_this_thread(), limit, status)) return status;
    this->added(1);
    return conqueue_status::success;
  }

  /// Takes an element, waiting while there is none. nullopt: closed, and every element has been popped.
  std::optional<T> pop() {
    conqueue_status status = conqueue_status::empty;
    locked_lane from = await(place_of_this_thread(), deadline::never(), status);
    if (!from) return std::nullopt;
    return take<std::optional<T>>(from);
  }

  /// Adds up to `n` elements, built from `*first` and those that follow; returns how many. What building the first of
  /// them throws passes on; if a later one throws, the call ends.
  template <class Iterator>
  std::size_t try_push_n(Iterator first, std::size_t n) {
    return n == 0 ? 0 : push_n_to(lane_of_this_thread(), std::move(first), n);
  }
  template <class Iterator>
  std::size_t push_n(Iterator first, std::size_t n) {
    return try_push_n(std::move(first), n);  // there is always room
  }

  /// Moves up to `max` elements to `out`, without waiting; returns how many. What assigning the first of them throws
  /// passes on; if a later one throws, the call ends. The element that threw is still inside.
  template <class Output>
  std::size_t try_pop_n(Output out, std::size_t max) {
    return pop_n_by(place_of_this_thread(), out, max);
  }

  /// The same, waiting for the first. 0 only if the queue is closed and empty, or `max` is 0.
  template <class Output>
  std::size_t pop_n(Output out, std::size_t max) {
    if (max == 0) return 0;
    place& at = place_of_this_thread();
    std::size_t done = 0;
    conqueue_status status = conqueue_status::empty;
    {
      locked_lane from = await(at, deadline::never(), status);
      if (!from || !take_n(out, max, done, from)) return done;
    }
    take_some(at, out, max, done);
    return done;
  }

  // close, is_closed, enlist, withdraw and wake_another are inherited.
  using detail::waiting_room<Lock>::is_closed;

  Allocator get_allocator() const noexcept { return Allocator(allocator_); }

  /// How many elements there are; out of date as soon as it is returned, if others use the queue.
  std::size_t size_approx() const noexcept {
    std::size_t sum = 0;
    for (const lane* each = lanes_.load(memory_order_acquire); each != nullptr; each = each->next) {  // (3) with (4)
      sum += each->get_size();
    }
    return sum;
  }

 private:
  friend producer;
  friend consumer;

  static constexpr unsigned quota = 256;  // how often a consumer takes from one lane while others have something, too

  struct alignas(cache_padding) lane {
    explicit lane(const Allocator& allocator) : elements(allocator) {}

    std::size_t get_size() const noexcept { return size.load(memory_order_relaxed); }
    void set_size(std::size_t n) noexcept { size.store(n, memory_order_relaxed); }

    Lock lock;
    atomic<std::size_t> size{0};  // written under the lock; a hint without
    detail::chunks<T, Allocator> elements;
    atomic<bool> taken{true};
    lane* next = nullptr;
  };
  using lane_allocator = typename std::allocator_traits<Allocator>::template rebind_alloc<lane>;
  using traits = std::allocator_traits<lane_allocator>;

  /// Where a consumer is.
  struct place {
    std::size_t turn = 0;  // which lane to begin with, counted
    lane* in = nullptr;    // null: it has not begun
    unsigned left = quota;
  };

  /// What a thread has that uses the queue without handles. It never gives its lane back, but goes to the next thread
  /// that comes, with it.
  struct visitor {
    lane* mine = nullptr;
    bool began = false;
    place from;
  };

  /// What handles need.
  struct handle_access;

  // A lane and its lock, with an element; or none.
  struct locked_lane {
    lane* at = nullptr;
    std::unique_lock<Lock> hold{};

    explicit operator bool() const noexcept { return hold.owns_lock() && at->get_size() != 0; }
    lane* operator->() const noexcept { return at; }
  };
  static locked_lane lock(lane& l) { return {&l, std::unique_lock(l.lock)}; }
  static locked_lane try_lock(lane& l) { return {&l, std::unique_lock(l.lock, std::try_to_lock)}; }

  lane& take_lane();
  lane& lane_of_this_thread() {
    visitor& me = visitors_.local();
    if (me.mine == nullptr) [[unlikely]] me.mine = &take_lane();
    return *me.mine;
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

  template <class... Args>
  conqueue_status push_to(lane& mine, Args&&... args) {
    {
      const std::unique_lock hold(mine.lock);
      // Invariant "closed": who has seen the end and then a lane under its lock finds nothing new there later.
      if (is_closed()) return conqueue_status::closed;
      mine.elements.push_back(std::forward<Args>(args)...);
      mine.set_size(mine.get_size() + 1);
    }
    this->added(1);
    return conqueue_status::success;
  }
  template <class Iterator>
  std::size_t push_n_to(lane& mine, Iterator first, std::size_t n);
  template <class Look>
  locked_lane look_round(place& at, Look look);
  locked_lane find(place& at, conqueue_status& status);
  locked_lane find_for_sure(place& at) {
    return look_round(at, [](lane& l) { return lock(l); });
  }
  locked_lane await(place& at, deadline limit, conqueue_status& status) {
    conqueue_status ignored = conqueue_status::empty;
    return detail::waiting_room<Lock>::await(
        limit, status, [&] { return find(at, ignored); }, [&] { return find_for_sure(at); });
  }

  template <class Result>
  Result take(locked_lane& from);
  template <class Output>
  bool take_n(Output& out, std::size_t max, std::size_t& done, locked_lane& from);
  template <class Output>
  void take_some(place& at, Output& out, std::size_t max, std::size_t& done) {
    conqueue_status status = conqueue_status::empty;
    while (done < max) {
      locked_lane from = find(at, status);
      if (!from || !take_n(out, max, done, from)) return;
    }
  }
  template <class Output>
  std::size_t pop_n_by(place& at, Output& out, std::size_t max) {
    std::size_t done = 0;
    take_some(at, out, max, done);
    return done;
  }
  static void remove(const locked_lane& from) noexcept {
    from->elements.pop_front();
    from->set_size(from->get_size() - 1);
  }

  // The element stays inside, and this thread was perhaps woken for it.
  struct wake_if_thrown {
    relaxed_queue& queue;
    locked_lane& from;
    bool taken = false;
    ~wake_if_thrown() {
      if (taken) return;
      from.hold.unlock();
      queue.added(1);
    }
  };

  [[no_unique_address]] lane_allocator allocator_;
  // The youngest; a list that only grows, under the lock of those who fall asleep, so that they have looked at all.
  atomic<lane*> lanes_{nullptr};
  atomic<std::size_t> consumers_{0};
  per_thread<visitor> visitors_;
};

template <class T, class Allocator, class Lock>
struct relaxed_queue<T, Allocator, Lock>::handle_access {
  using lane = relaxed_queue::lane;
  using place = relaxed_queue::place;

  template <class... Args>
  static conqueue_status push(relaxed_queue& queue, lane& mine, Args&&... args) {
    return queue.push_to(mine, std::forward<Args>(args)...);
  }
  template <class Iterator>
  static std::size_t push_n(relaxed_queue& queue, lane& mine, Iterator first, std::size_t n) {
    return queue.push_n_to(mine, std::move(first), n);
  }
  static conqueue_status pop(relaxed_queue& queue, place& at, std::optional<T>& element) {
    conqueue_status status = conqueue_status::success;
    locked_lane from = queue.find(at, status);
    if (!from) return status;
    wake_if_thrown end{queue, from};
    element.emplace(std::move(from->elements.front()));
    remove(from);
    end.taken = true;
    return conqueue_status::success;
  }
  template <class Output>
  static std::size_t pop_n(relaxed_queue& queue, place& at, Output out, std::size_t max) {
    return queue.pop_n_by(at, out, max);
  }
  static void end(relaxed_queue&, lane& mine) noexcept { mine.taken.store(false, memory_order_relaxed); }
  static void end(relaxed_queue&, place&) noexcept {}
};

template <class T, class Allocator, class Lock>
template <class Iterator>
std::size_t relaxed_queue<T, Allocator, Lock>::push_n_to(lane& mine, Iterator first, std::size_t n) {
  std::size_t done = 0;
  try {
    const std::unique_lock hold(mine.lock);
    if (is_closed()) return 0;
    const std::size_t before = mine.get_size();
    struct count_at_exit {
      lane& of;
      const std::size_t before;
      const std::size_t& done;
      ~count_at_exit() { of.set_size(before + done); }
    } count{mine, before, done};
    while (done < n) {
      mine.elements.push_back(*first);
      ++done;
      ++first;
    }
  } catch (...) {
    this->added(done);
    if (done == 0) throw;
    return done;
  }
  this->added(done);
  return done;
}

// The first lane for which `look(lane)` has an element, beginning with the one that `at` is in, or where it shall begin.
// Most that are empty need not be looked at: what has been pushed before this call can be seen.
template <class T, class Allocator, class Lock>
template <class Look>
auto relaxed_queue<T, Allocator, Lock>::look_round(place& at, Look look) -> locked_lane {
  lane* const youngest = lanes_.load(memory_order_acquire);  // (3) with (4)
  if (youngest == nullptr) return {};
  const auto after = [&](lane* l) { return l->next != nullptr ? l->next : youngest; };
  if (at.in == nullptr) {
    // Each consumer begins with another lane.
    std::size_t lanes = 0;
    for (lane* each = youngest; each != nullptr; each = each->next) ++lanes;
    at.in = youngest;
    for (std::size_t turn = at.turn % lanes; turn != 0; --turn) at.in = after(at.in);
  }
  if (at.left == 0) {
    at.in = after(at.in);
    at.left = quota;
  }
  lane* each = at.in;
  do {
    if (locked_lane found = look(*each)) {
      if (each != at.in) at.left = quota;
      at.in = each;
      --at.left;
      return found;
    }
    each = after(each);
  } while (each != at.in);
  return {};
}

// A lane with an element, if possible one that nobody has locked.
template <class T, class Allocator, class Lock>
auto relaxed_queue<T, Allocator, Lock>::find(place& at, conqueue_status& status) -> locked_lane {
  const bool closed = is_closed();
  bool was_locked = false;
  locked_lane found = look_round(at, [&](lane& l) -> locked_lane {
    if (l.get_size() == 0) return {};
    locked_lane mine = try_lock(l);
    was_locked = was_locked || !mine.hold.owns_lock();
    return mine;
  });
  if (found) return found;
  if (was_locked) {
    found = look_round(at, [](lane& l) -> locked_lane {
      if (l.get_size() == 0) return {};
      return lock(l);
    });
    if (found) return found;
  }
  status = closed ? conqueue_status::closed : conqueue_status::empty;
  return closed ? find_for_sure(at) : locked_lane{};
}

// One move, straight into what the caller gets.
template <class T, class Allocator, class Lock>
template <class Result>
Result relaxed_queue<T, Allocator, Lock>::take(locked_lane& from) {
  wake_if_thrown element{*this, from};
  Result result(std::move(from->elements.front()));
  remove(from);
  element.taken = true;
  return result;
}

// What there is in the lane. False: an element threw, and is not the first of the caller's.
template <class T, class Allocator, class Lock>
template <class Output>
bool relaxed_queue<T, Allocator, Lock>::take_n(Output& out, std::size_t max, std::size_t& done, locked_lane& from) {
  try {
    wake_if_thrown element{*this, from};
    for (std::size_t left = std::min(max - done, from->get_size()); left != 0; --left) {
      *out = std::move(from->elements.front());
      remove(from);
      ++done;
      ++out;
    }
    element.taken = true;
  } catch (...) {
    if (done == 0) throw;
    return false;
  }
  return true;
}

// One that another producer has left, or a new one.
template <class T, class Allocator, class Lock>
auto relaxed_queue<T, Allocator, Lock>::take_lane() -> lane& {
  for (lane* each = lanes_.load(memory_order_acquire); each != nullptr; each = each->next) {  // (3) with (4)
    // Relaxed: what else there is in a lane its lock guards.
    if (!each->taken.load(memory_order_relaxed) && !each->taken.exchange(true, memory_order_relaxed)) return *each;
  }
  const auto memory = traits::allocate(allocator_, 1);
  lane* const made = std::construct_at(std::to_address(memory), Allocator(allocator_));
  const auto hold = this->hold_sleepers();
  made->next = lanes_.load(memory_order_relaxed);
  lanes_.store(made, memory_order_release);  // (4) with (3)
  return *made;
}

// Relaxed: every call has ended, and the thread that is here knows.
template <class T, class Allocator, class Lock>
relaxed_queue<T, Allocator, Lock>::~relaxed_queue() {
  for (lane* each = lanes_.load(memory_order_relaxed); each != nullptr;) {
    lane* const old = std::exchange(each, each->next);
    for (std::size_t left = old->get_size(); left != 0; --left) old->elements.pop_front();
    std::destroy_at(old);
    traits::deallocate(allocator_, std::pointer_traits<typename traits::pointer>::pointer_to(*old), 1);
  }
}

}  // namespace switchyard::blocking
