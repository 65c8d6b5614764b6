// `switchyard::plain` as the model checker has it: every access is looked at for races. See `atomics/plain.h`.
#pragma once

#include <memory>
#include <type_traits>
#include <utility>

#include "switchyard/model/engine.h"
#include "switchyard/model/where.h"

namespace switchyard {
inline namespace modelled {

template <class T>
class plain {
  using kind = model::detail::slot_access;
  using where = model::where;

 public:
  plain() noexcept { look(kind::create, where{}); }
  plain(const plain&) = delete;
  plain& operator=(const plain&) = delete;
  ~plain() {}

  template <class... Args>
  T& construct(Args&&... args) noexcept(std::is_nothrow_constructible_v<T, Args...>) {
    T& object = *std::construct_at(std::addressof(object_), std::forward<Args>(args)...);
    look(kind::construct, where{});
    return object;
  }
  void lend(where at = where::current()) noexcept
    requires std::is_trivially_copyable_v<T>
  {
    look(kind::construct, at);
    look(kind::destroy, at);
  }
  T& adopt(where at = where::current()) noexcept
    requires std::is_trivially_copyable_v<T>
  {
    look(kind::construct, at);
    return object_;
  }
  void destroy(where at = where::current()) noexcept {
    look(kind::destroy, at);
    std::destroy_at(std::addressof(object_));
  }
  T& write(where at = where::current()) noexcept {
    look(kind::write, at);
    return object_;
  }
  const T& read(where at = where::current()) const noexcept {
    look(kind::read, at);
    return object_;
  }
  T take(where at = where::current()) noexcept(std::is_nothrow_move_constructible_v<T>) {
    struct at_exit {
      plain& slot;
      where at;
      ~at_exit() { slot.destroy(at); }
    } end{*this, at};
    look(kind::write, at);
    return std::move(object_);
  }

 private:
  void look(kind what, where at) const noexcept {
    if (model::detail::active()) model::detail::access(this, what, at);
  }

  union {
    T object_;
  };
};

}  // namespace modelled
}  // namespace switchyard
