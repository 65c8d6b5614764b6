// Every counter in the conformance suite, one line each.
#include <gtest/gtest.h>

#include "switchyard/adapters/absl_counter.h"
#include "switchyard/adapters/any_counter.h"
#include "switchyard/adapters/std_counter.h"
#include "switchyard/blocking/counter.h"
#include "switchyard/blocking/sharded_counter.h"
#include "switchyard/lockfree/counter.h"
#include "switchyard/lockfree/sharded_counter.h"
#include "switchyard/tests/conformance/counter_suite.h"

namespace switchyard::conformance {

struct any_counter : counter_under_test<adapters::any_counter> {
  static adapters::any_counter make() { return adapters::any_counter::make<lockfree::sharded_counter>(); }
};

INSTANTIATE_TYPED_TEST_SUITE_P(lockfree_counter, counter_suite, counter_under_test<lockfree::counter>);
INSTANTIATE_TYPED_TEST_SUITE_P(lockfree_sharded_counter, counter_suite,
                               counter_under_test<lockfree::sharded_counter>);
INSTANTIATE_TYPED_TEST_SUITE_P(blocking_counter, counter_suite, counter_under_test<blocking::counter>);
INSTANTIATE_TYPED_TEST_SUITE_P(blocking_sharded_counter, counter_suite,
                               counter_under_test<blocking::sharded_counter>);
INSTANTIATE_TYPED_TEST_SUITE_P(absl_counter, counter_suite, counter_under_test<adapters::absl_counter>);
INSTANTIATE_TYPED_TEST_SUITE_P(std_counter, counter_suite, counter_under_test<adapters::std_counter>);
INSTANTIATE_TYPED_TEST_SUITE_P(any_counter, counter_suite, any_counter);

}  // namespace switchyard::conformance
