// A value that many threads read and few replace; a reader may keep the version that it has found, for as long as it likes.
//
// Source: copy on write, with a count of users for each version (std::shared_ptr).
// When to use it: where readers are few, or old versions must go at once, when the last that uses them has finished;
//   `lockfree::snapshot`, which has the same members, where readers are many or must not wait. T need be neither copied nor
//   moved. For a value that is as often changed as read, `synchronized`, which takes no memory for a change.
// Progress: blocking: a thread that stops while it fetches or replaces a version, a few instructions, stops all others. A
//   thread that stops inside `read`, or with a handle, stops nobody; inside the f of `update`, those that change the value.
// Ordering: linearizable.
// Exceptions: what f, the locks, the allocator, or T's constructors throw passes on, and nothing has changed.
// Cost: one lock and unlock each, and two atomic operations on the version's count; `refresh` that finds nothing new one
//   load. A change takes one block, for the new version, and a second lock.
//
//   snapshot<std::map<std::string, int>> prices;
//   int price = prices.read([](const auto& m) { return m.at("apples"); });
//   auto mine = prices.get();  use(*mine);                         // as it was, whatever happens meanwhile
//   prices.update([](auto& m) { m["pears"] = 3; });                // a copy is changed, and is the next version
//   while (serving()) { prices.refresh(mine); serve(*mine); }      // a load each time, while nothing changes
#pragma once

#include <concepts>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include "switchyard/atomics/atomic.h"
#include "switchyard/blocking/mutex.h"

namespace switchyard::blocking {

namespace detail {

/// A value, and how many there were before.
template <class T>
struct numbered_version {
  template <class... Args>
  explicit numbered_version(std::in_place_t, Args&&... args) : value(std::forward<Args>(args)...) {}

  std::uint64_t number = 0;
  T value;
};

}  // namespace detail

/// `Lock` is any type with lock() and unlock().
template <class T, class Allocator = std::allocator<T>, class Lock = mutex>
class snapshot {
  static_assert(std::is_object_v<T> && !std::is_const_v<T> && !std::is_volatile_v<T>, "a value that can be replaced");
  static_assert(std::is_nothrow_destructible_v<T>, "a value must not throw when destroyed");

  using version_block = detail::numbered_version<T>;
  using shared_version = std::shared_ptr<const version_block>;

 public:
  using value_type = T;
  using allocator_type = Allocator;
  using lock_type = Lock;

  /// Keeps one version, or none; also after the snapshot has gone. Used by one thread at a time, not always the same.
  class handle {
   public:
    /// Of none.
    handle() noexcept = default;
    handle(handle&&) noexcept = default;
    handle& operator=(handle&&) noexcept = default;
    ~handle() = default;

    explicit operator bool() const noexcept { return block_ != nullptr; }
    /// nullptr, if of none.
    const T* get() const noexcept { return block_ != nullptr ? std::addressof(block_->value) : nullptr; }
    /// Not of none.
    const T& operator*() const noexcept { return block_->value; }
    const T* operator->() const noexcept { return std::addressof(block_->value); }
    /// How many changes there were before this version was put in. Not of none.
    std::uint64_t version() const noexcept { return block_->number; }

    /// Of none from now on.
    void reset() noexcept { block_.reset(); }
    void swap(handle& other) noexcept { block_.swap(other.block_); }
    friend void swap(handle& a, handle& b) noexcept { a.swap(b); }

   private:
    friend class snapshot;
    explicit handle(shared_version block) noexcept : block_(std::move(block)) {}

    shared_version block_;
  };

  /// The value is `T(args...)`, and its version 0. Throws what that and the allocator throw.
  template <class... Args>
    requires(std::constructible_from<T, Args...> && !(std::same_as<std::remove_cvref_t<Args>, snapshot> || ...))
  explicit snapshot(Args&&... args) : snapshot(std::allocator_arg, Allocator(), std::forward<Args>(args)...) {}
  template <class... Args>
    requires std::constructible_from<T, Args...>
  explicit snapshot(std::allocator_arg_t, const Allocator& allocator, Args&&... args)
      : allocator_(allocator), value_(make(std::forward<Args>(args)...)), current_(value_.get()) {}
  snapshot(const snapshot&) = delete;
  snapshot& operator=(const snapshot&) = delete;
  /// Nobody is using it any more. Handles stay what they are.
  ~snapshot() = default;

