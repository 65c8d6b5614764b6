// An object of each thread, by its type.
#pragma once

#ifdef SWITCHYARD_MODEL
#include <type_traits>

#include "switchyard/model/engine.h"
#endif

namespace switchyard {

/// The calling thread's own `T`: default-constructed when it is first asked for, destroyed when the thread ends (in
/// a thread whose end has come to it already, when nothing more is to follow). If T has a constant initialiser and
/// no destructor this is an address and no more, also while the thread ends.
#ifndef SWITCHYARD_MODEL

template <class T>
T& of_this_thread() {
  static thread_local T object;
  return object;
}

#else

inline namespace modelled {

template <class T>
T& of_this_thread() {
  static constexpr char key = 0;
  if (!model::detail::active()) {
    static thread_local T outside;
    return outside;
  }
  if (void* const found = model::detail::find_thread_local(&key)) return *static_cast<T*>(found);
  T* const made = new T;
  model::detail::add_thread_local(&key, made, [](void* object) { delete static_cast<T*>(object); },
                                  std::is_trivially_destructible_v<T>);
  return *made;
}

}  // namespace modelled

#endif

}  // namespace switchyard
