// What structures do when one thread uses them: the calls, and the states that they lead through.
//
// A call says what was asked (`request()`) and what came out (`reply()`). A specification is a state:
// `apply(call)` goes on to the next one and says whether a structure in this state could have given that
// reply; after `false` the state is of no use. Where calls on different keys have nothing to do with each
// other, `key_of(call)` says so, and the checker looks at one key at a time.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "switchyard/interface/conqueue_status.h"

namespace switchyard::linearizability {

using number = std::int64_t;
using std::to_string;

template <class S>
concept specification = std::copyable<S> && std::equality_comparable<S> &&
                        requires(S s, const S c, const typename S::call& call) {
                          { s.apply(call) } -> std::same_as<bool>;
                          { c.hash() } -> std::same_as<std::size_t>;
                          { c.text() } -> std::same_as<std::string>;
                        };

inline std::size_t mix(std::size_t seed, auto value) noexcept {
  return (seed ^ static_cast<std::size_t>(value)) * 0x9E3779B97F4A7C15U + (seed >> 29);
}

/// A call on a queue, a stack or a priority queue. One that waits is one that never replies `full` or `empty`.
struct queue_call {
  enum class kind { push, pop, pop_all, close };

  static queue_call push(number value, conqueue_status status) { return {kind::push, value, status}; }
  static queue_call pop(number value) { return {kind::pop, value, conqueue_status::success}; }
  static queue_call no_pop(conqueue_status status) { return {kind::pop, 0, status}; }
  static queue_call pop_all(std::vector<number> values) {
    return {kind::pop_all, 0, conqueue_status::success, std::move(values)};
  }
  static queue_call close() { return {kind::close, 0, conqueue_status::success}; }

  bool is(kind k, conqueue_status s) const noexcept { return what == k && status == s; }
  std::string request() const {
    if (what == kind::push) return "push " + to_string(value);
    if (what == kind::pop_all) return "pop all";
    return what == kind::pop ? "pop" : "close";
  }
  std::string reply() const {
    if (what == kind::pop_all) {
      std::string listed = "[";
      for (const number n : all) listed += ' ' + to_string(n);
      return listed + " ]";
    }
    return is(kind::pop, conqueue_status::success) ? to_string(value) : std::string(to_string(status));
  }

  kind what = kind::push;
  number value = 0;
  conqueue_status status = conqueue_status::success;
  std::vector<number> all{};  // what pop_all got
};

/// A queue, a stack or a priority queue for up to `capacity` elements, with an end: once closed, pushes are
/// refused and pops take what is left. `closed` comes before `full`, and after what there is to pop.
/// `pop_all` gets what as many pops at that moment would, and nothing if there is nothing.
enum class takes { oldest, newest, greatest };
template <takes Which>
struct sequence_spec {
  using call = queue_call;

  bool apply(const call& c) {
    if (c.what == call::kind::close) return closed = true;
    if (c.what == call::kind::push) {
      if (closed) return c.status == conqueue_status::closed;
      if (items.size() >= capacity) return c.status == conqueue_status::full;
      // Where the greatest goes first, the order in which they came is forgotten: one state, not many.
      const auto place = Which == takes::greatest ? std::upper_bound(items.begin(), items.end(), c.value)
                                                  : items.end();
      items.insert(place, c.value);
      return c.status == conqueue_status::success;
    }
    if (c.what == call::kind::pop_all) {
      if (Which != takes::oldest) std::reverse(items.begin(), items.end());
      return std::exchange(items, {}) == c.all;
    }
    if (items.empty()) return c.status == (closed ? conqueue_status::closed : conqueue_status::empty);
    const auto next = Which == takes::oldest ? items.begin() : items.end() - 1;
    const bool same = *next == c.value;
    items.erase(next);
    return same && c.status == conqueue_status::success;
  }
  std::size_t hash() const noexcept {
    std::size_t h = closed;
    for (const number n : items) h = mix(h, n);
    return h;
  }
  std::string text() const {
    std::string all = closed ? "closed [" : "[";
    for (const number n : items) all += ' ' + to_string(n);
    return all + " ]";
  }
  friend bool operator==(const sequence_spec&, const sequence_spec&) = default;

