#include "switchyard/benchmarks/compare/stream.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "switchyard/adapters/any_queue.h"
#include "switchyard/atomics/atomic.h"
#include "switchyard/atomics/cache_padded.h"
#include "switchyard/benchmarks/compare/back_pressure.h"
#include "switchyard/benchmarks/compare/crew.h"
#include "switchyard/benchmarks/compare/histogram.h"
#include "switchyard/benchmarks/compare/schedule.h"
#include "switchyard/benchmarks/compare/strings.h"

namespace switchyard::compare {
namespace {

using std::chrono::nanoseconds;

// The first item of a schedule is due so long after the threads were let go: when all of them are awake.
constexpr steady_clock::duration lead = std::chrono::milliseconds(2);

// A set of items, as far as it can be told from another.
struct item_set {
  std::uint64_t count = 0;
  std::uint64_t fingerprints = 0;

  template <std::size_t Size>
  void add(const item<Size>& of) noexcept {
    ++count;
    fingerprints += fingerprint(of);
  }
  item_set& operator+=(const item_set& other) noexcept {
    count += other.count;
    fingerprints += other.fingerprints;
    return *this;
  }
};

// What is wrong with what was popped; empty if nothing is.
std::string difference(const item_set& popped, const item_set& pushed) {
  if (popped.count != pushed.count) return absl::StrCat("items ", popped.count, " instead of ", pushed.count);
  if (popped.fingerprints != pushed.fingerprints) return "as many items as were pushed, but not the same";
  return "";
}

// --- queues ---

// What one consumer saw.
struct received {
  item_set items;
  std::vector<std::uint64_t> next;  // for each producer, the least number that may still come
  std::string wrong;                // the first thing
  std::unique_ptr<latency_histogram> latency;
  steady_clock::time_point last;  // when the last item came; only with a schedule
};

// What the threads of one run share.
template <std::size_t Size>
struct stream_run {
  using element = item<Size>;
  using queue_type = adapters::any_queue<element>;

  const work& on;
  const schedule plan;
  const std::uint64_t items;  // of the whole schedule
  const bool with_latency;
  const bool unbounded;
  const bool in_order;  // each producer's items come in their order
  queue_type queue;
  // Set by a producer that stops half-way, read after the threads are joined.
  atomic<bool> cut_short{false};
  atomic<bool> gave_up{false};
  atomic<bool> refused{false};
  atomic<std::int64_t> waiting{0};              // nanoseconds of processor time, of producers whose items were not due
  cache_padded<atomic<std::size_t>> producing;  // producers that may still push
  std::vector<item_set> pushed;                 // one per producer, put there at its end
  std::vector<received> popped;                 // one per consumer, likewise

  stream_run(const item_queue_entry<Size>& entry, measured what, const work& work_on)
      : on(work_on),
        plan(work_on.layout),
        items(plan.is_timed() ? plan.items_in(work_on.layout.min_time) : 0),
        with_latency(what == measured::latency && plan.is_timed()),
        unbounded(entry.info.bound == adapters::queue_bound::none),
        in_order(entry.info.order == adapters::queue_order::fifo ||
                 entry.info.order == adapters::queue_order::per_producer),
        queue(entry.make(work_on.layout.capacity)),
        producing(std::in_place, work_on.layout.producers),
        pushed(work_on.layout.producers),
        popped(work_on.layout.consumers) {}

  std::size_t threads() const { return on.layout.producers + on.layout.consumers; }

  // The number in the whole schedule of an item that a producer has numbered: producers take bursts in turn.
  std::uint64_t place_of(std::uint64_t producer, std::uint64_t sequence) const noexcept {
    const std::uint64_t burst = plan.burst();
    if (burst == 1) return sequence * on.layout.producers + producer;
    return (sequence / burst * on.layout.producers + producer) * burst + sequence % burst;
  }

