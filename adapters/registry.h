// Names of queues, stacks and counters, such as "lockfree.bounded_queue", and how to make what they name.
//
// When: a program that lets its user choose: `--queue=lockfree.bounded_queue`, `--impl=lockfree.*,absl.*`.
// Progress: a table; nothing here is for use by several threads at once, but reading one that nobody changes
//   is, and `builtin()` never changes.
// Cost: a search through some tens of names; making a queue costs what `any_queue::make` does.
//
//   auto registry = queue_registry<std::string>::builtin();          // a copy, to add one's own to
//   registry.add_queue<my_queue<std::string>>({.name = "mine.queue", .summary = "..."});
//   auto queue = registry.at(flag).make(1024);
#pragma once

#include <concepts>
#include <cstddef>
#include <functional>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "switchyard/adapters/absl_bounded_queue.h"
#include "switchyard/adapters/any_counter.h"
#include "switchyard/adapters/any_queue.h"
#include "switchyard/adapters/closable_queue.h"
#include "switchyard/adapters/moodycamel_blocking_concurrent_queue.h"
#include "switchyard/adapters/moodycamel_concurrent_queue.h"
#include "switchyard/adapters/moodycamel_reader_writer_queue.h"
#include "switchyard/adapters/names.h"
#include "switchyard/adapters/std_bounded_queue.h"
#include "switchyard/blocking/bounded_queue.h"
#include "switchyard/blocking/mpsc_queue.h"
#include "switchyard/blocking/relaxed_queue.h"
#include "switchyard/blocking/spsc_queue.h"
#include "switchyard/blocking/stack.h"
#include "switchyard/blocking/unbounded_queue.h"
#include "switchyard/blocking/unbounded_spsc_queue.h"
#include "switchyard/interface/queue.h"
#include "switchyard/lockfree/bounded_queue.h"
#include "switchyard/lockfree/mpsc_queue.h"
#include "switchyard/lockfree/relaxed_queue.h"
#include "switchyard/lockfree/spsc_queue.h"
#include "switchyard/lockfree/stack.h"
#include "switchyard/lockfree/unbounded_queue.h"
#include "switchyard/lockfree/unbounded_spsc_queue.h"

namespace switchyard::adapters {

/// In which order elements come out: as they went in, all of them, or those of each producer; or the newest first; or
/// nothing is promised.
enum class queue_order { fifo, per_producer, lifo, none };

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
  std::size_t max_capacity = std::numeric_limits<std::size_t>::max();  ///< it cannot be made for more
  std::size_t max_threads = std::numeric_limits<std::size_t>::max();   ///< that may use it at a time

  static constexpr std::string_view kind = "queue";  ///< for messages
};

/// What there is to know of a counter.
struct counter_info {
  std::string name;
  std::string summary;
  progress guarantee = progress::blocking;
  std::string gives_up = {};  ///< what others have and it has not, such as "readings of one moment"; mostly empty

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

  /// Every stack of this package: they have a queue's members, and the newest element comes out first.
  static const queue_registry& stacks();

  /// Adds `Queue`, a type with elements of type T, which is made from the capacity if it can be, else from nothing. One that
  /// has no members but `try_push` and `try_pop` gets the others by a `closable_queue` around it. Throws as `add`.
  template <class Queue>
  requires std::same_as<typename Queue::value_type, T> && (concurrent_queue<Queue> || try_queue<Queue>)
  void add_queue(queue_info info) {
    using made = typename std::conditional_t<concurrent_queue<Queue>, std::type_identity<Queue>, closing<Queue>>::type;
    this->add(std::move(info), [](std::size_t capacity) {
      if constexpr (std::is_constructible_v<Queue, std::size_t>) {
        return any_queue<T>::template make<made>(capacity);
      } else {
        static_cast<void>(capacity);
        return any_queue<T>::template make<made>();
      }
    });
  }

