// What the queues of this folder have in common: closing, waiting, batches, and who is woken when.
//
// Source: the monitor of Hoare (1974) with two conditions, as in every textbook; the interface is P0260R20's.
//
// When to use it: to make a queue out of a container. Every queue here with one lock is this, `bounded_queue`,
// `stack`, `priority_queue` and the others, each over its own storage. Not for users: they name those.
//
// Progress: blocking: one lock around everything.
// Ordering: that of the storage; linearizable, since the lock orders the operations.
// Cost: one lock and unlock per operation, or per batch. Elements are built and moved under the lock; their
//   constructors must not use the queue. A waiting thread looks again for some microseconds and then sleeps; what
//   it waits for wakes it. No system call while nobody sleeps.
//
// The storage is a container of T that this class locks. Its front is what comes out next, in whatever order
// the storage keeps:
//
//   std::size_t room(std::size_t size) const noexcept;   how many more fit when there are `size`
//   void push_back(args...);                             if it throws, nothing has changed
//   T& front();                                          if it throws, nothing has changed
//   void pop_front() noexcept;                           destroys what `front` returned just before
//
// It need not count its elements, and its destructor finds none: `pop_front` has been called for each, at the
// end without asking for the front.
#pragma once

#include <algorithm>
#include <cstddef>
#include <mutex>
#include <optional>
#include <type_traits>
#include <utility>

#include "switchyard/atomics/atomic.h"
#include "switchyard/atomics/backoff.h"
#include "switchyard/atomics/cache_padded.h"
#include "switchyard/blocking/detail/wait_list.h"
#include "switchyard/interface/conqueue_status.h"
#include "switchyard/interface/deadline.h"
#include "switchyard/interface/queue_members.h"
#include "switchyard/threads/waiter.h"

namespace switchyard::blocking::detail {

/// A queue of T in a `Storage`, under a `Lock` with lock() and unlock().
///
/// Every member may be called by any number of threads at once, except construction and destruction. What
/// a T throws while it is built or moved passes through the member, and the queue goes on: a push that throws
/// has added nothing, a pop that throws has removed nothing.
template <class T, class Storage, class Lock>
class alignas(cache_padding) queue_core : public queue_members<queue_core<T, Storage, Lock>, T> {
  static_assert(std::is_nothrow_destructible_v<T>, "an element must not throw when destroyed");

 public:
  /// For `joinable`: an element that throws while it is moved out of its place stays in the queue.
  using keeps_what_throws = void;

  queue_core(const queue_core&) = delete;
  queue_core& operator=(const queue_core&) = delete;

  // push, emplace, try_push, try_push_for, try_push_until, try_pop_for and empty_approx are inherited.

  /// Builds an element from `args` at the back, without waiting: `success`, or `full` or `closed` with `args`
  /// untouched. Throws what building it throws.
  template <class... Args>
  [[nodiscard]] conqueue_status try_emplace(Args&&... args);

  /// The same, waiting for room until `limit`.
  template <class... Args>
  [[nodiscard]] conqueue_status try_emplace_until(deadline limit, Args&&... args);

  /// Takes the element at the front, waiting while there is none. nullopt: the queue is closed, and every
  /// element has been popped. Throws what moving the element throws; the element is then still at the front.
  std::optional<T> pop();

  /// Takes the element at the front, without waiting, or says `empty`, or `closed` if it is closed and empty.
  /// Throws as pop does.
  [[nodiscard]] pop_result<T> try_pop();

  /// The same, waiting for an element until `limit`.
  [[nodiscard]] pop_result<T> try_pop_until(deadline limit);

  /// Whether a pop would find something, without waiting and without taking it: `success`, or `empty`, or `closed` if the
  /// queue is closed and empty.
  [[nodiscard]] conqueue_status look() {
    const std::unique_lock lock(lock_);
    return seen();
  }

  /// Waits until there is something to pop, or until `limit`, without taking it: as `look`. The next that waits for an
  /// element is woken, too: the caller is not bound to pop.
  [[nodiscard]] conqueue_status wait_nonempty_until(deadline limit);