  void produce(std::uint64_t producer, steady_clock::time_point started);
  void produce_by_schedule(std::uint64_t producer, steady_clock::time_point begin, item_set& mine);
  void produce_at_once(std::uint64_t producer, steady_clock::time_point end, item_set& mine);
  bool push(std::uint64_t producer, std::uint64_t first, std::size_t n, back_pressure<queue_type>& room,
            std::vector<element>& buffer, item_set& mine);
  void consume(received& into, steady_clock::time_point begin);
};

// False if there is no sense in going on.
template <std::size_t Size>
bool stream_run<Size>::push(std::uint64_t producer, std::uint64_t first, std::size_t n, back_pressure<queue_type>& room,
                            std::vector<element>& buffer, item_set& mine) {
  room.before_push(n);
  std::size_t done = n;
  if (n == 1) {
    const element next = element::make(producer, first);
    mine.add(next);
    done = queue.push(next) ? 1 : 0;
  } else {
    buffer.clear();
    for (std::size_t i = 0; i < n; ++i) {
      buffer.push_back(element::make(producer, first + i));
      mine.add(buffer.back());
    }
    done = queue.push_n(buffer.data(), n);
  }
  if (done == n) return true;
  refused.store(true, memory_order_relaxed);
  return false;
}

template <std::size_t Size>
void stream_run<Size>::produce(std::uint64_t producer, steady_clock::time_point started) {
  // Whatever happens, consumers must learn that no more will come.
  struct farewell {
    stream_run& run;
    // Acquire and release: all that other producers did is done when the last one closes.
    ~farewell() {
      if (run.producing->fetch_sub(1, memory_order_acq_rel) == 1) run.queue.close();
    }
  };
  const farewell at_end{*this};
  item_set mine;
  if (plan.is_timed()) {
    produce_by_schedule(producer, started + lead, mine);
  } else {
    produce_at_once(producer, started + on.layout.min_time, mine);
  }
  pushed[producer] = mine;
}

template <std::size_t Size>
void stream_run<Size>::produce_by_schedule(std::uint64_t producer, steady_clock::time_point begin, item_set& mine) {
  back_pressure<queue_type> room(queue, unbounded, on.layout.capacity, on.stop);
  std::vector<element> buffer;
  buffer.reserve(on.layout.batch);
  alarm_clock alarm(threads());
  struct farewell {
    atomic<std::int64_t>& waiting;
    const alarm_clock& alarm;
    ~farewell() { waiting.fetch_add(nanoseconds(alarm.awake()).count(), memory_order_relaxed); }
  } const at_end{waiting, alarm};
  const auto planned = std::chrono::duration_cast<steady_clock::duration>(
      std::chrono::duration<double>(std::min(plan.seconds_for(items), 1e9)));
  const steady_clock::time_point too_late = begin + 4 * planned + on.layout.patience;
  const auto due = [&](std::uint64_t sequence) {
    return begin + nanoseconds(plan.due(place_of(producer, sequence)));
  };
  for (std::uint64_t sequence = 0; place_of(producer, sequence) < items;) {
    const steady_clock::time_point when = due(sequence);
    const bool waited = steady_clock::now() < when;
    if (!alarm.wait_until(when, on.stop) || on.stop.load(memory_order_relaxed)) {
      cut_short.store(true, memory_order_relaxed);
      return;
    }
    // Those that are due by now go together, but no more than a batch.
    std::size_t n = 1;
    if (on.layout.batch > 1) {
      const steady_clock::time_point now = steady_clock::now();
      while (n < on.layout.batch && place_of(producer, sequence + n) < items && due(sequence + n) <= now) ++n;
    }
    if (!push(producer, sequence, n, room, buffer, mine)) return;
    sequence += n;
    if (!waited && steady_clock::now() > too_late) {
      gave_up.store(true, memory_order_relaxed);
      return;
    }
  }
}

template <std::size_t Size>
void stream_run<Size>::produce_at_once(std::uint64_t producer, steady_clock::time_point end, item_set& mine) {
  constexpr std::uint64_t between_looks = 256;  // at the clock
  back_pressure<queue_type> room(queue, unbounded, on.layout.capacity, on.stop);
  std::vector<element> buffer;
  buffer.reserve(on.layout.batch);
  std::uint64_t next_look = between_looks;
  for (std::uint64_t sequence = 0;;) {
    if (on.stop.load(memory_order_relaxed)) {
      cut_short.store(true, memory_order_relaxed);
      return;
    }
    if (!push(producer, sequence, on.layout.batch, room, buffer, mine)) return;
    sequence += on.layout.batch;
    if (sequence < next_look) continue;
    if (steady_clock::now() >= end) return;
    next_look = sequence + between_looks;
  }
}

template <std::size_t Size>
void stream_run<Size>::consume(received& into, steady_clock::time_point begin) {
  received mine;  // on this thread's own stack, away from the others'
  mine.next.resize(on.layout.producers);
  if (with_latency) mine.latency = std::make_unique<latency_histogram>();
  const bool timed = plan.is_timed();

  const auto check = [&](const element& got) {
    mine.items.add(got);
    const std::uint64_t producer = got.producer();
    const std::uint64_t sequence = got.sequence();
    if (producer >= mine.next.size() || !got.is_whole()) [[unlikely]] {
      if (mine.wrong.empty()) mine.wrong = "an item was changed on its way";
      return false;
    }
    if (in_order && sequence < mine.next[producer]) [[unlikely]] {
      if (mine.wrong.empty()) {
        mine.wrong = absl::StrCat("item ", sequence, " of producer ", producer, " came after its item ",
                                  mine.next[producer] - 1);
      }
    }
    mine.next[producer] = std::max(mine.next[producer], sequence + 1);
    return true;
  };
  const auto note_time = [&](const element& got, steady_clock::time_point now) {
    const auto late = nanoseconds(now - begin).count() -
                      static_cast<std::int64_t>(plan.due(place_of(got.producer(), got.sequence())));
    mine.latency->record(static_cast<std::uint64_t>(std::max<std::int64_t>(late, 0)));
  };

  try {
    if (on.layout.batch == 1) {
      while (const std::optional<element> got = queue.pop()) {
        if (timed) mine.last = steady_clock::now();
        if (check(*got) && with_latency) note_time(*got, mine.last);
      }
    } else {
      std::vector<element> some(on.layout.batch);
      while (const std::size_t n = queue.pop_n(some.data(), some.size())) {
        if (timed) mine.last = steady_clock::now();
        for (std::size_t i = 0; i < n; ++i) {
          if (check(some[i]) && with_latency) note_time(some[i], mine.last);
        }
      }
    }
  } catch (...) {
    // Nobody takes items any more: producers must not wait for room.
    queue.close();
    throw;
  }
  into = std::move(mine);
}

template <std::size_t Size>
sample run_stream(const item_queue_entry<Size>& entry, measured what, const work& on, const tick_function& tick) {
  stream_run<Size> run(entry, what, on);
  std::vector<job> jobs;
  steady_clock::time_point begin;
  for (std::size_t producer = 0; producer < on.layout.producers; ++producer) {
    jobs.push_back([&run, producer](steady_clock::time_point started) { run.produce(producer, started); });
  }
  for (received& into : run.popped) {
    jobs.push_back([&run, &into](steady_clock::time_point started) { run.consume(into, started + lead); });
  }
  // All threads are told the same.
  jobs.front() = [&run, &begin](steady_clock::time_point started) {
    begin = started + lead;
    run.produce(0, started);
  };
  sample result;
  result.use = run_crew(jobs, tick);
  result.cut_short = run.cut_short.load(memory_order_relaxed);
  if (result.cut_short) return result;

  item_set pushed;
  for (const item_set& each : run.pushed) pushed += each;
  item_set popped;
  auto latency = std::make_shared<latency_histogram>();
  steady_clock::time_point last = begin;
  for (const received& each : run.popped) {
    popped += each.items;
    last = std::max(last, each.last);
    if (each.latency != nullptr) *latency += *each.latency;
    if (result.wrong.empty()) result.wrong = each.wrong;
  }
  result.passes = 1;
  result.items = popped.count;
  if (result.wrong.empty() && run.refused.load(memory_order_relaxed)) {
    result.wrong = "an item was refused, although nobody had closed the queue";
  }
  if (result.wrong.empty()) result.wrong = difference(popped, pushed);
  if (run.with_latency) result.latency = std::move(latency);
  if (run.plan.is_timed()) {
    double& cpu = result.use.resources.cpu_seconds;
    cpu = std::max(cpu - static_cast<double>(run.waiting.load(memory_order_relaxed)) * 1e-9, 0.0);
    result.use.seconds = std::max(result.use.seconds - std::chrono::duration<double>(lead).count(), 1e-9);
    // From the first item's time to where the next would be due, had there been one; or to when the last came.
    const double planned = run.plan.seconds_for(run.items);
    const double taken = std::chrono::duration<double>(last - begin).count();
    const double share = static_cast<double>(popped.count) / static_cast<double>(run.items);
    result.rate_kept = std::min(1.0, share * planned / std::max(planned, taken));
  }
  return result;
}

// --- stacks ---

using stack_entry = item_queue_entry<8>;

struct stacking_run {
  using element = item<8>;

