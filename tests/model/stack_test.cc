// lockfree::stack, and what it is made of, under the model checker.

#include "switchyard/lockfree/stack.h"

#include <optional>
#include <vector>

#include "switchyard/atomics/atomic.h"
#include "switchyard/atomics/backoff.h"
#include "switchyard/atomics/plain.h"
#include "switchyard/interface/conqueue_status.h"
#include "switchyard/lockfree/detail/counted_stack.h"
#include "switchyard/lockfree/detail/elimination.h"
#include "tests/model/model_support.h"

namespace switchyard::model {
namespace {

using lockfree::stack;

// Takes a single node for the ABA problem: while `first` holds on to what it saw, the other pops both and pushes the
// first of them again. Without the count, `first` would put the second on top, which is gone.
TEST(stack, ANodeThatComesBackIsNoticed) {
  expect_proved(
      [] {
        stack<int> s;
        (void)s.push(1);
        (void)s.push(2);
        int popped = 0;
        thread first([&] {
          if (auto x = s.try_pop()) popped += 1 << (2 * *x);
        });
        const auto a = s.try_pop();
        const auto b = s.try_pop();
        if (a) (void)s.push(*a);
        first.join();
        if (b) popped += 1 << (2 * *b);
        while (auto x = s.try_pop()) popped += 1 << (2 * *x);
        require(popped == (1 << 2) + (1 << 4), "each of the two once");
      },
      {.preemptions = 3});
}

TEST(stack, TwoPushersTwoPops) {
  expect_proved(
      [] {
        stack<int> s;
        thread one([&] { (void)s.push(1); });
        thread two([&] { (void)s.push(2); });
        const auto a = s.try_pop();
        one.join();
        two.join();
        int sum = a ? *a : 0;
        while (auto x = s.try_pop()) sum += *x;
        require(sum == 3, "each of the two once");
      },
      {.preemptions = 2});
}

// The elements of one thread come out newest first.
TEST(stack, LastInFirstOut) {
  expect_proved(
      [] {
        stack<int> s;
        thread pusher([&] {
          (void)s.push(1);
          (void)s.push(2);
        });
        const auto a = s.try_pop();
        pusher.join();
        const auto b = s.try_pop();
        const auto c = s.try_pop();
        if (!a) {
          require(b && *b == 2 && c && *c == 1, "newest first");
        } else {
          require(b && *a + *b == 3 && !c, "each once");
        }
      },
      {.preemptions = 4});
}

TEST(stack, PopAllTakesWhatIsThereAtOneMoment) {
  expect_proved(
      [] {
        stack<int> s;
        (void)s.push(1);
        thread pusher([&] { (void)s.push(2); });
        thread popper([&] {
          const auto x = s.try_pop();
          require(x.has_value() || x.error() == conqueue_status::empty, "one or none");
        });
        int all[2];
        const std::size_t n = s.pop_all(all);
        require(n < 2 || (all[0] == 2 && all[1] == 1), "newest first");
      },
      {.preemptions = 2});
}

// A pop that pop_all leaves nothing for must not say that this is for good: something may be put back.
struct stubborn {
  explicit stubborn(int n) noexcept : number(n) {}
  stubborn(stubborn&& other) noexcept : number(other.number) {}
  stubborn& operator=(stubborn&& other) {
    number = other.number;
    throw number;
  }
  int number;
};
TEST(stack, WhatPopAllPutsBackIsNotLost) {
  expect_proved(
      [] {
        stack<stubborn> s;
        (void)s.emplace(1);
        (void)s.emplace(2);
        s.close();
        int popped = 0;
        thread popper([&] {
          stubborn all[2] = {stubborn(0), stubborn(0)};
          try {
            (void)s.pop_all(all);
            popped = 1;  // there was none
          } catch (int n) {
            popped = n;
          }
        });
        int mine = 0;
        while (auto x = s.pop()) mine += x->number;  // waits for what may come back
        popper.join();
        require(mine + (popped == 1 && mine == 3 ? 0 : popped) == 3, "each of the two once");
      },
      {.preemptions = 3});
}

TEST(stack, CloseLosesNothing) {
  expect_proved(
      [] {
        stack<int> s;
        bool pushed = false;
        thread pusher([&] { pushed = s.push(1); });
        thread closer([&] { s.close(); });
        const auto got = s.pop();  // waits for an element or the end
        pusher.join();
        require(got.has_value() == pushed, "popped if and only if it was pushed");
      },
      {.preemptions = 2});
}

// Nodes go from the thread that pops to the one that pushes, by way of the batches.
TEST(stack, NodesGoRound) {
  expect_proved(
      [] {
        stack<int> s;
        for (int i = 1; i <= 3; ++i) (void)s.push(i);
        thread popper([&] {
          for (int i = 3; i >= 1; --i) (void)s.try_pop();
        });
        (void)s.push(4);
        popper.join();
        (void)s.push(5);
        int sum = 0;
        while (auto x = s.try_pop()) sum += *x;
        require(sum >= 5, "those of the pusher, but for what was popped");
      },
      {.preemptions = 2});
}

// -- The nodes themselves -----------------------------------------------------------------------------------------

struct bead {
  explicit bead(int n) { data.construct(n); }
  plain<int> data;
  atomic<bead*> below{nullptr};
};
using beads = lockfree::detail::counted_stack<bead, &bead::below>;

// What was done to a node is seen by who pops it, also if others were pushed on it and popped since.
TEST(counted_stack, PushHappensBeforePop) {
  expect_proved(
      [] {
        beads s;
        bead one(0);
        bead two(0);
        thread pusher([&] {
          one.data.write() = 1;
          s.push(&one);
        });
        thread other([&] {
          two.data.write() = 1;
          s.push(&two);
          if (bead* b = s.pop()) require(b->data.read() == 1, "seen");
        });
        while (bead* b = s.pop()) require(b->data.read() == 1, "seen");
      },
      {.preemptions = 3});
}

// So is what was done before by who gave it back.
TEST(counted_stack, FromHandToHand) {
  expect_proved([] {
    beads s;
    bead one(1);
    s.push(&one);
    int times = 0;
    plain<int>& data = one.data;
    const auto use = [&] {
      if (bead* b = s.pop()) {
        data.write() = data.read() + 1;
        s.push(b);
      }
    };
    thread first(use);
    use();
    first.join();
    times = s.pop()->data.read();
    require(times == 2 || times == 3, "by one or both");
  });
}

// A node goes and comes back, over another, while somebody is about to take it.
TEST(counted_stack, NoticesWhatComesBack) {
  const auto body = [] {
    beads s;
    bead one(0);
    bead two(0);
    s.push(&one);
    s.push(&two);
    int taken[3] = {};
    const auto take = [&](int& count) {
      bead* const b = s.pop();
      if (b == nullptr) return b;
      b->data.write() += 1;
      ++count;
      return b;
    };
    thread other([&] { take(taken[0]); });
    bead* const first = take(taken[1]);
    take(taken[1]);
    if (first != nullptr) s.push(first);
    other.join();
    while (take(taken[2]) != nullptr) {
    }
    const int all = taken[0] + taken[1] + taken[2];
    require(all == (first != nullptr ? 3 : 2), "none is lost or doubled");
    require(one.data.read() + two.data.read() == all, "one at a time");
  };
  expect_proved(body);
  expect_lock_free(body, 2);
}

TEST(counted_stack, PopAll) {
  expect_proved([] {
    beads s;
    bead one(1);
    bead two(2);
    thread pusher([&] {
      two.data.write() = 3;
      s.push(&two, &two);
    });
    s.push(&one);
    int sum = 0;
    for (bead* b = s.pop_all(); b != nullptr; b = b->below.load(memory_order_relaxed)) sum += b->data.read();
    pusher.join();
    for (bead* b = s.pop_all(); b != nullptr; b = b->below.load(memory_order_relaxed)) sum += b->data.read();
    require(sum == 4, "each once");
  });
}

// -- Elimination ----------------------------------------------------------------------------------------------

struct offered {
  plain<int> data;
};

TEST(elimination, WhatIsTakenIsTakenOnce) {
  expect_proved(
      [] {
        lockfree::detail::elimination<offered> meeting;
        offered node;
        bool taken = false;
        thread pusher([&] {
          node.data.construct(1);
          backoff races;
          taken = meeting.offer(&node, 0, races);
        });
        int times = 0;
        const auto take = [&] {
          if (offered* o = meeting.take(0)) {
            require(o->data.read() == 1, "seen");
            ++times;
          }
        };
        thread other(take);
        other.join();
        take();
        pusher.join();
        require(times == (taken ? 1 : 0), "as often as the pusher was told");
      },
      {.preemptions = 4});
}

// Who takes a node may offer it again, in the same place. Its first owner must not take it for its own: its push would
// go on with what is in the node now, and the other's would have ended before that is on the stack.
TEST(elimination, OfferedAgainByWhoHasTakenIt) {
  expect_proved([] {
    lockfree::detail::elimination<offered> meeting;
    offered node;
    bool taken = false;
    thread first([&] {
      backoff races;
      taken = meeting.offer(&node, 0, races);
    });
    const bool mine = meeting.take(0) == &node;
    backoff races;
    if (mine) require(!meeting.offer(&node, 0, races), "nobody takes it");
    first.join();
    require(taken == mine, "the first is told");
  });
}

TEST(stack, IsLockFree) {
  expect_lock_free([] {
    stack<int> s;
    thread other([&] {
      (void)s.try_push(1);
      (void)s.try_pop();
    });
    (void)s.try_push(2);
    (void)s.try_pop();
    int all[2];
    (void)s.pop_all(all);
  });
}

TEST(stack, ClosingIsLockFree) {
  expect_lock_free([] {
    stack<int> s;
    thread other([&] { (void)s.try_push(1); });
    s.close();
    (void)s.try_push(2);
    (void)s.try_pop();
  });
}

}  // namespace
}  // namespace switchyard::model
