// lockfree::priority_queue in the conformance suite.
#include "switchyard/lockfree/priority_queue.h"

#include <gtest/gtest.h>

#include "switchyard/tests/conformance/queue_suite.h"

namespace switchyard::conformance {

struct lockfree_priority_queue
    : priority_queue_under_test<lockfree::priority_queue,
                                claims{.ordered = order::priority, .room = bound::none,
                                       .prompt = false, .reclaims = true}> {};
INSTANTIATE_TYPED_TEST_SUITE_P(lockfree_priority_queue, queue_suite, lockfree_priority_queue);

}  // namespace switchyard::conformance
