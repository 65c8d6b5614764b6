#include "switchyard/lockfree/left_right.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "switchyard/atomics/atomic.h"

namespace switchyard::lockfree {
namespace {

using stock = std::map<std::string, int>;

TEST(left_right, ReadsAndChanges) {
  left_right<stock> s(stock{{"apples", 3}});
  static_assert(!std::is_copy_constructible_v<left_right<stock>>);
  EXPECT_EQ(s.read([](const stock& m) { return m.at("apples"); }), 3);
  int calls = 0;
  s.update([&](stock& m) {
    ++calls;
    m["pears"] = 4;
  });
  EXPECT_EQ(calls, 2);
  EXPECT_EQ(s.load(), (stock{{"apples", 3}, {"pears", 4}}));
  EXPECT_EQ(s.update([](stock& m) { return --m.at("pears"); }), 3);
  EXPECT_EQ(*s.update([](stock& m) { return std::make_unique<int>(m["pears"]++); }), 3);
  EXPECT_EQ(s.load().at("pears"), 4);
  s.store({});
  EXPECT_TRUE(s.load().empty());
  const auto same = [](const stock& m) -> const stock& { return m; };
  static_assert(std::is_same_v<decltype(s.read(same)), stock>);
  left_right<std::string> x(std::size_t{3}, 'x');
  EXPECT_EQ(x.load(), "xxx");
}

TEST(left_right, WhenFThrowsNothingHasChanged) {
  left_right<stock> s(stock{{"apples", 3}});
  for (int i = 0; i < 3; ++i) {
    EXPECT_THROW(s.update([](stock& m) {
      --m.at("apples");
      m["plums"] = 1;
      --m.at("pears");
    }),
                 std::out_of_range);
    EXPECT_EQ(s.load(), (stock{{"apples", 3}}));
  }
  s.update([](stock& m) { ++m["apples"]; });
  EXPECT_EQ(s.load(), (stock{{"apples", 4}}));
  s.update([](stock& m) { ++m["apples"]; });
  EXPECT_EQ(s.load(), (stock{{"apples", 5}}));
}

TEST(left_right, WhenFThrowsTheSecondTimeTheChangeStands) {
  left_right<stock> s;
  for (int i = 1; i < 5; ++i) {
    int calls = 0;
    EXPECT_EQ(s.update([&](stock& m) {
      m["a"] = i;
      if (++calls == 2) throw std::runtime_error("too late");
      m["b"] = i;
      return i;
    }),
              i);
    EXPECT_EQ(s.load(), (stock{{"a", i}, {"b", i}}));
  }
  s.update([](stock& m) { ++m["a"]; });
  s.update([](stock& m) { ++m["a"]; });
  EXPECT_EQ(s.load(), (stock{{"a", 6}, {"b", 4}}));
}

/// Counts how many there are; copies throw when told.
struct fragile {
  static inline bool throws = false;
  static inline int living = 0;
  explicit fragile(int n) : number(n) { ++living; }
  fragile(const fragile& other) : number(other.number) {
    if (throws) throw std::runtime_error("no copy");
    ++living;
  }
  fragile& operator=(const fragile&) = delete;
  ~fragile() { --living; }
  int number;
};
TEST(left_right, PutsACopyTogetherWhenItCan) {
  fragile::throws = true;
  EXPECT_THROW(left_right<fragile>(1), std::runtime_error);
  EXPECT_EQ(fragile::living, 0);
  fragile::throws = false;
  {
    left_right<fragile> s(1);
    const auto number = [](const fragile& x) { return x.number; };
    EXPECT_THROW(s.update([](fragile& x) {
      x.number = 9;
      throw std::runtime_error("no");
    }),
                 std::runtime_error);
    fragile::throws = true;
    for (int i = 0; i < 2; ++i) {
      EXPECT_THROW(s.update([](fragile& x) { ++x.number; }), std::runtime_error);
      EXPECT_EQ(s.read(number), 1);
      EXPECT_EQ(fragile::living, 1);
    }
    fragile::throws = false;
    s.update([](fragile& x) { ++x.number; });
    EXPECT_EQ(s.read(number), 2);
    s.update([](fragile& x) { ++x.number; });
    EXPECT_EQ(s.read(number), 3);
    EXPECT_EQ(fragile::living, 2);
  }
  EXPECT_EQ(fragile::living, 0);
}

TEST(left_right, OfWhatCannotBeCopied) {
  struct table {
    explicit table(int n) : entry(std::make_unique<int>(n)) {}
    std::unique_ptr<int> entry;
  };
  left_right<table> s(3);
  s.update([](table& t) noexcept { ++*t.entry; });
  s.update([](table& t) noexcept { ++*t.entry; });
  EXPECT_EQ(s.read([](const table& t) { return *t.entry; }), 5);
}

TEST(left_right, ReadsWithinReads) {
  left_right<int> s(1);
  EXPECT_EQ(s.read([&](const int& x) { return x + s.read([&](const int& y) { return y + s.load(); }); }), 3);
  s.update([&](int& x) { x += s.load() > 0 ? 1 : 0; });
  EXPECT_EQ(s.load(), 2);
  EXPECT_THROW(s.read([](const int&) { throw std::runtime_error("no"); }), std::runtime_error);
  bool refused = false;
  s.read([&](const int&) {
    try {
      s.update([](int& x) { ++x; });
    } catch (const would_deadlock&) {
      refused = true;
    }
  });
  EXPECT_TRUE(refused);
  EXPECT_THROW(s.update([&](int&) { s.update([](int& x) { ++x; }); }), would_deadlock);
  s.update([](int& x) { ++x; });
  EXPECT_EQ(s.load(), 3);
}

// A change waits for who reads what it is about to change, and others read meanwhile.
TEST(left_right, AChangeWaitsForReaders) {
  left_right<int> s(0);
  atomic<bool> changed{false};
  std::jthread writer;
  s.read([&](const int& x) {
    writer = std::jthread([&] {
      s.update([](int& y) { ++y; });
      changed.store(true);
    });
    while (s.load() == 0) std::this_thread::yield();  // it is shown to who begins now
    std::thread([&] { EXPECT_EQ(s.load(), 1); }).join();
    EXPECT_EQ(x, 0);
    EXPECT_FALSE(changed.load());
  });
  writer.join();
  EXPECT_TRUE(changed.load());
}

struct alignas(128) aligned {
  int number = 3;
};
TEST(left_right, OverAligned) {
  left_right<aligned> s;
  s.update([](aligned& a) { EXPECT_EQ(reinterpret_cast<std::uintptr_t>(&a) % 128, 0u); });
}

TEST(left_right, ManyThreads) {
  left_right<std::vector<int>> s(std::size_t{4}, 0);
  atomic<int> writing{2};
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 2; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < 300; ++i) {
          s.update([](std::vector<int>& v) {
            for (int& x : v) ++x;
          });
        }
        writing.fetch_sub(1);
      });
      threads.emplace_back([&] {
        int last = 0;
        while (writing.load() != 0) {
          s.read([&](const std::vector<int>& v) {
            EXPECT_EQ(v.front(), v.back());
            EXPECT_GE(v[1], last);
            last = v[2];
          });
        }
      });
    }
    for (int i = 0; i < 50; ++i) std::thread([&] { (void)s.load(); }).join();
  }
  EXPECT_EQ(s.load(), (std::vector<int>(4, 600)));
}

}  // namespace
}  // namespace switchyard::lockfree
