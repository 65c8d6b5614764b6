// Workloads for what threads use besides queues and counters: every implementation of one thing, and the standard library's.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "switchyard/adapters/registry.h"
#include "switchyard/benchmarks/compare/options.h"
#include "switchyard/benchmarks/compare/parts.h"
#include "switchyard/benchmarks/compare/workload.h"

namespace switchyard::compare {

/// What there is to know of an implementation, as in adapters/registry.h.
struct primitive_info {
  std::string name;
  std::string summary;
  adapters::progress guarantee = adapters::progress::blocking;
  std::string gives_up = {};  ///< what others for the same work have and it has not; mostly empty

  static constexpr std::string_view kind = "implementation";
};

/// What one workload can be run with. A factory is one run: on these parts of the text, one for each thread that reads it.
class primitive_registry
    : public adapters::basic_registry<primitive_info,
                                      std::function<sample(const text_parts&, const work&, const tick_function&)>> {
 public:
  /// Nothing yet.
  primitive_registry() = default;

  /// Everything for `which`; nothing for those of queues, stacks and counters.
  ///
  /// threadpool: each line is a task of a pool of as many threads as there are consumers, given by the producers, with
  ///   no more than the capacity under way.
  /// In the others as many threads as producers and consumers together read a part of the text each:
  /// semaphore: each word is counted with one of half as many permits as there are threads.
  /// barrier: all wait for each other every 4 KiB.
  /// transfer: each word moves its length from one of eight accounts to another.
  /// synchronized: each word reads a value of three numbers, each line changes it.
  /// map: each word is counted in one map.
  /// lazy: each word asks for a value that is built at first use.
  static const primitive_registry& builtin(workload which);
};

using primitive_entry = primitive_registry::entry;

/// Ready to run `which` by each of `entries`, which must be for it.
std::vector<contender> primitives(workload which, const std::vector<const primitive_entry*>& entries, const work& on);

}  // namespace switchyard::compare
