// detail::skip_list under the model checker: nodes that leave while others link and unlink above. The rest is in
// priority_queue_test.

#include "switchyard/lockfree/detail/skip_list.h"

#include <functional>
#include <memory>
#include <mutex>

#include "tests/model/model_support.h"
#include "tests/model/reclaim_at_once.h"

namespace switchyard::model {
namespace {

class list {
 public:
  void push(int value, unsigned height) {
    auto* const node = list_.make(height, value);
    const std::scoped_lock reading(domain_);
    list_.insert(node);
  }
  int pop() {
    int result = 0;
    const auto sink = [&](int value) { result = value; };
    const std::scoped_lock reading(domain_);
    list_.pop(sink);
    return result;
  }

  /// As a relaxed queue does.
  static void compare_first(list& a, list& b) {
    const std::scoped_lock reading(a.domain_);
    auto* const first = a.list_.first();
    auto* const other = b.list_.first();
    if (first != nullptr && other != nullptr) require(!a.list_.comes_after(first, other), "it is larger");
  }

 private:
  reclaim_at_once domain_;
  lockfree::detail::skip_list<int, std::less<int>, std::allocator<int>, reclaim_at_once::means> list_{
      std::less<int>(), std::allocator<int>()};
};

// A search goes from node to node on a level where others have linked them.
TEST(skip_list, FollowsALevel) {
  expect_proved([] {
    list q;
    q.push(9, 2);
    thread pusher([&] { q.push(5, 2); });
    q.push(3, 2);
  });
}

// What another thread has pushed, or the front that it has moved, is looked at from outside.
TEST(skip_list, LooksAtTheFirst) {
  expect_proved([] {
    list b;
    b.push(1, 1);
    list a;
    thread other([&] {
      for (const int x : {9, 8, 7}) a.push(x, 1);
      (void)a.pop();
      (void)a.pop();
    });
    list::compare_first(a, b);
  });
}

// A node is linked above only when it, and what is behind it, has left the bottom: who comes upon it there must not go
// down from it (rule "down").
TEST(skip_list, LinkedWhenItHasLeft) {
  expect_proved(
      [] {
        list q;
        for (const int x : {5, 4, 3}) q.push(x, 1);
        thread pusher([&] { q.push(9, 2); });
        for (int i = 0; i < 4; ++i) (void)q.pop();
        q.push(1, 1);
      },
      {.preemptions = 3});
}

// Two clean at a time, one of them late: what the other has led the head past does not come back.
TEST(skip_list, TwoClean) {
  expect_proved(
      [] {
        list q;
        for (const int x : {8, 7, 6, 5}) q.push(x, 2);
        int sum = 0;
        thread popper([&] { sum = q.pop() + q.pop(); });
        int mine = 0;
        for (int i = 0; i < 2; ++i) mine += q.pop();
        popper.join();
        require(sum + mine == 26, "each once");
        q.push(1, 1);
        require(q.pop() == 1 && q.pop() == 0, "what came last");
      },
      {.preemptions = 2});
}

}  // namespace
}  // namespace switchyard::model
