// blocking::stack in the conformance suite.
#include "switchyard/blocking/stack.h"

#include <gtest/gtest.h>

#include "switchyard/tests/conformance/queue_suite.h"

namespace switchyard::conformance {

struct blocking_stack
    : queue_under_test<blocking::stack, claims{.ordered = order::lifo, .room = bound::none}> {};
INSTANTIATE_TYPED_TEST_SUITE_P(blocking_stack, queue_suite, blocking_stack);

}  // namespace switchyard::conformance
