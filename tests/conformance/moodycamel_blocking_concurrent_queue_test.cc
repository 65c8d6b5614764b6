// adapters::moodycamel_blocking_concurrent_queue in the conformance suite.
#include "switchyard/adapters/moodycamel_blocking_concurrent_queue.h"

#include <gtest/gtest.h>

#include "switchyard/tests/conformance/queue_suite.h"

namespace switchyard::conformance {

struct moodycamel_blocking_concurrent_queue
    : queue_under_test<adapters::moodycamel_blocking_concurrent_queue,
                       claims{.ordered = order::per_producer, .room = bound::at_least}> {};
INSTANTIATE_TYPED_TEST_SUITE_P(moodycamel_blocking_concurrent_queue, queue_suite,
                               moodycamel_blocking_concurrent_queue);

}  // namespace switchyard::conformance
