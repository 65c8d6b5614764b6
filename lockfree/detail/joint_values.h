// What a word of `synchronized` stands for: a small value itself, or a snapshot of a larger one elsewhere.
//
// Source: our own.
// When: not for users, who name `synchronized`.
// Progress: lock-free, apart from the allocator.
// Ordering: that of the word.
// Cost: nothing for a value in the word; a block of memory for each new value otherwise, freed when nobody can be
//   looking at it any more.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <new>
#include <type_traits>
#include <utility>

#include "switchyard/atomics/plain.h"
#include "switchyard/lockfree/detail/joint_words.h"
#include "switchyard/lockfree/detail/shared_block.h"
#include "switchyard/lockfree/detail/words.h"

namespace switchyard::lockfree::detail {

/// A T in the word itself.
template <class T>
struct value_in_word {
  /// A value that is not in its word yet.
  class draft {
   public:
    template <class Allocator, class... Args>
    explicit draft(const Allocator&, std::in_place_t, Args&&... args) : value_(std::forward<Args>(args)...) {}
    /// A copy of what `bits` stand for.
    template <class Allocator>
    draft(const Allocator&, std::uint64_t bits) noexcept : value_(from_word<T>(bits)) {}

    T& value() noexcept { return value_; }
    std::uint64_t bits() const noexcept { return to_word(value_); }
    void has_become() noexcept {}
    void has_replaced(std::uint64_t) noexcept {}

   private:
    T value_;
  };

  static void free(std::uint64_t) noexcept {}
};

/// A T in a block that the word points to, and that never changes.
template <class T, class Allocator, class Means>
class value_in_block {
  struct snapshot {
    template <class... Args>
    explicit snapshot(Args&&... args) {
      value.construct(std::forward<Args>(args)...);
    }
    snapshot(const snapshot&) = delete;
    snapshot& operator=(const snapshot&) = delete;
    ~snapshot() { value.destroy(); }
    plain<T> value;
  };
  using block = shared_block<snapshot, Allocator, Means>;
  static block& block_of(std::uint64_t bits) noexcept { return *reinterpret_cast<block*>(bits); }

 public:
  /// For who is in a section, where the bits were found.
  static const T& look(std::uint64_t bits) noexcept { return block_of(bits).content.value.read(); }

  class draft {
   public:
    template <class... Args>
    explicit draft(const Allocator& allocator, std::in_place_t, Args&&... args)
        : block_(block::make(allocator, std::forward<Args>(args)...)) {}
    draft(const Allocator& allocator, std::uint64_t bits) : block_(block::make(allocator, look(bits))) {}
    draft(draft&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}
    draft& operator=(draft&&) = delete;
    ~draft() {
      if (block_ != nullptr) block_->free();
    }

    T& value() noexcept { return block_->content.value.write(); }
    std::uint64_t bits() const noexcept { return reinterpret_cast<std::uintptr_t>(block_); }
    /// It is the word's now.
    void has_become() noexcept { block_ = nullptr; }
    /// And in the place of what `old` stands for.
    void has_replaced(std::uint64_t old) noexcept {
      has_become();
      block_of(old).give_up();
    }

   private:
    block* block_;
  };

  /// Nobody else can be looking.
  static void free(std::uint64_t bits) noexcept { block_of(bits).free(); }
};

template <class T, class Allocator, class Means>
using joint_value = typename std::conditional_t<fits_word<T>, std::type_identity<value_in_word<T>>,
                                                std::type_identity<value_in_block<T, Allocator, Means>>>::type;

}  // namespace switchyard::lockfree::detail
