// What the semaphores of both sides ask of their arguments, and what they throw.
#pragma once

#include <cstdint>
#include <limits>
#include <stdexcept>

namespace switchyard {

/// A `bounded_semaphore` was given back more often than it was taken.
class over_release : public std::logic_error {
 public:
  over_release() : std::logic_error("bounded_semaphore released more often than acquired") {}
};

namespace detail {

/// The most permits that a semaphore can have.
inline constexpr std::int64_t most_permits = std::numeric_limits<std::int32_t>::max();

/// `initial`, if a semaphore can begin with it; else throws std::invalid_argument.
inline std::uint32_t checked_permits(std::int64_t initial) {
  if (initial < 0) throw std::invalid_argument("a semaphore cannot begin with less than 0 permits");
  if (initial > most_permits) throw std::invalid_argument("a semaphore cannot have more than 2^31 - 1 permits");
  return static_cast<std::uint32_t>(initial);
}

/// The number of permits after `n` more: throws std::invalid_argument for less than 1, over_release where they
/// would be more than `bound`, and std::overflow_error where no semaphore could have as many.
inline std::uint32_t permits_after(std::uint32_t permits, std::int64_t n, std::int64_t bound) {
  if (n < 1) throw std::invalid_argument("a semaphore is released by at least 1");
  if (n <= bound - permits) return permits + static_cast<std::uint32_t>(n);
  if (bound < most_permits) throw over_release();
  throw std::overflow_error("a semaphore cannot have more than 2^31 - 1 permits");
}

}  // namespace detail

}  // namespace switchyard
