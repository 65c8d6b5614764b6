// Every object pool in the conformance suite, one line each.
#include <gtest/gtest.h>

#include "switchyard/blocking/object_pool.h"
#include "switchyard/lockfree/object_pool.h"
#include "switchyard/tests/conformance/pool_suite.h"

namespace switchyard::conformance {

template <class T, class Allocator>
using blocking_object_pool = blocking::object_pool<T, Allocator>;

INSTANTIATE_TYPED_TEST_SUITE_P(lockfree_object_pool, pool_suite, pool_under_test<lockfree::object_pool>);
INSTANTIATE_TYPED_TEST_SUITE_P(blocking_object_pool, pool_suite, pool_under_test<blocking_object_pool>);

}  // namespace switchyard::conformance
