// synchronized and update of both sides: the same tests for each.
#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <new>
#include <shared_mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "switchyard/blocking/synchronized.h"
#include "switchyard/blocking/update.h"
#include "switchyard/interface/synchronized.h"
#include "switchyard/lockfree/rcu.h"
#include "switchyard/lockfree/synchronized.h"
#include "switchyard/lockfree/update.h"
#include "switchyard/tests/conformance/value_support.h"

namespace switchyard::conformance {
namespace {

struct blocking_side {
  template <class T>
  using synchronized = blocking::synchronized<T>;
};
/// Whose readers share.
struct shared_side {
  template <class T>
  using synchronized = blocking::synchronized<T, std::shared_mutex>;
};
struct lockfree_side {
  template <class T>
  using synchronized = lockfree::synchronized<T>;
};

template <class Side>
class synchronized_values : public testing::Test {};
using sides = testing::Types<blocking_side, shared_side, lockfree_side>;
TYPED_TEST_SUITE(synchronized_values, sides);

#define SYNCHRONIZED(T) typename TypeParam::template synchronized<T>

/// Of three bytes; fits a word, but is no number.
struct color {
  std::uint8_t red, green, blue;
  friend bool operator==(const color&, const color&) = default;
};

TYPED_TEST(synchronized_values, IsBuiltFromArguments) {
  SYNCHRONIZED(int) zero;
  EXPECT_EQ(zero.load(), 0);
  SYNCHRONIZED(std::string) word(std::size_t{3}, 'x');
  EXPECT_EQ(word.load(), "xxx");
  SYNCHRONIZED(std::vector<int>) list(std::initializer_list<int>{1, 2});
  EXPECT_EQ(list.load().size(), 2u);
  SYNCHRONIZED(double) half(0.5);
  EXPECT_EQ(half.load(), 0.5);
  SYNCHRONIZED(color) c(color{1, 2, 3});
  EXPECT_EQ(c.load(), (color{1, 2, 3}));
  using words = SYNCHRONIZED(std::string);
  static_assert(!std::is_copy_constructible_v<words> && !std::is_move_constructible_v<words>);
  static_assert(!std::is_convertible_v<const char*, words> && std::is_constructible_v<words, const char*>);
  static_assert(!std::is_constructible_v<words, std::vector<int>>);
}

TYPED_TEST(synchronized_values, ReadGivesWhatFReturnsByValue) {
  const SYNCHRONIZED(std::string) s("abc");
  expect_read_gives_what_f_returns(s);
}

TYPED_TEST(synchronized_values, UpdateGivesWhatFReturnsByValue) {
  SYNCHRONIZED(int) n(1);
  n.update([](int& x) { x += 4; });
  EXPECT_EQ(n.update([](int& x) { return x++; }), 5);
  EXPECT_EQ(n.load(), 6);
  SYNCHRONIZED(std::string) s("a");
  const auto grow = [](std::string& x) -> std::string& { return x += "b"; };
  static_assert(std::is_same_v<decltype(s.update(grow)), std::string>);
  EXPECT_EQ(s.update(grow), "ab");
  auto only_movable = s.update([](std::string& x) { return std::make_unique<std::string>(x); });
  EXPECT_EQ(*only_movable, "ab");
}

TYPED_TEST(synchronized_values, StoreAndExchange) {
  SYNCHRONIZED(color) c(color{1, 2, 3});
  EXPECT_EQ(c.exchange(color{4, 5, 6}), (color{1, 2, 3}));
  c.store(color{7, 8, 9});
  EXPECT_EQ(c.load(), (color{7, 8, 9}));
  SYNCHRONIZED(std::string) s("one");
  EXPECT_EQ(s.exchange("two"), "one");
  s.store("three");
  EXPECT_EQ(s.load(), "three");
}

TYPED_TEST(synchronized_values, WhenFThrowsNothingHasChanged) {
  using stock = std::map<std::string, int>;
  SYNCHRONIZED(stock) s(stock{{"apples", 3}});
  EXPECT_THROW(s.update([](stock& m) {
    --m.at("apples");
    m["plums"] = 1;
    --m.at("pears");
  }),
               std::out_of_range);
  EXPECT_EQ(s.load(), (stock{{"apples", 3}}));
  SYNCHRONIZED(int) n(1);
  EXPECT_THROW(n.update([](int& x) -> int {
    x = 9;
    throw std::runtime_error("no");
  }),
               std::runtime_error);
  EXPECT_EQ(n.load(), 1);
}

// Every copy and move that there is fails in turn.
TYPED_TEST(synchronized_values, WhenACopyThrowsNothingHasChanged) {
  constexpr bool lockfree = std::is_same_v<TypeParam, lockfree_side>;
  const int before = fragile::living.load();
  {
    SYNCHRONIZED(fragile) a(1), b(2);
    const auto in_turn = [&](auto call, int if_not_a, int if_not_b) {
      fail_in_turn(call, [&] {
        EXPECT_EQ(a.read(&fragile::number), if_not_a);
        EXPECT_EQ(b.read(&fragile::number), if_not_b);
        if (!lockfree) {
          EXPECT_EQ(fragile::living.load(), before + 2);
        }
      });
    };
    in_turn([&] { a.update([](fragile& x) { x.number = 10; }); }, 1, 2);
    EXPECT_EQ(a.read(&fragile::number), 10);
    in_turn([&] { a.store(fragile(11)); }, 10, 2);
    EXPECT_EQ(a.read(&fragile::number), 11);
    if (lockfree) {
      a.store(fragile(12));  // what moving the result of `exchange` throws comes too late there
    } else {
      in_turn([&] { EXPECT_EQ(a.exchange(fragile(12)).number, 11); }, 11, 2);
    }
    EXPECT_EQ(a.read(&fragile::number), 12);
    in_turn([&] { EXPECT_EQ(a.load().number, 12); }, 12, 2);
    in_turn(
        [&] {
          update(a, b, [](fragile& x, fragile& y) {
            x.number = 20;
            y.number = 21;
          });
        },
        12, 2);
    EXPECT_EQ(a.read(&fragile::number), 20);
    EXPECT_EQ(b.read(&fragile::number), 21);
  }
  lockfree::rcu_barrier();
  EXPECT_EQ(fragile::living.load(), before);
}

TYPED_TEST(synchronized_values, UpdateOfSeveral) {
  SYNCHRONIZED(int) n(1);
  SYNCHRONIZED(std::string) s("a");
  SYNCHRONIZED(color) c(color{1, 2, 3});
  EXPECT_EQ(update(n, s, c,
                   [](int& x, std::string& y, color& z) {
                     x = 2;
                     y += "b";
                     z.red = 9;
                     return y;
                   }),
            "ab");
  EXPECT_EQ(n.load(), 2);
  EXPECT_EQ(s.load(), "ab");
  EXPECT_EQ(c.load(), (color{9, 2, 3}));
  update(s, [](std::string& y) { y += "c"; });
  EXPECT_EQ(s.load(), "abc");
  const auto f = [](std::string& y, int& x) { return y.size() + static_cast<std::size_t>(x); };
  EXPECT_EQ(update(s, n, f), 5u);
}

TYPED_TEST(synchronized_values, UpdateOfSeveralWhenFThrows) {
  SYNCHRONIZED(int) a(1), b(2);
  SYNCHRONIZED(std::string) s("s");
  EXPECT_THROW(update(a, s, b,
                      [](int& x, std::string& y, int& z) {
                        x = z = 9;
                        y = "changed";
                        throw std::runtime_error("no");
                      }),
               std::runtime_error);
  EXPECT_EQ(a.load(), 1);
  EXPECT_EQ(s.load(), "s");
  EXPECT_EQ(b.load(), 2);
}

TYPED_TEST(synchronized_values, TheSameOneTwiceIsRefused) {
  SYNCHRONIZED(int) a(1), b(2);
  bool called = false;
  const auto f = [&](auto&...) { called = true; };
  EXPECT_THROW(update(a, a, f), same_object_twice);
  EXPECT_THROW(update(b, a, b, f), std::invalid_argument);
  EXPECT_FALSE(called);
  EXPECT_EQ(a.load(), 1);
  update(a, b, f);  // and can be used
  EXPECT_TRUE(called);
}

// The example: two accounts that are debited and credited in one step.
struct no_cover : std::runtime_error {
  using runtime_error::runtime_error;
};
template <class Account>
void transfer(Account& from, Account& to, long amount) {
  update(from, to, [amount](long& mine, long& theirs) {
    mine -= amount;
    theirs += amount;
    if (mine < 0) throw no_cover("not enough money");
  });
}

TYPED_TEST(synchronized_values, NoMoneyIsLostInATransfer) {
  constexpr int count = 5;
  using account = SYNCHRONIZED(long);
  std::array<account, count> accounts{account(100L), account(100L), account(100L), account(100L), account(100L)};
  {
    std::vector<std::jthread> threads;
    for (unsigned t = 0; t < 4; ++t) {
      threads.emplace_back([&, t] {
        for (unsigned i = 0; i < 3000; ++i) {
          const unsigned from = (i * 7 + t) % count;
          const unsigned to = (from + 1 + i % (count - 1)) % count;
          try {
            transfer(accounts[from], accounts[to], static_cast<long>(i % 60));
          } catch (const no_cover&) {
          }
        }
      });
    }
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) {
        update(accounts[0], accounts[1], accounts[2], accounts[3], accounts[4], [](auto&... each) {
          EXPECT_EQ((each + ...), 500);
          EXPECT_TRUE(((each >= 0) && ...));
        });
      }
    });
  }
  long sum = 0;
  for (const account& a : accounts) sum += a.load();
  EXPECT_EQ(sum, 500);
  EXPECT_THROW(transfer(accounts[0], accounts[1], 501), no_cover);
  EXPECT_EQ(accounts[0].load() + accounts[1].load() + accounts[2].load() + accounts[3].load() + accounts[4].load(), 500);
}

