// The latest measurement of a sensor: written by some threads, read by many, and never by halves.
//
//   tools/test //examples/hazard_pointer --test_output=all
//
// A reader gets a copy of a whole measurement without a lock, and the writer that replaces it frees it once nobody is
// looking at it. At most max(1024, twice the hazard pointers) old measurements wait for that in each writing thread.

#include <cstdlib>
#include <iostream>
#include <optional>
#include <thread>
#include <vector>

#include "switchyard/atomics/atomic.h"
#include "switchyard/lockfree/hazard_pointer.h"

using switchyard::atomic;
using switchyard::memory_order_acq_rel;
using switchyard::memory_order_relaxed;
using switchyard::lockfree::hazard_pointer;
using switchyard::lockfree::hazard_pointer_obj_base;
using switchyard::lockfree::make_hazard_pointer;

struct measurement {
  int sensor;
  long number;
  long check;  // sensor + number, unless somebody reads what has been freed
};

class latest {
 public:
  latest() = default;
  latest(const latest&) = delete;
  latest& operator=(const latest&) = delete;
  ~latest() { delete current_.load(memory_order_relaxed); }  // nobody is left who reads

  void write(const measurement& m) {
    node* const old = current_.exchange(new node(m), memory_order_acq_rel);
    if (old != nullptr) old->retire();  // out of reach of new readers; freed when the last has gone
  }

  std::optional<measurement> read() const {
    hazard_pointer looking = make_hazard_pointer();
    const node* const seen = looking.protect(current_);  // not freed from here on
    if (seen == nullptr) return std::nullopt;
    return seen->value;
  }

 private:
  struct node : hazard_pointer_obj_base<node> {
    explicit node(const measurement& m) : value(m) {}
    measurement value;
  };
  atomic<node*> current_{nullptr};
};

int main() {
  latest sensor;
  atomic<bool> wrong{false};
  atomic<bool> stop{false};
  std::vector<std::thread> readers;
  for (int r = 0; r < 2; ++r) {
    readers.emplace_back([&] {
      while (!stop.load()) {
        if (const auto m = sensor.read(); m && m->check != m->sensor + m->number) wrong.store(true);
      }
    });
  }
  std::vector<std::thread> writers;
  for (int w = 0; w < 2; ++w) {
    writers.emplace_back([&, w] {
      for (long n = 0; n < 100'000; ++n) sensor.write({w, n, w + n});
    });
  }
  for (auto& writer : writers) writer.join();
  stop.store(true);
  for (auto& reader : readers) reader.join();

  const auto last = sensor.read();
  std::cout << "the last: sensor " << last->sensor << ", number " << last->number << '\n';
  return !wrong.load() && last->number == 99'999 ? EXIT_SUCCESS : EXIT_FAILURE;
}
