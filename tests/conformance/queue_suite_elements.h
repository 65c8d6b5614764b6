// Queue suite: every kind of element type, and element types that throw.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <iterator>
#include <memory>
#include <new>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "switchyard/tests/conformance/queue_suite_base.h"

namespace switchyard::conformance {

/// Elements of type T go in by every member and come out by every member, in order, at every fill level of a
/// small queue.
template <class Line, class T>
void expect_carried_in_all_ways() {
  auto queue = Line::template make<T>(3);
  numbers_inside<Line::claimed.ordered> inside;
  for (int level = 0; level < 3; ++level) {
    for (const pushing push : every_push) {
      for (const popping pop : every_pop) {
        expect_push(queue, inside.add(), push);
        expect_pop(queue, inside.take(), pop);
        if (failed()) return;
      }
    }
    expect_push(queue, inside.add());
  }
  // What is left goes down with the queue.
}

/// The same for some members: enough to meet everything that a queue does with the element itself.
template <class Line, class T>
void expect_carried() {
  auto queue = Line::template make<T>(6);
  numbers_inside<Line::claimed.ordered> inside;
  for (int lap = 0; lap < 7; ++lap) {
    expect_push(queue, inside.add());
    expect_true(queue.push(element<T>::make(inside.add())), "push", where::current());
    T two[2] = {element<T>::make(inside.add()), element<T>::make(inside.add())};
    expect_same(queue.push_n(std::make_move_iterator(two), 2), 2, "push_n", where::current());
    expect_pop(queue, inside.take());
    expect_same(told(queue.pop()).number, carried<T>(inside.take()), "pop", where::current());
    if (lap == 0) continue;  // from now on two stay inside
    std::vector<T> written;
    expect_same(queue.try_pop_n(std::back_inserter(written), 2), 2, "try_pop_n", where::current());
    for (const T& each : written) {
      expect_same(element<T>::number(each), carried<T>(inside.take()), "the element", where::current());
    }
    expect_push(queue, inside.add());
    expect_pop(queue, inside.take());
  }
}

TYPED_TEST_P(queue_suite, CarriesNumbers) {
  expect_carried_in_all_ways<TypeParam, std::uint64_t>();
  expect_carried<TypeParam, int>();
  expect_carried<TypeParam, double>();
  expect_carried<TypeParam, bool>();
  expect_carried<TypeParam, colour>();
}

TYPED_TEST_P(queue_suite, CarriesBytesOfAnySize) {
  expect_carried<TypeParam, bytes<1>>();
  expect_carried<TypeParam, bytes<3>>();
  expect_carried<TypeParam, bytes<16>>();
  expect_carried<TypeParam, bytes<24>>();
}

TYPED_TEST_P(queue_suite, CarriesObjects) {
  expect_carried_in_all_ways<TypeParam, std::string>();
  expect_carried_in_all_ways<TypeParam, std::unique_ptr<std::uint64_t>>();
  expect_carried<TypeParam, constant>();
}

TYPED_TEST_P(queue_suite, CarriesOverAlignedElements) {
  expect_carried<TypeParam, over_aligned<64>>();
  expect_carried<TypeParam, over_aligned<256>>();
  EXPECT_EQ(over_aligned<64>::misplaced, 0);
  EXPECT_EQ(over_aligned<256>::misplaced, 0);
}

/// Every pattern of bits that is likely to mean something to a queue arrives as it was.
template <class Line, class T>
void expect_no_reserved_bits() {
  static_assert(std::is_trivially_copyable_v<T> && std::has_unique_object_representations_v<T>);
  using pattern = std::array<unsigned char, sizeof(T)>;
  std::vector<pattern> patterns;
  for (const int byte : {0x00, 0xff, 0x01, 0x7f, 0x80, 0xfe, 0x55}) {
    patterns.push_back({});
    patterns.back().fill(static_cast<unsigned char>(byte));
  }
  // One bit set, and one bit not set.
  for (std::size_t bit = 0; bit < 8 * sizeof(T); ++bit) {
    for (const int base : {0x00, 0xff}) {
      patterns.push_back({});
      patterns.back().fill(static_cast<unsigned char>(base));
      patterns.back()[bit / 8] ^= static_cast<unsigned char>(1U << (bit % 8));
    }
  }
  auto queue = Line::template make<T>(2);
  std::deque<pattern> inside;
  for (const pattern& next : patterns) {
    T value;
    std::memcpy(&value, &next, sizeof value);
    expect_same(queue.try_push(std::move(value)), conqueue_status::success, "try_push", where::current());
    inside.push_back(next);
    if (inside.size() < 2) continue;
    const auto got = queue.try_pop();
    if (!expect_true(got.has_value(), "the element is not there", where::current())) return;
    // Which of the two it is, the other tests ask.
    const auto same_bits = [&](const pattern& bits) { return std::memcmp(&*got, &bits, sizeof(T)) == 0; };
    const auto found = std::find_if(inside.begin(), inside.end(), same_bits);
    if (!expect_true(found != inside.end(), "other bits", where::current())) return;
    inside.erase(found);
  }
}

TYPED_TEST_P(queue_suite, ReservesNoValue) {
  expect_no_reserved_bits<TypeParam, std::uint8_t>();
  expect_no_reserved_bits<TypeParam, std::uint64_t>();
  expect_no_reserved_bits<TypeParam, void*>();
  expect_no_reserved_bits<TypeParam, bytes<16>>();
  expect_no_reserved_bits<TypeParam, bytes<24>>();
}

TYPED_TEST_P(queue_suite, BuildsInPlaceFromArguments) {
  auto queue = TypeParam::template make<std::string>(4);
  EXPECT_TRUE(queue.emplace(std::size_t{19}, '7'));
  EXPECT_EQ(queue.pop(), std::string(19, '7'));
  EXPECT_EQ(queue.try_emplace(), conqueue_status::success);
  EXPECT_EQ(queue.pop(), "");
  EXPECT_EQ(queue.try_emplace("5 words"), conqueue_status::success);
  EXPECT_EQ(queue.pop(), "5 words");

  auto pointers = TypeParam::template make<std::unique_ptr<std::uint64_t>>(4);
  EXPECT_TRUE(pointers.emplace(new std::uint64_t(5)));
  EXPECT_EQ(**pointers.pop(), 5U);
}

TYPED_TEST_P(queue_suite, LeavesArgumentAloneWhenFull) {
  if constexpr (!is_bounded<TypeParam>) {
    GTEST_SKIP() << "never full";
  } else {
    const auto expect_left_alone = [](auto queue_of) {
      using T = typename decltype(queue_of)::type;
      auto queue = TypeParam::template make<T>(2);
      const std::uint64_t inside = fill(queue);
      for (const pushing way : giving_up_pushes) expect_refused(queue, conqueue_status::full, way);
      for (const pushing way : timed_pushes) expect_refused(queue, conqueue_status::full, way, 2ms);
      expect_pops<TypeParam>(queue, inside);
    };
    expect_left_alone(std::type_identity<std::string>());
    expect_left_alone(std::type_identity<std::unique_ptr<std::uint64_t>>());
    expect_left_alone(std::type_identity<counted>());
    expect_left_alone(std::type_identity<std::uint64_t>());
  }
}

/// Elements are destroyed once each: those popped, those refused, and those left inside a queue wherever its
/// ring begins, open or closed.
TYPED_TEST_P(queue_suite, DestroysEveryElementOnce) {
  const expect_none_left<counted> scope;
  for (std::uint64_t begin = 0; begin < 9; ++begin) {
    for (std::uint64_t left = 0; left <= 4; ++left) {
      auto queue = TypeParam::template make<counted>(4);
      std::uint64_t in = 0;
      std::uint64_t out = 0;
      while (in < begin) {
        expect_push(queue, in++);
        expect_pop(queue, out++);
      }
      for (; in < begin + left; ++in) expect_push(queue, in, every_push[in % every_push.size()]);
      if constexpr (TypeParam::claimed.prompt) {
        EXPECT_EQ(counted::living(), static_cast<int>(left)) << "the queue keeps copies";
      }
      if (left % 2 == 0) queue.close();
    }
  }
}

/// Runs a fixed sequence of operations on elements whose k-th operation throws, and keeps the books: after
/// a push that threw, the argument is as it was and the queue too; a pop that threw lost its element at most.
template <class Line, class T>
class throwing_run {
 public:
  /// True if the fuse went off: there may be a longer one that does as well.
  static bool run(int burns) {
    const expect_none_left<T> scope;
    SCOPED_TRACE("operation " + std::to_string(burns) + " on an element throws");
    throwing_run run;
    fuse::set(burns);
    run.operate();
    const bool went_off = !fuse::is_set();
    fuse::set(0);
    if (!failed()) run.expect_still_usable();
    return went_off;
  }

