// Thread pools under stress: several threads give tasks of all kinds, which give others and wait for them, while some are
// cancelled and the pool is shut down at any time; and givers that get no memory. Each task is run once, or cancelled,
// or refused.

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "switchyard/atomics/atomic.h"
#include "switchyard/blocking/thread_pool.h"
#include "switchyard/interface/thread_pool.h"
#include "switchyard/lockfree/thread_pool.h"
#include "switchyard/tests/stress/misfortune.h"
#include "switchyard/tests/stress/stress.h"
#include "switchyard/threads/detail/pool_base.h"
#include "switchyard/threads/exception_hook.h"
#include "switchyard/threads/future.h"
#include "switchyard/threads/thread.h"
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

/// There is no memory for the pool itself: it is not there then, and neither is any of its threads.
TYPED_TEST(thread_pool_stress, NoMemoryToBeginWith) {
  fail_in_turn(5, [] {
    const std::size_t before = thread::active_count();
    try {
      const misfortune::possible here;
      TypeParam pool({.threads = 3, .name = "a name that does not fit into its string"});
    } catch (const std::bad_alloc&) {
    }
    EXPECT_EQ(thread::active_count(), before);
  });
}

/// Gives tasks, small ones and large ones, with and without a future. Returns how many were refused.
template <class Pool>
int give_some(Pool& pool, books& all) {
  int refused = 0;
  for (int i = 0; i < 24; ++i) {
    try {
      const misfortune::possible here;
      if (i % 3 == 0) {
        pool.post([e = books::entry(all)]() mutable { e.call(); });
      } else if (i % 3 == 1) {
        pool.post([e = books::entry(all), large = std::array<std::uint64_t, 20>{}]() mutable {
          static_cast<void>(large);
          e.call();
        });
      } else {
        pool.submit([e = books::entry(all)]() mutable { e.call(); });
      }
      ++all.accepted;
    } catch (const std::bad_alloc&) {
      ++refused;
    }
  }
  return refused;
}
void expect_right(const books& all, int refused) {
  EXPECT_LE(refused, 1);
  EXPECT_EQ(all.accepted.load() + refused, 24);
  EXPECT_EQ(all.run.load(), all.accepted.load()) << "what was accepted is run";
  EXPECT_EQ(all.gone_unrun.load(), refused) << "what was not is gone";
}

/// One task is refused, since an allocation fails: the others are not affected.
TYPED_TEST(thread_pool_stress, NoMemoryForOneTask) {
  fail_in_turn(5, [] {
    books all;
    int refused = 0;
    {
      TypeParam pool({.threads = 1});
      refused = give_some(pool, all);
    }
    expect_right(all, refused);
  });
}

/// As `fail_in_turn`, where it is a call of another thread's that fails: the script makes it the n-th of that one, and
/// returns whether it was still due at the end.
void fail_in_turn_elsewhere(int at_least, const std::function<bool(int n)>& script) {
  for (int n = 1;; ++n) {
    SCOPED_TRACE("call " + std::to_string(n) + " of the worker fails");
    const std::int64_t before = misfortune::blocks();
    bool was_last = false;
    std::thread([&] { was_last = script(n); }).join();
    if (failed()) return;
    EXPECT_EQ(misfortune::blocks(), before) << "more: leaked";
    if (was_last) {
      EXPECT_GT(n, at_least) << "hardly anything fails: this tests nothing";
      return;
    }
  }
}

/// The same where it is a task that gives them.
TYPED_TEST(thread_pool_stress, NoMemoryForOneTaskOfATask) {
  fail_in_turn_elsewhere(5, [](int n) {
    books all;
    int refused = 0;
    bool was_last = false;
    {
      TypeParam pool({.threads = 1});
      pool.submit([&] {
            misfortune::in(n);
            refused = give_some(pool, all);
            was_last = misfortune::is_due();
            misfortune::in(0);
          })
          .get();
    }
    expect_right(all, refused);
    return was_last;
  });
}

/// From now on the calling thread's allocations count, until it ends.
void let_misfortune_begin(int n) {
  thread_local std::optional<misfortune::possible> here;
  here.emplace();
  misfortune::in(n);
}