  const work& on;
  adapters::any_queue<element> stack;
  atomic<bool> cut_short{false};
  atomic<bool> refused{false};
  std::vector<item_set> pushed;  // one per thread, put there at its end
  std::vector<item_set> popped;

  stacking_run(const stack_entry& entry, const work& work_on)
      : on(work_on),
        stack(entry.make(work_on.layout.capacity)),
        pushed(work_on.layout.producers + work_on.layout.consumers),
        popped(pushed.size()) {}

  void push_and_pop(std::uint64_t thread, steady_clock::time_point started);
};

void stacking_run::push_and_pop(std::uint64_t thread, steady_clock::time_point started) {
  constexpr std::uint64_t between_looks = 256;  // at the clock
  const steady_clock::time_point end = started + on.layout.min_time;
  const std::size_t batch = on.layout.batch;
  item_set in;
  item_set out;
  std::uint64_t next_look = between_looks;
  for (std::uint64_t sequence = 0;;) {
    if (on.stop.load(memory_order_relaxed)) {
      cut_short.store(true, memory_order_relaxed);
      return;
    }
    for (std::size_t i = 0; i < batch; ++i) {
      const element next = element::make(thread, sequence++);
      in.add(next);
      if (stack.try_push(next) != conqueue_status::success) refused.store(true, memory_order_relaxed);
    }
    // There are as many at least as this thread has pushed and not popped. If a stack says otherwise, nothing is lost yet.
    for (std::size_t i = 0; i < batch; ++i) {
      if (const auto got = stack.try_pop()) out.add(*got);
    }
    if (sequence < next_look) continue;
    if (steady_clock::now() >= end) break;
    next_look = sequence + between_looks;
  }
  pushed[thread] = in;
  popped[thread] = out;
}

sample run_stacking(const stack_entry& entry, const work& on, const tick_function& tick) {
  stacking_run run(entry, on);
  std::vector<job> jobs;
  for (std::uint64_t thread = 0; thread < run.pushed.size(); ++thread) {
    jobs.push_back([&run, thread](steady_clock::time_point started) { run.push_and_pop(thread, started); });
  }
  sample result;
  result.use = run_crew(jobs, tick);
  result.cut_short = run.cut_short.load(memory_order_relaxed);
  if (result.cut_short) return result;
  item_set pushed;
  item_set popped;
  for (const item_set& each : run.pushed) pushed += each;
  for (const item_set& each : run.popped) popped += each;
  while (const auto got = run.stack.try_pop()) popped.add(*got);
  result.passes = 1;
  result.items = popped.count;
  result.wrong = run.refused.load(memory_order_relaxed) ? "an item was refused" : difference(popped, pushed);
  return result;
}

}  // namespace

template <std::size_t Size>
std::vector<contender> streaming(const std::vector<const item_queue_entry<Size>*>& queues, measured what,
                                 const work& on) {
  std::vector<contender> contenders;
  for (const auto* queue : queues) {
    contenders.push_back({queue->info.name, queue->info.guarantee, [=](const tick_function& tick) {
                            return run_stream<Size>(*queue, what, on, tick);
                          }});
  }
  return contenders;
}

template std::vector<contender> streaming<8>(const std::vector<const item_queue_entry<8>*>&, measured, const work&);
template std::vector<contender> streaming<64>(const std::vector<const item_queue_entry<64>*>&, measured, const work&);
template std::vector<contender> streaming<256>(const std::vector<const item_queue_entry<256>*>&, measured, const work&);

std::vector<contender> stacking(const std::vector<const item_queue_entry<8>*>& stacks, const work& on) {
  std::vector<contender> contenders;
  for (const auto* stack : stacks) {
    contenders.push_back({stack->info.name, stack->info.guarantee,
                          [=](const tick_function& tick) { return run_stacking(*stack, on, tick); }});
  }
  return contenders;
}

std::string rate_note(const std::vector<outcome>& outcomes) {
  constexpr double enough = 0.95;
  std::vector<std::string> names;
  std::vector<std::string> points;  // of each, in a sweep
  double worst = 1;
  for (const outcome& each : outcomes) {
    // Half of the runs or more: what the machine did to one of them says nothing.
    std::vector<double> kept;
    for (const sample& run : each.samples) kept.push_back(run.rate_kept.value_or(1));
    if (kept.empty()) continue;
    const auto middle = kept.begin() + static_cast<std::ptrdiff_t>(kept.size() / 2);
    std::nth_element(kept.begin(), middle, kept.end());
    if (*middle >= enough) continue;
    worst = std::min(worst, *middle);
    const auto known = std::find(names.begin(), names.end(), each.name);
    std::string point = each.point ? absl::StrCat(*each.point) : "";
    if (known == names.end()) {
      names.push_back(each.name);
      points.push_back(std::move(point));
    } else {
      absl::StrAppend(&points[static_cast<std::size_t>(known - names.begin())], ", ", point);
    }
  }
  if (names.empty()) return "";
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (!points[i].empty()) absl::StrAppend(&names[i], " (at ", points[i], ")");
  }
  return absl::StrCat("The rate that was asked for could not be kept (down to ", absl::StrFormat("%.0f%%", 100 * worst),
                      " of it) by ", few_of(names), ". Their delays grow with the length of a run; a lower --rate tells more.");
}

}  // namespace switchyard::compare
