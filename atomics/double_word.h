// Sixteen bytes that are compared and swapped at once.
#pragma once

#ifdef SWITCHYARD_MODEL
#include "switchyard/model/double_word.h"
#else

#include <cstdint>

#include "switchyard/atomics/atomic.h"

#if defined(__SANITIZE_THREAD__)
#define SWITCHYARD_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define SWITCHYARD_TSAN 1
#endif
#endif

#ifdef SWITCHYARD_TSAN
#include <sanitizer/tsan_interface.h>
#endif

#if !defined(__x86_64__) && !defined(__GCC_HAVE_SYNC_COMPARE_AND_SWAP_16)
#error "double_word needs a 16-byte compare-and-swap: x86-64, or AArch64 compiled with -march=armv8.1-a or later"
#endif

namespace switchyard {

/// Two 64-bit words that change together. Each can be loaded by itself, which is as cheap as any load; the
/// pair is read consistently by loading both and letting `compare_exchange` confirm them.
///
/// Lock-free. On x86-64 it is the processor's own instruction, whatever the compiler flags (libatomic's
/// function call is avoided); x86-64 processors without it were last made in 2005.
class alignas(16) double_word {
 public:
  struct words {
    std::uint64_t first = 0;
    std::uint64_t second = 0;
    friend bool operator==(const words&, const words&) noexcept = default;
  };

  constexpr double_word() noexcept = default;
  constexpr explicit double_word(words initial) noexcept : first_(initial.first), second_(initial.second) {}
  double_word(const double_word&) = delete;
  double_word& operator=(const double_word&) = delete;

  std::uint64_t load_first(memory_order order) const noexcept { return first_.load(order); }
  std::uint64_t load_second(memory_order order) const noexcept {
    const std::uint64_t second = second_.load(order);
#ifdef SWITCHYARD_TSAN
    // What compare_exchange releases is known by the first word's address.
    if (order != memory_order_relaxed) __tsan_acquire(const_cast<double_word*>(this));
#endif
    return second;
  }

  /// Both words, not yet published to another thread.
  void initialize(words value) noexcept {
    first_.store(value.first, memory_order_relaxed);
    second_.store(value.second, memory_order_relaxed);
  }

  /// If both words equal `expected`, replaces both and returns true. Otherwise loads both into `expected`,
  /// consistently, and returns false. Never fails spuriously. Today's targets give both outcomes
  /// sequential consistency; `success` and `failure` say what the caller relies on.
  bool compare_exchange(words& expected, words desired, [[maybe_unused]] memory_order success,
                        [[maybe_unused]] memory_order failure) noexcept {
#ifdef SWITCHYARD_TSAN
    __tsan_release(this);  // the sanitizer does not see the instruction below
#endif
    const bool swapped = swap(expected, desired);
#ifdef SWITCHYARD_TSAN
    __tsan_acquire(this);
#endif
    return swapped;
  }

 private:
#if defined(__x86_64__)
  bool swap(words& expected, words desired) noexcept {
    bool swapped;
    asm volatile("lock cmpxchg16b %[target]"
                 : [target] "+m"(*this), "=@ccz"(swapped), "+a"(expected.first), "+d"(expected.second)
                 : "b"(desired.first), "c"(desired.second)
                 : "memory");
    return swapped;
  }
#else
  bool swap(words& expected, words desired) noexcept {
    using wide = unsigned __int128;
    const auto join = [](words w) { return static_cast<wide>(w.second) << 64 | w.first; };
    const wide before = join(expected);
    const wide seen = __sync_val_compare_and_swap(reinterpret_cast<wide*>(this), before, join(desired));
    expected = {static_cast<std::uint64_t>(seen), static_cast<std::uint64_t>(seen >> 64)};
    return seen == before;
  }
#endif

  atomic<std::uint64_t> first_{0};
  atomic<std::uint64_t> second_{0};
};

static_assert(sizeof(double_word) == 16 && alignof(double_word) == 16,
              "the instruction works on sixteen aligned bytes");

}  // namespace switchyard

#endif
