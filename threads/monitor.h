// What a program's queues and locks are doing: counts to be shown as a table, or handed to a function.
//
// Source: our own; what to count is CPython's qsize and unfinished_tasks, Linux's lock statistics and USE (Gregg 2012):
//   how much went through, how much waits, what was refused.
// When: a running program is to be watched, or measured in place: who waits for whom, where items pile up, which lock
//   is in demand. What is to be watched is a `monitored<Queue>` (monitored.h) or a `monitored_lock<Lock>`
//   (monitored_lock.h) in place of the Queue or Lock; `stall_watchdog` tells of waits that last too long. The others have
//   nothing of it inside, so that what is not monitored costs nothing.
// Progress: a lock around the list of what is watched, which the watched never take: blocking for those who
//   look, and for nobody else.
// Ordering: a sample counts all that happened before it was taken, and perhaps some of what overlaps it.
// Cost: a sample visits a cell for each thread that has used the object. What counting costs: see the two headers.
//
//   monitor all;
//   monitored<lockfree::bounded_queue<job>> jobs(1024);
//   const auto shown = all.watch("jobs", jobs);              // until `shown` goes
//   std::cerr << all.table();
//   all.for_each([](const monitor_sample& now) { gauge(now.name, now.depth.value_or(0)); });
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <list>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace switchyard {

/// What has happened to one object since it was made, and how it stands.
struct monitor_sample {
  /// One way through it.
  struct traffic {
    std::uint64_t done = 0;     ///< elements, or acquisitions
    std::uint64_t refused = 0;  ///< calls that did not wait and found it full, empty, held or closed
    std::uint64_t waits = 0;    ///< calls that had to wait
    std::uint64_t woken = 0;    ///< waits that ended with what they were for
    std::uint64_t gave_up = 0;  ///< waits that ended otherwise: by their limit, by a close, by an exception
    std::chrono::nanoseconds waited{0};       ///< in all finished waits together
    std::size_t waiting_now = 0;              ///< threads
    std::chrono::nanoseconds longest_now{0};  ///< for how long the one of them has waited that has waited longest
  };

  std::string name;
  traffic in;   ///< pushes; of a lock its acquisitions
  traffic out;  ///< pops; of a lock its releases, which never wait
  std::optional<std::size_t> depth;     ///< elements in a queue, roughly; of what is no queue: none
  std::optional<std::size_t> deepest;   ///< the most elements that a push has seen
  std::optional<std::size_t> capacity;  ///< none: no bound
};

/// The list of what is watched. Every member may be called by several threads at once.
class monitor {
  struct entry {
    std::string name;
    std::function<void(monitor_sample&)> read;
  };

 public:
  using sampler = std::function<void(monitor_sample&)>;

  monitor() = default;
  monitor(const monitor&) = delete;
  monitor& operator=(const monitor&) = delete;
  /// Everything that is watched must have been given up.
  ~monitor() = default;

  /// Keeps something in the list. To be destroyed before what is watched, and before the monitor.
  class [[nodiscard]] watching {
   public:
    watching() noexcept = default;
    watching(watching&& other) noexcept : of_(std::exchange(other.of_, nullptr)), at_(other.at_) {}
    watching& operator=(watching&& other) noexcept {
      if (this != &other) {
        stop();
        of_ = std::exchange(other.of_, nullptr);
        at_ = other.at_;
      }
      return *this;
    }
    ~watching() { stop(); }

    /// Takes it from the list; waits for a sample that is being taken.
    void stop() noexcept {
      if (of_ == nullptr) return;
      const std::lock_guard hold(of_->lock_);
      std::exchange(of_, nullptr)->entries_.erase(at_);
    }

   private:
    friend class monitor;
    watching(monitor& of, std::list<entry>::iterator at) noexcept : of_(&of), at_(at) {}

    monitor* of_ = nullptr;
    std::list<entry>::iterator at_{};
  };

  /// Watches `object`, a `monitored` or a `monitored_lock`. Several may have the same name. Throws
  /// std::invalid_argument for an empty one.
  template <class Monitored>
    requires requires(const Monitored& object, monitor_sample& into) { object.sample(into); }
  watching watch(std::string name, const Monitored& object) {
    return watch(std::move(name), [&object](monitor_sample& into) { object.sample(into); });
  }
  /// Watches anything else: `read` fills in what it knows. It must not use the monitor.
  watching watch(std::string name, sampler read) {
    if (name.empty()) throw std::invalid_argument("what is watched needs a name");
    if (!read) throw std::invalid_argument("nothing to watch \"" + name + "\" by");
    const std::lock_guard hold(lock_);
    return watching(*this, entries_.insert(entries_.end(), {std::move(name), std::move(read)}));
  }

  /// How everything stands, in the order in which it was added.
  std::vector<monitor_sample> samples() const {
    std::vector<monitor_sample> all;
    const std::lock_guard hold(lock_);
    all.reserve(entries_.size());
    for (const entry& each : entries_) {
      monitor_sample& into = all.emplace_back();
      each.read(into);
      into.name = each.name;
    }
    return all;
  }

  /// Calls `visit(sample)` for each. No lock is held then: it may use the monitor.
  template <class Visit>
  void for_each(Visit visit) const {
    for (const monitor_sample& each : samples()) visit(each);
  }

  /// The same as text, a line each, under a heading; times in milliseconds. "-": there is no such thing.
  std::string table() const;

 private:
  static constexpr std::size_t columns = 15;
  using row = std::array<std::string, columns>;

  static row cells(const monitor_sample& each);

  mutable std::mutex lock_;
  std::list<entry> entries_;
};

inline monitor::row monitor::cells(const monitor_sample& each) {
  const auto count = [](std::uint64_t n) { return std::to_string(n); };
  const auto maybe = [](const std::optional<std::size_t>& n) { return n ? std::to_string(*n) : std::string("-"); };
  const auto milliseconds = [](std::chrono::nanoseconds time) {
    char text[32];
    std::snprintf(text, sizeof(text), "%.3f", static_cast<double>(time.count()) / 1e6);
    return std::string(text);
  };
  const auto& in = each.in;
  const auto& out = each.out;
  return {each.name,
          count(in.done),
          count(in.refused),
          count(in.waits),
          milliseconds(in.waited),
          count(out.done),
          count(out.refused),
          count(out.waits),
          milliseconds(out.waited),
          count(in.woken + out.woken),
          count(in.gave_up + out.gave_up),
          count(in.waiting_now + out.waiting_now),
          maybe(each.depth),
          maybe(each.deepest),
          maybe(each.capacity)};
}

inline std::string monitor::table() const {
  std::vector<row> rows = {{"name", "in", "refused", "waits", "ms", "out", "refused", "waits", "ms", "woken", "gave up",
                            "waiting", "depth", "deepest", "capacity"}};
  for_each([&](const monitor_sample& each) { rows.push_back(cells(each)); });

  std::array<std::size_t, columns> widths{};
  for (const row& each : rows) {
    for (std::size_t i = 0; i < columns; ++i) widths[i] = std::max(widths[i], each[i].size());
  }
  std::string text;
  for (const row& each : rows) {
    // Names to the left, numbers to the right.
    text += each[0] + std::string(widths[0] - each[0].size(), ' ');
    for (std::size_t i = 1; i < columns; ++i) text += "  " + std::string(widths[i] - each[i].size(), ' ') + each[i];
    text += '\n';
  }
  return text;
}

}  // namespace switchyard
