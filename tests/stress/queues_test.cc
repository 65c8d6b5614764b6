// Queues under stress: threads that come and go, a close at a random time, all members mixed; with elements
// that throw and memory that fails, at random and at every call in turn.
//
// A queue has a line here if it has one in the conformance suite; what that suite asks for one thread, or for
// threads that all behave, is not asked again.

#include <gtest/gtest.h>

#include <algorithm>
#include <barrier>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "switchyard/atomics/atomic.h"
#include "switchyard/blocking/bounded_queue.h"
#include "switchyard/blocking/priority_queue.h"
#include "switchyard/blocking/relaxed_priority_queue.h"
#include "switchyard/blocking/spsc_queue.h"
#include "switchyard/blocking/stack.h"
#include "switchyard/lockfree/bounded_queue.h"
#include "switchyard/lockfree/priority_queue.h"
#include "switchyard/lockfree/rcu.h"
#include "switchyard/lockfree/relaxed_priority_queue.h"
#include "switchyard/lockfree/spsc_queue.h"
#include "switchyard/lockfree/stack.h"
#include "switchyard/lockfree/unbounded_queue.h"
#include "switchyard/tests/conformance/queue_suite_base.h"
#include "switchyard/tests/conformance/queue_under_test.h"
#include "switchyard/tests/stress/stress.h"

namespace switchyard::stress {
namespace {

using namespace conformance;  // NOLINT: the ways to push and pop, the elements, the books

/// A queue and who uses it: `producers` places from 0, and after them `consumers` more.
template <class Line, class T>
class storm {
 public:
  storm(int producers, int consumers, std::size_t capacity)
      : queue_(Line::template make<T>(capacity)),
        producers_(producers),
        accepted_(static_cast<std::size_t>(producers)),
        popped_(static_cast<std::size_t>(consumers)) {}

  /// Places of short-lived threads, and one that closes at a random time. With `trouble`, now and then
  /// a call fails that may.
  void blow(std::uint64_t seed, bool trouble) {
    const int all = places_in_use();
    come_and_go(all + 1, seed, [&](int place, random_source& random) {
      if (place == all) {
        const auto when = random() % 400;
        while (operations_.load(memory_order_relaxed) < when) wait_a_little();
        stagger(random);
        close();
        return false;
      }
      if (random() % 4 == 0) say_last([this, place, &random] { once(place, random); });
      if (trouble) misfortune::in(static_cast<int>(1 + random() % 60));
      bool more = true;
      for (auto left = random() % 40; left != 0 && more; --left) more = once(place, random);
      return more;
    });
  }

  /// The thread in the place `victim` pushes or pops so many elements, in which may fail what it has been
  /// told; those in the other places do as they like, until the victim closes.
  void fail_at(int victim, std::size_t elements) {
    random_source same = random_for(1, victim);
    std::vector<std::thread> others;
    for (int place = 0; place < places_in_use(); ++place) {
      if (place == victim) continue;
      others.emplace_back([this, place] {
        random_source random = random_for(2, place);
        while (once(place, random)) {
        }
      });
    }
    const auto& moved = victim < producers_ ? accepted_[static_cast<std::size_t>(victim)]
                                            : popped_[static_cast<std::size_t>(victim - producers_)];
    while (moved.size() < elements) once(victim, same);
    close();
    while (once(victim, same)) {
    }
    for (std::thread& other : others) other.join();
  }

  /// Nothing twice, nothing left, and nothing lost but what a pop threw on. To be called when all have ended.
  void expect_right() {
    expect_nothing(queue_, conqueue_status::closed);
    std::vector<std::uint64_t> all_popped;
    for (const auto& some : popped_) all_popped.insert(all_popped.end(), some.begin(), some.end());
    std::sort(all_popped.begin(), all_popped.end());
    int missing = 0;
    for (auto& some : accepted_) {
      missing += static_cast<int>(std::erase_if(some, [&](std::uint64_t item) {
        return !std::binary_search(all_popped.begin(), all_popped.end(), item);
      }));
    }
    EXPECT_LE(missing, pops_that_threw_.load(memory_order_relaxed)) << "lost";
    EXPECT_TRUE(popped_exactly_once(accepted_, popped_));
    if (keeps_producers_order<Line>) {
      EXPECT_TRUE(popped_in_producers_order(popped_));
    }
  }

