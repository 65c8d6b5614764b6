// Recording what real threads did to a structure, and printing it.
//
// A history is a list of events: who called what, what came out, when the call began and when it had ended.
// Each thread writes a log of its own, so that recording adds nothing that threads share but the clock.
// One event is before another if it had ended when the other began; otherwise they overlap, and may have
// happened in either order.
//
//   auto events = record_threads<queue_call>(2, seed, [&](int thread, auto& log, auto& random) {
//     log.record([&] { return queue_call::of_push(thread, queue.try_push(thread)); });
//   });
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "switchyard/atomics/atomic.h"
#include "switchyard/atomics/cache_padded.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace switchyard::linearizability {

/// A moment: larger is later. Equal moments may have been in either order.
using ticks = std::uint64_t;
inline constexpr ticks never = std::numeric_limits<ticks>::max();

/// A clock that all threads share. Why an order seen by it is sound:
///
/// Where the processor's time stamp counter runs at one rate for ever ("invariant"), it is read: the counters
/// of all cores are set together at reset, and Linux trusts them only if they agree. `began` reads it before
/// the operation can touch memory (lfence: nothing later starts until the counter is read). `ended` reads it
/// after everything that the operation wrote can be seen by all (mfence: the store buffer is empty; lfence:
/// the counter is not read earlier). So if one event ended at a smaller time than another began, all that the
/// first did was in memory before the other looked.
///
/// The mfence is what makes that true: without it a release store may still be on its way when its operation
/// has returned, and a history be refused although no thread was told of that return. The price: a structure
/// in which a thread's next operation overtakes its last (two threads push to one queue each, then both find
/// the other's empty) shows none of that here. It is for the model checker.
///
/// ThreadSanitizer sees no order between threads in that, so a race in the structure
/// shows as well as without it. Elsewhere the clock is one atomic counter, whose read-modify-writes do order
/// the threads, and so may hide races.
class history_clock {
 public:
  static ticks began() noexcept {
#if defined(__x86_64__)
    if (reads_processor) [[likely]] {
      std::uint32_t low, high;
      asm volatile("lfence\n\trdtsc\n\tlfence" : "=a"(low), "=d"(high) : : "memory");
      return ticks{high} << 32 | low;
    }
#endif
    return count_.fetch_add(1, memory_order_seq_cst);  // (1) with (2): the operation comes after
  }

  static ticks ended() noexcept {
#if defined(__x86_64__)
    if (reads_processor) [[likely]] {
      std::uint32_t low, high;
      asm volatile("mfence\n\tlfence\n\trdtsc" : "=a"(low), "=d"(high) : : "memory");
      return ticks{high} << 32 | low;
    }
#endif
    return count_.fetch_add(1, memory_order_seq_cst);  // (2) with (1): the operation came before
  }

 private:
#if defined(__x86_64__)
  static bool counter_is_invariant() noexcept {
    unsigned a = 0, b = 0, c = 0, d = 0;
    return __get_cpuid(0x80000007, &a, &b, &c, &d) != 0 && (d >> 8 & 1) != 0;
  }
  static inline const bool reads_processor = counter_is_invariant();
#endif
  static inline constinit atomic<ticks> count_{1};
};

/// A call, and when. If `returned` is never, it may have taken effect or not.
template <class Call>
struct event {
  int thread = 0;
  Call call;
  ticks invoked = 0;
  ticks returned = never;
};

template <class Call>
bool is_before(const event<Call>& a, const event<Call>& b) {
  return a.returned < b.invoked;
}

template <class Call>
using history = std::vector<event<Call>>;

/// What one thread did; only that thread uses it.
template <class Call>
class thread_log {
 public:
  thread_log(int thread, std::size_t expected) : thread_(thread) { events_.reserve(expected); }

  /// Calls `operation`, which returns the Call that it made. If it throws, nothing is recorded.
  template <class Operation>
  Call record(Operation operation) {
    ticks invoked = history_clock::began();
    while (invoked <= last_) invoked = history_clock::began();  // a thread's own events never overlap
    const Call call = operation();
    last_ = history_clock::ended();
    events_.push_back({thread_, call, invoked, last_});
    return call;
  }

