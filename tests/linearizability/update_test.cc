// lockfree::update and blocking::update of several values, with reads and changes of single ones between them.
#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "switchyard/blocking/synchronized.h"
#include "switchyard/blocking/update.h"
#include "switchyard/lockfree/synchronized.h"
#include "switchyard/lockfree/update.h"
#include "switchyard/tests/linearizability/history.h"
#include "switchyard/tests/linearizability/linearizability.h"
#include "switchyard/tests/linearizability/specifications.h"

namespace switchyard::linearizability {
namespace {

constexpr std::size_t count = 3;
using balances = std::array<number, count>;

/// `transfer` moves an amount from one to another and returns what both had; `read` is of one, `read_all` of all in one
/// step; `exchange` sets one.
struct bank_call {
  enum class kind { transfer, read, read_all, exchange };

  std::string request() const {
    switch (what) {
      case kind::transfer:
        return to_string(amount) + " from " + to_string(from) + " to " + to_string(to);
      case kind::read:
        return "read " + to_string(from);
      case kind::read_all:
        return "read all";
      case kind::exchange:
        break;
    }
    return "set " + to_string(from) + " to " + to_string(amount);
  }
  std::string reply() const {
    std::string all;
    for (const number n : had) all += to_string(n) + ' ';
    return all;
  }

  kind what = kind::read_all;
  std::size_t from = 0;
  std::size_t to = 0;
  number amount = 0;
  balances had{};  // of those that the call is about; 0 for the others
};

struct bank_spec {
  using call = bank_call;

  bool apply(const call& c) {
    balances had{};
    if (c.what == call::kind::read_all) return c.had == all;
    had[c.from] = all[c.from];
    if (c.what == call::kind::exchange) all[c.from] = c.amount;
    if (c.what == call::kind::transfer) {
      had[c.to] = all[c.to];
      all[c.from] -= c.amount;
      all[c.to] += c.amount;
    }
    return c.had == had;
  }
  std::size_t hash() const noexcept {
    std::size_t h = 0;
    for (const number n : all) h = mix(h, n);
    return h;
  }
  std::string text() const { return call{.had = all}.reply(); }
  friend bool operator==(const bank_spec&, const bank_spec&) = default;

  balances all{};
};

/// A number that does not fit a word.
struct large {
  explicit large(number n) : value(n) {}
  large& operator=(number n) {
    value = n;
    return *this;
  }
  operator number() const noexcept { return value; }
  number value;
  number more[3] = {};
};

template <template <class...> class Synchronized, class T>
void test_bank() {
  for (std::uint64_t seed = first_seed(), end = seed + 400; seed != end && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE(replay(seed));
    using account = Synchronized<T>;
    std::array<account, count> accounts{account(number{10}), account(number{20}), account(number{30})};
    const auto body = [&](int, thread_log<bank_call>& log, random_source& random) {
      using kind = bank_call::kind;
      for (int i = 0; i < 25; ++i) {
        stagger(random);
        bank_call c;
        const std::uint64_t which = random() % 8;
        c.from = random() % count;
        c.to = (c.from + 1 + random() % (count - 1)) % count;
        c.amount = static_cast<number>(random() % 10);
        c.what = which < 4 ? kind::transfer : which < 6 ? kind::read : which < 7 ? kind::read_all : kind::exchange;
        log.record([&] {
          switch (c.what) {
            case kind::transfer:
              update(accounts[c.from], accounts[c.to], [&](T& x, T& y) {
                c.had[c.from] = x;
                c.had[c.to] = y;
                x = x - c.amount;
                y = y + c.amount;
              });
              break;
            case kind::read:
              c.had[c.from] = accounts[c.from].read([](const T& x) { return number{x}; });
              break;
            case kind::read_all:
              update(accounts[2], accounts[0], accounts[1], [&](T& z, T& x, T& y) { c.had = {x, y, z}; });
              break;
            case kind::exchange:
              c.had[c.from] = accounts[c.from].exchange(T(c.amount));
              break;
          }
          return c;
        });
      }
    };
    const auto events = record_threads<bank_call>(2 + static_cast<int>(seed % 3), seed, body, 64);
    const auto v = check_linearizable<bank_spec>(events, {{10, 20, 30}});
    EXPECT_TRUE(v) << v.explanation;
  }
}

TEST(Lockfree, UpdateOfNumbers) { test_bank<lockfree::synchronized, number>(); }
TEST(Lockfree, UpdateOfSnapshots) { test_bank<lockfree::synchronized, large>(); }
TEST(Blocking, Update) { test_bank<blocking::synchronized, large>(); }

}  // namespace
}  // namespace switchyard::linearizability
