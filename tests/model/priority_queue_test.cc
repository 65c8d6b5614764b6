// priority_queue, relaxed_priority_queue and what they are made of under the model checker.

#include "switchyard/lockfree/priority_queue.h"

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "switchyard/atomics/plain.h"
#include "switchyard/interface/by_key.h"
#include "switchyard/interface/conqueue_status.h"
#include "switchyard/lockfree/detail/skip_list.h"
#include "switchyard/lockfree/relaxed_priority_queue.h"
#include "tests/model/model_support.h"
#include "tests/model/reclaim_at_once.h"

namespace switchyard::model {
namespace {

using enum conqueue_status;
using means = reclaim_at_once::means;

template <class T, class Compare = std::less<T>>
using priority_queue = lockfree::priority_queue<T, Compare, std::allocator<T>, means>;
template <class T, class Compare = std::less<T>>
using relaxed_priority_queue = lockfree::relaxed_priority_queue<T, Compare, std::allocator<T>, means>;

/// The list alone, where the test says how high a node is.
template <class T = int, class Compare = std::less<T>>
class list {
 public:
  void push(T value, unsigned height = 1) {
    auto* const node = list_.make(height, std::move(value));
    const std::scoped_lock reading(domain_);
    list_.insert(node);
  }
  std::optional<T> pop() {
    std::optional<T> result;
    const auto sink = [&](T&& value) { result.emplace(std::move(value)); };
    const std::scoped_lock reading(domain_);
    list_.pop(sink);
    return result;
  }
  int pop_or_0() {
    const auto x = pop();
    return x ? *x : 0;
  }
  /// What is left, which must be sorted.
  std::vector<int> drain() {
    std::vector<int> all;
    while (const auto x = pop()) {
      require(all.empty() || *x <= all.back(), "the largest first");
      all.push_back(*x);
    }
    return all;
  }

 private:
  reclaim_at_once domain_;
  lockfree::detail::skip_list<T, Compare, std::allocator<T>, means> list_{Compare(), std::allocator<T>()};
};

void require_all(std::vector<int> popped, std::vector<int> pushed) {
  std::erase(popped, 0);
  std::sort(popped.begin(), popped.end());
  std::sort(pushed.begin(), pushed.end());
  require(popped == pushed, "everything once");
}

// Two pushes, in front of each other and of what is there, and two pops.
void push_and_pop(unsigned height) {
  list<> q;
  q.push(2, height);
  thread one([&] { q.push(1, height); });
  thread two([&] { q.push(3, height); });
  const int first = q.pop_or_0();
  const int second = q.pop_or_0();
  one.join();
  two.join();
  require(first >= 2, "not less than what was there");
  auto all = q.drain();
  all.push_back(first);
  all.push_back(second);
  require_all(all, {1, 2, 3});
}
TEST(priority_queue, PushesAndPops) {
  expect_proved([] { push_and_pop(1); }, {.preemptions = 3});
  expect_proved([] { push_and_pop(2); }, {.preemptions = 2});
}

// A pop that returns what came later than something larger has not seen that: no.
TEST(priority_queue, IsStrict) {
  for (const unsigned height : {1U, 2U}) {
    expect_proved(
        [&] {
          list<> q;
          q.push(5, height);
          thread pusher([&] {
            q.push(9, height);
            q.push(4, 1);
          });
          const int first = q.pop_or_0();
          const int second = q.pop_or_0();
          require(first == 5 || first == 9, "the largest");
          require(second != 4 || first == 9, "9 was there before 4");
          pusher.join();
          auto all = q.drain();
          all.push_back(first);
          all.push_back(second);
          require_all(all, {9, 5, 4});
        },
        {.preemptions = 3});
  }
}

// What was popped leaves the list, on all levels, while others look for their places there.
void leave(std::vector<unsigned> heights, unsigned height) {
  list<> q;
  const int n = static_cast<int>(heights.size());
  for (int i = 0; i < n; ++i) q.push(10 - i, heights[static_cast<std::size_t>(i)]);
  thread pusher([&] { q.push(9, height); });
  std::vector<int> popped;
  for (int i = 0; i < n; ++i) {
    popped.push_back(q.pop_or_0());
    require(popped.back() != 0, "there are so many");
  }
  pusher.join();
  for (const int x : q.drain()) popped.push_back(x);
  std::vector<int> pushed{9};
  for (int i = 0; i < n; ++i) pushed.push_back(10 - i);
  require_all(popped, pushed);
}
TEST(priority_queue, NodesLeave) {
  for (const unsigned height : {1U, 2U}) {
    expect_proved([&] { leave({2, 2, 2}, height); }, {.preemptions = 2});
    expect_proved([&] { leave({2, 1, 1, 2}, height); }, {.preemptions = 2});
    expect_proved([&] { leave({1, 2, 2, 1, 1}, height); }, {.preemptions = 2});
  }
}

// Two pops and a push of two levels that is still being linked there when it is popped.
TEST(priority_queue, PoppedBeforeItIsLinked) {
  expect_proved(
      [] {
        list<> q;
        q.push(1, 2);
        thread pusher([&] { q.push(9, 2); });
        thread popper([&] {
          for (int i = 0; i < 3; ++i) (void)q.pop();
        });
        q.push(5, 2);
        pusher.join();
        popper.join();
        q.push(7, 2);
        q.push(3, 2);
        const auto rest = q.drain();
        require(rest.size() >= 2, "what was pushed last is there");
      },
      {.preemptions = 2});
}

// Elements that own memory, and go out by each of the ways.
struct only_moved {
  explicit only_moved(int v) : value(std::make_unique<int>(v)) {}
  int number() const { return *value; }
  bool operator<(const only_moved& other) const { return *value < *other.value; }
  std::unique_ptr<int> value;
};
struct copied {
  explicit copied(int v) : value(std::make_unique<int>(v)) {}
  copied(const copied& other) : copied(*other.value) {}
  bool operator<(const copied& other) const { return *value < *other.value; }
  int number() const { return *value; }
  std::unique_ptr<int> value;
};
template <class T, class Compare = std::less<T>>
void hand_over_ownership() {
  list<T, Compare> q;
  q.push(T(2), 2);
  q.push(T(1), 1);
  thread pusher([&] { q.push(T(3), 2); });
  thread popper([&] {
    if (auto x = q.pop()) require(x->number() >= 1, "whole");
  });
  const auto x = q.pop();
  require(x && x->number() >= 1, "whole");
}
TEST(priority_queue, HandsOverOwnership) {
  expect_proved(hand_over_ownership<copied>, {.preemptions = 2});
  expect_proved(hand_over_ownership<only_moved>, {.preemptions = 2});
  expect_proved(hand_over_ownership<only_moved, by_key<&only_moved::number>>, {.preemptions = 2});
}

// ---- The queues

template <class Queue>
struct with_reclamation {
  reclaim_at_once domain;
  Queue queue;

