// adapters::any_queue in the conformance suite, with a lock-free queue inside.
#include "switchyard/adapters/any_queue.h"

#include <gtest/gtest.h>

#include <cstddef>

#include "switchyard/lockfree/bounded_queue.h"
#include "switchyard/tests/conformance/queue_suite.h"

namespace switchyard::conformance {

struct any_queue : queue_under_test<adapters::any_queue> {
  template <class T>
  static adapters::any_queue<T> make(std::size_t capacity) {
    return adapters::any_queue<T>::template make<lockfree::bounded_queue<T>>(capacity);
  }
};
INSTANTIATE_TYPED_TEST_SUITE_P(any_queue, queue_suite, any_queue);

}  // namespace switchyard::conformance
