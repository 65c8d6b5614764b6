// A queue without a limit that takes no memory, for any number of producers and one consumer: of objects that bring
// their own links.
//
// Source: Treiber's stack (IBM RJ 5118, 1986), taken as a whole and turned round, as is done in operating systems; the
//   way it is closed is our own.
// When: the objects exist anyway, such as jobs, messages or buffers, and no memory may be taken, nor an exception be
//   thrown, where they are handed over. Else `mpsc_queue`, whose pushes do not wait for each other even for a moment.
//   Vyukov's intrusive queue exchanges a pointer in place of the compare-and-swap here; then a producer that stops
//   between two instructions hides all that is pushed after it, so that queue is not lock-free.
// Progress: pushes are lock-free: one goes round again only because another was faster. Pops and `close` are wait-free,
//   on processors with an atomic or. Members that wait block, sleeping in the kernel, while there is nothing.
// Ordering: FIFO, and linearizable. A push happens before the pop of its element.
// Cost: a push is one compare-and-swap, and so is one of any number of objects by `push_n`. A pop is two stores; the
//   one that finds the consumer's own list empty takes all that has been pushed, and passes over each of them once.
//
//   struct job : queue_hook { ... };
//   intrusive_mpsc_queue<job> q;  /* any thread */ q.push(mine);  /* one thread */ while (job* j = q.pop()) j->run();
#pragma once

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <utility>

#include "switchyard/atomics/atomic.h"
#include "switchyard/atomics/backoff.h"
#include "switchyard/atomics/cache_padded.h"
#include "switchyard/interface/conqueue_status.h"
#include "switchyard/lockfree/detail/sole_use.h"
#include "switchyard/lockfree/waiting.h"
#include "switchyard/threads/queue_hook.h"

namespace switchyard::lockfree {

/// A queue of T*, with the members of `waiting_queue` but for `size_approx`; `push` and `try_push` take a T&, `pop`
/// returns a T*. It does not own what is in it: an object must live until it has been popped, or the queue destroyed,
/// and be in one queue at a time for each of its hooks. Pops, waiting or not, are for one thread at a time. It is never
/// `full`, and throws nothing but what iterators throw, and std::invalid_argument for a null pointer.
template <class T, auto Hook = nullptr>
class intrusive_mpsc_queue : public waiting_queue<intrusive_mpsc_queue<T, Hook>, T*> {
  using base = waiting_queue<intrusive_mpsc_queue<T, Hook>, T*>;

 public:
  intrusive_mpsc_queue() noexcept = default;
  intrusive_mpsc_queue(const intrusive_mpsc_queue&) = delete;
  intrusive_mpsc_queue& operator=(const intrusive_mpsc_queue&) = delete;
  /// What is left is in no queue then. No other thread may be using the queue.
  ~intrusive_mpsc_queue() {
    while (refill() == conqueue_status::success) take_first();
  }

  /// False: the queue is closed.
  bool push(T& object) { return try_push(object) == conqueue_status::success; }
  /// `success` or `closed`.
  [[nodiscard]] conqueue_status try_push(T& object) { return base::try_emplace(&object); }

  /// Waits while the queue is empty. nullptr: it is closed, and everything has been popped.
  T* pop() { return base::pop().value_or(nullptr); }

  bool is_closed() const noexcept { return closed_.load(memory_order_acquire); }  // (1) with (2)

  /// True if there seemed to be nothing.
  bool empty_approx() const noexcept {
    return consumer_->first.load(memory_order_relaxed) == nullptr &&
           objects(newest_->load(memory_order_relaxed)) == nullptr;
  }

 private:
  friend class waiting_queue<intrusive_mpsc_queue, T*>;

  // The object that was pushed last, which links to the one before it, and so on; or none. And whether that is the end:
  // nothing goes in any more.
  using word = std::uintptr_t;
  static constexpr word end = 1;
  static word to_word(T* newest) noexcept { return reinterpret_cast<word>(newest); }
  static T* objects(word w) noexcept { return reinterpret_cast<T*>(w & ~end); }
  static_assert(alignof(queue_hook) > end, "a hook's alignment leaves room for the mark");

  static queue_hook& hook(T* object) noexcept { return switchyard::detail::hook_of<Hook>(*object); }
  static T* after(T* object) noexcept { return static_cast<T*>(hook(object).next()); }

  conqueue_status emplace_once(T* object);
  template <class In>
  void push_batch_once(In& first, std::size_t n, std::size_t& done);
  template <class Sink>
  conqueue_status pop_once(Sink&& sink);
  void close_once() noexcept;

  bool add(T* newest, T* oldest) noexcept;
  conqueue_status refill() noexcept;
  T* take_first() noexcept;

