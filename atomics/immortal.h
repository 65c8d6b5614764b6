// Objects that are never destroyed.
#pragma once

#include <utility>

#ifdef SWITCHYARD_MODEL
#include "switchyard/model/engine.h"
#endif

namespace switchyard {

/// A new T that lives as long as the program, also while static objects are destroyed and threads end. Whoever
/// keeps it reachable, from a static object, keeps leak checkers content. In the model checker, where an execution
/// is a program, the last thread to end destroys it. Throws what operator new and the constructor throw.
#ifndef SWITCHYARD_MODEL

template <class T, class... Args>
T* make_immortal(Args&&... args) {
  return new T(std::forward<Args>(args)...);
}

#else

inline namespace modelled {

template <class T, class... Args>
T* make_immortal(Args&&... args) {
  T* const made = new T(std::forward<Args>(args)...);
  if (model::detail::active()) model::detail::at_end(made, [](void* object) { delete static_cast<T*>(object); });
  return made;
}

}  // namespace modelled

#endif

}  // namespace switchyard
