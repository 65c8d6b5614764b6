// Telling ThreadSanitizer of an order that it cannot see for itself.
//
// It does not follow atomic_thread_fence, on which other libraries hand their elements over. In every other
// build these functions are empty.
#pragma once

#if defined(__SANITIZE_THREAD__)
#define SWITCHYARD_DETAIL_TSAN
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define SWITCHYARD_DETAIL_TSAN
#endif
#endif

#ifdef SWITCHYARD_DETAIL_TSAN
#undef SWITCHYARD_DETAIL_TSAN

extern "C" void __tsan_acquire(void* address);
extern "C" void __tsan_release(void* address);

namespace switchyard::adapters::detail {
/// What threads did before they handed `place` over happened before this.
inline void taken_over(void* place) noexcept {
  __tsan_acquire(place);
}
/// What this thread has done so far happened before whatever the next one at `place` does.
inline void handed_over(void* place) noexcept {
  __tsan_release(place);
}
}  // namespace switchyard::adapters::detail

#else

namespace switchyard::adapters::detail {
inline void taken_over(void*) noexcept {}
inline void handed_over(void*) noexcept {}
}  // namespace switchyard::adapters::detail

#endif
