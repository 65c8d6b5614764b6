// The concept of a counter that many threads add to.
#pragma once

#include <concepts>
#include <cstdint>

namespace switchyard {

/// A 64-bit signed counter that wraps on overflow. No addition is ever lost: the sum of what `exchange`
/// returned and of what `load` returns at rest equals the sum of what was added and exchanged in.
template <class C>
concept concurrent_counter = requires(C& counter, const C& constant, std::int64_t n) {
  { counter.add(n) } -> std::same_as<void>;
  { counter.increment() } -> std::same_as<void>;
  { constant.load() } -> std::same_as<std::int64_t>;
  { counter.exchange(n) } -> std::same_as<std::int64_t>;
};

}  // namespace switchyard
