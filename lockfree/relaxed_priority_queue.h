// A queue that gives out one of its largest elements, for any number of threads; no stopped thread can block it.
//
// Source: Rihani, Sanders and Dementiev, "MultiQueues: Simple Relaxed Concurrent Priority Queues" (SPAA 2015);
//   Williams, Sanders and Dementiev, "Engineering MultiQueues" (ESA 2021). Each of the queues inside is a
//   `detail/skip_list.h`, without locks.
// When: many threads, and it does no harm if an element is overtaken by some that are a little smaller: search,
//   simulation, scheduling. Where the order must be strict: `priority_queue`.
// Progress: as `priority_queue`: try_ members and `close` are lock-free, with the same exception.
// Ordering: relaxed. An element goes to one of the shards at random, and a pop takes the better of the first elements
//   of two shards, taken at random. The number of elements inside that are larger than the popped one, the rank error,
//   is about 3/4 of the number of shards on average in a test over 10^6 operations (the papers expect O(shards),
//   and O(shards log shards) for the worst of a time), however many elements there are. With one shard the order is strict.
//   Every element comes out exactly once. `empty`: there is no element whose push had ended before the pop
//   began, and which no other pop has taken. A push happens before the pop of its element.
// Exceptions: as `priority_queue`; a pop compares, too, and if that throws it has popped nothing.
// Cost: that of a `priority_queue` of a part of the elements, twice a look at the front of one for a pop.
//
//   relaxed_priority_queue<job> q;  /* producers */ q.push(job());  /* consumers */ while (auto j = q.pop()) run(*j);
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>

#include "switchyard/interface/conqueue_status.h"
#include "switchyard/interface/shard_count.h"
#include "switchyard/lockfree/detail/list_calls.h"
#include "switchyard/lockfree/detail/skip_list.h"
#include "switchyard/lockfree/detail/visitors.h"
#include "switchyard/lockfree/waiting.h"
#include "switchyard/threads/random.h"

namespace switchyard::lockfree {

namespace detail {

/// So many lists, each on cache lines of its own.
template <class List, class Allocator>
class list_array {
  using list_allocator = typename std::allocator_traits<Allocator>::template rebind_alloc<List>;
  using traits = std::allocator_traits<list_allocator>;

 public:
  template <class Compare>
  list_array(std::size_t size, const Compare& compare, const Allocator& allocator)
      : allocator_(allocator), data_(traits::allocate(allocator_, size)), allocated_(size) {
    try {
      for (; size_ < size; ++size_) std::construct_at(&(*this)[size_], compare, allocator);
    } catch (...) {
      this->~list_array();
      throw;
    }
  }
  list_array(const list_array&) = delete;
  list_array& operator=(const list_array&) = delete;
  ~list_array() {
    while (size_ != 0) std::destroy_at(&(*this)[--size_]);
    traits::deallocate(allocator_, data_, allocated_);
  }

  List& operator[](std::size_t index) const noexcept { return std::to_address(data_)[index]; }
  std::size_t size() const noexcept { return size_; }

 private:
  [[no_unique_address]] list_allocator allocator_;
  typename traits::pointer data_;
  std::size_t allocated_;
  std::size_t size_ = 0;
};

}  // namespace detail

/// `Means` is how memory is reclaimed; tests have others.
template <class T, class Compare = std::less<T>, class Allocator = std::allocator<T>, class Means = detail::list_means>
class relaxed_priority_queue : public waiting_queue<relaxed_priority_queue<T, Compare, Allocator, Means>, T> {
 public:
  using value_compare = Compare;
  using allocator_type = Allocator;

  /// A queue of so many shards: twice to four times as many as threads that use it. Throws std::invalid_argument for 0, and
  /// what the allocator throws.
  explicit relaxed_priority_queue(std::size_t shards, const Compare& compare = Compare(),
                                  const Allocator& allocator = Allocator())
      : lists_(checked_shard_count(shards), compare, allocator) {}
  /// With four shards for each thread that the machine runs at a time.
  explicit relaxed_priority_queue(const Compare& compare = Compare(), const Allocator& allocator = Allocator())
      : relaxed_priority_queue(default_shard_count(), compare, allocator) {}
  explicit relaxed_priority_queue(const Allocator& allocator) : relaxed_priority_queue(Compare(), allocator) {}

  bool is_closed() const noexcept { return visitors_.is_closed(); }
  std::size_t shard_count() const noexcept { return lists_.size(); }
  allocator_type get_allocator() const noexcept { return lists_[0].get_allocator(); }

  /// Exact where operations have not overlapped.
  std::size_t size_approx() const noexcept { return visitors_.size_approx(); }

 private:
  friend class waiting_queue<relaxed_priority_queue, T>;
  using list = detail::skip_list<T, Compare, Allocator, Means>;

  template <class... Args>
  conqueue_status emplace_once(Args&&... args) {
    detail::visitor& me = visitors_.local();
    const auto inside = visitors_.enter(me);
    if (!inside) return conqueue_status::closed;
    const std::uint64_t random = random_number();
    detail::push_into(lists_[below(lists_.size(), random)], detail::random_height<list::max_height>(random),
                      std::forward<Args>(args)...);
    me.count(1);
    return conqueue_status::success;
  }

  template <class Sink>
  conqueue_status pop_once(Sink&& sink) {
    detail::visitor& me = visitors_.local();
    const auto counting_sink = [&](T&& element) {
      me.count(-1);
      sink(std::move(element));
    };
    if (pop_better(counting_sink)) return conqueue_status::success;
    // Had it been drained before all shards were found empty?
    if (!visitors_.is_drained()) return conqueue_status::empty;
    return pop_any(counting_sink) ? conqueue_status::success : conqueue_status::closed;
  }

  // From the better of two shards, or else from any.
  template <class Sink>
  bool pop_better(Sink& sink) {
    const std::scoped_lock reading(Means::domain());
    for (unsigned tries = 0; tries < max_tries; ++tries) {
      list* chosen = &lists_[below(lists_.size(), random_number())];
      list* const other = &lists_[below(lists_.size(), random_number())];
      auto* const best = chosen->first();
      auto* const rival = other == chosen ? nullptr : other->first();
      if (rival != nullptr && (best == nullptr || chosen->comes_after(best, rival))) chosen = other;
      if ((best != nullptr || rival != nullptr) && chosen->pop(sink)) return true;
    }
    return pop_any(sink);
  }

  // From the first shard that has an element, beginning anywhere.
  template <class Sink>
  bool pop_any(Sink& sink) {
    const std::scoped_lock reading(Means::domain());
    std::size_t at = below(lists_.size(), random_number());
    for (std::size_t left = lists_.size(); left != 0; --left) {
      if (lists_[at].pop(sink)) return true;
      if (++at == lists_.size()) at = 0;
    }
    return false;
  }

  template <class Out>
  void pop_batch_once(Out& out, std::size_t max, std::size_t& done) {
    const auto pop = [&](auto& sink) { return pop_once(sink) == conqueue_status::success; };
    detail::pop_batch<T>(pop, out, max, done);
  }

  conqueue_status look_once() const noexcept { return visitors_.look(); }
  void close_once() noexcept { visitors_.close(); }

#ifdef SWITCHYARD_MODEL
  static constexpr unsigned max_tries = 1;
#else
  static constexpr unsigned max_tries = 4;  // of finding two shards empty, or being too late
#endif

  detail::list_array<list, Allocator> lists_;
  detail::visitors<> visitors_;
};

}  // namespace switchyard::lockfree
