// A queue of one's own, the smallest that is worth having: a ring for one producer and one consumer (Lamport, 1977).
//
// Written on switchyard's atomics, so that the model checker can run it, and on `waiting_queue`, which makes `push`, `pop`,
// time limits and the rest of the interface from three functions that do not wait.
#pragma once

#include <cstddef>
#include <memory>
#include <stdexcept>
#include <utility>

#include "switchyard/atomics/atomic.h"
#include "switchyard/atomics/cache_padded.h"
#include "switchyard/atomics/plain.h"
#include "switchyard/interface/conqueue_status.h"
#include "switchyard/lockfree/close_gate.h"
#include "switchyard/lockfree/waiting.h"

namespace mine {

using switchyard::conqueue_status;

template <class T>
class ring : public switchyard::lockfree::waiting_queue<ring<T>, T> {
 public:
  /// Room for exactly `capacity`. Throws std::invalid_argument for 0.
  explicit ring(std::size_t capacity) : capacity_(checked(capacity)), slots_(new switchyard::plain<T>[capacity]) {}
  ring(const ring&) = delete;
  ring& operator=(const ring&) = delete;
  ~ring() {
    const std::size_t end = tail_->load(switchyard::memory_order_relaxed);
    for (std::size_t at = head_->load(switchyard::memory_order_relaxed); at != end; ++at) slot(at).destroy();
  }

  bool is_closed() const noexcept { return gate_.is_closed(); }
  std::size_t capacity() const noexcept { return capacity_; }
  std::size_t size_approx() const noexcept {
    const std::size_t first = head_->load(switchyard::memory_order_relaxed);
    const std::size_t end = tail_->load(switchyard::memory_order_relaxed);
    return end > first ? end - first : 0;
  }

 private:
  friend class switchyard::lockfree::waiting_queue<ring, T>;

  template <class... Args>
  conqueue_status emplace_once(Args&&... args) {
    const auto inside = gate_.enter();
    if (!inside) return conqueue_status::closed;
    const std::size_t at = tail_->load(switchyard::memory_order_relaxed);
    // (1) acquire: pairs with the release in (4), after which the slot is free.
    if (at - head_->load(switchyard::memory_order_acquire) == capacity_) return conqueue_status::full;
    slot(at).construct(std::forward<Args>(args)...);
    tail_->store(at + 1, switchyard::memory_order_release);  // (2) with (3)
    return conqueue_status::success;
  }

  template <class Sink>
  conqueue_status pop_once(Sink&& sink) {
    if (take(sink)) return conqueue_status::success;
    // Closed only if no push is under way that may still succeed, and none has succeeded since we looked.
    if (!gate_.is_drained()) return conqueue_status::empty;
    return take(sink) ? conqueue_status::success : conqueue_status::closed;
  }

  template <class Sink>
  bool take(Sink& sink) {
    const std::size_t at = head_->load(switchyard::memory_order_relaxed);
    // (3) acquire: pairs with the release in (2), before which the element was built.
    if (at == tail_->load(switchyard::memory_order_acquire)) return false;
    // Frees the slot, also when moving the element throws: then it is lost.
    struct at_exit {
      ring& of;
      std::size_t at;
      ~at_exit() {
        of.slot(at).destroy();
        of.head_->store(at + 1, switchyard::memory_order_release);  // (4) with (1)
      }
    } const freed{*this, at};
    sink(std::move(slot(at).write()));
    return true;
  }

  void close_once() noexcept { gate_.close(); }

  static std::size_t checked(std::size_t capacity) {
    if (capacity == 0) throw std::invalid_argument("a ring needs a capacity of at least 1");
    return capacity;
  }
  switchyard::plain<T>& slot(std::size_t at) noexcept { return slots_[at % capacity_]; }

  const std::size_t capacity_;
  const std::unique_ptr<switchyard::plain<T>[]> slots_;
  switchyard::lockfree::close_gate gate_;
  switchyard::cache_padded<switchyard::atomic<std::size_t>> head_{std::in_place, std::size_t{0}};  // elements popped
  switchyard::cache_padded<switchyard::atomic<std::size_t>> tail_{std::in_place, std::size_t{0}};  // elements pushed
};

}  // namespace mine
