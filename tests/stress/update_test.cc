// synchronized and update under stress: f that throws, elements whose copies throw, allocations that fail, values that come
// and go, threads that end. Nothing is lost, and no memory stays.

#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <new>
#include <thread>

#include "switchyard/atomics/atomic.h"
#include "switchyard/blocking/synchronized.h"
#include "switchyard/blocking/update.h"
#include "switchyard/lockfree/rcu.h"
#include "switchyard/lockfree/synchronized.h"
#include "switchyard/lockfree/update.h"
#include "switchyard/tests/stress/stress.h"

namespace switchyard::stress {
namespace {

/// Money in an object of its own, whose copies throw.
class purse {
 public:
  explicit purse(long amount) : amount_(amount), owner_(1) {}
  long& amount() { return amount_; }
  long amount() const { return amount_; }

 private:
  long amount_;
  unlucky owner_;
};

struct no_cover {};

/// Moves some; false if something went wrong, and then nothing was moved.
template <class Account>
bool transfer(Account& from, Account& to, long amount, random_source& random) {
  const misfortune::possible here;
  misfortune::in(static_cast<int>(random() % 12));  // of the calls that may fail, the n-th does
  try {
    update(from, to, [&](auto& mine, auto& theirs) {
      if constexpr (requires { mine.amount(); }) {
        mine.amount() -= amount;
        theirs.amount() += amount;
        if (mine.amount() < 0) throw no_cover();
      } else {
        mine -= amount;
        theirs += amount;
        if (mine < 0) throw no_cover();
      }
    });
    misfortune::in(0);
    return true;
  } catch (const no_cover&) {
  } catch (const misfortune::blow&) {
  } catch (const std::bad_alloc&) {
  }
  misfortune::in(0);
  return false;
}

template <class T>
long amount_in(const T& value) {
  if constexpr (requires { value.amount(); }) {
    return value.amount();
  } else {
    return value;
  }
}

/// `Account` has a constructor from a long.
template <class Account>
void test_bank(std::uint64_t seed) {
  constexpr std::size_t count = 4;
  constexpr long each = 20;
  constexpr long most_under_way = 2;
  std::array<Account, count> accounts{Account(each), Account(each), Account(each), Account(each)};
  come_and_go(places, seed, [&](int, random_source& random) {
    { const std::scoped_lock joined(lockfree::rcu_default_domain()); }  // which takes memory, and must
    for (std::uint64_t n = random() % 60; n > 0; --n) {
      const std::size_t from = random() % count;
      const std::size_t to = (from + 1 + random() % (count - 1)) % count;
      const std::uint64_t what = random() % 8;
      if (what == 0) {
        update(accounts[3], accounts[1], accounts[0], accounts[2], [&](const auto&... all) {
          // But for what is under way by others, see below.
          const long sum = (amount_in(all) + ...);
          EXPECT_LE(sum, each * static_cast<long>(count));
          EXPECT_GE(sum, each * static_cast<long>(count) - places * most_under_way);
        });
      } else if (what == 1) {
        // One that nobody else knows, and that goes when it has given back what it got.
        Account passing(0L);
        const long amount = static_cast<long>(random() % (most_under_way + 1));
        if (transfer(accounts[from], passing, amount, random)) {
          stagger(random);
          while (!transfer(passing, accounts[to], amount, random)) {
          }
        }
        EXPECT_EQ(passing.read([](const auto& x) { return amount_in(x); }), 0);
      } else if (what == 2) {
        EXPECT_GE(accounts[from].read([](const auto& x) { return amount_in(x); }), 0);
      } else {
        (void)transfer(accounts[from], accounts[to], static_cast<long>(random() % 30), random);
      }
      stagger(random);
    }
    return random() % 12 != 0;
  });
  long sum = 0;
  for (const Account& a : accounts) sum += a.read([](const auto& x) { return amount_in(x); });
  EXPECT_EQ(sum, each * static_cast<long>(count));
}

class update_stress : public stress_test {};

TEST_F(update_stress, LockfreeNumbers) { for_seeds(scaled(40), test_bank<lockfree::synchronized<long>>); }
TEST_F(update_stress, LockfreeSnapshots) { for_seeds(scaled(40), test_bank<lockfree::synchronized<purse>>); }
TEST_F(update_stress, Blocking) { for_seeds(scaled(20), test_bank<blocking::synchronized<purse>>); }

// Every call that may fail does so in turn, and all memory is back at the end.
TEST_F(update_stress, EachCallFailsInTurn) {
  // What others have left goes, and what a thread takes for good is there.
  lockfree::rcu_barrier();
  std::thread([] { const std::scoped_lock joined(lockfree::rcu_default_domain()); }).join();
  fail_in_turn(8, [] {
    { const std::scoped_lock joined(lockfree::rcu_default_domain()); }  // which takes memory, and must
    try {
      const misfortune::possible here;
      lockfree::synchronized<purse> a(5L);
      lockfree::synchronized<long> b(5L);
      try {
        a.update([](purse& x) { x.amount() += 1; });
        update(a, b, [](purse& x, long& y) {
          x.amount() -= 1;
          y += 1;
        });
        b.store(7);
      } catch (...) {
        const long x = a.read([](const purse& p) { return p.amount(); });
        const long y = b.load();
        EXPECT_TRUE((x == 5 && y == 5) || (x == 6 && y == 5));
        throw;
      }
    } catch (const misfortune::blow&) {
    } catch (const std::bad_alloc&) {
    }
    lockfree::rcu_barrier();
  });
}

}  // namespace
}  // namespace switchyard::stress
