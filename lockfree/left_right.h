// A value in two copies, of which readers always find one that nobody changes; those who change it wait for each other.
//
// Source: Ramalhete and Correia, "Left-Right: A Concurrency Control Technique with Wait-Free Population Oblivious Reads" (2013);
//   a reader says that it reads in a line of its own, with asymmetric fences, as in our `rcu`.
// When: a large value of which a small part changes now and then: a table with an entry more, an index. Nothing is copied,
//   and no memory is taken, as `snapshot` does for each change; but there are two of the value, a change is made twice, and
//   takes until all readers have finished that began before it. Where no thread may wait, `snapshot` or `synchronized`.
// Progress: `read` and `load` are wait-free, but for the first of each thread, which takes memory. `update` and `store` block:
//   those who change take turns, and each waits for the readers: a thread that stops inside `read` stops all changes, and no
//   reader. They sleep in the kernel.
// Ordering: linearizable. What happened before a change happens before what follows a read that sees it; what was done in
//   a read happens before what is done to the copy that it saw.
// Exceptions: what f throws when it is called first passes on, and nothing has changed. What it throws the second time,
//   when readers have the change already, is caught, and the change stands. The copy that is left in pieces is made again
//   from the other before it is changed next, so that a T that can be copied never stays in pieces; if that throws, it
//   passes on, and nothing has changed. Where T cannot be copied, f must be noexcept.
// Cost: a read is two stores to a line of this thread's own, and two loads, about 2 nanoseconds. A change is f twice, one system
//   call, and the time of the longest reading. Two T, and 128 bytes for each thread that reads, which are used again when it
//   has ended.
//
//   left_right<std::map<std::string, int>> prices;
//   int price = prices.read([](const auto& m) { return m.at("apples"); });
//   prices.update([&](auto& m) { m["pears"] = 3; });   // called twice: must do the same to equal values
#pragma once

#include <concepts>
#include <cstdint>
#include <functional>
#include <optional>
#include <type_traits>
#include <utility>

#include "switchyard/atomics/asymmetric_fence.h"
#include "switchyard/atomics/atomic.h"
#include "switchyard/atomics/backoff.h"
#include "switchyard/atomics/plain.h"
#include "switchyard/interface/lock_errors.h"
#include "switchyard/lockfree/event_count.h"
#include "switchyard/lockfree/semaphore.h"
#include "switchyard/threads/per_thread.h"

namespace switchyard::lockfree {

/// Invariant "one for readers": only the copy that `shown_` is not is changed, and only when all have finished that began to
/// read when it was.
template <class T>
class left_right {
  static_assert(std::is_object_v<T> && !std::is_const_v<T> && !std::is_volatile_v<T>, "a value that can be changed");
  static_assert(std::is_nothrow_destructible_v<T>, "a value must not throw when destroyed");

 public:
  using value_type = T;

  /// The value is `T(args...)`: built twice, if it cannot be copied. Throws what that throws.
  template <class... Args>
    requires(std::copy_constructible<T> && std::constructible_from<T, Args...> &&
             !(std::same_as<std::remove_cvref_t<Args>, left_right> || ...))
  explicit left_right(Args&&... args)
      : left_(std::in_place, std::forward<Args>(args)...), right_(std::in_place, std::as_const(left_).value()) {}
  template <class... Args>
    requires(!std::copy_constructible<T> && std::constructible_from<T, const Args&...> &&
             !(std::same_as<std::remove_cvref_t<Args>, left_right> || ...))
  explicit left_right(const Args&... args) : left_(std::in_place, args...), right_(std::in_place, args...) {}
  left_right(const left_right&) = delete;
  left_right& operator=(const left_right&) = delete;

  /// What `f(const T&)` returns, by value: of the value at one moment. A thread's first call may throw std::bad_alloc. f may
  /// read the same `left_right`, and must not change it.
  template <class F>
  auto read(F&& f) const {
    const section inside(*this);
    const copy& shown = shown_.load(memory_order_acquire) == 0 ? left_ : right_;  // (1) with (2)
    return std::invoke(std::forward<F>(f), shown.value());
  }

  /// A copy of the value.
  T load() const
    requires std::copy_constructible<T>
  {
    return read([](const T& value) { return value; });
  }

  /// Has `f(T&)` change one copy, then shows that one to readers, waits for those who read the other, and has f change that
  /// one in the same way. Returns what f returned first, by value. f may read the same `left_right`, and not change it.
  /// Throws `would_deadlock` if this thread is reading or changing it already.
  template <class F>
  auto update(F&& f) {
    using result = std::invoke_result_t<F&, T&>;
    static_assert(std::copy_constructible<T> || std::is_nothrow_invocable_v<F&, T&>,
                  "a T that cannot be copied cannot be put together again when f throws");
    const turn mine(*this);
    const unsigned old = shown_.load(memory_order_relaxed);
    copy& next = old == 0 ? right_ : left_;
    copy& last = old == 0 ? left_ : right_;
    put_together(next, last);
    if constexpr (std::is_void_v<result>) {
      change(next, f);
      show_to_readers(!old);
      repeat(last, f);
    } else {
      std::optional<std::decay_t<result>> first;
      change(next, [&](T& value) { first.emplace(std::invoke(f, value)); });
      show_to_readers(!old);
      repeat(last, f);
      return std::move(*first);
    }
  }

