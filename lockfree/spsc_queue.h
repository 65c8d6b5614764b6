// A bounded queue for one producer thread and one consumer thread.
//
// Source: Lamport, "Proving the correctness of multiprocess programs" (1977), with each side's copy of the
//   other's index as in Lee, Bu and Chandranmenon's MCRingBuffer (IPDPS 2010).
// When: exactly one thread pushes and one pops, the fastest hand-over there is. With more of either, the
//   behaviour is undefined: use `bounded_queue`.
// Progress: try_ members and `close` are wait-free. Members that wait block, sleeping in the kernel.
// Ordering: linearizable FIFO. A push happens before the pop of its element.
// Exceptions: an element that throws while it is moved out stays at the front.
// Cost: one release store a push and one a pop; a cache line moves only when a side has used up what it
//   knew of the other's. capacity() slots of sizeof(T), allocated in the constructor.
//
//   spsc_queue<int> q(1024);  /* producer */ q.push(1);  q.close();  /* consumer */ while (auto x = q.pop())
//   {}
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "switchyard/atomics/atomic.h"
#include "switchyard/atomics/cache_padded.h"
#include "switchyard/atomics/plain.h"
#include "switchyard/interface/conqueue_status.h"
#include "switchyard/lockfree/close_gate.h"
#include "switchyard/lockfree/detail/slots.h"
#include "switchyard/lockfree/waiting.h"

namespace switchyard::lockfree {

template <class T, class Allocator = std::allocator<T>>
class spsc_queue : public waiting_queue<spsc_queue<T, Allocator>, T> {
 public:
  using allocator_type = Allocator;

  /// A queue for `capacity` elements, no more and no fewer. Throws std::invalid_argument for 0, and what
  /// the allocator throws.
  explicit spsc_queue(std::size_t capacity, const Allocator& allocator = Allocator())
      : spsc_queue(capacity, detail::start_at{0}, allocator) {}

  /// For tests: the same queue after `start.position` elements have gone through it.
  spsc_queue(std::size_t capacity, detail::start_at start, const Allocator& allocator = Allocator())
      : slots_(capacity, allocator) {
    producer_->tail.store(start.position, memory_order_relaxed);
    producer_->head_seen = start.position;
    consumer_->head.store(start.position, memory_order_relaxed);
    consumer_->tail_seen = start.position;
  }

  /// Destroys the elements left. No other thread may be using the queue.
  ~spsc_queue() {
    for (std::size_t left = size_approx(); left != 0; --left) {
      slots_[consumer_->slot].destroy();
      consumer_->slot = slots_.after(consumer_->slot);
    }
  }

  bool is_closed() const noexcept { return closed_.is_closed(); }
  std::size_t capacity() const noexcept { return slots_.size(); }
  allocator_type get_allocator() const noexcept { return slots_.get_allocator(); }

  /// Exact in the producer's or consumer's thread while the other side rests.
  std::size_t size_approx() const noexcept {
    const std::uint64_t head = consumer_->head.load(memory_order_relaxed);
    const std::uint64_t tail = producer_->tail.load(memory_order_relaxed);
    return static_cast<std::size_t>(std::min<std::uint64_t>(tail - head, capacity()));
  }

 private:
  friend class waiting_queue<spsc_queue, T>;

  // head and tail count elements for ever, and may wrap: only their difference matters. `slot` is where the
  // side is in the ring.
  struct producer_side {
    atomic<std::uint64_t> tail{0};  // elements pushed; written by the producer
    std::uint64_t head_seen = 0;    // what the producer last read of head
    std::size_t slot = 0;
    entrance gate;
  };
  struct consumer_side {
    atomic<std::uint64_t> head{0};  // elements popped; written by the consumer
    std::uint64_t tail_seen = 0;    // what the consumer last read of tail
    std::size_t slot = 0;
  };

  template <class... Args>
  conqueue_status emplace_once(Args&&... args) {
    const auto inside = producer_->gate.enter(closed_);
    if (!inside) return conqueue_status::closed;
    if (room(1) == 0) return conqueue_status::full;
    slots_[producer_->slot].construct(std::forward<Args>(args)...);
    pushed(1);
    return conqueue_status::success;
  }

  template <class Sink>
  conqueue_status pop_once(Sink&& sink) {
    if (available(1) == 0) {
      // Closed only if no push is under way that may still succeed, and none has succeeded since we looked.
      if (!closed_.is_settled() || !producer_->gate.is_empty()) return conqueue_status::empty;
      if (available(1) == 0) return conqueue_status::closed;
    }
    plain<T>& slot = slots_[consumer_->slot];
    sink(std::move(slot.write()));
    slot.destroy();
    popped(1);
    return conqueue_status::success;
  }

  // All elements are built first and published by one store.
  template <class In>
  std::size_t push_batch_once(In& first, std::size_t n) {
    const auto inside = producer_->gate.enter(closed_);
    if (!inside) return 0;
    n = std::min(n, room(n));
    std::size_t done = 0;
    try {
      for (std::size_t slot = producer_->slot; done < n; ++done, ++first) {
        slots_[slot].construct(*first);
        slot = slots_.after(slot);
      }
    } catch (...) {
      if (done == 0) throw;
    }
    pushed(done);
    return done;
  }

  // All room is given back by one store.
  template <class Out>
  std::size_t pop_batch_once(Out& out, std::size_t max) {
    max = std::min(max, available(max));
    std::size_t done = 0;
    try {
      for (std::size_t slot = consumer_->slot; done < max; slot = slots_.after(slot), ++out) {
        *out = std::move(slots_[slot].write());
        slots_[slot].destroy();
        ++done;
      }
    } catch (...) {
      if (done == 0) throw;
    }
    popped(done);
    return done;
  }

  void close_once() noexcept { closed_.close(); }

  // How many elements fit, as far as the producer needs to know: it looks at head again only if what it saw
  // last leaves fewer than `wanted`.
  std::size_t room(std::size_t wanted) noexcept {
    const std::uint64_t tail = producer_->tail.load(memory_order_relaxed);
    if (capacity() - (tail - producer_->head_seen) < wanted) {
      producer_->head_seen = consumer_->head.load(memory_order_acquire);  // (1) with (4)
    }
    return static_cast<std::size_t>(capacity() - (tail - producer_->head_seen));
  }

  // How many elements are there, likewise.
  std::size_t available(std::size_t wanted) noexcept {
    const std::uint64_t head = consumer_->head.load(memory_order_relaxed);
    if (consumer_->tail_seen - head < wanted) {
      consumer_->tail_seen = producer_->tail.load(memory_order_acquire);  // (2) with (3)
    }
    return static_cast<std::size_t>(consumer_->tail_seen - head);
  }

  // Publishes the next n elements, which have been built.
  void pushed(std::size_t n) noexcept {
    producer_->slot = slots_.after(producer_->slot, n);
    const std::uint64_t tail = producer_->tail.load(memory_order_relaxed);
    producer_->tail.store(tail + n, memory_order_release);  // (3) with (2)
  }

  // Gives the next n slots back, whose elements have been taken.
  void popped(std::size_t n) noexcept {
    consumer_->slot = slots_.after(consumer_->slot, n);
    const std::uint64_t head = consumer_->head.load(memory_order_relaxed);
    consumer_->head.store(head + n, memory_order_release);  // (4) with (1)
  }

  // Read by both sides, written by neither while the queue is open.
  detail::slots<plain<T>, Allocator> slots_;
  close_flag closed_;

  cache_padded<producer_side> producer_;
  cache_padded<consumer_side> consumer_;
};

}  // namespace switchyard::lockfree
