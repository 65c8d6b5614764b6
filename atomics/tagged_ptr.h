// A pointer and a 16-bit tag in one word, for compare-and-swap loops that must notice reuse.
#pragma once

#include <cassert>
#include <cstdint>

namespace switchyard {

/// `{pointer, tag}` in eight bytes; `atomic<tagged_ptr<T>>` is lock-free. A tag that goes up with every
/// change makes a stale compare-and-swap fail until the tag has come round, after 65,536 changes: it makes
/// the ABA problem rare, not impossible. Where that is not enough, use `double_word`.
///
/// Needs addresses of at most 48 bits, which is what Linux gives a process on x86-64 and AArch64 unless it
/// asks for more; a larger one is an assertion failure.
template <class T>
class tagged_ptr {
 public:
  constexpr tagged_ptr() noexcept = default;
  tagged_ptr(T* pointer, std::uint16_t tag) noexcept
      : word_(reinterpret_cast<std::uintptr_t>(pointer) | std::uint64_t{tag} << address_bits) {
    assert(reinterpret_cast<std::uintptr_t>(pointer) >> address_bits == 0 && "address wider than 48 bits");
  }

  T* pointer() const noexcept { return reinterpret_cast<T*>(word_ & address_mask); }
  std::uint16_t tag() const noexcept { return static_cast<std::uint16_t>(word_ >> address_bits); }

  /// `next` with the tag that follows this one's.
  tagged_ptr successor(T* next) const noexcept {
    return tagged_ptr(next, static_cast<std::uint16_t>(tag() + 1));
  }

  friend bool operator==(tagged_ptr, tagged_ptr) noexcept = default;

 private:
  static constexpr unsigned address_bits = 48;
  static constexpr std::uint64_t address_mask = (std::uint64_t{1} << address_bits) - 1;
  static_assert(sizeof(void*) == 8, "tagged_ptr keeps its tag in the upper bits of a 64-bit pointer");

  std::uint64_t word_ = 0;
};

}  // namespace switchyard
