// The checkers themselves: on histories written by hand, and on random ones against each other and against
// the definition.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "switchyard/atomics/atomic.h"
#include "switchyard/tests/linearizability/fifo_check.h"
#include "switchyard/tests/linearizability/history.h"
#include "switchyard/tests/linearizability/linearizability.h"
#include "switchyard/tests/linearizability/specifications.h"

namespace switchyard::linearizability {
namespace {

using status = conqueue_status;
using queue_history = history<queue_call>;
constexpr auto push = [](number n, status s = status::success) { return queue_call::push(n, s); };
constexpr auto pop = queue_call::pop;
constexpr auto no_pop = queue_call::no_pop;

// Each event in a thread of its own, so that any two may overlap.
queue_history at(std::vector<std::pair<queue_call, std::pair<ticks, ticks>>> calls) {
  queue_history events;
  for (const auto& c : calls) {
    events.push_back({static_cast<int>(events.size()), c.first, c.second.first, c.second.second});
  }
  return events;
}

// ---- By hand

struct example {
  const char* rule;  // that the history breaks; none: it is linearizable
  queue_history events;
  std::size_t capacity = 100;
};

std::vector<example> examples() {
  const auto close = queue_call::close();
  return {
      {"", {}},
      {"", at({{push(1), {0, 1}}, {push(2), {2, 3}}, {pop(1), {4, 5}}, {pop(2), {6, 7}}})},
      {"", at({{push(1), {0, 3}}, {push(2), {1, 2}}, {pop(2), {4, 5}}, {pop(1), {6, 7}}})},
      {"", at({{pop(1), {0, 3}}, {push(1), {2, 5}}, {no_pop(status::empty), {4, 6}}})},
      {"", at({{push(1), {0, 1}}, {no_pop(status::empty), {2, 5}}, {pop(1), {3, 4}}})},
      {"", at({{push(1), {0, 1}}, {no_pop(status::empty), {1, 2}}})},  // equal times: either order
      {"fresh", at({{pop(1), {0, 1}}})},
      {"fresh", at({{pop(1), {0, 1}}, {push(1), {2, 3}}})},
      {"repeat", at({{push(1), {0, 1}}, {pop(1), {2, 5}}, {pop(1), {3, 4}}})},
      {"order", at({{push(1), {0, 1}}, {push(2), {2, 3}}, {pop(2), {4, 5}}, {pop(1), {6, 7}}})},
      {"order", at({{push(1), {0, 1}}, {push(2), {2, 3}}, {pop(2), {4, 5}}})},
      {"witness", at({{push(1), {0, 1}}, {no_pop(status::empty), {2, 3}}})},
      {"witness", at({{push(1), {0, 1}}, {no_pop(status::empty), {2, 3}}, {pop(1), {4, 5}}})},
      // Always one or the other.
      {"witness",
       at({{push(1), {0, 1}}, {no_pop(status::empty), {2, 9}}, {push(2), {3, 4}}, {pop(1), {5, 6}}})},
      {"", at({{push(1), {0, 1}}, {no_pop(status::empty), {2, 9}}, {push(2), {3, 5}}, {pop(1), {4, 6}}})},
      {"", at({{push(1), {0, 1}}, {push(2, status::full), {2, 3}}}), 1},
      {"", at({{push(1), {0, 1}}, {push(2), {2, 5}}, {pop(1), {4, 6}}}), 1},
      {"room", at({{push(1), {0, 1}}, {push(2, status::full), {2, 3}}}), 2},
      {"room", at({{push(1), {0, 1}}, {pop(1), {2, 3}}, {push(2, status::full), {4, 5}}}), 1},
      {"room", at({{push(1), {0, 1}}, {push(2), {2, 3}}, {pop(1), {4, 5}}}), 1},
      {"", at({{push(1), {0, 1}}, {close, {2, 3}}, {push(2, status::closed), {4, 5}}, {pop(1), {6, 7}}})},
      {"", at({{close, {0, 9}}, {push(1, status::closed), {1, 2}}, {no_pop(status::closed), {3, 4}}})},
      {"", at({{close, {0, 9}}, {push(1), {1, 2}}, {no_pop(status::closed), {3, 6}}, {pop(1), {4, 5}}})},
      {"", at({{push(1), {0, 1}}, {close, {2, 3}}, {push(2, status::closed), {4, 5}}}), 1},
      {"closing", at({{push(1, status::closed), {0, 1}}})},
      {"closing", at({{no_pop(status::closed), {0, 1}}, {close, {2, 3}}})},
      {"closing", at({{close, {0, 1}}, {push(1), {2, 3}}})},
      {"closing", at({{close, {0, 9}}, {push(1, status::closed), {1, 2}}, {push(2), {3, 4}}})},
      {"closing", at({{close, {0, 1}}, {no_pop(status::empty), {2, 3}}})},
      {"closing", at({{push(1), {0, 1}}, {close, {2, 3}}, {push(2, status::full), {4, 5}}}), 1},
      {"closing",
       at({{close, {0, 9}}, {push(1), {1, 5}}, {no_pop(status::closed), {2, 3}}, {pop(1), {4, 6}}})},
      {"closing", at({{close, {0, 9}}, {push(1), {1, 5}}, {no_pop(status::closed), {2, 3}}})},
      {"witness", at({{push(1), {0, 1}}, {close, {2, 3}}, {no_pop(status::closed), {4, 5}}})},
      {"witness",
       at({{push(1), {0, 1}}, {close, {6, 9}}, {no_pop(status::closed), {0, 8}}, {pop(1), {9, 9}}})},
  };
}

TEST(Checkers, AgreeOnHistoriesWrittenByHand) {
  for (const example& e : examples()) {
    SCOPED_TRACE(in_columns(e.events));
    const auto v = check_linearizable<fifo_spec>(e.events, {e.capacity, false});
    EXPECT_EQ(v.what, *e.rule == '\0' ? outcome::linearizable : outcome::not_linearizable) << v.explanation;
    const auto f = check_fifo(e.events, e.capacity);
    EXPECT_EQ(f ? f->name : "", e.rule);
  }
}

TEST(Checkers, KnowAQueueFromAStack) {
  const auto events = at({{push(1), {0, 1}}, {push(2), {2, 3}}, {pop(2), {4, 5}}, {pop(1), {6, 7}}});
  EXPECT_TRUE(check_linearizable<stack_spec>(events));
  EXPECT_FALSE(check_linearizable<fifo_spec>(events));
  const auto full = at({{push(1), {0, 1}}, {push(2, status::full), {2, 3}}});
  EXPECT_TRUE(check_linearizable<stack_spec>(full, {1, false}));
  EXPECT_FALSE(check_linearizable<stack_spec>(full));
}

TEST(Checkers, KnowAPriorityQueueFromAQueue) {
  const auto greatest_first =
      at({{push(1), {0, 1}}, {push(3), {2, 3}}, {push(2), {4, 5}}, {pop(3), {6, 7}}, {pop(2), {8, 9}}});
  EXPECT_TRUE(check_linearizable<priority_spec>(greatest_first));
  EXPECT_FALSE(check_linearizable<fifo_spec>(greatest_first));
  EXPECT_FALSE(check_linearizable<stack_spec>(greatest_first));
  // Overtaken by a push only if that may have come later.
  EXPECT_TRUE(check_linearizable<priority_spec>(at({{push(1), {0, 1}}, {push(3), {2, 6}}, {pop(1), {4, 5}}})));
  EXPECT_FALSE(check_linearizable<priority_spec>(at({{push(1), {0, 1}}, {push(3), {2, 3}}, {pop(1), {4, 5}}})));
  // Equal ones are the same.
  EXPECT_TRUE(check_linearizable<priority_spec>(
      at({{push(2), {0, 1}}, {push(2), {2, 3}}, {pop(2), {4, 5}}, {pop(2), {6, 7}}})));
}

TEST(Checkers, KnowPopAll) {
  const auto all = queue_call::pop_all;
  EXPECT_TRUE(check_linearizable<stack_spec>(at({{push(1), {0, 1}}, {push(2), {2, 3}}, {all({2, 1}), {4, 5}}})));
  EXPECT_FALSE(check_linearizable<stack_spec>(at({{push(1), {0, 1}}, {push(2), {2, 3}}, {all({1, 2}), {4, 5}}})));
  EXPECT_TRUE(check_linearizable<stack_spec>(at({{all({}), {0, 1}}, {no_pop(status::empty), {2, 3}}})));
  // All of one moment, which is before or after the push beside it.
  const auto beside = [&](std::vector<number> got, queue_call then) {
    return bool(check_linearizable<stack_spec>(
        at({{push(1), {0, 1}}, {push(2), {2, 5}}, {all(got), {3, 4}}, {then, {6, 7}}})));
  };
  EXPECT_TRUE(beside({1}, pop(2)));
  EXPECT_TRUE(beside({2, 1}, no_pop(status::empty)));
  EXPECT_FALSE(beside({1}, no_pop(status::empty)));
  EXPECT_FALSE(beside({2}, pop(1))) << "one was left below";
  EXPECT_FALSE(beside({}, pop(2)));
}

TEST(Checkers, KnowACounter) {
  using kind = counter_call::kind;
  const auto in_turn = [](std::vector<counter_call> calls) {
    history<counter_call> events;
    for (const auto& c : calls) events.push_back({0, c, 2 * events.size(), 2 * events.size() + 1});
    return bool(check_linearizable<counter_spec>(events, {5}));
  };
  EXPECT_TRUE(in_turn({{kind::add, 2, 0}, {kind::exchange, 1, 7}, {kind::add, -3, 0}, {kind::load, 0, -2}}));
  EXPECT_FALSE(in_turn({{kind::add, 2, 0}, {kind::load, 0, 5}}));
  EXPECT_FALSE(in_turn({{kind::exchange, 1, 6}}));
}

TEST(Checkers, KnowAMap) {
  using kind = map_call::kind;
  const auto in_turn = [](std::vector<map_call> calls) {
    history<map_call> events;
    for (const auto& c : calls) events.push_back({0, c, 2 * events.size(), 2 * events.size() + 1});
    return bool(check_linearizable<map_spec>(events));
  };
  const map_call insert = {kind::insert, 1, 10, true};
  EXPECT_TRUE(in_turn(
      {insert, {kind::insert, 1, 11, false}, {kind::find, 1, 10}, {kind::erase, 1, {}, true}, insert}));
  EXPECT_TRUE(in_turn({{kind::find, 1}, {kind::erase, 1}, insert, {kind::find, 2}}));
  EXPECT_FALSE(in_turn({insert, insert}));
  EXPECT_FALSE(in_turn({insert, {kind::find, 1}}));
  EXPECT_FALSE(in_turn({insert, {kind::find, 2, 10}}));
  EXPECT_FALSE(in_turn({insert, {kind::find, 1, 11}}));
  EXPECT_FALSE(in_turn({insert, {kind::erase, 1}}));
}

TEST(Checkers, ALaggingCloseMayBeMistakenForEmptyAndNothingElse) {
  const auto empty = at({{queue_call::close(), {0, 1}}, {no_pop(status::empty), {2, 3}}});
  EXPECT_EQ(check_fifo(empty, 1)->name, "closing");
  EXPECT_FALSE(check_fifo(empty, 1, closing::may_lag));
  const auto push_after = at({{queue_call::close(), {0, 1}}, {push(1), {2, 3}}});
  EXPECT_EQ(check_fifo(push_after, 1, closing::may_lag)->name, "closing");
}

TEST(Checkers, RefuseWhatIsNoHistory) {
  const queue_history twice = {{0, push(1), 0, 2}, {0, push(2), 1, 3}};
  EXPECT_THROW(check_linearizable<fifo_spec>(twice), std::invalid_argument);
  EXPECT_THROW(check_linearizable<fifo_spec>({{64, push(1), 0, 1}}), std::invalid_argument);
  EXPECT_THROW(check_linearizable<fifo_spec>({{0, push(1), 1, 0}}), std::invalid_argument);
  EXPECT_THROW(check_fifo(at({{push(1), {0, 1}}, {push(1), {2, 3}}})), std::invalid_argument);
  EXPECT_THROW(check_fifo(at({{push(1), {0, never}}})), std::invalid_argument);
}

TEST(Checkers, AnEventWithoutAnEndMayHaveHappenedOrNot) {
  EXPECT_TRUE(check_linearizable<fifo_spec>(at({{push(1), {0, never}}, {pop(1), {2, 3}}})));
  EXPECT_TRUE(check_linearizable<fifo_spec>(at({{push(1), {0, never}}, {no_pop(status::empty), {2, 3}}})));
  EXPECT_FALSE(check_linearizable<fifo_spec>(at({{push(1), {4, never}}, {pop(1), {2, 3}}})));
}

TEST(Checkers, GivesUpAtItsLimit) {
  queue_history events;
  for (int t = 0; t < 12; ++t) events.push_back({t, push(t), 0, 10});
  events.push_back({12, pop(99), 11, 12});
  EXPECT_EQ(check_linearizable<fifo_spec>(events, {}, 1000).what, outcome::undecided);
}

TEST(Checkers, SayWhatIsWrongInColumns) {
  const queue_history events = {{0, push(1), 100, 120},
                                {1, push(2), 130, 140},
                                {0, pop(2), 150, 170},
                                {1, push(3), 160, 190},
                                {0, pop(1), 180, 185}};
  EXPECT_EQ(check_linearizable<fifo_spec>(events).explanation,
            "not linearizable: no order of the events explains \"pop -> 2\", the last return.\n"
            "States possible before it:  [ 1 2 3 ]  [ 1 2 ]\n"
            "time              thread 0          thread 1\n"
            "0                 push 1\n"
            "20                -> success\n"
            "30                                  push 2\n"
            "40                                  -> success\n"
            "50                pop\n"
            "60                                  push 3\n"
            "70                -> 2\n");
  EXPECT_EQ(check_fifo(events)->contradiction.size(), 4U);
}

// ---- At random

// Events that take effect in turn, each at a moment of its own, with beginnings and ends up to `spread` away.
// With `threads` of them, or with a thread for each event if that is 0.
template <class Spec, class Ask>
auto random_history(Spec state, int events, int threads, unsigned spread, random_source& random, Ask ask) {
  history<typename Spec::call> all;
  for (int i = 0; i < events; ++i) {
    const ticks moment = 100 + 2 * static_cast<ticks>(i);
    const auto call = ask(i, state, random);
    EXPECT_TRUE(state.apply(call));
    const int thread = threads == 0 ? i : i % threads;
    all.push_back({thread, call, moment - random() % spread, moment + random() % spread});
  }
  return all;
}

// The call of these that the state allows.
template <class Spec>
typename Spec::call allowed(const Spec& state, const std::vector<typename Spec::call>& possible) {
  return *std::find_if(possible.begin(), possible.end(), [&](const auto& c) {
    Spec next = state;
    return next.apply(c);
  });
}

template <class Spec>
queue_call ask_queue(int i, const Spec& state, random_source& random) {
  const auto draw = random() % 20;
  if (draw == 0 && state.capacity < 10) return queue_call::close();
  if (draw < 11) return allowed(state, {push(i), push(i, status::full), push(i, status::closed)});
  std::vector<queue_call> possible = {no_pop(status::empty), no_pop(status::closed)};
  for (const number n : state.items) possible.push_back(pop(n));
  if (std::is_same_v<Spec, stack_spec> && draw == 19) {
    possible = {queue_call::pop_all({state.items.rbegin(), state.items.rend()})};
  }
  return allowed(state, possible);
}

counter_call ask_counter(int, const counter_spec& state, random_source& random) {
  const number n = static_cast<number>(random() % 3);
  const auto what = static_cast<counter_call::kind>(random() % 3);
  return {what, n, what == counter_call::kind::add ? 0 : state.value};
}

map_call ask_map(int i, const map_spec& state, random_source& random) {
  const number key = static_cast<number>(random() % 2);
  if (random() % 3 != 0) {
    const auto what = random() % 2 == 0 ? map_call::kind::insert : map_call::kind::erase;
    return allowed(state, {{what, key, i, true}, {what, key, i, false}});
  }
  const auto found = state.entries.find(key);
  return {map_call::kind::find, key,
          found == state.entries.end() ? std::nullopt : std::optional(found->second), false};
}

// Exchanges two replies, or moves an event to another time: often a history that nothing correct can have.
template <class Call>
void spoil(history<Call>& events, random_source& random) {
  event<Call>& a = events[random() % events.size()];
  event<Call>& b = events[random() % events.size()];
  const auto draw = random() % 3;
  if (draw != 0) std::swap(a.call, b.call);
  if (draw != 1) {
    a.invoked = 100 + random() % (2 * events.size());
    a.returned = a.invoked + random() % 6;
  }
}

// The definition, word for word.
template <class Spec>
bool some_order_explains(const history<typename Spec::call>& left, const Spec& state) {
  for (const auto& first : left) {
    if (std::any_of(left.begin(), left.end(), [&](const auto& e) { return is_before(e, first); })) continue;
    Spec next = state;
    if (!next.apply(first.call)) continue;
    history<typename Spec::call> rest;
    for (const auto& e : left) {
      if (e.thread != first.thread) rest.push_back(e);
    }
    if (some_order_explains(rest, next)) return true;
  }
  return left.empty();
}

template <class Spec, class Ask>
void expect_as_by_definition(const Spec& initial, Ask ask) {
  int refused = 0;
  const std::uint64_t seed = first_seed();
  for (std::uint64_t round = 0; round < 3000 && !testing::Test::HasFailure(); ++round) {
    SCOPED_TRACE(replay(seed + round));
    random_source random = random_for(seed + round, 0);
    auto events = random_history(initial, 7, 0, 6, random, ask);
    ASSERT_TRUE(check_linearizable(events, initial)) << check_linearizable(events, initial).explanation;
    spoil(events, random);
    const auto v = check_linearizable(events, initial);
    ASSERT_EQ(v.what == outcome::linearizable, some_order_explains(events, initial)) << in_columns(events);
    if (v) continue;
    // What it blames is to blame, and is the shortest such beginning.
    ++refused;
    auto prefix = v.prefix;
    EXPECT_FALSE(check_linearizable(prefix, initial)) << in_columns(events) << v.explanation;
    ticks last = 0;
    for (const auto& e : prefix) last = std::max(last, e.returned == never ? 0 : e.returned);
    for (auto& e : prefix) e.returned = e.returned == last ? never : e.returned;
    EXPECT_TRUE(check_linearizable(prefix, initial)) << in_columns(events) << v.explanation;
  }
  EXPECT_GT(refused, 300);
}

TEST(RandomHistories, OfAQueue) {
  expect_as_by_definition(fifo_spec{2, false}, ask_queue<fifo_spec>);
}
TEST(RandomHistories, OfAStack) {
  expect_as_by_definition(stack_spec{2, false}, ask_queue<stack_spec>);
}
TEST(RandomHistories, OfAPriorityQueue) {
  expect_as_by_definition(priority_spec{2, false}, ask_queue<priority_spec>);
}
TEST(RandomHistories, OfACounter) {
  expect_as_by_definition(counter_spec{5}, ask_counter);
}
TEST(RandomHistories, OfAMap) {
  expect_as_by_definition(map_spec{}, ask_map);
}

// Without a capacity and a close the fast check is exact; otherwise it never refuses too much.
TEST(RandomHistories, FastCheckAndSearchAgree) {
  int refused[2] = {}, missed[2] = {};
  const std::uint64_t seed = first_seed();
  for (std::uint64_t round = 0; round < 12'000 && !HasFailure(); ++round) {
    SCOPED_TRACE(replay(seed + round));
    random_source random = random_for(seed + round, 0);
    const bool bounded = round % 2 != 0;
    const fifo_spec initial{bounded ? 1 + random() % 3 : 100, false};
    auto events = random_history(initial, 12, 0, 7, random, ask_queue<fifo_spec>);
    if (round % 8 > 1) spoil(events, random);
    const auto v = check_linearizable(events, initial);
    const auto f = check_fifo(events, initial.capacity);
    refused[bounded] += !v;
    missed[bounded] += !v && !f;
    ASSERT_FALSE(v && f) << f->explanation << in_columns(events);
    ASSERT_FALSE(!bounded && !v && !f) << v.explanation << in_columns(events);
    // What it shows of the history contradicts itself, unless it is about the capacity or a close.
    if (f && f->name != "room" && f->name != "closing" && !bounded) {
      EXPECT_FALSE(check_linearizable(f->contradiction, initial)) << f->explanation;
    }
  }
  EXPECT_GT(refused[0], 1000);
  EXPECT_GT(refused[1], 1000);
  EXPECT_LT(missed[1], refused[1] / 10) << "of " << refused[1];
}

TEST(RandomHistories, LongOnes) {
  random_source random = random_for(first_seed(), 0);
  const fifo_spec queue{4, false};
  auto events =
      random_history(queue, 20'000, 4, 4, random, [](int i, const fifo_spec& state, random_source& r) {
        return r() % 2 == 0          ? allowed(state, {push(i), push(i, status::full)})
               : state.items.empty() ? no_pop(status::empty)
                                     : pop(state.items.front());
      });
  EXPECT_TRUE(check_linearizable(events, queue));
  EXPECT_FALSE(check_fifo(events, 4));
  // An exchange of two pops, late.
  std::vector<event<queue_call>*> pops;
  for (auto& e : events) {
    if (e.call.is(queue_call::kind::pop, status::success)) pops.push_back(&e);
  }
  std::swap(pops[pops.size() - 100]->call, pops[pops.size() - 60]->call);
  const auto v = check_linearizable(events, queue);
  EXPECT_EQ(v.what, outcome::not_linearizable);
  EXPECT_GT(v.prefix.size(), 19'000U);
  EXPECT_TRUE(check_fifo(events, 4));
}

// The clock of the histories: what one thread does after another has told it to is later.
TEST(HistoryClock, IsTheSameInAllThreads) {
  atomic<int> turn{0};
  ticks latest = 0;  // handed over with the turn
  int backwards = 0;
  const auto play = [&](int me) {
    for (int i = 0; i < 2000; ++i) {
      while (turn.load(memory_order_acquire) != me) yield();
      const ticks began = history_clock::began();
      const ticks ended = history_clock::ended();
      backwards += began < latest || ended < began;
      latest = ended;
      turn.store(1 - me, memory_order_release);
    }
  };
  std::thread other(play, 1);
  play(0);
  other.join();
  EXPECT_EQ(backwards, 0) << "the processors' time stamp counters do not agree";
}

}  // namespace
}  // namespace switchyard::linearizability