 private:
  int places_in_use() const { return producers_ + static_cast<int>(popped_.size()); }

  void close() {
    queue_.close();
    closed_.store(true, memory_order_release);
  }

  /// False: the queue is closed, and if it is a consumer, empty.
  bool once(int place, random_source& random) {
    operations_.fetch_add(1, memory_order_relaxed);
    stagger(random);
    const std::size_t n = random() % 4 == 0 ? 2 + random() % 4 : 1;
    const std::chrono::microseconds wait(random() % 100);
    return place < producers_ ? push(place, n, wait, random) : pop(place - producers_, n, wait, random);
  }

  bool push(int producer, std::size_t n, std::chrono::microseconds wait, random_source& random) {
    auto& mine = accepted_[static_cast<std::size_t>(producer)];
    const std::uint64_t first = mine.empty() ? item_number(producer, 0) : mine.back() + 1;
    std::vector<T> values;
    for (std::uint64_t i = 0; i < n; ++i) values.push_back(element<T>::make(first + i));
    const bool was_closed = closed_.load(memory_order_acquire);
    std::size_t taken = 0;
    conqueue_status status = conqueue_status::success;
    try {
      const misfortune::possible here;
      if (n == 1) {
        status = push_by(every_push[random() % every_push.size()], queue_, values.front(), wait);
        taken = status == conqueue_status::success;
      } else {
        const auto from = std::make_move_iterator(values.begin());
        taken = random() % 2 == 0 ? queue_.push_n(from, n) : queue_.try_push_n(from, n);
      }
    } catch (const misfortune::blow&) {
    } catch (const std::bad_alloc&) {
    }
    for (std::size_t i = 0; i < n; ++i) {
      if (i < taken) {
        mine.push_back(first + i);
      } else {
        EXPECT_EQ(element<T>::number(values[i]), first + i) << "a push that failed touched its argument";
      }
    }
    EXPECT_FALSE(was_closed && taken != 0) << "pushed after close had returned";
    const bool closed = queue_.is_closed();
    EXPECT_TRUE(closed || status != conqueue_status::closed);
    return !closed;
  }

  bool pop(int consumer, std::size_t n, std::chrono::microseconds wait, random_source& random) {
    auto& mine = popped_[static_cast<std::size_t>(consumer)];
    bool ended = false;
    std::vector<T> values;
    values.reserve(n);
    try {
      const misfortune::possible here;
      if (n == 1) {
        const popping way = every_pop[random() % every_pop.size()];
        const popped got = pop_by(way, queue_, wait);
        if (got) mine.push_back(got.number);
        // By try_pop_n it is not told: what there was none of may be on its way.
        ended = got.status == conqueue_status::closed && way != popping::try_pop_n;
      } else {
        const bool waits = random() % 2 == 0;
        const auto out = std::back_inserter(values);
        const std::size_t count = waits ? queue_.pop_n(out, n) : queue_.try_pop_n(out, n);
        EXPECT_EQ(count, values.size());
        ended = waits && count == 0;
      }
    } catch (const misfortune::blow&) {
      pops_that_threw_.fetch_add(1, memory_order_relaxed);
    } catch (const std::bad_alloc&) {
      pops_that_threw_.fetch_add(1, memory_order_relaxed);
    }
    for (const T& value : values) mine.push_back(element<T>::number(value));
    return !ended;
  }

  typename Line::template queue<T> queue_;
  int producers_;
  std::vector<std::vector<std::uint64_t>> accepted_;  // by producer
  std::vector<std::vector<std::uint64_t>> popped_;    // by consumer
  atomic<int> pops_that_threw_{0};
  atomic<unsigned> operations_{0};
  atomic<bool> closed_{false};
};

template <class Line>
class queue_stress : public stress_test {
 protected:
  static constexpr int side = at_most<Line::claimed.producers>(places / 2);
  static_assert(Line::claimed.producers == Line::claimed.consumers);

