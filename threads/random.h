// Random numbers for choosing where to go, from a generator of each thread.
//
// Source: Marsaglia, "Xorshift RNGs" (2003).
// When: spreading threads over places, and heights in skip lists. Not where anybody might guess them on purpose.
// Progress: wait-free.
// Ordering: none.
// Cost: a nanosecond, and eight bytes a thread.
//
//   auto& mine = places[below(places.size(), random_number())];
#pragma once

#include <cstddef>
#include <cstdint>

#include "switchyard/atomics/atomic.h"
#include "switchyard/atomics/of_this_thread.h"

namespace switchyard {

namespace detail {

struct random_state {
  std::uint64_t value = 0;
};

/// Another seed for each thread. In the model, always the same.
[[gnu::noinline]] inline std::uint64_t random_seed() noexcept {
#ifdef SWITCHYARD_MODEL
  return 0x9e3779b97f4a7c15;
#else
  static constinit atomic<std::uint64_t> threads{0};
  return (threads.fetch_add(1, memory_order_relaxed) + 1) * 0x9e3779b97f4a7c15;  // odd multiples: never 0
#endif
}

}  // namespace detail

/// 64 random bits, of which the upper ones are the better.
inline std::uint64_t random_number() noexcept {
  std::uint64_t& state = of_this_thread<detail::random_state>().value;
  if (state == 0) [[unlikely]] state = detail::random_seed();
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return state;
}

/// A number below `count`, all about equally likely, from the upper 32 of the bits.
inline std::size_t below(std::size_t count, std::uint64_t bits) noexcept {
  return static_cast<std::size_t>((bits >> 32) * static_cast<std::uint64_t>(count) >> 32);
}

}  // namespace switchyard
