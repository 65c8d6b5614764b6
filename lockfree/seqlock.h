// Bytes that many threads read, and any of them replaces, without memory being taken: readers write nothing that is shared.
//
// Source: the sequence lock of Linux (Hemminger, 2002) with the fences of Boehm, "Can Seqlocks Get Along With Programming
//   Language Memory Models?" (MSPC 2012). That no reader waits for a writer is Lamport's, "Concurrent Reading and Writing"
//   (CACM 1977), and Peterson's, "Concurrent Reading While Writing" (TOPLAS 1983): who writes does so where nobody reads.
//   Ours: two places for each thread that writes, and one double word that says which place has the value, and how many
//   changes there were.
// When: a value of up to some hundred bytes that is trivially copyable and read all the time: a position, a clock's
//   parameters, a row of prices. Where a T has a constructor to call, is large, or is kept for long: `snapshot`. Where two
//   such values change in one step: `synchronized`, which has the same members.
// Progress: everything is lock-free, which a sequence lock is not: a thread that stops in the middle of a change stops
//   nobody. `load` and `read` go round again only when a change has been made meanwhile, `store`, `exchange` and `update` only when
//   another was faster. `try_load` is wait-free. If T has no more than 8 bytes, all but `exchange` and `update` are.
// Ordering: linearizable. What happened before a change happens before what follows a read that sees it.
// Exceptions: a thread's first change may throw std::bad_alloc, and what f throws passes on; then nothing has changed.
// Cost: a read is three loads and a copy of the bytes, about 7 nanoseconds for 64 bytes; one copy more if T's default
//   constructor does something. A change is as many stores and one sixteen-byte compare-and-swap. Room for one T, and for two
//   for each thread that makes changes, in blocks of 128 bytes that are used again when a thread has ended. If T has no more
//   than 8 bytes, one word is all.
//
//   struct position { double x, y, z; };
//   seqlock<position> where;
//   where.store({1, 2, 3});                          // any thread
//   const position now = where.load();               // any thread
//   where.update([](position& p) { p.x += 1; });     // any thread; f may be called again
#pragma once

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "switchyard/atomics/atomic.h"
#include "switchyard/atomics/backoff.h"
#include "switchyard/atomics/double_word.h"
#include "switchyard/threads/per_thread.h"

namespace switchyard::lockfree {

namespace detail {

/// The bytes of a T in words that may be read while somebody writes them; what is read then is no T.
template <class T>
class words_of {
 public:
  static constexpr std::size_t word_size = sizeof(std::uint64_t);
  static constexpr std::size_t count = (sizeof(T) + word_size - 1) / word_size;

  static std::uint64_t word(const T& value, std::size_t i) noexcept {
    std::uint64_t word = 0;
    std::memcpy(&word, reinterpret_cast<const std::byte*>(std::addressof(value)) + i * word_size, size_of_word(i));
    return word;
  }
  static void set_word(T& value, std::size_t i, std::uint64_t word) noexcept {
    std::memcpy(reinterpret_cast<std::byte*>(std::addressof(value)) + i * word_size, &word, size_of_word(i));
  }

  void store(const T& value) noexcept {
    for (std::size_t i = 0; i < count; ++i) words_[i].store(word(value, i), memory_order_relaxed);
  }
  void load(T& value) const noexcept {
    for (std::size_t i = 0; i < count; ++i) set_word(value, i, words_[i].load(memory_order_relaxed));
  }

 private:
  static constexpr std::size_t size_of_word(std::size_t i) noexcept {
    return std::min(word_size, sizeof(T) - i * word_size);
  }

  std::array<atomic<std::uint64_t>, count> words_{};
};

/// A T in one word.
template <class T>
class sequenced_word {
 public:
  using reading = std::uint64_t;

  explicit sequenced_word(const T& value) noexcept : word_(bits(value)) {}

  bool try_load(reading& seen, T& value) const noexcept {
    seen = word_.load(memory_order_acquire);  // (1) with (2), (3)
    words_of<T>::set_word(value, 0, seen);
    return true;
  }
  void prepare() noexcept {}
  bool replace(reading& seen, const T& next) noexcept {
    return word_.compare_exchange_strong(seen, bits(next), memory_order_release, memory_order_relaxed);  // (2) with (1)
  }
  void store(const T& value) noexcept { word_.store(bits(value), memory_order_release); }  // (3) with (1)

 private:
  static std::uint64_t bits(const T& value) noexcept { return words_of<T>::word(value, 0); }

  atomic<std::uint64_t> word_;
};

/// A T in one of several places.
///
/// Invariant "not where it is read": a thread writes only to its own places, and only to one that does not have the value;
/// that place cannot come to have it but by the same thread. So while the version is the same, the place that has the value
/// is not written to.
template <class T>
class sequenced_places {
  using place = words_of<T>;

 public:
  /// {the place that has the value, how many changes there were}.
  using reading = double_word::words;

  explicit sequenced_places(const T& value) noexcept {
    first_.store(value);
    now_.initialize({address(first_), 0});
  }

