// Any counter behind one type, chosen when the program runs.
//
// Source: type erasure by an abstract class, as in std::any and std::function.
// When: a program that picks its counter by name; see `registry.h`. A program that knows its counter uses
//   that.
// Progress and ordering: those of the counter inside.
// Cost: one virtual call more than the counter inside: a nanosecond or two. One allocation.
//
//   auto words = any_counter::make<lockfree::sharded_counter>();  words.increment();
#pragma once

#include <cassert>
#include <cstdint>
#include <memory>
#include <utility>

#include "switchyard/interface/counter.h"

namespace switchyard::adapters {

/// Owns a counter of any type. Models concurrent_counter. Can be moved, while no other thread uses it; what
/// was moved from is empty, and may only be destroyed, assigned to and asked `has_value()`.
class any_counter {
 public:
  /// One that holds a `Counter` made from `args`.
  template <concurrent_counter Counter, class... Args>
  static any_counter make(Args&&... args) {
    return any_counter(std::make_unique<holder<Counter>>(std::forward<Args>(args)...));
  }

  any_counter(any_counter&&) noexcept = default;
  any_counter& operator=(any_counter&&) noexcept = default;

  /// False for what was moved from.
  bool has_value() const noexcept { return inside_ != nullptr; }

  void add(std::int64_t n) { inside().add(n); }
  void increment() { inside().increment(); }
  std::int64_t load() const { return inside().load(); }
  std::int64_t exchange(std::int64_t n) { return inside().exchange(n); }

 private:
  struct erased {
    virtual ~erased() = default;
    virtual void add(std::int64_t n) = 0;
    virtual void increment() = 0;
    virtual std::int64_t load() const = 0;
    virtual std::int64_t exchange(std::int64_t n) = 0;
  };

  template <class Counter>
  struct holder final : erased {
    template <class... Args>
    explicit holder(Args&&... args) : counter(std::forward<Args>(args)...) {}

    void add(std::int64_t n) override { counter.add(n); }
    void increment() override { counter.increment(); }
    std::int64_t load() const override { return counter.load(); }
    std::int64_t exchange(std::int64_t n) override { return counter.exchange(n); }

    Counter counter;
  };

  explicit any_counter(std::unique_ptr<erased> inside) noexcept : inside_(std::move(inside)) {}

  erased& inside() const noexcept {
    assert(inside_ != nullptr && "this any_counter was moved from");
    return *inside_;
  }

  std::unique_ptr<erased> inside_;
};

static_assert(concurrent_counter<any_counter>);

}  // namespace switchyard::adapters
