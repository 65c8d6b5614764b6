// A queue that gives out one of its greatest elements, without a limit, for any number of producers and consumers,
// under many locks.
//
// Source: Rihani, Sanders and Dementiev, "MultiQueues: Simple Relaxed Concurrent Priority Queues" (SPAA 2015); the
//   heaps inside are `detail::heap`.
//
// When to use it: when many threads share it, and it does no harm if an element is overtaken by some that are a little
// less urgent. Where the order must be strict: `priority_queue`. `lockfree::relaxed_priority_queue` has the same
// members.
//
// Progress: blocking: a thread that stops inside an operation stops those that need the same shard. A thread that
//   finds a shard locked goes to another, as long as there is one to go to.
// Ordering: relaxed. An element goes to one of the shards at random, and a pop takes the better of the first elements
//   of two shards, taken at random. The number of elements inside that are greater than the popped one, the rank error,
//   is about 3/4 of the number of shards on average in a test over 10^6 operations (the paper expects O(shards)),
//   however many elements there are. With one shard the order is strict. `empty`: there is no element whose push had
//   ended before the pop began, and which no other pop has taken.
// Cost: one uncontended lock a push and two a pop; under them, that of a heap of a part of the elements. No system call
//   while nobody sleeps, but for those of the allocator. A pop that has to wait looks through all shards.
//
//   switchyard::blocking::relaxed_priority_queue<job> jobs;
//   jobs.push(job("alarm", 9));
//   while (auto next = jobs.pop()) run(*next);        // ends when closed and empty
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <type_traits>
#include <utility>

#include "switchyard/atomics/atomic.h"
#include "switchyard/atomics/cache_padded.h"
#include "switchyard/blocking/detail/heap.h"
#include "switchyard/blocking/detail/waiting_room.h"
#include "switchyard/blocking/mutex.h"
#include "switchyard/interface/conqueue_status.h"
#include "switchyard/interface/deadline.h"
#include "switchyard/interface/queue_members.h"
#include "switchyard/interface/shard_count.h"
#include "switchyard/threads/random.h"

