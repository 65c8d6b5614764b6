#include "switchyard/benchmarks/compare/primitives.h"

#include <algorithm>
#include <array>
#include <barrier>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <semaphore>
#include <shared_mutex>
#include <stdexcept>
#include <utility>

#include "absl/strings/str_cat.h"
#include "switchyard/atomics/atomic.h"
#include "switchyard/atomics/cache_padded.h"
#include "switchyard/blocking/barrier.h"
#include "switchyard/blocking/lazy.h"
#include "switchyard/blocking/semaphore.h"
#include "switchyard/blocking/shared_mutex.h"
#include "switchyard/blocking/synchronized.h"
#include "switchyard/blocking/thread_pool.h"
#include "switchyard/blocking/update.h"
#include "switchyard/lockfree/barrier.h"
#include "switchyard/lockfree/lazy.h"
#include "switchyard/lockfree/semaphore.h"
#include "switchyard/lockfree/sharded_counter.h"
#include "switchyard/lockfree/synchronized.h"
#include "switchyard/lockfree/thread_pool.h"
#include "switchyard/lockfree/update.h"

namespace switchyard::compare {
namespace {

using adapters::progress;

// What the threads of a run share, whatever they do.
class shared_run {
 public:
  explicit shared_run(const work& of) : on(of), gate(least_time(of)) {}

  const work& on;
  pass_gate gate;
  atomic<bool> cut_short{false};
  atomic<std::uint64_t> words{0};  // what each thread found is added at its end
  atomic<bool> broken{false};      // something was seen that cannot be

  std::size_t readers() const { return on.layout.producers + on.layout.consumers; }

  // One thread's work: `on_piece(piece)` returns how many words it found.
  template <class OnPiece>
  void read(std::string_view part, std::size_t piece, steady_clock::time_point started, OnPiece on_piece) {
    std::uint64_t mine = 0;
    const bool finished = go_through(part, piece, on, readers(), gate, started,
                                     [&](std::string_view lines) { mine += on_piece(lines); });
    if (!finished) cut_short.store(true, memory_order_relaxed);
    words.fetch_add(mine, memory_order_relaxed);
  }

  // Runs `reader(part, started)` for each part.
  template <class Reader>
  sample run(const text_parts& parts, const tick_function& tick, Reader reader) {
    on.input.drop(on.input.text());  // what the run before kept does not count
    std::vector<job> jobs;
    for (const std::string_view part : *parts) {
      jobs.push_back([&reader, part](steady_clock::time_point started) { reader(part, started); });
    }
    sample result;
    result.use = run_crew(jobs, tick);
    result.cut_short = cut_short.load(memory_order_relaxed);
    if (result.cut_short) return result;
    result.passes = gate.passes();
    result.items = on.expected.answer.words * result.passes;
    expect(result, "words", words.load(memory_order_relaxed), result.items);
    return result;
  }

