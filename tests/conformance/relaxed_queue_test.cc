// The relaxed queues of both sides in the conformance suite; those of the lock-free side also by handles.
#include "switchyard/lockfree/relaxed_queue.h"

#include <gtest/gtest.h>

#include "switchyard/blocking/relaxed_queue.h"
#include "switchyard/tests/conformance/queue_suite.h"

namespace switchyard::conformance {

struct lockfree_relaxed_queue
    : queue_under_test<lockfree::relaxed_queue, claims{.ordered = order::per_producer, .room = bound::none}> {};
INSTANTIATE_TYPED_TEST_SUITE_P(lockfree_relaxed_queue, queue_suite, lockfree_relaxed_queue);

struct blocking_relaxed_queue
    : queue_under_test<blocking::relaxed_queue, claims{.ordered = order::per_producer, .room = bound::none}> {};
INSTANTIATE_TYPED_TEST_SUITE_P(blocking_relaxed_queue, queue_suite, blocking_relaxed_queue);

}  // namespace switchyard::conformance
