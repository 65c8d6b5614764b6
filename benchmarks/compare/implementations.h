// Everything that can be compared: what `main` gives to the program, and where one's own is added.
//
//   int main(int argc, char** argv) {
//     auto all = switchyard::compare::builtin_implementations();
//     all.add_queue<my_queue>({.name = "mine.queue", .summary = "...", .multi_consumer = false});
//     return switchyard::compare::run_program(argc, argv, all);
//   }
#pragma once

#include <string_view>
#include <tuple>

#include "switchyard/adapters/registry.h"
#include "switchyard/benchmarks/compare/items.h"

namespace switchyard::compare {

using adapters::queue_registry;

struct implementations {
  queue_registry<std::string_view> lines;  ///< queues of lines, for `pipeline`
  /// Queues of elements of each size, for `queue` and `latency`.
  std::tuple<queue_registry<item<8>>, queue_registry<item<64>>, queue_registry<item<256>>> items;
  queue_registry<item<8>> stacks;
  adapters::counter_registry counters;

  /// Adds `Queue<T>` for each T that goes through queues here. It needs `value_type`, `try_push` and `try_pop`, see
  /// interface/queue.h; and takes the capacity, or nothing, to be made from. Throws std::invalid_argument if the name is
  /// empty or taken.
  template <template <class...> class Queue>
  void add_queue(const adapters::queue_info& info) {
    lines.add_queue<Queue<std::string_view>>(info);
    std::apply([&](auto&... of_a_size) { (add_to<Queue>(of_a_size, info), ...); }, items);
  }

  /// The same for one that gives the newest element first.
  template <template <class...> class Stack>
  void add_stack(const adapters::queue_info& info) {
    add_to<Stack>(stacks, info);
  }

 private:
  template <template <class...> class Queue, class T>
  static void add_to(queue_registry<T>& to, const adapters::queue_info& info) {
    to.template add_queue<Queue<T>>(info);
  }
};

/// Those of this package, and of the libraries that the machine has.
implementations builtin_implementations();

}  // namespace switchyard::compare
