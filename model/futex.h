// The futex and the time that goes with it as the model checker has them. See `atomics/futex.h`.
//
// A sleeper may wake for nothing, and a deadline passes whenever the schedule says so. A thread asleep with no
// other left to wake it is a deadlock.
#pragma once

#include <cstdint>

#include "switchyard/interface/deadline.h"
#include "switchyard/model/atomic.h"
#include "switchyard/model/engine.h"
#include "switchyard/model/where.h"

namespace switchyard {

enum class futex_result { woken, timed_out };

inline namespace modelled {

inline futex_result sleep_on(const void* word, std::uint32_t expected, deadline limit, model::where at) {
  const auto when = limit.is_never() ? model::detail::time_point::max() : limit.when();
  return model::detail::futex_wait(word, expected, false, when, at) == model::detail::wait_result::woken
             ? futex_result::woken
             : futex_result::timed_out;
}

inline futex_result futex_wait(const atomic<std::uint32_t>& word, std::uint32_t expected, deadline limit,
                               model::where at = model::where::current()) {
  return sleep_on(&word, expected, limit, at);
}
inline futex_result futex_wait_lower_half(const atomic<std::uint64_t>& word, std::uint32_t expected, deadline limit,
                                          model::where at = model::where::current()) {
  return sleep_on(&word, expected, limit, at);
}
inline std::uint32_t futex_wake(atomic<std::uint32_t>& word, std::uint32_t count,
                                model::where at = model::where::current()) noexcept {
  return model::detail::active() ? model::detail::futex_wake(&word, count, at) : 0;  // outside nobody sleeps
}
inline std::uint32_t futex_wake_lower_half(atomic<std::uint64_t>& word, std::uint32_t count,
                                           model::where at = model::where::current()) noexcept {
  return model::detail::active() ? model::detail::futex_wake(&word, count, at) : 0;  // outside nobody sleeps
}

}  // namespace modelled
}  // namespace switchyard
