// spsc_queue, by its spans, and unbounded_spsc_queue, used by real threads: what they did is what their headers promise.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "switchyard/blocking/spsc_queue.h"
#include "switchyard/blocking/unbounded_spsc_queue.h"
#include "switchyard/interface/conqueue_status.h"
#include "switchyard/interface/queue.h"
#include "switchyard/interface/spans.h"
#include "switchyard/lockfree/spsc_queue.h"
#include "switchyard/lockfree/unbounded_spsc_queue.h"
#include "switchyard/tests/linearizability/drive.h"
#include "switchyard/tests/linearizability/fifo_check.h"
#include "switchyard/tests/linearizability/history.h"
#include "switchyard/tests/linearizability/linearizability.h"
#include "switchyard/tests/linearizability/specifications.h"

namespace switchyard::linearizability {
namespace {

/// Pushes and pops in place, one at a time, by halves of what has been handed out.
template <class Queue>
class in_place {
 public:
  using value_type = typename Queue::value_type;

  explicit in_place(std::size_t capacity) : queue_(capacity) {}

  conqueue_status try_push(const value_type& value) {
    const auto places = queue_.reserve(2);
    if (places.empty()) return queue_.is_closed() ? conqueue_status::closed : conqueue_status::full;
    places[0] = value;
    return queue_.commit(1) ? conqueue_status::success : conqueue_status::closed;
  }
  pop_result<value_type> try_pop() {
    const auto there = queue_.peek(2);
    if (there.empty()) return queue_.try_pop();  // which knows whether it is closed
    const value_type value = there[0];
    queue_.consume(1);
    return value;
  }
  void close() { queue_.close(); }

 private:
  Queue queue_;
};

struct trial {
  std::vector<job> jobs;
  manner how;
};
const std::vector<trial> trials = {
    {{job::push, job::pop}, manner::trying},
    {{job::push, job::pop}, manner::waiting},
    {{job::push, job::pop, job::close}, manner::trying},
    {{job::push, job::pop, job::close}, manner::waiting},
};

/// With `lags`, what is said when somebody else than the producer closes may lag.
void expect_kept(const history<queue_call>& events, std::size_t capacity, bool lags, bool search) {
  lags = lags && std::any_of(events.begin(), events.end(), [](const auto& e) {
           return e.call.what == queue_call::kind::close && e.thread != 0;
         });
  const auto f = check_fifo(events, capacity, lags ? closing::may_lag : closing::exact);
  ASSERT_FALSE(f) << f->explanation;
  if (!search) return;
  const auto v = lags ? check_linearizable<fifo_spec>(without_full_and_closed(events))
                      : check_linearizable<fifo_spec>(events, {capacity});
  ASSERT_TRUE(v) << v.explanation;
}

/// Short histories for the search, and a long one for the fast check. `make()` makes a queue.
template <class Make>
void test_queue(std::size_t capacity, bool lags, Make make) {
  std::uint64_t seed = first_seed();
  for (const trial& t : trials) {
    for (int round = 0; round < 25 && !testing::Test::HasFatalFailure(); ++round, ++seed) {
      SCOPED_TRACE(replay(seed) + ", capacity " + std::to_string(capacity));
      const bool is_long = round == 0;
      auto queue = make();
      expect_kept(drive(queue, t.jobs, t.how, is_long ? 3000 : 60, seed), capacity, lags, !is_long);
    }
  }
}

template <class Queue>
void test_in_place(bool lags) {
  for (const std::size_t capacity : {1, 2, 3, 20}) {
    test_queue(capacity, lags, [=] { return in_place<Queue>(capacity); });
  }
}
TEST(Lockfree, SpscQueueInPlace) {
  test_in_place<lockfree::spsc_queue<int>>(true);
}
TEST(Lockfree, SpscQueueInPlaceWithLongSpans) {
  test_in_place<lockfree::spsc_queue<int, std::allocator<int>, long_spans>>(true);
}
TEST(Blocking, SpscQueueInPlace) {
  test_in_place<blocking::spsc_queue<int>>(false);
}

// Two of these fill a line.
struct large {
  explicit large(number n) : values{n, n, n} {}
  explicit operator number() const { return values[2]; }
  number values[3];
};
TEST(Lockfree, UnboundedSpscQueue) {
  test_queue(fifo_spec().capacity, true, [] { return lockfree::unbounded_spsc_queue<int>(); });
  test_queue(fifo_spec().capacity, true, [] { return lockfree::unbounded_spsc_queue<large>(); });
}
TEST(Blocking, UnboundedSpscQueue) {
  test_queue(fifo_spec().capacity, false, [] { return blocking::unbounded_spsc_queue<int>(); });
}

}  // namespace
}  // namespace switchyard::linearizability