 private:
  static constexpr std::size_t capacity = 4;

  void operate() {
    for (int lap = 0; lap < 2; ++lap) {
      for (const pushing way : every_push) {
        if (failed()) return;
        push(way);
        push(every_push[static_cast<std::size_t>(lap)]);
        pop(every_pop[static_cast<std::size_t>(way) % every_pop.size()]);
        pop(popping::try_pop);
      }
      for (const bool waits : {false, true}) {
        if (failed()) return;
        push_many(waits);
        pop_many(waits, /*assign=*/!waits);
        push_many(waits);
        pop_many(waits, /*assign=*/waits);
      }
      emplace();
      pop(popping::pop);
    }
  }

  void push(pushing way) {
    if (inside_.size() == capacity) return;
    const std::uint64_t number = next_++;
    T value(number);
    try {
      const fuse::lit lit;
      EXPECT_EQ(push_by(way, queue_, value), conqueue_status::success);
      inside_.add(number);
    } catch (const fuse::blown&) {
      EXPECT_EQ(value.number(), number)
          << "push that threw moved its argument, way " << static_cast<int>(way);
    }
  }

  void emplace() {
    if (inside_.size() == capacity) return;
    const std::uint64_t number = next_++;
    try {
      const fuse::lit lit;
      EXPECT_TRUE(queue_.emplace(number));
      inside_.add(number);
    } catch (const fuse::blown&) {
    }
  }