  /// What `threads/waiter.h` says: has `w` woken once, by a push (or, on the side of room, a pop) or by close.
  void enlist(waiter& w, queue_side side) {
    const std::unique_lock lock(lock_);
    list(side).enlist(w);
  }
  bool withdraw(waiter& w, queue_side side) noexcept {
    const std::unique_lock lock(lock_);
    return list(side).withdraw(w);
  }
  void wake_another(queue_side side) noexcept {
    wake_after_unlock wake;
    const std::unique_lock lock(lock_);
    wake.add(list(side), 1);
  }

  /// Adds up to `n` elements, built from `*first` and those that follow, as far as there is room; returns how
  /// many. What building the first of them throws passes on; if a later one throws, the call ends and returns
  /// how many went before, and `first` plus that many is where to go on.
  template <class Iterator>
  std::size_t try_push_n(Iterator first, std::size_t n);

  /// The same for all `n`, waiting for room. Fewer than `n` only if the queue is closed or one threw.
  template <class Iterator>
  std::size_t push_n(Iterator first, std::size_t n);

  /// Moves up to `max` elements to `out`, each the front when it goes, without waiting; returns how many.
  /// What assigning the first of them throws passes on; if a later one throws, the call ends and returns how
  /// many went before. The element that threw is still at the front.
  template <class Output>
  std::size_t try_pop_n(Output out, std::size_t max);

  /// The same, waiting for the first. 0 only if the queue is closed and empty, or `max` is 0.
  template <class Output>
  std::size_t pop_n(Output out, std::size_t max);

  /// Ends the queue: from now on nothing goes in, what is there can be popped, and every waiter wakes.
  void close() noexcept;

  /// True once close() has been called.
  bool is_closed() const noexcept {
    // (1) acquire: pairs with the release in (2): who sees the end sees what came before it.
    return closed_.load(memory_order_acquire);
  }

  /// How many elements there are; out of date as soon as it is returned, if others use the queue.
  std::size_t size_approx() const noexcept { return size(); }

 protected:
  template <class... Args>
  explicit queue_core(std::in_place_t, Args&&... args) : storage_(std::forward<Args>(args)...) {}
  ~queue_core() {
    for (std::size_t left = size(); left > 0; --left) storage_.pop_front();
  }

  const Storage& storage() const noexcept { return storage_; }

 private:
  // All fields are written under the lock only. Those that are atomic are also read without it, by threads
  // that want a hint; what they see orders nothing, so relaxed is enough.
  std::size_t size() const noexcept { return size_.load(memory_order_relaxed); }
  void set_size(std::size_t size) noexcept { size_.store(size, memory_order_relaxed); }
  bool closed() const noexcept { return closed_.load(memory_order_relaxed); }

  bool can_push() const noexcept { return storage_.room(size()) > 0; }
  bool can_pop() const noexcept { return size() > 0; }
  conqueue_status seen() const noexcept {
    if (can_pop()) return conqueue_status::success;
    return closed() ? conqueue_status::closed : conqueue_status::empty;
  }
  wait_list& list(queue_side side) noexcept { return side == queue_side::elements ? not_empty_ : not_full_; }

  // Invariant W: while threads wait on not_empty_, each element there is has a thread that was picked for it
  // and is on its way; likewise for not_full_ and room. It holds because a thread goes to wait only when
  // there is nothing, every element or room that appears picks one, and one that was picked but leaves its
  // element or room behind, because of an exception, picks another.

  template <class Ready>
  bool await(std::unique_lock<Lock>& lock, wait_list& waiting, deadline limit, Ready ready);

  template <class... Args>
  void put(wake_after_unlock& wake, Args&&... args);
  template <class Result>
  Result take(wake_after_unlock& wake);
  template <class Iterator>
  bool put_n(wake_after_unlock& wake, Iterator& first, std::size_t n, std::size_t& done);
  template <class Output>
  std::size_t take_n(wake_after_unlock& wake, Output& out, std::size_t max);

