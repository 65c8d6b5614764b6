// The benchmark of queues notices a queue that is wrong, and none that is right.
#include "switchyard/benchmarks/queue_drivers.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include "switchyard/blocking/bounded_queue.h"
#include "switchyard/interface/conqueue_status.h"
#include "switchyard/interface/queue.h"

namespace switchyard::queue_drivers {
namespace {

using word = std::uint64_t;
using right_queue = blocking::bounded_queue<word>;

enum class fault { none, loses, doubles, swaps };

/// A queue that does something wrong with every thousandth item. It cannot be closed.
template <fault Fault>
class faulty_queue {
 public:
  using value_type = word;
  conqueue_status try_push(word value) {
    const std::lock_guard hold(lock_);
    if (items_.size() >= 1024) return conqueue_status::full;
    const bool now = ++pushed_ % 1000 == 0;
    if (Fault == fault::loses && now) return conqueue_status::success;
    if (Fault == fault::doubles && now) items_.push_back(value);
    if (Fault == fault::swaps && now && !items_.empty()) {
      items_.insert(items_.end() - 1, value);
    } else {
      items_.push_back(value);
    }
    return conqueue_status::success;
  }
  pop_result<word> try_pop() {
    const std::lock_guard hold(lock_);
    if (items_.empty()) return unexpected(conqueue_status::empty);
    const word value = items_.front();
    items_.pop_front();
    return value;
  }
  bool push(word value) {
    put<how::trying>(*this, std::move(value));
    return true;
  }
  std::optional<word> pop() { return take<how::trying, word>(*this); }
  void spin_push(word value) { push(value); }
  word spin_pop() { return *pop(); }

 private:
  std::mutex lock_;
  std::deque<word> items_;
  word pushed_ = 0;
};

TEST(QueueDrivers, MeasureWhatIsRight) {
  EXPECT_GE((pairs<right_queue, how::trying>(16)), 0);
  EXPECT_GE((pairs<right_queue, how::waiting>(16)), 0);
  EXPECT_GE((round_trips<right_queue, how::trying>(16)), 0);
  EXPECT_GE((round_trips<right_queue, how::waiting>(16)), 0);
  EXPECT_GE(bursts<right_queue>(64), 0);
  const load crowd{2, 3, 16, true};
  EXPECT_GE((transfer<right_queue, how::trying>(crowd)), 0);
  EXPECT_GE((transfer<right_queue, how::waiting>(crowd)), 0);
  EXPECT_GE((transfer<right_queue, how::in_bulk>(crowd)), 0);
  EXPECT_GE((transfer<faulty_queue<fault::none>, how::trying>(crowd)), 0);
  EXPECT_GE((transfer<faulty_queue<fault::none>, how::waiting>(crowd)), 0);  // ends by a mark
  EXPECT_GE((transfer<faulty_queue<fault::none>, how::spinning>(crowd)), 0);
}

TEST(QueueDrivers, OtherItems) {
  const load one_to_one{1, 1, 16, true};
  EXPECT_GE((transfer<blocking::bounded_queue<block<64>>, how::trying>(one_to_one)), 0);
  EXPECT_GE((transfer<blocking::bounded_queue<std::string>, how::trying>(one_to_one)), 0);
  EXPECT_GE((transfer<blocking::bounded_queue<std::unique_ptr<word>>, how::trying>(one_to_one)), 0);
}

// A sample may be over before much has happened, on a busy machine.
template <class Queue>
bool is_noticed(const load& with) {
  for (int sample = 0; sample < 1000; ++sample) {
    try {
      transfer<Queue, how::trying>(with);
    } catch (const std::runtime_error&) {
      return true;
    }
  }
  return false;
}

TEST(QueueDrivers, NoticeWhatIsWrong) {
  const load crowd{2, 2, 1024, true};
  EXPECT_TRUE(is_noticed<faulty_queue<fault::loses>>(crowd));
  EXPECT_TRUE(is_noticed<faulty_queue<fault::doubles>>(crowd));
  const load one_to_one{1, 1, 1024, true};
  EXPECT_TRUE(is_noticed<faulty_queue<fault::swaps>>(one_to_one));
  // Of a queue that promises no order, none is asked.
  EXPECT_NO_THROW((transfer<faulty_queue<fault::swaps>, how::trying>({1, 1, 1024, false})));
}

}  // namespace
}  // namespace switchyard::queue_drivers
