// What no FIFO queue does, found in a history of any length in O(n log n).
//
// Source: Henzinger, Sezgin and Vafeiadis, "Aspect-oriented linearizability proofs" (CONCUR 2013); Bouajjani,
//   Emmi, Enea and Hamza, "On reducing linearizability to state reachability" (ICALP 2015). They prove that a
//   history in which every push has a value of its own and every call has ended is linearizable, as that of
//   an unbounded queue, if and only if there is none of these:
//
//     fresh     a pop of what nobody pushed, or that ended before its push began
//     repeat    two pops of one value
//     order     a pushed before b, and b popped, but a popped after b or never
//     witness   a pop that replied `empty` while always some element was certainly inside, which it is from
//     the
//               end of its push to the beginning of its pop
//
//   The other two are ours:
//
//     room      certainly more inside than the capacity; or `full` although, counting every push that had
//               begun by its end, and no pop that had not ended before it began, there were too few for that
//     closing   `closed` before close began. After close has ended, or `closed` was replied, a push that
//               succeeds or is told `full`, or a pop that is told `empty`. After a pop that replied `closed`,
//               a pop that succeeds, or an element that is never popped. And a witness against a pop that
//               replied `closed`, where only the time since the beginning of close counts
//
// When: long histories of queues, and short messages: it names the few events that contradict each other.
//   For other structures, `linearizability.h`.
// Answer: exact for pushes and pops that succeed and pops that reply `empty`. With a capacity or a close,
// what
//   is refused is wrong, but what passes may be wrong too: for an exact answer, `linearizability.h`.
//
//   const auto found = check_fifo(events, 64);
//   EXPECT_FALSE(found) << found->explanation;
#pragma once

#include <algorithm>
#include <cstddef>
#include <limits>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "switchyard/tests/linearizability/history.h"
#include "switchyard/tests/linearizability/specifications.h"

namespace switchyard::linearizability {

struct fifo_violation {
  std::string name;                   // of those above
  history<queue_call> contradiction;  // the events that make it
  std::string explanation;
};

/// May a pop still reply `empty` after the end of a close, or another's `closed`? So it may where close does
/// not wait for the pushes that have begun.
enum class closing { exact, may_lag };

class fifo_check {
  using call = event<queue_call>;
  using kind = queue_call::kind;
  using answer = std::optional<fifo_violation>;

 public:
  /// Throws std::invalid_argument if two pushes that succeeded have the same value, or an event has no end.
  fifo_check(const history<queue_call>& events, std::size_t capacity, closing how)
      : capacity_(capacity), closing_(how) {
    for (const call& e : events) {
      if (e.returned == never) throw std::invalid_argument("an event without an end");
      const bool is_close = e.call.what == kind::close;
      if (is_close && (close_ == nullptr || e.invoked < close_->invoked)) close_ = &e;
      if (is_close || e.call.status == conqueue_status::closed) keep_first_to_end(known_closed_, e);
      if (e.call.is(kind::pop, conqueue_status::closed)) keep_first_to_end(drained_, e);
      if (is_close) continue;
      if (e.call.status != conqueue_status::success) {
        failed_.push_back(&e);
        continue;
      }
      element& x = elements_[e.call.value];
      const call*& mine = e.call.what == kind::pop ? x.pop : x.push;
      if (mine != nullptr && e.call.what == kind::push)
        throw std::invalid_argument("two pushes of one value");
      if (mine != nullptr) repeated_ = {mine, &e};
      mine = &e;
    }
  }

  answer run() const {
    for (const auto check : {&fifo_check::fresh_and_repeat, &fifo_check::order, &fifo_check::witness,
                             &fifo_check::room, &fifo_check::closings}) {
      if (auto found = (this->*check)()) return found;
    }
    return {};
  }

 private:
  struct element {
    const call* push = nullptr;
    const call* pop = nullptr;
    // Certainly inside between the two; the moments themselves excluded, as equal moments have no order.
    ticks inside_from() const noexcept { return push->returned; }
    ticks inside_until() const noexcept { return pop == nullptr ? never : pop->invoked; }
  };

  static void keep_first_to_end(const call*& first, const call& e) noexcept {
    if (first == nullptr || e.returned < first->returned) first = &e;
  }
  // The elements by the moment that `when` says.
  template <class When>
  std::vector<const element*> sorted_by(When when) const {
    std::vector<const element*> all;
    for (const auto& entry : elements_) all.push_back(&entry.second);
    std::sort(all.begin(), all.end(), [&](const auto* x, const auto* y) { return when(*x) < when(*y); });
    return all;
  }
  static fifo_violation violation(const char* name, const std::vector<const call*>& events,
                                  const char* because) {
    fifo_violation v{name, {}, std::string("not a FIFO queue, ") + name + ": " + because + ".\n"};
    for (const call* e : events) {
      if (e != nullptr) v.contradiction.push_back(*e);
    }
    v.explanation += in_columns(v.contradiction);
    return v;
  }

  answer fresh_and_repeat() const {
    if (repeated_.first != nullptr)
      return violation("repeat", {repeated_.first, repeated_.second}, "popped twice");
    for (const auto& entry : elements_) {
      const element& x = entry.second;
      if (x.push == nullptr) return violation("fresh", {x.pop}, "never pushed");
      if (x.pop != nullptr && is_before(*x.pop, *x.push))
        return violation("fresh", {x.pop, x.push}, "not yet pushed");
    }
    return {};
  }

