// joinable, of both sides over queues of both sides: GUIDE 1.10, `task_done`, `join` and `shutdown`.

#include "switchyard/lockfree/joinable.h"

#include <gtest/gtest.h>

#include <chrono>
#include <concepts>
#include <cstddef>
#include <iterator>
#include <memory>
#include <optional>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include "switchyard/atomics/atomic.h"
#include "switchyard/blocking/bounded_queue.h"
#include "switchyard/blocking/joinable.h"
#include "switchyard/interface/conqueue_status.h"
#include "switchyard/interface/joinable.h"
#include "switchyard/interface/queue.h"
#include "switchyard/lockfree/bounded_queue.h"
#include "switchyard/lockfree/spsc_queue.h"
#include "switchyard/lockfree/stack.h"

namespace switchyard {
namespace {

using namespace std::chrono_literals;
using status = conqueue_status;

struct all_lockfree {
  template <class T>
  using queue = lockfree::joinable<lockfree::bounded_queue<T>>;
};
struct all_blocking {
  template <class T>
  using queue = blocking::joinable<blocking::bounded_queue<T>>;
};
struct mixed {
  template <class T>
  using queue = lockfree::joinable<blocking::bounded_queue<T>>;
};

template <class Side>
class Joinable : public testing::Test {
 protected:
  template <class T>
  using queue_of = typename Side::template queue<T>;
};
using sides = testing::Types<all_lockfree, all_blocking, mixed>;
TYPED_TEST_SUITE(Joinable, sides);

static_assert(timed_queue<lockfree::joinable<lockfree::bounded_queue<int>>>);
static_assert(bulk_queue<lockfree::joinable<lockfree::bounded_queue<int>>>);
static_assert(sized_queue<lockfree::joinable<lockfree::bounded_queue<int>>>);
static_assert(capacity_limited<lockfree::joinable<lockfree::bounded_queue<int>>>);
static_assert(!capacity_limited<lockfree::joinable<lockfree::stack<int>>>);
static_assert(concurrent_stack<lockfree::joinable<lockfree::stack<int>>>);
static_assert(!concurrent_stack<lockfree::joinable<lockfree::bounded_queue<int>>>);
static_assert(!std::default_initializable<lockfree::joinable<lockfree::bounded_queue<int>>>);
static_assert(keeps_what_throws<blocking::bounded_queue<int>> && !keeps_what_throws<lockfree::bounded_queue<int>>);
static_assert(one_consumer<lockfree::spsc_queue<int>> && !one_consumer<lockfree::bounded_queue<int>>);

TYPED_TEST(Joinable, UnfinishedCountsPushesLessTheDone) {
  typename TestFixture::template queue_of<int> queue(5);
  EXPECT_EQ(queue.unfinished_tasks(), 0U);
  EXPECT_TRUE(queue.push(1));
  EXPECT_EQ(queue.try_push(2), status::success);
  EXPECT_TRUE(queue.emplace(3));
  const int more[] = {4, 5, 6};
  EXPECT_EQ(queue.try_push_n(more, 3), 2U);
  EXPECT_EQ(queue.unfinished_tasks(), 5U) << "what did not fit is not counted";
  EXPECT_EQ(queue.pop(), 1);
  EXPECT_EQ(queue.unfinished_tasks(), 5U) << "popped is not done";
  queue.task_done();
  EXPECT_EQ(queue.unfinished_tasks(), 4U);
}

TYPED_TEST(Joinable, FailedPushesTakeTheirCountBack) {
  typename TestFixture::template queue_of<int> queue(1);
  EXPECT_EQ(queue.try_push(1), status::success);
  EXPECT_EQ(queue.try_push(2), status::full);
  EXPECT_EQ(queue.try_push_for(2, 1ms), status::full);
  EXPECT_EQ(queue.try_push_until(2, std::chrono::steady_clock::now()), status::full);
  EXPECT_EQ(queue.unfinished_tasks(), 1U);
  queue.close();
  EXPECT_FALSE(queue.push(2));
  EXPECT_EQ(queue.try_push(2), status::closed);
  const int more[] = {4, 5};
  EXPECT_EQ(queue.push_n(more, 2), 0U);
  EXPECT_EQ(queue.unfinished_tasks(), 1U);
}

struct throws_when_built {
  explicit throws_when_built(bool now) {
    if (now) throw std::runtime_error("not built");
  }
};

TYPED_TEST(Joinable, APushThatThrowsIsNotCounted) {
  typename TestFixture::template queue_of<throws_when_built> queue(2);
  EXPECT_THROW(queue.emplace(true), std::runtime_error);
  EXPECT_THROW(static_cast<void>(queue.try_emplace(true)), std::runtime_error);
  EXPECT_EQ(queue.unfinished_tasks(), 0U);
  EXPECT_TRUE(queue.join_for(0s));
  EXPECT_TRUE(queue.emplace(false));
  EXPECT_EQ(queue.unfinished_tasks(), 1U);
}

TYPED_TEST(Joinable, TooManyTaskDoneIsAnErrorAndChangesNothing) {
  typename TestFixture::template queue_of<int> queue(3);
  EXPECT_THROW(queue.task_done(), too_many_task_done) << "nothing was ever pushed";
  EXPECT_EQ(queue.unfinished_tasks(), 0U);
  queue.push(1);
  queue.push(2);
  EXPECT_THROW(queue.task_done(), too_many_task_done) << "nothing has been popped";
  EXPECT_EQ(queue.unfinished_tasks(), 2U);
  EXPECT_EQ(queue.pop(), 1);
  queue.task_done();
  EXPECT_THROW(queue.task_done(), std::logic_error);
  EXPECT_EQ(queue.unfinished_tasks(), 1U);
  EXPECT_EQ(queue.pop(), 2);
  queue.task_done();
  queue.join();
  EXPECT_THROW(queue.task_done(), too_many_task_done);
  EXPECT_EQ(queue.unfinished_tasks(), 0U);
}

TYPED_TEST(Joinable, JoinWaitsForEveryTaskDoneAndSeesTheWork) {
  typename TestFixture::template queue_of<int> queue(4);
  std::vector<int> done(100, 0);
  std::vector<std::jthread> workers;
  for (int i = 0; i < 3; ++i) {
    workers.emplace_back([&] {
      while (const auto item = queue.pop()) {
        done[static_cast<std::size_t>(*item)] = 1;  // not atomic: join orders it
        queue.task_done();
      }
    });
  }
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 100; ++i) queue.push(i);
    queue.join();
    EXPECT_EQ(queue.unfinished_tasks(), 0U);
    for (int& each : done) EXPECT_EQ(std::exchange(each, 0), 1);
  }
  queue.shutdown();
}

