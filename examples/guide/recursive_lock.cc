// RLock: a lock that the same thread may take again; and what needs none.

#include <cstddef>
#include <mutex>

#include "absl/base/thread_annotations.h"
#include "examples/guide/check.h"
#include "switchyard/blocking/recursive_mutex.h"
#include "switchyard/interface/lock_errors.h"
#include "switchyard/lockfree/synchronized.h"

switchyard::blocking::recursive_mutex rlock;
int calls = 0;

void recursive_function(int depth) ABSL_NO_THREAD_SAFETY_ANALYSIS {  // which does not know locks that are taken again
  const std::lock_guard hold(rlock);
  ++calls;
  check(rlock.owned_by_me() && rlock.depth() == static_cast<std::size_t>(calls), "held as often as it was taken");
  if (depth > 1) recursive_function(depth - 1);  // can take the lock again
}

// Without a lock there is nothing to take again: the function gets the value, and hands it on.
void recursive_change(int& count, int depth) {
  ++count;
  if (depth > 1) recursive_change(count, depth - 1);
}

int main() {
  recursive_function(3);
  check(calls == 3 && !rlock.locked(), "given back as often");
  try {
    rlock.unlock();
    check(false, "refused");
  } catch (const switchyard::not_owner&) {
  }

  switchyard::lockfree::synchronized<int> count(0);
  count.update([](int& now) { recursive_change(now, 3); });
  check(count.load() == 3, "in one step, for all others");
}
