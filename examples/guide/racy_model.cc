// The same race shown to the model checker, which needs no luck: it tries every order in which two threads can run.
//
//   tools/test //examples/guide:racy_model --test_output=all

#include <iostream>

#include "switchyard/atomics/atomic.h"
#include "switchyard/atomics/plain.h"
#include "switchyard/lockfree/counter.h"
#include "switchyard/model/check.h"

using namespace switchyard;

// The racy counter of counter.cc; plain<T> is a T, but the checker sees who uses it when.
class racy_counter {
 public:
  racy_counter() { value_.construct(0); }
  void increment() {
    const int current = value_.read();
    value_.write() = current + 1;
  }
  int load() { return value_.read(); }

 private:
  plain<int> value_;
};

// Every access atomic, and no data race any more; but two steps are not one, and an increment is still lost.
class torn_counter {
 public:
  void increment() { value_.store(value_.load(memory_order_relaxed) + 1, memory_order_relaxed); }
  int load() { return value_.load(memory_order_relaxed); }

 private:
  atomic<int> value_{0};
};

template <class Counter>
model::result two_increments() {
  return model::check([] {
    Counter counter;
    {
      model::thread other([&] { counter.increment(); });
      counter.increment();
    }
    model::require(counter.load() == 2, "no increment is lost");
  });
}

int main() {
  const model::result racy = two_increments<racy_counter>();
  const model::result torn = two_increments<torn_counter>();
  const model::result right = two_increments<lockfree::counter>();
  std::cout << racy.report << torn.report << right.summary() << '\n';
  // Passes as long as the first two are found, and the third is proved.
  return !racy.ok() && !torn.ok() && right.ok() ? 0 : 1;
}
