// A std::shared_ptr that threads read and replace at the same time, without the lock that is in std::atomic's.
//
// Source: the interface is that of std::atomic<std::shared_ptr<T>> (C++20). That a pointer is copied by raising a count unless it
//   is zero is from Anderson, Blelloch and Wei, "Concurrent Deferred Reference Counting with Constant-Time Overhead" (PLDI
//   2021); ours does so with what the standard library has for it, std::weak_ptr::lock, on read-copy-update.
// When: versions of a value are handed on as std::shared_ptr anyway, or must go as soon as nobody has them. If not, `snapshot`
//   is faster: its readers raise no count, which they would have to take from each other.
// Progress: lock-free, apart from the allocator, and the destructor of what is let go; `wait` blocks. `load` goes round again
//   only if the pointer was replaced meanwhile. (The counts are the standard library's: libstdc++'s, libc++'s and
//   Microsoft's are lock-free where a word is.) A thread that stops inside keeps a few words for each pointer that is replaced
//   from then on from being freed.
// Ordering: linearizable. What happened before a pointer was put in happens before what follows finding it, whatever order
//   is asked for; with memory_order_seq_cst, which is the default, the calls are also in the single order of those.
// Exceptions: putting in a pointer takes memory, and throws what the allocator throws, and then nothing has changed: std::atomic's
//   members do not throw. A pointer that owns nothing and points to nothing takes none.
// Cost: `load` is a read-copy-update section, and one compare-and-swap on the count of users. A change is one block of memory
//   and an exchange. What is replaced is let go at once, so that the object goes with its last user; the block that is
//   left, and the memory of a std::make_shared object, follow when all have finished that may still look at it.
//
//   atomic_shared_ptr<const config> current(std::make_shared<const config>());
//   std::shared_ptr<const config> mine = current.load();           // any thread
//   current.store(std::make_shared<const config>(fresh));          // any thread
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <type_traits>
#include <utility>

#include "switchyard/atomics/atomic.h"
#include "switchyard/atomics/backoff.h"
#include "switchyard/atomics/of_this_thread.h"
#include "switchyard/atomics/plain.h"
#include "switchyard/lockfree/detail/shared_block.h"
#include "switchyard/lockfree/event_count.h"

namespace switchyard::lockfree {

namespace detail {

/// A std::shared_ptr that one thread takes out, and any number try to copy until then, and after.
///
/// Those who copy look at what does not change: a std::weak_ptr, which gives them the pointer for as long as it has an owner,
/// which is here or elsewhere.
template <class T>
class watched_pointer {
 public:
  explicit watched_pointer(std::shared_ptr<T>&& pointer) noexcept
      : target_(pointer.get()), has_owner_(pointer.use_count() != 0) {
    watched_.construct(pointer);
    owner_.construct(std::move(pointer));
  }
  watched_pointer(const watched_pointer&) = delete;
  watched_pointer& operator=(const watched_pointer&) = delete;
  ~watched_pointer() {
    owner_.destroy();
    watched_.destroy();
  }

  /// False: it was taken out, and has gone.
  bool try_copy(std::shared_ptr<T>& copy) const noexcept {
    if (!has_owner_) [[unlikely]] {  // points somewhere without owning it
      copy = std::shared_ptr<T>(std::shared_ptr<T>(), target_);
      return true;
    }
    copy = watched_.read().lock();
    return copy.use_count() != 0;  // it may own something and point to nothing
  }
  /// Whether it is the same pointer, with the same owner.
  bool is(const std::shared_ptr<T>& other) const noexcept {
    const std::weak_ptr<T>& watched = watched_.read();
    return target_ == other.get() && !watched.owner_before(other) && !other.owner_before(watched);
  }
  /// For who has put another in its place, once.
  std::shared_ptr<T> take() noexcept {
    if (!has_owner_) [[unlikely]] return std::shared_ptr<T>(std::shared_ptr<T>(), target_);
    return std::move(owner_.write());
  }

 private:
  typename std::shared_ptr<T>::element_type* const target_;
  const bool has_owner_;
  plain<std::weak_ptr<T>> watched_;
  plain<std::shared_ptr<T>> owner_;
};

}  // namespace detail

/// `Means` is how memory is reclaimed; tests have others.
template <class T, class Allocator = std::allocator<std::byte>, class Means = detail::rcu_means>
class atomic_shared_ptr {
  using pointer = std::shared_ptr<T>;
  using block = detail::shared_block<detail::watched_pointer<T>, Allocator, Means>;

 public:
  using value_type = std::shared_ptr<T>;
  using allocator_type = Allocator;
  static constexpr bool is_always_lock_free = true;

  /// Null.
  atomic_shared_ptr() noexcept(std::is_nothrow_default_constructible_v<Allocator>) : atomic_shared_ptr(Allocator()) {}
  atomic_shared_ptr(std::nullptr_t) noexcept(std::is_nothrow_default_constructible_v<Allocator>) : atomic_shared_ptr() {}
  explicit atomic_shared_ptr(const Allocator& allocator) noexcept : allocator_(allocator) {}
  /// Throws what the allocator throws.
  atomic_shared_ptr(pointer desired, const Allocator& allocator = Allocator())
      : allocator_(allocator), current_(make(std::move(desired)).release()) {}
  atomic_shared_ptr(const atomic_shared_ptr&) = delete;
  atomic_shared_ptr& operator=(const atomic_shared_ptr&) = delete;
  /// Nobody is using it any more.
  ~atomic_shared_ptr() { (void)let_go(current_.load(memory_order_relaxed)); }

