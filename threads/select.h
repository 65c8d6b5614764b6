// Waiting for the first of several queues, of either side or both, to have something to pop.
//
// Source: select(2), and Go's statement of that name; our own, on the queues' lists of waiters.
// When: one thread serves several queues. For one queue there is `pop`; where file descriptors are waited for, too,
//   `readiness_fd`. A set is used by one thread at a time, which must be one that may pop from each of its queues.
// Progress: blocking, as it is there to wait. It stops nobody else: those who push do as they do for any waiter.
// Ordering: that of the queues' own operations. Fair: the search begins after the queue that was found last, so that
//   a busy queue has its turn and no more.
// Cost: a look at each queue where one is ready. To sleep, each queue's list of waiters is entered and left, which is a
//   fence of about a microsecond each. No thread of its own, and no memory but at construction.
//
//   selector from(orders, cancellations);                       // two queues, of whatever types
//   while (auto found = from.wait()) serve(found.index);        // an index, until all are closed and empty
//
//   selector words(lines, commands);                            // two queues of strings
//   auto got = words.pop_for(100ms);                            // {index, string, or why there is none}
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "switchyard/atomics/atomic.h"
#include "switchyard/atomics/backoff.h"
#include "switchyard/atomics/futex.h"
#include "switchyard/interface/conqueue_status.h"
#include "switchyard/interface/deadline.h"
#include "switchyard/interface/expected.h"
#include "switchyard/interface/queue.h"
#include "switchyard/threads/waiter.h"

namespace switchyard {

/// Which queue it was, or `no_queue`, and what is there:
///
/// - `success`: it has something to pop;
/// - `closed`: it is closed and empty. Each queue's end is told once, when no queue has anything to pop; after that the
///   queue is left out. When all have ended, and this was told, `no_queue` is closed;
/// - `empty`: `no_queue`, the time is over.
struct selected_queue {
  std::size_t index;
  conqueue_status status;

  /// False when there is nothing more to wait for, or the time is over.
  explicit operator bool() const noexcept { return status == conqueue_status::success || index != no_queue; }

  static constexpr std::size_t no_queue = static_cast<std::size_t>(-1);
};

/// The same with the element that was popped.
template <class T>
struct selected_element {
  std::size_t index;
  pop_result<T> element;

  /// As above: false when there is nothing more to wait for, or the time is over.
  explicit operator bool() const noexcept { return element || index != selected_queue::no_queue; }
};

/// Any number of queues, added one by one: 0, 1, 2... They must exist as long as the set is used.
class queue_set {
 public:
  queue_set() = default;
  queue_set(const queue_set&) = delete;
  queue_set& operator=(const queue_set&) = delete;

  template <watchable_queue Q>
  void add(Q& queue) {
    members_.push_back(std::make_unique<member>(*this, queue));
  }
  std::size_t size() const noexcept { return members_.size(); }

  /// Waits until one of the queues has something to pop, or has ended. Takes nothing.
  selected_queue wait() { return wait_until(deadline::never()); }
  template <class Rep, class Period>
  selected_queue wait_for(const std::chrono::duration<Rep, Period>& wait) {
    return wait_until(deadline::after(wait));
  }
  selected_queue wait_until(deadline limit) {
    return search_until(limit, [this](std::size_t i) { return members_[i]->queue.look(); }, false);
  }

 protected:
  /// Asks `visit(index)` of each queue in turn, again and again, until it says `success` or `closed`. `takes`: success has
  /// taken the element, and is not just a look at it.
  template <class Visit>
  selected_queue search_until(deadline limit, Visit visit, bool takes) {
    selected_queue found = search(visit);
    if (found.status != conqueue_status::empty) return found;
    for (backoff spin; !spin.should_park();) {
      if (limit.has_passed()) return found;
      spin.wait();
      found = search(visit);
      if (found.status != conqueue_status::empty) return found;
    }
    for (;;) {
      const bool last = limit.has_passed();
      {
        enlistment here{*this, found, takes};
        found = search(visit);
        if (found.status == conqueue_status::empty && !last) sleep(limit);
      }
      if (found.status == conqueue_status::empty) found = search(visit);
      if (found.status != conqueue_status::empty || last) return found;
    }
  }

 private:
  struct member final : waiter {
    template <class Q>
    member(queue_set& set, Q& q) noexcept : queue(q, queue_side::elements), owner(set) {}

    void wake() noexcept override {
      atomic<std::uint32_t>& told = owner.told_;
      // (1) release: with (2). After it the set may be gone, and what is left is an address, as in `wait_list`.
      told.fetch_add(1, memory_order_release);
      futex_wake(told, 1);
    }

