// A pair of fences where one side is nearly free because the other pays for both.
//
// Source: Linux membarrier(2); the interface follows WG21 P1202, "Asymmetric Fences".
//
// Use them for a store followed by a load on a hot path (announce, then look) against the same on a path
// that is rarely taken. If the hot side runs `asymmetric_fence_light()` between its store and its load, and
// the rare side runs `asymmetric_fence_heavy()` between its own, then at least one of the two sees the
// other's store, as with two seq_cst fences.
#pragma once

#ifdef SWITCHYARD_MODEL
#include "switchyard/model/asymmetric_fence.h"
#else

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "switchyard/atomics/atomic.h"

namespace switchyard {

namespace detail {

/// Whether the kernel runs barriers on our behalf. False until the process has asked, and for ever where
/// the kernel refuses; both fences are full ones then.
inline constinit atomic<bool> membarrier_ready{false};

/// Asks the kernel, the first time; returns whether it agreed.
inline bool register_membarrier() noexcept {
  static const bool registered = [] {
    const bool agreed = ::syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0;
    membarrier_ready.store(agreed, memory_order_relaxed);
    return agreed;
  }();
  return registered;
}

/// Asks before main, so that the hot side is cheap from the start.
inline const bool membarrier_asked = register_membarrier();

/// For tests: with false, both fences are full ones, as on a kernel without membarrier. Call it while no
/// other thread uses the fences, before what is to be tested is built.
inline void use_membarrier(bool use) noexcept {
  membarrier_ready.store(register_membarrier() && use, memory_order_relaxed);
}

}  // namespace detail

/// The hot side: a compiler barrier and one load of a constant, where the kernel has membarrier; a full
/// fence elsewhere. Wait-free.
[[gnu::always_inline]] inline void asymmetric_fence_light() noexcept {
  if (detail::membarrier_ready.load(memory_order_relaxed)) [[likely]] {
    atomic_signal_fence(memory_order_seq_cst);
  } else {
    atomic_thread_fence(memory_order_seq_cst);
  }
}

/// Whether the hot side is just a compiler barrier, as it is where the kernel has membarrier: for objects that then use
/// `asymmetric_fence_lightest`, and go another way, with `asymmetric_fence_light`, until they have asked and where it is not.
inline bool asymmetric_fence_is_light() noexcept {
  return detail::register_membarrier() && detail::membarrier_ready.load(memory_order_relaxed);
}

/// True where there is no need to ask.
inline constexpr bool asymmetric_fence_is_always_light = false;

/// The hot side of who has asked, and was told so: without that load. Wait-free.
[[gnu::always_inline]] inline void asymmetric_fence_lightest() noexcept { atomic_signal_fence(memory_order_seq_cst); }

/// The rare side: makes every running thread of the process execute a full fence; about a microsecond, one
/// system call. A full fence alone where the kernel has no membarrier.
inline void asymmetric_fence_heavy() noexcept {
  atomic_thread_fence(memory_order_seq_cst);
  if (asymmetric_fence_is_light()) {
    ::syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
  }
  atomic_thread_fence(memory_order_seq_cst);
}

}  // namespace switchyard

#endif