  std::size_t capacity = std::numeric_limits<std::size_t>::max();
  bool closed = false;
  std::vector<number> items{};
};
using fifo_spec = sequence_spec<takes::oldest>;
using stack_spec = sequence_spec<takes::newest>;
using priority_spec = sequence_spec<takes::greatest>;

struct counter_call {
  enum class kind { add, load, exchange };

  std::string request() const {
    if (what == kind::load) return "load";
    return (what == kind::add ? "add " : "exchange ") + to_string(argument);
  }
  std::string reply() const { return what == kind::add ? "done" : to_string(result); }

  kind what = kind::add;
  number argument = 0;
  number result = 0;
};

struct counter_spec {
  using call = counter_call;

  bool apply(const call& c) {
    const number before = value;
    if (c.what == call::kind::add) value += c.argument;
    if (c.what == call::kind::exchange) value = c.argument;
    return c.what == call::kind::add || c.result == before;
  }
  std::size_t hash() const noexcept { return mix(0, value); }
  std::string text() const { return to_string(value); }
  friend bool operator==(const counter_spec&, const counter_spec&) = default;

  number value = 0;
};

/// `take` is of an object, or is refused; `put` gives one back.
struct pool_call {
  enum class kind { take, put };

  std::string request() const { return what == kind::take ? "take" : "put " + to_string(object); }
  std::string reply() const {
    if (what == kind::put) return "done";
    return object == none ? "none" : to_string(object);
  }

  static constexpr number none = -1;
  kind what = kind::take;
  number object = none;
};

/// A pool of which `free` has a bit for every object that can be taken: any of them, and none if there is none.
struct pool_spec {
  using call = pool_call;

  bool apply(const call& c) {
    if (c.object == call::none) return free == 0;
    const std::uint64_t bit = std::uint64_t{1} << c.object;
    const bool was_free = (free & bit) != 0;
    free ^= bit;
    return was_free == (c.what == call::kind::take);
  }
  std::size_t hash() const noexcept { return mix(0, free); }
  std::string text() const {
    std::string all = "{";
    for (number n = 0; n < 64; ++n) {
      if ((free >> n & 1) != 0) all += ' ' + to_string(n);
    }
    return all + " }";
  }
  friend bool operator==(const pool_spec&, const pool_spec&) = default;

  std::uint64_t free = 0;
};

/// `insert` adds a key that is not there, `erase` takes one away; `done` is whether they did.
struct map_call {
  enum class kind { insert, erase, find };

  std::string request() const {
    if (what == kind::insert) return "insert " + to_string(key) + ": " + to_string(*value);
    return (what == kind::erase ? "erase " : "find ") + to_string(key);
  }
  std::string reply() const {
    if (what != kind::find) return done ? "done" : "refused";
    return value ? to_string(*value) : "none";
  }

  kind what = kind::find;
  number key = 0;
  std::optional<number> value{};  // inserted or found
  bool done = false;
};

struct map_spec {
  using call = map_call;
  static number key_of(const call& c) noexcept { return c.key; }

  bool apply(const call& c) {
    if (c.what == call::kind::insert) return entries.emplace(c.key, *c.value).second == c.done;
    if (c.what == call::kind::erase) return (entries.erase(c.key) != 0) == c.done;
    const auto at = entries.find(c.key);
    return at == entries.end() ? !c.value : c.value == at->second;
  }
  std::size_t hash() const noexcept {
    std::size_t h = 0;
    for (const auto& entry : entries) h = mix(mix(h, entry.first), entry.second);
    return h;
  }
  std::string text() const {
    std::string all = "{";
    for (const auto& entry : entries) all += ' ' + to_string(entry.first) + ": " + to_string(entry.second);
    return all + " }";
  }
  friend bool operator==(const map_spec&, const map_spec&) = default;

  std::map<number, number> entries{};
};

}  // namespace switchyard::linearizability
