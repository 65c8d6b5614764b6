// The queues for one producer and one consumer beside their peers: 8-byte items, capacity 1024, operations that do not wait
// inside. What is not on this machine is left out.
//
//   spsc_bench [shape ...] [--samples=N]      pair, transfer, bulk, place, trip; by default all, with 31 samples
//
// Samples are short and interleaved. The raw round trip of a cache line is measured before and after each, since a virtual
// machine's processors are near each other at one moment and far at the next: a sample counts as near or far if both say
// so, and is dropped otherwise. In what is left, others may have been given the processor for a while: so besides the
// median there is the best tenth, which is what the code can do.
#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#if __has_include(<boost/lockfree/spsc_queue.hpp>)
#include <boost/lockfree/spsc_queue.hpp>
#define HAS_BOOST 1
#endif
#if __has_include(<cds/container/weak_ringbuffer.h>)
#include <cds/container/weak_ringbuffer.h>
#define HAS_LIBCDS 1
#endif
#if __has_include(<readerwriterqueue/readerwriterqueue.h>)
#include <readerwriterqueue/readerwriterqueue.h>
#define HAS_READERWRITERQUEUE 1
#endif
#if __has_include(<atomic_queue/atomic_queue.h>)
#include <atomic_queue/atomic_queue.h>
#define HAS_ATOMIC_QUEUE 1
#endif
#if __has_include(<ck_ring.h>)
#include <stdbool.h>
#include <string.h>
// Written for C, where a pointer may be returned as `false`.
#define false 0
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic"
#include <ck_ring.h>
#pragma GCC diagnostic pop
#undef false
#define HAS_CONCURRENCY_KIT 1
#endif

#include "switchyard/atomics/atomic.h"
#include "switchyard/atomics/cache_padded.h"
#include "switchyard/blocking/spsc_queue.h"
#include "switchyard/blocking/unbounded_spsc_queue.h"
#include "switchyard/interface/conqueue_status.h"
#include "switchyard/interface/spans.h"
#include "switchyard/lockfree/spsc_queue.h"
#include "switchyard/lockfree/unbounded_spsc_queue.h"

namespace switchyard {
namespace {

using item = std::uint64_t;
constexpr std::size_t capacity = 1024;
constexpr std::size_t batch = 32;

// ---- The queues, all with the same members: push, pop and, where there is such a thing, push_n and pop_n.

template <class Queue>
struct own {
  static Queue make() {
    if constexpr (std::is_constructible_v<Queue, std::size_t>) {
      return Queue(capacity);
    } else {
      return Queue();
    }
  }
  Queue queue = make();

  bool push(item x) { return queue.try_push(x) == conqueue_status::success; }
  bool pop(item& x) {
    auto result = queue.try_pop();
    if (result) x = *result;
    return result.has_value();
  }
  std::size_t push_n(const item* from, std::size_t n) { return queue.try_push_n(from, n); }
  std::size_t pop_n(item* to, std::size_t n) { return queue.try_pop_n(to, n); }
};

/// By the members that wait.
template <class Queue>
struct waiting : own<Queue> {
  bool push(item x) { return this->queue.push(x); }
  bool pop(item& x) {
    auto result = this->queue.pop();
    x = *result;
    return true;
  }
};

#ifdef HAS_BOOST
struct boost_queue {
  boost::lockfree::spsc_queue<item, boost::lockfree::capacity<capacity>> queue;

  bool push(item x) { return queue.push(x); }
  bool pop(item& x) { return queue.pop(x); }
  std::size_t push_n(const item* from, std::size_t n) { return queue.push(from, n); }
  std::size_t pop_n(item* to, std::size_t n) { return queue.pop(to, n); }
};
#endif
#ifdef HAS_LIBCDS
struct libcds_queue {
  cds::container::WeakRingBuffer<item> queue{capacity};

  bool push(item x) { return queue.push(x); }
  bool pop(item& x) { return queue.pop(x); }
  std::size_t push_n(const item* from, std::size_t n) { return queue.push(const_cast<item*>(from), n) ? n : 0; }
  std::size_t pop_n(item* to, std::size_t n) { return queue.pop(to, n) ? n : queue.pop(*to) ? 1 : 0; }
};
#endif
#ifdef HAS_READERWRITERQUEUE
struct moodycamel_queue {
  moodycamel::ReaderWriterQueue<item> queue{capacity};

