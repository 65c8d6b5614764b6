// A bounded queue for one producer thread and one consumer thread.
//
// Source: Lamport, "Proving the correctness of multiprocess programs" (1977), with the producer's copy of the
//   consumer's index as in Lee, Bu and Chandranmenon's MCRingBuffer (IPDPS 2010). The producer's index
//   travels beside the elements, in each cache line of them, as FastForward's flags do (Giacomoni, Moseley
//   and Vachharajani, PPoPP 2008), so that one line moves for a hand-over and not two.
// When: exactly one thread pushes and one pops, the fastest hand-over there is. With more of either, the
//   behaviour is undefined: use `bounded_queue`.
// Progress: try_ members and `close` are wait-free. Members that wait block, sleeping in the kernel.
// Ordering: FIFO, and linearizable while nobody closes the queue, or only the producer does. When a third thread
//   closes it, a push may be told `closed` a moment before pops cease to say `empty`, and one that began before may
//   still succeed after that. A push happens before the pop of its element.
// Exceptions: an element that throws while it is moved out of its place stays at the front.
// Cost: three plain stores a push and one a pop besides the element's own. A 64-byte line holds eight bytes
//   of ours and as many T as fit, or else one T takes as many lines as it needs; allocated in the
//   constructor.
//
//   spsc_queue<int> q(1024);  /* producer */ q.push(1);  q.close();  /* consumer */ while (auto x = q.pop()) {}
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
      : capacity_(capacity), lines_(capacity / line::size + (capacity % line::size != 0), allocator) {
    for (std::size_t i = 0; i < lines_.size(); ++i) lines_[i].tail.store(start.position, memory_order_relaxed);
    producer_->tail.store(start.position, memory_order_relaxed);
    producer_->head_seen = start.position;
    consumer_->head.store(start.position, memory_order_relaxed);
    consumer_->tail_seen = start.position;
  }

  /// Destroys the elements left. No other thread may be using the queue.
  ~spsc_queue() {
    for (std::size_t left = size_approx(); left != 0; --left) {
      element_at(consumer_->at).destroy();
      advance(consumer_->at);
    }
  }

  bool is_closed() const noexcept { return closed_.is_closed(); }
  std::size_t capacity() const noexcept { return capacity_; }
  allocator_type get_allocator() const noexcept { return lines_.get_allocator(); }

  /// Exact in the producer's or consumer's thread while the other side rests.
  std::size_t size_approx() const noexcept {
    const std::uint64_t head = consumer_->head.load(memory_order_relaxed);
    const std::uint64_t tail = producer_->tail.load(memory_order_relaxed);
    return static_cast<std::size_t>(std::min<std::uint64_t>(tail - head, capacity()));
  }

 private:
  friend class waiting_queue<spsc_queue, T>;

  // A cache line of elements. `tail` is the count of elements that had been pushed when the producer last
  // filled a place in this line: so the consumer, about to read a place, finds in the same line whether it has
  // been filled.
  struct alignas(line_size) alignas(T) line {
    static constexpr std::size_t size =
        std::max<std::size_t>(1, (line_size - sizeof(std::uint64_t)) / sizeof(plain<T>));

    atomic<std::uint64_t> tail{0};
    plain<T> elements[size];
  };

  // A place in the ring: an index into the lines, and one into the line.
  struct place {
    std::size_t line = 0;
    std::size_t element = 0;
  };

  // head and tail count elements for ever, and may wrap: only their difference matters.
  struct producer_side {
    atomic<std::uint64_t> tail{0};  // elements pushed; written by the producer, read by who asks for the size
    std::uint64_t head_seen = 0;    // what the producer last read of head
    place at;                       // where the next element goes
    entrance gate;
  };
  struct consumer_side {
    atomic<std::uint64_t> head{0};  // elements popped; written by the consumer
    std::uint64_t tail_seen = 0;    // what the consumer last read of a line's tail
    place at;                       // where the next element comes from
  };

  template <class... Args>
  conqueue_status emplace_once(Args&&... args) {
    const auto inside = producer_->gate.enter(closed_);
    if (!inside) return conqueue_status::closed;
    if (room(1) == 0) return conqueue_status::full;
    element_at(producer_->at).construct(std::forward<Args>(args)...);
    pushed();
    return conqueue_status::success;
  }

  template <class Sink>
  conqueue_status pop_once(Sink&& sink) {
    if (!has_element()) {
      // Closed only if no push is under way that may still succeed, and none has succeeded since we looked.
      if (!closed_.is_settled() || !producer_->gate.is_empty()) return conqueue_status::empty;
      if (!has_element()) return conqueue_status::closed;
    }
    plain<T>& element = element_at(consumer_->at);
    sink(std::move(element.write()));
    element.destroy();
    popped();
    return conqueue_status::success;
  }

  conqueue_status look_once() noexcept {
    if (has_element()) return conqueue_status::success;
    if (!closed_.is_settled() || !producer_->gate.is_empty()) return conqueue_status::empty;
    return has_element() ? conqueue_status::success : conqueue_status::closed;
  }

  // The gate and the other side's index are looked at once for all.
  template <class In>
  void push_batch_once(In& first, std::size_t n, std::size_t& done) {
    const auto inside = producer_->gate.enter(closed_);
    if (!inside) return;
    for (n = std::min(n, done + room(n - done)); done < n; ++done, ++first) {
      element_at(producer_->at).construct(*first);
      pushed();
    }
  }

  template <class Out>
  void pop_batch_once(Out& out, std::size_t max, std::size_t& done) {
    try {
      for (; done < max && has_element(); ++done, ++out) {
        plain<T>& element = element_at(consumer_->at);
        *out = std::move(element.write());
        element.destroy();
        popped();
      }
    } catch (...) {
      if (done == 0) throw;  // else the next call meets the same element
    }
  }

  void close_once() noexcept { closed_.close(); }

  plain<T>& element_at(place p) const noexcept { return lines_[p.line].elements[p.element]; }

  // The last line may be used in part.
  void advance(place& p) const noexcept {
    if (++p.element != line::size && p.line * line::size + p.element != capacity_) return;
    p.element = 0;
    p.line = lines_.after(p.line);
  }

  // How many elements fit, as far as the producer needs to know: it looks at head again only if what it saw
  // last leaves fewer than `wanted`.
  std::size_t room(std::size_t wanted) noexcept {
    const std::uint64_t tail = producer_->tail.load(memory_order_relaxed);
    if (capacity_ - (tail - producer_->head_seen) < wanted) {
      producer_->head_seen = consumer_->head.load(memory_order_acquire);  // (1) with (4)
    }
    return static_cast<std::size_t>(capacity_ - (tail - producer_->head_seen));
  }

  // Whether the consumer's place has been filled. A line not yet filled in this lap has an older tail.
  bool has_element() noexcept {
    const std::uint64_t head = consumer_->head.load(memory_order_relaxed);
    if (consumer_->tail_seen != head) return true;
    const std::uint64_t tail = lines_[consumer_->at.line].tail.load(memory_order_acquire);  // (2) with (3)
    if (static_cast<std::int64_t>(tail - head) <= 0) return false;
    consumer_->tail_seen = tail;
    return true;
  }

  // Publishes the element that has been built at the producer's place.
  void pushed() noexcept {
    const std::uint64_t tail = producer_->tail.load(memory_order_relaxed) + 1;
    lines_[producer_->at.line].tail.store(tail, memory_order_release);  // (3) with (2)
    producer_->tail.store(tail, memory_order_relaxed);
    advance(producer_->at);
  }

  // Gives back the place from which the element has been taken.
  void popped() noexcept {
    const std::uint64_t head = consumer_->head.load(memory_order_relaxed);
    consumer_->head.store(head + 1, memory_order_release);  // (4) with (1)
    advance(consumer_->at);
  }

  // Read by both sides, written by neither while the queue is open.
  std::size_t capacity_;
  detail::slots<line, Allocator> lines_;
  close_flag closed_;

  cache_padded<producer_side> producer_;
  cache_padded<consumer_side> consumer_;
};

}  // namespace switchyard::lockfree
