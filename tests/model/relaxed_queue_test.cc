// lockfree::relaxed_queue, and the lanes it is made of, under the model checker. A block has two places here, and a lane
// keeps one that waits to be used again. At the end, the blocking twin.

#include "switchyard/lockfree/relaxed_queue.h"

#include <cstddef>
#include <memory>
#include <optional>

#include "switchyard/atomics/plain.h"
#include "switchyard/blocking/relaxed_queue.h"
#include "switchyard/interface/conqueue_status.h"
#include "switchyard/lockfree/detail/lane.h"
#include "tests/model/model_support.h"

namespace switchyard::model {
namespace {

using lockfree::relaxed_queue;
using lockfree::detail::taking;
using lane = lockfree::detail::lane<int, std::allocator<int>>;

// A consumer of a lane, that leaves it in the end.
struct consumer {
  explicit consumer(lane& l) : from(l) {}
  consumer(const consumer&) = delete;
  consumer& operator=(const consumer&) = delete;
  ~consumer() {
    if (at) from.leave(at);
  }

  // 0: there was none.
  int pop() {
    int popped = 0;
    for (;;) {
      if (!at) from.enter(at);
      const taking result = from.pop(at, [&](int&& x) { popped = x; });
      if (result == taking::got) return popped;
      if (result == taking::none || !from.advance(at)) return 0;
    }
  }
  // The sum of up to `max`, each of which must be greater than the one before.
  int pop_n(std::size_t max) {
    int popped[8] = {};
    int* out = popped;
    std::size_t done = 0;
    while (done < max) {
      if (!at) from.enter(at);
      const taking result = from.pop_n(at, out, max, done);
      if (result == taking::none || (result == taking::exhausted && !from.advance(at))) break;
    }
    int sum = 0;
    for (std::size_t i = 0; i < done; ++i) {
      require(popped[i] > (i == 0 ? last : popped[i - 1]), "in order");
      sum += popped[i];
    }
    if (done != 0) last = popped[done - 1];
    return sum;
  }