namespace switchyard::blocking {

/// Models `timed_queue`, `bulk_queue` and `sized_queue`. It is never `full`. What throws leaves everything as it was, as in
/// `priority_queue`.
template <class T, class Compare = std::less<T>, class Allocator = std::allocator<T>, class Lock = mutex>
class relaxed_priority_queue : public queue_members<relaxed_priority_queue<T, Compare, Allocator, Lock>, T>,
                               public detail::waiting_room<Lock> {
  static_assert(std::is_nothrow_destructible_v<T>, "an element must not throw when destroyed");

 public:
  /// For `joinable`: an element that throws while it is moved out of its place stays in the queue.
  using keeps_what_throws = void;

  using value_compare = Compare;
  using allocator_type = Allocator;

  /// A queue of so many shards: twice to four times as many as threads that use it. Throws std::invalid_argument for 0, and
  /// what the allocator throws.
  explicit relaxed_priority_queue(std::size_t shards, const Compare& less = Compare(),
                                  const Allocator& allocator = Allocator())
      : less_(less), allocator_(allocator), shards_(shard_traits::allocate(allocator_, checked_shard_count(shards))), count_(shards) {
    std::size_t made = 0;
    try {
      for (; made < shards; ++made) std::construct_at(&at(made), less, allocator);
    } catch (...) {
      give_back(made);
      throw;
    }
  }
  /// With four shards for each thread that the machine runs at a time.
  explicit relaxed_priority_queue(const Compare& less = Compare(), const Allocator& allocator = Allocator())
      : relaxed_priority_queue(default_shard_count(), less, allocator) {}
  explicit relaxed_priority_queue(const Allocator& allocator) : relaxed_priority_queue(Compare(), allocator) {}
  relaxed_priority_queue(const relaxed_priority_queue&) = delete;
  relaxed_priority_queue& operator=(const relaxed_priority_queue&) = delete;
  ~relaxed_priority_queue() { give_back(count_); }

  /// Builds an element from `args`, without waiting for anything but a lock: `success`, or `closed` with `args`
  /// untouched. Throws what building or comparing it throws, or the allocator.
  template <class... Args>
  [[nodiscard]] conqueue_status try_emplace(Args&&... args) {
    {
      const locked_shard mine = lock_one();
      // Invariant "closed": who has seen the end and then a shard under its lock finds nothing new there later.
      if (is_closed()) return conqueue_status::closed;
      mine->elements.push_back(std::forward<Args>(args)...);
      mine->set_size(mine->get_size() + 1);
    }
    this->added(1);
    return conqueue_status::success;
  }
  template <class... Args>
  [[nodiscard]] conqueue_status try_emplace_until(deadline, Args&&... args) {
    return try_emplace(std::forward<Args>(args)...);  // there is always room
  }

  /// Takes one of the first elements, or says `empty`, or `closed` if it is closed and empty. Throws what moving or
  /// comparing throws; then nothing has been popped.
  [[nodiscard]] pop_result<T> try_pop() {
    const bool closed = is_closed();
    locked_shard from = find();
    if (!from) return unexpected(closed ? conqueue_status::closed : conqueue_status::empty);
    return take<pop_result<T>>(from);
  }

  /// The same, waiting for an element until `limit`.
  [[nodiscard]] pop_result<T> try_pop_until(deadline limit) {
    conqueue_status status = conqueue_status::empty;
    locked_shard from = await(limit, status);
    if (!from) return unexpected(status);
    return take<pop_result<T>>(from);
  }

  /// Whether a pop would find something, without taking it: `success`, or `empty`, or `closed` if the queue is closed and
  /// empty. Locks one shard after the other.
  [[nodiscard]] conqueue_status look() {
    const bool closed = is_closed();
    if (find_in_all()) return conqueue_status::success;
    return closed ? conqueue_status::closed : conqueue_status::empty;
  }

  /// Waits until there is something to pop, or until `limit`, without taking it: as `look`. The next that waits for an
  /// element is woken, too: the caller is not bound to pop.
  [[nodiscard]] conqueue_status wait_nonempty_until(deadline limit) {
    conqueue_status status = look();
    if (status != conqueue_status::empty) return status;
    if (!await(limit, status)) return status;
    this->added(1);
    return conqueue_status::success;
  }

  /// Takes one of the first elements, waiting while there is none. nullopt: closed, and every element has been popped.
  std::optional<T> pop() {
    conqueue_status status = conqueue_status::empty;
    locked_shard from = await(deadline::never(), status);
    if (!from) return std::nullopt;
    return take<std::optional<T>>(from);
  }

  /// Adds up to `n` elements, built from `*first` and those that follow; returns how many. What building or comparing the
  /// first of them throws passes on; if a later one throws, the call ends.
  template <class Iterator>
  std::size_t try_push_n(Iterator first, std::size_t n) {
    std::size_t done = 0;
    try {
      for (; done < n && try_emplace(*first) == conqueue_status::success; ++done) ++first;
    } catch (...) {
      if (done == 0) throw;
    }
    return done;
  }
  template <class Iterator>
  std::size_t push_n(Iterator first, std::size_t n) {
    return try_push_n(std::move(first), n);  // there is always room
  }

  /// Moves up to `max` elements to `out`, without waiting; returns how many. What assigning the first of them throws
  /// passes on; if a later one throws, the call ends. The element that threw is still inside.
  template <class Output>
  std::size_t try_pop_n(Output out, std::size_t max) {
    std::size_t done = 0;
    take_n(out, max, done);
    return done;
  }

  /// The same, waiting for the first. 0 only if the queue is closed and empty, or `max` is 0.
  template <class Output>
  std::size_t pop_n(Output out, std::size_t max) {
    std::size_t done = 0;
    if (max == 0) return 0;
    {
      conqueue_status status = conqueue_status::empty;
      locked_shard from = await(deadline::never(), status);
      if (!from) return 0;
      take_to(out, from);
      ++done;
    }
    take_n(out, max, done);
    return done;
  }

  // close, is_closed, enlist, withdraw and wake_another are inherited.
  using detail::waiting_room<Lock>::is_closed;

  std::size_t shard_count() const noexcept { return count_; }
  Allocator get_allocator() const noexcept { return Allocator(allocator_); }

  /// How many elements there are; out of date as soon as it is returned, if others use the queue.
  std::size_t size_approx() const noexcept {
    std::size_t sum = 0;
    for (std::size_t i = 0; i < count_; ++i) sum += at(i).get_size();
    return sum;
  }

 private:
  static constexpr unsigned tries = 4;  // of finding shards empty or locked

  struct alignas(cache_padding) shard {
    shard(const Compare& less, const Allocator& allocator) : elements(less, allocator) {}

    std::size_t get_size() const noexcept { return size.load(memory_order_relaxed); }
    void set_size(std::size_t n) noexcept { size.store(n, memory_order_relaxed); }

    Lock lock;
    atomic<std::size_t> size{0};  // written under the lock; a hint without
    detail::heap<T, Compare, Allocator> elements;
  };
  using shard_allocator = typename std::allocator_traits<Allocator>::template rebind_alloc<shard>;
  using shard_traits = std::allocator_traits<shard_allocator>;

  // A shard and its lock; or none.
  struct locked_shard {
    shard* at = nullptr;
    std::unique_lock<Lock> hold{};

    explicit operator bool() const noexcept { return hold.owns_lock(); }
    shard* operator->() const noexcept { return at; }
    bool has_element() const noexcept { return hold.owns_lock() && at->get_size() != 0; }
  };
  static locked_shard lock(shard& s) { return {&s, std::unique_lock(s.lock)}; }
  static locked_shard try_lock(shard& s) { return {&s, std::unique_lock(s.lock, std::try_to_lock)}; }

  shard& at(std::size_t index) const noexcept { return std::to_address(shards_)[index]; }
  shard& any() const noexcept { return at(below(count_, random_number())); }

  // Any shard that nobody has locked, if one is easily found.
  locked_shard lock_one() {
    for (unsigned left = tries; left != 0; --left) {
      if (locked_shard mine = try_lock(any())) return mine;
    }
    return lock(any());
  }

  // The better of two, or else the first of all that has an element.
  locked_shard find() {
    for (unsigned left = tries; left != 0; --left) {
      shard* best = &any();
      shard* other = &any();
      if (best->get_size() == 0) std::swap(best, other);
      if (best->get_size() == 0) continue;
      locked_shard found = try_lock(*best);
      if (!found.has_element()) continue;
      if (other == best || other->get_size() == 0) return found;
      locked_shard rival = try_lock(*other);
      if (!rival.has_element()) return found;
      return less_(found->elements.greatest(), rival->elements.greatest()) ? std::move(rival) : std::move(found);
    }
    return find_in_all();
  }
  locked_shard find_in_all() {
    std::size_t index = below(count_, random_number());
    for (std::size_t left = count_; left != 0; --left) {
      if (locked_shard found = lock(at(index)); found.has_element()) return found;
      if (++index == count_) index = 0;
    }
    return {};
  }

  locked_shard await(deadline limit, conqueue_status& status) {
    return detail::waiting_room<Lock>::await(
        limit, status, [this] { return find(); }, [this] { return find_in_all(); });
  }

  // One move, straight into what the caller gets.
  template <class Result>
  Result take(locked_shard& from) {
    wake_if_thrown element{*this, from};
    Result result(std::move(from->elements.front()));
    remove(from);
    element.taken = true;
    return result;
  }
  template <class Output>
  void take_to(Output& out, locked_shard& from) {
    wake_if_thrown element{*this, from};
    *out = std::move(from->elements.front());
    remove(from);
    element.taken = true;
    ++out;
  }
  template <class Output>
  void take_n(Output& out, std::size_t max, std::size_t& done) {
    try {
      for (; done < max; ++done) {
        locked_shard from = find();
        if (!from) return;
        take_to(out, from);
      }
    } catch (...) {
      if (done == 0) throw;
    }
  }
  static void remove(const locked_shard& from) noexcept {
    from->elements.pop_front();
    from->set_size(from->get_size() - 1);
  }

  // The element stays inside, and this thread was perhaps woken for it.
  struct wake_if_thrown {
    relaxed_priority_queue& queue;
    locked_shard& from;
    bool taken = false;
    ~wake_if_thrown() {
      if (taken) return;
      from.hold.unlock();
      queue.added(1);
    }
  };

  void give_back(std::size_t made) noexcept {
    for (std::size_t i = 0; i < made; ++i) {
      for (std::size_t left = at(i).get_size(); left != 0; --left) at(i).elements.pop_front();
      std::destroy_at(&at(i));
    }
    shard_traits::deallocate(allocator_, shards_, count_);
  }

  [[no_unique_address]] Compare less_;
  [[no_unique_address]] shard_allocator allocator_;
  typename shard_traits::pointer shards_;
  std::size_t count_;
};

}  // namespace switchyard::blocking
