// The queues and their peers, side by side in one binary.
//
//   tools/bench [queue] [--all] [--benchmark_filter=REGEX ...] [--save]
//   tools/instructions [REGEX]        of the pairs
//
// A row is CLASS/IMPLEMENTATION/SHAPE. The classes: `spsc`, `bounded`, `unbounded` (first in, first out), `relaxed`
// (in order per producer only), `waiting` (operations that wait) and `notify` (waking nobody). The shapes:
//
//   pair             one thread: a push and a pop in turn, by the operations that do not wait
//   try/2P2C         from 2 producers to 2 consumers, by the operations that do not wait; between two tries, all
//                    wait in the same way
//   wait/2P2C        the same by the operations that wait; pair/wait
//   bulk/1P1C        the same, 32 items an operation
//   round_trip       two threads send an item to and fro by two queues; raw.cache_line is what the machine can do
//   burst/1P1C       half the capacity at once, and again when all of it has arrived
//   .../64B, .../256B, .../string, .../unique_ptr    items other than 8 bytes
//   .../cap16, .../cap65536                          capacities other than 1024
//
// The last three lines only with --all or a filter. Every sample takes 20 ms; everything that arrives is checked by
// its sum and its order. The mean is that of pair, 1P1C, 2P2C, 4P4C and 8P8C. What is not on this machine is left out
// with a note.
#include <array>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "switchyard/adapters/absl_bounded_queue.h"
#include "switchyard/adapters/moodycamel_bare.h"
#include "switchyard/adapters/moodycamel_blocking_concurrent_queue.h"
#include "switchyard/adapters/moodycamel_concurrent_queue.h"
#include "switchyard/adapters/std_bounded_queue.h"
#include "switchyard/atomics/atomic.h"
#include "switchyard/benchmarks/distance.h"
#include "switchyard/benchmarks/queue_drivers.h"
#include "switchyard/benchmarks/side_by_side.h"
#include "switchyard/blocking/bounded_queue.h"
#include "switchyard/blocking/mpsc_queue.h"
#include "switchyard/blocking/relaxed_queue.h"
#include "switchyard/blocking/spsc_queue.h"
#include "switchyard/blocking/unbounded_queue.h"
#include "switchyard/blocking/unbounded_spsc_queue.h"
#include "switchyard/lockfree/bounded_queue.h"
#include "switchyard/lockfree/event_count.h"
#include "switchyard/lockfree/mpsc_queue.h"
#include "switchyard/lockfree/relaxed_queue.h"
#include "switchyard/lockfree/spsc_queue.h"
#include "switchyard/lockfree/unbounded_queue.h"
#include "switchyard/lockfree/unbounded_spsc_queue.h"

// Which peers there are, BUILD.bazel says: a header is found only if its target is among the dependencies.
#if __has_include("switchyard/adapters/atomic_queue.h")
#include "switchyard/adapters/atomic_queue.h"
#endif
#if __has_include("switchyard/adapters/boost_queue.h")
#include "switchyard/adapters/boost_queue.h"
#endif
#if __has_include("switchyard/adapters/concurrency_kit_queue.h")
#include "switchyard/adapters/concurrency_kit_queue.h"
#endif
#if __has_include("switchyard/adapters/libcds_queue.h")
#include "switchyard/adapters/libcds_queue.h"
#endif
#if __has_include("switchyard/adapters/tbb_queue.h")
#include "switchyard/adapters/tbb_queue.h"
#endif

namespace switchyard {
namespace {

using namespace queue_drivers;  // NOLINT: what this program is made of
using word = std::uint64_t;
using threads = comparison::threads;

constexpr std::size_t usual_capacity = 1024;

/// An implementation in its class.
struct entry {
  std::string group;
  std::string name;
  part role = part::peer;
  std::size_t most_producers = 8;
  std::size_t most_consumers = 8;
  bool ordered = true;  // of each producer
};

struct crowd {
  std::size_t producers;
  std::size_t consumers;
  std::string name() const { return std::to_string(producers) + "P" + std::to_string(consumers) + "C"; }
};
constexpr std::array crowds{crowd{1, 1}, crowd{2, 2}, crowd{4, 4}, crowd{8, 8}, crowd{1, 4}, crowd{4, 1}};

/// A Queue<T> that there can be: some are for some elements only.
template <template <class...> class Queue, class T>
concept holds = requires { typename Queue<T>; };

/// For bulk: a line is 4 KiB.
template <class T>
using spsc_queue_of_long_spans = lockfree::spsc_queue<T, std::allocator<T>, long_spans>;

class queue_comparison {
 public:
  explicit queue_comparison(bool everything) : everything_(everything) {}

