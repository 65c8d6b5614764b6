// A permit of a semaphore, from the construction of this object to the end of its block: Python's `with semaphore:`.
//
// Source: std::lock_guard, for semaphores.
// When: wherever what comes between `acquire` and `release` may throw or return. Not where another thread releases.
// Progress, ordering, cost: those of `acquire` and `release`.
//
//   { permit hold(slots);  use_one_of_them(); }
#pragma once

#include <mutex>

namespace switchyard {

/// `Semaphore`: of either side, or std::counting_semaphore.
template <class Semaphore>
class [[nodiscard]] permit {
 public:
  /// Waits for a permit and takes it. Throws what `acquire` throws.
  explicit permit(Semaphore& of) : of_(of) { of_.acquire(); }
  /// One that has been taken already, such as by `try_acquire_for`.
  permit(Semaphore& of, std::adopt_lock_t) noexcept : of_(of) {}
  permit(const permit&) = delete;
  permit& operator=(const permit&) = delete;
  /// Gives it back. The program ends if a bounded semaphore refuses it, as somebody has released what was not his.
  ~permit() { of_.release(); }

 private:
  Semaphore& of_;
};

}  // namespace switchyard
