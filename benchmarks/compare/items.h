// What goes through the queues of the workloads that have no text: elements of a given size that can be told apart.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace switchyard::compare {

/// The sizes that there are elements of, in bytes. Each is an element type of its own, and every queue is compiled for it.
inline constexpr std::array<std::size_t, 3> item_sizes = {8, 64, 256};

/// The `sequence`-th element of a producer, with as much behind it as makes `Size` bytes, which is written before it is
/// pushed and read after it was popped, as a program would.
template <std::size_t Size>
struct item {
  static_assert(Size % sizeof(std::uint64_t) == 0 && Size != 0);
  static constexpr int sequence_bits = 48;

  std::uint64_t words[Size / sizeof(std::uint64_t)];

  static item make(std::uint64_t producer, std::uint64_t sequence) noexcept {
    item made;
    const std::uint64_t first = producer << sequence_bits | sequence;
    for (std::uint64_t i = 0; i < Size / sizeof(std::uint64_t); ++i) made.words[i] = first + i;
    return made;
  }

  std::uint64_t producer() const noexcept { return words[0] >> sequence_bits; }
  std::uint64_t sequence() const noexcept { return words[0] & ((std::uint64_t{1} << sequence_bits) - 1); }

  /// False if some of it is from another element.
  bool is_whole() const noexcept {
    std::uint64_t differences = 0;
    for (std::uint64_t i = 0; i < Size / sizeof(std::uint64_t); ++i) differences |= words[i] ^ (words[0] + i);
    return differences == 0;
  }
};

/// Different for different elements; so that sums of these tell whether two sets of elements are the same.
template <std::size_t Size>
std::uint64_t fingerprint(const item<Size>& of) noexcept {
  std::uint64_t mixed = of.words[0] * 0x9e3779b97f4a7c15u;  // 2^64 divided by the golden ratio
  mixed ^= mixed >> 32;
  return mixed * mixed | 1;
}

}  // namespace switchyard::compare
