// Values that are read often: snapshot of both sides, seqlock, atomic_shared_ptr, left_right. Each is a register.
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "switchyard/blocking/snapshot.h"
#include "switchyard/lockfree/atomic_shared_ptr.h"
#include "switchyard/lockfree/left_right.h"
#include "switchyard/lockfree/seqlock.h"
#include "switchyard/lockfree/snapshot.h"
#include "switchyard/tests/linearizability/history.h"
#include "switchyard/tests/linearizability/linearizability.h"
#include "switchyard/tests/linearizability/specifications.h"

namespace switchyard::linearizability {
namespace {

/// `add` changes the value and returns the new one; `replace` sets it if it is the same as when it was read before, and
/// `done` is whether it did.
struct register_call {
  enum class kind { load, store, exchange, add, replace };

  std::string request() const {
    switch (what) {
      case kind::load:
        return "load";
      case kind::store:
        return "store " + to_string(argument);
      case kind::exchange:
        return "exchange " + to_string(argument);
      case kind::add:
        return "add " + to_string(argument);
      case kind::replace:
        break;
    }
    return "replace " + to_string(result) + " by " + to_string(argument);
  }
  std::string reply() const {
    if (what == kind::store) return "done";
    if (what == kind::replace) return done ? "done" : "refused";
    return to_string(result);
  }

  kind what = kind::load;
  number argument = 0;
  number result = 0;
  bool done = true;
};

struct register_spec {
  using call = register_call;

  bool apply(const call& c) {
    const number before = value;
    switch (c.what) {
      case call::kind::load:
        return c.result == value;
      case call::kind::store:
        value = c.argument;
        return true;
      case call::kind::exchange:
        value = c.argument;
        return c.result == before;
      case call::kind::add:
        value += c.argument;
        return c.result == value;
      case call::kind::replace:
        break;
    }
    if (c.done) value = c.argument;
    // (Refused: it has been changed, perhaps to the same.)
    return !c.done || c.result == before;
  }
  std::size_t hash() const noexcept { return mix(0, value); }
  std::string text() const { return to_string(value); }
  friend bool operator==(const register_spec&, const register_spec&) = default;

  number value = 0;
};

/// A number that is some words large; torn if they differ.
struct large {
  large() = default;
  explicit large(number n) : value(n), more{n, n, n} {}
  bool is_whole() const { return value == more[0] && value == more[1] && value == more[2]; }

  number value = 0;
  number more[3] = {};
};

number whole(const large& x) {
  EXPECT_TRUE(x.is_whole());
  return x.value;
}

/// `Register` is built from a number, and has load(), store(n), exchange(n), add(n) and replace(call&), as the calls say.
template <class Register>
void test_register() {
  for (std::uint64_t seed = first_seed(), end = seed + 300; seed != end && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE(replay(seed));
    Register shared(number{7});
    const auto body = [&](int, thread_log<register_call>& log, random_source& random) {
      using kind = register_call::kind;
      for (int i = 0; i < 25; ++i) {
        stagger(random);
        register_call c;
        const auto draw = random() % 10;
        c.argument = static_cast<number>(random() % 1000);
        c.what = draw < 5 ? kind::load : draw < 6 ? kind::store : draw < 7 ? kind::exchange : draw < 9 ? kind::add : kind::replace;
        const auto expected = shared.to_replace();
        log.record([&] {
          if (c.what == kind::load) c.result = shared.load(random() % 3);
          if (c.what == kind::store) shared.store(c.argument);
          if (c.what == kind::exchange) c.result = shared.exchange(c.argument);
          if (c.what == kind::add) c.result = shared.add(c.argument);
          if (c.what == kind::replace) shared.replace(expected, c);
          return c;
        });
      }
    };
    const auto events = record_threads<register_call>(2 + static_cast<int>(seed % 3), seed, body, 64);
    const auto v = check_linearizable<register_spec>(events, {7});
    EXPECT_TRUE(v) << v.explanation;
  }
}

template <template <class...> class Snapshot>
class snapshot_register {
 public:
  explicit snapshot_register(number n) : value_(n) {}
  number load(std::uint64_t way) const {
    if (way == 0) return whole(*value_.get());
    return way == 1 ? value_.read(whole) : whole(value_.load());
  }
  void store(number n) { value_.store(large(n)); }
  number exchange(number n) { return whole(*value_.exchange(large(n))); }
  number add(number n) {
    number sum = 0;
    value_.update([&](const large& x) { return large(sum = whole(x) + n); });
    return sum;
  }
  auto to_replace() const { return value_.get(); }
  void replace(const typename Snapshot<large>::handle& expected, register_call& c) {
    c.result = whole(*expected);
    c.done = value_.try_update(expected, large(c.argument));
  }

