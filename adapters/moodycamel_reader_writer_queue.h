// moodycamel::ReaderWriterQueue behind this package's interface: one producer thread, one consumer thread.
//
// Source: Cameron Desrochers, "A Fast Lock-Free Queue for C++" (2013),
//   github.com/cameron314/readerwriterqueue.
// When: to compare, or where that library is in use already. Otherwise use `lockfree::spsc_queue`, whose
//   bound is exact and which moves many elements at once.
// Progress: try_ members are wait-free. Members that wait block, sleeping in the kernel.
// Ordering: first in, first out; linearizable. A push happens before the pop of its element.
// Cost: moodycamel's own, plus two plain stores a push for `close`, and three loads of lines that nobody
//   writes for those who wait. All memory is taken by the constructor, with malloc.
// Bound: soft. At least `capacity`; at most the next power of two above it, less one, and for 1024 and more
//   at most 1021 above it.
//
//   switchyard::adapters::moodycamel_reader_writer_queue<int> queue(1024);
#pragma once

#include <cstddef>
#include <type_traits>
#include <utility>

#include "moodycamel/readerwriterqueue.h"
#include "switchyard/adapters/detail/moodycamel_cell.h"
#include "switchyard/atomics/cache_padded.h"
#include "switchyard/interface/conqueue_status.h"
#include "switchyard/interface/queue.h"
#include "switchyard/lockfree/close_gate.h"
#include "switchyard/lockfree/waiting.h"

namespace switchyard::adapters {

/// Added to what moodycamel has: `close`, waiting on both sides, time limits, bulk (one element at a time),
/// and a T that needs only a move constructor. With more than one producer or consumer the behaviour is
/// undefined.
template <class T>
class moodycamel_reader_writer_queue : public lockfree::waiting_queue<moodycamel_reader_writer_queue<T>, T> {
 public:
  /// Room for at least `capacity` elements. Throws std::invalid_argument for 0, std::bad_alloc for what
  /// memory cannot hold.
  explicit moodycamel_reader_writer_queue(std::size_t capacity)
      : capacity_(detail::checked_capacity<T>(capacity)), queue_(capacity) {}

  bool is_closed() const noexcept { return closed_.is_closed(); }

  /// What the constructor was told; there may be room for more.
  std::size_t capacity() const noexcept { return capacity_; }

  /// Walks the queue's blocks: one for each 511 of the capacity.
  std::size_t size_approx() const noexcept { return queue_.size_approx(); }

 private:
  friend class lockfree::waiting_queue<moodycamel_reader_writer_queue, T>;

  template <class... Args>
  conqueue_status emplace_once(Args&&... args) {
    const auto inside = producer_->enter(closed_);
    if (!inside) return conqueue_status::closed;
    return queue_.try_emplace(std::in_place, std::forward<Args>(args)...) ? conqueue_status::success
                                                                          : conqueue_status::full;
  }

  template <class Sink>
  conqueue_status pop_once(Sink&& sink) {
    detail::pour_into<T, std::remove_reference_t<Sink>> target{sink};
    if (queue_.try_dequeue(target)) return conqueue_status::success;
    // Closed only if no push is under way that may still succeed, and none has succeeded since we looked.
    if (!closed_.is_settled() || !producer_->is_empty()) return conqueue_status::empty;
    return queue_.try_dequeue(target) ? conqueue_status::success : conqueue_status::closed;
  }

  // moodycamel has no operation in bulk. If one throws on its way out, it stays, and can be had later.
  template <class Out>
  void pop_batch_once(Out& out, std::size_t max, std::size_t& done) {
    const auto write = [&](T&& element) { *out = std::move(element); };
    detail::pour_into<T, decltype(write)> target{write};
    try {
      for (; done < max && queue_.try_dequeue(target); ++out) ++done;
    } catch (...) {
      if (done == 0) throw;
    }
  }

  void close_once() noexcept { closed_.close(); }

  const std::size_t capacity_;
  lockfree::close_flag closed_;
  cache_padded<lockfree::entrance> producer_;
  moodycamel::ReaderWriterQueue<detail::cell<T>> queue_;
};

}  // namespace switchyard::adapters
