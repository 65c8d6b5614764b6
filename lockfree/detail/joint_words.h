// Words of which any number can be replaced together, in one step, by threads that finish each other's work.
//
// Source: Harris, Fraser and Pratt, "A Practical Multi-Word Compare-and-Swap Operation" (DISC 2002); that one
//   compare-and-swap for each word is enough to get ready, from Guerraoui, Kogan, Marathe and Zablotchi, "Efficient
//   Multi-Word Compare and Swap" (DISC 2020); that a thread says all its changes in one place, one after another, from
//   Arbel-Raviv and Brown, "Reuse, Don't Recycle" (DISC 2017). Ours: a version beside each word, in the place of their
//   tracking of who may still be at it, so that what was there once never comes back; and reading without a loop.
// When: not for users, who name `synchronized` and `update`.
// Progress: lock-free: who is to change a word first finishes the change that is under way there. A change fails only at a
//   word where another came first, and that one, or one with a higher word, or the next ..., is done. Reading is
//   wait-free, and finishes nothing.
// Ordering: linearizable; what happened before a change happens before what follows its being seen.
// Cost: a change of n words is n compare-and-swaps of eight bytes and n of sixteen; of one word alone, one. Reading is two
//   loads. A thread's first change of several words takes 640 bytes, which others have when it has ended.
//
// A word is {state, bits}. The state is odd, the version, when the word is at rest, and its value is `bits`. Or it names a
// change under way, by its thread's place for changes and which of them it is: then the value is the change's `after` if
// that is done, and otherwise still `bits`.
//
// Invariant "onward": a word's states go v, change, v + 2, ..., or v, v + 2, ...; none ever comes back.
// Invariant "first decides": a change is put into a word only while it is undecided. (It goes there by a compare-and-swap
//   that expects the version which it was made for. A change that is done has been put into all its words. One that has
//   failed has so for a word that will never have the version again; into those before, it was put, and into those behind,
//   it is put by nobody, since all begin with the lowest address.)
// Invariant "one fate": all who say what became of a change say the same, so that its own thread may store it. (Done: it was
//   seen in all its words, which it leaves only when that has been said. Failed: it can never be put into one; who finds a
//   word without it and without the version looks first whether it has been said to be done.)
// Invariant "gone before the next": when a thread says its next change, the last one has left all its words, and is put
//   into none any more. So who meets a change, and copies what its thread says, and then finds that it still says that one,
//   has a copy of that one; and who finds that it says another knows that the one it has met has left the word.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <new>
#include <span>
#include <utility>

#include "switchyard/atomics/atomic.h"
#include "switchyard/atomics/cache_padded.h"
#include "switchyard/atomics/double_word.h"
#include "switchyard/atomics/immortal.h"
#include "switchyard/atomics/of_this_thread.h"
#include "switchyard/lockfree/detail/shared_block.h"

namespace switchyard::lockfree::detail {

/// How what is taken out of reach is reclaimed. Tests have other means.
using joint_means = rcu_means;

/// One of them. It must live until every section has ended that began before its last use, since threads that finish the
/// work of others may be late to look at it. `settle` is for threads inside a section; the other members for any.
class joint_word {
 public:
  /// What was read: the bits that the word had at one moment; and a version that it had before. If they are not of one
  /// time, it has changed since, and will not be replaced.
  struct reading {
    std::uint64_t version;
    std::uint64_t bits;
  };

  explicit joint_word(std::uint64_t bits) noexcept : words_({first_version, bits}) {}

  /// True: `now` is what the word has. False: a change is under way, which `now.version` names.
  bool try_read(reading& now) const noexcept {
    now.version = words_.load_first(memory_order_acquire);  // (1) with (3), (4), (6)
    // At rest, so that from now on the bits are what the word has or, where a change was done but is under way, had: which
    // it still did after we looked.
    now.bits = words_.load_second(memory_order_acquire);  // (2) with (4), (6)
    return is_version(now.version);
  }

  /// The bits, also while a change is under way, which is left to others.
  std::uint64_t read() const noexcept;

