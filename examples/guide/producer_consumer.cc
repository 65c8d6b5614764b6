// Producer-consumer: put, get, task_done, join; the end told by a None, as the guide does, or by closing the queue.

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "examples/guide/check.h"
#include "switchyard/blocking/bounded_queue.h"
#include "switchyard/blocking/joinable.h"
#include "switchyard/blocking/priority_queue.h"
#include "switchyard/blocking/stack.h"
#include "switchyard/blocking/unbounded_queue.h"
#include "switchyard/lockfree/bounded_queue.h"
#include "switchyard/lockfree/joinable.h"
#include "switchyard/lockfree/priority_queue.h"
#include "switchyard/lockfree/stack.h"
#include "switchyard/lockfree/unbounded_queue.h"
#include "switchyard/threads/thread.h"

// As in the guide. Queue: a joinable of either side over a queue of std::optional<int>.
template <class Queue>
void as_in_the_guide() {
  Queue q;
  std::vector<int> consumed;

  const auto producer = [&] {
    for (int i = 0; i < 5; ++i) q.push(i);
  };
  const auto consumer = [&] {
    while (true) {
      const std::optional<int> item = *q.pop();
      if (!item) break;  // a None ends the consumer
      consumed.push_back(*item);
      q.task_done();
    }
    q.task_done();  // for the None, which the guide forgets: join would wait for it for ever
  };

  switchyard::thread prod(producer);
  switchyard::thread cons(consumer);
  prod.join();
  q.push(std::nullopt);
  q.join();  // every item has been worked on
  check(consumed == std::vector{0, 1, 2, 3, 4} && q.unfinished_tasks() == 0, "all of them, in order");
}

// The same without a None: the queue itself knows its end.
template <class Queue>
void by_closing() {
  Queue q(2);  // room for 2: a producer that is too fast waits
  int sum = 0;
  switchyard::thread cons([&] {
    while (const auto item = q.pop()) sum += *item;  // ends when it is closed and empty
  });
  for (int i = 0; i < 5; ++i) q.push(i);
  q.close();
  check(!q.push(5), "closed: nothing is taken any more");
  cons.join();
  check(sum == 10, "what was in it came out");
}

template <class Stack, class Priorities>
void other_orders() {
  Stack lifo;
  Priorities priorities;
  for (const int i : {2, 3, 1}) {
    lifo.push(i);
    priorities.push(i);
  }
  check(lifo.pop() == 1 && lifo.pop() == 3 && lifo.pop() == 2, "LifoQueue: the newest first");
  // The greatest first; for Python's order, the least first, say std::greater<>.
  check(priorities.pop() == 3 && priorities.pop() == 2 && priorities.pop() == 1, "PriorityQueue");
}

int main() {
  using none_or_int = std::optional<int>;
  as_in_the_guide<switchyard::blocking::joinable<switchyard::blocking::unbounded_queue<none_or_int>>>();
  as_in_the_guide<switchyard::lockfree::joinable<switchyard::lockfree::unbounded_queue<none_or_int>>>();
  by_closing<switchyard::blocking::bounded_queue<int>>();
  by_closing<switchyard::lockfree::bounded_queue<int>>();
  other_orders<switchyard::blocking::stack<int>, switchyard::blocking::priority_queue<int>>();
  other_orders<switchyard::lockfree::stack<int>, switchyard::lockfree::priority_queue<int>>();
}
