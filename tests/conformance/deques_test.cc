// Every work-stealing deque in the conformance suite, one line each.
#include <gtest/gtest.h>

#include "switchyard/blocking/work_stealing_deque.h"
#include "switchyard/lockfree/work_stealing_deque.h"
#include "switchyard/tests/conformance/deque_suite.h"

namespace switchyard::conformance {

template <class T, class Allocator>
using blocking_deque = blocking::work_stealing_deque<T, Allocator>;

INSTANTIATE_TYPED_TEST_SUITE_P(lockfree, deque_suite, deque_under_test<lockfree::work_stealing_deque>);
INSTANTIATE_TYPED_TEST_SUITE_P(blocking, deque_suite, deque_under_test<blocking_deque>);

}  // namespace switchyard::conformance
