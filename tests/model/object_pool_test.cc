// object_pool and what it is made of under the model checker.

#include "switchyard/lockfree/object_pool.h"

#include <array>
#include <cstddef>
#include <initializer_list>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "switchyard/atomics/atomic.h"
#include "switchyard/atomics/plain.h"
#include "switchyard/lockfree/detail/block_cache.h"
#include "switchyard/lockfree/detail/free_blocks.h"
#include "tests/model/model_support.h"

namespace switchyard::model {
namespace {

using lockfree::object_pool;
using lockfree::detail::block_cache;
using free_blocks = lockfree::detail::free_blocks<std::allocator<int>>;
using lockfree::detail::magazine;
using lockfree::detail::magazine_stack;

// What is written where a block or an object is, so that the checker sees two who have it at once, and one who has it
// without knowing what was done before.
struct content {
  content() { value.construct(0); }
  ~content() { value.destroy(); }
  plain<int> value;
};

// ---- block_cache

struct blocks {
  blocks() {
    for (content& each : all) name(&each.value, "block");
  }
  static void use(void* block) { ++static_cast<content*>(block)->value.write(); }
  int used() const {
    int n = 0;
    for (const content& each : all) n += each.value.read();
    return n;
  }
  std::array<content, 4> all;
};

// The owner takes and thieves steal: each block once, and none is left over where nobody has been refused.
void take_and_steal(int thieves, int present, int taken) {
  blocks b;
  block_cache cache;
  for (int i = 0; i < present; ++i) require(cache.push(&b.all[static_cast<std::size_t>(i)], 2), "there is room");
  int stolen[2] = {};
  const auto steal = [&](int thief) {
    if (void* const block = cache.steal()) {
      blocks::use(block);
      ++stolen[thief];
    }
  };
  thread first([&] { steal(0); });
  std::optional<thread> second;
  if (thieves == 2) second.emplace([&] { steal(1); });
  int popped = 0;
  for (int i = 0; i < taken; ++i) {
    if (void* const block = cache.pop()) {
      blocks::use(block);
      ++popped;
    }
  }
  first.join();
  if (second) second->join();
  const int out = popped + stolen[0] + stolen[1];
  require(b.used() == out, "a block was handed out twice");
  if (present >= taken + thieves) require(out == taken + thieves, "refused while there was one");
  for (int i = out; i < present; ++i) {
    void* const block = cache.pop();
    require(block != nullptr, "a block is lost");
    blocks::use(block);
  }
  require(cache.pop() == nullptr && cache.steal() == nullptr, "empty");
  for (int i = 0; i < present; ++i) require(b.all[static_cast<std::size_t>(i)].value.read() == 1, "each once");
}
TEST(block_cache, TakesAndIsStolenFrom) {
  expect_proved([] { take_and_steal(1, 1, 1); });
  expect_proved([] { take_and_steal(1, 2, 1); });
  expect_proved([] { take_and_steal(1, 2, 2); });
  expect_proved([] { take_and_steal(2, 1, 1); }, {.preemptions = 2});
  expect_proved([] { take_and_steal(2, 2, 1); }, {.preemptions = 2});
}

// Entries are used again while somebody steals from them.
TEST(block_cache, ComesRound) {
  expect_proved(
      [] {
        blocks b;
        block_cache cache;
        for (int i = 0; i < 2; ++i) cache.push(&b.all[static_cast<std::size_t>(i)], 2);
        int stolen = 0;
        thread thief([&] {
          for (int i = 0; i < 2; ++i) {
            if (void* const block = cache.steal()) {
              blocks::use(block);
              ++stolen;
            }
          }
        });
        int inside = 2;
        for (std::size_t i = 2; i < 4; ++i) inside += cache.push(&b.all[i], 2);
        int popped = 0;
        while (void* const block = cache.pop()) {
          blocks::use(block);
          ++popped;
        }
        thief.join();
        require(popped + stolen == inside && b.used() == inside, "each once");
        for (const content& each : b.all) require(each.value.read() <= 1, "each once");
      },
      {.preemptions = 3});
}

TEST(block_cache, WhatIsStolenWasHandedOver) {
  expect_proved([] {
    blocks b;
    block_cache cache;
    thread thief([&] {
      if (void* const block = cache.steal()) {
        require(static_cast<content*>(block)->value.read() == 1, "what was done before");
        blocks::use(block);
      }
    });
    for (std::size_t i = 0; i < 2; ++i) {
      blocks::use(&b.all[i]);
      cache.push(&b.all[i], 2);
    }
    (void)cache.pop();
  });
}

TEST(block_cache, OwnerIsWaitFreeAndThievesLockFree) {
  const auto body = [] {
    blocks b;
    block_cache cache;
    cache.push(&b.all[0], 2);
    thread thief([&] { cache.steal(); });
    thread another([&] { cache.steal(); });
    for (std::size_t i = 1; i < 3; ++i) {
      within_steps(4, [&] { cache.push(&b.all[i], 2); });
      within_steps(6, [&] { cache.pop(); });
    }
  };
  expect_proved(body, {.preemptions = 1});
  expect_lock_free(body);
}

// ---- object_pool

struct object : content {
  explicit object(bool throws = false) {
    if (throws) throw 1;
  }
};
using pool = object_pool<object>;

// What a thread does with a pool, in letters: 't' take one if there is one; 'T' take one, which must succeed; 'g' give
// back the one that was taken last. What it has in the end goes back when `player` does.
class player {
 public:
  explicit player(pool& p) : pool_(p) {}
  ~player() {
    while (count_ != 0) pool_.destroy(mine_[--count_]);
  }
  player(const player&) = delete;
  player& operator=(const player&) = delete;

