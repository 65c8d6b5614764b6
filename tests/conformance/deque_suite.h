// The conformance suite that every work-stealing deque is held to. A new one adds a line to deques_test.cc.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <limits>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "switchyard/atomics/atomic.h"
#include "switchyard/interface/conqueue_status.h"
#include "switchyard/interface/queue.h"
#include "switchyard/interface/work_stealing_deque.h"
#include "switchyard/tests/conformance/element_types.h"
#include "switchyard/tests/conformance/test_support.h"

namespace switchyard::conformance {

/// A line of the suite.
template <template <class, class> class Deque>
struct deque_under_test {
  template <class T, class Allocator = std::allocator<T>>
  using deque = Deque<T, Allocator>;
};

template <class Line>
class deque_suite : public ::testing::Test {
  watchdog watchdog_;
};
TYPED_TEST_SUITE_P(deque_suite);

/// Memory that is counted, and can be refused.
struct memory_account {
  atomic<std::int64_t> bytes{0};
  atomic<std::int64_t> calls{0};
  int calls_left = std::numeric_limits<int>::max();

  void* take(std::size_t size, std::size_t alignment) {
    if (calls_left == 0) throw std::bad_alloc();
    --calls_left;
    bytes.fetch_add(static_cast<std::int64_t>(size), memory_order_relaxed);
    calls.fetch_add(1, memory_order_relaxed);
    return ::operator new(size, std::align_val_t(alignment));
  }
  void give_back(void* memory, std::size_t size, std::size_t alignment) noexcept {
    bytes.fetch_sub(static_cast<std::int64_t>(size), memory_order_relaxed);
    ::operator delete(memory, std::align_val_t(alignment));
  }
};

/// An allocator with an account of its own, or, by default, all with the same.
template <class T, bool Shared = false>
class counting {
 public:
  using value_type = T;
  using is_always_equal = std::bool_constant<Shared>;
  template <class U>
  struct rebind {
    using other = counting<U, Shared>;
  };
  explicit counting(memory_account& account) noexcept : account_(&account) {}
  template <class U>
  counting(const counting<U, Shared>& other) noexcept : account_(&other.account()) {}
  T* allocate(std::size_t n) {
    if (n > max_size()) throw std::bad_array_new_length();
    return static_cast<T*>(account_->take(n * sizeof(T), alignof(T)));
  }
  void deallocate(T* p, std::size_t n) noexcept { account_->give_back(p, n * sizeof(T), alignof(T)); }
  std::size_t max_size() const noexcept { return std::numeric_limits<std::size_t>::max() / 2 / sizeof(T); }
  memory_account& account() const noexcept { return *account_; }
  friend bool operator==(const counting& a, const counting& b) noexcept { return a.account_ == b.account_; }

