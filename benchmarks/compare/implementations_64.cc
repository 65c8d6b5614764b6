#include "switchyard/adapters/peer_registry.h"
#include "switchyard/benchmarks/compare/implementations_of.h"

namespace switchyard::compare::detail {

template <>
adapters::queue_registry<item<64>> queues_of() {
  auto all = adapters::queue_registry<item<64>>::builtin();
  adapters::add_peer_queues(all);
  return all;
}

}  // namespace switchyard::compare::detail
