// Names of queues and counters, such as "lockfree.bounded_queue", and how to make what they name.
//
// When: a program that lets its user choose: `--queue=lockfree.bounded_queue`, `--impl=lockfree.*,absl.*`.
// Progress: a table; nothing here is for use by several threads at once, but reading one that nobody changes
//   is, and `builtin()` never changes.
// Cost: a search through a dozen names; making a queue costs what `any_queue::make` does.
//
//   auto registry = queue_registry<std::string>::builtin();          // a copy, to add one's own to
//   registry.add({.name = "mine.queue", .summary = "..."}, [](std::size_t n) { return ...; });
//   auto queue = registry.at(flag).make(1024);
#pragma once

#include <concepts>
#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "switchyard/adapters/absl_bounded_queue.h"
#include "switchyard/adapters/any_counter.h"
#include "switchyard/adapters/any_queue.h"
#include "switchyard/adapters/moodycamel_blocking_concurrent_queue.h"
#include "switchyard/adapters/moodycamel_concurrent_queue.h"
#include "switchyard/adapters/moodycamel_reader_writer_queue.h"
#include "switchyard/adapters/names.h"
#include "switchyard/adapters/std_bounded_queue.h"
#include "switchyard/blocking/bounded_queue.h"
#include "switchyard/blocking/spsc_queue.h"
#include "switchyard/blocking/unbounded_queue.h"
#include "switchyard/lockfree/bounded_queue.h"
#include "switchyard/lockfree/spsc_queue.h"

namespace switchyard::adapters {

/// Whether elements come out in the order in which they went in: all of them, or those of each producer.
enum class queue_order { fifo, per_producer };

/// Whether the capacity holds exactly, roughly (never fewer, some more), or not at all.
enum class queue_bound { exact, soft, none };

/// What is promised of the try_ operations if another thread stops for ever: each ends after a bounded
/// number of steps; the others' go on to end; they may not; they wait for a lock.
enum class progress { wait_free, lock_free, not_lock_free, blocking };

/// The enumerators' own names; "unknown" for a value that is none of them.
std::string_view to_string(queue_order order) noexcept;
std::string_view to_string(queue_bound bound) noexcept;
std::string_view to_string(progress guarantee) noexcept;

/// What there is to know of a queue before using it.
struct queue_info {
  std::string name;            ///< unique in its registry: folder or library, a dot, class
  std::string summary;         ///< one line for people
  bool multi_producer = true;  ///< more than one thread may push
  bool multi_consumer = true;  ///< more than one thread may pop
  queue_order order = queue_order::fifo;
  queue_bound bound = queue_bound::exact;
  progress guarantee = progress::blocking;

  static constexpr std::string_view kind = "queue";  ///< for messages
};

/// What there is to know of a counter.
struct counter_info {
  std::string name;
  std::string summary;
  progress guarantee = progress::blocking;

  static constexpr std::string_view kind = "counter";
};

/// What the two registries have in common: entries with an `info` and a `make`, in the order added.
template <class Info, class Factory>
class basic_registry {
 public:
  using factory = Factory;
  struct entry {
    Info info;
    Factory make;
  };

  /// Throws std::invalid_argument if the name is empty or taken. References to entries end here.
  void add(Info info, Factory make) {
    detail::check_new_name(Info::kind, info.name, names());
    entries_.push_back({std::move(info), std::move(make)});
  }

  std::span<const entry> entries() const noexcept { return entries_; }

  /// The entry of that name. Throws unknown_name.
  const entry& at(std::string_view name) const {
    return entries_[detail::find_name(Info::kind, name, names())];
  }

  /// The entries whose names match one of `globs`, such as "lockfree.*,absl.*": '*' stands for any
  /// characters, '?' for one. In the order of the entries, each once. Throws unknown_name if one of the
  /// globs matches nothing.
  std::vector<const entry*> match(std::string_view globs) const {
    std::vector<const entry*> found;
    for (const std::size_t i : detail::find_globs(Info::kind, globs, names())) found.push_back(&entries_[i]);
    return found;
  }

 protected:
  basic_registry() = default;
  basic_registry(const basic_registry&) = default;
  basic_registry(basic_registry&&) = default;
  basic_registry& operator=(const basic_registry&) = default;
  basic_registry& operator=(basic_registry&&) = default;
  ~basic_registry() = default;

