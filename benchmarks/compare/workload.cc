#include "switchyard/benchmarks/compare/workload.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "switchyard/adapters/any_counter.h"
#include "switchyard/adapters/any_queue.h"
#include "switchyard/atomics/cache_padded.h"
#include "switchyard/benchmarks/compare/back_pressure.h"
#include "switchyard/benchmarks/compare/parts.h"
#include "switchyard/benchmarks/compare/text.h"

namespace switchyard::compare {
namespace {

using queue_type = adapters::any_queue<std::string_view>;

// What the threads of one run share.
struct pipeline_run {
  const work& on;
  const bool unbounded;
  queue_type queue;
  pass_gate gate;
  // Set by a producer that stops half-way, read after the threads are joined.
  atomic<bool> cut_short{false};
  cache_padded<atomic<std::size_t>> producing;  // producers that may still push
  std::vector<tally> answers;                   // one per consumer, put there at its end

  pipeline_run(const queue_entry& entry, const work& work_on)
      : on(work_on),
        unbounded(entry.info.bound == adapters::queue_bound::none),
        queue(entry.make(on.layout.capacity)),
        gate(least_time(on)),
        producing(std::in_place, on.layout.producers),
        answers(on.layout.consumers) {
    for (tally& answer : answers) answer.counts.resize(on.expected.known.size());
  }

  // Items that producers have passed and that consumers may still read, generously.
  std::uint64_t in_flight() const {
    const worker_layout& layout = on.layout;
    return 2 * layout.capacity + (layout.producers + layout.consumers) * (layout.batch + 64);
  }

  void produce(std::string_view part, steady_clock::time_point started);
  bool produce_once(std::string_view part, back_pressure<queue_type>& room, page_trail& trail,
                    std::vector<std::string_view>& items);
  void consume(tally& into);
};

void pipeline_run::produce(std::string_view part, steady_clock::time_point started) {
  // Whatever happens, consumers must learn that no more will come.
  struct farewell {
    pipeline_run& run;
    // Acquire and release: all that other producers did is done when the last one closes.
    ~farewell() {
      if (run.producing->fetch_sub(1, memory_order_acq_rel) == 1) run.queue.close();
    }
  };
  const farewell at_end{*this};
  back_pressure<queue_type> room(queue, unbounded, on.layout.capacity, on.stop);
  page_trail trail(on.input, window(on.layout.producers), in_flight());
  std::vector<std::string_view> items;
  items.reserve(on.layout.batch);
  std::uint64_t done = 0;
  do {
    if (!produce_once(part, room, trail, items)) return;
  } while (gate.another(++done, started));
}

// False if there is no sense in going on.
bool pipeline_run::produce_once(std::string_view part, back_pressure<queue_type>& room, page_trail& trail,
                                std::vector<std::string_view>& items) {
  const char* at = part.data();
  const char* const last = at + part.size();
  trail.start(at);
  while (at != last) {
    if (on.stop.load(memory_order_relaxed)) {
      cut_short.store(true, memory_order_relaxed);
      return false;
    }
    // Lines that do not fit into a window are dropped while their end is looked for.
    const auto next_line = [&] {
      const char* const begin = at;
      at = line_end(begin, last, [&](const char* passed) { on.input.drop(begin, passed); });
      return std::string_view(begin, static_cast<std::size_t>(at - begin));
    };
    // A push that fails was closed too early; the answer will tell.
    std::size_t pushed = 1;
    if (on.layout.batch == 1) {
      room.before_push(1);
      if (!queue.push(next_line())) return false;
    } else {
      items.clear();
      while (items.size() < on.layout.batch && at != last) items.push_back(next_line());
      room.before_push(items.size());
      pushed = queue.push_n(items.data(), items.size());
      if (pushed != items.size()) return false;
    }
    trail.passed(at, pushed);
  }
  return true;
}

void pipeline_run::consume(tally& into) {
  tally mine = std::move(into);  // on this thread's own stack, away from the others'
  const auto add = [&](std::string_view line) {
    const char* const begin = line.data();
    mine.add_line(line, on.expected.known, [&](const char* passed) { on.input.drop(begin, passed); });
    if (line.size() > stride) on.input.drop(line);
  };
  try {
    if (on.layout.batch == 1) {
      while (const std::optional<std::string_view> line = queue.pop()) add(*line);
    } else {
      std::vector<std::string_view> lines(on.layout.batch);
      while (const std::size_t n = queue.pop_n(lines.data(), lines.size())) {
        for (std::size_t i = 0; i < n; ++i) add(lines[i]);
      }
    }
  } catch (...) {
    // Nobody takes items any more: producers must not wait for room.
    queue.close();
    throw;
  }
  into = std::move(mine);
}

sample run_pipeline(const queue_entry& entry, const std::vector<std::string_view>& parts, const work& on,
                    const tick_function& tick) {
  on.input.drop(on.input.text());  // what the run before kept does not count
  pipeline_run run(entry, on);
  std::vector<job> jobs;
  for (const std::string_view part : parts) {
    jobs.push_back([&run, part](steady_clock::time_point started) { run.produce(part, started); });
  }
  for (tally& answer : run.answers) {
    jobs.push_back([&run, &answer](steady_clock::time_point) { run.consume(answer); });
  }
  sample result;
  result.use = run_crew(jobs, tick);
  result.cut_short = run.cut_short.load(memory_order_relaxed);
  if (result.cut_short) return result;
  result.passes = run.gate.passes();
  result.items = on.expected.items * result.passes;
  tally together;
  together.counts.resize(on.expected.known.size());
  for (const tally& answer : run.answers) together += answer;
  result.wrong = difference(together, on.expected, result.passes);
  return result;
}

// What the threads of one run share.
struct counting_run {
  const work& on;
  adapters::any_counter counter;
  pass_gate gate;
  atomic<bool> cut_short{false};  // as above