    detail::watched_queue queue;
    queue_set& owner;
    bool ended = false;
    bool enlisted = false;
  };

  // On all lists of queues that have not ended, until the end of the block.
  struct enlistment {
    enlistment(queue_set& s, const selected_queue& f, bool t) noexcept : set(s), found(f), takes(t) {
      set.told_.store(0, memory_order_relaxed);
      for (auto& m : set.members_) {
        if (m->ended) continue;
        m->queue.enlist(*m);
        m->enlisted = true;
      }
    }
    enlistment(const enlistment&) = delete;
    enlistment& operator=(const enlistment&) = delete;
    ~enlistment() {
      std::uint32_t picked = 0;
      for (std::size_t i = 0; i < set.members_.size(); ++i) {
        member& m = *set.members_[i];
        if (!std::exchange(m.enlisted, false) || m.queue.withdraw(m)) continue;
        ++picked;
        // What we were woken for is left to others, unless we have taken it.
        if (!takes || found.index != i) m.queue.wake_another();
      }
      // Each of them has been told, or is about to be, and must not be enlisted again before.
      for (;;) {
        const std::uint32_t told = set.told_.load(memory_order_acquire);  // (2) with (1)
        if (told == picked) break;
        futex_wait(set.told_, told, deadline::never());
      }
    }

    queue_set& set;
    const selected_queue& found;
    const bool takes;
  };

  template <class Visit>
  selected_queue search(Visit& visit) {
    std::size_t ended = selected_queue::no_queue;
    bool any_open = false;
    for (std::size_t left = members_.size(), i = next_; left != 0; --left, ++i) {
      if (i >= members_.size()) i = 0;
      if (members_[i]->ended) continue;
      any_open = true;
      const conqueue_status status = visit(i);
      if (status == conqueue_status::success) {
        next_ = i + 1;
        return {i, status};
      }
      if (status == conqueue_status::closed) ended = i;
    }
    if (ended != selected_queue::no_queue) {
      members_[ended]->ended = true;
      return {ended, conqueue_status::closed};
    }
    return {selected_queue::no_queue, any_open ? conqueue_status::empty : conqueue_status::closed};
  }

  void sleep(deadline limit) {
    while (told_.load(memory_order_relaxed) == 0) {
      if (futex_wait(told_, 0, limit) == futex_result::timed_out) return;
    }
  }

  std::vector<std::unique_ptr<member>> members_;
  std::size_t next_ = 0;
  atomic<std::uint32_t> told_{0};  // how many of the members have been woken since they were enlisted
};

/// Queues whose types are known, so that an element can be popped: a T if all are queues of T, otherwise a std::variant
/// with an alternative for each queue.
template <watchable_queue... Queues>
class selector : public queue_set {
  static_assert(sizeof...(Queues) != 0);
  using first_type = std::tuple_element_t<0, std::tuple<typename Queues::value_type...>>;
  static constexpr bool all_same = (std::is_same_v<first_type, typename Queues::value_type> && ...);

 public:
  using value_type = std::conditional_t<all_same, first_type, std::variant<typename Queues::value_type...>>;

  explicit selector(Queues&... queues) : queues_(queues...) { (add(queues), ...); }

  /// Waits until an element of one of the queues can be popped, and pops it. What popping throws passes on.
  selected_element<value_type> pop() { return pop_until(deadline::never()); }
  template <class Rep, class Period>
  selected_element<value_type> pop_for(const std::chrono::duration<Rep, Period>& wait) {
    return pop_until(deadline::after(wait));
  }
  selected_element<value_type> pop_until(deadline limit) {
    pop_result<value_type> element = unexpected(conqueue_status::empty);
    const selected_queue found = search_until(
        limit, [&](std::size_t i) { return try_pop_from(i, element, std::index_sequence_for<Queues...>()); }, true);
    if (found.status != conqueue_status::success) element = unexpected(found.status);
    return {found.index, std::move(element)};
  }

 private:
  using queue_set::add;

  template <std::size_t... Index>
  conqueue_status try_pop_from(std::size_t i, pop_result<value_type>& element, std::index_sequence<Index...>) {
    conqueue_status status = conqueue_status::empty;
    (void)((i == Index && (status = try_pop_from<Index>(element), true)) || ...);
    return status;
  }
  template <std::size_t Index>
  conqueue_status try_pop_from(pop_result<value_type>& element) {
    auto popped = std::get<Index>(queues_).try_pop();
    if (!popped) return popped.error();
    if constexpr (all_same) {
      element.emplace(std::move(*popped));
    } else {
      element.emplace(std::in_place_index<Index>, std::move(*popped));
    }
    return conqueue_status::success;
  }

  std::tuple<Queues&...> queues_;
};

}  // namespace switchyard
