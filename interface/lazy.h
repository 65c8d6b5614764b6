// What both sides' `lazy` have in common: how the value is made when no other way is given, and a named error.
#pragma once

#include <stdexcept>

namespace switchyard {

/// The factory of a `lazy<T>` that is given none.
template <class T>
struct make_default {
  T operator()() const { return T(); }
};

/// The factory of a `lazy` has asked for the very value that it is about to make.
struct recursive_lazy : std::logic_error {
  using logic_error::logic_error;
};

}  // namespace switchyard
