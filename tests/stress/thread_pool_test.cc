// Thread pools under stress: several threads give tasks of all kinds, which give others and wait for them, while some are
// cancelled and the pool is shut down at any time; and givers that get no memory. Each task is run once, or cancelled,
// or refused.

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <utility>
#include <vector>

#include "switchyard/atomics/atomic.h"
#include "switchyard/blocking/thread_pool.h"
#include "switchyard/interface/thread_pool.h"
#include "switchyard/lockfree/thread_pool.h"
#include "switchyard/tests/stress/stress.h"
#include "switchyard/threads/future.h"
#include "switchyard/threads/wait_any.h"

namespace switchyard::stress {
namespace {

template <class Pool>
class thread_pool_stress : public stress_test {};
using pools = ::testing::Types<lockfree::thread_pool, blocking::thread_pool>;
TYPED_TEST_SUITE(thread_pool_stress, pools);

/// Books of tasks: what was given and accepted is, in the end, run or destroyed unrun.
struct books {
  atomic<std::int64_t> accepted{0};
  atomic<std::int64_t> run{0};
  atomic<std::int64_t> gone_unrun{0};

  /// Lies in a task's function, and knows whether that has been called.
  class entry {
   public:
    explicit entry(books& all) : all_(&all) {}
    entry(entry&& other) noexcept : all_(std::exchange(other.all_, nullptr)), called_(other.called_) {}
    entry& operator=(entry&&) = delete;
    ~entry() {
      if (all_ != nullptr) ++(called_ ? all_->run : all_->gone_unrun);
    }
    void call() { called_ = true; }

   private:
    books* all_;
    bool called_ = false;
  };
};

/// Gives tasks in a way that chance picks; true unless the pool has been shut down.
template <class Pool>
bool give(Pool& pool, books& all, random_source& random, std::vector<future<int>>& mine, int depth) {
  try {
    switch (random() % 5) {
      case 0:
        pool.post([e = books::entry(all)]() mutable { e.call(); });
        ++all.accepted;
        break;
      case 1:
        mine.push_back(pool.submit([e = books::entry(all)]() mutable { return e.call(), 1; }));
        ++all.accepted;
        break;
      case 2:
        mine.push_back(pool.submit([e = books::entry(all)]() mutable -> int {
          e.call();
          throw std::bad_alloc();
        }));
        ++all.accepted;
        break;
      case 3: {  // a task that gives tasks, and waits for some
        const std::uint64_t seed = random();
        mine.push_back(pool.submit([&pool, &all, seed, depth, e = books::entry(all)]() mutable {
          e.call();
          random_source inner = random_for(seed, depth);
          std::vector<future<int>> theirs;
          for (auto left = depth > 2 ? 0 : inner() % 4; left != 0; --left) give(pool, all, inner, theirs, depth + 1);
          if (!theirs.empty() && inner() % 2 == 0) (void)wait_any(theirs);
          for (auto& f : theirs) {
            if (inner() % 4 == 0) f.cancel();
            f.wait();
          }
          return 2;
        }));
        ++all.accepted;
        break;
      }
      default: {  // no entries: what map has not begun is not counted
        const std::vector<int> input{1, 2, 3, 4, 5};
        int expected = 0;
        for (const int x : pool.map([](int y) { return y; }, input, {.chunk = 1 + random() % 3, .look_ahead = 1 + random() % 4})) {
          EXPECT_EQ(x, ++expected);
        }
        break;
      }
    }
  } catch (const pool_shut_down&) {
    return false;
  } catch (const future_cancelled&) {  // of map
    return false;
  }
  return true;
}

TYPED_TEST(thread_pool_stress, EachTaskOnceWhateverHappens) {
  this->for_seeds(scaled(60), [](std::uint64_t seed) {
    random_source random = random_for(seed, 99);
    books all;
    {
      TypeParam pool({.threads = 1 + static_cast<std::int64_t>(random() % 4)});
      const bool cancels = random() % 2 == 0;
      const auto until = random() % 60;
      in_threads(4, [&](int number) {
        random_source mine = random_for(seed, number);
        if (number == 0) {
          for (auto i = until; i != 0; --i) wait_a_little();
          pool.shutdown({.wait = mine() % 2 == 0, .cancel_pending = cancels});
          return;
        }
        std::vector<future<int>> futures;
        for (int i = 0; i < 200; ++i) {
          stagger(mine);
          if (!give(pool, all, mine, futures, 0)) break;
          if (!futures.empty() && mine() % 4 == 0) futures[mine() % futures.size()].cancel();
        }
        for (auto& f : futures) {
          f.wait();
          EXPECT_TRUE(f.is_cancelled() || f.state() == future_state::done);
        }
      });
    }
    EXPECT_GE(all.run.load() + all.gone_unrun.load(), all.accepted.load());
    EXPECT_LE(all.run.load(), all.accepted.load()) << "a task was run twice, or though it was refused";
  });
}

/// Nobody but the pool's threads is awake, so that a wake-up that is lost is lost for ever.
TYPED_TEST(thread_pool_stress, NoWakeUpIsLost) {
  this->for_seeds(scaled(10), [](std::uint64_t seed) {
    TypeParam pool({.threads = 1 + static_cast<std::int64_t>(seed % 3)});
    in_threads(2, [&](int number) {
      random_source random = random_for(seed, number);
      for (int i = 0; i < scaled(300) && !failed(); ++i) {
        if (random() % 3 == 0) wait_a_little();
        auto f = pool.submit([&] {
          auto g = pool.submit([] { return 1; });
          return pool.submit([] { return 2; }).get() + g.get();
        });
        EXPECT_EQ(f.get(), 3);
      }
    });
  });
}

/// Whichever allocation fails, the giver is told, nothing leaks, and the pool goes on.
TYPED_TEST(thread_pool_stress, NoMemory) {
  fail_in_turn(10, [] {
    std::optional<TypeParam> pool;
    try {
      pool.emplace(thread_pool_options{.threads = 1});
      const misfortune::possible here;
      std::vector<future<std::unique_ptr<int>>> futures;
      futures.push_back(pool->submit([] { return std::make_unique<int>(1); }));
      pool->post([big = std::array<std::uint64_t, 20>{}] { (void)big; });
      pool->post([] {});
      for (auto& f : as_completed(futures)) (void)f.get();
      int sum = 0;
      for (int x : pool->map([](int y) { return y; }, std::array<int, 3>{1, 2, 3}, {.look_ahead = 2})) sum += x;
      EXPECT_EQ(sum, 6);
      pool->submit([] { return 1; }).then([](int x) { return x; }).wait();
    } catch (const std::bad_alloc&) {
    }
    EXPECT_EQ(pool->submit([] { return 5; }).get(), 5) << "the pool goes on";
  });
}

}  // namespace
}  // namespace switchyard::stress
