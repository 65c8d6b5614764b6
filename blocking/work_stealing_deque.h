// A deque of one owner, who pushes and pops at one end, while any number of threads steal from the other, under a lock.
//
// Source: the locked form of Blumofe and Leiserson's, "Scheduling multithreaded computations by work stealing" (JACM
//   1999); that thieves go away when the lock is held is our own.
// When: a thread's own work, which idle threads may take, where that work is coarse, or when elements must not be
//   touched by two threads in any order but one. Where an element is worth less than a microsecond,
//   `lockfree::work_stealing_deque` has the same members. To hand work from thread to thread: a queue.
// Progress: blocking: a thread that stops inside an operation stops all others; but `try_steal` never waits.
// Ordering: linearizable, with pops of the newest element and steals of the oldest. A push happens before the pop or
//   steal of its element.
// Exceptions: an element that throws while it is moved out to its taker is lost, as in P0260; nothing else is.
// Cost: one lock and unlock per operation, and none if there is nothing to take; a steal of half takes many elements
//   under one lock. A slot for each element, or, if its move may throw, a pointer there and a node from the allocator.
//   It grows by doubling, and shrinks when it has long been much shorter.
//
//   work_stealing_deque<job> jobs;
//   jobs.push(job());  while (auto j = jobs.try_pop()) run(*j);  /* thieves */ if (auto j = jobs.try_steal()) run(*j);
#pragma once

#include <algorithm>
#include <cstddef>
#include <limits>
#include <memory>
#include <mutex>
#include <type_traits>
#include <utility>

#include "switchyard/atomics/atomic.h"
#include "switchyard/atomics/cache_padded.h"
#include "switchyard/atomics/plain.h"
#include "switchyard/blocking/detail/growing_ring.h"
#include "switchyard/blocking/mutex.h"
#include "switchyard/interface/conqueue_status.h"
#include "switchyard/interface/queue.h"

namespace switchyard::blocking {

/// Models `concurrent_deque`. The owner and thieves use copies of the allocator at the same time. `Lock` is any type
/// with lock(), try_lock() and unlock().
template <class T, class Allocator = std::allocator<T>, class Lock = mutex>
class work_stealing_deque {
 public:
  using value_type = T;
  using allocator_type = Allocator;

  /// An empty deque with room for `capacity` elements, rounded up to a power of two, below which it never shrinks.
  /// Throws std::invalid_argument for 0, std::length_error for more than can be addressed, and what the allocator
  /// throws.
  explicit work_stealing_deque(std::size_t capacity = default_capacity, const Allocator& allocator = Allocator())
      : state_(std::in_place, capacity, allocator) {}
  work_stealing_deque(const work_stealing_deque&) = delete;
  work_stealing_deque& operator=(const work_stealing_deque&) = delete;

  /// Destroys the elements left. No other thread may be using the deque.
  ~work_stealing_deque() {
    for (; state_->elements.size() != 0; state_->elements.pop_front()) drop(state_->elements.front());
  }

  // -- The owner ---------------------------------------------------------------------------------------------

  /// Adds an element at the owner's end. Throws what the allocator does, and what building the element throws, having
  /// changed nothing.
  void push(const T& value) { emplace(value); }
  void push(T&& value) { emplace(std::move(value)); }
  template <class... Args>
  void emplace(Args&&... args) {
    const std::lock_guard hold(state_->lock);
    if constexpr (in_nodes) {
      state_->elements.reserve_one();  // before anything is moved from
      state_->elements.push_back(build(std::forward<Args>(args)...));
    } else {
      state_->elements.push_back(std::forward<Args>(args)...);
    }
    state_->size_changed();
  }

  /// Takes the element pushed last of those that are left, or says `empty`. Throws what moving it out throws.
  // Inline for its result: out of line, GCC builds it in pieces and reads it as a whole, which takes long.
  [[gnu::always_inline]] pop_result<T> try_pop() {
    if (state_->is_empty()) return unexpected(conqueue_status::empty);
    std::unique_lock hold(state_->lock);
    if (state_->elements.size() == 0) return unexpected(conqueue_status::empty);
    return take(hold, state_->elements.back(), &ring::pop_back);
  }

  // -- Any thread --------------------------------------------------------------------------------------------

  /// Takes the oldest element. `empty`: there was none. `busy`: another thread is inside the deque, and there may be
  /// one. Throws what moving it out throws.
  pop_result<T> try_steal() {
    if (state_->is_empty()) return unexpected(conqueue_status::empty);
    std::unique_lock hold(state_->lock, std::try_to_lock);
    if (!hold) return unexpected(conqueue_status::busy);
    if (state_->elements.size() == 0) return unexpected(conqueue_status::empty);
    return take(hold, state_->elements.front(), &ring::pop_front);
  }

  /// Takes half of what there is, rounded up, but at most `max`, oldest first, and writes it to `out`. Returns how
  /// many; 0: there was none, or `max` is 0. Waits for the lock, which it does not hold while it writes. Throws what
  /// moving an element and `out` throw: the element under way is lost, those before it have been written, those after
  /// it are put back, as long as there is memory for it.
  template <class Out>
  std::size_t try_steal_half(Out out, std::size_t max = std::numeric_limits<std::size_t>::max()) {
    std::size_t stolen = 0;
    for (loot batch(*this); stolen < max && !state_->is_empty();) {
      const std::size_t size = batch.take_up_to(max - stolen, stolen == 0);
      if (stolen == 0) max = std::min(max, size - size / 2);
      if (batch.empty()) break;
      do {
        const auto drop_at_exit = batch.next();
        *out = std::move(drop_at_exit.element());
        ++out;
        ++stolen;
      } while (!batch.empty());
    }
    return stolen;
  }

