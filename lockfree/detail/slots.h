// The array of slots that rings are made of.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>

namespace switchyard::lockfree::detail {

/// For tests: where a queue's count of operations begins, so that its wrap-around can be reached.
struct start_at {
  std::uint64_t position;
};

/// `size` default-constructed slots from `allocator`. Throws std::invalid_argument if `size` is 0,
/// std::length_error if it is more than the allocator could ever give, and what the allocator throws.
template <class Slot, class Allocator>
class slots {
  using slot_allocator = typename std::allocator_traits<Allocator>::template rebind_alloc<Slot>;
  using traits = std::allocator_traits<slot_allocator>;

 public:
  slots(std::size_t size, const Allocator& allocator)
      : allocator_(allocator), size_(checked(size)), data_(traits::allocate(allocator_, size)) {
    std::uninitialized_default_construct_n(std::to_address(data_), size);
  }
  slots(const slots&) = delete;
  slots& operator=(const slots&) = delete;
  ~slots() {
    std::destroy_n(std::to_address(data_), size_);
    traits::deallocate(allocator_, data_, size_);
  }

  Slot& operator[](std::size_t index) const noexcept { return std::to_address(data_)[index]; }
  std::size_t size() const noexcept { return size_; }
  Allocator get_allocator() const noexcept { return Allocator(allocator_); }

  /// The index `n` further on, round the ring; `n` is at most the size.
  std::size_t after(std::size_t index, std::size_t n = 1) const noexcept {
    return n < size_ - index ? index + n : index + n - size_;
  }

 private:
  std::size_t checked(std::size_t size) const {
    if (size == 0) throw std::invalid_argument("a queue's capacity must be at least 1");
    if (size > traits::max_size(allocator_)) throw std::length_error("a queue's capacity is too large");
    return size;
  }

  [[no_unique_address]] slot_allocator allocator_;
  std::size_t size_;
  typename traits::pointer data_;
};

}  // namespace switchyard::lockfree::detail