  /// Sets the value.
  void store(const T& desired)
    requires std::copyable<T>
  {
    update([&](T& value) { value = desired; });
  }

 private:
  // Tells the two apart that readers are in.
  struct reader {
    static constexpr std::uint64_t outside = 0;
    atomic<std::uint64_t> since{outside};  // the phase when this thread began to read, or `outside`
    std::uint64_t nested = 0;              // reads within the first; for the thread itself, as the next
    bool has_turn = false;                 // it is changing the value

    bool is_past(std::uint64_t due) const noexcept {
      const std::uint64_t began = since.load(memory_order_acquire);  // (7) with (3), (5)
      return began == outside || began >= due;
    }
  };

  /// While it exists, neither copy that was or will be shown is changed.
  class section {
   public:
    explicit section(const left_right& owner) : owner_(owner), mine_(owner.readers_.local()) {
      if (mine_.since.load(memory_order_relaxed) != reader::outside) {
        ++mine_.nested;
        return;
      }
      // Either we find the copy that is shown now, or we are found. Release, since this may hide the end of the last section
      // from who looks.
      mine_.since.store(owner.phase_.load(memory_order_relaxed), memory_order_release);  // (3) with (7)
      asymmetric_fence_light();                                                          // (4) with (6)
    }
    section(const section&) = delete;
    section& operator=(const section&) = delete;
    ~section() {
      if (mine_.nested != 0) {
        --mine_.nested;
        return;
      }
      mine_.since.store(reader::outside, memory_order_release);  // (5) with (7)
      owner_.one_ended_.notify_all();
    }

   private:
    const left_right& owner_;
    reader& mine_;
  };

  /// Of those who change the value, one at a time.
  class turn {
   public:
    explicit turn(left_right& owner) : owner_(owner), mine_(owner.readers_.local()) {
      if (mine_.has_turn || mine_.since.load(memory_order_relaxed) != reader::outside) {
        throw would_deadlock("left_right: who reads or changes the value is about to change it, and would wait for itself");
      }
      owner_.turns_.acquire();
      mine_.has_turn = true;
    }
    turn(const turn&) = delete;
    turn& operator=(const turn&) = delete;
    ~turn() {
      mine_.has_turn = false;
      owner_.turns_.release();
    }

   private:
    left_right& owner_;
    reader& mine_;
  };

  /// A T, or what is left of one, or nothing.
  class copy {
   public:
    template <class... Args>
    explicit copy(std::in_place_t, Args&&... args) {
      value_.construct(std::forward<Args>(args)...);
    }
    copy(const copy&) = delete;
    copy& operator=(const copy&) = delete;
    ~copy() { clear(); }

    void become(const copy& other) {
      clear();
      value_.construct(other.value());
      is_there_ = is_whole = true;
    }
    const T& value() const noexcept { return value_.read(); }
    T& value() noexcept { return value_.write(); }

    bool is_whole = true;  // the same as the other, between two changes

   private:
    void clear() noexcept {
      is_whole = false;
      if (std::exchange(is_there_, false)) value_.destroy();
    }

    plain<T> value_;
    bool is_there_ = true;
  };

  // The next three are for who has the turn.
  static void put_together(copy& broken, const copy& whole) {
    if constexpr (std::copy_constructible<T>) {
      if (!broken.is_whole) [[unlikely]] broken.become(whole);
    }
  }
  template <class F>
  static void change(copy& hidden, F&& f) {
    hidden.is_whole = false;
    std::invoke(f, hidden.value());
    hidden.is_whole = true;
  }
  template <class F>
  static void repeat(copy& hidden, F& f) noexcept {
    if constexpr (std::is_nothrow_invocable_v<F&, T&>) {
      change(hidden, f);
    } else {
      try {
        change(hidden, f);
      } catch (...) {  // it is put together before it is changed next
      }
    }
  }

  // Returns when nobody reads the other any more.
  void show_to_readers(unsigned which) {
    shown_.store(which, memory_order_release);  // (2) with (1)
    asymmetric_fence_heavy();                   // (6) with (4)
    // Who begins from now on, with this phase, finds what is shown, and need not be waited for.
    const std::uint64_t due = phase_.load(memory_order_relaxed) + 1;
    phase_.store(due, memory_order_relaxed);
    readers_.for_each([&](const reader& other) {
      const auto is_past = [&] { return other.is_past(due); };
      for (backoff spin; !spin.should_park(); spin.wait()) {
        if (is_past()) return;
      }
      one_ended_.await(is_past);
    });
  }

  atomic<unsigned> shown_{0};  // to readers: 0 is the left, 1 the right
  atomic<std::uint64_t> phase_{reader::outside + 1};
  copy left_;
  copy right_;
  mutable per_thread<reader> readers_;
  mutable event_count one_ended_;
  semaphore turns_{1};
};

}  // namespace switchyard::lockfree
