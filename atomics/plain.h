// Room for one object that is not atomic: what a structure's atomics hand from thread to thread.
#pragma once

#ifdef SWITCHYARD_MODEL
#include "switchyard/model/plain.h"
#else

#include <memory>
#include <type_traits>
#include <utility>

namespace switchyard {

/// Uninitialised storage for a T, whose accesses go through named members so that a checker can see them.
/// The owner keeps track of whether an object lives in it; neither constructor nor destructor touches one.
template <class T>
class plain {
 public:
  plain() noexcept {}
  plain(const plain&) = delete;
  plain& operator=(const plain&) = delete;
  ~plain() {}

  /// Builds the object from `args`. Nothing lives here if that throws.
  template <class... Args>
  T& construct(Args&&... args) noexcept(std::is_nothrow_constructible_v<T, Args...>) {
    return *std::construct_at(std::addressof(object_), std::forward<Args>(args)...);
  }

  /// The bytes here will be written by other means, by who does this; then, for a T that needs no constructor, they are
  /// an object from `adopt` on.
  void lend() noexcept
    requires std::is_trivially_copyable_v<T>
  {}
  T& adopt() noexcept
    requires std::is_trivially_copyable_v<T>
  {
    return object_;
  }

  /// Ends the object's life.
  void destroy() noexcept { std::destroy_at(std::addressof(object_)); }

  /// The object that lives here.
  T& write() noexcept { return object_; }
  const T& read() const noexcept { return object_; }

  /// Moves the object out and ends its life here, also when moving it throws.
  T take() noexcept(std::is_nothrow_move_constructible_v<T>) {
    struct at_exit {
      plain& slot;
      ~at_exit() { slot.destroy(); }
    } end{*this};
    return std::move(object_);
  }

 private:
  union {
    T object_;
  };
};

}  // namespace switchyard

#endif
