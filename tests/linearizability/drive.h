// Threads that use a queue or a counter at random and record what they get.
//
// Every run ends by itself, however late a thread gets the processor: threads that try do so a fixed number
// of times, and those that wait do so on a queue that somebody closes.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <utility>
#include <vector>

#include "switchyard/atomics/atomic.h"
#include "switchyard/atomics/cache_padded.h"
#include "switchyard/interface/conqueue_status.h"
#include "switchyard/interface/queue.h"
#include "switchyard/tests/linearizability/history.h"
#include "switchyard/tests/linearizability/specifications.h"

namespace switchyard::linearizability {

/// What a thread does; `both` pushes and pops in turns.
enum class job { push, pop, both, close };

/// `trying`: calls that do not wait, or not for long. `waiting`: push and pop; the last to push closes, so
/// some thread must push and no thread may do `both`.
enum class manner { trying, waiting };

/// Whether it has a pop_all; then some of the pops that do not wait are that.
template <class Queue>
inline constexpr bool has_pop_all = requires(Queue& queue, typename Queue::value_type* out) {
  queue.pop_all(out);
};

/// Whether the order of what goes in decides about the order of what comes out.
template <class Queue>
inline constexpr bool goes_by_value = requires { typename Queue::value_compare; };

template <class Queue>
queue_call push_once(Queue& queue, number value, manner how, random_source& random) {
  using T = typename Queue::value_type;
  if constexpr (timed_queue<Queue>) {
    if (how == manner::waiting) {
      return queue_call::push(value,
                              queue.push(T(value)) ? conqueue_status::success : conqueue_status::closed);
    }
    if (random() % 8 == 0)
      return queue_call::push(value, queue.try_push_for(T(value), std::chrono::microseconds(5)));
  }
  return queue_call::push(value, queue.try_push(T(value)));
}

template <class Queue>
queue_call pop_once(Queue& queue, manner how, random_source& random) {
  const auto as_call = [](const pop_result<typename Queue::value_type>& result) {
    return result ? queue_call::pop(static_cast<number>(*result)) : queue_call::no_pop(result.error());
  };
  if constexpr (timed_queue<Queue>) {
    if (how == manner::waiting) {
      const auto element = queue.pop();
      return element ? queue_call::pop(static_cast<number>(*element))
                     : queue_call::no_pop(conqueue_status::closed);
    }
    if (random() % 8 == 0) return as_call(queue.try_pop_for(std::chrono::microseconds(5)));
  }
  if constexpr (has_pop_all<Queue>) {
    if (random() % 8 == 0) {
      std::vector<typename Queue::value_type> all;
      queue.pop_all(std::back_inserter(all));
      std::vector<number> numbers;
      for (const auto& element : all) numbers.push_back(static_cast<number>(element));
      return queue_call::pop_all(std::move(numbers));
    }
  }
  return as_call(queue.try_pop());
}

/// Runs one thread for each of the `jobs`, each with up to so many calls: a few more once it is told
/// `closed`, and for those that wait to pop as many as it takes to be told. After that one more thread pops
/// what is left. The elements are made from numbers, and are different. Thread 0 must not be one that closes.
template <class Queue>
history<queue_call> drive(Queue& queue, const std::vector<job>& jobs, manner how, int calls,
                          std::uint64_t seed) {
  atomic<int> pushing{static_cast<int>(std::count(jobs.begin(), jobs.end(), job::push))};
  cache_padded<atomic<int>> progress;  // the calls that thread 0 has made
  const auto body = [&](int thread, thread_log<queue_call>& log, random_source& random) {
    const job mine = jobs[static_cast<std::size_t>(thread)];
    const auto close = [&] {
      log.record([&] {
        queue.close();
        return queue_call::close();
      });
    };
    if (mine == job::close) {
      const int when = static_cast<int>(random() % static_cast<unsigned>(calls + 1));
      while (progress->load(memory_order_relaxed) < when) random() % 8 == 0 ? yield() : spin_pause();
      return close();
    }
    number next = thread * 1'000'000;
    int told_closed = 0;
    const bool until_closed = how == manner::waiting && mine == job::pop;
    for (int i = 0; i < calls || until_closed; ++i) {
      stagger(random);
      const bool pushes = mine == job::push || (mine == job::both && random() % 9 < 4);
      // Rising in each thread; where the value decides, up and down.
      const number value = goes_by_value<Queue> ? (next + 1) * 48'271 % 2'147'483'647 : next;
      const queue_call done = log.record(
          [&] { return pushes ? push_once(queue, value, how, random) : pop_once(queue, how, random); });
      if (pushes && done.status == conqueue_status::success) ++next;
      if (thread == 0) progress->store(i + 1, memory_order_relaxed);
      if (done.status == conqueue_status::closed && ++told_closed == 4) break;
    }
    if (thread == 0) progress->store(calls, memory_order_relaxed);
    if (how == manner::waiting && mine == job::push && pushing.fetch_sub(1, memory_order_relaxed) == 1)
      close();
  };
  auto events =
      record_threads<queue_call>(static_cast<int>(jobs.size()), seed, body, static_cast<std::size_t>(calls));

  thread_log<queue_call> rest(static_cast<int>(jobs.size()), 16);
  random_source random = random_for(seed, static_cast<int>(jobs.size()));
  while (rest.record([&] { return pop_once(queue, manner::trying, random); }).status ==
         conqueue_status::success) {
  }
  events.insert(events.end(), rest.events().begin(), rest.events().end());
  return events;
}

/// The part of a history that a queue promises to have right whose `full` and `closed` are not exact:
/// successful pushes and pops, and that a pop that found nothing found the queue empty.
inline history<queue_call> without_full_and_closed(const history<queue_call>& events) {
  history<queue_call> kept;
  for (event<queue_call> e : events) {
    if (e.call.is(queue_call::kind::pop, conqueue_status::closed)) e.call.status = conqueue_status::empty;
    if (e.call.is(queue_call::kind::push, conqueue_status::success) || e.call.what == queue_call::kind::pop ||
        e.call.what == queue_call::kind::pop_all) {
      kept.push_back(e);
    }
  }
  return kept;
}

/// Threads that add numbers, load and exchange at random.
template <class Counter>
history<counter_call> drive_counter(Counter& counter, int threads, int calls, std::uint64_t seed) {
  using kind = counter_call::kind;
  return record_threads<counter_call>(
      threads, seed,
      [&](int, thread_log<counter_call>& log, random_source& random) {
        for (int i = 0; i < calls; ++i) {
          stagger(random);
          const auto draw = random() % 16;
          const number n = static_cast<number>(random() % 1000) - 300;
          log.record([&]() -> counter_call {
            if (draw < 4) return {kind::exchange, n, counter.exchange(n)};
            if (draw < 8) return {kind::load, 0, counter.load()};
            counter.add(n);
            return {kind::add, n, 0};
          });
        }
      },
      static_cast<std::size_t>(calls));
}

}  // namespace switchyard::linearizability
