// `switchyard::atomic` and its fences as a build with SWITCHYARD_CHAOS has them; `atomics/atomic.h` includes
// this, and nobody else does.
//
// The same operations on the same memory, but now and then a thread stops before or after one, for some
// nanoseconds, a time slice or some microseconds, and a weak compare-and-swap fails for no reason. So threads
// meet in places where they hardly ever do. What stops where is drawn from a seed: the environment's
// SWITCHYARD_SEED, and the thread's place in the order in which threads first came here.
//
//   tools/test --config=chaos        SWITCHYARD_SEED=7 bazel-bin/.../a_test
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <thread>

#include "switchyard/atomics/atomic.h"

namespace switchyard {

namespace chaos {

/// What the calling thread draws from next; 0 before the first time. Without constructor and destructor, so
/// that it is there also before main and while a thread ends.
inline constinit thread_local std::uint64_t random_state = 0;

/// From here on the calling thread's share of the chaos follows from `seed` alone.
inline void seed_this_thread(std::uint64_t seed) noexcept {
  // Similar seeds make states that are not, and none makes 0 (splitmix64's finisher).
  seed = (seed ^ seed >> 30) * 0xBF58476D1CE4E5B9U + 0x9E3779B97F4A7C15U;
  random_state = (seed ^ seed >> 27) | 1;
}

inline void seed_by_environment() noexcept {
  static std::atomic<std::uint64_t> threads{0};
  const char* const given = std::getenv("SWITCHYARD_SEED");
  const std::uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 0) : 1;
  seed_this_thread(seed * 0x9E3779B97F4A7C15U + threads.fetch_add(1, std::memory_order_relaxed));
}

/// 32 random bits (xorshift64*).
inline std::uint32_t draw() noexcept {
  if (random_state == 0) seed_by_environment();
  random_state ^= random_state >> 12;
  random_state ^= random_state << 25;
  random_state ^= random_state >> 27;
  return static_cast<std::uint32_t>((random_state * 0x2545F4914F6CDD1DU) >> 32);
}

/// Mostly nothing.
inline void delay() noexcept {
  const std::uint32_t drawn = draw();
  if (drawn % 64 != 0) [[likely]] return;
  const std::uint32_t how = drawn / 64 % 16;
  const std::uint32_t how_long = drawn >> 16;
  if (how == 0) {
    std::this_thread::sleep_for(std::chrono::microseconds(how_long % 20));
  } else if (how < 6) {
    yield();
  } else {
    for (std::uint32_t i = how_long % 128; i != 0; --i) spin_pause();
  }
}

/// Surrounds an operation.
struct delays {
  delays() noexcept { delay(); }
  ~delays() { delay(); }
  delays(const delays&) = delete;
  delays& operator=(const delays&) = delete;
};

inline bool fails_for_no_reason() noexcept { return draw() % 8 == 0; }

/// What `fetch_add` takes.
template <class T>
struct addend {
  using type = T;
};
template <class T>
struct addend<T*> {
  using type = std::ptrdiff_t;
};

}  // namespace chaos

// Names of their own for the linker, so that a program with both kinds of atomic does not link by mistake.
inline namespace chaotic {

/// std::atomic<T>. Its operators are the standard's own, without delays.
template <class T>
class atomic : public std::atomic<T> {
  using base = std::atomic<T>;
  using addend = typename chaos::addend<T>::type;

 public:
  using base::base;
  using base::operator=;
  atomic() = default;
  atomic(const atomic&) = delete;
  atomic& operator=(const atomic&) = delete;

  T load(memory_order order = memory_order_seq_cst) const noexcept {
    const chaos::delays around;
    return base::load(order);
  }
  void store(T value, memory_order order = memory_order_seq_cst) noexcept {
    const chaos::delays around;
    base::store(value, order);
  }
  T exchange(T value, memory_order order = memory_order_seq_cst) noexcept {
    const chaos::delays around;
    return base::exchange(value, order);
  }

  bool compare_exchange_strong(T& expected, T desired, memory_order success, memory_order failure) noexcept {
    const chaos::delays around;
    return base::compare_exchange_strong(expected, desired, success, failure);
  }
  bool compare_exchange_strong(T& expected, T desired, memory_order order = memory_order_seq_cst) noexcept {
    const chaos::delays around;
    return base::compare_exchange_strong(expected, desired, order);
  }
  bool compare_exchange_weak(T& expected, T desired, memory_order success, memory_order failure) noexcept {
    const chaos::delays around;
    if (!chaos::fails_for_no_reason()) {
      return base::compare_exchange_weak(expected, desired, success, failure);
    }
    expected = base::load(failure);
    return false;
  }
  bool compare_exchange_weak(T& expected, T desired, memory_order order = memory_order_seq_cst) noexcept {
    const chaos::delays around;
    if (!chaos::fails_for_no_reason()) return base::compare_exchange_weak(expected, desired, order);
    expected = base::load(order == memory_order_acq_rel   ? memory_order_acquire
                          : order == memory_order_release ? memory_order_relaxed
                                                          : order);
    return false;
  }

  // Of integers and pointers, as far as T has them.
  T fetch_add(addend n, memory_order order = memory_order_seq_cst) noexcept
    requires requires(base& b) { b.fetch_add(n, order); }
  {
    const chaos::delays around;
    return base::fetch_add(n, order);
  }
  T fetch_sub(addend n, memory_order order = memory_order_seq_cst) noexcept
    requires requires(base& b) { b.fetch_sub(n, order); }
  {
    const chaos::delays around;
    return base::fetch_sub(n, order);
  }
  T fetch_and(T bits, memory_order order = memory_order_seq_cst) noexcept
    requires requires(base& b) { b.fetch_and(bits, order); }
  {
    const chaos::delays around;
    return base::fetch_and(bits, order);
  }
  T fetch_or(T bits, memory_order order = memory_order_seq_cst) noexcept
    requires requires(base& b) { b.fetch_or(bits, order); }
  {
    const chaos::delays around;
    return base::fetch_or(bits, order);
  }
  T fetch_xor(T bits, memory_order order = memory_order_seq_cst) noexcept
    requires requires(base& b) { b.fetch_xor(bits, order); }
  {
    const chaos::delays around;
    return base::fetch_xor(bits, order);
  }
};

static_assert(sizeof(atomic<std::uint32_t>) == sizeof(std::uint32_t), "the kernel sleeps on the word itself");
static_assert(sizeof(atomic<void*>) == sizeof(void*), "and layouts are those of a normal build");

// Objects, so that the standard's functions are not looked up by their argument's namespace.
inline constexpr auto atomic_thread_fence = [](memory_order order) noexcept {
  const chaos::delays around;
  std::atomic_thread_fence(order);
};
inline constexpr auto atomic_signal_fence = [](memory_order order) noexcept {
  const chaos::delays around;
  std::atomic_signal_fence(order);
};

}  // namespace chaotic

}  // namespace switchyard
