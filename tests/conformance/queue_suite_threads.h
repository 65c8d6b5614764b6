// Queue suite: many threads. Every element arrives once, in the order that is promised, and nobody sleeps
// through what it waits for.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <iterator>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "switchyard/tests/conformance/queue_suite_base.h"

namespace switchyard::conformance {

/// How the threads of one run push and pop: each operation takes the next member of the list, and with
/// `bulk` up to so many elements at a time go by push_n, try_push_n, pop_n and try_pop_n in turn.
struct manner {
  const char* name;
  std::span<const pushing> pushes;
  std::span<const popping> pops;
  std::size_t bulk = 0;
};

inline constexpr std::array trying_pushes = {pushing::try_push, pushing::try_emplace, pushing::try_push_n};
inline constexpr std::array trying_pops = {popping::try_pop, popping::try_pop_n};
inline constexpr std::array manners = {
    manner{"waiting", waiting_pushes, waiting_pops},
    manner{"trying", trying_pushes, trying_pops},
    manner{"timed", timed_pushes, timed_pops},
    manner{"all members", every_push, every_pop},
    manner{"bulk", {}, {}, 5},
};

template <class T, class Queue>
void produce(Queue& queue, const manner& by, int producer, std::uint64_t items) {
  for (std::uint64_t seq = 0; seq < items;) {
    if (by.bulk == 0) {
      T value = element<T>::make(item_number(producer, seq));
      const conqueue_status status = push_by(by.pushes[seq % by.pushes.size()], queue, value, 200us);
      if (status == conqueue_status::success) {
        ++seq;
      } else {
        ASSERT_EQ(status, conqueue_status::full);
        wait_a_little();
      }
    } else {
      const std::size_t n = std::min<std::size_t>(1 + seq % by.bulk, items - seq);
      std::vector<T> values;
      for (std::uint64_t i = 0; i < n; ++i)
        values.push_back(element<T>::make(item_number(producer, seq + i)));
      const auto first = std::make_move_iterator(values.begin());
      const bool waits = seq % 3 != 0;
      const std::size_t taken = waits ? queue.push_n(first, n) : queue.try_push_n(first, n);
      ASSERT_TRUE(waits ? taken == n : taken <= n) << taken << " of " << n;
      seq += taken;
      if (taken == 0) wait_a_little();
    }
  }
}

/// Until closed. Returns the numbers of what it got.
template <class T, class Queue>
void consume(Queue& queue, const manner& by, std::vector<std::uint64_t>& got) {
  for (std::size_t turn = 0;; ++turn) {
    if (by.bulk == 0) {
      const auto [status, number] = pop_by(by.pops[turn % by.pops.size()], queue, 200us);
      if (status == conqueue_status::success) {
        got.push_back(number);
      } else {
        if (status == conqueue_status::closed) return;
        ASSERT_EQ(status, conqueue_status::empty);
        wait_a_little();
      }
    } else {
      std::vector<T> values;
      const bool waits = turn % 3 != 0;
      const auto out = std::back_inserter(values);
      const std::size_t count =
          waits ? queue.pop_n(out, 1 + turn % by.bulk) : queue.try_pop_n(out, 1 + turn % by.bulk);
      ASSERT_EQ(count, values.size());
      ASSERT_LE(count, 1 + turn % by.bulk);
      for (const T& value : values) got.push_back(element<T>::number(value));
      if (count == 0 && waits) return;
      if (count == 0) wait_a_little();
    }
  }
}

/// `producers` push `items` each, `consumers` pop until the queue is closed.
template <class Line, class T>
void expect_delivered(int producers, int consumers, std::size_t capacity, const manner& by, int items) {
  SCOPED_TRACE(std::string(by.name) + ", capacity " + std::to_string(capacity));
  auto queue = Line::template make<T>(capacity);
  std::vector<std::vector<std::uint64_t>> accepted(static_cast<std::size_t>(producers));
  for (int p = 0; p < producers; ++p) {
    for (int seq = 0; seq < items; ++seq) {
      accepted[static_cast<std::size_t>(p)].push_back(item_number(p, static_cast<std::uint64_t>(seq)));
    }
  }
  std::vector<std::vector<std::uint64_t>> popped(static_cast<std::size_t>(consumers));
  atomic<int> producing{producers};
  in_threads(producers + consumers, [&](int thread) {
    if (thread < consumers) return consume<T>(queue, by, popped[static_cast<std::size_t>(thread)]);
    produce<T>(queue, by, thread - consumers, static_cast<std::uint64_t>(items));
    if (producing.fetch_sub(1, memory_order_acq_rel) == 1) queue.close();
  });
  EXPECT_TRUE(popped_exactly_once(accepted, popped));
  if (keeps_producers_order<Line>) {
    EXPECT_TRUE(popped_in_producers_order(popped));
  }
  expect_nothing(queue, conqueue_status::closed);
}

template <class Line>
void expect_delivered_by_all_manners(int producers, int consumers) {
  if (producers > 1 && Line::claimed.producers == role::one) GTEST_SKIP() << "one producer";
  if (consumers > 1 && Line::claimed.consumers == role::one) GTEST_SKIP() << "one consumer";
  const int items = scaled(12'000) / (producers + consumers);
  for (const manner& by : manners) {
    expect_delivered<Line, std::uint64_t>(producers, consumers, 1, by, items / 4);
    expect_delivered<Line, std::uint64_t>(producers, consumers, 64, by, 2 * items);
    expect_delivered<Line, std::string>(producers, consumers, 3, by, items);
    if (failed()) return;
  }
}

TYPED_TEST_P(queue_suite, DeliversOneToOne) {
  expect_delivered_by_all_manners<TypeParam>(1, 1);
}
TYPED_TEST_P(queue_suite, DeliversTwoToTwo) {
  expect_delivered_by_all_manners<TypeParam>(2, 2);
}
TYPED_TEST_P(queue_suite, DeliversFourToFour) {
  expect_delivered_by_all_manners<TypeParam>(4, 4);
}
TYPED_TEST_P(queue_suite, DeliversOneToFour) {
  expect_delivered_by_all_manners<TypeParam>(1, 4);
}
TYPED_TEST_P(queue_suite, DeliversFourToOne) {
  expect_delivered_by_all_manners<TypeParam>(4, 1);
}

/// Two producers take turns, each waiting until the other's push has returned; two consumers pop meanwhile.
/// The pushes are ordered, so each consumer sees increasing numbers whoever pushed them.
TYPED_TEST_P(queue_suite, FirstInFirstOutAcrossProducers) {
  if constexpr (TypeParam::claimed.ordered != order::fifo || TypeParam::claimed.producers == role::one) {
    GTEST_SKIP() << "not first in, first out, or one producer";
  } else {
    constexpr int consumers = at_most<TypeParam::claimed.consumers>(2);
    const auto items = static_cast<std::uint64_t>(scaled(3000));
    for (const std::size_t capacity : {1, 2, 50}) {
      auto queue = TypeParam::template make<std::uint64_t>(capacity);
      atomic<std::uint64_t> next{0};
      in_threads(2 + consumers, [&](int thread) {
        const auto parity = static_cast<std::uint64_t>(thread);
        if (thread < 2) {
          for (std::uint64_t i = parity; i < items; i += 2) {
            while (next.load(memory_order_acquire) != i) wait_a_little();
            EXPECT_TRUE(queue.push(i));
            next.store(i + 1, memory_order_release);
          }
          if ((items - 1) % 2 == parity) queue.close();
        } else {
          std::uint64_t at_least = 0;
          while (const auto value = queue.pop()) {
            EXPECT_GE(*value, at_least);
            at_least = *value + 1;
          }
        }
      });
    }
  }
}

/// Two consumers take turns while one producer pushes: together they see the numbers in order.
TYPED_TEST_P(queue_suite, FirstInFirstOutAcrossConsumers) {
  if constexpr (TypeParam::claimed.consumers == role::one || !keeps_producers_order<TypeParam>) {
    GTEST_SKIP() << "not first in, first out, or one consumer";
  } else {
    const auto items = static_cast<std::uint64_t>(scaled(3000));
    for (const std::size_t capacity : {1, 2, 50}) {
      auto queue = TypeParam::template make<std::uint64_t>(capacity);
      atomic<std::uint64_t> next{0};
      in_threads(3, [&](int thread) {
        if (thread == 2) {
          for (std::uint64_t i = 0; i < items; ++i) EXPECT_TRUE(queue.push(i));
          return;
        }
        for (std::uint64_t i = static_cast<std::uint64_t>(thread); i < items; i += 2) {
          while (next.load(memory_order_acquire) != i) wait_a_little();
          EXPECT_EQ(queue.pop(), i);
          next.store(i + 1, memory_order_release);
        }
      });
    }
  }
}

/// Several threads sleep; one operation or a few make something for each of them; all go on.
TYPED_TEST_P(queue_suite, EverySleepingPopperGetsItsElement) {
  constexpr int waiters = at_most<TypeParam::claimed.consumers>(4);
  for (int round = 0; round < 8; ++round) {
    auto queue = TypeParam::template make<std::uint64_t>(waiters);
    std::vector<std::unique_ptr<watched_thread>> threads;
    atomic<std::uint64_t> sum{0};
    for (int i = 0; i < waiters; ++i) {
      threads.push_back(std::make_unique<watched_thread>([&, i] {
        const std::array ways = {popping::pop, popping::pop_n, popping::try_pop_for};
        const auto got = pop_by(ways[static_cast<std::size_t>(round + i) % 3], queue, 600s);
        sum.fetch_add(got ? got.number : 1000, memory_order_relaxed);
      }));
    }
    for (const auto& thread : threads) EXPECT_TRUE(thread->falls_asleep());
    std::array<std::uint64_t, 4> values = {1, 1, 1, 1};
    switch (round % 4) {
      case 0:
        EXPECT_EQ(queue.push_n(values.data(), waiters), static_cast<std::size_t>(waiters));
        break;
      case 1:
        EXPECT_EQ(queue.try_push_n(values.data(), waiters), static_cast<std::size_t>(waiters));
        break;
      default:
        for (int i = 0; i < waiters; ++i)
          expect_push(queue, 1, every_push[static_cast<std::size_t>(round + i)]);
    }
    threads.clear();
    EXPECT_EQ(sum.load(memory_order_relaxed), static_cast<std::uint64_t>(waiters));
  }
}

TYPED_TEST_P(queue_suite, EverySleepingPusherGetsItsRoom) {
  if constexpr (TypeParam::claimed.room != bound::exact) {
    GTEST_SKIP() << "how much room a pop makes is its own affair";
  } else {
    constexpr int waiters = at_most<TypeParam::claimed.producers>(4);
    for (int round = 0; round < 8; ++round) {
      auto queue = TypeParam::template make<std::uint64_t>(waiters);
      EXPECT_EQ(fill(queue), static_cast<std::uint64_t>(waiters));
      std::vector<std::unique_ptr<watched_thread>> threads;
      for (int i = 0; i < waiters; ++i) {
        threads.push_back(std::make_unique<watched_thread>([&, i] {
          std::uint64_t value = 100;
          EXPECT_EQ(push_by(std::array{pushing::push, pushing::push_n,
                                       pushing::try_push_for}[static_cast<std::size_t>(round + i) % 3],
                            queue, value, 600s),
                    conqueue_status::success);
        }));
      }
      for (const auto& thread : threads) EXPECT_TRUE(thread->falls_asleep());
      std::vector<std::uint64_t> popped;
      switch (round % 4) {
        case 0:
          queue.pop_n(std::back_inserter(popped), waiters);
          break;
        case 1:
          queue.try_pop_n(std::back_inserter(popped), waiters);
          break;
        default:
          for (int i = 0; i < waiters; ++i) {
            const auto got = pop_by(every_pop[static_cast<std::size_t>(round + i) % every_pop.size()], queue);
            if (got) popped.push_back(got.number);
          }
      }
      EXPECT_EQ(popped.size(), static_cast<std::size_t>(waiters));
      threads.clear();
      EXPECT_EQ(queue.size_approx(), static_cast<std::size_t>(waiters));
      for (int i = 0; i < waiters; ++i) expect_pop(queue, 100);
    }
  }
}

/// One waits for ever, one for so short a time that it often gives up just when it is woken. Then the wake-up
/// must go to the other, which would sleep beside an element for ever.
TYPED_TEST_P(queue_suite, GivingUpPassesTheWakeUpOn) {
  if constexpr (TypeParam::claimed.consumers == role::one) {
    GTEST_SKIP() << "one consumer";
  } else {
    const int rounds = scaled(2000);
    auto queue = TypeParam::template make<std::uint64_t>(2);
    atomic<int> round{0};  // which round goes on
    atomic<int> tried{0};  // how many rounds the one that gives up has finished, and whether it had success
    atomic<int> got_one{0};
    atomic<int> patient{0};  // how many rounds the other one has finished
    in_threads(3, [&](int thread) {
      random_numbers random(static_cast<std::uint64_t>(thread) + 1);
      const auto up_to = [&](int limit) {
        return std::chrono::microseconds(random.below(static_cast<std::uint64_t>(limit)));
      };
      for (int i = 1; i <= rounds; ++i) {
        if (thread == 2) {
          round.store(i, memory_order_release);
          std::this_thread::sleep_for(up_to(150));
          EXPECT_TRUE(queue.push(1));
          while (tried.load(memory_order_acquire) < i) wait_a_little();
          // The patient one has it, or will have it; or gets another one.
          const bool another = got_one.load(memory_order_relaxed) == i;
          EXPECT_TRUE(!another || queue.push(2));
          while (patient.load(memory_order_acquire) < i) wait_a_little();
          continue;
        }
        while (round.load(memory_order_acquire) < i) wait_a_little();
        if (thread == 0) {
          if (queue.try_pop_for(up_to(150))) got_one.store(i, memory_order_relaxed);
          tried.store(i, memory_order_release);
        } else {
          // Mostly the second to wait, so that the wake-up goes to the other first.
          if (i % 4 != 0) std::this_thread::sleep_for(up_to(20));
          EXPECT_TRUE(queue.pop());
          patient.store(i, memory_order_release);
        }
      }
    });
    expect_nothing(queue, conqueue_status::empty);
  }
}

/// The same for room.
TYPED_TEST_P(queue_suite, GivingUpPassesTheRoomOn) {
  if constexpr (TypeParam::claimed.producers == role::one || TypeParam::claimed.room != bound::exact) {
    GTEST_SKIP() << "one producer, or no exact bound";
  } else {
    const int rounds = scaled(2000);
    auto queue = TypeParam::template make<std::uint64_t>(1);
    expect_push(queue, 0);
    atomic<int> round{0};
    atomic<int> tried{0};
    atomic<int> got_in{0};
    atomic<int> patient{0};
    in_threads(3, [&](int thread) {
      random_numbers random(static_cast<std::uint64_t>(thread) + 1);
      const auto up_to = [&](int limit) {
        return std::chrono::microseconds(random.below(static_cast<std::uint64_t>(limit)));
      };
      for (int i = 1; i <= rounds; ++i) {
        if (thread == 2) {
          // The queue is full between two rounds.
          round.store(i, memory_order_release);
          std::this_thread::sleep_for(up_to(150));
          EXPECT_TRUE(queue.pop());
          while (tried.load(memory_order_acquire) < i) wait_a_little();
          const bool another = got_in.load(memory_order_relaxed) == i;
          EXPECT_TRUE(!another || queue.pop());
          while (patient.load(memory_order_acquire) < i) wait_a_little();
          continue;
        }
        while (round.load(memory_order_acquire) < i) wait_a_little();
        if (thread == 0) {
          const conqueue_status status = queue.try_push_for(1, up_to(150));
          if (status == conqueue_status::success) got_in.store(i, memory_order_relaxed);
          tried.store(i, memory_order_release);
        } else {
          if (i % 4 != 0) std::this_thread::sleep_for(up_to(20));
          EXPECT_TRUE(queue.push(2));
          patient.store(i, memory_order_release);
        }
      }
    });
    EXPECT_EQ(queue.size_approx(), 1U);
  }
}

/// A consumer that has waited for an element whose move throws gets the exception, and the queue goes on.
TYPED_TEST_P(queue_suite, ThrowingPopAfterAWait) {
  for (const popping way : {popping::pop, popping::pop_n, popping::try_pop_for, popping::try_pop_until}) {
    auto queue = TypeParam::template make<fickle>(2);
    {
      watched_thread consumer(
          [&] { EXPECT_THROW(static_cast<void>(pop_by(way, queue, 600s)), fuse::blown); });
      EXPECT_TRUE(consumer.falls_asleep());
      EXPECT_TRUE(queue.emplace(fickle::not_movable));
    }
    // The element is gone, or is still there and throws again when it is its turn.
    EXPECT_TRUE(queue.emplace(7U));
    constexpr bool seven_first = TypeParam::claimed.ordered == order::lifo;
    if (seven_first) expect_pop(queue, 7);
    try {
      if (!seven_first) expect_pop(queue, 7);
      expect_nothing(queue, conqueue_status::empty);
    } catch (const fuse::blown&) {
      EXPECT_EQ(queue.size_approx(), seven_first ? 1U : 2U);
    }
    queue.close();
  }
}

/// Of two that wait for room, the one that is woken may fail to make its element: then the other one goes.
TYPED_TEST_P(queue_suite, ThrowingPushLeavesTheRoomToOthers) {
  if constexpr (TypeParam::claimed.producers == role::one || TypeParam::claimed.room != bound::exact) {
    GTEST_SKIP() << "one producer, or no exact bound";
  } else {
    for (int round = 0; round < 10; ++round) {
      auto queue = TypeParam::template make<fickle>(1);
      EXPECT_TRUE(queue.emplace(1U));
      watched_thread fails([&] { EXPECT_THROW(queue.emplace(fickle::not_makeable), fuse::blown); });
      EXPECT_TRUE(fails.falls_asleep());
      watched_thread goes_on([&] { EXPECT_TRUE(queue.emplace(2U)); });
      EXPECT_TRUE(goes_on.falls_asleep());
      expect_pop(queue, 1);
      goes_on.join();
      expect_pop(queue, 2);  // and makes room for the one that fails, if it was not the first to be woken
    }
  }
}

/// If a pop that throws has made room, who waits for room gets it.
TYPED_TEST_P(queue_suite, ThrowingPopGivesItsRoomAway) {
  if constexpr (TypeParam::claimed.room != bound::exact) {
    GTEST_SKIP() << "how much room a pop makes is its own affair";
  } else {
    auto queue = TypeParam::template make<fickle>(1);
    EXPECT_TRUE(queue.emplace(fickle::not_movable));
    watched_thread producer([&] { static_cast<void>(queue.emplace(2U)); });
    EXPECT_TRUE(producer.falls_asleep());
    EXPECT_THROW(static_cast<void>(queue.pop()), fuse::blown);
    // Either there was room, and 2 comes. Or the element is where it was, throws again, and there is none.
    try {
      expect_pop(queue, 2, popping::pop);
    } catch (const fuse::blown&) {
      EXPECT_FALSE(producer.finished());
    }
    queue.close();
  }
}

/// What the producer wrote before the push is there after the pop, also behind a pointer.
TYPED_TEST_P(queue_suite, PushHappensBeforePop) {
  auto queue = TypeParam::template make<void*>(2);
  std::vector<std::string> texts(static_cast<std::size_t>(scaled(5000)));
  in_threads(2, [&](int thread) {
    if (thread == 0) {
      for (std::size_t i = 0; i < texts.size(); ++i) {
        texts[i] = element<std::string>::make(i);
        EXPECT_TRUE(queue.push(&texts[i]));
      }
      queue.close();
    } else {
      std::uint64_t expected = 0;
      while (const auto pointer = queue.pop()) {
        const auto* const text = static_cast<const std::string*>(*pointer);
        EXPECT_EQ(element<std::string>::number(*text), static_cast<std::uint64_t>(text - texts.data()));
        if (keeps_producers_order<TypeParam>) {
          EXPECT_EQ(text, &texts[expected]);
        }
        ++expected;
      }
      EXPECT_EQ(expected, texts.size());
    }
  });
}

}  // namespace switchyard::conformance
