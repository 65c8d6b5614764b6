// lockfree::unbounded_queue in the conformance suite.
#include "switchyard/lockfree/unbounded_queue.h"

#include <gtest/gtest.h>

#include "switchyard/tests/conformance/queue_suite.h"

namespace switchyard::conformance {

struct lockfree_unbounded_queue
    : queue_under_test<lockfree::unbounded_queue, claims{.room = bound::none, .reclaims = true}> {};
INSTANTIATE_TYPED_TEST_SUITE_P(lockfree_unbounded_queue, queue_suite, lockfree_unbounded_queue);

}  // namespace switchyard::conformance
