// The core of a future with the function of a thread pool's task in it: one allocation for both.
//
// Source: our own.
// When: inside the thread pools.
// Progress: that of `future_core.h`; whoever runs it does what the function does.
// Ordering: the function is destroyed before anybody can see that the future is ready.
#pragma once

#include <exception>
#include <functional>
#include <utility>

#include "switchyard/atomics/plain.h"
#include "switchyard/threads/detail/future_core.h"
#include "switchyard/threads/detail/future_value.h"
#include "switchyard/threads/detail/wait_for_futures.h"

namespace switchyard::detail {

/// The core of a submitted function, with the function in it. Whoever starts it, or cancels it, has the function alone.
template <class R, class F>
class pool_task final : public future_core_of<R> {
 public:
  template <class G>
  pool_task(const void* home, G&& f) : future_core_of<R>(2, home) {
    f_.construct(std::forward<G>(f));
  }

  bool run() noexcept override {
    if (!this->start()) return false;
    std::exception_ptr thrown;
    const bool has_value = call(thrown);
    f_.destroy();  // before anybody can see that it is over
    has_value ? this->complete(future_core::value) : this->complete_with(std::move(thrown));
    return true;
  }
  void give_up(const std::exception_ptr& why) noexcept override {
    if (why == nullptr) {
      this->cancel();
    } else if (this->start()) {
      f_.destroy();
      this->complete_with(why);
    }
  }

 private:
  bool call(std::exception_ptr& thrown) noexcept {
    const running_task here(*this);
    return keep_result(*this, thrown, [this]() -> R { return std::invoke(std::move(f_.write())); });
  }
  void drop_work() noexcept override { f_.destroy(); }

  plain<F> f_;
};

}  // namespace switchyard::detail
