// What a run of each workload of primitives.h does, whatever implementation it is given; and how it sees a wrong one.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "switchyard/atomics/atomic.h"
#include "switchyard/atomics/cache_padded.h"
#include "switchyard/benchmarks/compare/shared_run.h"
#include "switchyard/benchmarks/compare/strings.h"
#include "switchyard/lockfree/semaphore.h"
#include "switchyard/lockfree/sharded_counter.h"

namespace switchyard::compare {

// --- semaphore ---

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

// --- transfer ---

inline constexpr std::size_t accounts = 8;

struct movement {
  std::size_t from;
  std::size_t to;
  std::int64_t amount;
};

inline movement movement_for(std::string_view word) {
  std::size_t hash = word.size();
  for (const char byte : word.substr(0, 16)) hash = hash * 31 + static_cast<unsigned char>(byte);
  const std::size_t from = hash % accounts;
  return {from, (from + 1 + (hash / accounts) % (accounts - 1)) % accounts, static_cast<std::int64_t>(word.size())};
}

/// For accounts that `update` changes; others have a function of this name beside them.
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

// --- map ---

template <class Map>
sample run_map(const text_parts& parts, const work& on, const tick_function& tick) {
  shared_run run(on);
  Map counts;
  sample result = run.run(parts, tick, [&](std::string_view part, steady_clock::time_point started) {
    std::string key;  // the same memory for all words of this thread
    run.read(part, usual_piece, started, [&](std::string_view lines) {
      return count_words(lines, on, [&](std::string_view word) {
        key.assign(word);
        counts.count(key);
      });
    });
  });
  if (result.cut_short) return result;
  // Those that the reference has counted one by one; and all together.
  const vocabulary& known = on.expected.known;
  for (std::size_t i = 0; i < known.size(); ++i) {
    const std::uint64_t right = on.expected.answer.counts[i] * result.passes;
    shared_run::expect(result, absl::StrCat("\"", shown(known.word(i)), "\""), counts.at(std::string(known.word(i))), right);
  }
  std::uint64_t all = 0;
  counts.for_each([&](const std::string&, std::uint64_t n) { all += n; });
  shared_run::expect(result, "counts", all, result.items);
  return result;
}

}  // namespace switchyard::compare
