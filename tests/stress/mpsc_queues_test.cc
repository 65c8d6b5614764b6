// Queues with one consumer under stress: producers that come and go, consumers that follow one another, a close at a
// random time; with elements that throw and memory that fails. Objects that go round through intrusive queues.

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <new>
#include <vector>

#include "switchyard/atomics/atomic.h"
#include "switchyard/blocking/intrusive_mpsc_queue.h"
#include "switchyard/blocking/mpsc_queue.h"
#include "switchyard/interface/conqueue_status.h"
#include "switchyard/lockfree/intrusive_mpsc_queue.h"
#include "switchyard/lockfree/mpsc_queue.h"
#include "switchyard/tests/conformance/element_types.h"
#include "switchyard/tests/stress/stress.h"
#include "switchyard/threads/queue_hook.h"

namespace switchyard::stress {
namespace {

using conformance::element;
using conformance::expect_none_left;
using conformance::item_number;
using conformance::popped_exactly_once;
using conformance::popped_in_producers_order;

constexpr int producers = places - 1;

/// Short-lived producers in their places, one consumer after another, and one that closes at a random time.
template <class Queue>
class storm {
  using T = typename Queue::value_type;

 public:
  void blow(std::uint64_t seed, bool trouble) {
    come_and_go(producers + 2, seed, [&](int place, random_source& random) {
      if (place == producers + 1) {
        const auto when = random() % 400;
        while (operations_.load(memory_order_relaxed) < when) wait_a_little();
        stagger(random);
        queue_.close();
        closed_.store(true, memory_order_release);
        return false;
      }
      if (place != producers && random() % 4 == 0) say_last([this, place, &random] { push(place, random); });
      if (trouble) misfortune::in(static_cast<int>(1 + random() % 60));
      bool more = true;
      for (auto left = random() % 40; left != 0 && more; --left) {
        operations_.fetch_add(1, memory_order_relaxed);
        stagger(random);
        more = place == producers ? pop(random) : push(place, random);
      }
      return more;
    });
  }

  void expect_right() {
    const auto rest = queue_.try_pop();
    EXPECT_FALSE(rest.has_value());
    EXPECT_TRUE(rest.has_value() || rest.error() == conqueue_status::closed);
    EXPECT_EQ(queue_.size_approx(), 0U);
    auto sorted = popped_[0];
    std::sort(sorted.begin(), sorted.end());
    int missing = 0;
    for (auto& some : accepted_) {
      missing += static_cast<int>(
          std::erase_if(some, [&](auto item) { return !std::binary_search(sorted.begin(), sorted.end(), item); }));
    }
    EXPECT_LE(missing, pops_that_threw_) << "lost";
    EXPECT_TRUE(popped_exactly_once(accepted_, popped_));
    EXPECT_TRUE(popped_in_producers_order(popped_));
  }

