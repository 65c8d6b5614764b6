// unbounded_queue under the model checker: elements that are words, such as lie in their slots, and such as need nodes.
// Segments have two slots here, and an empty word is 0, so that 0 and 1 take the way round.

#include "switchyard/lockfree/unbounded_queue.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "switchyard/interface/conqueue_status.h"
#include "tests/model/model_support.h"

namespace switchyard::model {
namespace {

using lockfree::unbounded_queue;
using enum conqueue_status;

// Elements: a word; sixteen bytes, copied; one that owns memory, moved; one whose move might throw.
struct wide {
  std::int64_t value;
  std::int64_t again;
};
using owner = std::unique_ptr<int>;
struct wayward {
  explicit wayward(int n) : value(n) {}
  wayward(wayward&& other) : value(std::exchange(other.value, -1)) {}
  wayward& operator=(wayward&& other) {
    value = std::exchange(other.value, -1);
    return *this;
  }
  int value;
};
static_assert(!std::is_nothrow_move_constructible_v<wayward>);

template <class T>
T make(int n) {
  if constexpr (std::is_same_v<T, owner>) {
    return std::make_unique<int>(n);
  } else if constexpr (std::is_same_v<T, wide>) {
    return {n, n};
  } else {
    return T(n);
  }
}
int number(int n) { return n; }
int number(const wide& w) {
  require(w.value == w.again, "not torn");
  return static_cast<int>(w.value);
}
int number(const owner& o) { return *o; }
int number(const wayward& w) { return w.value; }

template <class T>
class unbounded_queue_model : public testing::Test {};
using element_types = testing::Types<int, wide, owner, wayward>;
TYPED_TEST_SUITE(unbounded_queue_model, element_types);

// Which numbers were pushed, and which were popped: each once.
template <class T>
struct ledger {
  std::array<int, 10> pushed{};
  std::array<int, 10> popped{};

