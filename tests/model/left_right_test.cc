// lockfree::left_right under the model checker.
#include "switchyard/lockfree/left_right.h"

#include <cstdint>
#include <functional>
#include <memory>

#include "switchyard/atomics/plain.h"
#include "tests/model/model_support.h"

namespace switchyard::model {
namespace {

using left_right = lockfree::left_right<int>;

constexpr auto number = [](const int& x) { return x; };

TEST(left_right, AReaderSeesOneAfterTheOther) {
  expect_proved(
      [] {
        left_right s(0);
        thread writer([&] {
          s.update([](int& x) { ++x; });
          s.update([](int& x) { ++x; });
        });
        const int first = s.read(number);
        const int second = s.load();
        require(first <= second && second <= 2, "in order");
        writer.join();
        require(s.read(number) == 2, "the last");
      },
      {.preemptions = 3});
}

// What is read stays as it is while it is read; both copies are used, one after the other.
TEST(left_right, NobodyChangesWhatIsRead) {
  expect_proved(
      [] {
        left_right s(0);
        thread writer([&] {
          for (int i = 0; i < 2; ++i) s.update([](int& x) { ++x; });
        });
        s.read([&](const int& x) {
          const int seen = x;
          require(s.read(number) >= seen, "within, the same or a newer one");
          require(x == seen, "it stays");
        });
        s.read(number);
      },
      {.preemptions = 3});
}

TEST(left_right, TwoReaders) {
  expect_proved(
      [] {
        left_right s(0);
        thread writer([&] { s.update([](int& x) { ++x; }); });
        thread reader([&] { s.read(number); });
        const int seen = s.read(number);
        require(seen == 0 || seen == 1, "one of them");
        writer.join();
        require(s.read(number) == 1, "the change");
      },
      {.preemptions = 2});
}

TEST(left_right, NoUpdateIsLost) {
  expect_proved(
      [] {
        left_right s(0);
        int theirs = 0;
        thread other([&] { theirs = s.update([](int& x) { return x += 2; }); });
        const int mine = s.update([](int& x) { return x += 1; });
        other.join();
        require(s.load() == 3, "both");
        require((mine == 1 && theirs == 3) || (mine == 3 && theirs == 2), "one after the other");
        s.store(7);
        require(s.load() == 7, "set");
      },
      {.preemptions = 3});
}

// What was done before a change is seen by who sees it; what was done in a reading, by who changes the copy then.
TEST(left_right, AChangePublishes) {
  expect_proved([] {
    plain<int> data;
    data.construct(0);
    left_right s(0);
    thread writer([&] {
      data.write() = 1;
      s.update([](int& x) { ++x; });
    });
    if (s.read(number) == 1) require(data.read() == 1, "seen");
    writer.join();
    data.destroy();
  });
}

TEST(left_right, WhenFThrowsNothingHasChanged) {
  for (const int throws_in : {1, 2}) {
    expect_proved(
        [throws_in] {
          left_right s(0);
          bool thrown = false;
          thread writer([&] {
            int call = 0;
            try {
              s.update([&](int& x) {
                x += 4;
                if (++call == throws_in) throw 1;
                x += 4;
              });
            } catch (int) {
              thrown = true;
            }
          });
          const int seen = s.read(number);
          require(seen == 0 || (seen == 8 && throws_in == 2), "all or nothing");
          writer.join();
          require(thrown == (throws_in == 1), "as long as nobody has seen it");
          const int base = thrown ? 0 : 8;
          for (int i = 1; i <= 3; ++i) {
            s.update([](int& x) { ++x; });
            require(s.read(number) == base + i, "both copies are whole");
          }
        },
        {.preemptions = 2});
  }
}

// Wherever a change stands.
TEST(left_right, ReadersAreWaitFree) {
  expect_proved(
      [] {
        left_right s(0);
        thread writer([&] { s.update([](int& x) { ++x; }); });
        s.read(number);  // this thread's first
        within_steps(10, [&] { s.read(number); });
        within_steps(10, [&] { (void)s.load(); });
      },
      {.preemptions = 2});
}

TEST(left_right, WhoReadsCannotChange) {
  expect_proved([] {
    left_right s(0);
    bool thrown = false;
    s.read([&](const int&) {
      try {
        s.update([](int& x) { ++x; });
      } catch (const would_deadlock&) {
        thrown = true;
      }
    });
    require(thrown && s.load() == 0, "said so");
  });
}

}  // namespace
}  // namespace switchyard::model
