// adapters::std_bounded_queue in the conformance suite.
#include "switchyard/adapters/std_bounded_queue.h"

#include <gtest/gtest.h>

#include "switchyard/tests/conformance/queue_suite.h"

namespace switchyard::conformance {

struct std_bounded_queue : queue_under_test<adapters::std_bounded_queue> {};
INSTANTIATE_TYPED_TEST_SUITE_P(std_bounded_queue, queue_suite, std_bounded_queue);

}  // namespace switchyard::conformance