  atomic<bool> closed_{false};
  cache_padded<atomic<word>> newest_;
  struct consumer_side {
    atomic<T*> first{nullptr};  // what it has taken and not yet popped, oldest first; others see if there is any
    detail::sole_use popping;
  };
  cache_padded<consumer_side> consumer_;
};

// ---- The producers

template <class T, auto Hook>
conqueue_status intrusive_mpsc_queue<T, Hook>::emplace_once(T* object) {
  if (object == nullptr) throw std::invalid_argument("a null pointer is put into an intrusive queue");
  hook(object).insert();
  if (add(object, object)) return conqueue_status::success;
  hook(object).remove();
  return conqueue_status::closed;
}

// Linked up first, then pushed all at once.
template <class T, auto Hook>
template <class In>
void intrusive_mpsc_queue<T, Hook>::push_batch_once(In& first, std::size_t n, std::size_t& done) {
  In at = first;
  std::size_t count = 0;
  T* oldest = nullptr;
  T* newest = nullptr;
  const auto push_them = [&] {
    if (count == 0) return;
    if (add(newest, oldest)) {
      first = at;
      done += count;
      return;
    }
    for (T* each = newest; count != 0; --count) {
      T* const before = after(each);
      hook(each).remove();
      each = before;
    }
  };
  try {
    for (; done + count < n; ++at) {
      T* const object = *at;
      if (object == nullptr) throw std::invalid_argument("a null pointer is put into an intrusive queue");
      hook(object).insert();
      hook(object).set_next(newest);
      newest = object;
      if (++count == 1) oldest = object;
    }
  } catch (...) {
    push_them();
    throw;
  }
  push_them();
}

// False: it is closed, and nothing has changed but the link of `oldest`.
template <class T, auto Hook>
bool intrusive_mpsc_queue<T, Hook>::add(T* newest, T* oldest) noexcept {
  // The flag comes first: the mark may be missing for a while, see `refill`.
  if (closed_.load(memory_order_acquire)) return false;  // (1) with (2): who is refused sees why
  word seen = newest_->load(memory_order_relaxed);
  for (backoff races;; races.lost_race()) {
    if ((seen & end) != 0) {
      atomic_thread_fence(memory_order_acquire);  // (3) with (4), (5)
      return false;
    }
    hook(oldest).set_next(objects(seen));
    // (6) release: with (7). That `seen` may have been away and come back does no harm: it is the newest.
    if (newest_->compare_exchange_weak(seen, to_word(newest), memory_order_release, memory_order_relaxed)) return true;
  }
}

// First the flag, which keeps those out that begin after this, then the mark, which keeps out all.
template <class T, auto Hook>
void intrusive_mpsc_queue<T, Hook>::close_once() noexcept {
  closed_.store(true, memory_order_release);     // (2) with (1)
  newest_->fetch_or(end, memory_order_release);  // (4) with (3), (7)
}

// ---- The consumer

template <class T, auto Hook>
template <class Sink>
conqueue_status intrusive_mpsc_queue<T, Hook>::pop_once(Sink&& sink) {
  const detail::sole_use::hold alone(consumer_->popping);
  const conqueue_status status = refill();
  if (status != conqueue_status::success) return status;
  T* object = take_first();
  struct put_back {
    intrusive_mpsc_queue& self;
    T* object;
    ~put_back() {
      if (object == nullptr) return;
      hook(object).insert();
      hook(object).set_next(self.consumer_->first.load(memory_order_relaxed));
      self.consumer_->first.store(object, memory_order_relaxed);
    }
  } if_it_throws{*this, object};
  sink(std::move(object));
  if_it_throws.object = nullptr;
  return conqueue_status::success;
}

// Sees to it that the consumer's list has the first object, or tells why there is none.
template <class T, auto Hook>
conqueue_status intrusive_mpsc_queue<T, Hook>::refill() noexcept {
  if (consumer_->first.load(memory_order_relaxed) != nullptr) return conqueue_status::success;
  word seen = newest_->load(memory_order_relaxed);
  if (seen == 0) {
    if (!closed_.load(memory_order_acquire)) return conqueue_status::empty;  // (1) with (2)
    // On behalf of a thread that may have stopped between the flag and the mark, or since we have taken the mark.
    newest_->fetch_or(end, memory_order_release);  // (5) with (3)
    seen = newest_->load(memory_order_relaxed);
  }
  if (seen == end) {
    atomic_thread_fence(memory_order_acquire);  // (3) with (4)
    return conqueue_status::closed;
  }
  // Take them all, and the mark with them: it comes back, above, when nothing is left. Until then more may get in, by
  // those who had found no flag. They began before the close ended, and may have come before it.
  T* newest = objects(newest_->exchange(0, memory_order_acquire));  // (7) with (4), (6)
  T* oldest = nullptr;
  while (newest != nullptr) {
    T* const before = after(newest);
    hook(newest).set_next(oldest);
    oldest = std::exchange(newest, before);
  }
  consumer_->first.store(oldest, memory_order_relaxed);
  return conqueue_status::success;
}

template <class T, auto Hook>
T* intrusive_mpsc_queue<T, Hook>::take_first() noexcept {
  T* const object = consumer_->first.load(memory_order_relaxed);
  consumer_->first.store(after(object), memory_order_relaxed);
  hook(object).remove();
  return object;
}

}  // namespace switchyard::lockfree
