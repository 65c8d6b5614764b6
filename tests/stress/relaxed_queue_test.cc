// The relaxed queues of both sides under stress: producers and consumers that come and go, with handles and without, that
// push and pop one or many, a close at a random time; with elements that throw and memory that fails.

#include "switchyard/lockfree/relaxed_queue.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "switchyard/atomics/atomic.h"
#include "switchyard/blocking/relaxed_queue.h"
#include "switchyard/tests/conformance/queue_suite_base.h"
#include "switchyard/tests/stress/misfortune.h"
#include "switchyard/tests/stress/stress.h"

namespace switchyard::stress {
namespace {

using namespace conformance;  // NOLINT: the elements and the books

/// A queue and who uses it: in so many places producers live, one after the other, and in as many others consumers.
/// Each life of a producer, and of each handle that it has, is a producer of its own in the books.
template <class Queue>
class lanes_storm {
  using T = typename Queue::value_type;
  static constexpr int side = places / 2;
  static constexpr std::uint64_t max_producers = 5000;

 public:
  lanes_storm() : accepted_(max_producers), popped_(side) {}

  void blow(std::uint64_t seed, bool trouble) {
    come_and_go(2 * side + 1, seed, [&](int place, random_source& random) {
      if (place == 2 * side) {
        const auto when = random() % 3000;
        while (operations_.load(memory_order_relaxed) < when) wait_a_little();
        stagger(random);
        queue_.close();
        closed_.store(true, memory_order_release);
        return false;
      }
      if (trouble) misfortune::in(static_cast<int>(1 + random() % 100));
      try {
        return place < side ? produce(random) : consume(popped_[static_cast<std::size_t>(place - side)], random);
      } catch (const std::bad_alloc&) {
        return true;  // no handle
      }
    });
  }

  void expect_right() {
    EXPECT_EQ(queue_.try_pop().error(), conqueue_status::closed);
    EXPECT_EQ(queue_.size_approx(), 0U);
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
    EXPECT_TRUE(popped_in_producers_order(popped_));
  }

 private:
  // What a producer writes down.
  class books {
   public:
    explicit books(lanes_storm& storm) {
      const std::uint64_t number = storm.producers_.fetch_add(1, memory_order_relaxed);
      if (number >= max_producers) throw std::bad_alloc();  // so many are enough
      mine_ = &storm.accepted_[number];
      first_ = item_number(static_cast<int>(number), 0);
    }
    std::uint64_t next() const { return first_ + mine_->size(); }
    void accept(std::uint64_t item) { mine_->push_back(item); }

   private:
    std::vector<std::uint64_t>* mine_;
    std::uint64_t first_;
  };

  bool produce(random_source& random) {
    const auto use = [&](auto& out) {
      books mine(*this);
      for (auto left = random() % 60; left != 0; --left) {
        stagger(random);
        if (!push(out, mine, random)) return false;
      }
      return true;
    };
    if (random() % 3 == 0) return use(queue_);
    const auto make = [&] {
      const misfortune::possible here;
      return queue_.make_producer();
    };
    auto out = make();
    if (!use(out)) return false;
    if (random() % 2 == 0) return true;
    out = make();
    return use(out);
  }

  template <class Out>
  bool push(Out& out, books& mine, random_source& random) {
    operations_.fetch_add(1, memory_order_relaxed);
    const std::size_t n = random() % 3 == 0 ? 1 + random() % 20 : 1;
    std::vector<T> values;
    const std::uint64_t first = mine.next();
    for (std::uint64_t i = 0; i < n; ++i) values.push_back(element<T>::make(first + i));
    const bool was_closed = closed_.load(memory_order_acquire);
    std::size_t taken = 0;
    bool threw = false;
    try {
      const misfortune::possible here;
      const auto from = std::make_move_iterator(values.begin());
      taken = n == 1 ? out.push(std::move(values.front())) : out.push_n(from, n);
    } catch (const misfortune::blow&) {
      threw = true;
    } catch (const std::bad_alloc&) {
      threw = true;
    }
    for (std::size_t i = 0; i < n; ++i) {
      if (i < taken) {
        mine.accept(first + i);
      } else {
        EXPECT_EQ(element<T>::number(values[i]), first + i) << "a push that failed touched its argument";
      }
    }
    EXPECT_FALSE(was_closed && taken != 0) << "pushed after close had returned";
    return threw || taken != 0 || !queue_.is_closed();
  }

  bool consume(std::vector<std::uint64_t>& mine, random_source& random) {
    const auto use = [&](auto& in) {
      for (auto left = random() % 60; left != 0; --left) {
        stagger(random);
        if (!pop(in, mine, random)) return false;
      }
      return true;
    };
    if (random() % 3 == 0) return use(queue_);
    auto in = queue_.make_consumer();
    return use(in);
  }

