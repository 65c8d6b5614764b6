// Who takes part: from what was asked for to contenders that are ready to run.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "switchyard/benchmarks/compare/implementations.h"
#include "switchyard/benchmarks/compare/input.h"
#include "switchyard/benchmarks/compare/options.h"
#include "switchyard/benchmarks/compare/tally.h"
#include "switchyard/benchmarks/compare/workload.h"

namespace switchyard::compare {

class lineup {
 public:
  /// Chooses from `all`, which must outlive this, what `asked` says: at each point of its sweep, if there is one. Throws
  /// `bad_request` or `adapters::unknown_name` if there is nothing, or if an implementation that is asked for by its very
  /// name cannot run so.
  lineup(const options& asked, const implementations& all);
  lineup(const lineup&) = delete;
  lineup& operator=(const lineup&) = delete;

  /// One of those that match but cannot run so: "lockfree.spsc_queue takes one producer only", and at which points.
  struct absence {
    std::string name;
    std::string reason;
    std::vector<std::uint64_t> points;
  };
  const std::vector<absence>& skipped() const noexcept { return skipped_; }

  /// All of them, point after point, to be run on this text. Refer to it, and to this object.
  std::vector<contender> contenders(const mapped_text& input, const reference& expected, const atomic<bool>& stop) const;

 private:
  struct point {
    std::optional<std::uint64_t> value;
    options asked;
    std::function<std::vector<contender>(const work&)> make;
  };

  void choose(point& at, const implementations& all);
  template <class Registry>
  auto choose_queues(const point& at, const Registry& all);
  template <class Item>
  void choose_streams(point& at, const queue_registry<Item>& all);
  void skip(const point& at, const std::string& name, const std::string& reason);

  std::deque<point> points_;  // contenders refer to their layouts
  std::vector<absence> skipped_;
};

/// "skipped:  lockfree.spsc_queue takes one producer only (at 2, 4)", and an end of line.
std::string to_line(const lineup::absence& one);

}  // namespace switchyard::compare