  template <class... Args>
  explicit with_reclamation(const Args&... args) : queue(args...) {}
};
using strict = with_reclamation<priority_queue<int>>;
using relaxed = with_reclamation<relaxed_priority_queue<int>>;

template <class Make>
void close_loses_nothing(Make make) {
  expect_proved(
      [&] {
        auto all = make();
        auto& queue = all->queue;
        bool accepted = false;
        thread producer([&] { accepted = queue.try_push(1) == success; });
        thread closer([&] { queue.close(); });
        bool popped = false;
        for (int i = 0; i < 2; ++i) {
          const auto x = queue.try_pop();
          if (x) {
            require(!popped && *x == 1, "popped once");
            popped = true;
          } else if (x.error() == closed) {
            producer.join();
            require(accepted == popped, "closed means drained");
          }
        }
        producer.join();
        closer.join();
        require(queue.try_push(2) == closed, "nothing goes in");
        if (accepted && !popped) require(queue.try_pop().has_value(), "what went in comes out");
        require(queue.try_pop().error() == closed, "closed and empty");
        require(queue.size_approx() == 0, "empty");
      },
      {.preemptions = 2});
}
TEST(priority_queue, CloseLosesNothing) {
  close_loses_nothing([] { return std::make_unique<strict>(); });
}
TEST(relaxed_priority_queue, CloseLosesNothing) {
  close_loses_nothing([] { return std::make_unique<relaxed>(std::size_t{2}); });
}

template <class Make>
void waiters_wake(Make make) {
  expect_proved(
      [&] {
        auto all = make();
        auto& queue = all->queue;
        thread producer([&] {
          require(queue.push(1), "open");
          queue.close();
        });
        int sum = 0;
        while (auto x = queue.pop()) sum += *x;
        require(sum == 1, "all");
      },
      {.preemptions = 2});
}
TEST(priority_queue, WaitersWake) {
  waiters_wake([] { return std::make_unique<strict>(); });
}
TEST(relaxed_priority_queue, WaitersWake) {
  waiters_wake([] { return std::make_unique<relaxed>(std::size_t{2}); });
}

// What was there before the pop began is found, wherever others push and pop.
TEST(relaxed_priority_queue, FindsWhatIsThere) {
  expect_proved(
      [] {
        relaxed all(std::size_t{2});
        auto& queue = all.queue;
        require(queue.try_push(1) == success && queue.try_push(2) == success, "open");
        int theirs = 0;
        thread other([&] {
          if (auto x = queue.try_pop()) theirs = *x;
          require(queue.try_push(3) == success, "open");
        });
        const auto x = queue.try_pop();
        require(x.has_value(), "one of the two is there");
        other.join();
        std::vector<int> popped{*x, theirs};
        while (auto left = queue.try_pop()) popped.push_back(*left);
        require_all(popped, {1, 2, 3});
      },
      {.preemptions = 2});
}

// ---- Progress

TEST(priority_queue, IsLockFree) {
  // Two pushes and two pops; what the first has in hand is popped, and leaves, when it stops.
  for (const unsigned height : {1U, 2U}) {
    expect_lock_free([&] {
      list<> q;
      q.push(2, 2);
      thread pusher([&] { q.push(3, height); });
      thread popper([&] { (void)q.pop(); });
      q.push(4, height);
      (void)q.pop();
      (void)q.pop();
    });
  }
}
TEST(priority_queue, ClosingIsLockFree) {
  expect_lock_free([] {
    strict all;
    thread producer([&] { (void)all.queue.try_push(1); });
    thread consumer([&] { (void)all.queue.try_pop(); });
    thread closer([&] { all.queue.close(); });
  });
}
TEST(relaxed_priority_queue, IsLockFree) {
  expect_lock_free([] {
    relaxed all(std::size_t{2});
    thread producer([&] { (void)all.queue.try_push(1); });
    thread consumer([&] { (void)all.queue.try_pop(); });
    (void)all.queue.try_push(2);
  });
}
// Where only keys are compared, also what can only be moved is handed over without waiting.
TEST(priority_queue, IsLockFreeByKey) {
  expect_lock_free([] {
    list<only_moved, by_key<&only_moved::number>> q;
    q.push(only_moved(2), 2);
    thread pusher([&] { q.push(only_moved(1), 2); });
    thread popper([&] { (void)q.pop(); });
  });
}

}  // namespace
}  // namespace switchyard::model
