// Getting a thread out of a sleep on a word that does not change: what a stop_token does to a wait on a futex.
//
// Source: our own.
// When: inside what sleeps on a futex and takes a std::stop_token. Where a stop changes the word anyway, none is needed.
// Progress: who asks waits until the thread has noticed: blocking.
// Ordering: none. That the call is over before this object ends is the business of whoever makes it
//   (std::stop_callback, or a join).
// Cost: a word on the stack of the one who waits; one read-modify-write for each look.
//
// The kernel puts nobody to sleep whose word has changed, but a stop changes no word: a thread that has looked and is
// about to fall asleep would sleep on. So it is woken again and again, until it says that it has noticed.
//
//   interruption asked;
//   const std::stop_callback ask(stop, [&] { asked.ask([&] { futex_wake(word, 1); }); });
//   const interruption::sensitive while_waiting(asked);     // declared after `ask`, which waits for a call under way
//   while (!ready() && !asked.is_asked()) futex_wait(word, ...);
#pragma once

#include <cstdint>

#include "switchyard/atomics/atomic.h"

namespace switchyard {

class interruption {
 public:
  /// Calls `wake` until the thread has noticed; not at all if it has not begun to wait, and will see it, or is over.
  template <class Wake>
  void ask(Wake wake) noexcept {
    if (state_.exchange(asked, memory_order_relaxed) != waiting) return;
    while (state_.load(memory_order_relaxed) != gone) {
      wake();
      yield();
    }
  }

  // A read-modify-write reads the newest value: one wake-up is enough.
  bool is_asked() noexcept { return state_.fetch_or(0, memory_order_relaxed) == asked; }

  /// While it exists, its thread waits.
  class sensitive {
   public:
    explicit sensitive(interruption& to) noexcept : to_(to) { to_.begin(); }
    ~sensitive() { to_.end(); }
    sensitive(const sensitive&) = delete;
    sensitive& operator=(const sensitive&) = delete;

   private:
    interruption& to_;
  };

 private:
  void begin() noexcept {
    std::uint32_t expected = before;
    state_.compare_exchange_strong(expected, waiting, memory_order_relaxed, memory_order_relaxed);
  }
  void end() noexcept { state_.store(gone, memory_order_relaxed); }

  static constexpr std::uint32_t before = 0;
  static constexpr std::uint32_t waiting = 1;
  static constexpr std::uint32_t asked = 2;
  static constexpr std::uint32_t gone = 3;
  atomic<std::uint32_t> state_{before};
};

}  // namespace switchyard
