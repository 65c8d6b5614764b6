// Lock: one thread at a time; and what there is in its place where no thread may wait for another.

#include <mutex>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "examples/guide/check.h"
#include "switchyard/blocking/mutex.h"
#include "switchyard/lockfree/synchronized.h"
#include "switchyard/threads/thread.h"

void with_a_lock() {
  struct {
    switchyard::blocking::mutex lock;
    std::vector<int> entries ABSL_GUARDED_BY(lock);
  } log;

  const auto critical_section = [&](int entry) {
    switchyard::blocking::mutex_guard hold(log.lock);
    log.entries.push_back(entry);  // only one thread is here at a time
  };
  switchyard::thread one(critical_section, 1);
  switchyard::thread two(critical_section, 2);
  one.get();
  two.get();
  switchyard::blocking::mutex_guard hold(log.lock);
  check(log.entries.size() == 2, "both");
}

void without() {
  switchyard::lockfree::synchronized<std::vector<int>> log;

  const auto add = [&](int entry) {
    log.update([&](std::vector<int>& entries) { entries.push_back(entry); });  // of a copy, that is published at once
  };
  switchyard::thread one(add, 1);
  switchyard::thread two(add, 2);
  one.get();
  two.get();
  check(log.read([](const std::vector<int>& entries) { return entries.size(); }) == 2, "both");
}

int main() {
  with_a_lock();
  without();
}