 private:
  Snapshot<large> value_;
};
TEST(Lockfree, Snapshot) { test_register<snapshot_register<lockfree::snapshot>>(); }
TEST(Blocking, Snapshot) { test_register<snapshot_register<blocking::snapshot>>(); }

template <class T>
class seqlock_register {
 public:
  explicit seqlock_register(number n) : value_(n) {}
  number load(std::uint64_t way) const {
    if (way == 0) {
      if (const auto seen = value_.try_load()) return whole(*seen);
    }
    return whole(value_.load());
  }
  void store(number n) { value_.store(T(n)); }
  number exchange(number n) { return whole(value_.exchange(T(n))); }
  number add(number n) {
    return value_.update([&](T& x) { return whole(x = T(whole(x) + n)); });
  }
  number to_replace() const { return load(1); }
  void replace(number expected, register_call& c) {
    c.result = expected;
    c.done = value_.update([&](T& x) {
      if (whole(x) != expected) return false;
      x = T(c.argument);
      return true;
    });
  }

 private:
  static number whole(number n) { return n; }
  static number whole(const large& x) { return linearizability::whole(x); }

  lockfree::seqlock<T> value_;
};
TEST(Lockfree, Seqlock) { test_register<seqlock_register<large>>(); }
TEST(Lockfree, SeqlockOfAWord) { test_register<seqlock_register<number>>(); }

class shared_ptr_register {
  using pointer = std::shared_ptr<const large>;

 public:
  explicit shared_ptr_register(number n) : value_(make(n)) {}
  number load(std::uint64_t way) const {
    if (way == 0) {
      pointer none;
      if (!value_.compare_exchange_strong(none, nullptr)) return whole(*none);
    }
    return whole(*value_.load());
  }
  void store(number n) { value_.store(make(n)); }
  number exchange(number n) { return whole(*value_.exchange(make(n))); }
  number add(number n) {
    pointer seen = value_.load();
    for (;;) {
      const pointer next = make(whole(*seen) + n);
      if (value_.compare_exchange_weak(seen, next)) return next->value;
    }
  }
  pointer to_replace() const { return value_.load(); }
  void replace(pointer expected, register_call& c) {
    c.result = whole(*expected);
    c.done = value_.compare_exchange_strong(expected, make(c.argument));
  }

 private:
  static pointer make(number n) { return std::make_shared<const large>(n); }

  mutable lockfree::atomic_shared_ptr<const large> value_;
};
TEST(Lockfree, AtomicSharedPtr) { test_register<shared_ptr_register>(); }

class left_right_register {
 public:
  explicit left_right_register(number n) : value_(n) {}
  number load(std::uint64_t way) const { return way == 0 ? whole(value_.load()) : value_.read(whole); }
  void store(number n) { value_.store(large(n)); }
  number exchange(number n) {
    return value_.update([&](large& x) { return std::exchange(x, large(n)).value; });
  }
  number add(number n) {
    return value_.update([&](large& x) { return (x = large(whole(x) + n)).value; });
  }
  number to_replace() const { return load(0); }
  void replace(number expected, register_call& c) {
    c.result = expected;
    c.done = value_.update([&](large& x) {
      if (whole(x) != expected) return false;
      x = large(c.argument);
      return true;
    });
  }

 private:
  lockfree::left_right<large> value_;
};
TEST(Lockfree, LeftRight) { test_register<left_right_register>(); }

}  // namespace
}  // namespace switchyard::linearizability