TYPED_TEST(Joinable, JoinOfAnEmptyQueueReturnsAtOnce) {
  typename TestFixture::template queue_of<int> queue(1);
  queue.join();
  EXPECT_TRUE(queue.join_for(-1h));
}

TYPED_TEST(Joinable, JoinWithALimit) {
  typename TestFixture::template queue_of<int> queue(1);
  queue.push(1);
  const auto before = std::chrono::steady_clock::now();
  EXPECT_FALSE(queue.join_for(10ms));
  EXPECT_GE(std::chrono::steady_clock::now() - before, 10ms);
  EXPECT_FALSE(queue.join_until(std::chrono::system_clock::now() + 1ms));
  EXPECT_FALSE(queue.join_for(-1h)) << "a negative time counts as none";
  const auto item = queue.pop();
  EXPECT_EQ(item, 1);
  EXPECT_FALSE(queue.join_for(0s)) << "popped is not done";
  std::jthread worker([&] {
    std::this_thread::sleep_for(5ms);
    queue.task_done();
  });
  EXPECT_TRUE(queue.join_for(1h));
}

TYPED_TEST(Joinable, AllWhoJoinAreReleased) {
  typename TestFixture::template queue_of<int> queue(1);
  queue.push(1);
  std::vector<std::jthread> waiting;
  atomic<int> released{0};
  for (int i = 0; i < 4; ++i) {
    waiting.emplace_back([&] {
      queue.join();
      released.fetch_add(1);
    });
  }
  std::this_thread::sleep_for(5ms);
  EXPECT_EQ(queue.pop(), 1);
  EXPECT_EQ(released.load(), 0);
  queue.task_done();
  waiting.clear();
  EXPECT_EQ(released.load(), 4);
}

TYPED_TEST(Joinable, ShutdownEndsPushesAndLeavesWhatIsThere) {
  typename TestFixture::template queue_of<int> queue(2);
  queue.push(1);
  queue.push(2);
  atomic<bool> refused{false};
  std::jthread blocked([&] { refused.store(!queue.push(3)); });
  std::this_thread::sleep_for(5ms);
  queue.shutdown();
  blocked.join();
  EXPECT_TRUE(refused.load()) << "who waits for room is told";
  EXPECT_TRUE(queue.is_closed());
  EXPECT_EQ(queue.try_push(3), status::closed);
  EXPECT_EQ(queue.unfinished_tasks(), 2U);
  EXPECT_FALSE(queue.join_for(0s)) << "a shutdown does not end the wait";
  for (int i = 1; i <= 2; ++i) {
    EXPECT_EQ(queue.pop(), i);
    queue.task_done();
  }
  EXPECT_EQ(queue.pop(), std::nullopt);
  EXPECT_TRUE(queue.join_for(0s));
}

