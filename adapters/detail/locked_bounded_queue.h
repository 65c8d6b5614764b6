// The textbook queue: a ring under one mutex, with one condition variable for each side.
//
// It is written once here for `absl_bounded_queue` and `std_bounded_queue`, which differ in the lock alone.
// A locking policy names the types and the three calls that the two libraries spell differently:
//
//   struct policy {
//     using mutex = ...;                                 default constructible
//     using condition = ...;                             default constructible
//     using lock = ...;                                  holds the mutex: lock hold(mutex&)
//     static void wait(condition&, lock&);               until notified, or for no reason
//     static void wait_until(condition&, lock&, std::chrono::steady_clock::time_point);   or until then
//     static void notify_one(condition&);
//     static void notify_all(condition&);
//   };
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <stdexcept>
#include <utility>

#include "switchyard/interface/conqueue_status.h"
#include "switchyard/interface/deadline.h"
#include "switchyard/interface/queue.h"
#include "switchyard/interface/queue_members.h"

namespace switchyard::adapters::detail {

/// First in, first out; any number of producers and consumers; room for exactly `capacity` elements.
///
/// Invariants, under the mutex: the elements are at `head_` and the `size_ - 1` places after it, going
/// round at `capacity_`; `size_ <= capacity_`; once `closed_`, nothing is added.
template <class T, class Locking, class Allocator>
class locked_bounded_queue : public queue_members<locked_bounded_queue<T, Locking, Allocator>, T> {
 public:
  using allocator_type = Allocator;

  /// Takes all its memory here. Throws std::invalid_argument if `capacity` is 0, and what `allocator` throws.
  explicit locked_bounded_queue(std::size_t capacity, const Allocator& allocator = Allocator())
      : allocator_(allocator), capacity_(capacity), slots_(allocate(allocator_, capacity)) {}
  locked_bounded_queue(const locked_bounded_queue&) = delete;
  locked_bounded_queue& operator=(const locked_bounded_queue&) = delete;

  /// Destroys what is left. No other thread may be inside a member.
  ~locked_bounded_queue() {
    while (size_ != 0) drop_front();
    traits::deallocate(allocator_, slots_, capacity_);
  }

  allocator_type get_allocator() const { return allocator_type(allocator_); }

  /// Builds the element from `args` if there is room; `full` and `closed` leave them as they were.
  template <class... Args>
  [[nodiscard]] conqueue_status try_emplace(Args&&... args) {
    return put(do_not_wait, std::forward<Args>(args)...);
  }

  /// The same, waiting for room until `when`.
  template <class... Args>
  [[nodiscard]] conqueue_status try_emplace_until(deadline when, Args&&... args) {
    return put(&when, std::forward<Args>(args)...);
  }

  /// The oldest element, or `empty`, or `closed` if it is closed and empty.
  [[nodiscard]] pop_result<T> try_pop() { return take(do_not_wait); }

  /// The same, waiting for an element until `when`.
  [[nodiscard]] pop_result<T> try_pop_until(deadline when) { return take(&when); }

  /// Adds elements from `first` on while there is room, up to `n`, holding the lock once; returns how many.
  /// If building one throws, that ends it too; the exception passes on if it was the first.
  template <class Iterator>
  std::size_t try_push_n(Iterator first, std::size_t n) {
    std::size_t done = 0;
    put_n(first, n, done, do_not_wait);
    return done;
  }

  /// The same, waiting for room until all are in; fewer than `n` only if closed, or if building one throws.
  template <class Iterator>
  std::size_t push_n(Iterator first, std::size_t n) {
    const deadline never = deadline::never();
    std::size_t done = 0;
    while (done < n && put_n(first, n, done, &never)) continue;
    return done;
  }

  /// Moves up to `max` elements to `out`, holding the lock once; returns how many. If moving one out throws,
  /// that ends it too, and it stays at the front; the exception passes on if it was the first.
  template <class Output>
  std::size_t try_pop_n(Output out, std::size_t max) {
    return take_n(out, max, do_not_wait);
  }

  /// The same, waiting for the first element; 0 only if the queue is closed and empty, or `max` is 0.
  template <class Output>
  std::size_t pop_n(Output out, std::size_t max) {
    const deadline never = deadline::never();
    return take_n(out, max, &never);
  }

  /// Ends pushing: what is in the queue can still be popped. Wakes everybody who waits.
  void close() noexcept {
    {
      lock hold(mutex_);
      closed_ = true;
    }
    Locking::notify_all(producers_.changed);
    Locking::notify_all(consumers_.changed);
  }

  bool is_closed() const noexcept {
    lock hold(mutex_);
    return closed_;
  }

  std::size_t size_approx() const noexcept {
    lock hold(mutex_);
    return size_;
  }

  std::size_t capacity() const noexcept { return capacity_; }

 private:
  using lock = typename Locking::lock;
  using traits = typename std::allocator_traits<Allocator>::template rebind_traits<T>;
  using slot_allocator = typename traits::allocator_type;
  using pointer = typename traits::pointer;

  // Those who wait for the same thing.
  struct side {
    typename Locking::condition changed;
    std::size_t waiting = 0;
  };

  // Made before the lock, so that it wakes after the unlock: who wakes finds the mutex free.
  class wake_after_unlock {
   public:
    explicit wake_after_unlock(locked_bounded_queue& queue) noexcept : queue_(queue) {}
    wake_after_unlock(const wake_after_unlock&) = delete;
    wake_after_unlock& operator=(const wake_after_unlock&) = delete;
    ~wake_after_unlock() {
      for (; consumers_ != 0; --consumers_) Locking::notify_one(queue_.consumers_.changed);
      for (; producers_ != 0; --producers_) Locking::notify_one(queue_.producers_.changed);
    }