  /// Exact in the owner's thread while nobody steals.
  std::size_t size_approx() const noexcept { return state_->size.load(memory_order_relaxed); }
  bool empty_approx() const noexcept { return size_approx() == 0; }
  allocator_type get_allocator() const noexcept { return state_->elements.get_allocator(); }

 private:
#ifdef SWITCHYARD_MODEL
  static constexpr std::size_t default_capacity = 2;
#else
  static constexpr std::size_t default_capacity = 64;
#endif

  // What is in the ring: elements, or, if moving one may throw, nodes with elements.
  static constexpr bool in_nodes = !std::is_nothrow_move_constructible_v<T>;
  using node = plain<T>;
  using node_traits = typename std::allocator_traits<Allocator>::template rebind_traits<node>;
  using stored = std::conditional_t<in_nodes, node*, T>;
  using ring = detail::growing_ring<stored, Allocator>;

  struct shared_state {
    shared_state(std::size_t capacity, const Allocator& allocator) : elements(capacity, allocator) {}

    // A look without the lock. It is enough: nothing is missed that was pushed before in this thread, or in
    // another that this one has heard from since.
    bool is_empty() const noexcept { return size.load(memory_order_relaxed) == 0; }
    void size_changed() noexcept { size.store(elements.size(), memory_order_relaxed); }

    Lock lock;
    atomic<std::size_t> size{0};
    ring elements;
  };

  template <class... Args>
  node* build(Args&&... args) {
    typename node_traits::allocator_type allocator(state_->elements.get_allocator());
    const auto memory = node_traits::allocate(allocator, 1);
    try {
      node* const n = std::construct_at(std::to_address(memory));
      n->construct(std::forward<Args>(args)...);
      return n;
    } catch (...) {
      node_traits::deallocate(allocator, memory, 1);
      throw;
    }
  }

  // Of what was stored. The second ends the element's life if it is in a node; else that is for whoever stored it.
  static T& element_in(stored& s) noexcept {
    if constexpr (in_nodes) {
      return s->write();
    } else {
      return s;
    }
  }
  void drop([[maybe_unused]] stored& s) const noexcept {
    if constexpr (in_nodes) {
      typename node_traits::allocator_type allocator(state_->elements.get_allocator());
      s->destroy();
      std::destroy_at(s);
      node_traits::deallocate(allocator, std::pointer_traits<typename node_traits::pointer>::pointer_to(*s), 1);
    }
  }

  [[gnu::always_inline]] pop_result<T> take(std::unique_lock<Lock>& hold, stored& from,
                                            void (ring::*remove)() noexcept) {
    struct drop_at_exit {
      const work_stealing_deque& deque;
      stored it;
      ~drop_at_exit() { deque.drop(it); }
    } taken{*this, std::move(from)};
    (state_->elements.*remove)();
    state_->size_changed();
    hold.unlock();
    return pop_result<T>(std::move(element_in(taken.it)));
  }

  // Elements on their way from the deque to an output.
  class loot {
   public:
    explicit loot(work_stealing_deque& deque) noexcept : deque_(deque) {}
    loot(const loot&) = delete;
    loot& operator=(const loot&) = delete;
    ~loot() {
      if (!empty()) put_back();
    }

    bool empty() const noexcept { return begin_ == end_; }

    /// Takes up to `max` elements, or, `half`, no more than half of those there are. Returns how many there were.
    std::size_t take_up_to(std::size_t max, bool half) noexcept {
      begin_ = end_ = 0;
      const std::lock_guard hold(deque_.state_->lock);
      ring& elements = deque_.state_->elements;
      const std::size_t size = elements.size();
      const std::size_t count = std::min({max, half ? size - size / 2 : size, at_once});
      for (; end_ != count; ++end_) {
        slots_[end_].construct(std::move(elements.front()));
        elements.pop_front();
      }
      deque_.state_->size_changed();
      return size;
    }

    /// The oldest of them, of which nothing is left when what is returned goes.
    struct one {
      loot& from;
      plain<stored>& slot;
      T& element() const noexcept { return element_in(slot.write()); }
      ~one() {
        from.deque_.drop(slot.write());
        slot.destroy();
      }
    };
    one next() noexcept { return {*this, slots_[begin_++]}; }

   private:
    static constexpr std::size_t at_once = std::clamp<std::size_t>(1024 / sizeof(stored), 1, 64);

    void put_back() noexcept {
      const std::lock_guard hold(deque_.state_->lock);
      while (!empty()) {
        stored& last = slots_[--end_].write();
        try {
          deque_.state_->elements.push_front(std::move(last));
        } catch (...) {
          deque_.drop(last);  // no memory
        }
        slots_[end_].destroy();
      }
      deque_.state_->size_changed();
    }

    work_stealing_deque& deque_;
    plain<stored> slots_[at_once];
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
  };

  cache_padded<shared_state> state_;
};

}  // namespace switchyard::blocking