  void play(const char* program) {
    for (; *program != 0; ++program) {
      if (*program == 'g') {
        if (count_ != 0) pool_.destroy(mine_[--count_]);
        continue;
      }
      object* const o = pool_.try_construct();
      require(o != nullptr || *program != 'T', "refused while there was one");
      if (o == nullptr) continue;
      require(o->value.read() == 0, "nobody else's");
      ++o->value.write();
      mine_[count_++] = o;
    }
  }

 private:
  pool& pool_;
  std::array<object*, 4> mine_{};
  std::size_t count_ = 0;
};

// All are there at the end, and no more.
void expect_all_back(pool& p) {
  std::array<object*, 5> all{};
  for (std::size_t i = 0; i <= p.capacity(); ++i) {
    all[i] = p.try_construct();
    require((all[i] != nullptr) == (i < p.capacity()), "exactly as many as there are");
    require(p.available_approx() == (i < p.capacity() ? p.capacity() - i - 1 : 0), "counted");
  }
  for (std::size_t i = 0; i < p.capacity(); ++i) p.destroy(all[i]);
}

void run(std::size_t capacity, const char* first, std::initializer_list<const char*> others) {
  pool p(capacity);
  {
    std::vector<std::unique_ptr<player>> players;
    std::vector<std::unique_ptr<thread>> threads;
    for (const char* program : others) {
      player& one = *players.emplace_back(std::make_unique<player>(p));
      threads.push_back(std::make_unique<thread>([&one, program] { one.play(program); }));
    }
    player me(p);
    me.play(first);
    for (const auto& each : threads) each->join();
  }
  expect_all_back(p);
}

TEST(object_pool, HandsOutOnce) {
  expect_proved([] { run(1, "t", {"t"}); }, {.preemptions = 2});
  expect_proved([] { run(1, "tgt", {"t"}); }, {.preemptions = 1});
}

// As many as there are, in whichever threads: nobody is refused.
TEST(object_pool, EverybodyGetsOneOfEnough) {
  expect_proved([] { run(2, "T", {"T"}); }, {.preemptions = 2});
  expect_proved([] { run(2, "TgT", {"TgT"}); }, {.preemptions = 2});
}

// Three threads have too many ways to meet for all to be seen.
TEST(object_pool, OfThreeAtRandom) {
  for (const auto& [capacity, program] : {std::pair{1, "tgt"}, {2, "tgt"}, {3, "TgT"}, {6, "TTggT"}}) {
    expect_right_at_random([c = capacity, p = program] { run(static_cast<std::size_t>(c), p, {p, p}); },
                           {.random = 10'000, .depth = 4});
  }
}

// What has been given back somewhere is there for all.
TEST(object_pool, WhatOthersHoardIsThere) {
  expect_proved(
      [] {
        pool p(2);
        thread other([&] {
          object* const a = p.construct();
          object* const b = p.construct();
          p.destroy(a);
          p.destroy(b);
        });
        other.join();
        player(p).play("TT");
      },
      {.preemptions = 3});
}

// Who hoards goes on, while what he has is taken from him.
TEST(object_pool, StealsFromWhoIsBusy) {
  expect_proved(
      [] {
        pool p(2);
        player me(p);
        me.play("TTgg");
        player thief(p);
        thread other([&] { thief.play("T"); });
        me.play("TgT");
        other.join();
      },
      {.preemptions = 3});
}

// At every moment one is free, but where somebody looks it never is: one is given back behind him before another is
// taken in front of him: from the taker's own, from another's, from the common store.
enum class in_front { own, stolen, common };
void moves_around(in_front which) {
  pool p(2);
  object* const x = p.construct();
  if (which != in_front::common) p.destroy(p.construct());
  atomic<bool> returned{false};
  thread giver([&] {
    p.destroy(x);
    returned.store(true, memory_order_release);
  });
  player looker(p), taker(p);
  thread looking([&] { looker.play("T"); });
  const auto take = [&] { if (returned.load(memory_order_acquire)) taker.play("T"); };
  std::optional<thread> taking;
  if (which == in_front::stolen) {
    taking.emplace(take);
  } else {
    take();
  }
  giver.join();
  looking.join();
  if (taking) taking->join();
}

// The same, where one of them is a stray.
enum class stray { behind, in_front };
void moves_around_strays(stray which) {
  std::array<content, 2> all;
  free_blocks free(reinterpret_cast<std::byte*>(all.data()), sizeof(content), 2, {});
  void* const x = free.get();
  void* const y = free.get();
  which == stray::in_front ? free.put_stray(y) : free.put(y);
  blocks::use(x);
  atomic<bool> returned{false};
  thread giver([&] {
    which == stray::behind ? free.put_stray(x) : free.put(x);
    returned.store(true, memory_order_release);
  });
  thread looking([&] {
    void* const block = free.get();
    require(block != nullptr, "refused while there was one");
    blocks::use(block);
  });
  if (returned.load(memory_order_acquire)) {
    void* const block = free.get();
    if (block != nullptr) blocks::use(block);
  }
}

TEST(object_pool, RefusesOnlyIfAllWereInUseAtOnce) {
  expect_proved([] { moves_around(in_front::own); }, {.preemptions = 2});
  expect_proved([] { moves_around(in_front::stolen); }, {.preemptions = 1});
  expect_proved([] { moves_around(in_front::common); }, {.preemptions = 2});
  expect_proved([] { moves_around_strays(stray::behind); }, {.preemptions = 2});
  expect_proved([] { moves_around_strays(stray::in_front); }, {.preemptions = 1});
}

// Blocks for which nothing else has room: each once, and with what was done to it.
TEST(object_pool, StraysAreHandedOut) {
  const auto body = [] {
    std::array<content, 2> all;
    free_blocks free(reinterpret_cast<std::byte*>(all.data()), sizeof(content), 2, {});
    void* const x = free.get();
    void* const y = free.get();
    thread putting([&] {
      blocks::use(x);
      free.put_stray(x);
    });
    int taken[2] = {};
    const auto take = [&](int n) {
      if (void* const block = free.get()) {
        blocks::use(block);
        ++taken[n];
        free.put_stray(block);
      }
    };
    thread taking([&] { take(0); });
    take(1);
    putting.join();
    taking.join();
    free.put_stray(y);
    require(free.free_approx() == 2, "counted");
    require(free.get() != free.get() && free.get() == nullptr, "both, once");
    require(all[0].value.read() + all[1].value.read() == 1 + taken[0] + taken[1], "nobody else's");
  };
  expect_proved(body, {.preemptions = 1});
  expect_lock_free(body, 0);
}

// A thread that has stopped for ever stops no other, and keeps from them what it had in its hands, no more.
TEST(object_pool, IsLockFree) {
  expect_lock_free([] {
    pool p(3);
    thread other([&] {
      for (int i = 0; i < 2; ++i) {
        if (object* const o = p.try_construct()) p.destroy(o);
      }
    });
    object* const mine = p.construct();
    object* const more = p.construct();  // the third may be in the hands of who has stopped
    p.destroy(mine);
    p.destroy(more);
  });
  // Who has stopped with his hands empty has nothing.
  expect_lock_free(
      [] {
        pool p(2);
        atomic<bool> is_idle{false};
        thread other([&] {
          object* const a = p.construct();
          object* const b = p.construct();
          p.destroy(a);
          p.destroy(b);
          is_idle.store(true, memory_order_release);
        });
        if (is_idle.load(memory_order_acquire)) player(p).play("TT");
      },
      0);
}

}  // namespace
}  // namespace switchyard::model