TYPED_TEST(synchronized_values, NoUpdateIsLost) {
  SYNCHRONIZED(std::vector<int>) s(std::size_t{2}, 0);
  SYNCHRONIZED(long) n;
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 3; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < 2000; ++i) {
          s.update([](std::vector<int>& v) {
            ++v[0];
            ++v[1];
          });
          n.update([](long& x) { ++x; });
        }
      });
    }
    threads.emplace_back([&] {
      int last = 0;
      for (int i = 0; i < 4000; ++i) {
        last = s.read([&](const std::vector<int>& v) {
          EXPECT_EQ(v[0], v[1]);
          EXPECT_GE(v[0], last);
          return v[0];
        });
      }
    });
  }
  EXPECT_EQ(s.load(), (std::vector<int>{6000, 6000}));
  EXPECT_EQ(n.load(), 6000);
}

// Values come and go while others that have had something to do with them are still busy.
TYPED_TEST(synchronized_values, ValuesThatGo) {
  SYNCHRONIZED(long) lasting(0L);
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 3; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < 1000; ++i) {
          SYNCHRONIZED(long) passing(1L);
          SYNCHRONIZED(std::string) too("x");
          update(lasting, passing, too, [](long& x, long& y, std::string& z) {
            x += y;
            z += "y";
          });
          EXPECT_EQ(too.load(), "xy");
        }
      });
    }
  }
  EXPECT_EQ(lasting.load(), 3000);
}

