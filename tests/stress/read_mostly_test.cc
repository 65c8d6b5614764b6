// snapshot, seqlock, atomic_shared_ptr and left_right under stress: threads that come and go, elements and allocations that
// fail. Nobody sees half a value or an old one after a newer one, nothing is lost, and no memory stays.
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "switchyard/atomics/atomic.h"
#include "switchyard/blocking/snapshot.h"
#include "switchyard/lockfree/atomic_shared_ptr.h"
#include "switchyard/lockfree/hazard_pointer.h"
#include "switchyard/lockfree/left_right.h"
#include "switchyard/lockfree/rcu.h"
#include "switchyard/lockfree/seqlock.h"
#include "switchyard/lockfree/snapshot.h"
#include "switchyard/tests/stress/stress.h"

namespace switchyard::stress {
namespace {

/// How many changes there were, twice, in objects of its own whose copies throw.
class tally {
 public:
  explicit tally(std::uint64_t n) : first_(n), second_(n) {}
  void count() {
    unlucky next(first_.number() + 1);
    first_ = next;
    second_ = std::move(next);
  }
  std::uint64_t number() const {
    EXPECT_EQ(first_.number(), second_.number());
    return first_.number();
  }

 private:
  unlucky first_;
  unlucky second_;
};
/// The same of bytes.
struct plain_tally {
  plain_tally() = default;
  explicit plain_tally(std::uint64_t n) : numbers{n, n, n, n, n} {}
  void count() {
    for (std::uint64_t& n : numbers) ++n;
  }
  std::uint64_t number() const {
    for (const std::uint64_t n : numbers) EXPECT_EQ(n, numbers[0]);
    return numbers[0];
  }
  std::uint64_t numbers[5] = {};
};

/// What each structure calls its ways to read and to count; `count` throws what goes wrong.
template <class Snapshot>
class snapshot_tally {
 public:
  using kept = typename Snapshot::handle;

  std::uint64_t read(kept& mine, std::uint64_t how) const {
    if (how % 4 == 0) return value_.read([](const auto& x) { return x.number(); });
    if (how % 4 == 1) mine.reset();
    value_.refresh(mine);
    EXPECT_EQ(mine->number(), mine.version());
    return mine->number();
  }
  void count(kept& mine, std::uint64_t how) {
    if (how % 3 == 0) {
      value_.update([](tally& x) { x.count(); });
    } else if (how % 3 == 1) {
      value_.update([](const tally& x) {
        tally next(x);
        next.count();
        return next;
      });
    } else {
      for (;;) {
        value_.refresh(mine);
        tally next(*mine);
        next.count();
        if (value_.try_update(mine, std::move(next))) break;
      }
    }
  }

 private:
  Snapshot value_{std::uint64_t{0}};
};

struct nothing_kept {};

class seqlock_tally {
 public:
  using kept = nothing_kept;
  std::uint64_t read(kept&, std::uint64_t how) const {
    if (how % 2 == 0) {
      if (const auto seen = value_.try_load()) return seen->number();
    }
    return value_.load().number();
  }
  void count(kept&, std::uint64_t) { value_.update([](plain_tally& x) { x.count(); }); }

 private:
  lockfree::seqlock<plain_tally> value_;
};

class shared_ptr_tally {
 public:
  using kept = std::shared_ptr<tally>;
  std::uint64_t read(kept& mine, std::uint64_t) const {
    mine = value_.load();
    return mine->number();
  }
  void count(kept& mine, std::uint64_t how) {
    kept seen = how % 2 == 0 ? value_.load() : mine;
    for (;;) {
      if (seen == nullptr) seen = value_.load();
      auto next = std::make_shared<tally>(*seen);
      next->count();
      if (value_.compare_exchange_weak(seen, std::move(next))) break;
    }
  }

 private:
  lockfree::atomic_shared_ptr<tally> value_{std::make_shared<tally>(std::uint64_t{0})};
};

class left_right_tally {
 public:
  using kept = nothing_kept;
  std::uint64_t read(kept&, std::uint64_t) const {
    return value_.read([](const tally& x) { return x.number(); });
  }
  void count(kept&, std::uint64_t) { value_.update([](tally& x) { x.count(); }); }

