#include "switchyard/benchmarks/compare/question_of.h"

#include <string>
#include <string_view>
#include <tuple>

#include "switchyard/benchmarks/compare/primitives.h"

namespace switchyard::compare {
namespace {

// Of the entry with that name; null if there is none.
template <class Registry>
auto find_info(const Registry& registry, std::string_view name) -> decltype(&registry.entries().front().info) {
  for (const auto& entry : registry.entries()) {
    if (entry.info.name == name) return &entry.info;
  }
  return nullptr;
}

// "a thread that stops while it ..."
std::string_view work_of(workload which) {
  switch (which) {
    case workload::pipeline:
    case workload::queue:
    case workload::latency:
    case workload::stack: break;
    case workload::counter: return "counts";
    case workload::threadpool: return "gives or takes a task";
    case workload::semaphore: return "acquires or releases";
    case workload::barrier: return "arrives";
    case workload::transfer: return "moves an amount";
    case workload::synchronized: return "reads or changes the value";
    case workload::lazy: return "asks for the value";
    case workload::map: return "counts a word in it";
  }
  return "pushes or pops";
}

}  // namespace

question question_of(const options& asked, const implementations& all) {
  question about;
  about.judged_by = asked.which == workload::latency ? aim::tail : aim::speed;
  about.item = item_of(asked.which);
  about.work = work_of(asked.which);
  about.all_wait = asked.which == workload::barrier;
  about.two_sides = has_two_sides(asked.which);
  about.producers = asked.layout.producers;
  if (asked.swept) about.swept = asked.swept->over;
  switch (asked.which) {
    case workload::pipeline:
      about.queue = [&all](std::string_view name) { return find_info(all.lines, name); };
      break;
    case workload::queue:
    case workload::latency:
      // Those of the smallest items: there are as many as of any.
      about.queue = [&all](std::string_view name) { return find_info(std::get<0>(all.items), name); };
      break;
    case workload::stack:
      about.order = adapters::queue_order::lifo;
      about.queue = [&all](std::string_view name) { return find_info(all.stacks, name); };
      break;
    case workload::counter:
      about.gives_up = [&all](std::string_view name) {
        const auto* const info = find_info(all.counters, name);
        return info == nullptr ? std::string() : info->gives_up;
      };
      break;
    default:
      about.gives_up = [which = asked.which](std::string_view name) {
        const auto* const info = find_info(primitive_registry::builtin(which), name);
        return info == nullptr ? std::string() : info->gives_up;
      };
  }
  return about;
}

}  // namespace switchyard::compare
