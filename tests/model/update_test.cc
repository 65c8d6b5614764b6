// lockfree::synchronized and lockfree::update under the model checker.
#include "switchyard/lockfree/update.h"

#include <memory>
#include <optional>

#include "switchyard/atomics/plain.h"
#include "switchyard/blocking/synchronized.h"
#include "switchyard/blocking/update.h"
#include "switchyard/lockfree/detail/joint_words.h"
#include "switchyard/lockfree/synchronized.h"
#include "tests/model/model_support.h"
#include "tests/model/reclaim_at_once.h"

namespace switchyard::model {
namespace {

template <class T>
using synchronized = lockfree::synchronized<T, std::allocator<T>, reclaim_at_once::means>;

/// A number that does not fit the word.
struct large {
  explicit large(int n) noexcept : number(n) {}
  large(const large& other) noexcept : number(other.number) {}
  large& operator=(const large&) = delete;
  operator int() const noexcept { return number; }
  large& operator+=(int n) noexcept {
    number += n;
    return *this;
  }
  int number;
};
static_assert(lockfree::detail::fits_word<int> && !lockfree::detail::fits_word<large>);

template <class T>
class one_value : public testing::Test {};
using kinds = testing::Types<int, large>;
TYPED_TEST_SUITE(one_value, kinds);

constexpr auto as_int = [](const auto& x) { return static_cast<int>(x); };

// --- One value ---------------------------------------------------------------------------------------------------

TYPED_TEST(one_value, NoUpdateIsLost) {
  expect_proved(
      [] {
        const reclaim_at_once domain;
        synchronized<TypeParam> s(0);
        const auto add = [&](int n) {
          return s.update([n](TypeParam& x) {
            x += n;
            return static_cast<int>(x);
          });
        };
        int other = 0;
        thread adder([&] { other = add(2); });
        const int mine = add(1);
        adder.join();
        require(s.read(as_int) == 3, "both");
        require((mine == 1 && other == 3) || (mine == 3 && other == 2), "one after the other");
      },
      {.preemptions = 3});
}

TYPED_TEST(one_value, AReaderSeesOneAfterTheOther) {
  expect_proved(
      [] {
        const reclaim_at_once domain;
        synchronized<TypeParam> s(0);
        thread writer([&] {
          s.update([](TypeParam& x) { x += 1; });
          s.update([](TypeParam& x) { x += 1; });
        });
        const int first = s.read(as_int);
        const int second = as_int(s.load());
        require(first <= second && second <= 2, "in order");
        writer.join();
        require(s.read(as_int) == 2, "the last");
      },
      {.preemptions = 3});
}

TYPED_TEST(one_value, WhatIsExchangedIsHandedOnOnce) {
  expect_proved(
      [] {
        const reclaim_at_once domain;
        synchronized<TypeParam> s(1);
        int theirs = 0;
        thread other([&] { theirs = as_int(s.exchange(TypeParam(2))); });
        const int mine = as_int(s.exchange(TypeParam(4)));
        other.join();
        require(mine + theirs + s.read(as_int) == 7, "each once");
      },
      {.preemptions = 3});
}

TYPED_TEST(one_value, StoreOverwrites) {
  expect_proved(
      [] {
        const reclaim_at_once domain;
        synchronized<TypeParam> s(1);
        thread other([&] { s.store(TypeParam(10)); });
        const int seen = s.update([](TypeParam& x) {
          x += 1;
          return static_cast<int>(x);
        });
        other.join();
        const int last = s.read(as_int);
        require((seen == 2 && last == 10) || (seen == 11 && last == 11), "one after the other");
      },
      {.preemptions = 3});
}

// What was done before a change is seen by who sees the change.
TYPED_TEST(one_value, AChangePublishes) {
  expect_proved([] {
    const reclaim_at_once domain;
    plain<int> data;
    data.construct(0);
    synchronized<TypeParam> s(0);
    thread writer([&] {
      data.write() = 1;
      s.update([](TypeParam& x) { x += 1; });
    });
    if (s.read(as_int) == 1) require(data.read() == 1, "seen");
    writer.join();
    data.destroy();
  });
}

TYPED_TEST(one_value, WhenFThrowsNothingHasChanged) {
  expect_proved(
      [] {
        const reclaim_at_once domain;
        synchronized<TypeParam> s(0);
        thread other([&] { s.update([](TypeParam& x) { x += 1; }); });
        bool thrown = false;
        try {
          s.update([](TypeParam& x) {
            x += 5;
            throw 1;
          });
        } catch (int) {
          thrown = true;
        }
        other.join();
        require(thrown && s.read(as_int) == 1, "only the other's");
      },
      {.preemptions = 3});
}

TYPED_TEST(one_value, IsLockFree) {
  expect_lock_free([] {
    const reclaim_at_once domain;
    synchronized<TypeParam> s(0);
    const auto use = [&] {
      s.update([](TypeParam& x) { x += 1; });
      (void)s.read(as_int);
      s.store(TypeParam(1));
    };
    thread other(use);
    use();
  });
}

// --- Two values --------------------------------------------------------------------------------------------------

/// Two accounts, one of each kind.
struct accounts {
  explicit accounts(int first = 10, int second = 10) : a(first), b(second) {}

