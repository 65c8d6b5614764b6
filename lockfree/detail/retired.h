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
  friend class retired_chain;
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

/// A list of them that one thread has to itself.
class retired_list {
 public:
  constexpr retired_list() noexcept = default;
  retired_list(retired_list&& other) noexcept { append(std::move(other)); }

  std::size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }

  void push(retired* object) noexcept {
    object->next_.write() = first_;
    if (first_ == nullptr) last_ = object;
    first_ = object;
    ++size_;
  }
  retired* pop() noexcept {
    retired* const object = first_;
    first_ = object->next_.read();
    --size_;
    return object;
  }

  /// Takes all that `other` has.
  void append(retired_list&& other) noexcept {
    if (other.first_ == nullptr) return;
    other.last_->next_.write() = first_;
    if (first_ == nullptr) last_ = other.last_;
    first_ = std::exchange(other.first_, nullptr);
    size_ += std::exchange(other.size_, 0);
  }

  /// Reclaims them all. Their destructors may retire others, elsewhere.
  void reclaim() noexcept {
    while (first_ != nullptr) {
      retired* const object = pop();
      object->reclaim_(object);
    }
  }

 private:
  friend class shared_retired_list;

  retired* first_ = nullptr;
  retired* last_ = nullptr;
  std::size_t size_ = 0;
};

/// The same, neither counted nor its end known: taken without a look at the objects, whose lines may be far away.
class retired_chain {
 public:
  retired_chain(retired_chain&& other) noexcept : first_(std::exchange(other.first_, nullptr)) {}

  bool empty() const noexcept { return first_ == nullptr; }
  void reclaim() noexcept {
    while (first_ != nullptr) {
      retired* const object = std::exchange(first_, first_->next_.read());
      prefetch_for_write(first_);
      object->reclaim_(object);
    }
  }

 private:
  friend class shared_retired_list;
  explicit retired_chain(retired* first) noexcept : first_(first) {}

  retired* first_;
};

/// A list of them that any thread adds to, and any thread takes as a whole. Lock-free; `take` is wait-free.
class shared_retired_list {
 public:
  constexpr shared_retired_list() noexcept = default;

  bool empty() const noexcept { return first_.load(memory_order_relaxed) == nullptr; }

  void give(retired_list&& list) noexcept {
    if (list.empty()) return;
    retired* seen = first_.load(memory_order_relaxed);
    do list.last_->next_.write() = seen;
    while (!first_.compare_exchange_weak(seen, list.first_, memory_order_release, memory_order_relaxed));  // (1)
    list.first_ = nullptr;
    list.size_ = 0;
  }

  void give(retired* object) noexcept {
    retired_list one;
    one.push(object);
    give(std::move(one));
  }

  void give(retired_chain&& chain) noexcept {
    if (chain.empty()) return;
    retired* last = nullptr;
    retired* seen = first_.load(memory_order_relaxed);
    do {
      // The end is looked for only if something is to follow.
      if (seen != nullptr && last == nullptr) {
        for (last = chain.first_; last->next_.read() != nullptr;) last = last->next_.read();
      }
      if (last != nullptr) last->next_.write() = seen;
    } while (!first_.compare_exchange_weak(seen, chain.first_, memory_order_release, memory_order_relaxed));  // (1)
    chain.first_ = nullptr;
  }

  retired_chain take_chain() noexcept {
    return retired_chain(first_.exchange(nullptr, memory_order_acquire));  // (2) with (1)
  }

  retired_list take() noexcept {
    retired_list taken;
    taken.first_ = first_.exchange(nullptr, memory_order_acquire);  // (2) with (1)
    for (retired* r = taken.first_; r != nullptr; r = r->next_.read()) {
      taken.last_ = r;
      ++taken.size_;
    }
    return taken;
  }

 private:
  atomic<retired*> first_{nullptr};
};

}  // namespace switchyard::lockfree::detail
