// Where threads share values: changed one or two at a time, or built once.
#include <array>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "switchyard/atomics/atomic.h"
#include "switchyard/atomics/cache_padded.h"
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

constexpr std::size_t accounts = 8;

struct movement {
  std::size_t from;
  std::size_t to;
  std::int64_t amount;
};

movement movement_for(std::string_view word) {
  std::size_t hash = word.size();
  for (const char byte : word.substr(0, 16)) hash = hash * 31 + static_cast<unsigned char>(byte);
  const std::size_t from = hash % accounts;
  return {from, (from + 1 + (hash / accounts) % (accounts - 1)) % accounts, static_cast<std::int64_t>(word.size())};
}

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

template <class Account>
void transfer(Account& from, Account& to, std::int64_t amount) {
  update(from, to, [amount](std::int64_t& less, std::int64_t& more) {
    less -= amount;
    more += amount;
  });
}

template <class Account>
sample run_transfer(const text_parts& parts, const work& on, const tick_function& tick) {
  shared_run run(on);
  std::array<cache_padded<Account>, accounts> all;
  // Each thread's own sum for each account, as what the balances must be: additions may come in any order.
  std::array<atomic<std::int64_t>, accounts> expected{};
  sample result = run.run(parts, tick, [&](std::string_view part, steady_clock::time_point started) {
    std::array<std::int64_t, accounts> mine{};
    run.read(part, usual_piece, started, [&](std::string_view lines) {
      return count_words(lines, on, [&](std::string_view word) {
        const movement next = movement_for(word);
        transfer(*all[next.from], *all[next.to], next.amount);
        mine[next.from] -= next.amount;
        mine[next.to] += next.amount;
      });
    });
    for (std::size_t i = 0; i < accounts; ++i) expected[i].fetch_add(mine[i], memory_order_relaxed);
  });
  if (result.cut_short) return result;
  for (std::size_t i = 0; i < accounts; ++i) {
    const std::int64_t found = all[i]->load();
    const std::int64_t right = expected[i].load(memory_order_relaxed);
    if (found != right && result.wrong.empty()) {
      result.wrong = absl::StrCat("account ", i, " has ", found, " instead of ", right);
    }
  }
  return result;
}

// --- synchronized ---

struct progress_so_far {
  std::uint64_t lines = 0;
  std::uint64_t bytes = 0;
  std::uint64_t check = 0;

  void add(std::string_view line) {
    ++lines;
    bytes += line.size();
    check = lines * 3 + bytes * 5;
  }
  bool is_whole() const { return check == lines * 3 + bytes * 5; }
};

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

template <class Synchronized>
sample run_synchronized(const text_parts& parts, const work& on, const tick_function& tick) {
  shared_run run(on);
  Synchronized value;
  sample result = run.run(parts, tick, [&](std::string_view part, steady_clock::time_point started) {
    run.read(part, 1, started, [&](std::string_view line) {
      value.update([line](progress_so_far& now) { now.add(line); });
      return count_words(line, on, [&](std::string_view) {
        const bool whole = value.read([](const progress_so_far& now) { return now.is_whole(); });
        if (!whole) run.broken.store(true, memory_order_relaxed);
      });
    });
  });
  if (result.cut_short) return result;
  shared_run::expect(result, "bytes", value.load().bytes, on.expected.answer.bytes * result.passes);
  if (run.broken.load(memory_order_relaxed)) result.wrong = "a value was seen half changed";
  return result;
}

// --- lazy ---

struct built_late {
  std::uint64_t one = 1;
};

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

template <class Lazy>
sample run_lazy(const text_parts& parts, const work& on, const tick_function& tick) {
  shared_run run(on);
  Lazy lazy;
  return run.run(parts, tick, [&](std::string_view part, steady_clock::time_point started) {
    run.read(part, usual_piece, started, [&](std::string_view lines) {
      std::uint64_t n = 0;
      count_words(lines, on, [&](std::string_view) { n += lazy.get().one; });
      return n;
    });
  });
}

}  // namespace

void add_transfers(primitive_registry& to) {
  add_primitive(to, "lockfree.update", "multi-word compare-and-swap, with helping", progress::lock_free,
                run_transfer<lockfree::synchronized<std::int64_t>>);
  add_primitive(to, "blocking.update", "two small locks, in the order of their addresses", progress::blocking,
                run_transfer<blocking::synchronized<std::int64_t>>);
  add_primitive(to, "std.scoped_lock", "two of std::mutex, tried for until both are held", progress::blocking,
                run_transfer<std_account>);
}

void add_synchronized(primitive_registry& to) {
  add_primitive(to, "lockfree.synchronized", "snapshots, exchanged by compare-and-swap", progress::lock_free,
                run_synchronized<lockfree::synchronized<progress_so_far>>);
  add_primitive(to, "blocking.synchronized", "under a small lock", progress::blocking,
                run_synchronized<blocking::synchronized<progress_so_far>>);
  add_primitive(to, "blocking.synchronized_shared", "under blocking::shared_mutex", progress::blocking,
                run_synchronized<blocking::synchronized<progress_so_far, blocking::shared_mutex>>);
  add_primitive(to, "std.shared_mutex", "the standard library's, around a value changed in place", progress::blocking,
                run_synchronized<std_synchronized<std::shared_mutex>>);
}

void add_lazies(primitive_registry& to) {
  add_primitive(to, "lockfree.lazy", "may build twice and keeps one", progress::lock_free, run_lazy<lockfree::lazy<built_late>>);
  add_primitive(to, "blocking.lazy", "double-checked locking", progress::blocking, run_lazy<blocking::lazy<built_late>>);
  add_primitive(to, "std.call_once", "the standard library's", progress::blocking, run_lazy<std_lazy>);
}

}  // namespace switchyard::compare