 private:
  memory_account* account_;
};

inline std::uint64_t number_in(const auto& result) {
  using T = std::remove_cvref_t<decltype(*result)>;
  return result ? element<T>::number(*result) : moved_from;
}

// ---- One thread

TYPED_TEST_P(deque_suite, TheNewestIsPoppedAndTheOldestStolen) {
  typename TypeParam::template deque<int> deque;
  static_assert(concurrent_deque<decltype(deque)>);
  static_assert(!std::copy_constructible<decltype(deque)> && !std::is_copy_assignable_v<decltype(deque)>);
  EXPECT_EQ(deque.try_pop().error(), conqueue_status::empty);
  EXPECT_EQ(deque.try_steal().error(), conqueue_status::empty);
  EXPECT_TRUE(deque.empty_approx());
  for (int lap = 0; lap < 100; ++lap) {
    for (int i = 0; i < 5; ++i) deque.push(i);
    EXPECT_EQ(deque.size_approx(), 5U);
    EXPECT_EQ(deque.try_pop(), 4);
    EXPECT_EQ(deque.try_steal(), 0);
    EXPECT_EQ(deque.try_steal(), 1);
    EXPECT_EQ(deque.try_pop(), 3);
    EXPECT_FALSE(deque.empty_approx());
    if (lap % 2 == 0) {
      EXPECT_EQ(deque.try_pop(), 2);
    } else {
      EXPECT_EQ(deque.try_steal(), 2);
    }
    EXPECT_EQ(deque.try_steal().error(), conqueue_status::empty);
    EXPECT_EQ(deque.try_pop().error(), conqueue_status::empty);
    EXPECT_EQ(deque.try_pop().error(), conqueue_status::empty);
    EXPECT_EQ(deque.size_approx(), 0U);
  }
}

TYPED_TEST_P(deque_suite, CapacityIsWhereItBegins) {
  using deque = typename TypeParam::template deque<int>;
  EXPECT_THROW(deque(0), std::invalid_argument);
  EXPECT_THROW(deque(std::numeric_limits<std::size_t>::max()), std::length_error);
  EXPECT_THROW(deque(std::numeric_limits<std::size_t>::max() / 2), std::length_error);
  for (const std::size_t capacity : {1U, 2U, 3U, 7U, 64U}) {
    deque grows(capacity);
    for (int i = 0; i < 1000; ++i) grows.push(i);
    EXPECT_EQ(grows.size_approx(), 1000U);
    for (int i = 0; i < 500; ++i) {
      ASSERT_EQ(grows.try_steal(), i);
      ASSERT_EQ(grows.try_pop(), 999 - i);
    }
  }
}

TYPED_TEST_P(deque_suite, BehavesAsItsSpecificationAtRandom) {
  random_numbers random(7);
  for (int round = 0; round < 20; ++round) {
    typename TypeParam::template deque<std::string> deque(1 + random.below(4));
    std::vector<std::uint64_t> model;
    const std::uint64_t most_pushes = 2 + random.below(5);  // of ten: it shrinks, grows, or hovers
    for (std::uint64_t i = 0; i < 3000; ++i) {
      const auto draw = random.below(10);
      if (draw < most_pushes) {
        deque.push(element<std::string>::make(i));
        model.push_back(i);
      } else if (draw < 8) {
        const auto popped = deque.try_pop();
        ASSERT_EQ(popped.has_value(), !model.empty());
        if (model.empty()) continue;
        ASSERT_EQ(number_in(popped), model.back());
        model.pop_back();
      } else if (draw == 8) {
        const auto stolen = deque.try_steal();
        ASSERT_EQ(stolen.has_value(), !model.empty());
        if (model.empty()) continue;
        ASSERT_EQ(number_in(stolen), model.front());
        model.erase(model.begin());
      } else if (random.below(16) == 0) {
        std::vector<std::string> half;
        const std::size_t max = random.below(200);
        const std::size_t expected = std::min(max, model.size() - model.size() / 2);
        ASSERT_EQ(deque.try_steal_half(std::back_inserter(half), max), expected);
        ASSERT_EQ(half.size(), expected);
        for (std::size_t k = 0; k < expected; ++k) ASSERT_EQ(element<std::string>::number(half[k]), model[k]);
        model.erase(model.begin(), model.begin() + static_cast<std::ptrdiff_t>(expected));
      }
      ASSERT_EQ(deque.size_approx(), model.size());
    }
  }
}

TYPED_TEST_P(deque_suite, HalfIsRoundedUp) {
  for (const std::size_t size : {0U, 1U, 2U, 3U, 7U, 8U, 100U, 1001U}) {
    for (const std::size_t max : {std::size_t{0}, std::size_t{1}, std::size_t{5}, std::size_t{1000}}) {
      typename TypeParam::template deque<std::size_t> deque;
      for (std::size_t i = 0; i < size; ++i) deque.push(i);
      std::vector<std::size_t> out;
      EXPECT_EQ(deque.try_steal_half(std::back_inserter(out), max), std::min(max, (size + 1) / 2));
      for (std::size_t i = 0; i < out.size(); ++i) EXPECT_EQ(out[i], i);
      EXPECT_EQ(deque.size_approx(), size - out.size());
    }
  }
  typename TypeParam::template deque<int> all;
  for (int i = 0; i < 9; ++i) all.push(i);
  std::array<int, 5> out{};
  EXPECT_EQ(all.try_steal_half(out.begin()), 5U);
  EXPECT_EQ(out, (std::array{0, 1, 2, 3, 4}));
}

// ---- Elements

template <class Line, class T>
void expect_carries() {
  typename Line::template deque<T> deque(1);
  static_assert(concurrent_deque<decltype(deque)>);
  const auto number = [](std::uint64_t n) { return element<T>::number(element<T>::make(n)); };
  for (std::uint64_t lap = 0; lap < 3; ++lap) {
    for (std::uint64_t i = 0; i < 20; ++i) {
      if constexpr (std::copy_constructible<T>) {
        const T value = element<T>::make(i);
        if (i % 3 == 0) {
          deque.push(value);
          continue;
        }
      }
      if (i % 3 == 1) {
        deque.push(element<T>::make(i));
      } else {
        deque.emplace(element<T>::make(i));
      }
    }
    for (std::uint64_t i = 0; i < 6; ++i) ASSERT_EQ(number_in(deque.try_pop()), number(19 - i));
    for (std::uint64_t i = 0; i < 6; ++i) ASSERT_EQ(number_in(deque.try_steal()), number(i));
    if constexpr (std::movable<T>) {
      std::vector<T> half;
      ASSERT_EQ(deque.try_steal_half(std::back_inserter(half)), 4U);
      for (std::uint64_t i = 0; i < 4; ++i) ASSERT_EQ(element<T>::number(half[i]), number(6 + i));
    } else {
      for (std::uint64_t i = 6; i < 10; ++i) ASSERT_EQ(number_in(deque.try_steal()), number(i));
    }
    for (std::uint64_t i = 0; i < 4; ++i) ASSERT_EQ(number_in(deque.try_pop()), number(13 - i));
    ASSERT_FALSE(deque.try_pop().has_value());
  }
}

TYPED_TEST_P(deque_suite, CarriesEveryKindOfElement) {
  expect_carries<TypeParam, char>();
  expect_carries<TypeParam, colour>();
  expect_carries<TypeParam, double>();
  expect_carries<TypeParam, std::uint64_t>();
  expect_carries<TypeParam, bytes<1>>();
  expect_carries<TypeParam, bytes<3>>();
  expect_carries<TypeParam, bytes<8>>();
  expect_carries<TypeParam, bytes<9>>();
  expect_carries<TypeParam, bytes<100>>();
  expect_carries<TypeParam, std::string>();
  expect_carries<TypeParam, std::unique_ptr<std::uint64_t>>();
  expect_carries<TypeParam, constant>();
  expect_carries<TypeParam, over_aligned<64>>();
  expect_carries<TypeParam, over_aligned<512>>();
  EXPECT_EQ(over_aligned<64>::misplaced + over_aligned<512>::misplaced, 0);
  expect_carries<TypeParam, counted>();
  expect_carries<TypeParam, tracked<moves::may_throw, copies::are_deleted>>();
}

template <class Line, class T>
void expect_destroys_once() {
  const expect_none_left<T> check;
  for (const std::uint64_t left : {0U, 1U, 2U, 5U, 100U}) {
    typename Line::template deque<T> deque(2);
    for (std::uint64_t i = 0; i < left + 3; ++i) deque.emplace(i);
    (void)deque.try_pop();
    (void)deque.try_steal();
    (void)deque.try_steal();
  }
}
TYPED_TEST_P(deque_suite, DestroysWhatIsLeftOnce) {
  expect_destroys_once<TypeParam, counted>();
  expect_destroys_once<TypeParam, tracked<moves::may_throw, copies::are_deleted>>();
}

// Every call that may throw does so in turn. What throws while it goes in is not in; what throws while it comes out is
// gone; all else is there, in order.
template <class Line, class T>
void expect_throwing_is_survived() {
  const expect_none_left<T> check;
  bool more = true;
  for (int burns = 1; more; ++burns) {
    typename Line::template deque<T> deque(1);
    std::vector<std::uint64_t> in;
    std::vector<T> out;
    out.reserve(100);
    fuse::set(burns);
    const auto attempt = [](auto call) {
      try {
        const fuse::lit lit;
        call();
        return true;
      } catch (const fuse::blown&) {
        return false;
      }
    };
    for (std::uint64_t i = 0; i < 24; ++i) {
      if (i % 2 == 0) {
        if (attempt([&] { deque.emplace(i); })) in.push_back(i);
      } else {
        T value(i);
        if (attempt([&] { deque.push(std::move(value)); })) {
          in.push_back(i);
        } else {
          EXPECT_EQ(value.number(), i) << "a failed push leaves its argument";
        }
      }
      if (i % 4 == 3) {
        const bool steals = i % 8 == 3;
        const auto expected = steals ? in.front() : in.back();
        attempt([&] {
          const auto taken = steals ? deque.try_steal() : deque.try_pop();
          EXPECT_EQ(number_in(taken), expected);
        });
        in.erase(steals ? in.begin() : in.end() - 1);
      }
      ASSERT_EQ(deque.size_approx(), in.size());
    }
    // Of half, the one under way is lost, those before have arrived, and those after are still there.
    const std::size_t half = in.size() - in.size() / 2;
    const bool all = attempt([&] { EXPECT_EQ(deque.try_steal_half(std::back_inserter(out)), half); });
    const std::size_t gone = all ? half : out.size() + 1;
    ASSERT_LE(gone, half);
    for (std::size_t i = 0; i < out.size(); ++i) EXPECT_EQ(out[i].number(), in[i]);
    in.erase(in.begin(), in.begin() + static_cast<std::ptrdiff_t>(gone));
    ASSERT_EQ(deque.size_approx(), in.size());
    more = !fuse::is_set();
    fuse::set(0);
    for (; !in.empty(); in.pop_back()) ASSERT_EQ(number_in(deque.try_pop()), in.back());
    ASSERT_FALSE(deque.try_steal().has_value());
  }
}
TYPED_TEST_P(deque_suite, SurvivesThrowingElements) {
  expect_throwing_is_survived<TypeParam, tracked<moves::may_throw, copies::are_deleted>>();
  expect_throwing_is_survived<TypeParam, tracked<moves::may_throw, copies::may_throw>>();
  expect_throwing_is_survived<TypeParam, counted>();
}

// ---- Memory

// Every allocation fails in turn: the element stays with the caller, and all others in the deque.
template <class Line, class T>
void expect_failing_memory_is_survived() {
  for (int allowed = 0;; ++allowed) {
    memory_account account;
    account.calls_left = allowed;
    int failures = 0;
    {
      using deque_type = typename Line::template deque<T, counting<T>>;
      std::unique_ptr<deque_type> deque;
      try {
        deque = std::make_unique<deque_type>(std::size_t{1}, counting<T>(account));
      } catch (const std::bad_alloc&) {
        ++failures;
        account.calls_left = 0;
        EXPECT_EQ(account.bytes.load(), 0);
        continue;
      }
      EXPECT_EQ(deque->get_allocator(), counting<T>(account));
      std::vector<std::uint64_t> in;
      for (std::uint64_t i = 0; i < 40; ++i) {
        T value = element<T>::make(i);
        try {
          deque->push(std::move(value));
        } catch (const std::bad_alloc&) {
          ++failures;
          EXPECT_EQ(element<T>::number(value), i) << "the element stays with the caller";
          account.calls_left = std::numeric_limits<int>::max();
          deque->push(std::move(value));
        }
        in.push_back(i);
        if (i % 5 != 4) continue;
        ASSERT_EQ(number_in(deque->try_steal()), in.front());
        in.erase(in.begin());
        ASSERT_EQ(number_in(deque->try_pop()), in.back());
        in.pop_back();
      }
      for (; in.size() > 3; in.pop_back()) ASSERT_EQ(number_in(deque->try_pop()), in.back());
    }
    EXPECT_EQ(account.bytes.load(), 0) << "all memory goes back to where it came from, at the latest with the deque";
    if (failures == 0) {
      EXPECT_GT(allowed, 3);
      return;
    }
  }
}
TYPED_TEST_P(deque_suite, SurvivesFailingAllocations) {
  expect_failing_memory_is_survived<TypeParam, std::uint64_t>();
  expect_failing_memory_is_survived<TypeParam, std::string>();
  expect_failing_memory_is_survived<TypeParam, std::unique_ptr<std::uint64_t>>();
  expect_failing_memory_is_survived<TypeParam, tracked<moves::may_throw, copies::are_deleted>>();
}

// Where allocators are all equal, memory goes back when the deque has long been short; and a deque of steady length
// takes none.
template <class Line, class T>
void expect_memory_follows() {
  memory_account account;
  using allocator = counting<T, true>;
  {
    typename Line::template deque<T, allocator> deque(8, allocator(account));
    const std::int64_t at_first = account.bytes.load();
    std::int64_t at_most = 0;
    // The owner is a thread of its own: what a thread puts off freeing it frees at its end.
    std::thread([&] {
      const auto rise_and_fall = [&](std::uint64_t size) {
        for (std::uint64_t i = 0; i < size; ++i) deque.push(element<T>::make(i));
        for (std::uint64_t i = 0; i < size; ++i) ASSERT_EQ(number_in(deque.try_pop()), size - 1 - i);
      };
      for (int i = 0; i < 100; ++i) rise_and_fall(60);
      const auto calls = account.calls.load();
      for (int i = 0; i < 1000; ++i) rise_and_fall(60);
      EXPECT_EQ(account.calls.load(), calls) << "a steady deque takes memory";
      rise_and_fall(10'000);
      at_most = account.bytes.load();
      for (int i = 0; i < 20'000; ++i) rise_and_fall(1);
      rise_and_fall(10'000);
      // Now only thieves take.
      for (std::uint64_t i = 0; i < 300'000; ++i) {
        deque.push(element<T>::make(i));
        ASSERT_EQ(number_in(deque.try_steal()), i);
      }
    }).join();
    EXPECT_GT(at_most, std::int64_t{10'000 * sizeof(void*)});
    EXPECT_LT(account.bytes.load(), at_most / 16);
    EXPECT_GE(account.bytes.load(), at_first);
  }
  EXPECT_EQ(account.bytes.load(), 0);
}
TYPED_TEST_P(deque_suite, TakesMemoryAsItNeedsIt) {
  expect_memory_follows<TypeParam, std::uint64_t>();
  expect_memory_follows<TypeParam, std::string>();
}

// ---- Threads

// An owner that pushes, pops and now and then rests, and thieves that steal one or half, from a deque that grows and
// shrinks: each element is taken exactly once, a thief's in the order in which they were pushed.
template <class Line, class T>
void expect_each_taken_once(int thieves) {
  typename Line::template deque<T> deque(1);
  const std::uint64_t items = static_cast<std::uint64_t>(scaled(40'000));
  std::vector<std::vector<std::uint64_t>> taken(static_cast<std::size_t>(thieves) + 1);
  atomic<bool> done{false};
  in_threads(thieves + 1, [&](int thread) {
    auto& mine = taken[static_cast<std::size_t>(thread)];
    if (thread == 0) {
      random_numbers random(3);
      std::uint64_t run = 1;
      for (std::uint64_t i = 0; i < items;) {
        // A run of pushes, then a run of pops, short or long.
        run = std::uint64_t{1} << random.below(12);
        for (std::uint64_t k = 0; k < run && i < items; ++k) deque.push(element<T>::make(i++));
        run = std::uint64_t{1} << random.below(12);
        for (std::uint64_t k = 0; k < run; ++k) {
          const auto popped = deque.try_pop();
          if (!popped) break;
          mine.push_back(number_in(popped));
        }
        if (random.below(8) == 0) wait_a_little();
      }
      while (const auto popped = deque.try_pop()) mine.push_back(number_in(popped));
      done.store(true, memory_order_release);
      return;
    }
    while (!done.load(memory_order_acquire)) {
      const std::size_t before = mine.size();
      if (thread % 2 == 0) {
        std::vector<T> half;
        const std::size_t count = deque.try_steal_half(std::back_inserter(half), 100);
        EXPECT_EQ(count, half.size());
        for (const T& each : half) mine.push_back(element<T>::number(each));
      } else if (const auto stolen = deque.try_steal()) {
        mine.push_back(number_in(stolen));
      }
      if (mine.size() == before) wait_a_little();
    }
  });
  std::vector<int> times(items);
  for (std::size_t thread = 0; thread < taken.size(); ++thread) {
    for (const std::uint64_t n : taken[thread]) {
      ASSERT_LT(n, items);
      ++times[n];
    }
    if (thread != 0) {
      EXPECT_TRUE(std::is_sorted(taken[thread].begin(), taken[thread].end())) << "the oldest first";
    }
  }
  for (std::uint64_t n = 0; n < items; ++n) ASSERT_EQ(times[n], 1) << "element " << n;
}
TYPED_TEST_P(deque_suite, EachElementIsTakenOnce) {
  for (const int thieves : {1, 2, 5}) {
    expect_each_taken_once<TypeParam, std::uint64_t>(thieves);
    expect_each_taken_once<TypeParam, std::unique_ptr<std::uint64_t>>(thieves);
    expect_each_taken_once<TypeParam, std::string>(thieves);
  }
}

// The owner and a thief, again and again, at the only element.
TYPED_TEST_P(deque_suite, TheLastElementHasOneTaker) {
  const int rounds = scaled(40'000);
  typename TypeParam::template deque<int> deque;
  atomic<int> stolen{0}, round{0};
  int popped = 0;
  in_threads(2, [&](int thread) {
    if (thread == 0) {
      for (int i = 1; i <= rounds; ++i) {
        deque.push(i);
        round.store(i, memory_order_relaxed);
        if (i % 3 == 0) spin_pause();
        popped += deque.try_pop().has_value();
      }
      round.store(rounds + 1, memory_order_release);
    } else {
      while (round.load(memory_order_acquire) <= rounds) {
        if (deque.try_steal()) stolen.fetch_add(1, memory_order_relaxed);
      }
    }
  });
  EXPECT_EQ(popped + stolen.load(), rounds);
}

// What the owner wrote before the push can be read by whoever has the element. For ThreadSanitizer.
TYPED_TEST_P(deque_suite, PushHappensBeforeSteal) {
  const std::size_t items = static_cast<std::size_t>(scaled(20'000));
  std::vector<int> values(items);
  typename TypeParam::template deque<int*> deque(2);
  atomic<bool> done{false};
  in_threads(3, [&](int thread) {
    if (thread == 0) {
      for (std::size_t i = 0; i < items; ++i) {
        values[i] = 1;
        deque.push(&values[i]);
        if (i % 7 == 0) {
          if (const auto popped = deque.try_pop()) ++**popped;
        }
      }
      while (const auto popped = deque.try_pop()) ++**popped;
      done.store(true, memory_order_release);
    } else {
      while (!done.load(memory_order_acquire)) {
        if (const auto stolen = deque.try_steal()) ++**stolen;
        else wait_a_little();
      }
    }
  });
  EXPECT_TRUE(std::all_of(values.begin(), values.end(), [](int v) { return v == 2; }));
}

REGISTER_TYPED_TEST_SUITE_P(deque_suite,  //
                            TheNewestIsPoppedAndTheOldestStolen, CapacityIsWhereItBegins,
                            BehavesAsItsSpecificationAtRandom, HalfIsRoundedUp, CarriesEveryKindOfElement,
                            DestroysWhatIsLeftOnce, SurvivesThrowingElements, SurvivesFailingAllocations,
                            TakesMemoryAsItNeedsIt, EachElementIsTakenOnce, TheLastElementHasOneTaker,
                            PushHappensBeforeSteal);

}  // namespace switchyard::conformance