  template <class In>
  bool pop(In& in, std::vector<std::uint64_t>& mine, random_source& random) {
    operations_.fetch_add(1, memory_order_relaxed);
    const std::size_t n = random() % 20;
    bool ended = false;
    std::vector<T> values;
    values.reserve(20);
    try {
      switch (random() % 5) {
        case 0: {
          const misfortune::possible here;
          auto x = in.pop();
          if (x) values.push_back(std::move(*x));
          ended = !x;
          break;
        }
        case 1: {
          const misfortune::possible here;
          auto x = in.try_pop();
          if (x) values.push_back(std::move(*x));
          ended = !x && x.error() == conqueue_status::closed;
          break;
        }
        case 2: {
          const misfortune::possible here;
          auto x = in.try_pop_for(std::chrono::microseconds(random() % 100));
          if (x) values.push_back(std::move(*x));
          ended = !x && x.error() == conqueue_status::closed;
          break;
        }
        case 3: {
          const misfortune::possible here;
          ended = in.pop_n(std::back_inserter(values), 1 + n) == 0;
          break;
        }
        default: {
          // Where nothing throws they are all claimed at once.
          std::vector<T> target;
          while (target.size() < n) target.push_back(element<T>::make(nobodys));
          try {
            const misfortune::possible here;
            in.try_pop_n(target.begin(), n);
          } catch (const misfortune::blow&) {
            pops_that_threw_.fetch_add(1, memory_order_relaxed);
          }
          for (T& each : target) {
            if (element<T>::number(each) != nobodys) values.push_back(std::move(each));
          }
        }
      }
    } catch (const misfortune::blow&) {
      pops_that_threw_.fetch_add(1, memory_order_relaxed);
    } catch (const std::bad_alloc&) {
      pops_that_threw_.fetch_add(1, memory_order_relaxed);
    }
    for (const T& value : values) mine.push_back(element<T>::number(value));
    return !ended;
  }

  static constexpr std::uint64_t nobodys = ~std::uint64_t{0} >> 1;

  Queue queue_;
  std::vector<std::vector<std::uint64_t>> accepted_;  // by producer
  std::vector<std::vector<std::uint64_t>> popped_;    // by consumer
  atomic<std::uint64_t> producers_{0};
  atomic<int> pops_that_threw_{0};
  atomic<unsigned> operations_{0};
  atomic<bool> closed_{false};
};

struct lockfree_side {
  template <class T>
  using queue = lockfree::relaxed_queue<T>;
};
struct blocking_side {
  template <class T>
  using queue = blocking::relaxed_queue<T>;
};

template <class Side>
class relaxed_queue_stress : public stress_test {
 protected:
  template <class T>
  static void test_storms(int rounds, bool trouble) {
    for_seeds(scaled(rounds), [=](std::uint64_t seed) {
      const expect_none_left<counted> scope;
      const std::int64_t before = misfortune::blocks();
      in_threads(1, [&](int) {
        lanes_storm<typename Side::template queue<T>> storm;
        storm.blow(seed, trouble);
        storm.expect_right();
      });
      EXPECT_EQ(misfortune::blocks(), before) << "more: leaked";
    });
  }
};
using sides = ::testing::Types<lockfree_side, blocking_side>;
TYPED_TEST_SUITE(relaxed_queue_stress, sides);

TYPED_TEST(relaxed_queue_stress, ProducersAndConsumersComeAndGo) {
  TestFixture::template test_storms<std::uint64_t>(40, false);
  TestFixture::template test_storms<unlucky>(40, false);
}

TYPED_TEST(relaxed_queue_stress, AndCallsFail) {
  TestFixture::template test_storms<std::uint64_t>(20, true);
  TestFixture::template test_storms<unlucky>(40, true);
}

// One thread alone, all of whose calls fail in turn: nothing is lost but what a pop threw on, and no memory.
TYPED_TEST(relaxed_queue_stress, EveryCallFailsInTurn) {
  const expect_none_left<counted> scope;
  fail_in_turn(10, [] {
    typename TypeParam::template queue<unlucky> queue;
    std::uint64_t pushed = 0;
    std::uint64_t popped = 0;
    std::uint64_t lost = 0;
    const auto attempt = [](auto call) {
      try {
        const misfortune::possible here;
        return call();
      } catch (const misfortune::blow&) {
      } catch (const std::bad_alloc&) {
      }
      return std::uint64_t{0};
    };
    const auto use = [&](auto make_out, auto make_in) {
      try {
        auto&& out = make_out();
        auto&& in = make_in();
        for (int i = 0; i < 30; ++i) {
          pushed += attempt([&]() -> std::uint64_t { return out.emplace(std::uint64_t{1}); });
        }
        std::vector<unlucky> some;
        for (int i = 0; i < 30; ++i) some.emplace_back(1U);
        pushed += attempt([&] { return out.push_n(std::make_move_iterator(some.begin()), 30); });
        std::vector<unlucky> got;
        got.reserve(60);
        for (int i = 0; i < 20; ++i) {
          const std::uint64_t one = attempt([&]() -> std::uint64_t { return in.pop().has_value(); });
          popped += one;
          lost += 1 - one;
        }
        (void)attempt([&] { return in.try_pop_n(std::back_inserter(got), 25); });
        popped += got.size();
      } catch (const std::bad_alloc&) {
      }
    };
    use([&]() -> auto& { return queue; }, [&]() -> auto& { return queue; });
    use(
        [&] {
          const misfortune::possible here;
          return queue.make_producer();
        },
        [&] { return queue.make_consumer(); });
    while (queue.try_pop()) ++popped;
    EXPECT_LE(popped, pushed);
    EXPECT_LE(pushed, popped + lost + 1) << "lost";
  });
}

}  // namespace
}  // namespace switchyard::stress
