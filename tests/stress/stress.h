// What the stress tests have in common: a seed that a failing or hanging test prints, places in which one
// short-lived thread follows another, and failures at every call in turn.
//
// With SWITCHYARD_SEED in the environment a test begins with the round of that seed. It says what each thread
// asks for and, in a --config=chaos build, where it stops; how the threads meet is up to the machine.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <functional>

#include "switchyard/tests/conformance/test_support.h"
#include "switchyard/tests/linearizability/history.h"
#include "switchyard/tests/stress/misfortune.h"

namespace switchyard::stress {

using conformance::failed;
using conformance::in_threads;
using conformance::scaled;
using conformance::wait_a_little;
using linearizability::random_for;
using linearizability::random_source;
using linearizability::stagger;

/// More threads than a machine for tests has processors.
inline constexpr int places = 8;

/// Prints the seed of the round that was under way if the program ends by a signal: the watchdog's, or that
/// of whoever has waited long enough.
class stress_test : public ::testing::Test {
 protected:
  stress_test();

  /// Calls `round(seed)` for so many seeds, until one fails.
  static void for_seeds(int rounds, const std::function<void(std::uint64_t seed)>& round);

 private:
  conformance::watchdog watchdog_;
};

/// In each of `count` places `life(place, random)` runs in a thread of its own, and again in a new one when
/// that has ended, as long as it returns true. Returns when the last has ended.
void come_and_go(int count, std::uint64_t seed, const std::function<bool(int place, random_source&)>& life);

/// For who lives in a place: `words` run when the thread ends, after it has let go of its cells.
void say_last(std::function<void()> words);

/// Runs `script` in a new thread again and again, where the first call that may fail does so, then the second
/// and so on, until there are no more, which may be after `at_least`. Each time all memory must be back at
/// the end. The script says by `misfortune::possible` when.
void fail_in_turn(int at_least, const std::function<void()>& script);

}  // namespace switchyard::stress
