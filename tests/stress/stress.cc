#include "switchyard/tests/stress/stress.h"

#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "switchyard/atomics/atomic.h"

namespace switchyard::stress {

namespace {

char current_seed[64] = "";  // as a line to print

extern "C" void print_seed_and_end(int signal) {
  const std::string_view line = current_seed;
  if (::write(STDERR_FILENO, line.data(), line.size()) < 0) std::_Exit(1);
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

void seed_chaos([[maybe_unused]] std::uint64_t seed) {
#ifdef SWITCHYARD_CHAOS
  chaos::seed_this_thread(seed);
#endif
}

// Made first in its thread, and so destroyed last.
struct last_words {
  std::function<void()> words;
  ~last_words() {
    if (words) words();
  }
};
last_words& of_this_thread() {
  static thread_local last_words mine;
  return mine;
}

}  // namespace

stress_test::stress_test() {
  for (const int signal : {SIGABRT, SIGTERM}) std::signal(signal, print_seed_and_end);
}

void stress_test::for_seeds(int rounds, const std::function<void(std::uint64_t)>& round) {
  const std::uint64_t first = linearizability::first_seed();
  for (std::uint64_t seed = first; seed != first + static_cast<unsigned>(rounds) && !failed(); ++seed) {
    const std::string line = linearizability::replay(seed);
    std::snprintf(current_seed, sizeof current_seed, "%s\n", line.c_str());
    SCOPED_TRACE(line);
    seed_chaos(seed);
    round(seed);
  }
}

void come_and_go(int count, std::uint64_t seed, const std::function<bool(int, random_source&)>& life) {
  in_threads(count, [&](int place) {
    random_source random = random_for(seed, place);
    for (bool more = true; more;) {
      std::thread([&] {
        of_this_thread();
        seed_chaos(random());
        more = life(place, random);
      }).join();
    }
  });
}

void say_last(std::function<void()> words) { of_this_thread().words = std::move(words); }

void fail_in_turn(int at_least, const std::function<void()>& script) {
  for (int n = 1;; ++n) {
    SCOPED_TRACE("call " + std::to_string(n) + " fails");
    const std::int64_t before = misfortune::blocks();
    bool was_last = false;
    std::thread([&] {
      misfortune::in(n);
      script();
      was_last = misfortune::is_due();
    }).join();
    if (failed()) return;
    EXPECT_EQ(misfortune::blocks(), before) << "more: leaked";
    if (was_last) {
      EXPECT_GT(n, at_least) << "hardly anything fails: this tests nothing";
      return;
    }
  }
}

}  // namespace switchyard::stress
