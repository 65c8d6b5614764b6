// The element types that the queue suite puts into queues, and `element<T>`, which makes and reads them.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

#include "switchyard/atomics/atomic.h"

namespace switchyard::conformance {

/// Makes an element that carries a number, and reads the number back. What `number` returns for a made
/// element is the number, cut to what T can hold; `moved_from` stands for an element without one.
template <class T>
struct element {
  static T make(std::uint64_t number) { return static_cast<T>(number); }
  static std::uint64_t number(const T& value) { return static_cast<std::uint64_t>(value); }
};

inline constexpr std::uint64_t moved_from = 0xdeadbeef;

template <>
struct element<double> {
  static double make(std::uint64_t number) { return static_cast<double>(number) + 0.25; }
  static std::uint64_t number(double value) { return static_cast<std::uint64_t>(value); }
};

template <>
struct element<std::string> {
  /// Long enough to own memory for odd numbers, in place for even ones.
  static std::string make(std::uint64_t number) {
    return std::to_string(number) + (number % 2 == 0 ? "" : " bottles of beer on the wall, on the wall");
  }
  static std::uint64_t number(const std::string& value) {
    return value.empty() ? moved_from : std::stoull(value);
  }
};

template <>
struct element<std::unique_ptr<std::uint64_t>> {
  static std::unique_ptr<std::uint64_t> make(std::uint64_t number) {
    return std::make_unique<std::uint64_t>(number);
  }
  static std::uint64_t number(const std::unique_ptr<std::uint64_t>& value) {
    return value ? *value : moved_from;
  }
};

/// Compares elements by their numbers, and pointers, which have none, as pointers.
template <class T>
struct by_number {
  bool operator()(const T& a, const T& b) const {
    if constexpr (std::is_pointer_v<T>) {
      return std::less<T>()(a, b);
    } else {
      return element<T>::number(a) < element<T>::number(b);
    }
  }
};

enum class colour : std::uint16_t { red, green, blue = 0xffff };

/// Trivially copyable, `Size` bytes, no alignment.
template <std::size_t Size>
struct bytes {
  std::array<unsigned char, Size> all;
};

template <std::size_t Size>
struct element<bytes<Size>> {
  static bytes<Size> make(std::uint64_t number) {
    bytes<Size> value;
    for (std::size_t i = 0; i < Size; ++i) {
      value.all[i] = static_cast<unsigned char>((number >> (8 * (i % 8))) + i / 8);
    }
    return value;
  }
  static std::uint64_t number(const bytes<Size>& value) {
    std::uint64_t number = 0;
    for (std::size_t i = 0; i < Size && i < 8; ++i) number |= std::uint64_t{value.all[i]} << (8 * i);
    return std::memcmp(&value, std::array{make(number)}.data(), Size) == 0 ? number : moved_from;
  }
};

/// Checks its own address whenever it is made.
template <std::size_t Alignment>
struct alignas(Alignment) over_aligned {
  explicit over_aligned(std::uint64_t n) : number(n) { check_address(); }
  over_aligned(const over_aligned& other) : number(other.number) { check_address(); }
  over_aligned& operator=(const over_aligned&) = default;
  ~over_aligned() { check_address(); }

  void check_address() const {
    if (reinterpret_cast<std::uintptr_t>(this) % Alignment != 0) ++misplaced;
  }

  std::uint64_t number;
  static inline int misplaced = 0;
};

template <std::size_t Alignment>
struct element<over_aligned<Alignment>> {
  static over_aligned<Alignment> make(std::uint64_t number) { return over_aligned<Alignment>(number); }
  static std::uint64_t number(const over_aligned<Alignment>& value) { return value.number; }
};

/// Neither default-constructible nor assignable.
struct constant {
  explicit constant(std::uint64_t n) : number(n) {}
  constant(const constant&) = default;
  constant& operator=(const constant&) = delete;

  const std::uint64_t number;
};

template <>
struct element<constant> {
  static constant make(std::uint64_t number) { return constant(number); }
  static std::uint64_t number(const constant& value) { return value.number; }
};

/// Goes off at the n-th burn, by throwing `blown`. Off by default, and again after it has gone off.
/// For one thread.
class fuse {
 public:
  struct blown {};

  static void set(int burns) { left_ = burns; }
  static bool is_set() { return left_ > 0; }
  static void burn() {
    if (lit_ && left_ > 0 && --left_ == 0) throw blown();
  }

