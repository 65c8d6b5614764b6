// A queue that gives out its largest element, for any number of threads; no stopped thread can block it.
//
// Source: `detail/skip_list.h`, after Linden and Jonsson (OPODIS 2013).
// When: the order must be strict, whatever is popped was the largest at that moment, and no stopped thread may block the
//   others. On few processors `blocking::priority_queue` is several times faster: a heap in an array has fewer
//   cache misses than a list of nodes. All pops meet at the front, so more threads do not make it faster: where nearly
//   the largest will do, `relaxed_priority_queue` has no such place.
// Progress: try_ members and `close` are lock-free. Members that wait block, sleeping in the kernel. One exception:
//   an element that cannot be copied, compared as a whole, is not handed out while another thread is just comparing it
//   with its own (it is in one place, and no algorithm can help that); a `Compare` such as `by_key` ends this. While
//   a thread is stopped inside an operation, memory that is popped is not reused, and that has no bound.
// Ordering: linearizable: a pop returns the largest; of equal ones, any. (`closed` may come late, as `empty`, while a
//   push is under way that began before.) A push happens before the pop of its element.
// Exceptions: if `Compare` throws, the push has not happened; what was moved in has been moved back, if that cannot
//   throw. Elements that are copied out, see below, are lost only if moving the copy to the caller throws.
// Cost: a push looks for its place in logarithmic time, and takes a node of about 50 bytes besides the element.
//   A pop takes what is at the front. An element that is not trivially copyable, but can be copied, is copied
//   out of the queue, and the original destroyed later, at the latest by the queue's destructor, since others may be
//   comparing theirs with it: where only keys are compared (`by_key`) it is moved.
//
//   priority_queue<job> q;  /* producers */ q.push(job());  /* consumers */ while (auto j = q.pop()) run(*j);
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <type_traits>
#include <utility>

#include "switchyard/interface/conqueue_status.h"
#include "switchyard/lockfree/detail/list_calls.h"
#include "switchyard/lockfree/detail/skip_list.h"
#include "switchyard/lockfree/detail/visitors.h"
#include "switchyard/lockfree/waiting.h"
#include "switchyard/threads/random.h"

namespace switchyard::lockfree {

/// `Means` is how memory is reclaimed; tests have others.
template <class T, class Compare = std::less<T>, class Allocator = std::allocator<T>, class Means = detail::list_means>
class priority_queue : public waiting_queue<priority_queue<T, Compare, Allocator, Means>, T> {
 public:
  using value_compare = Compare;
  using allocator_type = Allocator;

  explicit priority_queue(const Compare& compare = Compare(), const Allocator& allocator = Allocator())
      : list_(compare, allocator) {}
  explicit priority_queue(const Allocator& allocator) : priority_queue(Compare(), allocator) {}

  bool is_closed() const noexcept { return visitors_.is_closed(); }
  allocator_type get_allocator() const noexcept { return list_.get_allocator(); }

  /// Exact where operations have not overlapped.
  std::size_t size_approx() const noexcept { return visitors_.size_approx(); }

 private:
  friend class waiting_queue<priority_queue, T>;
  using list = detail::skip_list<T, Compare, Allocator, Means>;

  template <class... Args>
  conqueue_status emplace_once(Args&&... args) {
    detail::visitor& me = visitors_.local();
    const auto inside = visitors_.enter(me);
    if (!inside) return conqueue_status::closed;
    detail::push_into(list_, detail::random_height<list::max_height>(random_number()), std::forward<Args>(args)...);
    me.count(1);
    return conqueue_status::success;
  }

  template <class Sink>
  conqueue_status pop_once(Sink&& sink) {
    detail::visitor& me = visitors_.local();
    if (!pop_counted(me, sink)) {
      if (!visitors_.is_drained()) return conqueue_status::empty;
      if (!pop_counted(me, sink)) return conqueue_status::closed;
    }
    return conqueue_status::success;
  }

  template <class Sink>
  bool pop_counted(detail::visitor& me, Sink& sink) {
    const auto counting_sink = [&](T&& element) {
      me.count(-1);
      sink(std::move(element));
    };
    const std::scoped_lock reading(Means::domain());
    return list_.pop(counting_sink);
  }

  template <class Out>
  void pop_batch_once(Out& out, std::size_t max, std::size_t& done) {
    const auto pop = [&](auto& sink) { return pop_once(sink) == conqueue_status::success; };
    detail::pop_batch<T>(pop, out, max, done);
  }

  conqueue_status look_once() const noexcept { return visitors_.look(); }
  void close_once() noexcept { visitors_.close(); }

  list list_;
  detail::visitors<> visitors_;
};

}  // namespace switchyard::lockfree
