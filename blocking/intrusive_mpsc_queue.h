// A queue without a limit that takes no memory, for any number of producers and one consumer, under one lock: of
// objects that bring their own links.
//
// Source: as `bounded_queue`, over a linked list.
//
// When to use it: as the twin of `lockfree::intrusive_mpsc_queue`. Under a lock nothing is gained by knowing that
// there is one consumer, so this one would also work with more; a program that relies on that cannot change sides.
//
// Progress: blocking: a thread that stops inside an operation stops all others.
// Ordering: FIFO and linearizable.
// Cost: one lock and unlock per operation or batch. No system call while nobody sleeps.
//
//   struct job : switchyard::queue_hook { ... };
//   switchyard::blocking::intrusive_mpsc_queue<job> jobs;
//   jobs.push(mine);                                // any thread
//   jobs.close();                                   // after the last
//   while (job* j = jobs.pop()) j->run();           // the consumer; ends when closed and empty
#pragma once

#include <cstddef>
#include <limits>
#include <stdexcept>
#include <utility>

#include "switchyard/blocking/detail/queue_core.h"
#include "switchyard/blocking/mutex.h"
#include "switchyard/interface/conqueue_status.h"
#include "switchyard/threads/queue_hook.h"

namespace switchyard::blocking {

namespace detail {

/// The storage for `queue_core`: objects linked by their hooks, oldest first.
template <class T, auto Hook>
class hook_list {
 public:
  std::size_t room(std::size_t size) const noexcept { return std::numeric_limits<std::size_t>::max() - size; }

  void push_back(T* object) {
    if (object == nullptr) throw std::invalid_argument("a null pointer is put into an intrusive queue");
    hook(object).insert();
    if (first_ == nullptr) {
      first_ = object;
    } else {
      hook(last_).set_next(object);
    }
    last_ = object;
  }
  // What it returns may be moved from.
  T*& front() noexcept { return moved_ = first_; }
  void pop_front() noexcept {
    T* const object = first_;
    first_ = static_cast<T*>(hook(object).next());
    hook(object).remove();
  }

 private:
  static queue_hook& hook(T* object) noexcept { return switchyard::detail::hook_of<Hook>(*object); }

  T* first_ = nullptr;
  T* last_ = nullptr;  // means something if there is a first
  T* moved_ = nullptr;
};

}  // namespace detail

/// A queue of T*, with the members of `detail::queue_core` but for `size_approx`; `push` and `try_push` take a T&,
/// `pop` returns a T*. It does not own what is in it: an object must live until it has been popped, or the queue
/// destroyed, and be in one queue at a time for each of its hooks. It is never `full`, and throws nothing but what
/// iterators throw, and std::invalid_argument for a null pointer.
/// What `pop_n` writes to must not put them into another queue by the same hook before it has returned.
template <class T, auto Hook = nullptr, class Lock = mutex>
class intrusive_mpsc_queue : public detail::queue_core<T*, detail::hook_list<T, Hook>, Lock> {
  using core = detail::queue_core<T*, detail::hook_list<T, Hook>, Lock>;

 public:
  intrusive_mpsc_queue() noexcept : core(std::in_place) {}

  /// False: the queue is closed.
  bool push(T& object) { return try_push(object) == conqueue_status::success; }
  /// `success` or `closed`.
  [[nodiscard]] conqueue_status try_push(T& object) { return core::try_emplace(&object); }

  /// Waits while the queue is empty. nullptr: it is closed, and everything has been popped.
  T* pop() { return core::pop().value_or(nullptr); }

 private:
  using core::size_approx;  // the twin cannot know
};

}  // namespace switchyard::blocking
