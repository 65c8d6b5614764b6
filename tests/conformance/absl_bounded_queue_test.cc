// adapters::absl_bounded_queue in the conformance suite.
#include "switchyard/adapters/absl_bounded_queue.h"

#include <gtest/gtest.h>

#include "switchyard/tests/conformance/queue_suite.h"

namespace switchyard::conformance {

struct absl_bounded_queue : queue_under_test<adapters::absl_bounded_queue> {};
INSTANTIATE_TYPED_TEST_SUITE_P(absl_bounded_queue, queue_suite, absl_bounded_queue);

}  // namespace switchyard::conformance