  void push_many(bool waits) {
    const std::size_t n = capacity - inside_.size();
    std::vector<T> values;
    values.reserve(n);
    const std::uint64_t first = next_;
    while (values.size() < n) values.emplace_back(next_++);
    const bool was_set = fuse::is_set();
    std::size_t taken = 0;
    try {
      const fuse::lit lit;
      const auto begin = std::make_move_iterator(values.begin());
      taken = waits ? queue_.push_n(begin, n) : queue_.try_push_n(begin, n);
      if (fuse::is_set() || !was_set) {
        EXPECT_EQ(taken, n);
      } else {
        EXPECT_GT(taken, 0U) << "an exception for the first element is passed on";
        EXPECT_LT(taken, n) << "an element that threw was built a second time";
      }
    } catch (const fuse::blown&) {
    }
    for (std::size_t i = 0; i < n; ++i) {
      if (i < taken) {
        inside_.add(first + i);
      } else {
        EXPECT_EQ(values[i].number(), first + i) << "push_n touched an element that it did not take";
      }
    }
  }

  void pop(popping way) {
    if (inside_.empty()) return;
    try {
      const popped got = [&] {
        const fuse::lit lit;
        return pop_by(way, queue_);
      }();
      if (got) {
        take_off(got.number);
      } else {
        // Only what earlier pops lost may be missing.
        while (!inside_.empty() && is_lost(inside_.front())) inside_.take();
        EXPECT_TRUE(inside_.empty()) << "element " << inside_.front() << " is missing";
      }
    } catch (const fuse::blown&) {
      may_be_lost_.push_back(first_certain());
    }
  }

