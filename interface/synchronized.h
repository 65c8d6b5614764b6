// What both sides' `synchronized` and `update` have in common: a named error, and how their arguments are told apart.
#pragma once

#include <cstddef>
#include <stdexcept>
#include <tuple>
#include <type_traits>
#include <utility>

namespace switchyard {

/// An `update` of several names one of them twice.
struct same_object_twice : std::invalid_argument {
  using invalid_argument::invalid_argument;
};

namespace detail {

/// Calls `call(last, others...)`.
template <class Call, class... Arguments>
auto with_last_first(Call&& call, std::tuple<Arguments&...> all) {
  return [&]<std::size_t... I>(std::index_sequence<I...>) {
    return call(std::get<sizeof...(I)>(all), std::get<I>(all)...);
  }(std::make_index_sequence<sizeof...(Arguments) - 1>());
}

/// Whether all but the last of `Arguments` have what `Is` asks, and there is at least one of them.
template <template <class> class Is, class... Arguments>
inline constexpr bool all_but_last = [] {
  constexpr bool each[] = {Is<Arguments>::value..., false};
  for (std::size_t i = 0; i + 1 < sizeof...(Arguments); ++i) {
    if (!each[i]) return false;
  }
  return sizeof...(Arguments) > 1;
}();

}  // namespace detail
}  // namespace switchyard
