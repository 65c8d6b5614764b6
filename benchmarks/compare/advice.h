// Which implementation to take, in words.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "switchyard/adapters/registry.h"
#include "switchyard/benchmarks/compare/statistics.h"

namespace switchyard::compare {

/// What makes one better than another: more items per second, or, where items come at a given rate, the time that 99 of
/// a hundred take at most.
enum class aim { speed, tail };

/// What there is to know besides the figures.
struct question {
  aim judged_by = aim::speed;
  std::string item = "item";  ///< what is counted: "line"
  std::string work = "pushes or pops";  ///< what a thread does in one of them: "counts"
  bool all_wait = false;      ///< threads wait for each other in it, whatever it promises: a barrier
  bool two_sides = false;     ///< so many threads are so many on each side
  std::size_t producers = 1;
  std::string swept;  ///< what a sweep is over: "threads", "item_size", "burst" or "rate"

  /// What a queue of that name promises; null for what is none. May be empty.
  std::function<const adapters::queue_info*(std::string_view name)> queue;
  adapters::queue_order order = adapters::queue_order::fifo;  ///< what a queue is wanted to promise; or `lifo`, a stack

  /// Of what is no queue: what others for the same work have and it has not. May be empty, and give nothing.
  std::function<std::string(std::string_view name)> gives_up;
};

/// What to take at one point.
struct recommendation {
  std::string choice;             ///< empty: there is none
  std::vector<std::string> tied;  ///< the others that are as good, as far as these runs can tell; the best first
  std::vector<std::string> sentences;
};

/// What to take.
struct advice {
  recommendation overall;  ///< of a sweep: `choice` is what is good at all points, and empty if nothing is
  struct at_point {
    std::uint64_t at;
    std::string where;  ///< in words: "4 threads"
    recommendation what;
  };
  std::vector<at_point> points;  ///< of a sweep; else empty
};

/// Among those whose answers were right, those that cannot be told from the best are as good: the 95% interval of the
/// ratio of their medians has 1 in it, or they are no more than 2% apart. With too few runs for an interval, a run of
/// one has to be as good as within a tenth of a run of the other. Of these it takes one that burns no more than a quarter
/// more CPU time than the least; rather one that gives up neither order nor bound; rather a blocking one, which is simple;
/// and then the best. Whose it is does not matter.
///
/// `lines` are as `summarize` has them. Three sentences say what, at which cost, and when a blocking one will do.
advice advise(const std::vector<summary>& lines, const question& about);

}  // namespace switchyard::compare
