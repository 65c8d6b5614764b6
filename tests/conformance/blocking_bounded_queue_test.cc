// blocking::bounded_queue in the conformance suite.
#include "switchyard/blocking/bounded_queue.h"

#include <gtest/gtest.h>

#include "switchyard/tests/conformance/queue_suite.h"

namespace switchyard::conformance {

struct blocking_bounded_queue : queue_under_test<blocking::bounded_queue> {};
INSTANTIATE_TYPED_TEST_SUITE_P(blocking_bounded_queue, queue_suite, blocking_bounded_queue);

}  // namespace switchyard::conformance
