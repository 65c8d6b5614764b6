// blocking::priority_queue in the conformance suite.
#include "switchyard/blocking/priority_queue.h"

#include <gtest/gtest.h>

#include "switchyard/tests/conformance/queue_suite.h"

namespace switchyard::conformance {

struct blocking_priority_queue
    : priority_queue_under_test<blocking::priority_queue,
                                claims{.ordered = order::priority, .room = bound::none}> {};
INSTANTIATE_TYPED_TEST_SUITE_P(blocking_priority_queue, queue_suite, blocking_priority_queue);

}  // namespace switchyard::conformance