 private:
  lockfree::left_right<tally> value_{std::uint64_t{0}};
};

template <class Tally>
void test_tally(std::uint64_t seed) {
  const int before = unlucky::living();
  {
    Tally shared;
    atomic<std::uint64_t> counted{0};
    come_and_go(places, seed, [&](int place, random_source& random) {
      { const std::scoped_lock joined(lockfree::rcu_default_domain()); }  // which takes memory, and must
      typename Tally::kept mine{};
      std::uint64_t last = 0;
      for (std::uint64_t n = random() % 80; n > 0; --n) {
        const misfortune::possible here;
        misfortune::in(static_cast<int>(random() % 40));  // of the calls that may fail, the n-th does
        try {
          if (place < 2) {
            shared.count(mine, random());
            counted.fetch_add(1, memory_order_relaxed);
          } else {
            const std::uint64_t seen = shared.read(mine, random());
            EXPECT_GE(seen, last);
            last = seen;
          }
        } catch (const misfortune::blow&) {
        } catch (const std::bad_alloc&) {
        }
        misfortune::in(0);
        stagger(random);
      }
      return random() % 12 != 0;
    });
    typename Tally::kept mine{};
    EXPECT_EQ(shared.read(mine, 0), counted.load());
  }
  lockfree::rcu_barrier();
  lockfree::detail::hazard_reclaim_soon();
  EXPECT_EQ(unlucky::living(), before);
  EXPECT_EQ(unlucky::ghosts(), 0);
}

class read_mostly_stress : public stress_test {};

TEST_F(read_mostly_stress, LockfreeSnapshot) { for_seeds(scaled(30), test_tally<snapshot_tally<lockfree::snapshot<tally>>>); }
TEST_F(read_mostly_stress, BlockingSnapshot) { for_seeds(scaled(30), test_tally<snapshot_tally<blocking::snapshot<tally>>>); }
TEST_F(read_mostly_stress, Seqlock) { for_seeds(scaled(30), test_tally<seqlock_tally>); }
TEST_F(read_mostly_stress, AtomicSharedPtr) { for_seeds(scaled(30), test_tally<shared_ptr_tally>); }
TEST_F(read_mostly_stress, LeftRight) { for_seeds(scaled(30), test_tally<left_right_tally>); }

// Every call that may fail does so in turn, and all memory is back at the end.
template <class Tally>
void fail_each_in_turn(int at_least) {
  // What others have left goes, and what a thread takes for good is there.
  lockfree::rcu_barrier();
  std::thread([] {
    const std::scoped_lock joined(lockfree::rcu_default_domain());
    (void)lockfree::make_hazard_pointer();
  }).join();
  fail_in_turn(at_least, [] {
    { const std::scoped_lock joined(lockfree::rcu_default_domain()); }  // which takes memory, and must
    try {
      const misfortune::possible here;
      Tally shared;
      typename Tally::kept mine{};
      std::uint64_t counted = 0;
      try {
        for (std::uint64_t how = 0; how < 3; ++how) {
          shared.count(mine, how);
          ++counted;
        }
      } catch (...) {
        EXPECT_EQ(shared.read(mine, 0), counted);
        throw;
      }
      EXPECT_EQ(shared.read(mine, 1), counted);
    } catch (const misfortune::blow&) {
    } catch (const std::bad_alloc&) {
    }
    lockfree::rcu_barrier();
  });
}

TEST_F(read_mostly_stress, LockfreeSnapshotFails) { fail_each_in_turn<snapshot_tally<lockfree::snapshot<tally>>>(8); }
TEST_F(read_mostly_stress, BlockingSnapshotFails) { fail_each_in_turn<snapshot_tally<blocking::snapshot<tally>>>(8); }
TEST_F(read_mostly_stress, AtomicSharedPtrFails) { fail_each_in_turn<shared_ptr_tally>(8); }
TEST_F(read_mostly_stress, LeftRightFails) { fail_each_in_turn<left_right_tally>(8); }

}  // namespace
}  // namespace switchyard::stress