struct alignas(128) aligned {
  int number = 3;
};
TYPED_TEST(synchronized_values, OverAligned) {
  SYNCHRONIZED(aligned) s;
  s.update([](aligned& a) { EXPECT_EQ(reinterpret_cast<std::uintptr_t>(&a) % 128, 0u); });
  s.read([](const aligned& a) { EXPECT_EQ(reinterpret_cast<std::uintptr_t>(&a) % 128, 0u); });
}

template <class T>
using of_poor = lockfree::synchronized<T, poor<T>>;

TEST(lockfree_synchronized, WithoutMemoryNothingHasChanged) {
  std::thread([] {
    // Calls with less and less short of what it takes; whenever it fails, all is as it was.
    const auto until_enough = [](auto call, auto unchanged) {
      for (int n = 0;; ++n) {
        purse::left = n;
        const long before = purse::out.load();
        try {
          call();
          return n;
        } catch (const std::bad_alloc&) {
          unchanged();
          EXPECT_EQ(purse::out.load(), before);
        }
      }
    };
    until_enough([] { of_poor<std::string> s("x"); }, [] {});
    until_enough([] { of_poor<int> s(1); }, [] {});
    purse::left = 8;
    of_poor<std::string> s("a");
    of_poor<std::string> t("b");
    of_poor<int> n(1);
    const auto same = [&] {
      EXPECT_EQ(s.load(), "a");
      EXPECT_EQ(t.load(), "b");
      EXPECT_EQ(n.load(), 1);
    };
    EXPECT_EQ(until_enough([&] { s.update([](std::string& x) { x = "c"; }); }, same), 1);
    purse::left = 1;
    s.store("a");
    EXPECT_EQ(until_enough([&] { EXPECT_EQ(s.exchange("c"), "a"); }, same), 1);
    purse::left = 1;
    s.store("a");
    const auto all = [](std::string& x, std::string& y, int& z) {
      x = y = "d";
      z = 2;
    };
    EXPECT_EQ(until_enough([&] { update(s, t, n, all); }, same), 2);
    EXPECT_EQ(t.load(), "d");
    purse::left = 0;
    n.update([](int& x) { ++x; });  // takes none
    EXPECT_EQ(n.exchange(7), 3);
  }).join();
  lockfree::rcu_barrier();
  EXPECT_EQ(purse::out.load(), 0);
}

TEST(lockfree_synchronized, FMayBeCalledAgain) {
  lockfree::synchronized<int> s(0);
  int calls = 0;
  s.update([&](int& x) {
    if (++calls == 1) s.store(5);  // as another thread might
    ++x;
  });
  EXPECT_EQ(calls, 2);
  EXPECT_EQ(s.load(), 6);
  lockfree::synchronized<int> t(0);
  calls = 0;
  update(s, t, [&](int& x, int& y) {
    if (++calls == 1) t.store(1);
    y += x;
  });
  EXPECT_EQ(calls, 2);
  EXPECT_EQ(t.load(), 7);
}

TEST(lockfree_synchronized, ASnapshotStaysWhileItIsRead) {
  lockfree::synchronized<std::string> s("a string that is too long to be kept within");
  s.read([&](const std::string& seen) {
    for (int i = 0; i < 5000; ++i) s.store("another string that is too long to be kept within");
    EXPECT_EQ(seen, "a string that is too long to be kept within");
  });
}

}  // namespace
}  // namespace switchyard::conformance