  bool push(item x) { return queue.try_enqueue(x); }
  bool pop(item& x) { return queue.try_dequeue(x); }
};
#endif
#ifdef HAS_ATOMIC_QUEUE
// Waits inside, and 0 is no item.
struct atomic_queue_queue {
  atomic_queue::AtomicQueue<item, capacity, 0, true, true, false, true> queue;

  bool push(item x) { return queue.push(x), true; }
  bool pop(item& x) { return x = queue.pop(), true; }
};
#endif
#ifdef HAS_CONCURRENCY_KIT
struct concurrency_kit_queue {
  concurrency_kit_queue() { ck_ring_init(&queue, capacity); }

  ck_ring_t queue;
  ck_ring_buffer_t places[capacity];

  bool push(item x) { return ck_ring_enqueue_spsc(&queue, places, reinterpret_cast<void*>(x)); }
  bool pop(item& x) {
    void* result = nullptr;
    if (!ck_ring_dequeue_spsc(&queue, places, &result)) return false;
    x = reinterpret_cast<item>(result);
    return true;
  }
};
#endif

// ---- Two threads, each with a processor of its own.

void stay_on(std::size_t processor) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(processor, &set);
  ::pthread_setaffinity_np(::pthread_self(), sizeof set, &set);
}

// Between two tries that fail, whatever the queue: 64 times it pauses, then it yields.
class outside_wait {
 public:
  void wait() noexcept { tries_++ < 64 ? spin_pause() : yield(); }
  void reset() noexcept { tries_ = 0; }

 private:
  int tries_ = 0;
};

/// A second thread, which does what it is told.
class partner {
 public:
  partner() : thread_([this] { live(); }) {}
  ~partner() {
    work_ = nullptr;
    orders_.fetch_add(1, memory_order_release);
    thread_.join();
  }

  /// Runs both at the same time, and returns the seconds until both are done.
  double run(const std::function<void()>& mine, const std::function<void()>& others) {
    work_ = &others;
    const int order = orders_.fetch_add(1, memory_order_release) + 1;
    while (begun_.load(memory_order_acquire) != order) spin_pause();
    const auto begin = std::chrono::steady_clock::now();
    go_.store(order, memory_order_release);
    mine();
    while (done_.load(memory_order_acquire) != order) spin_pause();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  }

 private:
  void live() {
    stay_on(1);
    for (int order = 1;; ++order) {
      while (orders_.load(memory_order_acquire) != order) yield();
      if (work_ == nullptr) return;
      begun_.store(order, memory_order_release);
      while (go_.load(memory_order_acquire) != order) spin_pause();
      (*work_)();
      done_.store(order, memory_order_release);
    }
  }