  void added(wake_after_unlock& wake) noexcept {
    set_size(size() + 1);
    wake.add(not_empty_, 1);
  }
  void removed(wake_after_unlock& wake) noexcept {
    set_size(size() - 1);
    wake.add(not_full_, 1);
  }

  // Lock, flag, size, the storage's positions and both lists: one line of the cache moves per operation.
  Lock lock_;
  atomic<bool> closed_{false};
  atomic<std::size_t> size_{0};
  Storage storage_;
  wait_list not_empty_;  // who waits for elements
  wait_list not_full_;   // who waits for room
};

template <class T, class Storage, class Lock>
template <class... Args>
conqueue_status queue_core<T, Storage, Lock>::try_emplace(Args&&... args) {
  wake_after_unlock wake;
  std::unique_lock lock(lock_);
  if (closed()) return conqueue_status::closed;
  if (!can_push()) return conqueue_status::full;
  put(wake, std::forward<Args>(args)...);
  return conqueue_status::success;
}

template <class T, class Storage, class Lock>
template <class... Args>
conqueue_status queue_core<T, Storage, Lock>::try_emplace_until(deadline limit, Args&&... args) {
  wake_after_unlock wake;
  std::unique_lock lock(lock_);
  const bool ready = await(lock, not_full_, limit, [this] { return closed() || can_push(); });
  if (!ready) return conqueue_status::full;
  if (closed()) return conqueue_status::closed;
  put(wake, std::forward<Args>(args)...);
  return conqueue_status::success;
}

template <class T, class Storage, class Lock>
std::optional<T> queue_core<T, Storage, Lock>::pop() {
  wake_after_unlock wake;
  std::unique_lock lock(lock_);
  await(lock, not_empty_, deadline::never(), [this] { return closed() || can_pop(); });
  if (can_pop()) return take<std::optional<T>>(wake);
  return std::nullopt;
}

template <class T, class Storage, class Lock>
pop_result<T> queue_core<T, Storage, Lock>::try_pop() {
  wake_after_unlock wake;
  std::unique_lock lock(lock_);
  if (can_pop()) return take<pop_result<T>>(wake);
  return unexpected(closed() ? conqueue_status::closed : conqueue_status::empty);
}

template <class T, class Storage, class Lock>
pop_result<T> queue_core<T, Storage, Lock>::try_pop_until(deadline limit) {
  wake_after_unlock wake;
  std::unique_lock lock(lock_);
  await(lock, not_empty_, limit, [this] { return closed() || can_pop(); });
  if (can_pop()) return take<pop_result<T>>(wake);
  return unexpected(closed() ? conqueue_status::closed : conqueue_status::empty);
}

template <class T, class Storage, class Lock>
conqueue_status queue_core<T, Storage, Lock>::wait_nonempty_until(deadline limit) {
  wake_after_unlock wake;
  std::unique_lock lock(lock_);
  await(lock, not_empty_, limit, [this] { return closed() || can_pop(); });
  if (can_pop()) wake.add(not_empty_, 1);  // by invariant W, as this thread may have been picked for it
  return seen();
}

template <class T, class Storage, class Lock>
template <class Iterator>
std::size_t queue_core<T, Storage, Lock>::try_push_n(Iterator first, std::size_t n) {
  wake_after_unlock wake;
  std::unique_lock lock(lock_);
  std::size_t done = 0;
  if (!closed()) put_n(wake, first, n, done);
  return done;
}

template <class T, class Storage, class Lock>
template <class Iterator>
std::size_t queue_core<T, Storage, Lock>::push_n(Iterator first, std::size_t n) {
  std::size_t done = 0;
  // One hold of the lock for as much as there is room; those who wait for it are woken before the next.
  while (done < n) {
    wake_after_unlock wake;
    std::unique_lock lock(lock_);
    await(lock, not_full_, deadline::never(), [this] { return closed() || can_push(); });
    if (closed() || !put_n(wake, first, n, done)) break;
  }
  return done;
}

template <class T, class Storage, class Lock>
template <class Output>
std::size_t queue_core<T, Storage, Lock>::try_pop_n(Output out, std::size_t max) {
  wake_after_unlock wake;
  std::unique_lock lock(lock_);
  return take_n(wake, out, max);
}

template <class T, class Storage, class Lock>
template <class Output>
std::size_t queue_core<T, Storage, Lock>::pop_n(Output out, std::size_t max) {
  if (max == 0) return 0;
  wake_after_unlock wake;
  std::unique_lock lock(lock_);
  await(lock, not_empty_, deadline::never(), [this] { return closed() || can_pop(); });
  return take_n(wake, out, max);
}

template <class T, class Storage, class Lock>
void queue_core<T, Storage, Lock>::close() noexcept {
  constexpr auto all = static_cast<std::size_t>(-1);
  wake_after_unlock wake;
  std::unique_lock lock(lock_);
  // (2) release: pairs with the acquire in (1).
  closed_.store(true, memory_order_release);
  wake.add(not_empty_, all);
  wake.add(not_full_, all);
}

// Waits until `ready()`, which may be asked with the lock and without. True: it is so, under the lock. False:
// `limit` came first.
template <class T, class Storage, class Lock>
template <class Ready>
bool queue_core<T, Storage, Lock>::await(std::unique_lock<Lock>& lock, wait_list& waiting, deadline limit,
                                         Ready ready) {
  if (ready()) return true;
  if (limit.has_passed()) return false;

  // The other side is probably at work: leave it the lock for some microseconds.
  lock.unlock();
  backoff spin;
  do spin.wait();
  while (!ready() && !spin.should_park());
  lock.lock();

  // Sleep. A thread that never slept may have been faster than the one that was picked: then again.
  while (!ready()) {
    if (!waiting.wait(lock, limit)) return ready();
  }
  return true;
}

// The rest needs the lock, and room or an element. What throws leaves them for another thread, which
// invariant W asks to be picked.

template <class T, class Storage, class Lock>
template <class... Args>
void queue_core<T, Storage, Lock>::put(wake_after_unlock& wake, Args&&... args) {
  try {
    storage_.push_back(std::forward<Args>(args)...);
    added(wake);
  } catch (...) {
    wake.add(not_full_, 1);
    throw;
  }
}

// One move, straight into what the caller gets. That takes a result that is the function's own and returned
// in one place, outside any try block; hence the guard.
template <class T, class Storage, class Lock>
template <class Result>
Result queue_core<T, Storage, Lock>::take(wake_after_unlock& wake) {
  struct hand_on_if_thrown {
    ~hand_on_if_thrown() {
      if (!taken) wake.add(waiting, 1);
    }
    wake_after_unlock& wake;
    wait_list& waiting;
    bool taken = false;
  } element{wake, not_empty_};
  Result result(std::move(storage_.front()));
  storage_.pop_front();
  removed(wake);
  element.taken = true;
  return result;
}

// Moves `first` and `done` on. False: an element threw, after others had gone in.
template <class T, class Storage, class Lock>
template <class Iterator>
bool queue_core<T, Storage, Lock>::put_n(wake_after_unlock& wake, Iterator& first, std::size_t n,
                                         std::size_t& done) {
  try {
    for (std::size_t left = std::min(n - done, storage_.room(size())); left > 0; --left) {
      storage_.push_back(*first);
      added(wake);
      ++done;
      ++first;
    }
    return true;
  } catch (...) {
    wake.add(not_full_, 1);
    if (done == 0) throw;
    return false;
  }
}

template <class T, class Storage, class Lock>
template <class Output>
std::size_t queue_core<T, Storage, Lock>::take_n(wake_after_unlock& wake, Output& out, std::size_t max) {
  std::size_t done = 0;
  try {
    for (std::size_t left = std::min(max, size()); left > 0; --left) {
      *out = std::move(storage_.front());
      storage_.pop_front();
      removed(wake);
      ++done;
      ++out;
    }
  } catch (...) {
    wake.add(not_empty_, 1);
    if (done == 0) throw;
  }
  return done;
}

}  // namespace switchyard::blocking::detail
