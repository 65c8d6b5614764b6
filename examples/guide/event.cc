// Event: one thread says that something has happened, others wait until it has.

#include <chrono>
#include <string>

#include "examples/guide/check.h"
#include "switchyard/blocking/event.h"
#include "switchyard/lockfree/event.h"
#include "switchyard/threads/thread.h"

template <class Event>  // of either side
void signal() {
  Event ready;
  std::string message;

  const auto wait_for_event = [&] {
    ready.wait();
    check(message == "prepared", "what came before set() is seen after wait()");
  };
  switchyard::thread one(wait_for_event);
  switchyard::thread two(wait_for_event);

  message = "prepared";
  ready.set();  // lets both pass, and whoever comes later
  one.get();
  two.get();

  ready.clear();
  check(!ready.is_set() && !ready.wait_for(std::chrono::milliseconds(1)), "cleared: who comes now waits");
}

int main() {
  signal<switchyard::blocking::event>();
  signal<switchyard::lockfree::event>();
}
