// blocking::relaxed_priority_queue in the conformance suite: with one shard, where it is strict. What several shards
// keep to is asked in tests/blocking/relaxed_priority_queue_test.cc, and in tests/stress.
#include "switchyard/blocking/relaxed_priority_queue.h"

#include <gtest/gtest.h>

#include <functional>
#include <memory>

#include "switchyard/tests/conformance/queue_suite.h"

namespace switchyard::conformance {

template <class T, class Compare = std::less<T>, class Allocator = std::allocator<T>>
class blocking_single_shard : public blocking::relaxed_priority_queue<T, Compare, Allocator> {
  using base = blocking::relaxed_priority_queue<T, Compare, Allocator>;

 public:
  explicit blocking_single_shard(const Compare& less = Compare(), const Allocator& allocator = Allocator())
      : base(1, less, allocator) {}
  explicit blocking_single_shard(const Allocator& allocator) : base(1, Compare(), allocator) {}
};

struct blocking_relaxed_priority_queue
    : priority_queue_under_test<blocking_single_shard,
                                claims{.ordered = order::priority, .room = bound::none}> {};
INSTANTIATE_TYPED_TEST_SUITE_P(blocking_relaxed_priority_queue, queue_suite, blocking_relaxed_priority_queue);

}  // namespace switchyard::conformance
