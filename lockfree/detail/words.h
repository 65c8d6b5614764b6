// Small values as 64-bit words.
//
// Source: our own.
// When: not for users. For structures whose atomics are words, and that keep an element in one if it fits.
// Cost: nothing, once compiled.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <type_traits>

namespace switchyard::lockfree::detail {

template <class T>
inline constexpr bool fits_word = std::is_trivially_copyable_v<T> && sizeof(T) <= sizeof(std::uint64_t);

/// The bytes of `value`, and then zeros.
template <class T>
  requires fits_word<T>
std::uint64_t to_word(const T& value) noexcept {
  std::uint64_t word = 0;
  std::memcpy(&word, std::addressof(value), sizeof(T));
  return word;
}

template <class T>
  requires fits_word<T>
T from_word(std::uint64_t word) noexcept {
  std::array<std::byte, sizeof(T)> bytes;
  std::memcpy(bytes.data(), &word, sizeof(T));
  return std::bit_cast<T>(bytes);
}

}  // namespace switchyard::lockfree::detail
