// Exceptions in threads: none is lost, and none ends the program.

#include <stdexcept>
#include <string>

#include "examples/guide/check.h"
#include "switchyard/threads/exception_hook.h"
#include "switchyard/threads/thread.h"

void who_joins_may_ask() {
  switchyard::thread worker({.name = "worker"}, [] { throw std::runtime_error("out of luck"); });
  worker.join();  // as Python's: does not throw
  std::string what;
  try {
    worker.get();  // joins, and throws what the thread threw
  } catch (const std::runtime_error& error) {
    what = error.what();
  }
  check(what == "out of luck", "the very exception");
}

int main() {
  // Called for every exception that leaves a thread, in that thread. The default prints to the standard error.
  std::string failed;
  switchyard::set_exception_hook([&](const switchyard::thread_failure& failure) { failed = failure.name; });
  who_joins_may_ask();
  check(failed == "worker", "the hook has been told the thread's name");
  switchyard::set_exception_hook({});
}
