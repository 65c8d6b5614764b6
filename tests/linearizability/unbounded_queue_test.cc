// lockfree::unbounded_queue, used by real threads: what they did is what its header promises.

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "switchyard/atomics/atomic.h"
#include "switchyard/lockfree/unbounded_queue.h"
#include "switchyard/tests/linearizability/drive.h"
#include "switchyard/tests/linearizability/fifo_check.h"
#include "switchyard/tests/linearizability/history.h"
#include "switchyard/tests/linearizability/linearizability.h"
#include "switchyard/tests/linearizability/specifications.h"

namespace switchyard::linearizability {
namespace {

struct trial {
  std::vector<job> jobs;
  manner how;
};
const std::vector<trial> trials = {
    {{job::both, job::both, job::both}, manner::trying},
    {{job::both, job::push, job::pop, job::pop}, manner::trying},
    {{job::both, job::push, job::pop, job::close}, manner::trying},
    {{job::push, job::push, job::pop, job::pop}, manner::waiting},
    {{job::push, job::push, job::pop, job::close}, manner::waiting},
};

// Elements that the queue treats differently.
struct large {
  explicit large(number n) : values{n, n, n} {}
  explicit operator number() const { return values[2]; }
  number values[3];
};
template <bool MovesSafely>
struct not_trivial {
  explicit not_trivial(number n) : value(n) {}
  // Some moves take long, so that others come while a push or a pop is under way, and take its slot from it.
  not_trivial(not_trivial&& other) noexcept(MovesSafely) : value(other.value) {
    thread_local int moves = 0;
    if (++moves % 8 == 0) yield();
  }
  explicit operator number() const { return value; }
  number value;
};

/// `exact`: also `closed` is never late. Short histories for the search, as what overlapping pushes left inside may be in
/// many orders; long ones, over several segments, for the fast check.
template <class T>
void test(bool exact) {
  std::uint64_t seed = first_seed();
  for (const trial& t : trials) {
    for (int round = 0; round < 30 && !testing::Test::HasFatalFailure(); ++round, ++seed) {
      SCOPED_TRACE(replay(seed));
      const bool is_long = round == 0;
      lockfree::unbounded_queue<T> queue;
      const auto events = drive(queue, t.jobs, t.how, is_long ? 4000 : 12, seed);
      if (is_long) {
        const auto f = check_fifo(events, fifo_spec().capacity, exact ? closing::exact : closing::may_lag);
        ASSERT_FALSE(f) << f->explanation;
      } else {
        const auto v = exact ? check_linearizable<fifo_spec>(events)
                             : check_linearizable<fifo_spec>(without_full_and_closed(events));
        ASSERT_TRUE(v) << v.explanation;
      }
    }
  }
}

TEST(UnboundedQueue, OfWords) { test<int>(true); }
TEST(UnboundedQueue, OfLarge) { test<large>(true); }
TEST(UnboundedQueue, OfNotTrivial) { test<not_trivial<true>>(false); }
TEST(UnboundedQueue, OfNodes) { test<not_trivial<false>>(false); }

}  // namespace
}  // namespace switchyard::linearizability
