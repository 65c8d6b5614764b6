// Thread-local storage: a value for each thread that asks, of an object and not of the whole program. Belongs to neither side.

#include <string>

#include "examples/guide/check.h"
#include "switchyard/threads/thread.h"
#include "switchyard/threads/thread_specific.h"

switchyard::thread_specific<std::string> thread_local_name([] { return switchyard::thread::current().name(); });

void worker() {
  // Made by the function above when this thread first asks; destroyed when the thread ends.
  check(*thread_local_name == switchyard::thread::current().name(), "this thread's own");
  *thread_local_name += ", changed";
}

int main() {
  switchyard::thread one({.name = "one"}, worker);
  switchyard::thread two({.name = "two"}, worker);
  one.join();
  two.join();
  thread_local_name.local() = "mine";
  check(*thread_local_name == "mine", "no other thread's");
  check(thread_local_name.size_approx() == 1, "theirs went with them");
}
