// What the benchmark of queues does with each of them. Every function measures for about 20 ms, checks all that has
// arrived, and returns items (or round trips) a second; it throws std::runtime_error if something was lost, doubled
// or out of order.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "switchyard/atomics/atomic.h"
#include "switchyard/atomics/cache_padded.h"
#include "switchyard/benchmarks/distance.h"
#include "switchyard/interface/conqueue_status.h"

namespace switchyard::queue_drivers {

inline constexpr std::chrono::milliseconds sample_time(20);
inline constexpr std::size_t bulk = 32;

/// By which operations.
enum class how {
  trying,    ///< try_push and try_pop, with `outside_wait` between two tries that fail
  in_bulk,   ///< the same with `bulk` items at a time
  in_place,  ///< the same without copying them: reserve and commit, peek and consume
  waiting,   ///< push and pop
  spinning,  ///< spin_push and spin_pop, for what has nothing else
};

/// An item carries a number: 24 bits for who sent it, 40 for which of his it is, from 1 on.
inline constexpr int sequence_bits = 40;
inline constexpr std::uint64_t end_mark = ~std::uint64_t{0};
constexpr std::uint64_t numbered(std::size_t producer, std::uint64_t sequence) {
  return std::uint64_t{producer} << sequence_bits | sequence;
}

/// Items of `size` bytes.
template <std::size_t size>
struct block {
  std::uint64_t number;
  std::array<std::byte, size - sizeof(std::uint64_t)> rest;
};

/// How a number becomes an item, and is read from one.
template <class T>
struct item {
  static T make(std::uint64_t number) { return T{number, {}}; }
  static std::uint64_t number_of(const T& value) { return value.number; }
};
template <>
struct item<std::uint64_t> {
  static std::uint64_t make(std::uint64_t number) { return number; }
  static std::uint64_t number_of(std::uint64_t value) { return value; }
};
template <>
struct item<std::unique_ptr<std::uint64_t>> {
  static auto make(std::uint64_t number) { return std::make_unique<std::uint64_t>(number); }
  static std::uint64_t number_of(const std::unique_ptr<std::uint64_t>& value) { return *value; }
};
template <>
struct item<std::string> {
  // Too long for the string itself: it has memory of its own.
  static std::string make(std::uint64_t number) {
    std::string text(40, 'x');
    std::memcpy(text.data(), &number, sizeof number);
    return text;
  }
  static std::uint64_t number_of(const std::string& value) {
    std::uint64_t number;
    std::memcpy(&number, value.data(), sizeof number);
    return number;
  }
};

/// A queue that is to be used by handles, one for each thread: `make_producer()` and `make_consumer()`.
template <class Queue>
struct by_handles : Queue {
  using Queue::Queue;
};
template <class Queue>
inline constexpr bool uses_handles = false;
template <class Queue>
inline constexpr bool uses_handles<by_handles<Queue>> = true;

template <class Queue>
decltype(auto) way_in(Queue& queue) {
  if constexpr (uses_handles<Queue>) {
    return queue.make_producer();
  } else {
    return (queue);
  }
}
template <class Queue>
decltype(auto) way_out(Queue& queue) {
  if constexpr (uses_handles<Queue>) {
    return queue.make_consumer();
  } else {
    return (queue);
  }
}

template <class Queue>
std::unique_ptr<Queue> make(std::size_t capacity) {
  if constexpr (std::is_constructible_v<Queue, std::size_t>) {
    return std::make_unique<Queue>(capacity);
  } else {
    return std::make_unique<Queue>();
  }
}

// These two are part of the loop around them, for every implementation: a call of ours would be counted as the queue's.

/// One item in, whatever that takes.
template <how Mode, class In, class T>
[[gnu::always_inline]] inline void put(In& in, T&& value) {
  if constexpr (Mode == how::spinning) {
    in.spin_push(std::move(value));
  } else if constexpr (Mode == how::waiting) {
    if (!in.push(std::move(value))) throw std::runtime_error("push failed");
  } else {
    for (outside_wait pause; in.try_push(std::move(value)) != conqueue_status::success;) pause.wait();
  }
}

/// One item out, whatever that takes. Returns its number.
template <how Mode, class T, class Out>
[[gnu::always_inline]] inline std::uint64_t take(Out& out) {
  if constexpr (Mode == how::spinning) {
    return item<T>::number_of(out.spin_pop());
  } else if constexpr (Mode == how::waiting) {
    auto got = out.pop();
    if (!got) throw std::runtime_error("pop failed");
    return item<T>::number_of(*got);
  } else {
    for (outside_wait pause;; pause.wait()) {
      if (auto got = out.try_pop()) return item<T>::number_of(*got);
    }
  }
}

/// `count` times one item in and the same out, by one thread. Apart, for a profiler to find.
template <how Mode, class Queue>
[[gnu::noinline]] bool counted_pairs(Queue& queue, std::uint64_t begin, std::uint64_t count) {
  using T = typename Queue::value_type;
  auto&& in = way_in(queue);
  auto&& out = way_out(queue);
  bool right = true;
  for (std::uint64_t n = begin; n != begin + count; ++n) {
    put<Mode>(in, item<T>::make(n));
    right &= take<Mode, T>(out) == n;
  }
  return right;
}

template <class Queue, how Mode>
double pairs(std::size_t capacity) {
  using clock = std::chrono::steady_clock;
  constexpr std::uint64_t stretch = 4096;
  const auto queue = make<Queue>(capacity);
  bool right = counted_pairs<Mode>(*queue, 1, stretch);
  std::uint64_t done = 0;
  const auto begin = clock::now();
  auto now = begin;
  for (; now - begin < sample_time; now = clock::now()) {
    right &= counted_pairs<Mode>(*queue, done + 1, stretch);
    done += stretch;
  }
  if (!right) throw std::runtime_error("a wrong item");
  return static_cast<double>(done) / std::chrono::duration<double>(now - begin).count();
}

/// What consumers have got.
class tally {
 public:
  void add(std::uint64_t number) noexcept {
    const std::uint64_t sequence = number & (end_mark >> (64 - sequence_bits));
    std::uint64_t& last = last_[number >> sequence_bits & (last_.size() - 1)];
    in_order_ &= sequence > last;
    last = sequence;
    sum_ += sequence;
    ++count_;
  }
  std::uint64_t count() const noexcept { return count_; }
  std::uint64_t sum() const noexcept { return sum_; }
  bool in_order() const noexcept { return in_order_; }

