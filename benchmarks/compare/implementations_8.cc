#include "switchyard/adapters/peer_registry.h"
#include "switchyard/benchmarks/compare/implementations_of.h"

namespace switchyard::compare::detail {

template <>
adapters::queue_registry<item<8>> queues_of() {
  auto all = adapters::queue_registry<item<8>>::builtin();
  adapters::add_peer_queues(all);
  return all;
}

adapters::queue_registry<item<8>> stacks_of_items() {
  auto all = adapters::queue_registry<item<8>>::stacks();
  adapters::add_peer_stacks(all);
  return all;
}

}  // namespace switchyard::compare::detail
