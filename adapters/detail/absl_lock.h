// Holding an absl::Mutex given by reference, as std::unique_lock holds a std::mutex.
#pragma once

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace switchyard::adapters::detail {

/// From its construction to the end of its block.
class ABSL_SCOPED_LOCKABLE absl_lock {
 public:
  explicit absl_lock(absl::Mutex& held) ABSL_EXCLUSIVE_LOCK_FUNCTION(held) : held_(held) { held_.Lock(); }
  ~absl_lock() ABSL_UNLOCK_FUNCTION() { held_.Unlock(); }
  absl_lock(const absl_lock&) = delete;
  absl_lock& operator=(const absl_lock&) = delete;

  /// For absl::CondVar.
  absl::Mutex* mutex() noexcept { return &held_; }

 private:
  absl::Mutex& held_;
};

}  // namespace switchyard::adapters::detail
