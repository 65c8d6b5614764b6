// Failures at every call in turn: allocations by `new` that throw std::bad_alloc, and elements whose
// constructors and assignments throw. A thread says which of its calls is the one that fails.
//
//   misfortune::in(3);                               // of this thread's, the third from now on
//   { const misfortune::possible here; code_under_test(); }
//   if (misfortune::is_due()) { ... }                // there were fewer
#pragma once

#include <cstdint>
#include <type_traits>
#include <utility>

#include "switchyard/atomics/atomic.h"
#include "switchyard/tests/conformance/element_types.h"

namespace switchyard::stress {

class misfortune {
 public:
  /// What elements throw.
  struct blow {};

  /// The calling thread's n-th call that may fail does; none for 0.
  static void in(int n) { left_ = n; }
  static bool is_due() { return left_ > 0; }

  /// Counts a call that may fail: true if this one does.
  static bool strikes() noexcept { return depth_ > 0 && left_ > 0 && --left_ == 0; }

  /// Only while one of these exists do the calling thread's calls count.
  class possible {
   public:
    possible() { ++depth_; }
    ~possible() { --depth_; }
    possible(const possible&) = delete;
    possible& operator=(const possible&) = delete;
  };

  /// How much memory from `new` is out, in blocks, by all threads.
  static std::int64_t blocks() noexcept;

 private:
  static inline constinit thread_local int left_ = 0;
  static inline constinit thread_local int depth_ = 0;
};

using conformance::counted;

/// An element that knows whether it is alive, and may throw in every member but the destructor, before
/// anything has changed.
class unlucky : public counted {
 public:
  explicit unlucky(std::uint64_t number) : counted::tracked((strike(), number)) {}
  unlucky(const unlucky& other) : counted::tracked((strike(), static_cast<const counted&>(other))) {}
  unlucky(unlucky&& other) noexcept(false) : counted::tracked((strike(), static_cast<counted&&>(other))) {}
  unlucky& operator=(const unlucky& other) {
    strike();
    counted::operator=(other);
    return *this;
  }
  unlucky& operator=(unlucky&& other) noexcept(false) {
    strike();
    counted::operator=(std::move(other));
    return *this;
  }
  ~unlucky() = default;

 private:
  static void strike() {
    // Some take long, above all those that fail, so that others come while a push or a pop is under way.
    thread_local unsigned calls = 0;
    const bool fails = misfortune::strikes();
    if (fails || ++calls % 16 == 0) yield();
    if (fails) throw misfortune::blow();
  }
};
static_assert(!std::is_nothrow_move_constructible_v<unlucky>);

}  // namespace switchyard::stress

template <>
struct switchyard::conformance::element<switchyard::stress::unlucky> {
  static stress::unlucky make(std::uint64_t number) { return stress::unlucky(number); }
  static std::uint64_t number(const stress::unlucky& value) { return value.number(); }
};
