// A value that many threads read and few replace; a reader may keep the version that it has found, for as long as it likes.
//
// Source: read-copy-update (McKenney and Slingwine, PDCS 1998) for those who look, hazard pointers (Michael, IEEE TPDS 2004)
//   for those who keep; the use is that of `cell` and `snapshot_ptr` in WG21 P0561. That a version waits first for the
//   ones and then for the others, so that a handle is had without a loop, is our own.
// When: a configuration, a table of routes, a model: read all the time, by threads that must not wait nor get into each
//   other's way, and replaced as a whole now and then. T need be neither copied nor moved. For a value that is as often
//   changed as read, or that changes in one step with others, `synchronized`. For bytes that are copied out, `seqlock`, which
//   takes no memory; where a change is small and the value large, `left_right`, which copies nothing. Where versions are
//   handed on as std::shared_ptr, `atomic_shared_ptr`.
// Progress: `read`, `load`, `get`, `refresh` and `version` are wait-free, but for the first of each thread, and but for taking
//   a hazard pointer's record, which is lock-free; all else is lock-free; apart from the allocator, T's own members and f. A
//   thread that stops inside `read` keeps what is replaced from then on from being freed; one that stops with a handle
//   keeps one version. Neither stops anybody.
// Ordering: linearizable. What happened before a version was put in happens before what follows finding it.
// Exceptions: what f, the allocator, or T's constructors throw passes on, and nothing has changed. No memory for a hazard
//   pointer is std::bad_alloc, and nothing has changed.
// Cost: reading is two stores to lines of the thread's own and three loads, about 2 nanoseconds, `get` about 6, and
//   `refresh` that finds nothing new one load. A change takes one block for the new version; the old one goes when all have
//   finished that may see it: every 16th change in a thread looks for those, in some microseconds, so that some 32 for each
//   thread may wait. An allocator must be usable until they are gone, also after the snapshot is. A thread's first use takes
//   128 bytes, and ends the program if there are none, as `rcu` does.
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
#include "switchyard/atomics/backoff.h"
#include "switchyard/atomics/of_this_thread.h"
#include "switchyard/atomics/plain.h"
#include "switchyard/lockfree/detail/shared_block.h"
#include "switchyard/lockfree/hazard_pointer.h"

namespace switchyard::lockfree {

namespace detail {

/// Memory that goes when all sections have ended that began before it was given up, and then no hazard pointer protects it.
template <class Means>
struct kept_by_handles {
  struct to_handles {
    template <class Object>
    void operator()(Object* object) const noexcept {
      object->wait_for_handles();
    }
  };

  template <class Object, class Deleter>
  class reclaimed : public Means::template reclaimed<Object, to_handles>,
                    public hazard_pointer_obj_base<Object, Deleter> {
    using by_readers = typename Means::template reclaimed<Object, to_handles>;
    using by_handles = hazard_pointer_obj_base<Object, Deleter>;

   public:
    template <class Domain>
    void retire(Deleter, Domain& domain) noexcept {
      by_readers::retire(to_handles(), domain);
    }
    void wait_for_handles() noexcept { by_handles::retire(); }
  };

  static decltype(auto) domain() noexcept { return Means::domain(); }

  /// Now and then: what waits may be large, so that it does not wait for others to come to be a batch.
  static void reclaim_soon() noexcept {
    if constexpr (requires { Means::reclaim_soon(); }) {
      Means::reclaim_soon();
      hazard_reclaim_soon();
    }
  }
};

/// A value, and how many there were before.
template <class T>
struct numbered {
  template <class... Args>
  explicit numbered(std::uint64_t first, Args&&... args) {
    number.construct(first);
    value.construct(std::forward<Args>(args)...);
  }
  numbered(const numbered&) = delete;
  numbered& operator=(const numbered&) = delete;
  ~numbered() {
    value.destroy();
    number.destroy();
  }

  plain<std::uint64_t> number;
  plain<T> value;
};

}  // namespace detail

/// `Means` is how memory is reclaimed; tests have others.
template <class T, class Allocator = std::allocator<T>, class Means = detail::rcu_means>
class snapshot {
  static_assert(std::is_object_v<T> && !std::is_const_v<T> && !std::is_volatile_v<T>, "a value that can be replaced");
  static_assert(std::is_nothrow_destructible_v<T>, "a value must not throw when destroyed");

