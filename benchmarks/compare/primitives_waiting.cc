// Where threads wait for each other: semaphores, barriers, pools of threads.
#include <algorithm>
#include <barrier>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <semaphore>
#include <utility>

#include "absl/strings/str_cat.h"
#include "switchyard/atomics/atomic.h"
#include "switchyard/atomics/cache_padded.h"
#include "switchyard/benchmarks/compare/shared_run.h"
#include "switchyard/blocking/barrier.h"
#include "switchyard/blocking/semaphore.h"
#include "switchyard/blocking/thread_pool.h"
#include "switchyard/lockfree/barrier.h"
#include "switchyard/lockfree/semaphore.h"
#include "switchyard/lockfree/sharded_counter.h"
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