  /// False: the value has changed meanwhile.
  bool try_load(reading& seen, T& value) const noexcept {
    look(seen);
    reinterpret_cast<const place*>(seen.first)->load(value);
    // If a word above was of a later change, we know here that the version is a later one.
    atomic_thread_fence(memory_order_acquire);                                      // (4) with (6)
    return now_.load_second(memory_order_relaxed) == seen.second;                   // (5) with (3)
  }

  /// For who is about to make a change. Throws std::bad_alloc.
  void prepare() { (void)mine_.local(); }

  /// False: the value is no longer that which was `seen`, and `seen` is what it is instead.
  bool replace(reading& seen, const T& next) {
    return publish(seen, fill_spare(next));
  }

  void store(const T& value) {
    const place& spare = fill_spare(value);
    reading seen;
    look(seen);
    for (backoff races; !publish(seen, spare); races.lost_race()) {
    }
  }

 private:
  struct places {
    place two[2];
  };

  static std::uint64_t address(const place& p) noexcept { return reinterpret_cast<std::uintptr_t>(&p); }

  // In this order: a place of an earlier change than the version's would not be noticed.
  void look(reading& seen) const noexcept {
    seen.second = now_.load_second(memory_order_acquire);  // (1) with (3)
    seen.first = now_.load_first(memory_order_acquire);    // (2) with (3)
  }

  // That one of this thread's places which does not have the value (invariant "not where it is read").
  const place& fill_spare(const T& value) {
    places& mine = mine_.local();
    const std::uint64_t taken = now_.load_first(memory_order_acquire);  // (7) with (3)
    place& spare = mine.two[taken == address(mine.two[0])];
    // Who still reads there and comes upon one of these words will find that the version has changed, as we have.
    atomic_thread_fence(memory_order_release);  // (6) with (4)
    spare.store(value);
    return spare;
  }

  bool publish(reading& seen, const place& filled) noexcept {
    return now_.compare_exchange(seen, {address(filled), seen.second + 1}, memory_order_release,
                                 memory_order_relaxed);  // (3) with (1), (2), (5), (7)
  }

  double_word now_;
  place first_;  // has the value until the first change
  per_thread<places> mine_;
};

}  // namespace detail

template <class T>
class seqlock {
  static_assert(std::is_object_v<T> && !std::is_const_v<T> && !std::is_volatile_v<T>, "a value that can be replaced");
  static_assert(std::is_trivially_copyable_v<T> && std::is_copy_constructible_v<T>,
                "its bytes are copied while others may write them");

 public:
  using value_type = T;

  /// The value is `T(args...)`. Throws what that throws.
  template <class... Args>
    requires(std::constructible_from<T, Args...> && !(std::same_as<std::remove_cvref_t<Args>, seqlock> || ...))
  explicit seqlock(Args&&... args) : value_(T(std::forward<Args>(args)...)) {}
  seqlock(const seqlock&) = delete;
  seqlock& operator=(const seqlock&) = delete;

  /// The value.
  T load() const noexcept {
    reading seen;
    return load(seen);
  }

  /// The value, or nothing if it has changed meanwhile. Wait-free.
  std::optional<T> try_load() const noexcept {
    reading seen;
    room now;
    if (!value_.try_load(seen, now.value)) return std::nullopt;
    return now.value;
  }

  /// What `f(const T&)` returns, by value: of a copy.
  template <class F>
  auto read(F&& f) const {
    const T now = load();
    return std::invoke(std::forward<F>(f), now);
  }

  /// Sets the value.
  void store(const T& desired) { value_.store(desired); }

  /// Sets the value and returns the one before, with no other between the two.
  T exchange(const T& desired) {
    value_.prepare();
    for (backoff races;; races.lost_race()) {
      reading seen;
      const T before = load(seen);
      if (value_.replace(seen, desired)) return before;
    }
  }

  /// Replaces the value by what `f(T&)` makes of a copy, if nobody was faster; else f is called again, with a new copy.
  /// Returns what f's last call returned, by value. When f throws, nothing has changed. f must not change the same
  /// `seqlock`: it would be called for ever.
  template <class F>
  auto update(F&& f) {
    value_.prepare();
    for (backoff races;; races.lost_race()) {
      reading seen;
      T next = load(seen);
      if constexpr (std::is_void_v<std::invoke_result_t<F&, T&>>) {
        std::invoke(f, next);
        if (value_.replace(seen, next)) return;
      } else {
        auto result = std::invoke(f, next);
        if (value_.replace(seen, next)) return result;
      }
    }
  }

 private:
  using values = std::conditional_t<sizeof(T) <= sizeof(std::uint64_t), detail::sequenced_word<T>,
                                    detail::sequenced_places<T>>;
  using reading = typename values::reading;

  // In which bytes are a T without a constructor's help.
  union room {
    room() noexcept {}
    T value;
  };

  T load(reading& seen) const noexcept {
    if constexpr (std::is_trivially_default_constructible_v<T>) {
      T now;  // becomes what is returned: words that were just stored are slow to be copied as a whole
      for (backoff races; !value_.try_load(seen, now); races.lost_race()) {
      }
      return now;
    } else {
      room now;
      for (backoff races; !value_.try_load(seen, now.value); races.lost_race()) {
      }
      return now.value;
    }
  }

  values value_;
};

}  // namespace switchyard::lockfree