  // Returns what the first had.
  int transfer(int amount) {
    return update(a, b, [amount](int& x, large& y) {
      const int had = x;
      x -= amount;
      y += amount;
      return had;
    });
  }
  int transfer_back(int amount) {
    return update(b, a, [amount](large& y, int& x) {
      const int had = x;
      y += -amount;
      x += amount;
      return had;
    });
  }
  int sum() {
    return update(a, b, [](int& x, large& y) { return x + y; });
  }

  synchronized<int> a;
  synchronized<large> b;
};

TEST(two_values, NoMoneyIsLost) {
  expect_proved(
      [] {
        const reclaim_at_once domain;
        accounts all;
        int theirs = 0;
        thread other([&] { theirs = all.transfer_back(2); });
        const int mine = all.transfer(1);
        other.join();
        require((mine == 10 && theirs == 9) || (mine == 12 && theirs == 10), "one after the other");
        require(all.a.load() == 11 && all.b.load() == 9, "both");
      },
      {.preemptions = 2});
}

// Who has seen a part of a change sees the rest.
TEST(two_values, ChangeAtOnce) {
  for (const bool first_then_second : {true, false}) {
    expect_proved(
        [=] {
          const reclaim_at_once domain;
          accounts all;
          thread other([&] { all.transfer(1); });
          if (first_then_second) {
            if (all.a.read(as_int) == 9) require(all.b.read(as_int) == 11, "the second, too");
          } else {
            if (all.b.read(as_int) == 11) require(all.a.read(as_int) == 9, "the first, too");
          }
        },
        {.preemptions = 4});
  }
}

// Helped or not: two readers, of whom one finds what the other has found.
TEST(two_values, FIsGivenWhatTheyHadAtOneMoment) {
  expect_proved(
      [] {
        const reclaim_at_once domain;
        accounts all;
        thread other([&] {
          all.transfer(1);
          all.transfer(1);
        });
        update(all.a, all.b, [](int& x, large& y) { require(x + y == 20, "at one moment"); });
        other.join();
        require(all.a.load() == 8 && all.b.load() == 12, "both");
      },
      {.preemptions = 2});
}

TEST(two_values, OneOfThemIsChangedByItself) {
  expect_proved(
      [] {
        const reclaim_at_once domain;
        accounts all;
        thread other([&] { all.b.update([](large& y) { y += 5; }); });
        all.transfer(1);
        const int seen = as_int(all.b.load());
        require(seen == 11 || seen == 16, "mine");
        other.join();
        require(all.a.load() == 9 && all.b.load() == 16, "both");
      },
      {.preemptions = 3});
}

TEST(two_values, OneOfThemIsStored) {
  expect_proved(
      [] {
        const reclaim_at_once domain;
        accounts all;
        int before = 0;
        thread other([&] { before = all.a.exchange(100); });
        const int had = all.transfer(1);
        other.join();
        require((before == 10 && had == 100 && all.a.load() == 99) || (before == 9 && had == 10 && all.a.load() == 100),
                "one after the other");
        require(all.b.load() == 11, "the transfer");
      },
      {.preemptions = 3});
}

// (The steps are more than the reader's own: it is who frees what waits for it.)
TEST(two_values, ReadingIsWaitFree) {
  expect_proved(
      [] {
        const reclaim_at_once domain;
        accounts all;
        thread other([&] {
          all.transfer(1);
          all.transfer(1);
        });
        const int a = within_steps(24, [&] { return all.a.read(as_int); });
        require(a == 10 || a == 9 || a == 8, "at some moment");
        const int b = within_steps(24, [&] { return as_int(all.b.load()); });
        require(b >= 20 - a, "not before");
      },
      {.preemptions = 3});
}

// A change that comes back to what there was is a change.
TEST(two_values, WhatComesBackIsNoticed) {
  expect_proved(
      [] {
        const reclaim_at_once domain;
        synchronized<int> a(0), b(0);
        thread other([&] {
          update(a, b, [](int& x, int& y) {
            x = 1;
            y = 1;
          });
          update(a, b, [](int& x, int& y) {
            x = 0;
            y = 0;
          });
        });
        update(a, b, [](int& x, int& y) {
          require(x == y, "at one moment");
          x += 2;
          y += 3;
        });
        other.join();
        const int x = a.load();
        const int y = b.load();
        require((x == 2 && y == 3) || (x == 0 && y == 0), "at once");
      },
      {.preemptions = 2});
}

// A value may go as soon as its own calls have ended; who meets the change elsewhere may still be at it.
TEST(two_values, OneGoesWhileOthersHelp) {
  expect_proved(
      [] {
        const reclaim_at_once domain;
        synchronized<int> a(0);
        std::optional<synchronized<large>> b(std::in_place, 0);
        std::optional<synchronized<int>> c(std::in_place, 0);
        thread other([&] { a.update([](int& x) { x += 1; }); });
        update(a, *b, *c, [](int& x, large& y, int& z) {
          x += 2;
          y += 2;
          z += 2;
        });
        b.reset();
        c.reset();
        other.join();
        require(a.load() == 3, "both");
      },
      {.preemptions = 3});
}

TEST(two_values, WhenFThrowsNothingHasChanged) {
  expect_proved(
      [] {
        const reclaim_at_once domain;
        accounts all;
        thread other([&] { all.transfer(1); });
        try {
          update(all.a, all.b, [](int& x, large& y) {
            x = 0;
            y += 7;
            throw 1;
          });
        } catch (int) {
        }
        other.join();
        require(all.a.load() == 9 && all.b.load() == 11, "only the other's");
      },
      {.preemptions = 3});
}

// Whoever stops, and wherever: the others finish its transfer or do without it, and no money is lost.
TEST(two_values, AFrozenTransferStopsNobody) {
  expect_lock_free([] {
    const reclaim_at_once domain;
    accounts all;
    thread other([&] { all.transfer_back(2); });
    all.transfer(1);
    require(all.sum() == 20, "no money is lost");
    (void)all.a.load();
    all.b.update([](large& y) { y += 1; });
  });
  expect_lock_free(
      [] {
        const reclaim_at_once domain;
        synchronized<int> a(10), b(10);
        const auto step = [](int& x, int& y) {
          require(x + y == 20, "no money is lost");
          --x;
          ++y;
        };
        thread other([&] { update(b, a, step); });
        update(a, b, step);
      },
      2);
}

// --- Three values ------------------------------------------------------------------------------------------------

struct three {
  synchronized<int> a{0}, b{0}, c{0};