  const std::function<void()>* work_ = nullptr;
  atomic<int> orders_{0}, begun_{0}, go_{0}, done_{0};
  std::thread thread_;
};

partner* other = nullptr;

void require(bool right) {
  if (right) return;
  std::puts("WRONG: items lost, doubled or out of order");
  std::abort();
}

// ---- The shapes.

/// Nanoseconds for a cache line to go to the other processor and come back.
double raw_trip(item trips) {
  cache_padded<atomic<item>> line;
  const double seconds = other->run(
      [&] {
        for (item i = 0; i < trips; ++i) {
          line->store(2 * i + 1, memory_order_release);
          while (line->load(memory_order_acquire) != 2 * i + 2) spin_pause();
        }
      },
      [&] {
        for (item i = 0; i < trips; ++i) {
          while (line->load(memory_order_acquire) != 2 * i + 1) spin_pause();
          line->store(2 * i + 2, memory_order_release);
        }
      });
  return seconds / static_cast<double>(trips) * 1e9;
}

/// Nanoseconds for an item to go to the other thread, and one to come back by another queue.
template <class Queue>
double trip() {
  constexpr item trips = 2000;
  const auto there = std::make_unique<Queue>(), back = std::make_unique<Queue>();
  const double seconds = other->run(
      [&] {
        item x = 0;
        for (item i = 1; i <= trips; ++i) {
          require(there->push(i));
          while (!back->pop(x)) spin_pause();
        }
      },
      [&] {
        item x = 0;
        for (item i = 1; i <= trips; ++i) {
          while (!there->pop(x)) spin_pause();
          require(back->push(x));
        }
      });
  return seconds / static_cast<double>(trips) * 1e9;
}

/// Nanoseconds for a push and a pop in one thread.
template <class Queue>
double pair() {
  constexpr item pairs = 200'000;
  const auto queue = std::make_unique<Queue>();
  Queue* hidden = queue.get();
  asm volatile("" : "+r"(hidden) : : "memory");  // so that it does not become registers
  const auto begin = std::chrono::steady_clock::now();
  for (item i = 1; i <= pairs; ++i) {
    item x = 0;
    require(hidden->push(i));
    require(hidden->pop(x) && x == i);
    asm volatile("" : : : "memory");
  }
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count() / pairs * 1e9;
}

constexpr item items = 200 * 1024;

/// Million items a second, from one thread to the other.
template <class Queue>
double transfer() {
  const auto queue = std::make_unique<Queue>();
  const double seconds = other->run(
      [&] {
        for (item i = 1; i <= items; ++i) {
          for (outside_wait w; !queue->push(i);) w.wait();
        }
      },
      [&] {
        for (item i = 1; i <= items; ++i) {
          item x = 0;
          for (outside_wait w; !queue->pop(x);) w.wait();
          require(x == i);
        }
      });
  return items / seconds / 1e6;
}

template <class Queue>
double bulk() {
  const auto queue = std::make_unique<Queue>();
  const double seconds = other->run(
      [&] {
        item some[batch];
        outside_wait w;
        for (item i = 1; i <= items; i += batch) {
          for (item k = 0; k < batch; ++k) some[k] = i + k;
          for (std::size_t done = 0; done < batch;) {
            const std::size_t n = queue->push_n(some + done, batch - done);
            n == 0 ? w.wait() : w.reset();
            done += n;
          }
        }
      },
      [&] {
        item some[batch], sum = 0;
        outside_wait w;
        for (item i = 0; i < items;) {
          const std::size_t n = queue->pop_n(some, batch);
          n == 0 ? w.wait() : w.reset();
          for (std::size_t k = 0; k < n; ++k) sum += some[k];
          i += n;
        }
        require(sum == items * (items + 1) / 2);
      });
  return items / seconds / 1e6;
}

/// The same without copies.
template <class Queue>
double in_place() {
  const auto queue = std::make_unique<Queue>();
  const double seconds = other->run(
      [&] {
        outside_wait w;
        for (item i = 1; i <= items;) {
          const auto places = queue->queue.reserve(batch);
          places.empty() ? w.wait() : w.reset();
          const std::size_t n = std::min<std::size_t>(places.size(), items + 1 - i);
          for (std::size_t k = 0; k < n; ++k) places[k] = i + k;
          queue->queue.commit(n);
          i += n;
        }
      },
      [&] {
        item sum = 0;
        outside_wait w;
        for (item i = 0; i < items;) {
          const auto there = queue->queue.peek(batch);
          there.empty() ? w.wait() : w.reset();
          for (const item x : there) sum += x;
          queue->queue.consume(there.size());
          i += there.size();
        }
        require(sum == items * (items + 1) / 2);
      });
  return items / seconds / 1e6;
}

// ---- The table.

struct row {
  std::string shape, name;
  std::function<double()> sample;
  bool is_peer;
  std::map<std::string, std::vector<double>> by_distance = {};
};

template <class Queue>
void add(std::vector<row>& rows, const std::string& name, bool is_peer) {
  rows.push_back({"pair", name, pair<Queue>, is_peer});
  rows.push_back({"transfer", name, transfer<Queue>, is_peer});
  rows.push_back({"trip", name, trip<Queue>, is_peer});
  if constexpr (requires(Queue& q, item* p) { q.push_n(p, 1); }) rows.push_back({"bulk", name, bulk<Queue>, is_peer});
  if constexpr (requires(Queue& q) { q.queue.reserve(1); }) {
    rows.push_back({"place", name, in_place<Queue>, is_peer});
  }
}

std::string distance() {
  double trip = 1e9;
  for (int i = 0; i < 5; ++i) trip = std::min(trip, raw_trip(100));
  return trip < 220 ? "near" : trip < 1000 ? "far" : "unclear";
}

bool is_time(const std::string& shape) { return shape == "pair" || shape == "trip"; }

/// The best tenth, or the median.
double at(const row& r, const std::string& where, double share) {
  std::vector<double> all = r.by_distance.at(where);
  std::sort(all.begin(), all.end());
  if (!is_time(r.shape)) std::reverse(all.begin(), all.end());
  return all[static_cast<std::size_t>(share * static_cast<double>(all.size() - 1))];
}

void print(const std::vector<row>& rows, const std::string& shape, const std::string& where) {
  // The best of the peers, or for round trips the line itself as well.
  double best = 0;
  for (const row& r : rows) {
    if (r.shape != shape || !r.by_distance.contains(where) || !r.is_peer) continue;
    const double x = at(r, where, 0.1);
    if (best == 0 || (is_time(shape) ? x < best : x > best)) best = x;
  }
  std::printf("\n%s, %s: %s\n  %-34s %8s %8s %8s  samples\n", shape.c_str(), where.c_str(),
              is_time(shape) ? "nanoseconds" : "million items a second", "", "best", "median", "ratio");
  for (const row& r : rows) {
    if (r.shape != shape || !r.by_distance.contains(where)) continue;
    const double x = at(r, where, 0.1);
    std::printf("  %-34s %8.2f %8.2f %8.2f  %zu\n", r.name.c_str(), x, at(r, where, 0.5),
                is_time(shape) ? best / x : x / best, r.by_distance.at(where).size());
  }
}

int run(int argc, char** argv) {
  std::vector<row> rows;
  add<own<lockfree::spsc_queue<item>>>(rows, "lockfree.spsc_queue", false);
  add<own<lockfree::spsc_queue<item, std::allocator<item>, long_spans>>>(rows, "lockfree.spsc_queue, long spans", false);
  add<own<lockfree::unbounded_spsc_queue<item>>>(rows, "lockfree.unbounded_spsc_queue", false);
  add<own<blocking::spsc_queue<item>>>(rows, "blocking.spsc_queue", false);
  add<own<blocking::unbounded_spsc_queue<item>>>(rows, "blocking.unbounded_spsc_queue", false);
  rows.push_back({"pair", "lockfree.spsc_queue, push/pop", pair<waiting<lockfree::spsc_queue<item>>>, false});
  rows.push_back({"transfer", "lockfree.spsc_queue, push/pop", transfer<waiting<lockfree::spsc_queue<item>>>, false});
#ifdef HAS_BOOST
  add<boost_queue>(rows, "boost.lockfree.spsc_queue", true);
#endif
#ifdef HAS_LIBCDS
  add<libcds_queue>(rows, "libcds.WeakRingBuffer", true);
#endif
#ifdef HAS_READERWRITERQUEUE
  add<moodycamel_queue>(rows, "moodycamel.ReaderWriterQueue", true);
#endif
#ifdef HAS_ATOMIC_QUEUE
  add<atomic_queue_queue>(rows, "atomic_queue, waits inside", true);
#endif
#ifdef HAS_CONCURRENCY_KIT
  add<concurrency_kit_queue>(rows, "ck_ring", true);
#endif
  rows.push_back({"trip", "a cache line", [] { return raw_trip(2000); }, false});

  int samples = 31;
  std::vector<std::string> shapes;
  for (int i = 1; i < argc; ++i) {
    if (std::strncmp(argv[i], "--samples=", 10) == 0) {
      samples = std::atoi(argv[i] + 10);
    } else {
      shapes.push_back(argv[i]);
    }
  }
  if (shapes.empty()) shapes = {"pair", "transfer", "bulk", "place", "trip"};
  std::erase_if(rows, [&](const row& r) { return std::find(shapes.begin(), shapes.end(), r.shape) == shapes.end(); });

  stay_on(0);
  partner second;
  other = &second;
  for (int i = 0; i < samples; ++i) {
    for (row& r : rows) {
      if (r.shape == "pair") {
        r.by_distance["alone"].push_back(r.sample());
        continue;
      }
      const std::string before = distance();
      const double x = r.sample();
      if (before != "unclear" && distance() == before) r.by_distance[before].push_back(x);
    }
  }
  for (const std::string& shape : shapes) {
    for (const char* where : {"alone", "near", "far"}) {
      if (std::any_of(rows.begin(), rows.end(),
                      [&](const row& r) { return r.shape == shape && r.by_distance.contains(where); })) {
        print(rows, shape, where);
      }
    }
  }
  return 0;
}

}  // namespace
}  // namespace switchyard

int main(int argc, char** argv) { return switchyard::run(argc, argv); }