TYPED_TEST(Joinable, ImmediateShutdownDropsWhatIsThere) {
  typename TestFixture::template queue_of<std::shared_ptr<int>> queue(4);
  const auto item = std::make_shared<int>(1);
  for (int i = 0; i < 3; ++i) queue.push(item);
  const auto in_hand = queue.pop();
  EXPECT_EQ(item.use_count(), 4);
  queue.shutdown(immediate);
  EXPECT_EQ(item.use_count(), 2) << "the dropped ones are destroyed";
  EXPECT_EQ(queue.pop(), std::nullopt);
  EXPECT_EQ(queue.try_pop().error(), status::closed);
  EXPECT_EQ(queue.try_pop_for(1h).error(), status::closed);
  std::vector<std::shared_ptr<int>> out;
  EXPECT_EQ(queue.pop_n(std::back_inserter(out), 4), 0U);
  EXPECT_EQ(queue.try_pop_n(std::back_inserter(out), 4), 0U);
  EXPECT_EQ(queue.unfinished_tasks(), 1U) << "what is in hand has yet to be done";
  EXPECT_FALSE(queue.join_for(0s));
  queue.task_done();
  EXPECT_TRUE(queue.join_for(0s));
  EXPECT_THROW(queue.task_done(), too_many_task_done) << "not for what was dropped";
}

TYPED_TEST(Joinable, ShutdownTwiceAndFromOneToTheOther) {
  typename TestFixture::template queue_of<int> queue(2);
  queue.push(1);
  queue.shutdown();
  queue.shutdown();
  EXPECT_EQ(queue.unfinished_tasks(), 1U);
  queue.shutdown(immediate);
  EXPECT_EQ(queue.unfinished_tasks(), 0U);
  queue.shutdown(immediate);
  queue.shutdown();
  EXPECT_TRUE(queue.join_for(0s));
}

TYPED_TEST(Joinable, ImmediateShutdownReleasesWhoJoinsAndWhoPops) {
  typename TestFixture::template queue_of<int> queue(2);
  typename TestFixture::template queue_of<int> empty(2);
  queue.push(1);
  std::jthread joins([&] { queue.join(); });
  std::jthread pops([&] { EXPECT_EQ(empty.pop(), std::nullopt); });
  std::this_thread::sleep_for(5ms);
  queue.shutdown(immediate);
  empty.shutdown(immediate);
}

TYPED_TEST(Joinable, BulkIsCountedByElement) {
  typename TestFixture::template queue_of<int> queue(8);
  const int in[] = {1, 2, 3, 4, 5};
  EXPECT_EQ(queue.push_n(in, 5), 5U);
  EXPECT_EQ(queue.unfinished_tasks(), 5U);
  int out[5] = {};
  EXPECT_EQ(queue.pop_n(out, 2), 2U);
  std::vector<int> rest;
  EXPECT_EQ(queue.try_pop_n(std::back_inserter(rest), 9), 3U);
  EXPECT_EQ(rest, (std::vector{3, 4, 5}));
  for (int i = 0; i < 5; ++i) queue.task_done();
  EXPECT_THROW(queue.task_done(), too_many_task_done);
  EXPECT_EQ(queue.unfinished_tasks(), 0U);
}

// Throws when it is moved out of the queue, that is when it is moved as an armed object.
struct fragile {
  static inline bool armed = false;
  static inline int moves = 0;
  int value;
  explicit fragile(int v) : value(v) {}
  fragile(fragile&& other) noexcept(false) : value(other.value) {
    ++moves;
    if (armed) throw std::runtime_error("dropped");
  }
  fragile& operator=(fragile&& other) noexcept(false) {
    if (armed) throw std::runtime_error("dropped");
    value = other.value;
    return *this;
  }
};

// Whether the queue has lost it or kept it, the books are right: what is left can be done, and join ends.
TYPED_TEST(Joinable, APopThatThrowsLeavesTheBooksRight) {
  for (const bool bulk : {false, true}) {
    typename TestFixture::template queue_of<fragile> queue(3);
    for (int i = 0; i < 3; ++i) queue.emplace(i);
    fragile::armed = true;
    if (bulk) {
      std::vector<fragile> out;
      EXPECT_THROW(queue.try_pop_n(std::back_inserter(out), 3), std::runtime_error);
    } else {
      EXPECT_THROW(static_cast<void>(queue.pop()), std::runtime_error);
      EXPECT_THROW(static_cast<void>(queue.try_pop()), std::runtime_error);
    }
    fragile::armed = false;
    EXPECT_THROW(queue.task_done(), too_many_task_done) << "the caller has got nothing";
    EXPECT_EQ(queue.unfinished_tasks(), queue.size_approx());
    while (queue.try_pop()) queue.task_done();
    EXPECT_TRUE(queue.join_for(0s));
  }
}

