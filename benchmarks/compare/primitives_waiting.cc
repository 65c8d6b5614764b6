// Where threads wait for each other: semaphores, barriers, pools of threads.
#include <barrier>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <semaphore>
#include <utility>

#include "switchyard/benchmarks/compare/primitive_runs.h"
#include "switchyard/benchmarks/compare/shared_run.h"
#include "switchyard/blocking/barrier.h"
#include "switchyard/blocking/semaphore.h"
#include "switchyard/blocking/thread_pool.h"
#include "switchyard/lockfree/barrier.h"
#include "switchyard/lockfree/semaphore.h"
#include "switchyard/lockfree/thread_pool.h"

namespace switchyard::compare {
namespace {

using adapters::progress;

// --- semaphore ---

struct std_semaphore {
  explicit std_semaphore(std::ptrdiff_t permits) : inside(permits) {}
  void acquire() { inside.acquire(); }
  void release() { inside.release(); }
  std::counting_semaphore<> inside;
};

// --- barrier ---

class std_barrier {
 public:
  std_barrier(std::int64_t parties, std::function<void()> action) : inside_(parties, completion{std::move(action)}) {}
  void wait() { inside_.arrive_and_wait(); }

 private:
  struct completion {
    std::function<void()> action;
    void operator()() noexcept { action(); }
  };
  std::barrier<completion> inside_;
};

}  // namespace

void add_semaphores(primitive_registry& to) {
  add_primitive(to, "lockfree.semaphore", "one atomic word, parking only when there is no permit", progress::lock_free,
                run_semaphore<lockfree::semaphore>);
  add_primitive(to, "blocking.semaphore", "a count under a small lock", progress::blocking, run_semaphore<blocking::semaphore>);
  add_primitive(to, "std.counting_semaphore", "the standard library's", progress::lock_free, run_semaphore<std_semaphore>);
}

void add_barriers(primitive_registry& to) {
  add_primitive(to, "lockfree.barrier", "one atomic addition to arrive", progress::lock_free, run_barrier<lockfree::barrier>);
  add_primitive(to, "blocking.barrier", "under a small lock", progress::blocking, run_barrier<blocking::barrier>);
  add_primitive(to, "std.barrier", "the standard library's", progress::lock_free, run_barrier<std_barrier>);
}

void add_threadpools(primitive_registry& to) {
  add_primitive(to, "lockfree.thread_pool", "a deque for each thread, work stealing", progress::lock_free,
                run_threadpool<lockfree::thread_pool>);
  add_primitive(to, "blocking.thread_pool", "one queue under a small lock", progress::blocking,
                run_threadpool<blocking::thread_pool>);
}

}  // namespace switchyard::compare