  using means = detail::kept_by_handles<Means>;
  using version_block = detail::shared_block<detail::numbered<T>, Allocator, means>;

 public:
  using value_type = T;
  using allocator_type = Allocator;

  /// Keeps one version, or none; also after the snapshot has gone. Used by one thread at a time, not always the same.
  class handle {
   public:
    /// Of none.
    handle() noexcept = default;
    handle(handle&& other) noexcept
        : keeper_(std::move(other.keeper_)), block_(std::exchange(other.block_, nullptr)) {}
    handle& operator=(handle&& other) noexcept {
      handle(std::move(other)).swap(*this);
      return *this;
    }
    ~handle() = default;

    explicit operator bool() const noexcept { return block_ != nullptr; }
    /// nullptr, if of none.
    const T* get() const noexcept { return block_ != nullptr ? std::addressof(**this) : nullptr; }
    /// Not of none.
    const T& operator*() const noexcept { return block_->content.value.read(); }
    const T* operator->() const noexcept { return std::addressof(**this); }
    /// How many changes there were before this version was put in. Not of none.
    std::uint64_t version() const noexcept { return block_->content.number.read(); }

    /// Of none from now on.
    void reset() noexcept { *this = handle(); }
    void swap(handle& other) noexcept {
      keeper_.swap(other.keeper_);
      std::swap(block_, other.block_);
    }
    friend void swap(handle& a, handle& b) noexcept { a.swap(b); }

   private:
    friend class snapshot;

    // Who could be found by others until just now, and has not been retired.
    void keep(version_block* block) noexcept {
      keeper_.reset_protection(block);
      block_ = block;
    }

    hazard_pointer keeper_;
    version_block* block_ = nullptr;
  };

  /// The value is `T(args...)`, and its version 0. Throws what that and the allocator throw.
  template <class... Args>
    requires(std::constructible_from<T, Args...> && !(std::same_as<std::remove_cvref_t<Args>, snapshot> || ...))
  explicit snapshot(Args&&... args) : snapshot(std::allocator_arg, Allocator(), std::forward<Args>(args)...) {}
  template <class... Args>
    requires std::constructible_from<T, Args...>
  explicit snapshot(std::allocator_arg_t, const Allocator& allocator, Args&&... args)
      : allocator_(allocator), current_(make(std::forward<Args>(args)...).release()) {}
  snapshot(const snapshot&) = delete;
  snapshot& operator=(const snapshot&) = delete;
  /// Nobody is using it any more. Handles stay what they are.
  ~snapshot() { retire(current_.load(memory_order_relaxed)); }

  /// What `f(const T&)` returns, by value: of the version at one moment. Changes go on meanwhile, and f does not see them.
  /// f must not call `rcu_synchronize` nor `rcu_barrier`. Others' memory waits for it to return: where it takes long, `get`.
  template <class F>
  auto read(F&& f) const {
    const std::scoped_lock inside(means::domain());
    return std::invoke(std::forward<F>(f), look()->content.value.read());
  }

  /// A copy of the value.
  T load() const
    requires std::copy_constructible<T>
  {
    const std::scoped_lock inside(means::domain());
    return look()->content.value.read();
  }

  /// The version that there is now, to keep. Throws std::bad_alloc.
  [[nodiscard]] handle get() const {
    handle found;
    found.keeper_ = make_hazard_pointer();
    find(found);
    return found;
  }

  /// True: there is a newer version than `kept` has, which it has from now on. False: it has the one that there is.
  /// Throws std::bad_alloc if it is of none; not otherwise.
  bool refresh(handle& kept) const {
    // Nobody else can have the address of a version that is kept.
    if (current_.load(memory_order_relaxed) == kept.block_) return false;
    if (kept.keeper_.empty()) kept.keeper_ = make_hazard_pointer();
    find(kept);
    return true;
  }

  /// How many changes there have been.
  std::uint64_t version() const noexcept {
    const std::scoped_lock inside(means::domain());
    return look()->content.number.read();
  }

  /// Sets the value. Returns its version.
  std::uint64_t store(T desired) { return emplace(std::move(desired)); }

