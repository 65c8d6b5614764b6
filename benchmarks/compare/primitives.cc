#include "switchyard/benchmarks/compare/primitives.h"

#include <array>
#include <cstddef>

#include "switchyard/benchmarks/compare/shared_run.h"

namespace switchyard::compare {
namespace {

primitive_registry all_for(workload which) {
  primitive_registry all;
  switch (which) {
    case workload::pipeline:
    case workload::counter:
    case workload::queue:
    case workload::latency:
    case workload::stack:
      break;
    case workload::threadpool:
      add_threadpools(all);
      break;
    case workload::semaphore:
      add_semaphores(all);
      break;
    case workload::barrier:
      add_barriers(all);
      break;
    case workload::transfer:
      add_transfers(all);
      break;
    case workload::synchronized:
      add_synchronized(all);
      break;
    case workload::map:
      add_maps(all);
      break;
    case workload::lazy:
      add_lazies(all);
      break;
  }
  return all;
}

}  // namespace

const primitive_registry& primitive_registry::builtin(workload which) {
  static const std::array<primitive_registry, workloads.size()> all = [] {
    std::array<primitive_registry, workloads.size()> made;
    for (const workload each : workloads) made[static_cast<std::size_t>(each)] = all_for(each);
    return made;
  }();
  return all[static_cast<std::size_t>(which)];
}

std::vector<contender> primitives(workload which, const std::vector<const primitive_entry*>& entries, const work& on) {
  const worker_layout& layout = on.layout;
  const text_parts parts =
      cut(on.input, which == workload::threadpool ? layout.producers : layout.producers + layout.consumers);
  std::vector<contender> contenders;
  for (const primitive_entry* entry : entries) {
    contenders.push_back({entry->info.name, entry->info.guarantee,
                          [=](const tick_function& tick) { return entry->make(parts, on, tick); }});
  }
  return contenders;
}

}  // namespace switchyard::compare
