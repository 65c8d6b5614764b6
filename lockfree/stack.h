// A lock-free stack without a limit, for any number of producers and consumers.
//
// Source: Treiber (IBM RJ 5118, 1986), with a count beside the pointer, and elimination (Hendler, Shavit, Yerushalmi,
//   SPAA 2004) for those that lose a race; nodes go round in batches, as in Bonwick's magazines (USENIX 2001).
// When: the newest element is the one to take next: its data is in a cache, or it makes the older ones unnecessary. An
//   element may stay at the bottom for ever, so not where each is owed an answer in time: `unbounded_queue`.
//   `blocking::stack` has the same members.
// Progress: lock-free, apart from the allocator; members that wait block when there is nothing to take. A thread
//   stopped inside a push or pop_all delays "closed" being reported (a pop says "empty"), and nothing else.
// Ordering: last in, first out, and linearizable. What happens before a push happens before what follows its pop.
// Cost: a push and a pop are one sixteen-byte compare-and-swap each. Memory is taken for one element at a time, used
//   again for others, and given back by the destructor: a stack keeps as much as it needed at its longest, and up to
//   two batches for each thread.
//
//   stack<buffer*> idle;
//   idle.push(mine);                                // for somebody else to use
//   if (auto one = idle.try_pop()) use(*one);       // the one that was used last
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <type_traits>
#include <utility>

#include "switchyard/atomics/atomic.h"
#include "switchyard/atomics/backoff.h"
#include "switchyard/atomics/cache_padded.h"
#include "switchyard/atomics/plain.h"
#include "switchyard/interface/conqueue_status.h"
#include "switchyard/lockfree/close_gate.h"
#include "switchyard/lockfree/detail/counted_stack.h"
#include "switchyard/lockfree/detail/elimination.h"
#include "switchyard/lockfree/detail/visitors.h"
#include "switchyard/lockfree/waiting.h"

namespace switchyard::lockfree {

/// Models `concurrent_stack`, `timed_queue`, `bulk_queue` and `sized_queue`; see `waiting_queue` for most members. It
/// is never `full`; a push throws what the allocator throws, and has then changed nothing. `push_n` pushes one after
/// the other, so that the last of them is popped first.
template <class T, class Allocator = std::allocator<T>>
class stack : public waiting_queue<stack<T, Allocator>, T> {
  static_assert(std::is_nothrow_destructible_v<T>, "an element must not throw when destroyed");

 public:
  using allocator_type = Allocator;

  /// An empty stack. Takes no memory yet.
  explicit stack(const Allocator& allocator = Allocator()) : allocator_(allocator) {}
  stack(const stack&) = delete;
  stack& operator=(const stack&) = delete;
  ~stack();

  /// Moves everything that is there at one moment to `out`, newest first, without waiting; returns how many. What
  /// assigning the first of them throws passes on; if a later one throws, the call ends and returns how many went
  /// before. The element that threw is gone; those below it are on top again.
  template <class Output>
  std::size_t pop_all(Output out);

  bool is_closed() const noexcept { return parts_.is_closed(); }
  allocator_type get_allocator() const noexcept { return Allocator(allocator_); }

  /// Exact where operations have not overlapped.
  std::size_t size_approx() const noexcept { return parts_.size_approx(); }

 private:
  friend class waiting_queue<stack, T>;

  /// A node is on the stack or on offer, in a batch of free ones, or a thread's own.
  struct node {
    plain<T> element;
    atomic<node*> below{nullptr};  // on the stack, or in its batch
    atomic<node*> next_batch{nullptr};
  };
  using node_allocator = typename std::allocator_traits<Allocator>::template rebind_alloc<node>;
  using traits = std::allocator_traits<node_allocator>;

#ifdef SWITCHYARD_MODEL
  static constexpr std::uint32_t batch = 1;
#else
  static constexpr std::uint32_t batch = 32;
#endif

  /// What a thread has of a stack.
  struct part : detail::visitor {
    std::size_t turn = 0;             // where to look for somebody to meet
    node* spare = nullptr;            // free nodes, fewer than a batch
    std::uint32_t spares = 0;
    node* spare_batch = nullptr;
  };

  /// A node that goes back to its thread's spare ones, and its element with it, unless it is pushed.
  struct held {
    stack& owner;
    part& mine;
    node* at;
    bool full = false;
    ~held() {
      if (full) at->element.destroy();
      if (at != nullptr) owner.put_node(mine, at);
    }
  };

  template <class... Args>
  conqueue_status emplace_once(Args&&... args);
  template <class Sink>
  conqueue_status pop_once(Sink&& sink);
  conqueue_status look_once() const noexcept { return parts_.look(); }
  void close_once() noexcept { parts_.close(); }

  void put(part& mine, node* made) noexcept;
  node* take(part& mine) noexcept;

  node* get_node(part& mine);
  void put_node(part& mine, node* unused) noexcept;
  void free_chain(node* first) noexcept;