  template <class T>
  static void test_storms(int rounds, bool trouble) {
    for_seeds(scaled(rounds), [=](std::uint64_t seed) {
      const expect_none_left<counted> scope;
      if constexpr (Line::claimed.reclaims) settle();
      const std::int64_t before = misfortune::blocks();
      // In a thread, as the one that looks at the end holds some memory, too.
      in_threads(1, [&](int) {
        storm<Line, T> queue(side, side, 1 + seed % 5);
        queue.blow(seed, trouble);
        queue.expect_right();
      });
      if constexpr (Line::claimed.reclaims) settle();
      EXPECT_EQ(misfortune::blocks(), before) << "more: leaked";
    });
  }

 private:
  /// What waits to be reclaimed is freed; what threads need for that, which is used again by others, is there.
  static void settle() {
    static const bool once = [] {
      std::barrier all(64);  // more threads than a test has at a time
      in_threads(64, [&](int) {
        const std::scoped_lock reading(lockfree::rcu_default_domain());
        all.arrive_and_wait();
      });
      return true;
    }();
    static_cast<void>(once);
    lockfree::rcu_barrier();
  }
};

/// Counts the bytes that are out.
template <class T>
struct counting_allocator {
  using value_type = T;

  explicit counting_allocator(std::ptrdiff_t& out) : bytes(&out) {}
  template <class U>
  counting_allocator(const counting_allocator<U>& other) : bytes(other.bytes) {}  // as allocators do

  T* allocate(std::size_t n) {
    T* const memory = std::allocator<T>().allocate(n);
    *bytes += static_cast<std::ptrdiff_t>(n * sizeof(T));
    return memory;
  }
  void deallocate(T* memory, std::size_t n) {
    *bytes -= static_cast<std::ptrdiff_t>(n * sizeof(T));
    std::allocator<T>().deallocate(memory, n);
  }
  friend bool operator==(const counting_allocator&, const counting_allocator&) = default;

  std::ptrdiff_t* bytes;
};

struct lockfree_bounded_queue : queue_under_test<lockfree::bounded_queue> {};
struct blocking_bounded_queue : queue_under_test<blocking::bounded_queue> {};
inline constexpr claims one_and_one{.producers = role::one, .consumers = role::one};
struct lockfree_spsc_queue : queue_under_test<lockfree::spsc_queue, one_and_one> {};
struct blocking_spsc_queue : queue_under_test<blocking::spsc_queue, one_and_one> {};
struct lockfree_unbounded_queue
    : queue_under_test<lockfree::unbounded_queue, claims{.room = bound::none, .reclaims = true}> {};
inline constexpr claims last_first{.ordered = order::lifo, .room = bound::none};
struct blocking_stack : queue_under_test<blocking::stack, last_first> {};
struct lockfree_stack : queue_under_test<lockfree::stack, last_first> {};
inline constexpr claims greatest_first{.ordered = order::priority, .room = bound::none};
struct blocking_priority_queue : priority_queue_under_test<blocking::priority_queue, greatest_first> {};
inline constexpr claims greatest_first_reclaiming{
    .ordered = order::priority, .room = bound::none, .prompt = false, .reclaims = true};
struct lockfree_priority_queue
    : priority_queue_under_test<lockfree::priority_queue, greatest_first_reclaiming> {};
// Relaxed when threads share them, strict (with one shard) where one alone looks at the order.
template <class T, class Compare = std::less<T>, class Allocator = std::allocator<T>>
class lockfree_shards : public lockfree::relaxed_priority_queue<T, Compare, Allocator> {
  using base = lockfree::relaxed_priority_queue<T, Compare, Allocator>;