    // There is one element, or room for one, more than those who are awake know of. Under the mutex.
    void for_element() noexcept {
      if (consumers_ < queue_.consumers_.waiting) ++consumers_;
    }
    void for_room() noexcept {
      if (producers_ < queue_.producers_.waiting) ++producers_;
    }

   private:
    locked_bounded_queue& queue_;
    std::size_t consumers_ = 0;
    std::size_t producers_ = 0;
  };

  static constexpr const deadline* do_not_wait = nullptr;

  static pointer allocate(slot_allocator& allocator, std::size_t capacity) {
    if (capacity == 0) throw std::invalid_argument("a bounded queue needs a capacity of at least 1");
    return traits::allocate(allocator, capacity);
  }

  template <class... Args>
  conqueue_status put(const deadline* limit, Args&&... args) {
    wake_after_unlock wake(*this);
    lock hold(mutex_);
    await(producers_, hold, limit, [this] { return size_ < capacity_ || closed_; });
    if (closed_) return conqueue_status::closed;
    if (size_ == capacity_) return conqueue_status::full;
    append(wake, std::forward<Args>(args)...);
    return conqueue_status::success;
  }

  pop_result<T> take(const deadline* limit) {
    wake_after_unlock wake(*this);
    lock hold(mutex_);
    await(consumers_, hold, limit, [this] { return size_ != 0 || closed_; });
    if (size_ == 0) return unexpected(closed_ ? conqueue_status::closed : conqueue_status::empty);
    return take_front(wake);
  }

  // Adds what there is room for, up to `n - done`, and moves `first` and `done` on. False: there is no going
  // on, as the queue is closed or an element threw after others had gone in.
  template <class Iterator>
  bool put_n(Iterator& first, std::size_t n, std::size_t& done, const deadline* limit) {
    if (n == 0) return false;
    wake_after_unlock wake(*this);
    lock hold(mutex_);
    await(producers_, hold, limit, [this] { return size_ < capacity_ || closed_; });
    if (closed_) return false;
    try {
      for (std::size_t left = std::min(n - done, capacity_ - size_); left != 0; --left, ++first) {
        append(wake, *first);
        ++done;
      }
    } catch (...) {
      if (done == 0) throw;
      return false;
    }
    return true;
  }

  template <class Output>
  std::size_t take_n(Output& out, std::size_t max, const deadline* limit) {
    if (max == 0) return 0;
    wake_after_unlock wake(*this);
    lock hold(mutex_);
    await(consumers_, hold, limit, [this] { return size_ != 0 || closed_; });
    const std::size_t count = std::min(max, size_);
    std::size_t done = 0;
    try {
      for (; done < count; ++out) {
        take_front_to(out, wake);
        ++done;
      }
    } catch (...) {
      if (done == 0) throw;
    }
    return done;
  }

  // Returns once `ready()`, or at the limit, or at once if there is none.
  template <class Ready>
  static void await(side& mine, lock& hold, const deadline* limit, Ready ready) {
    if (ready() || limit == do_not_wait) return;
    ++mine.waiting;
    do {
      if (limit->is_never()) {
        Locking::wait(mine.changed, hold);
      } else if (!limit->has_passed()) {
        Locking::wait_until(mine.changed, hold, limit->when());
      } else {
        break;
      }
    } while (!ready());
    --mine.waiting;
  }

  // What follows needs the mutex, and room or an element. If it throws, that is still there, and perhaps
  // only this thread was woken for it: it passes that on.

  template <class... Args>
  void append(wake_after_unlock& wake, Args&&... args) {
    std::size_t place = head_ + size_;
    if (place >= capacity_) place -= capacity_;
    try {
      traits::construct(allocator_, slots() + place, std::forward<Args>(args)...);
    } catch (...) {
      wake.for_room();
      throw;
    }
    ++size_;
    wake.for_element();
  }

  pop_result<T> take_front(wake_after_unlock& wake) {
    front_leaves leaving(*this, wake);
    pop_result<T> result(std::move(slots()[head_]));  // not moved again: tl::expected cannot be, if T throws
    leaving.moved = true;
    return result;
  }

  template <class Output>
  void take_front_to(Output& out, wake_after_unlock& wake) {
    front_leaves leaving(*this, wake);
    *out = std::move(slots()[head_]);
    leaving.moved = true;
  }

  // At the end of the block the front element goes, if it has been moved from, or stays for another.
  struct front_leaves {
    locked_bounded_queue& queue;
    wake_after_unlock& wake;
    bool moved = false;

    front_leaves(locked_bounded_queue& q, wake_after_unlock& w) noexcept : queue(q), wake(w) {}
    front_leaves(const front_leaves&) = delete;
    front_leaves& operator=(const front_leaves&) = delete;
    ~front_leaves() {
      if (moved) {
        queue.drop_front();
        wake.for_room();
      } else {
        wake.for_element();
      }
    }
  };

  void drop_front() noexcept {
    traits::destroy(allocator_, slots() + head_);
    if (++head_ == capacity_) head_ = 0;
    --size_;
  }

  T* slots() const noexcept { return std::to_address(slots_); }

  mutable typename Locking::mutex mutex_;
  [[no_unique_address]] slot_allocator allocator_;
  const std::size_t capacity_;
  const pointer slots_;
  std::size_t head_ = 0;
  std::size_t size_ = 0;
  bool closed_ = false;
  side producers_;  // those who wait for room
  side consumers_;  // those who wait for an element
};

}  // namespace switchyard::adapters::detail