  // For each b in the order in which the pushes begin: of the elements whose push had ended by then, the one
  // whose pop began last.
  answer order() const {
    const auto by_end = sorted_by([](const element& x) { return x.push->returned; });
    auto a = by_end.begin();
    const element* last = nullptr;
    for (const element* b : sorted_by([](const element& x) { return x.push->invoked; })) {
      for (; a != by_end.end() && is_before(*(*a)->push, *b->push); ++a) {
        if (last == nullptr || (*a)->inside_until() > last->inside_until()) last = *a;
      }
      if (last != nullptr && b->pop != nullptr && b->pop->returned < last->inside_until()) {
        return violation("order", {last->push, last->pop, b->push, b->pop}, "not in the order of the pushes");
      }
    }
    return {};
  }

  // The stretches of time in which always some element is certainly inside.
  answer witness() const {
    auto inside = sorted_by([](const element& x) { return x.inside_from(); });
    std::erase_if(inside, [](const element* x) { return x->inside_from() >= x->inside_until(); });
    std::map<ticks, ticks> stretches;  // ends by beginnings
    for (const element* x : inside) {
      const bool joins = !stretches.empty() && x->inside_from() < stretches.rbegin()->second;
      ticks& until = joins ? stretches.rbegin()->second : stretches[x->inside_from()];
      until = std::max(until, x->inside_until());
    }
    for (const call* d : failed_) {
      if (d->call.what != kind::pop) continue;
      const bool after_close = d->call.status == conqueue_status::closed && close_ != nullptr;
      const ticks from = after_close ? std::max(d->invoked, close_->invoked) : d->invoked;
      auto stretch = stretches.lower_bound(from);
      if (stretch == stretches.begin() || (--stretch)->second <= d->returned) continue;
      // To show it: of those inside at the time reached, the one that stays longest, and so on.
      std::vector<const call*> events = {d};
      auto next = inside.begin();
      for (ticks reached = from; reached <= d->returned;) {
        const element* longest = *next;
        for (; next != inside.end() && (*next)->inside_from() < reached; ++next) {
          if ((*next)->inside_until() > longest->inside_until()) longest = *next;
        }
        events.insert(events.end(), {longest->push, longest->pop});
        reached = longest->inside_until();
      }
      return violation("witness", events, "something was always inside");
    }
    return {};
  }

  answer room() const {
    std::vector<ticks> push_begins, push_ends, pop_begins, pop_ends;
    for (const auto& entry : elements_) {
      const element& x = entry.second;
      push_begins.push_back(x.push->invoked);
      push_ends.push_back(x.push->returned);
      if (x.pop != nullptr) pop_begins.push_back(x.pop->invoked);
      if (x.pop != nullptr) pop_ends.push_back(x.pop->returned);
    }
    for (auto* times : {&push_begins, &push_ends, &pop_begins, &pop_ends})
      std::sort(times->begin(), times->end());
    const auto up_to = [](const std::vector<ticks>& times, ticks at) {
      return std::upper_bound(times.begin(), times.end(), at) - times.begin();
    };
    const auto before = [](const std::vector<ticks>& times, ticks at) {
      return std::lower_bound(times.begin(), times.end(), at) - times.begin();
    };
    for (const auto& entry : elements_) {
      const ticks at = entry.second.inside_from();
      if (std::cmp_greater(up_to(push_ends, at) - up_to(pop_begins, at), capacity_)) {
        return violation("room", {entry.second.push}, "more inside than the capacity");
      }
    }
    for (const call* d : failed_) {
      if (d->call.status == conqueue_status::full &&
          std::cmp_less(up_to(push_begins, d->returned) - before(pop_ends, d->invoked), capacity_)) {
        return violation("room", {d}, "there cannot have been so many inside");
      }
    }
    return {};
  }

  answer closings() const {
    if (known_closed_ == nullptr) return {};
    if (close_ == nullptr || is_before(*known_closed_, *close_)) {
      return violation("closing", {known_closed_, close_}, "nobody had closed it");
    }
    for (const auto& entry : elements_) {
      const element& x = entry.second;
      if (is_before(*known_closed_, *x.push))
        return violation("closing", {known_closed_, x.push}, "it was closed");
      if (drained_ != nullptr && drained_->returned < x.inside_until()) {
        return violation("closing", {x.push, drained_, x.pop}, "there was nothing left");
      }
    }
    for (const call* d : failed_) {
      const bool allowed = d->call.status == conqueue_status::closed ||
                           (d->call.status == conqueue_status::empty && closing_ == closing::may_lag);
      if (!allowed && is_before(*known_closed_, *d))
        return violation("closing", {known_closed_, d}, "it was closed");
    }
    return {};
  }

  std::size_t capacity_;
  closing closing_;
  std::map<number, element> elements_;            // what was pushed or popped
  std::vector<const call*> failed_;               // what was neither, but for close
  std::pair<const call*, const call*> repeated_;  // two pops of one value
  const call* close_ = nullptr;                   // the first to begin
  const call* known_closed_ = nullptr;            // the first to end that closed it or was told so
  const call* drained_ = nullptr;                 // the first pop to end that replied `closed`
};

inline std::optional<fifo_violation> check_fifo(
    const history<queue_call>& events, std::size_t capacity = std::numeric_limits<std::size_t>::max(),
    closing how = closing::exact) {
  return fifo_check(events, capacity, how).run();
}

}  // namespace switchyard::linearizability
