// blocking::spsc_queue in the conformance suite.
#include "switchyard/blocking/spsc_queue.h"

#include <gtest/gtest.h>

#include "switchyard/tests/conformance/queue_suite.h"

namespace switchyard::conformance {

struct blocking_spsc_queue
    : queue_under_test<blocking::spsc_queue, claims{.producers = role::one, .consumers = role::one}> {};
INSTANTIATE_TYPED_TEST_SUITE_P(blocking_spsc_queue, queue_suite, blocking_spsc_queue);

}  // namespace switchyard::conformance
