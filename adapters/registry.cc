#include "switchyard/adapters/registry.h"

#include <string_view>

#include "switchyard/adapters/absl_counter.h"
#include "switchyard/adapters/any_counter.h"
#include "switchyard/adapters/std_counter.h"
#include "switchyard/blocking/counter.h"
#include "switchyard/blocking/sharded_counter.h"
#include "switchyard/lockfree/counter.h"
#include "switchyard/lockfree/sharded_counter.h"

namespace switchyard::adapters {

// clang-format off
std::string_view to_string(queue_order order) noexcept {
  switch (order) {
    case queue_order::fifo: return "fifo";
    case queue_order::per_producer: return "per_producer";
    case queue_order::lifo: return "lifo";
    case queue_order::none: return "none";
  }
  return "unknown";
}

std::string_view to_string(queue_bound bound) noexcept {
  switch (bound) {
    case queue_bound::exact: return "exact";
    case queue_bound::soft: return "soft";
    case queue_bound::none: return "none";
  }
  return "unknown";
}

std::string_view to_string(progress guarantee) noexcept {
  switch (guarantee) {
    case progress::wait_free: return "wait_free";
    case progress::lock_free: return "lock_free";
    case progress::not_lock_free: return "not_lock_free";
    case progress::blocking: return "blocking";
  }
  return "unknown";
}
// clang-format on

template const queue_registry<std::string_view>& queue_registry<std::string_view>::builtin();

const counter_registry& counter_registry::builtin() {
  static const counter_registry all = [] {
    counter_registry r;
    r.add({"lockfree.counter", "one atomic cell", progress::wait_free}, any_counter::make<lockfree::counter>);
    r.add(
        {"lockfree.sharded_counter", "an atomic cell for each thread, summed when read", progress::wait_free,
         "readings of one moment"},
        any_counter::make<lockfree::sharded_counter>);
    r.add({"blocking.counter", "one number under a small lock", progress::blocking},
          any_counter::make<blocking::counter>);
    r.add({"blocking.sharded_counter", "numbers under several small locks", progress::blocking,
           "readings of one moment"},
          any_counter::make<blocking::sharded_counter>);
    r.add({"absl.counter", "one number under absl::Mutex", progress::blocking},
          any_counter::make<absl_counter>);
    r.add({"std.counter", "one number under std::mutex", progress::blocking}, any_counter::make<std_counter>);
    return r;
  }();
  return all;
}

}  // namespace switchyard::adapters
