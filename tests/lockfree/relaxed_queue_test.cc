// What is particular to the relaxed queues of both sides: their handles and lanes, and the memory they take. What every
// queue promises is tested in //tests/conformance.
#include "switchyard/lockfree/relaxed_queue.h"

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <new>
#include <numeric>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "switchyard/atomics/atomic.h"
#include "switchyard/blocking/relaxed_queue.h"
#include "switchyard/interface/conqueue_status.h"
#include "switchyard/interface/deadline.h"
#include "switchyard/lockfree/detail/lane.h"
#include "switchyard/tests/blocking/accounting_allocator.h"

namespace switchyard {
namespace {

using std::chrono::milliseconds;

struct lockfree_side {
  template <class... Arguments>
  using queue = lockfree::relaxed_queue<Arguments...>;
};
struct blocking_side {
  template <class... Arguments>
  using queue = blocking::relaxed_queue<Arguments...>;
};

template <class Side>
class RelaxedQueue : public ::testing::Test {};
using sides = ::testing::Types<lockfree_side, blocking_side>;
TYPED_TEST_SUITE(RelaxedQueue, sides);

template <class Side, class T>
using queue_of = typename Side::template queue<T>;
template <class Side, class T>
using accounted_queue_of = typename Side::template queue<T, blocking::accounting_allocator<T>>;

// -- Handles ----------------------------------------------------------------------------------------------------------

TYPED_TEST(RelaxedQueue, FirstInFirstOutByHandles) {
  queue_of<TypeParam, std::string> queue;
  auto out = queue.make_producer();
  auto in = queue.make_consumer();
  EXPECT_EQ(in.try_pop().error(), conqueue_status::empty);
  for (int lap = 0; lap < 3; ++lap) {
    for (int i = 0; i < 1000; ++i) {
      switch (i % 6) {
        case 0: EXPECT_TRUE(out.push(std::to_string(i))); break;
        case 1: EXPECT_TRUE(out.emplace(std::to_string(i))); break;
        case 2: EXPECT_EQ(out.try_push(std::to_string(i)), conqueue_status::success); break;
        case 3: EXPECT_EQ(out.try_emplace(std::to_string(i).c_str()), conqueue_status::success); break;
        case 4: EXPECT_EQ(out.try_emplace_until(deadline::after(milliseconds(0)), std::to_string(i)), conqueue_status::success); break;
        case 5: {
          const std::string one = std::to_string(i);
          EXPECT_EQ(out.push_n(&one, 1), 1U);
          break;
        }
      }
    }
    EXPECT_EQ(queue.size_approx(), 1000U);
    for (int i = 0; i < 1000; ++i) {
      std::string popped = "none";
      switch (i % 5) {
        case 0: popped = in.pop().value(); break;
        case 1: popped = in.try_pop().value(); break;
        case 2: popped = in.try_pop_for(milliseconds(1)).value(); break;
        case 3: EXPECT_EQ(in.pop_n(&popped, 1), 1U); break;
        case 4: EXPECT_EQ(in.try_pop_n(&popped, 1), 1U); break;
      }
      EXPECT_EQ(popped, std::to_string(i));
    }
    EXPECT_FALSE(in.try_pop());
    EXPECT_EQ(in.try_pop_n(static_cast<std::string*>(nullptr), 0), 0U);
    EXPECT_EQ(queue.size_approx(), 0U);
  }
}

TYPED_TEST(RelaxedQueue, HandlesMove) {
  queue_of<TypeParam, int> queue;
  auto out = queue.make_producer();
  EXPECT_FALSE(out.empty());
  EXPECT_TRUE(out.push(1));
  auto moved = std::move(out);
  EXPECT_TRUE(out.empty());  // NOLINT: that is what is asked
  EXPECT_TRUE(moved.push(2));
  typename queue_of<TypeParam, int>::producer none;
  EXPECT_TRUE(none.empty());
  none = std::move(moved);
  EXPECT_TRUE(none.push(3));
  none.swap(moved);
  EXPECT_TRUE(moved.push(4));

  auto in = queue.make_consumer();
  EXPECT_EQ(in.pop(), 1);
  auto also = std::move(in);
  EXPECT_TRUE(in.empty());  // NOLINT
  EXPECT_EQ(also.pop(), 2);
  typename queue_of<TypeParam, int>::consumer nobody;
  EXPECT_TRUE(nobody.empty());
  nobody = std::move(also);
  EXPECT_EQ(nobody.pop(), 3);
  nobody.swap(also);
  EXPECT_EQ(also.pop(), 4);
  EXPECT_EQ(also.try_pop().error(), conqueue_status::empty);
}

TYPED_TEST(RelaxedQueue, HandlesAreToldOfTheEnd) {
  queue_of<TypeParam, std::unique_ptr<int>> queue;
  auto out = queue.make_producer();
  auto in = queue.make_consumer();
  EXPECT_TRUE(out.push(std::make_unique<int>(1)));
  queue.close();
  auto refused = std::make_unique<int>(2);
  EXPECT_FALSE(out.push(std::move(refused)));
  EXPECT_EQ(out.try_push(std::move(refused)), conqueue_status::closed);
  EXPECT_EQ(out.push_n(std::make_move_iterator(&refused), 1), 0U);
  ASSERT_NE(refused, nullptr);
  EXPECT_EQ(**in.pop(), 1);
  EXPECT_FALSE(in.pop());
  EXPECT_EQ(in.try_pop().error(), conqueue_status::closed);
  EXPECT_EQ(in.try_pop_for(std::chrono::hours(1)).error(), conqueue_status::closed);
  EXPECT_EQ(in.pop_n(&refused, 1), 0U);
  auto late = queue.make_producer();
  EXPECT_FALSE(late.push(std::move(refused)));
  EXPECT_NE(refused, nullptr);
}

TYPED_TEST(RelaxedQueue, WhoWaitsByAHandleIsWoken) {
  queue_of<TypeParam, int> queue;
  for (int i = 0; i < 20; ++i) {
    std::thread waiter([&] {
      auto in = queue.make_consumer();
      EXPECT_EQ(in.pop(), i);
      std::array<int, 2> two{};
      EXPECT_EQ(in.pop_n(two.data(), 2), 1U);
      EXPECT_TRUE(in.try_pop_for(std::chrono::hours(1)));
    });
    auto out = queue.make_producer();
    for (int k = 0; k < 3; ++k) {
      std::this_thread::sleep_for(std::chrono::microseconds(k * 100));
      EXPECT_TRUE(out.push(i));
      while (queue.size_approx() != 0) std::this_thread::yield();
    }
    waiter.join();
  }
  auto in = queue.make_consumer();
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(in.try_pop_for(milliseconds(20)).error(), conqueue_status::empty);
  EXPECT_GE(std::chrono::steady_clock::now() - begin, milliseconds(20));
  std::thread waiter([&] { EXPECT_FALSE(queue.make_consumer().pop()); });
  std::this_thread::sleep_for(milliseconds(2));
  queue.close();
  waiter.join();
}

// -- Lanes ------------------------------------------------------------------------------------------------------------

// What two producers push comes in the order of each, and neither is left out.
TYPED_TEST(RelaxedQueue, AConsumerGoesRound) {
  queue_of<TypeParam, std::uint64_t> queue;
  constexpr std::uint64_t lanes = 3;
  constexpr std::uint64_t each = 5000;
  {
    std::vector<typename queue_of<TypeParam, std::uint64_t>::producer> out;
    for (std::uint64_t l = 0; l < lanes; ++l) out.push_back(queue.make_producer());
    for (std::uint64_t i = 0; i < each; ++i) {
      for (std::uint64_t l = 0; l < lanes; ++l) EXPECT_TRUE(out[l].push(l * each + i));
    }
  }
  EXPECT_EQ(queue.size_approx(), lanes * each);
  auto in = queue.make_consumer();
  std::array<std::uint64_t, lanes> next{};
  for (std::uint64_t i = 0; i < lanes * each; ++i) {
    const auto x = in.try_pop();
    ASSERT_TRUE(x);
    EXPECT_EQ(*x % each, next[*x / each]++);
    // After the first thousand of each no lane is more than two thousand behind another.
    if (i == lanes * 1000) {
      for (const std::uint64_t n : next) EXPECT_GT(n, 0U);
    }
  }
  EXPECT_EQ(in.try_pop().error(), conqueue_status::empty);
}

// Consumers that come before any producer find what comes later.
TYPED_TEST(RelaxedQueue, ConsumersFirst) {
  queue_of<TypeParam, int> queue;
  std::vector<typename queue_of<TypeParam, int>::consumer> in;
  for (int i = 0; i < 5; ++i) {
    in.push_back(queue.make_consumer());
    EXPECT_FALSE(in.back().try_pop());
  }
  for (int i = 0; i < 10; ++i) {
    auto out = queue.make_producer();
    auto other = queue.make_producer();
    EXPECT_TRUE((i % 2 == 0 ? out : other).push(i));
    EXPECT_EQ(in[static_cast<std::size_t>(i % 5)].pop(), i);
    EXPECT_TRUE(queue.push(i));
    EXPECT_EQ(in[static_cast<std::size_t>((i + 1) % 5)].pop(), i);
  }
}

// A lane goes to the next producer, with what is in it.
TYPED_TEST(RelaxedQueue, LanesAreUsedAgain) {
  blocking::ledger book;
  accounted_queue_of<TypeParam, int> queue{blocking::accounting_allocator<int>(book)};
  const auto push_some = [&](int from) {
    auto a = queue.make_producer();
    auto b = queue.make_producer();
    for (int i = from; i < from + 3; ++i) EXPECT_TRUE((i % 2 == 0 ? a : b).push(i));
  };
  push_some(0);
  const std::size_t bytes = book.bytes;
  for (int i = 1; i < 20; ++i) push_some(i * 3);
  EXPECT_EQ(book.bytes, bytes);
  int sum = 0;
  for (int i = 0; i < 60; ++i) sum += *queue.try_pop();
  EXPECT_EQ(sum, 60 * 59 / 2);
  // So do those of threads.
  std::thread([&] { EXPECT_TRUE(queue.push(0)); }).join();
  const std::size_t with_thread = book.bytes;
  for (int i = 1; i < 20; ++i) std::thread([&] { EXPECT_TRUE(queue.push(i)); }).join();
  EXPECT_EQ(book.bytes, with_thread);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(queue.try_pop(), i);
}

// -- Many at once -----------------------------------------------------------------------------------------------------

TYPED_TEST(RelaxedQueue, BulkOfAnySize) {
  queue_of<TypeParam, std::uint64_t> queue;
  auto out = queue.make_producer();
  auto in = queue.make_consumer();
  std::vector<std::uint64_t> items(3000);
  std::uint64_t pushed = 0;
  std::uint64_t popped = 0;
  for (std::size_t n = 0; n < items.size(); n += 1 + n / 7) {
    std::iota(items.begin(), items.end(), pushed);
    EXPECT_EQ(out.try_push_n(items.begin(), n), n);
    pushed += n;
    std::vector<std::uint64_t> got(n / 2 + 1, 0);
    const std::size_t count = n % 2 == 0 ? in.try_pop_n(got.begin(), got.size()) : in.pop_n(got.data(), got.size());
    EXPECT_EQ(count, std::min<std::size_t>(got.size(), pushed - popped));
    for (std::size_t i = 0; i < count; ++i) EXPECT_EQ(got[i], popped++);
  }
  std::vector<std::uint64_t> rest;
  EXPECT_EQ(in.try_pop_n(std::back_inserter(rest), pushed), pushed - popped);
  for (const std::uint64_t x : rest) EXPECT_EQ(x, popped++);
}

// One pop takes from as many lanes as it needs.
TYPED_TEST(RelaxedQueue, BulkFromAllLanes) {
  queue_of<TypeParam, int> queue;
  auto a = queue.make_producer();
  auto b = queue.make_producer();
  auto c = queue.make_producer();
  const std::array<int, 4> items = {1, 2, 3, 4};
  for (auto* each : {&a, &b, &c}) EXPECT_EQ(each->push_n(items.begin(), 4), 4U);
  std::array<int, 12> got{};
  EXPECT_EQ(queue.try_pop_n(got.begin(), 7), 7U);
  EXPECT_EQ(queue.make_consumer().try_pop_n(got.begin() + 7, 7), 5U);
  EXPECT_EQ(std::accumulate(got.begin(), got.end(), 0), 30);
}

// -- Elements ---------------------------------------------------------------------------------------------------------

template <class Side, class T, class Make, class Number>
void carry(Make make, Number number) {
  queue_of<Side, T> queue;
  auto out = queue.make_producer();
  auto in = queue.make_consumer();
  for (int lap = 0; lap < 3; ++lap) {
    for (int i = 0; i < 300; ++i) EXPECT_TRUE(out.push(make(i)));
    for (int i = 0; i < 300 - lap; ++i) {
      auto x = in.pop();
      ASSERT_TRUE(x);
      if (lap == 0) {
        EXPECT_EQ(number(*x), i);
      }
    }
  }
}
struct alignas(256) aligned {
  int number;
};
struct large {
  std::array<int, 1500> numbers;
};

TYPED_TEST(RelaxedQueue, CarriesAnything) {
  carry<TypeParam, std::int16_t>([](int i) { return static_cast<std::int16_t>(i); }, [](std::int16_t x) { return x; });
  carry<TypeParam, std::string>([](int i) { return "number " + std::to_string(i); },
                                [](const std::string& s) { return std::stoi(s.substr(7)); });
  carry<TypeParam, std::unique_ptr<int>>([](int i) { return std::make_unique<int>(i); },
                                         [](const std::unique_ptr<int>& p) { return *p; });
  carry<TypeParam, aligned>([](int i) { return aligned{i}; },
                            [](const aligned& a) {
                              EXPECT_EQ(reinterpret_cast<std::uintptr_t>(&a) % alignof(aligned), 0U);
                              return a.number;
                            });
  carry<TypeParam, large>([](int i) { return large{{i}}; }, [](const large& l) { return l.numbers[0]; });
  carry<TypeParam, std::array<char, 41>>([](int i) { return std::array<char, 41>{static_cast<char>(i % 100)}; },
                                         [n = 0](const std::array<char, 41>& a) mutable {
                                           EXPECT_EQ(a[0], n % 100);
                                           return n++;
                                         });
}

// -- Memory -----------------------------------------------------------------------------------------------------------

constexpr std::size_t little = 48 * 1024;

TYPED_TEST(RelaxedQueue, GivesMemoryBackAfterABurst) {
  blocking::ledger book;
  accounted_queue_of<TypeParam, std::uint64_t> queue{blocking::accounting_allocator<std::uint64_t>(book)};
  EXPECT_EQ(book.bytes, 0U);
  for (int lap = 0; lap < 2; ++lap) {
    for (std::uint64_t i = 0; i < 200'000; ++i) EXPECT_TRUE(queue.push(i));
    EXPECT_GT(book.bytes, 200'000 * sizeof(std::uint64_t));
    EXPECT_LT(book.bytes, 200'000 * sizeof(std::uint64_t) * 5 / 4);
    for (std::uint64_t i = 0; i < 200'000; ++i) EXPECT_EQ(queue.pop(), i);
    EXPECT_LT(book.bytes, little);
  }
  // At a steady length nothing is taken.
  const std::size_t calls = book.calls;
  for (std::uint64_t i = 0; i < 20'000; ++i) {
    EXPECT_TRUE(queue.push(i));
    EXPECT_EQ(queue.pop(), i);
  }
  EXPECT_LE(book.calls, calls + 2);
}

// Nor does a consumer that has stopped keep more than its block.
TYPED_TEST(RelaxedQueue, AStoppedConsumerKeepsLittle) {
  blocking::ledger book;
  accounted_queue_of<TypeParam, std::uint64_t> queue{blocking::accounting_allocator<std::uint64_t>(book)};
  auto out = queue.make_producer();
  auto stopped = queue.make_consumer();
  auto in = queue.make_consumer();
  EXPECT_TRUE(out.push(0));
  EXPECT_EQ(stopped.pop(), 0U);
  for (std::uint64_t i = 0; i < 200'000; ++i) {
    EXPECT_TRUE(out.push(i));
    EXPECT_EQ(in.pop(), i);
    EXPECT_LT(book.bytes, little);
  }
  EXPECT_TRUE(out.push(7));
  EXPECT_EQ(stopped.pop(), 7U);
}

TYPED_TEST(RelaxedQueue, GivesAllMemoryBackInTheEnd) {
  blocking::ledger book;
  {
    accounted_queue_of<TypeParam, std::string> queue{blocking::accounting_allocator<std::string>(book)};
    auto out = queue.make_producer();
    for (int i = 0; i < 2000; ++i) {
      EXPECT_TRUE(out.push("a string that does not fit into the object, number " + std::to_string(i)));
    }
    for (int i = 0; i < 777; ++i) EXPECT_TRUE(queue.try_pop());
  }
  EXPECT_EQ(book.bytes, 0U);
}

TYPED_TEST(RelaxedQueue, SurvivesWithoutMemory) {
  blocking::ledger book;
  for (std::size_t calls = 0; calls < 6; ++calls) {
    SCOPED_TRACE(calls);
    book.calls = 0;
    book.calls_left = calls;
    accounted_queue_of<TypeParam, std::uint64_t> queue{blocking::accounting_allocator<std::uint64_t>(book)};
    std::uint64_t pushed = 0;
    try {
      for (;; ++pushed) EXPECT_TRUE(queue.push(pushed));
    } catch (const std::bad_alloc&) {
    }
    EXPECT_THROW((void)queue.push(0), std::bad_alloc);
    EXPECT_EQ(queue.size_approx(), pushed);
    // With more of it, it goes on where it was; until there is none again, in the middle of many.
    book.calls_left = calls + 4;
    std::vector<std::uint64_t> items(5000);
    std::iota(items.begin(), items.end(), pushed);
    const std::size_t some = queue.try_push_n(items.begin(), items.size());
    EXPECT_GT(some, 0U);
    EXPECT_LT(some, items.size());
    EXPECT_THROW((void)queue.push_n(items.begin() + static_cast<std::ptrdiff_t>(some), 5), std::bad_alloc);
    std::uint64_t next = 0;
    while (auto x = queue.try_pop()) EXPECT_EQ(*x, next++);
    EXPECT_EQ(next, pushed + some);
  }
  EXPECT_EQ(book.bytes, 0U);
  book.calls = book.calls_left = 0;
  accounted_queue_of<TypeParam, int> queue{blocking::accounting_allocator<int>(book)};
  EXPECT_THROW((void)queue.make_producer(), std::bad_alloc);
  EXPECT_EQ(queue.try_pop().error(), conqueue_status::empty);
}

// A block can be entered and left any number of times.
TEST(Lane, ManyComeAndGo) {
  using allocator = blocking::accounting_allocator<int>;
  using lane = lockfree::detail::lane<int, allocator>;
  blocking::ledger book;
  {
    lane of{allocator(book)};
    lane::place at;
    for (int i = 0; i < 65'536; ++i) {
      of.enter(at);
      of.leave(at);
    }
    for (int i = 0; i < 3000; ++i) of.push(i);
    of.enter(at);
    for (int i = 0; i < 3000;) {
      const auto expect_next = [&](int x) { EXPECT_EQ(x, i++); };
      if (of.pop(at, expect_next) == lockfree::detail::taking::got) continue;
      ASSERT_TRUE(of.advance(at));
      of.enter(at);
    }
    of.leave(at);
  }
  EXPECT_EQ(book.bytes, 0U);
}

// -- Exceptions -------------------------------------------------------------------------------------------------------

struct touchy {
  explicit touchy(int n) : number(n) {
    if (n < 0) throw std::runtime_error("negative");
  }
  touchy(touchy&& other) : number(other.number) {
    if (number == 13) throw std::runtime_error("unlucky");
  }
  touchy& operator=(touchy&& other) {
    number = other.number;
    if (number == 13) throw std::runtime_error("unlucky");
    return *this;
  }
  int number;
};

TYPED_TEST(RelaxedQueue, ThrowingElements) {
  queue_of<TypeParam, touchy> queue;
  auto out = queue.make_producer();
  auto in = queue.make_consumer();
  EXPECT_THROW((void)out.emplace(-1), std::runtime_error);
  EXPECT_EQ(queue.size_approx(), 0U);
  const std::array<int, 5> good_and_bad = {1, 2, 3, -4, 5};
  EXPECT_EQ(out.push_n(good_and_bad.begin(), 5), 3U);
  EXPECT_THROW((void)out.push_n(good_and_bad.begin() + 3, 2), std::runtime_error);
  EXPECT_EQ(out.push_n(good_and_bad.begin() + 4, 1), 1U);
  EXPECT_TRUE(out.emplace(13));
  EXPECT_TRUE(out.emplace(14));
  std::vector<touchy> got;
  got.reserve(10);
  EXPECT_EQ(in.pop_n(std::back_inserter(got), 4), 4U);
  EXPECT_EQ(got.back().number, 5);
  EXPECT_THROW((void)in.pop(), std::runtime_error);
  // On one side it is gone, on the other it is still the first.
  const std::size_t left = queue.size_approx();
  EXPECT_EQ(left, (std::is_same_v<TypeParam, lockfree_side> ? 1U : 2U));
  if (left == 1) {
    EXPECT_EQ(in.pop()->number, 14);
  }
}

// -- Threads ----------------------------------------------------------------------------------------------------------

// All ways to push and pop together. Each producer's come in order, and each once.
TYPED_TEST(RelaxedQueue, AllWaysTogether) {
  constexpr std::uint64_t threads = 3;
  constexpr std::uint64_t each = 20'000;
  queue_of<TypeParam, std::uint64_t> queue;
  atomic<std::uint64_t> pushing{threads};
  std::array<std::uint64_t, threads> sums{};
  std::vector<std::thread> all;
  for (std::uint64_t t = 0; t < threads; ++t) {
    all.emplace_back([&, t] {
      std::array<std::uint64_t, 25> some{};
      const auto make = [&](std::uint64_t i) { return t * each + i; };
      if (t == 0) {
        for (std::uint64_t i = 0; i < each; ++i) EXPECT_TRUE(queue.push(make(i)));
      } else {
        auto out = queue.make_producer();
        for (std::uint64_t i = 0; i < each;) {
          const std::size_t n = t == 1 ? 25 : 1;
          std::iota(some.begin(), some.end(), make(i));
          EXPECT_EQ(out.push_n(some.begin(), n), n);
          i += n;
        }
      }
      if (pushing.fetch_sub(1, memory_order_acq_rel) == 1) queue.close();
    });
    all.emplace_back([&, t] {
      std::array<std::uint64_t, threads> last{};
      const auto take = [&](std::uint64_t x) {
        EXPECT_GT(x % each + 1, last[x / each]) << "out of order";
        last[x / each] = x % each + 1;
        sums[t] += x;
      };
      auto in = queue.make_consumer();
      if (t == 0) {
        while (auto x = queue.pop()) take(*x);
      } else if (t == 1) {
        while (auto x = in.pop()) take(*x);
      } else {
        std::array<std::uint64_t, 40> some{};
        while (const std::size_t n = in.pop_n(some.begin(), some.size())) {
          for (std::size_t i = 0; i < n; ++i) take(some[i]);
        }
      }
    });
  }
  for (std::thread& one : all) one.join();
  const std::uint64_t count = threads * each;
  EXPECT_EQ(std::accumulate(sums.begin(), sums.end(), std::uint64_t{0}), count * (count - 1) / 2);
  EXPECT_EQ(queue.size_approx(), 0U);
}

}  // namespace
}  // namespace switchyard