  static void expect(sample& result, std::string_view what, std::uint64_t found, std::uint64_t expected) {
    if (found == expected || !result.wrong.empty()) return;
    result.wrong = absl::StrCat(std::string(what), " ", found, " instead of ", expected);
    if (result.passes > 1) absl::StrAppend(&result.wrong, " (in ", result.passes, " passes)");
  }
};

constexpr std::size_t usual_piece = std::size_t{64} << 10;

// Calls `on_word` for the words of a piece and returns how many there were.
template <class OnWord>
std::uint64_t count_words(std::string_view piece, const work& on, OnWord on_word) {
  std::uint64_t n = 0;
  for_each_word_of(piece, on.input, [&](std::string_view word) {
    on_word(word);
    ++n;
  });
  return n;
}

// --- semaphore ---

struct std_semaphore {
  explicit std_semaphore(std::ptrdiff_t permits) : inside(permits) {}
  void acquire() { inside.acquire(); }
  void release() { inside.release(); }
  std::counting_semaphore<> inside;
};

template <class Semaphore>
sample run_semaphore(const text_parts& parts, const work& on, const tick_function& tick) {
  shared_run run(on);
  const auto permits = static_cast<std::int32_t>(std::max<std::size_t>(1, run.readers() / 2));
  Semaphore semaphore(permits);
  cache_padded<atomic<std::int32_t>> inside(std::in_place, 0);
  sample result = run.run(parts, tick, [&](std::string_view part, steady_clock::time_point started) {
    run.read(part, usual_piece, started, [&](std::string_view lines) {
      return count_words(lines, on, [&](std::string_view) {
        semaphore.acquire();
        if (inside->fetch_add(1, memory_order_relaxed) >= permits) run.broken.store(true, memory_order_relaxed);
        inside->fetch_sub(1, memory_order_relaxed);
        semaphore.release();
      });
    });
  });
  if (run.broken.load(memory_order_relaxed)) result.wrong = absl::StrCat("more than ", permits, " at once");
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

template <class Barrier>
sample run_barrier(const text_parts& parts, const work& on, const tick_function& tick) {
  constexpr std::size_t piece = std::size_t{4} << 10;
  shared_run run(on);
  // All take as many rounds in each pass.
  std::uint64_t rounds_a_pass = 1;
  for (const std::string_view part : *parts) rounds_a_pass = std::max<std::uint64_t>(rounds_a_pass, part.size() / piece);

  atomic<std::uint64_t> arrivals{0};
  std::uint64_t rounds = 0;  // these two are written by the action, when nobody else is past the barrier
  bool over = false;
  Barrier barrier(static_cast<std::int64_t>(parts->size()), [&] {
    ++rounds;
    if (arrivals.load(memory_order_relaxed) != rounds * parts->size()) run.broken.store(true, memory_order_relaxed);
    over = on.stop.load(memory_order_relaxed);
  });

  sample result = run.run(parts, tick, [&](std::string_view part, steady_clock::time_point started) {
    page_trail trail(on.input, window(run.readers()), 0);
    const char* const last = part.data() + part.size();
    std::uint64_t mine = 0;
    std::uint64_t done = 0;
    do {
      const char* at = part.data();
      trail.start(at);
      for (std::uint64_t round = 1; round <= rounds_a_pass; ++round) {
        const bool rest = round == rounds_a_pass;
        const auto size = rest ? static_cast<std::size_t>(last - at) : piece;
        if (at != last) mine += count_words(next_piece(at, last, size, on.input), on, [](std::string_view) {});
        trail.passed(at, 1);
        arrivals.fetch_add(1, memory_order_relaxed);
        barrier.wait();
        if (over) {
          run.cut_short.store(true, memory_order_relaxed);
          return;
        }
      }
    } while (run.gate.another(++done, started));
    run.words.fetch_add(mine, memory_order_relaxed);
  });
  if (result.cut_short) return result;
  result.items = rounds_a_pass * result.passes;
  shared_run::expect(result, "rounds", rounds, result.items);
  if (run.broken.load(memory_order_relaxed)) result.wrong = "somebody passed the barrier before the others had come";
  return result;
}

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

// --- threadpool ---

template <class ThreadPool>
sample run_threadpool(const text_parts& parts, const work& on, const tick_function& tick) {
  shared_run run(on);
  lockfree::sharded_counter words;
  lockfree::sharded_counter lines;
  lockfree::semaphore room(static_cast<std::int64_t>(on.layout.capacity));  // the same for all pools
  ThreadPool pool({.threads = static_cast<std::int64_t>(on.layout.consumers), .name = "compare"});
  atomic<std::size_t> giving{on.layout.producers};
  sample result = run.run(parts, tick, [&](std::string_view part, steady_clock::time_point started) {
    // Whatever happens, the last one waits for the tasks, within the time that is measured.
    struct farewell {
      ~farewell() {
        if (giving.fetch_sub(1, memory_order_acq_rel) == 1) pool.shutdown();
      }
      ThreadPool& pool;
      atomic<std::size_t>& giving;
    } const at_end{pool, giving};
    run.read(part, 1, started, [&](std::string_view line) {
      room.acquire();
      struct permit_for_task {
        ~permit_for_task() {
          if (room != nullptr) room->release();
        }
        lockfree::semaphore* room;
      } held{&room};
      pool.post([&run, &words, &lines, &room, line] {
        lines.increment();
        words.add(static_cast<std::int64_t>(count_words(line, run.on, [](std::string_view) {})));
        room.release();
      });
      held.room = nullptr;  // the task gives it back
      return std::uint64_t{0};
    });
  });
  if (result.cut_short) return result;
  result.wrong.clear();  // said of the readers, who count no words here
  shared_run::expect(result, "words", static_cast<std::uint64_t>(words.load()), result.items);
  result.items = on.expected.items * result.passes;
  shared_run::expect(result, "lines", static_cast<std::uint64_t>(lines.load()), result.items);
  return result;
}

primitive_registry all_for(workload which) {
  primitive_registry all;
  const auto add = [&](std::string name, std::string summary, progress guarantee, auto run) {
    all.add({.name = std::move(name), .summary = std::move(summary), .guarantee = guarantee}, run);
  };
  switch (which) {
    case workload::pipeline:
    case workload::counter:
      break;
    case workload::threadpool:
      add("lockfree.thread_pool", "a deque for each thread, work stealing", progress::lock_free,
          run_threadpool<lockfree::thread_pool>);
      add("blocking.thread_pool", "one queue under a small lock", progress::blocking,
          run_threadpool<blocking::thread_pool>);
      break;
    case workload::semaphore:
      add("lockfree.semaphore", "one atomic word, parking only when there is no permit", progress::lock_free,
          run_semaphore<lockfree::semaphore>);
      add("blocking.semaphore", "a count under a small lock", progress::blocking, run_semaphore<blocking::semaphore>);
      add("std.counting_semaphore", "the standard library's", progress::lock_free, run_semaphore<std_semaphore>);
      break;
    case workload::barrier:
      add("lockfree.barrier", "one atomic addition to arrive", progress::lock_free, run_barrier<lockfree::barrier>);
      add("blocking.barrier", "under a small lock", progress::blocking, run_barrier<blocking::barrier>);
      add("std.barrier", "the standard library's", progress::lock_free, run_barrier<std_barrier>);
      break;
    case workload::transfer:
      add("lockfree.update", "multi-word compare-and-swap, with helping", progress::lock_free,
          run_transfer<lockfree::synchronized<std::int64_t>>);
      add("blocking.update", "two small locks, in the order of their addresses", progress::blocking,
          run_transfer<blocking::synchronized<std::int64_t>>);
      add("std.scoped_lock", "two of std::mutex, tried for until both are held", progress::blocking,
          run_transfer<std_account>);
      break;
    case workload::synchronized:
      add("lockfree.synchronized", "snapshots, exchanged by compare-and-swap", progress::lock_free,
          run_synchronized<lockfree::synchronized<progress_so_far>>);
      add("blocking.synchronized", "under a small lock", progress::blocking,
          run_synchronized<blocking::synchronized<progress_so_far>>);
      add("blocking.synchronized_shared", "under blocking::shared_mutex", progress::blocking,
          run_synchronized<blocking::synchronized<progress_so_far, blocking::shared_mutex>>);
      add("std.shared_mutex", "the standard library's, around a value changed in place", progress::blocking,
          run_synchronized<std_synchronized<std::shared_mutex>>);
      break;
    case workload::lazy:
      add("lockfree.lazy", "may build twice and keeps one", progress::lock_free, run_lazy<lockfree::lazy<built_late>>);
      add("blocking.lazy", "double-checked locking", progress::blocking, run_lazy<blocking::lazy<built_late>>);
      add("std.call_once", "the standard library's", progress::blocking, run_lazy<std_lazy>);
      break;
  }
  return all;
}

}  // namespace

const primitive_registry& primitive_registry::builtin(workload which) {
  static const std::array<primitive_registry, workloads.size()> all = [] {
    std::array<primitive_registry, workloads.size()> made;
    for (const workload each : workloads) made[static_cast<std::size_t>(each)] = all_for(each);
    return made;
  }();
  return all[static_cast<std::size_t>(which)];
}

std::vector<contender> primitives(workload which, const std::vector<const primitive_entry*>& entries, const work& on) {
  const worker_layout& layout = on.layout;
  const text_parts parts =
      cut(on.input, which == workload::threadpool ? layout.producers : layout.producers + layout.consumers);
  std::vector<contender> contenders;
  for (const primitive_entry* entry : entries) {
    contenders.push_back({entry->info.name, entry->info.guarantee,
                          [=](const tick_function& tick) { return entry->make(parts, on, tick); }});
  }
  return contenders;
}

}  // namespace switchyard::compare
