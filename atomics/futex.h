// Sleeping until a word changes, with a limit: the floor under everything that waits.
//
// Source: Linux futex(2). std::atomic::wait has no limit on time, which is why it is not used.
#pragma once

#ifdef SWITCHYARD_MODEL
#include "switchyard/model/futex.h"
#else

#include <bit>
#include <cerrno>
#include <chrono>
#include <climits>
#include <cstdint>
#include <ctime>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "switchyard/atomics/atomic.h"
#include "switchyard/interface/deadline.h"

namespace switchyard {

enum class futex_result {
  woken,      ///< a wake-up, a value other than `expected`, or nothing at all: look again
  timed_out,  ///< the deadline has passed
};

namespace detail {

inline futex_result futex_wait(const void* address, std::uint32_t expected, deadline limit) {
  timespec until{};
  if (!limit.is_never()) {
    using std::chrono::nanoseconds;
    const auto since = std::chrono::duration_cast<nanoseconds>(limit.when().time_since_epoch()).count();
    if (since <= 0) return futex_result::timed_out;
    until = {.tv_sec = static_cast<time_t>(since / 1'000'000'000),
             .tv_nsec = static_cast<long>(since % 1'000'000'000)};
  }
  // The bit set form takes a moment on the steady clock, where the plain one takes a duration.
  const long result = ::syscall(SYS_futex, address, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, expected,
                                limit.is_never() ? nullptr : &until, nullptr, FUTEX_BITSET_MATCH_ANY);
  return result == -1 && errno == ETIMEDOUT ? futex_result::timed_out : futex_result::woken;
}

inline std::uint32_t futex_wake(void* address, std::uint32_t count) noexcept {
  const auto limit = count > std::uint32_t{INT_MAX} ? INT_MAX : static_cast<int>(count);
  return static_cast<std::uint32_t>(
      ::syscall(SYS_futex, address, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, limit, nullptr, nullptr, 0));
}

/// Where the kernel finds the lower half of a 64-bit word.
inline const void* lower_half(const atomic<std::uint64_t>& word) noexcept {
  return reinterpret_cast<const unsigned char*>(&word) + (std::endian::native == std::endian::big ? 4 : 0);
}

}  // namespace detail

/// Sleeps while `word` is `expected`: until `futex_wake`, until `limit`, or spuriously. The comparison and
/// falling asleep are one step, so a thread that changes the word and then wakes cannot be missed. Gives no
/// ordering: load the word again to synchronise. A limit that has passed is noticed without sleeping.
inline futex_result futex_wait(const atomic<std::uint32_t>& word, std::uint32_t expected, deadline limit) {
  return detail::futex_wait(&word, expected, limit);
}

/// The same for the lower half of a 64-bit word; the upper half may change meanwhile.
inline futex_result futex_wait_lower_half(const atomic<std::uint64_t>& word, std::uint32_t expected,
                                          deadline limit) {
  return detail::futex_wait(detail::lower_half(word), expected, limit);
}

/// Wakes up to `count` threads that sleep on `word`, longest asleep first; returns how many there were.
inline std::uint32_t futex_wake(atomic<std::uint32_t>& word, std::uint32_t count) noexcept {
  return detail::futex_wake(&word, count);
}

/// The same for those that sleep on the lower half of a 64-bit word.
inline std::uint32_t futex_wake_lower_half(atomic<std::uint64_t>& word, std::uint32_t count) noexcept {
  return detail::futex_wake(const_cast<void*>(detail::lower_half(word)), count);
}

static_assert(sizeof(atomic<std::uint32_t>) == 4 && sizeof(atomic<std::uint64_t>) == 8,
              "the kernel looks at the word itself");

}  // namespace switchyard

#endif
