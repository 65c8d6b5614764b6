// Work-stealing deques, used by real threads: what they did is what one thread doing all of it in turn would have got.

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "switchyard/blocking/work_stealing_deque.h"
#include "switchyard/interface/conqueue_status.h"
#include "switchyard/interface/queue.h"
#include "switchyard/lockfree/work_stealing_deque.h"
#include "switchyard/tests/linearizability/history.h"
#include "switchyard/tests/linearizability/linearizability.h"
#include "switchyard/tests/linearizability/specifications.h"

namespace switchyard::linearizability {
namespace {

struct deque_call {
  enum class kind { push, pop, steal };

  std::string request() const {
    if (what == kind::push) return "push " + to_string(value);
    return what == kind::pop ? "pop" : "steal";
  }
  std::string reply() const {
    return what != kind::push && status == conqueue_status::success ? to_string(value) : std::string(to_string(status));
  }

  kind what = kind::push;
  number value = 0;
  conqueue_status status = conqueue_status::success;
};

/// Pops take the newest, steals the oldest. A steal may be `busy` at any time.
struct deque_spec {
  using call = deque_call;

  bool apply(const call& c) {
    if (c.what == call::kind::push) {
      items.push_back(c.value);
      return true;
    }
    if (c.status == conqueue_status::busy) return c.what == call::kind::steal;
    if (items.empty()) return c.status == conqueue_status::empty;
    const auto next = c.what == call::kind::steal ? items.begin() : items.end() - 1;
    const bool same = *next == c.value;
    items.erase(next);
    return same && c.status == conqueue_status::success;
  }
  std::size_t hash() const noexcept {
    std::size_t h = 0;
    for (const number n : items) h = mix(h, n);
    return h;
  }
  std::string text() const {
    std::string all = "[";
    for (const number n : items) all += ' ' + to_string(n);
    return all + " ]";
  }
  friend bool operator==(const deque_spec&, const deque_spec&) = default;

  std::vector<number> items{};
};

TEST(DequeSpec, CanTell) {
  using kind = deque_call::kind;
  const auto after = [](const deque_call& last) {
    history<deque_call> events;
    ticks now = 0;
    for (const deque_call& c : {deque_call{kind::push, 1}, deque_call{kind::push, 2}, last}) {
      events.push_back({0, c, now, now + 1});
      now += 2;
    }
    return static_cast<bool>(check_linearizable<deque_spec>(events));
  };
  EXPECT_TRUE(after({kind::pop, 2}));
  EXPECT_FALSE(after({kind::pop, 1}));
  EXPECT_TRUE(after({kind::steal, 1}));
  EXPECT_FALSE(after({kind::steal, 2}));
  EXPECT_FALSE(after({kind::steal, 0, conqueue_status::empty}));
  EXPECT_TRUE(after({kind::steal, 0, conqueue_status::busy}));
  EXPECT_FALSE(after({kind::pop, 0, conqueue_status::busy}));
}

// Elements that deques treat differently.
struct in_node {
  explicit in_node(number n) : value(n) {}
  in_node(in_node&& other) noexcept : value(other.value) {}
  explicit operator number() const { return value; }
  number value;
};

/// Thread 0 is the owner. It pushes a little less often than it pops, or a little more.
template <class Deque>
history<deque_call> drive_deque(Deque& deque, int thieves, int calls, std::uint64_t seed) {
  using T = typename Deque::value_type;
  using kind = deque_call::kind;
  const auto as_call = [](kind what, const pop_result<T>& result) {
    return result ? deque_call{what, static_cast<number>(*result)} : deque_call{what, 0, result.error()};
  };
  return record_threads<deque_call>(
      thieves + 1, seed,
      [&](int thread, thread_log<deque_call>& log, random_source& random) {
        const auto pushes = 3 + seed % 4;  // of eight
        number next = 1;
        for (int i = 0; i < calls; ++i) {
          stagger(random);
          if (thread != 0) {
            log.record([&] { return as_call(kind::steal, deque.try_steal()); });
          } else if (random() % 8 < pushes) {
            log.record([&] {
              deque.push(T(next));
              return deque_call{kind::push, next++};
            });
          } else {
            log.record([&] { return as_call(kind::pop, deque.try_pop()); });
          }
        }
        while (thread == 0 &&
               log.record([&] { return as_call(kind::pop, deque.try_pop()); }).status == conqueue_status::success) {
        }
      },
      static_cast<std::size_t>(calls));
}

template <class Deque>
void test_deque() {
  for (std::uint64_t seed = first_seed(), end = seed + 400; seed != end && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE(replay(seed));
    Deque deque(1 + seed % 3);
    const auto events = drive_deque(deque, 1 + static_cast<int>(seed % 3), 80, seed);
    const auto v = check_linearizable<deque_spec>(events);
    EXPECT_TRUE(v) << v.explanation;
  }
}

TEST(Lockfree, WorkStealingDeque) {
  test_deque<lockfree::work_stealing_deque<number>>();
  test_deque<lockfree::work_stealing_deque<in_node>>();
}
TEST(Blocking, WorkStealingDeque) {
  test_deque<blocking::work_stealing_deque<number>>();
  test_deque<blocking::work_stealing_deque<in_node>>();
}

}  // namespace
}  // namespace switchyard::linearizability
