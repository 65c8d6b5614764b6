// bounded_queue under the model checker, with elements that fit a slot and with such as do not.

#include "switchyard/lockfree/bounded_queue.h"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <optional>
#include <utility>

#include "switchyard/atomics/plain.h"
#include "switchyard/interface/conqueue_status.h"
#include "tests/model/model_support.h"

namespace switchyard::model {
namespace {

using lockfree::bounded_queue;
using lockfree::detail::start_at;
using enum conqueue_status;

// Elements: a word; sixteen bytes, copied; one that owns memory, moved. (A std::unique_ptr itself is a word.)
struct wide {
  std::int64_t value;
  std::int64_t again;
};
struct owner : std::unique_ptr<int> {
  using std::unique_ptr<int>::unique_ptr;
};

template <class T>
T make(int n) {
  if constexpr (std::is_same_v<T, owner>) {
    return owner(new int(n));
  } else if constexpr (std::is_same_v<T, wide>) {
    return {n, n};
  } else {
    return n;
  }
}
int number(int n) { return n; }
int number(const wide& w) {
  require(w.value == w.again, "not torn");
  return static_cast<int>(w.value);
}
int number(const owner& o) { return *o; }

template <class T>
class bounded_queue_model : public testing::Test {};
using element_types = testing::Types<int, wide, owner>;
TYPED_TEST_SUITE(bounded_queue_model, element_types);

// What was pushed by whom, and what was popped: each once, and each producer's in order.
template <class T>
struct ledger {
  std::array<int, 10> pushed{};
  std::array<int, 10> popped{};
  int last_of[4] = {};

