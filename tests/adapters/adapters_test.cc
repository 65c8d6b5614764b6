// What is particular to the adapters of other libraries. What every queue and every counter promises is
// tested in //tests/conformance.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <future>
#include <initializer_list>
#include <iterator>
#include <limits>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "concurrentqueue.h"
#include "switchyard/adapters/absl_bounded_queue.h"
#include "switchyard/adapters/absl_counter.h"
#include "switchyard/adapters/detail/moodycamel_cell.h"
#include "switchyard/adapters/detail/moodycamel_mpmc.h"
#include "switchyard/adapters/moodycamel_blocking_concurrent_queue.h"
#include "switchyard/adapters/moodycamel_concurrent_queue.h"
#include "switchyard/adapters/moodycamel_reader_writer_queue.h"
#include "switchyard/adapters/std_bounded_queue.h"
#include "switchyard/adapters/std_counter.h"
#include "switchyard/atomics/atomic.h"
#include "switchyard/interface/conqueue_status.h"
#include "switchyard/interface/counter.h"
#include "switchyard/interface/queue.h"
#include "switchyard/tests/conformance/test_support.h"

namespace switchyard::adapters {
namespace {

using namespace std::chrono_literals;
using status = conqueue_status;

static_assert(concurrent_counter<absl_counter> && concurrent_counter<std_counter>);
static_assert(sizeof(detail::cell<char>) == 1 && sizeof(detail::cell<std::string>) == sizeof(std::string));

template <class Queue>
std::size_t fill(Queue& queue) {
  std::size_t n = 0;
  while (queue.try_push(static_cast<int>(n)) == status::success) ++n;
  return n;
}

// The soft bound of moodycamel's two queues for many producers.

template <class Queue>
class moodycamel_mpmc_test : public ::testing::Test {};
using mpmc_queues =
    ::testing::Types<moodycamel_concurrent_queue<int>, moodycamel_blocking_concurrent_queue<int>>;
TYPED_TEST_SUITE(moodycamel_mpmc_test, mpmc_queues);

constexpr std::size_t blocks(std::size_t n) {
  return (n + 31) / 32;
}

TYPED_TEST(moodycamel_mpmc_test, HoldsAtLeastItsCapacityAgainAndAgain) {
  for (const std::size_t n :
       std::initializer_list<std::size_t>{1, 2, 31, 32, 33, 64, 100, 1000, 1024, 1025, 40'000}) {
    SCOPED_TRACE(n);
    TypeParam queue(n);
    std::size_t begin = 0;
    for (int lap = 0; lap < 40; ++lap) {
      const std::size_t held = fill(queue);
      EXPECT_GE(held, n);
      EXPECT_LE(held, 32 * (blocks(n) + 2));
      // Not all of it, so that the next lap begins elsewhere in a block.
      const std::size_t leave = begin++ % (n + 1);
      for (std::size_t i = leave; i < held; ++i) EXPECT_TRUE(queue.try_pop().has_value());
      for (std::size_t i = 0; i < leave; ++i) EXPECT_TRUE(queue.pop().has_value());
      EXPECT_EQ(queue.try_pop().error(), status::empty);
    }
  }
}

// Reserved blocks alone would fail here: each producer keeps the block that it has begun.
TYPED_TEST(moodycamel_mpmc_test, EveryProducerFindsRoomInAnEmptyQueue) {
  TypeParam queue(1);
  std::vector<std::promise<void>> go(20);
  std::vector<std::thread> producers;
  for (auto& mine : go) {
    producers.emplace_back([&queue, signal = mine.get_future()]() mutable {
      signal.wait();
      EXPECT_EQ(queue.try_push(1), status::success);
      EXPECT_EQ(queue.pop(), 1);
    });
  }
  // One after the other, while all threads live: no two share what moodycamel keeps for a thread.
  for (std::size_t i = 0; i < go.size(); ++i) {
    go[i].set_value();
    producers[i].join();
  }
}

TYPED_TEST(moodycamel_mpmc_test, OvershootIsLimitedWithManyProducers) {
  constexpr std::size_t producers = 4;
  for (const std::size_t n : std::initializer_list<std::size_t>{1, 40, 1000}) {
    TypeParam queue(n);
    std::size_t most = 0;
    for (int lap = 0; lap < 20; ++lap) {
      atomic<std::size_t> held{0};
      std::vector<std::thread> threads;
      for (std::size_t p = 0; p < producers; ++p) {
        threads.emplace_back([&] { held.fetch_add(fill(queue), memory_order_relaxed); });
      }
      for (auto& thread : threads) thread.join();
      EXPECT_GE(held.load(memory_order_relaxed), n);
      most = std::max(most, held.load(memory_order_relaxed));
      while (queue.try_pop()) continue;
    }
    EXPECT_LE(most, n + 96 * producers + 64);
    this->RecordProperty("capacity_" + std::to_string(n), static_cast<int>(most));
  }
}

// A consumer that comes too late hides an element for a moment from one that is about to sleep. Here the
// library hides every element a few times.
struct hiding_queue : moodycamel::ConcurrentQueue<detail::cell<int>> {
  using ConcurrentQueue::ConcurrentQueue;
  int times = 0;

  bool hides() { return size_approx() != 0 && times++ % 4 != 3; }
  template <class Target>
  bool try_dequeue(Target& target) {
    return !hides() && ConcurrentQueue::try_dequeue(target);
  }
  template <class Output>
  std::size_t try_dequeue_bulk(Output out, std::size_t max) {
    return hides() ? 0 : ConcurrentQueue::try_dequeue_bulk(out, max);
  }
};
struct hiding_adapter : detail::moodycamel_mpmc<hiding_adapter, int, hiding_queue> {
  explicit hiding_adapter(std::size_t capacity) : moodycamel_mpmc(capacity) {}
};

TEST(MoodycamelConcurrent, HiddenElementIsNotTakenForNone) {
  hiding_adapter queue(8);
  std::array<int, 8> some{};
  for (int i = 0; i < 4; ++i) EXPECT_EQ(queue.try_push(int(i)), status::success);
  EXPECT_EQ(queue.try_pop(), 0);
  EXPECT_EQ(queue.try_pop_n(some.data(), 2), 2U);
  EXPECT_EQ(some[1], 2);
  queue.close();
  EXPECT_EQ(queue.pop_n(some.data(), 8), 1U);
  EXPECT_EQ(some[0], 3);
  EXPECT_EQ(queue.try_pop().error(), status::closed);
}

// The same with the real one.
TYPED_TEST(moodycamel_mpmc_test, NoElementIsOverlookedByAWaiter) {
  TypeParam queue(64);
  constexpr int rounds = 2'000;
  atomic<int> consumed{0};
  atomic<bool> stop{false};
  std::thread waiter([&] {
    while (queue.pop()) consumed.fetch_add(1, memory_order_release);
  });
  // Looks in just as elements arrive, and not again until the next.
  atomic<int> round{0};
  std::thread passer_by([&] {
    for (int seen = 0; !stop.load(memory_order_relaxed);) {
      if (round.load(memory_order_acquire) == seen) continue;
      ++seen;
      if (queue.try_pop()) consumed.fetch_add(1, memory_order_release);
    }
  });
  int pushed = 0;
  for (int i = 0; i < rounds && !this->HasFailure(); ++i) {
    round.fetch_add(1, memory_order_release);
    EXPECT_TRUE(queue.push(1));
    EXPECT_TRUE(queue.push(2));
    pushed += 2;
    const auto patience = std::chrono::steady_clock::now() + 1min;
    while (consumed.load(memory_order_acquire) != pushed) {
      if (std::chrono::steady_clock::now() > patience) {
        ADD_FAILURE() << "asleep, with an element in the queue, in round " << i;
        i = rounds;
        break;
      }
      yield();
    }
  }
  stop.store(true, memory_order_relaxed);
  queue.close();
  waiter.join();
  passer_by.join();
}

// Close against a push that is under way: it may still succeed, so nobody may be told that the queue is done.

struct slow {
  struct gate {
    std::promise<void> inside;
    std::future<void> go_on;
  };
  explicit slow(gate& at) {
    at.inside.set_value();
    at.go_on.wait();
  }
};

template <class Queue>
class every_moodycamel_queue : public ::testing::Test {};
using moodycamel_queues =
    ::testing::Types<moodycamel_concurrent_queue<slow>, moodycamel_blocking_concurrent_queue<slow>,
                     moodycamel_reader_writer_queue<slow>>;
TYPED_TEST_SUITE(every_moodycamel_queue, moodycamel_queues);

TYPED_TEST(every_moodycamel_queue, PushUnderWayIsWaitedFor) {
  TypeParam queue(4);
  slow::gate gate;
  std::promise<void> go_on;
  gate.go_on = go_on.get_future();
  auto pushed = std::async(std::launch::async, [&] { return queue.emplace(gate); });
  gate.inside.get_future().wait();
  queue.close();
  EXPECT_TRUE(queue.is_closed());
  EXPECT_EQ(queue.try_emplace(gate), status::closed);
  EXPECT_EQ(queue.try_pop().error(), status::empty);
  EXPECT_EQ(queue.try_pop_for(20ms).error(), status::empty);
  auto popped = std::async(std::launch::async, [&] { return queue.pop().has_value(); });
  EXPECT_EQ(popped.wait_for(30ms), std::future_status::timeout);
  go_on.set_value();
  EXPECT_TRUE(pushed.get());
  EXPECT_TRUE(popped.get());
  EXPECT_EQ(queue.try_pop().error(), status::closed);
}

TEST(MoodycamelBlocking, CloseIsNoticedByThoseAsleepAtOnceOrSoon) {
  moodycamel_blocking_concurrent_queue<int> queue(4);
  std::vector<std::thread> consumers;
  for (int i = 0; i < 3; ++i) {
    consumers.emplace_back([&] { EXPECT_EQ(queue.pop(), std::nullopt); });
  }
  std::this_thread::sleep_for(50ms);
  const auto begin = std::chrono::steady_clock::now();
  queue.close();
  for (auto& consumer : consumers) consumer.join();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 1min);
}

// The bound of ReaderWriterQueue.

TEST(MoodycamelReaderWriter, HoldsAtLeastItsCapacity) {
  for (const std::size_t n :
       std::initializer_list<std::size_t>{1, 2, 3, 4, 7, 8, 500, 1022, 1023, 1024, 1025, 5000}) {
    SCOPED_TRACE(n);
    moodycamel_reader_writer_queue<int> queue(n);
    for (std::size_t begin = 0; begin < 40; ++begin) {
      const std::size_t held = fill(queue);
      EXPECT_GE(held, n);
      EXPECT_LE(held, n < 1024 ? 2 * n : n + 1021);
      EXPECT_EQ(queue.size_approx(), held);
      for (std::size_t i = 0; i < held; ++i) EXPECT_EQ(queue.pop(), static_cast<int>(i));
      EXPECT_TRUE(queue.empty_approx());
      for (std::size_t i = 0; i < begin % n; ++i) {
        EXPECT_EQ(queue.try_push(1), status::success);
        EXPECT_EQ(queue.pop(), 1);
      }
    }
  }
}

// Elements that throw, in all five. `fuse` counts down on every copy and move.

int fuse = 0;
struct fragile {
  explicit fragile(int n) : number(n) { ++living; }
  fragile(const fragile& other) : number(burn(other.number)) { ++living; }
  fragile& operator=(const fragile& other) {
    number = burn(other.number);
    return *this;
  }
  ~fragile() { --living; }
  static int burn(int n) {
    if (fuse != 0 && --fuse == 0) throw std::runtime_error("blown");
    return n;
  }
  static inline int living = 0;
  int number;
};

template <class Queue>
class every_adapter : public ::testing::Test {};
using adapters_of_fragile =
    ::testing::Types<moodycamel_concurrent_queue<fragile>, moodycamel_blocking_concurrent_queue<fragile>,
                     moodycamel_reader_writer_queue<fragile>, absl_bounded_queue<fragile>,
                     std_bounded_queue<fragile>>;
TYPED_TEST_SUITE(every_adapter, adapters_of_fragile);

TYPED_TEST(every_adapter, PushThatThrowsAddsNothing) {
  fuse = 0;
  const int before = fragile::living;
  {
    TypeParam queue(100);
    const fragile value(7);
    for (int i = 0; i < 70; ++i) {  // over two of moodycamel's blocks
      EXPECT_TRUE(queue.emplace(i));
      fuse = 1;
      EXPECT_THROW(queue.push(value), std::runtime_error);
    }
    EXPECT_EQ(queue.size_approx(), 70U);
    EXPECT_EQ(fragile::living, before + 71);
    for (int i = 0; i < 35; ++i) EXPECT_EQ(queue.pop()->number, i);
  }
  EXPECT_EQ(fragile::living, before);
}

TYPED_TEST(every_adapter, PopThatThrowsLosesNothingElse) {
  fuse = 0;
  const int before = fragile::living;
  {
    TypeParam queue(100);
    for (int i = 0; i < 70; ++i) EXPECT_TRUE(queue.emplace(i));
    int next = 0;
    for (int i = 0; i < 35; ++i) {
      fuse = 1;
      EXPECT_THROW(static_cast<void>(queue.try_pop()), std::runtime_error);
      const auto popped = queue.try_pop();
      ASSERT_TRUE(popped.has_value());
      // Either the one that threw stayed, or it is gone, and the next one is here.
      EXPECT_TRUE(popped->number == next || popped->number == next + 1) << popped->number;
      next = popped->number + 1;
    }
    while (const auto popped = queue.try_pop()) EXPECT_EQ(popped->number, next++);
    EXPECT_EQ(next, 70);
    EXPECT_TRUE(queue.empty_approx());
  }
  EXPECT_EQ(fragile::living, before);
}

TYPED_TEST(every_adapter, BulkThatThrowsSaysHowFarItCame) {
  fuse = 0;
  const int before = fragile::living;
  {
    TypeParam queue(100);
    const std::vector<fragile> values(5, fragile(9));
    fuse = 1;
    EXPECT_THROW(queue.push_n(values.begin(), 5), std::runtime_error);
    fuse = 3;
    EXPECT_EQ(queue.try_push_n(values.begin(), 5), 2U);
    EXPECT_EQ(queue.size_approx(), 2U);
    fuse = 0;
    EXPECT_EQ(queue.push_n(values.begin(), 5), 5U);
    std::vector<fragile> out(7, fragile(0));
    fuse = 5;
    // Either the element that threw stayed, and the exception was kept back, or it is gone.
    std::size_t popped = 0;
    try {
      popped = queue.pop_n(out.begin(), 7);
      EXPECT_GE(popped, 1U);
    } catch (const std::runtime_error&) {
      popped = static_cast<std::size_t>(std::ranges::count(out, 9, &fragile::number));
    }
    EXPECT_LT(popped, 7U);
    fuse = 0;
    std::size_t rest = 0;
    while (queue.try_pop()) ++rest;
    EXPECT_GE(popped + rest, 6U) << "more was lost than the element that threw";
  }
  EXPECT_EQ(fragile::living, before);
}

// Elements in bulk, that cannot throw: the paths by which moodycamel takes many at a time.

template <class Queue>
class every_adapter_of_strings : public ::testing::Test {};
using adapters_of_strings = ::testing::Types<moodycamel_concurrent_queue<std::string>,
                                             moodycamel_blocking_concurrent_queue<std::string>,
                                             moodycamel_reader_writer_queue<std::string>,
                                             absl_bounded_queue<std::string>, std_bounded_queue<std::string>>;
TYPED_TEST_SUITE(every_adapter_of_strings, adapters_of_strings);

TYPED_TEST(every_adapter_of_strings, BulkKeepsTheOrderAndMovesOnlyWhatItTakes) {
  for (const std::size_t n : std::initializer_list<std::size_t>{1, 5, 32, 100, 2000}) {
    TypeParam queue(n);
    std::vector<std::string> values;
    for (std::size_t i = 0; i < 3 * n + 200; ++i) values.push_back("string number " + std::to_string(i));
    const std::vector<std::string> original = values;
    const std::size_t taken = queue.try_push_n(std::move_iterator(values.begin()), values.size());
    EXPECT_GE(taken, n);
    ASSERT_LT(taken, values.size());
    for (std::size_t i = 0; i < values.size(); ++i) EXPECT_EQ(values[i], i < taken ? "" : original[i]);
    std::vector<std::string> popped(taken + 10, "none");
    EXPECT_EQ(queue.try_pop_n(popped.data(), 3), std::min<std::size_t>(taken, 3));
    if (taken > 3) {
      EXPECT_EQ(queue.pop_n(popped.begin() + 3, popped.size()), taken - 3);
    }
    for (std::size_t i = 0; i < popped.size(); ++i) EXPECT_EQ(popped[i], i < taken ? original[i] : "none");
    EXPECT_EQ(queue.try_pop_n(popped.data(), 1), 0U);
    EXPECT_EQ(queue.try_push_n(values.begin(), 0), 0U);
    EXPECT_EQ(queue.try_pop_n(popped.data(), 0), 0U);
  }
}

TYPED_TEST(every_adapter_of_strings, EmplaceThatFailsUsesNothingUp) {
  TypeParam queue(1);
  std::string word = "a word that is too long to be kept inside";
  while (queue.try_emplace("x") == status::success) continue;
  EXPECT_EQ(queue.try_emplace(std::move(word)), status::full);
  EXPECT_EQ(queue.try_emplace(std::move(word), std::allocator<char>()), status::full);
  EXPECT_EQ(queue.try_push_for(std::move(word), 1ms), status::full);
  queue.close();
  EXPECT_EQ(queue.try_emplace(std::move(word)), status::closed);
  EXPECT_FALSE(queue.emplace(std::move(word), std::allocator<char>()));
  EXPECT_EQ(word, "a word that is too long to be kept inside");
}

// The textbook queues.

template <template <class...> class Queue>
struct of {
  template <class... Args>
  using with = Queue<Args...>;
};
template <class Which>
class locked_queue_test : public ::testing::Test {};
using locked_queues = ::testing::Types<of<absl_bounded_queue>, of<std_bounded_queue>>;
TYPED_TEST_SUITE(locked_queue_test, locked_queues);

// Of two producers asleep one is woken, and throws. The room is still there for the other.
TYPED_TEST(locked_queue_test, ProducerThatThrowsPassesTheWakeUpOn) {
  struct picky {
    explicit picky(bool fine) {
      if (!fine) throw std::runtime_error("not fine");
    }
  };
  typename TypeParam::template with<picky> queue(1);
  EXPECT_TRUE(queue.emplace(true));
  conformance::watched_thread throws([&] { EXPECT_THROW(queue.emplace(false), std::runtime_error); });
  EXPECT_TRUE(throws.falls_asleep());
  conformance::watched_thread other([&] { EXPECT_TRUE(queue.emplace(true)); });
  EXPECT_TRUE(other.falls_asleep());
  EXPECT_TRUE(queue.pop());
  other.join();  // or it sleeps for ever, with room in the queue
  EXPECT_TRUE(queue.pop()) << "room for the one that throws, if it was not the first to be woken";
  throws.join();
  queue.close();
}

template <class T>
struct counting_allocator {
  using value_type = T;
  explicit counting_allocator(int* count) : live(count) {}
  template <class U>
  counting_allocator(const counting_allocator<U>& other) : live(other.live) {}
  T* allocate(std::size_t n) {
    *live += static_cast<int>(n);
    return std::allocator<T>().allocate(n);
  }
  void deallocate(T* p, std::size_t n) {
    *live -= static_cast<int>(n);
    std::allocator<T>().deallocate(p, n);
  }
  friend bool operator==(const counting_allocator&, const counting_allocator&) = default;
  int* live;
};

TYPED_TEST(locked_queue_test, MemoryComesFromTheAllocator) {
  int live = 0;
  {
    using allocator = counting_allocator<char>;
    typename TypeParam::template with<std::string, allocator> queue(5, allocator(&live));
    EXPECT_EQ(live, 5);
    for (int i = 0; i < 5; ++i) EXPECT_TRUE(queue.push("text"));
    EXPECT_EQ(live, 5);
    EXPECT_EQ(queue.get_allocator().live, &live);
  }
  EXPECT_EQ(live, 0);
}

TEST(Counters, WrapOnOverflow) {
  const auto expect_wraps = [](auto&& counter) {
    counter.add(std::numeric_limits<std::int64_t>::max());
    counter.increment();
    EXPECT_EQ(counter.load(), std::numeric_limits<std::int64_t>::min());
    EXPECT_EQ(counter.exchange(3), std::numeric_limits<std::int64_t>::min());
    counter.add(-5);
    EXPECT_EQ(counter.load(), -2);
  };
  expect_wraps(absl_counter());
  expect_wraps(std_counter());
}

}  // namespace
}  // namespace switchyard::adapters