 private:
  template <class Queue>
  struct closing {
    using type = closable_queue<Queue>;
  };
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
    r.template add_queue<lockfree::bounded_queue<T>>({
        .name = "lockfree.bounded_queue",
        .summary = "many producers and consumers, exact bound, no locks",
        .guarantee = progress::lock_free,
    });
    r.template add_queue<lockfree::spsc_queue<T>>({
        .name = "lockfree.spsc_queue",
        .summary = "one producer, one consumer, exact bound, no locks",
        .multi_producer = false,
        .multi_consumer = false,
        .guarantee = progress::wait_free,
    });
    r.template add_queue<lockfree::unbounded_queue<T>>({
        .name = "lockfree.unbounded_queue",
        .summary = "many producers and consumers, no bound, no locks",
        .bound = queue_bound::none,
        .guarantee = progress::lock_free,
    });
    r.template add_queue<lockfree::unbounded_spsc_queue<T>>({
        .name = "lockfree.unbounded_spsc_queue",
        .summary = "one producer, one consumer, no bound, no locks",
        .multi_producer = false,
        .multi_consumer = false,
        .bound = queue_bound::none,
        .guarantee = progress::wait_free,
    });
    r.template add_queue<lockfree::mpsc_queue<T>>({
        .name = "lockfree.mpsc_queue",
        .summary = "many producers, one consumer, no bound, pushes wait-free but for a thread's first",
        .multi_consumer = false,
        .bound = queue_bound::none,
        .guarantee = progress::lock_free,
    });
    r.template add_queue<lockfree::relaxed_queue<T>>({
        .name = "lockfree.relaxed_queue",
        .summary = "many producers and consumers, no bound, a lane for each producer, no locks",
        .order = queue_order::per_producer,
        .bound = queue_bound::none,
        .guarantee = progress::lock_free,
    });
    r.template add_queue<blocking::bounded_queue<T>>({
        .name = "blocking.bounded_queue",
        .summary = "many producers and consumers, exact bound, under a small lock",
    });
    r.template add_queue<blocking::unbounded_queue<T>>({
        .name = "blocking.unbounded_queue",
        .summary = "many producers and consumers, no bound, under a small lock",
        .bound = queue_bound::none,
    });
    r.template add_queue<blocking::spsc_queue<T>>({
        .name = "blocking.spsc_queue",
        .summary = "one producer, one consumer, exact bound, under a small lock",
        .multi_producer = false,
        .multi_consumer = false,
    });
    r.template add_queue<blocking::unbounded_spsc_queue<T>>({
        .name = "blocking.unbounded_spsc_queue",
        .summary = "one producer, one consumer, no bound, under a small lock",
        .multi_producer = false,
        .multi_consumer = false,
        .bound = queue_bound::none,
    });
    r.template add_queue<blocking::mpsc_queue<T>>({
        .name = "blocking.mpsc_queue",
        .summary = "many producers, one consumer, no bound, under a small lock",
        .multi_consumer = false,
        .bound = queue_bound::none,
    });
    r.template add_queue<blocking::relaxed_queue<T>>({
        .name = "blocking.relaxed_queue",
        .summary = "many producers and consumers, no bound, a lane with a small lock for each producer",
        .order = queue_order::per_producer,
        .bound = queue_bound::none,
    });
    r.template add_queue<moodycamel_concurrent_queue<T>>({
        .name = "moodycamel.concurrent_queue",
        .summary = "moodycamel::ConcurrentQueue with a bound, close and waiting added",
        .order = queue_order::per_producer,
        .bound = queue_bound::soft,
        .guarantee = progress::not_lock_free,
    });
    r.template add_queue<moodycamel_blocking_concurrent_queue<T>>({
        .name = "moodycamel.blocking_concurrent_queue",
        .summary = "moodycamel::BlockingConcurrentQueue with a bound and close added",
        .order = queue_order::per_producer,
        .bound = queue_bound::soft,
        .guarantee = progress::not_lock_free,
    });
    r.template add_queue<moodycamel_reader_writer_queue<T>>({
        .name = "moodycamel.reader_writer_queue",
        .summary = "moodycamel::ReaderWriterQueue (one producer, one consumer), close and waiting added",
        .multi_producer = false,
        .multi_consumer = false,
        .bound = queue_bound::soft,
        .guarantee = progress::wait_free,
    });
    r.template add_queue<absl_bounded_queue<T>>({
        .name = "absl.bounded_queue",
        .summary = "the textbook queue under absl::Mutex and absl::CondVar",
    });
    r.template add_queue<std_bounded_queue<T>>({
        .name = "std.bounded_queue",
        .summary = "the textbook queue under std::mutex and std::condition_variable",
    });
    return r;
  }();
  return all;
}

template <class T>
const queue_registry<T>& queue_registry<T>::stacks() {
  static const queue_registry all = [] {
    queue_registry r;
    r.template add_queue<lockfree::stack<T>>({
        .name = "lockfree.stack",
        .summary = "one compare-and-swap each, elimination for those that lose a race, no locks",
        .order = queue_order::lifo,
        .bound = queue_bound::none,
        .guarantee = progress::lock_free,
    });
    r.template add_queue<blocking::stack<T>>({
        .name = "blocking.stack",
        .summary = "under a small lock",
        .order = queue_order::lifo,
        .bound = queue_bound::none,
    });
    return r;
  }();
  return all;
}

// Compiled once, in registry.cc.
extern template const queue_registry<std::string_view>& queue_registry<std::string_view>::builtin();

}  // namespace switchyard::adapters
