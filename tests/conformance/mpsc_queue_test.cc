// mpsc_queue of both sides in the conformance suite.
#include <gtest/gtest.h>

#include "switchyard/blocking/mpsc_queue.h"
#include "switchyard/lockfree/mpsc_queue.h"
#include "switchyard/tests/conformance/queue_suite.h"

namespace switchyard::conformance {

inline constexpr claims one_consumer{.consumers = role::one, .room = bound::none};
struct lockfree_mpsc_queue : queue_under_test<lockfree::mpsc_queue, one_consumer> {};
struct blocking_mpsc_queue : queue_under_test<blocking::mpsc_queue, one_consumer> {};
INSTANTIATE_TYPED_TEST_SUITE_P(lockfree_mpsc_queue, queue_suite, lockfree_mpsc_queue);
INSTANTIATE_TYPED_TEST_SUITE_P(blocking_mpsc_queue, queue_suite, blocking_mpsc_queue);

}  // namespace switchyard::conformance
