// The queues of other libraries that are only to compare with, those that this machine has: everything comes out
// once; in order while one thread uses it; and bounds are kept.
#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <type_traits>
#include <utility>
#include <vector>

#include "switchyard/adapters/moodycamel_bare.h"
#include "switchyard/atomics/atomic.h"
#include "switchyard/interface/conqueue_status.h"
#include "switchyard/interface/queue.h"
#include "switchyard/tests/conformance/test_support.h"

// Which there are, BUILD.bazel says: a header is found only if its target is among the dependencies.
#if __has_include("switchyard/adapters/atomic_queue.h")
#include "switchyard/adapters/atomic_queue.h"
#endif
#if __has_include("switchyard/adapters/boost_queue.h")
#include "switchyard/adapters/boost_queue.h"
#endif
#if __has_include("switchyard/adapters/concurrency_kit_queue.h")
#include "switchyard/adapters/concurrency_kit_queue.h"
#endif
#if __has_include("switchyard/adapters/libcds_queue.h")
#include "switchyard/adapters/libcds_queue.h"
#endif
#if __has_include("switchyard/adapters/tbb_queue.h")
#include "switchyard/adapters/tbb_queue.h"
#endif

namespace switchyard::adapters {
namespace {

using namespace conformance;  // NOLINT: the books
using word = std::uint64_t;

// These libraries hand elements over in ways that ThreadSanitizer does not follow: by fences, by inline assembly, in
// parts that are not instrumented.
#if defined(__SANITIZE_THREAD__)
constexpr bool under_tsan = true;
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
constexpr bool under_tsan = true;
#else
constexpr bool under_tsan = false;
#endif
#else
constexpr bool under_tsan = false;
#endif

template <class Queue>
constexpr bool is_bounded = std::is_constructible_v<Queue, std::size_t>;

template <class Queue>
std::unique_ptr<Queue> make(std::size_t capacity = 100) {
  if constexpr (is_bounded<Queue>) {
    return std::make_unique<Queue>(capacity);
  } else {
    return std::make_unique<Queue>();
  }
}

template <class Queue>
void push_and_pop(Queue& queue, word first) {
  EXPECT_EQ(queue.try_pop().error(), conqueue_status::empty);
  // Laps of different lengths: what there is wraps round at every place.
  word in = first;
  word out = first;
  for (int lap = 0; lap < 1000; ++lap) {
    for (int i = 0; i < lap % 90; ++i) ASSERT_EQ(queue.try_push(word{in++}), conqueue_status::success);
    while (out != in) ASSERT_EQ(queue.try_pop(), pop_result<word>(out++));
    ASSERT_EQ(queue.try_pop().error(), conqueue_status::empty);
  }
}

template <try_queue Queue>
void expect_in_order() {
  const auto queue = make<Queue>();
  push_and_pop(*queue, 1);
  // Some go down with the queue.
  for (word n = 1; n < 50; ++n) EXPECT_EQ(queue->try_push(word{n}), conqueue_status::success);
}

/// Full at some time, at `capacity` at the earliest; then as it was.
template <class Queue>
void expect_bounded(std::size_t most) {
  EXPECT_THROW(make<Queue>(0), std::invalid_argument);
  const auto queue = make<Queue>(100);
  word n = 1;
  while (queue->try_push(word{n}) == conqueue_status::success) ASSERT_LE(++n, most + 1);
  EXPECT_GT(n, 100U);
  if constexpr (capacity_limited<Queue>) {
    EXPECT_EQ(n, queue->capacity() + 1);
  }
  for (word k = 1; k < n; ++k) ASSERT_EQ(queue->try_pop(), pop_result<word>(k));
  EXPECT_EQ(queue->try_pop().error(), conqueue_status::empty);
}

/// One thread pushes and another pops; or two and two.
template <class Queue>
void expect_everything_once(int sides) {
  if (under_tsan) GTEST_SKIP();
  const auto queue = make<Queue>();
  const auto items = static_cast<word>(scaled(20'000));
  std::vector<std::vector<word>> accepted(static_cast<std::size_t>(sides));
  std::vector<std::vector<word>> popped(static_cast<std::size_t>(sides));
  atomic<word> left{items * static_cast<word>(sides)};
  in_threads(2 * sides, [&](int thread) {
    const auto mine = static_cast<std::size_t>(thread / 2);
    if (thread % 2 == 0) {
      for (word i = 0; i < items; ++i) {
        const word number = item_number(thread / 2, i) + 1;
        while (queue->try_push(word{number}) != conqueue_status::success) yield();
        accepted[mine].push_back(number);
      }
      return;
    }
    while (left.load(memory_order_relaxed) != 0) {
      if (const auto got = queue->try_pop()) {
        popped[mine].push_back(*got);
        left.fetch_sub(1, memory_order_relaxed);
      } else {
        yield();
      }
    }
  });
  EXPECT_TRUE(popped_exactly_once(accepted, popped));
  EXPECT_EQ(queue->try_pop().error(), conqueue_status::empty);
}

template <class Queue>
void expect_moves_its_elements() {
  const auto queue = make<Queue>();
  EXPECT_EQ(queue->try_push(std::make_unique<int>(1)), conqueue_status::success);
  EXPECT_EQ(queue->try_push(std::make_unique<int>(2)), conqueue_status::success);
  EXPECT_EQ(**queue->try_pop(), 1);
  // And one goes down with the queue.
}

template <class Queue>
void expect_bulk(Queue& queue) {
  std::array<word, 32> in{};
  std::array<word, 32> out{};
  for (word n = 0; n < 32 * 100; n += 32) {
    for (word i = 0; i < 32; ++i) in[i] = n + i + 1;
    ASSERT_EQ(queue.try_push_n(in.data(), 32), 32U);
    ASSERT_EQ(queue.try_pop_n(out.data(), 32), 32U);
    ASSERT_EQ(in, out);
    ASSERT_EQ(queue.try_pop_n(out.data(), 32), 0U);
  }
}

TEST(MoodycamelBare, ConcurrentQueue) {
  using queue = moodycamel_bare_concurrent_queue<word>;
  expect_in_order<queue>();
  expect_moves_its_elements<moodycamel_bare_concurrent_queue<std::unique_ptr<int>>>();
  queue bulk;
  expect_bulk(bulk);
  expect_everything_once<queue>(2);
}
TEST(MoodycamelBare, Handles) {
  moodycamel_bare_concurrent_queue<word> queue;
  auto in = queue.make_producer();
  auto other = queue.make_producer();
  auto out = queue.make_consumer();
  static_assert(try_queue<moodycamel_bare_concurrent_queue<word>>);
  EXPECT_EQ(in.try_push(1), conqueue_status::success);
  EXPECT_EQ(other.try_push(2), conqueue_status::success);
  const word first = *out.try_pop();
  const word second = *out.try_pop();
  EXPECT_EQ(first + second, 3U);
  EXPECT_EQ(out.try_pop().error(), conqueue_status::empty);
  std::array<word, 3> some{4, 5, 6};
  EXPECT_EQ(in.try_push_n(some.data(), 3), 3U);
  std::array<word, 4> got{};
  EXPECT_EQ(out.try_pop_n(got.data(), 4), 3U);
  EXPECT_EQ(got, (std::array<word, 4>{4, 5, 6, 0}));
}
TEST(MoodycamelBare, BlockingQueue) {
  moodycamel_bare_blocking_queue<word> queue;
  EXPECT_TRUE(queue.push(1));
  EXPECT_EQ(queue.pop(), 1U);
  expect_in_order<moodycamel_bare_blocking_queue<word>>();
}
TEST(MoodycamelBare, ReaderWriterQueue) {
  using queue = moodycamel_bare_reader_writer_queue<word>;
  expect_in_order<queue>();
  expect_bounded<queue>(127);
  expect_moves_its_elements<moodycamel_bare_reader_writer_queue<std::unique_ptr<int>>>();
  expect_everything_once<queue>(1);
}

#if __has_include("switchyard/adapters/atomic_queue.h")
TEST(AtomicQueue, Ring) {
  expect_in_order<atomic_queue_ring<word>>();
  expect_bounded<atomic_queue_ring<word>>(4096);
  expect_moves_its_elements<atomic_queue_ring<std::unique_ptr<int>>>();
  expect_everything_once<atomic_queue_ring<word>>(2);
}
TEST(AtomicQueue, SpscRing) {
  expect_in_order<atomic_queue_spsc_ring<word>>();
  expect_bounded<atomic_queue_spsc_ring<word>>(4096);
  expect_everything_once<atomic_queue_spsc_ring<word>>(1);
}
TEST(AtomicQueue, Optimist) {
  atomic_queue_optimist<word, true> one_to_one(100);
  atomic_queue_optimist<word, false> many(100);
  EXPECT_EQ(many.capacity(), 128U);
  for (word n = 1; n < 1000; ++n) {
    one_to_one.spin_push(n);
    many.spin_push(n);
    EXPECT_EQ(one_to_one.spin_pop(), n);
    EXPECT_EQ(many.spin_pop(), n);
  }
}
#endif

#if __has_include("switchyard/adapters/boost_queue.h")
TEST(BoostQueue, Queue) {
  expect_in_order<boost_queue<word>>();
  expect_bounded<boost_queue<word>>(100);
  EXPECT_THROW(boost_queue<word>(65'535), std::invalid_argument);
  const boost_queue<word> largest(boost_queue<word>::max_capacity);
  expect_everything_once<boost_queue<word>>(2);
}
TEST(BoostQueue, Spsc) {
  expect_in_order<boost_spsc_queue<word>>();
  expect_bounded<boost_spsc_queue<word>>(100);
  boost_spsc_queue<word> bulk(100);
  expect_bulk(bulk);
  expect_everything_once<boost_spsc_queue<word>>(1);
}
#endif

#if __has_include("switchyard/adapters/concurrency_kit_queue.h")
TEST(ConcurrencyKit, SpscRing) {
  expect_in_order<concurrency_kit_spsc_ring<word>>();
  expect_bounded<concurrency_kit_spsc_ring<word>>(127);
  expect_everything_once<concurrency_kit_spsc_ring<word>>(1);
}
TEST(ConcurrencyKit, MpmcRing) {
  expect_in_order<concurrency_kit_mpmc_ring<word>>();
  expect_bounded<concurrency_kit_mpmc_ring<word>>(127);
  expect_everything_once<concurrency_kit_mpmc_ring<word>>(1);
}
#endif

#if __has_include("switchyard/adapters/libcds_queue.h")
TEST(LibcdsQueue, Vyukov) {
  expect_in_order<libcds_vyukov_queue<word>>();
  expect_bounded<libcds_vyukov_queue<word>>(128);
  expect_moves_its_elements<libcds_vyukov_queue<std::unique_ptr<int>>>();
  expect_everything_once<libcds_vyukov_queue<word>>(2);
}
TEST(LibcdsQueue, Ring) {
  expect_in_order<libcds_ring<word>>();
#ifdef NDEBUG  // else libcds asserts that it never gets so far
  expect_bounded<libcds_ring<word>>(128);
  expect_everything_once<libcds_ring<word>>(1);
#endif
  expect_moves_its_elements<libcds_ring<std::unique_ptr<int>>>();
  libcds_ring<word> bulk(100);
  expect_bulk(bulk);
}
TEST(LibcdsQueue, Basket) {
  expect_in_order<libcds_basket_queue<word>>();
  expect_moves_its_elements<libcds_basket_queue<std::unique_ptr<int>>>();
  expect_everything_once<libcds_basket_queue<word>>(2);
}
#endif

#if __has_include("switchyard/adapters/tbb_queue.h")
TEST(TbbQueue, Queue) {
  expect_in_order<tbb_queue<word>>();
  expect_moves_its_elements<tbb_queue<std::unique_ptr<int>>>();
  expect_everything_once<tbb_queue<word>>(2);
}
TEST(TbbQueue, BoundedQueue) {
  expect_in_order<tbb_bounded_queue<word>>();
  expect_bounded<tbb_bounded_queue<word>>(100);
  expect_moves_its_elements<tbb_bounded_queue<std::unique_ptr<int>>>();
  tbb_bounded_queue<word> waiting(1);
  EXPECT_TRUE(waiting.push(1));
  EXPECT_EQ(waiting.pop(), 1U);
  expect_everything_once<tbb_bounded_queue<word>>(2);
}
#endif

}  // namespace
}  // namespace switchyard::adapters
