// `switchyard::double_word` as the model checker has it. See `atomics/double_word.h`.
//
// One object whose stores are of both words, but of which a thread may have seen a newer first word than second
// word, and the other way round, as two loads of one processor may be.
#pragma once

#include <cstdint>

#include "switchyard/model/atomic.h"
#include "switchyard/model/engine.h"
#include "switchyard/model/where.h"

namespace switchyard {
inline namespace modelled {

class alignas(16) double_word {
  using where = model::where;
  using part = model::detail::part;

 public:
  struct words {
    std::uint64_t first = 0;
    std::uint64_t second = 0;
    friend bool operator==(const words&, const words&) noexcept = default;
  };

  double_word() noexcept : double_word(words{}) {}
  explicit double_word(words initial) noexcept { initialize(initial); }
  double_word(const double_word&) = delete;
  double_word& operator=(const double_word&) = delete;

  std::uint64_t load_first(memory_order order, where at = where::current()) const noexcept {
    return model::detail::active() ? model::detail::load(this, 16, part::first, order, at).low : value_.low;
  }
  std::uint64_t load_second(memory_order order, where at = where::current()) const noexcept {
    return model::detail::active() ? model::detail::load(this, 16, part::second, order, at).high : value_.high;
  }
  void initialize(words value) noexcept {
    value_ = {value.first, value.second};
    if (model::detail::active()) model::detail::construct(this, 16, value_, true);
  }
  bool compare_exchange(words& expected, words desired, memory_order success, memory_order failure,
                        where at = where::current()) noexcept {
    return compare_exchange(expected, desired, part::all, success, failure, at);
  }
  bool compare_exchange_first(std::uint64_t& expected, std::uint64_t desired, memory_order success, memory_order failure,
                              where at = where::current()) noexcept {
    words seen{expected, 0};
    const bool done = compare_exchange(seen, {desired, 0}, part::first, success, failure, at);
    expected = seen.first;
    return done;
  }

 private:
  bool compare_exchange(words& expected, words desired, part which, memory_order success, memory_order failure,
                        where at) noexcept {
    model::detail::bits seen{expected.first, expected.second};
    bool done;
    if (model::detail::active()) {
      done = model::detail::compare_exchange(this, 16, seen, {desired.first, desired.second}, true, which, false, success,
                                             failure, at);
    } else {
      done = which == part::first ? value_.low == seen.low : value_ == seen;
      if (done) value_ = {desired.first, which == part::first ? value_.high : desired.second};
      seen = value_;
    }
    if (!done) expected = {seen.low, seen.high};
    return done;
  }

  model::detail::bits value_;
};

}  // namespace modelled
}  // namespace switchyard
