// Whether a history is linearizable: whether each event can be put at a moment between its invocation and its
// return, so that one thread doing all that in turn would have got the same replies.
//
// Source: Wing and Gong, "Testing and verifying concurrent objects" (JPDC 1993); Lowe, "Testing for
//   linearizability" (CCPE 2017) for remembering where the search has been, and for letting an event take
//   effect only when another's return forces it; Horn and Kroening, "Faster linearizability checking via
//   P-compositionality" (FORTE 2015) for one key at a time.
// When: histories of any structure that has a specification, for some thousands of events. For a queue and
//   longer histories, `fifo_check.h`.
// Answer: exact, yes or no; or that it gave up at a limit on memory. The search is exponential in how many
//   events overlap, as the problem is NP-complete; with few threads it is about linear in the length.
//
//   const auto v = check_linearizable<fifo_spec>(events, {.capacity = 2});
//   EXPECT_TRUE(v) << v.explanation;
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "switchyard/tests/linearizability/history.h"
#include "switchyard/tests/linearizability/specifications.h"

namespace switchyard::linearizability {

enum class outcome { linearizable, not_linearizable, undecided };

template <class Call>
struct verdict {
  outcome what = outcome::linearizable;
  /// If not linearizable, the shortest beginning of the history that is not: its last return is one too many.
  history<Call> prefix;
  std::string explanation;

  explicit operator bool() const noexcept { return what == outcome::linearizable; }
};

/// The search. It goes from return to return in the order of time. Where it meets the return of an event that
/// has not taken effect, one of those that are running must now; which one is a branch. So a point of the
/// search is {the next return, which of the events running there have taken effect, the state}: the first two
/// are the set of all events that have. No point is visited twice.
template <specification Spec>
class linearization_search {
 public:
  using call = typename Spec::call;

  /// Throws std::invalid_argument if a thread does two things at a time, or has not one of 64 numbers.
  explicit linearization_search(const history<call>& events) {
    for (const auto& e : events) {
      if (e.thread < 0 || e.thread >= 64) throw std::invalid_argument("threads are numbered 0 to 63");
      if (e.returned < e.invoked) throw std::invalid_argument("an event ends before it begins");
      by_invocation_.push_back(&e);
      if (e.returned != never) stops_.push_back({&e, {}});
    }
    std::sort(by_invocation_.begin(), by_invocation_.end(),
              [](const auto* a, const auto* b) { return a->invoked < b->invoked; });
    std::sort(stops_.begin(), stops_.end(),
              [](const stop& a, const stop& b) { return a.returning->returned < b.returning->returned; });
    auto next = by_invocation_.begin();
    std::vector<const event<call>*> running;
    for (stop& s : stops_) {
      for (; next != by_invocation_.end() && (*next)->invoked <= s.returning->returned; ++next) {
        if (std::any_of(running.begin(), running.end(),
                        [&](auto* e) { return e->thread == (*next)->thread; })) {
          throw std::invalid_argument("a thread does two things at a time");
        }
        running.push_back(*next);
      }
      std::erase(running, s.returning);
      s.others = running;
    }
  }

  verdict<call> run(const Spec& initial, std::size_t limit) {
    std::vector<point> to_visit = {{0, 0, initial}};
    std::unordered_set<point, hash_of_point> visited;
    std::size_t furthest = 0;
    while (!to_visit.empty()) {
      point here = std::move(to_visit.back());
      to_visit.pop_back();
      // Past the returns of what has taken effect already.
      for (; here.next < stops_.size() && here.has(stops_[here.next].returning); ++here.next) {
        here.done &= ~bit(stops_[here.next].returning);
      }
      if (here.next == stops_.size()) return {};
      if (!visited.insert(here).second) continue;
      if (visited.size() > limit) return {outcome::undecided, {}, "gave up: too many possibilities"};
      furthest = std::max(furthest, here.next);

      // The one that returns is visited first: the last to be put on the stack.
      const stop& s = stops_[here.next];
      for (const auto* e : s.others) try_next(here, *e, to_visit);
      try_next(here, *s.returning, to_visit);
    }
    return refuse(furthest, visited);
  }

 private:
  // A return, and what else runs at that moment.
  struct stop {
    const event<call>* returning;
    std::vector<const event<call>*> others;
  };

  struct point {
    std::size_t next;    // the first return that is not allowed for yet
    std::uint64_t done;  // the threads whose running event has taken effect
    Spec state;

    bool has(const event<call>* e) const noexcept { return (done & bit(e)) != 0; }
    friend bool operator==(const point&, const point&) = default;
  };
  struct hash_of_point {
    std::size_t operator()(const point& p) const noexcept {
      return mix(mix(p.state.hash(), p.next), static_cast<std::size_t>(p.done));
    }
  };

  static std::uint64_t bit(const event<call>* e) noexcept { return std::uint64_t{1} << e->thread; }

  static void try_next(const point& here, const event<call>& e, std::vector<point>& to_visit) {
    if (here.has(&e)) return;
    point there = here;
    there.done |= bit(&e);
    if (there.state.apply(e.call)) to_visit.push_back(std::move(there));
  }

  template <class Visited>
  verdict<call> refuse(std::size_t furthest, const Visited& visited) const {
    const ticks end = stops_[furthest].returning->returned;
    history<call> prefix;
    for (const auto* e : by_invocation_) {
      if (e->invoked > end) break;
      prefix.push_back(*e);
      if (e->returned > end) prefix.back().returned = never;
    }
    std::set<std::string> states;
    for (const point& p : visited) {
      if (p.next == furthest) states.insert(p.state.text());
    }
    const event<call>& last = *stops_[furthest].returning;
    std::string text = "not linearizable: no order of the events explains \"" + last.call.request() + " -> " +
                       last.call.reply() + "\", the last return.\nStates possible before it:";
    std::size_t shown = 0;
    for (const std::string& state : states) text += ++shown <= 8 ? "  " + state : shown == 9 ? "  ..." : "";
    text += '\n' + in_columns(prefix);
    return {outcome::not_linearizable, std::move(prefix), std::move(text)};
  }

  std::vector<const event<call>*> by_invocation_;
  std::vector<stop> stops_;
};

/// Checks `events` against `Spec`, beginning with `initial`; gives up after visiting `limit` points.
template <specification Spec>
auto check_linearizable(const history<typename Spec::call>& events, const Spec& initial = {},
                        std::size_t limit = 1'000'000) -> verdict<typename Spec::call> {
  if constexpr (requires(typename Spec::call c) { Spec::key_of(c); }) {
    std::map<number, history<typename Spec::call>> parts;
    for (const auto& e : events) parts[Spec::key_of(e.call)].push_back(e);
    verdict<typename Spec::call> worst;
    for (const auto& part : parts) {
      auto v = linearization_search<Spec>(part.second).run(initial, limit);
      if (v.what == outcome::not_linearizable) return v;
      if (!v) worst = std::move(v);
    }
    return worst;
  } else {
    return linearization_search<Spec>(events).run(initial, limit);
  }
}

}  // namespace switchyard::linearizability