 private:
  bool push(int producer, random_source& random) {
    auto& mine = accepted_[static_cast<std::size_t>(producer)];
    const std::uint64_t first = mine.empty() ? item_number(producer, 0) : mine.back() + 1;
    const std::size_t n = random() % 4 == 0 ? 2 + random() % 300 : 1;  // also over the end of a chunk
    std::vector<T> values;
    for (std::uint64_t i = 0; i < n; ++i) values.push_back(element<T>::make(first + i));
    const bool was_closed = closed_.load(memory_order_acquire);
    std::size_t taken = 0;
    try {
      const misfortune::possible here;
      if (n == 1) {
        taken = queue_.try_push(std::move(values[0])) == conqueue_status::success;
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
    return !queue_.is_closed();
  }

  bool pop(random_source& random) {
    const std::size_t n = random() % 4 == 0 ? 2 + random() % 300 : 1;
    bool ended = false;
    std::vector<T> values;
    values.reserve(n);
    try {
      const misfortune::possible here;
      if (n == 1) {
        if (random() % 2 == 0) {
          auto got = queue_.pop();
          ended = !got;
          if (got) popped_[0].push_back(element<T>::number(*got));
        } else {
          auto got = queue_.try_pop_for(std::chrono::microseconds(random() % 100));
          if (got) popped_[0].push_back(element<T>::number(*got));
          ended = !got && got.error() == conqueue_status::closed;
        }
      } else if (random() % 2 == 0) {
        ended = queue_.pop_n(std::back_inserter(values), n) == 0;
      } else {
        queue_.try_pop_n(std::back_inserter(values), n);
      }
    } catch (const misfortune::blow&) {
      ++pops_that_threw_;
    } catch (const std::bad_alloc&) {
      ++pops_that_threw_;
    }
    for (const T& value : values) popped_[0].push_back(element<T>::number(value));
    return !ended;
  }

  Queue queue_;
  std::vector<std::vector<std::uint64_t>> accepted_ = std::vector<std::vector<std::uint64_t>>(producers);
  std::vector<std::vector<std::uint64_t>> popped_ = std::vector<std::vector<std::uint64_t>>(1);
  int pops_that_threw_ = 0;
  atomic<unsigned> operations_{0};
  atomic<bool> closed_{false};
};

template <class Queue>
void test_storm(std::uint64_t seed, bool trouble) {
  const expect_none_left<conformance::counted> scope;
  const std::int64_t before = misfortune::blocks();
  // In a thread, as the one that looks at the end holds some memory, too.
  in_threads(1, [&](int) {
    storm<Queue> queue;
    queue.blow(seed, trouble);
    queue.expect_right();
  });
  EXPECT_EQ(misfortune::blocks(), before) << "more: leaked";
}

class mpsc_queue_stress : public stress_test {};

TEST_F(mpsc_queue_stress, ThreadsComeAndGoAndSomebodyCloses) {
  for_seeds(scaled(40), [](std::uint64_t seed) {
    test_storm<lockfree::mpsc_queue<std::uint64_t>>(seed, false);
    test_storm<lockfree::mpsc_queue<unlucky>>(seed, false);
    test_storm<blocking::mpsc_queue<std::uint64_t>>(seed, false);
  });
}

TEST_F(mpsc_queue_stress, AndCallsFail) {
  for_seeds(scaled(40), [](std::uint64_t seed) {
    test_storm<lockfree::mpsc_queue<unlucky>>(seed, true);
    test_storm<blocking::mpsc_queue<unlucky>>(seed, true);
  });
}

/// Objects that go round: what the consumer has popped goes to whoever wants to push it next, and is written to on the
/// way, so that a link that is used too late does harm.
struct object : queue_hook {
  int owner = -1;
  std::uint64_t number = 0;
};
template <class Queue>
void test_round(std::uint64_t seed) {
  std::vector<object> objects(producers * 4);
  Queue forth;
  Queue back[producers];
  atomic<int> running{producers};
  atomic<bool> closed{false};
  std::vector<std::vector<std::uint64_t>> accepted(producers);
  std::vector<std::vector<std::uint64_t>> popped(1);
  for (std::size_t i = 0; i < objects.size(); ++i) EXPECT_TRUE(back[i % producers].push(objects[i]));
  in_threads(producers + 2, [&](int thread) {
    random_source random = random_for(seed, thread);
    if (thread == producers) {
      while (object* const o = forth.pop()) {
        popped[0].push_back(o->number);
        const auto to = static_cast<std::size_t>(random() % producers);
        o->number = 0;
        o->owner = static_cast<int>(to);
        EXPECT_TRUE(back[to].push(*o));
        stagger(random);
      }
      for (auto& q : back) q.close();
      return;
    }
    if (thread == producers + 1) {
      for (auto left = random() % 2000; left != 0; --left) random() % 16 == 0 ? yield() : spin_pause();
      forth.close();
      closed.store(true, memory_order_release);
      return;
    }
    auto& mine = accepted[static_cast<std::size_t>(thread)];
    std::vector<object*> some;
    for (bool more = true; more;) {
      some.resize(1 + random() % 3);
      some.resize(back[thread].pop_n(some.data(), some.size()));
      if (some.empty()) return;
      for (std::size_t i = 0; i < some.size(); ++i) some[i]->number = item_number(thread, mine.size() + i);
      const bool was_closed = closed.load(memory_order_acquire);
      const std::size_t done = some.size() == 1 ? forth.push(*some[0]) : forth.push_n(some.data(), some.size());
      for (std::size_t i = 0; i < done; ++i) mine.push_back(item_number(thread, mine.size()));
      EXPECT_FALSE(was_closed && done != 0) << "pushed after close had returned";
      more = done == some.size();
      stagger(random);
    }
  });
  EXPECT_TRUE(popped_exactly_once(accepted, popped));
  EXPECT_TRUE(popped_in_producers_order(popped));
}

TEST_F(mpsc_queue_stress, ObjectsGoRound) {
  for_seeds(scaled(200), [](std::uint64_t seed) {
    test_round<lockfree::intrusive_mpsc_queue<object>>(seed);
    if (seed % 8 == 0) test_round<blocking::intrusive_mpsc_queue<object>>(seed);
  });
}

}  // namespace
}  // namespace switchyard::stress
