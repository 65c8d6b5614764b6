// Where threads share values: changed one or two at a time, or built once.
#include <cstdint>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <utility>

#include "switchyard/benchmarks/compare/primitive_runs.h"
#include "switchyard/benchmarks/compare/shared_run.h"
#include "switchyard/blocking/lazy.h"
#include "switchyard/blocking/shared_mutex.h"
#include "switchyard/blocking/synchronized.h"
#include "switchyard/blocking/update.h"
#include "switchyard/lockfree/lazy.h"
#include "switchyard/lockfree/synchronized.h"
#include "switchyard/lockfree/update.h"

namespace switchyard::compare {
namespace {

using adapters::progress;

// --- transfer ---

// Two locks of the standard library, which tries and gives back until it has both.
struct std_account {
  std::mutex lock;
  std::int64_t balance = 0;
  std::int64_t load() const { return balance; }
};
void transfer(std_account& from, std_account& to, std::int64_t amount) {
  const std::scoped_lock both(from.lock, to.lock);
  from.balance -= amount;
  to.balance += amount;
}

// --- synchronized ---

template <class Lock>
class std_synchronized {
 public:
  template <class F>
  auto read(F f) const {
    const std::shared_lock hold(lock_);
    return f(std::as_const(value_));
  }
  template <class F>
  void update(F f) {
    const std::lock_guard hold(lock_);
    f(value_);
  }
  progress_so_far load() const {
    return read([](const progress_so_far& now) { return now; });
  }

 private:
  mutable Lock lock_;
  progress_so_far value_;
};

// --- lazy ---

// What the standard library has for it.
class std_lazy {
 public:
  built_late& get() {
    std::call_once(once_, [this] { value_.emplace(); });
    return *value_;
  }

 private:
  std::once_flag once_;
  std::optional<built_late> value_;
};

}  // namespace

void add_transfers(primitive_registry& to) {
  add_primitive(to, "lockfree.update", "multi-word compare-and-swap, with helping", progress::lock_free,
                run_transfer<lockfree::synchronized<std::int64_t>>, "calling a change only once");
  add_primitive(to, "blocking.update", "two small locks, in the order of their addresses", progress::blocking,
                run_transfer<blocking::synchronized<std::int64_t>>);
  add_primitive(to, "std.scoped_lock", "two of std::mutex, tried for until both are held", progress::blocking,
                run_transfer<std_account>);
}

void add_synchronized(primitive_registry& to) {
  add_primitive(to, "lockfree.synchronized", "snapshots, exchanged by compare-and-swap", progress::lock_free,
                run_synchronized<lockfree::synchronized<progress_so_far>>, "calling a change only once");
  add_primitive(to, "blocking.synchronized", "under a small lock", progress::blocking,
                run_synchronized<blocking::synchronized<progress_so_far>>);
  add_primitive(to, "blocking.synchronized_shared", "under blocking::shared_mutex", progress::blocking,
                run_synchronized<blocking::synchronized<progress_so_far, blocking::shared_mutex>>);
  add_primitive(to, "std.shared_mutex", "the standard library's, around a value changed in place", progress::blocking,
                run_synchronized<std_synchronized<std::shared_mutex>>);
}

void add_lazies(primitive_registry& to) {
  add_primitive(to, "lockfree.lazy", "may build twice and keeps one", progress::lock_free, run_lazy<lockfree::lazy<built_late>>,
                "building only once");
  add_primitive(to, "blocking.lazy", "double-checked locking", progress::blocking, run_lazy<blocking::lazy<built_late>>);
  add_primitive(to, "std.call_once", "the standard library's", progress::blocking, run_lazy<std_lazy>);
}

}  // namespace switchyard::compare