  /// Finishes what is under way, and reads.
  reading settle() noexcept;

  /// Whether nobody has changed the word since `seen` was read, nor begun to.
  bool is_still(const reading& seen) const noexcept { return words_.load_first(memory_order_relaxed) == seen.version; }

  /// Replaces what was read by `bits`, and returns true; or nothing, if somebody was faster or has begun to be.
  bool replace(const reading& seen, std::uint64_t bits) noexcept {
    double_word::words expected{seen.version, seen.bits};
    // Release: for who sees the bits.
    return words_.compare_exchange(expected, {seen.version + next_version, bits}, memory_order_release,
                                   memory_order_relaxed);  // (4) with (1), (2)
  }

  /// The bits, when no other thread uses the word any more.
  std::uint64_t last_bits() const noexcept { return words_.load_second(memory_order_relaxed); }

 private:
  friend class joint_change;

  static constexpr std::uint64_t first_version = 1;
  static constexpr std::uint64_t next_version = 2;
  static bool is_version(std::uint64_t state) noexcept { return state % 2 != 0; }

  double_word words_;  // {state, bits}
};

/// What is to become of one word.
struct joint_step {
  joint_word* word;
  joint_word::reading before;
  std::uint64_t after;
};

/// The place where a thread says its changes of several words, one after another. It stays for good, so that who has met a
/// change may look here when that is long over.
class alignas(cache_padding) joint_change {
 public:
#ifdef SWITCHYARD_MODEL
  /// All threads look for a place from the first on. Otherwise each begins elsewhere, since the checker would try all orders
  /// in which they may come there.
  static inline bool threads_meet = false;
#endif

  /// Of how many words, at most.
#ifdef SWITCHYARD_MODEL
  static constexpr std::size_t most_words = 4;
#else
  static constexpr std::size_t most_words = 16;
#endif

  joint_change() noexcept = default;
  /// That of the place, which no other has; nobody else knows it yet.
  void set_number(std::uint64_t number) noexcept { said_.store(number << fate_bits, memory_order_relaxed); }

  /// Replaces what was read of the words by what is to come after, and returns true; or nothing, if somebody was faster with
  /// one of them. `steps` are in the order of their words' addresses, and have no word twice. Not in two threads at once.
  bool make(std::span<const joint_step> steps) noexcept;

  /// The place has had all the changes that it can name; it is of no use any more.
  bool is_used_up() const noexcept { return said_.load(memory_order_relaxed) / next_change >= most_changes; }

  /// For one thread.
  bool try_take() noexcept {
    return !taken_.load(memory_order_relaxed) && !taken_.exchange(true, memory_order_acquire);  // (12) with (13)
  }
  void give_back() noexcept { taken_.store(false, memory_order_release); }  // (13) with (12)

 private:
  friend class joint_word;
  friend class own_joint_change;

  // {which change, which place, fate}. Without a fate it is what the words have that the change is in: even.
  static constexpr unsigned fate_bits = 2;
#ifdef SWITCHYARD_MODEL
  static constexpr unsigned place_bits = 3;
  static constexpr std::uint64_t most_changes = 4;
#else
  static constexpr unsigned place_bits = 16;
  static constexpr std::uint64_t most_changes = (std::uint64_t{1} << (64 - place_bits - fate_bits)) - 1;  // months
#endif
  static constexpr std::uint64_t undecided = 0;
  static constexpr std::uint64_t done = 1;
  static constexpr std::uint64_t failed = 2;
  static constexpr std::uint64_t fate_mask = (std::uint64_t{1} << fate_bits) - 1;
  static constexpr std::uint64_t next_change = std::uint64_t{1} << (place_bits + fate_bits);

  // All places, by their numbers. Those that there are come first.
  static constexpr std::size_t places = std::size_t{1} << place_bits;
  static inline constinit std::array<atomic<joint_change*>, places> all{};

  static joint_change& of(std::uint64_t state) noexcept {
    // Relaxed: who has put the change into a word has found the place or made it.
    return *all[(state >> fate_bits) % places].load(memory_order_relaxed);
  }