  // Each pair of them, by a thread each.
  void change_in_a_ring() {
    thread first([&] { update(a, b, step); });
    thread second([&] { update(b, c, step); });
    update(c, a, step);
  }

  static constexpr auto step = [](int& x, int& y) {
    ++x;
    ++y;
  };
};

TEST(three_values, InARing) {
  expect_proved(
      [] {
        const reclaim_at_once domain;
        three all;
        all.change_in_a_ring();
        require(all.a.load() == 2 && all.b.load() == 2 && all.c.load() == 2, "each of the three");
      },
      {.preemptions = 1});
}

TEST(three_values, AllAtOnce) {
  expect_proved(
      [] {
        const reclaim_at_once domain;
        three all;
        const auto step = [](int& x, int& y, int& z) {
          require(x == y && y == z, "at one moment");
          ++x;
          ++y;
          ++z;
        };
        thread other([&] { update(all.c, all.a, all.b, step); });
        update(all.a, all.b, all.c, step);
        other.join();
        require(all.a.load() == 2 && all.b.load() == 2 && all.c.load() == 2, "both");
      },
      {.preemptions = 2});
}

TEST(three_values, AFrozenThreadStopsNobody) {
  expect_lock_free(
      [] {
        const reclaim_at_once domain;
        three all;
        all.change_in_a_ring();
      },
      0);
  expect_lock_free([] {
    const reclaim_at_once domain;
    three all;
    thread other([&] { update(all.b, all.c, three::step); });
    update(all.a, all.b, three::step);
    update(all.c, all.a, three::step);
  });
  expect_lock_free([] {
    const reclaim_at_once domain;
    three all;
    thread other([&] { update(all.b, all.c, three::step); });
    update(all.a, all.b, all.c, [](int& x, int& y, int& z) {
      require(y == z, "at one moment");
      ++x;
    });
    require(all.c.load() <= 1, "no more than was put there");
  });
}

// --- Places for changes --------------------------------------------------------------------------------------------

using lockfree::detail::joint_change;

// Threads that look for a place to say their changes at the same time, or when others have left theirs.
class places : public testing::Test {
 protected:
  places() { joint_change::threads_meet = true; }
  ~places() override { joint_change::threads_meet = false; }
};

TEST_F(places, AreForOneThreadAtATime) {
  expect_proved(
      [] {
        const reclaim_at_once domain;
        three all;
        synchronized<int> d(0);
        thread first([&] { update(all.a, all.b, three::step); });
        update(all.c, d, three::step);
        first.join();
        require(all.a.load() == 1 && all.b.load() == 1 && all.c.load() == 1 && d.load() == 1, "both");
      },
      {.preemptions = 3});
}

TEST_F(places, AreHandedOn) {
  expect_proved(
      [] {
        const reclaim_at_once domain;
        three all;
        thread first([&] { update(all.a, all.b, three::step); });
        thread second([&] { update(all.a, all.b, three::step); });
        update(all.c, all.b, three::step);
        first.join();
        second.join();
        require(all.a.load() == 2 && all.b.load() == 3 && all.c.load() == 1, "each of the three");
      },
      {.preemptions = 0});
}

// Who is late with a change finds its place with the next one, of other words, or with that of another thread.
TEST_F(places, ALateReaderFindsTheNextChange) {
  for (const bool of_another : {false, true}) {
    const unsigned preemptions = of_another ? 1 : 2;
    expect_proved(
        [=] {
          const reclaim_at_once domain;
          three all;
          thread other([&] {
            update(all.a, all.b, three::step);
            const auto next = [&] {
              update(all.a, all.b, all.c, [](int& x, int& y, int& z) {
                x += 10;
                y += 20;
                z += 40;
              });
            };
            if (of_another) {
              thread(next).join();
            } else {
              next();
            }
          });
          const int b = all.b.load();
          require(b == 0 || b == 1 || b == 21, "what it had");
          const int c = all.c.load();
          require(c == 0 || c == 40, "what it had");
          other.join();
          require(all.a.load() == 11 && all.b.load() == 21 && all.c.load() == 40, "all three");
        },
        {.preemptions = preemptions});
  }
}

TEST_F(places, ALateHelperFindsTheNextChange) {
  expect_proved(
      [=] {
        const reclaim_at_once domain;
        three all;
        thread other([&] {
          update(all.a, all.b, three::step);
          update(all.b, all.c, three::step);
        });
        all.b.update([](int& y) { y += 10; });
        other.join();
        require(all.a.load() == 1 && all.b.load() == 12 && all.c.load() == 1, "all three");
      },
      {.preemptions = 2});
}

TEST_F(places, AreUsedUp) {
  expect_proved([] {
    const reclaim_at_once domain;
    three all;
    thread other([&] { update(all.b, all.c, three::step); });
    other.join();
    for (int i = 0; i < 9; ++i) update(all.a, all.b, three::step);
    require(all.a.load() == 9 && all.b.load() == 10, "all");
  });
}

// --- More than can be seen in full -------------------------------------------------------------------------------

TEST(three_values, AtRandom) {
  const auto body = [] {
    const reclaim_at_once domain;
    three all;
    synchronized<large> last(0);
    thread first([&] {
      update(all.a, all.b, three::step);
      update(all.c, all.a, three::step);
    });
    thread second([&] {
      update(all.b, last, [](int& x, large& y) {
        x += 2;
        y += 2;
      });
      update(all.b, all.c, three::step);
    });
    thread third([&] {
      all.b.update([](int& x) { x += 2; });
      update(all.c, all.b, last, all.a, [](int& z, int& y, large& l, int& x) {
        require((x + y + z + l) % 2 == 0, "at once");
        ++z;
        ++y;
        l += 1;
        ++x;
      });
    });
    const int sum = update(all.a, all.b, all.c, last, [](int& x, int& y, int& z, large& l) { return x + y + z + l; });
    require(sum % 2 == 0, "at once");
    first.join();
    second.join();
    third.join();
    require(all.a.load() == 3 && all.b.load() == 7 && all.c.load() == 3 && last.load() == 3, "each of them");
  };
  expect_right_at_random(body, {.random = 20'000, .depth = 4});
}

// --- The blocking side -------------------------------------------------------------------------------------------

TEST(blocking_values, OneOrderForAll) {
  expect_proved([] {
    blocking::synchronized<int> a(10), b(10);
    const auto step = [](int& x, int& y) {
      require(x + y == 20, "at once");
      --x;
      ++y;
    };
    thread other([&] { update(b, a, step); });
    update(a, b, step);
    (void)a.load();
    other.join();
    require(a.load() == 10 && b.load() == 10, "both");
  });
}

// --- With read-copy-update itself --------------------------------------------------------------------------------

TEST(with_rcu, TransferAndRead) {
  expect_proved(
      [] {
        lockfree::synchronized<int> a(10);
        lockfree::synchronized<large> b(10);
        thread other([&] {
          update(a, b, [](int& x, large& y) {
            x -= 1;
            y += 1;
          });
        });
        if (b.read(as_int) == 11) require(a.read(as_int) == 9, "at once");
      },
      {.preemptions = 2});
}

}  // namespace
}  // namespace switchyard::model
