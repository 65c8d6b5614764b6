// mpsc_queue and intrusive_mpsc_queue of both sides, used by real threads: what they did is what their headers promise.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "switchyard/atomics/atomic.h"
#include "switchyard/blocking/intrusive_mpsc_queue.h"
#include "switchyard/blocking/mpsc_queue.h"
#include "switchyard/interface/conqueue_status.h"
#include "switchyard/interface/queue.h"
#include "switchyard/lockfree/intrusive_mpsc_queue.h"
#include "switchyard/lockfree/mpsc_queue.h"
#include "switchyard/tests/linearizability/drive.h"
#include "switchyard/tests/linearizability/fifo_check.h"
#include "switchyard/tests/linearizability/history.h"
#include "switchyard/tests/linearizability/linearizability.h"
#include "switchyard/tests/linearizability/specifications.h"
#include "switchyard/threads/queue_hook.h"

namespace switchyard::linearizability {
namespace {

struct trial {
  std::vector<job> jobs;
  manner how;
};
const std::vector<trial> trials = {
    {{job::both, job::push, job::push}, manner::trying},
    {{job::push, job::push, job::pop}, manner::trying},
    {{job::both, job::push, job::push, job::close}, manner::trying},
    {{job::push, job::push, job::pop}, manner::waiting},
    {{job::push, job::push, job::pop, job::close}, manner::waiting},
};

struct not_trivial {
  explicit not_trivial(number n) : value(n) {}
  // Some moves take long, so that others come while a push or a pop is under way.
  not_trivial(not_trivial&& other) noexcept : value(other.value) {
    thread_local int moves = 0;
    if (++moves % 8 == 0) yield();
  }
  explicit operator number() const { return value; }
  number value;
};

struct node : queue_hook {
  explicit node(number n) : value(n) {}
  number value;
};
/// Numbers in an intrusive queue.
template <class Queue>
class boxed {
 public:
  using value_type = number;

  ~boxed() {
    while (try_pop()) {
    }
  }
  conqueue_status try_push(number n) {
    auto made = std::make_unique<node>(n);
    const conqueue_status status = queue_.try_push(*made);
    if (status == conqueue_status::success) made.release();
    return status;
  }
  pop_result<number> try_pop() {
    const auto got = queue_.try_pop();
    if (!got) return unexpected(got.error());
    const std::unique_ptr<node> mine(*got);
    return mine->value;
  }
  void close() { queue_.close(); }
  bool is_closed() const { return queue_.is_closed(); }

 private:
  Queue queue_;
};

/// `exact`: also when it is closed. Otherwise a pop may say `empty` for a while where `closed` is meant.
template <class Queue>
void test_queue(bool exact) {
  std::uint64_t seed = first_seed();
  for (const trial& t : trials) {
    for (int round = 0; round < 40 && !testing::Test::HasFatalFailure(); ++round, ++seed) {
      SCOPED_TRACE(replay(seed));
      const bool is_long = round == 0;
      const bool closed = t.how == manner::waiting || std::count(t.jobs.begin(), t.jobs.end(), job::close) != 0;
      auto queue = std::make_unique<Queue>();
      // What overlapping pushes left inside may be in many orders: the search needs few of them.
      const auto events = drive(*queue, t.jobs, t.how, is_long ? 3000 : 10, seed);
      const auto f = check_fifo(events, fifo_spec().capacity, exact || !closed ? closing::exact : closing::may_lag);
      ASSERT_FALSE(f) << f->explanation;
      if (is_long) continue;
      const auto v = check_linearizable<fifo_spec>(exact || !closed ? events : without_full_and_closed(events));
      ASSERT_TRUE(v) << v.explanation;
    }
  }
}

TEST(Lockfree, MpscQueue) {
  test_queue<lockfree::mpsc_queue<number>>(false);
  test_queue<lockfree::mpsc_queue<not_trivial>>(false);
}
TEST(Lockfree, IntrusiveMpscQueue) { test_queue<boxed<lockfree::intrusive_mpsc_queue<node>>>(true); }
TEST(Blocking, MpscQueue) { test_queue<blocking::mpsc_queue<number>>(true); }
TEST(Blocking, IntrusiveMpscQueue) { test_queue<boxed<blocking::intrusive_mpsc_queue<node>>>(true); }

}  // namespace
}  // namespace switchyard::linearizability
