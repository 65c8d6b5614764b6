// Objects that wait until nobody can be looking at them any more.
//
// Source: our own. What hazard pointers and read-copy-update have in common: retiring takes no memory, since an
//   object brings the link that it is kept by.
#pragma once

#include <cassert>
#include <cstddef>
#include <utility>

#include "switchyard/atomics/atomic.h"
#include "switchyard/atomics/plain.h"
#include "switchyard/atomics/prefetch.h"

namespace switchyard::lockfree::detail {

/// What an object inherits to be retired. A copy of an object that was retired has not been.
class retired {
 public:
  retired(const retired&) noexcept : retired() {}
  retired& operator=(const retired&) noexcept { return *this; }

 protected:
  retired() noexcept { next_.construct(nullptr); }
  ~retired() = default;

  /// Says how it is to be reclaimed, once.
  void set_reclaim(void (*reclaim)(retired*)) noexcept {
    assert(reclaim_ == nullptr && "an object is retired twice");
    reclaim_ = reclaim;
  }

 private:
  friend class retired_list;
  friend class shared_retired_list;

  plain<retired*> next_;
  void (*reclaim_)(retired*) = nullptr;
};

/// A `Base`, derived from `retired`, of a T that goes by way of a deleter.
template <class Base, class T, class D>
class retired_by : public Base {
 protected:
  /// Reclaiming is `d(static_cast<T*>(this))`.
  void set_deleter(D d) noexcept {
    deleter_ = std::move(d);
    this->set_reclaim([](retired* object) {
      auto* const self = static_cast<retired_by*>(object);
      D deleter = std::move(self->deleter_);  // it goes with the object otherwise
      deleter(static_cast<T*>(self));
    });
  }

 private:
  [[no_unique_address]] D deleter_;
};

/// Some of them, that one thread has to itself. Neither counted nor its end known, so that a list is handed on without
/// a look at the objects, whose lines may be far away.
class retired_list {
 public:
  constexpr retired_list() noexcept = default;
  retired_list(retired_list&& other) noexcept : first_(std::exchange(other.first_, nullptr)) {}

  bool empty() const noexcept { return first_ == nullptr; }
  /// Looks at every one.
  std::size_t count() const noexcept {
    std::size_t n = 0;
    for (const retired* object = first_; object != nullptr; object = object->next_.read()) ++n;
    return n;
  }

  void push(retired* object) noexcept { object->next_.write() = std::exchange(first_, object); }
  retired* pop() noexcept { return std::exchange(first_, first_->next_.read()); }

  /// Takes all that `other` has. Looks at every one of those, unless one of the two is empty.
  void append(retired_list&& other) noexcept {
    if (first_ != nullptr && other.first_ != nullptr) last_of(other.first_)->next_.write() = first_;
    if (other.first_ != nullptr) first_ = std::exchange(other.first_, nullptr);
  }

  /// Reclaims them all. Their destructors may retire others, elsewhere.
  void reclaim() noexcept {
    while (first_ != nullptr) {
      retired* const object = pop();
      prefetch_for_write(first_);
      object->reclaim_(object);
    }
  }

 private:
  friend class shared_retired_list;

  explicit retired_list(retired* first) noexcept : first_(first) {}

  static retired* last_of(retired* first) noexcept {
    retired* last = first;
    while (retired* const next = last->next_.read()) last = next;
    return last;
  }

  retired* first_ = nullptr;
};

/// A list of them that any thread adds to, and any thread takes as a whole. Lock-free; `take` is wait-free.
class shared_retired_list {
 public:
  constexpr shared_retired_list() noexcept = default;

  bool empty() const noexcept { return first_.load(memory_order_relaxed) == nullptr; }

  /// Adds all that `list` has.
  void give(retired_list&& list) noexcept {
    if (!list.empty()) add(std::exchange(list.first_, nullptr), nullptr);
  }
  void give(retired* object) noexcept {
    object->next_.write() = nullptr;
    add(object, object);
  }

  /// Takes all, without a look at them.
  retired_list take() noexcept {
    return retired_list(first_.exchange(nullptr, memory_order_acquire));  // (2) with (1)
  }

 private:
  // Without `last`, the end is looked for, but only if something is to follow.
  void add(retired* first, retired* last) noexcept {
    retired* seen = first_.load(memory_order_relaxed);
    do {
      if (seen != nullptr && last == nullptr) last = retired_list::last_of(first);
      if (last != nullptr) last->next_.write() = seen;
    } while (!first_.compare_exchange_weak(seen, first, memory_order_release, memory_order_relaxed));  // (1)
  }

  atomic<retired*> first_{nullptr};
};

}  // namespace switchyard::lockfree::detail
