// The structures of this package, used by real threads: what they did is what their headers promise.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "switchyard/atomics/atomic.h"
#include "switchyard/blocking/bounded_queue.h"
#include "switchyard/blocking/counter.h"
#include "switchyard/blocking/priority_queue.h"
#include "switchyard/blocking/object_pool.h"
#include "switchyard/blocking/sharded_counter.h"
#include "switchyard/blocking/spsc_queue.h"
#include "switchyard/blocking/stack.h"
#include "switchyard/blocking/unbounded_queue.h"
#include "switchyard/lockfree/bounded_queue.h"
#include "switchyard/lockfree/counter.h"
#include "switchyard/lockfree/object_pool.h"
#include "switchyard/lockfree/priority_queue.h"
#include "switchyard/lockfree/sharded_counter.h"
#include "switchyard/lockfree/spsc_queue.h"
#include "switchyard/lockfree/stack.h"
#include "switchyard/tests/linearizability/drive.h"
#include "switchyard/tests/linearizability/fifo_check.h"
#include "switchyard/tests/linearizability/history.h"
#include "switchyard/tests/linearizability/linearizability.h"
#include "switchyard/tests/linearizability/specifications.h"

namespace switchyard::linearizability {
namespace {

// ---- Queues

/// `exact`: linearizable with `full`, `empty` and `closed`. `closed_by_producer`: so if only thread 0, the
/// one producer, closes it; otherwise, as where `order` is promised, FIFO, and `empty` only when it is, but
/// `full` may come early, and `empty` instead of `closed`.
enum class promise { exact, closed_by_producer, order };

struct trial {
  std::vector<job> jobs;
  manner how;
};
const std::vector<trial> by_one_and_one = {
    {{job::push, job::pop}, manner::trying},
    {{job::push, job::pop}, manner::waiting},
    {{job::push, job::pop, job::close}, manner::trying},
    {{job::push, job::pop, job::close}, manner::waiting},
};
const std::vector<trial> by_many = {
    {{job::both, job::both, job::both}, manner::trying},
    {{job::both, job::push, job::pop, job::pop}, manner::trying},
    {{job::both, job::push, job::pop, job::close}, manner::trying},
    {{job::push, job::push, job::pop, job::pop}, manner::waiting},
    {{job::push, job::push, job::pop, job::close}, manner::waiting},
};

void expect_kept(const history<queue_call>& events, std::size_t capacity, promise p, bool search) {
  const bool others_close = std::any_of(events.begin(), events.end(), [](const auto& e) {
    return e.call.what == queue_call::kind::close && e.thread != 0;
  });
  const bool exact = p == promise::exact || (p == promise::closed_by_producer && !others_close);
  // The fast check believes `full` only if there may have been so many successful pushes; the room that a
  // push holds for a while is not among them.
  history<queue_call> known;
  for (const auto& e : events) {
    if (p != promise::order || e.call.status != conqueue_status::full) known.push_back(e);
  }
  const auto f = check_fifo(known, capacity, exact ? closing::exact : closing::may_lag);
  ASSERT_FALSE(f) << f->explanation;
  if (!search) return;
  const auto v = exact ? check_linearizable<fifo_spec>(events, {capacity})
                       : check_linearizable<fifo_spec>(without_full_and_closed(events));
  ASSERT_TRUE(v) << v.explanation;
}

/// Short histories, of so many `calls` a thread, for the search, and long ones for the fast check.
/// `make(capacity)` makes a queue.
template <class Make>
void test_queue(promise p, const std::vector<trial>& trials, const std::vector<std::size_t>& capacities,
                int calls, Make make) {
  std::uint64_t seed = first_seed();
  for (const std::size_t capacity : capacities) {
    for (const trial& t : trials) {
      for (int round = 0; round < 40 && !testing::Test::HasFatalFailure(); ++round, ++seed) {
        SCOPED_TRACE(replay(seed) + ", capacity " + std::to_string(capacity));
        const bool is_long = round == 0;
        auto queue = make(capacity);
        expect_kept(drive(queue, t.jobs, t.how, is_long ? 3000 : calls, seed), capacity, p, !is_long);
      }
    }
  }
}

template <class Queue>
void test_bounded(promise p, const std::vector<trial>& trials, const std::vector<std::size_t>& more = {}) {
  std::vector<std::size_t> capacities = {1, 2, 3};
  capacities.insert(capacities.end(), more.begin(), more.end());
  test_queue(p, trials, capacities, 60, [](std::size_t capacity) { return Queue(capacity); });
}

// Elements that queues treat differently.
struct large {
  explicit large(number n) : values{n, n, n} {}
  explicit operator number() const { return values[2]; }
  number values[3];
};
struct not_trivial {
  explicit not_trivial(number n) : value(n) {}
  // Some moves take long, so that others come while a push or a pop is under way.
  not_trivial(not_trivial&& other) noexcept : value(other.value) {
    thread_local int moves = 0;
    if (++moves % 8 == 0) yield();
  }
  explicit operator number() const { return value; }
  bool operator<(const not_trivial& other) const { return value < other.value; }
  number value;
};

TEST(Lockfree, BoundedQueueOfWords) {
  test_bounded<lockfree::bounded_queue<int>>(promise::exact, by_many);
}
TEST(Lockfree, BoundedQueueOfLarge) {
  test_bounded<lockfree::bounded_queue<large>>(promise::exact, by_many);
}
TEST(Lockfree, BoundedQueueOfNotTrivial) {
  test_bounded<lockfree::bounded_queue<not_trivial>>(promise::order, by_many);
}
TEST(Lockfree, SpscQueue) {
  test_bounded<lockfree::spsc_queue<int>>(promise::closed_by_producer, by_one_and_one, {20});
  test_bounded<lockfree::spsc_queue<not_trivial>>(promise::closed_by_producer, by_one_and_one, {20});
}
TEST(Blocking, BoundedQueue) {
  test_bounded<blocking::bounded_queue<int>>(promise::exact, by_many);
}
TEST(Blocking, SpscQueue) {
  test_bounded<blocking::spsc_queue<int>>(promise::exact, by_one_and_one, {20});
}
TEST(Blocking, UnboundedQueue) {
  // What overlapping pushes left inside may be in many orders: the search needs few of them.
  test_queue(promise::exact, by_many, {fifo_spec().capacity}, 12,
             [](auto) { return blocking::unbounded_queue<int>(); });
}

/// What overlapping pushes left inside a stack may be in many orders, too. `order`: a pop may say `empty` instead of
/// `closed`.
template <class Spec, class Queue>
void test_unbounded(promise p = promise::exact) {
  std::uint64_t seed = first_seed();
  for (const trial& t : by_many) {
    for (int round = 0; round < 120 && !testing::Test::HasFatalFailure(); ++round, ++seed) {
      SCOPED_TRACE(replay(seed));
      Queue queue;
      const auto events = drive(queue, t.jobs, t.how, 12, seed);
      const auto v = check_linearizable<Spec>(p == promise::exact ? events : without_full_and_closed(events));
      ASSERT_TRUE(v) << v.explanation;
    }
  }
}
TEST(Lockfree, Stack) {
  test_unbounded<stack_spec, lockfree::stack<int>>(promise::order);
  test_unbounded<stack_spec, lockfree::stack<not_trivial>>(promise::order);
}
TEST(Blocking, Stack) {
  test_unbounded<stack_spec, blocking::stack<int>>();
}
TEST(Blocking, PriorityQueue) {
  test_unbounded<priority_spec, blocking::priority_queue<int>>();
}
TEST(Lockfree, PriorityQueue) {
  test_unbounded<priority_spec, lockfree::priority_queue<int>>(promise::order);
  test_unbounded<priority_spec, lockfree::priority_queue<not_trivial>>(promise::order);
}

// ---- Counters

template <class Counter>
void test_exact_counter() {
  for (std::uint64_t seed = first_seed(), end = seed + 1000; seed != end && !testing::Test::HasFailure();
       ++seed) {
    SCOPED_TRACE(replay(seed));
    Counter counter(3);
    const auto events = drive_counter(counter, 2 + static_cast<int>(seed % 3), 60, seed);
    const auto v = check_linearizable<counter_spec>(events, {3});
    EXPECT_TRUE(v) << v.explanation;
  }
}
TEST(Lockfree, Counter) {
  test_exact_counter<lockfree::counter>();
}
TEST(Blocking, Counter) {
  test_exact_counter<blocking::counter>();
}
TEST(Blocking, ShardedCounter) {
  test_exact_counter<blocking::sharded_counter>();
}

// Every addition is a bit of its own, so a reading says which it has counted. A reading, or all that was
// taken out of the counter up to an exchange by the only thread that does so, has each addition that ended
// before it, none that began after it, and any of the others.
void test_sharded(counter_call::kind reading, std::uint64_t seed) {
  using kind = counter_call::kind;
  constexpr int adders = 3, additions = 18;
  lockfree::sharded_counter counter;
  const auto events =
      record_threads<counter_call>(adders + 1, seed, [&](int thread, auto& log, random_source& random) {
        for (int i = 0; i < additions; ++i) {
          stagger(random);
          const number bit = number{1} << (thread % adders * additions + i);
          log.record([&]() -> counter_call {
            if (thread == adders)
              return {reading, 0, reading == kind::load ? counter.load() : counter.exchange(0)};
            counter.add(bit);
            return {kind::add, bit, 0};
          });
        }
      });
  number taken = 0;
  for (const auto& r : events) {
    if (r.call.what == kind::add) continue;
    ASSERT_FALSE(reading == kind::exchange && (taken & r.call.result) != 0) << "taken out twice";
    taken = reading == kind::load ? r.call.result : taken | r.call.result;
    for (const auto& e : events) {
      if (e.call.what != kind::add) continue;
      const bool counted = (taken & e.call.argument) != 0;
      ASSERT_FALSE(counted ? is_before(r, e) : is_before(e, r)) << in_columns<counter_call>({e, r});
    }
  }
  const number all = (number{1} << (adders * additions)) - 1;
  EXPECT_EQ(counter.load(), reading == kind::load ? all : all & ~taken);
}

TEST(Lockfree, ShardedCounter) {
  for (std::uint64_t seed = first_seed(), end = seed + 300; seed != end && !HasFailure(); ++seed) {
    SCOPED_TRACE(replay(seed));
    test_sharded(counter_call::kind::load, seed);
    test_sharded(counter_call::kind::exchange, seed);
  }
}

// ---- Pools

// Objects of a pool so small that it moves them one by one: nobody is refused unless all were in use at once.
template <class Pool>
void test_pool() {
  for (std::uint64_t seed = first_seed(), end = seed + 600; seed != end && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE(replay(seed));
    const std::size_t capacity = 1 + seed % 4;
    Pool pool(capacity);
    std::vector<number*> objects;  // whose numbers are their indices
    while (number* const object = pool.try_construct()) objects.push_back(object);
    for (number* const object : objects) pool.destroy(object);
    const auto index = [&](const number* object) {
      return static_cast<number>(std::find(objects.begin(), objects.end(), object) - objects.begin());
    };
    const auto body = [&](int, thread_log<pool_call>& log, random_source& random) {
      std::vector<number*> mine;
      const auto put = [&] {
        log.record([&]() -> pool_call {
          number* const object = mine.back();
          mine.pop_back();
          const number n = index(object);
          pool.destroy(object);
          return {pool_call::kind::put, n};
        });
      };
      for (int i = 0; i < 30; ++i) {
        stagger(random);
        if (!mine.empty() && random() % 2 == 0) {
          put();
          continue;
        }
        log.record([&]() -> pool_call {
          number* const object = pool.try_construct();
          if (object == nullptr) return {};
          mine.push_back(object);
          return {pool_call::kind::take, index(object)};
        });
      }
      while (!mine.empty()) put();
    };
    const auto events = record_threads<pool_call>(2 + static_cast<int>(seed % 3), seed, body, 64);
    const auto v = check_linearizable<pool_spec>(events, {(std::uint64_t{1} << capacity) - 1});
    EXPECT_TRUE(v) << v.explanation;
  }
}
TEST(Lockfree, ObjectPool) {
  test_pool<lockfree::object_pool<number>>();
}
TEST(Blocking, ObjectPool) {
  test_pool<blocking::object_pool<number>>();
}

}  // namespace
}  // namespace switchyard::linearizability
