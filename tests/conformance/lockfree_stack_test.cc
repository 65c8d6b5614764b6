// lockfree::stack in the conformance suite.
#include "switchyard/lockfree/stack.h"

#include <gtest/gtest.h>

#include "switchyard/tests/conformance/queue_suite.h"

namespace switchyard::conformance {

struct lockfree_stack
    : queue_under_test<lockfree::stack, claims{.ordered = order::lifo, .room = bound::none}> {};
INSTANTIATE_TYPED_TEST_SUITE_P(lockfree_stack, queue_suite, lockfree_stack);

}  // namespace switchyard::conformance
