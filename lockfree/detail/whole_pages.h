// Memory in whole pages, which go back to the system when they are given back.
//
// Source: our own, on mmap(2).
// When: pieces of some pages each, of which there may be very many at some time and few later. The C library's heap
//   gives back what lies at its end only: one piece there that is still in use keeps all others resident.
// Progress: that of the system.
// Cost: a system call each way.
#pragma once

#include <cstddef>
#include <memory>
#include <type_traits>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SWITCHYARD_SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SWITCHYARD_SANITIZED 1
#endif
#if defined(__linux__) && !defined(SWITCHYARD_MODEL) && !defined(SWITCHYARD_SANITIZED)
#define SWITCHYARD_WHOLE_PAGES 1
#include <sys/mman.h>

#include <new>
#endif

namespace switchyard::lockfree::detail {

#ifdef SWITCHYARD_WHOLE_PAGES

/// A standard allocator that has nothing to remember.
template <class T>
struct whole_pages {
  using value_type = T;

  whole_pages() noexcept = default;
  template <class U>
  explicit whole_pages(const std::allocator<U>&) noexcept {}
  template <class U>
  explicit operator std::allocator<U>() const noexcept {
    return {};
  }

  static T* allocate(std::size_t n) {
    void* const pages = ::mmap(nullptr, n * sizeof(T), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE,
                               -1, 0);
    if (pages == MAP_FAILED) throw std::bad_alloc();
    return static_cast<T*>(pages);
  }
  static void deallocate(T* pages, std::size_t n) noexcept { ::munmap(pages, n * sizeof(T)); }

  friend bool operator==(whole_pages, whole_pages) noexcept { return true; }
};

/// `Allocator`, unless it is the standard one.
template <class Allocator>
using whole_pages_if_standard =
    std::conditional_t<std::is_same_v<Allocator, std::allocator<typename Allocator::value_type>> &&
                           alignof(typename Allocator::value_type) <= 4096,
                       whole_pages<typename Allocator::value_type>, Allocator>;

#else

// The checker and the sanitizers look at the heap.
template <class Allocator>
using whole_pages_if_standard = Allocator;

#endif

}  // namespace switchyard::lockfree::detail