  /// Only while one of these exists does the fuse burn.
  class lit {
   public:
    lit() { lit_ = true; }
    ~lit() { lit_ = false; }
    lit(const lit&) = delete;
    lit& operator=(const lit&) = delete;
  };

 private:
  static inline int left_ = 0;
  static inline bool lit_ = false;
};

enum class moves { may_throw, never_throw };
enum class copies { may_throw, are_deleted };

/// Counts itself, knows whether it is alive, and burns the fuse in every member that may throw, before
/// anything has changed.
template <moves Moves, copies Copies>
class tracked {
  static constexpr bool calm_moves = Moves == moves::never_throw;

 public:
  explicit tracked(std::uint64_t number) : number_(burn_for(number)) { begin(); }
  tracked(const tracked& other) requires(Copies == copies::may_throw) : number_(burn_for(other.number())) {
    begin();
  }
  tracked(tracked&& other) noexcept(calm_moves) : number_(other.take()) { begin(); }
  tracked& operator=(const tracked& other) requires(Copies == copies::may_throw) {
    check_alive();
    number_ = burn_for(other.number());
    return *this;
  }
  tracked& operator=(tracked&& other) noexcept(calm_moves) {
    check_alive();
    if (this != &other) number_ = other.take();
    return *this;
  }
  ~tracked() {
    check_alive();
    self_ = nullptr;
    living_.fetch_sub(1, memory_order_relaxed);
  }

  std::uint64_t number() const {
    check_alive();
    return number_;
  }

  /// How many there are.
  static int living() { return living_.load(memory_order_relaxed); }
  /// How often a member was called on something that is not there: never made, destroyed or copied bytewise.
  static int ghosts() { return ghosts_.load(memory_order_relaxed); }

 private:
  static std::uint64_t burn_for(std::uint64_t number) {
    fuse::burn();
    return number;
  }

  std::uint64_t take() {
    check_alive();
    if constexpr (!calm_moves) fuse::burn();
    return std::exchange(number_, moved_from);
  }

  void begin() {
    self_ = this;
    living_.fetch_add(1, memory_order_relaxed);
  }

  void check_alive() const {
    if (self_ != this) ghosts_.fetch_add(1, memory_order_relaxed);
  }

  std::uint64_t number_;
  const tracked* volatile self_;  // volatile, so that the destructor's last word is not optimised away

  static inline atomic<int> living_{0};
  static inline atomic<int> ghosts_{0};
};

using counted = tracked<moves::never_throw, copies::may_throw>;

template <moves Moves, copies Copies>
struct element<tracked<Moves, Copies>> {
  using type = tracked<Moves, Copies>;
  static type make(std::uint64_t number) { return type(number); }
  static std::uint64_t number(const type& value) { return value.number(); }
};

/// Throws by its number, in any thread: one number cannot be made, another can be made but not moved.
class fickle {
 public:
  static constexpr std::uint64_t not_makeable = 1'000'001;
  static constexpr std::uint64_t not_movable = 1'000'002;

  explicit fickle(std::uint64_t number) : number_(number) {
    if (number == not_makeable) throw fuse::blown();
  }
  fickle(fickle&& other) : number_(other.number_) {
    if (number_ == not_movable) throw fuse::blown();
  }
  fickle& operator=(fickle&& other) {
    if (other.number_ == not_movable) throw fuse::blown();
    number_ = other.number_;
    return *this;
  }
  ~fickle() = default;

  std::uint64_t number() const { return number_; }

 private:
  std::uint64_t number_;
};

template <>
struct element<fickle> {
  static fickle make(std::uint64_t number) { return fickle(number); }
  static std::uint64_t number(const fickle& value) { return value.number(); }
};

/// Fails the test unless, at the end of the scope, as many `tracked` objects live as at its start and none
/// was used that was not there.
template <class Tracked>
class expect_none_left {
 public:
  expect_none_left() : living_(Tracked::living()), ghosts_(Tracked::ghosts()) {}
  ~expect_none_left() {
    EXPECT_EQ(Tracked::living(), living_) << "more: leaked; fewer: destroyed twice";
    EXPECT_EQ(Tracked::ghosts(), ghosts_) << "an object was used that was never made, or was destroyed";
  }
  expect_none_left(const expect_none_left&) = delete;
  expect_none_left& operator=(const expect_none_left&) = delete;

 private:
  int living_;
  int ghosts_;
};

}  // namespace switchyard::conformance
