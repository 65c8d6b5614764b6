// The ring in the suite that every queue of this package passes.
#include <gtest/gtest.h>

#include "examples/bring_your_own_queue/ring.h"
#include "switchyard/tests/conformance/queue_suite.h"

namespace switchyard::conformance {

struct my_ring : queue_under_test<mine::ring, claims{.producers = role::one, .consumers = role::one}> {};
INSTANTIATE_TYPED_TEST_SUITE_P(my_ring, queue_suite, my_ring);

}  // namespace switchyard::conformance