  counting_run(const counter_entry& entry, const work& work_on)
      : on(work_on), counter(entry.make()), gate(least_time(on)) {}

  void count(std::string_view part, steady_clock::time_point started);
};

void counting_run::count(std::string_view part, steady_clock::time_point started) {
  constexpr std::size_t piece = std::size_t{64} << 10;
  const bool finished = go_through(part, piece, on, on.layout.producers + on.layout.consumers, gate, started,
                                   [&](std::string_view lines) {
                                     for_each_word_of(lines, on.input, [&](std::string_view) { counter.increment(); });
                                   });
  if (!finished) cut_short.store(true, memory_order_relaxed);
}

sample run_counting(const counter_entry& entry, const std::vector<std::string_view>& parts, const work& on,
                    const tick_function& tick) {
  on.input.drop(on.input.text());  // as above
  counting_run run(entry, on);
  std::vector<job> jobs;
  for (const std::string_view part : parts) {
    jobs.push_back([&run, part](steady_clock::time_point started) { run.count(part, started); });
  }
  sample result;
  result.use = run_crew(jobs, tick);
  result.cut_short = run.cut_short.load(memory_order_relaxed);
  if (result.cut_short) return result;
  result.passes = run.gate.passes();
  result.items = on.expected.answer.words * result.passes;
  const auto counted = static_cast<std::uint64_t>(run.counter.load());
  if (counted != result.items) {
    result.wrong = absl::StrCat("words ", counted, " instead of ", result.items);
    if (result.passes > 1) absl::StrAppend(&result.wrong, " (in ", result.passes, " passes)");
  }
  return result;
}

}  // namespace

std::vector<contender> pipeline(const std::vector<const queue_entry*>& queues, const work& on) {
  const auto parts = cut(on.input, on.layout.producers);
  std::vector<contender> contenders;
  for (const queue_entry* queue : queues) {
    contenders.push_back({queue->info.name, queue->info.guarantee,
                          [=](const tick_function& tick) { return run_pipeline(*queue, *parts, on, tick); }});
  }
  return contenders;
}

std::string why_not(const adapters::queue_info& queue, const worker_layout& layout) {
  const bool producers = layout.producers > 1 && !queue.multi_producer;
  const bool consumers = layout.consumers > 1 && !queue.multi_consumer;
  if (producers && consumers) return "takes one producer and one consumer only";
  if (producers) return "takes one producer only";
  if (consumers) return "takes one consumer only";
  if (layout.capacity > queue.max_capacity) return absl::StrCat("has room for ", queue.max_capacity, " at most");
  if (layout.producers + layout.consumers > queue.max_threads) {
    return absl::StrCat("takes ", queue.max_threads, " threads at most");
  }
  return "";
}

std::vector<contender> counting(const std::vector<const counter_entry*>& counters, const work& on) {
  const auto parts = cut(on.input, on.layout.producers + on.layout.consumers);
  std::vector<contender> contenders;
  for (const counter_entry* counter : counters) {
    contenders.push_back({counter->info.name, counter->info.guarantee, [=](const tick_function& tick) {
                            return run_counting(*counter, *parts, on, tick);
                          }});
  }
  return contenders;
}

}  // namespace switchyard::compare