  [[no_unique_address]] node_allocator allocator_;
  detail::visitors<part> parts_;
  detail::counted_stack<node, &node::next_batch> batches_;
  detail::elimination<node> meeting_;
  alignas(cache_padding) detail::counted_stack<node, &node::below> nodes_;
};

template <class T, class Allocator>
template <class... Args>
conqueue_status stack<T, Allocator>::emplace_once(Args&&... args) {
  part& mine = parts_.local();
  const entrance::pass inside = parts_.enter(mine);
  if (!inside) return conqueue_status::closed;
  held made{*this, mine, get_node(mine)};
  made.at->element.construct(std::forward<Args>(args)...);
  put(mine, std::exchange(made.at, nullptr));
  mine.count(1);
  return conqueue_status::success;
}

template <class T, class Allocator>
template <class Sink>
conqueue_status stack<T, Allocator>::pop_once(Sink&& sink) {
  part& mine = parts_.local();
  for (bool drained = false;;) {
    if (node* const top = take(mine)) {
      const held taken{*this, mine, top, true};
      mine.count(-1);
      sink(std::move(top->element.write()));
      return conqueue_status::success;
    }
    if (!parts_.is_drained()) return conqueue_status::empty;
    // Empty, with nobody inside both before and after: for good.
    if (std::exchange(drained, true)) return conqueue_status::closed;
  }
}

template <class T, class Allocator>
template <class Output>
std::size_t stack<T, Allocator>::pop_all(Output out) {
  part& mine = parts_.local();
  std::size_t done = 0;
  std::size_t left = 0;
  const auto take_all = [&] {
    const entrance::pass inside = mine.door().stay();
    node* first = nodes_.pop_all();
    try {
      while (first != nullptr) {
        const held top{*this, mine, std::exchange(first, first->below.load(memory_order_relaxed)), true};
        mine.count(-1);
        *out = std::move(top.at->element.write());
        ++out;
        ++done;
      }
    } catch (...) {
      // What is below the one that threw goes back, in one piece.
      for (node* last = first; last != nullptr; last = last->below.load(memory_order_relaxed)) {
        ++left;
        if (last->below.load(memory_order_relaxed) != nullptr) continue;
        nodes_.push(first, last);
        break;
      }
      if (done == 0) throw;
    }
  };
  struct at_exit {
    stack& self;
    const std::size_t& left;
    ~at_exit() { self.put_back(left); }
  } tell{*this, left};
  take_all();
  return done;
}

template <class T, class Allocator>
void stack<T, Allocator>::put(part& mine, node* made) noexcept {
  auto seen = nodes_.look();
  for (backoff races; !nodes_.try_push(seen, made, made); seen = nodes_.look()) {
    if (meeting_.offer(made, mine.turn++, races)) return;
  }
}

// The newest node, or one that is being pushed, or nullptr.
template <class T, class Allocator>
auto stack<T, Allocator>::take(part& mine) noexcept -> node* {
  auto seen = nodes_.look();
  for (backoff races; seen.top() != nullptr; seen = nodes_.look()) {
    if (nodes_.try_pop(seen)) break;
    if (node* const offered = meeting_.take(mine.turn++)) return offered;
    races.lost_race();
  }
  return seen.top();
}

// A free node: this thread's own, or of a batch that another has given away, or new. Throws what the allocator does.
template <class T, class Allocator>
auto stack<T, Allocator>::get_node(part& mine) -> node* {
  if (mine.spare == nullptr) {
    mine.spare = mine.spare_batch != nullptr ? std::exchange(mine.spare_batch, nullptr) : batches_.pop();
    if (mine.spare == nullptr) return std::construct_at(std::to_address(traits::allocate(allocator_, 1)));
    mine.spares = batch;
  }
  --mine.spares;
  return std::exchange(mine.spare, mine.spare->below.load(memory_order_relaxed));
}

// Two batches are kept; the next one pushes the first out, to the others.
template <class T, class Allocator>
void stack<T, Allocator>::put_node(part& mine, node* unused) noexcept {
  if (mine.spares == batch) {
    if (mine.spare_batch != nullptr) batches_.push(mine.spare_batch);
    mine.spare_batch = std::exchange(mine.spare, nullptr);
    mine.spares = 0;
  }
  unused->below.store(std::exchange(mine.spare, unused), memory_order_relaxed);
  ++mine.spares;
}

// Relaxed from here on: every call has ended, and the thread that is here knows.
template <class T, class Allocator>
stack<T, Allocator>::~stack() {
  for (node* n = nodes_.look().top(); n != nullptr; n = n->below.load(memory_order_relaxed)) n->element.destroy();
  free_chain(nodes_.look().top());
  while (node* const free = batches_.pop()) free_chain(free);
  parts_.for_each([&](const part& each) {
    free_chain(each.spare);
    free_chain(each.spare_batch);
  });
}

template <class T, class Allocator>
void stack<T, Allocator>::free_chain(node* first) noexcept {
  while (first != nullptr) {
    node* const unused = std::exchange(first, first->below.load(memory_order_relaxed));
    std::destroy_at(unused);
    traits::deallocate(allocator_, std::pointer_traits<typename traits::pointer>::pointer_to(*unused), 1);
  }
}

}  // namespace switchyard::lockfree
