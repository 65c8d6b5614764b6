// Work-stealing deques under stress: owners that follow one another, thieves that come and go and steal while their
// threads end, elements that throw and memory that fails, at random and at every call in turn.

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "switchyard/atomics/atomic.h"
#include "switchyard/blocking/work_stealing_deque.h"
#include "switchyard/lockfree/work_stealing_deque.h"
#include "switchyard/tests/conformance/element_types.h"
#include "switchyard/tests/stress/stress.h"

namespace switchyard::stress {
namespace {

using conformance::element;
using conformance::expect_none_left;

/// Writes down the numbers of elements.
template <class T>
class number_sink {
 public:
  explicit number_sink(std::vector<std::uint64_t>& numbers) : numbers_(&numbers) {}
  number_sink& operator*() { return *this; }
  number_sink& operator++() { return *this; }
  number_sink& operator=(T&& value) {
    numbers_->push_back(element<T>::number(value));
    return *this;
  }

 private:
  std::vector<std::uint64_t>* numbers_;
};

/// What one place has taken, and how many elements threw on their way to it.
struct books {
  std::vector<std::uint64_t> taken;
  int lost = 0;
};

/// One call, of those that may fail as has been arranged.
template <class Call>
void take(books& mine, Call call) {
  mine.taken.reserve(mine.taken.size() + 200);  // not ours to fail
  try {
    const misfortune::possible here;
    call();
  } catch (const misfortune::blow&) {
    ++mine.lost;
  } catch (const std::bad_alloc&) {
    // before anything was taken
  }
}

template <class Deque>
void steal(Deque& deque, books& mine, random_source& random) {
  using T = typename Deque::value_type;
  stagger(random);
  take(mine, [&] {
    if (random() % 3 == 0) {
      deque.try_steal_half(number_sink<T>(mine.taken), 100);
    } else if (const auto stolen = deque.try_steal()) {
      mine.taken.push_back(element<T>::number(*stolen));
    }
  });
}

template <class Deque>
void own(Deque& deque, books& mine, std::vector<std::uint64_t>& pushed, std::uint64_t& next, random_source& random) {
  using T = typename Deque::value_type;
  stagger(random);
  const auto run = std::uint64_t{1} << random() % 7;
  if (random() % 2 == 0) {
    for (std::uint64_t i = 0; i < run; ++i) {
      std::optional<T> value;
      value.emplace(element<T>::make(next));
      pushed.reserve(pushed.size() + 1);
      try {
        const misfortune::possible here;
        deque.push(std::move(*value));
        pushed.push_back(next);
      } catch (const misfortune::blow&) {
      } catch (const std::bad_alloc&) {
        EXPECT_EQ(element<T>::number(*value), next) << "a failed push leaves its argument";
      }
      ++next;
    }
  } else {
    for (std::uint64_t i = 0; i < run; ++i) {
      take(mine, [&] {
        if (const auto popped = deque.try_pop()) mine.taken.push_back(element<T>::number(*popped));
      });
    }
  }
}

class deque_stress : public stress_test {
 protected:
  template <class Deque>
  static void storm(int rounds, bool trouble) {
    for_seeds(scaled(rounds), [&](std::uint64_t seed) { blow<Deque>(seed, trouble); });
  }

 private:
  template <class Deque>
  static void blow(std::uint64_t seed, bool trouble) {
    using T = typename Deque::value_type;
    Deque deque(1);
    std::vector<books> all(static_cast<std::size_t>(places) + 1);
    std::vector<std::uint64_t> pushed;
    std::uint64_t next = 0;
    atomic<bool> over{false};
    int owners = 0;
    come_and_go(places, seed, [&](int place, random_source& random) {
      books& mine = all[static_cast<std::size_t>(place)];
      if (trouble) misfortune::in(static_cast<int>(random() % 60));
      if (place == 0) {
        for (auto left = random() % 40; left != 0; --left) own(deque, mine, pushed, next, random);
        const bool more = ++owners < 20;
        if (!more) over.store(true, memory_order_release);
        return more;
      }
      for (auto left = random() % 40; left != 0; --left) steal(deque, mine, random);
      if (random() % 4 == 0) say_last([&] { steal(deque, mine, random); });
      return !over.load(memory_order_acquire);
    });
    while (!deque.empty_approx()) {
      books& rest = all.back();
      take(rest, [&] {
        if (const auto popped = deque.try_pop()) rest.taken.push_back(element<T>::number(*popped));
      });
    }
    check(all, pushed, next);
  }

  // Each element that was pushed was taken once, but for as many as threw on their way out.
  static void check(const std::vector<books>& all, const std::vector<std::uint64_t>& pushed, std::uint64_t next) {
    std::vector<int> times(next);
    int lost = 0;
    for (const books& each : all) {
      for (const std::uint64_t n : each.taken) {
        ASSERT_LT(n, next);
        ++times[n];
      }
      lost += each.lost;
    }
    int missing = 0;
    for (const std::uint64_t n : pushed) {
      ASSERT_LE(times[n], 1) << "element " << n << " was taken twice";
      missing += times[n] == 0;
      times[n] = 0;
    }
    EXPECT_EQ(missing, lost) << "elements are missing that did not throw, or threw and are there";
    for (std::uint64_t n = 0; n < next; ++n) ASSERT_EQ(times[n], 0) << "element " << n << " was never pushed";
  }
};

TEST_F(deque_stress, LockfreeWords) {
  storm<lockfree::work_stealing_deque<std::uint64_t>>(30, false);
  storm<lockfree::work_stealing_deque<std::uint64_t>>(30, true);
}
TEST_F(deque_stress, LockfreeOwners) {
  storm<lockfree::work_stealing_deque<std::unique_ptr<std::uint64_t>>>(30, false);
}
TEST_F(deque_stress, LockfreeInTrouble) {
  const expect_none_left<conformance::counted> check;
  storm<lockfree::work_stealing_deque<unlucky>>(60, true);
}
TEST_F(deque_stress, BlockingWords) {
  storm<blocking::work_stealing_deque<std::uint64_t>>(20, true);
}
TEST_F(deque_stress, BlockingInTrouble) {
  const expect_none_left<conformance::counted> check;
  storm<blocking::work_stealing_deque<unlucky>>(40, true);
}

// One thread, where the first call that may fail does so, then the second, and so on.
template <class Deque>
void misfortune_in_turn() {
  // What the program keeps for good is there before.
  std::thread([] { Deque(1).try_steal(); }).join();
  fail_in_turn(100, [] {
    const expect_none_left<conformance::counted> check;
    random_source random = random_for(1, 0);
    std::optional<Deque> deque;
    try {
      const misfortune::possible here;
      deque.emplace(1);
    } catch (const std::bad_alloc&) {
      return;
    }
    books mine;
    std::vector<std::uint64_t> pushed;
    std::uint64_t next = 0;
    for (int i = 0; i < 40; ++i) {
      own(*deque, mine, pushed, next, random);
      if (i % 4 == 0) steal(*deque, mine, random);
    }
    EXPECT_EQ(deque->size_approx(), pushed.size() - mine.taken.size() - static_cast<std::size_t>(mine.lost));
  });
}
TEST_F(deque_stress, EveryCallFailsInTurn) {
  misfortune_in_turn<lockfree::work_stealing_deque<unlucky>>();
  misfortune_in_turn<blocking::work_stealing_deque<unlucky>>();
}

}  // namespace
}  // namespace switchyard::stress
