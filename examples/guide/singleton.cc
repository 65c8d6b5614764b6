// Thread-safe singleton: built when it is first asked for, whoever asks.

#include <stdexcept>
#include <vector>

#include "examples/guide/check.h"
#include "switchyard/atomics/atomic.h"
#include "switchyard/blocking/lazy.h"
#include "switchyard/lockfree/lazy.h"
#include "switchyard/threads/thread.h"

struct settings {
  settings() { built.fetch_add(1, switchyard::memory_order_relaxed); }
  int verbosity = 3;

  static inline switchyard::atomic<int> built{0};
};

// At namespace scope, constinit: there before any code of the program runs, and nothing is built yet.
constinit switchyard::blocking::lazy<settings> the_settings;
constinit switchyard::lockfree::lazy<settings> the_settings_without_a_lock;

template <class Lazy>
void everybody_gets_the_same_one(Lazy& lazy) {
  check(!lazy.is_built(), "nobody has asked yet");
  settings* found[4] = {};
  {
    std::vector<switchyard::thread> threads;
    for (settings*& mine : found) threads.emplace_back([&] { mine = &lazy.get(); });
  }
  for (settings* const each : found) check(each == &*lazy && each->verbosity == 3, "the same one, fully built");
}

template <class Lazy>
void a_constructor_that_throws_is_tried_again(Lazy& lazy) {
  try {
    lazy.get();
    check(false, "throws");
  } catch (const std::runtime_error&) {
    check(!lazy.is_built(), "as if nobody had asked");
  }
  check(lazy.get() == 7, "the next one succeeds");
}

int main() {
  everybody_gets_the_same_one(the_settings);
  check(settings::built.load(switchyard::memory_order_relaxed) == 1, "the blocking one: built once");
  everybody_gets_the_same_one(the_settings_without_a_lock);  // built by as many as asked at once; one is kept

  int calls = 0;
  const auto fails_once = [&calls]() -> int { return ++calls == 1 ? throw std::runtime_error("not yet") : 7; };
  switchyard::blocking::lazy blocking(fails_once);
  a_constructor_that_throws_is_tried_again(blocking);
  calls = 0;
  switchyard::lockfree::lazy lockfree(fails_once);
  a_constructor_that_throws_is_tried_again(lockfree);
}
