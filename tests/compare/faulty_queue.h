// A queue that does not do what it says, to see that comparing notices.
#pragma once

#include <chrono>
#include <cstddef>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "switchyard/adapters/registry.h"
#include "switchyard/benchmarks/compare/items.h"
#include "switchyard/blocking/bounded_queue.h"
#include "switchyard/interface/conqueue_status.h"
#include "switchyard/interface/queue.h"

namespace switchyard::compare {

enum class fault {
  none, loses, doubles, changes, swaps_words, overtakes, closes, throws_on_push, throws_on_pop,
  stalls,  ///< for 50 ms, once
  dozes,   ///< for 2 ms at each hundredth item
  crawls   ///< a millisecond for each item
};

inline std::string_view changed(std::string_view line) {
  return line.substr(1);
}
template <std::size_t Size>
item<Size> changed(item<Size> of) {
  ++of.words[Size / sizeof(of.words[0]) - 1];
  return of;
}

/// For one producer and one consumer. Its tenth item meets `what`.
template <fault what, class T = std::string_view>
class faulty_queue {
 public:
  using value_type = T;

  explicit faulty_queue(std::size_t capacity) : inside_(capacity) {}

  bool push(const value_type& given) {
    ++pushed_;
    if (held_back_) {
      // After the one behind it.
      const bool first = inside_.push(given);
      return inside_.push(*std::exchange(held_back_, std::nullopt)) && first;
    }
    if (pushed_ != 10) return inside_.push(given);
    switch (what) {
      case fault::loses:
        return true;
      case fault::doubles:
        return inside_.push(given) && inside_.push(given);
      case fault::changes:
        return inside_.push(changed(given));
      case fault::swaps_words:
        if constexpr (std::is_same_v<T, std::string_view>) {
          return inside_.push("eno enil\n");  // as many words and bytes as there were
        }
        break;
      case fault::overtakes:
        held_back_ = given;
        return true;
      case fault::closes:
        inside_.close();
        return inside_.push(given);
      case fault::throws_on_push:
        throw std::runtime_error("no more room in the inn");
      default:
        break;
    }
    return inside_.push(given);
  }
  bool emplace(const value_type& given) { return push(given); }
  conqueue_status try_push(const value_type& given) {
    return push(given) ? conqueue_status::success : conqueue_status::closed;
  }
  conqueue_status try_emplace(const value_type& given) { return try_push(given); }

  std::optional<value_type> pop() {
    before_pop();
    return inside_.pop();
  }
  pop_result<value_type> try_pop() {
    before_pop();
    return inside_.try_pop();
  }

  void close() noexcept { inside_.close(); }
  bool is_closed() const noexcept { return inside_.is_closed(); }

 private:
  void before_pop() {
    ++popped_;
    if (what == fault::throws_on_pop && popped_ == 10) throw std::bad_alloc();
    if (what == fault::stalls && popped_ == 10) std::this_thread::sleep_for(std::chrono::milliseconds(50));
    if (what == fault::dozes && popped_ % 100 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(2));
    if (what == fault::crawls) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }

  blocking::bounded_queue<value_type> inside_;
  std::optional<value_type> held_back_;
  std::size_t pushed_ = 0;
  std::size_t popped_ = 0;
};

/// Adds one of them, under `name`.
template <fault what, class T>
void add_faulty(adapters::queue_registry<T>& to, std::string name) {
  to.template add_queue<faulty_queue<what, T>>(
      {.name = std::move(name), .summary = "for a test", .multi_producer = false, .multi_consumer = false});
}

}  // namespace switchyard::compare