/// Whichever allocation of a worker fails, in its tasks or between them: it goes on, and everything given to it comes to an
/// end.
TYPED_TEST(thread_pool_stress, NoMemoryInAWorker) {
  const auto before = set_exception_hook([](const thread_failure& failure) {
    EXPECT_THROW(std::rethrow_exception(failure.exception), std::bad_alloc);
  });
  fail_in_turn_elsewhere(5, [](int n) {
    atomic<int> called{0};
    int failed = 0;
    bool was_last = false;
    {
      TypeParam pool({.threads = 1, .name = "a name that does not fit into its string", .initializer = [n] { let_misfortune_begin(n); }});
      std::vector<future<int>> futures;
      for (int i = 0; i < 3; ++i) {
        pool.post([&] { ++called; });
        pool.post([&] {
          ++called;
          delete new int(1);
        });
        futures.push_back(pool.submit([&] { return *std::make_unique<int>(1); }));
        futures.push_back(pool.submit([&] { return pool.submit([] { return 1; }).get(); }));
        futures.push_back(pool.submit([&] {
          int sum = -2;
          for (int x : pool.map([](int y) { return y; }, std::array{1, 2})) sum += x;
          return sum;
        }));
      }
      for (auto& f : futures) {
        try {
          EXPECT_EQ(f.get(), 1);
        } catch (const std::bad_alloc&) {
          ++failed;
        }
      }
      was_last = pool.submit([] { return misfortune::is_due(); }).get();
    }
    EXPECT_LE(failed, 1);
    EXPECT_EQ(called.load(), 6);
    return was_last;
  });
  set_exception_hook(before);
}

/// An initializer fails, and there is no memory to say so: what was given is told all the same, and nobody waits for ever.
TYPED_TEST(thread_pool_stress, NoMemoryToSayThatItIsBroken) {
  const auto before = set_exception_hook([](const thread_failure&) {});
  fail_in_turn_elsewhere(1, [](int n) {
    atomic<bool> was_last{false};
    const auto expect_told = [](auto give) {
      try {
        give();
        ADD_FAILURE() << "nobody was told";
      } catch (const broken_pool&) {
      } catch (const std::bad_alloc&) {
      }
    };
    {
      TypeParam pool({.threads = 1, .name = "a name that does not fit into its string", .initializer = [&, n] {
                        let_misfortune_begin(n);
                        struct tells_at_the_end {
                          explicit tells_at_the_end(atomic<bool>& where) : was_last(where) {}
                          ~tells_at_the_end() { was_last = misfortune::is_due(); }
                          atomic<bool>& was_last;
                        };
                        thread_local std::optional<tells_at_the_end> at_the_end;
                        at_the_end.emplace(was_last);
                        throw std::domain_error("no luck");
                      }});
      expect_told([&] { pool.submit([] {}).get(); });
      expect_told([&] {
        for (;;) pool.post([] {});
      });
    }
    return was_last.load();
  });
  set_exception_hook(before);
}

// -- A thread that does not start ------------------------------------------------------------------------------------

/// A thread the n-th start of which fails, as the system has no room for its stack.
class unlucky_thread : public thread {
 public:
  template <class F>
  unlucky_thread(thread_options options, F f) : thread(with_luck(std::move(options)), std::move(f)) {}

  static inline int starts_left = 0;

 private:
  static thread_options with_luck(thread_options options) {
    if (--starts_left == 0) options.stack_size = std::size_t{1} << 60;
    return options;
  }
};

/// A pool of four, of which one does not start: the error names it, and those before it have been initialised and joined.
template <class Queues>
void a_later_start_fails() {
  for (int which = 0; which < 4; ++which) {
    fail_in_turn(0, [which] {  // for its count of memory
      const std::size_t before = thread::active_count();
      atomic<int> begun{0};
      unlucky_thread::starts_left = which + 1;
      try {
        detail::pool_base<Queues, unlucky_thread> pool({.threads = 4, .name = "one", .initializer = [&] { ++begun; }});
        ADD_FAILURE() << "all have started";
      } catch (const std::system_error& error) {
        const std::string expected = "thread one-" + std::to_string(which) + " cannot be started";
        EXPECT_NE(std::string(error.what()).find(expected), std::string::npos) << error.what();
      }
      EXPECT_EQ(thread::active_count(), before);
      EXPECT_EQ(begun.load(), which);
    });
  }
}
TEST(thread_pool_start, LockfreeALaterThreadDoesNotStart) { a_later_start_fails<lockfree::detail::stealing_queues>(); }
TEST(thread_pool_start, BlockingALaterThreadDoesNotStart) {
  a_later_start_fails<blocking::detail::shared_task_queue>();
}

}  // namespace
}  // namespace switchyard::stress
