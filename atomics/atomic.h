// The seam: the one place in this project that names std::atomic.
//
// Everything that threads share goes through the names below, through `plain<T>`, through the futex and
// through the asymmetric fences. Here they are the standard's own and cost nothing. Where SWITCHYARD_MODEL is
// defined they are the model checker's, which sees every access and runs it in every way that C++ allows; where
// SWITCHYARD_CHAOS is, the standard's with random delays.
#pragma once

#ifdef SWITCHYARD_MODEL
#include "switchyard/model/atomic.h"
#else

#include <atomic>
#include <thread>

namespace switchyard {

#ifndef SWITCHYARD_CHAOS
template <class T>
using atomic = std::atomic<T>;

using std::atomic_signal_fence;
using std::atomic_thread_fence;
#endif
using std::memory_order;
using std::memory_order_acq_rel;
using std::memory_order_acquire;
using std::memory_order_relaxed;
using std::memory_order_release;
using std::memory_order_seq_cst;

/// Tells the processor that this thread is waiting for another: a few nanoseconds, no system call.
inline void spin_pause() noexcept {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("isb" ::: "memory");
#endif
}

/// Offers the processor to another thread that is ready to run: one system call.
inline void yield() noexcept { std::this_thread::yield(); }

}  // namespace switchyard

#ifdef SWITCHYARD_CHAOS
#include "switchyard/atomics/chaos.h"
#endif

#endif
