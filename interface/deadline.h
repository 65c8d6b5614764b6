// A point in time to give up at, or never: the one argument of every timed wait in this project.
#pragma once

#include <chrono>
#include <cstdint>
#include <type_traits>

#ifdef SWITCHYARD_MODEL
#include "switchyard/model/engine.h"
#endif

namespace switchyard {

/// A moment on the steady clock after which a wait gives up, or `never()`.
///
/// Converts from any `time_point`, so that `try_pop_until(system_clock::now() + 1s)` works. A moment on
/// another clock is translated once, when the deadline is made: setting the system clock back while a
/// thread waits does not make it wait longer. Times too far away to represent count as never.
class deadline {
 public:
  using clock = std::chrono::steady_clock;

  /// The moment that does not come.
  static constexpr deadline never() noexcept { return deadline(); }

  /// `wait` from now. A negative or zero `wait` has already passed.
  template <class Rep, class Period>
  static deadline after(const std::chrono::duration<Rep, Period>& wait) {
    const clock::time_point now = deadline::now();
    if (wait <= wait.zero()) return deadline(now);
    if (seconds(wait) >= seconds(clock::time_point::max() - now) - margin) return never();
    return deadline(now + std::chrono::ceil<clock::duration>(wait));
  }

  /// The moment `when`, on any clock.
  template <class Clock, class Duration>
  deadline(const std::chrono::time_point<Clock, Duration>& when)  // a conversion by design
      : deadline(on_steady_clock(when)) {}

  /// The moment `when`, exactly.
  constexpr deadline(clock::time_point when) noexcept : when_(when) {}  // a conversion by design

  constexpr bool is_never() const noexcept { return when_ == clock::time_point::max(); }

  /// True from the moment on; reads the clock unless the deadline is never.
  bool has_passed() const noexcept { return !is_never() && now() >= when_; }

  /// The moment; `time_point::max()` for never.
  constexpr clock::time_point when() const noexcept { return when_; }

 private:
  // Times are first compared in floating point, where hours::max() does not overflow; the margin is far
  // above the rounding.
  using seconds = std::chrono::duration<double>;
  static constexpr seconds margin = std::chrono::years(1);

  static clock::time_point now() noexcept {
#ifdef SWITCHYARD_MODEL
    if (model::detail::active()) return model::detail::now();
#endif
    return clock::now();
  }

  constexpr deadline() noexcept : when_(clock::time_point::max()) {}

  template <class Clock, class Duration>
  static deadline on_steady_clock(const std::chrono::time_point<Clock, Duration>& when) {
    const auto now = Clock::now();
    const seconds wait = seconds(when.time_since_epoch()) - seconds(now.time_since_epoch());
    if (wait < -margin) return after(clock::duration::zero());
    // Years away, a second does not matter; later, rather than early.
    if (wait > margin) return after(wait + seconds(1));
    // Close together, both fit 64 bits in the finer of their units, and so does the difference.
    using rep = std::common_type_t<typename Duration::rep, std::int64_t>;
    using units = std::common_type_t<std::chrono::duration<rep, typename Duration::period>,
                                     std::chrono::duration<rep, typename Clock::duration::period>>;
    return after(units(when.time_since_epoch()) - units(now.time_since_epoch()));
  }

  clock::time_point when_;
};

}  // namespace switchyard
