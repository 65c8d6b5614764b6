// Changes several `synchronized` values in one step, or none, without a lock.
//
// Source: `detail/joint_words.h`.
// When: what must change together or not at all, and is in several places: two accounts, an entry and an index. One
//   value alone, `synchronized::update`. `blocking::update` is called in the same way.
// Progress: lock-free, apart from the allocator, T's own members and f: who meets a change that another has begun and not
//   ended, wherever that thread has stopped, ends it.
// Ordering: linearizable, with the members of every `synchronized` that takes part. f sees values that all had at one
//   moment.
// Exceptions: what f, the allocator, or copying a T throws passes on, and nothing has changed in any of them. Nor has it when
//   there is no memory for a thread's first, which is std::bad_alloc.
// Cost: for n values, 16 at most, 2n compare-and-swaps, and what changing each value takes; a thread's first takes 640 bytes,
//   which the next thread has when it has ended. Who finds that another was faster leaves it a microsecond. Readers are not
//   held up.
//
//   synchronized<long> mine(100), yours(0);
//   update(mine, yours, [](long& from, long& to) { from -= 10;  to += 10; });
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <tuple>
#include <type_traits>
#include <utility>

#include "switchyard/atomics/backoff.h"
#include "switchyard/interface/synchronized.h"
#include "switchyard/lockfree/detail/joint_values.h"
#include "switchyard/lockfree/detail/joint_words.h"
#include "switchyard/lockfree/detail/words.h"
#include "switchyard/lockfree/synchronized.h"

namespace switchyard::lockfree {

namespace detail {

template <class S>
struct is_synchronized : std::false_type {};
template <class T, class Allocator, class Means>
struct is_synchronized<synchronized<T, Allocator, Means>> : std::type_identity<Means> {
  static constexpr bool value = true;
};

struct joint_update {
  template <std::size_t Count>
  using readings = std::array<joint_word::reading, Count>;

  template <std::size_t Count>
  struct all_words {
    explicit all_words(const std::array<joint_word*, Count>& all) : words(all) {
      for (std::size_t i = 1; i < Count; ++i) {
        for (std::size_t j = 0; j < i; ++j) {
          if (words[i] == words[j]) throw same_object_twice("update of the same object twice");
        }
      }
    }

    // What all of them have, at one moment. `finish(word)` reads one whose change is under way, and finishes that.
    template <class Finish>
    readings<Count> look(Finish finish) const noexcept {
      const auto look_at = [&](joint_word& word) {
        joint_word::reading now;
        if (!word.try_read(now)) [[unlikely]] {
          // Whose it is has the lines, and is nearly done with them, if it runs.
          give_head_start();
          now = finish(word);
        }
        return now;
      };
      return [&]<std::size_t... I>(std::index_sequence<I...>) {
        for (backoff races;; races.lost_race()) {
          const readings<Count> seen{look_at(*words[I])...};
          // When the last was read, the others still had what had been read of them.
          if (((I + 1 == Count || words[I]->is_still(seen[I])) && ...)) return seen;
        }
      }(std::make_index_sequence<Count>());
    }

    std::array<joint_word*, Count> words;
  };

  // In the order of their words' addresses. Which of two comes first is as good as random: without a jump that would be
  // guessed wrong, and without a place in memory that depends on it, a change takes half the time. (Field by field, so that they
  // stay in registers: as arrays of words they do not, and all is lost again.)
  template <std::size_t Count>
  static void sort(std::array<joint_step, Count>& steps) noexcept {
    for (std::size_t i = 1; i < Count; ++i) {
      for (std::size_t j = i; j > 0; --j) {
        joint_step& a = steps[j - 1];
        joint_step& b = steps[j];
        const std::uint64_t all_if_wrong = 0 - std::uint64_t{std::less<>()(b.word, a.word)};
        const auto swap_if_wrong = [=](auto& x, auto& y) {
          const auto both = std::bit_cast<std::uint64_t>(x) ^ std::bit_cast<std::uint64_t>(y);
          x = std::bit_cast<std::remove_reference_t<decltype(x)>>(std::bit_cast<std::uint64_t>(x) ^ (both & all_if_wrong));
          y = std::bit_cast<std::remove_reference_t<decltype(y)>>(std::bit_cast<std::uint64_t>(y) ^ (both & all_if_wrong));
        };
        swap_if_wrong(a.word, b.word);
        swap_if_wrong(a.before.version, b.before.version);
        swap_if_wrong(a.before.bits, b.before.bits);
        swap_if_wrong(a.after, b.after);
      }
    }
  }