 private:
  std::uint64_t count_ = 0;
  std::uint64_t sum_ = 0;
  bool in_order_ = true;
  std::array<std::uint64_t, 16> last_{};  // of each producer
};

struct load {
  std::size_t producers = 1;
  std::size_t consumers = 1;
  std::size_t capacity = 1024;
  bool ordered = true;  ///< a consumer sees each producer's items in their order
};

/// Throws unless all that was sent has arrived once, and in order if it must.
inline void check(const std::vector<cache_padded<std::uint64_t>>& sent, const std::vector<cache_padded<tally>>& got,
                  bool ordered) {
  std::uint64_t count = 0;
  std::uint64_t sum = 0;
  for (const auto& n : sent) {
    count += *n;
    sum += *n * (*n + 1) / 2;
  }
  for (const auto& part : got) {
    count -= part->count();
    sum -= part->sum();
    if (ordered && !part->in_order()) throw std::runtime_error("a producer's items out of order");
  }
  if (count != 0 || sum != 0) throw std::runtime_error("items lost or doubled");
}

/// Runs `work(thread)` in threads that begin together, and sets `stop` after the time of a sample. Returns the
/// seconds from the beginning until the last has ended.
template <class Work>
double timed(std::size_t threads, atomic<bool>& stop, const Work& work) {
  using clock = std::chrono::steady_clock;
  cache_padded<atomic<std::size_t>> ready;
  cache_padded<atomic<bool>> go;
  std::vector<clock::time_point> ends(threads);
  std::vector<std::thread> running;
  for (std::size_t thread = 0; thread < threads; ++thread) {
    running.emplace_back([&, thread] {
      ready->fetch_add(1, memory_order_acq_rel);
      while (!go->load(memory_order_acquire)) yield();
      work(thread);
      ends[thread] = clock::now();
    });
  }
  while (ready->load(memory_order_acquire) < threads) yield();
  const auto begin = clock::now();
  go->store(true, memory_order_release);
  std::this_thread::sleep_until(begin + sample_time);
  stop.store(true, memory_order_relaxed);
  for (auto& thread : running) thread.join();
  return std::chrono::duration<double>(*std::max_element(ends.begin(), ends.end()) - begin).count();
}

/// Sends until `stop`; returns how many.
template <how Mode, class In, class T>
std::uint64_t produce(In& in, std::size_t producer, const atomic<bool>& stop) {
  const auto stopped = [&] { return stop.load(memory_order_relaxed); };
  std::uint64_t sent = 0;
  if constexpr (Mode == how::in_bulk) {
    std::array<T, bulk> items;
    while (!stopped()) {
      for (std::size_t i = 0; i < bulk; ++i) items[i] = item<T>::make(numbered(producer, sent + 1 + i));
      outside_wait pause;
      for (std::size_t done = 0; done < bulk;) {
        const std::size_t some = in.try_push_n(items.data() + done, bulk - done);
        done += some;
        sent += some;
        if (some != 0) {
          pause = outside_wait();
        } else if (stopped()) {
          break;
        } else {
          pause.wait();
        }
      }
    }
  } else if constexpr (Mode == how::in_place) {
    outside_wait pause;
    while (!stopped()) {
      const auto places = in.reserve(bulk);
      for (auto& place : places) place = item<T>::make(numbered(producer, ++sent));
      if (places.empty()) {
        pause.wait();
        continue;
      }
      if (!in.commit(places.size())) throw std::runtime_error("commit failed");
      pause = outside_wait();
    }
  } else if constexpr (Mode == how::trying) {
    while (!stopped()) {
      T value = item<T>::make(numbered(producer, sent + 1));
      outside_wait pause;
      while (in.try_push(std::move(value)) != conqueue_status::success) {
        if (stopped()) return sent;
        pause.wait();
      }
      ++sent;
    }
  } else {
    while (!stopped()) put<Mode>(in, item<T>::make(numbered(producer, ++sent)));
  }
  return sent;
}

/// Whether consumers find out by themselves that there is no more, rather than wait in the queue.
template <how Mode>
inline constexpr bool looks_for_itself = Mode == how::trying || Mode == how::in_bulk || Mode == how::in_place;

/// Whether a queue's consumers cannot be told of the end but by an item.
template <class Queue, how Mode>
inline constexpr bool ends_by_mark = Mode == how::spinning || (Mode == how::waiting && !requires(Queue& queue) {
  queue.close();
});

/// Takes until the queue is empty and nobody is `sending` any more. `so_far` says how many, where the end is an item.
template <how Mode, class Queue, class Out>
void consume(Out& out, const atomic<std::size_t>& sending, tally& got, atomic<std::uint64_t>& so_far) {
  using T = typename Queue::value_type;
  if constexpr (looks_for_itself<Mode>) {
    std::array<T, Mode == how::in_bulk ? bulk : 1> items;
    outside_wait pause;
    for (bool last_look = false;;) {
      bool some = false;
      if constexpr (Mode == how::in_bulk) {
        const std::size_t count = out.try_pop_n(items.data(), bulk);
        for (std::size_t i = 0; i < count; ++i) got.add(item<T>::number_of(items[i]));
        some = count != 0;
      } else if constexpr (Mode == how::in_place) {
        const auto there = out.peek(bulk);
        for (const auto& value : there) got.add(item<T>::number_of(value));
        some = !there.empty();
        out.consume(there.size());
      } else if (auto value = out.try_pop()) {
        got.add(item<T>::number_of(*value));
        some = true;
      }
      if (some) {
        pause = outside_wait();
      } else if (last_look) {
        return;
      } else {
        last_look = sending.load(memory_order_acquire) == 0;
        if (!last_look) pause.wait();
      }
    }
  } else if constexpr (!ends_by_mark<Queue, Mode>) {
    while (auto value = out.pop()) got.add(item<T>::number_of(*value));
  } else {
    for (std::uint64_t number; (number = take<Mode, T>(out)) != end_mark;) {
      got.add(number);
      so_far.store(got.count(), memory_order_relaxed);
    }
  }
}

/// Waits until as many have been taken as were sent, but not for ever: what is lost, `check` will say.
inline void await_arrival(const std::vector<cache_padded<std::uint64_t>>& sent,
                          const std::vector<cache_padded<atomic<std::uint64_t>>>& taken) {
  std::uint64_t all = 0;
  for (const auto& n : sent) all += *n;
  const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  for (outside_wait pause; std::chrono::steady_clock::now() < limit; pause.wait()) {
    std::uint64_t arrived = 0;
    for (const auto& n : taken) arrived += n->load(memory_order_relaxed);
    if (arrived == all) return;
  }
}

/// From producers to consumers.
template <class Queue, how Mode>
double transfer(const load& with) {
  using T = typename Queue::value_type;
  const auto queue = make<Queue>(with.capacity);
  cache_padded<atomic<bool>> stop;
  cache_padded<atomic<std::size_t>> sending(std::in_place, with.producers);
  std::vector<cache_padded<std::uint64_t>> sent(with.producers);
  std::vector<cache_padded<tally>> got(with.consumers + 1);
  std::vector<cache_padded<atomic<std::uint64_t>>> taken(with.consumers + 1);

  const double seconds = timed(with.producers + with.consumers, *stop, [&](std::size_t thread) {
    if (thread >= with.producers) {
      auto&& out = way_out(*queue);
      tally mine;
      const std::size_t consumer = thread - with.producers;
      consume<Mode, Queue>(out, *sending, mine, *taken[consumer]);
      *got[consumer] = mine;
      return;
    }
    auto&& in = way_in(*queue);
    *sent[thread] = produce<Mode, std::remove_reference_t<decltype(in)>, T>(in, thread, *stop);
    if (sending->fetch_sub(1, memory_order_acq_rel) != 1) return;
    // The last to send tells those who wait for more.
    if constexpr (ends_by_mark<Queue, Mode>) {
      await_arrival(sent, taken);  // some queues let the end overtake other producers' items
      for (std::size_t i = 0; i < with.consumers; ++i) put<Mode>(in, item<T>::make(end_mark));
    } else if constexpr (Mode == how::waiting) {
      queue->close();
    }
  });
  // Some queues may say "empty" while others are at work on them.
  if constexpr (looks_for_itself<Mode>) {
    auto&& out = way_out(*queue);
    consume<Mode, Queue>(out, *sending, *got.back(), *taken.back());
  }
  check(sent, got, with.ordered);
  std::uint64_t count = 0;
  for (const auto& n : sent) count += *n;
  return static_cast<double>(count) / seconds;
}

/// Half the capacity at once from one thread to another, and again when it has arrived.
template <class Queue>
double bursts(std::size_t capacity) {
  using T = typename Queue::value_type;
  const auto queue = make<Queue>(capacity);
  const std::uint64_t burst = capacity / 2;
  cache_padded<atomic<bool>> stop;
  cache_padded<atomic<std::uint64_t>> arrived;
  cache_padded<atomic<std::size_t>> sending(std::in_place, 1U);
  std::vector<cache_padded<std::uint64_t>> sent(1);
  std::vector<cache_padded<tally>> got(1);
  const double seconds = timed(2, *stop, [&](std::size_t thread) {
    if (thread == 0) {
      auto&& in = way_in(*queue);
      std::uint64_t count = 0;
      while (!stop->load(memory_order_relaxed)) {
        for (std::uint64_t i = 0; i < burst; ++i) put<how::trying>(in, item<T>::make(numbered(0, ++count)));
        for (outside_wait pause; arrived->load(memory_order_acquire) != count;) pause.wait();
      }
      *sent[0] = count;
      sending->store(0, memory_order_release);
      return;
    }
    auto&& out = way_out(*queue);
    tally mine;
    outside_wait pause;
    while (sending->load(memory_order_acquire) != 0) {
      if (auto value = out.try_pop()) {
        mine.add(item<T>::number_of(*value));
        if (mine.count() % burst == 0) arrived->store(mine.count(), memory_order_release);
        pause = outside_wait();
      } else {
        pause.wait();
      }
    }
    *got[0] = mine;
  });
  check(sent, got, true);
  return static_cast<double>(*sent[0]) / seconds;
}

/// Round trips a second: one item to another thread by one queue, and back by a second.
template <class Queue, how Mode>
double round_trips(std::size_t capacity) {
  using clock = std::chrono::steady_clock;
  using T = typename Queue::value_type;
  const auto there = make<Queue>(capacity);
  const auto back = make<Queue>(capacity);
  std::thread other([&] {
    auto&& out = way_out(*there);
    auto&& in = way_in(*back);
    for (std::uint64_t number = 0; number != end_mark;) {
      number = take<Mode, T>(out);
      put<Mode>(in, item<T>::make(number));
    }
  });
  auto&& in = way_in(*there);
  auto&& out = way_out(*back);
  bool right = true;
  const auto round_trip = [&](std::uint64_t number) {
    put<Mode>(in, item<T>::make(number));
    right &= take<Mode, T>(out) == number;
  };
  round_trip(1);  // the other is there
  constexpr int stretch = 64;
  std::uint64_t done = 0;
  const auto begin = clock::now();
  auto now = begin;
  for (; now - begin < sample_time; now = clock::now()) {
    for (int i = 0; i < stretch; ++i) round_trip(++done);
  }
  round_trip(end_mark);
  other.join();
  if (!right) throw std::runtime_error("a wrong item");
  return static_cast<double>(done) / std::chrono::duration<double>(now - begin).count();
}

}  // namespace switchyard::queue_drivers
