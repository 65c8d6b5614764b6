// Memory that goes back to its allocator, which may keep it, goes back to the kernel first.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdint>

namespace switchyard {

/// Releases the pages that lie in [first, first + bytes): what they held is lost, and they are there again, as zeroes,
/// when they are next used. Call it before a large array is deallocated: malloc gives back only what nothing lies beyond,
/// and after a burst something in use often does. A system call, unless the array is so small that it would not pay.
inline void release_pages(void* first, std::size_t bytes) noexcept {
  constexpr std::uintptr_t page = 4096;
  constexpr std::uintptr_t few = 16;
  const auto begin = reinterpret_cast<std::uintptr_t>(first);
  const std::uintptr_t from = (begin + page - 1) / page * page;
  const std::uintptr_t to = (begin + bytes) / page * page;
  if (to >= from + few * page) ::madvise(reinterpret_cast<void*>(from), to - from, MADV_DONTNEED);
}

}  // namespace switchyard