  template <class F, class First, class... Others>
  static auto run(F& f, First& first, Others&... others) {
    using means = typename is_synchronized<First>::type;
    static_assert((std::is_same_v<means, typename is_synchronized<Others>::type> && ...), "of one kind");
    constexpr std::size_t count = 1 + sizeof...(Others);
    static_assert(count <= joint_change::most_words, "an update of more values than joint_change::most_words");
    constexpr bool all_in_words = fits_word<typename First::value_type> && (fits_word<typename Others::value_type> && ...);
    const all_words<count> where({&first.word(), &others.word()...});
    const auto settle = [](joint_word& word) noexcept {
      const std::scoped_lock inside(means::domain());
      return word.settle();
    };
    for (;; give_head_start()) {  // whoever was faster has all the lines, and gets some more changes done with them
      readings<count> seen;
      auto drafts = [&]<std::size_t... I>(std::index_sequence<0, I...>) {
        // What is not in its word must not go while it is copied.
        std::unique_lock inside(means::domain(), std::defer_lock);
        if constexpr (!all_in_words) inside.lock();
        seen = where.look(settle);
        return std::tuple<typename First::draft, typename Others::draft...>{
            typename First::draft(first.allocator_, seen[0].bits),
            typename Others::draft(others.allocator_, seen[I].bits)...};
      }(std::make_index_sequence<count>());
      const auto call = [&] { return std::apply([&](auto&... each) { return std::invoke(f, each.value()...); }, drafts); };
      if constexpr (std::is_void_v<decltype(call())>) {
        call();
        if (commit(where, seen, drafts)) return;
      } else {
        auto result = call();
        if (commit(where, seen, drafts)) return result;
      }
    }
  }

  template <std::size_t Count, class... Drafts>
  static bool commit(const all_words<Count>& where, const readings<Count>& seen, std::tuple<Drafts...>& drafts) {
    const own_joint_change change;
    auto steps = [&]<std::size_t... I>(std::index_sequence<I...>) {
      return std::array{joint_step{where.words[I], seen[I], std::get<I>(drafts).bits()}...};
    }(std::index_sequence_for<Drafts...>());
    sort(steps);
    if (!(*change).make(steps)) return false;
    std::size_t i = 0;
    std::apply([&](auto&... each) { (each.has_replaced(seen[i++].bits), ...); }, drafts);
    return true;
  }
};

}  // namespace detail

/// `update(a, b, ..., f)` replaces the values of a, b, ... by what `f(A&, B&, ...)` makes of copies, if nobody was faster
/// with one of them; else f is called again, with new copies. Returns what f's last call returned, by value. Throws
/// `same_object_twice` if one of them is named twice; f has not been called then. f must not change any of them otherwise:
/// it would be called for ever.
template <class... Arguments>
  requires switchyard::detail::all_but_last<detail::is_synchronized, std::remove_reference_t<Arguments>...>
auto update(Arguments&&... values_and_f) {
  return switchyard::detail::with_last_first([](auto& f, auto&... values) { return detail::joint_update::run(f, values...); },
                                             std::tuple<std::remove_reference_t<Arguments>&...>(values_and_f...));
}

}  // namespace switchyard::lockfree
