// What the queues with reserve and peek, on both sides, have in common: how long their spans can be, and the parts of
// their members.
#pragma once

#include <cstddef>
#include <cstdint>
#include <stdexcept>

namespace switchyard {

/// A hand-over moves one cache line, and a span is what fits in that: 56 bytes, or one element if it is larger.
struct short_spans {
  static constexpr std::size_t bytes = 64;
};

/// A span is up to 4088 bytes, or one element if it is larger; an element that is handed over alone may move two cache
/// lines.
struct long_spans {
  static constexpr std::size_t bytes = 4096;
};

namespace detail {

/// To push from, by `try_push_n`: the elements are in their places already.
struct already_there {
  already_there operator*() const noexcept { return {}; }
  already_there& operator++() noexcept { return *this; }
};

/// To pop to, by `try_pop_n`: the elements have been used where they were.
struct nowhere {
  nowhere& operator*() noexcept { return *this; }
  nowhere& operator++() noexcept { return *this; }
  template <class T>
  nowhere& operator=(T&&) noexcept {
    return *this;
  }
};

/// The `count` places or elements, number `from` and those that follow, that have been handed out as a span. They are so
/// no longer once number `from` has been pushed or popped otherwise.
struct handed_out {
  std::uint64_t from = 0;
  std::size_t count = 0;

  /// Throws std::invalid_argument, with the reason, if they are fewer than `n` by now, where number `now` is next.
  void check(std::size_t n, std::uint64_t now, const char* reason) const {
    if (n > (now == from ? count : 0)) throw std::invalid_argument(reason);
  }

  /// The first `n` have gone.
  void remove(std::size_t n) noexcept {
    from += n;
    count -= n;
  }
};

inline constexpr const char* too_many_committed = "switchyard: commit of more elements than are reserved";
inline constexpr const char* too_many_consumed = "switchyard: consume of more elements than have been peeked at";

}  // namespace detail
}  // namespace switchyard
