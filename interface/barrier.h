// What the barriers of both sides ask of their arguments, and what they throw.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>

namespace switchyard {

/// A wait on a barrier has ended, or has been refused, without all parties having come: one of them gave up, or its
/// action threw, or the barrier was aborted or reset.
class broken_barrier : public std::runtime_error {
 public:
  broken_barrier() : std::runtime_error("the barrier is broken") {}
  explicit broken_barrier(const char* why) : std::runtime_error(why) {}
};

namespace detail {

/// The most parties that a barrier can have.
inline constexpr std::int64_t most_parties = (std::int64_t{1} << 20) - 1;

/// `parties`, if a barrier can have as many; else throws std::invalid_argument.
inline std::size_t checked_parties(std::int64_t parties) {
  if (parties < 1) throw std::invalid_argument("a barrier needs at least 1 party");
  if (parties > most_parties) throw std::invalid_argument("a barrier cannot have more than 2^20 - 1 parties");
  return static_cast<std::size_t>(parties);
}

/// The time limit of waits that name none: nothing for more than a hundred years. Throws std::invalid_argument for less
/// than 0.
template <class Rep, class Period>
std::optional<std::chrono::nanoseconds> checked_wait_limit(const std::chrono::duration<Rep, Period>& limit) {
  if (limit < limit.zero()) throw std::invalid_argument("the time limit of a barrier cannot be negative");
  if (std::chrono::duration<double>(limit) > std::chrono::years(100)) return std::nullopt;
  return std::chrono::ceil<std::chrono::nanoseconds>(limit);
}

inline constexpr const char* gave_up_waiting = "the barrier is broken: a time limit passed, or a stop was requested, "
                                               "before all parties had come";

}  // namespace detail

}  // namespace switchyard
