// Words of which any number can be replaced together, in one step, by threads that finish each other's work.
//
// Source: Harris, Fraser and Pratt, "A Practical Multi-Word Compare-and-Swap Operation" (DISC 2002); that one
//   compare-and-swap for each word is enough to get ready, from Guerraoui, Kogan, Marathe and Zablotchi, "Efficient
//   Multi-Word Compare and Swap" (DISC 2020). Ours: a version beside each word, in the place of their tracking of who may
//   still be at it, so that what was there once never comes back.
// When: not for users, who name `synchronized` and `update`.
// Progress: lock-free: who is to change a word first finishes the change that is under way there. A change fails only at a
//   word where another came first, and that one, or one with a higher word, or the next ..., is done. Reading is
//   wait-free, and finishes nothing.
// Ordering: linearizable; what happened before a change happens before what follows its being seen.
// Cost: a change of n words is 2n compare-and-swaps of sixteen bytes; of one word alone, one. Reading is two loads.
//
// A word is {state, bits}. The state is odd, the version, when the word is at rest, and its value is `bits`. Or it is the
// address of an entry of the change under way: then the value is the entry's `after` if the change is done, and its
// `before`, as in `bits`, if it is undecided or has failed.
//
// Invariant "onward": a word's states go v, entry, v + 2, ..., or v, v + 2, ...; none ever comes back.
// Invariant "first decides": an entry is put into its word only while its change is undecided. (It goes there by a
//   compare-and-swap that expects the version which it was made for. A change that is done has all its entries put. One
//   that has failed has so for a word that will never have the version again; the entries before that one were put, and
//   those behind it are put by nobody, since all begin with the lowest address.)
//
// Invariant "one fate": all who say what became of a change say the same, so that a store is enough. (Done: all its entries
//   were seen in their words, which they leave only when that has been said. Failed: one can never be put; who finds a
//   word without its entry and without the version looks first whether the change has been said to be done.)
//
// So when a thread has taken all entries of a decided change out, or found them gone, nobody will put them back, and the
// change can be retired.
#pragma once

#include <cstddef>
#include <cstdint>

#include "switchyard/atomics/atomic.h"
#include "switchyard/atomics/double_word.h"
#include "switchyard/atomics/plain.h"
#include "switchyard/lockfree/detail/shared_block.h"

namespace switchyard::lockfree::detail {

/// How what is taken out of reach is reclaimed. Tests have other means.
using joint_means = rcu_means;

class joint_change;

/// One of them. It must live until every section has ended that began before its last use, since threads that finish the
/// work of others may be late to look at it. `read` and `settle` are for threads inside a section; the other members for any.
class joint_word {
 public:
  /// What was read: the bits that the word had at one moment; and a version that it had before. If they are not of one
  /// time, it has changed since, and will not be replaced.
  struct reading {
    std::uint64_t version;
    std::uint64_t bits;
  };

  explicit joint_word(std::uint64_t bits) noexcept : words_({first_version, bits}) {}

  /// True: `now` is what the word has. False: a change is under way; its entry is `now.version`.
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

/// A change of several words, which all have what was read of them, or else it fails. Who makes it calls `finish`, once, in a
/// section or not, and retires it when that has returned.
class joint_change {
 public:
  /// One word's part, as the threads that find it there see it.
  struct entry {
    plain<joint_step> step;
    joint_change* change;
  };

  /// `entries` are in the order of their words' addresses.
  joint_change(entry* entries, std::size_t count) noexcept : entries_(entries), count_(count) {
    for (std::size_t i = 0; i < count; ++i) entries[i].change = this;
  }
  joint_change(const joint_change&) = delete;
  joint_change& operator=(const joint_change&) = delete;

  /// Returns when the change is decided and has left all its words; true if it was done.
  bool finish() noexcept;

 private:
  friend class joint_word;

  enum class fate : std::uint32_t { undecided, done, failed };

  static entry& entry_at(std::uint64_t state) noexcept { return *reinterpret_cast<entry*>(state); }
  static std::uint64_t state_of(const entry& e) noexcept { return reinterpret_cast<std::uintptr_t>(&e); }

  fate said() const noexcept { return fate_.load(memory_order_acquire); }  // (5) with (7)

  bool put(const entry& e) noexcept;
  static void take_out(const entry& e, bool is_done) noexcept;

  atomic<fate> fate_{fate::undecided};
  entry* entries_;
  std::size_t count_;
};

inline std::uint64_t joint_word::read() const noexcept {
  reading now;
  if (try_read(now)) return now.bits;
  // If the change is undecided, or was when we looked, then the word still had what it had before.
  const joint_change::entry& e = joint_change::entry_at(now.version);
  const joint_step& step = e.step.read();
  return e.change->said() == joint_change::fate::done ? step.after : step.before.bits;
}

inline joint_word::reading joint_word::settle() noexcept {
  reading now;
  while (!try_read(now)) joint_change::entry_at(now.version).change->finish();
  return now;
}

inline bool joint_change::finish() noexcept {
  fate now = said();
  if (now == fate::undecided) {
    // Into each word, from the lowest address on, its entry. Where one cannot be put, it was there, and the change has been
    // said to be done; or it will never be, and the change fails.
    now = fate::done;
    for (std::size_t i = 0; i < count_ && now == fate::done; ++i) {
      if (!put(entries_[i]) && said() != fate::done) now = fate::failed;
    }
    // Release: who sees it done sees every entry in its place.
    fate_.store(now, memory_order_release);  // (7) with (5)
  }
  for (std::size_t i = 0; i < count_; ++i) take_out(entries_[i], now == fate::done);
  return now == fate::done;
}

// False: the word has neither the entry nor the version that this was made for, and never will again.
inline bool joint_change::put(const entry& e) noexcept {
  const joint_step& step = e.step.read();
  const std::uint64_t mine = state_of(e);
  double_word::words seen{step.before.version, step.before.bits};
  // (3) release: with (1). Acquire, if it has left the word: with (6), whose thread knew of the change's fate.
  return step.word->words_.compare_exchange(seen, {mine, step.before.bits}, memory_order_release, memory_order_acquire) ||
         seen.first == mine;
}

inline void joint_change::take_out(const entry& e, bool is_done) noexcept {
  const joint_step& step = e.step.read();
  double_word::words seen{state_of(e), step.before.bits};
  step.word->words_.compare_exchange(
      seen, {step.before.version + joint_word::next_version, is_done ? step.after : step.before.bits},
      memory_order_release, memory_order_relaxed);  // (6) with (1), (2), (3)
}

}  // namespace switchyard::lockfree::detail
