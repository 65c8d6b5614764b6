// The program's own `new`, in all of its forms, as a sanitizer's would not go together with some of ours.
#include "switchyard/tests/stress/misfortune.h"

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <new>

#include "switchyard/atomics/atomic.h"

namespace switchyard::stress {
namespace {

constinit atomic<std::int64_t> blocks_out{0};

void* allocate(std::size_t size, std::size_t alignment) noexcept {
  if (misfortune::strikes()) return nullptr;
  alignment = std::max(alignment, sizeof(void*));
  void* memory = nullptr;
  if (::posix_memalign(&memory, alignment, std::max(size, std::size_t{1})) != 0) return nullptr;
  blocks_out.fetch_add(1, memory_order_relaxed);
  return memory;
}

void* allocate_or_throw(std::size_t size, std::size_t alignment = __STDCPP_DEFAULT_NEW_ALIGNMENT__) {
  void* const memory = allocate(size, alignment);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

void free(void* memory) noexcept {
  if (memory != nullptr) blocks_out.fetch_sub(1, memory_order_relaxed);
  std::free(memory);
}

}  // namespace

std::int64_t misfortune::blocks() noexcept { return blocks_out.load(memory_order_relaxed); }

}  // namespace switchyard::stress

using switchyard::stress::allocate;
using switchyard::stress::allocate_or_throw;
constexpr std::size_t usual = __STDCPP_DEFAULT_NEW_ALIGNMENT__;

void* operator new(std::size_t n) { return allocate_or_throw(n); }
void* operator new[](std::size_t n) { return allocate_or_throw(n); }
void* operator new(std::size_t n, std::align_val_t a) { return allocate_or_throw(n, std::size_t(a)); }
void* operator new[](std::size_t n, std::align_val_t a) { return allocate_or_throw(n, std::size_t(a)); }
void* operator new(std::size_t n, const std::nothrow_t&) noexcept { return allocate(n, usual); }
void* operator new[](std::size_t n, const std::nothrow_t&) noexcept { return allocate(n, usual); }
void operator delete(void* p) noexcept { switchyard::stress::free(p); }
void operator delete[](void* p) noexcept { switchyard::stress::free(p); }
void operator delete(void* p, std::size_t) noexcept { switchyard::stress::free(p); }
void operator delete[](void* p, std::size_t) noexcept { switchyard::stress::free(p); }
void operator delete(void* p, std::align_val_t) noexcept { switchyard::stress::free(p); }
void operator delete[](void* p, std::align_val_t) noexcept { switchyard::stress::free(p); }
void operator delete(void* p, std::size_t, std::align_val_t) noexcept { switchyard::stress::free(p); }
void operator delete[](void* p, std::size_t, std::align_val_t) noexcept { switchyard::stress::free(p); }
void operator delete(void* p, const std::nothrow_t&) noexcept { switchyard::stress::free(p); }
void operator delete[](void* p, const std::nothrow_t&) noexcept { switchyard::stress::free(p); }