  void pop_many(bool waits, bool assign) {
    if (inside_.empty()) return;
    const bool was_set = fuse::is_set();
    std::vector<T> values;
    values.reserve(capacity);
    if (assign) {
      for (std::size_t i = 0; i < capacity; ++i) values.emplace_back(moved_from);
    }
    std::size_t count = 0;
    bool passed_on = false;
    try {
      const fuse::lit lit;
      const auto pop_to = [&](auto out) {
        return waits ? queue_.pop_n(out, capacity) : queue_.try_pop_n(out, capacity);
      };
      count = assign ? pop_to(values.data()) : pop_to(std::back_inserter(values));
      if (!fuse::is_set() && was_set) {
        EXPECT_GT(count, 0U) << "an exception for the first element is passed on";
      }
    } catch (const fuse::blown&) {
      passed_on = true;
      const auto is_written = [](const T& value) { return value.number() != moved_from; };
      count = static_cast<std::size_t>(std::count_if(values.begin(), values.end(), is_written));
    }
    for (std::size_t i = 0; i < count; ++i) take_off(values[i].number());
    if (!fuse::is_set() && was_set) {
      may_be_lost_.push_back(first_certain());
      // What was written counts, so an exception after that can only mean that its element is gone.
      if (passed_on && count > 0) gone_ = may_be_lost_.back();
    }
  }

  /// The element that a pop would give, if no earlier one is still there.
  std::uint64_t first_certain() const {
    for (const std::uint64_t number : inside_) {
      if (!is_lost(number)) return number;
    }
    return 0;
  }

  bool is_lost(std::uint64_t number) const {
    return std::find(may_be_lost_.begin(), may_be_lost_.end(), number) != may_be_lost_.end();
  }

  /// Notes that this element has been popped.
  void take_off(std::uint64_t number) {
    while (!inside_.empty() && inside_.front() != number && is_lost(inside_.front())) inside_.take();
    ASSERT_FALSE(inside_.empty()) << "popped element " << number << ", which should not be there";
    EXPECT_NE(number, gone_) << "popped although pop_n threw for it after it had written others";
    EXPECT_EQ(number, inside_.front());
    inside_.take();
  }

  /// Everything is there but what a pop lost; and the queue has its whole capacity, lap after lap.
  void expect_still_usable() {
    while (!inside_.empty()) {
      const popped got = told(queue_.try_pop());
      if (!got) {
        while (!inside_.empty() && is_lost(inside_.front())) inside_.take();
        ASSERT_TRUE(inside_.empty()) << "element " << inside_.front() << " is missing";
      } else {
        take_off(got.number);
        if (failed()) return;
      }
    }
    expect_nothing(queue_, conqueue_status::empty);
    for (int lap = 0; lap < 3; ++lap) {
      for (std::uint64_t i = 0; i < capacity; ++i) expect_push(queue_, i);
      if constexpr (Line::claimed.room == bound::exact) expect_refused(queue_, conqueue_status::full);
      expect_pops<Line>(queue_, capacity);
      expect_nothing(queue_, conqueue_status::empty);
    }
    expect_push(queue_, 1);  // and one goes down with the queue
  }

