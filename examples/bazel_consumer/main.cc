// One thread sends the numbers from 1 to 1000, the other adds them up.
#include <iostream>
#include <optional>
#include <thread>

#include "switchyard/lockfree/bounded_queue.h"

int main() {
  switchyard::lockfree::bounded_queue<int> queue(16);

  std::thread producer([&queue] {
    for (int i = 1; i <= 1000; ++i) queue.push(i);  // waits while the queue is full
    queue.close();
  });

  int sum = 0;
  while (std::optional<int> item = queue.pop()) sum += *item;  // ends when closed and empty
  producer.join();

  std::cout << "sum: " << sum << '\n';
  return sum == 500500 ? 0 : 1;
}