  const history<Call>& events() const noexcept { return events_; }

 private:
  int thread_;
  ticks last_ = 0;
  history<Call> events_;
};

using random_source = std::minstd_rand;

inline random_source random_for(std::uint64_t seed, int thread) {
  std::seed_seq mixed{static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32),
                      static_cast<std::uint32_t>(thread)};
  return random_source(mixed);
}

/// The first seed of a test: SWITCHYARD_SEED if that is set, to replay, and otherwise always the same. It
/// says what each thread asks for and where it pauses; how the threads meet is up to the machine.
inline std::uint64_t first_seed() {
  const char* const given = std::getenv("SWITCHYARD_SEED");
  return given != nullptr ? std::strtoull(given, nullptr, 0) : 20250101;
}
inline std::string replay(std::uint64_t seed) {
  return "replay: SWITCHYARD_SEED=" + std::to_string(seed);
}

/// Now and then something to meet others in different ways: mostly nothing, a short pause, or a time slice.
inline void stagger(random_source& random) {
  const auto draw = random() % 64;
  if (draw == 0) yield();
  for (auto i = draw < 16 ? draw * 4 : 0; i != 0; --i) spin_pause();
}

/// Runs `body(thread, log, random)` in so many threads, which begin together; what they did, earliest first.
template <class Call, class Body>
history<Call> record_threads(int threads, std::uint64_t seed, Body body, std::size_t expected = 256) {
  std::vector<cache_padded<thread_log<Call>>> logs;
  for (int t = 0; t < threads; ++t) logs.emplace_back(std::in_place, t, expected);
  atomic<int> missing{threads};
  std::vector<std::thread> running;
  for (int t = 0; t < threads; ++t) {
    running.emplace_back([&, t] {
      random_source random = random_for(seed, t);
      missing.fetch_sub(1, memory_order_relaxed);
      while (missing.load(memory_order_relaxed) != 0) yield();
      body(t, *logs[static_cast<std::size_t>(t)], random);
    });
  }
  for (auto& thread : running) thread.join();
  history<Call> all;
  for (const auto& log : logs) all.insert(all.end(), log->events().begin(), log->events().end());
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.invoked < b.invoked; });
  return all;
}

/// The events in columns, one for each thread, and a line for each beginning and each end; times count from
/// the first. Only the last `most` lines of a long history.
template <class Call>
std::string in_columns(const history<Call>& events, std::size_t most = 60) {
  struct line {
    ticks at;
    bool is_end;
    const event<Call>* what;
  };
  std::vector<line> lines;
  std::set<int> threads;
  for (const auto& e : events) {
    lines.push_back({e.invoked, false, &e});
    if (e.returned != never) lines.push_back({e.returned, true, &e});
    threads.insert(e.thread);
  }
  std::sort(lines.begin(), lines.end(),
            [](const line& a, const line& b) { return a.at != b.at ? a.at < b.at : a.is_end < b.is_end; });

  const auto padded = [](std::string text) {
    text.resize(std::max(std::size_t{18}, text.size() + 1), ' ');
    return text;
  };
  std::string all;
  const auto print = [&all](const std::string& row) {
    all += row.substr(0, row.find_last_not_of(' ') + 1) + '\n';
  };
  std::string header = padded("time");
  for (const int t : threads) header += padded("thread " + std::to_string(t));
  print(header);
  const std::size_t skipped = lines.size() > most ? lines.size() - most : 0;
  if (skipped != 0) print("... " + std::to_string(skipped) + " lines before");
  for (std::size_t i = skipped; i < lines.size(); ++i) {
    const Call& call = lines[i].what->call;
    std::string row = padded(std::to_string(lines[i].at - lines.front().at));
    for (const int t : threads) {
      row += padded(t != lines[i].what->thread ? ""
                    : lines[i].is_end          ? "-> " + call.reply()
                                               : call.request());
    }
    print(row);
  }
  return all;
}

}  // namespace switchyard::linearizability
