// The constants for cache lines, and the one way to keep clear of false sharing.
#pragma once

#include <cstddef>
#include <memory>
#include <utility>

namespace switchyard {

/// The bytes that move between processors together.
inline constexpr std::size_t line_size = 64;

/// Objects this many bytes apart do not slow each other down: two lines of 64, since processors fetch
/// lines in pairs.
inline constexpr std::size_t cache_padding = 128;

/// A T that shares its cache lines with nothing else.
template <class T>
struct alignas(cache_padding) cache_padded {
  T value{};

  cache_padded() = default;
  template <class... Args>
  explicit cache_padded(std::in_place_t, Args&&... args) : value(std::forward<Args>(args)...) {}

  T& operator*() noexcept { return value; }
  const T& operator*() const noexcept { return value; }
  T* operator->() noexcept { return std::addressof(value); }
  const T* operator->() const noexcept { return std::addressof(value); }
};

}  // namespace switchyard
