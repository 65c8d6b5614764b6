// What the tests of values that threads share, `snapshot` and `synchronized`, have in common.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

#include "switchyard/atomics/atomic.h"

namespace switchyard::conformance {

/// A value that counts how many there are, and of which the n-th construction from now on throws, in this thread.
struct fragile {
  struct blow {};
  static inline thread_local int throws_in = 0;
  static inline atomic<int> living{0};

  explicit fragile(int n) : number((strike(), n)) { living.fetch_add(1); }
  fragile(const fragile& other) : number((strike(), other.number)) { living.fetch_add(1); }
  fragile(fragile&& other) noexcept(false) : number((strike(), std::exchange(other.number, -1))) { living.fetch_add(1); }
  fragile& operator=(const fragile&) = delete;
  ~fragile() { living.fetch_sub(1); }

  static void strike() {
    if (throws_in > 0 && --throws_in == 0) throw blow();
  }

  int number;
};

/// Calls `call` until it succeeds, with every construction of a `fragile` failing in turn; after each failure,
/// `unchanged()`.
template <class Call, class Unchanged>
void fail_in_turn(Call call, Unchanged unchanged) {
  for (int n = 1;; ++n) {
    fragile::throws_in = n;
    try {
      call();
    } catch (const fragile::blow&) {
      SCOPED_TRACE("strike " + std::to_string(n));
      unchanged();
      continue;
    }
    fragile::throws_in = 0;
    EXPECT_GT(n, 1) << "nothing was copied";
    return;
  }
}

/// An allocator that has so many blocks left, in this thread; of all threads, how many are out.
struct purse {
  static inline thread_local int left = 0;
  static inline atomic<long> out{0};
};
template <class T>
struct poor {
  using value_type = T;
  poor() = default;
  template <class U>
  poor(const poor<U>&) noexcept {}
  T* allocate(std::size_t n) {
    if (purse::left == 0) throw std::bad_alloc();
    --purse::left;
    T* const room = std::allocator<T>().allocate(n);
    purse::out.fetch_add(1);
    return room;
  }
  void deallocate(T* p, std::size_t n) noexcept {
    purse::out.fetch_sub(1);
    std::allocator<T>().deallocate(p, n);
  }
  friend bool operator==(const poor&, const poor&) { return true; }
};

/// Of a shared string that is "abc".
template <class Shared>
void expect_read_gives_what_f_returns(const Shared& s) {
  EXPECT_EQ(s.read([](const std::string& x) { return x.size(); }), 3u);
  EXPECT_EQ(s.read(&std::string::size), 3u);
  const auto same = [](const std::string& x) -> const std::string& { return x; };
  static_assert(std::is_same_v<decltype(s.read(same)), std::string>, "by value");
  EXPECT_EQ(s.read(same), "abc");
  int calls = 0;
  s.read([&](const std::string&) { ++calls; });
  EXPECT_EQ(calls, 1);
  EXPECT_THROW(s.read([](const std::string& x) { return x.at(7); }), std::out_of_range);
  EXPECT_EQ(s.load(), "abc");
}

}  // namespace switchyard::conformance