  lane& from;
  lane::place at{};
  int last = 0;
};

// -- One lane -------------------------------------------------------------------------------------------------------

TEST(lane, InOrderFromBlockToBlock) {
  expect_proved([] {
    lane l{std::allocator<int>()};
    thread producer([&] {
      for (int i = 1; i <= 3; ++i) l.push(i);
    });
    consumer mine(l);
    int last = 0;
    for (int tries = 0; tries < 3; ++tries) {
      const int x = mine.pop();
      require(x == 0 || x == last + 1, "in order");
      if (x != 0) last = x;
    }
    producer.join();
    while (const int x = mine.pop()) {
      require(x == last + 1, "in order");
      last = x;
    }
    require(last == 3, "all");
  });
}

TEST(lane, TwoConsumersGetEachOnce) {
  expect_proved(
      [] {
        lane l{std::allocator<int>()};
        int sum = 0;
        thread producer([&] {
          for (int i = 1; i <= 3; ++i) l.push(i);
        });
        thread other([&] {
          consumer mine(l);
          const int a = mine.pop();
          const int b = mine.pop();
          require(b == 0 || b > a, "in order");
          sum += a + b;
        });
        consumer mine(l);
        const int a = mine.pop();
        const int b = mine.pop();
        require(b == 0 || b > a, "in order");
        sum += a + b;
        producer.join();
        other.join();
        while (const int x = mine.pop()) sum += x;
        require(sum == 6, "each once");
      },
      {.preemptions = 2});
}

// Blocks that two consumers leave are filled again, while one of them may still be inside.
TEST(lane, BlocksGoRound) {
  expect_proved(
      [] {
        lane l{std::allocator<int>()};
        int sum = 0;
        for (int i = 1; i <= 4; ++i) l.push(i);
        const auto pop_two = [&] {
          consumer mine(l);
          const int a = mine.pop();
          const int b = mine.pop();
          require(b == 0 || b > a, "in order");
          return a + b;
        };
        thread other([&] { sum += pop_two(); });
        thread producer([&] {
          for (int i = 5; i <= 8; ++i) l.push(i);
        });
        const int mine = pop_two();
        producer.join();
        other.join();
        sum += mine;
        consumer last(l);
        while (const int x = last.pop()) sum += x;
        require(sum == 36, "each once");
      },
      {.preemptions = 2});
}

// The same with the producer's work done by the consumers: a block comes back while its neighbour is still being left.
TEST(lane, ABlockThatComesBackIsAnother) {
  expect_proved(
      [] {
        lane l{std::allocator<int>()};
        int sum = 0;
        for (int i = 1; i <= 3; ++i) l.push(i);
        thread other([&] {
          consumer mine(l);
          sum += mine.pop();
        });
        int own = 0;
        {
          consumer mine(l);
          int next = 4;
          for (int i = 0; i < 4; ++i) {
            own += mine.pop();
            l.push(next++);
          }
        }
        other.join();
        consumer last(l);
        while (const int x = last.pop()) sum += x;
        require(sum + own == 28, "each once");
      },
      {.preemptions = 2});
}

TEST(lane, ManyAtOnce) {
  expect_proved(
      [] {
        lane l{std::allocator<int>()};
        const int items[5] = {1, 2, 3, 4, 5};
        int sum = 0;
        thread producer([&] {
          const int* from = items;
          std::size_t done = 0;
          l.push_n(from, 5, done);
          require(done == 5, "all");
        });
        thread other([&] { sum += consumer(l).pop_n(3); });
        consumer mine(l);
        const int own = mine.pop_n(3);
        producer.join();
        other.join();
        sum += own + mine.pop_n(8);
        require(sum == 15, "each once");
      },
      {.preemptions = 2});
}

TEST(lane, IsLockFree) {
  expect_lock_free([] {
    lane l{std::allocator<int>()};
    l.push(1);
    thread other([&] {
      consumer mine(l);
      (void)mine.pop();
      (void)mine.pop();
      (void)mine.pop();
    });
    thread producer([&] {
      for (int i = 2; i <= 4; ++i) l.push(i);
    });
    consumer mine(l);
    (void)mine.pop();
    (void)mine.pop();
    (void)mine.pop();
  });
}

// A push does not wait for anything.
TEST(lane, PushIsWaitFree) {
  expect_proved(
      [] {
        lane l{std::allocator<int>()};
        thread other([&] {
          consumer mine(l);
          (void)mine.pop();
          (void)mine.pop();
          (void)mine.pop();
        });
        for (int i = 1; i <= 5; ++i) within_steps(16, [&] { l.push(i); });
      },
      {.preemptions = 2});
}

// -- The queue --------------------------------------------------------------------------------------------------------

TEST(relaxed_queue, EachProducerInOrder) {
  expect_proved(
      [] {
        relaxed_queue<int> q;
        thread first([&] {
          auto out = q.make_producer();
          (void)out.push(1);
          (void)out.push(2);
          (void)out.push(3);
        });
        thread second([&] {
          (void)q.push(11);
          (void)q.push(12);
        });
        auto in = q.make_consumer();
        int last[2] = {};
        const auto take = [&](int x) {
          require(x % 10 == last[x / 10] + 1, "in order");
          last[x / 10] = x % 10;
        };
        for (int i = 0; i < 2; ++i) {
          if (auto x = in.try_pop()) take(*x);
        }
        first.join();
        second.join();
        while (auto x = in.try_pop()) take(*x);
        require(last[0] == 3 && last[1] == 2, "all");
      },
      {.preemptions = 1});
}

// What has been pushed is there for who looks after that, in whichever lane; and so it is after another had a look.
TEST(relaxed_queue, EmptyIsTrue) {
  expect_proved(
      [] {
        relaxed_queue<int> q;
        (void)q.push(1);
        thread other([&] {
          auto in = q.make_consumer();
          (void)in.try_pop();
        });
        thread pusher([&] {
          auto out = q.make_producer();
          (void)out.push(2);
          auto in = q.make_consumer();
          const auto a = in.try_pop();
          const auto b = in.try_pop();
          require(a || b || q.size_approx() == 0, "one of the two, unless others have taken both");
        });
        (void)q.try_pop();
      },
      {.preemptions = 1});
}

// Nobody sleeps while there is something.
TEST(relaxed_queue, WhoWaitsIsWoken) {
  expect_proved(
      [] {
        relaxed_queue<int> q;
        thread pusher([&] {
          auto out = q.make_producer();
          (void)out.push(1);
        });
        auto in = q.make_consumer();
        require(in.pop().has_value(), "one");
      },
      {.preemptions = 2});
}
TEST(relaxed_queue, BothThatWaitAreWoken) {
  expect_proved(
      [] {
        relaxed_queue<int> q;
        thread pusher([&] {
          auto out = q.make_producer();
          (void)out.push(1);
          (void)q.push(2);
        });
        thread other([&] { require(q.pop().has_value(), "one each"); });
        require(q.pop().has_value(), "one each");
      },
      {.preemptions = 0});
}

TEST(relaxed_queue, CloseLosesNothing) {
  expect_proved(
      [] {
        relaxed_queue<int> q;
        bool pushed = false;
        thread pusher([&] {
          auto out = q.make_producer();
          pushed = out.push(1);
        });
        thread closer([&] { q.close(); });
        auto in = q.make_consumer();
        const auto got = in.pop();  // waits for an element or the end
        require(!in.pop(), "one at most");
        pusher.join();
        require(got.has_value() == pushed, "popped if and only if it was pushed");
      },
      {.preemptions = 1});
}

TEST(relaxed_queue, CloseLosesNothingOfThreads) {
  expect_proved(
      [] {
        relaxed_queue<int> q;
        std::size_t pushed = 0;
        thread pusher([&] {
          const int items[2] = {1, 2};
          pushed = q.push_n(items, 2);
        });
        thread closer([&] { q.close(); });
        int got[4];
        std::size_t popped = 0;
        while (const std::size_t n = q.pop_n(got + popped, 2)) popped += n;
        pusher.join();
        require(popped == pushed, "popped if and only if it was pushed");
      },
      {.preemptions = 1});
}

// The next producer goes on where the last one has left off.
TEST(relaxed_queue, ALaneGoesFromHandToHand) {
  expect_proved(
      [] {
        relaxed_queue<int> q;
        const auto push = [&](int x) {
          auto out = q.make_producer();
          (void)out.push(x);
        };
        thread other([&] {
          push(1);
          push(2);
        });
        push(4);
        push(8);
        other.join();
        int sum = 0;
        while (auto x = q.try_pop()) sum += *x;
        require(sum == 15, "each once");
      },
      {.preemptions = 2});
}

TEST(relaxed_queue, IsLockFree) {
  expect_lock_free([] {
    relaxed_queue<int> q;
    thread other([&] {
      auto out = q.make_producer();
      auto in = q.make_consumer();
      (void)out.push(1);
      (void)in.try_pop();
    });
    (void)q.push(2);
    auto out = q.make_producer();
    (void)out.push(3);
    (void)q.try_pop();
    auto in = q.make_consumer();
    (void)in.try_pop();
  });
}

TEST(relaxed_queue, ClosingIsLockFree) {
  expect_lock_free([] {
    relaxed_queue<int> q;
    thread other([&] { (void)q.try_push(1); });
    q.close();
    (void)q.try_push(2);
    (void)q.try_pop();
  });
}

// -- The blocking twin ------------------------------------------------------------------------------------------------

TEST(blocking_relaxed_queue, EachProducerInOrder) {
  expect_proved(
      [] {
        blocking::relaxed_queue<int> q;
        thread first([&] {
          auto out = q.make_producer();
          (void)out.push(1);
          (void)out.push(2);
        });
        thread second([&] { (void)q.push(11); });
        auto in = q.make_consumer();
        int last[2] = {};
        const auto take = [&](int x) {
          require(x % 10 == last[x / 10] + 1, "in order");
          last[x / 10] = x % 10;
        };
        (void)q.size_approx();
        for (int i = 0; i < 2; ++i) {
          if (auto x = in.try_pop()) take(*x);
        }
        first.join();
        second.join();
        while (auto x = in.try_pop()) take(*x);
        require(last[0] == 2 && last[1] == 1, "all");
      },
      {.preemptions = 1});
}

TEST(blocking_relaxed_queue, WhoWaitsIsWoken) {
  expect_proved(
      [] {
        blocking::relaxed_queue<int> q;
        thread pusher([&] {
          auto out = q.make_producer();
          (void)out.push(1);
        });
        auto in = q.make_consumer();
        require(in.pop().has_value(), "one");
      },
      {.preemptions = 2});
}

TEST(blocking_relaxed_queue, CloseLosesNothing) {
  expect_proved(
      [] {
        blocking::relaxed_queue<int> q;
        bool pushed = false;
        thread pusher([&] { pushed = q.push(1); });
        thread closer([&] { q.close(); });
        bool got = false;
        for (int i = 0; i < 2; ++i) {
          const auto x = q.try_pop();
          got = got || x.has_value();
          if (!x && x.error() == conqueue_status::closed) {
            pusher.join();
            require(got == pushed, "closed only when all is out");
          }
        }
        if (auto x = q.pop()) got = true;
        pusher.join();
        require(got == pushed, "popped if and only if it was pushed");
      },
      {.preemptions = 1});
}

}  // namespace
}  // namespace switchyard::model
