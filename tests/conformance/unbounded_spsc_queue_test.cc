// unbounded_spsc_queue, of both sides, in the conformance suite.
#include <gtest/gtest.h>

#include "switchyard/blocking/unbounded_spsc_queue.h"
#include "switchyard/lockfree/unbounded_spsc_queue.h"
#include "switchyard/tests/conformance/queue_suite.h"

namespace switchyard::conformance {

inline constexpr claims without_limit{.producers = role::one, .consumers = role::one, .room = bound::none};
struct blocking_unbounded_spsc_queue : queue_under_test<blocking::unbounded_spsc_queue, without_limit> {};
struct lockfree_unbounded_spsc_queue : queue_under_test<lockfree::unbounded_spsc_queue, without_limit> {};
INSTANTIATE_TYPED_TEST_SUITE_P(blocking_unbounded_spsc_queue, queue_suite, blocking_unbounded_spsc_queue);
INSTANTIATE_TYPED_TEST_SUITE_P(lockfree_unbounded_spsc_queue, queue_suite, lockfree_unbounded_spsc_queue);

}  // namespace switchyard::conformance
