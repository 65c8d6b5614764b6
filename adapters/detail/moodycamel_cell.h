// What moodycamel's queues hold in place of a T, so that T needs no more than a move constructor.
//
// moodycamel's ConcurrentQueue is given a finished element and moves it in; it hands one out by assigning it
// to a variable. So `emplace` would have to build an element before it knows whether there is room, and `pop`
// would need a T to assign to. But it touches elements in three places only: it constructs one in its slot
// from the very argument that it was given, it assigns one from its slot to the very variable that it was
// given, and it destroys it. A `cell` has its own idea of all three:
//
//   push: the argument is not an element but an order for one (`cell<T>::moved`, `cell<T>::made`,
//         `cell_at`), and is carried out in the slot, once there is one;
//   pop:  the variable is a `pour_into` or a `drain_to`, whose operator= moves the T out.
//
// A cell is exactly as large as its T. Nothing is added at run time.
#pragma once

#include <cstddef>
#include <iterator>
#include <limits>
#include <memory>
#include <new>
#include <stdexcept>
#include <tuple>
#include <type_traits>
#include <utility>

#include "switchyard/adapters/detail/tsan.h"

namespace switchyard::adapters::detail {

/// The element that `at` points to, built in the slot; for enqueueing in bulk.
template <class Iterator>
struct cell_at {
  Iterator at;
};

template <class T>
class cell {
 public:
  struct moved;
  struct made;

  /// Builds the T in its slot.
  template <class... Args>
  explicit cell(std::in_place_t, Args&&... args) noexcept(std::is_nothrow_constructible_v<T, Args...>) {
    build(std::forward<Args>(args)...);
  }

  /// Carries out an order. The source is never a cell in a slot: the queue does not move those.
  cell(cell&& order) noexcept(std::is_nothrow_move_constructible_v<T>);
  cell(const cell& order);
  template <class Iterator>
  cell(cell_at<Iterator>&& order) noexcept(
      std::is_nothrow_constructible_v<T, std::iter_reference_t<Iterator>>) {
    build(*order.at);
  }

  cell& operator=(const cell&) = delete;

  ~cell() {
    value_.~T();
    handed_over(this);  // to the next element in this slot
  }

  /// The element, for whoever takes it out.
  T& value() noexcept {
    taken_over(this);  // from whoever built it
    return value_;
  }

 private:
  struct empty {};
  explicit cell(empty) noexcept {}

  template <class... Args>
  void build(Args&&... args) noexcept(std::is_nothrow_constructible_v<T, Args...>) {
    taken_over(this);
    std::construct_at(std::addressof(value_), std::forward<Args>(args)...);
    handed_over(this);
  }

  union {
    T value_;
  };
};

/// The order to move `*from` into the slot.
template <class T>
struct cell<T>::moved : cell {
  T* from;
  explicit moved(T& source) noexcept : cell(empty{}), from(std::addressof(source)) {}
};

/// The order to call `build`, which makes the T from what `args` points to.
template <class T>
struct cell<T>::made : cell {
  void* args;
  void (*make)(cell& slot, void* args);