  void help(std::uint64_t change) noexcept;
  std::uint64_t put_all(std::uint64_t change, std::span<const joint_step> steps) noexcept;
  static bool put(std::uint64_t change, const joint_step& step) noexcept;
  static void take_out(std::uint64_t change, const joint_step& step, bool is_done) noexcept;

  // A step, as others may read it while the next one is written there.
  struct said_step {
    atomic<joint_word*> word;
    atomic<std::uint64_t> version;
    atomic<std::uint64_t> before;
    atomic<std::uint64_t> after;
  };

  atomic<std::uint64_t> said_{0};
  atomic<std::size_t> count_{0};
  std::array<said_step, most_words> steps_{};
  atomic<bool> taken_{true};
};

inline std::uint64_t joint_word::read() const noexcept {
  reading now;
  if (try_read(now)) return now.bits;
  const joint_change& change = joint_change::of(now.version);
  // If the change is undecided, or was when we looked, then the word still had the bits. If it has failed, too; or they are
  // others, that came later.
  const std::uint64_t said = change.said_.load(memory_order_acquire);  // (5) with (7), (8)
  if (said == now.version || said == now.version + joint_change::failed) return now.bits;
  if (said == now.version + joint_change::done) {
    for (std::size_t i = 0, n = change.count_.load(memory_order_acquire); i < n; ++i) {  // (9) with (10), and those below
      if (change.steps_[i].word.load(memory_order_acquire) != this) continue;
      const std::uint64_t after = change.steps_[i].after.load(memory_order_acquire);
      if (change.said_.load(memory_order_acquire) == said) return after;  // (5)
      break;
    }
  }
  // The change has left the word since we met it there. The bits have come since then, and were what the word had when they
  // did.
  return words_.load_second(memory_order_acquire);  // (2)
}

inline joint_word::reading joint_word::settle() noexcept {
  reading now;
  while (!try_read(now)) joint_change::of(now.version).help(now.version);
  return now;
}

inline bool joint_change::make(std::span<const joint_step> steps) noexcept {
  const std::uint64_t change = (said_.load(memory_order_relaxed) & ~fate_mask) + next_change;
  // Release: who sees this sees that the last one is gone.
  said_.store(change, memory_order_release);  // (8) with (5)
  // Release: who sees one of these sees the above.
  count_.store(steps.size(), memory_order_release);  // (10) with (9)
  for (std::size_t i = 0; i < steps.size(); ++i) {
    steps_[i].word.store(steps[i].word, memory_order_release);
    steps_[i].version.store(steps[i].before.version, memory_order_release);
    steps_[i].before.store(steps[i].before.bits, memory_order_release);
    steps_[i].after.store(steps[i].after, memory_order_release);
  }
  const std::uint64_t now = put_all(change, steps);
  // Release: who sees it done sees it in all its words. Others may have said it before, and said the same.
  said_.store(now, memory_order_release);  // (7) with (5)
  for (const joint_step& step : steps) take_out(change, step, now == change + done);
  return now == change + done;
}

inline void joint_change::help(std::uint64_t change) noexcept {
  std::array<joint_step, most_words> copy;
  const std::size_t count = count_.load(memory_order_acquire);  // (9)
  for (std::size_t i = 0; i < count; ++i) {
    copy[i] = {steps_[i].word.load(memory_order_acquire),
               {steps_[i].version.load(memory_order_acquire), steps_[i].before.load(memory_order_acquire)},
               steps_[i].after.load(memory_order_acquire)};
  }
  const std::span<const joint_step> steps(copy.data(), count);
  std::uint64_t now = said_.load(memory_order_acquire);  // (5)
  if (now == change) {
    const std::uint64_t then = put_all(change, steps);
    // Release: as in (7). If somebody has said it, it is the same, or the change is over.
    if (said_.compare_exchange_strong(now, then, memory_order_release, memory_order_acquire)) now = then;  // (7), (5)
  }
  if ((now & ~fate_mask) != change) return;
  for (const joint_step& step : steps) take_out(change, step, now == change + done);
}

// Into each word, from the lowest address on. Where the change cannot be put, it was there, and has been said to be done; or
// it will never be, and it fails. Returns that, or what is said now.
inline std::uint64_t joint_change::put_all(std::uint64_t change, std::span<const joint_step> steps) noexcept {
  for (const joint_step& step : steps) {
    if (put(change, step)) continue;
    // Relaxed: if the change has left the word, then (3) has shown us all that those knew who took it out: its fate, and
    // that it was in all its words.
    const std::uint64_t now = said_.load(memory_order_relaxed);
    return now == change ? change + failed : now;
  }
  return change + done;
}

// False: the word has neither the change nor the version that this was made for, and never will again.
inline bool joint_change::put(std::uint64_t change, const joint_step& step) noexcept {
  std::uint64_t seen = step.before.version;
  // (3) release: with (1). Acquire, if it has left the word: with (6), whose thread knew of the change's fate.
  return step.word->words_.compare_exchange_first(seen, change, memory_order_release, memory_order_acquire) ||
         seen == change;
}

inline void joint_change::take_out(std::uint64_t change, const joint_step& step, bool is_done) noexcept {
  double_word::words seen{change, step.before.bits};
  step.word->words_.compare_exchange(
      seen, {step.before.version + joint_word::next_version, is_done ? step.after : step.before.bits},
      memory_order_release, memory_order_relaxed);  // (6) with (1), (2), (3)
}

/// The calling thread's place for its changes, while this exists. One at a time in a thread.
class own_joint_change {
 public:
  /// Throws std::bad_alloc, if the thread has had none and there is no memory for one.
  own_joint_change() : mine_(of_this_thread<thread_part>()) {
    if (mine_.change == nullptr || mine_.change->is_used_up()) [[unlikely]] take();
  }
  own_joint_change(const own_joint_change&) = delete;
  own_joint_change& operator=(const own_joint_change&) = delete;
  ~own_joint_change() {
    if (mine_.ended) [[unlikely]] leave(mine_);
  }