 private:
  std::vector<std::string_view> names() const {
    std::vector<std::string_view> result;
    for (const entry& e : entries_) result.push_back(e.info.name);
    return result;
  }

  std::vector<entry> entries_;
};

/// Queues of T by name. A factory is told the capacity; a queue without a bound ignores it.
template <class T>
class queue_registry : public basic_registry<queue_info, std::function<any_queue<T>(std::size_t capacity)>> {
 public:
  /// Nothing yet.
  queue_registry() = default;

  /// Every queue of this package that can hold a T.
  static const queue_registry& builtin();

 private:
  template <class Queue>
  void add_bounded(queue_info info) {
    if constexpr (concurrent_queue<Queue>) {
      this->add(std::move(info),
                [](std::size_t capacity) { return any_queue<T>::template make<Queue>(capacity); });
    }
  }

  template <class Queue>
  void add_unbounded(queue_info info) {
    if constexpr (concurrent_queue<Queue>) {
      this->add(std::move(info), [](std::size_t) { return any_queue<T>::template make<Queue>(); });
    }
  }
};

/// Counters by name.
class counter_registry : public basic_registry<counter_info, std::function<any_counter()>> {
 public:
  /// Nothing yet.
  counter_registry() = default;

  /// Every counter of this package.
  static const counter_registry& builtin();
};

template <class T>
const queue_registry<T>& queue_registry<T>::builtin() {
  static const queue_registry all = [] {
    queue_registry r;
    r.template add_bounded<lockfree::bounded_queue<T>>({
        .name = "lockfree.bounded_queue",
        .summary = "many producers and consumers, exact bound, no locks",
        .guarantee = progress::lock_free,
    });
    r.template add_bounded<lockfree::spsc_queue<T>>({
        .name = "lockfree.spsc_queue",
        .summary = "one producer, one consumer, exact bound, no locks",
        .multi_producer = false,
        .multi_consumer = false,
        .guarantee = progress::wait_free,
    });
    r.template add_bounded<blocking::bounded_queue<T>>({
        .name = "blocking.bounded_queue",
        .summary = "many producers and consumers, exact bound, under a small lock",
    });
    r.template add_unbounded<blocking::unbounded_queue<T>>({
        .name = "blocking.unbounded_queue",
        .summary = "many producers and consumers, no bound, under a small lock",
        .bound = queue_bound::none,
    });
    r.template add_bounded<blocking::spsc_queue<T>>({
        .name = "blocking.spsc_queue",
        .summary = "one producer, one consumer, exact bound, under a small lock",
        .multi_producer = false,
        .multi_consumer = false,
    });
    r.template add_bounded<moodycamel_concurrent_queue<T>>({
        .name = "moodycamel.concurrent_queue",
        .summary = "moodycamel::ConcurrentQueue with a bound, close and waiting added",
        .order = queue_order::per_producer,
        .bound = queue_bound::soft,
        .guarantee = progress::not_lock_free,
    });
    r.template add_bounded<moodycamel_blocking_concurrent_queue<T>>({
        .name = "moodycamel.blocking_concurrent_queue",
        .summary = "moodycamel::BlockingConcurrentQueue with a bound and close added",
        .order = queue_order::per_producer,
        .bound = queue_bound::soft,
        .guarantee = progress::not_lock_free,
    });
    r.template add_bounded<moodycamel_reader_writer_queue<T>>({
        .name = "moodycamel.reader_writer_queue",
        .summary = "moodycamel::ReaderWriterQueue (one producer, one consumer), close and waiting added",
        .multi_producer = false,
        .multi_consumer = false,
        .bound = queue_bound::soft,
        .guarantee = progress::wait_free,
    });
    r.template add_bounded<absl_bounded_queue<T>>({
        .name = "absl.bounded_queue",
        .summary = "the textbook queue under absl::Mutex and absl::CondVar",
    });
    r.template add_bounded<std_bounded_queue<T>>({
        .name = "std.bounded_queue",
        .summary = "the textbook queue under std::mutex and std::condition_variable",
    });
    return r;
  }();
  return all;
}

}  // namespace switchyard::adapters