 public:
  explicit lockfree_shards(const Compare& less = Compare()) : base(4, less) {}
  explicit lockfree_shards(const Allocator& allocator) : base(1, Compare(), allocator) {}
};
template <class T, class Compare = std::less<T>, class Allocator = std::allocator<T>>
class blocking_shards : public blocking::relaxed_priority_queue<T, Compare, Allocator> {
  using base = blocking::relaxed_priority_queue<T, Compare, Allocator>;

 public:
  explicit blocking_shards(const Compare& less = Compare()) : base(4, less) {}
  explicit blocking_shards(const Allocator& allocator) : base(1, Compare(), allocator) {}
};
struct lockfree_relaxed_priority_queue
    : priority_queue_under_test<lockfree_shards, greatest_first_reclaiming> {};
struct blocking_relaxed_priority_queue : priority_queue_under_test<blocking_shards, greatest_first> {};

using queues = ::testing::Types<lockfree_bounded_queue, lockfree_spsc_queue, blocking_bounded_queue,
                                blocking_spsc_queue, blocking_stack, lockfree_stack,
                                blocking_priority_queue, lockfree_priority_queue,
                                blocking_relaxed_priority_queue, lockfree_relaxed_priority_queue,
                                lockfree_unbounded_queue>;
TYPED_TEST_SUITE(queue_stress, queues);

TYPED_TEST(queue_stress, ThreadsComeAndGoAndSomebodyCloses) {
  TestFixture::template test_storms<std::uint64_t>(80, false);  // a word
  TestFixture::template test_storms<bytes<24>>(80, false);      // not a word, but bytes
  TestFixture::template test_storms<unlucky>(80, false);        // an object, though in luck
}

TYPED_TEST(queue_stress, AndCallsFail) {
  TestFixture::template test_storms<bytes<24>>(40, true);
  TestFixture::template test_storms<unlucky>(80, true);
}

TYPED_TEST(queue_stress, EveryCallOfOneThreadFailsInTurnWhileOthersGoOn) {
  const int half = std::min(2, TestFixture::side);
  for (const int victim : {0, half}) {
    SCOPED_TRACE(victim == 0 ? "the first producer" : "the first consumer");
    const expect_none_left<counted> scope;
    fail_in_turn(60, [=] {
      storm<TypeParam, unlucky> queue(half, half, 3);
      queue.fail_at(victim, 60);
      queue.expect_right();
    });
  }
}

/// Every allocation fails in turn, the allocator's and those of cells for threads, and those of elements:
/// each call has then done nothing, and succeeds the next time.
TYPED_TEST(queue_stress, EveryAllocationFailsInTurn) {
  using allocator = counting_allocator<std::string>;
  using queue_type = typename TypeParam::template queue_with<std::string, allocator>;
  const auto twice = [](auto call) {
    try {
      const misfortune::possible here;
      return call();
    } catch (const std::bad_alloc&) {
      return call();
    }
  };
  fail_in_turn(5, [&] {
    std::ptrdiff_t bytes = 0;
    {
      std::optional<queue_type> queue;
      twice([&] {
        if constexpr (is_bounded<TypeParam>) {
          queue.emplace(std::size_t{2}, allocator(bytes));
        } else {
          queue.emplace(allocator(bytes));
        }
      });
      numbers_inside<TypeParam::claimed.ordered> inside;
      for (const pushing way : every_push) {
        for (int i = 0; i < 2; ++i) {
          const std::size_t before = inside.size();
          const std::uint64_t number = inside.add();
          auto value = element<std::string>::make(number);
          const auto push = [&] {
            EXPECT_EQ(element<std::string>::number(value), number) << "a push that threw moved its argument";
            EXPECT_EQ(queue->size_approx(), before);
            return push_by(way, *queue, value);
          };
          EXPECT_EQ(twice(push), conqueue_status::success);
          EXPECT_GT(bytes, 0);
        }
        for (const popping how : {popping::pop, popping::try_pop_for}) {
          EXPECT_EQ(twice([&] { return pop_by(how, *queue); }).number, inside.take());
        }
      }
    }
    EXPECT_EQ(bytes, 0);
  });
}

}  // namespace
}  // namespace switchyard::stress
