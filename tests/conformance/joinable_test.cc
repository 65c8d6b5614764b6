// lockfree::joinable in the conformance suite of queues: what it wraps stays what it was.
#include "switchyard/lockfree/joinable.h"

#include <gtest/gtest.h>

#include "switchyard/lockfree/bounded_queue.h"
#include "switchyard/tests/conformance/queue_suite.h"

namespace switchyard::conformance {

template <class... Arguments>
using joinable_bounded_queue = lockfree::joinable<lockfree::bounded_queue<Arguments...>>;

struct lockfree_joinable : queue_under_test<joinable_bounded_queue> {};
INSTANTIATE_TYPED_TEST_SUITE_P(lockfree_joinable, queue_suite, lockfree_joinable);

}  // namespace switchyard::conformance