  /// What all queues of a class but `waiting` do. `Queue` is a template of one element type.
  template <template <class...> class Queue, how Mode = how::trying>
  void add(const entry& e) {
    using queue = Queue<word>;
    add_pairs<queue, Mode>(e, "pair");
    add_crowds<queue, Mode>(e, "try", usual_capacity, "");
    add_round_trips<queue, Mode>(e, "round_trip");
    if constexpr (Mode == how::trying) {
      if constexpr (requires(word* some) { way_in(std::declval<queue&>()).try_push_n(some, bulk); }) {
        add_crowd<queue, how::in_bulk>(e, {1, 1}, "bulk", usual_capacity, "");
        if (e.group == "relaxed") add_crowd<queue, how::in_bulk>(e, {4, 4}, "bulk", usual_capacity, "");
      }
      if constexpr (requires(queue& q) { q.peek(bulk); }) {
        entry in_place = e;
        in_place.name += ", in place";
        add_crowd<queue, how::in_place>(in_place, {1, 1}, "bulk", usual_capacity, "");
      }
      if (everything_) add_the_rest<Queue>(e);
    }
  }

  /// Operations that wait.
  template <template <class...> class Queue>
  void add_waiting(const entry& e) {
    using queue = Queue<word>;
    add_pairs<queue, how::waiting>(e, "pair/wait");
    add_crowds<queue, how::waiting>(e, "wait", usual_capacity, "");
    add_round_trips<queue, how::waiting>(e, "round_trip/wait");
  }

  /// What the cache line itself takes.
  void add_cache_line(const std::string& group) {
    rows_.add({group, "raw.cache_line", "round_trip", part::shown, unit::nanoseconds}, threads::several,
              [] { return 1e9 / cache_line_round_trip(sample_time).median; });
  }

  template <class Notify>
  void add_notify(const std::string& name, part role, Notify notify) {
    rows_.add({"notify", name, "nobody waits", role, unit::nanoseconds}, threads::one, [notify] {
      using clock = std::chrono::steady_clock;
      double done = 0;
      const auto begin = clock::now();
      auto now = begin;
      for (; now - begin < sample_time; now = clock::now()) {
        for (int i = 0; i < 4096; ++i) notify();
        done += 4096;
      }
      return done / std::chrono::duration<double>(now - begin).count();
    });
  }

  comparison& rows() { return rows_; }

  /// What waiting costs while nobody needs to, and what it is worth when there are more threads than processors.
  void relate_waiting(const std::string& name) {
    comparison_table& table = rows_.table();
    const auto relate = [&](const char* title, const std::string& column, const std::string& shape,
                            const std::string& base) {
      const auto row = table.find(name, shape);
      const auto other = table.find(name, base);
      if (row && other) table.relate(title, column, *row, *other);
    };
    relate("push and pop to try_push and try_pop", "pair", "pair/wait", "pair");
    for (const crowd c : crowds) {
      relate("push and pop to try_push and try_pop", c.name(), "wait/" + c.name(), "try/" + c.name());
    }
    relate("push and pop to try_push and try_pop", "round trip", "round_trip/wait", "round_trip");
    for (const crowd c : {crowd{4, 4}, crowd{8, 8}}) {
      relate("push and pop of many threads to those of 1P1C", c.name(), "wait/" + c.name(), "wait/1P1C");
    }
  }

  /// For tools/instructions: names, and what counts `count` pairs of one.
  const std::map<std::string, std::function<bool(std::uint64_t count)>>& pairs() const { return pairs_; }

 private:
  template <class Queue, how Mode>
  void add_pairs(const entry& e, const std::string& shape) {
    rows_.add({e.group, e.name, shape, e.role, unit::nanoseconds}, threads::one,
              [] { return queue_drivers::pairs<Queue, Mode>(usual_capacity); });
    pairs_[e.group + "/" + e.name + "/" + shape] = [](std::uint64_t count) {
      const auto queue = make<Queue>(usual_capacity);
      return counted_pairs<Mode>(*queue, 1, count);
    };
  }

