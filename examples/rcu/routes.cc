// A table of routes that is looked up for every packet and changed once in a while.
//
//   tools/test //examples/rcu --test_output=all
//
// Looking up takes no lock and writes nothing that others read: it walks a list within a section of rcu. Who changes the
// table takes a lock against the others who do, unlinks, and retires; the node is freed when every section that may
// still see it has ended.

#include <cstdlib>
#include <iostream>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "switchyard/atomics/atomic.h"
#include "switchyard/lockfree/rcu.h"

using switchyard::atomic;
using switchyard::memory_order_acquire;
using switchyard::memory_order_relaxed;
using switchyard::memory_order_release;
using switchyard::lockfree::rcu_barrier;
using switchyard::lockfree::rcu_default_domain;
using switchyard::lockfree::rcu_obj_base;

class routes {
 public:
  routes() = default;
  routes(const routes&) = delete;
  routes& operator=(const routes&) = delete;
  ~routes() {  // nobody is left who looks
    for (route* r = first_.load(memory_order_relaxed); r != nullptr;) {
      delete std::exchange(r, r->next.load(memory_order_relaxed));
    }
  }

  std::optional<std::string> find(int network) const {
    const std::scoped_lock reading(rcu_default_domain());
    for (const route* r = first_.load(memory_order_acquire); r != nullptr; r = r->next.load(memory_order_acquire)) {
      if (r->network == network) return r->gateway;  // a copy: the route itself may go when the section has ended
    }
    return std::nullopt;
  }

  /// A route that is there is replaced: a reader sees the old one or the new one.
  void set(int network, std::string gateway) {
    const std::scoped_lock changing(changes_);
    atomic<route*>* at = find_link(network);
    route* const old = at->load(memory_order_relaxed);
    auto* const fresh = new route(network, std::move(gateway));
    fresh->next.store(old == nullptr ? nullptr : old->next.load(memory_order_relaxed), memory_order_relaxed);
    at->store(fresh, memory_order_release);
    if (old != nullptr) old->retire();
  }

  bool remove(int network) {
    const std::scoped_lock changing(changes_);
    atomic<route*>* const at = find_link(network);
    route* const old = at->load(memory_order_relaxed);
    if (old == nullptr) return false;
    at->store(old->next.load(memory_order_relaxed), memory_order_release);
    old->retire();
    return true;
  }

 private:
  struct route : rcu_obj_base<route> {
    route(int n, std::string g) : network(n), gateway(std::move(g)) {}
    const int network;
    const std::string gateway;
    atomic<route*> next{nullptr};
  };

  // Where the route to `network` hangs, or the end.
  atomic<route*>* find_link(int network) {
    atomic<route*>* at = &first_;
    for (route* r; (r = at->load(memory_order_relaxed)) != nullptr && r->network != network;) at = &r->next;
    return at;
  }

  std::mutex changes_;
  atomic<route*> first_{nullptr};
};

int main() {
  routes table;
  table.set(10, "always here");
  atomic<bool> wrong{false};
  atomic<bool> stop{false};
  std::vector<std::thread> readers;
  for (int r = 0; r < 2; ++r) {
    readers.emplace_back([&] {
      while (!stop.load()) {
        if (table.find(10) != "always here") wrong.store(true);
        if (const auto way = table.find(20); way && !way->starts_with("gateway ")) wrong.store(true);
      }
    });
  }
  for (int i = 0; i < 30'000; ++i) {
    table.set(20, "gateway " + std::to_string(i));
    if (i % 3 == 0) table.remove(20);
  }
  stop.store(true);
  for (auto& reader : readers) reader.join();
  rcu_barrier();  // not needed; from here on all that was replaced has been freed

  std::cout << "20 goes by " << table.find(20).value_or("nobody") << '\n';
  return wrong.load() ? EXIT_FAILURE : EXIT_SUCCESS;
}
