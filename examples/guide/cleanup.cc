// Clean-up: what was begun ends where its scope ends, also by an exception. Close the queue, then let the threads go.

#include <stdexcept>
#include <vector>

#include "examples/guide/check.h"
#include "switchyard/atomics/atomic.h"
#include "switchyard/blocking/bounded_queue.h"
#include "switchyard/lockfree/bounded_queue.h"
#include "switchyard/threads/thread.h"

/// Workers and their queue. C++ destroys members last to first: the queue is closed, then each thread joined, and only then
/// the queue goes. So the order in which they are declared is the clean-up, also if the second thread cannot be started.
template <class Queue>
class crew {
 public:
  crew(int workers, switchyard::atomic<int>& done) : done_(done), jobs_(8) {
    for (int i = 0; i < workers; ++i) {
      threads_.emplace_back([this] {
        while (const auto job = jobs_.pop()) done_.fetch_add(*job, switchyard::memory_order_relaxed);
      });
    }
  }
  void add(int job) { jobs_.push(job); }

 private:
  struct closes {
    ~closes() { queue.close(); }  // the workers finish what is in it, and end
    Queue& queue;
  };

  switchyard::atomic<int>& done_;
  Queue jobs_;
  std::vector<switchyard::thread> threads_;
  closes at_end_{jobs_};
};

template <class Queue>
void nothing_is_left_behind() {
  const auto before = switchyard::thread::active_count();
  switchyard::atomic<int> done{0};
  try {
    crew<Queue> workers(3, done);
    for (int i = 1; i <= 10; ++i) workers.add(i);
    throw std::runtime_error("something went wrong");
  } catch (const std::runtime_error&) {
    check(switchyard::thread::active_count() == before, "every thread has ended");
    check(done.load(switchyard::memory_order_relaxed) == 55, "and had finished what it was given");
  }
}

int main() {
  nothing_is_left_behind<switchyard::blocking::bounded_queue<int>>();
  nothing_is_left_behind<switchyard::lockfree::bounded_queue<int>>();
}
