// The segments of unbounded_queue under the model checker, and who uses one again: what was done in it before comes first.
// Elements lie in their slots, where the checker sees them. Segments have two slots here.

#include <cstdint>

#include "switchyard/lockfree/unbounded_queue.h"
#include "tests/model/model_support.h"

namespace switchyard::model {
namespace {

struct wide {
  std::int64_t value;
  std::int64_t again;
};
using queue = lockfree::unbounded_queue<wide>;

void push_all(queue& q, int from, int to) {
  for (int n = from; n <= to; ++n) require(q.push(wide{n, n}), "open");
}
void expect_rest(queue& q, std::int64_t next, std::int64_t last) {
  for (; next <= last; ++next) {
    const auto x = q.try_pop();
    require(x && x->value == next && x->again == next, "in order");
  }
  require(!q.try_pop(), "and no more");
}

// By another thread than the one that has emptied it: 1 and 2 were in the segment in which 5 may be.
TEST(segment_list, ASegmentIsHandedOn) {
  expect_proved(
      [] {
        queue q;
        push_all(q, 1, 3);
        {
          thread consumer([&] {
            for (int n = 1; n <= 3; ++n) require(q.try_pop()->value == n, "in order");
          });
          push_all(q, 4, 5);
        }
        expect_rest(q, 4, 5);
      },
      {.preemptions = 2});
}

// By who has emptied it, while the other is just moving on from the slot that it has emptied itself.
TEST(segment_list, ASegmentIsUsedAgainWhenAllHaveMovedOn) {
  expect_proved(
      [] {
        queue q;
        push_all(q, 1, 4);
        std::int64_t theirs = 0;
        std::int64_t mine = 0;
        {
          thread other([&] {
            for (int i = 0; i < 2; ++i) theirs += q.try_pop()->value;
          });
          for (int i = 0; i < 2; ++i) mine += q.try_pop()->value;
          push_all(q, 5, 5);
        }
        require(mine + theirs == 10, "each once");
        expect_rest(q, 5, 5);
      },
      {.preemptions = 2});
}

}  // namespace
}  // namespace switchyard::model
