// What a thread does between two tries: a little after a lost race, more and more while it must wait.
#pragma once

#include "switchyard/atomics/atomic.h"

namespace switchyard {

/// One object per operation. The two verbs are for two situations:
///
/// - `lost_race()`: a compare-and-swap failed because another thread succeeded. The system as a whole moved
///   on, so a short pause that doubles is all it takes to step aside. Never a system call.
/// - `wait()`: nothing can succeed until another thread does something. Pauses that double first, in case
///   that thread is running, then a few yields, in case it wants this processor. Once `should_park()`, it
///   is cheaper to sleep; a caller that cannot sleep may go on calling `wait()`, which then yields.
class backoff {
 public:
  void lost_race() noexcept {
    pause(step_ < max_pause_step ? step_++ : max_pause_step);
  }

  void wait() noexcept {
    if (step_ <= max_pause_step) {
      pause(step_++);
    } else {
      if (!should_park()) ++step_;
      yield();
    }
  }

  bool should_park() const noexcept { return step_ > max_pause_step + max_yields; }

 private:
#ifdef SWITCHYARD_MODEL
  static constexpr unsigned max_pause_step = 0;
  static constexpr unsigned max_yields = 0;
#else
  static constexpr unsigned max_pause_step = 6;  // 64 pauses: about a microsecond
  static constexpr unsigned max_yields = 4;
#endif

  static void pause(unsigned step) noexcept {
    for (unsigned i = 0; i < (1U << step); ++i) spin_pause();
  }

  unsigned step_ = 0;
};

}  // namespace switchyard
