// Something to be told once that what it waits for may have come: a call-back in place of a sleeping thread.
//
// Source: our own; a node in its owner's memory, as CPython's and Folly's waiter lists have it.
// When: to wait on a queue with something else than a thread: what `async.h`, `select.h` and `readiness_fd.h` are made
//   of. Users of a queue need those, and not this.
// Progress: enlisting and withdrawing block, each for a few instructions of another's; notifiers never wait for them.
// Ordering: who has enlisted and then looks at the queue either sees the change or is woken after it.
// Cost: a waiter is three words and a table pointer. The list is in the queue, a word for each side.
//
//   queue.enlist(w, queue_side::elements);              // then look, since the element may have come before
//   if (queue.look() == conqueue_status::success && !queue.withdraw(w, queue_side::elements)) {
//     queue.wake_another(queue_side::elements);         // w.wake() has been or will be called, for nothing
//   }
#pragma once

#include <concepts>
#include <cstddef>
#include <utility>

#include "switchyard/atomics/plain.h"
#include "switchyard/interface/conqueue_status.h"

namespace switchyard {

/// What a waiter waits for: an element to pop, or room to push.
enum class queue_side : unsigned char { elements, room };

/// The base of what waits. It must live until it has been withdrawn, or `wake` has been called and has begun.
class waiter {
 public:
  waiter() noexcept {
    next_.construct(nullptr);
    previous_.construct(nullptr);
  }
  waiter(const waiter&) = delete;
  waiter& operator=(const waiter&) = delete;

  /// Called once for each time that it was enlisted and not withdrawn, by the thread that notifies, which holds no
  /// lock. Whoever has been woken takes what there is, or else wakes another in its place. It may be enlisted again
  /// from the moment on that this is called.
  virtual void wake() noexcept = 0;

 protected:
  ~waiter() = default;

 private:
  friend class waiter_ring;
  friend class picked_waiters;

  plain<waiter*> next_;      // listed: round the ring; picked: the next to wake, or null
  plain<waiter*> previous_;  // listed: round the ring; otherwise null
};

/// A list of waiters, longest waiting first: one pointer, which somebody guards.
class waiter_ring {
 public:
  explicit constexpr waiter_ring(waiter* last = nullptr) noexcept : last_(last) {}

  bool empty() const noexcept { return last_ == nullptr; }
  waiter* last() const noexcept { return last_; }

  void append(waiter& added) noexcept {
    if (last_ == nullptr) {
      added.next_.write() = added.previous_.write() = &added;
    } else {
      waiter* const first = last_->next_.read();
      added.next_.write() = first;
      added.previous_.write() = last_;
      first->previous_.write() = last_->next_.write() = &added;
    }
    last_ = &added;
  }

  /// False: it is not in the list.
  bool remove(waiter& removed) noexcept {
    waiter* const previous = removed.previous_.read();
    if (previous == nullptr) return false;
    if (previous == &removed) {
      last_ = nullptr;
    } else {
      waiter* const next = removed.next_.read();
      previous->next_.write() = next;
      next->previous_.write() = previous;
      if (last_ == &removed) last_ = previous;
    }
    removed.previous_.write() = nullptr;
    removed.next_.write() = nullptr;
    return true;
  }

 private:
  friend class picked_waiters;

  waiter* last_;  // of a ring, so that last_->next_ has waited longest; null: nobody waits
};

/// Waiters that one operation wakes: picked under the lock of their list, woken when this object ends. Declare it before
/// what holds the lock, so that it ends after.
class picked_waiters {
 public:
  picked_waiters() = default;
  picked_waiters(const picked_waiters&) = delete;
  picked_waiters& operator=(const picked_waiters&) = delete;
  ~picked_waiters() {
    if (first_ != nullptr) [[unlikely]] wake();
  }

  /// Picks up to `count`, longest waiting first.
  void add(waiter_ring& list, std::size_t count) noexcept {
    for (; count > 0 && !list.empty(); --count) {
      waiter& picked = *list.last_->next_.read();
      list.remove(picked);
      if (first_ == nullptr) {
        first_ = &picked;
      } else {
        last_->next_.write() = &picked;
      }
      last_ = &picked;
    }
  }

 private:
  [[gnu::noinline]] void wake() noexcept {
    for (waiter* picked = first_; picked != nullptr;) {
      waiter* const next = picked->next_.read();  // before it is woken, and may end or wait again
      picked->wake();
      picked = next;
    }
  }

  waiter* first_ = nullptr;
  waiter* last_ = nullptr;
};

/// A queue that waiters can be enlisted with. `look` says without taking anything whether a pop would find something:
/// `success`, or `empty`, or `closed` if the queue is closed and empty.
template <class Q>
concept watchable_queue = requires(Q& q, waiter& w, queue_side side) {
  { q.look() } -> std::same_as<conqueue_status>;
  q.enlist(w, side);
  { q.withdraw(w, side) } noexcept -> std::same_as<bool>;
  { q.wake_another(side) } noexcept;
};

namespace detail {

/// A watchable queue whose type is forgotten, and one side of it.
class watched_queue {
 public:
  template <watchable_queue Q>
  watched_queue(Q& queue, queue_side side) noexcept : queue_(&queue), side_(side), calls_(&calls_of<Q>) {}

  conqueue_status look() const { return calls_->look(queue_); }
  void enlist(waiter& w) const { calls_->enlist(queue_, w, side_); }
  bool withdraw(waiter& w) const noexcept { return calls_->withdraw(queue_, w, side_); }
  void wake_another() const noexcept { calls_->wake_another(queue_, side_); }

 private:
  struct calls {
    conqueue_status (*look)(void*);
    void (*enlist)(void*, waiter&, queue_side);
    bool (*withdraw)(void*, waiter&, queue_side);
    void (*wake_another)(void*, queue_side);
  };
  template <class Q>
  static constexpr calls calls_of = {
      [](void* q) { return static_cast<Q*>(q)->look(); },
      [](void* q, waiter& w, queue_side side) { static_cast<Q*>(q)->enlist(w, side); },
      [](void* q, waiter& w, queue_side side) { return static_cast<Q*>(q)->withdraw(w, side); },
      [](void* q, queue_side side) { static_cast<Q*>(q)->wake_another(side); },
  };

  void* queue_;
  queue_side side_;
  const calls* calls_;
};

}  // namespace detail

}  // namespace switchyard