  /// Sets the value to `T(args...)`, built where it stays. Returns its version.
  template <class... Args>
    requires std::constructible_from<T, Args...>
  std::uint64_t emplace(Args&&... args) {
    draft next = make(std::forward<Args>(args)...);
    handle nothing;
    return replace_any(next, nothing);
  }

  /// Sets the value and returns the version before, with no other between the two.
  handle exchange(T desired) {
    handle before;
    before.keeper_ = make_hazard_pointer();
    draft next = make(std::move(desired));
    replace_any(next, before);
    return before;
  }

  /// Replaces the value by what f makes of it, if nobody was faster; else f is called again, with the newer one. An f that
  /// returns something is called with a `const T&`, and what it returns is the new value; one that returns nothing is called
  /// with a `T&`, a copy, which it changes. Returns the new version. When f throws, nothing has changed. f must not
  /// change the same snapshot: it would be called for ever.
  template <class F>
  std::uint64_t update(F&& f) {
    handle seen = get();
    for (backoff races;; races.lost_race()) {
      draft next = make_from(*seen, f);
      if (replace(seen.block_, next)) {
        const std::uint64_t number = seen.version() + 1;
        retire(seen.block_);
        return number;
      }
      refresh(seen);
    }
  }

  /// Sets the value if the version is still that which `expected` has; otherwise returns false, and `desired` is gone.
  /// Throws std::invalid_argument if `expected` is of none.
  bool try_update(const handle& expected, T desired) {
    if (!expected) throw std::invalid_argument("snapshot::try_update: the handle has no version");
    if (current_.load(memory_order_relaxed) != expected.block_) return false;
    draft next = make(std::move(desired));
    if (!replace(expected.block_, next)) return false;
    retire(expected.block_);
    return true;
  }

  allocator_type get_allocator() const noexcept { return allocator_; }

 private:
  using draft = std::unique_ptr<version_block, detail::free_block>;

  // So often a thread looks for what can be freed: it costs some microseconds, and what waits may be large.
  static constexpr unsigned looks_every = 16;
  struct changes_of_thread {
    unsigned count = 0;
  };

  // For who is in a section.
  version_block* look() const noexcept { return current_.load(memory_order_acquire); }  // (1) with (2)

  // The section keeps what is found from being given to the hazard pointers before one of them has it.
  void find(handle& found) const noexcept {
    const std::scoped_lock inside(means::domain());
    found.keep(look());
  }

  template <class... Args>
  draft make(Args&&... args) const {
    return draft(version_block::make(allocator_, std::uint64_t{0}, std::forward<Args>(args)...));
  }
  template <class F>
  draft make_from(const T& seen, F& f) const {
    if constexpr (std::is_void_v<std::invoke_result_t<F&, T&>>) {
      draft next = make(seen);
      std::invoke(f, next->content.value.write());
      return next;
    } else {
      static_assert(std::is_constructible_v<T, std::invoke_result_t<F&, const T&>>,
                    "f returns the new value, or nothing and changes a copy");
      return make(std::invoke(f, seen));
    }
  }

  // Puts `next` in the place of `seen`, which is not retired; its number can be read.
  bool replace(version_block* seen, draft& next) noexcept {
    next->content.number.write() = seen->content.number.read() + 1;
    // Release for (1). Who sees `next` has not seen `seen`, nor what it was made of: that is not needed.
    if (!current_.compare_exchange_strong(seen, next.get(), memory_order_release, memory_order_relaxed)) return false;  // (2)
    (void)next.release();
    return true;
  }

  // In the place of whatever is there, which `before` keeps, if it can keep one.
  std::uint64_t replace_any(draft& next, handle& before) noexcept {
    version_block* seen;
    std::uint64_t number;
    for (backoff races;; races.lost_race()) {
      const std::scoped_lock inside(means::domain());
      seen = look();
      number = seen->content.number.read() + 1;
      if (replace(seen, next)) break;
    }
    if (!before.keeper_.empty()) before.keep(seen);
    retire(seen);
    return number;
  }

  // Nobody finds it any more.
  static void retire(version_block* old) noexcept {
    old->give_up();
    if (++of_this_thread<changes_of_thread>().count % looks_every == 0) [[unlikely]] means::reclaim_soon();
  }

  [[no_unique_address]] Allocator allocator_;
  atomic<version_block*> current_;
};

}  // namespace switchyard::lockfree
