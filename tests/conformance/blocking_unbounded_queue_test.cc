// blocking::unbounded_queue in the conformance suite.
#include "switchyard/blocking/unbounded_queue.h"

#include <gtest/gtest.h>

#include "switchyard/tests/conformance/queue_suite.h"

namespace switchyard::conformance {

struct blocking_unbounded_queue : queue_under_test<blocking::unbounded_queue, claims{.room = bound::none}> {};
INSTANTIATE_TYPED_TEST_SUITE_P(blocking_unbounded_queue, queue_suite, blocking_unbounded_queue);

}  // namespace switchyard::conformance
