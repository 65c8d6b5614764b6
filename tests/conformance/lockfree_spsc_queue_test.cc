// lockfree::spsc_queue in the conformance suite.
#include "switchyard/lockfree/spsc_queue.h"

#include <gtest/gtest.h>

#include "switchyard/tests/conformance/queue_suite.h"

namespace switchyard::conformance {

struct lockfree_spsc_queue
    : queue_under_test<lockfree::spsc_queue, claims{.producers = role::one, .consumers = role::one}> {};
INSTANTIATE_TYPED_TEST_SUITE_P(lockfree_spsc_queue, queue_suite, lockfree_spsc_queue);

}  // namespace switchyard::conformance
