// spsc_queue under the model checker.

#include "switchyard/lockfree/spsc_queue.h"

#include <memory>
#include <stdexcept>
#include <utility>

#include "switchyard/atomics/plain.h"
#include "switchyard/interface/conqueue_status.h"
#include "tests/model/model_support.h"

namespace switchyard::model {
namespace {

using lockfree::spsc_queue;
using lockfree::detail::start_at;
using enum conqueue_status;

// Pops what comes, in order, `tries` times. Returns how many.
template <class Queue>
int pop_some(Queue& queue, int tries, int last = 0) {
  int popped = 0;
  for (int i = 0; i < tries; ++i) {
    if (auto x = queue.try_pop()) {
      require(*x == ++last, "first in, first out");
      ++popped;
    }
  }
  return popped;
}

// Round the ring, across the wrap of the indices, full and empty on the way.
template <std::size_t Capacity, int Start = -2>
void hand_over() {
  spsc_queue<int> queue(Capacity, start_at{static_cast<std::uint64_t>(Start)});
  int pushed = 0;
  thread producer([&] {
    for (int i = 0; i < 3; ++i) pushed += queue.try_push(pushed + 1) == success;
  });
  const int popped = pop_some(queue, 2);
  producer.join();
  require(popped + pop_some(queue, 3, popped) == pushed, "nothing is lost");
}
TEST(spsc_queue, HandsOver) {
  expect_proved(hand_over<1>);
  expect_proved(hand_over<2>);
  expect_proved(hand_over<2, -3>);
}

// Elements that own memory: none lost, none destroyed twice, none left.
TEST(spsc_queue, HandsOverOwnership) {
  expect_proved([] {
    spsc_queue<std::unique_ptr<int>> queue(1);
    thread producer([&] {
      for (int i = 0; i < 2; ++i) {
        auto mine = std::make_unique<int>(i);
        if (queue.try_push(std::move(mine)) != success) require(mine != nullptr, "a failed push leaves its argument");
      }
    });
    if (auto x = queue.try_pop()) require(**x == 0, "the first comes first");
  });
}

TEST(spsc_queue, InBulk) {
  expect_proved([] {
    spsc_queue<int> queue(2);
    std::size_t pushed = 0;
    thread producer([&] {
      const int values[] = {1, 2, 3};
      pushed = queue.try_push_n(values, 3);
      pushed += queue.try_push_n(values + pushed, 3 - pushed);
    });
    int out[3] = {};
    std::size_t popped = queue.try_pop_n(out, 2);
    popped += queue.try_pop_n(out + popped, 1);
    producer.join();
    for (std::size_t i = 0; i < popped; ++i) require(out[i] == static_cast<int>(i) + 1, "in order");
    require(popped + queue.size_approx() == pushed, "nothing is lost");
  });
}

// Without copies: places are filled by the producer and read by the consumer where they are, round the ring.
TEST(spsc_queue, InPlace) {
  expect_proved([] {
    spsc_queue<int> queue(2, start_at{static_cast<std::uint64_t>(-1)});
    int pushed = 0;
    thread producer([&] {
      for (int i = 0; i < 2; ++i) {
        const auto places = queue.reserve(2);
        for (int& place : places) place = ++pushed;
        require(queue.commit(places.size()), "open");
      }
    });
    int popped = 0;
    for (int i = 0; i < 2; ++i) {
      const auto elements = queue.peek(2);
      for (const int element : elements) require(element == ++popped, "in order");
      queue.consume(elements.size());
    }
    producer.join();
    require(popped + static_cast<int>(queue.size_approx()) == pushed, "nothing is lost");
  });
}

// Bit by bit, with other operations in between.
TEST(spsc_queue, InPlaceAndOtherwise) {
  expect_proved([] {
    spsc_queue<int> queue(3);
    int pushed = 0;
    thread producer([&] {
      const auto places = queue.reserve(2);
      for (std::size_t i = 0; i < places.size(); ++i) {
        places[i] = ++pushed;
        require(queue.commit(1), "open");
      }
      const auto more = queue.reserve(2);
      if (queue.try_push(pushed + 1) == success) ++pushed;
      bool refused = false;
      try {
        (void)queue.commit(1);
      } catch (const std::invalid_argument&) {
        refused = true;
      }
      require(refused, more.empty() ? "there was no room" : "the push took the places");
    });
    int popped = 0;
    const auto elements = queue.peek(2);
    for (const int element : elements) require(element == ++popped, "in order");
    for (std::size_t i = 0; i < elements.size(); ++i) queue.consume(1);
    if (auto x = queue.try_pop()) require(*x == ++popped, "in order");
    producer.join();
    require(popped + static_cast<int>(queue.size_approx()) == pushed, "nothing is lost");
  });
}

// A commit that says true is popped, whatever close does; one that says false was no push.
TEST(spsc_queue, CloseLosesNothingInPlace) {
  expect_proved([] {
    spsc_queue<int> queue(2);
    bool accepted = false;
    thread producer([&] {
      const auto places = queue.reserve(1);
      if (places.empty()) return;
      places[0] = 1;
      accepted = queue.commit(1);
    });
    thread closer([&] { queue.close(); });
    bool popped = false;
    const auto elements = queue.peek(1);
    if (!elements.empty()) {
      popped = elements[0] == 1;
      queue.consume(1);
    }
    const auto x = queue.try_pop();
    if (x) {
      require(!popped && *x == 1, "popped once");
      popped = true;
    } else if (x.error() == closed) {
      producer.join();
      require(accepted == popped, "closed means drained");
    }
    producer.join();
    closer.join();
    require(queue.reserve(1).empty(), "nothing goes in");
    if (accepted && !popped) require(queue.peek(1).size() == 1, "what went in comes out");
  });
}

// Who waits for an element wakes for one that is committed, and who waits for room for one that is consumed.
TEST(spsc_queue, WaitersWakeInPlace) {
  expect_proved(
      [] {
        spsc_queue<int> queue(1);
        thread producer([&] {
          queue.reserve(1)[0] = 1;
          require(queue.commit(1) && queue.push(2), "open");
        });
        require(queue.pop() == 1, "the first");
        const auto second = queue.pop();
        require(second == 2, "the second");
      },
      {.preemptions = 2, .spurious_wakeups = 0});
  expect_proved(
      [] {
        spsc_queue<int> queue(1);
        (void)queue.try_push(1);
        thread producer([&] { require(queue.push(2), "open"); });
        require(queue.peek(2).size() == 1, "one");
        queue.consume(1);
        require(queue.pop() == 2, "the second");
      },
      {.preemptions = 2, .spurious_wakeups = 0});
}

// A push that says success is popped, whatever close does; "closed" comes last and stays.
TEST(spsc_queue, CloseLosesNothing) {
  expect_proved([] {
    spsc_queue<int> queue(2);
    bool accepted = false;
    thread producer([&] { accepted = queue.try_push(1) == success; });
    thread closer([&] { queue.close(); });
    bool popped = false;
    for (int i = 0; i < 2; ++i) {
      const auto x = queue.try_pop();
      if (x) {
        require(!popped && *x == 1, "popped once");
        popped = true;
      } else if (x.error() == closed) {
        producer.join();
        require(accepted == popped, "closed means drained");
      }
    }
    producer.join();
    closer.join();
    require(queue.try_push(2) == closed, "nothing goes in");
    if (accepted && !popped) require(queue.try_pop().has_value(), "what went in comes out");
    require(queue.try_pop().error() == closed, "closed and empty");
  });
}

TEST(spsc_queue, ClosedIsSeenByWhoIsTold) {
  expect_proved([] {
    spsc_queue<int> queue(2);
    plain<int> reason;
    thread closer([&] {
      reason.construct(1);
      queue.close();
    });
    thread consumer([&] {
      const auto x = queue.try_pop();
      if (!x && x.error() == closed) require(queue.is_closed() && reason.read() == 1, "seen");
    });
    if (queue.try_push(1) == closed) require(queue.is_closed() && reason.read() == 1, "seen");
  });
}

// Nobody sleeps for ever: neither who waits for an element, nor for room, nor for the end.
TEST(spsc_queue, WaitersWake) {
  expect_proved(
      [] {
        spsc_queue<int> queue(1);
        thread producer([&] {
          require(queue.push(1) && queue.push(2), "open");
          queue.close();
        });
        int last = 0;
        while (auto x = queue.pop()) require(*x == ++last, "in order");
        require(last == 2, "all");
      },
      {.preemptions = 2});
}
TEST(spsc_queue, CloseWakesWhoWaits) {
  expect_proved([] {
    spsc_queue<int> queue(1);
    thread consumer([&] { require(!queue.pop(), "closed"); });
    queue.close();
  });
  expect_proved([] {
    spsc_queue<int> queue(1);
    (void)queue.try_push(1);
    thread producer([&] { require(!queue.push(2), "closed"); });
    queue.close();
  });
}
TEST(spsc_queue, TimeoutsAreNotLost) {
  expect_proved(
      [] {
        spsc_queue<int> queue(1);
        bool pushed = false;
        thread producer([&] { pushed = queue.try_push(1) == success; });
        const auto x = queue.try_pop_for(std::chrono::seconds(1));
        producer.join();
        require(pushed, "there is room");
        require(x.has_value() || queue.try_pop().has_value(), "what was pushed is there");
      },
      {.preemptions = 2});
}

TEST(spsc_queue, IsWaitFreeInPlace) {
  const auto body = [] {
    spsc_queue<int> queue(1);
    thread producer([&] {
      for (int i = 0; i < 2; ++i) {
        within_steps(16, [&] {
          const auto places = queue.reserve(1);
          for (int& place : places) place = i;
          (void)queue.commit(places.size());
        });
      }
    });
    thread consumer([&] {
      for (int i = 0; i < 2; ++i) within_steps(16, [&] { queue.consume(queue.peek(1).size()); });
    });
    thread closer([&] { within_steps(16, [&] { queue.close(); }); });
  };
  expect_proved(body, {.preemptions = 2});
  expect_lock_free(body);
}

// Wait-free: no step of the one depends on the other.
TEST(spsc_queue, IsWaitFree) {
  const auto body = [] {
    spsc_queue<int> queue(1);
    thread producer([&] {
      for (int i = 0; i < 2; ++i) within_steps(16, [&] { (void)queue.try_push(i); });
    });
    thread consumer([&] {
      for (int i = 0; i < 2; ++i) within_steps(16, [&] { (void)queue.try_pop(); });
    });
    thread closer([&] { within_steps(16, [&] { queue.close(); }); });
  };
  expect_proved(body, {.preemptions = 2});
  expect_lock_free(body);
}

}  // namespace
}  // namespace switchyard::model