  template <class Queue, how Mode>
  void add_crowd(const entry& e, crowd c, const std::string& kind, std::size_t capacity, const std::string& more) {
    if (c.producers > e.most_producers || c.consumers > e.most_consumers) return;
    if constexpr (requires { Queue::max_capacity; }) {
      if (capacity > Queue::max_capacity) return;
    }
    const load with{c.producers, c.consumers, capacity, e.ordered};
    const bool in_mean = c.producers == c.consumers && Mode != how::in_bulk && Mode != how::in_place && more.empty();
    rows_.add({e.group, e.name, kind + "/" + c.name() + more, e.role, {}, in_mean}, threads::several,
              [with] { return transfer<Queue, Mode>(with); });
  }

  template <class Queue, how Mode>
  void add_crowds(const entry& e, const std::string& kind, std::size_t capacity, const std::string& more) {
    for (const crowd c : crowds) add_crowd<Queue, Mode>(e, c, kind, capacity, more);
  }

  template <class Queue, how Mode>
  void add_round_trips(const entry& e, const std::string& shape) {
    rows_.add({e.group, e.name, shape, e.role, unit::nanoseconds, false}, threads::several,
              [] { return round_trips<Queue, Mode>(usual_capacity); });
  }

  template <template <class...> class Queue>
  void add_the_rest(const entry& e) {
    rows_.add({e.group, e.name, "burst/1P1C", e.role, {}, false}, threads::several,
              [] { return bursts<Queue<word>>(usual_capacity); });
    if (std::is_constructible_v<Queue<word>, std::size_t>) {
      for (const std::size_t capacity : {16, 65'536}) {
        for (const crowd c : {crowd{1, 1}, crowd{4, 4}}) {
          add_crowd<Queue<word>, how::trying>(e, c, "try", capacity, "/cap" + std::to_string(capacity));
        }
      }
    }
    add_items<Queue, block<64>>(e, "/64B");
    add_items<Queue, block<256>>(e, "/256B");
    add_items<Queue, std::string>(e, "/string");
    add_items<Queue, std::unique_ptr<word>>(e, "/unique_ptr");
  }

  template <template <class...> class Queue, class T>
  void add_items(const entry& e, const std::string& more) {
    if constexpr (holds<Queue, T>) {
      add_crowd<Queue<T>, how::trying>(e, {1, 1}, "try", usual_capacity, more);
      add_crowd<Queue<T>, how::trying>(e, {4, 4}, "try", usual_capacity, more);
    }
  }

  bool everything_;
  comparison rows_;
  std::map<std::string, std::function<bool(std::uint64_t)>> pairs_;
};

/// Those that are not templates of an element type alone.
template <class T>
using moodycamel_tokens = by_handles<adapters::moodycamel_bare_concurrent_queue<T>>;
template <class T>
using relaxed_handles = by_handles<lockfree::relaxed_queue<T>>;
#if __has_include("switchyard/adapters/atomic_queue.h")
template <class T>
using optimist_spsc = adapters::atomic_queue_optimist<T, true>;
template <class T>
using optimist_mpmc = adapters::atomic_queue_optimist<T, false>;
#endif

[[maybe_unused]] void note(const char* what, const char* library) {
  std::cerr << what << " left out: " << library << " is not here.\n";
}

void add_spsc(queue_comparison& all) {
  const auto one_to_one = [](const char* name, part role) { return entry{"spsc", name, role, 1, 1}; };
  all.add<lockfree::spsc_queue>(one_to_one("lockfree.spsc_queue", part::ours));
  all.add<blocking::spsc_queue>(one_to_one("blocking.spsc_queue", part::ours));
  all.add<spsc_queue_of_long_spans>(one_to_one("lockfree.spsc_queue, long spans", part::ours));
  all.add<lockfree::unbounded_spsc_queue>(one_to_one("lockfree.unbounded_spsc_queue", part::ours));
  all.add<adapters::moodycamel_bare_reader_writer_queue>(one_to_one("moodycamel.reader_writer_queue", part::peer));
#if __has_include("switchyard/adapters/boost_queue.h")
  all.add<adapters::boost_spsc_queue>(one_to_one("boost.spsc_queue", part::peer));
#endif
#if __has_include("switchyard/adapters/libcds_queue.h")
  all.add<adapters::libcds_ring>(one_to_one("libcds.weak_ring_buffer", part::peer));
#endif
#if __has_include("switchyard/adapters/concurrency_kit_queue.h")
  all.add<adapters::concurrency_kit_spsc_ring>(one_to_one("concurrency_kit.ring_spsc", part::peer));
#endif
#if __has_include("switchyard/adapters/atomic_queue.h")
  all.add<adapters::atomic_queue_spsc_ring>(one_to_one("atomic_queue.b2_spsc", part::peer));
  all.add<optimist_spsc, how::spinning>(one_to_one("atomic_queue.optimist_spsc", part::peer));
#endif
  all.add_cache_line("spsc");
}

void add_bounded(queue_comparison& all) {
  const auto bounded = [](const char* name, part role) { return entry{"bounded", name, role}; };
  all.add<lockfree::bounded_queue>(bounded("lockfree.bounded_queue", part::ours));
  all.add<blocking::bounded_queue>(bounded("blocking.bounded_queue", part::ours));
  all.add<adapters::std_bounded_queue>(bounded("std.bounded_queue", part::peer));
  all.add<adapters::absl_bounded_queue>(bounded("absl.bounded_queue", part::peer));
#if __has_include("switchyard/adapters/libcds_queue.h")
  all.add<adapters::libcds_vyukov_queue>(bounded("libcds.vyukov_queue", part::peer));
#endif
#if __has_include("switchyard/adapters/boost_queue.h")
  all.add<adapters::boost_queue>(bounded("boost.queue", part::peer));
#endif
#if __has_include("switchyard/adapters/tbb_queue.h")
  all.add<adapters::tbb_bounded_queue>(bounded("tbb.bounded_queue", part::peer));
#endif
#if __has_include("switchyard/adapters/concurrency_kit_queue.h")
  // Its producers spin until it is their turn, for ever with more of them than processors.
  all.add<adapters::concurrency_kit_mpmc_ring>({"bounded", "concurrency_kit.ring_mpmc", part::peer, 2, 2});
#endif
#if __has_include("switchyard/adapters/atomic_queue.h")
  // Neither keeps a producer's order.
  all.add<adapters::atomic_queue_ring>({"bounded", "atomic_queue.b2", part::peer, 8, 8, false});
  all.add<optimist_mpmc, how::spinning>({"bounded", "atomic_queue.optimist", part::peer, 8, 8, false});
#endif
  all.add_cache_line("bounded");
}

void add_unbounded(queue_comparison& all) {
  const auto unbounded = [](const char* name, part role) { return entry{"unbounded", name, role}; };
  all.add<lockfree::unbounded_queue>(unbounded("lockfree.unbounded_queue", part::ours));
  all.add<lockfree::mpsc_queue>({"unbounded", "lockfree.mpsc_queue", part::ours, 8, 1});
  all.add<blocking::unbounded_queue>(unbounded("blocking.unbounded_queue", part::ours));
#if __has_include("switchyard/adapters/tbb_queue.h")
  all.add<adapters::tbb_queue>(unbounded("tbb.queue", part::peer));
#endif
#if __has_include("switchyard/adapters/libcds_queue.h")
  all.add<adapters::libcds_basket_queue>(unbounded("libcds.basket_queue", part::peer));
#endif
  // In order per producer only, so no peer; but to be beaten without its tokens.
  all.add<adapters::moodycamel_bare_concurrent_queue>(unbounded("moodycamel.concurrent_queue", part::shown));
  all.add_cache_line("unbounded");
}

void add_relaxed(queue_comparison& all) {
  const auto relaxed = [](const char* name, part role) { return entry{"relaxed", name, role}; };
  all.add<lockfree::relaxed_queue>(relaxed("lockfree.relaxed_queue", part::ours));
  all.add<relaxed_handles>(relaxed("lockfree.relaxed_queue, handles", part::ours));
  all.add<blocking::relaxed_queue>(relaxed("blocking.relaxed_queue", part::ours));
  all.add<adapters::moodycamel_bare_concurrent_queue>(relaxed("moodycamel.concurrent_queue", part::peer));
  all.add<moodycamel_tokens>(relaxed("moodycamel.with_tokens", part::peer));
  all.add_cache_line("relaxed");
}

void add_waiting(queue_comparison& all) {
  const auto waiting = [](const char* name, part role) { return entry{"waiting", name, role}; };
  all.add_waiting<lockfree::bounded_queue>(waiting("lockfree.bounded_queue", part::ours));
  all.add_waiting<lockfree::unbounded_queue>(waiting("lockfree.unbounded_queue", part::ours));
  all.add_waiting<lockfree::mpsc_queue>({"waiting", "lockfree.mpsc_queue", part::ours, 8, 1});
  all.add_waiting<lockfree::relaxed_queue>(waiting("lockfree.relaxed_queue", part::ours));
  all.add_waiting<blocking::bounded_queue>(waiting("blocking.bounded_queue", part::ours));
  all.add_waiting<blocking::unbounded_queue>(waiting("blocking.unbounded_queue", part::ours));
  all.add_waiting<lockfree::spsc_queue>({"waiting", "lockfree.spsc_queue", part::ours, 1, 1});
  all.add_waiting<blocking::spsc_queue>({"waiting", "blocking.spsc_queue", part::ours, 1, 1});
  all.add_waiting<adapters::moodycamel_bare_blocking_queue>(waiting("moodycamel.blocking_queue", part::peer));
  all.add_waiting<adapters::moodycamel_blocking_concurrent_queue>(
      waiting("moodycamel.blocking_queue, bounded", part::peer));
#if __has_include("switchyard/adapters/tbb_queue.h")
  all.add_waiting<adapters::tbb_bounded_queue>(waiting("tbb.bounded_queue", part::peer));
#endif
  for (const char* side : {"lockfree.", "blocking."}) {
    for (const char* queue : {"bounded_queue", "unbounded_queue", "spsc_queue", "mpsc_queue", "relaxed_queue"}) {
      all.relate_waiting(std::string(side) + queue);
    }
  }
  all.add_waiting<adapters::std_bounded_queue>(waiting("std.bounded_queue", part::shown));
  all.add_waiting<adapters::absl_bounded_queue>(waiting("absl.bounded_queue", part::shown));
  all.add_waiting<adapters::moodycamel_concurrent_queue>(
      waiting("moodycamel.concurrent_queue, our waiting", part::shown));
}

void add_notify(queue_comparison& all) {
  const auto ours = std::make_shared<lockfree::event_count>();
  all.add_notify("lockfree.event_count", part::ours, [ours] { ours->notify_one(); });
  const auto condition = std::make_shared<std::condition_variable>();
  all.add_notify("std.condition_variable", part::peer, [condition] { condition->notify_one(); });
  const auto number = std::make_shared<atomic<std::uint32_t>>();
  all.add_notify("std.atomic", part::peer, [number] { number->notify_one(); });
}

/// `--pairs`: names; `--pairs=NAME:COUNT`: so many pairs of one, for a profiler. Whether either was asked for.
bool pairs_asked_for(const queue_comparison& all, std::string_view argument, int& status) {
  constexpr std::string_view flag = "--pairs";
  if (!argument.starts_with(flag)) return false;
  status = 0;
  if (argument == flag) {
    for (const auto& [name, run] : all.pairs()) std::cout << name << "\n";
    return true;
  }
  argument.remove_prefix(flag.size() + 1);
  const auto colon = argument.rfind(':');
  const auto found = all.pairs().find(std::string(argument.substr(0, colon)));
  if (colon == argument.npos || found == all.pairs().end()) {
    std::cerr << "unknown: " << argument << "; queue_bench --pairs lists what there is\n";
    status = 2;
  } else if (!found->second(std::stoull(std::string(argument.substr(colon + 1))))) {
    std::cerr << "a wrong item\n";
    status = 1;
  }
  return true;
}

int run(int argc, char** argv) {
  // A second thread, asleep: alone in its program, a thread gets a std::mutex without an atomic operation.
  std::mutex end;
  std::unique_lock not_yet(end);
  std::thread sleeper([&] { const std::lock_guard wait(end); });

  std::vector<char*> arguments(argv, argv + argc);
  const comparison_options options = comparison_options::take(arguments);
  queue_comparison all(options.everything);
  add_spsc(all);
  add_bounded(all);
  add_unbounded(all);
  add_relaxed(all);
  add_waiting(all);
  add_notify(all);

  int status = 0;
  if (argc < 2 || !pairs_asked_for(all, argv[1], status)) {
#if !__has_include("switchyard/adapters/atomic_queue.h")
    note("atomic_queue's rings are", "libatomic-queue-dev");
#endif
#if !__has_include("switchyard/adapters/boost_queue.h")
    note("boost.queue and boost.spsc_queue are", "Boost");
#endif
#if !__has_include("switchyard/adapters/concurrency_kit_queue.h")
    note("Concurrency Kit's rings are", "libck-dev");
#endif
#if !__has_include("switchyard/adapters/libcds_queue.h")
    note("libcds's queues are", "libcds");
#endif
#if !__has_include("switchyard/adapters/tbb_queue.h")
    note("tbb.queue and tbb.bounded_queue are", "oneTBB");
#endif
    status = all.rows().run(std::move(arguments), options);
  }
  not_yet.unlock();
  sleeper.join();
  return status;
}

}  // namespace
}  // namespace switchyard

int main(int argc, char** argv) {
  return switchyard::run(argc, argv);
}
