// A queue that does not do what it says, to see that comparing notices.
#pragma once

#include <cstddef>
#include <new>
#include <optional>
#include <stdexcept>
#include <string_view>

#include "switchyard/adapters/any_queue.h"
#include "switchyard/adapters/registry.h"
#include "switchyard/interface/conqueue_status.h"
#include "switchyard/interface/queue.h"

namespace switchyard::compare {

enum class fault { none, loses, doubles, changes, swaps_words, closes, throws_on_push, throws_on_pop };

/// For one producer and one consumer. Its tenth item meets `what`.
template <fault what>
class faulty_queue {
 public:
  using value_type = std::string_view;

  explicit faulty_queue(std::size_t capacity)
      : inside_(adapters::queue_registry<value_type>::builtin().at("blocking.bounded_queue").make(capacity)) {
  }

  bool push(const value_type& item) {
    if (++pushed_ != 10) return inside_.push(item);
    switch (what) {
      case fault::loses:
        return true;
      case fault::doubles:
        return inside_.push(item) && inside_.push(item);
      case fault::changes:
        return inside_.push(item.substr(1));
      case fault::swaps_words:
        return inside_.push("eno enil\n");  // as many words and bytes as there were
      case fault::closes:
        inside_.close();
        return inside_.push(item);
      case fault::throws_on_push:
        throw std::runtime_error("no more room in the inn");
      case fault::none:
      case fault::throws_on_pop:
        break;
    }
    return inside_.push(item);
  }
  bool emplace(const value_type& item) { return push(item); }
  conqueue_status try_push(const value_type& item) {
    return push(item) ? conqueue_status::success : conqueue_status::closed;
  }
  conqueue_status try_emplace(const value_type& item) { return try_push(item); }

  std::optional<value_type> pop() {
    if (what == fault::throws_on_pop && ++popped_ == 10) throw std::bad_alloc();
    return inside_.pop();
  }
  pop_result<value_type> try_pop() {
    if (what == fault::throws_on_pop && ++popped_ == 10) throw std::bad_alloc();
    return inside_.try_pop();
  }

  void close() noexcept { inside_.close(); }
  bool is_closed() const noexcept { return inside_.is_closed(); }

 private:
  adapters::any_queue<value_type> inside_;
  std::size_t pushed_ = 0;
  std::size_t popped_ = 0;
};

/// Adds one of them, under `name`.
template <fault what>
void add_faulty(adapters::queue_registry<std::string_view>& to, std::string name) {
  to.add({.name = std::move(name), .summary = "for a test", .multi_producer = false, .multi_consumer = false},
         [](std::size_t capacity) {
           return adapters::any_queue<std::string_view>::make<faulty_queue<what>>(capacity);
         });
}

}  // namespace switchyard::compare
