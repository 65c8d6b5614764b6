// The concept of a pool of objects, and the members that follow from others, written once for every pool.
//
// A pool derives from `object_pool_members<itself, T>` and defines these; the rest of the interface follows:
//
//   void* try_allocate();                      memory for one T, or nullptr: all of it is in use
//   void deallocate(void*) noexcept;           gives it back, from any thread
//   std::size_t capacity() const noexcept;
//   std::size_t available_approx() const noexcept;
#pragma once

#include <concepts>
#include <cstddef>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

namespace switchyard {

/// Destroys an object and gives it back to its pool, which must still be there.
template <class Pool>
class pool_delete {
 public:
  pool_delete() noexcept = default;
  explicit pool_delete(Pool& pool) noexcept : pool_(&pool) {}
  void operator()(typename Pool::value_type* object) const noexcept { pool_->destroy(object); }

 private:
  Pool* pool_ = nullptr;
};

/// The derived members. They add no cost and no ordering to what they call.
template <class Derived, class T>
class object_pool_members {
  static_assert(std::is_object_v<T> && !std::is_array_v<T> && !std::is_const_v<T>);
  static_assert(std::is_nothrow_destructible_v<T>, "an object that cannot be destroyed could not come back");

 public:
  using value_type = T;
  using unique_ptr = std::unique_ptr<T, pool_delete<Derived>>;

  /// Builds a T from `args`; nullptr, with `args` untouched, if all objects are in use. If building it throws, its
  /// place is free again.
  template <class... Args>
  [[nodiscard]] T* try_construct(Args&&... args) {
    void* const place = self().try_allocate();
    if (place == nullptr) return nullptr;
    if constexpr (std::is_nothrow_constructible_v<T, Args...>) {
      return std::construct_at(static_cast<T*>(place), std::forward<Args>(args)...);
    } else {
      try {
        return std::construct_at(static_cast<T*>(place), std::forward<Args>(args)...);
      } catch (...) {
        self().deallocate(place);
        throw;
      }
    }
  }

  /// The same, but throws std::bad_alloc if all objects are in use.
  template <class... Args>
  [[nodiscard]] T* construct(Args&&... args) {
    T* const object = try_construct(std::forward<Args>(args)...);
    if (object == nullptr) throw std::bad_alloc();
    return object;
  }

  /// Destroys `object`, which is from this pool and not nullptr, and gives its place back. From any thread.
  void destroy(T* object) noexcept {
    std::destroy_at(object);
    self().deallocate(object);
  }

  /// construct() and try_construct() with an owner, which destroys the object in this pool.
  template <class... Args>
  [[nodiscard]] unique_ptr make_unique(Args&&... args) {
    return own(construct(std::forward<Args>(args)...));
  }
  template <class... Args>
  [[nodiscard]] unique_ptr try_make_unique(Args&&... args) {
    return own(try_construct(std::forward<Args>(args)...));
  }

 protected:
  object_pool_members() = default;
  ~object_pool_members() = default;

 private:
  Derived& self() noexcept { return static_cast<Derived&>(*this); }
  unique_ptr own(T* object) noexcept { return unique_ptr(object, pool_delete<Derived>(self())); }
};

// clang-format off

/// A pool with room for so many objects, taken and given back by any thread.
template <class P>
concept concurrent_object_pool =
    requires(P& pool, const P& constant, typename P::value_type* object, void* place) {
      { pool.try_construct() } -> std::same_as<typename P::value_type*>;
      { pool.construct() } -> std::same_as<typename P::value_type*>;
      { pool.destroy(object) } noexcept -> std::same_as<void>;
      { pool.make_unique() } -> std::same_as<typename P::unique_ptr>;
      { pool.try_make_unique() } -> std::same_as<typename P::unique_ptr>;
      { pool.try_allocate() } -> std::same_as<void*>;
      { pool.deallocate(place) } noexcept -> std::same_as<void>;
      { constant.capacity() } noexcept -> std::same_as<std::size_t>;
      { constant.available_approx() } noexcept -> std::same_as<std::size_t>;
    };

// clang-format on

}  // namespace switchyard
