// Every queue that there is, for one element type. Each is compiled in a file of its own, as that takes its time.
#pragma once

#include <string_view>

#include "switchyard/adapters/registry.h"
#include "switchyard/benchmarks/compare/items.h"

namespace switchyard::compare::detail {

/// Those of this package, and of the libraries that the machine has.
template <class T>
adapters::queue_registry<T> queues_of();

template <>
adapters::queue_registry<std::string_view> queues_of();
template <>
adapters::queue_registry<item<8>> queues_of();
template <>
adapters::queue_registry<item<64>> queues_of();
template <>
adapters::queue_registry<item<256>> queues_of();

/// Stacks.
adapters::queue_registry<item<8>> stacks_of_items();

}  // namespace switchyard::compare::detail
