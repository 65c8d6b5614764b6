// lockfree::bounded_queue in the conformance suite.
#include "switchyard/lockfree/bounded_queue.h"

#include <gtest/gtest.h>

#include "switchyard/tests/conformance/queue_suite.h"

namespace switchyard::conformance {

struct lockfree_bounded_queue : queue_under_test<lockfree::bounded_queue> {};
INSTANTIATE_TYPED_TEST_SUITE_P(lockfree_bounded_queue, queue_suite, lockfree_bounded_queue);

}  // namespace switchyard::conformance
