// The words that can be replaced together, by themselves, under the model checker: the smallest programs in which a thread
// is late with a change, and finds where it was said the next one, or a part of that.
#include "switchyard/lockfree/detail/joint_words.h"

#include <array>
#include <cstdint>
#include <initializer_list>

#include "tests/model/model_support.h"

namespace switchyard::model {
namespace {

using lockfree::detail::joint_change;
using lockfree::detail::joint_step;
using lockfree::detail::joint_word;
using lockfree::detail::own_joint_change;

/// Three words, all 0 at first.
struct words {
  joint_word& operator[](std::size_t i) { return all[i]; }
  std::uint64_t read(std::size_t i) const { return all[i].read(); }

  // One change, by the calling thread.
  template <std::size_t N>
  bool change(const std::array<joint_step, N>& steps) {
    const own_joint_change mine;
    return (*mine).make(steps);
  }
  joint_step step(std::size_t i, std::uint64_t version, std::uint64_t before, std::uint64_t after) {
    return {&all[i], {version, before}, after};
  }
  // 0 and 1 become 1 and 2.
  void first() { require(change(std::array{step(0, 1, 0, 1), step(1, 1, 0, 2)}), "nobody else changes anything"); }

  void require_at_rest(std::size_t i, std::uint64_t bits) {
    joint_word::reading now;
    require(all[i].try_read(now) && now.bits == bits, "what the last change has left there");
  }

  std::array<joint_word, 3> all{joint_word(0), joint_word(0), joint_word(0)};
};

// The next change that a late thread may find: of both words again, of one of them, of another.
enum class next { same, only_first, only_second, another };
constexpr std::initializer_list<next> nexts = {next::same, next::only_first, next::only_second, next::another};

void make(words& w, next n) {
  bool is_done = false;
  switch (n) {
    case next::same:
      is_done = w.change(std::array{w.step(0, 3, 1, 11), w.step(1, 3, 2, 12)});
      break;
    case next::only_first:
      is_done = w.change(std::array{w.step(0, 3, 1, 11)});
      break;
    case next::only_second:
      is_done = w.change(std::array{w.step(1, 3, 2, 12)});
      break;
    case next::another:
      is_done = w.change(std::array{w.step(2, 1, 0, 13)});
      break;
  }
  require(is_done, "nobody else changes anything");
}

// Reading one word and then the other: nothing that was not there, nor is yet, nor is no more.
TEST(joint_words, ALateReader) {
  for (const next n : nexts) {
    for (const std::size_t first : {0, 1}) {
      expect_proved(
          [=] {
            words w;
            const std::size_t second = 1 - first;
            thread reader([&] {
              const std::uint64_t a = w.read(first);
              require(a == 0 || a == 1 + first || a == 11 + first, "what it had");
              const std::uint64_t b = w.read(second);
              require(b == 0 || b == 1 + second || b == 11 + second, "what it had");
              require(a == 0 || b != 0, "who has seen a part sees the rest");
              require(n != next::same || a < 10 || b > 10, "also of the next");
              const std::uint64_t again = w.read(first);
              require(a <= again, "one after the other");
            });
            w.first();
            make(w, n);
          },
          {.preemptions = 1});
    }
  }
}

// A helper that comes late does not put back an entry of a change that has failed, for others to find when it is gone.
TEST(joint_words, WhatIsTakenOutStaysOut) {
  expect_proved(
      [] {
        words w;
        const std::array steps{w.step(0, 1, 0, 1), w.step(1, 3, 0, 1)};  // 3 never was
        const own_joint_change mine;
        thread helper([&] { require(w[0].settle().bits == 0, "as it was"); });
        require(!(*mine).make(steps), "fails");
        w.require_at_rest(0, 0);
      },
      {.preemptions = 4});
}

// Finishing what is under way in one word, and then reading the other.
TEST(joint_words, AHelperSeesTheRest) {
  expect_proved(
      [] {
        words w;
        thread helper([&] {
          if (w[0].settle().bits == 1) require(w.read(1) == 2, "who has seen a part sees the rest");
        });
        w.first();
      },
      {.preemptions = 2});
}

// A change that another thread has said to be done: who has it from there sees all that it put.
TEST(joint_words, DoneByAnother) {
  expect_proved(
      [] {
        words w;
        thread maker([&] { w.first(); });
        thread helper([&] { w[0].settle(); });
        if (w.read(0) == 1) require(w.read(1) == 2, "who has seen a part sees the rest");
      },
      {.preemptions = 2});
}

// A place for changes goes from thread to thread: the next one knows which changes were said there.
TEST(joint_words, APlaceIsHandedOn) {
  joint_change::threads_meet = true;
  expect_proved(
      [] {
        words w;
        thread first([&] { w.first(); });
        thread second([&] {
          require(w.change(std::array{w.step(2, 1, 0, 13)}), "nobody else changes anything");
          w.require_at_rest(2, 13);
        });
        thread reader([&] {
          if (w.read(1) == 2) require(w.read(0) == 1, "who has seen a part sees the rest");
        });
        first.join();
        second.join();
        reader.join();
        w.require_at_rest(0, 1);
        w.require_at_rest(1, 2);
        w.require_at_rest(2, 13);
      },
      {.preemptions = 1});
  joint_change::threads_meet = false;
}

// Finishing what is under way in one word: no word is left to a change that is over.
TEST(joint_words, ALateHelper) {
  for (const next n : nexts) {
    for (const std::size_t first : {0, 1}) {
      expect_proved(
          [=] {
            words w;
            thread helper([&] {
              const std::uint64_t a = w[first].settle().bits;
              require(a == 0 || a == 1 + first || a == 11 + first, "what it had");
            });
            w.first();
            make(w, n);
            helper.join();
            w.require_at_rest(0, n == next::same || n == next::only_first ? 11 : 1);
            w.require_at_rest(1, n == next::same || n == next::only_second ? 12 : 2);
            w.require_at_rest(2, n == next::another ? 13 : 0);
          },
          {.preemptions = 1});
    }
  }
}

// The next change is of more words.
TEST(joint_words, ALateHelperAndMoreWords) {
  expect_proved(
      [] {
        words w;
        thread helper([&] { (void)w[0].settle(); });
        require(w.change(std::array{w.step(0, 1, 0, 1)}), "nobody else changes anything");
        require(w.change(std::array{w.step(0, 3, 1, 11), w.step(1, 1, 0, 12)}), "nobody else changes anything");
        helper.join();
        w.require_at_rest(0, 11);
        w.require_at_rest(1, 12);
      },
      {.preemptions = 1});
}

}  // namespace
}  // namespace switchyard::model