// One more would be one more that can throw, when the queue has let go of the element.
TYPED_TEST(Joinable, APopMovesItsElementNoMoreOftenThanTheQueueDoes) {
  typename TestFixture::template queue_of<fragile> queue(3);
  typename TestFixture::template queue_of<fragile>::queue_type alone(3);
  const auto moves_of = [](auto& from, auto pop) {
    from.emplace(1);
    fragile::moves = 0;
    auto result = pop(from);
    EXPECT_TRUE(result.has_value());
    return fragile::moves;
  };
  const auto pop = [](auto& from) { return from.pop(); };
  const auto try_pop = [](auto& from) { return from.try_pop(); };
  const auto try_pop_for = [](auto& from) { return from.try_pop_for(1s); };
  EXPECT_EQ(moves_of(queue, pop), moves_of(alone, pop));
  EXPECT_EQ(moves_of(queue, try_pop), moves_of(alone, try_pop));
  EXPECT_EQ(moves_of(queue, try_pop_for), moves_of(alone, try_pop_for));
}

TYPED_TEST(Joinable, MoveOnlyElements) {
  typename TestFixture::template queue_of<std::unique_ptr<int>> queue(1);
  EXPECT_TRUE(queue.push(std::make_unique<int>(3)));
  auto second = std::make_unique<int>(4);
  EXPECT_EQ(queue.try_push(std::move(second)), status::full);
  ASSERT_NE(second, nullptr);
  EXPECT_EQ(**queue.pop(), 3);
  queue.task_done();
}

// Pushes, pops, reports and a shutdown at any moment: at the end the count is what is in hand, which is nothing.
TYPED_TEST(Joinable, TheCountIsExactWhateverMeets) {
  for (int round = 0; round < 60; ++round) {
    typename TestFixture::template queue_of<int> queue(2);
    atomic<int> pushed{0};
    atomic<int> popped{0};
    {
      std::vector<std::jthread> threads;
      for (int p = 0; p < 2; ++p) {
        threads.emplace_back([&, p] {
          for (int i = 0; i < 50; ++i) {
            if (p == 0 ? queue.push(i) : queue.try_push(i) == status::success) pushed.fetch_add(1);
          }
        });
      }
      for (int c = 0; c < 2; ++c) {
        threads.emplace_back([&] {
          while (queue.pop()) {
            popped.fetch_add(1);
            queue.task_done();
          }
        });
      }
      threads.emplace_back([&, round] {
        std::this_thread::sleep_for(std::chrono::microseconds(10 * round));
        if (round % 3 == 0) {
          queue.shutdown();
        } else {
          queue.shutdown(immediate);
        }
        queue.join();
      });
    }
    EXPECT_EQ(queue.unfinished_tasks(), 0U);
    EXPECT_THROW(queue.task_done(), too_many_task_done);
    if (round % 3 == 0) {
      EXPECT_EQ(popped.load(), pushed.load());
    } else {
      EXPECT_LE(popped.load(), pushed.load());
    }
  }
}

TEST(JoinableStack, PopAllIsCounted) {
  lockfree::joinable<lockfree::stack<int>> stack;
  for (int i = 0; i < 3; ++i) stack.push(i);
  std::vector<int> out;
  EXPECT_EQ(stack.pop_all(std::back_inserter(out)), 3U);
  EXPECT_EQ(out, (std::vector{2, 1, 0}));
  EXPECT_EQ(stack.unfinished_tasks(), 3U);
  for (int i = 0; i < 3; ++i) stack.task_done();
  stack.join();
}

// Only the consumer may take elements out; it drops them at its next pop.
TEST(JoinableSpsc, ImmediateShutdownLeavesTheDroppingToTheConsumer) {
  lockfree::joinable<lockfree::spsc_queue<int>> queue(4);
  queue.push(1);
  queue.push(2);
  std::jthread([&] { queue.shutdown(immediate); }).join();
  EXPECT_EQ(queue.unfinished_tasks(), 2U);
  EXPECT_EQ(queue.pop(), std::nullopt);
  EXPECT_EQ(queue.unfinished_tasks(), 0U);
  queue.join();
}

}  // namespace
}  // namespace switchyard
