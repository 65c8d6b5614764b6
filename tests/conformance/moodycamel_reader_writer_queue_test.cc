// adapters::moodycamel_reader_writer_queue in the conformance suite.
#include "switchyard/adapters/moodycamel_reader_writer_queue.h"

#include <gtest/gtest.h>

#include "switchyard/tests/conformance/queue_suite.h"

namespace switchyard::conformance {

struct moodycamel_reader_writer_queue
    : queue_under_test<adapters::moodycamel_reader_writer_queue,
                       claims{.producers = role::one, .consumers = role::one, .room = bound::at_least}> {};
INSTANTIATE_TYPED_TEST_SUITE_P(moodycamel_reader_writer_queue, queue_suite, moodycamel_reader_writer_queue);

}  // namespace switchyard::conformance
