#include "switchyard/benchmarks/compare/implementations.h"

#include "switchyard/adapters/peer_registry.h"
#include "switchyard/benchmarks/compare/implementations_of.h"

namespace switchyard::compare {

template <>
queue_registry<std::string_view> detail::queues_of() {
  auto all = queue_registry<std::string_view>::builtin();
  adapters::add_peer_queues(all);
  return all;
}

implementations builtin_implementations() {
  return {.lines = detail::queues_of<std::string_view>(),
          .items = {detail::queues_of<item<8>>(), detail::queues_of<item<64>>(), detail::queues_of<item<256>>()},
          .stacks = detail::stacks_of_items(),
          .counters = adapters::counter_registry::builtin()};
}

}  // namespace switchyard::compare