  void push(bounded_queue<T>& queue, int n) {
    if (queue.try_push(make<T>(n)) == success) pushed[static_cast<std::size_t>(n)] = 1;
  }
  // Within one consumer.
  void pop(bounded_queue<T>& queue) {
    if (auto x = queue.try_pop()) note(number(*x));
  }
  void note(int n) {
    ++popped[static_cast<std::size_t>(n)];
  }
  void settle(bounded_queue<T>& queue) {
    while (auto x = queue.try_pop()) note(number(*x));
    for (std::size_t i = 0; i < pushed.size(); ++i) require(pushed[i] == popped[i], "popped once, if pushed");
  }
};

TYPED_TEST(bounded_queue_model, OneToOneInOrderAcrossTheWrap) {
  expect_proved(
      [] {
        bounded_queue<TypeParam> queue(2, start_at{static_cast<std::uint64_t>(-1)});
        int pushed = 0;
        thread producer([&] {
          for (int i = 0; i < 3; ++i) pushed += queue.try_push(make<TypeParam>(pushed + 1)) == success;
        });
        int last = 0;
        for (int i = 0; i < 2; ++i) {
          if (auto x = queue.try_pop()) require(number(*x) == ++last, "in order");
        }
        producer.join();
        while (auto x = queue.try_pop()) require(number(*x) == ++last, "in order");
        require(last == pushed, "nothing is lost");
      },
      {.preemptions = std::is_same_v<TypeParam, int> ? unlimited : 3u});
}

TYPED_TEST(bounded_queue_model, TwoProducersOneConsumer) {
  expect_proved(
      [] {
        bounded_queue<TypeParam> queue(2);
        ledger<TypeParam> all;
        {
          thread first([&] { all.push(queue, 1); });
          thread second([&] { all.push(queue, 2); });
          all.pop(queue);
        }
        all.settle(queue);
      },
      {.preemptions = 2});
}

TYPED_TEST(bounded_queue_model, OneProducerTwoConsumers) {
  expect_proved(
      [] {
        bounded_queue<TypeParam> queue(2);
        ledger<TypeParam> all;
        all.push(queue, 1);
        std::optional<int> got[2];
        {
          thread first([&] {
            if (auto x = queue.try_pop()) got[0] = number(*x);
          });
          thread second([&] {
            if (auto x = queue.try_pop()) got[1] = number(*x);
          });
          all.push(queue, 2);
        }
        for (const auto& x : got) {
          if (x) all.note(*x);
        }
        all.settle(queue);
      },
      {.preemptions = 2});
}

// A slot that comes round again within one operation of another thread.
TYPED_TEST(bounded_queue_model, LapsOfASmallRing) {
  expect_proved(
      [] {
        bounded_queue<TypeParam> queue(1);
        ledger<TypeParam> all;
        std::optional<int> got;
        {
          thread slow([&] {
            if (auto x = queue.try_pop()) got = number(*x);
          });
          all.push(queue, 1);
          all.pop(queue);
          all.push(queue, 2);
        }
        if (got) all.note(*got);
        all.settle(queue);
      },
      {.preemptions = 3});
}

TYPED_TEST(bounded_queue_model, CloseLosesNothing) {
  expect_proved(
      [] {
        bounded_queue<TypeParam> queue(2);
        ledger<TypeParam> all;
        bool told_closed = false;
        {
          thread producer([&] { all.push(queue, 1); });
          thread closer([&] { queue.close(); });
          for (int i = 0; i < 2 && !told_closed; ++i) {
            auto x = queue.try_pop();
            if (x) all.note(number(*x));
            told_closed = !x && x.error() == closed;
          }
          producer.join();
          if (told_closed) require(all.pushed == all.popped, "closed means drained");
        }
        require(queue.try_push(make<TypeParam>(3)) == closed, "nothing goes in");
        all.settle(queue);
        require(queue.try_pop().error() == closed, "closed and empty");
      },
      {.preemptions = 2});
}

// The hints may be old, and slots may look older still; neither makes a ring with room look full, nor a full one
// empty.
TYPED_TEST(bounded_queue_model, LaggingHintsDoNotDeceive) {
  expect_proved(
      [] {
        bounded_queue<TypeParam> queue(2);
        thread other([&] {
          for (int i = 1;; ++i) {
            require(queue.try_push(make<TypeParam>(i)) == success, "there is room");
            if (i == 3) break;
            require(queue.try_pop().has_value(), "there is an element");
          }
        });
        if constexpr (std::is_same_v<TypeParam, owner>) {
          (void)queue.try_push(make<TypeParam>(9));  // counts who builds or moves out, too
        } else {
          require(queue.try_push(make<TypeParam>(9)) == success, "never more than one other element");
        }
      },
      {.preemptions = std::is_same_v<TypeParam, int> ? 2u : 1u});
  expect_proved(
      [] {
        bounded_queue<TypeParam> queue(3);
        (void)queue.try_push(make<TypeParam>(1));
        (void)queue.try_push(make<TypeParam>(2));
        thread other([&] {
          for (int i = 3; i < 5; ++i) {
            (void)queue.try_push(make<TypeParam>(i));
            require(queue.try_pop().has_value(), "there is an element");
          }
        });
        require(queue.try_pop().has_value(), "never less than one other element");
      },
      {.preemptions = std::is_same_v<TypeParam, int> ? 2u : 1u});
}

// Who skips a slot, as it has been emptied, sees what was put into the next one before that.
TYPED_TEST(bounded_queue_model, NeverEmptySeenFromAside) {
  expect_proved(
      [] {
        bounded_queue<TypeParam> queue(2);
        (void)queue.try_push(make<TypeParam>(1));
        thread other([&] {
          (void)queue.try_push(make<TypeParam>(2));
          require(queue.try_pop().has_value(), "there is an element");
        });
        require(queue.try_pop().has_value(), "never less than one element");
      },
      {.preemptions = 2});
}

// Who has reserved room finds it, also where others have put and taken meanwhile: else the element would be lost. (In bulk,
// where nobody looks twice.)
TEST(bounded_queue_model, RoomReservedIsFound) {
  expect_proved(
      [] {
        bounded_queue<owner> queue(3);
        (void)queue.try_push(make<owner>(1));
        (void)queue.try_push(make<owner>(2));
        thread other([&] {
          (void)queue.try_pop();
          (void)queue.try_pop();
          (void)queue.try_push(make<owner>(3));
        });
        std::array<owner, 2> mine{make<owner>(4), make<owner>(5)};
        const std::size_t pushed = queue.try_push_n(std::make_move_iterator(mine.begin()), mine.size());
        for (std::size_t i = 0; i < mine.size(); ++i) {
          require((mine[i] == nullptr) == (i < pushed), "in the queue or still here");
        }
      },
      {.preemptions = 2});
}

// What an owning pointer points to is in the queue, or still whose it was: none is lost, none is deleted twice.
TEST(bounded_queue_model, OwningPointersAreHandedOver) {
  expect_proved([] {
    bounded_queue<std::unique_ptr<int>> queue(1);
    int popped = 0;
    {
      thread other([&] {
        auto its = std::make_unique<int>(1);
        const bool pushed = queue.try_push(std::move(its)) == success;
        require((its == nullptr) == pushed, "in the queue or still here");
      });
      if (auto got = queue.try_pop()) popped = **got;
      auto mine = std::make_unique<int>(2);
      const bool pushed = queue.try_push(std::move(mine)) == success;
      require((mine == nullptr) == pushed, "in the queue or still here");
    }
    if (auto left = queue.try_pop()) require(**left != popped, "popped once");
  });
}

// Who is refused, or told, sees that the queue is closed, and what the closer did before.
TYPED_TEST(bounded_queue_model, ClosedIsSeenByWhoIsTold) {
  expect_proved(
      [] {
        bounded_queue<TypeParam> queue(2);
        plain<int> reason;
        thread closer([&] {
          reason.construct(1);
          queue.close();
        });
        thread other([&] {
          if (queue.is_closed()) require(reason.read() == 1, "seen");
        });
        if (queue.try_push(make<TypeParam>(1)) == closed) {
          require(queue.is_closed(), "closed");
          require(reason.read() == 1, "seen");
        }
      },
      {.preemptions = 2});
  expect_proved(
      [] {
        bounded_queue<TypeParam> queue(2);
        plain<int> reason;
        thread closer([&] {
          reason.construct(1);
          queue.close();
        });
        const auto x = queue.try_pop();
        if (!x && x.error() == closed) {
          require(queue.is_closed(), "closed");
          require(reason.read() == 1, "seen");
        }
      },
      {.preemptions = 2});
}

// `full` and `empty` are exact where the header says linearizable.
TEST(bounded_queue_model, FullAndEmptyAreExact) {
  expect_proved([] {
    bounded_queue<int> queue(1);
    require(queue.try_push(1) == success, "room");
    bool popped = false;
    thread consumer([&] {
      popped = queue.try_pop().has_value();
      require(popped, "an element that is there is found");
    });
    const conqueue_status second = queue.try_push(2);
    consumer.join();
    if (second == success) {
      require(queue.try_pop().has_value(), "there");
    } else {
      require(second == full && queue.try_pop().error() == empty, "full then, empty now");
    }
  });
}

TYPED_TEST(bounded_queue_model, WaitersWake) {
  expect_proved(
      [] {
        bounded_queue<TypeParam> queue(1);
        thread producer([&] {
          require(queue.push(make<TypeParam>(1)) && queue.push(make<TypeParam>(2)), "open");
          queue.close();
        });
        int last = 0;
        while (auto x = queue.pop()) require(number(*x) == ++last, "in order");
        require(last == 2, "all");
      },
      {.preemptions = 1});
}
TYPED_TEST(bounded_queue_model, CloseWakesWhoWaits) {
  expect_proved(
      [] {
        bounded_queue<TypeParam> queue(1);
        int popped = 0;
        int pushed = 0;
        {
          thread first([&] { popped += queue.pop().has_value(); });
          thread producer([&] { pushed += queue.try_push(make<TypeParam>(1)) == success; });
          queue.close();
        }
        require(popped == pushed, "popped if pushed");
      },
      {.preemptions = std::is_same_v<TypeParam, int> ? 2u : 1u});
}

// A thread that stops anywhere stops no other.
TYPED_TEST(bounded_queue_model, IsLockFree) {
  expect_lock_free(
      [] {
        bounded_queue<TypeParam> queue(1);
        const auto push_and_pop = [&] {
          (void)queue.try_push(make<TypeParam>(1));
          (void)queue.try_pop();
        };
        thread first(push_and_pop);
        thread second(push_and_pop);
      },
      1);
  expect_lock_free(
      [] {
        bounded_queue<TypeParam> queue(1);
        thread producer([&] { (void)queue.try_push(make<TypeParam>(1)); });
        thread closer([&] { queue.close(); });
        thread consumer([&] { (void)queue.try_pop(); });
      },
      1);
}

}  // namespace
}  // namespace switchyard::model