  typename Line::template queue<T> queue_ = Line::template make<T>(capacity);
  numbers_inside<Line::claimed.ordered> inside_;  // the numbers in the queue, but for those that may be lost
  std::vector<std::uint64_t> may_be_lost_;
  std::uint64_t gone_ = 0;
  std::uint64_t next_ = 1;
};

template <class Line, class T>
void expect_throwing_is_survived() {
  int burns = 1;
  while (throwing_run<Line, T>::run(burns)) {
    if (failed()) return;
    ++burns;
  }
  EXPECT_GT(burns, 20) << "the fuse hardly ever went off: the run tests nothing";
}

TYPED_TEST_P(queue_suite, SurvivesThrowingCopiesAndMoves) {
  expect_throwing_is_survived<TypeParam, tracked<moves::may_throw, copies::may_throw>>();
}

TYPED_TEST_P(queue_suite, SurvivesThrowingCopies) {
  expect_throwing_is_survived<TypeParam, tracked<moves::never_throw, copies::may_throw>>();
}

TYPED_TEST_P(queue_suite, SurvivesThrowingMovesOfMoveOnlyElements) {
  expect_throwing_is_survived<TypeParam, tracked<moves::may_throw, copies::are_deleted>>();
}

/// What allocators of one test share: how much memory is out, and when there is no more.
struct memory_log {
  std::ptrdiff_t bytes = 0;
  int calls = 0;
  int calls_left = 1'000'000;
};

template <class T>
struct logging_allocator {
  using value_type = T;

  explicit logging_allocator(memory_log& l) : log(&l) {}
  template <class U>
  logging_allocator(const logging_allocator<U>& other) : log(other.log) {}  // a conversion, as allocators do

  T* allocate(std::size_t n) {
    if (log->calls_left-- == 0) throw std::bad_alloc();
    ++log->calls;
    log->bytes += static_cast<std::ptrdiff_t>(n * sizeof(T));
    return std::allocator<T>().allocate(n);
  }
  void deallocate(T* memory, std::size_t n) {
    log->bytes -= static_cast<std::ptrdiff_t>(n * sizeof(T));
    std::allocator<T>().deallocate(memory, n);
  }
  template <class U>
  friend bool operator==(const logging_allocator& a, const logging_allocator<U>& b) {
    return a.log == b.log;
  }

  memory_log* log;
};

template <class Line, class T>
concept takes_allocator = requires {
  typename Line::template queue_with<T, logging_allocator<T>>::allocator_type;
};

template <class Line, class T>
void expect_allocator_is_used() {
  using allocator = logging_allocator<T>;
  using queue_type = typename Line::template queue_with<T, allocator>;
  const auto make = [](memory_log& log) {
    if constexpr (is_bounded<Line>) {
      return queue_type(5, allocator(log));
    } else {
      return queue_type(allocator(log));
    }
  };
  memory_log log;
  {
    queue_type queue = make(log);
    EXPECT_TRUE(queue.get_allocator() == allocator(log));
    for (std::uint64_t i = 0; i < 5; ++i) expect_push(queue, i);
    expect_pop(queue, popping_order<Line::claimed.ordered>(5).front());
    EXPECT_GE(log.bytes, static_cast<std::ptrdiff_t>(4 * sizeof(T)));
  }
  EXPECT_EQ(log.bytes, 0);
  // Any of the allocations may fail: nothing leaks, and a queue that exists goes on.
  for (int good = 0; good < log.calls; ++good) {
    memory_log short_log;
    short_log.calls_left = good;
    std::uint64_t pushed = 0;
    try {
      queue_type queue = make(short_log);
      while (pushed < 5) {
        T value = element<T>::make(pushed);
        try {
          EXPECT_EQ(queue.try_push(std::move(value)), conqueue_status::success);
          ++pushed;
        } catch (const std::bad_alloc&) {
          EXPECT_EQ(element<T>::number(value), pushed) << "a push that threw moved its argument";
        }
      }
      expect_pops<Line>(queue, 5);
    } catch (const std::bad_alloc&) {
      EXPECT_EQ(pushed, 0U);
    }
    EXPECT_EQ(short_log.bytes, 0);
  }
}

TYPED_TEST_P(queue_suite, TakesMemoryFromItsAllocator) {
  if constexpr (!takes_allocator<TypeParam, std::string>) {
    GTEST_SKIP() << "has no allocator";
  } else {
    expect_allocator_is_used<TypeParam, std::uint64_t>();
    expect_allocator_is_used<TypeParam, std::string>();
  }
}

}  // namespace switchyard::conformance
