// An allocator that keeps the books, and runs out of memory when it is told to.
#pragma once

#include <cstddef>
#include <memory>
#include <new>

namespace switchyard::blocking {

/// What an allocator has given out and not had back.
struct ledger {
  std::size_t bytes = 0;
  std::size_t calls = 0;
  std::size_t calls_left = static_cast<std::size_t>(-1);  // then it throws
};

template <class T>
struct accounting_allocator {
  using value_type = T;
  explicit accounting_allocator(ledger& to) : book(&to) {}
  template <class U>
  accounting_allocator(const accounting_allocator<U>& other) : book(other.book) {}

  T* allocate(std::size_t n) {
    if (book->calls == book->calls_left) throw std::bad_alloc();
    ++book->calls;
    book->bytes += n * sizeof(T);
    return std::allocator<T>().allocate(n);
  }
  void deallocate(T* memory, std::size_t n) {
    book->bytes -= n * sizeof(T);
    std::allocator<T>().deallocate(memory, n);
  }
  friend bool operator==(const accounting_allocator&, const accounting_allocator&) = default;

  ledger* book;
};

}  // namespace switchyard::blocking