  conqueue_status push(unbounded_queue<T>& queue, int n) {
    const conqueue_status status = queue.try_push(make<T>(n));
    if (status == success) pushed[static_cast<std::size_t>(n)] = 1;
    return status;
  }
  // By one consumer at a time.
  std::optional<int> pop(unbounded_queue<T>& queue) {
    auto x = queue.try_pop();
    if (!x) return std::nullopt;
    note(number(*x));
    return number(*x);
  }
  void note(int n) { ++popped[static_cast<std::size_t>(n)]; }
  void settle(unbounded_queue<T>& queue) {
    while (pop(queue)) {
    }
    for (std::size_t i = 0; i < pushed.size(); ++i) require(pushed[i] == popped[i], "popped once, if pushed");
  }
};

TYPED_TEST(unbounded_queue_model, OneToOneInOrderAcrossSegments) {
  expect_proved(
      [] {
        unbounded_queue<TypeParam> queue;
        thread producer([&] {
          for (int i = 2; i <= 4; ++i) require(queue.try_push(make<TypeParam>(i)) == success, "never full");
        });
        int last = 1;
        for (int i = 0; i < 2; ++i) {
          if (auto x = queue.try_pop()) require(number(*x) == ++last, "in order");
        }
        producer.join();
        while (auto x = queue.try_pop()) require(number(*x) == ++last, "in order");
        require(last == 4, "nothing is lost");
      },
      {.preemptions = 2});
}

// What a thread has pushed is there for it, wherever the other one is; and comes before what it pushes later.
TYPED_TEST(unbounded_queue_model, TwoProducersWhoPop) {
  expect_proved(
      [] {
        unbounded_queue<TypeParam> queue;
        ledger<TypeParam> all;
        std::optional<int> first;
        {
          thread other([&] { all.push(queue, 4); });
          all.push(queue, 2);
          all.push(queue, 3);
          first = all.pop(queue);
          require(first.has_value(), "two are inside");
        }
        const std::optional<int> second = all.pop(queue);
        require(second.has_value(), "another one is");
        require(first != 3 && (first == 2 || second == 2), "in order");
        all.settle(queue);
      },
      {.preemptions = 2});
}

TYPED_TEST(unbounded_queue_model, TwoProducersOneConsumer) {
  expect_proved(
      [] {
        unbounded_queue<TypeParam> queue;
        ledger<TypeParam> all;
        {
          thread first([&] { all.push(queue, 2); });
          thread second([&] { all.push(queue, 3); });
          all.pop(queue);
        }
        all.settle(queue);
      },
      {.preemptions = 1});
}

TYPED_TEST(unbounded_queue_model, TwoConsumers) {
  expect_proved(
      [] {
        unbounded_queue<TypeParam> queue;
        ledger<TypeParam> all;
        all.push(queue, 2);
        all.push(queue, 3);
        all.push(queue, 4);
        std::optional<int> got;
        {
          thread other([&] {
            if (auto x = queue.try_pop()) got = number(*x);
          });
          const std::optional<int> mine = all.pop(queue);
          const std::optional<int> next = all.pop(queue);
          require(mine && next && *mine < *next, "in order, and there are enough");
        }
        require(got.has_value(), "there are enough");
        all.note(*got);
        all.settle(queue);
      },
      {.preemptions = 2});
}

// A segment goes round while another thread looks at it, to pop or to push.
TYPED_TEST(unbounded_queue_model, ASegmentIsUsedAgainUnderAPop) {
  expect_proved(
      [] {
        unbounded_queue<TypeParam> queue;
        ledger<TypeParam> all;
        all.push(queue, 2);
        all.push(queue, 3);
        all.pop(queue);
        all.pop(queue);
        all.push(queue, 4);  // in the second segment
        std::optional<int> got;
        {
          thread other([&] {
            if (auto x = queue.try_pop()) got = number(*x);
          });
          all.pop(queue);  // the first is over
          all.push(queue, 5);
          all.push(queue, 6);  // and is used again
        }
        require(got != 6, "5 comes first");
        if (got) all.note(*got);
        all.settle(queue);
      },
      {.preemptions = 2});
}
TYPED_TEST(unbounded_queue_model, ASegmentIsUsedAgainUnderAPush) {
  expect_proved(
      [] {
        unbounded_queue<TypeParam> queue;
        ledger<TypeParam> all;
        all.push(queue, 2);
        all.push(queue, 3);
        {
          thread other([&] { all.push(queue, 9); });
          all.push(queue, 4);  // in the second segment
          all.pop(queue);
          all.pop(queue);
          all.pop(queue);      // the first is over
          all.push(queue, 5);
          all.push(queue, 6);  // and is used again
        }
        all.settle(queue);
      },
      {.preemptions = std::is_same_v<TypeParam, int> ? 2u : 1u});
}

// What was done in a segment by who looks at another one now comes before it is used again.
TEST(unbounded_queue, ASegmentIsUsedAgainAfterAPopInIt) {
  expect_proved(
      [] {
        unbounded_queue<owner> queue;
        ledger<owner> all;
        for (int i = 2; i < 7; ++i) all.push(queue, i);  // in three segments
        std::optional<int> got[2];
        {
          thread other([&] {
            for (auto& each : got) {
              if (auto x = queue.try_pop()) each = number(*x);
            }
          });
          for (int i = 0; i < 4; ++i) all.pop(queue);
          for (int i = 7; i < 9; ++i) all.push(queue, i);
        }
        for (const auto& each : got) {
          if (each) all.note(*each);
        }
        all.settle(queue);
      },
      {.preemptions = 1});
}

// No pop says "empty" once a push was told "closed"; nor after another was told "closed".
TYPED_TEST(unbounded_queue_model, CloseLosesNothing) {
  expect_proved(
      [] {
        constexpr bool exact = std::is_trivially_copyable_v<TypeParam>;
        unbounded_queue<TypeParam> queue;
        ledger<TypeParam> all;
        bool refused = false;
        {
          thread producer([&] {
            refused = all.push(queue, 2) == closed;
            if (refused && exact) {
              const auto x = queue.try_pop();
              require(x || x.error() == closed, "closed, and so for pops");
              if (x) all.note(number(*x));
            }
          });
          thread closer([&] { queue.close(); });
          auto x = queue.try_pop();
          if (x) {
            all.note(number(*x));
          } else if (x.error() == closed) {
            producer.join();
            require(all.pushed == all.popped, "closed means drained");
          }
        }
        require(queue.try_push(make<TypeParam>(3)) == closed, "nothing goes in");
        all.settle(queue);
        require(queue.try_pop().error() == closed, "closed and empty");
      },
      {.preemptions = 1});
}

// The same where the push gets the last slot of a segment, or has to go to another one.
template <class T>
void expect_closed_at_the_end(int inside) {
  expect_proved(
      [=] {
        unbounded_queue<T> queue;
        ledger<T> all;
        for (int i = 0; i < inside; ++i) all.push(queue, 2 + i);
        {
          thread producer([&] { all.push(queue, 4); });
          queue.close();
          require(queue.try_push(make<T>(5)) == closed, "nothing goes in");
          for (int i = 0; i < inside; ++i) all.pop(queue);
          auto x = queue.try_pop();
          if (x) {
            all.note(number(*x));
          } else if (x.error() == closed) {
            producer.join();
            require(all.pushed == all.popped, "closed means drained");
          }
        }
        all.settle(queue);
      },
      {.preemptions = 2});
}
TYPED_TEST(unbounded_queue_model, CloseBeforeTheLastSlot) { expect_closed_at_the_end<TypeParam>(1); }
TYPED_TEST(unbounded_queue_model, CloseAtTheEndOfASegment) { expect_closed_at_the_end<TypeParam>(2); }

// The same for who does not close, but is told that somebody has.
TEST(unbounded_queue, ClosedBySomebodyElseBeforeTheLastSlot) {
  expect_proved(
      [] {
        unbounded_queue<wide> queue;
        ledger<wide> all;
        all.push(queue, 2);
        all.pop(queue);
        {
          thread producer([&] { all.push(queue, 4); });
          thread closer([&] { queue.close(); });
          auto x = queue.try_pop();
          if (x) {
            all.note(number(*x));
          } else if (x.error() == closed) {
            producer.join();
            require(all.pushed == all.popped, "closed means drained");
          }
        }
        all.settle(queue);
      },
      {.preemptions = 2});
}

// A segment whose memory is given back, since enough is kept, while somebody looks at it to close.
TEST(unbounded_queue, ASegmentThatGoesUnderAClose) {
  expect_proved(
      [] {
        unbounded_queue<owner> queue;
        ledger<owner> all;
        for (int i = 2; i < 7; ++i) all.push(queue, i);
        for (int i = 2; i < 7; ++i) all.pop(queue);
        all.push(queue, 7);
        all.pop(queue);
        {
          thread closer([&] { queue.close(); });
          all.push(queue, 8);
          all.pop(queue);
        }
        all.settle(queue);
      },
      {.preemptions = 2});
}

TYPED_TEST(unbounded_queue_model, AWaitingPopIsWoken) {
  expect_proved(
      [] {
        unbounded_queue<TypeParam> queue;
        bool pushed = false;
        thread producer([&] { pushed = queue.push(make<TypeParam>(2)); });
        thread closer([&] { queue.close(); });
        const auto got = queue.pop();
        producer.join();
        require(got.has_value() == pushed, "popped if and only if it was pushed");
      },
      {.preemptions = 1});
}

// Words that are the mark of an empty slot, or of one that is gone, in whatever segment.
TEST(unbounded_queue, NoWordIsReserved) {
  expect_proved(
      [] {
        unbounded_queue<std::uint64_t> queue;
        std::array<int, 3> seen{};
        const auto pop = [&] {
          const auto x = queue.try_pop();
          if (x) ++seen[*x];
          return x.has_value();
        };
        {
          thread other([&] {
            (void)queue.try_push(0);
            (void)queue.try_push(2);
          });
          (void)queue.try_push(1);
          require(pop(), "what was pushed before");
        }
        while (pop()) {
        }
        require(seen == std::array<int, 3>{1, 1, 1}, "each once");
      },
      {.preemptions = 1});
}

TYPED_TEST(unbounded_queue_model, IsLockFree) {
  expect_lock_free([] {
    unbounded_queue<TypeParam> queue;
    (void)queue.try_push(make<TypeParam>(2));
    thread other([&] {
      (void)queue.try_push(make<TypeParam>(3));
      (void)queue.try_pop();
      (void)queue.try_pop();
    });
    (void)queue.try_push(make<TypeParam>(4));
    (void)queue.try_push(make<TypeParam>(5));
    (void)queue.try_pop();
  });
}

TYPED_TEST(unbounded_queue_model, ClosingIsLockFree) {
  expect_lock_free([] {
    unbounded_queue<TypeParam> queue;
    thread other([&] {
      (void)queue.try_push(make<TypeParam>(2));
      queue.close();
    });
    queue.close();
    (void)queue.try_push(make<TypeParam>(4));
    (void)queue.try_pop();
  });
}

}  // namespace
}  // namespace switchyard::model