  joint_change& operator*() const noexcept { return *mine_.change; }

 private:
  // Without constructor and destructor, so that reaching it takes no guard, also while the thread ends.
  struct thread_part {
    joint_change* change = nullptr;
    bool ended = false;  // but for what still comes; keeps none
  };
  struct at_thread_exit {
    ~at_thread_exit() {
      thread_part& mine = of_this_thread<thread_part>();
      mine.ended = true;
      if (mine.change != nullptr) leave(mine);
    }
  };

  static void leave(thread_part& mine) noexcept { std::exchange(mine.change, nullptr)->give_back(); }

  static std::size_t first_to_look_at() noexcept {
#ifdef SWITCHYARD_MODEL
    if (!joint_change::threads_meet) return static_cast<std::size_t>(model::detail::this_thread());
#endif
    return 0;
  }

  [[gnu::noinline]] void take() {
    if (!mine_.ended) of_this_thread<at_thread_exit>();
    mine_.change = nullptr;
    // The first that nobody has; where there are no more, a new one.
    joint_change* made = nullptr;
    const std::size_t first = first_to_look_at();
    for (std::size_t i = 0; i < joint_change::places; ++i) {
      const std::size_t number = (first + i) % joint_change::places;
      atomic<joint_change*>& place = joint_change::all[number];
      joint_change* there = place.load(memory_order_acquire);  // (14) with (15)
      if (there == nullptr) {
        if (made == nullptr) made = make_immortal<joint_change>();
        made->set_number(number);
        // Relaxed, if another was faster: we leave its place to it.
        if (place.compare_exchange_strong(there, made, memory_order_release, memory_order_relaxed)) {  // (15) with (14)
          mine_.change = made;
          return;
        }
      }
      if (made == nullptr && there->try_take()) {
        mine_.change = there;
        return;
      }
    }
    throw std::bad_alloc();
  }

  thread_part& mine_;
};

}  // namespace switchyard::lockfree::detail
