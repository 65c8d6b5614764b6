// Asking for a cache line before it is needed.
#pragma once

namespace switchyard {

/// Asks for the line at `address` with the right to write it, and does not wait for it. Never faults, and means
/// nothing to the program: the address may be of anything, or of nothing.
///
/// Not what g++ makes of __builtin_prefetch for writing unless told that the processor has the instruction: that
/// fetches a copy, and the write has to go round once more for the right. Every x86-64 processor that can compare and
/// swap sixteen bytes executes it, or takes it for a nop.
inline void prefetch_for_write([[maybe_unused]] const void* address) noexcept {
#if defined(SWITCHYARD_MODEL)
  // Nothing that a program could see.
#elif defined(__x86_64__)
  asm volatile("prefetchw (%0)" : : "r"(address));
#else
  __builtin_prefetch(address, 1);
#endif
}

}  // namespace switchyard
