// A mailbox for one letter, with a mistake planted in it, and the checker that finds the mistake.
//
//   tools/test //examples/model_your_own --test_output=all

#include <iostream>

#include "switchyard/atomics/atomic.h"
#include "switchyard/atomics/plain.h"
#include "switchyard/model/check.h"

using namespace switchyard;

class mailbox {
 public:
  void put(int letter) {
    letter_.construct(letter);
    full_.store(true, memory_order_relaxed);  // the mistake: nothing says that the letter is seen with it
  }
  bool take(int& letter) {
    if (!full_.load(memory_order_acquire)) return false;
    letter = letter_.take();
    return true;
  }

 private:
  plain<int> letter_;  // as an int, but the checker sees who uses it when
  atomic<bool> full_{false};
};

int main() {
  const model::result result = model::check([] {
    mailbox box;
    model::thread sender([&] { box.put(7); });
    int letter = 0;
    if (box.take(letter)) model::require(letter == 7, "the letter that was put");
  });
  std::cout << result.report << result.summary() << '\n';
  return result.ok() ? 1 : 0;  // this test passes as long as the mistake is found
}