  /// What `f(const T&)` returns, by value: of the version at one moment. f is called without a lock: changes go on
  /// meanwhile, and f does not see them.
  template <class F>
  auto read(F&& f) const {
    const shared_version seen = find();
    return std::invoke(std::forward<F>(f), std::as_const(seen->value));
  }

  /// A copy of the value.
  T load() const
    requires std::copy_constructible<T>
  {
    return find()->value;
  }

  /// The version that there is now, to keep.
  [[nodiscard]] handle get() const { return handle(find()); }

  /// True: there is a newer version than `kept` has, which it has from now on. False: it has the one that there is.
  bool refresh(handle& kept) const {
    // Nobody else can have the address of a version that is kept. Relaxed: its contents are known.
    if (current_.load(memory_order_relaxed) == kept.block_.get()) return false;
    kept.block_ = find();
    return true;
  }

  /// How many changes there have been.
  std::uint64_t version() const {
    const std::lock_guard hold(lock_);
    return value_->number;
  }

  /// Sets the value. Returns its version.
  std::uint64_t store(T desired) { return emplace(std::move(desired)); }

  /// Sets the value to `T(args...)`, built where it stays. Returns its version.
  template <class... Args>
    requires std::constructible_from<T, Args...>
  std::uint64_t emplace(Args&&... args) {
    const draft next = make(std::forward<Args>(args)...);
    shared_version before;  // goes after the lock
    const std::lock_guard turn(changing_);
    before = replace(next);
    return next->number;
  }

  /// Sets the value and returns the version before, with no other between the two.
  handle exchange(T desired) {
    const draft next = make(std::move(desired));
    const std::lock_guard turn(changing_);
    return handle(replace(next));
  }

  /// Replaces the value by what f, called once, makes of it. An f that returns something is called with a `const T&`, and
  /// what it returns is the new value; one that returns nothing is called with a `T&`, a copy, which it changes. Returns the
  /// new version. When f throws, nothing has changed. f must not change the same snapshot: it would wait for ever.
  template <class F>
  std::uint64_t update(F&& f) {
    shared_version before;  // goes after the lock
    const std::lock_guard turn(changing_);
    const draft next = make_from(value_->value, f);
    before = replace(next);
    return next->number;
  }

  /// Sets the value if the version is still that which `expected` has; otherwise returns false, and `desired` is gone.
  /// Throws std::invalid_argument if `expected` is of none.
  bool try_update(const handle& expected, T desired) {
    if (!expected) throw std::invalid_argument("snapshot::try_update: the handle has no version");
    if (current_.load(memory_order_relaxed) != expected.block_.get()) return false;
    const draft next = make(std::move(desired));
    const std::lock_guard turn(changing_);
    if (value_ != expected.block_) return false;
    replace(next);  // the one before stays with `expected`
    return true;
  }

  allocator_type get_allocator() const noexcept { return allocator_; }

 private:
  using draft = std::shared_ptr<version_block>;

  template <class... Args>
  draft make(Args&&... args) const {
    return std::allocate_shared<version_block>(allocator_, std::in_place, std::forward<Args>(args)...);
  }
  template <class F>
  draft make_from(const T& seen, F& f) const {
    if constexpr (std::is_void_v<std::invoke_result_t<F&, T&>>) {
      draft next = make(seen);
      std::invoke(f, next->value);
      return next;
    } else {
      static_assert(std::is_constructible_v<T, std::invoke_result_t<F&, const T&>>,
                    "f returns the new value, or nothing and changes a copy");
      return make(std::invoke(f, seen));
    }
  }

  shared_version find() const {
    const std::lock_guard hold(lock_);
    return value_;
  }

  // For who has the turn: nobody else changes `value_`. Returns the version before.
  shared_version replace(const draft& next) {
    next->number = value_->number + 1;
    shared_version other = next;
    {
      const std::lock_guard hold(lock_);
      value_.swap(other);
      current_.store(value_.get(), memory_order_relaxed);
    }
    return other;
  }

  [[no_unique_address]] Allocator allocator_;
  Lock changing_;                               // held by who makes a new version from the one before
  mutable Lock lock_;                           // of the two below
  shared_version value_;
  atomic<const version_block*> current_;        // the same, to be compared only
};

}  // namespace switchyard::blocking