  template <class Tuple>
  explicit made(Tuple& references) noexcept
      : cell(empty{}), args(std::addressof(references)), make([](cell& slot, void* from) {
          std::apply([&](auto&&... each) { slot.build(std::forward<decltype(each)>(each)...); },
                     std::move(*static_cast<Tuple*>(from)));
        }) {}
};

template <class T>
cell<T>::cell(cell&& order) noexcept(std::is_nothrow_move_constructible_v<T>) {
  build(std::move(*static_cast<moved&>(order).from));
}

template <class T>
cell<T>::cell(const cell& order) {
  const made& recipe = static_cast<const made&>(order);
  recipe.make(*this, recipe.args);
}

/// An order is a cell without an element, so nothing may be destroyed at its end.
template <class Order>
union never_destroyed {
  Order order;
  template <class Argument>
  explicit never_destroyed(Argument& argument) noexcept : order(argument) {}
  ~never_destroyed() {}
};

/// Calls `enqueue` with the order for a T made of `args`: an rvalue if it is to be moved, else an lvalue.
template <class T, class Enqueue, class... Args>
bool order_cell(Enqueue enqueue, Args&&... args) {
  if constexpr (sizeof...(Args) == 1 && (std::is_same_v<Args&&, T&&> && ...)) {
    never_destroyed<typename cell<T>::moved> from(args...);
    return enqueue(static_cast<cell<T>&&>(from.order));
  } else {
    std::tuple<Args&&...> references(std::forward<Args>(args)...);
    never_destroyed<typename cell<T>::made> from(references);
    return enqueue(static_cast<const cell<T>&>(from.order));
  }
}

/// The input for enqueueing in bulk: advances the caller's iterator as it is read.
template <class Iterator>
class cells_from {
 public:
  explicit cells_from(Iterator& at) noexcept : at_(&at) {}
  cell_at<Iterator> operator*() const noexcept { return {*at_}; }
  cells_from& operator++() noexcept {
    ++*at_;
    return *this;
  }
  class before {
   public:
    explicit before(const Iterator& at) noexcept : at_(at) {}
    cell_at<Iterator> operator*() const noexcept { return {at_}; }

   private:
    Iterator at_;
  };
  before operator++(int) noexcept {
    before result(*at_);
    ++*at_;
    return result;
  }

 private:
  Iterator* at_;
};

/// Whether elements from an `Iterator` can go in by the bulk operation, which would lose those it has moved
/// if one threw, and reads each element a moment after stepping past it: those of an array only.
template <class Iterator>
inline constexpr bool is_array_iterator = std::contiguous_iterator<Iterator>;
template <class Iterator>
inline constexpr bool is_array_iterator<std::move_iterator<Iterator>> = std::contiguous_iterator<Iterator>;
template <class T, class Iterator>
concept bulk_input =
    is_array_iterator<Iterator> && std::is_nothrow_constructible_v<T, std::iter_reference_t<Iterator>>;

/// What one element is dequeued into: calls `sink` with it.
template <class T, class Sink>
struct pour_into {
  Sink& sink;
  void operator=(cell<T>&& from) noexcept(noexcept(sink(std::declval<T>()))) {
    sink(std::move(from.value()));
  }
};

/// What many are dequeued into: writes to the caller's iterator and advances it.
template <class T, class Output>
class drain_to {
 public:
  class place {
   public:
    explicit place(Output& out) noexcept : out_(&out) {}
    void operator=(cell<T>&& from) noexcept {
      **out_ = std::move(from.value());
      ++*out_;
    }

   private:
    Output* out_;
  };

  explicit drain_to(Output& out) noexcept : out_(&out) {}
  place operator*() const noexcept { return place(*out_); }
  drain_to& operator++() noexcept { return *this; }
  drain_to operator++(int) noexcept { return *this; }

 private:
  Output* out_;
};

/// Whether elements can go out by the bulk operation, which would lose the rest if writing one threw.
// clang-format off
template <class T, class Output>
concept bulk_output = requires(Output& out, T& value) {
  { *out = std::move(value) } noexcept;
  { ++out } noexcept;
};
// clang-format on

/// `capacity`, if there can be a queue for as many: throws std::invalid_argument for 0, std::bad_alloc for
/// more than memory can hold. moodycamel's own arithmetic wraps round, or it takes what there is bit by bit
/// first.
template <class T>
std::size_t checked_capacity(std::size_t capacity) {
  if (capacity == 0) throw std::invalid_argument("a bounded queue needs a capacity of at least 1");
  constexpr std::size_t most = std::numeric_limits<std::size_t>::max() / 4 / (sizeof(T) + 64);
  if (capacity > most) throw std::bad_array_new_length();
  void* volatile taken = ::operator new(capacity * sizeof(T));  // volatile: not to be optimised away
  ::operator delete(taken);
  return capacity;
}

}  // namespace switchyard::adapters::detail