  bool is_lock_free() const noexcept { return true; }
  allocator_type get_allocator() const noexcept { return allocator_; }

  /// The pointer.
  pointer load(memory_order order = memory_order_seq_cst) const noexcept {
    const std::scoped_lock inside(Means::domain());
    for (;;) {
      pointer found;
      if (try_copy(current_.load(at_least_acquire(order)), found)) return found;  // (1) with (2), (3)
    }
  }
  operator pointer() const noexcept { return load(); }

  /// Sets the pointer. Throws what the allocator throws.
  void store(pointer desired, memory_order order = memory_order_seq_cst) { (void)exchange(std::move(desired), order); }
  void operator=(pointer desired) { store(std::move(desired)); }
  void operator=(std::nullptr_t) { store(nullptr); }

  /// Sets the pointer and returns the one before, with no other between the two. Throws what the allocator throws.
  pointer exchange(pointer desired, memory_order order = memory_order_seq_cst) {
    draft next = make(std::move(desired));
    return let_go(current_.exchange(next.release(), at_least_acq_rel(order)));  // (2) with (1), (2), (3)
  }

  /// If the pointer is `expected`, with the same owner, sets it to `desired` and returns true. Otherwise sets `expected` to it
  /// and returns false. Throws what the allocator throws; then nothing has changed, `expected` neither.
  bool compare_exchange_strong(pointer& expected, pointer desired, memory_order order = memory_order_seq_cst) {
    pointer found;
    if (is_now(expected, found, order)) {  // else there is no use for a block
      draft next = make(std::move(desired));
      for (backoff races;; races.lost_race()) {
        std::unique_lock inside(Means::domain());
        block* seen;
        if (!look_for(expected, seen, found, order)) break;
        const bool is_done = current_.compare_exchange_strong(seen, next.get(), at_least_release(order),
                                                              memory_order_relaxed);  // (3) with (1), (2), (3)
        inside.unlock();
        if (is_done) {
          (void)next.release();
          (void)let_go(seen);
          return true;
        }
      }
    }
    expected.swap(found);
    return false;
  }
  bool compare_exchange_strong(pointer& expected, pointer desired, memory_order success, memory_order failure) {
    return compare_exchange_strong(expected, std::move(desired), failure == memory_order_seq_cst ? failure : success);
  }
  /// The same, which does not fail for no reason either.
  bool compare_exchange_weak(pointer& expected, pointer desired, memory_order order = memory_order_seq_cst) {
    return compare_exchange_strong(expected, std::move(desired), order);
  }
  bool compare_exchange_weak(pointer& expected, pointer desired, memory_order success, memory_order failure) {
    return compare_exchange_strong(expected, std::move(desired), success, failure);
  }

  /// Waits until the pointer is another than `old`, or has another owner. Who changes it notifies.
  void wait(pointer old, memory_order order = memory_order_seq_cst) const {
    changed_.await([&] {
      pointer found;
      return !is_now(old, found, order);
    });
  }
  /// Wakes one of those that wait, or all. A load, if nobody does.
  void notify_one() noexcept { changed_.notify_one(); }
  void notify_all() noexcept { changed_.notify_all(); }

 private:
  using draft = std::unique_ptr<block, detail::free_block>;

  // So often a thread looks for blocks that can be freed: it costs some microseconds.
  static constexpr unsigned looks_every = 64;
  struct changes_of_thread {
    unsigned count = 0;
  };

  static constexpr memory_order at_least_acquire(memory_order order) noexcept {
    return order == memory_order_seq_cst ? order : memory_order_acquire;
  }
  static constexpr memory_order at_least_acq_rel(memory_order order) noexcept {
    return order == memory_order_seq_cst ? order : memory_order_acq_rel;
  }
  static constexpr memory_order at_least_release(memory_order order) noexcept {
    return order == memory_order_seq_cst ? order : memory_order_release;  // what is replaced was found with acquire
  }

  draft make(pointer&& desired) const {
    if (desired.get() == nullptr && desired.use_count() == 0) return nullptr;
    return draft(block::make(allocator_, std::move(desired)));
  }

  // Of one that this thread has taken out of reach.
  static pointer let_go(block* old) noexcept {
    if (old == nullptr) return nullptr;
    pointer last = old->content.take();
    old->give_up();
    if constexpr (requires { Means::reclaim_soon(); }) {
      if (++of_this_thread<changes_of_thread>().count % looks_every == 0) [[unlikely]] Means::reclaim_soon();
    }
    return last;
  }

  // The next three are for who is in a section.
  static bool try_copy(const block* seen, pointer& copy) noexcept { return seen == nullptr || seen->content.try_copy(copy); }
  static bool is(const block* seen, const pointer& other) noexcept {
    if (seen == nullptr) return other.get() == nullptr && other.use_count() == 0;
    return seen->content.is(other);
  }
  // True: the pointer is `expected`, and `seen` has it. False: it is `found`.
  bool look_for(const pointer& expected, block*& seen, pointer& found, memory_order order) const noexcept {
    for (;;) {
      seen = current_.load(at_least_acquire(order));  // (4) with (2), (3)
      if (is(seen, expected)) return true;
      if (try_copy(seen, found)) return false;
    }
  }

  bool is_now(const pointer& expected, pointer& found, memory_order order) const noexcept {
    block* seen;
    const std::scoped_lock inside(Means::domain());
    return look_for(expected, seen, found, order);
  }

  [[no_unique_address]] Allocator allocator_;
  atomic<block*> current_{nullptr};
  mutable event_count changed_;
};

}  // namespace switchyard::lockfree
